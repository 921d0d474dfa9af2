//! Types (Wasm 3.0, 2.3).

use crate::base::limits::{MEMORY32_SPAN, WASM_PAGE_SIZE};
use std::fmt;

/// A type's id in its engine: equal types have the same id. Machine code never contains ids; it loads them from the
/// instance's context. An id is the byte offset of the type's `Descriptor`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct TypeId(pub u32);

impl TypeId {
    /// No type: no registered type has this id.
    pub const NONE: TypeId = TypeId(u32::MAX);
}

/// A value type (Wasm 3.0, 2.3.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ValType {
    I32,
    I64,
    F32,
    F64,
    V128,
    Ref(RefType),
}

/// A reference type (Wasm 3.0, 2.3.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RefType {
    pub nullable: bool,
    pub heap: HeapType,
}

/// A heap type (Wasm 3.0, 2.3.3). A concrete one includes its kind, so that its hierarchy is known without the
/// registry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HeapType {
    Func,
    NoFunc,
    Extern,
    NoExtern,
    Any,
    Eq,
    I31,
    Struct,
    Array,
    None,
    /// Exceptions.
    Exn,
    NoExn,
    ConcreteFunc(TypeId),
    ConcreteStruct(TypeId),
    ConcreteArray(TypeId),
}

/// The four hierarchies of reference types, by their top types.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Top {
    Func,
    Extern,
    Any,
    Exn,
}

impl HeapType {
    pub fn top(self) -> Top {
        match self {
            HeapType::Func | HeapType::NoFunc | HeapType::ConcreteFunc(_) => Top::Func,
            HeapType::Extern | HeapType::NoExtern => Top::Extern,
            HeapType::Exn | HeapType::NoExn => Top::Exn,
            _ => Top::Any,
        }
    }

    /// The id of a concrete type.
    pub fn concrete(self) -> Option<TypeId> {
        match self {
            HeapType::ConcreteFunc(t) | HeapType::ConcreteStruct(t) | HeapType::ConcreteArray(t) => Some(t),
            _ => Option::None,
        }
    }

    fn with_id(self, f: impl Fn(TypeId) -> TypeId) -> HeapType {
        match self {
            HeapType::ConcreteFunc(t) => HeapType::ConcreteFunc(f(t)),
            HeapType::ConcreteStruct(t) => HeapType::ConcreteStruct(f(t)),
            HeapType::ConcreteArray(t) => HeapType::ConcreteArray(f(t)),
            other => other,
        }
    }
}

impl Top {
    pub fn heap(self) -> HeapType {
        match self {
            Top::Func => HeapType::Func,
            Top::Extern => HeapType::Extern,
            Top::Any => HeapType::Any,
            Top::Exn => HeapType::Exn,
        }
    }

    /// The type of every reference of the hierarchy, including null.
    pub fn ref_type(self) -> RefType {
        RefType { nullable: true, heap: self.heap() }
    }
}

impl RefType {
    pub const FUNC: RefType = RefType { nullable: true, heap: HeapType::Func };
    pub const EXTERN: RefType = RefType { nullable: true, heap: HeapType::Extern };
    pub const ANY: RefType = RefType { nullable: true, heap: HeapType::Any };
    pub const EXN: RefType = RefType { nullable: true, heap: HeapType::Exn };

    pub fn top(self) -> Top {
        self.heap.top()
    }
}

impl ValType {
    pub const FUNCREF: ValType = ValType::Ref(RefType::FUNC);
    pub const EXTERNREF: ValType = ValType::Ref(RefType::EXTERN);
    pub const ANYREF: ValType = ValType::Ref(RefType::ANY);
    pub const EXNREF: ValType = ValType::Ref(RefType::EXN);

    /// Whether its values are references that the collector must know: all except functions.
    pub fn is_gc(self) -> bool {
        matches!(self, ValType::Ref(r) if r.top() != Top::Func)
    }

    /// The defined type that it refers to.
    pub fn named(self) -> Option<TypeId> {
        match self {
            ValType::Ref(r) => r.heap.concrete(),
            _ => None,
        }
    }

    /// Whether its values can refer to objects, which the collector moves. An i31, or a type whose only value is null,
    /// does not.
    pub fn may_be_object(self) -> bool {
        use HeapType as H;
        self.is_gc() && !matches!(self, ValType::Ref(r) if matches!(r.heap, H::I31 | H::None | H::NoExtern | H::NoExn))
    }

    /// Whether it has a default value: zero or null.
    pub fn is_defaultable(self) -> bool {
        !matches!(self, ValType::Ref(r) if !r.nullable)
    }

    pub(super) fn with_ids(self, f: impl Fn(TypeId) -> TypeId) -> ValType {
        match self {
            ValType::Ref(r) => ValType::Ref(RefType { heap: r.heap.with_id(f), ..r }),
            other => other,
        }
    }
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HeapType::Func => "func",
            HeapType::NoFunc => "nofunc",
            HeapType::Extern => "extern",
            HeapType::NoExtern => "noextern",
            HeapType::Any => "any",
            HeapType::Eq => "eq",
            HeapType::I31 => "i31",
            HeapType::Struct => "struct",
            HeapType::Array => "array",
            HeapType::None => "none",
            HeapType::Exn => "exn",
            HeapType::NoExn => "noexn",
            HeapType::ConcreteFunc(t) => return write!(f, "$func{}", t.0),
            HeapType::ConcreteStruct(t) => return write!(f, "$struct{}", t.0),
            HeapType::ConcreteArray(t) => return write!(f, "$array{}", t.0),
        })
    }
}

/// Prints the text format's short form if there is one: `externref`, `(ref null $struct64)`, `(ref i31)`.
impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.nullable, self.heap) {
            (true, HeapType::None) => f.write_str("nullref"),
            (true, HeapType::NoFunc) => f.write_str("nullfuncref"),
            (true, HeapType::NoExtern) => f.write_str("nullexternref"),
            (true, HeapType::NoExn) => f.write_str("nullexnref"),
            (true, heap) if heap.concrete().is_none() => write!(f, "{heap}ref"),
            (true, heap) => write!(f, "(ref null {heap})"),
            (false, heap) => write!(f, "(ref {heap})"),
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::V128 => "v128",
            ValType::Ref(r) => return r.fmt(f),
        })
    }
}

/// The type of a field or element as it is stored in an object (Wasm 3.0, 2.3.7).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StorageType {
    I8,
    I16,
    Val(ValType),
}

impl StorageType {
    /// Its size in an object in bytes, a power of two. References take four bytes: those to objects are offsets in the
    /// heap, those to functions are indices into the store's list of functions.
    pub fn size(self) -> u32 {
        match self {
            StorageType::I8 => 1,
            StorageType::I16 => 2,
            StorageType::Val(ValType::I32 | ValType::F32 | ValType::Ref(_)) => 4,
            StorageType::Val(ValType::I64 | ValType::F64) => 8,
            StorageType::Val(ValType::V128) => 16,
        }
    }

    /// The type of the values that are stored in it.
    pub fn unpacked(self) -> ValType {
        match self {
            StorageType::I8 | StorageType::I16 => ValType::I32,
            StorageType::Val(t) => t,
        }
    }

    pub fn is_gc(self) -> bool {
        matches!(self, StorageType::Val(t) if t.is_gc())
    }

    /// Whether it holds functions, by their ids.
    pub fn is_func(self) -> bool {
        matches!(self, StorageType::Val(ValType::Ref(r)) if r.top() == Top::Func)
    }
}

/// A field of a structure, or the element of an array (Wasm 3.0, 2.3.7).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FieldType {
    pub storage: StorageType,
    pub mutable: bool,
}

/// The structure of a defined type (Wasm 3.0, 2.3.8).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum CompositeType {
    Func(std::sync::Arc<FuncType>),
    Struct(Box<[FieldType]>),
    Array(FieldType),
}

/// A type of a recursion group (Wasm 3.0, 2.3.9).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SubType {
    pub is_final: bool,
    pub supertype: Option<TypeId>,
    pub composite: CompositeType,
}

impl SubType {
    /// A type in a group of its own: final, without a supertype.
    pub fn plain(composite: CompositeType) -> SubType {
        SubType { is_final: true, supertype: None, composite }
    }

    /// The types that it refers to.
    pub fn named(&self) -> impl Iterator<Item = TypeId> + '_ {
        let (vals, fields): (&[ValType], &[FieldType]) = match &self.composite {
            CompositeType::Func(f) => (&f.values, &[]),
            CompositeType::Struct(fields) => (&[], fields),
            CompositeType::Array(element) => (&[], std::slice::from_ref(element)),
        };
        let fields = fields.iter().map(|f| f.storage.unpacked());
        self.supertype.into_iter().chain(vals.iter().copied().chain(fields).filter_map(ValType::named))
    }

    pub(super) fn with_ids(&self, f: impl Fn(TypeId) -> TypeId + Copy) -> SubType {
        let field = |t: &FieldType| FieldType {
            storage: match t.storage {
                StorageType::Val(v) => StorageType::Val(v.with_ids(f)),
                packed => packed,
            },
            ..*t
        };
        let composite = match &self.composite {
            CompositeType::Func(t) => {
                let all = |t: &[ValType]| t.iter().map(|t| t.with_ids(f)).collect::<Vec<_>>();
                CompositeType::Func(std::sync::Arc::new(FuncType::new(all(t.params()), all(t.results()))))
            }
            CompositeType::Struct(fields) => CompositeType::Struct(fields.iter().map(field).collect()),
            CompositeType::Array(t) => CompositeType::Array(field(t)),
        };
        SubType { is_final: self.is_final, supertype: self.supertype.map(f), composite }
    }

    /// The heap type of references to its objects.
    pub fn heap_type(&self, id: TypeId) -> HeapType {
        match self.composite {
            CompositeType::Func(_) => HeapType::ConcreteFunc(id),
            CompositeType::Struct(_) => HeapType::ConcreteStruct(id),
            CompositeType::Array(_) => HeapType::ConcreteArray(id),
        }
    }
}

/// A function type (Wasm 2.0, 2.3.6).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FuncType {
    values: Box<[ValType]>,
    params: usize,
    has_references: bool,
}

impl FuncType {
    pub fn new(params: impl IntoIterator<Item = ValType>, results: impl IntoIterator<Item = ValType>) -> FuncType {
        let mut values: Vec<ValType> = params.into_iter().collect();
        let params = values.len();
        values.extend(results);
        let has_references = values.iter().any(|t| t.is_gc());
        FuncType { values: values.into_boxed_slice(), params, has_references }
    }
    pub fn params(&self) -> &[ValType] {
        &self.values[..self.params]
    }
    pub fn results(&self) -> &[ValType] {
        &self.values[self.params..]
    }
    /// All types, parameters first.
    pub fn values(&self) -> &[ValType] {
        &self.values
    }
    /// Whether some value is a reference to an object.
    pub fn has_references(&self) -> bool {
        self.has_references
    }
}

/// Prints `(i32, i64) -> f64`, the form in which C passes signatures.
impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, tys: &[ValType]| {
            for (i, t) in tys.iter().enumerate() {
                write!(f, "{}{t}", if i > 0 { ", " } else { "" })?;
            }
            Ok(())
        };
        f.write_str("(")?;
        list(f, self.params())?;
        f.write_str(")")?;
        match self.results() {
            [] => Ok(()),
            [one] => write!(f, " -> {one}"),
            many => {
                f.write_str(" -> (")?;
                list(f, many)?;
                f.write_str(")")
            }
        }
    }
}

/// The type of the indexes and sizes of a table or memory (Wasm 3.0, 2.3.11, where it is called address type).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum IndexType {
    #[default]
    I32,
    I64,
}

impl IndexType {
    pub fn is_64(self) -> bool {
        self == IndexType::I64
    }

    /// The largest index.
    pub fn max(self) -> u64 {
        match self {
            IndexType::I32 => u32::MAX as u64,
            IndexType::I64 => u64::MAX,
        }
    }

    /// The type of a length that applies to two of them: the smaller one (Wasm 3.0, 3.4.12).
    pub fn min(self, other: IndexType) -> IndexType {
        if self.is_64() { other } else { self }
    }
}

/// Size limits of a table (elements) or a memory (pages) (Wasm 3.0, 2.3.12).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    pub min: u64,
    pub max: Option<u64>,
}

impl Limits {
    /// Whether something with these limits, currently of size `size`, can be imported as `wanted` (Wasm 2.0, 4.5.1).
    pub fn matches(&self, size: u64, wanted: &Limits) -> bool {
        size >= wanted.min
            && match (self.max, wanted.max) {
                (_, None) => true,
                (Some(have), Some(want)) => have <= want,
                (None, Some(_)) => false,
            }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max {
            Some(max) => write!(f, "{} {max}", self.min),
            None => write!(f, "{}", self.min),
        }
    }
}

/// A table type (Wasm 3.0, 2.3.14). Limits count elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TableType {
    pub limits: Limits,
    pub element: RefType,
    pub index: IndexType,
}

impl TableType {
    /// A table with 32-bit indexes.
    pub fn new(limits: Limits, element: RefType) -> TableType {
        TableType { limits, element, index: IndexType::I32 }
    }

    /// Whether a table of this type, currently of `size` elements, can be imported as `wanted`.
    pub fn matches(&self, size: u64, wanted: &TableType) -> bool {
        (self.index, self.element) == (wanted.index, wanted.element) && self.limits.matches(size, &wanted.limits)
    }
}

/// A memory type (Wasm 3.0, 2.3.13, and the custom-page-sizes proposal). Limits count pages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemoryType {
    pub limits: Limits,
    pub index: IndexType,
    pub page: PageSize,
}

/// Size of a page of a memory in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum PageSize {
    One,
    #[default]
    Wasm,
}

impl PageSize {
    pub fn log2(self) -> u32 {
        match self {
            PageSize::One => 0,
            PageSize::Wasm => WASM_PAGE_SIZE.trailing_zeros(),
        }
    }

    pub fn bytes(self) -> u64 {
        1 << self.log2()
    }
}

impl MemoryType {
    /// A memory with 32-bit indexes and pages of 64 KiB.
    pub fn new(limits: Limits) -> MemoryType {
        MemoryType { limits, index: IndexType::I32, page: PageSize::Wasm }
    }

    /// The maximum number of pages that it can ever have: those that its indexes can address, and whose number and size
    /// in bytes can be represented.
    pub fn max_pages(&self) -> u64 {
        let reach = match self.index {
            IndexType::I32 => (MEMORY32_SPAN >> self.page.log2()).min(self.index.max()),
            IndexType::I64 => u64::MAX >> self.page.log2(),
        };
        self.limits.max.map_or(reach, |max| max.min(reach))
    }

    /// Its minimum size in bytes, if that fits in 64 bits.
    pub fn min_bytes(&self) -> Option<u64> {
        self.limits.min.checked_mul(self.page.bytes())
    }

    /// Whether its size is always a multiple of the system's page size, so that a guard can directly follow it.
    pub fn has_whole_pages(&self) -> bool {
        self.page == PageSize::Wasm
    }

    /// Whether a memory of this type, currently of `pages` pages, can be imported as `wanted`.
    pub fn matches(&self, pages: u64, wanted: &MemoryType) -> bool {
        (self.index, self.page) == (wanted.index, wanted.page) && self.limits.matches(pages, &wanted.limits)
    }
}

/// Prints the text format: nothing for 32-bit indexes, otherwise `i64 `.
impl fmt::Display for IndexType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_64() { "i64 " } else { "" })
    }
}

/// A global type (Wasm 2.0, 2.3.10).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GlobalType {
    pub content: ValType,
    pub mutable: bool,
}

/// The type of an import or export (Wasm 2.0, 2.3.11).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ExternType {
    /// With the id of its exact type. An import of a supertype accepts it too.
    Func(TypeId, std::sync::Arc<FuncType>),
    Table(TableType),
    Memory(MemoryType),
    Global(GlobalType),
    /// With the id of its type, whose parameters are the types of the values that an exception carries.
    Tag(TypeId, std::sync::Arc<FuncType>),
}

impl ExternType {
    /// The types that it refers to.
    pub fn named(&self) -> impl Iterator<Item = TypeId> + '_ {
        let (func, vals): (Option<TypeId>, &[ValType]) = match self {
            ExternType::Func(id, f) | ExternType::Tag(id, f) => (Some(*id), f.values()),
            _ => (None, &[]),
        };
        let single = match self {
            ExternType::Table(t) => Some(ValType::Ref(t.element)),
            ExternType::Global(g) => Some(g.content),
            _ => None,
        };
        vals.iter().copied().chain(single).filter_map(ValType::named).chain(func)
    }

    pub fn kind_name(&self) -> &'static str {
        match self {
            ExternType::Func(..) => "func",
            ExternType::Table(_) => "table",
            ExternType::Memory(_) => "memory",
            ExternType::Global(_) => "global",
            ExternType::Tag(..) => "tag",
        }
    }
}

/// Prints a form like the text format: `func (i32) -> i32`, `memory 1 2`, `memory i64 5 (pagesize 1)`, `global mut
/// i32`, `table 10 funcref`.
impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternType::Func(_, t) => write!(f, "func {t}"),
            ExternType::Table(t) => write!(f, "table {}{} {}", t.index, t.limits, ValType::Ref(t.element)),
            ExternType::Memory(t) => {
                write!(f, "memory {}{}", t.index, t.limits)?;
                if t.page != PageSize::default() {
                    write!(f, " (pagesize {})", t.page.bytes())?;
                }
                Ok(())
            }
            ExternType::Global(t) => {
                write!(f, "global {}{}", if t.mutable { "mut " } else { "" }, t.content)
            }
            ExternType::Tag(_, t) => write!(f, "tag {t}"),
        }
    }
}
