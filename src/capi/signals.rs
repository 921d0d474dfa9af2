//! Signal handlers.

use super::entry::entry;
use super::error::wrt_error_t;
use crate::api::Engine;

/// Puts the library's signal handlers back in place where the host, or a library such as Python's `faulthandler`, has installed others
/// since: of SIGSEGV, SIGBUS, SIGILL and SIGFPE, by which traps are noticed. Whatever is not a trap goes to the handler that was there.
/// The library looks itself whenever an engine, module, store or instance is made, and at every 256th call of a store from outside.
/// It looks at all four for engines, modules, and every sixteenth time, otherwise at SIGSEGV first. Of stores it is every sixteenth when a process
/// has made 256, and of instances when their store has made 64. Call this after installing handlers at other times: until
/// the library looks, a trap goes to the other handler, which passes it on (fine), or ends the process. Installs the handlers, if they never were. Does nothing where the environment variable `WRT_SIGNALS`
/// turns signals off. From any thread, not from signal handlers. Fails with `i/o` if the system refuses.
#[unsafe(no_mangle)]
pub extern "C" fn wrt_signals_install() -> *mut wrt_error_t {
    entry(Engine::install_handlers)
}
