//! A global: its value lives in the context of the instance that made it, or here when the host made it.

use crate::abi::vmstruct::{VmGlobal, VmSlot};
use crate::wasm::types::GlobalType;

pub struct Global {
    vm: *mut VmGlobal,
    _own: Option<Box<VmGlobal>>,
    ty: GlobalType,
}

impl Global {
    /// The global of an instance, in its context (invariant 1 keeps it alive).
    pub fn of_instance(ty: GlobalType, vm: *mut VmGlobal) -> Global {
        Global { vm, _own: None, ty }
    }

    pub fn of_host(ty: GlobalType, value: VmSlot) -> Global {
        let mut own = Box::new(VmGlobal { value });
        Global { vm: &raw mut *own, _own: Some(own), ty }
    }

    pub fn vm(&self) -> *mut VmGlobal {
        self.vm
    }
    pub fn ty(&self) -> GlobalType {
        self.ty
    }
    pub fn get(&self) -> VmSlot {
        // SAFETY: `vm` lives as long as the store and is used by one thread at a time (invariants 1 and 2).
        unsafe { (*self.vm).value }
    }
    /// The caller checked the type and that the global is mutable.
    pub fn set(&self, value: VmSlot) {
        // SAFETY: as in `get`.
        unsafe { (*self.vm).value = value }
    }
}
