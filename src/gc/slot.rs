//! The only writer of references at rest on the runtime's side. Storing and dirtying the card are one operation.

use super::no_gc::{Gc, NoGc};
use crate::abi::heap::{CARD_SHIFT, RefSlot};
use std::marker::PhantomData;
use std::num::NonZeroU32;

/// A run of references at rest: of a table, an array, a segment, or a single global or field.
#[derive(Clone, Copy)]
pub struct Slots<'h> {
    first: *mut u32,
    len: usize,
    cards: *mut u8,
    /// Bytes from where the first of `cards` begins to the first slot.
    offset: usize,
    _owner: PhantomData<&'h RefSlot>,
}

impl<'h> Slots<'h> {
    /// # Safety
    /// `first` are `len` slots that stay where they are for `'h`; `cards` are theirs, `offset` bytes from the first card's
    /// beginning to the first slot.
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

    /// The slots of a range.
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
        // SAFETY: in bounds; a reference at rest is good as long as nothing is collected (heap 1, heap 6).
        NonZeroU32::new(unsafe { *self.first.add(i) }).map(|raw| unsafe { Gc::new(no_gc, raw) })
    }

    #[inline(always)]
    pub fn store(self, _: NoGc<'h>, i: usize, value: Option<Gc<'h>>) {
        assert!(i < self.len);
        // SAFETY: in bounds, with its card.
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
        // SAFETY: the slots are this range's, at least one, so not at null.
        unsafe { std::slice::from_raw_parts_mut(self.first, self.len) }.fill(bits);
        if bits != 0 {
            self.dirty();
        }
    }

    /// Whether its first slot is at a higher address than that of the other.
    pub fn begins_after(self, other: Slots<'h>) -> bool {
        self.first > other.first
    }

    /// Copies from as many slots, which may overlap. Needs no heap: while both are borrowed nothing is collected.
    pub fn copy_from(self, src: Slots<'h>) {
        assert_eq!(self.len, src.len);
        if self.is_empty() {
            return;
        }
        // SAFETY: both ranges are slots, and as long as each other.
        unsafe { std::ptr::copy(src.first, self.first, self.len) };
        self.dirty();
    }

    fn dirty(self) {
        let (from, to) = (self.offset >> CARD_SHIFT, (self.offset + self.len * 4 - 4) >> CARD_SHIFT);
        // SAFETY: the cards of these slots, of which there is one.
        unsafe { std::ptr::write_bytes(self.cards.add(from), 1, to - from + 1) };
    }
}
