//! Stores and their limits.

use super::engine::wrt_engine_t;
use super::entry::{entry, on_store, plain, running};
use super::error::wrt_error_t;
use super::life::Life;
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

/// Owns instances and everything else that runs. Used by one thread at a time; may move between threads while no call is in it.
/// While a host function with values (`wrt_func_callback_t`) waits, another thread may use the store in its place, from its own stack. If two
/// threads use it at once, the second gets an error of kind `wrong thread`. That is noticed for nearly nothing, and so not
/// always: not for two that come within the same few nanoseconds.
pub struct wrt_store_t {
    life: Arc<Life>,
    /// While a limiter is asked or a finalizer runs, and once the store is being deleted: callbacks of the host run then, and
    /// must not get at the store, which is in the middle of something.
    gate: Gate,
    /// The thread that is in the store, by its token; 0 if none is. With `LENT` it is in a callback. Plain loads and stores: two threads that come at the same moment
    /// may go unnoticed.
    occupant: AtomicUsize,
    store: ManuallyDrop<Store>,
    data: ManuallyDrop<UserData>,
}

/// Tokens are addresses of words, so the lowest bit is free.
pub const LENT: usize = 1;

impl wrt_store_t {
    /// Lends the store, as a `StoreMut` of the call's own.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(&mut StoreMut<'_>) -> R) -> R {
        // SAFETY: the store is alive with self; it is used by one thread at a time, and calls that nest borrow one after
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

    /// Runs a callback with values, during which another thread may use the store in place of this one, which waits for it.
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

    /// When this thread is in the store already: looks whether the calls that it is in are ones that never return, and forgets them if
    /// all are.
    #[cold]
    pub fn look_for_abandoned(&self, sp: usize) {
        if self.gate.look_for_abandoned(sp) == Abandoned::All {
            self.set_occupant(0);
            self.life.forget_calls();
        }
    }

    /// Fails if the store can not be used, now or any more. Otherwise what waits for an entry of the store is done.
    ///
    /// # Safety
    /// `p` is a store that no other thread uses. It may be gone when this fails.
    #[inline(always)]
    pub unsafe fn check_open(p: *mut wrt_store_t) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { if (*p).gate.needs_attention() { wrt_store_t::attend(p) } else { Ok(()) } }
    }

    /// # Safety
    /// As `check_open`.
    #[cold]
    unsafe fn attend(p: *mut wrt_store_t) -> Result<()> {
        // SAFETY: the caller's promise; a finalizer that deletes the store does so when this leaves.
        unsafe {
            (*p).gate.check_open()?;
            let (before, occupant) = ((*p).enter(), (*p).occupant());
            (*p).set_occupant(thread::token());
            plain((), || (*p).with(|s| s.attend()));
            (*p).set_occupant(occupant);
            if (*p).life.leave(before) {
                wrt_store_t::end(p);
                return Err(err!(InvalidArgument, "a finalizer has deleted the store"));
            }
            Ok(())
        }
    }

    /// Whether a callback runs that can not use the store.
    ///
    /// # Safety
    /// `p` is a store.
    pub unsafe fn is_closed(p: *const wrt_store_t) -> bool {
        // SAFETY: the caller's promise.
        unsafe { (*p).gate.is_closed() }
    }

    /// From here to `leave`, which needs the result, the store stays.
    #[inline(always)]
    pub fn enter(&self) -> usize {
        self.life.enter()
    }

    /// # Safety
    /// `p` is a store, which is not used again by whoever has entered.
    #[inline(always)]
    pub unsafe fn leave(p: *mut wrt_store_t, before: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            if (*p).life.leave(before) {
                wrt_store_t::end(p);
            }
        }
    }

    /// # Safety
    /// `p` is a store that nobody uses, now or again.
    #[cold]
    unsafe fn end(p: *mut wrt_store_t) {
        plain((), || {
            // SAFETY: the caller's promise. Finalizers that run here can reach the gate and `life` only.
            unsafe {
                (*p).gate.close();
                ManuallyDrop::drop(&mut (*p).store);
                ManuallyDrop::drop(&mut (*p).data);
                drop(Box::from_raw(p));
            }
        });
    }
}

/// Makes a store. `userdata` is never looked at; `finalizer` (may be NULL) is called with it once: when the store is gone,
/// or when this fails. The caller owns `*out_store`, NULL on failure.
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
        // SAFETY: just made; nobody else knows it yet.
        unsafe { (*store).with(|s| s.set_embedder(store.cast())) };
        *out = store;
        Ok(())
    })
}

/// Deletes a store and all that lives in it. Legal at any time, also from a callback of this store; and from another
/// thread while a call is in it that runs WebAssembly or callbacks, or copies in bulk: the store dies when the outermost call
/// returns. Handles of it must not be used with the pointer again.
/// NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_delete(store: *mut wrt_store_t) {
    let sp = stack_pointer();
    plain((), || {
        if !store.is_null() {
            // SAFETY: the caller gives the store up. What decides who ends it outlives the store.
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

/// The userdata the store was made with. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_userdata(store: *const wrt_store_t) -> *mut c_void {
    // SAFETY: the caller passes NULL or a store.
    plain(std::ptr::null_mut(), || unsafe { store.as_ref() }.map_or(std::ptr::null_mut(), |s| s.data.ptr))
}

/// The store's number, which its handles carry. Unique in the process; 0 for NULL, and in limiters and finalizers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_id(store: *const wrt_store_t) -> u64 {
    // SAFETY: the caller passes NULL or a store.
    plain(0, || unsafe { store.as_ref() }.filter(|s| !s.gate.is_closed()).map_or(0, |s| s.with(|s| s.id())))
}

/// What a store may use in total.
#[repr(C)]
pub struct wrt_limits_t {
    /// Bytes of this struct as the caller knows it: `sizeof(wrt_limits_t)`. `wrt_limits_init` sets it.
    pub size: usize,
    /// Bytes of all memories together.
    pub memory_bytes: u64,
    /// Elements of all tables together.
    pub table_elements: u64,
    /// Instances.
    pub instances: u64,
    /// Bytes that objects may take, as `wrt_config_set_heap_limit`; that limit holds as well.
    pub heap_bytes: u64,
}

/// Fills in a limits struct: no limits. NULL does nothing.
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

/// Limits what the store may use from now on; what it holds already counts, and stays.
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

/// A memory, in bytes.
pub const WRT_RESOURCE_MEMORY: u8 = 1;
const _: () = assert!(WRT_RESOURCE_MEMORY == Resource::Memory as u8);
/// A table, in elements.
pub const WRT_RESOURCE_TABLE: u8 = 2;
const _: () = assert!(WRT_RESOURCE_TABLE == Resource::Table as u8);
/// The store's instances, as a number.
pub const WRT_RESOURCE_INSTANCES: u8 = 3;
const _: () = assert!(WRT_RESOURCE_INSTANCES == Resource::Instances as u8);
/// What objects may take, in bytes. Asked when there is no room after a collection, from 4 MiB on.
pub const WRT_RESOURCE_HEAP: u8 = 4;
const _: () = assert!(WRT_RESOURCE_HEAP == Resource::Heap as u8);

/// What is about to grow.
#[repr(C)]
pub struct wrt_growth_t {
    /// One of `WRT_RESOURCE_*`.
    pub resource: u8,
    pub current: u64,
    pub desired: u64,
}

/// Answers whether it may grow; anything but 0 means yes. Asked before anything is touched, while WebAssembly waits; what
/// it does with the store fails. It returns, as all callbacks do: see `wrt_func_callback_t`.
pub type wrt_limiter_callback_t =
    Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, growth: *const wrt_growth_t) -> i32>;

/// Sets who is asked before a memory, a table, the number of instances or the heap grows, after the limits; a NULL callback removes
/// it. `finalizer` (may be NULL) is called with `userdata` once: when the limiter is replaced, the store is gone, or this
/// fails. Not legal while the store runs.
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
                    // SAFETY: the host gave the callback for this, which finds the store closed (invariant 7 of the runtime).
                    gate.closed_during(|| callback::call(&"a limiter", || callback(data.ptr, &growth))) != 0
                })
            }))
        })
    }
}
