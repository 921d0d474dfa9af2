//! Rules about the sources that the compiler does not check: layers, where `unsafe` is allowed, the C boundary, and that the documentation
//! names only things that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[path = "style/cycles.rs"]
mod cycles;
#[path = "style/dialect.rs"]
mod dialect;
#[path = "style/size.rs"]
mod size;

/// The layer of a folder under `src/`. Folders of one layer do not import each other. Unit tests may import what they like.
const LAYERS: &[(&str, u32)] = &[
    ("base", 0),
    ("sys", 0),
    ("wasm", 1),
    ("abi", 2),
    ("compile", 3),
    ("gc", 3),
    ("engine", 4),
    ("store", 5),
    ("api", 6),
    ("wasi", 7),
    ("capi", 8),
];

/// Exported macros, which the language puts at the crate's root, and the folders that define them.
const MACROS: &[(&str, &str)] = &[("err", "base"), ("for_each_builtin", "abi")];

/// Where `unsafe` is allowed, and why it is needed there.
const UNSAFE: &[(&str, &str)] = &[
    ("src/abi/code.rs", "says which records are plain numbers"),
    ("src/abi/vmstruct.rs", "the type of host functions on raw slots"),
    ("src/api/exception.rs", "bits of the heap become values"),
    ("src/api/func.rs", "calls machine code, and C hosts' raw slots"),
    ("src/api/global.rs", "reads and writes a global where machine code does"),
    ("src/api/instance.rs", "runs start functions through the entry"),
    ("src/api/linker.rs", "hands host functions to the runtime"),
    ("src/api/memory.rs", "a guest's memory as a slice"),
    ("src/api/module.rs", "loads saved machine code, on the caller's word"),
    ("src/api/object.rs", "fields where machine code has them"),
    ("src/api/store.rs", "one store behind many short-lived views"),
    ("src/api/table.rs", "function references are pointers"),
    ("src/api/tag.rs", "bits of the heap become tags"),
    ("src/api/val.rs", "function references are pointers"),
    ("src/api/reference.rs", "bits of machine code become references"),
    ("src/api/weak.rs", "bits of the heap become references"),
    ("src/base/stable.rs", "an owner that claims no uniqueness"),
    ("src/gc/", "objects in a heap's address space"),
    ("src/sys/", "system calls, signal contexts, mapped memory"),
    ("src/wasm/descriptor.rs", "descriptors that machine code reads without a lock"),
    ("src/engine/", "machine code in place, and templates of contexts"),
    ("src/store/", "what machine code reads and writes"),
    ("src/wasi/functions.rs", "numbers in slots, as the functions' types say"),
    ("src/wasi/guest.rs", "the guest's memory, checked"),
    ("src/capi/", "C callers' pointers"),
];

/// Functions that catch panics at the C boundary.
const BOUNDARY: &[&str] = &["entry", "plain", "on_store", "running", "delete"];
/// Helpers of several files that call one of them for an export.
const SHARED: &[&str] = &["count_of", "value_of"];

const DOCS: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below `path` with one of the extensions, with their text and their path from the root.
fn files(path: &str, extension: &str) -> Vec<(String, String)> {
    let mut todo = vec![root().join(path)];
    let mut found = Vec::new();
    while let Some(p) = todo.pop() {
        if p.is_dir() {
            todo.extend(fs::read_dir(&p).unwrap().map(|e| e.unwrap().path()));
        } else if p.extension().is_some_and(|e| e == extension) {
            let name = p.strip_prefix(root()).unwrap().to_str().unwrap().to_string();
            found.push((name, fs::read_to_string(&p).unwrap()));
        }
    }
    assert!(!found.is_empty(), "no .{extension} files in {path}");
    found.sort();
    found
}

fn assert_none(rule: &str, offences: Vec<String>) {
    assert!(offences.is_empty(), "{rule}:\n{}", offences.join("\n"));
}

/// The line without a `//` comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap()
}

/// A source file without its unit tests.
fn without_tests<'a>(name: &str, text: &'a str) -> &'a str {
    if name.ends_with("/tests.rs") || name.contains("/tests/") {
        return "";
    }
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap()
}

/// The identifiers of a text that start with a prefix.
fn words<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(move |w| w.starts_with(prefix))
}

#[test]
fn imports_come_from_lower_layers() {
    let layer = |name: &str| LAYERS.iter().find(|(n, _)| *n == name).map(|(_, f)| *f);
    let mut offences = Vec::new();
    for (name, text) in files("src", "rs") {
        let Some((folder, _)) = name["src/".len()..].split_once('/') else { continue };
        let own = layer(folder).unwrap_or_else(|| panic!("{folder} has no layer"));
        for (i, line) in without_tests(&name, &text).lines().enumerate() {
            for rest in code(line).split("crate::").skip(1) {
                // `$crate::` in a macro is resolved in the folder that defines the macro.
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let target = MACROS.iter().find(|(m, _)| *m == &rest[..end]).map_or(&rest[..end], |(_, folder)| folder);
                let fine = target == folder || layer(target).is_some_and(|l| l < own);
                if !fine && !line.contains("$crate::") {
                    offences.push(format!("{name}:{}: {}", i + 1, line.trim()));
                }
            }
        }
    }
    assert_none("imports from the same or a higher layer", offences);
}

/// In a child of a fork, locks that other threads held stay locked forever; only `sys::lock` prevents this.
#[test]
fn locks_are_those_that_a_fork_leaves_whole() {
    const FOREIGN: [&str; 6] = ["parking_lot", "Mutex", "RwLock", "Condvar", "LazyLock", "LazyCell"];
    let mut offences = Vec::new();
    for (name, text) in files("src", "rs").into_iter().filter(|(name, _)| name != "src/sys/lock.rs") {
        for (i, line) in text.lines().enumerate() {
            let line = code(line);
            let foreign =
                line.contains("sync::") && !line.contains("sys::lock") && FOREIGN.iter().any(|l| line.contains(l));
            // Other threads wait for the thread that initializes a value.
            let fills = line.contains("get_or_init(") && !line.contains("section(");
            if foreign || fills {
                offences.push(format!("{name}:{}: {}", i + 1, line.trim()));
            }
        }
    }
    assert_none("a lock that is not of `sys::lock`, or a place that is filled outside of a `section`", offences);
}

#[test]
fn unsafe_stays_where_it_is_needed() {
    let mut offences = Vec::new();
    let mut used = BTreeSet::new();
    for (name, text) in files("src", "rs") {
        // Attributes such as unsafe(no_mangle), and lints about unsafe, are not unsafe code.
        let has = text.lines().any(|l| code(l).split_whitespace().any(|w| w.trim_start_matches('(') == "unsafe"));
        match UNSAFE.iter().find(|(p, _)| name.starts_with(p)) {
            Some((p, _)) if has => drop(used.insert(*p)),
            None if has => offences.push(format!("{name} is not in the list")),
            _ => {}
        }
    }
    for (p, reason) in UNSAFE {
        if !used.contains(p) {
            offences.push(format!("{p} ({reason}) needs no entry"));
        }
    }
    assert_none("unsafe outside of the listed files", offences);
}

#[test]
fn unsafe_blocks_say_why_they_are_sound() {
    let mut offences = Vec::new();
    for (name, text) in files("src", "rs") {
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let unsafe_here = code(line).contains("unsafe {") || code(line).trim_start().starts_with("unsafe impl");
            if unsafe_here && !lines[i.saturating_sub(4)..=i].iter().any(|l| l.contains("// SAFETY:")) {
                offences.push(format!("{name}:{}: {}", i + 1, line.trim()));
            }
        }
    }
    assert_none("no SAFETY comment within four lines above", offences);
}

/// Functions of a file that start in the first column: name and text.
fn functions(text: &str) -> Vec<(&str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if !inside
            && !line.starts_with([' ', '/', '#'])
            && let Some((_, rest)) = line.split_once("fn ")
        {
            let end = rest.find(['(', '<']).unwrap_or(rest.len());
            found.push((&rest[..end], String::new()));
            inside = true;
        }
        if inside {
            let body = &mut found.last_mut().unwrap().1;
            body.push_str(code(line));
            body.push('\n');
            inside = !line.starts_with('}');
        }
    }
    found
}

fn calls(body: &str, function: &str) -> bool {
    body.match_indices(&format!("{function}("))
        .any(|(i, _)| !body[..i].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.'))
}

#[test]
fn every_export_passes_the_boundary() {
    let mut exports = 0;
    let mut offences = Vec::new();
    for (name, text) in files("src/capi", "rs") {
        let functions = functions(&text);
        let guarded = |body: &str| BOUNDARY.iter().any(|b| calls(body, b));
        // A file's own helper that several exports share can do it for them.
        let helpers: Vec<&str> = functions.iter().filter(|(_, b)| guarded(b)).map(|(n, _)| *n).collect();
        for (function, body) in &functions {
            let is_shared = SHARED.contains(function);
            if !function.starts_with("wrt_") && !is_shared {
                continue;
            }
            exports += 1;
            let by_helper = helpers.iter().chain(SHARED).any(|h| calls(body, h)) && !is_shared;
            if !guarded(body) && !by_helper {
                offences.push(format!("{name}: {function}"));
            }
        }
        let declared = text.lines().filter(|l| l.contains("extern \"C\" fn wrt_")).count();
        let seen = functions.iter().filter(|(f, _)| f.starts_with("wrt_")).count();
        assert_eq!(declared, seen, "{name}: exports that this test does not see");
    }
    assert!(exports > 50, "only {exports} exports found");
    assert_none("exports that let panics through", offences);
}

fn documents() -> Vec<(String, String)> {
    DOCS.iter()
        .flat_map(|d| {
            let path = root().join(d);
            assert!(path.exists(), "no {d}");
            if path.is_dir() { files(d, "md") } else { vec![(d.to_string(), fs::read_to_string(path).unwrap())] }
        })
        .collect()
}

#[test]
fn documents_name_files_that_exist() {
    // In its folder's row or paragraph, a file is named without the folder.
    let mut known = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            let name = path.file_name().unwrap();
            if path.is_dir() && name != "target" && name != ".git" {
                folders.push(path.clone());
            }
            known.push(path.to_str().unwrap().to_string());
        }
    }
    let mut offences = Vec::new();
    let mut seen = 0;
    for (name, text) in documents() {
        // Text in backticks is every second part; fenced blocks contain commands and programs.
        for span in text.split("```").step_by(2).flat_map(|part| part.split('`').skip(1).step_by(2)) {
            let path = span.split([' ', ':']).next().unwrap();
            let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            if !plain || path.starts_with('/') || path.starts_with("target") || !(path.contains('/') || is_file(path)) {
                continue;
            }
            seen += 1;
            let path = format!("/{}", path.trim_end_matches('/'));
            if !known.iter().any(|k| k.ends_with(&path)) {
                offences.push(format!("{name}: `{span}`"));
            }
        }
    }
    assert!(seen > 10, "only {seen} paths found");
    assert_none("documents name files that do not exist", offences);
}

/// Whether a word without a slash looks like a file of the root.
fn is_file(word: &str) -> bool {
    [".md", ".toml", ".rs", ".sh"].iter().any(|e| word.ends_with(e)) && word.len() > 4
}

#[test]
fn documents_name_functions_that_exist() {
    let mut known = fs::read_to_string(root().join("include/wrt.h")).unwrap();
    for (name, text) in files("src/capi", "rs").into_iter() {
        known.push_str(&name);
        known.push_str(&text);
    }
    let known: BTreeSet<&str> = words(&known, "wrt_").collect();
    let mut offences = Vec::new();
    for (name, text) in documents() {
        for word in words(&text, "wrt_") {
            // `wrt_table_…`, `wrt_*`: a family.
            let family = word.ends_with('_') && known.iter().any(|k| k.starts_with(word));
            if !known.contains(word) && !family {
                offences.push(format!("{name}: {word}"));
            }
        }
    }
    assert_none("documents name functions that do not exist", offences);
}
