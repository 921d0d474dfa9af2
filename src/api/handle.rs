//! What the handles of store objects have in common.

use super::{Func, Global, Memory, StoreMut, Table, Tag};
use crate::base::{Error, Result};
use crate::err;
use crate::wasm::types::ExternType;

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident: $what:literal, $list:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(C)]
        pub struct $name {
            /// The store's id; 0 in the empty handle.
            pub store: u64,
            /// The index in the store.
            pub index: u32,
            /// Distinguishes objects that used the same index at different times.
            pub generation: u32,
        }

        impl $name {
            pub(in crate::api) fn make(store: &StoreMut<'_>, index: u32) -> $name {
                $name { store: store.id(), index, generation: store.vm().$list.generation(index) }
            }

            /// The index in the store. Fails with `StaleHandle` if the object is gone, and with `WrongStore` if it
            /// belongs to another store.
            #[inline]
            pub(in crate::api) fn check(&self, store: &StoreMut<'_>) -> Result<u32> {
                if self.store == store.id() && store.vm().$list.is_current(self.index, self.generation) {
                    return Ok(self.index);
                }
                Err(refused(store, self.store, $what))
            }
        }
    )* };
}

pub(super) mod defined {
    use super::*;
    handles! {
        /// A function of a store.
        Func: "function", funcs;
        /// A table of a store.
        Table: "table", tables;
        /// A memory of a store.
        Memory: "memory", memories;
        /// A global of a store.
        Global: "global", globals;
        /// A tag of a store.
        Tag: "tag", tags;
        /// An instance of a store.
        Instance: "instance", instances;
    }
}

#[cold]
fn refused(store: &StoreMut<'_>, id: u64, what: &str) -> Error {
    match id {
        0 => err!(StaleHandle, "the {what} handle is empty"),
        id if id == store.id() => {
            err!(StaleHandle, "the handle does not name a {what} of this store, or the {what} is gone")
        }
        _ => err!(WrongStore, "the {what} belongs to store {id}, not to store {}", store.id()),
    }
}

/// Something that can be imported and exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extern {
    Func(Func),
    Table(Table),
    Memory(Memory),
    Global(Global),
    Tag(Tag),
}

impl Extern {
    /// The current type: the minimum of a table or memory is its current size.
    pub fn ty(&self, store: &StoreMut<'_>) -> Result<ExternType> {
        Ok(match self {
            Extern::Func(f) => ExternType::Func(f.type_id(store)?, f.ty(store)?),
            Extern::Table(t) => ExternType::Table(t.ty(store)?),
            Extern::Memory(m) => ExternType::Memory(m.ty(store)?),
            Extern::Global(g) => ExternType::Global(g.ty(store)?),
            Extern::Tag(t) => ExternType::Tag(t.type_id(store)?, t.ty(store)?),
        })
    }

    /// The kind of the item, as in the text format.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Extern::Func(_) => "func",
            Extern::Table(_) => "table",
            Extern::Memory(_) => "memory",
            Extern::Global(_) => "global",
            Extern::Tag(_) => "tag",
        }
    }
}
