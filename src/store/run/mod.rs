//! Calls in both directions, and how they end: returns, traps, exceptions, abandoned calls. What machine code calls.

pub mod abandoned;
pub mod builtins;
pub mod call;
pub mod entry_check;
#[cfg(target_arch = "x86_64")]
mod entry_stop;
pub mod exception;
pub mod exception_message;
pub mod host_func;
pub mod lazy_entry;
pub mod stack;
pub mod stack_limit;
mod stub;
pub mod thrown;
pub mod trap;
pub mod unwind;
pub mod watch;

use crate::engine::runtime::Runtime;

/// What engines get of this layer.
pub static RUNTIME: Runtime = Runtime {
    builtins: builtins::table_address(),
    null_func: super::parts::func_table::null_func().cast_const(),
    lazy_entry: lazy_entry::addresses(),
    decide: trap::decide,
    personality: thrown::personality,
};
