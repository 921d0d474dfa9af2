//! Counted pointers to engines and modules that threads do not count on one place: every store and every instance has one, and two
//! threads that count up and down the same number wait for each other longer than all the rest of an instance takes.
//!
//! So what ends leaves its pointer, as counted as it is, on its thread's shelf in the pool, for the next one of the same. They would
//! keep each other alive for ever. Therefore it is done only as long as the host has an `Offer`, whose end takes all of them away.

use crate::engine::engine::Engine;
use crate::engine::module::Module;
use crate::engine::pooling::pool::{Kept, Pool};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};

/// Pointers of one kind on a shelf, at most.
const MOST: usize = 16;

/// What is shared in this way.
pub trait Shared: Sized {
    fn pool(&self) -> &Pool;
    /// How many offers there are.
    fn offers(&self) -> &AtomicUsize;
    /// Where a shelf has them.
    fn shelf(kept: &mut Kept) -> &mut Vec<Arc<Self>>;
}

impl Shared for Engine {
    fn pool(&self) -> &Pool {
        &self.pool
    }
    fn offers(&self) -> &AtomicUsize {
        &self.offers
    }
    fn shelf(kept: &mut Kept) -> &mut Vec<Arc<Engine>> {
        &mut kept.engines
    }
}

impl Shared for Module {
    fn pool(&self) -> &Pool {
        &self.engine.pool
    }
    fn offers(&self) -> &AtomicUsize {
        &self.offers
    }
    fn shelf(kept: &mut Kept) -> &mut Vec<Arc<Module>> {
        &mut kept.modules
    }
}

/// An `Arc` that came from a shelf, if one was there, and goes to one.
pub struct Share<T: Shared>(ManuallyDrop<Arc<T>>);

impl<T: Shared> Share<T> {
    pub fn of(shared: &Arc<T>) -> Share<T> {
        Share::from_shelf(shared, &mut shared.pool().shelf())
    }

    pub fn from_shelf(shared: &Arc<T>, kept: &mut Kept) -> Share<T> {
        let list = T::shelf(kept);
        let found = list.iter().rposition(|x| Arc::ptr_eq(x, shared)).map(|i| list.swap_remove(i));
        Share(ManuallyDrop::new(found.unwrap_or_else(|| shared.clone())))
    }

    /// Of a pointer that `into_arc` gave.
    pub fn from_arc(arc: Arc<T>) -> Share<T> {
        Share(ManuallyDrop::new(arc))
    }

    /// Goes to no shelf then, unless `from_arc` is called.
    pub fn into_arc(self) -> Arc<T> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: taken once; `this` is not dropped.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }
}

impl<T: Shared> Deref for Share<T> {
    type Target = Arc<T>;
    fn deref(&self) -> &Arc<T> {
        &self.0
    }
}

impl<T: Shared> Drop for Share<T> {
    fn drop(&mut self) {
        // SAFETY: taken once, here.
        let shared = unsafe { ManuallyDrop::take(&mut self.0) };
        let raw = Arc::as_ptr(&shared);
        // SAFETY: `shared` is counted until it is on the shelf; from then on until the shelf is unlocked nobody can take it
        // away, and unlocking is the last that is done with it.
        let mut kept = unsafe { (*raw).pool().shelf() };
        // Looked at under the lock: either this sees that the last offer has ended, or that one finds what this leaves.
        let is_offered = shared.offers().load(SeqCst) > 0;
        let list = T::shelf(&mut kept);
        if is_offered && list.len() < MOST {
            list.push(shared);
            return;
        }
        drop(kept);
        drop(shared);
    }
}

/// As long as the host has one, pointers are left on shelves.
pub struct Offer<T: Shared>(Arc<T>);

impl<T: Shared> Offer<T> {
    pub fn new(shared: &Arc<T>) -> Offer<T> {
        shared.offers().fetch_add(1, SeqCst);
        Offer(shared.clone())
    }
}

impl<T: Shared> Drop for Offer<T> {
    fn drop(&mut self) {
        if self.0.offers().fetch_sub(1, SeqCst) > 1 {
            return;
        }
        for mut kept in self.0.pool().shelves() {
            let (old, rest) = std::mem::take(T::shelf(&mut kept)).into_iter().partition(|x| Arc::ptr_eq(x, &self.0));
            *T::shelf(&mut kept) = rest;
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
        // SAFETY: this is its thread, and nothing is imported.
        unsafe { instantiate(store.as_ptr(), module, &[]) }.unwrap();
        store
    }

    fn on_shelves<T: Shared>(shared: &Arc<T>) -> usize {
        let count = |mut kept: crate::sys::lock::MutexGuard<Kept>| T::shelf(&mut kept).len();
        shared.pool().shelves().map(count).sum()
    }

    /// Pointers that wait on shelves keep neither a module nor an engine alive that the host has given up.
    #[test]
    fn what_is_given_up_ends() {
        let engine = engine();
        let offer = Offer::new(&engine);
        let module = Arc::new(Module::new(&engine, b"\0asm\x01\0\0\0").unwrap());
        let offers = [Offer::new(&module), Offer::new(&module)];
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..20).for_each(|_| drop(store_with(&engine, &module))));
            }
        });
        let late = store_with(&engine, &module);
        assert!(on_shelves(&engine) > 0 && on_shelves(&module) > 0);
        let (of_engine, of_module) = (Arc::downgrade(&engine), Arc::downgrade(&module));
        let [first, second] = offers;
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

    /// Stores end while the last offer does.
    #[test]
    fn nothing_is_left_behind_in_a_race() {
        let engine = engine();
        for _ in 0..200 {
            let module = Arc::new(Module::new(&engine, b"\0asm\x01\0\0\0").unwrap());
            let offer = Offer::new(&module);
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
    // SAFETY: a store may move between threads (invariant 2); this one has nothing of a host.
    unsafe impl Send for Sent {}
}
