//! The boundary: nothing but results and error objects crosses it.

use super::error::wrt_error_t;
use super::store::wrt_store_t;
use crate::api::{Error, ErrorKind, Result, Store};
use crate::err;
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

fn guarded(f: impl FnOnce() -> Result<()>) -> Result<()> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result,
        Err(panic) => {
            // What a panic's payload does when dropped is not ours to trust.
            std::mem::forget(panic);
            Err(Error::new(ErrorKind::Internal, "the engine panicked"))
        }
    }
}

/// Runs a function on a store. A panic poisons the store.
///
/// # Safety
/// `store` is NULL or a store that lives, and this is its thread.
pub unsafe fn on_store(store: *mut wrt_store_t, f: impl FnOnce(&mut Store) -> Result<()>) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    if let Err(e) = unsafe { check(store) } {
        return wrt_error_t::give(e);
    }
    // SAFETY: the caller's promise. The temporary `Store` is this call's own (`Store::with`), so calls may nest.
    unsafe {
        let result = guarded(|| (*store).with(f));
        if let Err(e) = &result
            && e.kind() == ErrorKind::Internal
        {
            let _ = guarded(|| {
                (*store).with(|s| s.poison());
                Ok(())
            });
        }
        result.map_or_else(wrt_error_t::give, |()| std::ptr::null_mut())
    }
}

/// As `on_store`, for what may run WebAssembly: the store can not go away before it is over, even when a callback
/// deletes it.
///
/// # Safety
/// As `on_store`.
pub unsafe fn running(store: *mut wrt_store_t, f: impl FnOnce(&mut Store) -> Result<()>) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    if let Err(e) = unsafe { check(store) } {
        return wrt_error_t::give(e);
    }
    // SAFETY: the caller's promise; the reference taken here keeps the store until it is given back.
    unsafe {
        (*store).retain();
        let error = on_store(store, f);
        wrt_store_t::release(store);
        error
    }
}

/// # Safety
/// As `on_store`.
unsafe fn check(store: *const wrt_store_t) -> Result<()> {
    // SAFETY: the caller's promise.
    match unsafe { store.as_ref() } {
        None => Err(null("store")),
        Some(s) if s.is_closed() => Err(err!(InvalidArgument, "limiters and finalizers can not use their store")),
        Some(_) => Ok(()),
    }
}

/// The error of a NULL where an object is required.
#[cold]
pub fn null(what: &str) -> Error {
    err!(InvalidArgument, "{what} is NULL")
}
