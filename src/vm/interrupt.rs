//! Stopping a store from elsewhere: another thread, a signal handler, a deadline.

use super::mailbox::Release;
use crate::abi::vmstruct::{ATTENTION_CLOSED, INTERRUPTED_STACK_LIMIT, VmNursery, VmStore};
use crate::sys::lock::{Condvar, Mutex, call_in_children};
use crate::sys::signals::stack_pointer;
use crate::sys::thread::process;
use std::cell::UnsafeCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::AcqRel, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// The part of a store that machine code sees. Shared with those who reach the store from other threads, which outlive it
/// and touch the atomics and the mail only.
pub struct SharedVmStore {
    vm: UnsafeCell<VmStore>,
    /// The stack pointer where callbacks began that can not use the store; of no meaning when none runs.
    pub(super) closed_sp: AtomicUsize,
    pub(super) mail: Mutex<Vec<Release>>,
}

// SAFETY: other threads touch only the atomics, and the mail, which has a lock; everything else belongs to the store's thread
// (invariant 2).
unsafe impl Send for SharedVmStore {}
// SAFETY: as above.
unsafe impl Sync for SharedVmStore {}

impl Default for SharedVmStore {
    fn default() -> Self {
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
        SharedVmStore { vm, closed_sp: AtomicUsize::new(0), mail: Mutex::default() }
    }
}

impl SharedVmStore {
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

    /// Asks the store to stop: at the next function entry or loop header. Stays until it is delivered or cleared.
    /// Async-signal-safe.
    pub fn interrupt(&self) {
        let (flag, limit) = self.atomics();
        // In this order: see `enter`.
        flag.store(1, SeqCst);
        limit.store(INTERRUPTED_STACK_LIMIT, SeqCst);
    }

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

    /// Sets the stack limit for an entry. An interrupt that came before, or comes meanwhile, is not lost: either this
    /// sees the flag, or the interrupter's store to the limit comes after this one.
    pub fn set_stack_limit(&self, to: usize) {
        let (flag, limit) = self.atomics();
        limit.store(to, SeqCst);
        if flag.load(SeqCst) != 0 {
            limit.store(INTERRUPTED_STACK_LIMIT, SeqCst);
        }
    }

    /// Forgets a pending interrupt.
    pub fn clear_interrupt(&self, stack_limit: usize) {
        self.atomics().0.store(0, SeqCst);
        self.set_stack_limit(stack_limit);
    }
}

/// Interrupts stores when their deadlines pass. One thread for an engine, started with the first deadline; it ends with
/// the engine, or when no deadline is left.
#[derive(Default)]
pub struct Timer(Arc<TimerState>);

#[derive(Default)]
struct TimerState {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    /// The process that has the thread, if there is one.
    running: Option<u32>,
    next_ticket: u64,
    /// By time, then by ticket.
    deadlines: BTreeMap<(Instant, u64), Weak<SharedVmStore>>,
}

/// A deadline in the timer's queue, to be cancelled.
#[derive(Clone, Copy, Debug)]
pub struct Ticket(Instant, u64);

impl Timer {
    /// Interrupts `store` after `after`, unless cancelled. Fails when the system gives no thread.
    pub fn add(&self, after: Duration, store: &Arc<SharedVmStore>) -> std::io::Result<Ticket> {
        let far = Duration::from_secs(100 * 365 * 24 * 3600);
        let at = Instant::now() + after.min(far);
        let mut q = self.0.queue.lock();
        q.next_ticket += 1;
        let ticket = Ticket(at, q.next_ticket);
        q.deadlines.insert((at, ticket.1), Arc::downgrade(store));
        if let Err(e) = self.0.start(&mut q) {
            q.deadlines.remove(&(at, ticket.1));
            return Err(e);
        }
        Ok(ticket)
    }

    pub fn cancel(&self, t: Ticket) {
        self.0.queue.lock().deadlines.remove(&(t.0, t.1));
        self.0.changed.notify_one();
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.queue.lock().deadlines.clear();
        self.0.changed.notify_one();
    }
}

/// Timers that had a thread since this was last looked through.
static TIMERS: Mutex<Vec<Weak<TimerState>>> = Mutex::new(Vec::new());

/// In a child process: its stores may have deadlines, too, and nobody sets them again.
fn restart_timers() {
    let timers: Vec<_> = TIMERS.lock().iter().filter_map(Weak::upgrade).collect();
    for timer in timers {
        let mut q = timer.queue.lock();
        if !q.deadlines.is_empty() {
            // Without a thread now, the next deadline tries again.
            let _ = timer.start(&mut q);
        }
    }
}

impl TimerState {
    /// Makes sure that there is a thread, and that it looks at what has changed.
    fn start(self: &Arc<TimerState>, q: &mut Queue) -> std::io::Result<()> {
        if q.running == Some(process()) {
            self.changed.notify_one();
            return Ok(());
        }
        let state = self.clone();
        std::thread::Builder::new().name("wrt-timer".into()).spawn(move || state.run())?;
        q.running = Some(process());
        let mut timers = TIMERS.lock();
        timers.retain(|t| t.strong_count() > 0 && !std::ptr::eq(t.as_ptr(), Arc::as_ptr(self)));
        timers.push(Arc::downgrade(self));
        call_in_children(restart_timers);
        Ok(())
    }

    fn run(&self) {
        let mut q = self.queue.lock();
        while let Some((&(at, ticket), _)) = q.deadlines.first_key_value() {
            if at > Instant::now() {
                self.changed.wait_until(&mut q, at);
                continue;
            }
            if let Some(store) = q.deadlines.remove(&(at, ticket)).and_then(|s| s.upgrade()) {
                store.interrupt();
            }
        }
        q.running = None;
    }
}
