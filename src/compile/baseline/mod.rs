//! A compiler that looks at each instruction once and emits code for it at once: for functions that somebody waits for. What it
//! costs and gives is measured in docs/performance.md; why it is there, and why so small, is told in docs/rationale.md.
//!
//! Its code does what Cranelift's does, by the same conventions: frames, stack maps, traps, calls. It takes time that is linear in what it
//! reads and writes, so it compiles every valid function, also those that would be too much work for Cranelift. Only what the processor
//! has no instruction for it refuses, and Cranelift compiles the function.
//!
//! `asm` writes machine code, `operands` knows where each operand is, `abi` where arguments and results move_args, `func` has
//! the frame, traps and builtins, `gc` makes objects and looks into them, `body` reads the instructions, and `op` has them by family.
//!
//! # Who owns a register
//! * `rsi`, `rdi`, `r8` to `r10`, and `xmm0` to `xmm13` belong to one operand on the stack, or to the instruction that popped it or asked
//!   for it (`Cx::gpr`, `Cx::xmm`) until it pushes or frees it.
//! * `rax`, `rcx`, `rdx`, `r11`, `xmm14` and `xmm15` belong to the present instruction. Nothing of one survives it. Helpers
//!   say which of them they change; those that say nothing change none.
//! * `r15` and `r14` are the context and the first memory. `rbx`, `r12` and `r13` are the caller's and are never written, except to put
//!   the caller's values back where an exception is caught.
//!
//! # What must stay true
//! 1. Asking for a register may send operands home, but changes no other register and no flags. So it may stand anywhere, except
//!    in code that is jumped over: there nothing may change where an operand is.
//! 2. A popped operand that is at home can be read until its instruction pushes something. Homes further down are other places.
//! 3. Where a block begins, all operands below its parameters are at home or constants, and they stay so until its end: branches to it, and
//!    exceptions that it catches, arrive with all registers free.
//! 4. A condition in the flags is the topmost operand, and only until the next instruction.
//! 5. During a call that may collect no operand is in a register, so that references are at home, or in locals.

mod abi;
pub(super) mod asm;
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
pub struct Bailout(pub &'static str);
