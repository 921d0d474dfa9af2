//! A heap snapshot in the format that Chromium's developer tools open (`.heapsnapshot`): objects with their names and
//! sizes, and every reference to them. V8's `HeapSnapshotGenerator` defines the format. It consists of long lists of
//! numbers; the first lines of the file describe what they mean.

use crate::base::index::EntityRef;
use crate::base::{Error, Result};
use crate::err;
use crate::gc::Heap;
use crate::gc::walk::Met;
use crate::store::objects::roots::{self, Holder};
use crate::store::store::Store;
use crate::wasm::descriptor::{HEADER_SIZE, HELD_FUNC_TYPE, HOST_FIELDS, HOST_TYPE, KIND_EXCEPTION, TAG_TYPE};
use crate::wasm::types::{CompositeType, TypeId};
use rustc_hash::FxHashMap;
use std::fmt::Write;

const META: &str = r#"{"node_fields":["type","name","id","self_size","edge_count","trace_node_id","detachedness"],"node_types":[["hidden","array","string","object","code","closure","regexp","number","native","synthetic","concatenated string","sliced string","symbol","bigint","object shape"],"string","number","number","number","number","number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["context","element","property","internal","hidden","shortcut","weak"],"string_or_number","node"],"trace_function_info_fields":[],"trace_node_fields":[],"sample_fields":[],"location_fields":[]}"#;
/// The number of fields of a node.
const NODE_FIELDS: usize = 7;
// Indexes into the lists of types above.
const ARRAY: u8 = 1;
const OBJECT: u8 = 3;
const NATIVE: u8 = 8;
const SYNTHETIC: u8 = 9;
const ELEMENT: u8 = 1;
const PROPERTY: u8 = 2;

/// The approximate length in bytes of the pieces that are passed to the writer.
const PIECE: usize = 64 << 10;

/// The table of names, without duplicates.
#[derive(Default)]
struct Strings {
    by_text: FxHashMap<String, u32>,
    all: Vec<String>,
}

impl Strings {
    fn of(&mut self, text: impl Into<String>) -> u32 {
        let text = text.into();
        if let Some(i) = self.by_text.get(&text) {
            return *i;
        }
        let i = self.all.len() as u32;
        self.all.push(text.clone());
        self.by_text.insert(text, i);
        i
    }
}

struct Node {
    kind: u8,
    name: u32,
    id: u64,
    size: u64,
    edges: u32,
}

struct Edge {
    kind: u8,
    /// The index of a string, or the number of an element.
    name: u32,
    /// The index of a node.
    to: u32,
}

#[derive(Default)]
struct Graph {
    strings: Strings,
    nodes: Vec<Node>,
    /// Sorted by the nodes that they come from.
    edges: Vec<Edge>,
}

fn no_memory<E>(_: E) -> Error {
    err!(OutOfMemory, "no memory for a heap snapshot")
}

impl Graph {
    fn node(&mut self, kind: u8, name: u32, id: u64, size: u64) -> Result<u32> {
        self.nodes.try_reserve(1).map_err(no_memory)?;
        self.nodes.push(Node { kind, name, id, size, edges: 0 });
        Ok(self.nodes.len() as u32 - 1)
    }

    /// Adds an edge. `from` must be the node whose edges are being listed.
    fn edge(&mut self, from: u32, kind: u8, name: u32, to: u32) -> Result<()> {
        self.edges.try_reserve(1).map_err(no_memory)?;
        self.edges.push(Edge { kind, name, to });
        self.nodes[from as usize].edges += 1;
        Ok(())
    }
}

/// The part of the store that a synthetic node represents.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Group {
    References,
    Frames,
    Globals,
    Table(u32),
    Instance(u32),
}

impl Store {
    /// Writes a snapshot. The nursery must be empty.
    pub fn write_snapshot(&mut self, write: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        let mut graph = Graph::default();
        let root = graph.strings.of("");
        graph.node(SYNTHETIC, root, 1, 0)?;
        if let Some(heap) = &self.heap {
            self.draw(heap, &mut graph)?;
        }
        print(&graph, write)
    }

    fn draw(&self, heap: &Heap, graph: &mut Graph) -> Result<()> {
        let groups = self.roots_by_holder(heap);
        let mut of_object: FxHashMap<u32, u32> = FxHashMap::default();
        for (i, (group, _)) in groups.iter().enumerate() {
            let name = graph.strings.of(self.group_name(*group));
            graph.node(SYNTHETIC, name, 3 + 2 * i as u64, 0)?;
        }
        let mut objects: Vec<Met> = Vec::new();
        let mut result: Result<()> = Ok(());
        heap.each_object(|met| {
            if result.is_ok() {
                result = (|| {
                    let (kind, name) = self.object_name(met.ty);
                    let name = graph.strings.of(name);
                    // Different from the groups' numbers, since objects have higher addresses.
                    let id = met.at as u64 | 1;
                    let node = graph.node(kind, name, id, met.size as u64 + heap.external_of(met) as u64)?;
                    objects.try_reserve(1).map_err(no_memory)?;
                    of_object.try_reserve(1).map_err(no_memory)?;
                    objects.push(met);
                    of_object.insert(met.at, node);
                    Ok(())
                })();
            }
        });
        result?;
        for i in 0..groups.len() as u32 {
            graph.edge(0, ELEMENT, i, 1 + i)?;
        }
        for (i, (_, edges)) in groups.into_iter().enumerate() {
            for (name, to) in edges {
                let name = graph.strings.of(name);
                graph.edge(1 + i as u32, PROPERTY, name, of_object[&to])?;
            }
        }
        for met in objects {
            let mut result = Ok(());
            heap.each_edge(met, |edge| {
                if let (Ok(()), Some(to)) = (&result, of_object.get(&edge.to)) {
                    let (kind, name) = self.edge_name(&mut graph.strings, met.ty, edge.offset);
                    result = graph.edge(of_object[&met.at], kind, name, *to);
                }
            });
            result?;
        }
        Ok(())
    }

    /// The references into the heap, grouped by their holders, each with its name there.
    fn roots_by_holder(&self, heap: &Heap) -> Vec<(Group, Vec<(String, u32)>)> {
        let mut groups: Vec<(Group, Vec<(String, u32)>)> = Vec::new();
        let mut places: FxHashMap<Group, usize> = FxHashMap::default();
        let mut add = |group: Group, name: String, to: u32| {
            let i = *places.entry(group).or_insert_with(|| {
                groups.push((group, Vec::new()));
                groups.len() - 1
            });
            groups[i].1.push((name, to));
        };
        let mut n = 0;
        let references = |r: u32| {
            if r & 1 == 0 {
                add(Group::References, format!("reference {n}"), r);
            }
            n += 1;
        };
        // SAFETY: no root is created while they are listed.
        unsafe { heap.each_root(references) };
        roots::each_root(self, heap, |r, holder| match holder {
            Holder::Table(t, i) => add(Group::Table(t), format!("{i}"), r),
            Holder::Global(i, g) => add(Group::Instance(i), format!("own global {}", g.index()), r),
            Holder::HostGlobal(g) => add(Group::Globals, format!("global {g}"), r),
            Holder::Segment(i, s, e) => add(Group::Instance(i), format!("segment {s}, element {e}"), r),
            Holder::Tag(i, t) => add(Group::Instance(i), format!("tag {}", t.index()), r),
            Holder::Frame => add(Group::Frames, "local".into(), r),
        });
        groups
    }

    fn group_name(&self, group: Group) -> String {
        match group {
            Group::References => "(references of the host)".into(),
            Group::Frames => "(frames)".into(),
            Group::Globals => "(globals of the host)".into(),
            Group::Table(t) => format!("table {t}"),
            Group::Instance(i) => match self.instances[i].info().names.module() {
                Some(name) => format!("instance {i} of {name}"),
                None => format!("instance {i}"),
            },
        }
    }

    fn object_name(&self, ty: TypeId) -> (u8, String) {
        match ty {
            HOST_TYPE => (NATIVE, "host object".into()),
            HELD_FUNC_TYPE => (NATIVE, "reference to a function".into()),
            TAG_TYPE => (NATIVE, "tag".into()),
            ty if self.engine.types.view().get(ty).kind == KIND_EXCEPTION => (OBJECT, "exception".into()),
            ty => {
                let is_array = matches!(self.engine.types.get(ty).sub.composite, CompositeType::Array(_));
                let (kind, unnamed) = if is_array { (ARRAY, "array") } else { (OBJECT, "struct") };
                (kind, self.type_name(ty).map_or_else(|| unnamed.into(), |name| format!("${name}")))
            }
        }
    }

    fn edge_name(&self, strings: &mut Strings, ty: TypeId, offset: u32) -> (u8, u32) {
        if ty == HOST_TYPE {
            debug_assert_eq!(offset, HOST_FIELDS);
            return (PROPERTY, strings.of("fields"));
        }
        let def = self.engine.types.get(ty);
        if let CompositeType::Array(_) = def.sub.composite {
            return (ELEMENT, (offset - HEADER_SIZE) / 4);
        }
        let field = def.offsets.iter().position(|o| *o == offset).unwrap_or(0) as u32;
        if self.engine.types.view().get(ty).kind == KIND_EXCEPTION {
            return (PROPERTY, strings.of(if field == 0 { "tag".into() } else { format!("value {}", field - 1) }));
        }
        let name = self.scope_naming(ty).and_then(|s| s.field_name(ty, field).map(String::from));
        (PROPERTY, strings.of(name.unwrap_or_else(|| format!("field {field}"))))
    }
}

fn print(graph: &Graph, write: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    let mut out = String::new();
    let mut flush = |out: &mut String, least: usize| match out.len() >= least.max(1) {
        true => {
            let done = write(out);
            out.clear();
            done
        }
        false => Ok(()),
    };
    let (nodes, edges) = (graph.nodes.len(), graph.edges.len());
    let _ = write!(
        out,
        "{{\"snapshot\":{{\"meta\":{META},\"node_count\":{nodes},\"edge_count\":{edges},\"trace_function_count\":0}},\n\"nodes\":["
    );
    for (i, n) in graph.nodes.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        let _ = writeln!(out, "{comma}{},{},{},{},{},0,0", n.kind, n.name, n.id, n.size, n.edges);
        flush(&mut out, PIECE)?;
    }
    out.push_str("],\n\"edges\":[");
    for (i, e) in graph.edges.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        let _ = writeln!(out, "{comma}{},{},{}", e.kind, e.name, e.to as usize * NODE_FIELDS);
        flush(&mut out, PIECE)?;
    }
    out.push_str(
        "],\n\"trace_function_infos\":[],\n\"trace_tree\":[],\n\"samples\":[],\n\"locations\":[],\n\"strings\":[",
    );
    for (i, s) in graph.strings.all.iter().enumerate() {
        out.push_str(if i > 0 { ",\n" } else { "" });
        quote(&mut out, s);
        flush(&mut out, PIECE)?;
    }
    out.push_str("]}\n");
    flush(&mut out, 0)
}

/// Appends a JSON string.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
