//! Functions in full, by Cranelift: for code that stays.
//!
//! `body` reads one function's instructions and gives each to its family in `op/`, which emits it through the context in `func`. `gc`
//! is the only file here that emits loads and stores of references to objects; `bounds` checks accesses to memories. `layout` puts
//! aside what is unlikely. `poll` lets the guest stop where it may have to. `work` estimates whether a function is too much.
//! `trampoline` makes the ways in and out for a function type.

mod body;
mod bounds;
mod checks;
mod compiler;
mod finished;
mod func;
pub mod gc;
pub mod isa;
mod layout;
mod op;
mod operand;
mod poll;
mod stack_check;
mod trampoline;
mod work;

pub use compiler::FuncCompiler;
pub use func::results_in_memory;
pub use trampoline::Shape;
