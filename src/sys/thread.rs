//! Threads: numbers and tokens that identify the current thread, so that threads can have their own slots in shared structures; and the
//! library's own threads, which the host must not notice.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

/// The number of this thread: small, unique, and assigned in order of the first call.
pub fn number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Relaxed);
    }
    // If thread-locals are already destroyed, any number will do.
    NUMBER.try_with(|n| *n).unwrap_or(0)
}

/// Identifies this thread among all live threads, by the address of its thread-locals. Never 0. This is one instruction, while access to a
/// thread-local of a shared library can be a call.
#[inline(always)]
pub fn token() -> usize {
    let token: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: on Linux the first word there is its own address.
    unsafe {
        std::arch::asm!("mov {}, fs:0", out(reg) token, options(pure, readonly, nostack, preserves_flags))
    };
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mrs {}, tpidr_el0", out(reg) token, options(pure, nomem, nostack, preserves_flags))
    };
    token
}

/// The number of threads that have ended after they called `expect_end`. A new thread can have the token of one that has ended.
#[inline(always)]
pub fn ended() -> usize {
    ENDED.load(Relaxed)
}

static ENDED: AtomicUsize = AtomicUsize::new(0);

/// Counts this thread when it ends.
pub fn expect_end() {
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            ENDED.fetch_add(1, Relaxed);
        }
    }
    thread_local! {
        static END: End = const { End };
    }
    // This fails only if the thread-locals are already destroyed; then the thread's end is not counted.
    let _ = END.try_with(|_| ());
}

/// The stack size, in bytes, of the library's threads. They do their work on a large stack (`stack`).
pub const THREAD_STACK: usize = 256 << 10;

/// Runs `make` with all signals blocked except those that a thread raises itself, so that threads created in it never handle the host's
/// signals.
pub fn without_signals<R>(make: impl FnOnce() -> R) -> R {
    let mut old = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: local sets, filled before they are used (invariant S1). Signals of faults stay unblocked, since the
    // thread raises them itself.
    let changed = unsafe {
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        for own in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGABRT] {
            libc::sigdelset(all.as_mut_ptr(), own);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), old.as_mut_ptr()) == 0
    };
    let made = make();
    if changed {
        // SAFETY: the first call has written the set (invariant S1).
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), std::ptr::null_mut()) };
    }
    made
}

/// Runs `work` on a new detached thread. False if no thread could be created.
pub fn spawn_detached(name: &str, work: impl FnOnce() + Send + 'static) -> bool {
    let thread = std::thread::Builder::new().name(name.into()).stack_size(THREAD_STACK);
    without_signals(|| thread.spawn(work)).is_ok()
}

static FORKS: AtomicU32 = AtomicU32::new(0);

/// The number of this process, which differs from the numbers of the processes that it was forked from.
#[inline]
pub fn process() -> u32 {
    FORKS.load(Relaxed)
}

/// Called in a child of a fork (`lock`).
pub(super) fn count_fork() {
    FORKS.fetch_add(1, Relaxed);
}

/// Lowers the priority of this thread, as far as the system allows.
pub fn lower_priority() {
    // SAFETY: plain system calls that concern only this thread: on Linux each thread has its own priority
    // (invariant S1).
    unsafe {
        let thread = libc::syscall(libc::SYS_gettid) as libc::id_t;
        libc::setpriority(libc::PRIO_PROCESS, thread, 10);
    }
}
