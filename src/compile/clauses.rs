//! Decides which of the enclosing clauses catch an exception. Both compilers must decide alike.

use crate::abi::code::CATCH_ALL;
use crate::base::index::{EntityRef, TagIndex};
use wasmparser::Catch;

/// The maximum number of clauses in a call's handler table. If more clauses enclose the call, code shared by all calls
/// decides which one catches: otherwise the tables would grow with the product of clauses and calls.
const MOST_CLAUSES: usize = 32;

/// The tag that a clause catches, or `CATCH_ALL`.
pub fn caught_tag(catch: &Catch) -> u32 {
    match *catch {
        Catch::One { tag, .. } | Catch::OneRef { tag, .. } => tag,
        Catch::All { .. } | Catch::AllRef { .. } => CATCH_ALL,
    }
}

/// The clauses that catch the exceptions of a call, with their tags, innermost first. No tag occurs twice, and no
/// clause follows one that catches all. Returns `None` if there are too many clauses for a table. `clauses` are all
/// clauses around the call, innermost first.
pub fn catching<C: Copy>(clauses: impl Iterator<Item = C>, tag: impl Fn(C) -> u32) -> Option<Vec<(u32, C)>> {
    let mut found: Vec<(u32, C)> = Vec::new();
    for (seen, clause) in clauses.enumerate() {
        if seen == MOST_CLAUSES {
            return None;
        }
        let tag = tag(clause);
        if found.iter().all(|(known, _)| *known != tag) {
            found.push((tag, clause));
        }
        if tag == CATCH_ALL {
            break;
        }
    }
    Some(found)
}

/// The clause of this function that catches a tag thrown inside `depth` blocks, and its label relative to the throw.
/// Returns `None` if no clause catches it, or if only the runtime can decide. The clauses come innermost first, each
/// with the number of blocks around its `try_table`.
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
        // Two different tag indexes can refer to the same tag only if both are imported.
        if is_imported(caught as usize) && is_imported(tag.index()) {
            return None;
        }
    }
    None
}
