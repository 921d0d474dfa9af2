//! The heap of a store, and its two interfaces: `&mut Heap` can collect and uses `Root`; `NoGc` cannot and uses `Gc`.

use super::config::{AllPauses, HeapConfig, Statistics};
use super::funcs::FoundFuncs;
use super::host::HostData;
use super::no_gc::{NewObject, NoGc};
use super::object::*;
use super::old::{BLOCK, Old, blocks_for};
use super::region::{Region, RegionPool};
use super::root::{Root, Roots, Stale};
use super::weak::{Weak, WeakTables};
use crate::abi::heap::*;
use crate::abi::vmstruct::VmNursery;
use crate::base::Result;
use crate::wasm::descriptor::*;
use crate::wasm::types::TypeId;
use std::cell::UnsafeCell;
use std::num::NonZeroU32;
use std::sync::Arc;

/// Freed space is overwritten with this byte under zeal.
pub const POISON: u8 = 0xdb;

pub struct Heap {
    pub(super) objects: Objects,
    pub(super) config: HeapConfig,
    /// What machine code allocates from, in the store's `VmStore`.
    nursery: *mut VmNursery,
    pub(super) nursery_size: usize,
    /// Maximum number of bytes of the nursery that were ever used.
    nursery_peak: usize,
    /// Minor collections since the nursery's size changed.
    pub(super) minors_at_size: u32,
    pub(super) old: Old,
    pub(super) region: Option<Region>,
    pub(super) roots: UnsafeCell<Roots>,
    pub(super) weak: WeakTables,
    pub(super) mark_stack: Vec<u32>,
    /// Present while a full collection searches objects for functions.
    pub(super) found_funcs: Option<FoundFuncs>,
    pub(super) statistics: Statistics,
    /// At most one element. Created by the first collection, which most short-lived stores never reach, if there is
    /// memory.
    pauses: Vec<AllPauses>,
    /// Bytes promoted, and allocated as large objects, since the last full collection.
    pub(super) grown: usize,
    /// A full collection is due when `grown`, or the external bytes, reach these.
    pub(super) threshold: usize,
    pub(super) external_threshold: usize,
    /// External bytes that the last full collection found alive.
    pub(super) external_live: usize,
    countdown: u32,
    /// A collection panicked.
    pub broken: bool,
}

impl Heap {
    /// Creates an empty heap.
    ///
    /// # Safety
    /// `nursery` outlives the heap and is used by machine code only; `types` are the engine's.
    pub unsafe fn new(
        config: HeapConfig,
        pool: &Arc<RegionPool>,
        types: DescriptorView,
        nursery: *mut VmNursery,
    ) -> Result<Box<Heap>> {
        let region = Region::new(pool, config.reservation)?;
        let base = region.base();
        let mut heap = Heap {
            objects: Objects { base, types },
            nursery,
            nursery_size: config.nursery_min,
            nursery_peak: 0,
            minors_at_size: 0,
            old: Old::new(base),
            region: Some(region),
            roots: UnsafeCell::default(),
            weak: WeakTables::default(),
            mark_stack: Vec::new(),
            found_funcs: None,
            statistics: Statistics::default(),
            pauses: Vec::new(),
            grown: 0,
            threshold: config.growth_min,
            external_threshold: config.growth_min,
            external_live: 0,
            countdown: config.zeal,
            broken: false,
            config,
        };
        if config.debug_roots {
            heap.roots().note_places();
        }
        heap.open_nursery();
        heap.configure(&config);
        Ok(Box::new(heap))
    }

    pub fn base(&self) -> *mut u8 {
        self.objects.base
    }

    pub fn no_gc(&self) -> NoGc<'_> {
        NoGc { heap: self }
    }

    pub fn roots(&mut self) -> &mut Roots {
        self.roots.get_mut()
    }

    /// Makes the next full collection search objects for functions, whose ids are below `count`. Returns false if there
    /// is no memory.
    pub fn find_funcs(&mut self, count: usize) -> bool {
        self.found_funcs = FoundFuncs::new(count);
        self.found_funcs.is_some()
    }

    pub(super) fn pauses(&mut self) -> Option<&mut AllPauses> {
        if self.pauses.is_empty() && self.pauses.try_reserve_exact(1).is_ok() {
            self.pauses.push(AllPauses::default());
        }
        self.pauses.first_mut()
    }

    pub fn all_pauses(&self) -> AllPauses {
        self.pauses.first().copied().unwrap_or_default()
    }

    /// Bytes that were live after the last full collection.
    pub fn live(&self) -> usize {
        self.statistics.live
    }

    /// Creates a weak reference to a root's object. `None` if there is no memory for it.
    pub fn new_weak(&mut self, root: Root) -> Result<Option<Weak>, Stale> {
        let bits = self.roots.get_mut().get(root)?;
        Ok(self.weak.refs.add(bits))
    }

    pub fn release_weak(&mut self, weak: Weak) -> Result<(), Stale> {
        self.weak.refs.release(weak)
    }

    /// The identity hash of a root's object. `None` if there is no memory for it.
    pub fn identity_hash(&mut self, root: Root) -> Result<Option<u64>, Stale> {
        let bits = self.roots.get_mut().get(root)?;
        Ok(self.weak.identities.hash(bits))
    }

    /// Changes the limit, the nursery's maximum size and the growth to those of a checked configuration, from the next
    /// collection on. Existing objects are not affected.
    pub fn configure(&mut self, config: &HeapConfig) {
        let (limit, nursery_max) = self.bounds(config);
        self.config.limit = limit;
        self.config.nursery_max = nursery_max;
        self.config.growth_percent = config.growth_percent;
        self.config.growth_min = config.growth_min.max(1);
        self.set_thresholds();
        self.limit_nursery();
    }

    /// The limit and the nursery's maximum size, reduced to what the address space allows.
    fn bounds(&self, config: &HeapConfig) -> (usize, usize) {
        let space = self.region.as_ref().map_or(OLD, |r| r.span()) - OLD;
        let nursery_max = config.nursery_max.min(space / 16).max(config.nursery_min);
        // Beyond the limit there is always space for the survivors of a nursery, and for the rest of a large object's
        // last block (invariant 7).
        (config.limit.min(space - (blocks_for(nursery_max.max(self.nursery_size)) + 1) * BLOCK), nursery_max)
    }

    pub fn config(&self) -> &HeapConfig {
        &self.config
    }

    /// Commits the memory that a collection can need. Returns false if there is none; then the heap must not be
    /// collected.
    pub fn prepare(&mut self) -> bool {
        let used = self.nursery_used();
        self.old.reserve(self.region.as_mut().expect("alive"), used)
    }

    pub fn statistics(&self) -> Statistics {
        let nursery = self.nursery_used();
        Statistics {
            used: self.old.used() + nursery,
            nursery_size: self.nursery_size,
            nursery_used: nursery,
            roots: self.no_gc().root_count(),
            weak_references: self.weak.refs.len(),
            host_objects: self.weak.hosts.len(),
            external: self.weak.hosts.external(),
            ..self.statistics
        }
    }

    /// Bytes of the nursery that objects take.
    pub(super) fn nursery_used(&self) -> usize {
        // SAFETY: `nursery` outlives the heap, and this is the store's thread (invariant 9).
        unsafe { (*self.nursery).next as usize - NURSERY }
    }

    /// Makes the nursery empty.
    pub(super) fn open_nursery(&self) {
        // SAFETY: as above (invariant 9).
        unsafe { (*self.nursery).next = NURSERY as u32 };
        self.limit_nursery();
    }

    /// Sets the nursery's end: machine code can fill the nursery as far as the heap's limit allows. Under zeal, it must
    /// call the runtime for every object.
    fn limit_nursery(&self) {
        let room = self.nursery_size.min(self.config.limit.saturating_sub(self.old.used())).max(self.nursery_used());
        // SAFETY: as above (invariant 9).
        unsafe { (*self.nursery).end = if self.config.zeal > 0 { 0 } else { (NURSERY + room) as u32 } };
    }

    pub(super) fn note_peak(&mut self) {
        self.nursery_peak = self.nursery_peak.max(self.nursery_used());
    }

    /// Whether zeal requires a collection before this allocation.
    pub fn wants_zeal(&mut self) -> bool {
        if self.config.zeal == 0 {
            return false;
        }
        self.countdown -= 1;
        if self.countdown == 0 {
            self.countdown = self.config.zeal;
        }
        self.countdown == self.config.zeal
    }

    /// Whether there is space for an object of `size` bytes without a collection.
    pub fn has_room(&mut self, size: u64) -> bool {
        let used = self.old.used() + self.nursery_used();
        if size > u32::MAX as u64 || used as u64 + size > self.config.limit as u64 {
            return false;
        }
        if size > LARGE as u64 {
            return self.grown + (size as usize) < self.threshold.max(size as usize + 1);
        }
        self.nursery_used() + size as usize <= self.nursery_size
    }

    /// Whether there is contiguous space for a large object of this size.
    pub fn has_run(&self, size: u64) -> bool {
        let space = self.region.as_ref().map_or(0, |r| r.span());
        self.old.has_run(size as usize, space)
    }

    /// Whether less than a sixty-fourth of the limit is left after a collection.
    pub fn is_nearly_full(&self) -> bool {
        self.config.limit - self.old.used().min(self.config.limit) < self.config.limit / 64
    }

    /// Allocates a structure, an array of `len` elements, or an object of another kind, all zero and null. `None` if
    /// there is no space (see `has_room`), or the system has no memory.
    pub fn alloc(&mut self, ty: TypeId, len: u32) -> Option<NewObject<'_>> {
        let d = self.objects.types.get(ty);
        let size = if d.kind == KIND_ARRAY { array_size(len, d.size) } else { d.size as u64 };
        let len = if d.kind == KIND_ARRAY { len } else { 0 };
        let r = if size > LARGE as u64 { self.alloc_large(size)? } else { self.bump(size as u32)? };
        // SAFETY: space of this size to which nothing refers yet (invariant 11).
        unsafe { self.objects.put_header(r, ty, len) };
        let no_gc = NoGc { heap: self };
        Some(NewObject { r: NonZeroU32::new(r)?, no_gc })
    }

    #[inline(always)]
    fn bump(&mut self, size: u32) -> Option<u32> {
        // SAFETY: `nursery` outlives the heap, and this is the store's thread (invariant 9).
        let nursery = unsafe { &mut *self.nursery };
        let at = nursery.next;
        (at as usize + size as usize <= NURSERY + self.nursery_size).then(|| {
            nursery.next = at + size;
            // SAFETY: space in the nursery (invariant 8).
            unsafe { zero_words(self.objects.at(at), size) };
            at
        })
    }

    fn alloc_large(&mut self, size: u64) -> Option<u32> {
        let size = u32::try_from(size).ok()?;
        crate::sys::fault_injection::check().ok()?;
        let r = self.old.alloc_large(self.region.as_mut()?, size)?;
        self.old.mark(r);
        self.limit_nursery();
        self.grown += size as usize;
        // It is allocated in the old space: references stored into it without cards must be found.
        let (from, to) = (r >> CARD_SHIFT, (r + size - 1) >> CARD_SHIFT);
        // SAFETY: the cards of the object (invariant 8).
        unsafe { std::ptr::write_bytes(self.objects.at::<u8>(CARDS as u32 + from), 1, (to - from + 1) as usize) };
        Some(r)
    }

    /// Clears the existing memory that the next large object of this size will take, at most `piece` bytes after each
    /// call of `ask`.
    pub fn clear_ahead<E>(&mut self, size: usize, piece: usize, ask: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        self.old.clear_ahead(size, piece, ask)
    }

    pub fn has_dead(&self) -> bool {
        self.weak.hosts.has_dead()
    }

    /// Data of an object that died. Dropping it runs its finalizer, so nothing of the store may be borrowed then.
    pub fn pop_dead(&mut self) -> Option<HostData> {
        self.weak.hosts.pop_dead()
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        self.note_peak();
        // SAFETY: `nursery` outlives the heap (invariant 9).
        unsafe { *self.nursery = VmNursery::default() };
        let Some(region) = self.region.take() else { return };
        if self.broken {
            // Its state is unknown, so it is leaked instead of reused.
            std::mem::forget(region);
        } else {
            region.recycle(self.old.end(), self.nursery_peak);
        }
    }
}

impl Heap {
    /// Whether there is space for a small object in the nursery right now, and no collection is due.
    #[inline(always)]
    pub fn has_room_now(&self, size: u32) -> bool {
        // SAFETY: `nursery` outlives the heap, and this is the store's thread (invariant 9). Its end is 0 under zeal,
        // and within the limit.
        let nursery = unsafe { &*self.nursery };
        nursery.next + size <= nursery.end && !self.is_external_due()
    }

    /// Allocates the host object for the result of `data`, which is called only when nothing can fail any more. `None`
    /// if there is no space, or no memory.
    #[inline(always)]
    pub fn alloc_host(&mut self, data: impl FnOnce() -> HostData, external: usize) -> Option<Root> {
        if !self.weak.hosts.reserve() {
            return None;
        }
        let r = self.bump(HOST_OBJECT_SIZE)?;
        // SAFETY: space of this size to which nothing refers yet (invariant 11).
        unsafe { self.objects.put_header(r, HOST_TYPE, 0) };
        let root = self.roots.get_mut().add(r)?;
        let index = self.weak.hosts.add(r, data(), external);
        // SAFETY: the index follows the header of the object that was just allocated (invariants 1 and 11).
        unsafe { *self.objects.at::<u32>(r + HOST_NUMBER) = index };
        Some(root)
    }
}

/// Zeroes `size` bytes.
///
/// # Safety
/// `at` points to `size` bytes; `size` is a multiple of 8.
#[inline(always)]
unsafe fn zero_words(at: *mut u64, size: u32) {
    // SAFETY: the caller's promise. Most objects are a few words: a loop is faster than a call.
    unsafe {
        if size > 128 {
            return std::ptr::write_bytes(at, 0, size as usize / 8);
        }
        for i in 0..size as usize / 8 {
            // Volatile, so that the compiler does not turn the loop into a call.
            at.add(i).write_volatile(0);
        }
    }
}
