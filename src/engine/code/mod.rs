//! Machine code: where it is, how lazy modules get theirs, and how it is saved and loaded.

pub mod background;
pub mod cache;
pub mod compile_queue;
pub mod machine_code;
pub mod no_code;
pub mod registry;
pub mod saved;
mod saved_trampolines;
pub mod thunks;
pub mod tiering;
pub mod trampoline;
