//! Callbacks that never return: the host left them by `longjmp`, or gave up the stack that they ran on.
//!
//! An abandoned callback is detected when the host uses the store again and the stack pointer is at a place where
//! frames of a call that has not returned would have to be. Nothing is concluded about stacks whose bounds are unknown:
//! a callback can have switched to another stack, above or below the one it came from.

use crate::abi::vmstruct::{Activation, PENDING_ABANDONED, PENDING_CLOSED, VmStore};
use crate::base::Error;
use crate::engine::interrupt::SharedVmStore;
use crate::err;
use crate::store::run::trap;
use crate::store::run::unwind;
use crate::store::store::Store;
use crate::sys::stack_bounds::own_stack;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};

/// Which of the calls in progress in a store will not return.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Abandoned {
    None,
    /// Some of them. A call further out runs a callback that can be the one that is using the store now.
    Inner,
    All,
}

impl SharedVmStore {
    /// Whether `sp` is certainly in the running callback: it is below the WebAssembly code that called the callback,
    /// and the frames of that code are intact.
    #[inline(always)]
    pub fn is_called_back(&self, sp: usize) -> bool {
        // SAFETY: on the store's thread (invariant 2). The words read are in live frames, or in former frames on a
        // stack of this process.
        unsafe {
            let vm = &*self.get();
            if vm.activation.is_null() || sp >= vm.exit_sp {
                return false;
            }
            let (caller_fp, entry_fp) = (unwind::word(vm.exit_fp), (*vm.activation).entry_fp);
            if (*vm.activation).store != self.get()
                || (*vm.activation).tail != self.get()
                || caller_fp <= vm.exit_fp
                || caller_fp > entry_fp
            {
                return false;
            }
            // A single link could have survived in a part of a host frame that was not written.
            let next_fp = unwind::word(caller_fp);
            caller_fp == entry_fp || (caller_fp < next_fp && next_fp <= entry_fp)
        }
    }

    /// Whether an activation that begins at `new` overlaps the place where frames of the innermost activation have to
    /// be. If so, the innermost activation is gone.
    #[inline(always)]
    pub fn is_in_the_way(&self, new: *const Activation) -> bool {
        // SAFETY: on the store's thread (invariant 2).
        let vm = unsafe { &*self.get() };
        let new = new as usize;
        new + size_of::<Activation>() > vm.exit_sp && new < vm.activation as usize + size_of::<Activation>()
    }

    /// Looks for calls in progress that will not return, while the host uses the store with the stack pointer at `sp`.
    /// If there are any, the store rejects every use from now on. If none of the calls will return, the record of them
    /// is cleared.
    #[cold]
    pub fn look_for_abandoned(&self, sp: usize) -> Abandoned {
        let found = self.abandoned(sp);
        if found != Abandoned::None {
            self.pending_work().fetch_or(PENDING_ABANDONED, AcqRel);
        }
        if found == Abandoned::All {
            self.pending_work().fetch_and(!PENDING_CLOSED, AcqRel);
            // SAFETY: on the store's thread (invariant 2), and no frame of the store is alive.
            unsafe {
                let vm = &mut *self.get();
                (vm.activation, vm.exit_fp, vm.exit_sp, vm.scope_fp) = (std::ptr::null_mut(), 0, 0, 0);
                (*(vm.store as *mut Store)).outermost = 0;
                (*(vm.store as *mut Store)).poison();
            }
        }
        found
    }

    fn abandoned(&self, sp: usize) -> Abandoned {
        // SAFETY: on the store's thread (invariant 2).
        let vm = unsafe { &*self.get() };
        let is_closed = self.pending_work().load(Relaxed) & PENDING_CLOSED != 0;
        if vm.activation.is_null() {
            // If this was found on entry to WebAssembly, only the flag still records it.
            let has_left = match is_closed {
                true => is_above(sp, self.closed_sp.load(Relaxed)),
                false => self.pending_work().load(Relaxed) & PENDING_ABANDONED != 0,
            };
            return if has_left { Abandoned::All } else { Abandoned::None };
        }
        // SAFETY: as above; the `Store` outlives the use of its `VmStore`.
        let outermost = unsafe { (*(vm.store as *const Store)).outermost };
        let activation = vm.activation as usize;
        let is_only = outermost == 0 || outermost == activation;
        let has_left = match is_closed {
            true => is_above(sp, self.closed_sp.load(Relaxed)),
            false if sp < vm.exit_sp => !self.is_called_back(sp),
            // The host cannot be running where the frames of the innermost call are, unless that call is gone.
            false => sp < activation + size_of::<Activation>() || is_above(sp, vm.exit_sp),
        };
        match has_left {
            true if is_only || is_above(sp, outermost) => Abandoned::All,
            true => Abandoned::Inner,
            false => Abandoned::None,
        }
    }
}

/// Whether both addresses are on the stack that this thread was created with and `sp` is not below `other`, so that
/// nothing is alive at `other`.
fn is_above(sp: usize, other: usize) -> bool {
    sp >= other && own_stack().is_some_and(|(stack, _)| stack.contains(sp) && stack.contains(other))
}

/// Ends the activation after a host function that WebAssembly called at `exit_fp` has returned although calls inside of
/// it have not: nothing that the store recorded about the innermost call is true any more.
///
/// # Safety
/// As for `trap::raise`; `exit_fp` is the frame of the exit trampoline that made the call.
#[cold]
pub unsafe fn end_after_inner(store: *mut VmStore, exit_fp: usize) -> ! {
    // SAFETY: the caller's promise: from the trampoline's frame up to the entry, all frames are live frames of machine
    // code (invariant 9).
    unsafe {
        (*store).activation = unwind::activation_of(exit_fp);
        (*store).exit_fp = exit_fp;
        (*((*store).store as *mut Store)).vm.pending_work().fetch_or(PENDING_ABANDONED, AcqRel);
        trap::end_activation(store, error())
    }
}

/// The error of every use of a store after one of its callbacks was abandoned.
#[cold]
pub fn error() -> Error {
    err!(
        InvalidArgument,
        "a callback of this store was left (by longjmp?) without returning: the store can only be deleted"
    )
}
