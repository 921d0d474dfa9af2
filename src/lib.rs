//! `wrt`: a WebAssembly engine that lives inside other people's programs.
//!
//! Floors, lowest first; a file imports only from lower floors and its own folder (`tests/style.rs`).
#![deny(unsafe_op_in_unsafe_fn)]
#![warn(clippy::undocumented_unsafe_blocks)]

pub mod base;
mod sys;
mod wasm;
mod abi;
mod compile;
mod vm;
pub mod api;
pub mod capi;
