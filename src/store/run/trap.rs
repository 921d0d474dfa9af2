//! Traps: resuming at the entry trampoline of the activation that a fault, a builtin or a host function's error ends.

use crate::abi::vmstruct::{Activation, INTERRUPTED_STACK_LIMIT, VmStore};
use crate::base::{Error, Trap};
use crate::engine::code::registry::{self, CodeOwner};
#[cfg(target_arch = "x86_64")]
use crate::store::run::entry_stop;
use crate::store::run::exception;
use crate::store::run::unwind;
use crate::store::store::Store;
use crate::sys::signals::{self, Resume};
use std::sync::atomic::Ordering::SeqCst;

/// Called in the signal handler: decides whether a fault is one of our traps.
pub fn decide(pc: usize, fp: usize) -> Option<Resume> {
    let trap = registry::find(pc, |owner, offset| match owner {
        // SAFETY: the code that was found is alive (invariant 6).
        CodeOwner::Module(m) => unsafe { (*m).trap_at(offset as u32) },
        // Trampolines have no instructions that can fault.
        CodeOwner::Trampolines(_) => None,
    })??;
    // SAFETY: the fault is at a known trap site, so `fp` is a frame pointer of machine code (invariant 9).
    unsafe {
        let activation = unwind::activation_of(fp);
        if activation.is_null() {
            return None;
        }
        let store = (*activation).store;
        let is_raised = trap == Trap::StackOverflow && (*store).stack_limit.load(SeqCst) == INTERRUPTED_STACK_LIMIT;
        #[cfg(target_arch = "x86_64")]
        if is_raised {
            return entry_stop::resume(store, pc, fp);
        }
        // On other processors, the deadline callback is not asked at a function's entry.
        let trap = if is_raised { Trap::Interrupted } else { trap };
        unwind::capture(activation, Some((pc, fp)));
        (*activation).trap = trap as u8;
        Some(landing(activation))
    }
}

/// # Safety
/// `activation` must be alive and entered.
unsafe fn landing(activation: *mut Activation) -> Resume {
    // SAFETY: the caller's promise.
    let a = unsafe { &*activation };
    Resume { pc: a.handler_pc, sp: a.entry_fp - a.handler_sp_offset, fp: a.entry_fp }
}

/// Ends the innermost activation with a trap.
///
/// # Safety
/// Must be called from a builtin that went through a stub, so that `exit_fp` is set. Nothing may be left to drop
/// between here and machine code (invariant 4).
pub unsafe fn raise(store: *mut VmStore, trap: Trap) -> ! {
    // SAFETY: machine code runs, so there is an activation, and its frames are live (invariant 9).
    unsafe {
        let activation = (*store).activation;
        unwind::capture(activation, None);
        (*activation).trap = trap as u8;
        signals::resume_at(&landing(activation))
    }
}

/// Ends the innermost activation with an error that is not a trap, or with a trap that the host passes on. If the error
/// holds an exception, throws that exception instead.
///
/// # Safety
/// As for `raise`, but must be called from a builtin or a host function.
pub unsafe fn raise_error(store: *mut VmStore, error: Error) -> ! {
    // SAFETY: as in `raise`; no reference to the store is alive now (invariant 3).
    unsafe {
        match (*((*store).store as *mut Store)).thrown(&error) {
            Some(exception) => exception::throw(store, exception, Some(error)),
            None => end_activation(store, error),
        }
    }
}

/// Ends the innermost activation with an error.
///
/// # Safety
/// As for `raise_error`.
pub unsafe fn end_activation(store: *mut VmStore, error: Error) -> ! {
    // SAFETY: the caller's promise (invariants 3 and 4).
    unsafe {
        (*((*store).store as *mut Store)).error = Some(error);
        let activation = (*store).activation;
        unwind::capture(activation, None);
        (*activation).trap = 0;
        signals::resume_at(&landing(activation))
    }
}
