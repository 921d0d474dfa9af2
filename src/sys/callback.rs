//! Calls of the host's callbacks. An exception of C++ (or of a language that unwinds in the same way) that leaves a callback cannot be
//! caught, since WebAssembly frames are not unwound. So the process ends, with a message that names the callback.

use std::ffi::c_void;
use std::fmt::Display;
use std::io::Write;
use std::panic::catch_unwind;

/// Calls a host callback. Ends the process if an exception leaves it; `name` names the callback in the message.
#[inline(always)]
pub fn call<R>(name: &dyn Display, callback: impl FnOnce() -> R) -> R {
    struct Guard<'a>(&'a dyn Display);
    impl Drop for Guard<'_> {
        fn drop(&mut self) {
            end_process(self.0)
        }
    }
    let guard = Guard(name);
    let result = callback();
    std::mem::forget(guard);
    result
}

/// Calls a host finalizer. `catch_unwind` is needed for the message: C++ unwinds only if it finds a frame that catches, and otherwise the
/// guard in `call` is never dropped.
///
/// # Safety
/// The host has passed both arguments for this purpose.
pub unsafe fn finalize(finalizer: unsafe extern "C-unwind" fn(*mut c_void), userdata: *mut c_void) {
    // SAFETY: the caller's promise.
    let _ = catch_unwind(|| call(&"a finalizer", || unsafe { finalizer(userdata) }));
}

/// Aborts the process because an exception left a callback, after one line on standard error.
#[cold]
pub fn end_process(name: &dyn Display) -> ! {
    let line = format!(
        "wrt: an exception came out of {name}; callbacks have to catch their exceptions and to return errors\n"
    );
    // Standard error may be closed; the process aborts in any case.
    let _ = std::io::stderr().write_all(line.as_bytes());
    std::process::abort()
}
