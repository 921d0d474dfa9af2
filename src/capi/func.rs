//! Functions: calling them, and defining them in C.

use super::entry::{on_store, running};
use super::error::{result_of, wrt_error_t};
use super::own::{UserData, borrow, give, output, slice, wrt_finalizer_t};
use super::store::wrt_store_t;
use super::types::wrt_functype_t;
use super::val::{release, wrt_func_t, wrt_instance_t, wrt_ref_t, wrt_val_t};
use crate::abi::vmstruct::RawCallback;
use crate::api::{Caller, Direct, Func, FuncType, HostDefinition, Result, StoreMut, VmCaller, VmSlot};
use crate::sys::callback;
use std::ffi::c_void;
use std::sync::Arc;

/// A raw slot: 16 bytes that hold one value of a known type, little-endian, starting at the first byte.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub union wrt_raw_t {
    pub i32: i32,
    pub i64: i64,
    pub f32: f32,
    pub f64: f64,
    pub v128: [u8; 16],
    /// A funcref: NULL or an opaque pointer. It is valid as long as the function's instance; if instances are
    /// released, only until the next call into the library. `wrt_ref_of_func` keeps a function alive.
    pub funcref: *mut c_void,
    /// Any other reference; the empty one is null. It is checked even in raw calls.
    pub r#ref: wrt_ref_t,
}

/// A call in progress, as a callback sees it. Valid until the callback returns.
pub struct wrt_caller_t {
    /// The pointer is really to a `VmCaller`.
    _opaque: [u8; 0],
}

/// # Safety
/// `caller` is NULL, or the argument of a callback that has not returned.
unsafe fn call_of<'a>(caller: *const wrt_caller_t) -> Option<&'a VmCaller> {
    // SAFETY: the caller's promise.
    unsafe { caller.cast::<VmCaller>().as_ref() }
}

/// # Safety
/// As `call_of`.
unsafe fn store_of(caller: *const wrt_caller_t) -> *mut wrt_store_t {
    // SAFETY: the caller's promise. The `embedder` of a store of the C API is its `wrt_store_t`.
    unsafe { call_of(caller).map_or(std::ptr::null_mut(), |c| (*c.store).embedder.cast()) }
}

/// A host function. `args` are borrowed, and references in them are valid until the callback returns. `results` start
/// as zeros and nulls of the right kinds; the callback fills them in. A reference in them that was created in the
/// callback need not be released; one from outside of the callback still belongs to its owner. The callback may use
/// the store (`wrt_caller_store`), including calls into WebAssembly.
///
/// The callback returns NULL, or an error, which the library then owns. An error ends the call: it propagates through
/// WebAssembly to the host's call that entered it. An error that holds an exception of this store (from
/// `wrt_error_new_exception` or `wrt_func_call`) throws the exception, and WebAssembly may catch it.
///
/// All callbacks, of every kind, have to return. If a C++ exception leaves a callback, or the callback calls
/// `pthread_exit`, the process ends (`abort`) after one line on standard error that names the callback: catch
/// exceptions, and return errors. After a `longjmp` out of a callback, whatever the skipped frames held is leaked,
/// and the store can only be deleted: its next use and all later ones fail with `invalid argument`, while
/// `wrt_store_delete` on the same thread destroys it and runs its finalizers. If the `longjmp` ends in another
/// callback of the same store, that callback continues, and the call that led to it fails in the same way. On a stack
/// other than the thread's original one, the library notices a lost call only if the next call overlaps its frames.
pub type wrt_func_callback_t = Option<
    unsafe extern "C-unwind" fn(
        userdata: *mut c_void,
        caller: *mut wrt_caller_t,
        args: *const wrt_val_t,
        arg_count: usize,
        results: *mut wrt_val_t,
        result_count: usize,
    ) -> *mut wrt_error_t,
>;

/// A host function on raw slots, whose values are not checked; otherwise as `wrt_func_callback_t`. `slots` hold the
/// arguments and receive the results, both starting at slot 0. There are as many slots as parameters or as results,
/// whichever is more.
pub type wrt_func_raw_callback_t = Option<
    unsafe extern "C-unwind" fn(
        userdata: *mut c_void,
        caller: *mut wrt_caller_t,
        slots: *mut wrt_raw_t,
        slot_count: usize,
    ) -> *mut wrt_error_t,
>;

/// Returns how messages name a host function that a linker defines.
pub fn name_in_linker(module: &str, name: &str) -> String {
    format!("the host function {:?}", format_args!("{module}.{name}").to_string())
}

/// Returns how messages name a host function that has no name.
fn name_by_type(ty: &FuncType) -> String {
    format!("a host function of type {ty}")
}

/// Creates a checked host function that belongs to no store yet. `name` is for messages.
pub fn checked(name: String, ty: &FuncType, callback: wrt_func_callback_t, data: UserData) -> Result<HostDefinition> {
    let callback = callback.ok_or_else(|| super::entry::null("callback"))?;
    HostDefinition::of_values(ty, move |caller, args: &[wrt_val_t], results: &mut [wrt_val_t]| {
        let data = &data;
        let mut call = caller.call();
        let c = (&raw mut call).cast();
        // SAFETY: the host gave the callback for this purpose; the arrays have these lengths. The store lives while it runs.
        unsafe {
            let (a, r) = (args.as_ptr(), results.as_mut_ptr());
            let run = || callback::call(&name, || callback(data.ptr, c, a, args.len(), r, results.len()));
            result_of(match store_of(c).as_ref() {
                Some(store) => store.lent_during(run),
                None => run(),
            })
        }
    })
}

/// Creates an unchecked host function that belongs to no store yet. `name` is for messages.
pub fn raw(name: String, ty: &FuncType, callback: wrt_func_raw_callback_t, data: UserData) -> Result<HostDefinition> {
    let name: Arc<str> = name.into();
    let callback = callback.ok_or_else(|| super::entry::null("callback"))?;
    type Callback =
        unsafe extern "C-unwind" fn(*mut c_void, *mut wrt_caller_t, *mut wrt_raw_t, usize) -> *mut wrt_error_t;
    // SAFETY: slots, callers and pointers have the same layout in both types (see below); `take_error` takes what callbacks return.
    let direct = unsafe {
        Direct {
            f: std::mem::transmute::<Callback, RawCallback>(callback),
            data: data.ptr,
            take_error: |error| wrt_error_t::take(error.cast()),
            name: &raw const *name,
        }
    };
    // SAFETY: by passing a raw callback, the host promises that it writes results of the right types. The closure owns the
    // userdata and the name, which therefore live as long as the definition.
    unsafe {
        let definition = HostDefinition::new_raw(ty, move |caller, slots| {
            let data = &data;
            let mut call = caller.call();
            let c = (&raw mut call).cast();
            let (s, count) = (slots.as_mut_ptr().cast(), slots.len());
            result_of(callback::call(&name, || callback(data.ptr, c, s, count)))
        })?;
        Ok(definition.with_direct(direct))
    }
}

/// Returns the store that the call runs in: the pointer that `wrt_store_new` has written. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_caller_store(caller: *const wrt_caller_t) -> *mut wrt_store_t {
    // SAFETY: the callback passes its own argument, or NULL.
    super::entry::plain(std::ptr::null_mut(), || unsafe { store_of(caller) })
}

/// Writes the instance whose code made the call. Returns false, and writes the empty handle, if the host itself
/// called the function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_caller_instance(caller: *const wrt_caller_t, out_instance: *mut wrt_instance_t) -> bool {
    super::entry::plain(false, || {
        // SAFETY: the callback passes its own argument, and NULL or a place for the instance.
        unsafe {
            let store = store_of(caller);
            let found = call_of(caller).filter(|_| !wrt_store_t::is_closed(store));
            let found = found.and_then(|c| (*store).with(|s| Caller::instance_of(s, c)));
            let found = found.map_or(wrt_instance_t::EMPTY, wrt_instance_t::from);
            output(out_instance, found, "out_instance").is_ok() && found.store != 0
        }
    })
}

/// Creates a host function in a store. The type is borrowed. `userdata` is never dereferenced. `finalizer` (may be
/// NULL) is called with it once: when the store is destroyed, when the function is released and freed, or when this
/// call fails. One callback can serve many functions.
/// If the system forbids executable memory, fails with `i/o` unless a module that declares the type was loaded from a
/// file.
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
        running(store, |s| {
            let (out, engine) = (out?, s.engine());
            let ty = borrow(ty, "type")?.of(&engine)?;
            *out = Func::from_definition(s, &checked(name_by_type(ty), ty, callback, data)?)?.into();
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
        running(store, |s| {
            let (out, engine) = (out?, s.engine());
            let ty = borrow(ty, "type")?.of(&engine)?;
            *out = Func::from_definition(s, &raw(name_by_type(ty), ty, callback, data)?)?.into();
            Ok(())
        })
    }
}

/// Writes the function's type. The caller owns `*out_type`, which is NULL on failure.
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
            *out = give(wrt_functype_t::of_store(s, func.type_id(s)?)?);
            Ok(())
        })
    }
}

/// Calls a function. `args` are borrowed; their number and kinds must be exactly those of the function's type.
/// `results` are always written: the results on success, empty values on failure. They may be the same array as
/// `args`. References in the results belong to the caller, in the innermost scope. Fails with `trap`, with
/// `interrupted`, with `exception` (WebAssembly threw one and did not catch it), with the error of a host function,
/// or with `type mismatch`; the store stays usable. Legal in callbacks of the same store.
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
        let error = running(store, |s| call(s, func, args, arg_count, results, result_count));
        no_results(error, results, result_count)
    }
}

/// # Safety
/// As `wrt_func_call`.
#[inline(always)]
pub(super) unsafe fn call(
    s: &mut StoreMut<'_>,
    func: *const wrt_func_t,
    args: *const wrt_val_t,
    arg_count: usize,
    results: *mut wrt_val_t,
    result_count: usize,
) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe {
        let func = Func::from(*borrow(func, "func")?);
        let args = slice(args, arg_count, "args")?;
        slice(results, result_count, "results")?;
        func.call_values(s, args.as_ptr(), arg_count, results, result_count)
    }
}

/// Empties the results of a call that failed. This cannot be done before the call: the results may be in the same
/// array as the arguments.
///
/// # Safety
/// As `wrt_func_call`.
#[inline(always)]
pub(super) unsafe fn no_results(
    error: *mut wrt_error_t,
    results: *mut wrt_val_t,
    result_count: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe {
        if !error.is_null() && slice(results, result_count, "results").is_ok() {
            for i in 0..result_count {
                results.add(i).write(wrt_val_t::EMPTY);
            }
        }
    }
    error
}

/// Calls a function without checking the values: `slots` hold the arguments and receive the results, both starting at
/// slot 0. `slot_count` must be at least the number of parameters and the number of results; this is checked. The
/// caller must ensure that the arguments have the right types and that funcrefs are alive. Otherwise as
/// `wrt_func_call`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_func_call_raw(
    store: *mut wrt_store_t,
    func: *const wrt_func_t,
    slots: *mut wrt_raw_t,
    slot_count: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a function, and this many slots, or NULLs, which are refused; it also guarantees that
    // the arguments are valid.
    unsafe { running(store, |s| call_raw(s, func, slots, slot_count)) }
}

/// # Safety
/// As `wrt_func_call_raw`.
#[inline(always)]
pub(super) unsafe fn call_raw(
    s: &mut StoreMut<'_>,
    func: *const wrt_func_t,
    slots: *mut wrt_raw_t,
    slot_count: usize,
) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe {
        let func = Func::from(*borrow(func, "func")?);
        slice(slots, slot_count, "slots")?;
        func.call_raw(s, slots.cast(), slot_count)
    }
}

const _: () = assert!(size_of::<wrt_raw_t>() == size_of::<VmSlot>() && align_of::<wrt_raw_t>() == align_of::<VmSlot>());

/// Gives up the host's hold on a function that `wrt_func_new` created. The function lives as long as something refers
/// to it, and a full collection after that frees it; its handles are then stale. The slot becomes empty. Fails with
/// `invalid argument` for a function of an instance, which lives as long as the instance, and with `stale handle` if
/// the function was already released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_func_release(store: *mut wrt_store_t, take_func: *mut wrt_func_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a handle that can be written, or NULLs, which are refused.
    unsafe { on_store(store, |s| release(take_func, s, wrt_func_t::EMPTY, |s, h| Func::from(h).release(s))) }
}

/// Returns whether two handles name the same function. False for NULL and for empty handles.
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
