//! Inside a folder files may import each other, but not all of them all: how many do, directly or not, may only shrink.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// The most files of a folder that import each other in circles; folders that are not listed have none. Lower a number when you can.
const CYCLES: &[(&str, usize)] =
    &[("capi", 6), ("compile", 8), ("engine", 12), ("gc", 5), ("store", 4), ("wasi", 7), ("wasm", 2)];

type Module = Vec<String>;

/// The module of a file below `src/`.
fn module_of(name: &str) -> Module {
    let path = name["src/".len()..].trim_end_matches(".rs");
    let path = path.trim_end_matches("/mod");
    path.split('/').map(String::from).collect()
}

/// The paths at the start of `text`, with groups multiplied out: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(text: &str) -> Vec<Module> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let head: Module = text[..end].split("::").filter(|w| !w.is_empty()).map(String::from).collect();
    if !text[..end].ends_with("::") || !text[end..].starts_with('{') {
        return vec![head];
    }
    let (mut depth, mut item, mut items) = (0, String::new(), Vec::new());
    for c in text[end..].chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match (c, depth) {
            ('{', 1) => {}
            (',', 1) | ('}', 0) => items.push(std::mem::take(&mut item)),
            _ => item.push(c),
        }
        if depth == 0 {
            break;
        }
    }
    let tails = items.iter().map(|i| i.trim()).filter(|i| !i.is_empty()).flat_map(expand);
    tails.map(|tail| head.iter().cloned().chain(tail).collect()).collect()
}

/// The modules of the same folder that a file names.
fn imports(name: &str, text: &str, known: &BTreeSet<Module>) -> BTreeSet<Module> {
    let own = module_of(name);
    let is_root = name.ends_with("/mod.rs");
    let code: String = without_tests(name, text).lines().flat_map(|l| [code(l), " "]).collect();
    let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = BTreeSet::new();
    for start in ["crate::", "super::", "self::"].iter().flat_map(|word| code.match_indices(word)).map(|(at, _)| at) {
        if code[..start].ends_with(|c: char| c.is_ascii_alphanumeric() || "_$:".contains(c)) {
            continue;
        }
        for path in expand(&code[start..]) {
            let supers = path.iter().take_while(|w| *w == "super").count();
            let mut target = match path[0].as_str() {
                "crate" => Module::new(),
                _ => own[..(own.len() + usize::from(is_root)).saturating_sub(supers).min(own.len())].to_vec(),
            };
            target.extend(path.into_iter().skip(supers.max(1)));
            while !target.is_empty() && !known.contains(&target) {
                target.pop();
            }
            if target.len() > 1 && target != own && target[0] == own[0] {
                found.insert(target);
            }
        }
    }
    found
}

type Edges = BTreeMap<Module, BTreeSet<Module>>;

/// The modules that a module imports, directly or not.
fn reached<'a>(edges: &'a Edges, from: &'a Module) -> BTreeSet<&'a Module> {
    let (mut seen, mut todo) = (BTreeSet::new(), vec![from]);
    while let Some(m) = todo.pop() {
        todo.extend(edges.get(m).into_iter().flatten().filter(|next| seen.insert(*next)));
    }
    seen
}

/// How many modules there are in the largest set in which each leads to each.
fn largest_cycle(edges: &Edges) -> usize {
    let all: BTreeMap<&Module, BTreeSet<&Module>> = edges.keys().map(|m| (m, reached(edges, m))).collect();
    let cycle = |m: &Module| all.iter().filter(|(o, r)| r.contains(m) && all[m].contains(*o)).count();
    edges.keys().map(cycle).max().unwrap_or(0)
}

#[test]
fn cycles_do_not_grow() {
    let sources = files("src", "rs");
    let known: BTreeSet<Module> = sources.iter().map(|(name, _)| module_of(name)).collect();
    let mut edges: BTreeMap<String, Edges> = BTreeMap::new();
    for (name, text) in &sources {
        let own = module_of(name);
        if own.len() > 1 {
            edges.entry(own[0].clone()).or_default().insert(own, imports(name, text, &known));
        }
    }
    let allowed = |folder: &str| CYCLES.iter().find(|(f, _)| *f == folder).map_or(0, |(_, n)| *n);
    let offences = edges.iter().filter_map(|(folder, edges)| {
        let (size, allowed) = (largest_cycle(edges), allowed(folder));
        (size != allowed)
            .then(|| format!("src/{folder}: {size} files import each other, {allowed} are allowed and listed"))
    });
    assert_none("import cycles", offences.collect());
}
