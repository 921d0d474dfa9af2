//! The evaluated elements of a passive segment of references. They live until the segment is dropped.

use crate::abi::heap::{RefSlot, SLOT_CARD_SHIFT};
use crate::base::Trap;
use crate::gc::collect::Tracer;
use crate::gc::slot::Slots;
use crate::gc::{NoGc, Stale};
use crate::store::parts::const_value::Val;
use crate::sys::fault_injection;

pub struct RefSegment {
    slots: Box<[RefSlot]>,
    cards: Box<[std::cell::Cell<u8>]>,
}

impl RefSegment {
    /// Creates a segment of `len` nulls. Fails if there is no memory.
    pub fn new(len: usize) -> Result<RefSegment, Trap> {
        let cards = len.div_ceil(1 << SLOT_CARD_SHIFT);
        let (mut s, mut c) = (Vec::new(), Vec::new());
        fault_injection::check().map_err(|_| Trap::HeapExhausted)?;
        s.try_reserve_exact(len).map_err(|_| Trap::HeapExhausted)?;
        c.try_reserve_exact(cards).map_err(|_| Trap::HeapExhausted)?;
        s.extend((0..len).map(|_| RefSlot::null()));
        c.resize_with(cards, || std::cell::Cell::new(0));
        Ok(RefSegment { slots: s.into_boxed_slice(), cards: c.into_boxed_slice() })
    }

    pub fn slots<'h>(&'h self, _: NoGc<'h>) -> Slots<'h> {
        // SAFETY: slots and cards belong together, and do not move (invariant 13).
        unsafe { Slots::new(self.slots.as_ptr() as *mut RefSlot, self.slots.len(), self.cards.as_ptr() as *mut u8, 0) }
    }

    pub fn set(&self, no_gc: NoGc<'_>, i: usize, value: Val) -> Result<(), Stale> {
        self.slots(no_gc).store(no_gc, i, value.reference(no_gc)?);
        Ok(())
    }

    pub fn trace(&self, tracer: &mut Tracer) {
        if !self.slots.is_empty() {
            // SAFETY: as in `slots` (invariant 13).
            unsafe { tracer.slots(self.slots.as_ptr(), self.slots.len(), self.cards.as_ptr() as *mut u8) };
        }
    }
}
