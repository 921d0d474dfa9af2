//! A stack created by the host, which records how deep it was used, and ends at a guard page.

use std::num::NonZeroUsize;

const PAINT: u8 = 0xa5;
const GUARD: usize = 4096;

/// A separate mapping, or a part of the thread's own stack.
pub struct Painted {
    low: usize,
    size: usize,
    is_mapped: bool,
}

impl Painted {
    pub fn new(size: usize) -> Painted {
        let (flags, open) = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: a new mapping, whose first page is made inaccessible.
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
        // SAFETY: our own memory, on which no call runs now.
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

    /// The lowest address that was written since the previous call of this function.
    pub fn lowest(&mut self) -> usize {
        // SAFETY: our own memory, on which no call runs now.
        let bytes = unsafe { std::slice::from_raw_parts(self.low as *const u8, self.size) };
        let lowest = self.low + bytes.iter().position(|b| *b != PAINT).unwrap_or(self.size);
        self.paint();
        lowest
    }

    /// Makes a page in the middle inaccessible: the part below no longer belongs to the stack.
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

// SAFETY: a guard page is below; if the memory is a part of another stack, the tests check how far it was written.
unsafe impl corosensei::stack::Stack for Painted {
    fn base(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.high()).unwrap()
    }

    fn limit(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.low - if self.is_mapped { GUARD } else { 0 }).unwrap()
    }
}

/// The stack pointer, approximately.
#[inline(never)]
pub fn here() -> usize {
    let mut local = 0u8;
    std::hint::black_box(&raw mut local) as usize
}

/// Runs `f` on a thread whose stack has exactly this size. The thread library may reuse old stacks, which can be up to four times as
/// large. Signal handlers run on this stack as well.
pub fn on_thread<R: Send>(size: usize, f: impl FnOnce() -> R + Send) -> R {
    struct Job<F, R>(Option<F>, Option<std::thread::Result<R>>);
    extern "C" fn main<F: FnOnce() -> R, R>(job: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: the creator of the thread waits for it, and accesses the job only afterwards.
        let job = unsafe { &mut *job.cast::<Job<F, R>>() };
        without_signal_stack();
        let f = job.0.take().unwrap();
        job.1 = Some(std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)));
        std::ptr::null_mut()
    }
    fn start<F: FnOnce() -> R, R>(_: &F) -> extern "C" fn(*mut libc::c_void) -> *mut libc::c_void {
        main::<F, R>
    }
    let stack = Painted::new(size);
    let start = start(&f);
    let mut job = Job(Some(f), None);
    // SAFETY: the attributes are initialized first; the stack and the job live until the thread has ended.
    unsafe {
        let (mut attr, mut thread) = (std::mem::MaybeUninit::uninit(), std::mem::MaybeUninit::uninit());
        assert_eq!(libc::pthread_attr_init(attr.as_mut_ptr()), 0);
        assert_eq!(libc::pthread_attr_setstack(attr.as_mut_ptr(), stack.low as *mut _, size), 0);
        assert_eq!(libc::pthread_create(thread.as_mut_ptr(), attr.as_ptr(), start, (&raw mut job).cast()), 0);
        assert_eq!(libc::pthread_join(thread.assume_init(), std::ptr::null_mut()), 0);
        libc::pthread_attr_destroy(attr.as_mut_ptr());
    }
    job.1.unwrap().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Makes signal handlers of this thread run on the current stack, as on threads of hosts without an alternate signal stack.
pub fn without_signal_stack() {
    // SAFETY: a plain system call.
    unsafe {
        let mut off: libc::stack_t = std::mem::zeroed();
        off.ss_flags = libc::SS_DISABLE;
        assert_eq!(libc::sigaltstack(&off, std::ptr::null_mut()), 0);
    }
}
