//! A barrier on the processors of all threads of the process, so that the other side of a handshake needs none.

use std::sync::OnceLock;
use std::sync::atomic::{Ordering::SeqCst, fence};

const REGISTER: libc::c_int = libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
const BARRIER: libc::c_int = libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED;

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: a system call that changes no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Whether the system has such a barrier. If not, both sides need their own.
pub fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| membarrier(REGISTER))
}

/// What every thread did before it is seen by this one, and what this one did before is seen by what any thread does after.
pub fn all_threads() {
    fence(SeqCst);
    if is_available() && !membarrier(BARRIER) {
        // Forbidden since it was registered. What other threads wrote is long visible after such a time.
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
