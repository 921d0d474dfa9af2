//! The invariants as executable checks: walks the whole heap. For tests; costs as much as a full collection.

use super::heap::Heap;
use super::object::*;
use super::old::Use;
use crate::abi::heap::*;
use crate::wasm::descriptor::*;

/// A violation, with the invariant's number.
pub type Finding = String;

impl Heap {
    /// Checks every object and the heap's own roots. The nursery may contain anything at this point.
    pub fn verify(&self) -> Result<(), Finding> {
        self.no_gc().heap_verify()
    }

    /// Checks a reference that `holder` holds. `known_young`: whether a minor collection would look at it.
    pub fn verify_reference(&self, r: u32, known_young: bool, holder: &str) -> Result<(), Finding> {
        if !is_object(r) {
            return Ok(());
        }
        if is_young(r) {
            if r as usize >= NURSERY + self.nursery_used() {
                return Err(format!("heap 1: {holder} holds {r:#x}, which is free space of the nursery"));
            }
            if !known_young {
                return Err(format!("heap 3: {holder} holds the young {r:#x}, and nobody knows"));
            }
        } else if (r as usize) < OLD || r as usize >= self.old.end() {
            return Err(format!("heap 1: {holder} holds {r:#x}, outside of the heap"));
        } else if !self.old.is_marked(r) {
            return Err(format!("heap 4: {holder} holds {r:#x}, where no object begins"));
        }
        // SAFETY: an object begins there (invariant 4).
        unsafe { self.verify_header(r) }
    }

    unsafe fn verify_header(&self, r: u32) -> Result<(), Finding> {
        // SAFETY: the caller checked that an object begins there, which is in committed memory (invariant 8).
        let id = unsafe { self.objects.type_id(r) };
        let bad = id.0 < HOST_TYPE.0 || !id.0.is_multiple_of(8) || id.0 >= 1 << 30;
        if bad || !(KIND_STRUCT..=KIND_TAG).contains(&self.objects.types.get(id).kind) {
            return Err(format!("heap 1: the object at {r:#x} has the type {:#x}", id.0));
        }
        Ok(())
    }
}

impl super::no_gc::NoGc<'_> {
    fn heap_verify(self) -> Result<(), Finding> {
        let heap = self.heap_ref();
        let mut result = Ok(());
        let mut note = |r: Result<(), Finding>| {
            if result.is_ok() {
                result = r;
            }
        };
        // SAFETY: checking a reference only reads objects (invariant 10).
        unsafe { self.roots_for_each(|r, young| note(heap.verify_reference(r, young, "a root"))) };
        heap.weak.hosts.for_each(|index, r, young| {
            note(heap.verify_reference(r, young, "a host entry"));
            // SAFETY: just checked.
            if is_object(r) && unsafe { heap.objects.word(r + HOST_NUMBER) } != index {
                note(Err(format!("host entry {index} is not its object's")));
            }
        });
        heap.weak.refs.for_each(|r| note(heap.verify_reference(r, true, "a weak reference")));
        // SAFETY: each object's header is in committed memory (invariant 8), and is checked before the object is used.
        unsafe {
            let mut at = NURSERY as u32;
            let end = (NURSERY + heap.nursery_used()) as u32;
            while at < end && result.is_ok() {
                match heap.verify_header(at) {
                    Err(e) => result = Err(e),
                    Ok(()) => {
                        result = heap.verify_object(at, true);
                        at += heap.objects.size(at);
                    }
                }
            }
            let mut previous_end = OLD as u32;
            for card in OLD >> CARD_SHIFT..heap.old.end() >> CARD_SHIFT {
                let mut marks = heap.old.marks(card);
                while marks != 0 && result.is_ok() {
                    let r = (card << CARD_SHIFT) as u32 + 8 * marks.trailing_zeros();
                    marks &= marks - 1;
                    result = heap.verify_header(r).and_then(|()| heap.verify_old(r, &mut previous_end));
                }
            }
        }
        result
    }
}

impl Heap {
    unsafe fn verify_old(&self, r: u32, previous_end: &mut u32) -> Result<(), Finding> {
        // SAFETY: its header was checked.
        unsafe {
            let size = self.objects.size(r);
            if r < *previous_end {
                return Err(format!("heap 4: the object at {r:#x} begins inside of the one before"));
            }
            *previous_end = r + size;
            let fits = match self.old.use_of(r) {
                Some(Use::Small) => size <= LARGE,
                Some(Use::Large(_)) => size > LARGE,
                _ => false,
            };
            if !fits {
                return Err(format!("heap 1: an object of {size} bytes at {r:#x}, in a block for others"));
            }
            self.verify_object(r, false)
        }
    }

    unsafe fn verify_object(&self, r: u32, young: bool) -> Result<(), Finding> {
        let mut result = Ok(());
        // SAFETY: its header was checked.
        unsafe {
            let is_array = self.objects.descriptor(r).kind == KIND_ARRAY;
            self.objects.each_reference(r, 0, u32::MAX, |slot| {
                let place = (slot as usize - self.objects.base as usize) as u32;
                let card = if is_array { place } else { r } >> CARD_SHIFT;
                let dirty = *self.objects.at::<u8>(CARDS as u32 + card) != 0;
                if result.is_ok() {
                    result = self.verify_reference(*slot, young || dirty, "an object");
                }
            });
        }
        result.map_err(|e| format!("{e} (the object at {r:#x})"))
    }
}
