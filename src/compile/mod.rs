//! Floor 3: bodies to machine code, with Cranelift.
//!
//! `driver` compiles a module's functions in parallel and `code` puts them together. `body` reads one function's
//! instructions and gives each to its family in `op/`, which emits it through the context in `func`. `gc` is the only file
//! that emits loads and stores of references to objects (`baseline::gc` in the compiler of one pass); `bounds` checks accesses to
//! memories. `trampoline` makes the ways in and out for a function type. `layout` puts aside what is unlikely.

mod baseline;
mod body;
mod bounds;
mod code;
mod driver;
mod func;
pub mod gc;
mod isa;
mod layout;
mod op;
mod operand;
mod stack_check;
mod trampoline;

pub use code::{ALIGN, CompiledFunc, link};
pub use driver::{Compiler, FuncCompiler, Tier};
pub use func::{ModuleFacts, results_in_memory};
