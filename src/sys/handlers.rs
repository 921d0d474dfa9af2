//! The process's handlers for the signals that faults in machine code raise. Signals from other causes are passed on to the host's previous
//! handlers.
//!
//! A host can install its own handlers at any time, and these can pass signals on to the handler that they displaced, which is ours. So
//! each time our handler is reinstalled, it is a different function, called an *entry*, which passes signals on to the handler that it
//! displaced. A host handler follows only one entry: the newest that has displaced it. It passes signals on to an older entry, so every
//! chain ends.

use super::signals::{Decide, pc_and_fp, resume_in};
use std::io;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};

const SIGNALS: [libc::c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];
const NAMES: [&str; SIGNALS.len()] = ["SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE"];

/// The environment variable that turns signals off.
const VARIABLE: &str = "WRT_SIGNALS";

type Handler = unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// The number of entries. The first is installed once. The others are installed in rotation. If a host handler still passes signals on to
/// an entry that was installed again, they reach a newer handler.
const ENTRIES: usize = 16;

/// The entries. Their addresses are taken only here, since a function can have different addresses in different parts of the library.
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

/// The state of one signal.
struct Chain {
    /// How many times an entry was installed.
    installed: AtomicUsize,
    /// The entry that was in place at the last check.
    seen: AtomicUsize,
    /// The action that each entry displaced; null before that. Actions live forever; equal actions are stored once.
    displaced: [AtomicPtr<libc::sigaction>; ENTRIES],
}

static CHAINS: [Chain; SIGNALS.len()] = [const {
    Chain {
        installed: AtomicUsize::new(0),
        seen: AtomicUsize::new(usize::MAX),
        displaced: [const { AtomicPtr::new(std::ptr::null_mut()) }; ENTRIES],
    }
}; SIGNALS.len()];

/// A `Decide`; null before `install` is called.
static DECIDE: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Whether handlers may be installed: the environment variable `WRT_SIGNALS` is neither "off" nor "0".
pub fn are_allowed() -> bool {
    std::env::var_os(VARIABLE).is_none_or(|value| value != "off" && value != "0")
}

/// Ensures that our handlers are in place: installs them if they were never installed, or if others have replaced them. Uses the `decide`
/// of the first call.
pub fn install(decide: Decide) -> io::Result<()> {
    // Set before the first handler is in place, since the handler uses it.
    let _ = DECIDE.compare_exchange(std::ptr::null_mut(), decide as *mut (), AcqRel, Relaxed);
    (0..SIGNALS.len()).try_for_each(put_in_place)
}

/// Like `install`, but costs only one system call if nothing has changed: it checks only the handler of SIGSEGV. Code that replaces our
/// handlers mostly replaces that one as well.
pub fn check(decide: Decide) -> io::Result<()> {
    if entry_of(&action(0, None)?).is_some() { Ok(()) } else { install(decide) }
}

/// The name of one of our signals that this thread blocks, if any. A fault that raises it would end the process.
pub fn blocked() -> Option<&'static str> {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: reads the thread's mask into a local set; the zeros in it before are a valid set, too (invariant S1).
    let is_blocked = unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), set.as_mut_ptr());
        |signal: libc::c_int| libc::sigismember(set.as_ptr(), signal) == 1
    };
    SIGNALS.iter().position(|s| is_blocked(*s)).map(|i| NAMES[i])
}

/// Exchanges the action of a signal, or reads it.
fn action(which: usize, new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let mut old = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a plain system call on actions; zeros are a valid action (invariant S1).
    match unsafe { libc::sigaction(SIGNALS[which], new.map_or(std::ptr::null(), |n| n), old.as_mut_ptr()) } {
        // SAFETY: written by the call (invariant S1).
        0 => Ok(unsafe { old.assume_init() }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes no lock: two threads can do this at the same time, and the process can fork in the meantime.
fn put_in_place(which: usize) -> io::Result<()> {
    let chain = &CHAINS[which];
    let found = action(which, None)?;
    if let Some(entry) = entry_of(&found) {
        chain.seen.store(entry, Relaxed);
        return Ok(());
    }
    let entry = chain.next();
    // Set before the entry is in place, since the entry uses it.
    chain.displace(entry, &found);
    let old = action(which, Some(&ours(entry, &found)))?;
    // Another action was installed in the meantime.
    if entry_of(&old).is_none() && !same(&old, &found) {
        chain.displace(entry, &old);
    }
    chain.seen.store(entry, Relaxed);
    Ok(())
}

impl Chain {
    /// Makes the entry pass signals on to `action`. Older entries that did so now pass them on to the action that entry 0 displaced: the
    /// host has installed the handler again, so it can now pass signals on to any of them.
    fn displace(&self, entry: usize, action: &libc::sigaction) {
        let action = remember(action);
        self.displaced[entry].store(action, Release);
        let others = self.displaced.iter().enumerate().filter(|(e, _)| *e != entry).map(|(_, d)| d);
        // SAFETY: remembered actions are never freed or changed (invariant S4).
        if unsafe { is_handler(&*action) } {
            for other in others.filter(|other| other.load(Acquire) == action) {
                let first = self.displaced[0].load(Acquire);
                other.store(if first == action { default() } else { first }, Release);
            }
        }
    }

    /// The entry to install: not the one that was last in place, since the handler that displaced it can pass signals on to it.
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

/// The action of an entry. The signal is blocked while the entry runs: otherwise signals that arrive faster than they are handled would
/// nest until the stack overflows. `sigreturn` restores the thread's mask, even if a trap continues the thread elsewhere.
fn ours(entry: usize, displaced: &libc::sigaction) -> libc::sigaction {
    // Interrupted system calls restart if they did so with the displaced handler. Without one, the signal must have no visible effect.
    let restart = if is_handler(displaced) { displaced.sa_flags & libc::SA_RESTART } else { libc::SA_RESTART };
    // SAFETY: zeros are a valid action.
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | restart;
    new.sa_sigaction = ENTRY[entry] as usize;
    // SAFETY: a local set (invariant S1).
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
    // SAFETY: a set begins with a bit for each signal that exists. The system does not use the rest, which the C library leaves undefined.
    let bits = |s: &libc::sigset_t| unsafe { std::mem::transmute_copy::<libc::sigset_t, u64>(s) };
    a.sa_sigaction == b.sa_sigaction && a.sa_flags == b.sa_flags && bits(&a.sa_mask) == bits(&b.sa_mask)
}

/// A copy of the action that lives forever, since a handler can read it at any time.
fn remember(action: &libc::sigaction) -> *mut libc::sigaction {
    let known = CHAINS.iter().flat_map(|c| &c.displaced).map(|d| d.load(Acquire)).filter(|d| !d.is_null());
    // SAFETY: remembered actions are never freed or changed (invariant S4).
    known.into_iter().find(|d| unsafe { same(&**d, action) }).unwrap_or_else(|| Box::leak(Box::new(*action)))
}

/// The function that the system calls, for each entry.
unsafe extern "C" fn entry<const NUMBER: usize>(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: `errno` is this thread's; the arguments are from the system, for a signal for which this was installed
    // (invariant S3).
    unsafe {
        let errno = *libc::__errno_location();
        handle(NUMBER, signal, info, context);
        *libc::__errno_location() = errno;
    }
}

/// # Safety
/// Called by a handler of the signal, with the handler's arguments.
unsafe fn handle(entry: usize, signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: entries are installed with SA_SIGINFO, so the arguments are a signal's information and the interrupted
    // thread's context (invariant S3). `DECIDE` is set before any handler is in place.
    unsafe {
        // A signal that was sent is not a fault, wherever the thread is. The codes of faults are positive.
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
            // The system never ignores a fault.
            libc::SIG_DFL | libc::SIG_IGN => end_process(signal, info, is_fault),
            _ => pass_on(displaced, old, signal, info, context),
        }
    }
}

/// The default action.
struct Default(libc::sigaction);
// SAFETY: never written (invariant S4).
unsafe impl Sync for Default {}
// SAFETY: zeros are the default action.
static DEFAULT: Default = Default(unsafe { std::mem::zeroed() });

/// The default action, with the type of `Chain`'s fields.
fn default() -> *mut libc::sigaction {
    (&raw const DEFAULT.0).cast_mut()
}

/// Calls the handler that the entry displaced, as the system would have: with the signals blocked that its action names, and only once if
/// the action has SA_RESETHAND. The system restores the mask when the entry returns.
///
/// # Safety
/// As for `handle`; `old` was loaded from `displaced`, and its action is a handler.
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
    // SAFETY: the flags determine the handler's type. It may leave by `siglongjmp`; nothing here needs to be dropped
    // (invariant S3).
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

/// Performs the default action: when the handler returns, this signal, with its information, ends the process.
///
/// # Safety
/// As for `handle`.
unsafe fn end_process(signal: libc::c_int, info: *mut libc::siginfo_t, is_fault: bool) {
    // SAFETY: plain system calls, on zeros and on the handler's arguments (invariants S1 and S3). The signal stays
    // blocked until the handler returns and the system restores the thread's mask.
    unsafe {
        let process = libc::getpid();
        // Signals sent from within a container do not end its first process.
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
