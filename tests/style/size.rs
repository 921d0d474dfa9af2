//! Files and functions that a reader takes in at once.

use super::*;

const FILE: usize = 800;
const FUNCTION: usize = 70;

/// Longer functions: tables, one row a case.
const TABLES: &[(&str, &str)] = &[
    ("src/compile/baseline/body.rs", "instruction"),
    ("src/compile/baseline/op/atomic.rs", "instruction"),
    ("src/compile/baseline/op/simd_int.rs", "instruction"),
    ("src/compile/cranelift/body.rs", "instruction"),
    ("src/compile/cranelift/op/atomic.rs", "instruction"),
    ("src/compile/cranelift/op/simd.rs", "instruction"),
    ("src/wasm/decode.rs", "section"),
];

#[test]
fn files_and_functions_are_short() {
    let mut offences = Vec::new();
    let mut used = BTreeSet::new();
    for (name, text) in files("src", "rs") {
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > FILE {
            offences.push(format!("{name} has {} lines", lines.len()));
        }
        let mut start = None;
        for (i, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let rest = line
                .trim_start()
                .trim_start_matches("pub ")
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("pub(super) ");
            let rest =
                rest.trim_start_matches("const ").trim_start_matches("unsafe ").trim_start_matches("extern \"C\" ");
            if let Some(rest) = rest.strip_prefix("fn ") {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                start = Some((i, indent, &rest[..end]));
            } else if let Some((from, indent, function)) = start
                && line.len() == indent + 1
                && line.ends_with('}')
            {
                start = None;
                let length = i - from + 1;
                if TABLES.contains(&(name.as_str(), function)) {
                    used.insert(name.clone());
                } else if length > FUNCTION {
                    offences.push(format!("{name}: {function} has {length} lines"));
                }
            }
        }
    }
    offences.extend(
        TABLES.iter().filter(|(name, _)| !used.contains(*name)).map(|(name, f)| format!("{name}: {f} needs no entry")),
    );
    assert_none(&format!("files of more than {FILE} lines, functions of more than {FUNCTION}"), offences);
}
