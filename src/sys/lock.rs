//! The library's locks, which a fork of the process leaves whole.
//!
//! A child of a fork has only the thread that forked. A lock that another thread held would stay locked there, over data that was
//! being changed. So a fork waits until no thread is in a *section*: a thread is in one while it holds a lock, waits for one, or
//! runs `section`, and threads that come to one meanwhile wait for the fork. Nothing of the host's runs in a section, and nothing
//! that takes long.
//!
//! Entering a section costs a few plain loads and stores: each thread says in a record of its own that it is in one, and the
//! fork makes a barrier on all processors instead (`barrier`).

use super::membarrier;
use super::thread;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering::*, compiler_fence, fence};
use std::sync::{self, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Says whether a thread is in a section. Never freed: there are as many as there were ever threads at a time.
struct Record {
    /// Sections inside of each other.
    depth: AtomicU32,
    is_taken: AtomicBool,
    /// Its thread ends, and takes it only for this section.
    is_borrowed: AtomicBool,
    /// The record that was made before; never changed.
    next: *const Record,
}

// SAFETY: the pointer leads to a record, which lives for ever, and the rest is atomic.
unsafe impl Sync for Record {}

static RECORDS: AtomicPtr<Record> = AtomicPtr::new(std::ptr::null_mut());
/// The thread that is about to fork, by the address of its `RECORD`; 0 if none is.
static FORKER: AtomicUsize = AtomicUsize::new(0);
/// How many forks have ended, in either process: what threads sleep on that wait for one.
static ENDED: AtomicU32 = AtomicU32::new(0);
/// Whether the handlers are set.
static HAS_HANDLERS: AtomicBool = AtomicBool::new(false);
/// Called in a child, when locks can be taken again.
static IN_CHILD: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

thread_local! {
    static RECORD: Cell<Option<&'static Record>> = const { Cell::new(None) };
    static END: End = const { End };
}

/// Gives the thread's record back when the thread ends.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        if let Some(record) = RECORD.take() {
            record.is_taken.store(false, Release);
        }
    }
}

fn records() -> impl Iterator<Item = &'static Record> {
    // SAFETY: null, or records, which live for ever.
    std::iter::successors(unsafe { RECORDS.load(Acquire).as_ref() }, |r| unsafe { r.next.as_ref() })
}

/// This thread's record, at its first section, or at each one after its thread-locals are gone.
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

/// Before the first section of any thread. Several threads may do it at the same time: the handlers may be there twice.
fn set_handlers() {
    if !HAS_HANDLERS.load(Acquire) {
        membarrier::is_available();
        // SAFETY: functions of this type, which are never unloaded.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(in_child)) };
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
            // The handlers are there twice.
            Err(other) if other == me => return,
            Err(_) => wait_for_fork(),
        }
    }
    // Whoever enters a section from now on waits; who is in one is seen below.
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
        // Of a thread that is not here.
        record.is_taken.store(false, Relaxed);
    }
    thread::count_fork();
    end_fork();
    let f = IN_CHILD.load(Acquire);
    if !f.is_null() {
        // SAFETY: set by `call_in_children` only.
        unsafe { std::mem::transmute::<*mut (), fn()>(f)() };
    }
}

fn end_fork() {
    FORKER.store(0, SeqCst);
    ENDED.fetch_add(1, Release);
    futex_wake(&ENDED, i32::MAX);
}

/// Has `f` called in every child of a fork, on its only thread, when locks can be taken. There is one such function.
pub fn call_in_children(f: fn()) {
    IN_CHILD.store(f as *mut (), Release);
}

/// As long as a thread has one, no other thread forks the process.
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
                // In a handler of the host's for the fork.
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

/// Between what this thread has said of itself and what it looks at.
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

/// Runs `f`, which is short, without a fork meanwhile: for what a thread may begin that others wait for, without a lock.
pub fn section<R>(f: impl FnOnce() -> R) -> R {
    let _section = Section::enter();
    f()
}

/// As the standard library's, but for forks; and a panic of a thread that holds it is nothing to others.
#[derive(Default)]
pub struct Mutex<T>(sync::Mutex<T>);

/// A `Mutex` that is held. `None`s only while a `Condvar` waits; dropped in this order.
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

/// As `Mutex`; several may read.
#[derive(Default)]
pub struct RwLock<T>(sync::RwLock<T>);

/// An `RwLock` that is held. Dropped in this order.
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

/// What threads wait for that hold a `Mutex`, and nothing else; it is free meanwhile. They may wake for nothing.
#[derive(Default)]
pub struct Condvar {
    /// How often threads were woken.
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
        // The lock first. A fork may happen while this waits.
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

/// Sleeps while there is `value`, until it is woken, for nothing too, or the time is over.
fn futex_wait(at: &AtomicU32, value: u32, time: Option<Duration>) {
    let time = time.map(|t| libc::timespec { tv_sec: t.as_secs() as libc::time_t, tv_nsec: t.subsec_nanos().into() });
    let time = time.as_ref().map_or(std::ptr::null(), |t| t as *const libc::timespec);
    // SAFETY: a system call on a word that is there.
    unsafe { libc::syscall(libc::SYS_futex, at.as_ptr(), libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, value, time) };
}

fn futex_wake(at: &AtomicU32, most: i32) {
    // SAFETY: as above.
    unsafe { libc::syscall(libc::SYS_futex, at.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, most) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// Forks; the child runs `f`, and has to end in time.
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
        /// Changes what all locks guard, and looks whether it is whole.
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

    /// Threads take locks inside of each other and wait for each other all the time. In every child all locks are free, and what
    /// they guard is whole.
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
                            // A thread's last section comes after its record was given back.
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
                // It may fork as well.
                child_ends(|| (0..10).for_each(|i| shared.work(i)));
            });
        }
        shared.done.store(true, Relaxed);
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!(thread::process(), forks);
    }

    /// A thread that waits for what only happens after the fork does not keep it from happening, and threads that fork at the same time wait
    /// for each other.
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
