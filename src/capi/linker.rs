//! Linking by name.

use super::engine::wrt_engine_t;
use super::entry::{entry, null, on_store, running};
use super::error::wrt_error_t;
use super::func::{checked, name_in_linker, raw, wrt_func_callback_t, wrt_func_raw_callback_t};
use super::instance::wrt_extern_t;
use super::module::wrt_module_t;
use super::own::{UserData, borrow, delete, give, output, string, wrt_finalizer_t};
use super::store::wrt_store_t;
use super::types::wrt_functype_t;
use super::val::wrt_instance_t;
use crate::api::{Instance, Linker, Result};
use crate::wasm::signature;
use std::ffi::{c_char, c_void};

/// Definitions by name for what modules import. One thread at a time may add definitions. Host functions that are
/// defined here work in every store of the engine; objects of a store work only in that store.
pub struct wrt_linker_t(Linker);

/// Creates a linker without definitions. The engine is borrowed. The caller owns `*out_linker`, which is NULL on
/// failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_linker_new(
    engine: *const wrt_engine_t,
    out_linker: *mut *mut wrt_linker_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine and a place for the linker, or NULLs, which are refused.
        let (out, engine) =
            unsafe { (output(out_linker, std::ptr::null_mut(), "out_linker")?, borrow(engine, "engine")?) };
        *out = give(wrt_linker_t(Linker::new(&engine.0)));
        Ok(())
    })
}

/// Deletes a linker. Instances that it has created stay, and so does the userdata of the functions that they use.
/// NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_linker_delete(linker: *mut wrt_linker_t) {
    // SAFETY: the caller gives up ownership.
    unsafe { delete(linker) }
}

/// # Safety
/// `p` is NULL or a linker that no other thread uses.
pub unsafe fn change<'a>(p: *mut wrt_linker_t) -> Result<&'a mut Linker> {
    // SAFETY: the caller's promise.
    Ok(&mut unsafe { p.as_mut() }.ok_or_else(|| null("linker"))?.0)
}

/// Defines a host function by a module name and a name. `signature` is its type as text, such as `(i32, i64) -> f64`.
/// `userdata` is never dereferenced. `finalizer` (may be NULL) is called with it once: when the linker and all stores
/// that use the function are gone, or when this call fails. Fails with `invalid argument` if the name is already
/// defined.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_linker_define_func(
    linker: *mut wrt_linker_t,
    module: *const c_char,
    module_len: usize,
    name: *const c_char,
    name_len: usize,
    signature: *const c_char,
    signature_len: usize,
    callback: wrt_func_callback_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
) -> *mut wrt_error_t {
    let data = UserData::new(userdata, finalizer);
    // SAFETY: the caller passes a linker and strings of these lengths, or NULLs, which are refused.
    entry(|| unsafe {
        let linker = change(linker)?;
        let (module, name) = (string(module, module_len, "module")?, string(name, name_len, "name")?);
        let ty = signature::parse(string(signature, signature_len, "signature")?)?;
        linker.define_func(module, name, checked(name_in_linker(module, name), &ty, callback, data)?)
    })
}

/// As `wrt_linker_define_func`, with a callback on raw slots.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_linker_define_func_raw(
    linker: *mut wrt_linker_t,
    module: *const c_char,
    module_len: usize,
    name: *const c_char,
    name_len: usize,
    signature: *const c_char,
    signature_len: usize,
    callback: wrt_func_raw_callback_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
) -> *mut wrt_error_t {
    let data = UserData::new(userdata, finalizer);
    // SAFETY: the caller passes a linker and strings of these lengths, or NULLs, which are refused.
    entry(|| unsafe {
        let linker = change(linker)?;
        let (module, name) = (string(module, module_len, "module")?, string(name, name_len, "name")?);
        let ty = signature::parse(string(signature, signature_len, "signature")?)?;
        linker.define_func(module, name, raw(name_in_linker(module, name), &ty, callback, data)?)
    })
}

/// As `wrt_linker_define_func`, with any function type, which is borrowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_linker_define_func_of(
    linker: *mut wrt_linker_t,
    module: *const c_char,
    module_len: usize,
    name: *const c_char,
    name_len: usize,
    ty: *const wrt_functype_t,
    callback: wrt_func_callback_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
) -> *mut wrt_error_t {
    let data = UserData::new(userdata, finalizer);
    // SAFETY: the caller passes a linker, strings of these lengths and a type, or NULLs, which are refused.
    entry(|| unsafe {
        let linker = change(linker)?;
        let (module, name) = (string(module, module_len, "module")?, string(name, name_len, "name")?);
        let ty = borrow(ty, "type")?.of(linker.engine())?;
        linker.define_func(module, name, checked(name_in_linker(module, name), ty, callback, data)?)
    })
}

/// Defines an object of a store by a module name and a name. The object is borrowed. Fails with `invalid argument` if
/// the name is already defined.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_linker_define(
    linker: *mut wrt_linker_t,
    store: *mut wrt_store_t,
    module: *const c_char,
    module_len: usize,
    name: *const c_char,
    name_len: usize,
    item: *const wrt_extern_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a linker, a store, strings of these lengths and an item, or NULLs, which are refused.
    unsafe {
        on_store(store, |s| {
            let linker = change(linker)?;
            let (module, name) = (string(module, module_len, "module")?, string(name, name_len, "name")?);
            linker.define(s, module, name, borrow(item, "item")?.get()?)
        })
    }
}

/// Defines every export of an instance under one module name. If one of the names is already defined, this fails with
/// `invalid argument` and defines nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_linker_define_instance(
    linker: *mut wrt_linker_t,
    store: *mut wrt_store_t,
    module: *const c_char,
    module_len: usize,
    instance: *const wrt_instance_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a linker, a store, a string of this length and an instance, or NULLs, which are refused.
    unsafe {
        on_store(store, |s| {
            let linker = change(linker)?;
            let module = string(module, module_len, "module")?;
            linker.define_instance(s, module, Instance::from(*borrow(instance, "instance")?))
        })
    }
}

/// Creates an instance whose imports are found by name, and runs its start function. Everything is borrowed. Fails
/// with `link` if imports are not defined or one does not fit; the message names the undefined imports (at most
/// eight), or the one that does not fit. Fails also as the start function does. `*out_instance` is empty on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_linker_instantiate(
    linker: *const wrt_linker_t,
    store: *mut wrt_store_t,
    module: *const wrt_module_t,
    out_instance: *mut wrt_instance_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a linker, a store, a module and a place for the instance, or NULLs, which are refused.
    unsafe {
        let out = output(out_instance, wrt_instance_t::EMPTY, "out_instance");
        running(store, |s| {
            let (out, linker) = (out?, borrow(linker, "linker")?);
            let module = &borrow(module, "module")?.module;
            // A start function may call a callback that deletes the module.
            *out = module.held_during(|module| linker.0.instantiate(s, module))?.into();
            Ok(())
        })
    }
}
