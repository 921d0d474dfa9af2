//! The boundary of the C API: only results and error objects cross it, never a panic.

use super::error::wrt_error_t;
use super::store::{LENT, wrt_store_t};
use crate::api::{Error, ErrorKind, Result, StoreMut};
use crate::err;
use crate::sys::signals::stack_pointer;
use crate::sys::thread;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a fallible function and turns its error into an error object.
pub fn entry(f: impl FnOnce() -> Result<()>) -> *mut wrt_error_t {
    match guarded(f) {
        Ok(()) => std::ptr::null_mut(),
        Err(e) => wrt_error_t::give(e),
    }
}

/// Runs a function that cannot fail, and returns `default` if it panics.
pub fn plain<T>(default: T, f: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or(default)
}

/// The closure is not moved: a move would have to wait until its captured values have been written to memory.
#[inline(always)]
fn guarded(f: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut f = ManuallyDrop::new(f);
    // SAFETY: the closure is taken only once.
    match catch_unwind(AssertUnwindSafe(|| unsafe { ManuallyDrop::take(&mut f)() })) {
        Ok(result) => result,
        Err(panic) => Err(panicked(panic)),
    }
}

#[cold]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Error {
    // Dropping the panic's payload could run code that panics again.
    std::mem::forget(panic);
    Error::new(ErrorKind::Internal, "the engine panicked")
}

/// Checks whether this thread may enter a store. Returns the previous occupant, which has to be restored by
/// `set_occupant` afterwards: 0, or a thread whose callback is running.
///
/// # Safety
/// `store` is NULL or a live store.
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

/// Checks the occupant of a store and returns it: 0 if none of its calls will ever return.
///
/// # Safety
/// As `admit`; the store has an occupant.
#[cold]
unsafe fn check_occupant(store: *mut wrt_store_t, before: usize, thread: usize, sp: usize) -> Result<usize> {
    match (before & !LENT == thread, before & LENT != 0) {
        (true, _) => {}
        (false, true) => return Ok(before),
        (false, false) => {
            return Err(err!(WrongThread, "another thread is using the store; only one thread at a time can"));
        }
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
/// `store` is NULL or a live store that only this thread uses now.
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
/// As `on_store`; the store has been checked by `admit`.
#[inline(always)]
unsafe fn on_open_store(store: *mut wrt_store_t, f: impl FnOnce(&mut StoreMut<'_>) -> Result<()>) -> *mut wrt_error_t {
    let mut f = ManuallyDrop::new(f);
    // SAFETY: the caller's promise. The temporary `StoreMut` is this call's own (`lend`), so calls can nest. The function is
    // taken only once.
    match catch_unwind(AssertUnwindSafe(|| unsafe { (*store).with(ManuallyDrop::take(&mut f)) })) {
        Ok(Ok(())) => std::ptr::null_mut(),
        Ok(Err(e)) => wrt_error_t::give(e),
        // SAFETY: as above.
        Err(panic) => unsafe { panicked_on(store, panic) },
    }
}

/// As `on_store`, for functions that may run WebAssembly: the store is not destroyed before the function has
/// returned, even if a callback deletes it.
///
/// # Safety
/// As `on_store`.
#[inline(always)]
pub unsafe fn running(store: *mut wrt_store_t, f: impl FnOnce(&mut StoreMut<'_>) -> Result<()>) -> *mut wrt_error_t {
    // SAFETY: the caller's promise; between `enter` and `leave` the store is not destroyed.
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

/// Returns the error for a NULL where an object is required.
#[cold]
pub fn null(what: &str) -> Error {
    err!(InvalidArgument, "{what} is NULL")
}
