//! Layer 5: a running program. Stores and what lives in them, calls in both directions, traps, builtins.
//!
//! # Invariants
//!
//! SAFETY comments cite these by number.
//!
//! 1. **Stable addresses.** A `Store` never moves. The records it owns (`Instance`, `Memory`, `Table`, `HostFunc`, and what a
//!    `Global` leads to) never move, nor do contexts and funcrefs. They live until the store is dropped, or
//!    the host has released them and a search (`reach`) finds nothing that could lead there: no part of the store that
//!    lives, no object, no word of a frame. Only safepoints search.
//! 2. **One thread.** A store and all that lives in it is used by one thread at a time. Only the two atomics of `VmStore`
//!    are touched from elsewhere (`interrupt`).
//! 3. **No borrow across machine code.** While machine code or a host function runs, no Rust reference to the store or to
//!    anything it owns is alive in the frames below; they hold raw pointers. What runs may thus make its own.
//! 4. **Nothing to drop where a trap passes.** A trap resumes at the entry trampoline and skips the frames between. Those
//!    are frames of machine code, of the naked stubs, and of `raise`, which own nothing.
//! 5. **Contexts are complete before code runs.** Every field of a context that machine code may read is written before
//!    the first entry into that instance.
//! 6. **Code outlives its callers.** An instance keeps its module, a module its code; modules of instances that are freed
//!    while something runs stay until nothing does.
//! 7. **A closed store.** Callbacks that run in the middle of an operation (limiters, collection hooks, finalizers, writers of
//!    snapshots and reports, WASI's clocks, streams and random sources) run while Rust references into the store are alive. They
//!    use nothing of it. In Rust they are given no reference to it, and being `'static` they cannot hold one. In C they may have
//!    its pointer: the store is closed meanwhile (`SharedVmStore::closed_during`), which every function on a store looks at before
//!    it makes a reference, in a word outside of the store that is shared by atomics only (invariant 2).
//! 8. **Owners are apart from what they own.** `Store` holds its records by `Stable` pointers, so a `&mut Store` claims none of
//!    them. While a `&Instance` is in use beside a `&mut Store`, the store makes only shared references to that instance; what
//!    changes meanwhile is a `Cell` or in the context.

pub mod life;
pub mod objects;
pub mod parts;
pub mod run;
#[allow(clippy::module_inception)]
pub mod store;
