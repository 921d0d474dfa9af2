//! Types as objects: function types, and the types of imports and exports.

use super::engine::wrt_engine_t;
use super::entry::{entry, plain};
use super::error::wrt_error_t;
use super::own::{CText, borrow, delete, give, output, slice, string};
use super::val::{kind_of, type_of};
use super::valtype::{Kept, Origin, wrt_type_t};
use crate::api::{Engine, ExternType, FuncType, HeapType, Limits, Result, StoreMut, TypeId, ValType};
use crate::err;
use crate::sys::lock::section;
use crate::wasm::signature;
use std::ffi::c_char;
use std::sync::OnceLock;

/// A function type. It keeps the types that it names alive. Immutable; can be shared between threads.
pub struct wrt_functype_t {
    ty: FuncType,
    /// The origin of the defined types in it; `None` if there can be none.
    origin: Option<Origin>,
    text: Text,
}

/// The type of an import or export. Immutable; borrowed from the object that it was read from.
pub struct wrt_externtype_t {
    ty: ExternType,
    origin: Origin,
    func: Option<wrt_functype_t>,
    text: Text,
}

/// Text that is created on first use, because modules have many such texts, and long ones.
#[derive(Default)]
struct Text(OnceLock<CText>);

impl Text {
    /// # Safety
    /// `out_len` is NULL or a place for the length.
    unsafe fn lend(&self, out_len: *mut usize, make: impl FnOnce() -> String) -> *const c_char {
        if self.0.get().is_none() {
            let text = CText::new(&make());
            // If another thread was faster, its text is the same.
            section(|| drop(self.0.set(text)));
        }
        // SAFETY: the caller's promise.
        self.0.get().map_or(c"".as_ptr(), |text| unsafe { text.lend(out_len) })
    }
}

/// Size limits: of a table in elements, or of a memory in pages.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_size_limits_t {
    pub min: u64,
    /// Used if `has_max` is not 0.
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
    pub fn new(ty: FuncType, origin: Option<Origin>) -> wrt_functype_t {
        wrt_functype_t { ty, origin, text: Text::default() }
    }

    /// Returns the type of a function or tag of a store: the defined type with this id.
    pub fn of_store(s: &StoreMut<'_>, id: TypeId) -> Result<wrt_functype_t> {
        let def = s.engine().type_def(id)?;
        let func = def.func().ok_or_else(|| err!(Internal, "a function's type is none"))?;
        let ids: Vec<TypeId> = func.values().iter().filter_map(|t| t.named()).chain([id]).collect();
        Ok(wrt_functype_t::new((**func).clone(), Some(Origin::of_store(s, &ids))))
    }

    /// Returns a value type that this function type names.
    fn type_of(&self, t: ValType) -> wrt_type_t {
        match &self.origin {
            Some(origin) => wrt_type_t::of_val(origin, t),
            None => wrt_type_t::of_plain(t),
        }
    }

    /// Returns the type, if it can be used with this engine.
    pub fn of(&self, engine: &Engine) -> Result<&FuncType> {
        let any_defined = self.ty.values().iter().any(|t| t.named().is_some());
        match &self.origin {
            Some(o) if o.engine != engine.id() && any_defined => {
                let (own, other) = (o.engine, engine.id());
                Err(err!(InvalidArgument, "the function type belongs to engine {own}, not to engine {other}"))
            }
            _ => Ok(&self.ty),
        }
    }
}

impl wrt_externtype_t {
    pub fn new(ty: ExternType, origin: &Origin) -> wrt_externtype_t {
        let func = match &ty {
            ExternType::Func(_, f) | ExternType::Tag(_, f) => {
                Some(wrt_functype_t::new((**f).clone(), Some(origin.clone())))
            }
            _ => None,
        };
        wrt_externtype_t { ty, origin: origin.clone(), func, text: Text::default() }
    }
}

/// The kind of an import, an export or a `wrt_extern_t`: a function.
pub const WRT_EXTERN_FUNC: u8 = 1;
/// A table.
pub const WRT_EXTERN_TABLE: u8 = 2;
/// A memory.
pub const WRT_EXTERN_MEMORY: u8 = 3;
/// A global.
pub const WRT_EXTERN_GLOBAL: u8 = 4;
/// A tag.
pub const WRT_EXTERN_TAG: u8 = 5;

/// Creates a function type from text, such as `(i32, i64) -> f64`, `()`, or `(f32) -> (i32, i32)`. The caller owns
/// `*out_type`, which is NULL on failure. Fails with `invalid argument`; the message says where.
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
        *out = give(wrt_functype_t::new(signature::parse(text)?, None));
        Ok(())
    })
}

/// Creates a function type from value kinds (`WRT_I32`, ...). The arrays are borrowed. The caller owns `*out_type`,
/// which is NULL on failure. Fails with `invalid argument` for an unknown kind.
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
        let types = |kinds: &[u8]| kinds.iter().map(|k| type_of(*k)).collect::<Result<Vec<_>>>();
        *out = give(wrt_functype_t::new(FuncType::new(types(params)?, types(results)?), None));
        Ok(())
    })
}

/// Creates a function type from any types of an engine. The arrays are borrowed. The caller owns `*out_type`, which
/// is NULL on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_of(
    engine: *const wrt_engine_t,
    params: *const wrt_type_t,
    param_count: usize,
    results: *const wrt_type_t,
    result_count: usize,
    out_type: *mut *mut wrt_functype_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine, arrays of these lengths and a place for the type, or NULLs, which are refused.
        let (out, engine, params, results) = unsafe {
            (
                output(out_type, std::ptr::null_mut(), "out_type")?,
                &borrow(engine, "engine")?.0,
                slice(params, param_count, "params")?,
                slice(results, result_count, "results")?,
            )
        };
        let mut kept = Vec::new();
        let mut types = |types: &[wrt_type_t]| {
            let val = |t: &wrt_type_t| t.val(engine).map(|Kept { ty, by }| (kept.extend(by), ty).1);
            types.iter().map(val).collect::<Result<Vec<_>>>()
        };
        let ty = FuncType::new(types(params)?, types(results)?);
        let names = params.iter().chain(results).map(|t| t.names).find(|n| *n != 0);
        *out = give(wrt_functype_t::new(ty, Some(Origin::of_types(engine, kept, names.unwrap_or(0)))));
        Ok(())
    })
}

/// Writes the type of a parameter. Fails with `invalid argument` if there is no such parameter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_param_type(
    ty: *const wrt_functype_t,
    index: usize,
    out_type: *mut wrt_type_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a type and a place for one, or NULLs, which are refused.
        let (out, ty) = unsafe { (output(out_type, wrt_type_t::EMPTY, "out_type")?, borrow(ty, "type")?) };
        let found = ty.ty.params().get(index).ok_or_else(|| err!(InvalidArgument, "there is no parameter {index}"))?;
        *out = ty.type_of(*found);
        Ok(())
    })
}

/// Writes the type of a result. Fails with `invalid argument` if there is no such result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_result_type(
    ty: *const wrt_functype_t,
    index: usize,
    out_type: *mut wrt_type_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a type and a place for one, or NULLs, which are refused.
        let (out, ty) = unsafe { (output(out_type, wrt_type_t::EMPTY, "out_type")?, borrow(ty, "type")?) };
        let found = ty.ty.results().get(index).ok_or_else(|| err!(InvalidArgument, "there is no result {index}"))?;
        *out = ty.type_of(*found);
        Ok(())
    })
}

/// Deletes a function type that the caller owns. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_delete(ty: *mut wrt_functype_t) {
    // SAFETY: the caller gives up ownership.
    unsafe { delete(ty) }
}

/// Returns how many parameters the type has. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_param_count(ty: *const wrt_functype_t) -> usize {
    // SAFETY: the caller passes NULL or a type.
    plain(0, || unsafe { ty.as_ref() }.map_or(0, |t| t.ty.params().len()))
}

/// Returns how many results the type has. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_result_count(ty: *const wrt_functype_t) -> usize {
    // SAFETY: the caller passes NULL or a type.
    plain(0, || unsafe { ty.as_ref() }.map_or(0, |t| t.ty.results().len()))
}

/// Returns the kind of a parameter; 0 if there is no such parameter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_param(ty: *const wrt_functype_t, index: usize) -> u8 {
    // SAFETY: the caller passes NULL or a type.
    plain(0, || unsafe { ty.as_ref() }.and_then(|t| t.ty.params().get(index)).map_or(0, |t| kind_of(*t)))
}

/// Returns the kind of a result; 0 if there is no such result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_result(ty: *const wrt_functype_t, index: usize) -> u8 {
    // SAFETY: the caller passes NULL or a type.
    plain(0, || unsafe { ty.as_ref() }.and_then(|t| t.ty.results().get(index)).map_or(0, |t| kind_of(*t)))
}

/// Returns the type as text, such as `(i32) -> i32`, borrowed. `out_len` may be NULL. "" for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_functype_text(ty: *const wrt_functype_t, out_len: *mut usize) -> *const c_char {
    // SAFETY: the caller passes NULL or a type, and NULL or a place for the length.
    plain(c"".as_ptr(), || unsafe {
        let text =
            |t: &wrt_functype_t| t.origin.as_ref().map_or_else(|| t.ty.to_string(), |o| o.scope.func_text(&t.ty));
        match ty.as_ref() {
            Some(t) => t.text.lend(out_len, || text(t)),
            None => CText::lend_or(None, Some(c""), out_len),
        }
    })
}

/// Returns the kind of the import or export: one of the `WRT_EXTERN_*`. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externtype_kind(ty: *const wrt_externtype_t) -> u8 {
    // SAFETY: the caller passes NULL or a type.
    plain(0, || match unsafe { ty.as_ref() }.map(|t| &t.ty) {
        None => 0,
        Some(ExternType::Func(..)) => WRT_EXTERN_FUNC,
        Some(ExternType::Table(_)) => WRT_EXTERN_TABLE,
        Some(ExternType::Memory(_)) => WRT_EXTERN_MEMORY,
        Some(ExternType::Global(_)) => WRT_EXTERN_GLOBAL,
        Some(ExternType::Tag(..)) => WRT_EXTERN_TAG,
    })
}

/// Returns the function type of a function or tag, borrowed; NULL for others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externtype_func(ty: *const wrt_externtype_t) -> *const wrt_functype_t {
    plain(std::ptr::null(), || {
        // SAFETY: the caller passes NULL or a type.
        unsafe { ty.as_ref() }.and_then(|t| t.func.as_ref()).map_or(std::ptr::null(), |f| f as *const _)
    })
}

/// Writes the limits of a table or memory. Fails with `type mismatch` for others.
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

/// Returns whether the type is a memory or a table whose indexes have 64 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externtype_is_64(ty: *const wrt_externtype_t) -> bool {
    // SAFETY: the caller passes NULL or a type.
    plain(false, || match unsafe { ty.as_ref() }.map(|t| &t.ty) {
        Some(ExternType::Table(t)) => t.index.is_64(),
        Some(ExternType::Memory(m)) => m.index.is_64(),
        _ => false,
    })
}

/// Returns how many bytes a page of a memory has: 65536 or 1. 0 for others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externtype_page_size(ty: *const wrt_externtype_t) -> u64 {
    // SAFETY: the caller passes NULL or a type.
    plain(0, || match unsafe { ty.as_ref() }.map(|t| &t.ty) {
        Some(ExternType::Memory(m)) => m.page.bytes(),
        _ => 0,
    })
}

/// Returns the kind of a global's value or of a table's elements; 0 for others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externtype_valkind(ty: *const wrt_externtype_t) -> u8 {
    // SAFETY: the caller passes NULL or a type.
    plain(0, || match unsafe { ty.as_ref() }.map(|t| &t.ty) {
        Some(ExternType::Global(g)) => kind_of(g.content),
        Some(ExternType::Table(t)) => kind_of(ValType::Ref(t.element)),
        _ => 0,
    })
}

/// Writes the type of a global's value, of a table's elements, or of a function or tag (as `WRT_DEFINED_FUNC`). Fails
/// with `type mismatch` for a memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externtype_type(
    ty: *const wrt_externtype_t,
    out_type: *mut wrt_type_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a type and a place for one, or NULLs, which are refused.
        let (out, ty) = unsafe { (output(out_type, wrt_type_t::EMPTY, "out_type")?, borrow(ty, "type")?) };
        *out = match &ty.ty {
            ExternType::Func(id, _) | ExternType::Tag(id, _) => {
                wrt_type_t::of_heap(&ty.origin, HeapType::ConcreteFunc(*id), false)
            }
            ExternType::Table(t) => wrt_type_t::of_val(&ty.origin, ValType::Ref(t.element)),
            ExternType::Global(g) => wrt_type_t::of_val(&ty.origin, g.content),
            ExternType::Memory(_) => return Err(err!(TypeMismatch, "a memory has no values of a type")),
        };
        Ok(())
    })
}

/// Returns whether the type is a mutable global.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externtype_is_mutable(ty: *const wrt_externtype_t) -> bool {
    // SAFETY: the caller passes NULL or a type.
    plain(false, || matches!(unsafe { ty.as_ref() }.map(|t| &t.ty), Some(ExternType::Global(g)) if g.mutable))
}

/// Returns the type as text, such as `memory 1 2`, `table i64 10 funcref` or `func (i32) -> i32`, borrowed. `out_len`
/// may be NULL. "" for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_externtype_text(ty: *const wrt_externtype_t, out_len: *mut usize) -> *const c_char {
    // SAFETY: the caller passes NULL or a type, and NULL or a place for the length.
    plain(c"".as_ptr(), || unsafe {
        match ty.as_ref() {
            Some(t) => t.text.lend(out_len, || t.origin.scope.extern_text(&t.ty)),
            None => CText::lend_or(None, Some(c""), out_len),
        }
    })
}
