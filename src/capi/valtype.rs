//! Types of values, fields and references.

use super::engine::wrt_engine_t;
use super::entry::{entry, plain};
use super::error::wrt_error_t;
use super::own::{borrow, output, wrt_bool};
use super::types::wrt_functype_t;
use super::val::*;
use crate::api::{
    CompositeType, DefType, Engine, FieldType, HeapType, Quoted, RefType, Result, StorageType, StoreMut, Top, TypeId,
    TypeScope, ValType,
};
use crate::err;
use std::ffi::c_char;
use std::sync::Arc;

/// References to what `ref.eq` can compare. This kind and the ones below are kinds of types only (`wrt_type_t`): values of
/// these types have one of the kinds above.
pub const WRT_EQREF: u8 = 9;
/// References to i31s.
pub const WRT_I31REF: u8 = 10;
/// References to structures.
pub const WRT_STRUCTREF: u8 = 11;
/// References to arrays.
pub const WRT_ARRAYREF: u8 = 12;
/// References of type `none`, the bottom type below `any`: only null.
pub const WRT_NULLREF: u8 = 13;
/// References of type `nofunc`, the bottom type of functions: only null.
pub const WRT_NULLFUNCREF: u8 = 14;
/// References of type `noextern`, the bottom type below `extern`: only null.
pub const WRT_NULLEXTERNREF: u8 = 15;
/// References to functions of the defined type `index`.
pub const WRT_DEFINED_FUNC: u8 = 16;
/// References to structures of the defined type `index`.
pub const WRT_DEFINED_STRUCT: u8 = 17;
/// References to arrays of the defined type `index`.
pub const WRT_DEFINED_ARRAY: u8 = 18;
/// The packed type i8, for fields only. The value of such a field is an i32.
pub const WRT_I8: u8 = 19;
/// The packed type i16, for fields only. The value of such a field is an i32.
pub const WRT_I16: u8 = 20;
/// References of type `noexn`, the bottom type below `exn`: only null.
pub const WRT_NULLEXNREF: u8 = 22;

/// A type of values or of fields. A plain value that owns nothing: copy it freely. All zeros is no type.
///
/// Equal defined types of an engine are one type, wherever they come from. A defined type exists as long as something
/// keeps it. The engine keeps types that the host has defined (`wrt_types_parse`, `wrt_typebuilder_finish`). A type
/// of a module is kept by the module, by its `wrt_types_t` and `wrt_functype_t`, and by every store that has created
/// an instance of the module, or an object or something else of the type. After that, uses fail with `stale handle`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_type_t {
    /// The engine of a defined type; 0 for others.
    pub engine: u64,
    /// The index of a defined type in its engine; 0 for others.
    pub index: u32,
    /// Distinguishes a defined type from earlier ones with its index; 0 for others.
    pub generation: u32,
    /// Identifies where the type and its fields have their names from: the module, or the text, that the type was
    /// read from; 0 for none. The names exist as long as that does. This says nothing about which type it is.
    pub names: u32,
    /// One of `WRT_I32`, ..., `WRT_FUNCREF`, ..., `WRT_I16`.
    pub kind: u8,
    /// For a reference type, whether it includes null; 0 or 1.
    pub nullable: u8,
    /// Always 0.
    pub reserved: u16,
}

/// The value of `wrt_type_t.engine` if the type is the member `index` of the group that is being built.
const IN_GROUP: u64 = u64::MAX;

const ABSTRACT: [(u8, HeapType); 12] = [
    (WRT_FUNCREF, HeapType::Func),
    (WRT_EXTERNREF, HeapType::Extern),
    (WRT_ANYREF, HeapType::Any),
    (WRT_EQREF, HeapType::Eq),
    (WRT_I31REF, HeapType::I31),
    (WRT_STRUCTREF, HeapType::Struct),
    (WRT_ARRAYREF, HeapType::Array),
    (WRT_NULLREF, HeapType::None),
    (WRT_NULLFUNCREF, HeapType::NoFunc),
    (WRT_NULLEXTERNREF, HeapType::NoExtern),
    (WRT_EXNREF, HeapType::Exn),
    (WRT_NULLEXNREF, HeapType::NoExn),
];

impl wrt_type_t {
    /// cbindgen:ignore
    pub const EMPTY: wrt_type_t =
        wrt_type_t { engine: 0, index: 0, generation: 0, names: 0, kind: 0, nullable: 0, reserved: 0 };

    fn plain(kind: u8) -> wrt_type_t {
        wrt_type_t { kind, ..wrt_type_t::EMPTY }
    }

    /// Returns the type of references to a heap type; if that is a defined type, `origin` keeps it.
    pub fn of_heap(origin: &Origin, heap: HeapType, nullable: bool) -> wrt_type_t {
        let nullable = nullable as u8;
        let defined = |kind, id: TypeId| wrt_type_t {
            engine: origin.engine,
            index: id.0,
            generation: origin.scope.generation(id),
            names: if origin.scope.names(id) { origin.scope.number() } else { 0 },
            kind,
            nullable,
            reserved: 0,
        };
        match heap {
            HeapType::ConcreteFunc(id) => defined(WRT_DEFINED_FUNC, id),
            HeapType::ConcreteStruct(id) => defined(WRT_DEFINED_STRUCT, id),
            HeapType::ConcreteArray(id) => defined(WRT_DEFINED_ARRAY, id),
            heap => wrt_type_t::of_abstract(heap, nullable != 0),
        }
    }

    fn of_abstract(heap: HeapType, nullable: bool) -> wrt_type_t {
        let kind = ABSTRACT.iter().find(|(_, h)| *h == heap).map_or(0, |(kind, _)| *kind);
        wrt_type_t { kind, nullable: nullable as u8, ..wrt_type_t::EMPTY }
    }

    /// Returns a type that needs no definition.
    pub fn of_plain(t: ValType) -> wrt_type_t {
        match t {
            ValType::Ref(r) => wrt_type_t::of_abstract(r.heap, r.nullable),
            number => wrt_type_t::plain(kind_of(number)),
        }
    }

    /// Returns the type of all values of a hierarchy of references.
    pub fn of_top(top: Top) -> wrt_type_t {
        wrt_type_t::of_abstract(top.heap(), true)
    }

    pub fn of_val(origin: &Origin, t: ValType) -> wrt_type_t {
        match t {
            ValType::Ref(r) => wrt_type_t::of_heap(origin, r.heap, r.nullable),
            number => wrt_type_t::plain(kind_of(number)),
        }
    }

    /// Returns the type of something in a store.
    pub fn in_store(s: &StoreMut<'_>, t: ValType) -> wrt_type_t {
        match t.named() {
            Some(id) => wrt_type_t::of_val(&Origin::of_store(s, &[id]), t),
            None => wrt_type_t::of_plain(t),
        }
    }

    pub fn of_storage(origin: &Origin, t: StorageType) -> wrt_type_t {
        match t {
            StorageType::I8 => wrt_type_t::plain(WRT_I8),
            StorageType::I16 => wrt_type_t::plain(WRT_I16),
            StorageType::Val(t) => wrt_type_t::of_val(origin, t),
        }
    }

    /// Returns the heap type that it refers to; `None` if it is not a reference type. Refuses ids of another engine,
    /// and does not check others.
    fn heap(&self, engine: u64) -> Result<Option<HeapType>> {
        if let Some((_, heap)) = ABSTRACT.iter().find(|(kind, _)| *kind == self.kind) {
            return Ok(Some(*heap));
        }
        let heap: fn(TypeId) -> HeapType = match self.kind {
            WRT_DEFINED_FUNC => HeapType::ConcreteFunc,
            WRT_DEFINED_STRUCT => HeapType::ConcreteStruct,
            WRT_DEFINED_ARRAY => HeapType::ConcreteArray,
            _ => return Ok(None),
        };
        match self.engine {
            IN_GROUP if engine == IN_GROUP => {}
            id if id == engine => {}
            0 => return Err(err!(InvalidArgument, "the type is empty")),
            id => return Err(err!(InvalidArgument, "the type belongs to engine {id}, not to engine {engine}")),
        }
        Ok(Some(heap(TypeId(self.index))))
    }

    /// Returns the value type, which must belong to the engine, and what keeps it.
    pub fn val(&self, engine: &Engine) -> Result<Kept<ValType>> {
        let t = match self.heap(engine.id())? {
            Some(heap) => ValType::Ref(RefType { nullable: self.nullable != 0, heap }),
            None if self.kind == WRT_I8 || self.kind == WRT_I16 => {
                return Err(err!(InvalidArgument, "a packed type is only for fields"));
            }
            None => type_of(self.kind)?,
        };
        let by = match t.named() {
            Some(id) => {
                let def = engine.type_of_generation(id, self.generation)?;
                if ValType::Ref(RefType { nullable: self.nullable != 0, heap: def.heap_type() }) != t {
                    return Err(err!(InvalidArgument, "the type does not belong to this engine"));
                }
                Some(def)
            }
            None => None,
        };
        Ok(Kept { ty: t, by })
    }

    /// Returns the reference type, which must belong to the engine, and what keeps it.
    pub fn reference(&self, engine: &Engine) -> Result<Kept<RefType>> {
        match self.val(engine)? {
            Kept { ty: ValType::Ref(ty), by } => Ok(Kept { ty, by }),
            number => Err(err!(TypeMismatch, "{} is not a reference type", number.ty)),
        }
    }

    /// Returns the defined type, which must belong to the engine.
    pub fn defined(&self, engine: &Engine) -> Result<DefType> {
        let found = self.reference(engine)?;
        found.by.ok_or_else(|| err!(TypeMismatch, "{} is not a defined type", found.ty.heap))
    }

    /// Returns the type of a field in a group that is being built for an engine, and what keeps it.
    pub fn storage(&self, engine: &Engine) -> Result<Kept<StorageType>> {
        let kept = |ty| Ok(Kept { ty, by: None });
        match self.kind {
            WRT_I8 => return kept(StorageType::I8),
            WRT_I16 => return kept(StorageType::I16),
            _ => {}
        }
        if self.engine == IN_GROUP
            && let Some(heap) = self.heap(IN_GROUP)?
        {
            return kept(StorageType::Val(ValType::Ref(RefType { nullable: self.nullable != 0, heap })));
        }
        let Kept { ty, by } = self.val(engine)?;
        Ok(Kept { ty: StorageType::Val(ty), by })
    }

    /// Returns the type of references to a member of the group that is being built.
    pub fn in_group(position: u32, kind: u8, nullable: bool) -> wrt_type_t {
        let index = crate::api::in_group(position).0;
        wrt_type_t { engine: IN_GROUP, index, kind, nullable: nullable as u8, ..wrt_type_t::EMPTY }
    }
}

/// A type and, if it is a defined one, what keeps it.
pub struct Kept<T> {
    pub ty: T,
    pub by: Option<DefType>,
}

/// Where types come from: their engine, what keeps them, and what has named them.
#[derive(Clone)]
pub struct Origin {
    pub engine: u64,
    pub scope: Arc<TypeScope>,
}

impl Origin {
    /// The origin of types of a store.
    pub fn of_store(s: &StoreMut<'_>, ids: &[TypeId]) -> Origin {
        Origin { engine: s.engine().id(), scope: s.scope_of(ids) }
    }

    /// The origin of types that it keeps, with the names of the scope `names`.
    pub fn of_types(engine: &Engine, types: Vec<DefType>, names: u32) -> Origin {
        Origin { engine: engine.id(), scope: engine.scope_of(types, names) }
    }
}

/// A field of a structure, or the element of an array.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_field_t {
    pub r#type: wrt_type_t,
    /// Whether the field can be changed; 0 or 1.
    pub is_mutable: u64,
}

impl wrt_field_t {
    /// cbindgen:ignore
    pub const EMPTY: wrt_field_t = wrt_field_t { r#type: wrt_type_t::EMPTY, is_mutable: 0 };

    pub fn new(origin: &Origin, f: &FieldType) -> wrt_field_t {
        wrt_field_t { r#type: wrt_type_t::of_storage(origin, f.storage), is_mutable: f.mutable as u64 }
    }
}

/// Writes a type that needs no definition: a number type, a packed type (`WRT_I8`, `WRT_I16`), or an abstract
/// reference type. `nullable` is used for reference types only. Fails with `invalid argument` for another kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_type_new(kind: u8, nullable: wrt_bool, out_type: *mut wrt_type_t) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a place for the type or NULL, which is refused.
        let out = unsafe { output(out_type, wrt_type_t::EMPTY, "out_type")? };
        let is_ref = ABSTRACT.iter().any(|(k, _)| *k == kind);
        if !is_ref && !(WRT_I32..=WRT_V128).contains(&kind) && kind != WRT_I8 && kind != WRT_I16 {
            return Err(err!(InvalidArgument, "kind {kind} is not a type without a definition"));
        }
        *out = wrt_type_t { kind, nullable: (is_ref && nullable.get()) as u8, ..wrt_type_t::EMPTY };
        Ok(())
    })
}

/// Writes the most general type of a reference type's hierarchy, nullable: `funcref`, `externref`, `anyref` or
/// `exnref`. Fails with `type mismatch` if the type is not a reference type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_type_top(ty: *const wrt_type_t, out_type: *mut wrt_type_t) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a type and a place for one, or NULLs, which are refused.
        let (ty, out) = unsafe {
            // Copied first: both pointers may be the same.
            let ty = borrow(ty, "type").copied();
            let out = output(out_type, wrt_type_t::EMPTY, "out_type")?;
            (ty?, out)
        };
        let heap = ty.heap(ty.engine)?.ok_or_else(|| err!(TypeMismatch, "the type is not a reference type"))?;
        *out = wrt_type_t::of_top(heap.top());
        Ok(())
    })
}

/// Returns whether two types are the same. False for NULL and for empty types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_type_equal(a: *const wrt_type_t, b: *const wrt_type_t) -> bool {
    plain(false, || {
        // SAFETY: the caller passes types or NULLs.
        match unsafe { (a.as_ref(), b.as_ref()) } {
            (Some(a), Some(b)) => {
                let all = |t: &wrt_type_t| (t.engine, t.index, t.generation, t.kind, t.nullable != 0);
                a.kind != 0 && all(a) == all(b)
            }
            _ => false,
        }
    })
}

/// Writes whether a value of type `a` can be used where one of type `b` is expected: `a` is `b`, or a subtype of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_type_matches(
    engine: *const wrt_engine_t,
    a: *const wrt_type_t,
    b: *const wrt_type_t,
    out_matches: *mut bool,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine, types and a place for the answer, or NULLs, which are refused.
        let (out, engine, a, b) = unsafe {
            (
                output(out_matches, false, "out_matches")?,
                &borrow(engine, "engine")?.0,
                *borrow(a, "a")?,
                *borrow(b, "b")?,
            )
        };
        let (a, b) = (a.val(engine)?, b.val(engine)?);
        *out = engine.matches(a.ty, b.ty)?;
        Ok(())
    })
}

/// Writes the type as in the text format, NUL-terminated, such as `anyref` or `(ref null $node)`. A defined type is
/// shown by the name that it has where it was read from (`wrt_type_t.names`), or without a name by its definition, as
/// in `(ref null (struct i32 (mut i64)))`. At most `capacity` bytes are written, and longer text is cut off;
/// `*out_len` (may be NULL) is the full length without the NUL. `buffer` may be NULL if `capacity` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_type_text(
    engine: *const wrt_engine_t,
    ty: *const wrt_type_t,
    buffer: *mut c_char,
    capacity: usize,
    out_len: *mut usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes an engine, a type, a buffer of this capacity, and NULL or a place for the length.
    unsafe {
        let len = output(out_len, 0, "");
        if capacity > 0 && !buffer.is_null() {
            buffer.write(0);
        }
        entry(|| {
            let (engine, ty) = (&borrow(engine, "engine")?.0, *borrow(ty, "type")?);
            let text = match ty.kind {
                WRT_I8 => "i8".into(),
                WRT_I16 => "i16".into(),
                _ => {
                    let Kept { ty: val, by } = ty.val(engine)?;
                    engine.scope_of(by.into_iter().collect(), ty.names).val_text(val)
                }
            };
            super::own::copy_text(&text, buffer, capacity)?;
            if let Ok(len) = len {
                *len = text.len();
            }
            Ok(())
        })
    }
}

/// Returns the origin of the types that a type names, which is the type's own.
fn origin(engine: &Engine, def: &DefType, names: u32) -> Origin {
    Origin::of_types(engine, vec![def.clone()], names)
}

/// Writes how many fields a defined structure type has; 1 for an array type, which has its element. Fails with
/// `type mismatch` for other types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_type_field_count(
    engine: *const wrt_engine_t,
    ty: *const wrt_type_t,
    out_count: *mut u32,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine, a type and a place for the number, or NULLs, which are refused.
        let (out, engine, ty) =
            unsafe { (output(out_count, 0, "out_count")?, &borrow(engine, "engine")?.0, *borrow(ty, "type")?) };
        *out = fields(&ty.defined(engine)?)?.len() as u32;
        Ok(())
    })
}

fn fields(def: &DefType) -> Result<&[FieldType]> {
    match def.sub.composite {
        CompositeType::Func(_) => Err(err!(TypeMismatch, "a function type has no fields")),
        _ => Ok(def.fields()),
    }
}

/// Writes a field of a defined structure type, or the element of an array type, which has index 0. Fails with
/// `invalid argument` if there is no such field, and with `type mismatch` for other types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_type_field(
    engine: *const wrt_engine_t,
    ty: *const wrt_type_t,
    index: u32,
    out_field: *mut wrt_field_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine, a type and a place for the field, or NULLs, which are refused.
        let (out, engine, ty) = unsafe {
            (output(out_field, wrt_field_t::EMPTY, "out_field")?, &borrow(engine, "engine")?.0, *borrow(ty, "type")?)
        };
        let def = ty.defined(engine)?;
        let fields = fields(&def)?;
        let field = fields.get(index as usize);
        let field = field.ok_or_else(|| err!(InvalidArgument, "there is no field {index}, but {}", fields.len()))?;
        *out = wrt_field_t::new(&origin(engine, &def, ty.names), field);
        Ok(())
    })
}

/// Writes the index of a field by its name. Names are those of the module, or of the text of `wrt_types_parse`, that
/// the type was read from (`wrt_type_t.names`). Fails with `not found` if there is no such field.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_type_find_field(
    engine: *const wrt_engine_t,
    ty: *const wrt_type_t,
    name: *const c_char,
    name_len: usize,
    out_index: *mut u32,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine, a type, a string of this length and a place, or NULLs, which are refused.
        let (out, engine, ty, name) = unsafe {
            (
                output(out_index, 0, "out_index")?,
                &borrow(engine, "engine")?.0,
                *borrow(ty, "type")?,
                super::own::string(name, name_len, "name")?,
            )
        };
        let def = ty.defined(engine)?;
        let count = fields(&def)?.len() as u32;
        let scope = engine.find_scope(ty.names);
        let found = scope.and_then(|s| (0..count).find(|i| s.field_name(def.id, *i) == Some(name)));
        *out = found.ok_or_else(|| err!(NotFound, "there is no field {}", Quoted(name)))?;
        Ok(())
    })
}

/// Writes the supertype that a defined type was declared with; the empty type if there is none. `*out_is_final` (may
/// be NULL) is true if the type cannot have subtypes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_type_supertype(
    engine: *const wrt_engine_t,
    ty: *const wrt_type_t,
    out_supertype: *mut wrt_type_t,
    out_is_final: *mut bool,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes an engine, a type and places for the answers, or NULLs; those that are needed are refused.
    unsafe {
        let is_final = output(out_is_final, false, "");
        entry(|| {
            let out = output(out_supertype, wrt_type_t::EMPTY, "out_supertype")?;
            let (engine, ty) = (&borrow(engine, "engine")?.0, *borrow(ty, "type")?);
            let def = ty.defined(engine)?;
            if let Some(above) = def.sub.supertype {
                let heap = engine.type_def(above)?.heap_type();
                *out = wrt_type_t::of_heap(&origin(engine, &def, ty.names), heap, true);
            }
            if let Ok(is_final) = is_final {
                *is_final = def.sub.is_final;
            }
            Ok(())
        })
    }
}

/// Writes the function type of a defined type. The caller owns `*out_functype`, which is NULL on failure. Fails with
/// `type mismatch` if the type is not a function type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_type_functype(
    engine: *const wrt_engine_t,
    ty: *const wrt_type_t,
    out_functype: *mut *mut wrt_functype_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine, a type and a place for the function type, or NULLs, which are refused.
        let (out, engine, ty) = unsafe {
            (
                output(out_functype, std::ptr::null_mut(), "out_functype")?,
                &borrow(engine, "engine")?.0,
                *borrow(ty, "type")?,
            )
        };
        let def = ty.defined(engine)?;
        let func = def.func().ok_or_else(|| err!(TypeMismatch, "the type is not a function type"))?;
        *out = super::own::give(wrt_functype_t::new((**func).clone(), Some(origin(engine, &def, ty.names))));
        Ok(())
    })
}
