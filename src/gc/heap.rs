//! The heap of a store, and the two worlds: `&mut Heap` may collect and speaks `Root`; `NoGc` can not and speaks `Gc`.

use super::host::{HostData, Hosts};
use super::object::*;
use super::old::Old;
use super::region::{Region, RegionPool};
use super::root::{Root, Roots, Stale};
use super::slot::Slots;
use crate::abi::heap::*;
use crate::abi::vmstruct::VmNursery;
use crate::base::Result;
use crate::err;
use crate::wasm::descriptor::*;
use crate::wasm::types::{HeapType, RefType, Top, TypeId};
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// What freed space is overwritten with when collections are made to hurt.
pub const POISON: u8 = 0xdb;

/// Least bytes of a nursery.
const NURSERY_LEAST: usize = 2 * LARGE as usize;

/// How a heap behaves. Sizes are bytes.
#[derive(Clone, Copy, Debug)]
pub struct HeapConfig {
    /// Most that objects may take, at the end of a collection.
    pub limit: usize,
    /// Address space for the old space of each heap.
    pub reservation: usize,
    /// A nursery starts at the one and grows to the other.
    pub nursery_min: usize,
    pub nursery_max: usize,
    /// The old space is collected when it has grown by this part of what was alive, in percent,
    pub growth_percent: usize,
    /// and by this at least.
    pub growth_min: usize,
    /// Not 0: every n-th allocation collects everything and moves all survivors, and freed space is overwritten.
    pub zeal: u32,
    /// Whether the invariants are checked after every collection.
    pub verify: bool,
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
        let (least, got) = (8 * max.max(2 * LARGE as usize), self.reservation);
        if got < least {
            return Err(err!(InvalidArgument, "{got} bytes of address space for a heap, at least {least} are needed"));
        }
        Ok(())
    }
}

/// What a heap has done and holds.
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
    /// Bytes of blocks in use, and of the nursery.
    pub used: usize,
    pub roots: usize,
    pub host_objects: usize,
    /// Bytes outside that objects of the host have declared.
    pub external: usize,
}

pub struct Heap {
    pub(super) objects: Objects,
    pub(super) config: HeapConfig,
    /// What machine code allocates by, in the store's `VmStore`.
    nursery: *mut VmNursery,
    pub(super) nursery_size: usize,
    /// Most that was ever used of the nursery's space.
    nursery_peak: usize,
    /// Minor collections since the nursery grew.
    pub(super) minors_at_size: u32,
    pub(super) old: Old,
    pub(super) region: Option<Region>,
    pub(super) roots: UnsafeCell<Roots>,
    pub(super) hosts: Hosts,
    pub(super) mark_stack: Vec<u32>,
    pub(super) statistics: Statistics,
    /// Bytes promoted and made large since the last full collection.
    pub(super) grown: usize,
    /// A full collection is due at this much of `grown`, and of external bytes.
    pub(super) threshold: usize,
    pub(super) external_threshold: usize,
    countdown: u32,
}

/// An object that is being made: written without cards, before anything else can happen.
pub struct NewObject<'h> {
    r: NonZeroU32,
    no_gc: NoGc<'h>,
}

/// What can not collect. Borrowed from the heap for as long as it is used.
#[derive(Clone, Copy)]
pub struct NoGc<'h> {
    heap: &'h Heap,
}

/// A reference to an object, or an i31, until the next collection: it borrows the heap, which collecting needs for itself.
///
/// ```no_run
/// # use wrt::internals::*;
/// fn used_before(heap: &mut Heap, root: Root) -> Option<i32> {
///     let number = heap.no_gc().get(root).ok()?.as_i31();
///     heap.collect(Kind::Minor, &mut |_| ());
///     number
/// }
/// ```
/// Used behind it, the same does not compile; nor does one that outlives its heap.
/// ```compile_fail,E0502
/// # use wrt::internals::*;
/// fn held_across(heap: &mut Heap, root: Root) -> Option<i32> {
///     let held = heap.no_gc().get(root).ok()?;
///     heap.collect(Kind::Minor, &mut |_| ());
///     held.as_i31()
/// }
/// ```
/// ```compile_fail,E0597
/// # use wrt::internals::*;
/// fn outlives(heap: Box<Heap>, root: Root) -> Option<i32> {
///     let held;
///     {
///         let short = heap;
///         held = short.no_gc().get(root).ok()?;
///     }
///     held.as_i31()
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Gc<'h> {
    raw: NonZeroU32,
    _no_gc: PhantomData<&'h Heap>,
}

impl Heap {
    /// # Safety
    /// `nursery` lives as long as the heap, and is machine code's; `types` are the engine's.
    pub unsafe fn new(
        config: HeapConfig,
        pool: &Arc<RegionPool>,
        types: DescriptorView,
        nursery: *mut VmNursery,
    ) -> Result<Box<Heap>> {
        let region = Region::new(pool, config.reservation)?;
        let base = region.base();
        // Behind the limit there is always room for the survivors of a nursery (heap 7).
        let most = (region.span() - OLD).saturating_sub(3 * config.nursery_max.max(2 * LARGE as usize));
        let config = HeapConfig { limit: config.limit.min(most), ..config };
        let heap = Heap {
            objects: Objects { base, types },
            nursery,
            nursery_size: config.nursery_min,
            nursery_peak: 0,
            minors_at_size: 0,
            old: Old::new(base),
            region: Some(region),
            roots: UnsafeCell::default(),
            hosts: Hosts::default(),
            mark_stack: Vec::new(),
            statistics: Statistics::default(),
            grown: 0,
            threshold: config.growth_min,
            external_threshold: config.growth_min,
            countdown: config.zeal,
            config,
        };
        heap.open_nursery();
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

    pub fn config(&self) -> &HeapConfig {
        &self.config
    }

    /// Commits what a collection may need. False if there is no memory; collecting is out of the question then.
    pub fn prepare(&mut self) -> bool {
        let used = self.nursery_used();
        self.old.reserve(self.region.as_mut().expect("alive"), used)
    }

    pub fn statistics(&self) -> Statistics {
        let nursery = self.nursery_used();
        Statistics {
            used: self.old.used() + nursery,
            roots: self.no_gc().roots_ref().len(),
            host_objects: self.hosts.len(),
            external: self.hosts.external(),
            ..self.statistics
        }
    }

    /// Bytes of the nursery that objects take.
    pub(super) fn nursery_used(&self) -> usize {
        // SAFETY: `nursery` lives, and this is the store's thread.
        unsafe { (*self.nursery).next as usize - NURSERY }
    }

    /// An empty nursery.
    pub(super) fn open_nursery(&self) {
        // SAFETY: as above.
        unsafe {
            (*self.nursery).next = NURSERY as u32;
            // Under zeal machine code asks for every object.
            (*self.nursery).end = if self.config.zeal > 0 { 0 } else { (NURSERY + self.nursery_size) as u32 };
        }
    }

    pub(super) fn note_peak(&mut self) {
        self.nursery_peak = self.nursery_peak.max(self.nursery_used());
    }

    /// Whether zeal wants a collection before this allocation.
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

    /// Whether an object of `size` bytes finds room without a collection.
    pub fn has_room(&mut self, size: u64) -> bool {
        let used = self.old.used() + self.nursery_used();
        if size > u32::MAX as u64 || used as u64 + size > self.config.limit as u64 {
            return false;
        }
        if size > LARGE as u64 {
            return self.grown + (size as usize) < self.threshold.max(size as usize + 1);
        }
        self.nursery_used() + size as usize <= self.nursery_size && self.hosts.external() < self.external_threshold
    }

    /// An object of a structure type, or an array of `len` elements, or a host's; all zero and null. `None` if there is no
    /// room: `has_room`, or the system has no memory.
    pub fn alloc(&mut self, ty: TypeId, len: u32) -> Option<NewObject<'_>> {
        let d = self.objects.types.get(ty);
        let size = if d.kind == KIND_ARRAY { array_size(len, d.size) } else { d.size as u64 };
        let len = if d.kind == KIND_ARRAY { len } else { 0 };
        let r = if size > LARGE as u64 { self.alloc_large(size)? } else { self.bump(size as u32)? };
        // SAFETY: room of this size that nobody refers to yet.
        unsafe { self.objects.put_header(r, ty, len) };
        let no_gc = NoGc { heap: self };
        Some(NewObject { r: NonZeroU32::new(r)?, no_gc })
    }

    fn bump(&mut self, size: u32) -> Option<u32> {
        // SAFETY: `nursery` lives, and this is the store's thread.
        let nursery = unsafe { &mut *self.nursery };
        let at = nursery.next;
        (at as usize + size as usize <= NURSERY + self.nursery_size).then(|| {
            nursery.next = at + size;
            // SAFETY: room in the nursery.
            unsafe { std::ptr::write_bytes(self.objects.at::<u8>(at), 0, size as usize) };
            at
        })
    }

    fn alloc_large(&mut self, size: u64) -> Option<u32> {
        let size = u32::try_from(size).ok()?;
        crate::sys::scarcity::check().ok()?;
        let r = self.old.alloc_large(self.region.as_mut()?, size)?;
        self.old.mark(r);
        self.grown += size as usize;
        // It is born old: what is put into it without cards must be seen.
        let (from, to) = (r >> CARD_SHIFT, (r + size - 1) >> CARD_SHIFT);
        // SAFETY: the cards of the object.
        unsafe { std::ptr::write_bytes(self.objects.at::<u8>(CARDS as u32 + from), 1, (to - from + 1) as usize) };
        Some(r)
    }

    pub fn has_dead(&self) -> bool {
        self.hosts.has_dead()
    }

    /// Something that died. Dropping it runs its finalizer: not while anything of the store is borrowed.
    pub fn pop_dead(&mut self) -> Option<HostData> {
        self.hosts.pop_dead()
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        self.note_peak();
        // SAFETY: `nursery` lives as long as the heap.
        unsafe { *self.nursery = VmNursery::default() };
        if let Some(region) = self.region.take() {
            region.recycle(self.old.end(), self.nursery_peak);
        }
    }
}

impl<'h> NewObject<'h> {
    pub fn no_gc(&self) -> NoGc<'h> {
        self.no_gc
    }

    /// Writes a reference at a byte offset of the object.
    pub fn put(&self, offset: u32, value: Option<Gc<'h>>) {
        // SAFETY: offsets come from the type's layout. A new object needs no card: it is in the nursery, or large and all
        // its cards are dirty (heap 2).
        unsafe { *self.no_gc.heap.objects.at::<u32>(self.r.get() + offset) = value.map_or(0, |v| v.raw.get()) };
    }

    /// The bytes behind the header, for what is not a reference to an object.
    ///
    /// # Safety
    /// Offset and length are inside of the object.
    pub unsafe fn bytes(&self, offset: u32) -> *mut u8 {
        self.no_gc.heap.objects.at(self.r.get() + offset)
    }

    pub fn finish(self) -> Gc<'h> {
        Gc { raw: self.r, _no_gc: PhantomData }
    }
}

impl<'h> Gc<'h> {
    /// # Safety
    /// `raw` is a reference of the heap that `no_gc` borrows.
    pub(super) unsafe fn new(_: NoGc<'h>, raw: NonZeroU32) -> Gc<'h> {
        Gc { raw, _no_gc: PhantomData }
    }

    /// For machine code, which must get them before anything is collected.
    pub fn bits(self) -> RawRef {
        RawRef(self.raw.get())
    }

    /// An i31's number, sign-extended.
    pub fn as_i31(self) -> Option<i32> {
        let bits = self.raw.get();
        (bits & 1 != 0).then_some(bits as i32 >> 1)
    }
}

impl<'h> NoGc<'h> {
    #[allow(clippy::mut_from_ref)]
    fn roots_ref(self) -> &'h mut Roots {
        // SAFETY: the store's thread, and no reference to the roots outlives a method of `NoGc` or `Heap`.
        unsafe { &mut *self.heap.roots.get() }
    }

    pub(super) fn heap_ref(self) -> &'h Heap {
        self.heap
    }

    pub(super) fn roots_for_each(self, f: impl FnMut(u32, bool)) {
        self.roots_ref().for_each(f);
    }

    fn objects(self) -> Objects {
        self.heap.objects
    }

    /// Bits that machine code or a slot at the boundary holds.
    ///
    /// # Safety
    /// They are a reference of this heap, and nothing was collected since they were one.
    pub unsafe fn adopt(self, raw: RawRef) -> Option<Gc<'h>> {
        // SAFETY: the caller's promise.
        NonZeroU32::new(raw.0).map(|raw| unsafe { Gc::new(self, raw) })
    }

    pub fn i31(self, v: i32) -> Gc<'h> {
        Gc { raw: NonZeroU32::new(RawRef::i31(v).0).expect("odd"), _no_gc: PhantomData }
    }

    pub fn get(self, root: Root) -> Result<Gc<'h>, Stale> {
        let bits = self.roots_ref().get(root)?;
        Ok(Gc { raw: NonZeroU32::new(bits).ok_or(Stale)?, _no_gc: PhantomData })
    }

    /// Makes a root, which is not a collection. `None` if there is no memory for it.
    pub fn root(self, gc: Gc<'h>) -> Option<Root> {
        self.roots_ref().add(gc.raw.get())
    }

    /// The type of the object; `None` for an i31.
    pub fn type_of(self, gc: Gc<'h>) -> Option<TypeId> {
        // SAFETY: a `Gc` is an i31 or an object (heap 1).
        is_object(gc.raw.get()).then(|| unsafe { self.objects().type_id(gc.raw.get()) })
    }

    /// Whether a reference is of a type (Wasm 3.0, 4.6.7 `ref.test`).
    pub fn is(self, value: Option<Gc<'h>>, ty: RefType) -> bool {
        let Some(gc) = value else { return ty.nullable };
        let types = self.objects().types;
        let Some(id) = self.type_of(gc) else {
            return matches!(ty.heap, HeapType::Any | HeapType::Eq | HeapType::I31 | HeapType::Extern);
        };
        match (types.get(id).kind, ty.heap) {
            (_, HeapType::Any | HeapType::Extern) => true,
            (KIND_STRUCT, HeapType::Eq | HeapType::Struct) | (KIND_ARRAY, HeapType::Eq | HeapType::Array) => true,
            (_, HeapType::ConcreteStruct(t) | HeapType::ConcreteArray(t)) => id != HOST_TYPE && types.is_subtype(id, t),
            _ => false,
        }
    }

    /// The type that a reference has for people and for the host: its most special one.
    pub fn ref_type(self, gc: Gc<'h>, top: Top) -> RefType {
        let heap = match self.type_of(gc) {
            _ if top == Top::Extern => HeapType::Extern,
            None => HeapType::I31,
            Some(HOST_TYPE) => HeapType::Any,
            Some(id) if self.objects().types.get(id).kind == KIND_ARRAY => HeapType::ConcreteArray(id),
            Some(id) => HeapType::ConcreteStruct(id),
        };
        RefType { nullable: false, heap }
    }

    /// The host's data behind an object of the host.
    pub fn host_data(self, gc: Gc<'h>) -> Option<&'h HostData> {
        if self.type_of(gc) != Some(HOST_TYPE) {
            return None;
        }
        // SAFETY: an object of the host.
        unsafe { self.heap.hosts.data(self.objects(), gc.raw.get()) }
    }

    /// The bytes of elements of an array that are not references to objects, or `None` outside of it.
    pub fn array_bytes(self, array: Gc<'h>, at: u32, len: u32) -> Option<(*mut u8, usize)> {
        let r = array.raw.get();
        // SAFETY: callers know that it is an array.
        unsafe {
            let log2 = self.objects().descriptor(r).size;
            let end = at.checked_add(len)?;
            (end <= self.objects().array_len(r)).then(|| {
                (self.objects().at::<u8>(r + HEADER_SIZE).wrapping_add((at as usize) << log2), (len as usize) << log2)
            })
        }
    }

    /// Whether the elements of an array are references to objects.
    pub fn has_references(self, gc: Gc<'h>) -> bool {
        // SAFETY: callers know that it is an object.
        unsafe { self.objects().has_references(gc.raw.get()) }
    }

    /// Elements of an array of references, or `None` outside of it.
    pub fn array_slots(self, array: Gc<'h>, at: u32, len: u32) -> Option<Slots<'h>> {
        debug_assert!(self.has_references(array));
        let (first, _) = self.array_bytes(array, at, len)?;
        let offset = (array.raw.get() + HEADER_SIZE) as usize + at as usize * 4;
        // SAFETY: the elements stay where they are while nothing is collected; the heap's cards count from its base.
        Some(unsafe { Slots::new(first.cast(), len as usize, self.objects().at(CARDS as u32), offset) })
    }
}

impl Heap {
    /// Makes the object of host data. `None` if there is no room, or no memory; the data is given back then.
    pub fn alloc_host(&mut self, data: HostData, external: usize) -> std::result::Result<Root, HostData> {
        if !self.hosts.reserve() {
            return Err(data);
        }
        let Some(object) = self.alloc(HOST_TYPE, 0) else { return Err(data) };
        let r = object.r.get();
        let Some(root) = self.roots.get_mut().add(r) else { return Err(data) };
        let index = self.hosts.add(r, data, external);
        // SAFETY: the number stands behind the header of the object just made.
        unsafe { *self.objects.at::<u32>(r + HEADER_SIZE) = index };
        Ok(root)
    }
}
