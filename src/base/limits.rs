//! Every numeric limit of the engine, in one list.

/// Bytes in a page of linear memory (Wasm 2.0, 2.3.8).
pub const WASM_PAGE_SIZE: u64 = 65536;
/// Address space a 32-bit index can reach.
pub const MEMORY32_SPAN: u64 = 1 << 32;
/// Unmapped address space after a memory, in bytes. An access whose static offset is smaller needs no check of its own.
pub const MEMORY_GUARD: u64 = 32 << 20;
/// Maximum bytes of a 64-bit memory, unless configured. This much address space is reserved for each whose type allows
/// it.
pub const DEFAULT_MAX_MEMORY64: u64 = 16 << 30;
/// The maximum that can be configured: a quarter of a process's address space.
pub const MAX_MEMORY64: u64 = 32 << 40;
/// Maximum number of elements a table can grow to, whatever it declares.
pub const MAX_TABLE_ELEMENTS: u64 = 10_000_000;
/// Stack that WebAssembly can use below the frame of the call that entered it, in bytes, unless configured.
pub const DEFAULT_MAX_WASM_STACK: usize = 1 << 20;
/// Smallest stack limit that can be configured, in bytes.
pub const MIN_WASM_STACK: usize = 16 << 10;
/// Number of frames recorded in a backtrace, counted from the innermost.
pub const MAX_BACKTRACE_FRAMES: usize = 64;
/// Largest module accepted, in bytes: code offsets are 32 bits wide, and machine code is two to three times the size of
/// the module.
pub const MAX_MODULE_SIZE: usize = 512 << 20;
/// Maximum number of parameters, and of results, of a function type (the validator's limit, which the raw call path
/// relies on).
pub const MAX_FUNC_VALUES: usize = 1000;
/// Modules whose bodies have fewer bytes than this in total are compiled by the calling thread alone.
pub const PARALLEL_COMPILE_THRESHOLD: usize = 16 << 10;
/// How much work the optimizing compiler may spend on one large function unless configured, in units of about a
/// nanosecond. Out of several hundred thousand functions of real programs, two need more (docs/performance.md).
pub const DEFAULT_OPTIMIZATION_BUDGET: u64 = 7_000_000_000;
/// Maximum bytes of a frame of baseline code: more than any body needs whose instructions have one result each.
pub const MAX_BASELINE_FRAME: u32 = 64 << 20;
/// Maximum bytes of a module's machine code, unless configured: this many for each byte of its bodies, plus a fixed
/// amount.
pub const CODE_FOR_BYTE: u64 = 64;
pub const CODE_FOR_MODULE: u64 = 64 << 20;
/// Absolute maximum bytes of a module's machine code: the range of its calls.
pub const MAX_CODE: u64 = i32::MAX as u64;
/// Bytes of bodies that justify each background thread after the first.
pub const LAZY_BYTES_PER_THREAD: usize = 64 << 10;
/// Frames of baseline code are larger. In an engine that compiles lazily, WebAssembly can therefore use this many times
/// the configured stack, if the thread's stack has that much.
pub const LAZY_STACK_FACTOR: usize = 16;
/// Bytes at the end of every stack that are left to host functions, the runtime and signal handlers: a quarter of the
/// stack, but at least this many. The runtime alone takes up to 20 KiB (`tests/stacks.rs` measures it).
pub const MIN_STACK_RESERVE: usize = 32 << 10;
/// The same, at most.
pub const MAX_STACK_RESERVE: usize = 256 << 10;
/// Stack that WebAssembly can use when it is entered on a stack with unknown bounds, in bytes.
pub const UNKNOWN_STACK: usize = 64 << 10;
/// Smallest stack that a host can describe, in bytes.
pub const MIN_HOST_STACK: usize = 48 << 10;
/// Maximum number of values in the function types whose trampolines are saved with a module, where each type counts as a few values more:
/// about a second's work.
pub const MAX_SAVED_TRAMPOLINES: usize = 1 << 15;
/// Maximum bytes of address space for the code of functions that are compiled individually, before the rest of their
/// module: all of it must be in the range of a call instruction.
pub const MAX_LAZY_TEXT: usize = 1 << 30;
/// Bytes of memory that one bulk instruction or function processes between two checks for interruption.
pub const BULK_BYTES: usize = 256 << 10;
/// The same in elements of tables and arrays.
pub const BULK_ELEMENTS: usize = 4096;

// Limits of the validator for one module. It checks them itself; they are listed here so that messages can name the
// limit that was exceeded.

/// Types, imports, functions, globals, tags, or exports.
pub const MAX_ITEMS: u64 = 1_000_000;
pub const MAX_TABLES: u64 = 100_000;
pub const MAX_MEMORIES: u64 = 100;
/// Element segments, or data segments.
pub const MAX_SEGMENTS: u64 = 100_000;
/// Bytes of a function's body.
pub const MAX_BODY: u64 = 7_654_321;
/// A function's locals, including its parameters.
pub const MAX_LOCALS: u64 = 50_000;
/// Depth of a type's chain of supertypes.
pub const MAX_SUPERTYPES: u64 = 63;
/// Bytes of a name.
pub const MAX_NAME: usize = 100_000;
