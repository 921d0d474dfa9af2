//! The only writer of references at rest in the runtime, except in new objects. Storing and dirtying the card are one
//! operation.

use super::no_gc::{Gc, NoGc};
use crate::abi::heap::{CARD_SHIFT, RefSlot};
use std::marker::PhantomData;
use std::num::NonZeroU32;

/// A run of references at rest: in a table, an array or a segment, or a single global or field.
#[derive(Clone, Copy)]
pub struct Slots<'h> {
    first: *mut u32,
    len: usize,
    cards: *mut u8,
    /// Bytes from the start of the range that the first of `cards` covers to the first slot.
    offset: usize,
    _owner: PhantomData<&'h RefSlot>,
}

impl<'h> Slots<'h> {
    /// Creates a run of slots.
    ///
    /// # Safety
    /// `first` points to `len` slots that do not move during `'h`. `cards` are their cards, and `offset` is the
    /// distance in bytes from the start of the range that the first card covers to the first slot.
    #[inline(always)]
    pub unsafe fn new(first: *mut RefSlot, len: usize, cards: *mut u8, offset: usize) -> Slots<'h> {
        Slots { first: first.cast(), len, cards, offset, _owner: PhantomData }
    }

    pub fn len(self) -> usize {
        self.len
    }

    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// A range of the slots; `None` if it is out of bounds.
    #[inline(always)]
    pub fn range(self, at: usize, len: usize) -> Option<Slots<'h>> {
        let end = at.checked_add(len)?;
        (end <= self.len).then(|| Slots {
            first: self.first.wrapping_add(at),
            len,
            offset: self.offset + at * 4,
            ..self
        })
    }

    #[inline(always)]
    pub fn load(self, no_gc: NoGc<'h>, i: usize) -> Option<Gc<'h>> {
        assert!(i < self.len);
        // SAFETY: in bounds; a reference at rest is valid as long as nothing is collected (invariants 1 and 6).
        NonZeroU32::new(unsafe { *self.first.add(i) }).map(|raw| unsafe { Gc::new(no_gc, raw) })
    }

    #[inline(always)]
    pub fn store(self, _: NoGc<'h>, i: usize, value: Option<Gc<'h>>) {
        assert!(i < self.len);
        // SAFETY: in bounds, and so is the slot's card; there is no other writer (invariant 2).
        unsafe {
            *self.first.add(i) = value.map_or(0, |v| v.bits().0);
            *self.cards.add((self.offset + i * 4) >> CARD_SHIFT) = 1;
        }
    }

    pub fn fill(self, _: NoGc<'h>, value: Option<Gc<'h>>) {
        if self.is_empty() {
            return;
        }
        let bits = value.map_or(0, |v| v.bits().0);
        // SAFETY: these are the range's slots; there is at least one, so the address is not null. There is no other
        // writer (invariant 2).
        unsafe { std::slice::from_raw_parts_mut(self.first, self.len) }.fill(bits);
        if bits != 0 {
            self.dirty();
        }
    }

    /// Whether its first slot is at a higher address than the other's.
    pub fn begins_after(self, other: Slots<'h>) -> bool {
        self.first > other.first
    }

    /// Copies from a run of the same length, which may overlap. Needs no heap: while both are borrowed, nothing is
    /// collected.
    pub fn copy_from(self, src: Slots<'h>) {
        assert_eq!(self.len, src.len);
        if self.is_empty() {
            return;
        }
        // SAFETY: both ranges are slots, and they are equally long.
        unsafe { std::ptr::copy(src.first, self.first, self.len) };
        self.dirty();
    }

    fn dirty(self) {
        let (from, to) = (self.offset >> CARD_SHIFT, (self.offset + self.len * 4 - 4) >> CARD_SHIFT);
        // SAFETY: the cards of these slots, of which there is at least one.
        unsafe { std::ptr::write_bytes(self.cards.add(from), 1, to - from + 1) };
    }
}
