//! What the host learns about collections.

use std::time::Duration;

/// A finished collection.
#[derive(Clone, Copy, Debug)]
pub struct GcEvent {
    /// Whether old objects were collected as well.
    pub full: bool,
    pub pause: Duration,
    /// Bytes that moved from the nursery to the old objects.
    pub promoted: u64,
    /// Bytes of blocks in use.
    pub used: usize,
}

/// Called after each collection. It cannot use the store (invariant 7).
pub type GcHook = Box<dyn FnMut(&GcEvent) + Send>;
