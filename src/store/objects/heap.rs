//! The store's heap. It is created on first use. Collections start here, where all roots are known.

use crate::abi::heap::LARGE;
use crate::abi::vmstruct::PENDING_DEAD;
use crate::base::{Error, Result, Slab, Stable, Trap};
use crate::err;
use crate::gc::collect::{Compaction, Kind};
use crate::gc::host::HostData;
use crate::gc::no_gc::NewObject;
use crate::gc::object::array_size;
use crate::gc::{Gc, Heap, HeapConfig, NoGc, Root, Statistics};
use crate::store::life::liveness::LivenessScan;
use crate::store::objects::gc_event::GcEvent;
use crate::store::objects::roots;
use crate::store::objects::scope::no_scope;
use crate::store::parts::bulk;
use crate::store::parts::func_table::FuncRefPtr;
use crate::store::parts::global::Global;
use crate::store::parts::limits::{Growth, Resource};
use crate::store::parts::table::Table;
use crate::store::store::Store;
use crate::sys::fault_injection;
use crate::wasm::descriptor::{HEADER_SIZE, HELD_FUNC_TYPE, HOST_OBJECT_SIZE, HOST_TYPE, KIND_ARRAY};
use crate::wasm::types::TypeId;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::AcqRel;
use std::time::Instant;

/// Bytes that a heap can take before the limiter is asked.
const UNASKED: usize = 4 << 20;

impl Store {
    /// The heap, created now if this is its first use.
    #[inline(always)]
    pub fn heap(&mut self) -> Result<&mut Heap> {
        if self.heap.is_none() {
            self.make_heap()?;
        }
        Ok(self.heap.as_mut().expect("just made"))
    }

    #[cold]
    fn make_heap(&mut self) -> Result<()> {
        let engine = &self.engine;
        // SAFETY: the `VmStore` outlives the heap (the store drops the heap first), and the types are the engine's.
        let mut heap = unsafe {
            let nursery = &raw mut (*self.vm.get()).nursery;
            Heap::new(self.heap_config, &engine.regions, engine.types.view(), nursery)?
        };
        for _ in 0..self.scopes {
            heap.roots().open().ok_or_else(no_scope)?;
        }
        let base = heap.base();
        for instance in self.instances.values() {
            // SAFETY: contexts are alive (invariant 1). An instance whose code uses the heap got its base when it was
            // created.
            unsafe { (*instance.vmctx()).heap = base };
        }
        self.heap = Some(heap);
        self.limit_heap();
        Ok(())
    }

    /// Access to references while nothing can be collected. Creates the heap if the store has none.
    pub fn no_gc(&mut self) -> Result<NoGc<'_>> {
        self.heap().map(|h| h.no_gc())
    }

    /// As `no_gc`, with the tables.
    #[inline(always)]
    pub fn no_gc_and_tables(&mut self) -> Result<(NoGc<'_>, &mut Slab<Stable<Table>>)> {
        self.heap()?;
        let Store { heap, tables, .. } = self;
        Ok((heap.as_ref().expect("just there").no_gc(), tables))
    }

    /// As `no_gc`, with the globals.
    pub fn no_gc_and_globals(&mut self) -> Result<(NoGc<'_>, &Slab<Global>)> {
        self.heap()?;
        let Store { heap, globals, .. } = self;
        Ok((heap.as_ref().expect("just there").no_gc(), globals))
    }

    /// SAFEPOINT. Collects now.
    pub fn collect(&mut self, kind: Kind) -> Result<()> {
        self.check_sound()?;
        let Some(mut heap) = self.heap.take() else { return Ok(()) };
        if !heap.prepare() {
            self.heap = Some(heap);
            return Err(err!(OutOfMemory, "no memory for a collection"));
        }
        let before = self.gc_hook.as_ref().map(|_| heap.statistics());
        let start = Instant::now();
        let collected = catch_unwind(AssertUnwindSafe(|| {
            let mut reach = if kind == Kind::Minor { None } else { LivenessScan::new(self) };
            let has_functions = reach.is_some() && heap.find_funcs(self.func_ids.len());
            let mut reach = reach.take_if(|_| has_functions);
            heap.collect(kind, &mut |tracer| match &mut reach {
                Some(reach) if !tracer.is_minor() => reach.trace(self, Some(tracer)),
                _ => roots::roots(self, tracer),
            });
            if let Some(reach) = reach {
                reach.finish(self);
            }
            let verifies = heap.config().verify;
            let verified = if verifies { heap.verify().and_then(|()| roots::verify(self, &heap)) } else { Ok(()) };
            verified.unwrap_or_else(|finding| panic!("after a collection: {finding}"));
        }));
        if heap.has_dead() {
            self.vm.pending_work().fetch_or(PENDING_DEAD, AcqRel);
        }
        // A broken heap is put back as well, because contexts hold its base.
        heap.broken |= collected.is_err();
        let after = before.as_ref().map(|_| heap.statistics());
        self.heap = Some(heap);
        if let (Some(hook), Some(before), Some(after), Ok(())) = (&mut self.gc_hook, before, after, &collected) {
            let promoted = after.promoted - before.promoted;
            let event = GcEvent { full: kind != Kind::Minor, pause: start.elapsed(), promoted, used: after.used };
            // The hook runs while the store is borrowed (invariant 7).
            self.vm.closed_during(|| hook(&event));
        }
        collected.map_err(|panic| {
            self.poison();
            resume_unwind(panic)
        })
    }

    /// SAFEPOINT. Collects everything, compacts sparse blocks if there are many, and returns free memory to the system.
    pub fn collect_all(&mut self) -> Result<()> {
        if self.heap.is_none() {
            return self.free_released();
        }
        let moving = self.heap.as_ref().map_or(Compaction::Nothing, |h| h.worth_moving());
        self.collect(Kind::Full(moving))?;
        if let Some(heap) = &mut self.heap {
            heap.trim();
        }
        Ok(())
    }

    /// The heap's statistics. Roots and weak references are only the host's: those by which the store finds its tags
    /// are not counted.
    pub fn heap_statistics(&self) -> Statistics {
        let Some(heap) = &self.heap else { return Statistics::default() };
        let (all, tags) = (heap.statistics(), self.tags.values());
        let rooted = tags.filter(|t| t.is_rooted()).count();
        Statistics { roots: all.roots - rooted, weak_references: all.weak_references - self.tags.len(), ..all }
    }

    /// SAFEPOINT. Makes room for an object of `size` bytes.
    fn make_room(&mut self, size: u64) -> Result<(), Trap> {
        let exhausted = |_| Trap::HeapExhausted;
        let heap = self.heap().map_err(exhausted)?;
        if heap.wants_zeal() {
            self.collect(Kind::Full(Compaction::All)).map_err(exhausted)?;
        } else if !heap.has_room(size) || heap.is_external_due() {
            let kind = if heap.is_full_due() { Kind::Full(heap.worth_moving()) } else { Kind::Minor };
            self.collect(kind).map_err(exhausted)?;
        }
        if self.heap().map_err(exhausted)?.has_room(size) {
            return Ok(());
        }
        self.collect(Kind::Full(Compaction::All)).map_err(exhausted)?;
        loop {
            let heap = self.heap().map_err(exhausted)?;
            // If the next collection would be due immediately, the room does not count: a program must not slow to a
            // crawl at its limit.
            if heap.has_room(size) && !heap.is_nearly_full() {
                return Ok(());
            }
            if !self.grow_heap(size) {
                return Err(Trap::HeapExhausted);
            }
        }
    }

    /// Maximum bytes of objects, however much the limiter grants.
    fn greatest_heap(&self) -> usize {
        self.heap_config.limit.min(usize::try_from(self.account.limits.heap_bytes).unwrap_or(usize::MAX))
    }

    /// Applies the limits again after one has changed.
    pub fn limit_heap(&mut self) {
        let limit = self.greatest_heap().min(self.heap_granted);
        let config = HeapConfig { limit, ..self.heap_config };
        if let Some(heap) = &mut self.heap {
            heap.configure(&config);
        }
    }

    /// Called after the limiter has changed: from now on the new one is asked before the heap grows.
    pub fn ask_for_heap(&mut self) {
        let used = self.heap.as_ref().map_or(0, |h| h.statistics().used);
        self.heap_granted = match self.account.limiter {
            Some(_) => used.max(UNASKED),
            None => usize::MAX,
        };
        self.limit_heap();
    }

    /// Asks the limiter for more, so that an object of `size` bytes can fit.
    fn grow_heap(&mut self, size: u64) -> bool {
        let (current, greatest) = (self.heap_granted, self.greatest_heap());
        if current >= greatest {
            return false;
        }
        let used = self.heap.as_ref().map_or(0, |h| h.statistics().used);
        let needed = used.saturating_add(usize::try_from(size).unwrap_or(usize::MAX)).saturating_add(UNASKED);
        let desired = current.saturating_mul(2).max(needed).min(greatest);
        let growth = Growth { resource: Resource::Heap, current: current as u64, desired: desired as u64 };
        if !self.account.take(growth) {
            return false;
        }
        self.heap_granted = desired;
        let limit = |store: &Store| store.heap.as_ref().map_or(0, |h| h.config().limit);
        let before = limit(self);
        self.limit_heap();
        // The address space can be exhausted earlier.
        limit(self) > before
    }

    /// SAFEPOINT. A new structure, or a new array of `len` elements; all fields are zero or null.
    pub fn alloc(&mut self, ty: TypeId, len: u32) -> Result<NewObject<'_>, Trap> {
        let d = self.engine.types.view().get(ty);
        let size = if d.kind == KIND_ARRAY { array_size(len, d.size) } else { d.size as u64 };
        self.make_room(size)?;
        if size > LARGE as u64 && !self.heap.as_mut().expect("made by make_room").has_run(size) {
            // There are enough free bytes, but not in one place.
            self.collect(Kind::Full(Compaction::All)).map_err(|_| Trap::HeapExhausted)?;
        }
        let Store { vm, heap, .. } = self;
        let heap = heap.as_mut().expect("made by make_room");
        if size > bulk::BYTES as u64 && vm.can_interrupt() {
            heap.clear_ahead(size as usize, bulk::BYTES, || vm.poll())?;
        }
        heap.alloc(ty, len).ok_or(Trap::HeapExhausted)
    }

    /// SAFEPOINT. As `alloc`, for the host. Creates the heap on first use; if that fails, the error says why.
    pub fn alloc_first(&mut self, ty: TypeId, len: u32) -> Result<NewObject<'_>> {
        self.heap()?;
        self.alloc(ty, len).map_err(Error::trap)
    }

    /// SAFEPOINT. A new host object. The value that `data` returns is dropped after the object has died; `data` is not
    /// called if this fails. `external` is the number of bytes outside of the heap that live as long as the object.
    #[inline(always)]
    pub fn alloc_host(&mut self, data: impl FnOnce() -> HostData, external: usize) -> Result<Root> {
        debug_assert_eq!(self.engine.types.view().get(HOST_TYPE).size, HOST_OBJECT_SIZE);
        if !self.heap.as_ref().is_some_and(|h| h.has_room_now(HOST_OBJECT_SIZE)) {
            self.heap()?;
            self.make_room(HOST_OBJECT_SIZE as u64).map_err(Error::trap)?;
        }
        let heap = self.heap.as_mut().expect("made by make_room");
        heap.alloc_host(data, external).ok_or_else(no_host_object)
    }

    /// SAFEPOINT. As `alloc_host`, with `fields` references to other objects, all null.
    pub fn alloc_host_with_fields(
        &mut self,
        data: impl FnOnce() -> HostData,
        external: usize,
        fields: u32,
    ) -> Result<Root> {
        if fields == 0 {
            return self.alloc_host(data, external);
        }
        self.in_scope(|store| {
            let array = store.alloc_first(store.engine.host_fields.id, fields)?;
            let (no_gc, array) = (array.no_gc(), array.finish());
            let array = Store::root(no_gc, array)?;
            let root = store.alloc_host(data, external)?;
            let heap = store.heap.as_mut().expect("just used");
            heap.roots().escape(root).map_err(|_| err!(Internal, "a root got lost"))?;
            let no_gc = heap.no_gc();
            let get = |r: Root| no_gc.get(r).map_err(|_| err!(Internal, "a root got lost"));
            no_gc.host_fields(get(root)?).expect("just made").store(no_gc, 0, Some(get(array)?));
            Ok(root)
        })
    }

    /// SAFEPOINT. A new object by which the host holds a function.
    ///
    /// # Safety
    /// As for `func_id`.
    pub unsafe fn alloc_held_func(&mut self, f: FuncRefPtr) -> Result<Root> {
        // SAFETY: the caller's promise (invariant 1).
        let number = unsafe { self.func_id(f) }.map_err(Error::trap)?;
        // The function must stay alive until the object holds it.
        self.pinned_funcs.push(f);
        let made = self.alloc_first(HELD_FUNC_TYPE, 0).map(|new| {
            let (no_gc, gc) = (new.no_gc(), new.finish());
            // SAFETY: the place of the number in the new object (invariant 15).
            unsafe { *no_gc.field_bytes(gc, HEADER_SIZE).cast::<u32>() = number };
            Store::root(no_gc, gc)
        });
        self.pinned_funcs.pop();
        made?
    }

    /// The number by which objects refer to a function; 0 for null.
    ///
    /// # Safety
    /// `f` is null, or a live funcref of this store.
    pub unsafe fn func_id(&mut self, f: FuncRefPtr) -> Result<u32, Trap> {
        // SAFETY: the caller's promise (invariant 1).
        let Some(funcref) = (unsafe { f.as_mut() }) else { return Ok(0) };
        if funcref.index == 0 {
            if fault_injection::check().is_err() || self.func_ids.try_reserve(2).is_err() {
                return Err(Trap::HeapExhausted);
            }
            if self.func_ids.is_empty() {
                self.func_ids.push(std::ptr::null_mut());
            }
            self.note_known(funcref);
            funcref.index = match self.free_numbers.pop() {
                Some(number) => number,
                None => {
                    self.func_ids.push(std::ptr::null_mut());
                    self.func_ids.len() as u32 - 1
                }
            };
            self.func_ids[funcref.index as usize] = f;
            // SAFETY: on the store's thread (invariant 2); machine code loads both fields again on each use.
            unsafe {
                (*self.vm.get()).funcs = self.func_ids.as_ptr();
                (*self.vm.get()).func_count = self.func_ids.len() as u32;
            }
        }
        Ok(funcref.index)
    }

    /// A root of this store for a reference.
    pub fn root<'h>(no_gc: NoGc<'h>, gc: Gc<'h>) -> Result<Root> {
        no_gc.root(gc).ok_or_else(|| err!(OutOfMemory, "no memory for a root"))
    }
}

#[cold]
fn no_host_object() -> Error {
    err!(OutOfMemory, "no memory for an object of the host")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::heap::OLD;
    use crate::abi::settings::Settings;
    use crate::engine::engine::{Engine, EngineConfig};
    use crate::gc::HeapConfig;
    use crate::store::run::RUNTIME;

    /// A bug found during a collection poisons the store. The store keeps its heap, and no other heap reuses the
    /// address space.
    #[test]
    fn a_panic_in_a_collection_poisons_the_store() {
        let config = EngineConfig {
            settings: Settings::default(),
            threads: 1,
            heap: HeapConfig { verify: true, ..HeapConfig::default() },
            ..EngineConfig::default()
        };
        let engine = Engine::new(config, &RUNTIME).unwrap();
        for kind in [Kind::Minor, Kind::Full(Compaction::Nothing)] {
            let mut store = Store::new(&engine);
            let base = store.heap().unwrap().base();
            store.collect(kind).unwrap();
            // There is no object at this offset.
            store.heap().unwrap().roots().add(OLD as u32 + (64 << 20)).unwrap();
            catch_unwind(AssertUnwindSafe(|| store.collect(kind))).unwrap_err();
            assert!(store.poisoned && store.heap.as_ref().is_some_and(|h| h.base() == base));
            assert_eq!(store.collect(kind).unwrap_err().kind(), crate::base::ErrorKind::Internal);
            drop(store);
            let mut next = Store::new(&engine);
            assert_ne!(next.heap().unwrap().base(), base);
            next.collect(kind).unwrap();
        }
    }
}
