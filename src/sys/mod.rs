//! Floor 0: the operating system. No WebAssembly words here.

pub mod barrier;
pub mod mmap;
pub mod scarcity;
pub mod signals;
pub mod sigpipe;
