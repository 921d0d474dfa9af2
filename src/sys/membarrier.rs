//! A memory barrier on the processors of all threads of the process, so that the other side of a handshake needs no barrier.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed, Ordering::SeqCst, fence};

const REGISTER: libc::c_int = libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
const BARRIER: libc::c_int = libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED;

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: a system call that changes no memory (invariant S1). Miri does not have it.
    !cfg!(miri) && unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Whether the system has such a barrier. If not, both sides of a handshake need their own.
#[inline]
pub fn is_available() -> bool {
    match AVAILABLE.load(Relaxed) {
        UNKNOWN => ask(),
        known => known == YES,
    }
}

const UNKNOWN: u8 = 0;
const YES: u8 = 1;
const NO: u8 = 2;
static AVAILABLE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Several threads can ask at the same time; all get the same answer.
#[cold]
fn ask() -> bool {
    let is_available = membarrier(REGISTER);
    AVAILABLE.store(if is_available { YES } else { NO }, Relaxed);
    is_available
}

/// This thread sees all that every other thread did before the barrier, and every other thread sees after it all that this one did before.
pub fn all_threads() {
    fence(SeqCst);
    if is_available() && !membarrier(BARRIER) {
        // The call was forbidden after it had been registered. After this time, other threads' writes have long become visible.
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
