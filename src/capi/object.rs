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
/// As the functions below: `store`, `ty` and `out_reference` are NULL or what their names say.
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

/// Creates a structure of a defined type, in the innermost scope. `take_fields` are the values of all its fields, in
/// order. They are taken: the slots become empty, also on failure. Fails with `type mismatch` if their number or
/// types do not fit. May run a collection, and finalizers.
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

/// Creates a structure whose fields are zero or null, in the innermost scope. Fails with `type mismatch` if a field
/// has no such value. May run a collection.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_struct_new_default(
    store: *mut wrt_store_t,
    ty: *const wrt_type_t,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a type and a place for the reference, or NULLs, which are refused.
    unsafe { make(store, ty, out_reference, Ref::new_default_struct) }
}

/// Writes how many elements, fields or values the object of a reference has.
///
/// # Safety
/// The caller passes a store, a reference and a place for the number, which `what` names, or NULLs, which are
/// refused.
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

/// Writes a value that the object of a reference holds.
///
/// # Safety
/// The caller passes a store, a reference and a place for the value, or NULLs, which are refused.
pub(super) unsafe fn value_of(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_value: *mut wrt_val_t,
    value: impl FnOnce(&mut StoreMut<'_>, Ref) -> Result<Val>,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe {
        // Copied first: the reference may be stored in the output slot.
        let reference = borrow(reference, "reference").copied();
        let out = output(out_value, wrt_val_t::EMPTY, "out_value");
        on_store(store, |s| {
            let (out, r) = (out?, given(reference?)?);
            *out = wrt_val_t::from_val(value(s, r)?);
            Ok(())
        })
    }
}

/// Writes how many fields the structure has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_struct_field_count(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_count: *mut u32,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the number, or NULLs, which are refused.
    unsafe { count_of(store, reference, out_count, "out_count", |s, r| r.field_count(s)) }
}

/// Writes the value of a field of a structure. A packed field is zero-extended. A reference in the value belongs to
/// the caller, in the innermost scope. Fails with `invalid argument` if there is no such field.
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

/// Sets a field of a structure to `*take_value`, which is taken: the slot becomes empty, also on failure. A packed
/// field takes the low bits. Fails with `type mismatch` if the field is immutable.
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

/// Creates an array of `len` elements that are all `*take_init`, in the innermost scope. `*take_init` is taken: the
/// slot becomes empty, also on failure. Fails with a trap of code `WRT_TRAP_HEAP_EXHAUSTED` if the heap has no space.
/// May run a collection.
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

/// Creates an array of `len` elements that are zero or null, in the innermost scope. Fails with `type mismatch` if
/// the elements have no such value. May run a collection.
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

/// Creates an array of `count` given elements, in the innermost scope. `take_elements` are taken: the slots become
/// empty, also on failure. May run a collection.
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

/// Creates an array of numbers, in the innermost scope, from `size` bytes: the elements in order, little-endian. The
/// bytes are borrowed. Fails with `type mismatch` if the elements are references, and with `invalid argument` if
/// `size` is not a multiple of the element's size. May run a collection.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_new_bytes(
    store: *mut wrt_store_t,
    ty: *const wrt_type_t,
    bytes: *const c_void,
    size: usize,
    out_reference: *mut wrt_ref_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a type, this many bytes and a place for the reference, or NULLs, which are refused.
    unsafe {
        make(store, ty, out_reference, |s, ty| Ref::new_array_of_bytes(s, ty, slice(bytes.cast(), size, "bytes")?))
    }
}

/// Writes how many elements the array has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_len(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    out_len: *mut u32,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and a place for the length, or NULLs, which are refused.
    unsafe { count_of(store, reference, out_len, "out_len", |s, r| r.array_len(s)) }
}

/// Writes the value of an element of an array. A packed element is zero-extended. A reference in the value belongs to
/// the caller, in the innermost scope. Fails with a trap of code `WRT_TRAP_ARRAY_OUT_OF_BOUNDS`.
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

/// Writes the values of `count` elements of an array, starting at `index`. Otherwise as `wrt_array_get`; all values
/// are empty on failure.
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

/// Sets an element of an array to `*take_value`, which is taken: the slot becomes empty, also on failure. A packed
/// element takes the low bits. Fails with `type mismatch` if the array is immutable, and as `wrt_array_get` does.
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

/// Sets `len` elements of an array, starting at `index`, to `*take_value`, which is taken: the slot becomes empty,
/// also on failure. Fails as `wrt_array_set` does.
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

/// Copies `len` elements, from index `from` of `source` to `index` of an array. Both may be the same array, and the
/// ranges may overlap. Fails with `type mismatch` if the element types do not fit or the array is immutable, and as
/// `wrt_array_get` does.
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

/// Copies numbers out of an array, starting at element `index`, to `size` bytes: the elements in order,
/// little-endian. Fails with `type mismatch` if the elements are references, with `invalid argument` if `size` is not
/// a multiple of the element's size, and as `wrt_array_get` does; all bytes are 0 on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_read(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    index: u32,
    out_bytes: *mut c_void,
    size: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and space for this many bytes, or NULLs, which are refused.
    unsafe {
        output_bytes(out_bytes, size, "out_bytes", |out| {
            running(store, |s| given(*borrow(reference, "reference")?)?.read_elements(s, index, out?))
        })
    }
}

/// Copies numbers into an array, starting at element `index`, from `size` bytes in the format of `wrt_array_read`.
/// The bytes are borrowed. Fails as `wrt_array_read` does, and with `type mismatch` if the array is immutable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_array_write(
    store: *mut wrt_store_t,
    reference: *const wrt_ref_t,
    index: u32,
    bytes: *const c_void,
    size: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a reference and this many bytes, or NULLs, which are refused.
    unsafe {
        running(store, |s| {
            let bytes = slice(bytes.cast::<u8>(), size, "bytes")?;
            given(*borrow(reference, "reference")?)?.write_elements(s, index, bytes)
        })
    }
}
