//! Functions of the host, as WebAssembly calls them.

use super::engine::Trampoline;
use super::keeper::Keeper;
use super::store::Store;
use super::trap;
use crate::abi::vmstruct::{RawCallback, VmCodeCell, VmFuncRef, VmHeader, VmHostFunc, VmSlot, VmStore};
use crate::base::{Error, Result, Trap};
use crate::err;
use crate::wasm::registry::TypeId;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The host's side: slots hold the arguments and take the results.
pub type HostCall = Arc<dyn Fn(*mut Store, *mut VmSlot) -> Result<()> + Send + Sync>;

/// A function of the host's that works on slots, called without a detour. `call` does the same.
#[derive(Clone, Copy)]
pub struct Direct {
    pub f: RawCallback,
    /// Alive as long as the `HostCall` it stands beside.
    pub data: *mut c_void,
    /// Takes the error that `f` gave.
    pub take_error: unsafe fn(*mut c_void) -> Error,
}

/// A host function in a store. Never moves.
#[repr(C)]
pub struct HostFunc {
    vm: VmHostFunc,
    funcref: VmFuncRef,
    pub(super) keeper: Keeper,
    call: HostCall,
    take_error: Option<unsafe fn(*mut c_void) -> Error>,
    /// Its code is the funcref's.
    _trampoline: Arc<Trampoline>,
}

impl HostFunc {
    pub fn new(
        store: *mut VmStore,
        type_id: TypeId,
        trampoline: Arc<Trampoline>,
        call: HostCall,
        direct: Option<Direct>,
        keeper: Keeper,
        owner: u32,
    ) -> Box<HostFunc> {
        let mut f = Box::new(HostFunc {
            vm: VmHostFunc {
                header: VmHeader { store },
                call: call_host,
                raw: direct.map(|d| d.f),
                raw_data: direct.map_or(std::ptr::null_mut(), |d| d.data),
                after_raw,
                exhausted,
            },
            funcref: VmFuncRef {
                code: VmCodeCell::new(trampoline.exit(direct.is_some())),
                vmctx: std::ptr::null_mut(),
                type_id,
                handle: 0,
                index: 0,
                owner,
            },
            keeper,
            call,
            take_error: direct.map(|d| d.take_error),
            _trampoline: trampoline,
        });
        f.funcref.vmctx = &raw mut f.vm.header;
        f
    }

    pub fn funcref(&mut self) -> *mut VmFuncRef {
        &mut self.funcref
    }

    pub fn key(&self) -> HostKey {
        host_key(self.funcref.type_id, &self.call)
    }
}

/// What tells definitions of host functions apart: what is called, and the type.
pub type HostKey = (usize, TypeId);

pub fn host_key(ty: TypeId, call: &HostCall) -> HostKey {
    (Arc::as_ptr(call) as *const () as usize, ty)
}

/// Does not return when the function fails: the activation ends.
unsafe extern "C" fn call_host(ctx: *mut VmHostFunc, slots: *mut VmSlot) {
    // SAFETY: machine code passes the context of a `HostFunc` (the struct is its first field), which lives as long as its
    // store (invariant 1).
    let (vm, result) = unsafe {
        let vm = (*ctx).header.store;
        let store = (*vm).store as *mut Store;
        let func = &*(ctx as *const HostFunc);
        // Whatever the host releases meanwhile, this stays: the trampoline's frame leads to it (invariant 1).
        (vm, catch_unwind(AssertUnwindSafe(|| (func.call)(store, slots))))
    };
    let error = match result {
        Ok(Ok(())) => return,
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

/// After a raw callback that gave an error or made references.
unsafe extern "C" fn after_raw(ctx: *mut VmHostFunc, error: *mut c_void) {
    // SAFETY: as in `call_host`. Nothing is left to drop when the error is raised.
    unsafe {
        let vm = (*ctx).header.store;
        (*((*vm).store as *mut Store)).close_callback_scope((*vm).exit_fp);
        if let Some(take) = (*(ctx as *const HostFunc)).take_error
            && !error.is_null()
        {
            let error = take(error);
            trap::raise_error(vm, error)
        }
    }
}

/// Ends the activation, since the host function's arguments and results are more than the stack has room for.
unsafe extern "C" fn exhausted(ctx: *mut VmHostFunc) {
    // SAFETY: called from an exit trampoline, which has said where WebAssembly was left; nothing is left to drop.
    unsafe { trap::raise((*ctx).header.store, Trap::StackOverflow) }
}
