//! Defining types: from text, and one by one.

use super::engine::wrt_engine_t;
use super::entry::{entry, plain};
use super::error::wrt_error_t;
use super::module::wrt_module_t;
use super::own::{borrow, delete, give, output, slice, string, wrt_bool};
use super::val::wrt_val_t;
use super::valtype::*;
use crate::api::{
    CompositeType, DefType, Engine, FieldType, FuncType, HeapType, Quoted, Result, StorageType, SubType, Types, ValType,
};
use crate::err;
use crate::wasm::registry::in_group_place;
use std::ffi::c_char;
use std::sync::Arc;

/// A list of types that were defined together, which live at least as long as the list (`wrt_type_t`). Immutable; can
/// be shared between threads.
pub struct wrt_types_t {
    types: Types,
    origin: Origin,
}

impl wrt_types_t {
    fn out(types: Types, engine: &Engine) -> *mut wrt_types_t {
        let origin = Origin { engine: engine.id(), scope: types.scope().clone() };
        give(wrt_types_t { types, origin })
    }
}

/// Defines types in the text format: type definitions and recursion groups, such as `(rec (type $node (struct (field
/// $next (mut (ref null $node))))))`. A type that equals one of a module, or of the host, is the same type. The
/// caller owns `*out_types`, which is NULL on failure. Fails with `malformed` or `invalid module`, whose message says
/// where, and with `invalid argument` if the text defines anything but types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_types_parse(
    engine: *const wrt_engine_t,
    text: *const c_char,
    text_len: usize,
    out_types: *mut *mut wrt_types_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine, a string of this length and a place for the types, or NULLs, which are refused.
        let (out, engine, text) = unsafe {
            (
                output(out_types, std::ptr::null_mut(), "out_types")?,
                &borrow(engine, "engine")?.0,
                string(text, text_len, "text")?,
            )
        };
        *out = wrt_types_t::out(engine.parse_types(text)?, engine);
        Ok(())
    })
}

/// Writes the types that a module defines, in its order. The caller owns `*out_types`, which is NULL on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_types(
    module: *const wrt_module_t,
    out_types: *mut *mut wrt_types_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a module and a place for the types, or NULLs, which are refused.
        let (out, module) =
            unsafe { (output(out_types, std::ptr::null_mut(), "out_types")?, borrow(module, "module")?) };
        *out = wrt_types_t::out(module.module.types(), &module.module.engine());
        Ok(())
    })
}

/// Deletes a list of types. Types that the host has defined stay; those of a module stay as long as something else
/// keeps them. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_types_delete(types: *mut wrt_types_t) {
    // SAFETY: the caller gives up ownership.
    unsafe { delete(types) }
}

/// Returns how many types the list has. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_types_count(types: *const wrt_types_t) -> usize {
    // SAFETY: the caller passes NULL or types.
    plain(0, || unsafe { types.as_ref() }.map_or(0, |t| t.types.len()))
}

/// Writes a type by its index in the text or module, as a nullable type. Fails with `invalid argument` if there is
/// none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_types_get(
    types: *const wrt_types_t,
    index: usize,
    out_type: *mut wrt_type_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes types and a place for one, or NULLs, which are refused.
        let (out, types) = unsafe { (output(out_type, wrt_type_t::EMPTY, "out_type")?, borrow(types, "types")?) };
        let found = types.types.get(index).ok_or_else(|| err!(InvalidArgument, "there is no type {index}"))?;
        *out = wrt_type_t::of_heap(&types.origin, found, true);
        Ok(())
    })
}

/// Writes a type by its name, without the dollar sign, as a nullable type. Fails with `not found` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_types_find(
    types: *const wrt_types_t,
    name: *const c_char,
    name_len: usize,
    out_type: *mut wrt_type_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes types, a string of this length and a place for a type, or NULLs, which are refused.
        let (out, types, name) = unsafe {
            (output(out_type, wrt_type_t::EMPTY, "out_type")?, borrow(types, "types")?, string(name, name_len, "name")?)
        };
        let found = types.types.find(name).ok_or_else(|| err!(NotFound, "there is no type {}", Quoted(name)))?;
        *out = wrt_type_t::of_heap(&types.origin, found, true);
        Ok(())
    })
}

/// A recursion group that is being built. Used by one thread at a time.
pub struct wrt_typebuilder_t {
    engine: Engine,
    members: Vec<SubType>,
    /// Types outside of the group that the members name.
    kept: Vec<DefType>,
}

/// Creates a builder for a recursion group: types that can refer to each other. The caller owns `*out_builder`, which
/// is NULL on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_typebuilder_new(
    engine: *const wrt_engine_t,
    out_builder: *mut *mut wrt_typebuilder_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine and a place for the builder, or NULLs, which are refused.
        let (out, engine) =
            unsafe { (output(out_builder, std::ptr::null_mut(), "out_builder")?, borrow(engine, "engine")?) };
        *out = give(wrt_typebuilder_t { engine: engine.0.clone(), members: Vec::new(), kept: Vec::new() });
        Ok(())
    })
}

/// Deletes a builder. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_typebuilder_delete(builder: *mut wrt_typebuilder_t) {
    // SAFETY: the caller gives up ownership.
    unsafe { delete(builder) }
}

/// Writes the type of references to the member at `position` of the group. That member may be added later, as what
/// `kind` says: `WRT_DEFINED_STRUCT`, `WRT_DEFINED_ARRAY` or `WRT_DEFINED_FUNC`. The type is valid in fields,
/// parameters, results and supertypes of the same group. Fails with `invalid argument` for another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_typebuilder_ref(
    position: u32,
    kind: u8,
    nullable: wrt_bool,
    out_type: *mut wrt_type_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a place for the type or NULL, which is refused.
        let out = unsafe { output(out_type, wrt_type_t::EMPTY, "out_type")? };
        if !(WRT_DEFINED_FUNC..=WRT_DEFINED_ARRAY).contains(&kind) || position >= 1 << 30 {
            return Err(err!(InvalidArgument, "a group has no member {position} of kind {kind}"));
        }
        *out = wrt_type_t::in_group(position, kind, nullable.get());
        Ok(())
    })
}

/// # Safety
/// `builder` is NULL or a builder that no other thread uses; `supertype` is NULL or a type; `out_position` is NULL or
/// a place.
unsafe fn add(
    builder: *mut wrt_typebuilder_t,
    is_final: bool,
    supertype: *const wrt_type_t,
    out_position: *mut u32,
    composite: impl FnOnce(&mut Naming<'_>) -> Result<CompositeType>,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe {
        let position = output(out_position, 0, "");
        entry(|| {
            let builder = builder.as_mut().ok_or_else(|| super::entry::null("builder"))?;
            let mut naming = Naming { engine: &builder.engine, kept: &mut builder.kept };
            let above = match supertype.as_ref() {
                None => None,
                Some(t) => match naming.storage(t)? {
                    StorageType::Val(ValType::Ref(r)) if r.heap.concrete().is_some() => {
                        check_member(&builder.members, r.heap)?;
                        r.heap.concrete()
                    }
                    _ => return Err(err!(TypeMismatch, "the supertype is not a defined type")),
                },
            };
            let composite = composite(&mut naming)?;
            if let Ok(position) = position {
                *position = builder.members.len() as u32;
            }
            builder.members.push(SubType { is_final, supertype: above, composite });
            Ok(())
        })
    }
}

/// Checks that a member of the group that a supertype names is of the kind that it says. Whether that member exists
/// is checked when the group is finished.
fn check_member(members: &[SubType], heap: HeapType) -> Result<()> {
    let Some((id, n)) = heap.concrete().and_then(|id| Some((id, in_group_place(id)?))) else { return Ok(()) };
    match members.get(n) {
        Some(sub) if sub.heap_type(id) != heap => {
            Err(err!(InvalidArgument, "member {n} of the group is of another kind"))
        }
        _ => Ok(()),
    }
}

/// Reads types that a member names, and keeps them until the group is finished.
struct Naming<'a> {
    engine: &'a Engine,
    kept: &'a mut Vec<DefType>,
}

impl Naming<'_> {
    fn storage(&mut self, t: &wrt_type_t) -> Result<StorageType> {
        let Kept { ty, by } = t.storage(self.engine)?;
        self.kept.extend(by);
        Ok(ty)
    }

    fn field(&mut self, f: &wrt_field_t) -> Result<FieldType> {
        Ok(FieldType { storage: self.storage(&f.r#type)?, mutable: f.is_mutable != 0 })
    }
}

/// Adds a structure type to the group, and writes its position in the group to `*out_position` (may be NULL).
/// `fields` are borrowed. `supertype` may be NULL. Fails with `invalid argument` or `type mismatch` for an unusable
/// field or supertype; everything else is checked when the group is finished.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_typebuilder_struct(
    builder: *mut wrt_typebuilder_t,
    fields: *const wrt_field_t,
    field_count: usize,
    is_final: wrt_bool,
    supertype: *const wrt_type_t,
    out_position: *mut u32,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a builder, an array of this length, and NULLs or a supertype and a place.
    unsafe {
        add(builder, is_final.get(), supertype, out_position, |naming| {
            let fields = slice(fields, field_count, "fields")?;
            Ok(CompositeType::Struct(fields.iter().map(|f| naming.field(f)).collect::<Result<_>>()?))
        })
    }
}

/// Adds an array type to the group. Otherwise as `wrt_typebuilder_struct`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_typebuilder_array(
    builder: *mut wrt_typebuilder_t,
    element: *const wrt_field_t,
    is_final: wrt_bool,
    supertype: *const wrt_type_t,
    out_position: *mut u32,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a builder and an element, and NULLs or a supertype and a place.
    unsafe {
        add(builder, is_final.get(), supertype, out_position, |naming| {
            Ok(CompositeType::Array(naming.field(borrow(element, "element")?)?))
        })
    }
}

/// Adds a function type to the group. Otherwise as `wrt_typebuilder_struct`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_typebuilder_func(
    builder: *mut wrt_typebuilder_t,
    params: *const wrt_type_t,
    param_count: usize,
    results: *const wrt_type_t,
    result_count: usize,
    is_final: wrt_bool,
    supertype: *const wrt_type_t,
    out_position: *mut u32,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a builder, arrays of these lengths, and NULLs or a supertype and a place.
    unsafe {
        add(builder, is_final.get(), supertype, out_position, |naming| {
            let mut all = |types: &[wrt_type_t]| {
                let val = |t: &wrt_type_t| match naming.storage(t)? {
                    StorageType::Val(t) => Ok(t),
                    _ => Err(err!(InvalidArgument, "a packed type is only for fields")),
                };
                types.iter().map(val).collect::<Result<Vec<_>>>()
            };
            let (params, results) = (slice(params, param_count, "params")?, slice(results, result_count, "results")?);
            Ok(CompositeType::Func(Arc::new(FuncType::new(all(params)?, all(results)?))))
        })
    }
}

/// Checks and defines the group, as if a module had defined it. The builder is empty afterwards, also on failure, and
/// can be used again. The caller owns `*out_types`, which is NULL on failure. Fails with `invalid argument` for types
/// that do not exist, with `type mismatch` for a supertype that does not fit, and with `limit`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_typebuilder_finish(
    builder: *mut wrt_typebuilder_t,
    out_types: *mut *mut wrt_types_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a builder that no other thread uses and a place for the types, or NULLs, which are refused.
        let (out, builder) = unsafe { (output(out_types, std::ptr::null_mut(), "out_types")?, builder.as_mut()) };
        let builder = builder.ok_or_else(|| super::entry::null("builder"))?;
        let (members, _kept) = (std::mem::take(&mut builder.members), std::mem::take(&mut builder.kept));
        *out = wrt_types_t::out(builder.engine.define_types(members)?, &builder.engine);
        Ok(())
    })
}

/// Writes null as a value of the hierarchy that a reference type's kind (`WRT_FUNCREF`, `WRT_EQREF`, ...) belongs to.
/// Fails with `invalid argument` if `kind` is not one of a reference type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_val_null(kind: u8, out_value: *mut wrt_val_t) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a place for the value or NULL, which is refused.
        let out = unsafe { output(out_value, wrt_val_t::EMPTY, "out_value")? };
        let top = match kind {
            WRT_DEFINED_STRUCT | WRT_DEFINED_ARRAY => super::val::WRT_ANYREF,
            WRT_DEFINED_FUNC => super::val::WRT_FUNCREF,
            _ => {
                let (mut ty, mut top) = (wrt_type_t { kind, ..wrt_type_t::EMPTY }, wrt_type_t::EMPTY);
                // SAFETY: both are local variables.
                let e = unsafe { wrt_type_top(&raw mut ty, &raw mut top) };
                if !e.is_null() {
                    // SAFETY: `wrt_type_top` has just returned it.
                    drop(unsafe { wrt_error_t::take(e) });
                    return Err(err!(InvalidArgument, "kind {kind} is not a reference type"));
                }
                top.kind
            }
        };
        *out = wrt_val_t { kind: top, ..wrt_val_t::EMPTY };
        Ok(())
    })
}
