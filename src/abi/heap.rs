//! The layout of a heap's address space. A reference is the byte offset of an object from the heap's base: 0 is null,
//! an odd number is an i31. Everything that machine code accesses is at a constant distance from the base.
//!
//! ```text
//! 0          never mapped: an access through null faults
//! CARDS      one byte for each CARD_SIZE bytes of the space: not 0 if a reference was stored there
//! MARKS      one bit for each 8 bytes: an object of the old space begins there
//! LINES      one byte for each LINE_SIZE bytes: not 0 if a live object was found there
//! NURSERY    where objects are allocated
//! OLD        objects that survived a collection, and large objects from the start
//! SPAN       the end; never mapped from here on
//! ```

/// The bytes that a reference can address.
pub const SPAN: usize = 1 << 32;
/// Nothing is mapped from the base up to this offset.
pub const NULL_PAGES: usize = 64 << 10;

pub const CARD_SHIFT: u32 = 9;
pub const CARD_SIZE: usize = 1 << CARD_SHIFT;
pub const CARDS: usize = NULL_PAGES;

pub const MARKS: usize = CARDS + SPAN / CARD_SIZE;

pub const LINE_SHIFT: u32 = 7;
pub const LINE_SIZE: usize = 1 << LINE_SHIFT;
pub const LINES: usize = MARKS + SPAN / 64;

/// Objects of more bytes than this are not allocated in the nursery.
pub const LARGE: u32 = 8 << 10;

/// Maximum size of a nursery in bytes, a power of two.
pub const NURSERY_MAX: usize = 32 << 20;
pub const NURSERY: usize = (LINES + SPAN / LINE_SIZE).next_multiple_of(NURSERY_MAX);
/// Machine code may write zeros up to this many bytes beyond the nursery's end.
pub const NURSERY_SLACK: usize = 64 << 10;
pub const OLD: usize = NURSERY + NURSERY_MAX + NURSERY_SLACK;

/// The number of elements of a table or segment that share a card, as a power of two.
pub const SLOT_CARD_SHIFT: u32 = 7;

/// The bits of a reference that machine code and the runtime pass to each other, or that cross the boundary to the
/// host: 0, an i31, or an object. They are valid only until the next collection; `gc` turns them into types that are
/// safe to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct RawRef(pub u32);

impl RawRef {
    pub const NULL: RawRef = RawRef(0);

    pub fn i31(v: i32) -> RawRef {
        RawRef((v as u32) << 1 | 1)
    }
}

/// A stored reference: in an object, a table, a global. It is read and written by `gc::slot`, which needs its card:
///
/// ```no_run
/// # use wrt::internals::*;
/// fn by_the_writer<'h>(slots: Slots<'h>, no_gc: NoGc<'h>, value: Option<Gc<'h>>) {
///     slots.store(no_gc, 0, value);
/// }
/// ```
/// Code outside this file can do nothing else with it: a store without a card does not compile.
/// ```compile_fail,E0616
/// # use wrt::internals::*;
/// fn behind_its_back(slot: &RefSlot, value: Gc<'_>) {
///     slot.0.set(value.bits().0);
/// }
/// ```
#[repr(transparent)]
pub struct RefSlot(std::cell::Cell<u32>);

impl RefSlot {
    pub const fn null() -> RefSlot {
        RefSlot(std::cell::Cell::new(0))
    }
}

const _: () = assert!(CARD_SIZE / 8 == 64, "a card's marks are one word");
const _: () = assert!(OLD < 256 << 20);
