//! A barrier on the processors of all threads of the process, so that the other side of a handshake needs none.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed, Ordering::SeqCst, fence};

const REGISTER: libc::c_int = libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
const BARRIER: libc::c_int = libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED;

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: a system call that changes no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Whether the system has such a barrier. If not, both sides need their own.
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

/// Several threads may ask at the same time: all get the same answer.
#[cold]
fn ask() -> bool {
    let is_available = membarrier(REGISTER);
    AVAILABLE.store(if is_available { YES } else { NO }, Relaxed);
    is_available
}

/// What every thread did before it is seen by this one, and what this one did before is seen by what any thread does after.
pub fn all_threads() {
    fence(SeqCst);
    if is_available() && !membarrier(BARRIER) {
        // Forbidden since it was registered. What other threads wrote is long visible after such a time.
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
