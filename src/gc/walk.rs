//! Visits every object of a heap: for counts, and for heap snapshots.

use super::heap::Heap;
use super::object::{array_size, is_object};
use super::old::Use;
use crate::abi::heap::*;
use crate::wasm::descriptor::*;
use crate::wasm::types::TypeId;

/// An object that was visited.
#[derive(Clone, Copy)]
pub struct Met {
    /// Its offset, which is also its reference.
    pub at: u32,
    pub ty: TypeId,
    /// Size in bytes.
    pub size: u32,
    pub age: Age,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Young,
    Old,
    Large,
}

/// A reference in an object.
#[derive(Clone, Copy)]
pub struct Edge {
    /// Offset in bytes from the object's start.
    pub offset: u32,
    pub to: u32,
}

impl Heap {
    /// Calls `f` with every object in the order of their offsets: those in the nursery, dead or alive, and those in the
    /// old space, of which some may have died since the last full collection.
    pub fn each_object(&self, mut f: impl FnMut(Met)) {
        // SAFETY: the nursery is filled without gaps, and marks are objects (invariants 1 and 4).
        unsafe {
            let mut at = NURSERY as u32;
            let end = at + self.nursery_used() as u32;
            while at < end {
                let met = self.met(at, Age::Young);
                f(met);
                at += met.size;
            }
            for card in OLD >> CARD_SHIFT..self.old.end() >> CARD_SHIFT {
                let mut marks = self.old.marks(card);
                while marks != 0 {
                    let at = (card << CARD_SHIFT) as u32 + 8 * marks.trailing_zeros();
                    marks &= marks - 1;
                    let large = matches!(self.old.use_of(at), Some(Use::Large(_)));
                    f(self.met(at, if large { Age::Large } else { Age::Old }));
                }
            }
        }
    }

    /// Describes an object.
    ///
    /// # Safety
    /// An object begins at `at`.
    unsafe fn met(&self, at: u32, age: Age) -> Met {
        // SAFETY: the caller's promise (invariant 1).
        unsafe {
            let (ty, d) = (self.objects.type_id(at), self.objects.descriptor(at));
            let size =
                if d.kind == KIND_ARRAY { array_size(self.objects.array_len(at), d.size) as u32 } else { d.size };
            Met { at, ty, size, age }
        }
    }

    /// Calls `f` with the references in an object that was visited since the last collection, except null and i31s.
    pub fn each_edge(&self, met: Met, mut f: impl FnMut(Edge)) {
        // SAFETY: an object, whose references are in the heap (invariant 1).
        unsafe {
            self.objects.each_reference(met.at, 0, u32::MAX, |place| {
                let offset = (place as usize - self.objects.base as usize) as u32 - met.at;
                if is_object(*place) {
                    f(Edge { offset, to: *place });
                }
            });
        }
    }

    /// Calls `f` with the references of the host.
    ///
    /// # Safety
    /// `f` creates and releases no roots.
    pub unsafe fn each_root(&self, mut f: impl FnMut(u32)) {
        // SAFETY: the caller's promise (invariant 10).
        unsafe { self.no_gc().roots_for_each(|bits, _| f(bits)) };
    }

    /// Bytes outside the heap that a host object has declared; 0 for others.
    pub fn external_of(&self, met: Met) -> usize {
        match met.ty {
            // SAFETY: a host object has its index after the header (invariant 1).
            HOST_TYPE => self.weak.hosts.external_of(unsafe { self.objects.word(met.at + HOST_NUMBER) }),
            _ => 0,
        }
    }
}
