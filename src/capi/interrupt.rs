//! Stopping what a store runs: deadlines, and interrupts from other threads and signal handlers.

use super::entry::{on_store, plain, running};
use super::error::wrt_error_t;
use super::own::{UserData, delete, give, output, wrt_finalizer_t};
use super::store::wrt_store_t;
use crate::api::{DeadlineCallback, InterruptHandle, Result};
use crate::sys::callback;
use std::ffi::c_void;
use std::time::Duration;

/// Sets the store's deadline to `nanoseconds` from now, in place of the previous one; 0 removes it. Fails with
/// `invalid argument` if the engine is not configured for interruption (`wrt_config_set_interruption`).
///
/// When the deadline passes, or after `wrt_interrupt_trigger`, an interrupt is pending. What the store runs then, or
/// next, fails with an error of kind `interrupted`: WebAssembly at the next function entry or loop iteration; WASI
/// functions that wait; and instantiation, bulk instructions and bulk functions of this library, after at most
/// 256 KiB of a memory or 4096 elements of a table or an array. What was written before the interrupt stays written;
/// what was to grow has not grown. Guests cannot catch an interrupt.
///
/// An interrupt stays pending until the outermost call of the store has returned. If a callback continues after a
/// nested call was interrupted, everything it calls next is interrupted as well, and so is the guest that called it.
/// An interrupt that has not interrupted anything applies to the next call. While the store runs nothing, this
/// function clears a deadline that has passed and, if `nanoseconds` is 0, also an interrupt that was triggered. While
/// the store runs something, it clears nothing.
///
/// Collections and host functions are not interrupted; a host function can ask by `wrt_store_interrupted`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_set_deadline(store: *mut wrt_store_t, nanoseconds: u64) -> *mut wrt_error_t {
    let after = (nanoseconds != 0).then(|| Duration::from_nanos(nanoseconds));
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { on_store(store, |s| s.set_deadline(after)) }
}

/// Returns for how many nanoseconds, from now, a guest may continue whose deadline has passed; 0 stops it. Called on
/// the store's thread, at the point where the guest would be stopped. Using the store in it fails, except by
/// functions that are legal in limiters, such as `wrt_store_userdata`.
pub type wrt_deadline_callback_t = Option<unsafe extern "C-unwind" fn(userdata: *mut c_void) -> u64>;

/// Sets the callback that is asked for more time when the store's deadline has passed; NULL removes it. It is not
/// asked if the store was also interrupted by `wrt_interrupt_trigger`. Once it has returned 0, it is not asked again
/// until the outermost call has returned. `finalizer` (may be NULL) is called with `userdata` once: when the callback
/// is replaced, when the store is destroyed, or when this call fails. Fails with `invalid argument` while the store
/// runs WebAssembly, and if the engine is not configured for interruption.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_set_deadline_callback(
    store: *mut wrt_store_t,
    callback: wrt_deadline_callback_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
) -> *mut wrt_error_t {
    let data = UserData::new(userdata, finalizer);
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe {
        running(store, |s| {
            s.set_deadline_callback(callback.map(|callback| -> DeadlineCallback {
                Box::new(move || {
                    let data = &data;
                    // SAFETY: the host gave the callback for this purpose. The store is closed while it runs (invariant 7).
                    let more = callback::call(&"a deadline's callback", || callback(data.ptr));
                    (more != 0).then(|| Duration::from_nanos(more))
                })
            }))
        })
    }
}

/// Returns whether an interrupt is pending: it was triggered, or the deadline has passed. This is for host functions
/// that take long: they may then return early, with any result, because the guest is stopped next. Changes nothing,
/// and does not call the deadline callback. To be called on the store's thread; also legal in limiters and
/// finalizers. False for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_interrupted(store: *const wrt_store_t) -> bool {
    // SAFETY: the caller passes NULL or a store.
    plain(false, || unsafe { store.as_ref() }.is_some_and(|s| s.gate().is_interrupted()))
}

/// Returns the nanoseconds until the store's deadline: 0 if it has passed, and `UINT64_MAX` if there is none. To be
/// called on the store's thread; also legal in limiters and finalizers. `UINT64_MAX` for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_time_left(store: *const wrt_store_t) -> u64 {
    let nanoseconds = |left: Duration| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX - 1);
    // SAFETY: the caller passes NULL or a store.
    plain(u64::MAX, || unsafe { store.as_ref() }.and_then(|s| s.gate().time_left()).map_or(u64::MAX, nanoseconds))
}

/// Fails with `interrupted` if a guest would be stopped now; otherwise does nothing. This is for host functions that
/// take long. If only the deadline has passed, the deadline callback is asked for more time first. A host function
/// may return the error; if it does not, the guest is stopped nevertheless.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_take_interrupt(store: *mut wrt_store_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { running(store, |s| s.take_interrupt()) }
}

/// An object that interrupts one store. It can outlive the store.
pub struct wrt_interrupt_t(InterruptHandle);

/// Creates an object that interrupts this store. The caller owns `*out_interrupt`, which is NULL on failure. Fails
/// with `invalid argument` if the engine is not configured for interruption.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_interrupt_new(
    store: *mut wrt_store_t,
    out_interrupt: *mut *mut wrt_interrupt_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a place for the object, or NULLs, which are refused.
    unsafe {
        let out: Result<_> = output(out_interrupt, std::ptr::null_mut(), "out_interrupt");
        on_store(store, |s| {
            let out = out?;
            *out = give(wrt_interrupt_t(s.interrupt_handle()?));
            Ok(())
        })
    }
}

/// Interrupts the store: what it runs now, or next, ends with an error of kind `interrupted`, as described at
/// `wrt_store_set_deadline`. The deadline callback is not asked. Can be called from any thread and from signal
/// handlers. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_interrupt_trigger(interrupt: *const wrt_interrupt_t) {
    // SAFETY: the caller passes NULL or an interrupt object. Two atomic stores: nothing here can panic.
    if let Some(i) = plain(None, || unsafe { interrupt.as_ref() }) {
        i.0.interrupt();
    }
}

/// Deletes an interrupt object. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_interrupt_delete(interrupt: *mut wrt_interrupt_t) {
    // SAFETY: the caller gives up ownership.
    unsafe { delete(interrupt) }
}
