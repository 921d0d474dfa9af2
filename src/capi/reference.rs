//! References to objects, and scopes.

use super::entry::{entry, on_store, running};
use super::error::wrt_error_t;
use super::own::{borrow, output};
use super::store::wrt_store_t;
use super::val::{WRT_ANYREF, WRT_EXTERNREF, wrt_func_t, wrt_ref_t, wrt_val_t};
use super::valtype::wrt_type_t;
use crate::api::{Error, Func, Ref, RefType, Result, Top, Trap, Val, ValType};
use crate::err;

/// Opens a scope: references made from now on end with it. Scopes nest. In a callback, scopes that were opened and not
/// closed are closed when it returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_scope_open(store: *mut wrt_store_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { on_store(store, |s| s.open_scope().map(drop)) }
}

/// Closes the innermost scope and releases the references made in it. Fails with `invalid argument` if none was opened, or,
/// in a callback, none since the callback began.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_scope_close(store: *mut wrt_store_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { on_store(store, |s| s.close_scope()) }
}

/// A reference that is not empty.
pub fn given(r: wrt_ref_t) -> Result<Ref> {
    r.get().ok_or_else(|| err!(StaleHandle, "the reference is empty"))
}

/// Makes a reference belong to the scope around the innermost one, or to the store if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_escape(store: *mut wrt_store_t, reference: *const wrt_ref_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a reference, or NULLs, which are refused.
    unsafe { on_store(store, |s| given(*borrow(reference, "reference")?)?.escape(s)) }
}

/// Another reference to the same object, in the innermost scope. The empty reference has an empty clone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_clone(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the clone, or NULLs, which are refused.
    unsafe {
        let reference = borrow(reference, "reference").copied();
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        on_store(store, |s| {
            let out = out?;
            if let Some(r) = reference?.get() {
                *out = r.duplicate(s)?.into();
            }
            Ok(())
        })
    }
}

/// Ends a reference now. The slot becomes empty, but for a reference of another store; releasing an empty one does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_release(store: *mut wrt_store_t, take_reference: *mut wrt_ref_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a reference that can be written, or NULLs, which are refused.
    unsafe {
        on_store(store, |s| {
            let reference = *borrow(take_reference, "reference")?;
            let Some(r) = reference.get() else { return Ok(()) };
            if r.store == s.id() {
                *take_reference = wrt_ref_t::EMPTY;
            }
            r.release(s)
        })
    }
}

/// Ends a reference, from any thread: when its store is next used, if that is still there. The slot becomes empty. What was
/// released before, and the empty reference, do no harm. For hosts that are collected themselves, and finalise in any order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_drop(take_reference: *mut wrt_ref_t) {
    super::entry::plain((), || {
        // SAFETY: the caller passes NULL or a reference that can be written.
        if let Some(slot) = unsafe { take_reference.as_mut() } {
            let reference = std::mem::replace(slot, wrt_ref_t::EMPTY);
            if let Some(r) = reference.get() {
                r.release_anywhere();
            }
        }
    });
}

/// Whether both refer to the same object, or are the same i31, or are both empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_equal(
    store: *mut wrt_store_t,
    a: *const wrt_ref_t,
    b: *const wrt_ref_t,
    out_equal: *mut bool,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, references and a place for the answer, or NULLs, which are refused.
    unsafe {
        let out = output(out_equal, false, "out_equal");
        on_store(store, |s| {
            let (out, a, b) = (out?, borrow(a, "a")?.get(), borrow(b, "b")?.get());
            *out = match (a, b) {
                (Some(a), Some(b)) => a.same(s, b)?,
                (a, b) => a.is_none() && b.is_none(),
            };
            Ok(())
        })
    }
}

/// A number that stays the same while the object lives, although it moves; equal i31s, and references to the same function,
/// have equal ones. Different objects of a store have different ones.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_hash(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_hash: *mut u64,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the number, or NULLs, which are refused.
    unsafe {
        let out = output(out_hash, 0, "out_hash");
        on_store(store, |s| {
            let out = out?;
            *out = given(*borrow(reference, "reference")?)?.identity_hash(s)?;
            Ok(())
        })
    }
}

/// Whether what a reference leads to is of a reference type, as `ref.test` says: of any object's own type and its supertypes,
/// and of `any` and `extern` alike; an exception is of `exn` alone. The empty reference is null, and of each nullable type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_test(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    ty: *const wrt_type_t,
    out_is: *mut bool,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference, a type and a place for the answer, or NULLs, which are refused.
    unsafe {
        let out = output(out_is, false, "out_is");
        on_store(store, |s| {
            let (out, kept) = (out?, borrow(ty, "type")?.reference(&s.engine())?);
            let ty = kept.ty;
            *out = match borrow(reference, "reference")?.get() {
                Some(r) => r.is(s, ty)?,
                None => ty.nullable,
            };
            Ok(())
        })
    }
}

/// A reference as a value of a reference type, as `ref.cast` gives it: of kind `WRT_ANYREF`, `WRT_EXTERNREF`, `WRT_EXNREF` or (for a
/// reference that `wrt_ref_of_func` made) `WRT_FUNCREF`. The value is the same reference, not another one; a function is a plain handle. Fails
/// with a trap of code `WRT_TRAP_CAST_FAILURE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_cast(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    ty: *const wrt_type_t,
    out_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference, a type and a place for the value, or NULLs, which are refused.
    unsafe {
        // A copy: it may be in the place for the value.
        let reference = borrow(reference, "reference").copied();
        let out = output(out_value, wrt_val_t::EMPTY, "out_value");
        on_store(store, |s| {
            let (out, kept) = (out?, borrow(ty, "type")?.reference(&s.engine())?);
            let ty = kept.ty;
            let reference = reference?.get();
            let fits = match reference {
                Some(r) => r.is(s, ty)?,
                None => ty.nullable,
            };
            if !fits {
                return Err(Error::trap(Trap::CastFailure));
            }
            let value = match (ty.top(), reference) {
                (Top::Any, r) => Val::AnyRef(r),
                (Top::Extern, r) => Val::ExternRef(r),
                (Top::Exn, r) => Val::ExnRef(r),
                (Top::Func, None) => Val::FuncRef(None),
                (Top::Func, Some(r)) => Val::FuncRef(r.as_func(s)?),
            };
            *out = wrt_val_t::from_val(value);
            Ok(())
        })
    }
}

/// The most special type of what a reference leads to, not nullable: a defined one of a structure, an array or a function;
/// `WRT_I31REF`; `WRT_EXNREF` of an exception; `WRT_ANYREF` of an object of the host.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_type(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_type: *mut wrt_type_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the type, or NULLs, which are refused.
    unsafe {
        let out = output(out_type, wrt_type_t::EMPTY, "out_type");
        on_store(store, |s| {
            let (out, r) = (out?, given(*borrow(reference, "reference")?)?);
            *out = wrt_type_t::in_store(s, ValType::Ref(RefType { nullable: false, heap: r.heap_type(s)? }));
            Ok(())
        })
    }
}

/// Makes a reference to a function, in the innermost scope: it keeps the function and its instance alive, also after
/// `wrt_instance_release`. It can stand in fields of objects of the host, but is no value of WebAssembly's; `wrt_ref_func`
/// gives the function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_of_func(
    store: *mut wrt_store_t,
    func: *const wrt_func_t,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a function and a place for the reference, or NULLs, which are refused.
    unsafe {
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        running(store, |s| {
            let (out, func) = (out?, Func::from(*borrow(func, "func")?));
            *out = Ref::of_func(s, func)?.into();
            Ok(())
        })
    }
}

/// The function of a reference that `wrt_ref_of_func` made. Fails with `type mismatch` for anything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_func(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_func: *mut wrt_func_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the function, or NULLs, which are refused.
    unsafe {
        let out = output(out_func, wrt_func_t::EMPTY, "out_func");
        on_store(store, |s| {
            let (out, r) = (out?, given(*borrow(reference, "reference")?)?);
            *out = r.as_func(s)?.ok_or_else(|| err!(TypeMismatch, "the reference is to no function"))?.into();
            Ok(())
        })
    }
}

/// `any.convert_extern`: the value, of kind `WRT_EXTERNREF`, as one of kind `WRT_ANYREF`. The same reference, not another one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_any_convert_extern(
    value: *const wrt_val_t,
    out_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a value and a place for one, or NULLs, which are refused.
    unsafe { convert(value, out_value, WRT_EXTERNREF, WRT_ANYREF) }
}

/// `extern.convert_any`: the value, of kind `WRT_ANYREF`, as one of kind `WRT_EXTERNREF`. The same reference, not another one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_extern_convert_any(
    value: *const wrt_val_t,
    out_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a value and a place for one, or NULLs, which are refused.
    unsafe { convert(value, out_value, WRT_ANYREF, WRT_EXTERNREF) }
}

/// # Safety
/// As the functions above. Both may be the same place.
unsafe fn convert(value: *const wrt_val_t, out_value: *mut wrt_val_t, from: u8, to: u8) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe {
        let value = borrow(value, "value").copied();
        let out = output(out_value, wrt_val_t::EMPTY, "out_value");
        entry(|| {
            let (out, value) = (out?, value?);
            if value.kind != from {
                return Err(err!(TypeMismatch, "the value is of kind {}, not {from}", value.kind));
            }
            *out = wrt_val_t { kind: to, ..value };
            Ok(())
        })
    }
}

/// An i31 with the low 31 bits of a number, in the innermost scope.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_i31_new(
    store: *mut wrt_store_t,
    value: i32,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a place for the reference, or NULLs, which are refused.
    unsafe {
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        on_store(store, |s| {
            let out = out?;
            *out = Ref::i31(s, value)?.into();
            Ok(())
        })
    }
}

/// The number of an i31, sign-extended. Fails with `type mismatch` for anything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_i31_get(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_value: *mut i32,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the number, or NULLs, which are refused.
    unsafe {
        let out = output(out_value, 0, "out_value");
        on_store(store, |s| {
            let (out, r) = (out?, given(*borrow(reference, "reference")?)?);
            *out = r.as_i31(s)?.ok_or_else(|| err!(TypeMismatch, "the reference is no i31"))?;
            Ok(())
        })
    }
}
