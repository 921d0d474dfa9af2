//! One file per family of instructions. Each function emits one instruction: it pops its operands from the context's
//! stack and pushes its results.

pub mod array;
pub mod atomic;
pub mod call;
pub mod cast;
pub mod control;
pub mod exception;
pub mod global;
pub mod local;
pub mod memory;
pub mod numeric;
pub mod object;
pub mod reference;
pub mod simd;
mod simd_lanes;
mod simd_relaxed;
pub mod table;
pub mod wide;
