//! WebAssembly proposals: which ones the library has, and which ones an engine accepts.

use super::config::wrt_config_t;
use super::entry::{entry, null, plain};
use super::error::wrt_error_t;
use super::own::{borrow, output, string, wrt_bool};
use crate::api::{Feature, features};
use std::ffi::{CStr, c_char};

/// Returns how many proposals the library has. Each can be turned on and off.
#[unsafe(no_mangle)]
pub extern "C" fn wrt_feature_count() -> usize {
    plain(0, || features().count())
}

/// # Safety
/// `out_len` is NULL or can be written.
unsafe fn text(index: usize, out_len: *mut usize, of: impl Fn(&Feature) -> &'static CStr) -> *const c_char {
    plain(std::ptr::null(), || {
        let text = features().nth(index).map(of);
        if !out_len.is_null() {
            // SAFETY: the caller's promise.
            unsafe { out_len.write(text.map_or(0, CStr::count_bytes)) };
        }
        text.map_or(std::ptr::null(), CStr::as_ptr)
    })
}

/// Returns the name of a proposal, such as "tail-call": that of its repository under github.com/WebAssembly. The
/// string is static and NUL-terminated. `out_len` may be NULL. NULL if `index` is not below `wrt_feature_count()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_feature_name(index: usize, out_len: *mut usize) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { text(index, out_len, Feature::name_c) }
}

/// Returns one line that says what a proposal adds. Otherwise as `wrt_feature_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_feature_summary(index: usize, out_len: *mut usize) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { text(index, out_len, Feature::summary) }
}

/// Turns a proposal on, together with those it depends on, or off, together with those that depend on it. By default
/// all of WebAssembly 3.0 that the library has is on, and atomic instructions ("threads"); everything else is off. A
/// module that needs a proposal that is off is rejected by an error of kind `unsupported` that says what it needs and
/// where. Fails with `not found` for an unknown name, and with `unsupported` if a proposal is turned on that the
/// library does not have; the configuration is then unchanged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_feature(
    config: *mut wrt_config_t,
    name: *const c_char,
    name_len: usize,
    on: wrt_bool,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a configuration that no other thread uses, and a string of this length.
        let (config, name) =
            unsafe { (config.as_mut().ok_or_else(|| null("config"))?, string(name, name_len, "name")?) };
        config.0 = config.0.clone().feature(name, on.get())?;
        Ok(())
    })
}

/// Writes whether a proposal is on. A proposal that the library knows but does not have is off. Fails with
/// `not found` for an unknown name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_get_feature(
    config: *const wrt_config_t,
    name: *const c_char,
    name_len: usize,
    out_on: *mut bool,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a configuration, a string of this length and a place for the answer, or NULLs, which are refused.
        unsafe {
            let out = output(out_on, false, "out_on")?;
            *out = borrow(config, "config")?.0.is_feature_on(string(name, name_len, "name")?)?;
        }
        Ok(())
    })
}
