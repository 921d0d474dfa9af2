//! A table of funcrefs.
//!
//! Elements are encoded as `VmTable` says; this file is the only one that reads or writes them on the runtime's side.
//! An instance's first segments are not written when it is made: the table remembers them, and an element that still
//! reads 0 is looked up there on its first touch.

use super::limits::{Account, Growth, Resource};
use crate::abi::vmstruct::{VmFuncRef, VmTable};
use crate::base::limits::MAX_TABLE_ELEMENTS;
use crate::base::{Result, Trap};
use crate::err;
use crate::sys::scarcity;
use crate::wasm::registry::TypeId;
use crate::wasm::types::{Limits, TableType};
use std::alloc::{Layout, alloc_zeroed, dealloc, realloc};

/// A reference as WebAssembly sees it: null, or a function that lives as long as the store (invariant 1).
pub type FuncRefPtr = *mut VmFuncRef;

struct NullFunc(VmFuncRef);
// SAFETY: never written, and its pointers are null.
unsafe impl Sync for NullFunc {}
static NULL_FUNC: NullFunc =
    NullFunc(VmFuncRef { code: std::ptr::null(), vmctx: std::ptr::null_mut(), type_id: TypeId::NONE, handle: 0 });

/// How a null reference is stored in a table. Its type is no function's, so that a call through it fails the type check.
pub fn null_func() -> FuncRefPtr {
    &raw const NULL_FUNC.0 as FuncRefPtr
}

/// Elements that are known but not written: `start..start + len`, from a source that can make them.
pub struct Lazy {
    pub start: u64,
    pub len: u64,
    /// The element at an index from the segment's start.
    pub source: Box<dyn Fn(u64) -> FuncRefPtr>,
}

/// More remembered segments than this are not worth the search at each first touch.
pub const MAX_LAZY: usize = 8;

pub struct Table {
    /// What machine code reads: in the context of the instance that made the table, or in `own`.
    vm: *mut VmTable,
    /// Keeps the struct of a table that the host made.
    _own: Option<Box<VmTable>>,
    capacity: u64,
    declared: TableType,
    lazy: Vec<Lazy>,
    /// Whether segments may still be remembered: not after one was written, which a remembered one could not hide.
    remembers: bool,
}

impl Table {
    /// A table of `ty`'s minimum size, all null. `vm` is its place in a context, which outlives it; `None` for a table of
    /// the host.
    pub fn new(ty: TableType, vm: Option<*mut VmTable>, account: &mut Account) -> Result<Box<Table>> {
        let min = ty.limits.min;
        if min > MAX_TABLE_ELEMENTS {
            return Err(err!(Limit, "table of {min} elements, {MAX_TABLE_ELEMENTS} is the most"));
        }
        let growth = Growth { resource: Resource::Table, current: 0, desired: min };
        if !account.take(growth) {
            return Err(err!(Limit, "a limit of the store refuses a table of {min} elements"));
        }
        let elements = if min == 0 {
            std::ptr::null_mut()
        } else {
            // SAFETY: not of size 0.
            let p = unsafe { alloc_elements(min) };
            if p.is_null() {
                account.give_back(growth);
                return Err(err!(OutOfMemory, "no memory for a table of {min} elements"));
            }
            p as *mut FuncRefPtr
        };
        let mut own = vm.is_none().then(|| Box::new(VmTable { elements: std::ptr::null_mut(), length: 0 }));
        let vm = vm.unwrap_or_else(|| &raw mut **own.as_mut().expect("made where vm is none"));
        // SAFETY: `vm` points to `own` or into a context that is being made.
        unsafe { vm.write(VmTable { elements, length: min }) };
        Ok(Box::new(Table { vm, _own: own, capacity: min, declared: ty, lazy: Vec::new(), remembers: true }))
    }

    pub fn vm(&self) -> *mut VmTable {
        self.vm
    }

    /// Elements.
    pub fn len(&self) -> u64 {
        // SAFETY: `vm` lives as long as the store (invariant 1).
        unsafe { (*self.vm).length }
    }

    pub fn ty(&self) -> TableType {
        self.declared
    }

    /// The limits as of now: the minimum is the present size.
    pub fn current_limits(&self) -> Limits {
        Limits { min: self.len(), max: self.declared.limits.max }
    }

    /// Remembers a segment instead of writing it. Only for a table no code has seen yet; false when the table has enough
    /// of them, or the segment is out of bounds.
    pub fn add_lazy(&mut self, lazy: Lazy) -> bool {
        let fits = lazy.start.checked_add(lazy.len).is_some_and(|end| end <= self.len());
        if !fits || !self.remembers || self.lazy.len() >= MAX_LAZY {
            self.remembers = false;
            return false;
        }
        self.lazy.push(lazy);
        true
    }

    /// From now on segments are written.
    pub fn stop_remembering(&mut self) {
        self.remembers = false;
    }

    fn slot(&self, i: u64) -> *mut FuncRefPtr {
        debug_assert!(i < self.len());
        // SAFETY: callers checked the index against the length.
        unsafe { (*self.vm).elements.add(i as usize) }
    }

    fn check(&self, at: u64, len: u64) -> Result<(), Trap> {
        match at.checked_add(len) {
            Some(end) if end <= self.len() => Ok(()),
            _ => Err(Trap::TableOutOfBounds),
        }
    }

    /// The element at `i`, which must be in bounds, written down if it was not yet.
    fn touch(&self, i: u64) -> FuncRefPtr {
        let slot = self.slot(i);
        // SAFETY: in bounds (`slot`).
        let stored = unsafe { *slot };
        if stored == null_func() {
            return std::ptr::null_mut();
        }
        if !stored.is_null() {
            return stored;
        }
        // The last segment that covers it is the one that would have been written last.
        let found = self.lazy.iter().rev().find(|l| i >= l.start && i - l.start < l.len);
        let element = found.map_or(std::ptr::null_mut(), |l| (l.source)(i - l.start));
        self.write(i, element);
        element
    }

    fn write(&self, i: u64, f: FuncRefPtr) {
        // SAFETY: in bounds (`slot`); elements of a table are written on its store's thread only (invariant 2).
        unsafe { *self.slot(i) = if f.is_null() { null_func() } else { f } };
    }

    /// Wasm 2.0, 4.4.7 `table.get`.
    pub fn get(&self, i: u64) -> Result<FuncRefPtr, Trap> {
        self.check(i, 1)?;
        Ok(self.touch(i))
    }

    /// Wasm 2.0, 4.4.7 `table.set`.
    pub fn set(&self, i: u64, f: FuncRefPtr) -> Result<(), Trap> {
        self.check(i, 1)?;
        self.write(i, f);
        Ok(())
    }

    pub fn fill(&self, at: u64, f: FuncRefPtr, len: u64) -> Result<(), Trap> {
        self.check(at, len)?;
        (at..at + len).for_each(|i| self.write(i, f));
        Ok(())
    }

    /// Writes the elements that `source` makes.
    pub fn init(&self, at: u64, len: u64, source: impl Fn(u64) -> FuncRefPtr) -> Result<(), Trap> {
        self.check(at, len)?;
        (0..len).for_each(|i| self.write(at + i, source(i)));
        Ok(())
    }

    /// Copies within a table or between two, overlap included.
    pub fn copy(dst: &Table, at: u64, src: &Table, from: u64, len: u64) -> Result<(), Trap> {
        src.check(from, len)?;
        dst.check(at, len)?;
        let one = |i: u64| dst.write(at + i, src.touch(from + i));
        if at <= from {
            (0..len).for_each(one)
        } else {
            (0..len).rev().for_each(one)
        }
        Ok(())
    }

    /// Grows by `delta` elements that are `f`. Gives the old size, or `None`, and then nothing has changed.
    pub fn grow(&mut self, delta: u64, f: FuncRefPtr, account: &mut Account) -> Option<u64> {
        let old = self.len();
        let max = self.declared.limits.max.unwrap_or(u64::MAX).min(MAX_TABLE_ELEMENTS);
        let new = old.checked_add(delta).filter(|n| *n <= max)?;
        if delta == 0 {
            return Some(old);
        }
        let growth = Growth { resource: Resource::Table, current: old, desired: new };
        if !account.take(growth) {
            return None;
        }
        if !self.reserve(new, max) {
            account.give_back(growth);
            return None;
        }
        // SAFETY: the capacity covers it (`reserve`), and `vm` lives (invariant 1).
        unsafe { (*self.vm).length = new };
        (old..new).for_each(|i| self.write(i, f));
        Some(old)
    }

    /// Makes room for `wanted` elements, doubling up to `max`.
    fn reserve(&mut self, wanted: u64, max: u64) -> bool {
        if wanted <= self.capacity {
            return true;
        }
        let capacity = wanted.max((self.capacity * 2).min(max)).max(4);
        // SAFETY: `elements` has room for `self.capacity` elements, allocated with that layout, or is null when that is 0.
        // What is behind the old length is not read before `grow` has written it.
        unsafe {
            let old = (*self.vm).elements as *mut u8;
            let new = if self.capacity == 0 {
                alloc_elements(capacity)
            } else if scarcity::check().is_err() {
                std::ptr::null_mut()
            } else {
                realloc(old, layout(self.capacity), layout(capacity).size())
            };
            if new.is_null() {
                return false;
            }
            (*self.vm).elements = new as *mut FuncRefPtr;
        }
        self.capacity = capacity;
        true
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if self.capacity > 0 {
            // SAFETY: allocated with this layout; `vm` outlives the table (the store drops tables before contexts).
            unsafe { dealloc((*self.vm).elements as *mut u8, layout(self.capacity)) }
        }
    }
}

/// Zeroed room for `n` elements, or null.
///
/// # Safety
/// `n` is not 0.
unsafe fn alloc_elements(n: u64) -> *mut u8 {
    match scarcity::check() {
        // SAFETY: the caller's promise.
        Ok(()) => unsafe { alloc_zeroed(layout(n)) },
        Err(_) => std::ptr::null_mut(),
    }
}

fn layout(elements: u64) -> Layout {
    // `MAX_TABLE_ELEMENTS` keeps it far from overflow.
    Layout::array::<FuncRefPtr>(elements as usize).expect("table sizes are bounded")
}
