//! Layer 0: the operating system. Nothing here is specific to WebAssembly.

pub mod allocation;
pub mod callback;
pub mod fault_injection;
pub mod frame_info;
pub mod handlers;
pub mod lock;
pub mod mapped_slice;
pub mod membarrier;
pub mod mmap;
pub mod pagemap;
#[cfg(miri)]
mod pretend;
pub mod refused;
pub mod signals;
pub mod sigpipe;
pub mod stack;
pub mod stack_bounds;
pub mod thread;
pub mod valgrind;
