//! The instructions, one file a family.

pub mod call;
pub mod cast;
pub mod control;
pub mod exception;
pub mod float;
pub mod int;
pub mod memory;
pub mod reference;
pub mod table;
pub mod variable;
pub mod wide;
