//! Tags.

use super::entry::{on_store, plain, running};
use super::error::wrt_error_t;
use super::own::{borrow, give, output};
use super::store::wrt_store_t;
use super::types::wrt_functype_t;
use super::val::{release, wrt_tag_t};
use crate::api::Tag;

/// Creates a tag, whose exceptions carry a value for each parameter of the type. The type is borrowed. Fails with
/// `invalid argument` if it has results. May run a collection, and finalizers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_tag_new(
    store: *mut wrt_store_t,
    ty: *const wrt_functype_t,
    out_tag: *mut wrt_tag_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a type and a place for the tag, or NULLs, which are refused.
    unsafe {
        let out = output(out_tag, wrt_tag_t::EMPTY, "out_tag");
        running(store, |s| {
            let (out, ty) = (out?, borrow(ty, "type")?);
            *out = Tag::new(s, ty.of(&s.engine())?)?.into();
            Ok(())
        })
    }
}

/// Writes the tag's type, whose parameters are the types of the values that its exceptions carry. The caller owns
/// `*out_type`, which is NULL on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_tag_type(
    store: *mut wrt_store_t,
    tag: *const wrt_tag_t,
    out_type: *mut *mut wrt_functype_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a tag and a place for the type, or NULLs, which are refused.
    unsafe {
        let out = output(out_type, std::ptr::null_mut(), "out_type");
        on_store(store, |s| {
            let (out, tag) = (out?, Tag::from(*borrow(tag, "tag")?));
            *out = give(wrt_functype_t::of_store(s, tag.type_id(s)?)?);
            Ok(())
        })
    }
}

/// Gives up the host's hold on a tag that `wrt_tag_new` created. The tag lives as long as an instance, an exception
/// or a reference to one refers to it, and a full collection after that frees it; its handles are then stale. The
/// slot becomes empty. Fails with `invalid argument` for a tag of an instance, which lives in the same way, and with
/// `stale handle` if the tag was already released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_tag_release(store: *mut wrt_store_t, take_tag: *mut wrt_tag_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a handle that can be written, or NULLs, which are refused.
    unsafe { on_store(store, |s| release(take_tag, s, wrt_tag_t::EMPTY, |s, h| Tag::from(h).release(s))) }
}

/// Returns whether two handles name the same tag. A tag that is imported, or exported under several names, is one
/// tag. False for NULL and for empty handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_tag_equal(a: *const wrt_tag_t, b: *const wrt_tag_t) -> bool {
    plain(false, || {
        // SAFETY: the caller passes NULLs or handles.
        match unsafe { (a.as_ref(), b.as_ref()) } {
            (Some(a), Some(b)) => a.store != 0 && Tag::from(*a) == Tag::from(*b),
            _ => false,
        }
    })
}
