//! What a store consists of: instances and what they define, and how an instance is made.

pub mod array;
pub mod bulk;
pub mod const_eval;
pub mod const_value;
pub mod func_table;
pub mod global;
pub mod global_handle;
pub mod host_func;
mod initialize;
pub mod instance;
pub mod instantiate;
pub mod keeper;
pub mod limits;
pub mod memory;
pub mod ref_table;
pub mod segment;
pub mod table;
pub mod tag;
