//! The registers of Cranelift's `tail` calling convention on x86-64. Several modules rely on them: the baseline
//! compiler follows the convention, the stubs of functions that are not compiled yet save its arguments, and the
//! runtime's stubs take arguments from it. Each module checks itself against these numbers at compile time.

/// The number of registers that pass integer arguments: numbers, addresses and references, the context among them.
pub const INT_ARGUMENTS: usize = 6;
/// The number of registers that pass floats and vectors, as arguments and as results.
pub const FLOAT_REGISTERS: usize = 8;
/// The number of registers that return integers, addresses and references. If a function has more results than
/// registers of either kind, the others are returned in memory: the first argument points to it, and the context is the
/// second argument.
pub const INT_RESULTS: usize = 8;
/// The maximum number of arguments of a builtin after the context, so that all of them are in registers.
pub const BUILTIN_ARGUMENTS: usize = INT_ARGUMENTS - 1;
