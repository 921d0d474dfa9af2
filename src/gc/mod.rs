//! Layer 3: the heap of a store. Nothing here knows about tables, instances or stacks: the caller of a collection
//! reports the roots.
//!
//! # Invariants
//!
//! `verify` checks 1 to 5 over the whole heap and names them "heap n" in its messages. SAFETY comments cite them by
//! number.
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
//!    `NoGc`, so it cannot be held across a collection. Bits (`RawRef`) are only
//!    adopted by code that has run nothing that can collect since it read them.
//! 7. **A collection neither fails nor calls out.** Space for the survivors of a nursery is committed before it begins.
//!    Host objects that died are queued; the owner of the store drops them at a safe point.
//! 8. **Offsets are inside of the heap's memory.** A heap is one reservation (`region`). The maps of cards, marks and
//!    lines, which cover every offset, and the nursery are committed when it is created, and `old` commits blocks
//!    before it uses them. Accesses by offset rely on this, and so do accesses to the maps.
//! 9. **The nursery's bounds belong to the store.** The caller of `Heap::new` keeps the `VmNursery`, and the engine's
//!    descriptors of types, until the heap is dropped. The heap and machine code access the `VmNursery` on the store's
//!    thread, never at the same time.
//! 10. **The roots are borrowed for one call.** All access to the table of roots is through `NoGc::with_roots`,
//!     `roots_for_each`, the tracer or `&mut Heap`. The borrow ends before anything else can request the roots.
//! 11. **A new object is known only to its creator.** An allocation returns space of the object's size, to which
//!     nothing refers until the header is written and the object is published.

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
