//! Calls of the host's callbacks. Exceptions of C++ (and of others that unwind alike) that come out of one cannot be caught by anybody:
//! WebAssembly's frames are not unwound. So the process ends, and says whose they are.

use std::ffi::c_void;
use std::fmt::Display;
use std::io::Write;
use std::panic::catch_unwind;

/// Calls a callback of the host's. Ends the process if an exception comes out of it; `name` says which callback it is.
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

/// Calls a finalizer of the host's, from anywhere: exceptions are thrown only where somebody seems to catch them.
///
/// # Safety
/// The host has given both for this purpose.
pub unsafe fn finalize(finalizer: unsafe extern "C-unwind" fn(*mut c_void), userdata: *mut c_void) {
    // SAFETY: the caller's promise.
    let _ = catch_unwind(|| call(&"a finalizer", || unsafe { finalizer(userdata) }));
}

/// Ends the process since an exception came out of a callback: says so in one line on standard error, and aborts.
#[cold]
pub fn end_process(name: &dyn Display) -> ! {
    let line = format!(
        "wrt: an exception came out of {name}; callbacks have to catch their exceptions and to return errors\n"
    );
    // Whoever reads it may be gone.
    let _ = std::io::stderr().write_all(line.as_bytes());
    std::process::abort()
}
