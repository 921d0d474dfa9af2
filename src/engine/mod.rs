//! Layer 4: what exists once for each engine and outlives stores. Everything here is immutable, atomic or locked, so any thread can use it;
//! nothing here knows a store. What machine code, stubs and signal handlers need of the layer above is in one table of addresses
//! (`runtime::Runtime`).

pub mod code;
#[allow(clippy::module_inception)]
pub mod engine;
pub mod interrupt;
pub mod module;
pub mod pooling;
pub mod remote_release;
pub mod runtime;
pub mod timer;
