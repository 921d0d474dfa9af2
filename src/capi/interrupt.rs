//! Stopping what a store runs: deadlines, and interrupts from other threads and signal handlers.

use super::entry::{on_store, plain, running};
use super::error::wrt_error_t;
use super::own::{UserData, delete, give, output, wrt_finalizer_t};
use super::store::wrt_store_t;
use crate::api::{DeadlineCallback, InterruptHandle, Result};
use crate::sys::callback;
use std::ffi::c_void;
use std::time::Duration;

/// Sets the store's deadline, `nanoseconds` from now, instead of the one before; 0 removes it. Fails with `invalid argument` if the
/// engine is not configured for interruption.
///
/// When the deadline passes, or after `wrt_interrupt_trigger`, an interrupt is pending. What runs then, or next, fails with an error of
/// kind `interrupted`: WebAssembly at the next function entry or at the next turn of a loop; instantiation, instructions and functions of
/// this library that copy or fill in bulk after 256 KiB of a memory or 4096 elements of a table or an array, at most; waiting in WASI.
/// What was written until then stays written; what was to grow has not grown. Guests can not catch it.
///
/// The interrupt stays pending until the outermost call of the store returns: if a callback goes on after a nested call that was
/// interrupted, whatever it calls next, and the guest that called it, is interrupted as well. If nothing was interrupted meanwhile, it
/// waits for the next call. While nothing runs, this function forgets a deadline that has passed, and, if `nanoseconds` is 0, also an
/// interrupt that was triggered; while something runs, it forgets nothing.
///
/// A collection is not interrupted, nor is a function of the host, which may ask by `wrt_store_interrupted`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_set_deadline(store: *mut wrt_store_t, nanoseconds: u64) -> *mut wrt_error_t {
    let after = (nanoseconds != 0).then(|| Duration::from_nanos(nanoseconds));
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { on_store(store, |s| s.set_deadline(after)) }
}

/// Answers for how many nanoseconds, from now, a guest may go on whose deadline has passed; 0 stops it. Called on the store's thread, where
/// the guest would be stopped; what it does with the store fails, but for `wrt_store_userdata`.
pub type wrt_deadline_callback_t = Option<unsafe extern "C-unwind" fn(userdata: *mut c_void) -> u64>;

/// Sets who is asked for more time when the store's deadline has passed; a NULL callback removes it. It is not asked when
/// the store was also interrupted by `wrt_interrupt_trigger`, nor again once it has answered 0, until the outermost call has returned.
/// `finalizer` (may be NULL) is called with `userdata` once: when the callback is replaced, the store is gone, or this fails. Not legal
/// while the store runs. Fails with `invalid argument` if the engine is not configured for interruption.
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
                    // SAFETY: the host gave the callback for this, which finds the store closed (invariant 7 of the runtime).
                    let more = callback::call(&"a deadline's callback", || callback(data.ptr));
                    (more != 0).then(|| Duration::from_nanos(more))
                })
            }))
        })
    }
}

/// Whether an interrupt is pending: it was triggered, or the deadline has passed. For host functions that take long; they may then return
/// early, with any result, as the guest is stopped next. Changes nothing, and asks nobody for more time. On the store's thread; also
/// legal in limiters and finalizers. False for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_interrupted(store: *const wrt_store_t) -> bool {
    // SAFETY: the caller passes NULL or a store.
    plain(false, || unsafe { store.as_ref() }.is_some_and(|s| s.gate().is_interrupted()))
}

/// Nanoseconds until the store's deadline; 0 when it has passed, and `UINT64_MAX` when there is none, or for NULL. On the store's thread;
/// also legal in limiters and finalizers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_time_left(store: *const wrt_store_t) -> u64 {
    let nanoseconds = |left: Duration| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX - 1);
    // SAFETY: the caller passes NULL or a store.
    plain(u64::MAX, || unsafe { store.as_ref() }.and_then(|s| s.gate().time_left()).map_or(u64::MAX, nanoseconds))
}

/// For host functions that take long: fails with `interrupted` where a guest would be stopped, otherwise does nothing. If only the deadline
/// has passed, the deadline's callback is asked for more time first. A host function may return the error; if it does not, the guest is
/// stopped nevertheless.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_take_interrupt(store: *mut wrt_store_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { running(store, |s| s.take_interrupt()) }
}

/// Interrupts one store. May outlive it.
pub struct wrt_interrupt_t(InterruptHandle);

/// Makes an object that interrupts this store. Fails if the engine is not configured for interruption. The caller owns
/// `*out_interrupt`, NULL on failure.
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

/// What the store runs now, or next, ends with an error of kind `interrupted`, as `wrt_store_set_deadline` says; nobody is asked for more
/// time. From any thread, and from signal handlers. NULL does nothing.
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
    // SAFETY: the caller gives it up.
    unsafe { delete(interrupt) }
}
