//! Every numeric limit of the engine, in one list.

/// Bytes in a page of linear memory (Wasm 2.0, 2.3.8).
pub const WASM_PAGE_SIZE: u64 = 65536;
/// Address space a 32-bit index can reach.
pub const MEMORY32_SPAN: u64 = 1 << 32;
/// Unmapped address space behind a memory, in bytes. An access whose static offset is smaller needs no check of its own.
pub const MEMORY_GUARD: u64 = 32 << 20;
/// Most bytes of a 64-bit memory, unless configured: so much address space is reserved for one whose type allows it.
pub const DEFAULT_MAX_MEMORY64: u64 = 16 << 30;
/// Most that can be configured: a quarter of what a process has.
pub const MAX_MEMORY64: u64 = 32 << 40;
/// Most elements a table may grow to, whatever it declares.
pub const MAX_TABLE_ELEMENTS: u64 = 10_000_000;
/// Stack that WebAssembly may use below the frame of the call that entered it, in bytes, unless configured.
pub const DEFAULT_MAX_WASM_STACK: usize = 1 << 20;
/// Smallest stack that can be configured, in bytes.
pub const MIN_WASM_STACK: usize = 16 << 10;
/// Frames kept in a backtrace, counted from the innermost.
pub const MAX_BACKTRACE_FRAMES: usize = 64;
/// Largest module accepted, in bytes: code offsets are 32 bits wide and machine code is two to three times the module.
pub const MAX_MODULE_SIZE: usize = 512 << 20;
/// Parameters, or results, of one function type (the validator's limit, which the raw call path relies on).
pub const MAX_FUNC_VALUES: usize = 1000;
/// Bodies smaller than this in total, in bytes, are compiled by the calling thread alone.
pub const PARALLEL_COMPILE_THRESHOLD: usize = 16 << 10;
/// How much work the optimizing compiler may have with one large function unless configured, in units of about a nanosecond. Of some
/// hundred thousand functions of real programs two have more (docs/performance.md).
pub const DEFAULT_OPTIMIZATION_BUDGET: u64 = 7_000_000_000;
/// Most bytes of a frame of baseline code: more than any body of instructions that have one result each can need.
pub const MAX_BASELINE_FRAME: u32 = 64 << 20;
/// Most bytes of a module's machine code, unless configured: so many for each byte of its bodies, and so many more.
pub const CODE_FOR_BYTE: u64 = 64;
pub const CODE_FOR_MODULE: u64 = 64 << 20;
/// Most bytes of a module's machine code at all: what its calls reach.
pub const MAX_CODE: u64 = i32::MAX as u64;
/// Bytes of bodies for each thread in the background but the first.
pub const LAZY_BYTES_PER_THREAD: usize = 64 << 10;
/// Baseline code has larger frames: where a module is compiled while it runs, WebAssembly may use this many times the stack
/// that is configured, as far as the stack has it.
pub const LAZY_STACK_FACTOR: usize = 16;
/// The end of every stack is left to host functions, the runtime and signal handlers: a quarter of it, but at least and at most so many
/// bytes. The runtime alone takes up to 20 KiB (`tests/stacks.rs` measures it).
pub const MIN_STACK_RESERVE: usize = 32 << 10;
pub const MAX_STACK_RESERVE: usize = 256 << 10;
/// Stack that WebAssembly may use where it is entered on a stack of which nothing is known, in bytes.
pub const UNKNOWN_STACK: usize = 64 << 10;
/// Smallest stack that a host may describe, in bytes.
pub const MIN_HOST_STACK: usize = 48 << 10;
/// Most values of the function types whose trampolines are saved with a module, a few more counted for each: about a second's work.
pub const MAX_SAVED_TRAMPOLINES: usize = 1 << 15;
/// Room for the machine code of functions that were called before the rest of their module was compiled, in bytes: all of it
/// is in reach of a call.
pub const MAX_LAZY_TEXT: usize = 1 << 30;
/// Bytes of a memory that one bulk instruction or function handles between two looks at whether the store is interrupted.
pub const BULK_BYTES: usize = 256 << 10;
/// The same in elements of tables and arrays.
pub const BULK_ELEMENTS: usize = 4096;

// What the validator takes at most of one module. It knows them by itself; they are here to say which was exceeded.

/// Types, imports, functions, globals, tags, or exports.
pub const MAX_ITEMS: u64 = 1_000_000;
pub const MAX_TABLES: u64 = 100_000;
pub const MAX_MEMORIES: u64 = 100;
/// Segments of elements, or of data.
pub const MAX_SEGMENTS: u64 = 100_000;
/// Bytes of a function's body.
pub const MAX_BODY: u64 = 7_654_321;
/// A function's locals, parameters among them.
pub const MAX_LOCALS: u64 = 50_000;
/// Types above a type.
pub const MAX_SUPERTYPES: u64 = 63;
/// Bytes of a name.
pub const MAX_NAME: usize = 100_000;
