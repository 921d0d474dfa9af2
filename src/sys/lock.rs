//! The library's locks, which stay usable in a child of a fork.
//!
//! A child of a fork has only the thread that forked. A lock held by another thread would stay locked in the child, and its data might be
//! half changed. So a fork waits until no thread is in a *section*. A thread is in a section while it holds a lock, waits for one, or runs
//! `section`. Threads that enter a section during a fork wait for the fork. Host code never runs in a section, and neither does anything
//! that takes long.
//!
//! Entering a section costs only a few plain loads and stores: each thread marks it in its own record. The memory barrier that this
//! handshake needs is issued by the fork, on all processors (`barrier`).

use super::membarrier;
use super::thread;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering::*, compiler_fence, fence};
use std::sync::{self, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Records whether a thread is in a section. Records are never freed: there are as many as the maximum number of simultaneous threads.
struct Record {
    /// The number of nested sections.
    depth: AtomicU32,
    is_taken: AtomicBool,
    /// Whether its thread is ending, and holds it only for the current section.
    is_borrowed: AtomicBool,
    /// The record created before this one; never changed.
    next: *const Record,
}

// SAFETY: the pointer is to a record, which lives forever, and the rest is atomic (invariant S4).
unsafe impl Sync for Record {}

static RECORDS: AtomicPtr<Record> = AtomicPtr::new(std::ptr::null_mut());
/// The thread that is forking, as the address of its `RECORD`; 0 if there is none.
static FORKER: AtomicUsize = AtomicUsize::new(0);
/// The number of forks that have ended, in either process. Threads that wait for a fork sleep on it.
static ENDED: AtomicU32 = AtomicU32::new(0);
/// Whether the fork handlers are registered.
static HAS_HANDLERS: AtomicBool = AtomicBool::new(false);
/// The function to call in a child, when locks can be taken again.
static IN_CHILD: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

thread_local! {
    static RECORD: Cell<Option<&'static Record>> = const { Cell::new(None) };
    static END: End = const { End };
}

/// Returns the thread's record when the thread ends.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        if let Some(record) = RECORD.take() {
            record.is_taken.store(false, Release);
        }
    }
}

fn records() -> impl Iterator<Item = &'static Record> {
    // SAFETY: null, or records, which live forever (invariant S4).
    std::iter::successors(unsafe { RECORDS.load(Acquire).as_ref() }, |r| unsafe { r.next.as_ref() })
}

/// Takes a record for this thread: at its first section, and at each section after its thread-locals are destroyed.
#[cold]
fn take_record() -> &'static Record {
    set_handlers();
    let is_borrowed = END.try_with(|_| ()).is_err();
    let free = |r: &&Record| r.is_taken.compare_exchange(false, true, Acquire, Relaxed).is_ok();
    let record = records().find(free).unwrap_or_else(|| {
        let new = Box::leak(Box::new(Record {
            depth: AtomicU32::new(0),
            is_taken: AtomicBool::new(true),
            is_borrowed: AtomicBool::new(false),
            next: std::ptr::null(),
        }));
        let mut first = RECORDS.load(Relaxed);
        loop {
            new.next = first;
            match RECORDS.compare_exchange(first, new, AcqRel, Relaxed) {
                Ok(_) => break new,
                Err(other) => first = other,
            }
        }
    });
    record.is_borrowed.store(is_borrowed, Relaxed);
    RECORD.set(Some(record));
    record
}

/// Called before the first section of any thread. If several threads do so at the same time, the handlers are registered more than once.
fn set_handlers() {
    if !HAS_HANDLERS.load(Acquire) {
        membarrier::is_available();
        // Miri has no forks.
        if !cfg!(miri) {
            // SAFETY: functions of this type, which are never unloaded (invariant S4).
            unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(in_child)) };
        }
        HAS_HANDLERS.store(true, Release);
    }
}

fn this_thread() -> usize {
    RECORD.with(|r| std::ptr::from_ref(r).addr())
}

/// Sleeps until a fork ends, or for a moment.
fn wait_for_fork() {
    let ended = ENDED.load(Acquire);
    if FORKER.load(SeqCst) != 0 {
        futex_wait(&ENDED, ended, Some(Duration::from_millis(10)));
    }
}

unsafe extern "C" fn before_fork() {
    let me = this_thread();
    loop {
        match FORKER.compare_exchange(0, me, SeqCst, SeqCst) {
            Ok(_) => break,
            // The handlers are registered more than once.
            Err(other) if other == me => return,
            Err(_) => wait_for_fork(),
        }
    }
    // Threads that enter a section from now on wait. The loop below waits for those that are in one.
    membarrier::all_threads();
    let own = RECORD.get();
    for record in records().filter(|r| own.is_none_or(|own| !std::ptr::eq(*r, own))) {
        let mut rounds = 0;
        while record.depth.load(Acquire) != 0 {
            rounds += 1;
            match rounds < 100 {
                true => std::thread::yield_now(),
                false => std::thread::sleep(Duration::from_micros(100)),
            }
        }
    }
}

unsafe extern "C" fn after_fork() {
    if FORKER.load(Relaxed) == this_thread() {
        end_fork();
    }
}

unsafe extern "C" fn in_child() {
    if FORKER.load(Relaxed) != this_thread() {
        return;
    }
    let own = RECORD.get();
    for record in records().filter(|r| own.is_none_or(|own| !std::ptr::eq(*r, own))) {
        // The record's thread does not exist in the child.
        record.is_taken.store(false, Relaxed);
    }
    thread::count_fork();
    end_fork();
    let f = IN_CHILD.load(Acquire);
    if !f.is_null() {
        // SAFETY: set by `call_in_children` only (invariant S4).
        unsafe { std::mem::transmute::<*mut (), fn()>(f)() };
    }
}

fn end_fork() {
    FORKER.store(0, SeqCst);
    ENDED.fetch_add(1, Release);
    futex_wake(&ENDED, i32::MAX);
}

/// Registers the function that is called in every child of a fork, on its only thread, when locks can be taken. Replaces the previous one.
pub fn call_in_children(f: fn()) {
    IN_CHILD.store(f as *mut (), Release);
}

/// While a thread has one, no other thread forks the process.
struct Section {
    record: &'static Record,
    of_thread: PhantomData<*const ()>,
}

impl Section {
    #[inline]
    fn enter() -> Section {
        let record = RECORD.get().unwrap_or_else(take_record);
        let depth = record.depth.load(Relaxed);
        record.depth.store(depth + 1, Relaxed);
        if depth == 0 {
            order();
            if FORKER.load(Relaxed) != 0 {
                Section::wait(record);
            }
        }
        Section { record, of_thread: PhantomData }
    }

    #[cold]
    fn wait(record: &Record) {
        loop {
            match FORKER.load(SeqCst) {
                0 => return,
                // In one of the host's own fork handlers.
                forker if forker == this_thread() => return,
                _ => {}
            }
            record.depth.store(0, Release);
            wait_for_fork();
            record.depth.store(1, Relaxed);
            order();
        }
    }
}

/// Orders this thread's store to its record before its load of `FORKER`.
#[inline]
fn order() {
    match membarrier::is_available() {
        true => compiler_fence(SeqCst),
        false => fence(SeqCst),
    }
}

impl Drop for Section {
    #[inline]
    fn drop(&mut self) {
        let depth = self.record.depth.load(Relaxed) - 1;
        self.record.depth.store(depth, Release);
        if depth == 0 && self.record.is_borrowed.load(Relaxed) {
            RECORD.set(None);
            self.record.is_taken.store(false, Release);
        }
    }
}

/// Runs `f`, which must be short; no fork happens in the meantime. For work that other threads wait for but that takes no lock.
pub fn section<R>(f: impl FnOnce() -> R) -> R {
    let _section = Section::enter();
    f()
}

/// Like the standard library's mutex, but usable in children of forks, and without poisoning.
#[derive(Default)]
pub struct Mutex<T>(sync::Mutex<T>);

/// A held `Mutex`. The fields are `None` only while a `Condvar` waits, and are dropped in this order.
pub struct MutexGuard<'a, T> {
    held: Option<sync::MutexGuard<'a, T>>,
    section: Option<Section>,
    lock: &'a Mutex<T>,
}

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Mutex<T> {
        Mutex(sync::Mutex::new(value))
    }

    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let section = Some(Section::enter());
        MutexGuard { held: Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)), section, lock: self }
    }

    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` if another thread holds it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let section = Some(Section::enter());
        let held = match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(e)) => Some(e.into_inner()),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(MutexGuard { held, section, lock: self })
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        self.held.as_ref().expect("held")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("held")
    }
}

/// Like `Mutex`, but several threads can read at the same time.
#[derive(Default)]
pub struct RwLock<T>(sync::RwLock<T>);

/// A held `RwLock`. The fields are dropped in this order.
pub struct RwGuard<G> {
    held: G,
    _section: Section,
}

impl<T> RwLock<T> {
    pub const fn new(value: T) -> RwLock<T> {
        RwLock(sync::RwLock::new(value))
    }

    #[inline]
    pub fn read(&self) -> RwGuard<sync::RwLockReadGuard<'_, T>> {
        let _section = Section::enter();
        RwGuard { held: self.0.read().unwrap_or_else(PoisonError::into_inner), _section }
    }

    #[inline]
    pub fn write(&self) -> RwGuard<sync::RwLockWriteGuard<'_, T>> {
        let _section = Section::enter();
        RwGuard { held: self.0.write().unwrap_or_else(PoisonError::into_inner), _section }
    }
}

impl<G: Deref> Deref for RwGuard<G> {
    type Target = G::Target;
    #[inline]
    fn deref(&self) -> &G::Target {
        &self.held
    }
}

impl<G: DerefMut> DerefMut for RwGuard<G> {
    #[inline]
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.held
    }
}

/// A condition variable. A waiting thread must hold one `Mutex` and no other lock; it is unlocked while the thread waits. Wakeups can be
/// spurious.
#[derive(Default)]
pub struct Condvar {
    /// The number of notifications.
    woken: AtomicU32,
}

impl Condvar {
    pub const fn new() -> Condvar {
        Condvar { woken: AtomicU32::new(0) }
    }

    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, time: Instant) {
        self.wait_for(guard, time.saturating_duration_since(Instant::now()));
    }

    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, time: Duration) {
        let woken = self.woken.load(Relaxed);
        // The lock is released before the section. A fork can happen while this thread waits.
        guard.held = None;
        guard.section = None;
        futex_wait(&self.woken, woken, Some(time));
        *guard = guard.lock.lock();
    }

    pub fn notify_one(&self) {
        self.woken.fetch_add(1, Relaxed);
        futex_wake(&self.woken, 1);
    }

    pub fn notify_all(&self) {
        self.woken.fetch_add(1, Relaxed);
        futex_wake(&self.woken, i32::MAX);
    }
}

/// Sleeps until woken or until the time is over, or returns immediately if the word is not `value`. Wakeups can be spurious.
fn futex_wait(at: &AtomicU32, value: u32, time: Option<Duration>) {
    let time = time.map(|t| libc::timespec { tv_sec: t.as_secs() as libc::time_t, tv_nsec: t.subsec_nanos().into() });
    let time = time.as_ref().map_or(std::ptr::null(), |t| t as *const libc::timespec);
    // SAFETY: a system call on a valid word (invariant S1).
    unsafe { libc::syscall(libc::SYS_futex, at.as_ptr(), libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, value, time) };
}

fn futex_wake(at: &AtomicU32, most: i32) {
    // SAFETY: as above (invariant S1).
    unsafe { libc::syscall(libc::SYS_futex, at.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, most) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// Forks; the child runs `f`, and must exit in time.
    fn child_ends(f: impl FnOnce()) {
        // SAFETY: the child leaves by `_exit` whatever happens.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::alarm(20);
                f();
                libc::_exit(0);
            }
            let mut status = -1;
            assert_eq!(libc::waitpid(child, &mut status, 0), child);
            assert_eq!(status, 0, "how the child ended");
        }
    }

    #[derive(Default)]
    struct Shared {
        pairs: [Mutex<(u64, u64)>; 4],
        both: RwLock<(u64, u64)>,
        changed: Condvar,
        done: AtomicBool,
    }

    impl Shared {
        /// Changes the data that all locks guard, and checks that it is consistent.
        fn work(&self, i: usize) {
            let mut pair = self.pairs[i % 4].lock();
            assert_eq!(pair.0, pair.1);
            pair.0 += 1;
            if i.is_multiple_of(5) {
                let mut both = self.both.write();
                both.0 += 1;
                std::thread::yield_now();
                both.1 += 1;
            }
            pair.1 += 1;
            if i.is_multiple_of(7) {
                self.changed.wait_for(&mut pair, Duration::from_micros(50));
                assert_eq!(pair.0, pair.1);
            }
            drop(pair);
            let both = self.both.read();
            assert_eq!(both.0, both.1);
            self.changed.notify_one();
        }
    }

    /// Threads constantly take nested locks and wait for each other. In every child, all locks are free and the data they guard is
    /// consistent.
    #[test]
    fn locks_are_free_in_a_child() {
        let shared = Arc::new(Shared::default());
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let shared = shared.clone();
                std::thread::spawn(move || {
                    let mut i = n;
                    while !shared.done.load(Relaxed) {
                        shared.work(i);
                        i += 1;
                        if i.is_multiple_of(100) {
                            // The thread's last section is after its record was returned.
                            let shared = shared.clone();
                            std::thread::spawn(move || drop(shared.pairs[1].lock())).join().unwrap();
                        }
                    }
                })
            })
            .collect();
        let forks = thread::process();
        for _ in 0..40 {
            child_ends(|| {
                assert_eq!(thread::process(), forks + 1);
                (0..100).for_each(|i| shared.work(i));
                // The child can fork as well.
                child_ends(|| (0..10).for_each(|i| shared.work(i)));
            });
        }
        shared.done.store(true, Relaxed);
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!(thread::process(), forks);
    }

    /// A thread that waits for an event after the fork does not block the fork, and threads that fork at the same time wait for each other.
    #[test]
    fn who_waits_is_in_no_section() {
        let shared = Arc::new(Shared::default());
        let waiting = shared.clone();
        let waiter = std::thread::spawn(move || {
            let mut pair = waiting.pairs[0].lock();
            while pair.0 == 0 {
                waiting.changed.wait_for(&mut pair, Duration::from_secs(10));
            }
        });
        let forkers: Vec<_> = (0..3).map(|_| std::thread::spawn(|| (0..5).for_each(|_| child_ends(|| {})))).collect();
        forkers.into_iter().for_each(|t| t.join().unwrap());
        shared.pairs[0].lock().0 = 1;
        shared.changed.notify_all();
        waiter.join().unwrap();
    }

    #[test]
    fn try_lock_does_not_wait() {
        let lock = Mutex::new(1);
        let guard = lock.lock();
        std::thread::scope(|s| assert!(s.spawn(|| lock.try_lock().is_none()).join().unwrap()));
        drop(guard);
        *lock.try_lock().unwrap() += 1;
        assert_eq!(*lock.lock(), 2);
    }
}
