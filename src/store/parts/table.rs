//! Tables: the common parts of function tables (`func_table`) and of tables of references to objects (`ref_table`).
//! Elements are encoded as documented in `VmTable`.

use crate::abi::heap::SLOT_CARD_SHIFT;
use crate::abi::vmstruct::VmTable;
use crate::base::limits::MAX_TABLE_ELEMENTS;
use crate::base::{Result, Stable, Trap};
use crate::engine::engine::Engine;
use crate::engine::pooling::pool::Use;
use crate::engine::pooling::space::Space;
use crate::err;
use crate::store::parts::func_table::Lazy;
use crate::store::parts::keeper::{Keeper, kept};
use crate::store::parts::limits::{Account, Growth, Resource};
use crate::sys::fault_injection;
use crate::sys::mmap::page_size;
use crate::wasm::types::{Limits, TableType, ValType};
use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};

/// Function tables with at least this many bytes of elements have a space of their own.
const SPACE_FROM: usize = 128 << 10;

pub struct Table {
    pub keeper: Keeper,
    /// The part that machine code reads. It is in the context of the instance that created the table, or in `own`.
    vm: *mut VmTable,
    /// Owns that part for a table that the host created.
    _own: Option<Stable<VmTable>>,
    /// Capacity in elements.
    capacity: u64,
    /// The space of the elements, if they are not in memory of the allocator.
    space: Option<Space>,
    declared: TableType,
    /// For a function table: the segments that are initialized lazily, and whether more can be added.
    pub(in crate::store) lazy: Vec<Lazy>,
    pub(in crate::store) allows_lazy_init: bool,
}

kept!(Stable<Table>);

impl Table {
    /// Creates a table of `ty`'s minimum size, all null. `vm` is its place in a context that outlives it, or `None` for
    /// a table of the host.
    pub fn new(
        ty: TableType,
        vm: Option<*mut VmTable>,
        engine: &Engine,
        account: &mut Account,
    ) -> Result<Stable<Table>> {
        let min = ty.limits.min;
        if min > MAX_TABLE_ELEMENTS {
            return Err(err!(Limit, "table of {min} elements, the maximum is {MAX_TABLE_ELEMENTS}"));
        }
        let growth = Growth { resource: Resource::Table, current: 0, desired: min };
        if !account.take(growth) {
            return Err(err!(Limit, "a limit of the store refuses a table of {min} elements"));
        }
        let empty = || VmTable { elements: std::ptr::null_mut(), length: 0, cards: std::ptr::null_mut() };
        let mut own = vm.is_none().then(|| Stable::new(empty()));
        let vm = vm.unwrap_or_else(|| &raw mut **own.as_mut().expect("made where vm is none"));
        // SAFETY: `vm` points to `own` or into a context that is being created.
        unsafe { vm.write(empty()) };
        let mut table = Table {
            keeper: Keeper::Host,
            vm,
            _own: own,
            capacity: 0,
            space: None,
            declared: ty,
            lazy: Vec::new(),
            allows_lazy_init: true,
        };
        if !table.take_space(min, engine) && !table.reserve(min, min) {
            account.give_back(growth);
            return Err(err!(OutOfMemory, "no memory for a table of {min} elements"));
        }
        // SAFETY: as above.
        unsafe { (*vm).length = min };
        Ok(Stable::new(table))
    }

    /// Frees the table. The engine's pool may keep its space.
    pub fn free(mut self, engine: &Engine) {
        if let Some(space) = self.space.take() {
            engine.pool.give(Use::Table, space, true);
            self.capacity = 0;
        }
    }

    /// Takes a space for the elements of a large function table. Returns false if the table is not large, or if there
    /// is no space.
    fn take_space(&mut self, min: u64, engine: &Engine) -> bool {
        let bytes = (min as usize * self.element_size()).next_multiple_of(page_size());
        if self.is_gc() || bytes < SPACE_FROM {
            return false;
        }
        let Ok(space) = engine.pool.take(Use::Table, bytes.next_power_of_two(), bytes, None) else { return false };
        // SAFETY: `vm` lives (invariant 1).
        unsafe { (*self.vm).elements = space.base() };
        self.capacity = (bytes / self.element_size()) as u64;
        self.space = Some(space);
        true
    }

    /// The address range of its elements.
    pub fn span(&self) -> std::ops::Range<usize> {
        // SAFETY: `vm` lives at least as long as the table (invariant 1).
        let start = unsafe { (*self.vm).elements } as usize;
        start..start + self.layout(self.capacity).size()
    }

    pub fn vm(&self) -> *mut VmTable {
        self.vm
    }

    /// The number of elements.
    pub fn len(&self) -> u64 {
        // SAFETY: `vm` lives at least as long as the table (invariant 1).
        unsafe { (*self.vm).length }
    }

    pub fn ty(&self) -> TableType {
        self.declared
    }

    /// Whether its elements are references to objects. Otherwise they are functions.
    pub fn is_gc(&self) -> bool {
        ValType::Ref(self.declared.element).is_gc()
    }

    /// The current limits: the minimum is the current size.
    pub fn current_limits(&self) -> Limits {
        Limits { min: self.len(), max: self.declared.limits.max }
    }

    #[inline(always)]
    pub fn check_range(&self, at: u64, len: u64) -> Result<(), Trap> {
        match at.checked_add(len) {
            Some(end) if end <= self.len() => Ok(()),
            _ => Err(Trap::TableOutOfBounds),
        }
    }

    /// Grows by `delta` elements. `fill` writes the new elements, starting at the old size. They are within the
    /// capacity, but become part of the table only after `fill` returns, so that no code finds elements that are not
    /// written. Returns the old size, or `None` if the table cannot grow. In that case, and if `fill` fails, nothing
    /// has changed.
    pub(in crate::store) fn grow_by(
        &mut self,
        delta: u64,
        account: &mut Account,
        fill: impl FnOnce(&Table, u64) -> Result<(), Trap>,
    ) -> Result<Option<u64>, Trap> {
        let old = self.len();
        let max = self.declared.limits.max.unwrap_or(u64::MAX).min(MAX_TABLE_ELEMENTS);
        let Some(new) = old.checked_add(delta).filter(|n| *n <= max) else { return Ok(None) };
        if delta == 0 {
            return Ok(Some(old));
        }
        let growth = Growth { resource: Resource::Table, current: old, desired: new };
        if !account.take(growth) {
            return Ok(None);
        }
        let filled = self.reserve(new, max).then(|| fill(self, old));
        if !matches!(filled, Some(Ok(()))) {
            account.give_back(growth);
            return filled.transpose().map(|_| None);
        }
        // SAFETY: the capacity covers it (`reserve`), and `vm` lives (invariant 1).
        unsafe { (*self.vm).length = new };
        Ok(Some(old))
    }

    /// Capacity in elements.
    pub(in crate::store) fn capacity(&self) -> u64 {
        self.capacity
    }

    fn element_size(&self) -> usize {
        if self.is_gc() { 4 } else { 8 }
    }

    /// The layout of `elements` elements. In a table of references, the cards are stored after the elements.
    fn layout(&self, elements: u64) -> Layout {
        let cards = if self.is_gc() { elements.div_ceil(1 << SLOT_CARD_SHIFT) as usize } else { 0 };
        // `MAX_TABLE_ELEMENTS` keeps the size far from overflow.
        Layout::from_size_align(elements as usize * self.element_size() + cards, 8).expect("table sizes are bounded")
    }

    /// Makes the capacity at least `wanted`, doubling it up to `max`. New elements and cards are zero. Returns false if
    /// there is no memory.
    fn reserve(&mut self, wanted: u64, max: u64) -> bool {
        if wanted <= self.capacity {
            return true;
        }
        let capacity = wanted.max((self.capacity * 2).min(max)).max(if self.capacity == 0 { wanted } else { 4 });
        let layout = self.layout(capacity);
        // SAFETY: `elements` has space for `self.capacity` elements, allocated with that layout, or is null if the
        // capacity is 0 (invariant 13).
        unsafe {
            let vm = &mut *self.vm;
            let new = match fault_injection::check() {
                Err(_) => return false,
                Ok(()) if self.capacity == 0 => alloc_zeroed(layout),
                Ok(()) if self.space.is_some() => copied(vm.elements, self.layout(self.capacity).size(), layout),
                Ok(()) => realloc(vm.elements, self.layout(self.capacity), layout.size()),
            };
            if new.is_null() {
                return false;
            }
            let cards = new.add(capacity as usize * self.element_size());
            if self.capacity > 0 {
                let had = self.capacity as usize * self.element_size();
                std::ptr::write_bytes(new.add(had), 0, layout.size() - had);
                // The old cards are lost, so all cards of elements that may hold references are marked dirty.
                if self.is_gc() {
                    std::ptr::write_bytes(cards, 1, self.capacity.div_ceil(1 << SLOT_CARD_SHIFT) as usize);
                }
            }
            vm.elements = new;
            vm.cards = if self.is_gc() { cards } else { std::ptr::null_mut() };
        }
        self.capacity = capacity;
        self.space = None;
        true
    }
}

/// Allocates memory of this layout that starts with `len` bytes copied from `from`. Returns null if there is no memory.
///
/// # Safety
/// `from` has at least `len` bytes, and the layout as well.
unsafe fn copied(from: *const u8, len: usize, layout: Layout) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let new = alloc(layout);
        if !new.is_null() {
            new.copy_from_nonoverlapping(from, len);
        }
        new
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if self.capacity > 0 && self.space.is_none() {
            // SAFETY: allocated with this layout (invariant 13); `vm` outlives the table (the store drops tables before
            // contexts).
            unsafe { dealloc((*self.vm).elements, self.layout(self.capacity)) }
        }
    }
}
