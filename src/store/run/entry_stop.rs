//! Handles stack checks at function entries that fault because the stack limit is raised: goes from the signal handler
//! to `SharedVmStore::at_stack_limit`, and back to the function's entry if the guest can continue. For x86-64 only.

use crate::abi::vmstruct::VmStore;
use crate::engine::code::registry::{self, Owner};
use crate::store::run::builtins::finish;
use crate::store::run::stub::{bring_registers_back, keep_registers};
use crate::store::run::unwind::word;
use crate::store::store::Store;
use crate::sys::signals::Resume;
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Where a thread that has faulted at `pc` continues. Called in the signal handler.
///
/// A function checks the stack limit after it has pushed the frame pointer and before it does anything else. So `fp` is
/// the stack pointer as well, and all arguments are still where the caller has put them. `resume` writes a frame below
/// that point, in which `stopped` finds its data. The frame's return address is one byte after the start of the
/// faulting instruction, so a backtrace finds that instruction as it would find a call.
///
/// # Safety
/// The fault is at the trap site of a stack check, in a live frame of WebAssembly of this store.
pub unsafe fn resume(store: *mut VmStore, pc: usize, fp: usize) -> Option<Resume> {
    let entry = registry::find(pc, |owner, offset| match owner {
        // SAFETY: the code that faulted is running, so its owner is alive (invariant 6).
        Owner::Module(m) => unsafe { (*m).func_start(offset as u32) }.map(|start| pc - offset + start as usize),
        Owner::Trampolines(_) => None,
    })??;
    let frame = (fp - 32) as *mut [usize; 4];
    // SAFETY: nothing is alive below the stack pointer. The host's part of the stack begins there at the earliest, so
    // there is room for the frame.
    unsafe { frame.write([entry, store as usize, fp, pc + 1]) };
    Some(Resume { pc: stopped as *const () as usize, sp: frame as usize, fp: fp - 16 })
}

/// Saves all registers, and jumps back to the function's entry if the guest can continue.
#[unsafe(naked)]
unsafe extern "C" fn stopped() {
    std::arch::naked_asm!(
        keep_registers!(),
        "mov rdi, [rbp - 8]",
        "mov [rdi + {exit_fp}], rbp",
        "mov [rdi + {exit_sp}], rsp",
        "call {at_limit}",
        bring_registers_back!(),
        // `r11` holds no argument of a function.
        "mov r11, [rbp - 16]",
        "mov rsp, rbp",
        "pop rbp",
        // Next are the frame pointer that the function has pushed, and the function's return address.
        "mov rsp, rbp",
        "pop rbp",
        "jmp r11",
        exit_fp = const offset_of!(VmStore, exit_fp),
        exit_sp = const offset_of!(VmStore, exit_sp),
        at_limit = sym at_limit,
    )
}

/// Does not return if the guest must stop.
unsafe extern "C" fn at_limit(vm: *mut VmStore) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the store of the running WebAssembly (invariants 1 and 2). `stopped` has published its frame, in
        // which the saved frame pointer is the stack pointer of the function that checked the limit.
        unsafe { (*((*vm).store as *const Store)).vm.at_stack_limit(word((*vm).exit_fp)) }
    }));
    // SAFETY: nothing is left to drop but the outcome, which `finish` consumes (invariant 4).
    unsafe { finish(vm, outcome) }
}
