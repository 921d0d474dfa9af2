//! Which of the clauses around a place catch an exception: what both compilers must decide alike.

use crate::abi::code::CATCH_ALL;
use crate::base::index::{EntityRef, TagIndex};
use wasmparser::Catch;

/// Each call's table of handlers has this many clauses at most. If there are more around it, code that all calls share decides which one
/// catches: tables would grow by the product of clauses and calls.
const MOST_CLAUSES: usize = 32;

/// The tag that a clause catches, or `CATCH_ALL`.
pub fn caught_tag(catch: &Catch) -> u32 {
    match *catch {
        Catch::One { tag, .. } | Catch::OneRef { tag, .. } => tag,
        Catch::All { .. } | Catch::AllRef { .. } => CATCH_ALL,
    }
}

/// The clauses that catch what comes out of a call, with their tags, from the innermost one on: no tag twice, and none after one that
/// catches all. `None` if there are too many clauses for a table. `clauses` are all that are around the call, the innermost first.
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

/// The clause of a function that catches a tag thrown inside `depth` blocks, and its label as seen from there. `None` if no clause does, or if
/// only the runtime can decide. The clauses are the innermost first, each with the number of blocks around its `try_table`.
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
