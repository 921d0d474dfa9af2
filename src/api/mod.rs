//! Layer 5: the engine's Rust API. Everything is checked here: stores, handles, types, sizes.
//!
//! Objects of a store (`Func`, `Table`, `Memory`, `Global`, `Instance`) are small plain handles. They own nothing, and
//! every use checks them. A store is used by one thread at a time; engines and modules are shared freely.

mod config;
mod engine;
mod exception;
mod func;
mod global;
mod handle;
mod instance;
mod linker;
mod memory;
mod mistaken;
mod module;
mod object;
mod reference;
mod store;
mod table;
mod tag;
mod text;
mod types;
mod val;
mod weak;

pub use crate::abi::vmstruct::{VmCaller, VmSlot};
pub use crate::base::{Error, ErrorKind, Frame, Quoted, Result, Trap};
pub use crate::engine::interrupt::DeadlineCallback;
pub use crate::engine::pooling::pool::{PoolOptions, PoolStatistics};
pub use crate::gc::Statistics;
pub use crate::gc::config::{AllPauses, PAUSE_CLASSES, Pauses};
pub use crate::gc::host::HostPointer;
pub use crate::store::objects::census::{Census, Tally};
pub use crate::store::objects::gc_event::{GcEvent, GcHook};
pub use crate::store::parts::host_func::Direct;
pub use crate::store::parts::limits::{Growth, Limiter, Resource, StoreLimits};
pub use crate::store::run::abandoned::Abandoned;
#[doc(hidden)]
pub use crate::sys::fault_injection::fail_nth;
pub use crate::wasm::features::{Feature, had as features};
pub use crate::wasm::registry::{DefType, TypeDef, in_group};
pub use crate::wasm::scope::TypeScope;
pub use crate::wasm::types::{
    CompositeType, ExternType, FieldType, FuncType, GlobalType, HeapType, IndexType, Limits, MemoryType, PageSize,
    RefType, StorageType, SubType, TableType, Top, TypeId, ValType,
};
pub use config::Config;
pub use engine::{Engine, EngineOffer};
pub use func::{Caller, Func};
pub use global::Global;
pub use handle::Extern;
pub use instance::Instance;
pub use linker::{HostDefinition, Linker};
pub use memory::Memory;
pub use module::{ExportType, ImportType, Module, ModuleOffer};
pub use reference::Ref;
pub use store::{Gate, InterruptHandle, Store, StoreMut};
pub use table::Table;
pub use tag::Tag;
pub use types::Types;
pub use val::{Val, Value};
pub use weak::WeakRef;
