//! Callbacks that never return: the host has left them by `longjmp`, or by giving up the stack that they ran on.
//!
//! What such a callback leaves behind is found when the host uses the store again: the stack pointer is where frames of a call would
//! have to be that has not returned. Nothing is concluded from stacks that are not known: a callback may well have gone to another
//! stack, above or below the one it came from.

use crate::abi::vmstruct::{ATTENTION_ABANDONED, ATTENTION_CLOSED, Activation, VmStore};
use crate::base::Error;
use crate::engine::interrupt::SharedVmStore;
use crate::err;
use crate::store::run::trap;
use crate::store::run::unwind;
use crate::store::store::Store;
use crate::sys::stack_bounds::own_stack;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};

/// Which of the calls that are in a store will not return.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Abandoned {
    None,
    /// Some of them; another further out runs a callback that may be the one that uses the store now.
    Inner,
    All,
}

impl SharedVmStore {
    /// Whether `sp` is plainly in the callback that runs: below the WebAssembly that it was called from, whose frames are intact.
    #[inline(always)]
    pub fn is_called_back(&self, sp: usize) -> bool {
        // SAFETY: on the store's thread (invariant 2). The frames are alive, or were on a stack of this process.
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
            // One link alone could have survived in what a frame of the host's has not written.
            let next_fp = unwind::word(caller_fp);
            caller_fp == entry_fp || (caller_fp < next_fp && next_fp <= entry_fp)
        }
    }

    /// Whether an activation that begins at `new` is where frames of the innermost one have to be, which is lost then.
    #[inline(always)]
    pub fn is_in_the_way(&self, new: *const Activation) -> bool {
        // SAFETY: on the store's thread.
        let vm = unsafe { &*self.get() };
        let new = new as usize;
        new + size_of::<Activation>() > vm.exit_sp && new < vm.activation as usize + size_of::<Activation>()
    }

    /// Looks for calls in the store that will not return, when the host uses it at `sp` while there are some. If there are, the store is
    /// refused from now on; if all are, nothing of them is left.
    #[cold]
    pub fn look_for_abandoned(&self, sp: usize) -> Abandoned {
        let found = self.abandoned(sp);
        if found != Abandoned::None {
            self.attention().fetch_or(ATTENTION_ABANDONED, AcqRel);
        }
        if found == Abandoned::All {
            self.attention().fetch_and(!ATTENTION_CLOSED, AcqRel);
            // SAFETY: on the store's thread, and no frame of the store is alive.
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
        // SAFETY: on the store's thread.
        let vm = unsafe { &*self.get() };
        let is_closed = self.attention().load(Relaxed) & ATTENTION_CLOSED != 0;
        if vm.activation.is_null() {
            // If it was noticed when WebAssembly was to be entered, nobody is left who would know it.
            let has_left = match is_closed {
                true => is_above(sp, self.closed_sp.load(Relaxed)),
                false => self.attention().load(Relaxed) & ATTENTION_ABANDONED != 0,
            };
            return if has_left { Abandoned::All } else { Abandoned::None };
        }
        // SAFETY: as above; the `Store` outlives its `VmStore`'s use.
        let outermost = unsafe { (*(vm.store as *const Store)).outermost };
        let activation = vm.activation as usize;
        let is_only = outermost == 0 || outermost == activation;
        let has_left = match is_closed {
            true => is_above(sp, self.closed_sp.load(Relaxed)),
            false if sp < vm.exit_sp => !self.is_called_back(sp),
            // Where frames of the innermost call are, unless it is gone.
            false => sp < activation + size_of::<Activation>() || is_above(sp, vm.exit_sp),
        };
        match has_left {
            true if is_only || is_above(sp, outermost) => Abandoned::All,
            true => Abandoned::Inner,
            false => Abandoned::None,
        }
    }
}

/// Whether both are on the stack that this thread was made with, and `sp` is not below the other, so that nothing is alive there.
fn is_above(sp: usize, other: usize) -> bool {
    sp >= other && own_stack().is_some_and(|(stack, _)| stack.contains(sp) && stack.contains(other))
}

/// After a host function that WebAssembly called at `exit_fp` has returned, and calls inside of it have not: ends the activation, as
/// nothing that the store knows of the innermost one is true any more.
///
/// # Safety
/// As `trap::raise`; `exit_fp` is the frame of the exit trampoline that called.
#[cold]
pub unsafe fn end_after_inner(store: *mut VmStore, exit_fp: usize) -> ! {
    // SAFETY: the caller's promise: from the trampoline's frame on there are live frames of machine code up to the entry.
    unsafe {
        (*store).activation = unwind::activation_of(exit_fp);
        (*store).exit_fp = exit_fp;
        (*((*store).store as *mut Store)).vm.attention().fetch_or(ATTENTION_ABANDONED, AcqRel);
        trap::end_activation(store, error())
    }
}

/// The error of every use of a store that a callback has left.
#[cold]
pub fn error() -> Error {
    err!(
        InvalidArgument,
        "a callback of this store was left (by longjmp?) without returning: the store can only be deleted"
    )
}
