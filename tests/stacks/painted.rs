//! A stack that the host has made: it shows how far down it was used, and ends at a page that can not be touched.

use std::num::NonZeroUsize;

const PAINT: u8 = 0xa5;
const GUARD: usize = 4096;

/// A mapping of its own, or a part of the thread's own stack.
pub struct Painted {
    low: usize,
    size: usize,
    is_mapped: bool,
}

impl Painted {
    pub fn new(size: usize) -> Painted {
        let (flags, open) = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: a new mapping, whose first page is closed.
        let low = unsafe {
            let at = libc::mmap(std::ptr::null_mut(), GUARD + size, open, flags, -1, 0);
            assert_ne!(at, libc::MAP_FAILED);
            assert_eq!(libc::mprotect(at, GUARD, libc::PROT_NONE), 0);
            at as usize + GUARD
        };
        let mut made = Painted { low, size, is_mapped: true };
        made.paint();
        made
    }

    /// A stack inside of another one.
    pub fn inside(memory: &mut [u8]) -> Painted {
        let (low, high) = (memory.as_mut_ptr() as usize, memory.as_mut_ptr_range().end as usize);
        let low = low.next_multiple_of(16);
        let mut made = Painted { low, size: (high & !15) - low, is_mapped: false };
        made.paint();
        made
    }

    fn paint(&mut self) {
        // SAFETY: memory of its own, which no call is on now.
        unsafe { (self.low as *mut u8).write_bytes(PAINT, self.size) };
    }

    pub fn low(&self) -> usize {
        self.low
    }

    pub fn size(&self) -> usize {
        self.size
    }

    pub fn high(&self) -> usize {
        self.low + self.size
    }

    /// Runs `f` on it.
    pub fn run<R>(&mut self, f: impl FnOnce() -> R) -> R {
        corosensei::on_stack(self, f)
    }

    /// The lowest address that was written since the last time that this was asked.
    pub fn lowest(&mut self) -> usize {
        // SAFETY: memory of its own, which no call is on now.
        let bytes = unsafe { std::slice::from_raw_parts(self.low as *const u8, self.size) };
        let lowest = self.low + bytes.iter().position(|b| *b != PAINT).unwrap_or(self.size);
        self.paint();
        lowest
    }

    /// Closes a page in the middle: what is below is none of the stack any more.
    pub fn end_at(&mut self, below_high: usize) {
        let page = (self.high() - below_high) & !(GUARD - 1);
        // SAFETY: a page of the mapping.
        assert_eq!(unsafe { libc::mprotect((page - GUARD) as *mut _, GUARD, libc::PROT_NONE) }, 0);
    }
}

impl Drop for Painted {
    fn drop(&mut self) {
        if self.is_mapped {
            // SAFETY: the whole mapping.
            unsafe { libc::munmap((self.low - GUARD) as *mut _, GUARD + self.size) };
        }
    }
}

// SAFETY: there is a page that can not be touched below; where the memory is a part of another stack, the tests look at what was written.
unsafe impl corosensei::stack::Stack for Painted {
    fn base(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.high()).unwrap()
    }

    fn limit(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.low - if self.is_mapped { GUARD } else { 0 }).unwrap()
    }
}

/// Where the stack pointer is, about.
#[inline(never)]
pub fn here() -> usize {
    let mut local = 0u8;
    std::hint::black_box(&raw mut local) as usize
}

/// Lets signal handlers of this thread run on the stack in use, as on threads of hosts that have made no other one.
pub fn without_signal_stack() {
    // SAFETY: a plain system call.
    unsafe {
        let mut off: libc::stack_t = std::mem::zeroed();
        off.ss_flags = libc::SS_DISABLE;
        assert_eq!(libc::sigaltstack(&off, std::ptr::null_mut()), 0);
    }
}
