//! Calls of host functions by WebAssembly.

use crate::abi::vmstruct::{HOST_OWNER, VmHeader, VmHostFunc, VmSlot};
use crate::base::{Result, Trap};
use crate::err;
use crate::store::parts::host_func::{Direct, HostCall, HostFunc};
use crate::store::parts::keeper::Keeper;
use crate::store::run::abandoned;
use crate::store::run::trap;
use crate::store::store::Store;
use crate::wasm::registry::DefType;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Store {
    /// Creates a host function and returns its place in the store.
    pub(in crate::store) fn new_host_func(
        &mut self,
        ty: &DefType,
        call: HostCall,
        direct: Option<Direct>,
        keeper: Keeper,
    ) -> Result<u32> {
        let trampoline = self.engine.trampoline_of(ty)?;
        let vm = VmHostFunc {
            header: VmHeader { store: self.vm.get() },
            call: call_host,
            raw: direct.map(|d| d.f),
            raw_data: direct.map_or(std::ptr::null_mut(), |d| d.data),
            after_raw,
            exhausted,
        };
        let owner = HOST_OWNER | self.hosts.next();
        let host = HostFunc::new(vm, ty, trampoline, call, direct, keeper, owner);
        Ok(self.hosts.insert(host))
    }
}

/// The host's name for a function that works on slots.
///
/// # Safety
/// `ctx` is the context of a `HostFunc` that lives as long as the result is used.
pub unsafe fn name_of<'a>(ctx: *const VmHostFunc) -> &'a str {
    // SAFETY: the caller's promise; `VmHostFunc` is the first field of `HostFunc`.
    unsafe { (*(ctx as *const HostFunc)).direct.map_or("a host function", |d| &*d.name) }
}

/// Does not return if the function fails: the activation ends.
unsafe extern "C" fn call_host(ctx: *mut VmHostFunc, slots: *mut VmSlot) {
    // SAFETY: machine code passes the context of a `HostFunc`, whose first field it is. The `HostFunc` stays alive
    // during the call (invariant 1).
    let (vm, exit_fp, result) = unsafe {
        let vm = (*ctx).header.store;
        let exit_fp = (*vm).exit_fp;
        let store = (*vm).store as *mut Store;
        let func = &*(ctx as *const HostFunc);
        // Whatever the host releases during the call, the `HostFunc` stays: the trampoline's frame refers to it
        // (invariant 1).
        (vm, exit_fp, catch_unwind(AssertUnwindSafe(|| (func.call)(store, slots))))
    };
    // SAFETY: called from an exit trampoline, whose frame is `exit_fp`. The result is leaked, so nothing is left to
    // drop (invariant 4).
    unsafe {
        if (*vm).exit_fp != exit_fp {
            std::mem::forget(result);
            abandoned::end_after_inner(vm, exit_fp)
        }
    }
    let error = match result {
        Ok(Ok(())) => return,
        Ok(Err(e)) => e,
        Err(panic) => {
            // The payload's own `drop` could do anything, so it is leaked.
            std::mem::forget(panic);
            // SAFETY: no other reference to the store is alive now (invariant 3).
            unsafe { (*((*vm).store as *mut Store)).poison() };
            err!(Internal, "a host function panicked")
        }
    };
    // SAFETY: called from an exit trampoline; only the error is left to drop, and it is moved away (invariant 4).
    unsafe { trap::raise_error(vm, error) }
}

/// Called after a raw callback that returned an error, created references, or left abandoned calls behind.
unsafe extern "C" fn after_raw(ctx: *mut VmHostFunc, error: *mut c_void, exit_fp: usize) {
    // SAFETY: as in `call_host`. Nothing is left to drop when the error is raised (invariant 4).
    unsafe {
        let vm = (*ctx).header.store;
        if (*vm).exit_fp != exit_fp {
            abandoned::end_after_inner(vm, exit_fp)
        }
        (*((*vm).store as *mut Store)).close_callback_scope((*vm).exit_fp);
        if let Some(direct) = (*(ctx as *const HostFunc)).direct
            && !error.is_null()
        {
            let error = (direct.take_error)(error);
            trap::raise_error(vm, error)
        }
    }
}

/// Ends the activation, because the stack has no room for the host function's arguments and results.
unsafe extern "C" fn exhausted(ctx: *mut VmHostFunc) {
    // SAFETY: called from an exit trampoline, which has published its frame; nothing is left to drop (invariant 4).
    unsafe { trap::raise((*ctx).header.store, Trap::StackOverflow) }
}
