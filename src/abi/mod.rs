//! Floor 2: what machine code and the runtime agree on. Neither Cranelift nor the heap is known here.

pub mod builtin;
pub mod code;
pub mod contract;
pub mod heap;
pub mod layout;
pub mod settings;
pub mod vmstruct;
