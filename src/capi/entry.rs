//! The boundary: nothing but results and error objects crosses it.

use super::error::wrt_error_t;
use super::store::{LENT, wrt_store_t};
use crate::api::{Error, ErrorKind, Result, StoreMut};
use crate::err;
use crate::sys::signals::stack_pointer;
use crate::sys::thread;
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

/// Lets a call into a store. Returns which thread was in it before, for `set_occupant` afterwards: 0, or one in a callback.
///
/// # Safety
/// `store` is NULL or a store that lives.
#[inline(always)]
unsafe fn admit(store: *mut wrt_store_t) -> Result<usize> {
    if store.is_null() {
        return Err(null("store"));
    }
    // SAFETY: the caller's promise.
    unsafe {
        let (thread, mut before) = (thread::token(), (*store).occupant());
        if before != 0 && !(before & !LENT == thread && (*store).gate().is_called_back(stack_pointer())) {
            before = check_occupant(store, before, thread, stack_pointer())?;
        }
        wrt_store_t::check_open(store)?;
        (*store).set_occupant(thread);
        Ok(before)
    }
}

/// Returns the occupant: none, if all that it does will never return.
///
/// # Safety
/// As `admit`; there is an occupant.
#[cold]
unsafe fn check_occupant(store: *mut wrt_store_t, before: usize, thread: usize, sp: usize) -> Result<usize> {
    match (before & !LENT == thread, before & LENT != 0) {
        (true, _) => {}
        (false, true) => return Ok(before),
        (false, false) => return Err(err!(WrongThread, "another thread is using the store; one thread at a time may")),
    }
    // SAFETY: the caller's promise.
    unsafe {
        (*store).look_for_abandoned(sp);
        Ok((*store).occupant())
    }
}

/// Runs a function on a store. A panic poisons the store.
///
/// # Safety
/// `store` is NULL or a store that lives, which only this thread uses now.
#[inline(always)]
pub unsafe fn on_store(store: *mut wrt_store_t, f: impl FnOnce(&mut StoreMut<'_>) -> Result<()>) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe {
        let before = match admit(store) {
            Ok(before) => before,
            Err(e) => return wrt_error_t::give(e),
        };
        let error = on_open_store(store, f);
        (*store).set_occupant(before);
        error
    }
}

/// # Safety
/// As `on_store`, which has checked the store.
#[inline(always)]
unsafe fn on_open_store(store: *mut wrt_store_t, f: impl FnOnce(&mut StoreMut<'_>) -> Result<()>) -> *mut wrt_error_t {
    let mut f = ManuallyDrop::new(f);
    // SAFETY: the caller's promise. The temporary `StoreMut` is this call's own (`lend`), so calls may nest. The function is
    // taken once.
    match catch_unwind(AssertUnwindSafe(|| unsafe { (*store).with(ManuallyDrop::take(&mut f)) })) {
        Ok(Ok(())) => std::ptr::null_mut(),
        Ok(Err(e)) => wrt_error_t::give(e),
        // SAFETY: as above.
        Err(panic) => unsafe { panicked_on(store, panic) },
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
        let occupant = match admit(store) {
            Ok(before) => before,
            Err(e) => return wrt_error_t::give(e),
        };
        let before = (*store).enter();
        let error = on_open_store(store, f);
        (*store).set_occupant(occupant);
        wrt_store_t::leave(store, before);
        error
    }
}

/// # Safety
/// As `on_store`.
#[cold]
unsafe fn panicked_on(store: *mut wrt_store_t, panic: Box<dyn std::any::Any + Send>) -> *mut wrt_error_t {
    plain((), || {
        // SAFETY: the caller's promise.
        unsafe { (*store).with(|s| s.poison()) };
    });
    wrt_error_t::give(panicked(panic))
}

/// The error of a NULL where an object is required.
#[cold]
pub fn null(what: &str) -> Error {
    err!(InvalidArgument, "{what} is NULL")
}
