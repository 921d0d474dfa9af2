//! Operations that cannot collect: `NoGc` borrows the heap, and a `Gc` borrows from that.

use super::heap::Heap;
use super::host::HostData;
use super::object::*;
use super::root::{Root, Roots, Stale};
use super::slot::Slots;
use super::weak::Weak;
use crate::abi::heap::*;
use crate::wasm::descriptor::*;
use crate::wasm::types::{HeapType, RefType, Top, TypeId};
use std::marker::PhantomData;
use std::num::NonZeroU32;

/// An object that is being initialized: its fields are written without dirtying cards, before anything else can happen.
pub struct NewObject<'h> {
    pub(super) r: NonZeroU32,
    pub(super) no_gc: NoGc<'h>,
}

/// Gives access to the heap without the possibility of a collection. Borrowed from the heap for as long as it is used.
#[derive(Clone, Copy)]
pub struct NoGc<'h> {
    pub(super) heap: &'h Heap,
}

/// A reference to an object, or an i31, that is valid until the next collection: it borrows the heap, which a
/// collection needs exclusively.
///
/// ```no_run
/// # use wrt::internals::*;
/// fn used_before(heap: &mut Heap, root: Root) -> Option<i32> {
///     let number = heap.no_gc().get(root).ok()?.as_i31();
///     heap.collect(Kind::Minor, &mut |_| ());
///     number
/// }
/// ```
/// The same use after the collection does not compile; nor does a `Gc` that outlives its heap.
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

impl<'h> NewObject<'h> {
    pub fn no_gc(&self) -> NoGc<'h> {
        self.no_gc
    }

    /// Writes a reference at a byte offset in the object.
    ///
    /// # Safety
    /// The layout of the object's type has a reference at this offset.
    pub unsafe fn put(&self, offset: u32, value: Option<Gc<'h>>) {
        // SAFETY: the caller's promise. A new object needs no card: it is in the nursery, or it is large and all its
        // cards are dirty (invariant 2).
        unsafe { *self.no_gc.heap.objects.at::<u32>(self.r.get() + offset) = value.map_or(0, |v| v.raw.get()) };
    }

    /// The address of a byte offset in the object, for values that are not references to objects.
    ///
    /// # Safety
    /// The offset, and all bytes that are written, are inside the object.
    pub unsafe fn bytes(&self, offset: u32) -> *mut u8 {
        self.no_gc.heap.objects.at(self.r.get() + offset)
    }

    pub fn finish(self) -> Gc<'h> {
        Gc { raw: self.r, _no_gc: PhantomData }
    }
}

impl<'h> Gc<'h> {
    /// Creates a reference from its bits.
    ///
    /// # Safety
    /// `raw` is a reference of the heap that `no_gc` borrows.
    pub(super) unsafe fn new(_: NoGc<'h>, raw: NonZeroU32) -> Gc<'h> {
        Gc { raw, _no_gc: PhantomData }
    }

    /// The bits for machine code, which must receive them before the next collection.
    pub fn bits(self) -> RawRef {
        RawRef(self.raw.get())
    }

    /// The value of an i31, sign-extended; `None` for an object.
    pub fn as_i31(self) -> Option<i32> {
        let bits = self.raw.get();
        (bits & 1 != 0).then_some(bits as i32 >> 1)
    }
}

impl<'h> NoGc<'h> {
    /// For the heap's own files: `f` may access the roots only through its argument, which is exclusive.
    ///
    /// # Safety
    /// `f` calls nothing that uses the heap's roots.
    #[inline(always)]
    pub(super) unsafe fn with_roots<R>(self, f: impl FnOnce(&mut Roots) -> R) -> R {
        // SAFETY: on the store's thread. All code that needs the roots gets them for the duration of such a call, or
        // through `&mut Heap`; and `f` does not request them again (invariant 10).
        f(unsafe { &mut *self.heap.roots.get() })
    }

    pub(super) fn heap_ref(self) -> &'h Heap {
        self.heap
    }

    /// Calls `f` for every root. `f` may read the roots, but not call `root`.
    ///
    /// # Safety
    /// `f` creates and releases no roots.
    pub(super) unsafe fn roots_for_each(self, f: impl FnMut(u32, bool)) {
        // SAFETY: shared, and the caller promises that the roots are not written during this (invariant 10).
        unsafe { &*self.heap.roots.get() }.for_each(f);
    }

    pub(super) fn root_count(self) -> usize {
        // SAFETY: `len` calls nothing that uses roots (invariant 10).
        unsafe { self.with_roots(|roots| roots.len()) }
    }

    fn objects(self) -> Objects {
        self.heap.objects
    }

    /// Converts bits that machine code or a slot at the boundary holds.
    ///
    /// # Safety
    /// They are a reference of this heap, and no collection has happened since they were obtained.
    #[inline(always)]
    pub unsafe fn adopt(self, raw: RawRef) -> Option<Gc<'h>> {
        // SAFETY: the caller's promise (invariant 6).
        NonZeroU32::new(raw.0).map(|raw| unsafe { Gc::new(self, raw) })
    }

    pub fn i31(self, v: i32) -> Gc<'h> {
        Gc { raw: NonZeroU32::new(RawRef::i31(v).0).expect("odd"), _no_gc: PhantomData }
    }

    #[inline(always)]
    pub fn get(self, root: Root) -> Result<Gc<'h>, Stale> {
        // SAFETY: `get` calls nothing that uses roots (invariant 10).
        let bits = unsafe { self.with_roots(|roots| roots.get(root)) }?;
        Ok(Gc { raw: NonZeroU32::new(bits).ok_or(Stale)?, _no_gc: PhantomData })
    }

    /// The target of a weak reference; `None` if it has died.
    pub fn get_weak(self, weak: Weak) -> Result<Option<Gc<'h>>, Stale> {
        let bits = self.heap.weak.refs.get(weak)?;
        Ok(NonZeroU32::new(bits).map(|raw| Gc { raw, _no_gc: PhantomData }))
    }

    /// Creates a root. This does not collect. Returns `None` if there is no memory for it.
    #[inline(always)]
    pub fn root(self, gc: Gc<'h>) -> Option<Root> {
        // SAFETY: `add` calls nothing that uses roots (invariant 10).
        unsafe { self.with_roots(|roots| roots.add(gc.raw.get())) }
    }

    /// The type of the object; `None` for an i31.
    pub fn type_of(self, gc: Gc<'h>) -> Option<TypeId> {
        // SAFETY: a `Gc` is an i31 or an object (invariant 1).
        is_object(gc.raw.get()).then(|| unsafe { self.objects().type_id(gc.raw.get()) })
    }

    /// Whether a reference is of a type (Wasm 3.0, 4.6.7 `ref.test`).
    #[inline(always)]
    pub fn is(self, value: Option<Gc<'h>>, ty: RefType) -> bool {
        let Some(gc) = value else { return ty.nullable };
        let types = self.objects().types;
        let Some(id) = self.type_of(gc) else {
            return matches!(ty.heap, HeapType::Any | HeapType::Eq | HeapType::I31 | HeapType::Extern);
        };
        match (types.get(id).kind, ty.heap) {
            (KIND_HELD_FUNC | KIND_TAG, _) => false,
            (kind, HeapType::Exn) => kind == KIND_EXCEPTION,
            (KIND_EXCEPTION, _) => false,
            (_, HeapType::Any | HeapType::Extern) => true,
            (KIND_STRUCT, HeapType::Eq | HeapType::Struct) | (KIND_ARRAY, HeapType::Eq | HeapType::Array) => true,
            (_, HeapType::ConcreteStruct(t) | HeapType::ConcreteArray(t)) => id != HOST_TYPE && types.is_subtype(id, t),
            _ => false,
        }
    }

    /// The most specific type of a reference, as it is shown to the host.
    pub fn ref_type(self, gc: Gc<'h>, top: Top) -> RefType {
        let heap = match self.type_of(gc) {
            _ if top == Top::Extern => HeapType::Extern,
            None => HeapType::I31,
            Some(HOST_TYPE) => HeapType::Any,
            Some(HELD_FUNC_TYPE) => HeapType::Func,
            Some(id) if self.objects().types.get(id).kind == KIND_EXCEPTION => HeapType::Exn,
            Some(id) if self.objects().types.get(id).kind == KIND_ARRAY => HeapType::ConcreteArray(id),
            Some(id) => HeapType::ConcreteStruct(id),
        };
        RefType { nullable: false, heap }
    }

    /// Describes, for humans, what the bits of a root refer to. `name` knows the names of types.
    pub fn describe(self, bits: u32, name: impl Fn(TypeId) -> Option<String>) -> String {
        let Some(raw) = NonZeroU32::new(bits) else { return "null".into() };
        let gc = Gc { raw, _no_gc: PhantomData };
        match self.type_of(gc) {
            None => "an i31".into(),
            Some(HOST_TYPE) => "a host object".into(),
            Some(HELD_FUNC_TYPE) => "a function".into(),
            Some(TAG_TYPE) => "a tag".into(),
            Some(id) if self.objects().types.get(id).kind == KIND_EXCEPTION => "an exception".into(),
            Some(id) => match name(id) {
                Some(name) => format!("${name}"),
                None if self.objects().types.get(id).kind == KIND_ARRAY => "an array".into(),
                None => "a structure".into(),
            },
        }
    }

    /// The host's data of a host object; `None` for others.
    pub fn host_data(self, gc: Gc<'h>) -> Option<&'h HostData> {
        if self.type_of(gc) != Some(HOST_TYPE) {
            return None;
        }
        // SAFETY: an object of the host (invariant 1).
        unsafe { self.heap.weak.hosts.data(self.objects(), gc.raw.get()) }
    }

    /// The id of the function that the host holds through an object; `None` for others.
    pub fn held_func(self, gc: Gc<'h>) -> Option<u32> {
        // SAFETY: an object by which a function is held has the id after its header (invariant 1).
        (self.type_of(gc) == Some(HELD_FUNC_TYPE)).then(|| unsafe { self.objects().word(gc.raw.get() + HEADER_SIZE) })
    }

    /// The field of a host object that refers to the array of its references; `None` for others.
    pub fn host_fields(self, gc: Gc<'h>) -> Option<Slots<'h>> {
        // SAFETY: a field of a host object (invariant 1).
        (self.type_of(gc) == Some(HOST_TYPE)).then(|| unsafe { self.field_slot(gc, HOST_FIELDS) })
    }

    /// The length of an array.
    ///
    /// # Safety
    /// `array` is an array.
    pub unsafe fn array_len(self, array: Gc<'h>) -> u32 {
        // SAFETY: the caller's promise (invariant 1).
        unsafe { self.objects().array_len(array.raw.get()) }
    }

    /// A field that is a reference to an object.
    ///
    /// # Safety
    /// The object is a structure or a host object, and has such a field at this offset.
    pub unsafe fn field_slot(self, object: Gc<'h>, offset: u32) -> Slots<'h> {
        let r = object.raw.get();
        // The card is that of the object's start.
        let card = self.objects().at(CARDS as u32 + (r >> CARD_SHIFT));
        // SAFETY: the caller's promise; the field does not move while nothing is collected (invariant 6).
        unsafe { Slots::new(self.objects().at(r + offset), 1, card, 0) }
    }

    /// The address of a field that is not a reference to an object.
    pub fn field_bytes(self, object: Gc<'h>, offset: u32) -> *mut u8 {
        self.objects().at(object.raw.get() + offset)
    }

    /// The address and size of elements of an array that are not references to objects; `None` if they are out of
    /// bounds.
    ///
    /// # Safety
    /// `array` is an array.
    pub unsafe fn array_bytes(self, array: Gc<'h>, at: u32, len: u32) -> Option<(*mut u8, usize)> {
        let r = array.raw.get();
        // SAFETY: the caller's promise (invariant 1).
        unsafe {
            let log2 = self.objects().descriptor(r).size;
            let end = at.checked_add(len)?;
            (end <= self.objects().array_len(r)).then(|| {
                (self.objects().at::<u8>(r + HEADER_SIZE).wrapping_add((at as usize) << log2), (len as usize) << log2)
            })
        }
    }

    /// Whether an object has references to objects; for an array, whether its elements are such references.
    ///
    /// # Safety
    /// `gc` is an object, not an i31.
    pub unsafe fn has_references(self, gc: Gc<'h>) -> bool {
        // SAFETY: the caller's promise (invariant 1).
        unsafe { self.objects().has_references(gc.raw.get()) }
    }

    /// Elements of an array of references; `None` if they are out of bounds.
    ///
    /// # Safety
    /// `array` is an array whose elements are references to objects.
    pub unsafe fn array_slots(self, array: Gc<'h>, at: u32, len: u32) -> Option<Slots<'h>> {
        let offset = (array.raw.get() + HEADER_SIZE) as usize + at as usize * 4;
        // SAFETY: the caller's promise. The elements do not move while nothing is collected (invariant 6); the heap's
        // cards count from its base.
        unsafe {
            debug_assert!(self.has_references(array));
            let (first, _) = self.array_bytes(array, at, len)?;
            Some(Slots::new(first.cast(), len as usize, self.objects().at(CARDS as u32), offset))
        }
    }
}
