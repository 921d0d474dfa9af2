//! Globals.

pub use super::handle::defined::Global;
use super::{Store, Val};
use crate::base::Result;
use crate::err;
use crate::vm::global as vm;
use crate::wasm::types::GlobalType;

impl Global {
    pub fn new(store: &mut Store, ty: GlobalType, value: Val) -> Result<Global> {
        let slot = value.to_slot(store, ty.content)?;
        store.vm_mut().globals.push(vm::Global::of_host(ty, slot));
        let index = store.vm().globals.len() as u32 - 1;
        Ok(Global::make(store, index))
    }

    pub fn ty(&self, store: &Store) -> Result<GlobalType> {
        Ok(store.vm().globals[self.check(store)?].ty())
    }

    pub fn get(&self, store: &mut Store) -> Result<Val> {
        let g = &store.vm().globals[self.check(store)?];
        let (slot, ty) = (g.get(), g.ty().content);
        // SAFETY: a global holds a value of its type, of its store.
        unsafe { Val::from_slot(store, &slot, ty) }
    }

    pub fn set(&self, store: &mut Store, value: Val) -> Result<()> {
        let i = self.check(store)?;
        let ty = store.vm().globals[i].ty();
        let slot = value.to_slot(store, ty.content)?;
        if !ty.mutable {
            return Err(err!(TypeMismatch, "the global is immutable"));
        }
        store.vm().globals[i].set(slot);
        Ok(())
    }
}
