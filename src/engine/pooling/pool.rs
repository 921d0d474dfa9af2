//! The address space of freed memories and large tables, which the engine keeps for new ones.
//!
//! Reserving and releasing address space costs more than all other work to create and free an instance. The thread that
//! returns a space resets it before any other thread can take it. Threads have shards of their own, so that they do
//! not wait for each other. A thread that finds nothing on its own shard looks at the others.

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

/// How much an engine keeps.
#[derive(Clone, Copy, Debug)]
pub struct PoolOptions {
    /// The maximum number of memories that are kept.
    pub memories: usize,
    /// The maximum number of bytes of each kept memory that stay in memory. Pages that were written are reset in place
    /// instead of being returned to the system.
    pub memory_resident: usize,
    /// The maximum number of memories in use at a time, in all stores together.
    pub max_memories: usize,
    /// The maximum number of large function tables that are kept.
    pub tables: usize,
    /// The maximum number of bytes of each kept table that stay in memory.
    pub table_resident: usize,
    /// The maximum number of heaps that are kept.
    pub heaps: usize,
    /// Bytes of each kept heap's nursery that stay in memory.
    pub heap_resident: usize,
}

impl Default for PoolOptions {
    /// The defaults of every engine: they save system calls and keep little in memory.
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
    /// The options of a host that asks for a pool without saying more.
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

/// What a pool holds, and what it has done so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolStatistics {
    /// Memories that stores use.
    pub memories_in_use: u64,
    /// Memories that wait to be reused, and their bytes in memory.
    pub memories_kept: u64,
    pub memory_bytes_resident: u64,
    /// Memories that reused a kept space, and memories that needed a new one.
    pub memories_reused: u64,
    pub memories_made: u64,
    /// The same for large function tables.
    pub tables_kept: u64,
    pub table_bytes_resident: u64,
    pub tables_reused: u64,
    pub heaps_kept: u64,
    pub heaps_reused: u64,
}

/// What a space is used for. Each use has its own places in the pool.
#[derive(Clone, Copy)]
pub enum Use {
    Memory,
    Table,
}

const USES: usize = 2;
const SHARDS: usize = 16;

/// Shared by several threads. Aligned so that each shard has cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Shard(Mutex<ShardContents>);

/// The contents of a shard.
#[derive(Default)]
pub struct ShardContents {
    /// Pointers to this engine and to its modules (see `arc_cache`).
    pub(in crate::engine) engines: Vec<Arc<Engine>>,
    pub(in crate::engine) modules: Vec<Arc<Module>>,
    /// Numbers for the next stores.
    ids: Range<u64>,
    /// By use.
    spaces: [Spaces; USES],
}

#[derive(Default)]
struct Spaces {
    list: Vec<Space>,
    /// The number of the pool's places that belong to this shard, occupied or not.
    places: usize,
    reused: u64,
    made: u64,
    returned: u64,
}

pub struct Pool {
    options: PoolOptions,
    shards: Box<[Shard; SHARDS]>,
    /// Places that belong to no shard, by use.
    free_places: [AtomicUsize; USES],
    /// Memories in use, if that is limited.
    in_use: Arc<AtomicUsize>,
}

/// Counts a memory as in use until it is dropped.
pub struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Pool {
    pub fn new(options: PoolOptions) -> Pool {
        let free_places = [options.memories, options.tables].map(AtomicUsize::new);
        Pool { options, shards: Box::default(), free_places, in_use: Arc::default() }
    }

    fn own(&self) -> usize {
        thread::number() % SHARDS
    }

    /// This thread's shard.
    pub(crate) fn local_shard(&self) -> MutexGuard<'_, ShardContents> {
        self.shards[self.own()].0.lock()
    }

    /// All shards, one after the other.
    pub(in crate::engine) fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, ShardContents>> {
        self.shards.iter().map(|s| s.0.lock())
    }

    /// Counts a memory if their number is limited. Fails if there are too many.
    pub fn count(&self) -> Result<Option<Counted>> {
        let most = self.options.max_memories;
        if most == usize::MAX {
            return Ok(None);
        }
        let counted = self.in_use.fetch_update(Relaxed, Relaxed, |n| (n < most).then_some(n + 1));
        match counted {
            Ok(_) => Ok(Some(Counted(self.in_use.clone()))),
            Err(_) => Err(err!(Limit, "{most} memories are in use, the maximum of the engine's pool")),
        }
    }

    /// Returns a space of `reserved` bytes, `bytes` of them usable. It is zero, except that the image may be mapped
    /// into it already.
    pub fn take(&self, to: Use, reserved: usize, bytes: usize, image: Option<&Arc<Image>>) -> io::Result<Space> {
        if let Some(mut space) = self.find(to, reserved, image)
            && space.fit(bytes, image).is_ok()
        {
            self.local_shard().spaces[to as usize].reused += 1;
            return Ok(space);
        }
        let mut space = Space::new(reserved)?;
        space.open_to(bytes)?;
        self.local_shard().spaces[to as usize].made += 1;
        Ok(space)
    }

    fn find(&self, to: Use, reserved: usize, image: Option<&Arc<Image>>) -> Option<Space> {
        let (own, to) = (self.own(), to as usize);
        if let Some(space) = self.shards[own].0.lock().spaces[to].find(reserved, image) {
            return Some(space);
        }
        // Its place moves to this shard as well, so that this shard can keep the space later.
        let space = (1..SHARDS).find_map(|i| {
            let mut other = self.shards[(own + i) % SHARDS].0.try_lock()?;
            let space = other.spaces[to].find(reserved, image)?;
            other.spaces[to].places -= 1;
            Some(space)
        })?;
        self.shards[own].0.lock().spaces[to].places += 1;
        Some(space)
    }

    /// Returns the space of a memory or a table to the pool, which keeps it if `may_fit` says that another one may need
    /// this size.
    pub fn give(&self, from: Use, mut space: Space, may_fit: bool) {
        let (most, resident) = match from {
            Use::Memory => (self.options.memories, self.options.memory_resident),
            Use::Table => (self.options.tables, self.options.table_resident),
        };
        let is_new = may_fit && most > 0 && space.reset(resident);
        let mut kept = self.local_shard();
        let spaces = &mut kept.spaces[from as usize];
        spaces.returned += 1;
        // A space that is not kept is unmapped after the shard is unlocked.
        let old = if is_new { spaces.put(space, &self.free_places[from as usize]) } else { Some(space) };
        drop(kept);
        drop(old);
    }

    /// Unmaps these images from all kept spaces. Their module is gone, so no memory will need them again.
    pub fn forget(&self, images: &Images) {
        for image in images.by_memory.values().flatten() {
            for mut kept in self.shards() {
                kept.spaces[Use::Memory as usize]
                    .list
                    .retain_mut(|s| !s.has_image(Some(image)) || s.unmap_image().is_ok());
            }
        }
    }

    pub fn statistics(&self) -> PoolStatistics {
        let mut s = PoolStatistics::default();
        let mut returned = 0;
        for kept in self.shards() {
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

/// Numbers are handed out in blocks of this size, so stores with adjacent numbers were usually created by one thread.
pub const IDS: u64 = 256;

impl ShardContents {
    /// The next store's number, unique in the process and never 0.
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
    /// Takes the space that was put last, of those that fit best: first those with this image, then those without any,
    /// then others.
    fn find(&mut self, reserved: usize, image: Option<&Arc<Image>>) -> Option<Space> {
        let fits = |s: &Space| s.reserved() == reserved;
        let last = |f: &dyn Fn(&Space) -> bool| self.list.iter().rposition(|s| fits(s) && f(s));
        let found =
            last(&|s| s.has_image(image)).or_else(|| last(&|s| s.has_image(None))).or_else(|| last(&|_| true))?;
        Some(self.list.remove(found))
    }

    /// Keeps a space. Returns the space that must be freed instead, if any.
    fn put(&mut self, space: Space, free_places: &AtomicUsize) -> Option<Space> {
        if self.list.len() == self.places {
            if free_places.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).is_ok() {
                self.places += 1;
            } else if self.list.is_empty() {
                return Some(space);
            } else {
                // The space that was unused for the longest time.
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
        // SAFETY: this is the store's thread (invariant 2), and nothing is imported.
        unsafe { instantiate(&raw mut *store, &module, &[]) }.unwrap();
        let image = Arc::downgrade(module.images().by_memory.values().next().unwrap().as_ref().unwrap());
        drop(store);
        let with_image = || engine.pool.shards().any(|k| k.spaces[0].list.iter().any(|s| !s.has_image(None)));
        assert!(with_image() && image.strong_count() == 2);
        drop(module);
        assert!(!with_image() && image.strong_count() == 0);
        assert_eq!(engine.pool.statistics().memories_kept, 1);
    }
}
