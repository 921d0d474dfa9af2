//! Layer 5, a running program: stores and the instances, memories, tables and objects in them, calls between the host and
//! WebAssembly, traps, and the builtins that machine code calls.
//!
//! # Invariants
//!
//! SAFETY comments cite these invariants by number; those of the engine (`engine`) are E1 to E6.
//!
//! 1. **Stable addresses.** A `Store` never moves. The records that it owns (`Instance`, `Memory`, `Table`, `HostFunc`,
//!    and the value that a `Global` points to), contexts and funcrefs never move either. Each of them lives until the
//!    store is dropped, or until the host has released it and a search (`life::liveness`) finds no pointer to it: not
//!    in a live part of the store, not in an object, and not in any word of a stack frame. A search runs only at a
//!    safepoint.
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
//! 7. **A closed store.** Some callbacks run during an operation of the store: limiters, collection hooks, deadline
//!    callbacks, finalizers, writers of snapshots and reports, and WASI's clocks, streams and random sources. Rust
//!    references into the store are alive while they run, so these callbacks must not use the store. In Rust they
//!    receive no reference to the store, and because they are `'static` they cannot hold one. In C they can have the
//!    store's pointer. The store is therefore closed while they run (`SharedVmStore::closed_during`). Every function on
//!    a store checks this before it creates a reference. The flag is a word outside of the store that is only accessed
//!    atomically (invariant 2).
//! 8. **Owners are apart from what they own.** `Store` holds its records through `Stable` pointers, so a `&mut Store`
//!    does not claim exclusive access to them. While a `&Instance` and a `&mut Store` are used together, the store
//!    creates only shared references to that instance. Anything that changes in the instance during this time is in a
//!    `Cell` or in the context.
//! 9. **Frames form a chain.** Machine code, trampolines and the naked stubs keep frame pointers. Before WebAssembly is
//!    left for anything that may trap, throw, collect or call the host, a stub or an exit trampoline stores its frame
//!    in `exit_fp`; after a fault, the faulting frame takes its place. From there to the entry trampoline of the
//!    activation all frames are live: the word at a frame pointer is the caller's frame pointer, the next one is the
//!    return address. `run::stub` and the compilers establish this. Backtraces, traps, exceptions and the searches for
//!    references rely on it. A host that leaves a callback by `longjmp` breaks it, which `run::abandoned` notices.
//! 10. **Machine code passes its own context.** It calls builtins with the context of the running instance, on the
//!     store's thread. An exit trampoline passes the `VmHostFunc` of the called function. Functions among the other
//!     arguments are null or funcrefs of this store. The compilers establish this; builtins and host functions rely on
//!     it.
//! 11. **Values have their types.** The validator has checked all code, constant expressions and segments, so every
//!     index in them is of something that exists, and every operand, global, element and field has a value of its
//!     declared type. What the host passes in is checked by the API (`api`) before it is stored. Code that reads a
//!     `VmSlot` or an object by a declared type relies on this.
//! 12. **References are used before the next collection.** A `RawRef` that comes from machine code, or was just
//!     created, is a reference of this store's heap until the next safepoint. A function that can collect needs a
//!     `&mut` of the store or the heap (heap 6). Code that adopts a `RawRef` has called none since it read it. Null and
//!     i31s are valid in every heap at any time.
//! 13. **Tables, globals and segments have their storage.** The elements of a `Table` have room for its capacity, which
//!     is at least its length. They are in a space of the pool, or are allocated with the layout of the capacity. A
//!     table or a segment of references to objects also has a card for every group of elements. A global of such a type
//!     is always a `VmRefGlobal` with a card. The functions that create and grow them establish this; code that
//!     accesses elements or makes `Slots` relies on it. Storage does not move while its owner is borrowed.
//! 14. **Ranges are checked first.** A bulk operation gets addresses only after the whole range was found to be in
//!     bounds (`Memory::range`, `NoGc::array_bytes`, a slice of a segment, or the check in machine code that precedes a
//!     builtin). Memory below a memory's length is usable, does not overlap other memory, and is written only on the
//!     store's thread (invariant 2).
//! 15. **Objects have the fields of their types.** Objects are created only by allocation with a type, whose descriptor
//!     has the size and the offsets (heap 1). Exceptions and tags, and the objects by which the host holds functions,
//!     have their words at the constant offsets of `wasm::descriptor`. Only tags have the type of a tag, and a value of
//!     an exception type is an exception (invariant 11).

pub mod life;
pub mod objects;
pub mod parts;
pub mod run;
#[allow(clippy::module_inception)]
pub mod store;
