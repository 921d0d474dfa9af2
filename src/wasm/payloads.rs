//! The parts of a module's bytes, in order.

use crate::sys::valgrind;
use wasmparser::{Parser, Payload, Result, WasmFeatures};

/// Reads the parts. `features` determine how some bytes are read. Optimized code of the parser compares a part's
/// contents before it checks the part's variant, and then discards the result; Valgrind must not report that.
pub fn payloads(bytes: &[u8], features: WasmFeatures) -> impl Iterator<Item = Result<Payload<'_>>> {
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut parts = parser.parse_all(bytes);
    std::iter::from_fn(move || valgrind::unreported(|| parts.next()))
}
