//! Functions: calling them, and defining them in C.

use super::entry::{on_store, running};
use super::error::wrt_error_t;
use super::own::{UserData, borrow, give, output, slice, wrt_finalizer_t};
use super::store::wrt_store_t;
use super::types::wrt_functype_t;
use super::val::{release, wrt_func_t, wrt_instance_t, wrt_ref_t, wrt_val_t};
use crate::api::{Caller, Func, FuncType, HostDefinition, Result, Val, VmSlot};
use crate::err;
use std::ffi::c_void;

/// A raw slot: 16 bytes that hold one value of a known type, little-endian, from the first byte on.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub union wrt_raw_t {
    pub i32: i32,
    pub i64: i64,
    pub f32: f32,
    pub f64: f64,
    pub v128: [u8; 16],
    /// A funcref: NULL or opaque.
    pub funcref: *mut c_void,
    /// Any other reference, checked also in raw calls; empty is null.
    pub r#ref: wrt_ref_t,
}

/// A call in progress, as a callback sees it. Valid until the callback returns.
pub struct wrt_caller_t {
    store: *mut wrt_store_t,
    instance: wrt_instance_t,
}

/// A host function. `args` are borrowed: references in them live until the callback returns. `results` are zeros and nulls of the right kinds, to be filled in; they are given.
/// Returns NULL, or an error that it gives and that ends the call; it passes through WebAssembly to whoever called it.
/// It may use the store, calls into WebAssembly included, by `wrt_caller_store`.
pub type wrt_func_callback_t = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        caller: *mut wrt_caller_t,
        args: *const wrt_val_t,
        arg_count: usize,
        results: *mut wrt_val_t,
        result_count: usize,
    ) -> *mut wrt_error_t,
>;

/// A host function without checks: `slots` hold the arguments and take the results, both from slot 0 on. As many slots as
/// there are parameters or results, whichever are more.
pub type wrt_func_raw_callback_t = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        caller: *mut wrt_caller_t,
        slots: *mut wrt_raw_t,
        slot_count: usize,
    ) -> *mut wrt_error_t,
>;

/// Values on the stack of a call up to this number.
const FEW: usize = 16;

fn c_caller(caller: &mut Caller<'_>) -> wrt_caller_t {
    let instance = caller.instance().map_or(wrt_instance_t::EMPTY, wrt_instance_t::from);
    wrt_caller_t { store: caller.store().embedder().cast(), instance }
}

fn result_of(error: *mut wrt_error_t) -> Result<()> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: callbacks give their errors.
    Err(unsafe { wrt_error_t::take(error) })
}

/// A checked host function without a store.
pub fn checked(ty: &FuncType, callback: wrt_func_callback_t, data: UserData) -> Result<HostDefinition> {
    let callback = callback.ok_or_else(|| super::entry::null("callback"))?;
    HostDefinition::new(ty, move |caller, args, results| {
        let data = &data;
        let mut few = [wrt_val_t::EMPTY; FEW];
        let mut many = Vec::new();
        let n = args.len() + results.len();
        let vals = if n <= FEW {
            &mut few[..n]
        } else {
            many.resize(n, wrt_val_t::EMPTY);
            &mut many[..]
        };
        for (c, val) in vals.iter_mut().zip(args.iter().chain(results.iter())) {
            *c = wrt_val_t::from_val(*val);
        }
        let (c_args, c_results) = vals.split_at_mut(args.len());
        let mut c = c_caller(caller);
        // SAFETY: the host gave the callback for this purpose; the arrays have these lengths.
        result_of(unsafe {
            callback(data.ptr, &mut c, c_args.as_ptr(), c_args.len(), c_results.as_mut_ptr(), c_results.len())
        })?;
        for (val, c) in results.iter_mut().zip(c_results) {
            *val = c.to_val()?;
        }
        Ok(())
    })
}

/// An unchecked host function without a store.
pub fn raw(ty: &FuncType, callback: wrt_func_raw_callback_t, data: UserData) -> Result<HostDefinition> {
    let callback = callback.ok_or_else(|| super::entry::null("callback"))?;
    // SAFETY: the host promises with the raw callback that it leaves results of the types.
    unsafe {
        HostDefinition::new_raw(ty, move |caller, slots| {
            let data = &data;
            let mut c = c_caller(caller);
            result_of(callback(data.ptr, &mut c, slots.as_mut_ptr().cast(), slots.len()))
        })
    }
}

/// The store of a call in progress. NULL for NULL. Valid in the callback only (and wherever the store is).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_caller_store(caller: *const wrt_caller_t) -> *mut wrt_store_t {
    // SAFETY: the callback passes what it got, or NULL.
    super::entry::plain(std::ptr::null_mut(), || unsafe { caller.as_ref() }.map_or(std::ptr::null_mut(), |c| c.store))
}

/// The instance whose code called. False, and the empty handle, when the host itself called the function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_caller_instance(caller: *const wrt_caller_t, out_instance: *mut wrt_instance_t) -> bool {
    super::entry::plain(false, || {
        // SAFETY: the callback passes what it got, and NULL or a place for the instance.
        unsafe {
            let found = caller.as_ref().map_or(wrt_instance_t::EMPTY, |c| c.instance);
            output(out_instance, found, "out_instance").is_ok() && found.store != 0
        }
    })
}

/// Makes a host function in a store. The type is borrowed. `userdata` is never looked at; `finalizer` (may be NULL) is
/// called with it once: when the store is gone, or when this fails. One callback may serve many functions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_func_new(
    store: *mut wrt_store_t,
    ty: *const wrt_functype_t,
    callback: wrt_func_callback_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
    out_func: *mut wrt_func_t,
) -> *mut wrt_error_t {
    let data = UserData::new(userdata, finalizer);
    // SAFETY: the caller passes a store, a type and a place for the function, or NULLs, which are refused.
    unsafe {
        let out = output(out_func, wrt_func_t::EMPTY, "out_func");
        on_store(store, |s| {
            let (out, ty) = (out?, borrow(ty, "type")?);
            *out = Func::from_definition(s, &checked(ty.of(&s.engine())?, callback, data)?)?.into();
            Ok(())
        })
    }
}

/// As `wrt_func_new`, with a callback on raw slots.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_func_new_raw(
    store: *mut wrt_store_t,
    ty: *const wrt_functype_t,
    callback: wrt_func_raw_callback_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
    out_func: *mut wrt_func_t,
) -> *mut wrt_error_t {
    let data = UserData::new(userdata, finalizer);
    // SAFETY: the caller passes a store, a type and a place for the function, or NULLs, which are refused.
    unsafe {
        let out = output(out_func, wrt_func_t::EMPTY, "out_func");
        on_store(store, |s| {
            let (out, ty) = (out?, borrow(ty, "type")?);
            *out = Func::from_definition(s, &raw(ty.of(&s.engine())?, callback, data)?)?.into();
            Ok(())
        })
    }
}

/// The function's type. The caller owns `*out_type`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_func_type(
    store: *mut wrt_store_t,
    func: *const wrt_func_t,
    out_type: *mut *mut wrt_functype_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a function and a place for the type, or NULLs, which are refused.
    unsafe {
        let out = output(out_type, std::ptr::null_mut(), "out_type");
        on_store(store, |s| {
            let (out, func) = (out?, Func::from(*borrow(func, "func")?));
            *out = give(wrt_functype_t::new((*func.ty(s)?).clone(), s.engine().id()));
            Ok(())
        })
    }
}

/// Calls a function. `args` are borrowed; there must be exactly as many values, of exactly the kinds, as the type says.
/// `results` are written: the results on success, empty values on failure; they may be the same array as `args`.
/// References in them are the caller's, in the innermost scope. Fails with `trap`, `interrupted`, the error of a host
/// function, or `type mismatch`; the store goes on. Legal in callbacks of the same store.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_func_call(
    store: *mut wrt_store_t,
    func: *const wrt_func_t,
    args: *const wrt_val_t,
    arg_count: usize,
    results: *mut wrt_val_t,
    result_count: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a function, and arrays of these lengths, or NULLs, which are refused.
    unsafe {
        let error = running(store, |s| {
            let func = Func::from(*borrow(func, "func")?);
            let args = slice(args, arg_count, "args")?;
            slice(results, result_count, "results")?;
            if arg_count + result_count <= FEW {
                let mut vals = [Val::I32(0); FEW];
                let (a, rest) = vals.split_at_mut(arg_count);
                call(s, func, args, a, results, &mut rest[..result_count])
            } else {
                let (mut a, mut r) = (vec![Val::I32(0); arg_count], vec![Val::I32(0); result_count]);
                call(s, func, args, &mut a, results, &mut r)
            }
        });
        // Not before: results may be where the arguments are.
        if !error.is_null() && slice(results, result_count, "results").is_ok() {
            for i in 0..result_count {
                results.add(i).write(wrt_val_t::EMPTY);
            }
        }
        error
    }
}

/// # Safety
/// `results` has room for as many values as `r`.
unsafe fn call(
    s: &mut crate::api::Store,
    func: Func,
    args: &[wrt_val_t],
    a: &mut [Val],
    results: *mut wrt_val_t,
    r: &mut [Val],
) -> Result<()> {
    for (to, from) in a.iter_mut().zip(args) {
        *to = from.to_val()?;
    }
    func.call(s, a, r)?;
    for (i, v) in r.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe { results.add(i).write(wrt_val_t::from_val(*v)) };
    }
    Ok(())
}

/// Calls a function without checking values: `slots` hold the arguments and take the results, both from slot 0 on.
/// `slot_count` must be at least the number of parameters and of results, which is checked; that arguments are of the
/// types is the caller's word.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_func_call_raw(
    store: *mut wrt_store_t,
    func: *const wrt_func_t,
    slots: *mut wrt_raw_t,
    slot_count: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a function, and as many slots, or NULLs, which are refused; and vouches for the
    // arguments.
    unsafe {
        running(store, |s| {
            let func = Func::from(*borrow(func, "func")?);
            slice(slots, slot_count, "slots")?;
            let slots: &mut [VmSlot] = match slot_count {
                0 => &mut [],
                n => std::slice::from_raw_parts_mut(slots.cast(), n),
            };
            let needed = func.slot_count(s)?;
            if slots.len() < needed {
                return Err(err!(TypeMismatch, "the function needs {needed} slots, {slot_count} were given"));
            }
            func.call_raw(s, slots)
        })
    }
}

const _: () = assert!(size_of::<wrt_raw_t>() == size_of::<VmSlot>() && align_of::<wrt_raw_t>() == align_of::<VmSlot>());

/// Gives up the host's hold on a function that `wrt_func_new` made. It lives as long as something refers to it, and is freed
/// by a full collection after that; its handles are stale then. The slot becomes empty. Fails with `invalid argument` for a
/// function of an instance, which lives as long as that, and with `stale handle` when it was released before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_func_release(store: *mut wrt_store_t, take_func: *mut wrt_func_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a handle that can be written, or NULLs, which are refused.
    unsafe { on_store(store, |s| release(take_func, s, wrt_func_t::EMPTY, |s, h| Func::from(h).release(s))) }
}

/// Whether two handles name the same function. False for NULL and for empty handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_func_equal(a: *const wrt_func_t, b: *const wrt_func_t) -> bool {
    super::entry::plain(false, || {
        // SAFETY: the caller passes NULLs or handles.
        match unsafe { (a.as_ref(), b.as_ref()) } {
            (Some(a), Some(b)) => a.store != 0 && Func::from(*a) == Func::from(*b),
            _ => false,
        }
    })
}
