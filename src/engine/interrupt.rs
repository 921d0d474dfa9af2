//! Stopping a store from elsewhere: another thread, a signal handler, a deadline; and where it stops.
//!
//! An interrupt is pending until the outermost call has returned because of it. `poll` delivers it to the innermost call, as a
//! trap; whatever the host makes of that, the calls further out find it pending as well.

use crate::abi::vmstruct::{ATTENTION_CLOSED, ATTENTION_STOPPING, INTERRUPTED_STACK_LIMIT, VmNursery, VmStore};
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

/// Bits of the interrupt word. Somebody asked the store to stop.
const TRIGGERED: u32 = 1;
/// Its deadline has passed.
const EXPIRED: u32 = 2;

/// Asked when the deadline has passed, and nothing else stops the guest: how much more time it gets, from now on; `None` to stop.
/// It can not use the store.
pub type DeadlineCallback = Box<dyn FnMut() -> Option<Duration> + Send>;

/// The part of a store that machine code sees. Shared with those who reach the store from other threads, which outlive it
/// and touch the atomics and the mail only.
pub struct SharedVmStore {
    vm: UnsafeCell<VmStore>,
    /// The stack pointer where callbacks began that can not use the store; of no meaning when none runs.
    pub(crate) closed_sp: AtomicUsize,
    pub(crate) mail: Mutex<Vec<Release>>,
    /// Where deadlines wait. `None` if the store can not be interrupted.
    deadlines: Option<Arc<Deadlines>>,
    own: Own,
}

/// What only the store's thread uses.
#[derive(Default)]
struct Own {
    /// The stack limit that was set last, whether it is raised now or not.
    stack_limit: Cell<usize>,
    deadline: Cell<Option<Ticket>>,
    callback: Cell<Option<DeadlineCallback>>,
}

// SAFETY: other threads touch only the atomics, and the mail, which has a lock; everything else belongs to the store's thread
// (invariant 2).
unsafe impl Send for SharedVmStore {}
// SAFETY: as above.
unsafe impl Sync for SharedVmStore {}

impl SharedVmStore {
    /// `timer`: of an engine whose stores can be interrupted.
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
            attention: AtomicU32::new(0),
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
        // SAFETY: the struct is alive as long as self; only references to its atomics are made.
        unsafe { (&(*self.get()).interrupt, &(*self.get()).stack_limit) }
    }

    /// Bits of `ATTENTION_*`.
    pub fn attention(&self) -> &AtomicU32 {
        // SAFETY: as in `atomics`.
        unsafe { &(*self.get()).attention }
    }

    /// Whether WebAssembly of this store is running, below on the stack. On the store's thread.
    pub fn is_running(&self) -> bool {
        // SAFETY: on the store's thread (invariant 2).
        unsafe { !(*self.get()).activation.is_null() }
    }

    /// Runs a callback of the host's that can not use the store. On the store's thread.
    pub fn closed_during<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Open<'a>(&'a AtomicU32, u32);
        impl Drop for Open<'_> {
            fn drop(&mut self) {
                if self.1 & ATTENTION_CLOSED == 0 {
                    self.0.fetch_and(!ATTENTION_CLOSED, AcqRel);
                }
            }
        }
        let before = self.attention().fetch_or(ATTENTION_CLOSED, AcqRel);
        if before & ATTENTION_CLOSED == 0 {
            self.closed_sp.store(stack_pointer(), Relaxed);
        }
        let _open = Open(self.attention(), before);
        f()
    }

    /// Asks the store to stop: at the next function entry, loop header, or piece of bulk work. Async-signal-safe.
    pub fn interrupt(&self) {
        self.raise(TRIGGERED);
    }

    /// The store's deadline has passed.
    pub(crate) fn expire(&self) {
        self.raise(EXPIRED);
    }

    fn raise(&self, why: u32) {
        let (word, limit) = self.atomics();
        // In this order: see `set_stack_limit`.
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

    /// As `set_stack_limit`. Mostly the limit is what it was for the entry before: then no interrupt has come, or it comes
    /// after this.
    #[inline(always)]
    pub fn enter(&self, limit: usize) {
        if self.atomics().1.load(Relaxed) != limit {
            self.set_stack_limit(limit);
        }
    }

    /// Sets the stack limit. An interrupt that came before, or comes meanwhile, is not lost: either this sees the word, or
    /// the store to the limit by whoever interrupts comes after this one.
    pub fn set_stack_limit(&self, to: usize) {
        self.own.stack_limit.set(to);
        let (word, limit) = self.atomics();
        limit.store(to, SeqCst);
        if word.load(SeqCst) != 0 {
            limit.store(INTERRUPTED_STACK_LIMIT, SeqCst);
        }
    }

    /// Traps if an interrupt is pending, which is delivered by that. If only the deadline has passed, the host may give more time.
    /// On the store's thread.
    #[inline(always)]
    pub fn poll(self: &Arc<Self>) -> Result<(), Trap> {
        if self.is_interrupted() { self.stop_or_go_on() } else { Ok(()) }
    }

    #[cold]
    fn stop_or_go_on(self: &Arc<Self>) -> Result<(), Trap> {
        // Asked once: who has decided to stop has stopped all calls.
        let decided = self.attention().load(Relaxed) & ATTENTION_STOPPING != 0;
        if !decided && self.atomics().0.load(SeqCst) == EXPIRED && self.asks_for_time() {
            return Ok(());
        }
        self.deliver();
        Err(Trap::Interrupted)
    }

    /// Asks the host for more time. False if there is none.
    fn asks_for_time(self: &Arc<Self>) -> bool {
        let Some(mut callback) = self.own.callback.take() else { return false };
        let more = self.closed_during(&mut callback);
        self.own.callback.set(Some(callback));
        let (Some(more), Some(deadlines)) = (more, &self.deadlines) else { return false };
        // It may be one that was set after the other had passed.
        self.end_deadline();
        let Ok(ticket) = deadlines.add(more, self, || self.forget(EXPIRED)) else { return false };
        self.own.deadline.set(Some(ticket));
        self.set_stack_limit(self.own.stack_limit.get());
        true
    }

    /// The stack limit was met with the stack pointer at `sp`. Traps, if it is not only raised by something that is over.
    pub fn at_stack_limit(self: &Arc<Self>, sp: usize) -> Result<(), Trap> {
        self.poll()?;
        let limit = self.own.stack_limit.get();
        // Whoever interrupts raises it last, which may come late.
        self.set_stack_limit(limit);
        if sp < limit { Err(Trap::StackOverflow) } else { Ok(()) }
    }

    /// The pending interrupt becomes an error: it stays until the outermost call is over.
    pub fn deliver(&self) {
        self.attention().fetch_or(ATTENTION_STOPPING, AcqRel);
        self.over();
    }

    /// A call is over. If it was the outermost, an interrupt that was delivered is forgotten.
    pub fn over(&self) {
        if self.is_running() || self.attention().load(Relaxed) & ATTENTION_STOPPING == 0 {
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

    /// Forgets why the store should stop. The stack limit is found to be raised for nothing when it is met, or set anew.
    fn forget(&self, why: u32) {
        self.atomics().0.fetch_and(!why, SeqCst);
        self.attention().fetch_and(!ATTENTION_STOPPING, AcqRel);
    }

    /// Sets or removes the deadline, counted from now. While nothing runs, a deadline that has passed is forgotten, and without a
    /// new one also that somebody has interrupted. Nothing is forgotten while something runs.
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

    /// The time until the deadline, if there is one; zero when it has passed. On the store's thread.
    pub fn time_left(&self) -> Option<Duration> {
        Some(self.own.deadline.get()?.at.saturating_duration_since(Instant::now()))
    }

    /// Gives the callback back that was there before.
    pub fn set_deadline_callback(&self, callback: Option<DeadlineCallback>) -> Option<DeadlineCallback> {
        self.own.callback.replace(callback)
    }

    /// The store's end.
    pub fn end(&self) {
        self.end_deadline();
        drop(self.set_deadline_callback(None));
    }
}
