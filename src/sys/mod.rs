//! Layer 0: the operating system. Nothing here is specific to WebAssembly.

pub mod allocation;
pub mod barrier;
pub mod callback;
pub mod frame_info;
pub mod handlers;
pub mod lock;
pub mod mmap;
pub mod pagemap;
#[cfg(miri)]
mod pretend;
pub mod refused;
pub mod scarcity;
pub mod shared;
pub mod signals;
pub mod sigpipe;
pub mod stack;
pub mod stack_bounds;
pub mod thread;
pub mod valgrind;
