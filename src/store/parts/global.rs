//! A global: its value lives in the context of the instance that made it, or here when the host made it.

use crate::abi::heap::RefSlot;
use crate::abi::vmstruct::{VmGlobal, VmRefGlobal, VmSlot};
use crate::base::Stable;
use crate::gc::collect::Tracer;
use crate::gc::slot::Slots;
use crate::gc::{Gc, NoGc};
use crate::store::parts::owner::Keeper;
use crate::wasm::types::GlobalType;

pub struct Global {
    pub keeper: Keeper,
    vm: *mut VmGlobal,
    own: Option<Stable<Own>>,
    ty: GlobalType,
}

/// A global of the host, and its card.
struct Own {
    vm: VmGlobal,
    card: u8,
}

impl Global {
    /// The global of an instance, in its context (invariant 1 keeps it alive).
    pub fn of_instance(ty: GlobalType, vm: *mut VmGlobal, instance: u32) -> Global {
        Global { keeper: Keeper::Instance(instance), vm, own: None, ty }
    }

    /// A global of the host; 0 or null at first.
    pub fn of_host(ty: GlobalType) -> Global {
        let mut own = Stable::new(Own { vm: VmGlobal { value: VmSlot::ZERO }, card: 0 });
        let vm = &raw mut own.vm;
        if ty.content.is_gc() {
            let global = VmRefGlobal { value: RefSlot::null(), card: &raw mut own.card };
            // SAFETY: the struct of just such a global.
            unsafe { (vm as *mut VmRefGlobal).write(global) };
        }
        Global { keeper: Keeper::Host, vm, own: Some(own), ty }
    }

    /// Whether the host made it; otherwise it is in an instance's context.
    pub fn is_hosts(&self) -> bool {
        self.own.is_some()
    }

    pub fn vm(&self) -> *mut VmGlobal {
        self.vm
    }
    pub fn ty(&self) -> GlobalType {
        self.ty
    }
    /// The value of a global that holds no reference to an object.
    pub fn get(&self) -> VmSlot {
        debug_assert!(!self.ty.content.is_gc());
        // SAFETY: `vm` lives as long as the store and is used by one thread at a time (invariants 1 and 2).
        unsafe { (*self.vm).value }
    }
    /// # Safety
    /// The value is of the global's type, of this store, and no reference to an object; the global is mutable, or just made.
    pub unsafe fn set(&self, value: VmSlot) {
        debug_assert!(!self.ty.content.is_gc());
        // SAFETY: as in `get`; the caller's promise.
        unsafe { (*self.vm).value = value }
    }
    pub fn get_ref<'h>(&'h self, no_gc: NoGc<'h>) -> Option<Gc<'h>> {
        // SAFETY: as in `get`.
        unsafe { slot(self.vm, no_gc) }.load(no_gc, 0)
    }
    /// The caller checked type and mutability. The global owns the reference from then on.
    pub fn set_ref<'h>(&'h self, no_gc: NoGc<'h>, value: Option<Gc<'h>>) {
        // SAFETY: as in `get`.
        unsafe { slot(self.vm, no_gc) }.store(no_gc, 0, value);
    }

    /// Of a global of the host; those of instances are traced with these.
    pub fn trace(&mut self, tracer: &mut Tracer) {
        if let Some(own) = &mut self.own
            && self.ty.content.is_gc()
            && (own.card != 0 || !tracer.is_minor())
        {
            own.card = 0;
            // SAFETY: the struct of a global that holds a reference.
            unsafe { tracer.slot(&raw const (*(&raw const own.vm as *const VmRefGlobal)).value) };
        }
    }
}

/// The place of a global that holds a reference to an object.
///
/// # Safety
/// `vm` is such a global, and lives for `'h`.
pub unsafe fn slot<'h>(vm: *mut VmGlobal, _: NoGc<'h>) -> Slots<'h> {
    let vm = vm as *mut VmRefGlobal;
    // SAFETY: the caller's promise. One slot, one card.
    unsafe { Slots::new(&raw mut (*vm).value, 1, (*vm).card, 0) }
}
