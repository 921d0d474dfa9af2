//! Host objects: data of the host that `externref` refers to.

use super::entry::{on_store, running};
use super::error::wrt_error_t;
use super::own::{borrow, output, wrt_finalizer_t};
use super::reference::given;
use super::store::wrt_store_t;
use super::val::wrt_ref_t;
use crate::api::{HostPointer, Ref};
use crate::err;
use std::ffi::c_void;

/// # Safety
/// The caller passes a store and a place for the reference, or NULLs, which are refused.
#[inline(always)]
unsafe fn new_externref(
    store: *mut wrt_store_t,
    pointer: *mut c_void,
    finalizer: wrt_finalizer_t,
    external_bytes: usize,
    fields: u32,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe {
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        let error = running(store, |s| {
            let out = out?;
            let data = || HostPointer { pointer, finalizer };
            *out = Ref::host_pointer(s, data, external_bytes, fields)?.into();
            Ok(())
        });
        if !error.is_null() {
            drop(HostPointer { pointer, finalizer });
        }
        error
    }
}

/// As `wrt_externref_new`, for a host object with `field_count` fields. Each field refers to another object, or to
/// nothing, as at first. The host object keeps the objects in its fields alive while it lives itself, so cycles
/// through it are collected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externref_new_with_fields(
    store: *mut wrt_store_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
    external_bytes: usize,
    field_count: u32,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: as in `new_externref`.
    unsafe { new_externref(store, userdata, finalizer, external_bytes, field_count, out_reference) }
}

/// Writes what a field of a host object refers to, as a reference in the innermost scope; the empty reference if it
/// refers to nothing. Fails with `invalid argument` if there is no such field, and with `type mismatch` if the
/// reference is not to a host object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externref_get_field(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    index: u32,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for another, or NULLs, which are refused.
    unsafe {
        let reference = borrow(reference, "reference").copied();
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        on_store(store, |s| {
            let out = out?;
            if let Some(r) = given(reference?)?.host_field(s, index)? {
                *out = r.into();
            }
            Ok(())
        })
    }
}

/// Sets what a field of a host object refers to: `*take_value`, or nothing if that is the empty reference.
/// `*take_value` is taken: the slot becomes empty, also on failure, except for a reference of another store. Fails as
/// `wrt_externref_get_field` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externref_set_field(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    index: u32,
    take_value: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference, and one that can be written, or NULLs, which are refused.
    unsafe {
        // Copied first: both references may be in the same slot.
        let reference = borrow(reference, "reference").copied();
        on_store(store, |s| {
            let value = borrow(take_value, "value")?.get();
            if value.is_none_or(|v| v.store == s.id()) {
                *take_value = wrt_ref_t::EMPTY;
            }
            let result = reference.and_then(|r| given(r)?.set_host_field(s, index, value));
            if let Some(v) = value.filter(|v| v.store == s.id()) {
                // If the reference is stale, `result` is an error already.
                let _ = v.release(s);
            }
            result
        })
    }
}

/// Creates a host object: an externref to data of the host, in the innermost scope. `userdata` is never dereferenced.
/// `finalizer` (may be NULL) is called with it once: after the last reference is gone, at the latest when the store
/// is destroyed, or when this call fails. It is called outside of collections, on a thread that uses or deletes the
/// store, and cannot use the store itself. `external_bytes` is how many bytes of the host's memory the object stands
/// for: the collector counts them like bytes of its own heap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externref_new(
    store: *mut wrt_store_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
    external_bytes: usize,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: as in `new_externref`.
    unsafe { new_externref(store, userdata, finalizer, external_bytes, 0, out_reference) }
}

/// Writes the userdata of a host object, also if the reference was converted to `any`. Fails with `type mismatch` if
/// the reference is not to a host object.
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
            let found = given(*borrow(reference, "reference")?)?.pointer(s)?;
            *out = found.ok_or_else(|| err!(TypeMismatch, "the reference is not to a host object"))?;
            Ok(())
        })
    }
}
