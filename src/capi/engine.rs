//! Engines.

use super::config::wrt_config_t;
use super::entry::{entry, plain};
use super::error::wrt_error_t;
use super::own::{borrow, delete, give, output};
use crate::api::{Config, Engine, EngineOffer};

/// An engine: the settings, and everything that modules and stores share. Can be shared between threads; a program
/// can have many. Modules and stores keep what they need of their engine, so it can be deleted before them.
pub struct wrt_engine_t(pub(super) Engine, #[allow(dead_code)] EngineOffer);

impl wrt_engine_t {
    fn give(engine: Engine) -> *mut wrt_engine_t {
        let offer = engine.offer();
        give(wrt_engine_t(engine, offer))
    }
}

/// Creates an engine. `config` is borrowed; NULL stands for the defaults. The caller owns `*out_engine`, which is
/// NULL on failure. Fails with `unsupported` on a machine that is not supported, with `invalid argument` for settings
/// that are out of range, and with `i/o` if the system refuses the signal handlers or the cache directory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_engine_new(
    config: *const wrt_config_t,
    out_engine: *mut *mut wrt_engine_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a place for the engine, and NULL or a configuration.
        let (out, config) = unsafe { (output(out_engine, std::ptr::null_mut(), "out_engine")?, config.as_ref()) };
        let engine = match config {
            Some(c) => Engine::new(&c.0)?,
            None => Engine::new(&Config::new())?,
        };
        *out = wrt_engine_t::give(engine);
        Ok(())
    })
}

/// Returns another owned pointer to the same engine. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_engine_clone(engine: *const wrt_engine_t) -> *mut wrt_engine_t {
    plain(std::ptr::null_mut(), || {
        // SAFETY: the caller passes NULL or an engine.
        unsafe { engine.as_ref() }.map_or(std::ptr::null_mut(), |e| wrt_engine_t::give(e.0.clone()))
    })
}

/// Reports how far the compilation of the engine's modules has come: `*out_done` is how many bytes of function bodies
/// have been compiled since the engine was created, and `*out_total` is how many have been compiled or are waiting to
/// be. Can be called from any thread at any time, for example to show progress while another thread creates a module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_engine_compile_progress(
    engine: *const wrt_engine_t,
    out_done: *mut u64,
    out_total: *mut u64,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine and places for the numbers.
        let (done, total, engine) = unsafe {
            let (done, total) = (output(out_done, 0, "out_done"), output(out_total, 0, "out_total"));
            (done?, total?, borrow(engine, "engine")?)
        };
        (*done, *total) = engine.0.compile_progress();
        Ok(())
    })
}

/// Returns how many defined types exist in the engine, from modules and from the host: those that something keeps
/// alive (see `wrt_type_t`). Can be called from any thread at any time. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_engine_type_count(engine: *const wrt_engine_t) -> usize {
    // SAFETY: the caller passes NULL or an engine.
    plain(0, || unsafe { engine.as_ref() }.map_or(0, |e| e.0.type_count()))
}

/// Deletes an engine pointer. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_engine_delete(engine: *mut wrt_engine_t) {
    // SAFETY: the caller gives up ownership.
    unsafe { delete(engine) }
}
