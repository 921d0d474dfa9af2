//! Makes a write to a pipe without a reader return an error, in place of ending the process with SIGPIPE.

use std::mem::MaybeUninit;

/// The signal set that contains only SIGPIPE.
fn sigpipe() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` writes the whole set (invariant S1).
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
        set.assume_init()
    }
}

fn is_pending() -> bool {
    let mut pending = MaybeUninit::uninit();
    // SAFETY: `sigpending` writes the whole set, or fails, and then nothing is read (invariant S1).
    unsafe { libc::sigpending(pending.as_mut_ptr()) == 0 && libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1 }
}

/// Runs `write` and discards a SIGPIPE that it causes for this thread. One that was pending before stays pending, and the mask is restored.
pub fn without<R>(write: impl FnOnce() -> R) -> R {
    let set = sigpipe();
    let mut old = MaybeUninit::uninit();
    // SAFETY: `set` is initialized; `old` is written unless this fails (invariant S1).
    if unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, old.as_mut_ptr()) } != 0 {
        return write();
    }
    // SAFETY: written just now (invariant S1).
    let old = unsafe { old.assume_init() };
    let was_pending = is_pending();
    let result = write();
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: consumes the signal if `write` has caused one, then restores the mask (invariant S1).
    unsafe {
        if !was_pending && is_pending() {
            libc::sigtimedwait(&set, std::ptr::null_mut(), &now);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &old, std::ptr::null_mut());
    }
    result
}
