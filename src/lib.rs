//! `wrt`: an embeddable WebAssembly engine.
//!
//! The modules form layers. A file imports only from lower layers and its own folder; `tests/style.rs` lists the layers and checks this.
#![deny(unsafe_op_in_unsafe_fn)]
#![warn(clippy::undocumented_unsafe_blocks)]

mod abi;
pub mod api;
pub mod base;
pub mod capi;
mod compile;
mod engine;
mod gc;
mod store;
mod sys;
pub mod wasi;
mod wasm;

#[cfg(feature = "allocator")]
#[global_allocator]
static ALLOCATOR: sys::allocation::Allocator = sys::allocation::Allocator;

/// Types whose misuse does not compile, exported for documentation tests that show this. Not part of the API.
#[doc(hidden)]
pub mod internals {
    pub use crate::abi::heap::RefSlot;
    pub use crate::compile::cranelift::gc::GcVal;
    pub use crate::gc::collect::Kind;
    pub use crate::gc::slot::Slots;
    pub use crate::gc::{Gc, Heap, NoGc, Root};
}
