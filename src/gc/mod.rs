//! Floor 3: the heap of a store. Nothing here knows of tables, instances or stacks: who collects says where the roots are.
//!
//! # Invariants
//!
//! `verify` checks them over the whole heap; SAFETY comments cite them as "heap n".
//!
//! 1. **Shape.** A reference at rest is 0, odd (an i31), or the offset of an object in the nursery or the old space. An
//!    object begins with the id of its type in the engine, whose descriptor tells its size and where its references are.
//! 2. **One writer.** References at rest are written by `slot` (and machine code's `compile::cranelift::gc`), which dirties the card in
//!    the same operation; and by the collector. Fields of an object that was just made in the nursery need no card.
//! 3. **Young references are known.** Outside of the nursery, a reference to an object in it stands in a dirty card, in a
//!    root or host object made since the last collection, or in a frame that ran since.
//! 4. **Marks are objects.** Between collections a bit of the mark map is set exactly for each object of the old space.
//! 5. **The nursery is emptied.** After a collection no object is in the nursery, no card is dirty, and every reference leads
//!    to the old space.
//! 6. **Two worlds.** What may collect needs `&mut Heap` and speaks `Root`. A `Gc` borrows the heap through `NoGc`, so it
//!    can not be held across a collection.
//! 7. **A collection neither fails nor calls out.** Room for the survivors of a nursery is committed before it begins;
//!    host objects that died are queued, and dropped by whoever owns the store, at a safe point.

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
