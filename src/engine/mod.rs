//! Layer 4: what exists once for each engine and outlives stores. Everything here is immutable, atomic or locked, so
//! any thread can use it; nothing here knows a store. What machine code, stubs and signal handlers need of the layer
//! above is in one table of addresses (`runtime::Runtime`).
//!
//! # Invariants
//!
//! SAFETY comments cite these as "invariant E1"; the numbers without a letter are those of `store`.
//!
//! - E1. **What the registry finds is alive.** Code is registered by its owner before it runs for the first time, and
//!   withdrawn when the owner is dropped. By then none of it runs and no frame returns to it (invariant 6), so it is
//!   no longer looked up. The nodes of the registry are never freed. Everything that starts from an address in a frame relies
//!   on this.
//! - E2. **Machine code is what the compiler recorded.** The tables of a module or of trampolines describe exactly the
//!   code that is registered with them: which functions start where and of which type they are, that they keep frame
//!   pointers, and where a frame stores its context, its activation or its host function. The compilers establish this,
//!   and saved code is loaded only with the tables it was saved with. Code that reads frames or enters trampolines
//!   relies on it.
//! - E3. **Contexts follow their layout.** A context is allocated with the size of its module's `ContextLayout` and
//!   filled from the `Template` of the same module. Every place that this layout returns is inside, is aligned, and
//!   belongs to one field only. `ContextLayout` and `Context::new` establish this; code that writes or reads a field by
//!   its place relies on it.
//! - E4. **Text is written once.** In a `ThunkTable` new code goes after all earlier code, under the lock of its
//!   places, and nothing jumps to it before it is complete. Calls are redirected only in the slots and in the code
//!   pointers of funcrefs, which are accessed as atomic words. `ThunkTable` establishes this; threads that run its code
//!   at the same time rely on it.
//! - E5. **A space has one owner.** A `Space` belongs to one memory or table, or to the pool, and never to two of them.
//!   Its bytes up to `open` are usable. Only its owner, and code of the owner's store, reads or writes them.
//! - E6. **Constants are never written.** A static with pointers in it holds null, or addresses of functions and of
//!   data that live as long as the program, and nothing writes it. So all threads can share it.

pub mod code;
#[allow(clippy::module_inception)]
pub mod engine;
pub mod interrupt;
pub mod module;
pub mod pooling;
pub mod remote_release;
pub mod runtime;
pub mod timer;
