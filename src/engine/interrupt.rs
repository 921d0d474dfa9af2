//! Stopping a store by another thread, a signal handler or a deadline; and the points where it stops.
//!
//! An interrupt is pending until it has made the outermost call return. `poll` delivers it to the innermost call as a
//! trap. Whatever the host does with that error, the outer calls find the interrupt pending as well.

use crate::abi::vmstruct::{INTERRUPTED_STACK_LIMIT, PENDING_CLOSED, PENDING_STOPPING, VmNursery, VmStore};
use crate::base::Trap;
use crate::engine::remote_release::Release;
use crate::engine::timer::{Deadlines, Ticket, Timer};
use crate::sys::lock::Mutex;
use crate::sys::signals::stack_pointer;
use std::cell::{Cell, UnsafeCell};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::AcqRel, Ordering::Relaxed, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// A bit of the interrupt word: the store was asked to stop.
const TRIGGERED: u32 = 1;
/// A bit of the interrupt word: the store's deadline has passed.
const EXPIRED: u32 = 2;

/// Called when the deadline has passed and nothing else stops the guest. Returns how much more time the guest gets from
/// now on, or `None` to stop it. It cannot use the store (invariant 7).
pub type DeadlineCallback = Box<dyn FnMut() -> Option<Duration> + Send>;

/// The part of a store that machine code sees. It is shared with the other threads that use the store. They can hold it
/// longer than the store lives, and use only the atomics and the mail (invariant 2).
pub struct SharedVmStore {
    vm: UnsafeCell<VmStore>,
    /// The stack pointer at the start of the callbacks that cannot use the store; meaningless if none is running.
    pub(crate) closed_sp: AtomicUsize,
    pub(crate) mail: Mutex<Vec<Release>>,
    /// The engine's deadlines. `None` if the store cannot be interrupted.
    deadlines: Option<Arc<Deadlines>>,
    own: Own,
}

/// State that only the store's thread uses.
#[derive(Default)]
struct Own {
    /// The stack limit that was set last, even if an interrupt has raised it since.
    stack_limit: Cell<usize>,
    deadline: Cell<Option<Ticket>>,
    callback: Cell<Option<DeadlineCallback>>,
}

// SAFETY: other threads use only the atomics, and the mail, which has a lock. Only the store's thread uses the rest
// (invariant 2).
unsafe impl Send for SharedVmStore {}
// SAFETY: as above.
unsafe impl Sync for SharedVmStore {}

impl SharedVmStore {
    /// `timer` is the timer of an engine whose stores can be interrupted.
    pub fn new(timer: Option<&Timer>) -> Arc<SharedVmStore> {
        let vm = UnsafeCell::new(VmStore {
            stack_limit: AtomicUsize::new(0),
            interrupt: AtomicU32::new(0),
            activation: std::ptr::null_mut(),
            exit_fp: 0,
            exit_sp: 0,
            scope_fp: 0,
            embedder: std::ptr::null_mut(),
            store: std::ptr::null_mut(),
            nursery: VmNursery::default(),
            funcs: std::ptr::null(),
            func_count: 0,
            pending_work: AtomicU32::new(0),
        });
        let deadlines = timer.map(|t| t.deadlines().clone());
        Arc::new(SharedVmStore {
            vm,
            closed_sp: AtomicUsize::new(0),
            mail: Mutex::default(),
            deadlines,
            own: Own::default(),
        })
    }

    pub fn get(&self) -> *mut VmStore {
        self.vm.get()
    }

    fn atomics(&self) -> (&AtomicU32, &AtomicUsize) {
        // SAFETY: the struct lives as long as `self`; only references to its atomics are created (invariant 2).
        unsafe { (&(*self.get()).interrupt, &(*self.get()).stack_limit) }
    }

    /// Bits of `PENDING_*`.
    pub fn pending_work(&self) -> &AtomicU32 {
        // SAFETY: as in `atomics` (invariant 2).
        unsafe { &(*self.get()).pending_work }
    }

    /// Whether WebAssembly of this store is running, further out on the stack. On the store's thread.
    pub fn is_running(&self) -> bool {
        // SAFETY: on the store's thread (invariant 2).
        unsafe { !(*self.get()).activation.is_null() }
    }

    /// Runs a host callback that cannot use the store (invariant 7). On the store's thread.
    pub fn closed_during<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Open<'a>(&'a AtomicU32, u32);
        impl Drop for Open<'_> {
            fn drop(&mut self) {
                if self.1 & PENDING_CLOSED == 0 {
                    self.0.fetch_and(!PENDING_CLOSED, AcqRel);
                }
            }
        }
        let before = self.pending_work().fetch_or(PENDING_CLOSED, AcqRel);
        if before & PENDING_CLOSED == 0 {
            self.closed_sp.store(stack_pointer(), Relaxed);
        }
        let _open = Open(self.pending_work(), before);
        f()
    }

    /// Asks the store to stop at the next function entry, loop header, or piece of bulk work. Async-signal-safe.
    pub fn interrupt(&self) {
        self.raise(TRIGGERED);
    }

    /// Called when the store's deadline has passed.
    pub(in crate::engine) fn expire(&self) {
        self.raise(EXPIRED);
    }

    fn raise(&self, why: u32) {
        let (word, limit) = self.atomics();
        // The order matters: see `set_stack_limit`.
        word.fetch_or(why, SeqCst);
        limit.store(INTERRUPTED_STACK_LIMIT, SeqCst);
    }

    pub fn can_interrupt(&self) -> bool {
        self.deadlines.is_some()
    }

    /// Whether an interrupt is pending.
    #[inline(always)]
    pub fn is_interrupted(&self) -> bool {
        self.atomics().0.load(SeqCst) != 0
    }

    /// As `set_stack_limit`, without a write if the limit is the same as on the previous entry and is not raised. Then
    /// no interrupt has come, or it comes after this check.
    #[inline(always)]
    pub fn enter(&self, limit: usize) {
        if self.atomics().1.load(Relaxed) != limit {
            self.set_stack_limit(limit);
        }
    }

    /// Sets the stack limit. An interrupt before or during this call is not lost: either this call sees the interrupt
    /// word, or the interrupting thread stores to the limit after this call does.
    pub fn set_stack_limit(&self, to: usize) {
        self.own.stack_limit.set(to);
        let (word, limit) = self.atomics();
        limit.store(to, SeqCst);
        if word.load(SeqCst) != 0 {
            limit.store(INTERRUPTED_STACK_LIMIT, SeqCst);
        }
    }

    /// Traps if an interrupt is pending, and so delivers it. If only the deadline has passed, the host can give more
    /// time. On the store's thread.
    #[inline(always)]
    pub fn poll(self: &Arc<Self>) -> Result<(), Trap> {
        if self.is_interrupted() { self.stop_or_go_on() } else { Ok(()) }
    }

    #[cold]
    fn stop_or_go_on(self: &Arc<Self>) -> Result<(), Trap> {
        // Asks only once: a decision to stop applies to all calls.
        let decided = self.pending_work().load(Relaxed) & PENDING_STOPPING != 0;
        if !decided && self.atomics().0.load(SeqCst) == EXPIRED && self.asks_for_time() {
            return Ok(());
        }
        self.deliver();
        Err(Trap::Interrupted)
    }

    /// Asks the host for more time. Returns false if the host grants none.
    fn asks_for_time(self: &Arc<Self>) -> bool {
        let Some(mut callback) = self.own.callback.take() else { return false };
        let more = self.closed_during(&mut callback);
        self.own.callback.set(Some(callback));
        let (Some(more), Some(deadlines)) = (more, &self.deadlines) else { return false };
        // The current deadline can be a newer one than the deadline that has passed.
        self.end_deadline();
        let Ok(ticket) = deadlines.add(more, self, || self.forget(EXPIRED)) else { return false };
        self.own.deadline.set(Some(ticket));
        self.set_stack_limit(self.own.stack_limit.get());
        true
    }

    /// Called when a function entry meets the stack limit with the stack pointer at `sp`. Traps, unless the limit was
    /// only raised by an interrupt that is over.
    pub fn at_stack_limit(self: &Arc<Self>, sp: usize) -> Result<(), Trap> {
        self.poll()?;
        let limit = self.own.stack_limit.get();
        // The interrupting thread raises the limit last, possibly after its interrupt is over.
        self.set_stack_limit(limit);
        if sp < limit { Err(Trap::StackOverflow) } else { Ok(()) }
    }

    /// Turns the pending interrupt into an error. It stays pending until the outermost call has ended.
    pub fn deliver(&self) {
        self.pending_work().fetch_or(PENDING_STOPPING, AcqRel);
        self.over();
    }

    /// Called when a call has ended. If it was the outermost, forgets an interrupt that was delivered.
    pub fn over(&self) {
        if self.is_running() || self.pending_work().load(Relaxed) & PENDING_STOPPING == 0 {
            return;
        }
        if self.own.deadline.get().is_some_and(|t| t.at <= Instant::now()) {
            self.end_deadline();
        }
        self.forget(TRIGGERED | EXPIRED);
    }

    fn end_deadline(&self) {
        if let (Some(ticket), Some(deadlines)) = (self.own.deadline.take(), &self.deadlines) {
            deadlines.cancel(ticket);
        }
    }

    /// Clears reasons to stop. The stack limit may stay raised until it is met or set again.
    fn forget(&self, why: u32) {
        self.atomics().0.fetch_and(!why, SeqCst);
        self.pending_work().fetch_and(!PENDING_STOPPING, AcqRel);
    }

    /// Sets or removes the deadline, counted from now. If nothing is running, a deadline that has passed is forgotten;
    /// without a new deadline, an earlier interrupt is forgotten as well. Nothing is forgotten while something is
    /// running.
    pub fn set_deadline(self: &Arc<Self>, after: Option<Duration>) -> io::Result<()> {
        let Some(deadlines) = &self.deadlines else { return Ok(()) };
        self.end_deadline();
        if !self.is_running() {
            self.forget(if after.is_some() { EXPIRED } else { EXPIRED | TRIGGERED });
        }
        if let Some(after) = after {
            self.own.deadline.set(Some(deadlines.add(after, self, || ())?));
        }
        Ok(())
    }

    /// The time until the deadline, if there is one; zero if it has passed. On the store's thread.
    pub fn time_left(&self) -> Option<Duration> {
        Some(self.own.deadline.get()?.at.saturating_duration_since(Instant::now()))
    }

    /// Returns the previous callback.
    pub fn set_deadline_callback(&self, callback: Option<DeadlineCallback>) -> Option<DeadlineCallback> {
        self.own.callback.replace(callback)
    }

    /// Called when the store is dropped.
    pub fn end(&self) {
        self.end_deadline();
        drop(self.set_deadline_callback(None));
    }
}
