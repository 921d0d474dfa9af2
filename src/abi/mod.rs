//! Layer 2: what machine code and the runtime agree on. It depends on neither Cranelift nor the heap.

pub mod builtin;
pub mod code;
pub mod contract;
pub mod convention;
pub mod heap;
pub mod layout;
pub mod settings;
pub mod vmstruct;
