//! Tables: what those of functions (`func_table`) and those of references to objects (`ref_table`) share. Elements are
//! encoded as `VmTable` says.

use crate::abi::heap::SLOT_CARD_SHIFT;
use crate::abi::vmstruct::VmTable;
use crate::base::limits::MAX_TABLE_ELEMENTS;
use crate::base::{Result, Stable, Trap};
use crate::engine::engine::Engine;
use crate::engine::pooling::pool::Use;
use crate::engine::pooling::space::Space;
use crate::err;
use crate::store::parts::func_table::Lazy;
use crate::store::parts::limits::{Account, Growth, Resource};
use crate::store::parts::owner::Keeper;
use crate::sys::mmap::page_size;
use crate::sys::scarcity;
use crate::wasm::types::{Limits, TableType, ValType};
use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};

/// Tables of functions with so many bytes of elements have them in a space of their own.
const SPACE_FROM: usize = 128 << 10;

pub struct Table {
    pub keeper: Keeper,
    /// What machine code reads: in the context of the instance that made the table, or in `own`.
    vm: *mut VmTable,
    /// Keeps the struct of a table that the host made.
    _own: Option<Stable<VmTable>>,
    /// Elements there is room for.
    capacity: u64,
    /// Where the elements are, if not in memory of the allocator.
    space: Option<Space>,
    declared: TableType,
    /// Of a table of functions: segments that are remembered, and whether more may be.
    pub(crate) lazy: Vec<Lazy>,
    pub(crate) remembers: bool,
}

impl Table {
    /// A table of `ty`'s minimum size, all null. `vm` is its place in a context, which outlives it; `None` for a table of
    /// the host.
    pub fn new(
        ty: TableType,
        vm: Option<*mut VmTable>,
        engine: &Engine,
        account: &mut Account,
    ) -> Result<Stable<Table>> {
        let min = ty.limits.min;
        if min > MAX_TABLE_ELEMENTS {
            return Err(err!(Limit, "table of {min} elements, {MAX_TABLE_ELEMENTS} is the most"));
        }
        let growth = Growth { resource: Resource::Table, current: 0, desired: min };
        if !account.take(growth) {
            return Err(err!(Limit, "a limit of the store refuses a table of {min} elements"));
        }
        let empty = || VmTable { elements: std::ptr::null_mut(), length: 0, cards: std::ptr::null_mut() };
        let mut own = vm.is_none().then(|| Stable::new(empty()));
        let vm = vm.unwrap_or_else(|| &raw mut **own.as_mut().expect("made where vm is none"));
        // SAFETY: `vm` points to `own` or into a context that is being made.
        unsafe { vm.write(empty()) };
        let mut table = Table {
            keeper: Keeper::Host,
            vm,
            _own: own,
            capacity: 0,
            space: None,
            declared: ty,
            lazy: Vec::new(),
            remembers: true,
        };
        if !table.take_space(min, engine) && !table.reserve(min, min) {
            account.give_back(growth);
            return Err(err!(OutOfMemory, "no memory for a table of {min} elements"));
        }
        // SAFETY: as above.
        unsafe { (*vm).length = min };
        Ok(Stable::new(table))
    }

    /// Its end. The engine may keep what it was made of.
    pub fn free(mut self, engine: &Engine) {
        if let Some(space) = self.space.take() {
            engine.pool.give(Use::Table, space, true);
            self.capacity = 0;
        }
    }

    /// Room for the elements of a large table of functions in a space that was used before, if the engine keeps such.
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

    /// Where its elements are, as addresses.
    pub fn span(&self) -> std::ops::Range<usize> {
        // SAFETY: `vm` lives as long as the table (invariant 1).
        let start = unsafe { (*self.vm).elements } as usize;
        start..start + self.layout(self.capacity).size()
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

    /// Whether its elements are references to objects; otherwise they are functions.
    pub fn is_gc(&self) -> bool {
        ValType::Ref(self.declared.element).is_gc()
    }

    /// The limits as of now: the minimum is the present size.
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

    /// Grows by `delta` elements, which `fill` writes from the one at the old size on: there is room for them, but they are not the
    /// table's yet, so that nobody finds some that are not written. Gives the old size, or `None`; then, and if `fill` fails, nothing
    /// has changed.
    pub(crate) fn grow_by(
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

    /// Elements there is room for.
    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    fn element_size(&self) -> usize {
        if self.is_gc() { 4 } else { 8 }
    }

    /// The cards of a table of references stand behind its elements.
    fn layout(&self, elements: u64) -> Layout {
        let cards = if self.is_gc() { elements.div_ceil(1 << SLOT_CARD_SHIFT) as usize } else { 0 };
        // `MAX_TABLE_ELEMENTS` keeps it far from overflow.
        Layout::from_size_align(elements as usize * self.element_size() + cards, 8).expect("table sizes are bounded")
    }

    /// Makes room for `wanted` elements, doubling up to `max`. New elements and cards are zero.
    fn reserve(&mut self, wanted: u64, max: u64) -> bool {
        if wanted <= self.capacity {
            return true;
        }
        let capacity = wanted.max((self.capacity * 2).min(max)).max(if self.capacity == 0 { wanted } else { 4 });
        let layout = self.layout(capacity);
        // SAFETY: `elements` has room for `self.capacity` elements, allocated with that layout, or is null when that is 0.
        unsafe {
            let vm = &mut *self.vm;
            let new = match scarcity::check() {
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
                // The cards have moved and say nothing: all of what may hold references is dirty.
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

/// Memory of this layout that starts with `len` bytes from `from`; null if there is none.
///
/// # Safety
/// `from` has so many bytes, and the layout as well.
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
            // SAFETY: allocated with this layout; `vm` outlives the table (the store drops tables before contexts).
            unsafe { dealloc((*self.vm).elements, self.layout(self.capacity)) }
        }
    }
}
