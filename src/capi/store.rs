//! Stores and their limits.

use super::engine::wrt_engine_t;
use super::entry::{entry, on_store, plain, running};
use super::error::wrt_error_t;
use super::lifecycle::Life;
use super::own::{UserData, borrow, give, output, wrt_finalizer_t};
use crate::api::{Abandoned, Gate, Growth, Limiter, Resource, Result, Store, StoreLimits, StoreMut};
use crate::err;
use crate::sys::callback;
use crate::sys::signals::stack_pointer;
use crate::sys::thread;
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A store: owns instances and everything else that runs. Used by one thread at a time; it can move between threads
/// while no call is in it. While a host function with values (`wrt_func_callback_t`) runs, another thread may use the
/// store instead of the thread that waits in the callback, from its own stack. If two threads use a store at the same
/// time, the second one gets an error of kind `wrong thread`. The check costs almost nothing, and is therefore not
/// complete: it can miss two threads that enter within the same few nanoseconds.
pub struct wrt_store_t {
    life: Arc<Life>,
    /// Closed while a limiter or a finalizer runs, and once the store is being deleted: callbacks of the host run
    /// then, and must not use the store, which is being changed.
    gate: Gate,
    /// The token of the thread that is in the store; 0 if none is. With `LENT`, that thread is in a callback. Plain
    /// loads and stores: two threads that enter at the same moment may go unnoticed.
    occupant: AtomicUsize,
    store: ManuallyDrop<Store>,
    data: ManuallyDrop<UserData>,
}

/// Marks an occupant whose callback runs. Tokens are addresses of words, so the lowest bit is free.
/// cbindgen:ignore
pub const LENT: usize = 1;

impl wrt_store_t {
    /// Lends the store to `f`, as a `StoreMut` of this call's own.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(&mut StoreMut<'_>) -> R) -> R {
        // SAFETY: the store lives as long as self. It is used by one thread at a time, and nested calls borrow it one after
        // the other (invariant 3 of the runtime).
        unsafe { self.store.lend(f) }
    }

    #[inline(always)]
    pub fn occupant(&self) -> usize {
        self.occupant.load(Relaxed)
    }

    #[inline(always)]
    pub fn set_occupant(&self, thread: usize) {
        self.occupant.store(thread, Relaxed);
    }

    /// Runs a callback with values. Meanwhile, another thread may use the store instead of this one, which waits for
    /// the callback.
    #[inline(always)]
    pub fn lent_during<R>(&self, f: impl FnOnce() -> R) -> R {
        let occupant = self.occupant();
        self.set_occupant(occupant | LENT);
        let result = f();
        self.set_occupant(occupant);
        result
    }

    #[inline(always)]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Called when this thread is already in the store: checks whether its calls are ones that will never return, and
    /// forgets them if all are.
    #[cold]
    pub fn look_for_abandoned(&self, sp: usize) {
        if self.gate.look_for_abandoned(sp) == Abandoned::All {
            self.set_occupant(0);
            self.life.forget_calls();
        }
    }

    /// Fails if the store cannot be used, now or ever again. Otherwise does the pending work that waits for the next
    /// entry of the store.
    ///
    /// # Safety
    /// `p` is a store that no other thread uses. It may be gone when this fails.
    #[inline(always)]
    pub unsafe fn check_open(p: *mut wrt_store_t) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { if (*p).gate.needs_attention() { wrt_store_t::run_pending_work(p) } else { Ok(()) } }
    }

    /// # Safety
    /// As `check_open`.
    #[cold]
    unsafe fn run_pending_work(p: *mut wrt_store_t) -> Result<()> {
        // SAFETY: the caller's promise. If a finalizer deletes the store, it is destroyed after this has left.
        unsafe {
            (*p).gate.check_open()?;
            let (before, occupant) = ((*p).enter(), (*p).occupant());
            (*p).set_occupant(thread::token());
            plain((), || (*p).with(|s| s.run_pending_work()));
            (*p).set_occupant(occupant);
            if (*p).life.leave(before) {
                wrt_store_t::end(p);
                return Err(err!(InvalidArgument, "a finalizer has deleted the store"));
            }
            Ok(())
        }
    }

    /// Returns whether a callback runs that cannot use the store.
    ///
    /// # Safety
    /// `p` is a store.
    pub unsafe fn is_closed(p: *const wrt_store_t) -> bool {
        // SAFETY: the caller's promise.
        unsafe { (*p).gate.is_closed() }
    }

    /// Keeps the store from being destroyed until `leave`, which needs the result.
    #[inline(always)]
    pub fn enter(&self) -> usize {
        self.life.enter()
    }

    /// # Safety
    /// `p` is a store, and the caller of `enter` does not use it again.
    #[inline(always)]
    pub unsafe fn leave(p: *mut wrt_store_t, before: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            if (*p).life.leave(before) {
                wrt_store_t::end(p);
            }
        }
    }

    /// Destroys the store.
    ///
    /// # Safety
    /// `p` is a store that no thread uses, now or again.
    #[cold]
    unsafe fn end(p: *mut wrt_store_t) {
        plain((), || {
            // SAFETY: the caller's promise. Finalizers that run here can use only the gate and `life`.
            unsafe {
                (*p).gate.close();
                ManuallyDrop::drop(&mut (*p).store);
                ManuallyDrop::drop(&mut (*p).data);
                drop(Box::from_raw(p));
            }
        });
    }
}

/// Creates a store. `userdata` is never dereferenced. `finalizer` (may be NULL) is called with it once: when the
/// store is destroyed, or when this call fails. The caller owns `*out_store`, which is NULL on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_new(
    engine: *const wrt_engine_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
    out_store: *mut *mut wrt_store_t,
) -> *mut wrt_error_t {
    let data = UserData::new(userdata, finalizer);
    entry(|| {
        // SAFETY: the caller passes an engine and a place for the store.
        let (out, engine) =
            unsafe { (output(out_store, std::ptr::null_mut(), "out_store")?, borrow(engine, "engine")?) };
        let store = Store::new(&engine.0)?;
        let store = give(wrt_store_t {
            life: Life::new(),
            gate: store.gate(),
            occupant: AtomicUsize::new(0),
            store: ManuallyDrop::new(store),
            data: ManuallyDrop::new(data),
        });
        // SAFETY: just made; no other code has it yet.
        unsafe { (*store).with(|s| s.set_embedder(store.cast())) };
        *out = store;
        Ok(())
    })
}

/// Deletes a store and everything in it. Also legal from a callback of this store, and from another thread while a
/// call in the store runs WebAssembly or callbacks or copies in bulk: the store is then destroyed when its outermost
/// call returns. Not legal while another thread is in any other function of the store. The pointer, and the store's
/// handles with it, must not be used again. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_delete(store: *mut wrt_store_t) {
    let sp = stack_pointer();
    plain((), || {
        if !store.is_null() {
            // SAFETY: the caller gives up ownership. `life`, which decides which thread destroys the store, outlives it.
            unsafe {
                if (*store).occupant() & !LENT == thread::token() {
                    (*store).look_for_abandoned(sp);
                }
                let life = (*store).life.clone();
                if life.delete() {
                    wrt_store_t::end(store);
                }
            }
        }
    });
}

/// Returns the userdata that the store was created with. Also legal in limiters and finalizers. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_userdata(store: *const wrt_store_t) -> *mut c_void {
    // SAFETY: the caller passes NULL or a store.
    plain(std::ptr::null_mut(), || unsafe { store.as_ref() }.map_or(std::ptr::null_mut(), |s| s.data.ptr))
}

/// Returns the store's number, which its handles contain. It is unique in the process. 0 for NULL, and in limiters
/// and finalizers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_id(store: *const wrt_store_t) -> u64 {
    // SAFETY: the caller passes NULL or a store.
    plain(0, || unsafe { store.as_ref() }.filter(|s| !s.gate.is_closed()).map_or(0, |s| s.with(|s| s.id())))
}

/// What a store may use in total.
#[repr(C)]
pub struct wrt_limits_t {
    /// Size of this struct as the caller knows it: `sizeof(wrt_limits_t)`. `wrt_limits_init` sets it.
    pub size: usize,
    /// Bytes of all memories together.
    pub memory_bytes: u64,
    /// Elements of all tables together.
    pub table_elements: u64,
    /// Number of instances.
    pub instances: u64,
    /// Bytes of all objects together. The limit of `wrt_config_set_heap_limit` applies as well.
    pub heap_bytes: u64,
}

/// Fills in limits that limit nothing. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_limits_init(out_limits: *mut wrt_limits_t) {
    let none = wrt_limits_t {
        size: size_of::<wrt_limits_t>(),
        memory_bytes: u64::MAX,
        table_elements: u64::MAX,
        instances: u64::MAX,
        heap_bytes: u64::MAX,
    };
    // SAFETY: the caller passes NULL or a place for the limits.
    plain((), || drop(unsafe { output(out_limits, none, "out_limits") }));
}

/// Limits what the store may use from now on. What it uses already counts, and stays. The limits are borrowed. Fails
/// with `invalid argument` if their size is wrong.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_set_limits(
    store: *mut wrt_store_t,
    limits: *const wrt_limits_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and limits, or NULLs, which are refused.
    unsafe {
        on_store(store, |s| {
            let l = borrow(limits, "limits")?;
            if l.size != size_of::<wrt_limits_t>() {
                return Err(err!(InvalidArgument, "limits.size is {}, use wrt_limits_init", l.size));
            }
            s.set_limits(StoreLimits {
                memory_bytes: l.memory_bytes,
                table_elements: l.table_elements,
                instances: l.instances,
                heap_bytes: l.heap_bytes,
            });
            Ok(())
        })
    }
}

/// The resource of a `wrt_growth_t`: a memory, in bytes.
pub const WRT_RESOURCE_MEMORY: u8 = 1;
const _: () = assert!(WRT_RESOURCE_MEMORY == Resource::Memory as u8);
/// A table, in elements.
pub const WRT_RESOURCE_TABLE: u8 = 2;
const _: () = assert!(WRT_RESOURCE_TABLE == Resource::Table as u8);
/// The number of the store's instances.
pub const WRT_RESOURCE_INSTANCES: u8 = 3;
const _: () = assert!(WRT_RESOURCE_INSTANCES == Resource::Instances as u8);
/// The store's objects, in bytes. The limiter is asked when a collection has not freed enough, and only if they are
/// to use more than 4 MiB.
pub const WRT_RESOURCE_HEAP: u8 = 4;
const _: () = assert!(WRT_RESOURCE_HEAP == Resource::Heap as u8);

/// What is about to grow: from `current` to `desired`.
#[repr(C)]
pub struct wrt_growth_t {
    /// One of the `WRT_RESOURCE_*`.
    pub resource: u8,
    pub current: u64,
    pub desired: u64,
}

/// Returns whether a resource may grow: 0 means no, everything else means yes. Called before anything has changed,
/// while WebAssembly waits. Using the store in it fails, except by functions that are legal in limiters. It has to
/// return, as all callbacks do: see `wrt_func_callback_t`.
pub type wrt_limiter_callback_t =
    Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, growth: *const wrt_growth_t) -> i32>;

/// Sets the callback that is asked before a memory, a table, the number of instances or the heap grows, if the
/// store's limits allow that; NULL removes it. `finalizer` (may be NULL) is called with `userdata` once: when the
/// limiter is replaced, when the store is destroyed, or when this call fails. Fails with `invalid argument` while the
/// store runs WebAssembly.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_set_limiter(
    store: *mut wrt_store_t,
    callback: wrt_limiter_callback_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
) -> *mut wrt_error_t {
    let data = UserData::new(userdata, finalizer);
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe {
        running(store, |s| {
            let gate = s.gate();
            s.set_limiter(callback.map(|callback| -> Limiter {
                Box::new(move |g: Growth| {
                    let data = &data;
                    let growth = wrt_growth_t { resource: g.resource as u8, current: g.current, desired: g.desired };
                    // SAFETY: the host gave the callback for this purpose. The store is closed while it runs (invariant 7 of the runtime).
                    gate.closed_during(|| callback::call(&"a limiter", || callback(data.ptr, &growth))) != 0
                })
            }))
        })
    }
}
