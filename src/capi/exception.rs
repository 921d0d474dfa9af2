//! Exceptions: references of kind `WRT_EXNREF`. `wrt_ref_test` says of any reference whether it is one.

use super::entry::{null, on_store, running};
use super::error::wrt_error_t;
use super::object::{count_of, value_of};
use super::own::{borrow, output};
use super::reference::given;
use super::store::wrt_store_t;
use super::val::{give_all, outputs, take_all, wrt_ref_t, wrt_tag_t, wrt_val_t};
use crate::api::{Ref, Tag};
use crate::err;

/// Makes an exception of a tag, in the innermost scope; nothing is thrown. `take_values` are what it carries, one of each
/// parameter of the tag's type, and are taken: the slots become empty, also on failure. May collect; finalizers run then.
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

/// The tag of an exception, to be compared by `wrt_tag_equal`. Fails with `type mismatch` if the reference is to something else.
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

/// How many values an exception carries. Fails as `wrt_exception_tag` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_exception_value_count(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_count: *mut u32,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the number, or NULLs, which are refused.
    unsafe { count_of(store, reference, out_count, "out_count", |s, r| r.exception_len(s)) }
}

/// A value that an exception carries. A reference in it is the caller's, in the innermost scope. Fails with `invalid argument`
/// when there is no such value, and as `wrt_exception_tag`.
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

/// All values that an exception carries, of which there are `count`, otherwise this fails with `type mismatch`. As
/// `wrt_exception_value`; all values are empty on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_exception_values(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_values: *mut wrt_val_t,
    count: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and places for as many values, or NULLs, which are refused.
    unsafe {
        // A copy: it may be in one of the places.
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

/// The exception that an error holds, in the innermost scope; the empty reference if it holds none. The error is borrowed, and
/// goes on holding it. Fails with `wrong store` for an exception of another store.
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

/// Makes the error of an exception, for a callback to return: that throws it. `*take_reference` is taken: the slot becomes empty,
/// but for a reference of another store. The error holds the exception until it is deleted, on any thread, also after the store's
/// end. Never returns NULL: when this fails, the error is the one that says why.
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
            // A stale one is an error already.
            let _ = given.release(s);
            Err(error?)
        })
    }
}
