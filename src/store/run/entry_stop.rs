//! Function entries that meet a raised stack limit by a fault: from the signal handler to `SharedVmStore::at_stack_limit`, and, if
//! the guest may go on, back to the entry. For x86-64.

use crate::abi::vmstruct::VmStore;
use crate::engine::code::registry::{self, Owner};
use crate::store::run::builtins::finish;
use crate::store::run::stub::{bring_registers_back, keep_registers};
use crate::store::run::unwind::word;
use crate::store::store::Store;
use crate::sys::signals::Resume;
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Where the thread goes on that has faulted at `pc`. In the signal handler.
///
/// A function checks the stack limit when it has pushed the frame pointer, and nothing else: `fp` is the stack pointer as well, and
/// all arguments are where they were. So a frame goes below it in which `stopped` finds what it needs. Its return address is the
/// faulting instruction's, as that of a call would be for a backtrace.
///
/// # Safety
/// The fault is at the trap site of a stack check, in a live frame of WebAssembly of this store.
pub unsafe fn resume(store: *mut VmStore, pc: usize, fp: usize) -> Option<Resume> {
    let entry = registry::find(pc, |owner, offset| match owner {
        // SAFETY: `find` keeps the owner alive.
        Owner::Module(m) => unsafe { (*m).func_start(offset as u32) }.map(|start| pc - offset + start as usize),
        Owner::Trampolines(_) => None,
    })??;
    let frame = (fp - 32) as *mut [usize; 4];
    // SAFETY: below the stack pointer, where the host's part of the stack begins at the earliest.
    unsafe { frame.write([entry, store as usize, fp, pc + 1]) };
    Some(Resume { pc: stopped as *const () as usize, sp: frame as usize, fp: fp - 16 })
}

/// Keeps all registers, and goes back to the function's entry if the guest may go on.
#[unsafe(naked)]
unsafe extern "C" fn stopped() {
    std::arch::naked_asm!(
        keep_registers!(),
        "mov rdi, [rbp - 8]",
        "mov [rdi + {exit_fp}], rbp",
        "mov [rdi + {exit_sp}], rsp",
        "call {at_limit}",
        bring_registers_back!(),
        // No argument of a function is in it.
        "mov r11, [rbp - 16]",
        "mov rsp, rbp",
        "pop rbp",
        // The frame pointer that the function has pushed comes next, then its return address.
        "mov rsp, rbp",
        "pop rbp",
        "jmp r11",
        exit_fp = const offset_of!(VmStore, exit_fp),
        exit_sp = const offset_of!(VmStore, exit_sp),
        at_limit = sym at_limit,
    )
}

/// Does not return if the guest has to stop.
unsafe extern "C" fn at_limit(vm: *mut VmStore) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the store of the running WebAssembly. `stopped` has published its frame, whose saved frame pointer is the stack
        // pointer of the function that asks.
        unsafe { (*((*vm).store as *const Store)).vm.at_stack_limit(word((*vm).exit_fp)) }
    }));
    // SAFETY: nothing is left to drop but the outcome, which `finish` consumes (invariant 4).
    unsafe { finish(vm, outcome) }
}
