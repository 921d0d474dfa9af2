//! Errors for executable memory that a security policy forbids, of the process (`PR_SET_MDWE`, a filter of system calls) or of the whole
//! system (SELinux). Such an `io::Error` says which calls were refused, and how.

use std::error::Error;
use std::fmt;
use std::io;

/// The payload of such an error.
#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refused {}

fn refused(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, Refused(text))
}

/// The error of a call that makes memory executable, or that has no other purpose. Marks it as refused if a policy is the cause.
pub fn by(call: &str, e: io::Error) -> io::Error {
    match e.raw_os_error() {
        // Filters mostly return EPERM, or ENOSYS as if the call did not exist.
        Some(libc::EPERM | libc::ENOSYS | libc::EACCES) => refused(format!("{call}: {e}")),
        _ => e,
    }
}

/// The error to report if two methods failed, the second of which was tried because the first was refused. Lack of memory takes precedence.
pub fn both(first: &io::Error, second: io::Error) -> io::Error {
    match second.kind() {
        io::ErrorKind::OutOfMemory => second,
        _ if is_refused(first) || is_refused(&second) => refused(format!("{first}; {second}")),
        _ => second,
    }
}

/// Whether the system refuses executable memory.
pub fn is_refused(e: &io::Error) -> bool {
    e.get_ref().is_some_and(|inner| inner.is::<Refused>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_used_up_is_not_refused() {
        let os = io::Error::from_raw_os_error;
        let first = by("mprotect", os(libc::EACCES));
        assert!(is_refused(&first) && !is_refused(&os(libc::EACCES)));
        assert!(!is_refused(&by("mprotect", os(libc::ENOMEM))));
        let full = both(&first, by("memfd_create", os(libc::ENOMEM)));
        assert_eq!((full.kind(), is_refused(&full)), (io::ErrorKind::OutOfMemory, false));
        let e = both(&first, by("memfd_create", os(libc::EPERM)));
        let text = "mprotect: Permission denied (os error 13); memfd_create: Operation not permitted (os error 1)";
        assert_eq!((is_refused(&e), e.to_string()), (true, text.to_string()));
        // The second call fails for want of descriptors: the first refusal counts.
        assert!(is_refused(&both(&first, os(libc::EMFILE))));
    }
}
