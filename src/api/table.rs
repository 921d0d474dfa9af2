//! Tables.

pub use super::handle::defined::Table;
use super::{Ref, StoreMut, Val, Value};
use crate::abi::heap::RawRef;
use crate::abi::vmstruct::VmSlot;
use crate::base::{Error, Result, Trap};
use crate::err;
use crate::gc::Gc;
use crate::store::parts::bulk;
use crate::store::parts::table;
use crate::store::store as vm;
use crate::wasm::types::{TableType, ValType};

impl Table {
    /// Creates a table whose elements are all `init`, owned by the store. Fails with `InvalidArgument` for invalid
    /// limits, with `TypeMismatch` if `init` is not of the element type, and with `Limit` if a limit refuses it.
    pub fn new(store: &mut StoreMut<'_>, ty: TableType, init: Val) -> Result<Table> {
        if ty.limits.max.is_some_and(|max| max < ty.limits.min) {
            return Err(err!(InvalidArgument, "table limits {}: the maximum is below the minimum", ty.limits));
        }
        store.keep_type_of(ValType::Ref(ty.element))?;
        let table = store.with_room(|store| {
            // Everything that can fail happens before the table exists.
            if ValType::Ref(ty.element).is_gc() {
                store.vm_mut().heap()?;
            }
            init.to_slot(store, ValType::Ref(ty.element)).map_err(of_element)?;
            let store_vm = store.vm_mut();
            let table = table::Table::new(ty, None, &store_vm.engine, &mut store_vm.account)?;
            let index = store.vm_mut().tables.insert(table);
            Ok(Table::make(store, index))
        })?;
        match table.fill(store, 0, init, ty.limits.min) {
            Ok(()) => Ok(table),
            // No other code has a handle of the table.
            Err(e) => table.release(store).and(Err(e)),
        }
    }

    /// Releases the host's ownership of a table created by `new`: it then lives as long as something refers to it.
    /// Fails with `StaleHandle` if it was released before, and with `InvalidArgument` if an instance owns it.
    pub fn release(&self, store: &mut StoreMut<'_>) -> Result<()> {
        let i = self.check(store)?;
        store.vm_mut().release_table(i)
    }

    fn vm<'a>(&self, store: &'a StoreMut<'_>) -> Result<&'a table::Table> {
        Ok(&store.vm().tables[self.check(store)?])
    }

    /// Converts a value to an element of this table. A reference in it is valid until the next collection.
    fn element(&self, store: &StoreMut<'_>, value: Val) -> Result<VmSlot> {
        value.to_slot(store, ValType::Ref(self.vm(store)?.ty().element)).map_err(of_element)
    }

    /// The current type: its minimum is the current size.
    pub fn ty(&self, store: &StoreMut<'_>) -> Result<TableType> {
        let t = self.vm(store)?;
        Ok(TableType { limits: t.current_limits(), ..t.ty() })
    }

    /// The number of elements.
    pub fn size(&self, store: &StoreMut<'_>) -> Result<u64> {
        Ok(self.vm(store)?.len())
    }

    /// The element at `i`. A reference belongs to the innermost scope. Traps if `i` is out of bounds.
    pub fn get(&self, store: &mut StoreMut<'_>, i: u64) -> Result<Val> {
        let mut value = Val::I32(0);
        // SAFETY: `value` is a local variable.
        unsafe { self.get_value(store, i, &mut value)? };
        Ok(value)
    }

    /// The same, with a value in the host's own representation.
    ///
    /// # Safety
    /// `out` can be written to.
    #[inline(always)]
    pub unsafe fn get_value<V: Value>(&self, store: &mut StoreMut<'_>, i: u64, out: *mut V) -> Result<()> {
        let place = self.check(store)?;
        let table = &store.vm().tables[place];
        let ty = ValType::Ref(table.ty().element);
        let slot = if ty.is_gc() {
            let (no_gc, tables) = store.vm_mut().no_gc_and_tables()?;
            let slots = tables[place].slots(no_gc, i, 1).map_err(|trap| outside(trap, i, 1, &tables[place]))?;
            VmSlot { gc: slots.load(no_gc, 0).map_or(RawRef::NULL, Gc::bits) }
        } else {
            VmSlot { funcref: table.get_func(i).map_err(|trap| outside(trap, i, 1, table))? }
        };
        // SAFETY: an element of a table of this store, just read; the rest is the caller's promise
        // (invariant 6 of the heap).
        unsafe { V::get(out, store, &slot, &ty) }
    }

    /// The elements `at..at + len`. References belong to the innermost scope. Traps if the range is out of bounds.
    pub fn get_many(&self, store: &mut StoreMut<'_>, at: u64, len: u64) -> Result<Vec<Val>> {
        let table = self.vm(store)?;
        table.check_range(at, len).map_err(|trap| outside(trap, at, len, table))?;
        let (vm, mut values) = (store.vm().interrupts_for(len as usize), Vec::new());
        bulk::try_pieces(vm.as_ref(), len as usize, bulk::ELEMENTS, |piece| {
            for i in piece {
                values.push(self.get(store, at + i as u64)?);
            }
            Ok::<_, Error>(())
        })?;
        Ok(values)
    }

    /// Sets the element at `i`. Fails with `TypeMismatch` if `value` is not of the element type. Traps if `i` is out of
    /// bounds.
    #[inline(always)]
    pub fn set(&self, store: &mut StoreMut<'_>, i: u64, value: Val) -> Result<()> {
        let place = self.check(store)?;
        let element = store.vm().tables[place].ty().element;
        let (Val::ExternRef(r) | Val::AnyRef(r) | Val::ExnRef(r)) = value else {
            return self.fill(store, i, value, 1);
        };
        if value.ty() != ValType::Ref(element.top().ref_type()) {
            return self.fill(store, i, value, 1);
        }
        let raw = Ref::to_raw(r, store, element).map_err(of_element)?;
        let (no_gc, tables) = store.vm_mut().no_gc_and_tables()?;
        let slots = tables[place].slots(no_gc, i, 1).map_err(|trap| outside(trap, i, 1, &tables[place]))?;
        // SAFETY: just checked, and no collection has happened since (invariant 6 of the heap).
        slots.store(no_gc, 0, unsafe { no_gc.adopt(raw) });
        Ok(())
    }

    /// Grows by `delta` elements that are `init` and returns the old size. Fails with `Limit` if the table cannot grow.
    pub fn grow(&self, store: &mut StoreMut<'_>, delta: u64, init: Val) -> Result<u64> {
        let slot = self.element(store, init)?;
        let i = self.check(store)?;
        let is_gc = self.vm(store)?.is_gc();
        let vm = store.vm_mut();
        // SAFETY: `element` wrote the member for the table's type, and nothing is collected before it is used
        // (invariant 6 of the heap).
        let grown = unsafe {
            match is_gc {
                true => {
                    vm.heap()?;
                    let no_gc = vm.heap.as_ref().expect("just there").no_gc();
                    vm.tables[i].grow_gc_ref(&vm.vm, no_gc, delta, no_gc.adopt(slot.gc), &mut vm.account)
                }
                false => vm.tables[i].grow_func(&vm.vm, delta, slot.funcref, &mut vm.account),
            }
        };
        let len = store.vm().tables[i].len();
        grown.map_err(Error::trap)?.ok_or_else(|| err!(Limit, "a table of {len} elements cannot grow by {delta}"))
    }

    /// Sets the elements `at..at + len` to `value`. Fails with `TypeMismatch` if it is not of the element type. Traps
    /// if the range is out of bounds.
    pub fn fill(&self, store: &mut StoreMut<'_>, at: u64, value: Val, len: u64) -> Result<()> {
        let slot = self.element(store, value)?;
        let i = self.check(store)?;
        if self.vm(store)?.is_gc() {
            store.vm_mut().heap()?;
        }
        let vm::Store { vm, heap, tables, .. } = store.vm();
        // SAFETY: `element` wrote the member for the table's type, and nothing is collected before it is used
        // (invariant 6 of the heap).
        let filled = unsafe {
            match heap.as_ref().filter(|_| tables[i].is_gc()).map(|h| h.no_gc()) {
                Some(no_gc) => {
                    let slots = tables[i].slots(no_gc, at, len).map_err(|trap| outside(trap, at, len, &tables[i]))?;
                    bulk::fill_slots(vm, no_gc, slots, no_gc.adopt(slot.gc))
                }
                None => tables[i].fill_func(vm, at, slot.funcref, len),
            }
        };
        filled.map_err(|trap| outside(trap, at, len, &tables[i]))
    }

    /// Copies `len` elements, from `from` on in `src`, to `at` on in this table. The ranges can overlap. Fails with
    /// `TypeMismatch` if the element types do not match. Traps if a range is out of bounds.
    pub fn copy(&self, store: &mut StoreMut<'_>, at: u64, src: Table, from: u64, len: u64) -> Result<()> {
        let (dst_table, src_table) = (self.vm(store)?, src.vm(store)?);
        let types = store.vm().engine.types.view();
        let (to, of) = (dst_table.ty().element, src_table.ty().element);
        if !types.ref_matches(of, to) {
            let [of, to] = [of, to].map(|t| super::types::val_text(store, ValType::Ref(t)));
            return Err(err!(TypeMismatch, "elements of type {of} cannot be copied into a table of {to}"));
        }
        let shared = &store.vm().vm;
        let copied = match dst_table.is_gc() {
            true => dst_table.copy_refs(shared, at, src_table, from, len),
            false => table::Table::copy_func(shared, dst_table, at, src_table, from, len),
        };
        copied.map_err(|trap| match (src_table.check_range(from, len), dst_table.check_range(at, len)) {
            (Err(_), _) => outside(trap, from, len, src_table),
            (_, Err(_)) => outside(trap, at, len, dst_table),
            _ => Error::trap(trap),
        })
    }
}

/// The error of a trap; an access out of bounds also reports the range and the table's size.
#[cold]
fn outside(trap: Trap, at: u64, len: u64, table: &table::Table) -> Error {
    let (size, error) = (table.len(), Error::trap(trap));
    match len {
        _ if trap == Trap::Interrupted => error,
        1 => error.about(format_args!("element {at} of a table of {size}")),
        _ => error.about(format_args!("{len} elements from {at} on of a table of {size}")),
    }
}

#[cold]
fn of_element(e: Error) -> Error {
    e.about("an element of the table")
}
