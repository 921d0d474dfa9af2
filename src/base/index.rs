//! Typed indices into the index spaces of a module (Wasm 2.0, 2.5.1).
//!
//! Every index space has its own type, so that a table index cannot be used where a function index is expected.

pub use cranelift_entity::{EntityRef, PrimaryMap, SecondaryMap};

macro_rules! index_types {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
            #[repr(transparent)]
            pub struct $name(u32);
            cranelift_entity::entity_impl!($name);
        )*
    };
}

index_types! {
    /// A type of a module's type section.
    TypeIndex
    /// A function of a module, imported ones first.
    FuncIndex
    /// A function with a body in this module, counted from the first function that is not imported.
    DefinedFuncIndex
    /// A table of a module, imported ones first.
    TableIndex
    /// A table defined by this module, counted from the first table that is not imported.
    DefinedTableIndex
    /// A memory of a module, imported ones first.
    MemoryIndex
    /// A global of a module, imported ones first.
    GlobalIndex
    /// A global defined by this module, counted from the first global that is not imported.
    DefinedGlobalIndex
    /// A tag of a module, imported ones first.
    TagIndex
    /// An element segment.
    ElemIndex
    /// A data segment.
    DataIndex
    /// A function's index in its instance's array of funcrefs. Only functions that can become a value have one.
    FuncRefIndex
}
