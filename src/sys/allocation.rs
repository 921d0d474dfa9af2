//! Handles failed allocations. Most of the library's own allocations are checked. Those of the compilers, the validator and the text
//! parser are not: for these, Rust would print a message and end the process, or, if `RUST_BACKTRACE` asks for a backtrace, try to
//! allocate one and deadlock. So while they run, a failed allocation ends the process here, with one line and without allocating.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Whether a failed allocation of this thread ends the process.
    static FATAL: Cell<bool> = const { Cell::new(false) };
}

/// The exit status: an error of the operating system (`EX_OSERR` in `sysexits.h`).
const STATUS: i32 = 71;

/// Runs `f`, which does not check its allocations: a failed one ends the process.
pub fn fatal<R>(f: impl FnOnce() -> R) -> R {
    with(true, f)
}

/// Runs `f`, which checks its allocations.
pub fn fallible<R>(f: impl FnOnce() -> R) -> R {
    with(false, f)
}

fn with<R>(fatal: bool, f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            FATAL.set(self.0);
        }
    }
    let _restore = Restore(FATAL.replace(fatal));
    f()
}

/// The system's allocator.
pub struct Allocator;

// SAFETY: every call is forwarded to the system's allocator; its result is only compared with null.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        checked(unsafe { System.alloc(layout) }, layout.size())
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        checked(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        checked(unsafe { System.realloc(ptr, layout, new_size) }, new_size)
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[inline]
fn checked(p: *mut u8, size: usize) -> *mut u8 {
    if p.is_null() {
        failed(size);
    }
    p
}

#[cold]
fn failed(size: usize) {
    if FATAL.try_with(Cell::get).unwrap_or(false) {
        let mut line = Line::default();
        line.text(b"wrt: out of memory: ");
        line.number(size);
        line.text(b" bytes were needed to compile a module; the process ends\n");
        // SAFETY: plain system calls on initialized bytes (invariant S1).
        unsafe {
            libc::write(2, line.bytes.as_ptr().cast(), line.len);
            libc::_exit(STATUS)
        }
    }
}

/// A line of text that is built without allocating.
struct Line {
    bytes: [u8; 128],
    len: usize,
}

impl Default for Line {
    fn default() -> Line {
        Line { bytes: [0; 128], len: 0 }
    }
}

impl Line {
    fn text(&mut self, s: &[u8]) {
        self.bytes[self.len..self.len + s.len()].copy_from_slice(s);
        self.len += s.len();
    }

    fn number(&mut self, mut n: usize) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (n % 10) as u8;
            n /= 10;
            if n == 0 {
                break;
            }
        }
        self.text(&digits[at..]);
    }
}

/// Whether the process can currently map this many more bytes.
pub fn has_room(bytes: usize) -> bool {
    // SAFETY: a new mapping at an address the system chooses, which is unmapped without being accessed (invariant S2).
    unsafe {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let p = libc::mmap(std::ptr::null_mut(), bytes, access, kind, -1, 0);
        p != libc::MAP_FAILED && libc::munmap(p, bytes) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written() {
        let mut line = Line::default();
        [0, 7, 1234567890].into_iter().for_each(|n| line.number(n));
        assert_eq!(&line.bytes[..line.len], b"071234567890");
    }

    #[test]
    fn no_room_is_found_for_what_is_too_large() {
        assert!(has_room(1 << 20));
        assert!(!has_room(1 << 60));
    }

    #[test]
    fn inner_regions_end() {
        fatal(|| {
            assert!(!fallible(|| FATAL.get()));
            assert!(FATAL.get());
        });
        assert!(!FATAL.get());
    }
}
