//! Globals.

use super::entry::on_store;
use super::error::wrt_error_t;
use super::own::{borrow, output};
use super::store::wrt_store_t;
use super::val::{kind_of, take, type_of, wrt_global_t, wrt_val_t};
use crate::api::{Global, GlobalType};

/// Makes a global of a value kind (`WRT_I32`, ...). `*take_value` is taken: the slot becomes empty, also on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_global_new(
    store: *mut wrt_store_t,
    kind: u8,
    mutable: bool,
    take_value: *mut wrt_val_t,
    out_global: *mut wrt_global_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a value and a place for the global, or NULLs, which are refused.
    unsafe {
        let out = output(out_global, wrt_global_t::EMPTY, "out_global");
        on_store(store, |s| {
            take(take_value, s, |s, value| {
                let (out, content) = (out?, type_of(kind)?);
                *out = Global::new(s, GlobalType { content, mutable }, value)?.into();
                Ok(())
            })
        })
    }
}

/// The global's value kind and whether it is mutable.
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

/// The global's value; a reference in it is the caller's, in the innermost scope.
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

/// Sets the global to `*take_value`, which is taken: the slot becomes empty, also on failure. Fails with `type mismatch`
/// when the global is immutable or of another kind.
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
