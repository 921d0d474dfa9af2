//! Weak references.

use super::entry::on_store;
use super::error::wrt_error_t;
use super::own::{borrow, output};
use super::reference::given;
use super::store::wrt_store_t;
use super::val::{release, wrt_ref_t};
use crate::api::WeakRef;

/// A reference that does not keep its object alive. A plain value: copies are the same reference. All zeros is the
/// empty reference. It lives until `wrt_weak_release`, or until the store is destroyed; scopes do not affect it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_weak_t {
    pub store: u64,
    pub index: u32,
    pub generation: u32,
}

/// Creates a weak reference to what a reference refers to. A weak reference to an i31 never becomes empty. If
/// `*reference` is to a function, the weak reference becomes empty when the object that `wrt_ref_of_func` created for
/// that reference is gone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_weak_new(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_weak: *mut wrt_weak_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the weak one, or NULLs, which are refused.
    unsafe {
        let out = output(out_weak, wrt_weak_t::EMPTY, "out_weak");
        on_store(store, |s| {
            let out = out?;
            *out = given(*borrow(reference, "reference")?)?.downgrade(s)?.into();
            Ok(())
        })
    }
}

/// Writes a reference to the object, in the innermost scope. It is empty once a collection has found that the object
/// is gone, which is before the object's finalizer runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_weak_get(
    store: *mut wrt_store_t,
    weak: *const wrt_weak_t,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a weak reference and a place for the other, or NULLs, which are refused.
    unsafe {
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        on_store(store, |s| {
            let out = out?;
            if let Some(r) = WeakRef::from(*borrow(weak, "weak")?).upgrade(s)? {
                *out = r.into();
            }
            Ok(())
        })
    }
}

/// Releases a weak reference, from any thread: as `wrt_ref_drop` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_weak_drop(take_weak: *mut wrt_weak_t) {
    super::entry::plain((), || {
        // SAFETY: the caller passes NULL or a weak reference that can be written.
        if let Some(slot) = unsafe { take_weak.as_mut() } {
            WeakRef::from(std::mem::replace(slot, wrt_weak_t::EMPTY)).release_anywhere();
        }
    });
}

/// Releases a weak reference. The slot becomes empty, except for a weak reference of another store. Does nothing if
/// the slot is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_weak_release(store: *mut wrt_store_t, take_weak: *mut wrt_weak_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a weak reference that can be written, or NULLs, which are refused.
    unsafe {
        on_store(store, |s| {
            if borrow(take_weak, "weak")?.store == 0 {
                return Ok(());
            }
            release(take_weak, s, wrt_weak_t::EMPTY, |s, h| WeakRef::from(h).release(s))
        })
    }
}
