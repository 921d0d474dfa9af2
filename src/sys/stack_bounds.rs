//! Where the stack ends that this thread is on.

use super::lock::Mutex;
use super::mmap::page_size;
use super::valgrind;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering::*};

/// The addresses of a stack, from `low` up to `high`.
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

/// How long something stays true that was found out about a thread's stack: until that thread ends, since another one may then have a
/// smaller stack at the same addresses. Asked on every call, so it is a word and not a thread-local variable.
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

/// What is known about a thread, found out on its first use.
struct OwnStack {
    stack: Option<Stack>,
    /// Changed when the thread ends.
    word: &'static AtomicU64,
}

/// The words of threads that have ended, for new threads. Words are never freed, as stores of other threads may read them.
static WORDS: Mutex<Vec<&'static AtomicU64>> = Mutex::new(Vec::new());

thread_local! {
    static OWN: OwnStack = OwnStack::find();
}

impl OwnStack {
    fn find() -> OwnStack {
        // Not waited for: in a child process, the thread that held the lock at the fork may not exist.
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

/// The stack that this thread was made with, and how long that is true. `None` where the system does not tell.
pub fn own_stack() -> Option<(Stack, Lease)> {
    let own = OWN.try_with(|own| Some((own.stack?, Lease { word: own.word, value: own.word.load(Relaxed) })));
    // While a thread ends, its variables may be gone already.
    own.unwrap_or_else(|_| Some((find_own_stack()?, Lease::OVER)))
}

fn find_own_stack() -> Option<Stack> {
    let mut stack = thread_stack().or_else(main_stack)?;
    // SAFETY: plain system calls.
    let is_first = unsafe { libc::syscall(libc::SYS_gettid) == libc::c_long::from(libc::getpid()) };
    if is_first && stack.high - stack.low > LARGE_STACK {
        // It may end at another mapping, to which the kernel keeps a distance.
        stack.low += GUARD_GAP;
    }
    Some(stack)
}

/// What the thread library knows. Of the first thread it is what the system lets the stack grow to, for which the library needs
/// `/proc`.
fn thread_stack() -> Option<Stack> {
    let mut attr = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut low, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are initialised by the first call if it succeeds, read, and destroyed.
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
    // SAFETY: plain system calls; the name is a string that stays.
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

/// How much of the first thread's stack is relied upon where the limit is higher: the kernel keeps other mappings away from that
/// much (128 MiB), whatever the limit was when the program started.
const MAIN_STACK: usize = 64 << 20;

/// The lowest address from which on everything up to `sp` can be read; not further down than `most` bytes.
///
/// Asks the kernel about each page, by a system call that reads a word there and then refuses what it was asked for.
pub fn readable_below(sp: usize, most: usize) -> usize {
    // Valgrind's first stack is not the system's, and grows when it is used; asking would be reported.
    if valgrind::is_running() {
        return sp.saturating_sub(most);
    }
    const NO_SUCH_CHANGE: libc::c_int = -1;
    let page = page_size();
    let mut low = sp & !(page - 1);
    while low > page && sp - (low - page) <= most {
        // SAFETY: the kernel reads eight bytes at any address, or says that it cannot. It changes nothing.
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

    /// On another thread than the first, so nothing comes from the thread library.
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
        // SAFETY: a new mapping, of which one page is closed; nothing is written.
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
