//! The store: owns instances and everything else that runs.

use super::Engine;
use crate::abi::vmstruct::{PENDING_ABANDONED, PENDING_CLOSED, PENDING_DEAD};
use crate::base::limits::MIN_HOST_STACK;
use crate::base::{Error, ErrorKind, Result, Stable};
use crate::engine::interrupt::{DeadlineCallback, SharedVmStore};
use crate::err;
use crate::gc::config::AllPauses;
use crate::gc::{HeapConfig, Statistics};
use crate::store::objects::census::Census;
use crate::store::objects::gc_event::GcHook;
use crate::store::parts::limits::{Limiter, StoreLimits};
use crate::store::run::abandoned::{self, Abandoned};
use crate::store::store as vm;
use crate::sys::signals::stack_pointer;
use crate::sys::stack_bounds::Stack;
use std::any::Any;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::time::Duration;

/// Owns instances and everything else that runs. Used by one thread at a time, but can move between threads. All
/// operations are methods of `StoreMut`, to which it dereferences.
#[repr(transparent)]
pub struct Store(StoreMut<'static>);

/// A store in use: what a `Store` dereferences to, and what host functions and scopes receive of the store they run in.
///
/// It owns nothing, and code that has one cannot free the store or exchange it for another: no `Store` can be obtained
/// from it, it is never passed by value, and each borrow has a distinct lifetime. So two of them can only be swapped if
/// both were borrowed from `Store`s in which nothing runs.
///
/// ```compile_fail,E0521
/// use wrt::api::{Config, Engine, Store};
/// let engine = Engine::new(&Config::new()).unwrap();
/// let (mut store, mut other) = (Store::new(&engine).unwrap(), Store::new(&engine).unwrap());
/// store.scope(|inner| std::mem::swap(inner, &mut other));
/// ```
///
/// Its target cannot be exchanged either:
///
/// ```compile_fail,E0521
/// use wrt::api::{Config, Engine, Store};
/// let engine = Engine::new(&Config::new()).unwrap();
/// let (mut store, mut other) = (Store::new(&engine).unwrap(), Store::new(&engine).unwrap());
/// store.scope(|inner| std::mem::swap(inner, &mut *other));
/// ```
///
/// Nor can those of two nested scopes:
///
/// ```compile_fail,E0521
/// use wrt::api::{Config, Engine, Store};
/// let engine = Engine::new(&Config::new()).unwrap();
/// let (mut store, mut other) = (Store::new(&engine).unwrap(), Store::new(&engine).unwrap());
/// store.scope(|a| other.scope(|b| std::mem::swap(a, b)));
/// ```
///
/// Nor that of a host function:
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

// SAFETY: a store can move between threads (invariant 2 of the runtime); what it holds for the host is `Send`.
unsafe impl Send for Store {}

impl Store {
    /// Creates an empty store. Fails with `Io` if the signal handlers cannot be installed.
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

// SAFETY: while a view exists, it is the only way to use its store, and it can move to another thread with the store
// (invariant 2 of the runtime). Frames of calls in progress stay where they are; the other thread only reads them, and
// makes calls on its own stack.
unsafe impl Send for StoreMut<'_> {}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `into_raw` and is dropped once (invariant 1 of the runtime). Nothing of the
        // store is running: a call borrows the store's owner, and code called from it gets a `StoreMut`, from which the
        // owner cannot be reached. In the C API, callbacks can reach the owner, so `capi::lifecycle` defers the
        // deletion.
        drop(unsafe { Stable::from_raw(self.0.0) });
    }
}

impl StoreMut<'_> {
    // The store itself is accessed through a pointer: while WebAssembly runs, the host functions it calls use the same
    // store, and no other reference to the store is alive (invariant 3 of the runtime).
    #[inline(always)]
    pub(super) fn vm(&self) -> &vm::Store {
        // SAFETY: the store outlives what was borrowed from it; `self` is borrowed, and running code has its own borrow
        // (invariant 3 of the runtime).
        unsafe { self.0.as_ref() }
    }

    #[inline(always)]
    pub(super) fn vm_mut(&mut self) -> &mut vm::Store {
        // SAFETY: as in `vm` (invariant 3 of the runtime).
        unsafe { self.0.as_mut() }
    }

    #[inline(always)]
    pub(super) fn as_ptr(&self) -> *mut vm::Store {
        self.0.as_ptr()
    }

    /// The store that a host function was called from. The caller chooses the lifetime: a host's closure must receive a
    /// borrow whose lifetime it is generic over, so that it cannot exchange the store.
    ///
    /// # Safety
    /// `store` is alive for `'a`, this is its thread, and no other reference to the store is in use during `'a`.
    #[inline(always)]
    pub(super) unsafe fn from_ptr<'a>(store: *mut vm::Store) -> StoreMut<'a> {
        StoreMut(NonNull::new(store).expect("a store's address"), PhantomData)
    }

    /// The same store for a shorter lifetime, as a separate value.
    #[inline(always)]
    pub(crate) fn reborrow(&mut self) -> StoreMut<'_> {
        StoreMut(self.0, PhantomData)
    }

    /// Lends the store to `f`, as a separate value. Calls can nest: a host function that runs inside `f` finishes
    /// before `f` continues.
    ///
    /// # Safety
    /// This is the store's thread, and no reference obtained from this store is in use.
    #[inline(always)]
    pub unsafe fn lend<R>(&self, f: impl FnOnce(&mut StoreMut<'_>) -> R) -> R {
        // SAFETY: the store is alive as long as `self`; the rest is the caller's promise (invariant 3 of the runtime).
        f(&mut unsafe { StoreMut::from_ptr(self.as_ptr()) })
    }

    /// A pointer for the program that embeds the store. The library never dereferences it. Initially null.
    pub fn embedder(&self) -> *mut () {
        // SAFETY: on the store's thread (invariant 2 of the runtime).
        unsafe { (*self.vm().vm.get()).embedder }
    }

    /// Sets the pointer that `embedder` returns.
    pub fn set_embedder(&mut self, p: *mut ()) {
        // SAFETY: as above (invariant 2 of the runtime).
        unsafe { (*self.vm().vm.get()).embedder = p };
    }

    /// The store's id: unique in the process, never 0.
    pub fn id(&self) -> u64 {
        self.vm().id
    }

    /// The store's engine.
    pub fn engine(&self) -> Engine {
        Engine(Arc::clone(&self.vm().engine))
    }

    /// Data that a higher layer attaches to the store. Dropped with it.
    pub(crate) fn attached(&mut self) -> &mut Option<Box<dyn Any + Send>> {
        &mut self.vm_mut().attached
    }

    /// Whether WebAssembly of this store is running, for example when called from a host function.
    pub fn is_running(&self) -> bool {
        self.vm().is_running()
    }

    /// Whether a bug of the engine was detected while this store ran. If so, the store refuses to run code.
    pub fn is_poisoned(&self) -> bool {
        self.vm().poisoned
    }

    /// Marks the store as poisoned: it refuses to run code from now on.
    pub fn poison(&mut self) {
        self.vm_mut().poison();
    }

    /// Sets limits for all of the store's memories, tables, instances and objects together. What the store already
    /// holds counts toward them.
    pub fn set_limits(&mut self, limits: StoreLimits) {
        self.vm_mut().account.limits = limits;
        self.vm_mut().limit_heap();
    }

    /// The maximum size of the nursery, in bytes, from the next collection on. As for `Config::nursery_size`; fails
    /// with `InvalidArgument` if it is out of range.
    pub fn set_nursery_max(&mut self, bytes: usize) -> Result<()> {
        let heap = HeapConfig { nursery_max: bytes, ..self.vm().heap_config };
        self.set_heap_config(heap)
    }

    /// When old objects are collected, from the next collection on. As `Config::heap_growth`.
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

    /// Describes a stack that the host has allocated itself and will call this store on: `size` bytes from address
    /// `low`. Applies to all calls that begin afterwards; zeros remove the description. On stacks other than that one
    /// and the thread's own, WebAssembly can use at most 64 KiB. Fails with `InvalidArgument` if the stack is too
    /// small.
    pub fn set_stack(&mut self, low: usize, size: usize) -> Result<()> {
        let stack = if (low, size) == (0, 0) { None } else { Some(host_stack(low, size)?) };
        self.vm_mut().describe_stack(false, stack);
        Ok(())
    }

    /// Runs `f`. Calls of this store in it know the bounds of the stack that this function is called on, which the host
    /// has allocated itself. Fails with `InvalidArgument` if the stack is too small or the caller is not on it.
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

    /// Sets the callback that is notified after each collection; `None` removes it. It cannot use the store. The
    /// previous one is dropped. Fails with `InvalidArgument` while the store runs, because the callback itself may be
    /// on the stack.
    pub fn set_gc_hook(&mut self, hook: Option<GcHook>) -> Result<()> {
        if self.is_running() {
            return Err(err!(InvalidArgument, "the callback for collections cannot be changed while the store runs"));
        }
        let old = std::mem::replace(&mut self.vm_mut().gc_hook, hook);
        self.vm().vm.clone().closed_during(|| drop(old));
        Ok(())
    }

    /// Lists the live references and where each was created, as text. The engine must be configured with
    /// `debug_references`.
    pub fn reference_report(&mut self) -> Result<String> {
        self.vm_mut().reference_report()
    }

    /// Collects, then writes all objects piece by piece in the heap snapshot format of Chromium's developer tools
    /// (`.heapsnapshot`).
    pub fn write_heap_snapshot(&mut self, write: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        self.gc()?;
        let shared = self.vm().vm.clone();
        shared.closed_during(|| self.vm_mut().write_snapshot(write))
    }

    /// How long the collections of the store's heap took.
    pub fn heap_pauses(&self) -> AllPauses {
        self.vm().heap.as_ref().map_or_else(AllPauses::default, |h| h.all_pauses())
    }

    /// Counts objects and roots by walking all of them.
    pub fn heap_census(&mut self) -> Result<Census> {
        self.vm_mut().census()
    }

    /// Sets the callback that is asked before a memory, a table, the number of instances or the heap grows, after the
    /// limits were checked; `None` removes it. The previous one is dropped. Fails with `InvalidArgument` while the
    /// store runs, because the limiter itself may be on the stack.
    pub fn set_limiter(&mut self, limiter: Option<Limiter>) -> Result<()> {
        if self.is_running() {
            return Err(err!(InvalidArgument, "the limiter cannot be changed while the store runs"));
        }
        let old = std::mem::replace(&mut self.vm_mut().account.limiter, limiter);
        self.vm_mut().ask_for_heap();
        self.vm().vm.clone().closed_during(|| drop(old));
        Ok(())
    }

    /// Runs `f`, which creates a part of the store. Released parts are freed first if that is worthwhile; they are also
    /// freed, and `f` is run again, if a limit or the system would otherwise refuse it.
    pub(super) fn with_room<R>(&mut self, mut f: impl FnMut(&mut StoreMut<'_>) -> Result<R>) -> Result<R> {
        // Finalizers must wait until `f` has returned: they might delete what it has borrowed.
        self.vm_mut().free_released_if_due()?;
        let placed = self.vm().placed;
        match f(self) {
            // Not retried if an instance was created in `f`: the error may be that of its start function.
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

    /// Runs pending work on entry, on exit, and when a host function begins: releases what other threads have released,
    /// and drops the data of dead host objects and host functions. Nothing of the store is borrowed during this.
    #[inline(always)]
    pub(super) fn settle(&mut self) {
        if self.vm().vm.pending_work().load(Relaxed) != 0 {
            self.settle_now();
        }
    }

    /// Runs pending work, as every entry does.
    pub fn run_pending_work(&mut self) {
        self.settle();
    }

    #[cold]
    fn settle_now(&mut self) {
        if self.is_closed() {
            return;
        }
        self.vm().vm.over();
        // Finalizers run here (invariant 7), without a reference to the store.
        self.vm_mut().drain_releases();
        self.vm().vm.pending_work().fetch_and(!PENDING_DEAD, AcqRel);
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

    /// Whether a host callback that cannot use the store is running, such as a limiter or a finalizer.
    #[inline(always)]
    pub fn is_closed(&self) -> bool {
        self.vm().vm.pending_work().load(Relaxed) & PENDING_CLOSED != 0
    }

    /// Keeps callbacks away from the store, also where the store itself is not accessible.
    pub fn gate(&self) -> Gate {
        Gate(self.vm().vm.clone())
    }

    /// Collects all objects that nothing refers to any more.
    pub fn gc(&mut self) -> Result<()> {
        // What errors held and what other threads have released is no longer referenced.
        self.settle();
        self.vm_mut().collect_all()?;
        self.settle();
        Ok(())
    }

    /// The number of instances: those not released, and those released but not yet freed.
    pub fn instance_count(&self) -> usize {
        self.vm().instances.len()
    }

    /// What the store's heap holds, and what it has done so far.
    pub fn heap_statistics(&self) -> Statistics {
        self.vm().heap_statistics()
    }

    /// Interrupts the store after a time, counted from now; `None` removes the deadline. While nothing runs, this also
    /// clears a deadline that has passed, and `None` clears a pending `interrupt` too. While something runs, pending
    /// interrupts stay. Fails with `InvalidArgument` if the engine is not configured for interruption, and with `Io` if
    /// no thread for deadlines can be started.
    pub fn set_deadline(&mut self, after: Option<Duration>) -> Result<()> {
        self.check_interruption()?;
        self.vm().vm.set_deadline(after).map_err(|e| err!(Io, "no thread for deadlines: {e}"))
    }

    /// Sets the callback that can grant more time when a passed deadline would stop the guest; `None` removes it. It is
    /// not called if the store was also interrupted, nor again after it has granted no more time. The previous one is
    /// dropped. Fails with `InvalidArgument` while the store runs, because the callback itself may be on the stack, or
    /// if the engine is not configured for interruption.
    pub fn set_deadline_callback(&mut self, callback: Option<DeadlineCallback>) -> Result<()> {
        self.check_interruption()?;
        if self.is_running() {
            return Err(err!(InvalidArgument, "the deadline callback cannot be changed while the store runs"));
        }
        let vm = self.vm().vm.clone();
        let old = vm.set_deadline_callback(callback);
        vm.closed_during(|| drop(old));
        Ok(())
    }

    /// A handle that can interrupt this store. Fails with `InvalidArgument` if the engine is not configured for
    /// interruption.
    pub fn interrupt_handle(&self) -> Result<InterruptHandle> {
        self.check_interruption()?;
        Ok(InterruptHandle(self.vm().vm.clone()))
    }

    /// Whether the engine is configured for interruption.
    pub fn is_interruptible(&self) -> bool {
        self.vm().engine.config.settings.interruption
    }

    /// For long-running host functions: fails with `Interrupted` if the store must stop. The outer calls stop as well,
    /// whatever the host function does with the error.
    pub fn take_interrupt(&mut self) -> Result<()> {
        self.vm().vm.poll().map_err(Error::trap)
    }

    /// Whether an interrupt or a passed deadline is pending. Does not clear it.
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

/// Keeps callbacks of the host away from a store. It may outlive the store.
#[derive(Clone)]
pub struct Gate(Arc<SharedVmStore>);

impl Gate {
    /// Runs `f` with the store marked as closed. Must be called on the store's thread.
    pub fn closed_during<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.closed_during(f)
    }

    /// Whether the host, which uses the store at stack pointer `sp` during a call, certainly does so from the callback
    /// that is running.
    #[inline(always)]
    pub fn is_called_back(&self, sp: usize) -> bool {
        self.0.is_called_back(sp)
    }

    /// See `vm::abandoned`. Must be called on the store's thread.
    pub fn look_for_abandoned(&self, sp: usize) -> Abandoned {
        self.0.look_for_abandoned(sp)
    }

    /// Fails with `InvalidArgument` while a callback runs that cannot use the store, or if a callback was left without
    /// returning.
    pub fn check_open(&self) -> Result<()> {
        match self.0.pending_work().load(Relaxed) {
            bits if bits & PENDING_ABANDONED != 0 => Err(abandoned::error()),
            bits if bits & PENDING_CLOSED != 0 => {
                Err(err!(InvalidArgument, "limiters and finalizers cannot use their store"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the store has pending work, or is closed or abandoned.
    #[inline(always)]
    pub fn needs_attention(&self) -> bool {
        self.0.pending_work().load(Relaxed) != 0
    }

    /// As `StoreMut::is_closed`.
    pub fn is_closed(&self) -> bool {
        self.0.pending_work().load(Relaxed) & PENDING_CLOSED != 0
    }

    /// As `StoreMut::is_interrupted`.
    pub fn is_interrupted(&self) -> bool {
        self.0.is_interrupted()
    }

    /// As `StoreMut::time_left`. Must be called on the store's thread.
    pub fn time_left(&self) -> Option<Duration> {
        self.0.time_left()
    }

    /// Closes the store permanently.
    pub fn close(&self) {
        self.0.pending_work().fetch_or(PENDING_CLOSED, AcqRel);
    }
}

/// Interrupts a store from any thread or from a signal handler. It may outlive the store.
#[derive(Clone)]
pub struct InterruptHandle(Arc<SharedVmStore>);

impl InterruptHandle {
    /// Interrupts the store: the call that is running, or the next one, ends with an error of kind `Interrupted`.
    /// Async-signal-safe.
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
