//! Floor 0: the operating system. No WebAssembly words here.

pub mod barrier;
pub mod mmap;
pub mod pagemap;
pub mod scarcity;
pub mod shared;
pub mod signals;
pub mod sigpipe;
pub mod stack;
pub mod stack_bounds;
pub mod thread;
