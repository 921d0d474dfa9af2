//! The address space of a heap, and the engine's pool of regions: creating one costs system calls and page faults, and
//! some hosts create thousands of stores.

use crate::abi::heap::{CARDS, NURSERY, OLD, SPAN};
use crate::base::Result;
use crate::err;
use crate::sys::lock::Mutex;
use crate::sys::mmap::{Reservation, page_size};
use std::sync::Arc;

/// Size of the system's large pages in bytes.
const LARGE_PAGE: usize = 2 << 20;
/// Old spaces larger than this use large pages.
const HUGE_FROM: usize = 16 << 20;
/// Minimum number of bytes of an old space that are committed at a time.
const COMMIT_STEP: usize = 1 << 20;

pub struct Region {
    space: Reservation,
    /// The end of the usable space, as an offset from the base.
    span: usize,
    committed: usize,
    pool: Arc<RegionPool>,
}

pub struct RegionPool {
    /// Maximum number of regions that wait for their next heap.
    most: usize,
    /// Bytes of a pooled region's nursery that stay in memory; whole pages.
    kept_nursery: usize,
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    regions: Vec<Reusable>,
    /// How often a pooled region was reused.
    reused: u64,
}

struct Reusable {
    space: Reservation,
    span: usize,
    committed: usize,
}

impl RegionPool {
    pub fn new(most: usize, kept_nursery: usize) -> Arc<RegionPool> {
        let kept_nursery = kept_nursery.min(OLD - NURSERY).next_multiple_of(page_size());
        Arc::new(RegionPool { most, kept_nursery, free: Mutex::default() })
    }

    /// The number of pooled regions, and how often one was reused.
    pub fn statistics(&self) -> (usize, u64) {
        let free = self.free.lock();
        (free.regions.len(), free.reused)
    }
}

impl Region {
    /// A region whose old space can grow to `old` bytes; from the pool if one fits. Its contents are zero, except in
    /// the nursery.
    pub fn new(pool: &Arc<RegionPool>, old: usize) -> Result<Region> {
        let span = OLD.saturating_add(old).min(SPAN);
        let mut free = pool.free.lock();
        if let Some(i) = free.regions.iter().position(|r| r.span == span) {
            let Reusable { space, span, committed } = free.regions.swap_remove(i);
            free.reused += 1;
            return Ok(Region { space, span, committed, pool: pool.clone() });
        }
        drop(free);
        // The last 64 KiB are never committed: a guard.
        let space = Reservation::aligned(span + (64 << 10), LARGE_PAGE).map_err(|e| {
            let setter = "wrt_config_set_heap_reservation";
            err!(OutOfMemory, "no {span} bytes of address space for a store's heap ({setter} sets less): {e}")
        })?;
        space.commit(CARDS, OLD - CARDS).map_err(|e| err!(OutOfMemory, "no memory for a heap: {e}"))?;
        Ok(Region { space, span, committed: OLD, pool: pool.clone() })
    }

    pub fn base(&self) -> *mut u8 {
        self.space.as_ptr()
    }

    pub fn span(&self) -> usize {
        self.span
    }

    /// Makes the old space usable up to the offset `end`. Returns false if there is no memory.
    pub fn commit(&mut self, end: usize) -> bool {
        if end <= self.committed {
            return true;
        }
        if end > self.span {
            return false;
        }
        let step = (self.committed - OLD) / 4;
        let target = end.max(self.committed + step.max(COMMIT_STEP)).min(self.span);
        if self.space.commit(self.committed, target - self.committed).is_err() {
            return false;
        }
        if target - OLD >= HUGE_FROM {
            self.space.prefer_huge(self.committed, target - self.committed);
        }
        self.committed = target;
        true
    }

    /// Prepares for a nursery of this size.
    pub fn grow_nursery(&self, size: usize) {
        if size >= LARGE_PAGE {
            self.space.prefer_huge(NURSERY, size);
        }
    }

    /// Returns memory to the system; afterwards it reads as zeros.
    pub fn discard(&self, offset: usize, len: usize) {
        self.space.discard(offset, len);
    }

    /// Returns the region to the pool. `old_end` is the offset up to which the old space was ever used, and `nursery`
    /// the number of bytes of the nursery that were.
    pub fn recycle(self, old_end: usize, nursery: usize) {
        let Region { space, span, committed, pool } = self;
        if pool.free.lock().regions.len() >= pool.most {
            return;
        }
        if old_end > OLD {
            space.discard(CARDS, NURSERY - CARDS);
            space.discard(OLD, old_end - OLD);
        }
        if nursery > pool.kept_nursery {
            space.discard(NURSERY + pool.kept_nursery, nursery - pool.kept_nursery);
        }
        let mut free = pool.free.lock();
        if free.regions.len() < pool.most {
            free.regions.push(Reusable { space, span, committed });
        }
    }
}
