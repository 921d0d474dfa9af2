//! The address space of a heap, and the engine's pool of them: making one costs system calls and page faults, and hosts
//! make stores by the thousand.

use crate::abi::heap::{CARDS, NURSERY, OLD, SPAN};
use crate::base::Result;
use crate::err;
use crate::sys::mmap::Reservation;
use parking_lot::Mutex;
use std::sync::Arc;

/// Most regions that wait for their next heap.
const POOLED: usize = 16;
/// What stays of a pooled region's nursery.
const KEPT_NURSERY: usize = 64 << 10;
/// Bytes of the system's large pages.
const LARGE_PAGE: usize = 2 << 20;
/// Old spaces beyond this use large pages.
const HUGE_FROM: usize = 16 << 20;
/// Least that is committed of an old space at a time.
const COMMIT_STEP: usize = 1 << 20;

pub struct Region {
    space: Reservation,
    /// Its end, as an offset from the base.
    span: usize,
    committed: usize,
    pool: Arc<RegionPool>,
}

#[derive(Default)]
pub struct RegionPool(Mutex<Vec<Reusable>>);

struct Reusable {
    space: Reservation,
    span: usize,
    committed: usize,
}

impl Region {
    /// A region whose old space may have `old` bytes; from the pool if one fits. What it holds is zero but for the nursery.
    pub fn new(pool: &Arc<RegionPool>, old: usize) -> Result<Region> {
        let span = OLD.saturating_add(old).min(SPAN);
        let mut free = pool.0.lock();
        if let Some(i) = free.iter().position(|r| r.span == span) {
            let Reusable { space, span, committed } = free.swap_remove(i);
            return Ok(Region { space, span, committed, pool: pool.clone() });
        }
        drop(free);
        // Nothing is ever committed of the last 64 KiB: a guard.
        let space = Reservation::aligned(span + (64 << 10), LARGE_PAGE)
            .map_err(|e| err!(OutOfMemory, "no address space for a heap of {span} bytes: {e}"))?;
        space.commit(CARDS, OLD - CARDS).map_err(|e| err!(OutOfMemory, "no memory for a heap: {e}"))?;
        Ok(Region { space, span, committed: OLD, pool: pool.clone() })
    }

    pub fn base(&self) -> *mut u8 {
        self.space.as_ptr()
    }

    pub fn span(&self) -> usize {
        self.span
    }

    /// Makes the old space usable up to the offset `end`. False if there is no memory.
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

    /// The nursery is going to be this large.
    pub fn grow_nursery(&self, size: usize) {
        if size >= LARGE_PAGE {
            self.space.prefer_huge(NURSERY, size);
        }
    }

    /// Gives memory back; it reads as zeros then.
    pub fn discard(&self, offset: usize, len: usize) {
        self.space.discard(offset, len);
    }

    /// Back to the pool. `old_end` is how far the old space was ever used, `nursery` how many bytes of the nursery were.
    pub fn recycle(self, old_end: usize, nursery: usize) {
        let Region { space, span, committed, pool } = self;
        if pool.0.lock().len() >= POOLED {
            return;
        }
        if old_end > OLD {
            space.discard(CARDS, NURSERY - CARDS);
            space.discard(OLD, old_end - OLD);
        }
        if nursery > KEPT_NURSERY {
            space.discard(NURSERY + KEPT_NURSERY, nursery - KEPT_NURSERY);
        }
        let mut free = pool.0.lock();
        if free.len() < POOLED {
            free.push(Reusable { space, span, committed });
        }
    }
}
