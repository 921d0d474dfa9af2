//! A compiler that looks at each instruction once and emits code for it at once: for functions that somebody waits for. It
//! takes a tenth of the time that Cranelift does, and the code runs as fast as Cranelift's without optimisation; half as
//! fast where vectors go from local to local, since locals are in the frame.
//!
//! Its code does what Cranelift's does, by the same conventions: frames, stack maps, traps, calls. What it does not know it
//! refuses, and Cranelift compiles the function.
//!
//! `asm` writes machine code, `operands` knows where each operand is, `abi` where arguments and results travel, `func` has
//! the frame, `gc` makes objects and looks into them, `body` reads the instructions, and `op` has them by family.

mod abi;
mod asm;
mod body;
mod func;
mod gc;
mod op;
mod operands;
#[cfg(test)]
mod tests;

pub use body::compile;

/// Why a function is left to Cranelift.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused(pub &'static str);
