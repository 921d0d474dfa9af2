//! Walks the stack by frame pointers, and describes the frames.

use crate::abi::vmstruct::{Activation, VmCaller, VmContext};
use crate::base::Frame;
use crate::base::limits::MAX_BACKTRACE_FRAMES;
use crate::engine::code::registry::{self, CodeOwner};

/// Reads a word of the stack.
///
/// # Safety
/// `at` must be in a live frame.
pub unsafe fn word(at: usize) -> usize {
    // SAFETY: the caller's promise (invariant 9).
    unsafe { *(at as *const usize) }
}

/// Fills the activation's backtrace. `top` is the innermost WebAssembly frame as (pc, frame pointer), or `None` if the
/// store's `exit_fp` says where WebAssembly was left. The walk continues through the host into outer activations.
/// Async-signal-safe.
///
/// # Safety
/// `activation` must be the innermost one, and the frames between `top` (or the exit frame) and its entry must be live.
pub unsafe fn capture(activation: *mut Activation, top: Option<(usize, usize)>) {
    // SAFETY: frames are live, and generated code, stubs and trampolines all keep frame pointers. So up to the entry
    // trampoline's frame, [fp] is the caller's frame pointer and [fp+8] the return address (invariant 9).
    unsafe {
        let frames = &raw mut (*activation).frames as *mut usize;
        let mut n = 0;
        let mut act = activation;
        let mut exit_fp = (*(*act).store).exit_fp;
        let mut at = top;
        while !act.is_null() {
            let entry_fp = (*act).entry_fp;
            // A return address may also be the address of a faulting instruction. The byte before it belongs to the
            // call for certain.
            let (mut pc, mut fp) = at.take().unwrap_or_else(|| (word(exit_fp + 8) - 1, word(exit_fp)));
            let mut inner = 0;
            // Frames of a callback that was left by `longjmp` may have been overwritten, so frame pointers are checked.
            while inner < fp && fp < entry_fp && n < MAX_BACKTRACE_FRAMES {
                *frames.add(n) = pc;
                n += 1;
                inner = fp;
                pc = word(fp + 8).wrapping_sub(1);
                fp = word(fp);
            }
            exit_fp = (*act).previous_exit_fp;
            act = (*act).previous;
        }
        (*activation).trap_frames = n as u32;
    }
}

/// Finds the activation of a WebAssembly frame by walking to the entry trampoline. Async-signal-safe.
///
/// # Safety
/// `fp` must be the frame pointer of a live frame of machine code.
pub unsafe fn activation_of(mut fp: usize) -> *mut Activation {
    loop {
        // SAFETY: as in `capture`; the chain of machine code ends in an entry trampoline (invariant 9).
        let (pc, caller) = unsafe { (word(fp + 8), word(fp)) };
        let found = registry::find(pc, |owner, offset| match owner {
            // SAFETY: the code that was found is alive (invariant 6), and `caller` is the frame that `pc` returns to.
            CodeOwner::Trampolines(t) => unsafe { (*t).activation(offset, caller) },
            CodeOwner::Module(_) => None,
        });
        match found {
            Some(Some(activation)) => return activation,
            Some(None) => fp = caller,
            // The walk left machine code without an entry. This cannot happen, and a signal handler can do nothing better.
            None => return std::ptr::null_mut(),
        }
    }
}

/// Describes the frames that `capture` has found.
pub fn describe(activation: &Activation) -> Vec<Frame> {
    let pcs = &activation.frames[..activation.trap_frames as usize];
    pcs.iter()
        .filter_map(|pc| {
            registry::find(*pc, |owner, offset| match owner {
                // SAFETY: the code that was found is alive (invariant 6).
                CodeOwner::Module(m) => unsafe { (*m).describe(offset as u32) },
                CodeOwner::Trampolines(_) => None,
            })?
        })
        .collect()
}

/// The WebAssembly frame that called a running host function, as (pc, frame pointer). `None` if the host called the
/// function.
///
/// # Safety
/// The call must be in progress, on this thread.
pub unsafe fn calling_frame(caller: &VmCaller) -> Option<(usize, usize)> {
    // SAFETY: the exit trampoline has published its frame, and the frames outside of it are live (invariant 9).
    let (pc, fp, entry_fp) = unsafe {
        // The activation from which the host function was called: the innermost one, or one further out.
        let (mut exit_fp, mut activation) = ((*caller.store).exit_fp, (*caller.store).activation);
        while exit_fp != caller.exit_fp {
            let inner = activation.as_ref()?;
            (exit_fp, activation) = (inner.previous_exit_fp, inner.previous);
        }
        (word(exit_fp + 8), word(exit_fp), activation.as_ref()?.entry_fp)
    };
    (fp != entry_fp).then_some((pc, fp))
}

/// The context of the instance that a frame of WebAssembly belongs to.
///
/// # Safety
/// The frame must be live, and (pc, fp) must come from `calling_frame`.
pub unsafe fn context_of(pc: usize, fp: usize) -> Option<*mut VmContext> {
    let below = registry::find(pc, |owner, offset| match owner {
        // SAFETY: the code that was found is alive (invariant 6).
        CodeOwner::Module(m) => unsafe { (*m).vmctx_below_fp(offset as u32) },
        CodeOwner::Trampolines(_) => None,
    })??;
    // SAFETY: the compiler has recorded that this frame stores its context there (invariant E2). The collector uses
    // bit 0.
    Some(unsafe { word(fp - below) & !1 } as *mut VmContext)
}
