//! Exceptions: references of kind `WRT_EXNREF`. `wrt_ref_test` tells whether a reference is one.

use super::entry::{null, on_store, running};
use super::error::wrt_error_t;
use super::object::{count_of, value_of};
use super::own::{borrow, output};
use super::reference::given;
use super::store::wrt_store_t;
use super::val::{give_all, outputs, take_all, wrt_ref_t, wrt_tag_t, wrt_val_t};
use crate::api::{Ref, Tag};
use crate::err;

/// Creates an exception of a tag, in the innermost scope, without throwing it. `take_values` are the values that it
/// carries, one for each parameter of the tag's type. They are taken: the slots become empty, also on failure. Fails
/// with `type mismatch` if their number or types do not fit. May run a collection, and finalizers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_exception_new(
    store: *mut wrt_store_t,
    tag: *const wrt_tag_t,
    take_values: *mut wrt_val_t,
    value_count: usize,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a tag, an array of this length and a place for the reference, or NULLs, which are
    // refused.
    unsafe {
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        running(store, |s| {
            take_all(take_values, value_count, s, |s, values| {
                let (out, tag) = (out?, Tag::from(*borrow(tag, "tag")?));
                *out = Ref::new_exception(s, tag, values)?.into();
                Ok(())
            })
        })
    }
}

/// Writes the tag of an exception; compare it by `wrt_tag_equal`. Fails with `type mismatch` if the reference is not
/// to an exception.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_exception_tag(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_tag: *mut wrt_tag_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the tag, or NULLs, which are refused.
    unsafe {
        let out = output(out_tag, wrt_tag_t::EMPTY, "out_tag");
        on_store(store, |s| {
            let out = out?;
            *out = given(*borrow(reference, "reference")?)?.exception_tag(s)?.into();
            Ok(())
        })
    }
}

/// Writes how many values an exception carries. Fails as `wrt_exception_tag` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_exception_value_count(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_count: *mut u32,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the number, or NULLs, which are refused.
    unsafe { count_of(store, reference, out_count, "out_count", |s, r| r.exception_len(s)) }
}

/// Writes value `index` of an exception. A reference in it belongs to the caller, in the innermost scope. Fails with
/// `invalid argument` if there is no such value, and as `wrt_exception_tag` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_exception_value(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    index: u32,
    out_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the value, or NULLs, which are refused.
    unsafe { value_of(store, reference, out_value, |s, r| r.exception_value(s, index)) }
}

/// Writes all values that an exception carries. `count` must be their number, otherwise this fails with
/// `type mismatch`. References belong to the caller, in the innermost scope. Fails also as `wrt_exception_tag` does;
/// all values are empty on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_exception_values(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_values: *mut wrt_val_t,
    count: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and places for as many values, or NULLs, which are refused.
    unsafe {
        // Copied first: the reference may be stored in one of the output slots.
        let reference = borrow(reference, "reference").copied();
        let out = outputs(out_values, count, "out_values");
        on_store(store, |s| {
            let (out, r) = (out?, given(reference?)?);
            let len = r.exception_len(s)?;
            if len as usize != count {
                return Err(err!(TypeMismatch, "the exception carries {len} values, there are places for {count}"));
            }
            give_all(out, r.exception_values(s)?);
            Ok(())
        })
    }
}

/// Writes the exception that an error holds, as a reference in the innermost scope; the empty reference if it holds
/// none. The error is borrowed and continues to hold the exception. Fails with `wrong store` for an exception of
/// another store.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_error_exception(
    store: *mut wrt_store_t,
    error: *const wrt_error_t,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, an error and a place for the reference, or NULLs, which are refused.
    unsafe {
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        on_store(store, |s| {
            let (out, error) = (out?, borrow(error, "error")?);
            if let Some(r) = s.exception_of(error.error())? {
                *out = r.into();
            }
            Ok(())
        })
    }
}

/// Creates the error that holds an exception: a callback that returns it throws the exception. `*take_reference` is
/// taken: the slot becomes empty, except for a reference of another store. The error holds the exception until it is
/// deleted, which any thread can do, also after the store is destroyed. The caller owns the error. Never returns
/// NULL: on failure, the returned error says why.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_error_new_exception(
    store: *mut wrt_store_t,
    take_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a reference that can be written, or NULLs, which are refused.
    unsafe {
        on_store(store, |s| {
            let r = take_reference.as_mut().ok_or_else(|| null("reference"))?;
            let given = given(*r)?;
            if given.store != s.id() {
                return Err(given.to_error(s).err().unwrap_or_else(|| null("reference")));
            }
            *r = wrt_ref_t::EMPTY;
            let error = given.to_error(s);
            // If the reference is stale, `error` says so already.
            let _ = given.release(s);
            Err(error?)
        })
    }
}
