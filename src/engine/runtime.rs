//! What the layer above provides to engines: addresses that machine code, stubs and handlers of signals and exceptions use.

use crate::abi::builtin::BUILTINS;
use crate::abi::vmstruct::{VmCode, VmFuncRef};
use crate::base::{Error, Result};
use crate::err;
use crate::sys::frame_info::Personality;
use crate::sys::handlers;
use crate::sys::signals::Decide;

pub struct Runtime {
    /// The address of each builtin, by its number.
    pub builtins: *const [*const u8; BUILTINS],
    /// The funcref that null elements of tables hold.
    pub null_func: *const VmFuncRef,
    /// Where the thunks of functions that were never called jump, with the function's index in `eax`: for functions whose context is
    /// the first argument, and for those where it is the second.
    pub lazy_entry: [VmCode; 2],
    /// Decides whether a fault is a trap.
    pub decide: Decide,
    /// What the unwinder calls for exceptions that come out of host functions.
    pub personality: Personality,
}

// SAFETY: addresses of functions, and of data that is never written (invariant E6).
unsafe impl Sync for Runtime {}

impl Runtime {
    /// Makes sure that the handlers in place are ours.
    pub fn install_handlers(&self) -> Result<()> {
        handlers::install(self.decide).map_err(refused)
    }

    /// The same, as far as one system call tells.
    pub fn check_handlers(&self) -> Result<()> {
        handlers::check(self.decide).map_err(refused)
    }
}

fn refused(e: std::io::Error) -> Error {
    err!(Io, "cannot install signal handlers: {e}")
}
