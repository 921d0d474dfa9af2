//! Globals.

pub use super::handle::defined::Global;
use super::{StoreMut, Val};
use crate::abi::heap::RawRef;
use crate::abi::vmstruct::VmSlot;
use crate::base::Result;
use crate::err;
use crate::store::parts::global as vm;
use crate::wasm::types::GlobalType;

impl Global {
    /// Creates a global, owned by the store. Fails with `TypeMismatch` if `value` is not of the global's type.
    pub fn new(store: &mut StoreMut<'_>, ty: GlobalType, value: Val) -> Result<Global> {
        store.keep_type_of(ty.content)?;
        let index = store.with_room(|store| {
            if ty.content.is_gc() {
                store.vm_mut().heap()?;
            }
            value.to_slot(store, ty.content).map_err(|e| e.about("the global"))?;
            Ok(store.vm_mut().globals.insert(vm::Global::of_host(ty)))
        })?;
        put(store, index, value)?;
        Ok(Global::make(store, index))
    }

    /// The global's type.
    pub fn ty(&self, store: &StoreMut<'_>) -> Result<GlobalType> {
        Ok(store.vm().globals[self.check(store)?].ty())
    }

    /// Releases the host's ownership of a global created by `new`: it then lives as long as something refers to it.
    /// Fails with `StaleHandle` if it was released before, and with `InvalidArgument` if an instance owns it.
    pub fn release(&self, store: &mut StoreMut<'_>) -> Result<()> {
        let i = self.check(store)?;
        store.vm_mut().release_global(i)
    }

    /// The global's value. A reference belongs to the innermost scope.
    pub fn get(&self, store: &mut StoreMut<'_>) -> Result<Val> {
        let i = self.check(store)?;
        let ty = store.vm().globals[i].ty().content;
        let slot = if ty.is_gc() {
            let (no_gc, vm) = store.vm_mut().no_gc_and_globals()?;
            VmSlot { gc: vm[i].get_ref(no_gc).map_or(RawRef::NULL, |gc| gc.bits()) }
        } else {
            store.vm().globals[i].get()
        };
        // SAFETY: a global holds a value of its type, and of its store (invariant 6 of the heap).
        unsafe { Val::from_slot(store, &slot, ty) }
    }

    /// Sets the global. Fails with `TypeMismatch` if `value` is not of its type, or if the global is immutable.
    pub fn set(&self, store: &mut StoreMut<'_>, value: Val) -> Result<()> {
        let i = self.check(store)?;
        let ty = store.vm().globals[i].ty();
        value.to_slot(store, ty.content).map_err(|e| e.about("the global"))?;
        if !ty.mutable {
            return Err(err!(TypeMismatch, "the global is immutable"));
        }
        put(store, i, value)
    }
}

/// Writes a value into global `i` of the store, which is mutable or was just created.
fn put(store: &mut StoreMut<'_>, i: u32, value: Val) -> Result<()> {
    let ty = store.vm().globals[i].ty().content;
    let slot = value.to_slot(store, ty)?;
    if !ty.is_gc() {
        // SAFETY: `to_slot` converted the value to the global's type; callers checked that the global may be written.
        unsafe { store.vm().globals[i].set(slot) };
        return Ok(());
    }
    let (no_gc, globals) = store.vm_mut().no_gc_and_globals()?;
    // SAFETY: `to_slot` wrote this member for this type, and no collection has happened since
    // (invariant 6 of the heap).
    globals[i].set_ref(no_gc, unsafe { no_gc.adopt(slot.gc) });
    Ok(())
}
