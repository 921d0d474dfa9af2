//! Instructions for which Wasmtime can return different results without an error in either engine, and why. A job with such an instruction
//! is run and compared like all others, but differences to Wasmtime are counted separately.

use wasmparser::{Operator, Parser, Payload};

/// Instructions, and the reason for each.
struct Explained {
    is: fn(&Operator) -> bool,
    reason: &'static str,
}

const EXPLAINED: &[Explained] = &[Explained {
    is: |op| {
        use Operator::*;
        matches!(op, F32x4RelaxedMadd | F32x4RelaxedNmadd | F64x2RelaxedMadd | F64x2RelaxedNmadd)
    },
    reason: "relaxed multiplication and addition: Wasmtime's deterministic profile rounds once, wrt's twice (docs/features.md)",
}];

/// Why Wasmtime's results can differ for a module.
pub fn explained(wasm: &[u8]) -> Option<&'static str> {
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload.expect("a module") {
            for op in body.get_operators_reader().expect("a body") {
                let op = op.expect("an instruction");
                if let Some(found) = EXPLAINED.iter().find(|e| (e.is)(&op)) {
                    return Some(found.reason);
                }
            }
        }
    }
    None
}
