//! A module's imports and contents, read from its bytes; and the same module with everything exported.

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::*;
use wasmparser::{Parser, Payload};

#[derive(Default)]
pub struct Shape {
    /// Recursion groups, in order.
    pub groups: Vec<Vec<SubType>>,
    /// All types, by index.
    pub types: Vec<SubType>,
    pub imports: Vec<EntityType>,
    /// Types of functions, imported ones first, as in all lists here.
    pub funcs: Vec<u32>,
    pub imported_funcs: usize,
    pub tables: Vec<TableType>,
    pub memories: Vec<MemoryType>,
    pub globals: Vec<GlobalType>,
    pub tags: Vec<TagType>,
}

impl Shape {
    pub fn read(wasm: &[u8]) -> Shape {
        let mut shape = Shape::default();
        for payload in Parser::new(0).parse_all(wasm) {
            shape.add(payload.expect("a module"));
        }
        shape
    }

    fn add(&mut self, payload: Payload) {
        let mut to = RoundtripReencoder;
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    let types = group.unwrap().into_types();
                    let group: Vec<SubType> = types.map(|t| to.sub_type(t).unwrap()).collect();
                    self.types.extend(group.iter().cloned());
                    self.groups.push(group);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let ty = to.entity_type(import.unwrap().ty).unwrap();
                    self.import(ty);
                }
            }
            Payload::FunctionSection(s) => self.funcs.extend(s.into_iter().map(|t| t.unwrap())),
            Payload::TableSection(s) => {
                self.tables.extend(s.into_iter().map(|t| to.table_type(t.unwrap().ty).unwrap()))
            }
            Payload::MemorySection(s) => {
                self.memories.extend(s.into_iter().map(|t| to.memory_type(t.unwrap()).unwrap()))
            }
            Payload::GlobalSection(s) => {
                self.globals.extend(s.into_iter().map(|t| to.global_type(t.unwrap().ty).unwrap()))
            }
            Payload::TagSection(s) => self.tags.extend(s.into_iter().map(|t| to.tag_type(t.unwrap()).unwrap())),
            _ => {}
        }
    }

    fn import(&mut self, ty: EntityType) {
        self.imports.push(ty);
        match ty {
            EntityType::Function(t) | EntityType::FunctionExact(t) => {
                self.funcs.push(t);
                self.imported_funcs += 1;
            }
            EntityType::Table(t) => self.tables.push(t),
            EntityType::Memory(t) => self.memories.push(t),
            EntityType::Global(t) => self.globals.push(t),
            EntityType::Tag(t) => self.tags.push(t),
        }
    }

    /// Everything the module defines or imports: exported name, kind, index, type.
    pub fn exports(&self) -> Vec<(String, ExportKind, u32, EntityType)> {
        let mut all = Vec::new();
        let mut list = |letter: &str, kind: ExportKind, types: Vec<EntityType>| {
            for (i, ty) in types.into_iter().enumerate() {
                all.push((format!("{letter}{i}"), kind, i as u32, ty));
            }
        };
        list("f", ExportKind::Func, self.funcs.iter().map(|t| EntityType::Function(*t)).collect());
        list("t", ExportKind::Table, self.tables.iter().map(|t| EntityType::Table(*t)).collect());
        list("m", ExportKind::Memory, self.memories.iter().map(|t| EntityType::Memory(*t)).collect());
        list("g", ExportKind::Global, self.globals.iter().map(|t| EntityType::Global(*t)).collect());
        list("e", ExportKind::Tag, self.tags.iter().map(|t| EntityType::Tag(*t)).collect());
        all
    }

    /// The module with exports of everything, and no others.
    pub fn with_all_exported(&self, wasm: &[u8]) -> Vec<u8> {
        let mut exports = ExportSection::new();
        for (name, kind, index, _) in self.exports() {
            exports.export(&name, kind, index);
        }
        let mut module = Module::new();
        let mut waiting = Some(exports);
        for payload in Parser::new(0).parse_all(wasm) {
            let Some((id, range)) = payload.expect("a module").as_section() else { continue };
            if id == SectionId::Export as u8 || id == SectionId::Custom as u8 {
                continue;
            }
            let behind = [SectionId::Start, SectionId::Element, SectionId::DataCount, SectionId::Code, SectionId::Data];
            if behind.iter().any(|s| *s as u8 == id)
                && let Some(exports) = waiting.take()
            {
                module.section(&exports);
            }
            module.section(&RawSection { id, data: &wasm[range.start as usize..range.end as usize] });
        }
        if let Some(exports) = waiting {
            module.section(&exports);
        }
        module.finish()
    }

    /// A type section with the module's types, to which others can be added.
    pub fn type_section(&self) -> TypeSection {
        let mut section = TypeSection::new();
        for group in &self.groups {
            match &group[..] {
                [one] => section.ty().subtype(one),
                many => section.ty().rec(many.iter().cloned()),
            }
        }
        section
    }

    pub fn func_type(&self, index: u32) -> &FuncType {
        match &self.types[index as usize].composite_type.inner {
            CompositeInnerType::Func(f) => f,
            _ => panic!("type {index} is not of functions"),
        }
    }
}

/// The hierarchies of references.
#[derive(Clone, Copy, PartialEq)]
pub enum Top {
    Any,
    Func,
    Extern,
    Exn,
}

impl Shape {
    pub fn top(&self, heap: HeapType) -> Top {
        use AbstractHeapType as A;
        match heap {
            HeapType::Concrete(t) | HeapType::Exact(t) => match self.types[t as usize].composite_type.inner {
                CompositeInnerType::Func(_) => Top::Func,
                _ => Top::Any,
            },
            HeapType::Abstract { ty, .. } => match ty {
                A::Func | A::NoFunc => Top::Func,
                A::Extern | A::NoExtern => Top::Extern,
                A::Exn | A::NoExn => Top::Exn,
                _ => Top::Any,
            },
        }
    }
}
