//! What becomes of an allocation that fails. Most of the library's own are asked whether they have failed; those of the compilers, the
//! validator and the parser of text are not, and Rust would end the process after a message, or, where `RUST_BACKTRACE` asks for a
//! backtrace, try to make one without memory and wait for itself. So where those run, the process ends here: with one line, and without
//! allocating.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Whether nobody asks.
    static FATAL: Cell<bool> = const { Cell::new(false) };
}

/// What the process ends with: an error of the system's (`sysexits.h`).
const STATUS: i32 = 71;

/// Runs `f`, whose allocations are not asked whether they have failed.
pub fn fatal<R>(f: impl FnOnce() -> R) -> R {
    with(true, f)
}

/// Runs `f`, whose allocations are.
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

// SAFETY: the system's allocator does it all; what it gives is only compared with null.
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
        // SAFETY: plain system calls with bytes that are there.
        unsafe {
            libc::write(2, line.bytes.as_ptr().cast(), line.len);
            libc::_exit(STATUS)
        }
    }
}

/// A line that is put together without allocating.
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

/// Whether the process may have this many bytes more, at this moment.
pub fn has_room(bytes: usize) -> bool {
    // SAFETY: a mapping of its own at no particular address, which nobody touches, taken away again.
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
