//! The error of machine code that can not be where it could run.

use crate::base::Error;
use crate::err;
use crate::sys::refused;
use std::io;

/// The error of `what`, for which there is no memory, or for which the system refuses executable memory.
#[cold]
pub fn no_code(what: &str, e: io::Error) -> Error {
    if !refused::is_refused(&e) {
        return err!(OutOfMemory, "no memory for {what}: {e}");
    }
    err!(
        Io,
        "the system forbids executable memory for {what} ({e}): only modules in files that may be executed run here, saved by \
         wrt_module_save_file elsewhere and loaded by wrt_module_load_file"
    )
}
