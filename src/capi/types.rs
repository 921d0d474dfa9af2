//! Types as objects: function types, and the types of imports and exports.

use super::entry::{entry, plain};
use super::error::wrt_error_t;
use super::own::{CText, borrow, delete, give, output, slice, string};
use super::val::{kind_of, type_of};
use crate::api::{ExternType, FuncType, Limits, ValType};
use crate::err;
use crate::wasm::signature;
use std::ffi::c_char;

/// A function type. Immutable; may be shared between threads.
pub struct wrt_functype_t {
    pub(super) ty: FuncType,
    text: CText,
}

/// The type of an import or export. Immutable; borrowed from the object it was asked of, or owned where said so.
pub struct wrt_externtype_t {
    ty: ExternType,
    func: Option<wrt_functype_t>,
    text: CText,
}

/// Size limits of a table, in elements, or a memory, in pages of 64 KiB.
#[repr(C)]
pub struct wrt_size_limits_t {
    pub min: u64,
    /// Meaningful if `has_max` is not 0.
    pub max: u64,
    pub has_max: u64,
}

impl wrt_size_limits_t {
    pub fn new(l: Limits) -> wrt_size_limits_t {
        wrt_size_limits_t { min: l.min, max: l.max.unwrap_or(0), has_max: l.max.is_some() as u64 }
    }
    pub fn get(&self) -> Limits {
        Limits { min: self.min, max: (self.has_max != 0).then_some(self.max) }
    }
}

impl wrt_functype_t {
    pub fn new(ty: FuncType) -> wrt_functype_t {
        let text = CText::new(&ty.to_string());
        wrt_functype_t { ty, text }
    }
}

impl wrt_externtype_t {
    pub fn new(ty: ExternType) -> wrt_externtype_t {
        let func = match &ty {
            ExternType::Func(_, f) => Some(wrt_functype_t::new((**f).clone())),
            _ => None,
        };
        let text = CText::new(&ty.to_string());
        wrt_externtype_t { ty, func, text }
    }
}

/// What an import, an export or a `wrt_extern_t` is.
pub const WRT_EXTERN_FUNC: u8 = 1;
/// A table.
pub const WRT_EXTERN_TABLE: u8 = 2;
/// A memory.
pub const WRT_EXTERN_MEMORY: u8 = 3;
/// A global.
pub const WRT_EXTERN_GLOBAL: u8 = 4;

/// A function type from text such as `(i32, i64) -> f64`, `()`, or `(f32) -> (i32, i32)`. The caller owns `*out_type`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_parse(
    text: *const c_char,
    text_len: usize,
    out_type: *mut *mut wrt_functype_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a string of this length and a place for the type.
        let (out, text) =
            unsafe { (output(out_type, std::ptr::null_mut(), "out_type")?, string(text, text_len, "text")?) };
        *out = give(wrt_functype_t::new(signature::parse(text)?));
        Ok(())
    })
}

/// A function type from value kinds (`WRT_I32`, ...). The arrays are borrowed. The caller owns `*out_type`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_new(
    params: *const u8,
    param_count: usize,
    results: *const u8,
    result_count: usize,
    out_type: *mut *mut wrt_functype_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes arrays of these lengths and a place for the type.
        let (out, params, results) = unsafe {
            (
                output(out_type, std::ptr::null_mut(), "out_type")?,
                slice(params, param_count, "params")?,
                slice(results, result_count, "results")?,
            )
        };
        let types = |kinds: &[u8]| kinds.iter().map(|k| type_of(*k)).collect::<crate::api::Result<Vec<_>>>();
        *out = give(wrt_functype_t::new(FuncType::new(types(params)?, types(results)?)));
        Ok(())
    })
}

/// Deletes a function type that the caller owns. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_delete(ty: *mut wrt_functype_t) {
    // SAFETY: the caller gives it up.
    unsafe { delete(ty) }
}

/// How many parameters the type has. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_param_count(ty: *const wrt_functype_t) -> usize {
    // SAFETY: the caller passes NULL or a type.
    plain(0, || unsafe { ty.as_ref() }.map_or(0, |t| t.ty.params().len()))
}

/// How many results the type has. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_result_count(ty: *const wrt_functype_t) -> usize {
    // SAFETY: the caller passes NULL or a type.
    plain(0, || unsafe { ty.as_ref() }.map_or(0, |t| t.ty.results().len()))
}

/// The kind of a parameter; 0 when there is no such parameter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_param(ty: *const wrt_functype_t, index: usize) -> u8 {
    // SAFETY: the caller passes NULL or a type.
    plain(0, || unsafe { ty.as_ref() }.and_then(|t| t.ty.params().get(index)).map_or(0, |t| kind_of(*t)))
}

/// The kind of a result; 0 when there is no such result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_result(ty: *const wrt_functype_t, index: usize) -> u8 {
    // SAFETY: the caller passes NULL or a type.
    plain(0, || unsafe { ty.as_ref() }.and_then(|t| t.ty.results().get(index)).map_or(0, |t| kind_of(*t)))
}

/// The type as text, such as `(i32) -> i32`, borrowed. `out_len` may be NULL. "" for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_text(ty: *const wrt_functype_t, out_len: *mut usize) -> *const c_char {
    // SAFETY: the caller passes NULL or a type, and NULL or a place for the length.
    plain(c"".as_ptr(), || unsafe { ty.as_ref().map_or(c"".as_ptr(), |t| t.text.lend(out_len)) })
}

/// One of `WRT_EXTERN_*`; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externtype_kind(ty: *const wrt_externtype_t) -> u8 {
    // SAFETY: the caller passes NULL or a type.
    plain(0, || match unsafe { ty.as_ref() }.map(|t| &t.ty) {
        None => 0,
        Some(ExternType::Func(..)) => WRT_EXTERN_FUNC,
        Some(ExternType::Table(_)) => WRT_EXTERN_TABLE,
        Some(ExternType::Memory(_)) => WRT_EXTERN_MEMORY,
        Some(ExternType::Global(_)) => WRT_EXTERN_GLOBAL,
    })
}

/// The function type, borrowed; NULL when it is no function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externtype_func(ty: *const wrt_externtype_t) -> *const wrt_functype_t {
    plain(std::ptr::null(), || {
        // SAFETY: the caller passes NULL or a type.
        unsafe { ty.as_ref() }.and_then(|t| t.func.as_ref()).map_or(std::ptr::null(), |f| f as *const _)
    })
}

/// The limits of a table or memory. Fails with `type mismatch` for others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externtype_limits(
    ty: *const wrt_externtype_t,
    out_limits: *mut wrt_size_limits_t,
) -> *mut wrt_error_t {
    entry(|| {
        let empty = wrt_size_limits_t { min: 0, max: 0, has_max: 0 };
        // SAFETY: the caller passes a type and a place for the limits.
        let (out, ty) = unsafe { (output(out_limits, empty, "out_limits")?, borrow(ty, "type")?) };
        *out = wrt_size_limits_t::new(match &ty.ty {
            ExternType::Table(t) => t.limits,
            ExternType::Memory(m) => m.limits,
            other => return Err(err!(TypeMismatch, "a {} has no limits", other.kind_name())),
        });
        Ok(())
    })
}

/// The value kind of a global's value or a table's elements; 0 for others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externtype_valkind(ty: *const wrt_externtype_t) -> u8 {
    // SAFETY: the caller passes NULL or a type.
    plain(0, || match unsafe { ty.as_ref() }.map(|t| &t.ty) {
        Some(ExternType::Global(g)) => kind_of(g.content),
        Some(ExternType::Table(t)) => kind_of(ValType::Ref(t.element)),
        _ => 0,
    })
}

/// Whether it is a mutable global.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externtype_is_mutable(ty: *const wrt_externtype_t) -> bool {
    // SAFETY: the caller passes NULL or a type.
    plain(false, || matches!(unsafe { ty.as_ref() }.map(|t| &t.ty), Some(ExternType::Global(g)) if g.mutable))
}

/// The type as text, such as `memory 1 2` or `func (i32) -> i32`, borrowed. `out_len` may be NULL. "" for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externtype_text(ty: *const wrt_externtype_t, out_len: *mut usize) -> *const c_char {
    // SAFETY: the caller passes NULL or a type, and NULL or a place for the length.
    plain(c"".as_ptr(), || unsafe { ty.as_ref().map_or(c"".as_ptr(), |t| t.text.lend(out_len)) })
}
