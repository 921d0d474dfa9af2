//! The store.

use super::Engine;
use crate::abi::vmstruct::{ATTENTION_ABANDONED, ATTENTION_CLOSED, ATTENTION_DEAD};
use crate::base::limits::MIN_HOST_STACK;
use crate::base::{Error, ErrorKind, Result, Stable};
use crate::err;
use crate::gc::config::AllPauses;
use crate::gc::{HeapConfig, Statistics};
use crate::sys::signals::stack_pointer;
use crate::sys::stack_bounds::Stack;
use crate::vm::abandoned::{self, Abandoned};
use crate::vm::census::Census;
use crate::vm::heap::GcHook;
use crate::vm::interrupt::{DeadlineCallback, SharedVmStore};
use crate::vm::limits::{Limiter, StoreLimits};
use crate::vm::store as vm;
use std::any::Any;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::time::Duration;

/// Owns instances and everything else that runs. One thread at a time; may move between threads. All operations are
/// `StoreMut`'s, which it dereferences to.
#[repr(transparent)]
pub struct Store(StoreMut<'static>);

/// A store in use: what a `Store` dereferences to, and what host functions and scopes get of the store they run in.
///
/// It owns nothing, and the store it stands for cannot be freed or exchanged through it: there is no `Store` to be had
/// from it, none is ever given by value, and the lifetime tells each borrow from all others. So two of them can only be swapped
/// if both were borrowed from a `Store` that nothing runs in.
///
/// ```compile_fail,E0521
/// use wrt::api::{Config, Engine, Store};
/// let engine = Engine::new(&Config::new()).unwrap();
/// let (mut store, mut other) = (Store::new(&engine).unwrap(), Store::new(&engine).unwrap());
/// store.scope(|inner| std::mem::swap(inner, &mut other));
/// ```
///
/// Nor by its target:
///
/// ```compile_fail,E0521
/// use wrt::api::{Config, Engine, Store};
/// let engine = Engine::new(&Config::new()).unwrap();
/// let (mut store, mut other) = (Store::new(&engine).unwrap(), Store::new(&engine).unwrap());
/// store.scope(|inner| std::mem::swap(inner, &mut *other));
/// ```
///
/// Nor with the one of a scope around it:
///
/// ```compile_fail,E0521
/// use wrt::api::{Config, Engine, Store};
/// let engine = Engine::new(&Config::new()).unwrap();
/// let (mut store, mut other) = (Store::new(&engine).unwrap(), Store::new(&engine).unwrap());
/// store.scope(|a| other.scope(|b| std::mem::swap(a, b)));
/// ```
///
/// And in a host function:
///
/// ```compile_fail,E0521
/// use wrt::api::{Config, Engine, Func, FuncType, Store};
/// let engine = Engine::new(&Config::new()).unwrap();
/// let (inner, mut store) = (engine.clone(), Store::new(&engine).unwrap());
/// Func::new(&mut store, &FuncType::new([], []), move |caller, _, _| {
///     let mut other = Store::new(&inner)?;
///     std::mem::swap(caller.store(), &mut *other);
///     Ok(())
/// });
/// ```
#[repr(transparent)]
pub struct StoreMut<'a>(NonNull<vm::Store>, PhantomData<&'a mut vm::Store>);

// SAFETY: a store may move between threads (invariant 2); what it holds of the host is `Send`.
unsafe impl Send for Store {}

impl Store {
    pub fn new(engine: &Engine) -> Result<Store> {
        let mut store = vm::Store::new(&engine.0);
        store.look_when_made(0)?;
        Ok(Store(StoreMut(store.into_raw(), PhantomData)))
    }
}

impl Deref for Store {
    type Target = StoreMut<'static>;

    #[inline(always)]
    fn deref(&self) -> &StoreMut<'static> {
        &self.0
    }
}

impl DerefMut for Store {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut StoreMut<'static> {
        &mut self.0
    }
}

// SAFETY: a view is the only use of its store while it exists, and may move to another thread with it (invariant 2). Frames of calls in
// progress stay where they are; that thread only reads them, and calls from its own stack.
unsafe impl Send for StoreMut<'_> {}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `into_raw` and is dropped once. Nothing of the store runs: who runs it borrows its
        // owner, and what runs in it gets a `StoreMut`, which does not lead to the owner. The C API, whose callbacks can
        // reach the owner, defers the end (`capi::life`).
        drop(unsafe { Stable::from_raw(self.0.0) });
    }
}

impl StoreMut<'_> {
    // The store itself is reached by a pointer: while WebAssembly runs, the host functions it calls use the same store, and no
    // reference to it is alive elsewhere (invariant 3 of the runtime).
    #[inline(always)]
    pub(super) fn vm(&self) -> &vm::Store {
        // SAFETY: the store outlives what was borrowed of it; `self` is borrowed, and code that runs has its own borrow
        // (invariant 3).
        unsafe { self.0.as_ref() }
    }

    #[inline(always)]
    pub(super) fn vm_mut(&mut self) -> &mut vm::Store {
        // SAFETY: as in `vm`.
        unsafe { self.0.as_mut() }
    }

    #[inline(always)]
    pub(super) fn as_ptr(&self) -> *mut vm::Store {
        self.0.as_ptr()
    }

    /// The store that a host function was called from. The lifetime is for the caller to choose: what is handed to the host's
    /// closures must be a borrow whose lifetime they are generic over, so that they cannot exchange it.
    ///
    /// # Safety
    /// `store` is alive for `'a`, this is its thread, and no other reference to it is in use meanwhile.
    #[inline(always)]
    pub(super) unsafe fn from_ptr<'a>(store: *mut vm::Store) -> StoreMut<'a> {
        StoreMut(NonNull::new(store).expect("a store's address"), PhantomData)
    }

    /// The same store for a shorter time, as a value of its own.
    #[inline(always)]
    pub(crate) fn reborrow(&mut self) -> StoreMut<'_> {
        StoreMut(self.0, PhantomData)
    }

    /// Lends the store to `f`, as a value of its own. Calls may nest: what a host function that runs inside of `f` does
    /// is done before `f` goes on.
    ///
    /// # Safety
    /// This is the store's thread, and no reference obtained from this store is in use.
    #[inline(always)]
    pub unsafe fn lend<R>(&self, f: impl FnOnce(&mut StoreMut<'_>) -> R) -> R {
        // SAFETY: alive with self; the rest is the caller's promise.
        f(&mut unsafe { StoreMut::from_ptr(self.as_ptr()) })
    }

    /// A pointer of whoever embeds the store, never looked at. Null at first.
    pub fn embedder(&self) -> *mut () {
        // SAFETY: the store's thread.
        unsafe { (*self.vm().vm.get()).embedder }
    }

    pub fn set_embedder(&mut self, p: *mut ()) {
        // SAFETY: as above.
        unsafe { (*self.vm().vm.get()).embedder = p };
    }

    /// Unique in the process, never 0.
    pub fn id(&self) -> u64 {
        self.vm().id
    }

    pub fn engine(&self) -> Engine {
        Engine(Arc::clone(&self.vm().engine))
    }

    /// What a floor above keeps with the store. Dropped with it.
    pub(crate) fn attached(&mut self) -> &mut Option<Box<dyn Any + Send>> {
        &mut self.vm_mut().attached
    }

    /// Whether WebAssembly of this store is running (asked from a host function).
    pub fn is_running(&self) -> bool {
        self.vm().is_running()
    }

    /// Whether a bug of the engine was met while this store ran. It then refuses to run more.
    pub fn is_poisoned(&self) -> bool {
        self.vm().poisoned
    }

    /// Marks the store as no longer to be trusted.
    pub fn poison(&mut self) {
        self.vm_mut().poison();
    }

    /// What the store may use in total. Counts what it holds already.
    pub fn set_limits(&mut self, limits: StoreLimits) {
        self.vm_mut().account.limits = limits;
        self.vm_mut().limit_heap();
    }

    /// Bytes of the nursery, at most, from the next collection on. As `Config::nursery_size`.
    pub fn set_nursery_max(&mut self, bytes: usize) -> Result<()> {
        let heap = HeapConfig { nursery_max: bytes, ..self.vm().heap_config };
        self.set_heap_config(heap)
    }

    /// When the old objects are collected, from the next collection on. As `Config::heap_growth`.
    pub fn set_heap_growth(&mut self, percent: usize, min: usize) -> Result<()> {
        let heap = HeapConfig { growth_percent: percent, growth_min: min, ..self.vm().heap_config };
        self.set_heap_config(heap)
    }

    fn set_heap_config(&mut self, heap: HeapConfig) -> Result<()> {
        heap.check()?;
        self.vm_mut().heap_config = heap;
        self.vm_mut().limit_heap();
        Ok(())
    }

    /// Says where a stack is that the host has made itself and will call this store on: `size` bytes from `low`. For all calls that
    /// begin afterwards; zeros take it back. On other stacks than that and the thread's own, WebAssembly may use 64 KiB at most.
    pub fn set_stack(&mut self, low: usize, size: usize) -> Result<()> {
        let stack = if (low, size) == (0, 0) { None } else { Some(host_stack(low, size)?) };
        self.vm_mut().describe_stack(false, stack);
        Ok(())
    }

    /// Runs `f`, whose calls of this store know of a stack that the host has made itself, which this function is called on.
    #[inline(always)]
    pub fn on_stack<R>(&mut self, low: usize, size: usize, f: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        let stack = host_stack(low, size)?;
        if !stack.contains(stack_pointer()) {
            return Err(err!(InvalidArgument, "the call is not on the stack that is described"));
        }
        let before = self.vm_mut().describe_stack(true, Some(stack));
        let result = f(self);
        self.vm_mut().describe_stack(true, before);
        result
    }

    /// Who is told after each collection; `None` for nobody. It can not use the store. The old one is dropped. Refused while the
    /// store runs: it may be on the stack itself.
    pub fn set_gc_hook(&mut self, hook: Option<GcHook>) -> Result<()> {
        if self.is_running() {
            return Err(err!(InvalidArgument, "who is told of collections can not be changed while the store runs"));
        }
        let old = std::mem::replace(&mut self.vm_mut().gc_hook, hook);
        self.vm().vm.clone().closed_during(|| drop(old));
        Ok(())
    }

    /// Which references are alive, and where they were made, as text. The engine must be configured for it.
    pub fn reference_report(&mut self) -> Result<String> {
        self.vm_mut().reference_report()
    }

    /// Collects, and writes all objects in the format of Chromium's developer tools (`.heapsnapshot`), piece by piece.
    pub fn write_heap_snapshot(&mut self, write: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        self.gc()?;
        let shared = self.vm().vm.clone();
        shared.closed_during(|| self.vm_mut().write_snapshot(write))
    }

    /// How long the collections of the store's heap took.
    pub fn heap_pauses(&self) -> AllPauses {
        self.vm().heap.as_ref().map_or_else(AllPauses::default, |h| h.all_pauses())
    }

    /// Counts objects and roots, by walking all of them.
    pub fn heap_census(&mut self) -> Result<Census> {
        self.vm_mut().census()
    }

    /// Who is asked before a memory, a table, the number of instances or the heap grows, after the limits; `None` for nobody.
    /// The old one is dropped. Refused while the store runs: the limiter itself may be on the stack.
    pub fn set_limiter(&mut self, limiter: Option<Limiter>) -> Result<()> {
        if self.is_running() {
            return Err(err!(InvalidArgument, "the limiter can not be changed while the store runs"));
        }
        let old = std::mem::replace(&mut self.vm_mut().account.limiter, limiter);
        self.vm_mut().ask_for_heap();
        self.vm().vm.clone().closed_during(|| drop(old));
        Ok(())
    }

    /// Runs `f`, which makes a part of the store, in a store that frees what was released when that is worth it, or when a limit
    /// or the system refuses `f` otherwise.
    pub(super) fn with_room<R>(&mut self, mut f: impl FnMut(&mut StoreMut<'_>) -> Result<R>) -> Result<R> {
        // Finalizers have to wait until `f` is over: they might delete what it has borrowed.
        self.vm_mut().free_released_if_due()?;
        let placed = self.vm().placed;
        match f(self) {
            // Not again if an instance was made meanwhile: its start function may have failed like that.
            Err(e)
                if matches!(e.kind(), ErrorKind::Limit | ErrorKind::OutOfMemory)
                    && self.vm().placed == placed
                    && self.vm().may_free() =>
            {
                self.vm_mut().free_released()?;
                f(self)
            }
            result => result,
        }
    }

    /// At an entry, an exit, or when a host function begins: releases what other threads have released, and drops the data of
    /// objects and functions of the host that have died. Nothing of the store is borrowed meanwhile.
    #[inline(always)]
    pub(super) fn settle(&mut self) {
        if self.vm().vm.attention().load(Relaxed) != 0 {
            self.settle_now();
        }
    }

    /// As at an entry.
    pub fn attend(&mut self) {
        self.settle();
    }

    #[cold]
    fn settle_now(&mut self) {
        if self.is_closed() {
            return;
        }
        self.vm().vm.over();
        // Finalizers run (invariant 7), here without a reference to the store.
        self.vm_mut().read_mail();
        self.vm().vm.attention().fetch_and(!ATTENTION_DEAD, AcqRel);
        let shared = self.vm().vm.clone();
        shared.closed_during(|| {
            loop {
                let object = self.vm_mut().heap.as_mut().and_then(|h| h.pop_dead());
                let func = self.vm_mut().dead_funcs.pop();
                if object.is_none() && func.is_none() {
                    return;
                }
                drop((object, func));
            }
        });
    }

    /// Whether a callback of the host runs that can not use the store: a limiter or a finalizer.
    #[inline(always)]
    pub fn is_closed(&self) -> bool {
        self.vm().vm.attention().load(Relaxed) & ATTENTION_CLOSED != 0
    }

    /// To keep callbacks away from the store, also from where the store is not at hand.
    pub fn gate(&self) -> Gate {
        Gate(self.vm().vm.clone())
    }

    /// Collects all objects that nothing refers to any more.
    pub fn gc(&mut self) -> Result<()> {
        // What errors and other threads have released is not referred to.
        self.settle();
        self.vm_mut().collect_all()?;
        self.settle();
        Ok(())
    }

    /// Instances that are there: not released, or not freed yet.
    pub fn instance_count(&self) -> usize {
        self.vm().instances.len()
    }

    /// What the store's heap has done and holds.
    pub fn heap_statistics(&self) -> Statistics {
        self.vm().heap_statistics()
    }

    /// The store is interrupted after a time from now; `None` removes the deadline. While nothing runs, this also forgets a deadline that
    /// has passed, and `None` an `interrupt` as well; while something runs, what is pending stays so. The engine must be configured for
    /// interruption.
    pub fn set_deadline(&mut self, after: Option<Duration>) -> Result<()> {
        self.check_interruption()?;
        self.vm().vm.set_deadline(after).map_err(|e| err!(Io, "no thread for deadlines: {e}"))
    }

    /// Who is asked for more time where a deadline that has passed would stop the guest; `None` for nobody. Not asked if somebody has
    /// interrupted the store as well, nor again when it has given none. The old one is dropped. Refused while the store runs: it
    /// may be on the stack itself.
    pub fn set_deadline_callback(&mut self, callback: Option<DeadlineCallback>) -> Result<()> {
        self.check_interruption()?;
        if self.is_running() {
            return Err(err!(InvalidArgument, "who gives more time can not be changed while the store runs"));
        }
        let vm = self.vm().vm.clone();
        let old = vm.set_deadline_callback(callback);
        vm.closed_during(|| drop(old));
        Ok(())
    }

    /// A handle that interrupts this store. The engine must be configured for interruption.
    pub fn interrupt_handle(&self) -> Result<InterruptHandle> {
        self.check_interruption()?;
        Ok(InterruptHandle(self.vm().vm.clone()))
    }

    /// Whether the engine is configured for interruption.
    pub fn is_interruptible(&self) -> bool {
        self.vm().engine.config.settings.interruption
    }

    /// For host functions that take long: fails if the store has to stop. Whatever becomes of that error, the calls further out stop as
    /// well.
    pub fn take_interrupt(&mut self) -> Result<()> {
        self.vm().vm.poll().map_err(Error::trap)
    }

    /// Whether an interrupt or a deadline that has passed is pending. Changes nothing.
    pub fn is_interrupted(&self) -> bool {
        self.vm().vm.is_interrupted()
    }

    /// The time until the deadline, if there is one; zero if it has passed.
    pub fn time_left(&self) -> Option<Duration> {
        self.vm().vm.time_left()
    }

    fn check_interruption(&self) -> Result<()> {
        match self.is_interruptible() {
            true => Ok(()),
            false => Err(err!(
                InvalidArgument,
                "the engine is not configured for interruption (wrt_config_set_interruption)"
            )),
        }
    }
}

/// Keeps callbacks of the host away from a store. Outlives it harmlessly.
#[derive(Clone)]
pub struct Gate(Arc<SharedVmStore>);

impl Gate {
    /// Runs `f`, during which the store says that it is closed. On the store's thread.
    pub fn closed_during<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.closed_during(f)
    }

    /// Whether the host, which uses the store at `sp` while a call is in it, plainly does so in a callback.
    #[inline(always)]
    pub fn is_called_back(&self, sp: usize) -> bool {
        self.0.is_called_back(sp)
    }

    /// See `vm::abandoned`. On the store's thread.
    pub fn look_for_abandoned(&self, sp: usize) -> Abandoned {
        self.0.look_for_abandoned(sp)
    }

    /// Fails while a callback runs that can not use the store, and if a callback has left the store for good.
    pub fn check_open(&self) -> Result<()> {
        match self.0.attention().load(Relaxed) {
            bits if bits & ATTENTION_ABANDONED != 0 => Err(abandoned::error()),
            bits if bits & ATTENTION_CLOSED != 0 => {
                Err(err!(InvalidArgument, "limiters and finalizers can not use their store"))
            }
            _ => Ok(()),
        }
    }

    #[inline(always)]
    pub fn needs_attention(&self) -> bool {
        self.0.attention().load(Relaxed) != 0
    }

    pub fn is_closed(&self) -> bool {
        self.0.attention().load(Relaxed) & ATTENTION_CLOSED != 0
    }

    /// As `Store::is_interrupted`.
    pub fn is_interrupted(&self) -> bool {
        self.0.is_interrupted()
    }

    /// As `Store::time_left`. On the store's thread.
    pub fn time_left(&self) -> Option<Duration> {
        self.0.time_left()
    }

    /// For good.
    pub fn close(&self) {
        self.0.attention().fetch_or(ATTENTION_CLOSED, AcqRel);
    }
}

/// Interrupts a store, from any thread or from a signal handler. Outlives it harmlessly.
#[derive(Clone)]
pub struct InterruptHandle(Arc<SharedVmStore>);

impl InterruptHandle {
    /// What the store runs now, or next, ends with an error of kind `interrupted`. Async-signal-safe.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

fn host_stack(low: usize, size: usize) -> Result<Stack> {
    match low.checked_add(size) {
        Some(high) if low != 0 && size >= MIN_HOST_STACK => Ok(Stack { low, high }),
        _ => Err(err!(InvalidArgument, "a stack of {size} bytes at {low:#x}, at least {MIN_HOST_STACK} are needed")),
    }
}
