//! Which proposals there are, and which an engine takes.

use super::config::wrt_config_t;
use super::entry::{entry, null, plain};
use super::error::wrt_error_t;
use super::own::{borrow, output, string, wrt_bool};
use crate::api::{Feature, features};
use std::ffi::{CStr, c_char};

/// How many proposals the library has that can be turned on and off.
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

/// The name of a proposal, such as "tail-call": that of its repository under github.com/WebAssembly. `index` is below
/// `wrt_feature_count()`; otherwise NULL. `out_len` may be NULL. Static, NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_feature_name(index: usize, out_len: *mut usize) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { text(index, out_len, Feature::name_c) }
}

/// What a proposal is about, in a line. As `wrt_feature_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_feature_summary(index: usize, out_len: *mut usize) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { text(index, out_len, Feature::summary) }
}

/// Turns a proposal on, with those it builds upon, or off, with those that build upon it. At first all of WebAssembly 3.0 that the
/// library has is on, and nothing else. A module that needs what is off is refused by an error of kind `unsupported` that says
/// what it needs and where. Fails with `not found` for names there are not, and with `unsupported` when a proposal is
/// turned on that the library does not have; the configuration is as before then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_feature(
    config: *mut wrt_config_t,
    name: *const c_char,
    name_len: usize,
    on: wrt_bool,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a configuration nobody else uses, and a string of this length.
        let (config, name) =
            unsafe { (config.as_mut().ok_or_else(|| null("config"))?, string(name, name_len, "name")?) };
        config.0 = config.0.clone().feature(name, on.get())?;
        Ok(())
    })
}

/// Whether a proposal is on. Fails with `not found` for names there are not; what the library knows of and does not have is off.
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
