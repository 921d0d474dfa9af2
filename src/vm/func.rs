//! Functions of the host, as WebAssembly calls them.

use super::engine::Trampoline;
use super::keeper::Keeper;
use super::store::Store;
use super::trap;
use super::unwind::save_registers;
use crate::abi::vmstruct::{VmFuncRef, VmHeader, VmHostFunc, VmSlot, VmStore};
use crate::base::Result;
use crate::err;
use crate::wasm::registry::TypeId;
use std::cell::Cell;
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The host's side: slots hold the arguments and take the results.
pub type HostCall = Arc<dyn Fn(*mut Store, *mut VmSlot) -> Result<()> + Send + Sync>;

/// A host function in a store. Never moves.
#[repr(C)]
pub struct HostFunc {
    vm: VmHostFunc,
    funcref: VmFuncRef,
    pub(super) keeper: Keeper,
    /// How many calls of it are on the stack.
    running: Cell<u32>,
    call: HostCall,
    /// Its code is the funcref's.
    _trampoline: Arc<Trampoline>,
}

impl HostFunc {
    pub fn new(
        store: *mut VmStore,
        type_id: TypeId,
        trampoline: Arc<Trampoline>,
        call: HostCall,
        keeper: Keeper,
        owner: u32,
    ) -> Box<HostFunc> {
        let mut f = Box::new(HostFunc {
            vm: VmHostFunc { header: VmHeader { store }, call: leave },
            funcref: VmFuncRef {
                code: trampoline.exit(),
                vmctx: std::ptr::null_mut(),
                type_id,
                handle: 0,
                index: 0,
                owner,
            },
            keeper,
            running: Cell::new(0),
            call,
            _trampoline: trampoline,
        });
        f.funcref.vmctx = &raw mut f.vm.header;
        f
    }

    pub fn funcref(&mut self) -> *mut VmFuncRef {
        &mut self.funcref
    }

    pub fn is_running(&self) -> bool {
        self.running.get() > 0
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

/// Called by exit trampolines. Keeps the registers that WebAssembly uses across the call where `reach` sees them.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn leave(ctx: *mut VmHostFunc, slots: *mut VmSlot) -> bool {
    std::arch::naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "mov rax, [rdi + {store}]",
        save_registers!(),
        "call {call_host}",
        "leave",
        "ret",
        store = const offset_of!(VmHeader, store),
        exit_sp = const offset_of!(VmStore, exit_sp),
        call_host = sym call_host,
    )
}
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn leave(ctx: *mut VmHostFunc, slots: *mut VmSlot) -> bool {
    std::arch::naked_asm!(
        "stp x29, x30, [sp, #-16]!",
        "mov x29, sp",
        "ldr x9, [x0, #{store}]",
        save_registers!(),
        "bl {call_host}",
        "mov sp, x29",
        "ldp x29, x30, [sp], #16",
        "ret",
        store = const offset_of!(VmHeader, store),
        exit_sp = const offset_of!(VmStore, exit_sp),
        call_host = sym call_host,
    )
}

/// Does not return when the function fails: the activation ends.
unsafe extern "C" fn call_host(ctx: *mut VmHostFunc, slots: *mut VmSlot) -> bool {
    // SAFETY: machine code passes the context of a `HostFunc` (the struct is its first field), which lives as long as its
    // store (invariant 1).
    let (vm, result) = unsafe {
        let vm = (*ctx).header.store;
        let store = (*vm).store as *mut Store;
        let func = &*(ctx as *const HostFunc);
        // Whatever the host releases meanwhile, this stays (`reach`).
        func.running.set(func.running.get() + 1);
        let result = catch_unwind(AssertUnwindSafe(|| (func.call)(store, slots)));
        func.running.set(func.running.get() - 1);
        (vm, result)
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
