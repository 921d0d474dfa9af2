//! The registers of Cranelift's `tail` calling convention on x86-64, which several places rely on: the baseline compiler follows it, the
//! stubs of functions that are not compiled yet save its arguments, and the runtime's stubs take arguments from it. Each checks itself
//! against these numbers when it is compiled.

/// Numbers, addresses and references that travel in registers as arguments, the context among them.
pub const INT_ARGUMENTS: usize = 6;
/// Floats and vectors that travel in registers, as arguments and as results each.
pub const FLOAT_REGISTERS: usize = 8;
/// Numbers, addresses and references that travel in registers as results. If a function has more results of either kind, some travel in
/// memory: the first argument points there, and the context is the second one.
pub const INT_RESULTS: usize = 8;
/// Arguments of a builtin after the context, at most, so that all of them are in registers.
pub const BUILTIN_ARGUMENTS: usize = INT_ARGUMENTS - 1;
