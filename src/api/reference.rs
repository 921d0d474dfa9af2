//! References to objects, and the scopes that own them.

use super::{Func, StoreMut, WeakRef};
use crate::abi::heap::RawRef;
use crate::base::{Error, Result};
use crate::engine::remote_release::{self, Release};
use crate::err;
use crate::gc::host::{HostData, HostPointer};
use crate::gc::identity::spread;
use crate::gc::slot::Slots;
use crate::gc::{Gc, NoGc, Root};
use crate::wasm::types::{HeapType, RefType, Top};
use std::any::Any;
use std::ffi::c_void;

/// A reference to an object of a store, or an i31. It is a root of the garbage collector: the object lives as long as
/// the reference does. A plain value: copies are the same reference.
///
/// It lives until the scope ends that was innermost when it was created; outside all scopes, until it is released or
/// the store is dropped. Every host function runs in a scope of its own. Later uses fail with `StaleHandle`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)]
pub struct Ref {
    /// The store's id; 0 in the empty handle.
    pub store: u64,
    /// The lower half is the index among the store's roots. The upper half distinguishes references that used the same
    /// index at different times. Both are in one word so that they are read and written together.
    pub root: u64,
}

impl Ref {
    #[inline(always)]
    pub(super) fn make(store: &StoreMut<'_>, root: Root) -> Ref {
        Ref { store: store.id(), root: root.index as u64 | (root.generation as u64) << 32 }
    }

    fn root(&self) -> Root {
        Root { index: self.root as u32, generation: (self.root >> 32) as u32 }
    }

    /// The form used in a raw slot. All zeros is null.
    pub(super) fn to_words(self) -> [u64; 2] {
        [self.store, self.root]
    }

    pub(super) fn from_words(words: [u64; 2]) -> Option<Ref> {
        (words[0] != 0).then_some(Ref { store: words[0], root: words[1] })
    }

    /// Checks that the reference belongs to this store.
    #[inline(always)]
    fn check(&self, store: &StoreMut<'_>) -> Result<()> {
        if self.store == store.id() { Ok(()) } else { Err(self.refused(store)) }
    }

    #[cold]
    fn refused(&self, store: &StoreMut<'_>) -> Error {
        match self.store {
            0 => err!(StaleHandle, "the reference is empty"),
            id => err!(WrongStore, "the reference belongs to store {id}, not to store {}", store.id()),
        }
    }

    /// The object, usable as long as nothing is collected.
    #[inline(always)]
    pub(super) fn get<'s>(&self, store: &'s StoreMut<'_>) -> Result<(NoGc<'s>, Gc<'s>)> {
        self.check(store)?;
        let no_gc = store.vm().heap.as_ref().ok_or_else(stale)?.no_gc();
        Ok((no_gc, no_gc.get(self.root()).map_err(|_| stale())?))
    }

    /// The same, for the heap of the store that the reference was already checked for.
    pub(super) fn get_in<'h>(&self, no_gc: NoGc<'h>) -> Result<Gc<'h>> {
        no_gc.get(self.root()).map_err(|_| stale())
    }

    /// The reference's bits for machine code, valid until the next collection. Fails with `TypeMismatch` if the
    /// reference is not of type `ty`.
    #[inline(always)]
    pub fn to_raw(r: Option<Ref>, store: &StoreMut<'_>, ty: RefType) -> Result<RawRef> {
        super::val::raw(store, r, ty)
    }

    /// A reference of the innermost scope for bits that machine code or a table holds; `None` for null.
    ///
    /// # Safety
    /// The bits are a reference of this store, and no collection has happened since they were obtained.
    #[inline(always)]
    pub unsafe fn from_raw(store: &mut StoreMut<'_>, raw: RawRef) -> Result<Option<Ref>> {
        if raw == RawRef::NULL {
            return Ok(None);
        }
        store.vm_mut().callback_scope()?;
        let no_gc = store.vm_mut().no_gc()?;
        // SAFETY: the caller's promise (invariant 6 of the heap).
        let gc = unsafe { no_gc.adopt(raw) }.expect("not null");
        let root = no_gc.root(gc).ok_or_else(no_memory)?;
        Ok(Some(Ref::make(store, root)))
    }

    /// Creates an `externref` to data of the host. The data is dropped after the last reference is gone, or with the
    /// store at the latest; never during a collection, and never while anything of the store is borrowed.
    /// `external_bytes` is memory outside the heap that lives as long as the data: it counts toward the decision when
    /// to collect.
    pub fn host(store: &mut StoreMut<'_>, data: impl Any + Send + Sync, external_bytes: usize) -> Result<Ref> {
        store.vm_mut().callback_scope()?;
        let root = store.vm_mut().alloc_host(|| HostData::Rust(Box::new(data)), external_bytes)?;
        let r = Ref::make(store, root);
        store.settle();
        Ok(r)
    }

    /// As `host`; in addition the object has `fields` references to other objects, initially null. Cycles through them
    /// can be collected.
    pub fn host_with_fields(
        store: &mut StoreMut<'_>,
        data: impl Any + Send + Sync,
        external_bytes: usize,
        fields: u32,
    ) -> Result<Ref> {
        store.vm_mut().callback_scope()?;
        let root = store.vm_mut().alloc_host_with_fields(|| HostData::Rust(Box::new(data)), external_bytes, fields)?;
        let r = Ref::make(store, root);
        store.settle();
        Ok(r)
    }

    /// Calls `f` with field `i` of a host object.
    fn with_host_fields<R>(&self, store: &StoreMut<'_>, i: u32, f: impl FnOnce(NoGc<'_>, Slots<'_>) -> R) -> Result<R> {
        let (no_gc, gc) = self.get(store)?;
        let fields =
            no_gc.host_fields(gc).ok_or_else(|| err!(TypeMismatch, "the reference is not to a host object"))?;
        let array = fields.load(no_gc, 0);
        // SAFETY: the fields of a host object are stored in an array of references (invariant 1 of the heap).
        let slots = array.and_then(|a| unsafe { no_gc.array_slots(a, i, 1) });
        Ok(f(no_gc, slots.ok_or_else(|| err!(InvalidArgument, "the host object has no field {i}"))?))
    }

    /// Field `i` of a host object, as a reference of the innermost scope. Fails with `InvalidArgument` if there is no
    /// such field.
    pub fn host_field(&self, store: &mut StoreMut<'_>, i: u32) -> Result<Option<Ref>> {
        let raw =
            self.with_host_fields(store, i, |no_gc, slots| slots.load(no_gc, 0).map_or(RawRef::NULL, Gc::bits))?;
        // SAFETY: a reference of this store, just read (invariant 6 of the heap).
        unsafe { Ref::from_raw(store, raw) }
    }

    /// Sets field `i` of a host object. Fails with `InvalidArgument` if there is no such field.
    pub fn set_host_field(&self, store: &mut StoreMut<'_>, i: u32, value: Option<Ref>) -> Result<()> {
        if let Some(r) = value {
            r.check(store)?;
        }
        self.with_host_fields(store, i, |no_gc, slots| {
            slots.store(no_gc, 0, value.map(|r| r.get_in(no_gc)).transpose()?);
            Ok(())
        })?
    }

    /// Creates a reference that keeps a function and its instance alive.
    pub fn of_func(store: &mut StoreMut<'_>, f: Func) -> Result<Ref> {
        let funcref = store.vm().funcs[f.check(store)?].funcref;
        store.vm_mut().callback_scope()?;
        // SAFETY: a function of this store, whose handle was checked (invariant 1 of the runtime).
        let root = unsafe { store.vm_mut().alloc_held_func(funcref) }?;
        let r = Ref::make(store, root);
        store.settle();
        Ok(r)
    }

    /// The function of a reference that `of_func` created; `None` for others.
    pub fn as_func(&self, store: &mut StoreMut<'_>) -> Result<Option<Func>> {
        let (no_gc, gc) = self.get(store)?;
        let Some(number) = no_gc.held_func(gc) else { return Ok(None) };
        let funcref = store.vm().func_ids[number as usize];
        // SAFETY: a function of this store, kept alive by the object (invariant 1 of the runtime).
        unsafe { Func::from_ref(store, funcref) }.map(Some)
    }

    /// Whether the object is of a type (Wasm 3.0, 4.6.7 `ref.test`). Fails with `InvalidArgument` if the type belongs
    /// to another engine.
    pub fn is(&self, store: &StoreMut<'_>, ty: RefType) -> Result<bool> {
        let types = &store.vm().engine.types;
        if let Some(id) = ty.heap.concrete()
            && types.find(id).is_none_or(|def| def.heap_type() != ty.heap)
        {
            return Err(err!(InvalidArgument, "the type does not belong to this store's engine"));
        }
        let own = self.heap_type(store)?;
        if matches!(own, HeapType::ConcreteFunc(_)) || ty.top() == Top::Func {
            return Ok(types.view().heap_matches(own, ty.heap));
        }
        let (no_gc, gc) = self.get(store)?;
        Ok(no_gc.is(Some(gc), ty))
    }

    /// A number that stays the same while the object lives, even if the object moves. Different objects of a heap have
    /// different numbers; equal i31s have equal ones.
    pub fn identity_hash(&self, store: &mut StoreMut<'_>) -> Result<u64> {
        if let Some(f) = self.as_func(store)? {
            return Ok(spread(!(f.index as u64)));
        }
        self.get(store)?;
        let hash = store.vm_mut().heap()?.identity_hash(self.root()).map_err(|_| stale())?;
        hash.ok_or_else(|| err!(OutOfMemory, "no memory for an identity hash"))
    }

    /// Creates a weak reference to the object.
    pub fn downgrade(&self, store: &mut StoreMut<'_>) -> Result<WeakRef> {
        self.get(store)?;
        let weak = store.vm_mut().heap()?.new_weak(self.root()).map_err(|_| stale())?;
        let weak = weak.ok_or_else(|| err!(OutOfMemory, "no memory for a weak reference"))?;
        Ok(WeakRef { store: store.id(), index: weak.index, generation: weak.generation })
    }

    /// As `host_with_fields`, for a pointer of the host with a finalizer. `data` is only called if this succeeds.
    #[inline(always)]
    pub fn host_pointer(
        store: &mut StoreMut<'_>,
        data: impl FnOnce() -> HostPointer,
        external_bytes: usize,
        fields: u32,
    ) -> Result<Ref> {
        store.vm_mut().callback_scope()?;
        let data = || HostData::C(data());
        let root = match fields {
            0 => store.vm_mut().alloc_host(data, external_bytes)?,
            n => store.vm_mut().alloc_host_with_fields(data, external_bytes, n)?,
        };
        let r = Ref::make(store, root);
        store.settle();
        Ok(r)
    }

    /// The data of an object that `host` created; `None` for others.
    pub fn data<'s>(&self, store: &'s StoreMut<'_>) -> Result<Option<&'s (dyn Any + Send + Sync)>> {
        let (no_gc, gc) = self.get(store)?;
        Ok(match no_gc.host_data(gc) {
            Some(HostData::Rust(data)) => Some(&**data),
            _ => None,
        })
    }

    /// The pointer of an object that `host_pointer` created; `None` for others.
    pub fn pointer(&self, store: &StoreMut<'_>) -> Result<Option<*mut c_void>> {
        let (no_gc, gc) = self.get(store)?;
        Ok(match no_gc.host_data(gc) {
            Some(HostData::C(data)) => Some(data.pointer),
            _ => None,
        })
    }

    /// Creates an i31 from the low 31 bits of a number.
    pub fn i31(store: &mut StoreMut<'_>, v: i32) -> Result<Ref> {
        // SAFETY: an i31 is a valid reference in every heap (invariant 1 of the heap).
        Ok(unsafe { Ref::from_raw(store, RawRef::i31(v)) }?.expect("not null"))
    }

    /// The value of an i31, sign-extended; `None` for an object.
    pub fn as_i31(&self, store: &StoreMut<'_>) -> Result<Option<i32>> {
        self.get(store).map(|(_, gc)| gc.as_i31())
    }

    /// The most specific type of the object. The type of a host object is `any`.
    pub fn heap_type(&self, store: &StoreMut<'_>) -> Result<HeapType> {
        let (no_gc, gc) = self.get(store)?;
        let Some(number) = no_gc.held_func(gc) else { return Ok(no_gc.ref_type(gc, Top::Any).heap) };
        // SAFETY: a function of this store, kept alive by the object (invariant 1 of the runtime).
        Ok(HeapType::ConcreteFunc(unsafe { (*store.vm().func_ids[number as usize]).type_id }))
    }

    /// Whether both refer to the same object, or are the same i31, or hold the same function.
    pub fn same(&self, store: &StoreMut<'_>, other: Ref) -> Result<bool> {
        let ((no_gc, a), (_, b)) = (self.get(store)?, other.get(store)?);
        Ok(a == b || no_gc.held_func(a).is_some() && no_gc.held_func(a) == no_gc.held_func(b))
    }

    /// Another reference to the same object, in the innermost scope.
    pub fn duplicate(&self, store: &mut StoreMut<'_>) -> Result<Ref> {
        let raw = self.get(store)?.1.bits();
        // SAFETY: the bits were just read (invariant 6 of the heap).
        Ok(unsafe { Ref::from_raw(store, raw) }?.expect("not null"))
    }

    /// Moves the reference to the scope around the innermost one, or to the store if there is none.
    pub fn escape(&self, store: &mut StoreMut<'_>) -> Result<()> {
        // Makes sure that the innermost scope is the running host function's.
        store.vm_mut().callback_scope()?;
        self.get(store)?;
        store.vm_mut().heap()?.roots().escape(self.root()).map_err(|_| stale())
    }

    /// Releases the reference, from any thread. Takes effect when the store is next used; does nothing if the store is
    /// gone.
    pub fn release_anywhere(&self) {
        remote_release::send(self.store, Release::Ref(self.root()));
    }

    /// Releases the reference now. Fails with `StaleHandle` if it was released before.
    pub fn release(&self, store: &mut StoreMut<'_>) -> Result<()> {
        self.check(store)?;
        let heap = store.vm_mut().heap.as_mut().ok_or_else(stale)?;
        heap.roots().release(self.root()).map_err(|_| stale())
    }
}

#[cold]
pub(super) fn no_memory() -> Error {
    err!(OutOfMemory, "no memory for a reference")
}

#[cold]
fn stale() -> Error {
    err!(StaleHandle, "the reference was released, or its scope has ended")
}

/// Closes a scope when dropped, so also after a panic.
struct OpenScope {
    store: *mut crate::store::store::Store,
    depth: u32,
}

impl Drop for OpenScope {
    fn drop(&mut self) {
        // SAFETY: the code that opened the scope has the store, and nothing of the store is borrowed any more
        // (invariant 3 of the runtime).
        unsafe { (*self.store).close_scopes(self.depth) };
    }
}

/// A running host function: closes its scopes when dropped, so also after a panic.
struct Callback {
    store: *mut crate::store::store::Store,
    exit_fp: usize,
}

impl Drop for Callback {
    fn drop(&mut self) {
        // SAFETY: as in `OpenScope` (invariant 3 of the runtime).
        unsafe { (*self.store).close_callback_scope(self.exit_fp) };
    }
}

impl StoreMut<'_> {
    /// Runs `f` in a scope: references created in it are released when it ends, except those that escape.
    pub fn scope<R>(&mut self, f: impl FnOnce(&mut StoreMut<'_>) -> R) -> Result<R> {
        let depth = self.open_scope()?;
        let _scope = OpenScope { store: self.as_ptr(), depth: depth - 1 };
        Ok(f(&mut self.reborrow()))
    }

    /// Opens a scope and returns its depth, counted from 1. Fails with `OutOfMemory`.
    pub fn open_scope(&mut self) -> Result<u32> {
        self.vm_mut().open_scope()
    }

    /// Closes the innermost scope. Fails with `InvalidArgument` if no scope was opened since the running host function
    /// began.
    pub fn close_scope(&mut self) -> Result<()> {
        let vm = self.vm_mut();
        if vm.scopes <= vm.scope_base() {
            return Err(err!(InvalidArgument, "no scope is open"));
        }
        vm.close_scopes(vm.scopes - 1);
        Ok(())
    }

    /// Runs a host function. References created in it are released when it ends.
    #[inline(always)]
    pub(super) fn in_callback<R>(&mut self, f: impl FnOnce(&mut StoreMut<'_>) -> Result<R>) -> Result<R> {
        self.settle();
        // SAFETY: a host function runs on the store's thread, so WebAssembly was left here
        // (invariant 2 of the runtime).
        let exit_fp = unsafe { (*self.vm().vm.get()).exit_fp };
        let _callback = Callback { store: self.as_ptr(), exit_fp };
        f(self)
    }
}
