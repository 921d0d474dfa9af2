//! The process's handlers of the signals that faults of machine code raise. What is not ours goes to the handlers that the host had.
//!
//! A host may install handlers of its own at any time, and these may pass signals on to the handler that they displaced, which is ours.
//! So each time ours is put back it is another function, an *entry*, which passes signals on to what that entry displaced. A handler of
//! the host's stands after one entry only, the newest that has displaced it. What it passes on to is older, so every chain ends.

use super::signals::{Decide, pc_and_fp, resume_in};
use std::io;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};

const SIGNALS: [libc::c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];
const NAMES: [&str; SIGNALS.len()] = ["SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE"];

/// The environment variable that turns signals off.
const VARIABLE: &str = "WRT_SIGNALS";

type Handler = unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// How many entries there are. The first is installed once. The others are installed in turn, and again only when all of them were: a
/// handler of the host's that still passes signals on to one of them then meets a newer handler.
const ENTRIES: usize = 16;

/// The entries. Their addresses are taken here only: elsewhere in the library they might be others.
static ENTRY: [Handler; ENTRIES] = [
    entry::<0>,
    entry::<1>,
    entry::<2>,
    entry::<3>,
    entry::<4>,
    entry::<5>,
    entry::<6>,
    entry::<7>,
    entry::<8>,
    entry::<9>,
    entry::<10>,
    entry::<11>,
    entry::<12>,
    entry::<13>,
    entry::<14>,
    entry::<15>,
];

/// What is known of one signal.
struct Chain {
    /// How often an entry was installed.
    installed: AtomicUsize,
    /// The entry that was in place when it was last looked.
    seen: AtomicUsize,
    /// What each entry displaced; null before that. Actions live forever, equal ones are there once.
    displaced: [AtomicPtr<libc::sigaction>; ENTRIES],
}

static CHAINS: [Chain; SIGNALS.len()] = [const {
    Chain {
        installed: AtomicUsize::new(0),
        seen: AtomicUsize::new(usize::MAX),
        displaced: [const { AtomicPtr::new(std::ptr::null_mut()) }; ENTRIES],
    }
}; SIGNALS.len()];

/// A `Decide`, null before there is one.
static DECIDE: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Whether handlers may be installed: the environment variable `WRT_SIGNALS` is neither "off" nor "0".
pub fn are_allowed() -> bool {
    std::env::var_os(VARIABLE).is_none_or(|value| value != "off" && value != "0")
}

/// Makes sure that the handlers in place are ours: installs them if they never were, or if others were installed since. The first
/// caller's `decide` counts.
pub fn install(decide: Decide) -> io::Result<()> {
    // Before the first handler is in place: it finds what it needs.
    let _ = DECIDE.compare_exchange(std::ptr::null_mut(), decide as *mut (), AcqRel, Relaxed);
    (0..SIGNALS.len()).try_for_each(put_in_place)
}

/// As `install`, for the price of one system call where nothing has changed: asks for the handler of SIGSEGV only. Who replaces ours
/// mostly replaces that one as well.
pub fn check(decide: Decide) -> io::Result<()> {
    if entry_of(&action(0, None)?).is_some() { Ok(()) } else { install(decide) }
}

/// The name of one of our signals that this thread blocks. A fault that raises it would end the process.
pub fn blocked() -> Option<&'static str> {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: reads the thread's mask into a set of our own, which is a set before, too.
    let is_blocked = unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), set.as_mut_ptr());
        |signal: libc::c_int| libc::sigismember(set.as_ptr(), signal) == 1
    };
    SIGNALS.iter().position(|s| is_blocked(*s)).map(|i| NAMES[i])
}

/// Exchanges the action of a signal, or reads it.
fn action(which: usize, new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let mut old = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a plain system call on actions; zeros are one.
    match unsafe { libc::sigaction(SIGNALS[which], new.map_or(std::ptr::null(), |n| n), old.as_mut_ptr()) } {
        // SAFETY: written by the call.
        0 => Ok(unsafe { old.assume_init() }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// No lock: two threads may do this at a time, and a process may fork meanwhile.
fn put_in_place(which: usize) -> io::Result<()> {
    let chain = &CHAINS[which];
    let found = action(which, None)?;
    if let Some(entry) = entry_of(&found) {
        chain.seen.store(entry, Relaxed);
        return Ok(());
    }
    let entry = chain.next();
    // Before the entry is in place: it finds what it displaced.
    chain.displace(entry, &found);
    let old = action(which, Some(&ours(entry, &found)))?;
    // Somebody else was faster with another action.
    if entry_of(&old).is_none() && !same(&old, &found) {
        chain.displace(entry, &old);
    }
    chain.seen.store(entry, Relaxed);
    Ok(())
}

impl Chain {
    /// From now on the entry passes signals on to `action`. Older entries that did so pass on to what was there first instead: the host
    /// has installed the handler again, which may pass on to any of them now.
    fn displace(&self, entry: usize, action: &libc::sigaction) {
        let action = remember(action);
        self.displaced[entry].store(action, Release);
        let others = self.displaced.iter().enumerate().filter(|(e, _)| *e != entry).map(|(_, d)| d);
        // SAFETY: remembered actions are never freed or changed.
        if unsafe { is_handler(&*action) } {
            for other in others.filter(|other| other.load(Acquire) == action) {
                let first = self.displaced[0].load(Acquire);
                other.store(if first == action { default() } else { first }, Release);
            }
        }
    }

    /// The entry to install: not the one that was in place, since what displaced that one may pass on to it.
    fn next(&self) -> usize {
        loop {
            let entry = match self.installed.fetch_add(1, Relaxed) {
                0 => 0,
                n => 1 + (n - 1) % (ENTRIES - 1),
            };
            if entry != self.seen.load(Relaxed) {
                return entry;
            }
        }
    }
}

/// The action of an entry. The signal is blocked while the entry runs: otherwise signals that are sent faster than they are handled would be
/// handled one above the other, until the stack ends. `sigreturn` restores the thread's mask, also when a trap continues elsewhere.
fn ours(entry: usize, displaced: &libc::sigaction) -> libc::sigaction {
    // System calls that a signal has interrupted go on if they did so before; after no handler there is nothing to be seen.
    let restart = if is_handler(displaced) { displaced.sa_flags & libc::SA_RESTART } else { libc::SA_RESTART };
    // SAFETY: zeros are an action.
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | restart;
    new.sa_sigaction = ENTRY[entry] as usize;
    // SAFETY: a set of our own.
    unsafe { libc::sigemptyset(&mut new.sa_mask) };
    new
}

fn entry_of(action: &libc::sigaction) -> Option<usize> {
    ENTRY.iter().position(|e| *e as usize == action.sa_sigaction)
}

fn is_handler(action: &libc::sigaction) -> bool {
    action.sa_sigaction != libc::SIG_DFL && action.sa_sigaction != libc::SIG_IGN
}

fn same(a: &libc::sigaction, b: &libc::sigaction) -> bool {
    // SAFETY: a set begins with a bit for each signal there is. The rest is not the system's, and the C library leaves anything in it.
    let bits = |s: &libc::sigset_t| unsafe { std::mem::transmute_copy::<libc::sigset_t, u64>(s) };
    a.sa_sigaction == b.sa_sigaction && a.sa_flags == b.sa_flags && bits(&a.sa_mask) == bits(&b.sa_mask)
}

/// A copy of the action that stays: a handler may read it at any time.
fn remember(action: &libc::sigaction) -> *mut libc::sigaction {
    let known = CHAINS.iter().flat_map(|c| &c.displaced).map(|d| d.load(Acquire)).filter(|d| !d.is_null());
    // SAFETY: remembered actions are never freed or changed.
    known.into_iter().find(|d| unsafe { same(&**d, action) }).unwrap_or_else(|| Box::leak(Box::new(*action)))
}

/// The function that the system calls, for each entry.
unsafe extern "C" fn entry<const NUMBER: usize>(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: `errno` is this thread's; the rest is what the system gave, for the signal that this was installed for.
    unsafe {
        let errno = *libc::__errno_location();
        handle(NUMBER, signal, info, context);
        *libc::__errno_location() = errno;
    }
}

/// # Safety
/// Called by a handler of the signal with what it got.
unsafe fn handle(entry: usize, signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: entries are installed with SA_SIGINFO, so these are a signal's information and the interrupted thread's context.
    // `DECIDE` is a `Decide`, in place before any handler.
    unsafe {
        // What was sent is no fault, wherever the thread is; codes of faults are positive.
        let is_fault = (*info).si_code > 0;
        if is_fault {
            let registers = &mut *(context as *mut libc::ucontext_t);
            let (pc, fp) = pc_and_fp(registers);
            let decide = std::mem::transmute::<*mut (), Decide>(DECIDE.load(Acquire));
            if let Some(resume) = decide(pc, fp) {
                resume_in(registers, &resume);
                return;
            }
        }
        let Some(which) = SIGNALS.iter().position(|s| *s == signal) else { return };
        let displaced = &CHAINS[which].displaced[entry];
        let old = &*displaced.load(Acquire);
        match old.sa_sigaction {
            libc::SIG_IGN if !is_fault => {}
            // The system ignores no fault.
            libc::SIG_DFL | libc::SIG_IGN => end_process(signal, info, is_fault),
            _ => pass_on(displaced, old, signal, info, context),
        }
    }
}

/// An action that is the default one.
struct Default(libc::sigaction);
// SAFETY: never written.
unsafe impl Sync for Default {}
// SAFETY: zeros are the default action.
static DEFAULT: Default = Default(unsafe { std::mem::zeroed() });

/// The default action, as `Chain` has them.
fn default() -> *mut libc::sigaction {
    (&raw const DEFAULT.0).cast_mut()
}

/// Calls the handler that the entry displaced as the system would have: with the signals blocked that its action names, and only once if
/// that says so. The system restores the mask when the entry returns.
///
/// # Safety
/// As `handle`; `old` is a handler's action, from `displaced`.
unsafe fn pass_on(
    displaced: &AtomicPtr<libc::sigaction>,
    old: &libc::sigaction,
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    if old.sa_flags & libc::SA_RESETHAND != 0 {
        displaced.store(default(), Release);
    }
    // SAFETY: the flags say which type the handler has. It may leave by `siglongjmp`; nothing here has to be dropped.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, &old.sa_mask, std::ptr::null_mut());
        if old.sa_flags & libc::SA_NODEFER != 0 && libc::sigismember(&old.sa_mask, signal) != 1 {
            let mut own = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
            libc::sigemptyset(own.as_mut_ptr());
            libc::sigaddset(own.as_mut_ptr(), signal);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, own.as_ptr(), std::ptr::null_mut());
        }
        if old.sa_flags & libc::SA_SIGINFO != 0 {
            std::mem::transmute::<usize, Handler>(old.sa_sigaction)(signal, info, context);
        } else {
            std::mem::transmute::<usize, unsafe extern "C" fn(libc::c_int)>(old.sa_sigaction)(signal);
        }
    }
}

/// The default action: the process ends, by this signal and with its information, when the handler returns to where the signal came.
///
/// # Safety
/// As `handle`.
unsafe fn end_process(signal: libc::c_int, info: *mut libc::siginfo_t, is_fault: bool) {
    // SAFETY: plain system calls, on zeros and on what the system gave. The signal is blocked until the handler returns, when the
    // system restores the thread's mask.
    unsafe {
        let process = libc::getpid();
        // The first process of a container is not ended by what its processes send.
        if process == 1 && !is_fault {
            return;
        }
        let mut set = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
        libc::sigaction(signal, &DEFAULT.0, std::ptr::null_mut());
        let thread = libc::syscall(libc::SYS_gettid);
        if libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, info) != 0 {
            libc::syscall(libc::SYS_tgkill, process, thread, signal);
        }
    }
}
