//! The instructions, one file per family.

pub mod array;
pub mod atomic;
pub mod call;
pub mod cast;
pub mod control;
pub mod exception;
pub mod float;
pub mod int;
pub mod memory;
pub mod object;
pub mod reference;
pub mod simd;
pub mod simd_float;
pub mod simd_int;
pub mod simd_relaxed;
pub mod simd_shift;
pub mod table;
pub mod variable;
pub mod wide;
