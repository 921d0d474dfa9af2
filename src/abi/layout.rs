//! Where each array of an instance's context is: `VmContext`, then these arrays in order.

use super::heap::RefSlot;
use super::vmstruct::*;
use crate::base::index::*;
use crate::wasm::module::ModuleInfo;
use std::mem::{align_of, size_of};

/// Byte offsets from the start of a `VmContext`. Computed from a `ModuleInfo` alone, so compiler and runtime agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextLayout {
    /// `[TypeId]`, by type index.
    type_ids: u32,
    /// `[VmImportedFunc]`, by function index.
    imported_funcs: u32,
    /// `[VmMemorySlot]`, by memory index.
    memories: u32,
    /// `[*mut VmTable]`, by table index, imported ones only.
    imported_tables: u32,
    /// `[VmTable]`, by defined table index.
    tables: u32,
    /// `[*mut VmGlobal]`, by global index, imported ones only.
    imported_globals: u32,
    /// `[VmFuncRef]`, by funcref index.
    funcrefs: u32,
    /// `[VmGlobal]`, by defined global index.
    globals: u32,
    /// `[RefSlot]`, by tag index: the objects that represent the tags.
    tags: u32,
    /// `[TypeId]`, by tag index: the types of the exceptions.
    exceptions: u32,
    size: u32,
}

impl ContextLayout {
    pub fn new(m: &ModuleInfo) -> ContextLayout {
        let mut end = size_of::<VmContext>();
        let mut place = |count: usize, size: usize, align: usize| {
            let at = end.next_multiple_of(align);
            end = at + count * size;
            // The validator's limits on every index space keep this far below 2^31.
            at as u32
        };
        macro_rules! array {
            ($t:ty, $n:expr) => {
                place($n, size_of::<$t>(), align_of::<$t>())
            };
        }
        ContextLayout {
            // Small and frequently used arrays come first, so that their offsets are short.
            memories: array!(VmMemorySlot, m.memories.len()),
            globals: array!(VmGlobal, m.globals.len() - m.imported_globals),
            imported_tables: array!(*mut VmTable, m.imported_tables),
            tables: array!(VmTable, m.tables.len() - m.imported_tables),
            type_ids: array!(u32, m.types.len()),
            tags: array!(RefSlot, m.tags.len()),
            exceptions: array!(u32, m.tags.len()),
            imported_globals: array!(*mut VmGlobal, m.imported_globals),
            imported_funcs: array!(VmImportedFunc, m.imported_funcs),
            funcrefs: array!(VmFuncRef, m.funcrefs.len()),
            size: array!(VmGlobal, 0),
        }
    }

    /// Size of the whole context in bytes, a multiple of 16.
    pub fn size(&self) -> usize {
        self.size as usize
    }
    pub fn type_id(&self, i: TypeIndex) -> u32 {
        self.type_ids + at::<u32>(i.index())
    }
    pub fn tag(&self, i: TagIndex) -> u32 {
        self.tags + at::<RefSlot>(i.index())
    }
    pub fn exception_id(&self, i: TagIndex) -> u32 {
        self.exceptions + at::<u32>(i.index())
    }
    pub fn imported_func(&self, i: FuncIndex) -> u32 {
        self.imported_funcs + at::<VmImportedFunc>(i.index())
    }
    pub fn memory(&self, i: MemoryIndex) -> u32 {
        self.memories + at::<VmMemorySlot>(i.index())
    }
    pub fn imported_table(&self, i: TableIndex) -> u32 {
        self.imported_tables + at::<*mut VmTable>(i.index())
    }
    pub fn table(&self, i: DefinedTableIndex) -> u32 {
        self.tables + at::<VmTable>(i.index())
    }
    pub fn imported_global(&self, i: GlobalIndex) -> u32 {
        self.imported_globals + at::<*mut VmGlobal>(i.index())
    }
    pub fn global(&self, i: DefinedGlobalIndex) -> u32 {
        self.globals + at::<VmGlobal>(i.index())
    }
    pub fn funcref(&self, i: FuncRefIndex) -> u32 {
        self.funcrefs + at::<VmFuncRef>(i.index())
    }
}

fn at<T>(i: usize) -> u32 {
    (i * size_of::<T>()) as u32
}
