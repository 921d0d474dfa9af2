//! The boundary: nothing but results and error objects crosses it.

use super::error::wrt_error_t;
use super::store::wrt_store_t;
use crate::api::{Error, ErrorKind, Result, StoreMut};
use crate::err;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a fallible function.
pub fn entry(f: impl FnOnce() -> Result<()>) -> *mut wrt_error_t {
    match guarded(f) {
        Ok(()) => std::ptr::null_mut(),
        Err(e) => wrt_error_t::give(e),
    }
}

/// Runs a function that can not fail; `default` is what a panic gives.
pub fn plain<T>(default: T, f: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or(default)
}

/// What `f` has captured stays where it is: to move it would be to wait until it is written.
#[inline(always)]
fn guarded(f: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut f = ManuallyDrop::new(f);
    // SAFETY: taken once.
    match catch_unwind(AssertUnwindSafe(|| unsafe { ManuallyDrop::take(&mut f)() })) {
        Ok(result) => result,
        Err(panic) => Err(panicked(panic)),
    }
}

#[cold]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Error {
    // What a panic's payload does when dropped is not ours to trust.
    std::mem::forget(panic);
    Error::new(ErrorKind::Internal, "the engine panicked")
}

/// Runs a function on a store. A panic poisons the store.
///
/// # Safety
/// `store` is NULL or a store that lives, and this is its thread.
#[inline(always)]
pub unsafe fn on_store(store: *mut wrt_store_t, f: impl FnOnce(&mut StoreMut<'_>) -> Result<()>) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe {
        if store.is_null() || wrt_store_t::has_closed(store) {
            return refused(store);
        }
        on_open_store(store, f)
    }
}

/// # Safety
/// As `on_store`, which has checked the store.
#[inline(always)]
unsafe fn on_open_store(store: *mut wrt_store_t, f: impl FnOnce(&mut StoreMut<'_>) -> Result<()>) -> *mut wrt_error_t {
    // SAFETY: the caller's promise. The temporary `StoreMut` is this call's own (`lend`), so calls may nest.
    unsafe {
        match guarded(|| (*store).with(f)) {
            Ok(()) => std::ptr::null_mut(),
            Err(e) => failed(store, e),
        }
    }
}

/// As `on_store`, for what may run WebAssembly: the store can not go away before it is over, even when a callback
/// deletes it.
///
/// # Safety
/// As `on_store`.
#[inline(always)]
pub unsafe fn running(store: *mut wrt_store_t, f: impl FnOnce(&mut StoreMut<'_>) -> Result<()>) -> *mut wrt_error_t {
    // SAFETY: the caller's promise; between `enter` and `leave` the store stays.
    unsafe {
        if store.is_null() || wrt_store_t::has_closed(store) {
            return refused(store);
        }
        (*store).enter();
        let error = on_open_store(store, f);
        wrt_store_t::leave(store);
        error
    }
}

/// # Safety
/// As `on_store`.
#[cold]
unsafe fn failed(store: *mut wrt_store_t, e: Error) -> *mut wrt_error_t {
    if e.kind() == ErrorKind::Internal {
        let _ = guarded(|| {
            // SAFETY: the caller's promise.
            unsafe { (*store).with(|s| s.poison()) };
            Ok(())
        });
    }
    wrt_error_t::give(e)
}

#[cold]
fn refused(store: *mut wrt_store_t) -> *mut wrt_error_t {
    wrt_error_t::give(match store.is_null() {
        true => null("store"),
        false => err!(InvalidArgument, "limiters and finalizers can not use their store"),
    })
}

/// The error of a NULL where an object is required.
#[cold]
pub fn null(what: &str) -> Error {
    err!(InvalidArgument, "{what} is NULL")
}
