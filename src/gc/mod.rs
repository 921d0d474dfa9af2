//! Layer 3: the heap of a store. Nothing here knows about tables, instances or stacks: the caller of a collection
//! reports the roots.
//!
//! # Invariants
//!
//! `verify` checks them over the whole heap; SAFETY comments cite them as "heap n".
//!
//! 1. **Shape.** A reference at rest is 0, odd (an i31), or the offset of an object in the nursery or the old space. An
//!    object begins with the id of its type in the engine, whose descriptor tells its size and where its references
//!    are.
//! 2. **One writer.** References at rest are written by `slot` and, in machine code, by `compile::cranelift::gc` and
//!    `compile::baseline::gc`, which dirty the card in the same operation; and by the collector. Fields of an object
//!    that was just allocated need no card: it is in the nursery, or all its cards are dirty.
//! 3. **Young references are known.** A reference from outside the nursery to an object in it is covered by a dirty
//!    card, or is in a root or host entry created since the last collection, or in a frame that has run since.
//! 4. **Marks are objects.** Between collections, a bit of the mark map is set exactly for each object of the old
//!    space.
//! 5. **The nursery is emptied.** After a collection no object is in the nursery, no card is dirty, and every reference
//!    to an object points into the old space.
//! 6. **Two worlds.** Operations that can collect need `&mut Heap` and use `Root`. A `Gc` borrows the heap through
//!    `NoGc`, so it cannot be held across a collection.
//! 7. **A collection neither fails nor calls out.** Space for the survivors of a nursery is committed before it begins.
//!    Host objects that died are queued; the owner of the store drops them at a safe point.

pub mod cards;
pub mod collect;
pub mod config;
pub mod funcs;
pub mod heap;
pub mod host;
pub mod identity;
pub mod no_gc;
pub mod object;
pub mod old;
pub mod region;
pub mod root;
pub mod slot;
#[cfg(test)]
mod tests;
pub mod verify;
pub mod walk;
pub mod weak;

pub use config::{HeapConfig, Statistics};
pub use heap::Heap;
pub use no_gc::{Gc, NoGc};
pub use root::{Root, Stale};
pub use weak::Weak;
