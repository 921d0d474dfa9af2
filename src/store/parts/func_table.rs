//! Tables of functions. On the runtime's side, only this file reads or writes their elements.
//!
//! The first active segments of a new instance are not written. The table remembers them, and an element that still
//! reads 0 is looked up in them on its first access.

use crate::abi::vmstruct::{VmCodeCell, VmFuncRef};
use crate::base::Trap;
use crate::engine::interrupt::SharedVmStore;
use crate::store::parts::bulk;
use crate::store::parts::limits::Account;
use crate::store::parts::table::Table;
use crate::wasm::types::TypeId;
use std::sync::Arc;

/// A reference as WebAssembly sees it: null, or a function that lives as long as something in the store refers to it
/// (invariant 1).
pub type FuncRefPtr = *mut VmFuncRef;

struct NullFunc(VmFuncRef);
// SAFETY: never written, and its pointers are null (invariant E6).
unsafe impl Sync for NullFunc {}
static NULL_FUNC: NullFunc = NullFunc(VmFuncRef {
    code: VmCodeCell::new(std::ptr::null()),
    vmctx: std::ptr::null_mut(),
    type_id: TypeId::NONE,
    handle: 0,
    index: 0,
    owner: 0,
});

/// The value that stands for a null reference in a table. It has no function's type, so a call through it fails the
/// type check.
pub const fn null_func() -> FuncRefPtr {
    &raw const NULL_FUNC.0 as FuncRefPtr
}

/// Elements that are known but not written: `start..start + len`, from a source that can create them.
pub struct Lazy {
    pub start: u64,
    pub len: u64,
    /// Returns the element at an index from the segment's start.
    pub source: Box<dyn Fn(u64) -> FuncRefPtr>,
}

/// Searching more remembered segments than this on each first access would cost more than it saves.
pub const MAX_LAZY: usize = 8;

impl Table {
    /// Remembers a segment instead of writing it. Only for a table that no code has seen yet. Returns false if the
    /// table cannot remember the segment, or if the segment is out of bounds.
    ///
    /// # Safety
    /// The source returns functions of this store, and lives as long as the table.
    pub unsafe fn add_lazy(&mut self, lazy: Lazy) -> bool {
        let fits = lazy.start.checked_add(lazy.len).is_some_and(|end| end <= self.len());
        if !fits || !self.allows_lazy_init || self.lazy.len() >= MAX_LAZY {
            self.allows_lazy_init = false;
            return false;
        }
        self.lazy.push(lazy);
        true
    }

    /// Segments are written from now on.
    pub fn stop_remembering(&mut self) {
        self.allows_lazy_init = false;
    }

    /// Panics if the elements are not functions.
    fn assert_funcs(&self) {
        assert!(!self.is_gc(), "a table of functions");
    }

    fn check_funcs(&self, at: u64, len: u64) -> Result<(), Trap> {
        self.assert_funcs();
        self.check_range(at, len)
    }

    /// # Safety
    /// `i` is within the capacity, and this is a table of functions.
    unsafe fn slot(&self, i: u64) -> *mut FuncRefPtr {
        debug_assert!(i < self.capacity() && !self.is_gc());
        // SAFETY: the caller's promise; `vm` is alive (invariant 1).
        unsafe { (*self.vm()).elements.cast::<FuncRefPtr>().add(i as usize) }
    }

    /// The element at `i`. Writes it to the table if that has not happened yet.
    ///
    /// # Safety
    /// As for `slot`.
    unsafe fn touch(&self, i: u64) -> FuncRefPtr {
        // SAFETY: the caller's promise (invariant 13).
        let stored = unsafe { *self.slot(i) };
        if stored == null_func() {
            return std::ptr::null_mut();
        }
        if !stored.is_null() {
            return stored;
        }
        // Of the segments that cover the element, the last would have been written last.
        let found = self.lazy.iter().rev().find(|l| i >= l.start && i - l.start < l.len);
        let element = found.map_or(std::ptr::null_mut(), |l| (l.source)(i - l.start));
        // SAFETY: as above.
        unsafe { self.write(i, element) };
        element
    }

    /// # Safety
    /// As for `slot`.
    unsafe fn write(&self, i: u64, f: FuncRefPtr) {
        // SAFETY: the caller's promise; elements of a table are written only on its store's thread (invariant 2).
        unsafe { *self.slot(i) = if f.is_null() { null_func() } else { f } };
    }

    /// Calls `f` with each written function, and with null for each element that is not written yet. The value of an
    /// unwritten element is null, or a function that the instance defines or imports.
    pub fn each_written(&self, mut f: impl FnMut(FuncRefPtr)) {
        self.assert_funcs();
        for i in 0..self.len() {
            // SAFETY: in bounds, and a table of functions (invariant 13).
            let stored = unsafe { *self.slot(i) };
            if stored != null_func() {
                f(stored);
            }
        }
    }

    /// Wasm 2.0, 4.4.7 `table.get`.
    pub fn get_func(&self, i: u64) -> Result<FuncRefPtr, Trap> {
        self.check_funcs(i, 1)?;
        // SAFETY: just checked (invariant 13).
        Ok(unsafe { self.touch(i) })
    }

    /// # Safety
    /// `f` is null, or a function of this store.
    pub unsafe fn fill_func(&self, vm: &Arc<SharedVmStore>, at: u64, f: FuncRefPtr, len: u64) -> Result<(), Trap> {
        // SAFETY: the caller's promise (invariant 1).
        unsafe { self.init_func(vm, at, len, |_| f) }
    }

    /// Writes the elements that `source` returns.
    ///
    /// # Safety
    /// They are null, or functions of this store.
    pub unsafe fn init_func(
        &self,
        vm: &Arc<SharedVmStore>,
        at: u64,
        len: u64,
        source: impl Fn(u64) -> FuncRefPtr,
    ) -> Result<(), Trap> {
        self.check_funcs(at, len)?;
        // SAFETY: just checked (invariant 13).
        unsafe { self.write_many(vm, at, len, source) }
    }

    /// # Safety
    /// As for `slot`, for all elements from `at` on; the functions are null, or of this store.
    unsafe fn write_many(
        &self,
        vm: &Arc<SharedVmStore>,
        at: u64,
        len: u64,
        source: impl Fn(u64) -> FuncRefPtr,
    ) -> Result<(), Trap> {
        bulk::pieces(vm, len as usize, bulk::ELEMENTS, |piece| {
            // SAFETY: the caller's promise (invariants 1 and 13).
            piece.for_each(|i| unsafe { self.write(at + i as u64, source(i as u64)) });
        })
    }

    /// Copies within a table or between two tables. The ranges may overlap.
    pub fn copy_func(
        vm: &Arc<SharedVmStore>,
        dst: &Table,
        at: u64,
        src: &Table,
        from: u64,
        len: u64,
    ) -> Result<(), Trap> {
        src.check_funcs(from, len)?;
        dst.check_funcs(at, len)?;
        // SAFETY: just checked (invariant 13).
        let one = |i: usize| unsafe { dst.write(at + i as u64, src.touch(from + i as u64)) };
        let backwards = at > from;
        bulk::pieces_of_copy(vm, len as usize, bulk::ELEMENTS, backwards, |piece| match backwards {
            false => piece.for_each(one),
            true => piece.rev().for_each(one),
        })
    }

    /// Grows by `delta` elements with the value `f`. Returns the old size, or `None` if the table cannot grow. If it
    /// cannot, or if this is interrupted, nothing has changed.
    ///
    /// # Safety
    /// `f` is null, or a function of this store.
    pub unsafe fn grow_func(
        &mut self,
        vm: &Arc<SharedVmStore>,
        delta: u64,
        f: FuncRefPtr,
        account: &mut Account,
    ) -> Result<Option<u64>, Trap> {
        self.assert_funcs();
        // SAFETY: the table of functions now has room (invariant 13); for the rest, the caller's promise (invariant 1).
        self.grow_by(delta, account, |table, old| unsafe { table.write_many(vm, old, delta, |_| f) })
    }
}
