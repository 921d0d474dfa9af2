//! Functions of the host, as WebAssembly calls them.

use super::engine::Trampoline;
use super::store::Store;
use super::trap;
use crate::abi::vmstruct::{VmFuncRef, VmHeader, VmHostFunc, VmSlot, VmStore};
use crate::base::Result;
use crate::err;
use crate::wasm::registry::TypeId;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The host's side: slots hold the arguments and take the results.
pub type HostCall = Arc<dyn Fn(*mut Store, *mut VmSlot) -> Result<()> + Send + Sync>;

/// A host function in a store. Never moves.
#[repr(C)]
pub struct HostFunc {
    vm: VmHostFunc,
    funcref: VmFuncRef,
    call: HostCall,
    /// Its code is the funcref's.
    _trampoline: Arc<Trampoline>,
}

impl HostFunc {
    pub fn new(store: *mut VmStore, type_id: TypeId, trampoline: Arc<Trampoline>, call: HostCall) -> Box<HostFunc> {
        let mut f = Box::new(HostFunc {
            vm: VmHostFunc { header: VmHeader { store }, call: call_host },
            funcref: VmFuncRef { code: trampoline.exit(), vmctx: std::ptr::null_mut(), type_id, handle: 0, index: 0 },
            call,
            _trampoline: trampoline,
        });
        f.funcref.vmctx = &raw mut f.vm.header;
        f
    }

    pub fn funcref(&mut self) -> *mut VmFuncRef {
        &mut self.funcref
    }
}

/// Called by exit trampolines. Does not return when the function fails: the activation ends.
unsafe extern "C" fn call_host(ctx: *mut VmHostFunc, slots: *mut VmSlot) -> bool {
    // SAFETY: machine code passes the context of a `HostFunc` (the struct is its first field), which lives as long as its
    // store (invariant 1).
    let (vm, result) = unsafe {
        let vm = (*ctx).header.store;
        let store = (*vm).store as *mut Store;
        let call = &(*(ctx as *const HostFunc)).call;
        (vm, catch_unwind(AssertUnwindSafe(|| call(store, slots))))
    };
    let error = match result {
        Ok(Ok(())) => return true,
        Ok(Err(e)) => e,
        Err(panic) => {
            // What a panic's payload does when dropped is not ours to trust.
            std::mem::forget(panic);
            err!(Internal, "a host function panicked")
        }
    };
    // SAFETY: called from an exit trampoline; nothing is left to drop here but the error, which is moved away.
    unsafe { trap::raise_error(vm, error) }
}
