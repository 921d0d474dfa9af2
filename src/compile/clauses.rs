//! Who catches an exception, of the clauses around a place: what both compilers have to say alike.

use crate::abi::code::CATCH_ALL;
use crate::base::index::{EntityRef, TagIndex};
use wasmparser::Catch;

/// Who catches what comes out of a call, or is thrown, is looked for among so many clauses, and stands in a table. Where there
/// are more, they are told apart by code that all calls share: tables would grow as the clauses times the calls.
pub const MOST_CLAUSES: usize = 32;

/// The tag that a clause catches, or `CATCH_ALL`.
pub fn caught_tag(catch: &Catch) -> u32 {
    match *catch {
        Catch::One { tag, .. } | Catch::OneRef { tag, .. } => tag,
        Catch::All { .. } | Catch::AllRef { .. } => CATCH_ALL,
    }
}

/// Who in a function catches a tag that is thrown inside of `depth` blocks: the clause, and its label from there. `None` if nobody
/// does, or if only the runtime can tell. The clauses are the innermost first, with how many blocks are around their `try_table`.
pub fn caught_here(
    clauses: impl Iterator<Item = (usize, Catch)>,
    depth: usize,
    tag: TagIndex,
    imported_tags: usize,
) -> Option<(Catch, u32)> {
    let is_imported = |t: usize| t < imported_tags;
    for (around, clause) in clauses.take(MOST_CLAUSES) {
        let caught = caught_tag(&clause);
        if caught == tag.as_u32() || caught == CATCH_ALL {
            let (Catch::One { label, .. }
            | Catch::OneRef { label, .. }
            | Catch::All { label }
            | Catch::AllRef { label }) = clause;
            return Some((clause, (depth - around) as u32 + label));
        }
        // Only imported tags may be one tag with two numbers.
        if is_imported(caught as usize) && is_imported(tag.index()) {
            return None;
        }
    }
    None
}
