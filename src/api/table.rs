//! Tables.

pub use super::handle::defined::Table;
use super::{Store, Val};
use crate::base::{Error, Result};
use crate::err;
use crate::vm::table::{self as vm, FuncRefPtr};
use crate::wasm::types::{RefType, TableType, ValType};

impl Table {
    /// A table whose elements all are `init`.
    pub fn new(store: &mut Store, ty: TableType, init: Val) -> Result<Table> {
        if ty.element != RefType::Func {
            return Err(err!(Unsupported, "tables of {} are not supported yet", ValType::Ref(ty.element)));
        }
        if ty.limits.max.is_some_and(|max| max < ty.limits.min) {
            return Err(err!(InvalidArgument, "table limits {}: the maximum is below the minimum", ty.limits));
        }
        let init = element(store, init)?;
        let table = vm::Table::new(ty, None, &mut store.vm_mut().account)?;
        table.fill(0, init, ty.limits.min).map_err(Error::trap)?;
        store.vm_mut().tables.push(table);
        let index = store.vm().tables.len() as u32 - 1;
        Ok(Table::make(store, index))
    }

    fn vm<'a>(&self, store: &'a Store) -> Result<&'a vm::Table> {
        Ok(&store.vm().tables[self.check(store)?])
    }

    /// The type as of now: its minimum is the present size.
    pub fn ty(&self, store: &Store) -> Result<TableType> {
        let t = self.vm(store)?;
        Ok(TableType { limits: t.current_limits(), element: t.ty().element })
    }

    /// Elements.
    pub fn size(&self, store: &Store) -> Result<u64> {
        Ok(self.vm(store)?.len())
    }

    pub fn get(&self, store: &mut Store, i: u64) -> Result<Val> {
        let f = self.vm(store)?.get(i).map_err(Error::trap)?;
        if f.is_null() {
            return Ok(Val::FuncRef(None));
        }
        // SAFETY: an element of a table of this store.
        unsafe { super::Func::from_ref(store, f) }.map(|f| Val::FuncRef(Some(f)))
    }

    pub fn set(&self, store: &mut Store, i: u64, value: Val) -> Result<()> {
        let f = element(store, value)?;
        self.vm(store)?.set(i, f).map_err(Error::trap)
    }

    /// Grows by `delta` elements that are `init`; gives the old size.
    pub fn grow(&self, store: &mut Store, delta: u64, init: Val) -> Result<u64> {
        let f = element(store, init)?;
        let i = self.check(store)?;
        let vm = store.vm_mut();
        let grown = vm.tables[i].grow(delta, f, &mut vm.account);
        grown.ok_or_else(|| err!(Limit, "the table can not grow by {delta} elements"))
    }

    pub fn fill(&self, store: &mut Store, at: u64, value: Val, len: u64) -> Result<()> {
        let f = element(store, value)?;
        self.vm(store)?.fill(at, f, len).map_err(Error::trap)
    }

    /// Copies `len` elements of `src`, from `from` on, to `at` of this table; overlap is fine.
    pub fn copy(&self, store: &mut Store, at: u64, src: Table, from: u64, len: u64) -> Result<()> {
        vm::Table::copy(self.vm(store)?, at, src.vm(store)?, from, len).map_err(Error::trap)
    }
}

/// A value as a table holds it.
fn element(store: &Store, value: Val) -> Result<FuncRefPtr> {
    // SAFETY: `to_slot` wrote this member for this type.
    unsafe { Ok(value.to_slot(store, ValType::FUNCREF)?.funcref) }
}
