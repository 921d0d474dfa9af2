//! Layer 5, a running program: stores and the instances, memories, tables and objects in them, calls between the host and
//! WebAssembly, traps, and the builtins that machine code calls.
//!
//! # Invariants
//!
//! SAFETY comments cite these invariants by number.
//!
//! 1. **Stable addresses.** A `Store` never moves. The records that it owns (`Instance`, `Memory`, `Table`, `HostFunc`,
//!    and the value that a `Global` points to), contexts and funcrefs never move either. Each of them lives until the
//!    store is dropped, or until the host has released it and a search (`life::liveness`) finds no pointer to it: not in a live
//!    part of the store, not in an object, and not in any word of a stack frame. A search runs only at a safepoint.
//! 2. **One thread.** A store and everything in it is used by one thread at a time. Other threads access only the two
//!    atomics of `VmStore` (`engine::interrupt`) and, under a lock, the queue of releases (`engine::remote_release`).
//! 3. **No borrow across machine code.** While machine code or a host function runs, no frame further out on the stack
//!    holds a Rust reference to the store or to anything that the store owns; such frames hold raw pointers. The
//!    running code can therefore create its own references.
//! 4. **Nothing to drop in skipped frames.** A trap resumes at the entry trampoline and skips the frames in between.
//!    These are frames of machine code, of the naked stubs, and of `raise`. None of them owns anything that would have
//!    to be dropped.
//! 5. **Contexts are complete before code runs.** Every field of a context that machine code can read is written before
//!    the instance is entered for the first time.
//! 6. **Code outlives its callers.** An instance keeps its module alive, and a module keeps its code alive. If an
//!    instance is freed while code of the store is running, its module stays alive until no code of the store is
//!    running.
//! 7. **A closed store.** Some callbacks run during an operation of the store: limiters, collection hooks, deadline callbacks, finalizers,
//!    writers of snapshots and reports, and WASI's clocks, streams and random sources. Rust references into the store
//!    are alive while they run, so these callbacks must not use the store. In Rust they receive no reference to the
//!    store, and because they are `'static` they cannot hold one. In C they can have the store's pointer. The store is
//!    therefore closed while they run (`SharedVmStore::closed_during`). Every function on a store checks this before it
//!    creates a reference. The flag is a word outside of the store that is only accessed atomically (invariant 2).
//! 8. **Owners are apart from what they own.** `Store` holds its records through `Stable` pointers, so a `&mut Store`
//!    does not claim exclusive access to them. While a `&Instance` and a `&mut Store` are used together, the store
//!    creates only shared references to that instance. Anything that changes in the instance during this time is in a
//!    `Cell` or in the context.

pub mod life;
pub mod objects;
pub mod parts;
pub mod run;
#[allow(clippy::module_inception)]
pub mod store;
