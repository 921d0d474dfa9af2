//! References to objects, and scopes.

use super::entry::{entry, on_store, running};
use super::error::wrt_error_t;
use super::own::{borrow, output};
use super::store::wrt_store_t;
use super::val::{WRT_ANYREF, WRT_EXTERNREF, wrt_func_t, wrt_ref_t, wrt_val_t};
use super::valtype::wrt_type_t;
use crate::api::{Error, Func, Ref, RefType, Result, Top, Trap, Val, ValType};
use crate::err;

/// Opens a scope: references that are created from now on end with it. Scopes nest. When a callback returns, the
/// scopes that it has opened and not closed are closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_scope_open(store: *mut wrt_store_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { on_store(store, |s| s.open_scope().map(drop)) }
}

/// Closes the innermost scope and releases the references that were created in it. Fails with `invalid argument` if
/// no scope is open; in a callback, if it has opened none that is still open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_scope_close(store: *mut wrt_store_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { on_store(store, |s| s.close_scope()) }
}

/// Returns a reference that is not empty.
pub fn given(r: wrt_ref_t) -> Result<Ref> {
    r.get().ok_or_else(|| err!(StaleHandle, "the reference is empty"))
}

/// Moves a reference to the scope around the innermost one, or to the store if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_escape(store: *mut wrt_store_t, reference: *const wrt_ref_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a reference, or NULLs, which are refused.
    unsafe { on_store(store, |s| given(*borrow(reference, "reference")?)?.escape(s)) }
}

/// Creates another reference to the same object, in the innermost scope. The clone of the empty reference is empty.
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

/// Releases a reference. The slot becomes empty, except for a reference of another store. Does nothing if the slot is
/// empty.
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

/// Releases a reference, from any thread: the release takes effect when the store is next used, if it still exists.
/// The slot becomes empty. Does nothing if the reference is empty or was already released. This is for hosts with
/// their own garbage collector, which run finalizers in any order.
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

/// Writes whether two references are to the same object, are the same i31, or are both empty.
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

/// Writes a number that stays the same while the object lives, even if it moves. Different objects of a store have
/// different numbers. Equal i31s have equal numbers, and so have references to the same function.
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

/// Writes whether what a reference refers to is of a reference type, as `ref.test` does. An object is of its own
/// type, of its supertypes, and of both `any` and `extern`. An exception is of `exn` only, and a function
/// (`wrt_ref_of_func`) of its function type and the supertypes of that. The empty reference is null, and is of every
/// nullable type.
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

/// Writes a reference as a value of a reference type, as `ref.cast` does. The value's kind is `WRT_ANYREF`,
/// `WRT_EXTERNREF`, `WRT_EXNREF` or, for a reference that `wrt_ref_of_func` created, `WRT_FUNCREF`. The value holds
/// the same reference, not another one; for a function it holds a plain handle. Fails with a trap of code
/// `WRT_TRAP_CAST_FAILURE` if the reference is not of that type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_ref_cast(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    ty: *const wrt_type_t,
    out_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference, a type and a place for the value, or NULLs, which are refused.
    unsafe {
        // Copied first: the reference may be stored in the output slot.
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

/// Writes the most specific type of what a reference refers to, not nullable: a defined type for a structure, an
/// array or a function; `WRT_I31REF` for an i31; `WRT_EXNREF` for an exception; `WRT_ANYREF` for a host object.
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

/// Creates a reference to a function, in the innermost scope. It keeps the function and its instance alive, also
/// after `wrt_instance_release`. It can be stored in fields of host objects, but is not a WebAssembly value;
/// `wrt_ref_func` returns the function.
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

/// Writes the function of a reference that `wrt_ref_of_func` created. Fails with `type mismatch` for any other
/// reference.
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
            *out = r.as_func(s)?.ok_or_else(|| err!(TypeMismatch, "the reference is not to a function"))?.into();
            Ok(())
        })
    }
}

/// Converts a value of kind `WRT_EXTERNREF` to one of kind `WRT_ANYREF`, as `any.convert_extern` does. It holds the
/// same reference, not another one. Fails with `type mismatch` for a value of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_any_convert_extern(
    value: *const wrt_val_t,
    out_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a value and a place for one, or NULLs, which are refused.
    unsafe { convert(value, out_value, WRT_EXTERNREF, WRT_ANYREF) }
}

/// Converts a value of kind `WRT_ANYREF` to one of kind `WRT_EXTERNREF`, as `extern.convert_any` does. It holds the
/// same reference, not another one. Fails with `type mismatch` for a value of another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_extern_convert_any(
    value: *const wrt_val_t,
    out_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a value and a place for one, or NULLs, which are refused.
    unsafe { convert(value, out_value, WRT_ANYREF, WRT_EXTERNREF) }
}

/// # Safety
/// As the functions above. Both pointers may be the same.
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

/// Creates an i31 with the low 31 bits of a number, in the innermost scope.
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

/// Writes the number of an i31, sign-extended. Fails with `type mismatch` if the reference is not to an i31.
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
            *out = r.as_i31(s)?.ok_or_else(|| err!(TypeMismatch, "the reference is not an i31"))?;
            Ok(())
        })
    }
}
