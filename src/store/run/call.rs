//! Calls from the host into WebAssembly.

use crate::abi::vmstruct::{Activation, VmCode, VmHeader, VmSlot};
use crate::base::{Error, ErrorKind, Result, Trap};
use crate::engine::code::trampoline::EntryInfo;
use crate::store::run::abandoned;
use crate::store::run::unwind;
use crate::store::store::Store;
use crate::sys::signals::stack_pointer;
use std::mem::MaybeUninit;

/// Calls machine code. `slots` holds the arguments and receives the results.
///
/// # Safety
/// * `store` is alive and this is its thread; no Rust reference into it is alive in the callers (invariant 3).
/// * `vmctx` and `code` belong together and to this store, and their function has the type of `entry_info`.
/// * `entry_info` is alive. It is not read once machine code runs.
/// * `slots` has room for the arguments and for the results, and the arguments have the types of the parameters;
///   references among them are of this store.
#[inline(always)]
pub unsafe fn invoke(
    store: *mut Store,
    vmctx: *mut VmHeader,
    code: VmCode,
    info: *const EntryInfo,
    slots: *mut VmSlot,
) -> Result<()> {
    // SAFETY: the caller's promises (invariants 2 and 3).
    unsafe {
        if (*(*store).vm.get()).activation.is_null() {
            (*store).check_entry()?;
            (*store).enter_stack(stack_pointer(), frame(info))?;
        } else if !(*store).is_on_stack(stack_pointer(), frame(info)) {
            return invoke_elsewhere(store, vmctx, code, info, slots);
        }
        run(store, vmctx, code, info, slots)
    }
}

/// The bytes of an entry trampoline's frame that hold arguments and results.
///
/// # Safety
/// `entry_info` is alive.
#[inline(always)]
unsafe fn frame(info: *const EntryInfo) -> usize {
    // SAFETY: the caller's promise.
    unsafe { (*info).slots as usize * 2 * size_of::<VmSlot>() }
}

/// Calls machine code from inside another call of the store, perhaps on another stack.
///
/// # Safety
/// As for `invoke`.
#[cold]
unsafe fn invoke_elsewhere(
    store: *mut Store,
    vmctx: *mut VmHeader,
    code: VmCode,
    info: *const EntryInfo,
    slots: *mut VmSlot,
) -> Result<()> {
    // SAFETY: the caller's promises (invariants 2 and 3).
    unsafe {
        let before = (*store).change_stack(stack_pointer(), frame(info))?;
        let result = run(store, vmctx, code, info, slots);
        if let Some(before) = before {
            (*store).leave_stack(before);
        }
        result
    }
}

/// Calls machine code. The stack limit is already set.
///
/// # Safety
/// As for `invoke`.
#[inline(always)]
unsafe fn run(
    store: *mut Store,
    vmctx: *mut VmHeader,
    code: VmCode,
    info: *const EntryInfo,
    slots: *mut VmSlot,
) -> Result<()> {
    // SAFETY: the caller's promises (invariants 2 and 3). The activation lives until the entry has returned. Nothing
    // refers to it afterwards, because `VmStore.activation` is restored. Its frames are written before they are read
    // (`trap_frames`).
    unsafe {
        let vm = (*store).vm.get();
        let mut activation = MaybeUninit::<Activation>::uninit();
        let act = activation.as_mut_ptr();
        (*act).entry_fp = 0;
        (*act).handler_pc = (*info).handler_pc;
        (*act).handler_sp_offset = (*info).handler_sp_offset;
        let entry = (*info).entry;
        (*act).store = vm;
        (*act).tail = vm;
        (*act).previous = (*vm).activation;
        (*act).previous_exit_fp = (*vm).exit_fp;
        (*act).previous_exit_sp = (*vm).exit_sp;
        (*act).trap = 0;
        (*act).trap_frames = 0;
        if !(*act).previous.is_null() {
            if (*store).vm.is_in_the_way(act) {
                (*store).vm.look_for_abandoned(act as usize);
                return Err(abandoned::error());
            }
            if (*store).outermost == 0 {
                (*store).outermost = (*act).previous as usize;
            }
        }
        (*vm).activation = act;
        let ok = entry(vmctx, code, slots, act);
        (*vm).activation = (*act).previous;
        if !(*act).previous.is_null() && (*store).outermost == (*act).previous as usize {
            (*store).outermost = 0;
        }
        (*vm).exit_fp = (*act).previous_exit_fp;
        (*vm).exit_sp = (*act).previous_exit_sp;
        if ok { Ok(()) } else { Err(failure(store, &*act)) }
    }
}

/// The error of an activation that ended early.
///
/// # Safety
/// As for `invoke`.
#[cold]
unsafe fn failure(store: *mut Store, act: &Activation) -> Error {
    let frames = unwind::describe(act);
    // SAFETY: machine code has returned; this is the store's thread (invariant 2).
    let store = unsafe { &mut *store };
    if act.trap == Trap::Interrupted as u8 {
        store.vm.deliver();
    }
    store.vm.over();
    let error = match Trap::from_u8(act.trap) {
        Some(trap) => Error::trap(trap),
        None => store.error.take().unwrap_or_else(|| Error::new(ErrorKind::Internal, "an error got lost")),
    };
    error.with_frames(frames)
}
