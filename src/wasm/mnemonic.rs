//! Names of instructions in the text format.

use wasmparser::Operator;

/// Prefixes that the text format separates from the rest of the name by a dot.
const DOTTED: [&str; 21] = [
    "i8x16", "i16x8", "i32x4", "i64x2", "f32x4", "f64x2", "v128", "i32", "i64", "f32", "f64", "local", "global",
    "table", "memory", "ref", "struct", "array", "i31", "any", "atomic",
];

macro_rules! visitors {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        fn visitor(op: &Operator<'_>) -> &'static str {
            match op {
                $(Operator::$op { .. } => stringify!($visit),)*
                _ => "visit_instruction",
            }
        }
    };
}
wasmparser::for_each_operator!(visitors);

/// The instruction's name in the text format. The validator's names use underscores instead of dots and have suffixes
/// that distinguish overloads.
pub fn mnemonic(op: &Operator<'_>) -> String {
    let name = visitor(op).trim_start_matches("visit_");
    let name = match name {
        "typed_select" | "typed_select_multi" => "select",
        "elem_drop" => return "elem.drop".into(),
        "data_drop" => return "data.drop".into(),
        "extern_convert_any" => return "extern.convert_any".into(),
        _ if name.starts_with("ref_test") || name.starts_with("ref_cast") => {
            name.trim_end_matches("_non_null").trim_end_matches("_nullable")
        }
        _ => name,
    };
    let dotted = |prefix: &'static str| Some((prefix, name.strip_prefix(prefix)?.strip_prefix('_')?));
    match DOTTED.into_iter().find_map(dotted) {
        Some((prefix, rest)) => format!("{prefix}.{}", rest.replacen("atomic_", "atomic.", 1)),
        None => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::{Parser, Payload};

    #[test]
    fn names_are_those_of_the_text() {
        let text = "(module (memory 1 1 shared) (table 1 funcref) (type $s (struct)) (func (local v128)
            (drop (ref.test (ref null $s) (ref.null any))) (drop (i32.trunc_sat_f32_s (f32.const 0)))
            (drop (i32x4.relaxed_trunc_f32x4_u (local.get 0))) (table.set (i32.const 0) (ref.null func))
            (drop (i32.atomic.rmw8.add_u (i32.const 0) (i32.const 0))) (drop (select (result i32) (i32.const 1) (i32.const 2) (i32.const 3)))
            (return_call_indirect (i32.const 0))))";
        let bytes = wat::parse_str(text).unwrap();
        let mut found = Vec::new();
        for payload in Parser::new(0).parse_all(&bytes) {
            let Payload::CodeSectionEntry(body) = payload.unwrap() else { continue };
            found.extend(body.get_operators_reader().unwrap().into_iter().map(|op| mnemonic(&op.unwrap())));
        }
        for name in [
            "ref.null",
            "ref.test",
            "i32.trunc_sat_f32_s",
            "i32x4.relaxed_trunc_f32x4_u",
            "table.set",
            "select",
            "return_call_indirect",
        ] {
            assert!(found.iter().any(|f| f == name), "{name} in {found:?}");
        }
        assert!(found.iter().any(|f| f.starts_with("i32.atomic.rmw8")), "{found:?}");
    }
}
