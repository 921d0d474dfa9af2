//! What ended instances leave behind for the next ones: the address space of memories, kept by the engine.
//!
//! Making address space and giving it back costs more than all the rest of an instance. What is kept was made as new by who gave it
//! back, before anybody else could get it. Threads have shelves of their own, so that they do not wait for each other; who finds
//! nothing on his looks at the others'.

use super::engine::Engine;
use super::image::{Image, Images};
use super::module::Module;
use super::space::Space;
use crate::base::Result;
use crate::err;
use crate::sys::thread;
use parking_lot::{Mutex, MutexGuard};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// What an engine keeps.
#[derive(Clone, Copy, Debug)]
pub struct PoolOptions {
    /// Memories that are kept, at most.
    pub memories: usize,
    /// Bytes of each that stay in memory, at most: what was written is written back instead of given back.
    pub memory_resident: usize,
    /// Memories that may be in use at a time, in all stores together.
    pub max_memories: usize,
    /// Heaps that are kept, at most.
    pub heaps: usize,
    /// Bytes of each one's nursery that stay in memory.
    pub heap_resident: usize,
}

impl Default for PoolOptions {
    /// What every engine does: it saves system calls, and keeps next to nothing in memory.
    fn default() -> PoolOptions {
        PoolOptions {
            memories: 100,
            memory_resident: 64 << 10,
            max_memories: usize::MAX,
            heaps: 16,
            heap_resident: 64 << 10,
        }
    }
}

impl PoolOptions {
    /// What a host gets that asks for a pool, and says no more.
    pub fn large() -> PoolOptions {
        PoolOptions { memories: 256, memory_resident: 256 << 10, heaps: 256, ..PoolOptions::default() }
    }
}

/// What a pool holds and has done.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolStatistics {
    /// Memories of stores.
    pub memories_in_use: u64,
    /// Memories that wait for their next use, and their bytes in memory.
    pub memories_kept: u64,
    pub memory_bytes_resident: u64,
    /// Memories that were made of a kept one, and anew.
    pub memories_reused: u64,
    pub memories_made: u64,
    pub heaps_kept: u64,
    pub heaps_reused: u64,
}

const SHELVES: usize = 16;

/// One for some threads. In cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Shelf(Mutex<Kept>);

/// What is on a shelf.
#[derive(Default)]
pub struct Kept {
    /// Pointers to this engine and to its modules (`share`).
    pub(super) engines: Vec<Arc<Engine>>,
    pub(super) modules: Vec<Arc<Module>>,
    /// Numbers for stores.
    ids: Range<u64>,
    spaces: Vec<Space>,
    /// How many of the pool's places are this shelf's, taken or not.
    places: usize,
    reused: u64,
    made: u64,
    returned: u64,
}

pub struct Pool {
    options: PoolOptions,
    shelves: Box<[Shelf; SHELVES]>,
    /// Places that are no shelf's.
    free_places: AtomicUsize,
    /// Memories in use, if that is limited.
    in_use: Arc<AtomicUsize>,
}

/// A memory that counts.
pub struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Pool {
    pub fn new(options: PoolOptions) -> Pool {
        let free_places = AtomicUsize::new(options.memories);
        Pool { options, shelves: Box::default(), free_places, in_use: Arc::default() }
    }

    fn own(&self) -> usize {
        thread::number() % SHELVES
    }

    /// This thread's.
    pub(super) fn shelf(&self) -> MutexGuard<'_, Kept> {
        self.shelves[self.own()].0.lock()
    }

    /// All of them, one after the other.
    pub(super) fn shelves(&self) -> impl Iterator<Item = MutexGuard<'_, Kept>> {
        self.shelves.iter().map(|s| s.0.lock())
    }

    /// Counts a memory, if their number is limited. An error if there are too many.
    pub fn count(&self) -> Result<Option<Counted>> {
        let most = self.options.max_memories;
        if most == usize::MAX {
            return Ok(None);
        }
        let counted = self.in_use.fetch_update(Relaxed, Relaxed, |n| (n < most).then_some(n + 1));
        match counted {
            Ok(_) => Ok(Some(Counted(self.in_use.clone()))),
            Err(_) => Err(err!(Limit, "{most} memories are in use, which is the most that the engine's pool allows")),
        }
    }

    /// A space of so many bytes, `bytes` of them usable, all zero but for the image, which may be there or not.
    pub fn take(&self, reserved: usize, bytes: usize, image: Option<&Arc<Image>>) -> io::Result<Space> {
        if let Some(mut space) = self.find(reserved, image)
            && space.fit(bytes, image).is_ok()
        {
            return Ok(space);
        }
        self.shelf().made += 1;
        let mut space = Space::new(reserved)?;
        space.open_to(bytes)?;
        Ok(space)
    }

    fn find(&self, reserved: usize, image: Option<&Arc<Image>>) -> Option<Space> {
        let own = self.own();
        let mut kept = self.shelves[own].0.lock();
        if let Some(i) = kept.best(reserved, image) {
            kept.reused += 1;
            return Some(kept.spaces.remove(i));
        }
        drop(kept);
        // Its place comes along, so that this shelf may keep it.
        let space = (1..SHELVES).find_map(|i| {
            let mut other = self.shelves[(own + i) % SHELVES].0.try_lock()?;
            let i = other.best(reserved, image)?;
            other.places -= 1;
            Some(other.spaces.remove(i))
        })?;
        let mut kept = self.shelves[own].0.lock();
        kept.places += 1;
        kept.reused += 1;
        Some(space)
    }

    /// Takes back what a memory had.
    pub fn give(&self, mut space: Space) {
        let is_new = self.options.memories > 0 && space.reset(self.options.memory_resident);
        let mut kept = self.shelf();
        kept.returned += 1;
        // What is not kept is unmapped when the shelf is free for others.
        let _old = if is_new { self.put(kept, space) } else { Some(space) };
    }

    /// What has to go for it, if anything.
    fn put(&self, mut kept: MutexGuard<Kept>, space: Space) -> Option<Space> {
        if kept.spaces.len() < kept.places {
            kept.spaces.push(space);
            return None;
        }
        if self.free_places.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).is_ok() {
            kept.places += 1;
            kept.spaces.push(space);
            return None;
        }
        if kept.spaces.is_empty() {
            return Some(space);
        }
        // The one that was not wanted for the longest time.
        let old = kept.spaces.remove(0);
        kept.spaces.push(space);
        Some(old)
    }

    /// The module of these images is gone: nobody will ask for them again.
    pub fn forget(&self, images: &Images) {
        for image in images.by_memory.values().flatten() {
            for mut kept in self.shelves() {
                kept.spaces.retain_mut(|s| !s.has_image(Some(image)) || s.take_off().is_ok());
            }
        }
    }

    pub fn statistics(&self) -> PoolStatistics {
        let mut s = PoolStatistics::default();
        let mut returned = 0;
        for kept in self.shelves() {
            s.memories_kept += kept.spaces.len() as u64;
            s.memory_bytes_resident += kept.spaces.iter().map(|s| s.resident() as u64).sum::<u64>();
            s.memories_reused += kept.reused;
            s.memories_made += kept.made;
            returned += kept.returned;
        }
        s.memories_in_use = (s.memories_made + s.memories_reused).saturating_sub(returned);
        s
    }
}

/// Stores whose numbers are beside each other were mostly made by one thread.
pub const IDS: u64 = 256;

impl Kept {
    /// A store's number, unique in the process and never 0.
    pub fn next_id(&mut self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(IDS);
        self.ids.next().unwrap_or_else(|| {
            let start = NEXT.fetch_add(IDS, Relaxed);
            self.ids = start + 1..start + IDS;
            start
        })
    }

    /// The last that fits best: with this image, or without any, or with another.
    fn best(&self, reserved: usize, image: Option<&Arc<Image>>) -> Option<usize> {
        let fits = |s: &Space| s.reserved() == reserved;
        let last = |f: &dyn Fn(&Space) -> bool| self.spaces.iter().rposition(|s| fits(s) && f(s));
        last(&|s| s.has_image(image)).or_else(|| last(&|s| s.has_image(None))).or_else(|| last(&|_| true))
    }
}
