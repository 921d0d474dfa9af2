//! The optimizing compiler, which uses Cranelift.
//!
//! `body` reads one function's instructions and passes each to its family in `op/`, which emits it through the context
//! in `func`. `gc` emits loads, stores and allocations of references to objects; `bounds` checks accesses to memories.
//! `layout` marks unlikely blocks as cold. `poll` lets the guest stop at function entries and in loops. `work`
//! estimates whether a function is too much work. `trampoline` compiles the trampolines for a function type.

mod body;
mod bounds;
mod checks;
mod compiler;
mod emit;
mod func;
pub mod gc;
pub mod isa;
mod layout;
mod op;
mod poll;
mod stack_check;
mod static_types;
mod trampoline;
mod work;

pub use compiler::FuncCompiler;
pub use func::results_in_memory;
pub use trampoline::Shape;
