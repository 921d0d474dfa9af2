//! Cached `Arc`s of engines and modules. Every store and every instance holds one. If threads increment and decrement
//! one shared counter, waiting for each other takes longer than all other work to create and free an instance.
//!
//! Therefore a store or instance that is freed does not decrement the counter: it leaves its pointer on its thread's
//! shard in the pool, for the next one of the same engine or module. Such pointers would keep each other alive forever,
//! so this is done only while the host has a `CacheLease`. Dropping the last `CacheLease` takes all of the pointers away.

use crate::engine::engine::Engine;
use crate::engine::module::Module;
use crate::engine::pooling::pool::{Pool, ShardContents};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};

/// The maximum number of pointers of one kind in a shard.
const MOST: usize = 16;

/// A type whose `Arc`s are cached in this way.
pub trait Cacheable: Sized {
    fn pool(&self) -> &Pool;
    /// The number of leases that exist.
    fn leases(&self) -> &AtomicUsize;
    /// The list in a shard that has pointers of this type.
    fn list(kept: &mut ShardContents) -> &mut Vec<Arc<Self>>;
}

impl Cacheable for Engine {
    fn pool(&self) -> &Pool {
        &self.pool
    }
    fn leases(&self) -> &AtomicUsize {
        &self.leases
    }
    fn list(kept: &mut ShardContents) -> &mut Vec<Arc<Engine>> {
        &mut kept.engines
    }
}

impl Cacheable for Module {
    fn pool(&self) -> &Pool {
        &self.engine.pool
    }
    fn leases(&self) -> &AtomicUsize {
        &self.leases
    }
    fn list(kept: &mut ShardContents) -> &mut Vec<Arc<Module>> {
        &mut kept.modules
    }
}

/// An `Arc` that is taken from a shard if one is there, and that returns to a shard when it is dropped.
pub struct CachedArc<T: Cacheable>(ManuallyDrop<Arc<T>>);

impl<T: Cacheable> CachedArc<T> {
    pub fn of(shared: &Arc<T>) -> CachedArc<T> {
        CachedArc::from_shard(shared, &mut shared.pool().local_shard())
    }

    pub fn from_shard(shared: &Arc<T>, kept: &mut ShardContents) -> CachedArc<T> {
        let list = T::list(kept);
        let found = list.iter().rposition(|x| Arc::ptr_eq(x, shared)).map(|i| list.swap_remove(i));
        CachedArc(ManuallyDrop::new(found.unwrap_or_else(|| shared.clone())))
    }

    /// Takes back a pointer that `into_arc` has returned.
    pub fn from_arc(arc: Arc<T>) -> CachedArc<T> {
        CachedArc(ManuallyDrop::new(arc))
    }

    /// Returns the pointer itself. It does not return to a shard unless `from_arc` is called.
    pub fn into_arc(self) -> Arc<T> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: the pointer is taken only once, since `this` is not dropped.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }
}

impl<T: Cacheable> Deref for CachedArc<T> {
    type Target = Arc<T>;
    fn deref(&self) -> &Arc<T> {
        &self.0
    }
}

impl<T: Cacheable> Drop for CachedArc<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer is taken only once, here.
        let shared = unsafe { ManuallyDrop::take(&mut self.0) };
        let raw = Arc::as_ptr(&shared);
        // SAFETY: `shared` is counted until it is in the shard. From then until the shard is unlocked, no other thread
        // can take it away, and unlocking is the last operation that uses it.
        let mut kept = unsafe { (*raw).pool().local_shard() };
        // Read under the lock: either this sees that the last offer was dropped, or the thread that drops it finds the
        // pointer left here.
        let is_offered = shared.leases().load(SeqCst) > 0;
        let list = T::list(&mut kept);
        if is_offered && list.len() < MOST {
            list.push(shared);
            return;
        }
        drop(kept);
        drop(shared);
    }
}

/// While the host has one, pointers are left in shards.
pub struct CacheLease<T: Cacheable>(Arc<T>);

impl<T: Cacheable> CacheLease<T> {
    pub fn new(shared: &Arc<T>) -> CacheLease<T> {
        shared.leases().fetch_add(1, SeqCst);
        CacheLease(shared.clone())
    }
}

impl<T: Cacheable> Drop for CacheLease<T> {
    fn drop(&mut self) {
        if self.0.leases().fetch_sub(1, SeqCst) > 1 {
            return;
        }
        for mut kept in self.0.pool().shards() {
            let (old, rest) = std::mem::take(T::list(&mut kept)).into_iter().partition(|x| Arc::ptr_eq(x, &self.0));
            *T::list(&mut kept) = rest;
            drop(kept);
            let _: Vec<Arc<T>> = old;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::settings::Settings;
    use crate::base::Stable;
    use crate::engine::engine::EngineConfig;
    use crate::store::parts::instantiate::instantiate;
    use crate::store::run::RUNTIME;
    use crate::store::store::Store;

    fn engine() -> Arc<Engine> {
        let config = EngineConfig { settings: Settings::default(), threads: 1, ..EngineConfig::default() };
        Engine::new(config, &RUNTIME).unwrap()
    }

    fn store_with(engine: &Arc<Engine>, module: &Arc<Module>) -> Stable<Store> {
        let store = Store::new(engine);
        // SAFETY: this is the store's thread (invariant 2), and nothing is imported.
        unsafe { instantiate(store.as_ptr(), module, &[]) }.unwrap();
        store
    }

    fn on_shelves<T: Cacheable>(shared: &Arc<T>) -> usize {
        let count = |mut kept: crate::sys::lock::MutexGuard<ShardContents>| T::list(&mut kept).len();
        shared.pool().shards().map(count).sum()
    }

    /// Pointers in shards do not keep a module or an engine alive that the host has dropped.
    #[test]
    fn what_is_given_up_ends() {
        let engine = engine();
        let offer = CacheLease::new(&engine);
        let module = Arc::new(Module::new(&engine, b"\0asm\x01\0\0\0").unwrap());
        let leases = [CacheLease::new(&module), CacheLease::new(&module)];
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..20).for_each(|_| drop(store_with(&engine, &module))));
            }
        });
        let late = store_with(&engine, &module);
        assert!(on_shelves(&engine) > 0 && on_shelves(&module) > 0);
        let (of_engine, of_module) = (Arc::downgrade(&engine), Arc::downgrade(&module));
        let [first, second] = leases;
        drop(first);
        assert!(on_shelves(&module) > 0);
        drop((second, module));
        assert!(of_module.strong_count() == 1, "a store needs it");
        drop(late);
        assert_eq!(of_module.strong_count(), 0);
        drop((engine, offer));
        assert_eq!(of_engine.strong_count(), 0);
    }

    #[test]
    fn nothing_waits_without_an_offer() {
        let engine = engine();
        let module = Arc::new(Module::new(&engine, b"\0asm\x01\0\0\0").unwrap());
        drop(store_with(&engine, &module));
        assert_eq!((Arc::strong_count(&module), on_shelves(&module), on_shelves(&engine)), (1, 0, 0));
    }

    /// Stores are dropped at the same time as the last offer.
    #[test]
    fn nothing_is_left_behind_in_a_race() {
        let engine = engine();
        for _ in 0..200 {
            let module = Arc::new(Module::new(&engine, b"\0asm\x01\0\0\0").unwrap());
            let offer = CacheLease::new(&module);
            let stores: Vec<_> = (0..4).map(|_| Sent(store_with(&engine, &module))).collect();
            let watch = Arc::downgrade(&module);
            drop(module);
            std::thread::scope(|scope| {
                scope.spawn(move || drop(stores));
                scope.spawn(move || drop(offer));
            });
            assert_eq!(watch.strong_count(), 0);
        }
    }

    struct Sent(#[allow(dead_code)] Stable<Store>);
    // SAFETY: a store may move between threads (invariant 2), and this one contains nothing of a host.
    unsafe impl Send for Sent {}
}
