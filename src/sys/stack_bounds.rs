//! The bounds of the stack that this thread runs on.

use super::lock::Mutex;
use super::mmap::page_size;
use super::valgrind;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering::*};

/// The addresses of a stack: from `low` up to, but not including, `high`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stack {
    pub low: usize,
    pub high: usize,
}

impl Stack {
    pub fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.low) < self.high.wrapping_sub(self.low)
    }
}

/// How long knowledge about a thread's stack is valid: until that thread ends, since another thread can then have a smaller stack at the
/// same addresses. Checked on every call, so it is a word in memory and not a thread-local variable.
#[derive(Clone, Copy)]
pub struct Lease {
    word: &'static AtomicU64,
    value: u64,
}

static UNCHANGING: AtomicU64 = AtomicU64::new(0);

impl Lease {
    pub const FOREVER: Lease = Lease { word: &UNCHANGING, value: 0 };
    pub const OVER: Lease = Lease { word: &UNCHANGING, value: 1 };

    #[inline(always)]
    pub fn is_valid(&self) -> bool {
        self.word.load(Relaxed) == self.value
    }
}

/// The stack of a thread, found on first use.
struct OwnStack {
    stack: Option<Stack>,
    /// Changed when the thread ends.
    word: &'static AtomicU64,
}

/// The words of threads that have ended, for reuse by new threads. Words are never freed, since stores of other threads can read them.
static WORDS: Mutex<Vec<&'static AtomicU64>> = Mutex::new(Vec::new());

thread_local! {
    static OWN: OwnStack = OwnStack::find();
}

impl OwnStack {
    fn find() -> OwnStack {
        // Does not wait: in a child process, the thread that held the lock at the fork does not exist.
        let word = WORDS.try_lock().and_then(|mut words| words.pop());
        let word = word.unwrap_or_else(|| Box::leak(Box::default()));
        OwnStack { stack: find_own_stack(), word }
    }
}

impl Drop for OwnStack {
    fn drop(&mut self) {
        self.word.fetch_add(1, Release);
        if let Some(mut words) = WORDS.try_lock() {
            words.push(self.word);
        }
    }
}

/// The stack that this thread was created with, and how long this is valid. `None` if the system does not report it.
pub fn own_stack() -> Option<(Stack, Lease)> {
    let own = OWN.try_with(|own| Some((own.stack?, Lease { word: own.word, value: own.word.load(Relaxed) })));
    // While a thread ends, its thread-local variables may already be destroyed.
    own.unwrap_or_else(|_| Some((find_own_stack()?, Lease::OVER)))
}

fn find_own_stack() -> Option<Stack> {
    let mut stack = thread_stack().or_else(main_stack)?;
    // SAFETY: plain system calls (invariant S1).
    let is_first = unsafe { libc::syscall(libc::SYS_gettid) == libc::c_long::from(libc::getpid()) };
    if is_first && stack.high - stack.low > LARGE_STACK {
        // It can end at another mapping, and the kernel keeps a gap before that.
        stack.low += GUARD_GAP;
    }
    Some(stack)
}

/// The stack according to the thread library. For the first thread it is the size up to which the system lets the stack grow; the library
/// needs `/proc` for this.
fn thread_stack() -> Option<Stack> {
    let mut attr = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut low, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the first call initializes the attributes if it succeeds; they are then read, and destroyed
    // (invariant S1).
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attr.as_mut_ptr()) != 0 {
            return None;
        }
        let found = libc::pthread_attr_getstack(attr.as_ptr(), &mut low, &mut size);
        libc::pthread_attr_destroy(attr.as_mut_ptr());
        (found == 0).then(|| Stack { low: low as usize, high: (low as usize).saturating_add(size) })
    }
}

/// The first thread's stack, without `/proc`: the kernel puts the program's name at its top, and lets it grow to the limit.
fn main_stack() -> Option<Stack> {
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: plain system calls; the name is a string that lives as long as the process (invariant S1).
    unsafe {
        let name = libc::getauxval(libc::AT_EXECFN) as *const libc::c_char;
        if name.is_null() || libc::getrlimit(libc::RLIMIT_STACK, limit.as_mut_ptr()) != 0 {
            return None;
        }
        let end = name as usize + libc::strlen(name) + 1;
        let high = end.next_multiple_of(page_size());
        let size = usize::try_from(limit.assume_init().rlim_cur).unwrap_or(usize::MAX).min(MAIN_STACK);
        Some(Stack { low: high.saturating_sub(size), high })
    }
}

/// The kernel's `stack_guard_gap`, unless configured.
const GUARD_GAP: usize = 1 << 20;
/// Only a first thread's stack that is larger than this can end at another mapping.
const LARGE_STACK: usize = 16 << 20;

/// The maximum size of the first thread's stack that is assumed, even if the limit is higher. The kernel keeps at least 128 MiB free of
/// other mappings, whatever the limit was when the program started.
const MAIN_STACK: usize = 64 << 20;

/// The lowest address from which all memory up to `sp` is readable, at most `most` bytes below `sp`.
///
/// Asks the kernel about each page, with a system call that reads a word there and then fails because of an invalid argument.
pub fn readable_below(sp: usize, most: usize) -> usize {
    // Valgrind replaces the first thread's stack with one that grows on use, and it would report these system calls.
    if valgrind::is_running() {
        return sp.saturating_sub(most);
    }
    const NO_SUCH_CHANGE: libc::c_int = -1;
    let page = page_size();
    let mut low = sp & !(page - 1);
    while low > page && sp - (low - page) <= most {
        // SAFETY: the kernel reads eight bytes at any address, or reports that it cannot. It changes nothing.
        let refused = unsafe {
            let nothing: *mut libc::c_void = std::ptr::null_mut();
            libc::syscall(libc::SYS_rt_sigprocmask, NO_SUCH_CHANGE, low - page, nothing, 8usize)
        };
        if refused != -1 || std::io::Error::last_os_error().raw_os_error() != Some(libc::EINVAL) {
            break;
        }
        low -= page;
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::signals::stack_pointer;
    use crate::sys::stack::on_large_stack;

    fn on_thread<R: Send + 'static>(size: usize, f: impl FnOnce() -> R + Send + 'static) -> R {
        std::thread::Builder::new().stack_size(size).spawn(f).unwrap().join().unwrap()
    }

    #[test]
    fn the_stack_of_a_thread_is_known() {
        for size in [256 << 10, 4 << 20] {
            let (stack, sp) = on_thread(size, || (own_stack().unwrap().0, stack_pointer()));
            assert!(stack.contains(sp));
            // The thread library may reuse a larger stack of a thread that has ended.
            assert!((size..=4 * size + (64 << 10)).contains(&(stack.high - stack.low)), "{stack:?}");
        }
        let elsewhere = on_large_stack(|| (own_stack().unwrap().0, stack_pointer())).unwrap();
        assert!(!elsewhere.0.contains(elsewhere.1));
    }

    /// Runs on a thread other than the first, so that the result cannot come from the thread library.
    #[test]
    fn the_first_threads_stack_is_found_without_the_list_of_mappings() {
        let found = on_thread(1 << 20, || main_stack().unwrap());
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mapped = maps.lines().find(|l| l.ends_with("[stack]")).unwrap().split(' ').next().unwrap();
        let (low, high) = mapped.split_once('-').unwrap();
        let number = |hex| usize::from_str_radix(hex, 16).unwrap();
        assert_eq!(found.high, number(high));
        assert!(found.low <= number(low) && found.high - found.low <= MAIN_STACK, "{found:?} {mapped}");
    }

    #[test]
    fn a_lease_ends_with_its_thread() {
        let lease = on_thread(1 << 20, || {
            let lease = own_stack().unwrap().1;
            assert!(lease.is_valid() && own_stack().unwrap().1.is_valid());
            lease
        });
        assert!(!lease.is_valid());
        assert!(Lease::FOREVER.is_valid() && !Lease::OVER.is_valid());
    }

    #[test]
    fn what_can_not_be_read_ends_a_stack() {
        let page = page_size();
        // SAFETY: a new mapping, in which one page is made inaccessible; nothing is written (invariant S2).
        unsafe {
            let (flags, open) = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, libc::PROT_READ | libc::PROT_WRITE);
            let base = libc::mmap(std::ptr::null_mut(), 16 * page, open, flags, -1, 0);
            assert_ne!(base, libc::MAP_FAILED);
            let (low, high) = (base as usize, base as usize + 16 * page);
            assert_eq!(readable_below(high - 8, 4 * page), high - 4 * page);
            assert_eq!(libc::mprotect(base.byte_add(9 * page), page, libc::PROT_NONE), 0);
            assert_eq!(readable_below(high - 8, 15 * page), low + 10 * page);
            assert_eq!(libc::munmap(base.byte_add(11 * page), page), 0);
            assert_eq!(readable_below(high - 8, 15 * page), low + 12 * page);
            libc::munmap(base, 16 * page);
        }
    }
}
