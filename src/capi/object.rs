//! Structures and arrays.

use super::entry::{on_store, running};
use super::error::wrt_error_t;
use super::own::{borrow, output, output_bytes, slice};
use super::reference::given;
use super::store::wrt_store_t;
use super::val::{give_all, outputs, take, take_all, wrt_ref_t, wrt_val_t};
use super::valtype::wrt_type_t;
use crate::api::{Ref, Result, StoreMut, Val};
use std::ffi::c_void;

/// # Safety
/// As the functions below: `store`, `ty` and `out_reference` are NULL or what they are called.
unsafe fn make(
    store: *mut wrt_store_t,
    ty: *const wrt_type_t,
    out_reference: *mut wrt_ref_t,
    f: impl FnOnce(&mut StoreMut<'_>, crate::api::TypeId) -> Result<Ref>,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe {
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        running(store, |s| {
            let (out, ty) = (out?, borrow(ty, "type")?.defined(&s.engine())?);
            *out = f(s, ty.id)?.into();
            Ok(())
        })
    }
}

/// Makes a structure of a defined type, in the innermost scope. `take_fields` are its fields, all of them, and are taken: the
/// slots become empty, also on failure. May collect; finalizers run then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_struct_new(
    store: *mut wrt_store_t,
    ty: *const wrt_type_t,
    take_fields: *mut wrt_val_t,
    field_count: usize,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a type, an array of this length and a place for the reference, or NULLs, which are
    // refused.
    unsafe {
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        running(store, |s| {
            take_all(take_fields, field_count, s, |s, fields| {
                let (out, ty) = (out?, borrow(ty, "type")?.defined(&s.engine())?);
                *out = Ref::new_struct(s, ty.id, fields)?.into();
                Ok(())
            })
        })
    }
}

/// Makes a structure whose fields are zero and null, in the innermost scope. Fails with `type mismatch` if a field has no
/// such value. May collect.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_struct_new_default(
    store: *mut wrt_store_t,
    ty: *const wrt_type_t,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a type and a place for the reference, or NULLs, which are refused.
    unsafe { make(store, ty, out_reference, Ref::new_default_struct) }
}

/// How many of something the object of a reference has.
///
/// # Safety
/// A store, a reference and a place for the number named `what`, or NULLs, which are refused.
pub(super) unsafe fn count_of(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_count: *mut u32,
    what: &'static str,
    count: impl FnOnce(&StoreMut<'_>, Ref) -> Result<u32>,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe {
        let out = output(out_count, 0, what);
        on_store(store, |s| {
            let out = out?;
            *out = count(s, given(*borrow(reference, "reference")?)?)?;
            Ok(())
        })
    }
}

/// A value that the object of a reference holds.
///
/// # Safety
/// A store, a reference and a place for the value, or NULLs, which are refused.
pub(super) unsafe fn value_of(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_value: *mut wrt_val_t,
    value: impl FnOnce(&mut StoreMut<'_>, Ref) -> Result<Val>,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe {
        // A copy: it may be in the place for the value.
        let reference = borrow(reference, "reference").copied();
        let out = output(out_value, wrt_val_t::EMPTY, "out_value");
        on_store(store, |s| {
            let (out, r) = (out?, given(reference?)?);
            *out = wrt_val_t::from_val(value(s, r)?);
            Ok(())
        })
    }
}

/// How many fields the structure has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_struct_field_count(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_count: *mut u32,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the number, or NULLs, which are refused.
    unsafe { count_of(store, reference, out_count, "out_count", |s, r| r.field_count(s)) }
}

/// A field of a structure. Packed ones are zero-extended. A reference in it is the caller's, in the innermost scope. Fails
/// with `invalid argument` when there is no such field.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_struct_get(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    field: u32,
    out_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the value, or NULLs, which are refused.
    unsafe { value_of(store, reference, out_value, |s, r| r.field(s, field)) }
}

/// Sets a field of a structure to `*take_value`, which is taken: the slot becomes empty, also on failure. Packed fields take
/// the low bits. Fails with `type mismatch` for an immutable field.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_struct_set(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    field: u32,
    take_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a value, or NULLs, which are refused.
    unsafe {
        on_store(store, |s| {
            take(take_value, s, |s, value| given(*borrow(reference, "reference")?)?.set_field(s, field, value))
        })
    }
}

/// Makes an array of `len` elements that are `*take_init`, which is taken: the slot becomes empty, also on failure. In the
/// innermost scope. May collect. Fails with a trap of code `WRT_TRAP_HEAP_EXHAUSTED` if there is no room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_new(
    store: *mut wrt_store_t,
    ty: *const wrt_type_t,
    take_init: *mut wrt_val_t,
    len: u32,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a type, a value and a place for the reference, or NULLs, which are refused.
    unsafe {
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        running(store, |s| {
            take(take_init, s, |s, init| {
                let (out, ty) = (out?, borrow(ty, "type")?.defined(&s.engine())?);
                *out = Ref::new_array(s, ty.id, init, len)?.into();
                Ok(())
            })
        })
    }
}

/// Makes an array of `len` elements that are zero or null, in the innermost scope. Fails with `type mismatch` if elements have
/// no such value. May collect.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_new_default(
    store: *mut wrt_store_t,
    ty: *const wrt_type_t,
    len: u32,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a type and a place for the reference, or NULLs, which are refused.
    unsafe { make(store, ty, out_reference, |s, ty| Ref::new_default_array(s, ty, len)) }
}

/// Makes an array of these elements, which are taken: the slots become empty, also on failure. In the innermost scope. May
/// collect.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_new_of(
    store: *mut wrt_store_t,
    ty: *const wrt_type_t,
    take_elements: *mut wrt_val_t,
    count: usize,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a type, an array of this length and a place for the reference, or NULLs, which are
    // refused.
    unsafe {
        let out = output(out_reference, wrt_ref_t::EMPTY, "out_reference");
        running(store, |s| {
            take_all(take_elements, count, s, |s, elements| {
                let (out, ty) = (out?, borrow(ty, "type")?.defined(&s.engine())?);
                *out = Ref::new_array_of(s, ty.id, elements)?.into();
                Ok(())
            })
        })
    }
}

/// Makes an array of numbers from their bytes: little-endian, one element behind the other, borrowed. In the innermost scope.
/// Fails with `type mismatch` if the elements are references, and with `invalid argument` if the bytes are no whole elements.
/// May collect.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_new_bytes(
    store: *mut wrt_store_t,
    ty: *const wrt_type_t,
    bytes: *const c_void,
    size: usize,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a type, so many bytes and a place for the reference, or NULLs, which are refused.
    unsafe {
        make(store, ty, out_reference, |s, ty| Ref::new_array_of_bytes(s, ty, slice(bytes.cast(), size, "bytes")?))
    }
}

/// How many elements the array has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_len(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_len: *mut u32,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the length, or NULLs, which are refused.
    unsafe { count_of(store, reference, out_len, "out_len", |s, r| r.array_len(s)) }
}

/// An element of an array. Packed ones are zero-extended. A reference in it is the caller's, in the innermost scope. Fails
/// with a trap of code `WRT_TRAP_ARRAY_OUT_OF_BOUNDS`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_get(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    index: u32,
    out_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the value, or NULLs, which are refused.
    unsafe { value_of(store, reference, out_value, |s, r| r.element(s, index)) }
}

/// The elements from `index` on, `count` of them. As `wrt_array_get`; all values are empty on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_get_many(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    index: u32,
    out_values: *mut wrt_val_t,
    count: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and places for as many values, or NULLs, which are refused.
    unsafe {
        let out = outputs(out_values, count, "out_values");
        running(store, |s| {
            let (out, r) = (out?, given(*borrow(reference, "reference")?)?);
            give_all(out, r.elements(s, index, count)?);
            Ok(())
        })
    }
}

/// Sets an element of an array to `*take_value`, which is taken: the slot becomes empty, also on failure. Packed elements take
/// the low bits. Fails with `type mismatch` for an immutable array.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_set(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    index: u32,
    take_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a value, or NULLs, which are refused.
    unsafe {
        on_store(store, |s| {
            take(take_value, s, |s, value| given(*borrow(reference, "reference")?)?.set_element(s, index, value))
        })
    }
}

/// Sets `len` elements from `index` on to `*take_value`, which is taken: the slot becomes empty, also on failure. Fails as
/// `wrt_array_set` and `wrt_array_get` do.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_fill(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    index: u32,
    take_value: *mut wrt_val_t,
    len: u32,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a value, or NULLs, which are refused.
    unsafe {
        running(store, |s| {
            take(take_value, s, |s, v| given(*borrow(reference, "reference")?)?.fill_elements(s, index, v, len))
        })
    }
}

/// Copies `len` elements from `from` of `source` to `index` of an array. Both may be the same, and the ranges may overlap. Fails
/// with `type mismatch` if the elements do not fit or are immutable, and as `wrt_array_get`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_copy(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    index: u32,
    source: *const wrt_ref_t,
    from: u32,
    len: u32,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and references, or NULLs, which are refused.
    unsafe {
        running(store, |s| {
            let source = given(*borrow(source, "source")?)?;
            given(*borrow(reference, "reference")?)?.copy_elements(s, index, source, from, len)
        })
    }
}

/// Copies numbers out of an array, from element `index` on: `size` bytes, little-endian, one element behind the other. Fails
/// with `type mismatch` if the elements are references, with `invalid argument` if the bytes are no whole elements, and as
/// `wrt_array_get`; all bytes are 0 then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_read(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    index: u32,
    out_bytes: *mut c_void,
    size: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and room for so many bytes, or NULLs, which are refused.
    unsafe {
        output_bytes(out_bytes, size, "out_bytes", |out| {
            running(store, |s| given(*borrow(reference, "reference")?)?.read_elements(s, index, out?))
        })
    }
}

/// Copies numbers into an array, as `wrt_array_read` gives them; fails as that, and with `type mismatch` for an immutable array.
/// The bytes are borrowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_write(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    index: u32,
    bytes: *const c_void,
    size: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and so many bytes, or NULLs, which are refused.
    unsafe {
        running(store, |s| {
            let bytes = slice(bytes.cast::<u8>(), size, "bytes")?;
            given(*borrow(reference, "reference")?)?.write_elements(s, index, bytes)
        })
    }
}
