//! The parts of a module's bytes, one after the other.

use crate::sys::valgrind;
use wasmparser::{Parser, Payload, Result, WasmFeatures};

/// Reads the parts; `features` say how some bytes are read. The optimizer compares a part's content before it looks at its variant, and
/// then discards the result, so Valgrind is not to report that.
pub fn payloads(bytes: &[u8], features: WasmFeatures) -> impl Iterator<Item = Result<Payload<'_>>> {
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut parts = parser.parse_all(bytes);
    std::iter::from_fn(move || valgrind::unreported(|| parts.next()))
}
