//! What ended instances leave behind for the next ones: the address space of memories, kept by the engine.
//!
//! Making address space and giving it back costs more than all the rest of an instance. What is kept was made as new by who gave it
//! back, before anybody else could get it. Threads have shelves of their own, so that they do not wait for each other; who finds
//! nothing on his looks at the others'.

use crate::base::Result;
use crate::engine::engine::Engine;
use crate::engine::module::Module;
use crate::engine::pooling::image::{Image, Images};
use crate::engine::pooling::space::Space;
use crate::err;
use crate::sys::lock::{Mutex, MutexGuard};
use crate::sys::thread;
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
    /// Large tables of functions that are kept, at most.
    pub tables: usize,
    /// Bytes of each that stay in memory, at most.
    pub table_resident: usize,
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
            tables: 100,
            table_resident: 16 << 10,
            heaps: 16,
            heap_resident: 64 << 10,
        }
    }
}

impl PoolOptions {
    /// What a host gets that asks for a pool, and says no more.
    pub fn large() -> PoolOptions {
        PoolOptions {
            memories: 1000,
            memory_resident: 256 << 10,
            tables: 1000,
            table_resident: 64 << 10,
            heaps: 1000,
            ..PoolOptions::default()
        }
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
    /// The same of large tables of functions.
    pub tables_kept: u64,
    pub table_bytes_resident: u64,
    pub tables_reused: u64,
    pub heaps_kept: u64,
    pub heaps_reused: u64,
}

/// What a space is used for. Each has places of its own.
#[derive(Clone, Copy)]
pub enum Use {
    Memory,
    Table,
}

const USES: usize = 2;
const SHELVES: usize = 16;

/// One for some threads. In cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Shelf(Mutex<Kept>);

/// What is on a shelf.
#[derive(Default)]
pub struct Kept {
    /// Pointers to this engine and to its modules (`share`).
    pub(crate) engines: Vec<Arc<Engine>>,
    pub(crate) modules: Vec<Arc<Module>>,
    /// Numbers for stores.
    ids: Range<u64>,
    /// By use.
    spaces: [Spaces; USES],
}

#[derive(Default)]
struct Spaces {
    list: Vec<Space>,
    /// How many of the pool's places are this shelf's, taken or not.
    places: usize,
    reused: u64,
    made: u64,
    returned: u64,
}

pub struct Pool {
    options: PoolOptions,
    shelves: Box<[Shelf; SHELVES]>,
    /// Places that are no shelf's, by use.
    free_places: [AtomicUsize; USES],
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
        let free_places = [options.memories, options.tables].map(AtomicUsize::new);
        Pool { options, shelves: Box::default(), free_places, in_use: Arc::default() }
    }

    fn own(&self) -> usize {
        thread::number() % SHELVES
    }

    /// This thread's.
    pub(crate) fn shelf(&self) -> MutexGuard<'_, Kept> {
        self.shelves[self.own()].0.lock()
    }

    /// All of them, one after the other.
    pub(crate) fn shelves(&self) -> impl Iterator<Item = MutexGuard<'_, Kept>> {
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
    pub fn take(&self, to: Use, reserved: usize, bytes: usize, image: Option<&Arc<Image>>) -> io::Result<Space> {
        if let Some(mut space) = self.find(to, reserved, image)
            && space.fit(bytes, image).is_ok()
        {
            self.shelf().spaces[to as usize].reused += 1;
            return Ok(space);
        }
        let mut space = Space::new(reserved)?;
        space.open_to(bytes)?;
        self.shelf().spaces[to as usize].made += 1;
        Ok(space)
    }

    fn find(&self, to: Use, reserved: usize, image: Option<&Arc<Image>>) -> Option<Space> {
        let (own, to) = (self.own(), to as usize);
        if let Some(space) = self.shelves[own].0.lock().spaces[to].find(reserved, image) {
            return Some(space);
        }
        // Its place comes along, so that this shelf may keep it.
        let space = (1..SHELVES).find_map(|i| {
            let mut other = self.shelves[(own + i) % SHELVES].0.try_lock()?;
            let space = other.spaces[to].find(reserved, image)?;
            other.spaces[to].places -= 1;
            Some(space)
        })?;
        self.shelves[own].0.lock().spaces[to].places += 1;
        Some(space)
    }

    /// Takes back what a memory or a table had. It is kept if it `may_fit` another.
    pub fn give(&self, from: Use, mut space: Space, may_fit: bool) {
        let (most, resident) = match from {
            Use::Memory => (self.options.memories, self.options.memory_resident),
            Use::Table => (self.options.tables, self.options.table_resident),
        };
        let is_new = may_fit && most > 0 && space.reset(resident);
        let mut kept = self.shelf();
        let spaces = &mut kept.spaces[from as usize];
        spaces.returned += 1;
        // What is not kept is unmapped when the shelf is free for others.
        let old = if is_new { spaces.put(space, &self.free_places[from as usize]) } else { Some(space) };
        drop(kept);
        drop(old);
    }

    /// The module of these images is gone: nobody will ask for them again.
    pub fn forget(&self, images: &Images) {
        for image in images.by_memory.values().flatten() {
            for mut kept in self.shelves() {
                kept.spaces[Use::Memory as usize]
                    .list
                    .retain_mut(|s| !s.has_image(Some(image)) || s.take_off().is_ok());
            }
        }
    }

    pub fn statistics(&self) -> PoolStatistics {
        let mut s = PoolStatistics::default();
        let mut returned = 0;
        for kept in self.shelves() {
            let [memories, tables] = &kept.spaces;
            s.memories_kept += memories.list.len() as u64;
            s.memory_bytes_resident += memories.resident();
            s.memories_reused += memories.reused;
            s.memories_made += memories.made;
            returned += memories.returned;
            s.tables_kept += tables.list.len() as u64;
            s.table_bytes_resident += tables.resident();
            s.tables_reused += tables.reused;
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
}

impl Spaces {
    /// The last that fits best: with this image, or without any, or with another.
    fn find(&mut self, reserved: usize, image: Option<&Arc<Image>>) -> Option<Space> {
        let fits = |s: &Space| s.reserved() == reserved;
        let last = |f: &dyn Fn(&Space) -> bool| self.list.iter().rposition(|s| fits(s) && f(s));
        let found =
            last(&|s| s.has_image(image)).or_else(|| last(&|s| s.has_image(None))).or_else(|| last(&|_| true))?;
        Some(self.list.remove(found))
    }

    /// Keeps it. Gives what has to go for it, if anything.
    fn put(&mut self, space: Space, free_places: &AtomicUsize) -> Option<Space> {
        if self.list.len() == self.places {
            if free_places.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).is_ok() {
                self.places += 1;
            } else if self.list.is_empty() {
                return Some(space);
            } else {
                // The one that was not wanted for the longest time.
                let old = self.list.remove(0);
                self.list.push(space);
                return Some(old);
            }
        }
        self.list.push(space);
        None
    }

    fn resident(&self) -> u64 {
        self.list.iter().map(|s| s.resident() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::settings::Settings;
    use crate::engine::engine::EngineConfig;
    use crate::store::parts::instantiate::instantiate;
    use crate::store::run::RUNTIME;
    use crate::store::store::Store;

    /// A kept space does not keep the image of a module that is gone.
    #[test]
    fn images_end_with_their_modules() {
        let config = EngineConfig { settings: Settings::default(), threads: 1, ..EngineConfig::default() };
        let engine = Engine::new(config, &RUNTIME).unwrap();
        let text = format!("(module (memory 1) (data (i32.const 0) \"{}\"))", "x".repeat(20000));
        let module = Arc::new(Module::new(&engine, &wat::parse_str(text).unwrap()).unwrap());
        let mut store = Store::new(&engine);
        // SAFETY: this is its thread, and nothing is imported.
        unsafe { instantiate(&raw mut *store, &module, &[]) }.unwrap();
        let image = Arc::downgrade(module.images().by_memory.values().next().unwrap().as_ref().unwrap());
        drop(store);
        let with_image = || engine.pool.shelves().any(|k| k.spaces[0].list.iter().any(|s| !s.has_image(None)));
        assert!(with_image() && image.strong_count() == 2);
        drop(module);
        assert!(!with_image() && image.strong_count() == 0);
        assert_eq!(engine.pool.statistics().memories_kept, 1);
    }
}
