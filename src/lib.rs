//! `wrt`: a WebAssembly engine that lives inside other people's programs.
//!
//! Floors, lowest first; a file imports only from lower floors and its own folder (`tests/style.rs`).
#![deny(unsafe_op_in_unsafe_fn)]
#![warn(clippy::undocumented_unsafe_blocks)]

mod abi;
pub mod api;
pub mod base;
pub mod capi;
mod compile;
mod gc;
mod sys;
mod vm;
mod wasm;
