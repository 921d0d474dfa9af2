//! A single-pass compiler, for functions that a caller is waiting for: it looks at each instruction once and emits code
//! for it immediately. docs/performance.md has measurements of its cost and its code; docs/rationale.md explains why it
//! exists and why it is small.
//!
//! Its code behaves like Cranelift's code and follows the same conventions: frames, stack maps, traps, calls.
//! Compilation time is linear in the sizes of the input and the output, so no valid function is too much work, even if
//! it would be for Cranelift. The compiler bails out only on operations that it does not know or for which the
//! processor has no instruction; Cranelift then compiles the function.
//!
//! `asm` writes machine code, `operands` tracks where each operand is, `abi` moves arguments and results, `func` has
//! the frame, traps and builtins, `gc` allocates objects and accesses their fields, `body` reads the instructions, and
//! `op` compiles them by family.
//!
//! # Who owns a register
//! * `rsi`, `rdi`, `r8` to `r10`, and `xmm0` to `xmm13` belong to one operand on the stack, or to the instruction that popped
//!   it or allocated the register (`Cx::gpr`, `Cx::xmm`), until the instruction pushes or frees it.
//! * `rax`, `rcx`, `rdx`, `r11`, `xmm14` and `xmm15` are scratch registers of the current instruction; their values do not
//!   survive it. Helpers document which of them they change; those that document nothing change none.
//! * `r15` and `r14` hold the context and the base of the first memory. `rbx`, `r12` and `r13` belong to the caller and are
//!   never written, except that exception handlers restore the caller's values.
//!
//! # What must stay true
//! 1. Allocating a register can spill operands, but changes no other register and no flags. So it is allowed anywhere except
//!    in code that is jumped over: there, no operand's location may change.
//! 2. A popped operand in its frame slot can be read until its instruction pushes something. The slots of operands further
//!    down are not affected.
//! 3. At the start of a block, all operands below its parameters are in their frame slots or constants, and they stay so
//!    until the block's end: at branches to it, and in handlers of exceptions that it catches, all registers are free.
//! 4. A condition in the flags is the topmost operand, and only until the next instruction.
//! 5. During a call that can collect, no operand is in a register: references are in frame slots or locals.

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

/// Why the baseline compiler bails out. Cranelift then compiles the function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bailout(pub &'static str);
