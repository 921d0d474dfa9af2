//! Floor 4: a running program. Stores and what lives in them, calls in both directions, traps, builtins.
//!
//! # Invariants
//!
//! SAFETY comments cite these by number.
//!
//! 1. **Stable addresses.** A `Store` is boxed and never moves. The records it owns (`Instance`, `Memory`, `Table`,
//!    `Global`, `HostFunc`) are boxed, never move, and live until the store is dropped. So do the contexts and funcrefs.
//! 2. **One thread.** A store and all that lives in it is used by one thread at a time. Only the two atomics of `VmStore`
//!    are touched from elsewhere (`interrupt`).
//! 3. **No borrow across machine code.** While machine code or a host function runs, no Rust reference to the store or to
//!    anything it owns is alive in the frames below; they hold raw pointers. What runs may thus make its own.
//! 4. **Nothing to drop where a trap passes.** A trap resumes at the entry trampoline and skips the frames between. Those
//!    are frames of machine code, of the naked stubs, and of `raise`, which own nothing.
//! 5. **Contexts are complete before code runs.** Every field of a context that machine code may read is written before
//!    the first entry into that instance.
//! 6. **Code outlives its callers.** A store keeps each of its instances, an instance its module, a module its code.

pub mod array;
pub mod builtins;
pub mod call;
pub mod code_memory;
pub mod const_eval;
pub mod engine;
pub mod func;
pub mod func_table;
pub mod global;
pub mod heap;
pub mod image;
mod initialize;
pub mod instance;
pub mod instantiate;
pub mod interrupt;
pub mod limits;
pub mod memory;
pub mod module;
pub mod ref_table;
pub mod saved;
pub mod segment;
pub mod store;
pub mod table;
pub mod trace;
pub mod trap;
pub mod unwind;
