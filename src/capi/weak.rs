//! Weak references.

use super::entry::on_store;
use super::error::wrt_error_t;
use super::own::{borrow, output};
use super::reference::given;
use super::store::wrt_store_t;
use super::val::{release, wrt_ref_t};
use crate::api::WeakRef;

/// A reference that does not keep its object alive. A plain value: copies are the same reference. All zeros is the empty one.
/// It lives until `wrt_weak_release`, or the store's end; scopes do not matter.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_weak_t {
    pub store: u64,
    pub index: u32,
    pub generation: u32,
}

/// Makes a weak reference to what a reference leads to. One to an i31 never reads empty; one to a function looks at the object of
/// that very reference (`wrt_ref_of_func`).
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

/// A reference to the object, in the innermost scope; the empty one once a collection has found that the object is gone,
/// which is before its finalizer runs.
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

/// Ends a weak reference, from any thread: as `wrt_ref_drop`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_weak_drop(take_weak: *mut wrt_weak_t) {
    super::entry::plain((), || {
        // SAFETY: the caller passes NULL or a weak reference that can be written.
        if let Some(slot) = unsafe { take_weak.as_mut() } {
            WeakRef::from(std::mem::replace(slot, wrt_weak_t::EMPTY)).release_anywhere();
        }
    });
}

/// Ends a weak reference. The slot becomes empty, but for one of another store; releasing an empty one does nothing.
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
