//! The instructions, one file a family.

pub mod array;
pub mod call;
pub mod cast;
pub mod control;
pub mod float;
pub mod int;
pub mod memory;
pub mod object;
pub mod reference;
pub mod table;
pub mod variable;
