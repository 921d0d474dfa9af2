//! Layer 3: compiles function bodies to machine code.
//!
//! `driver` compiles a module's functions in parallel and `code` links them. There are two compilers: `cranelift`
//! generates optimized code, and `baseline` compiles functions for which a caller is waiting. `env` has what both know
//! about a module, and `clauses` decides which clause catches an exception. `trampolines` joins the trampolines of many
//! types.

mod baseline;
mod clauses;
mod code;
pub mod cranelift;
mod driver;
mod env;
#[cfg(test)]
mod tests;
mod trampolines;

pub use code::{ALIGN, CompiledFunc, link};
pub use cranelift::{FuncCompiler, results_in_memory};
pub use driver::{CodeMeter, Compiler, Contract, Tier, compile_baseline, compile_for_good};
pub use env::ModuleFacts;
