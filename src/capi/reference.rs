//! References to objects, and scopes.

use super::entry::{on_store, running};
use super::error::wrt_error_t;
use super::own::{UserData, borrow, output, wrt_finalizer_t};
use super::store::{Owner, wrt_store_t};
use super::val::wrt_ref_t;
use crate::api::{Ref, Result, Store};
use crate::err;
use std::ffi::c_void;

/// Opens a scope: references made from now on end with it. Scopes nest. In a callback, scopes that were opened and not
/// closed are closed when it returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_scope_open(store: *mut wrt_store_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { on_store(store, |s| s.open_scope().map(drop)) }
}

/// Closes the innermost scope and releases the references made in it. Fails with `invalid argument` if none was opened, or,
/// in a callback, none since the callback began.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_scope_close(store: *mut wrt_store_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { on_store(store, |s| s.close_scope()) }
}

fn given(r: wrt_ref_t) -> Result<Ref> {
    r.get().ok_or_else(|| err!(StaleHandle, "the reference is empty"))
}

/// Makes a reference belong to the scope around the innermost one, or to the store if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_escape(store: *mut wrt_store_t, reference: *const wrt_ref_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a reference, or NULLs, which are refused.
    unsafe { on_store(store, |s| given(*borrow(reference, "reference")?)?.escape(s)) }
}

/// Another reference to the same object, in the innermost scope. The empty reference has an empty clone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_clone(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the clone, or NULLs, which are refused.
    unsafe {
        let reference = borrow(reference, "reference").copied();
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        on_store(store, |s| {
            let out = out?;
            if let Some(r) = reference?.get() {
                *out = r.duplicate(s)?.into();
            }
            Ok(())
        })
    }
}

/// Ends a reference now. The slot becomes empty, but for a reference of another store; releasing an empty one does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_release(store: *mut wrt_store_t, take_reference: *mut wrt_ref_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a reference that can be written, or NULLs, which are refused.
    unsafe {
        on_store(store, |s| {
            let reference = *borrow(take_reference, "reference")?;
            let Some(r) = reference.get() else { return Ok(()) };
            if r.store == s.id() {
                *take_reference = wrt_ref_t::EMPTY;
            }
            r.release(s)
        })
    }
}

/// Whether both refer to the same object, or are the same i31, or are both empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_equal(
    store: *mut wrt_store_t,
    a: *const wrt_ref_t,
    b: *const wrt_ref_t,
    out_equal: *mut bool,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, references and a place for the answer, or NULLs, which are refused.
    unsafe {
        let out = output(out_equal, false, "out_equal");
        on_store(store, |s| {
            let (out, a, b) = (out?, borrow(a, "a")?.get(), borrow(b, "b")?.get());
            *out = match (a, b) {
                (Some(a), Some(b)) => a.same(s, b)?,
                (a, b) => a.is_none() && b.is_none(),
            };
            Ok(())
        })
    }
}

/// An i31 with the low 31 bits of a number, in the innermost scope.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_i31_new(
    store: *mut wrt_store_t,
    value: i32,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a place for the reference, or NULLs, which are refused.
    unsafe {
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        on_store(store, |s| {
            let out = out?;
            *out = Ref::i31(s, value)?.into();
            Ok(())
        })
    }
}

/// The number of an i31, sign-extended. Fails with `type mismatch` for anything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_i31_get(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_value: *mut i32,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the number, or NULLs, which are refused.
    unsafe {
        let out = output(out_value, 0, "out_value");
        on_store(store, |s| {
            let (out, r) = (out?, given(*borrow(reference, "reference")?)?);
            *out = r.as_i31(s)?.ok_or_else(|| err!(TypeMismatch, "the reference is no i31"))?;
            Ok(())
        })
    }
}

/// The host's side of an externref. Finalizers can not use the store.
struct HostObject {
    data: Option<UserData>,
    owner: Owner,
}

impl Drop for HostObject {
    fn drop(&mut self) {
        // SAFETY: the store drops its objects before it is gone itself.
        unsafe { (*self.owner.0).closed_during(|| drop(self.data.take())) };
    }
}

/// Makes an externref to data of the host, in the innermost scope. `userdata` is never looked at; `finalizer` (may be NULL)
/// is called with it once: after the last reference is gone, at the latest when the store is, or when this fails. It is
/// called outside of collections, on a thread that uses or deletes the store, and can not use the store itself.
/// `external_bytes` are memory of the host that lives and dies with it: the collector counts them as it counts its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externref_new(
    store: *mut wrt_store_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
    external_bytes: usize,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    let data = UserData::new(userdata, finalizer);
    // SAFETY: the caller passes a store and a place for the reference, or NULLs, which are refused.
    unsafe {
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        running(store, |s| {
            let out = out?;
            let object = HostObject { data: Some(data), owner: Owner(store) };
            *out = Ref::host(s, object, external_bytes)?.into();
            Ok(())
        })
    }
}

fn userdata(s: &Store, r: Ref) -> Result<*mut c_void> {
    let data = r.data(s)?.and_then(|d| d.downcast_ref::<HostObject>());
    let data =
        data.and_then(|o| o.data.as_ref()).ok_or_else(|| err!(TypeMismatch, "the reference is to no host object"))?;
    Ok(data.ptr)
}

/// The userdata of a reference that leads to what `wrt_externref_new` made, also after a conversion to `any`. Fails with
/// `type mismatch` for anything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externref_userdata(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_userdata: *mut *mut c_void,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the userdata, or NULLs, which are refused.
    unsafe {
        let out = output(out_userdata, std::ptr::null_mut(), "out_userdata");
        on_store(store, |s| {
            let out = out?;
            *out = userdata(s, given(*borrow(reference, "reference")?)?)?;
            Ok(())
        })
    }
}
