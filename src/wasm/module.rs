//! `ModuleInfo`: the declarations of a module, without its bodies. Pure data.

use super::const_expr::{ConstExpr, ConstExprs};
use super::hints::BranchHints;
use super::names::Names;
use super::registry::DefType;
use super::scope::TypeScope;
use super::types::*;
use crate::base::index::*;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// An item that can be imported or exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntityIndex {
    Func(FuncIndex),
    Table(TableIndex),
    Memory(MemoryIndex),
    Global(GlobalIndex),
    Tag(TagIndex),
}

pub struct Import {
    pub module: Box<str>,
    pub name: Box<str>,
    /// The index that it gets in its index space.
    pub index: EntityIndex,
}

pub struct Export {
    pub name: Box<str>,
    pub index: EntityIndex,
}

#[derive(Clone, Copy)]
pub struct FuncDecl {
    pub ty: TypeIndex,
    /// Its index among the instance's funcrefs, if it can become a value (exported, in a segment, `ref.func`).
    pub funcref: Option<FuncRefIndex>,
}

pub struct TableDecl {
    pub ty: TableType,
    /// The initial value of its elements; null if absent.
    pub init: Option<ConstExpr>,
    /// Whether some instruction of this module can change its size.
    pub grows: bool,
}

pub struct GlobalDecl {
    pub ty: GlobalType,
    /// Absent for imported globals.
    pub init: Option<ConstExpr>,
}

pub struct TagDecl {
    pub ty: TypeIndex,
    /// The type of the objects that represent its exceptions.
    pub exception: DefType,
}

/// The elements of a segment.
pub enum ElemItems {
    Funcs(Box<[FuncIndex]>),
    /// Nulls and i31s: references that a collection never changes.
    I31s(Box<[Option<i32>]>),
    Exprs(ConstExprs),
}

impl ElemItems {
    pub fn len(&self) -> usize {
        match self {
            ElemItems::Funcs(f) => f.len(),
            ElemItems::I31s(s) => s.len(),
            ElemItems::Exprs(e) => e.len(),
        }
    }
}

/// Where a segment is applied (Wasm 2.0, 2.5.7 and 2.5.8).
pub enum SegmentMode<I> {
    Passive,
    Active {
        target: I,
        offset: ConstExpr,
    },
    /// Only makes its functions referable. Behaves like a dropped segment.
    Declared,
}

pub struct ElemSegment {
    pub mode: SegmentMode<TableIndex>,
    pub ty: RefType,
    pub items: ElemItems,
}

pub struct DataSegment {
    pub mode: SegmentMode<MemoryIndex>,
    /// Its bytes, as a range of the module's bytes.
    pub bytes: Range<usize>,
}

/// The declarations of a module.
#[derive(Default)]
pub struct ModuleInfo {
    /// With their engine-wide ids.
    pub types: PrimaryMap<TypeIndex, DefType>,
    /// These types and those of exceptions, with their names. Present once decoding has finished.
    pub scope: Option<Arc<TypeScope>>,
    /// In the order of the binary.
    pub imports: Vec<Import>,
    /// In the order of the binary.
    pub exports: Vec<Export>,
    /// From a name to its index in `exports`.
    pub export_names: HashMap<Box<str>, usize>,
    pub funcs: PrimaryMap<FuncIndex, FuncDecl>,
    pub tables: PrimaryMap<TableIndex, TableDecl>,
    pub memories: PrimaryMap<MemoryIndex, MemoryType>,
    pub globals: PrimaryMap<GlobalIndex, GlobalDecl>,
    pub tags: PrimaryMap<TagIndex, TagDecl>,
    pub elems: PrimaryMap<ElemIndex, ElemSegment>,
    pub data: PrimaryMap<DataIndex, DataSegment>,
    pub start: Option<FuncIndex>,
    pub imported_funcs: usize,
    pub imported_tables: usize,
    pub imported_memories: usize,
    pub imported_globals: usize,
    pub imported_tags: usize,
    /// The functions that can become values, in the order of their `FuncRefIndex`.
    pub funcrefs: PrimaryMap<FuncRefIndex, FuncIndex>,
    /// Each body (locals and code) as a range of the module's bytes.
    pub bodies: PrimaryMap<DefinedFuncIndex, Range<usize>>,
    pub names: Names,
    /// Which branches are likely, for the layout of code.
    pub hints: BranchHints,
}

impl ModuleInfo {
    pub fn scope(&self) -> &Arc<TypeScope> {
        self.scope.as_ref().expect("decoded")
    }
    pub fn func_type(&self, f: FuncIndex) -> &Arc<FuncType> {
        self.signature(self.funcs[f].ty)
    }
    /// The function type at a type index. Panics if it is not a function type.
    pub fn signature(&self, ty: TypeIndex) -> &Arc<FuncType> {
        self.types[ty].func().expect("validated to be a function type")
    }
    /// The index among the functions with bodies; `None` for an imported function.
    pub fn defined_func(&self, f: FuncIndex) -> Option<DefinedFuncIndex> {
        f.index().checked_sub(self.imported_funcs).map(DefinedFuncIndex::new)
    }
    pub fn func_index(&self, f: DefinedFuncIndex) -> FuncIndex {
        FuncIndex::new(self.imported_funcs + f.index())
    }
    pub fn defined_table(&self, t: TableIndex) -> Option<DefinedTableIndex> {
        t.index().checked_sub(self.imported_tables).map(DefinedTableIndex::new)
    }
    pub fn defined_global(&self, g: GlobalIndex) -> Option<DefinedGlobalIndex> {
        g.index().checked_sub(self.imported_globals).map(DefinedGlobalIndex::new)
    }
    pub fn is_imported_memory(&self, m: MemoryIndex) -> bool {
        m.index() < self.imported_memories
    }
    pub fn extern_type(&self, e: EntityIndex) -> ExternType {
        match e {
            EntityIndex::Func(f) => ExternType::Func(self.types[self.funcs[f].ty].id, self.func_type(f).clone()),
            EntityIndex::Table(t) => ExternType::Table(self.tables[t].ty),
            EntityIndex::Memory(m) => ExternType::Memory(self.memories[m]),
            EntityIndex::Global(g) => ExternType::Global(self.globals[g].ty),
            EntityIndex::Tag(t) => {
                let ty = self.tags[t].ty;
                ExternType::Tag(self.types[ty].id, self.signature(ty).clone())
            }
        }
    }
    pub fn export(&self, name: &str) -> Option<EntityIndex> {
        self.export_names.get(name).map(|i| self.exports[*i].index)
    }
    /// A function's human-readable name: from the name section, otherwise its first export.
    pub fn func_name(&self, f: FuncIndex) -> Option<&str> {
        self.names.func(f).or_else(|| self.exported_as(EntityIndex::Func(f)))
    }
    /// A tag's human-readable name: from the name section, otherwise its first export.
    pub fn tag_name(&self, t: TagIndex) -> Option<&str> {
        self.names.tag(t).or_else(|| self.exported_as(EntityIndex::Tag(t)))
    }
    fn exported_as(&self, index: EntityIndex) -> Option<&str> {
        self.exports.iter().find(|e| e.index == index).map(|e| &*e.name)
    }
}
