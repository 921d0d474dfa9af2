//! Signal handlers.

use super::entry::entry;
use super::error::wrt_error_t;
use crate::api::Engine;

/// Puts the library's handlers of SIGSEGV, SIGBUS, SIGILL and SIGFPE, which detect traps, back in place if the host,
/// or a library such as Python's `faulthandler`, has installed others since. Installs them if they never were. A
/// signal that is not a trap still goes to the handler that was there before. Does nothing if the environment
/// variable `WRT_SIGNALS` turns signals off. Can be called from any thread, but not from signal handlers. Fails with
/// `i/o` if the system refuses.
///
/// The library also checks its handlers itself: whenever an engine, a module, a store or an instance is created, and
/// on every 256th call of a store from outside. If a process has very many stores (256, or fewer with several threads
/// or engines), or a store has 64 instances, it checks for only every sixteenth store or instance. It checks all four
/// signals for engines and modules, and on every sixteenth check of a store; otherwise it checks SIGSEGV, and the
/// others only if that handler was replaced. Call this function after installing handlers at other times: until the
/// library checks, a trap goes to the other handler, which either passes it on (which is fine) or ends the process.
#[unsafe(no_mangle)]
pub extern "C" fn wrt_signals_install() -> *mut wrt_error_t {
    entry(Engine::install_handlers)
}
