//! The configuration and the statistics of a heap.

use crate::abi::heap::*;
use crate::base::Result;
use crate::err;
use std::time::Duration;

/// Minimum size of a nursery in bytes.
const NURSERY_LEAST: usize = 2 * LARGE as usize;

/// Minimum size of the address space of an old space in bytes.
const RESERVATION_LEAST: usize = 1 << 20;

/// The configuration of a heap. Sizes are in bytes.
#[derive(Clone, Copy, Debug)]
pub struct HeapConfig {
    /// Maximum size of all objects at the end of a collection.
    pub limit: usize,
    /// Address space for the old space of each heap.
    pub reservation: usize,
    /// A nursery starts at the minimum and grows up to the maximum.
    pub nursery_min: usize,
    pub nursery_max: usize,
    /// The old space is collected when it has grown by this percentage of its live bytes,
    pub growth_percent: usize,
    /// and by at least this many bytes.
    pub growth_min: usize,
    /// If not 0, every n-th allocation runs a full collection and moves all survivors, and freed space is overwritten.
    pub zeal: u32,
    /// Whether the invariants are checked after every collection.
    pub verify: bool,
    /// Whether to record where roots are created.
    pub debug_roots: bool,
}

impl Default for HeapConfig {
    fn default() -> HeapConfig {
        HeapConfig {
            limit: usize::MAX,
            reservation: SPAN - OLD,
            nursery_min: 64 << 10,
            nursery_max: NURSERY_MAX,
            growth_percent: 100,
            growth_min: 8 << 20,
            zeal: 0,
            verify: false,
            debug_roots: false,
        }
    }
}

impl HeapConfig {
    pub fn check(&self) -> Result<()> {
        let (min, max) = (self.nursery_min, self.nursery_max);
        if min < NURSERY_LEAST || max > NURSERY_MAX || min > max {
            return Err(err!(
                InvalidArgument,
                "a nursery of {min} to {max} bytes: {NURSERY_LEAST} is the least, {NURSERY_MAX} the most"
            ));
        }
        let (least, got) = ((16 * min).max(RESERVATION_LEAST), self.reservation);
        if got < least {
            return Err(err!(InvalidArgument, "{got} bytes of address space for a heap, at least {least} are needed"));
        }
        Ok(())
    }
}

/// The total of all pauses, and a histogram of their lengths by the binary logarithm of nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pauses {
    pub total: Duration,
    pub by_log2: [u64; PAUSE_CLASSES],
}

/// The number of classes of the histogram. The last one contains all longer pauses, from 2 s on.
pub const PAUSE_CLASSES: usize = 32;

impl Pauses {
    pub fn add(&mut self, pause: Duration) {
        self.total += pause;
        let nanos = (pause.as_nanos() as u64).max(1);
        self.by_log2[(nanos.ilog2() as usize).min(PAUSE_CLASSES - 1)] += 1;
    }
}

/// The pauses of both kinds of collection.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllPauses {
    pub minor: Pauses,
    pub full: Pauses,
}

/// What a heap holds, and what it has done so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statistics {
    pub minor_collections: u64,
    pub full_collections: u64,
    /// Bytes that moved from the nursery to the old space.
    pub promoted: u64,
    pub last_minor: Duration,
    pub longest_minor: Duration,
    pub last_full: Duration,
    pub longest_full: Duration,
    /// Bytes of live lines and large objects after the last full collection.
    pub live: usize,
    /// Bytes of blocks in use and of objects in the nursery.
    pub used: usize,
    /// The current size of the nursery in bytes, and how much of it objects take.
    pub nursery_size: usize,
    pub nursery_used: usize,
    pub roots: usize,
    pub weak_references: usize,
    pub host_objects: usize,
    /// Bytes outside the heap that host objects have declared.
    pub external: usize,
}
