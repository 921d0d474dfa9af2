//! Layer 7: the C API. `include/wrt.h` is generated from the documentation and signatures here.
//!
//! Every exported function goes through `entry`, which catches panics and turns errors into objects. `own` has the
//! conventions for strings, outputs and owned pointers.
#![allow(non_camel_case_types)]

mod config;
mod engine;
mod entry;
mod error;
mod exception;
mod externref;
mod feature;
mod func;
mod global;
mod heap;
mod instance;
mod interrupt;
mod lifecycle;
mod linker;
mod memory;
mod module;
mod object;
mod own;
mod pool;
mod reference;
mod signals;
mod stack;
mod store;
mod table;
mod tag;
mod typedef;
mod types;
mod val;
mod valtype;
mod version;
mod wasi;
mod weak;
