//! Floor 3: bodies to machine code.
//!
//! `driver` compiles a module's functions in parallel and `code` puts them together. There are two compilers: `cranelift`, for code
//! that stays, and `baseline`, for functions that somebody waits for. `env` has what both know of a module, `clauses` who catches
//! an exception. `trampolines` joins those of many types.

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
