//! A global. Its value is in the context of the instance that defines it, or here if the host created it.

use crate::abi::heap::RefSlot;
use crate::abi::vmstruct::{VmGlobal, VmRefGlobal, VmSlot};
use crate::base::Stable;
use crate::gc::collect::Tracer;
use crate::gc::slot::Slots;
use crate::gc::{Gc, NoGc};
use crate::store::parts::keeper::{Keeper, kept};
use crate::wasm::types::GlobalType;

pub struct Global {
    pub keeper: Keeper,
    vm: *mut VmGlobal,
    own: Option<Stable<Own>>,
    ty: GlobalType,
}

/// A global of the host, and its card for the collector.
struct Own {
    vm: VmGlobal,
    card: u8,
}

kept!(Global);

impl Global {
    /// A global of an instance, in the instance's context, which outlives it (invariant 1).
    pub fn of_instance(ty: GlobalType, vm: *mut VmGlobal, instance: u32) -> Global {
        Global { keeper: Keeper::Instance(instance), vm, own: None, ty }
    }

    /// A global of the host; its value is 0 or null.
    pub fn of_host(ty: GlobalType) -> Global {
        let mut own = Stable::new(Own { vm: VmGlobal { value: VmSlot::ZERO }, card: 0 });
        let vm = &raw mut own.vm;
        if ty.content.is_gc() {
            let global = VmRefGlobal { value: RefSlot::null(), card: &raw mut own.card };
            // SAFETY: `VmRefGlobal` is the struct of a global that holds a reference to an object (invariant 13).
            unsafe { (vm as *mut VmRefGlobal).write(global) };
        }
        Global { keeper: Keeper::Host, vm, own: Some(own), ty }
    }

    /// Whether the host created it. If not, it is in an instance's context.
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
        // SAFETY: `vm` is alive, and only one thread at a time uses it (invariants 1 and 2).
        unsafe { (*self.vm).value }
    }
    /// # Safety
    /// The value has the global's type, is of this store, and is no reference to an object. The global is mutable or
    /// new.
    pub unsafe fn set(&self, value: VmSlot) {
        debug_assert!(!self.ty.content.is_gc());
        // SAFETY: as in `get`; the caller's promise (invariants 1 and 2).
        unsafe { (*self.vm).value = value }
    }
    pub fn get_ref<'h>(&'h self, no_gc: NoGc<'h>) -> Option<Gc<'h>> {
        // SAFETY: as in `get` (invariants 1 and 13).
        unsafe { slot(self.vm, no_gc) }.load(no_gc, 0)
    }
    /// The caller has checked type and mutability. The global holds the reference from now on.
    pub fn set_ref<'h>(&'h self, no_gc: NoGc<'h>, value: Option<Gc<'h>>) {
        // SAFETY: as in `get` (invariants 1 and 13).
        unsafe { slot(self.vm, no_gc) }.store(no_gc, 0, value);
    }

    /// Traces a global of the host. Globals of instances are traced with the instances.
    pub fn trace(&mut self, tracer: &mut Tracer) {
        if let Some(own) = &mut self.own
            && self.ty.content.is_gc()
            && (own.card != 0 || !tracer.is_minor())
        {
            own.card = 0;
            // SAFETY: the struct of a global that holds a reference to an object (invariant 13).
            unsafe { tracer.slot(&raw const (*(&raw const own.vm as *const VmRefGlobal)).value) };
        }
    }
}

/// The slot of a global that holds a reference to an object.
///
/// # Safety
/// `vm` is such a global, and lives for `'h`.
pub unsafe fn slot<'h>(vm: *mut VmGlobal, _: NoGc<'h>) -> Slots<'h> {
    let vm = vm as *mut VmRefGlobal;
    // SAFETY: the caller's promise. One slot, one card (invariant 13).
    unsafe { Slots::new(&raw mut (*vm).value, 1, (*vm).card, 0) }
}
