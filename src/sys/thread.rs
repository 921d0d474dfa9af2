//! Threads: which one runs, as a number, so that they can have places of their own in what they share; and threads of the library's
//! own, which nothing is to be noticed of.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

/// The number of this thread, small and its own; given out in turn.
pub fn number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Relaxed);
    }
    // Where thread-locals are gone already, any number will do.
    NUMBER.try_with(|n| *n).unwrap_or(0)
}

/// What tells this thread from all others that are alive: where its thread-locals are. Never 0. One instruction, where a thread-local
/// of a shared library may be a call.
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

/// How many threads have ended that were expected to (`expect_end`). Another thread may have the token of one that has ended.
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
    // A thread that is ending already has no others after it that it could be taken for, but itself.
    let _ = END.try_with(|_| ());
}

/// Bytes of a thread's stack, which does its work on a large one (`stack`).
pub const THREAD_STACK: usize = 256 << 10;

/// Runs `make` with all signals blocked that come from elsewhere, so that threads made in it never take the host's.
pub fn without_signals<R>(make: impl FnOnce() -> R) -> R {
    let mut old = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sets of our own, filled before they are used. Signals of faults stay: they are this thread's own.
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
        // SAFETY: what the first call has written.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), std::ptr::null_mut()) };
    }
    made
}

/// Runs `work` on a thread of its own, which nobody waits for. False if there is none to be had.
pub fn spawn_detached(name: &str, work: impl FnOnce() + Send + 'static) -> bool {
    let thread = std::thread::Builder::new().name(name.into()).stack_size(THREAD_STACK);
    without_signals(|| thread.spawn(work)).is_ok()
}

static FORKS: AtomicU32 = AtomicU32::new(0);

/// The number of this process: another one than those of the processes that it was forked from.
#[inline]
pub fn process() -> u32 {
    FORKS.load(Relaxed)
}

/// In a child (`lock`).
pub(super) fn count_fork() {
    FORKS.fetch_add(1, Relaxed);
}

/// Lets other threads go first, as far as the system allows.
pub fn lower_priority() {
    // SAFETY: plain system calls that concern this thread only: on Linux a thread has a priority of its own.
    unsafe {
        let thread = libc::syscall(libc::SYS_gettid) as libc::id_t;
        libc::setpriority(libc::PRIO_PROCESS, thread, 10);
    }
}
