//! Globals.

use super::entry::{on_store, running};
use super::error::wrt_error_t;
use super::own::{borrow, output, wrt_bool};
use super::store::wrt_store_t;
use super::val::{kind_of, release, take, type_of, wrt_global_t, wrt_val_t};
use super::valtype::wrt_type_t;
use crate::api::{Global, GlobalType};

/// Creates a global of a value kind (`WRT_I32`, ...). `*take_value` is taken: the slot becomes empty, also on
/// failure. Fails with `type mismatch` if the value is of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_global_new(
    store: *mut wrt_store_t,
    kind: u8,
    mutable: wrt_bool,
    take_value: *mut wrt_val_t,
    out_global: *mut wrt_global_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a value and a place for the global, or NULLs, which are refused.
    unsafe {
        let out = output(out_global, wrt_global_t::EMPTY, "out_global");
        running(store, |s| {
            take(take_value, s, |s, value| {
                let (out, content) = (out?, type_of(kind)?);
                *out = Global::new(s, GlobalType { content, mutable: mutable.get() }, value)?.into();
                Ok(())
            })
        })
    }
}

/// As `wrt_global_new`, for a global of any type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_global_new_of(
    store: *mut wrt_store_t,
    ty: *const wrt_type_t,
    mutable: wrt_bool,
    take_value: *mut wrt_val_t,
    out_global: *mut wrt_global_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a type, a value and a place for the global, or NULLs, which are refused.
    unsafe {
        let out = output(out_global, wrt_global_t::EMPTY, "out_global");
        running(store, |s| {
            take(take_value, s, |s, value| {
                let (out, content) = (out?, borrow(ty, "type")?.val(&s.engine())?);
                *out = Global::new(s, GlobalType { content: content.ty, mutable: mutable.get() }, value)?.into();
                Ok(())
            })
        })
    }
}

/// Writes the type of the global's value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_global_value_type(
    store: *mut wrt_store_t,
    global: *const wrt_global_t,
    out_type: *mut wrt_type_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a global and a place for the type, or NULLs, which are refused.
    unsafe {
        let out = output(out_type, wrt_type_t::EMPTY, "out_type");
        on_store(store, |s| {
            let (out, global) = (out?, Global::from(*borrow(global, "global")?));
            *out = wrt_type_t::in_store(s, global.ty(s)?.content);
            Ok(())
        })
    }
}

/// Writes the kind of the global's value, and whether the global is mutable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_global_type(
    store: *mut wrt_store_t,
    global: *const wrt_global_t,
    out_kind: *mut u8,
    out_mutable: *mut bool,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a global and places for both, or NULLs, which are refused.
    unsafe {
        let (kind, mutable) = (output(out_kind, 0, "out_kind"), output(out_mutable, false, "out_mutable"));
        on_store(store, |s| {
            let (kind, mutable) = (kind?, mutable?);
            let ty = Global::from(*borrow(global, "global")?).ty(s)?;
            (*kind, *mutable) = (kind_of(ty.content), ty.mutable);
            Ok(())
        })
    }
}

/// Writes the global's value. A reference in it belongs to the caller, in the innermost scope.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_global_get(
    store: *mut wrt_store_t,
    global: *const wrt_global_t,
    out_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a global and a place for the value, or NULLs, which are refused.
    unsafe {
        let out = output(out_value, wrt_val_t::EMPTY, "out_value");
        on_store(store, |s| {
            let (out, global) = (out?, Global::from(*borrow(global, "global")?));
            *out = wrt_val_t::from_val(global.get(s)?);
            Ok(())
        })
    }
}

/// Sets the global to `*take_value`, which is taken: the slot becomes empty, also on failure. Fails with
/// `type mismatch` if the global is immutable or of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_global_set(
    store: *mut wrt_store_t,
    global: *const wrt_global_t,
    take_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a global and a value, or NULLs, which are refused.
    unsafe {
        on_store(store, |s| take(take_value, s, |s, value| Global::from(*borrow(global, "global")?).set(s, value)))
    }
}

/// Gives up the host's hold on a global that `wrt_global_new` created. The global lives as long as something refers
/// to it, and a full collection after that frees it; its handles are then stale. The slot becomes empty. Fails with
/// `invalid argument` for a global of an instance, which lives as long as the instance, and with `stale handle` if
/// the global was already released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_global_release(
    store: *mut wrt_store_t,
    take_global: *mut wrt_global_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a handle that can be written, or NULLs, which are refused.
    unsafe { on_store(store, |s| release(take_global, s, wrt_global_t::EMPTY, |s, h| Global::from(h).release(s))) }
}
