//! Which thread runs, as a number: so that threads can have places of their own in what they share.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The number of this thread, small and its own; given out in turn.
pub fn number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Relaxed);
    }
    // Where thread-locals are gone already, any number will do.
    NUMBER.try_with(|n| *n).unwrap_or(0)
}
