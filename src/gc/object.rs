//! Objects from the collector's point of view: headers, sizes, and where the references are.

use crate::abi::heap::{NURSERY, NURSERY_MAX};
use crate::wasm::descriptor::*;
use crate::wasm::types::TypeId;

/// The bit of the header that says that an object has moved; the rest of the word is its new offset. Ids are multiples
/// of 8.
const FORWARDED: u32 = 1;

/// Whether bits are a reference to an object, as opposed to null or an i31.
#[inline(always)]
pub fn is_object(r: u32) -> bool {
    r != 0 && r & 1 == 0
}

#[inline(always)]
pub fn is_young(r: u32) -> bool {
    r & 1 == 0 && r.wrapping_sub(NURSERY as u32) < NURSERY_MAX as u32
}

/// Size of an array in bytes, including the header.
pub fn array_size(len: u32, log2: u32) -> u64 {
    (HEADER_SIZE as u64 + ((len as u64) << log2)).next_multiple_of(OBJECT_ALIGN as u64)
}

/// The objects of one heap.
#[derive(Clone, Copy)]
pub struct Objects {
    pub base: *mut u8,
    pub types: DescriptorView,
}

/// In all functions, `r` is the offset of an object (invariant 1).
#[allow(clippy::missing_safety_doc)]
impl Objects {
    #[inline(always)]
    pub fn at<T>(self, offset: u32) -> *mut T {
        self.base.wrapping_add(offset as usize).cast()
    }

    #[inline(always)]
    pub unsafe fn word(self, offset: u32) -> u32 {
        // SAFETY: inside an object (invariant 1).
        unsafe { *self.at::<u32>(offset) }
    }

    pub unsafe fn put_header(self, r: u32, ty: TypeId, len: u32) {
        // SAFETY: there is space for an object (invariant 11).
        unsafe { *self.at::<u64>(r) = ty.0 as u64 | (len as u64) << 32 }
    }

    #[inline(always)]
    pub unsafe fn type_id(self, r: u32) -> TypeId {
        // SAFETY: the first word of an object (invariant 1).
        unsafe { TypeId(self.word(r)) }
    }

    #[inline(always)]
    pub unsafe fn descriptor<'a>(self, r: u32) -> &'a Descriptor {
        // SAFETY: the header's id is the type's (invariant 1).
        self.types.get(unsafe { self.type_id(r) })
    }

    /// The length of an array.
    #[inline(always)]
    pub unsafe fn array_len(self, r: u32) -> u32 {
        // SAFETY: the second word of an array (invariant 1).
        unsafe { self.word(r + 4) }
    }

    /// The new offset of an object that has moved.
    #[inline(always)]
    pub unsafe fn forwarded(self, r: u32) -> Option<u32> {
        // SAFETY: the first word of an object (invariant 1).
        let w = unsafe { self.word(r) };
        (w & FORWARDED != 0).then_some(w & !FORWARDED)
    }

    pub unsafe fn forward(self, r: u32, to: u32) {
        // SAFETY: the first word of an object that was copied (invariant 1).
        unsafe { *self.at::<u32>(r) = to | FORWARDED }
    }

    /// Size in bytes.
    #[inline(always)]
    pub unsafe fn size(self, r: u32) -> u32 {
        // SAFETY: the descriptor tells the object's size (invariant 1).
        unsafe { self.size_by(self.descriptor(r), r) }
    }

    /// Size in bytes of an object with this descriptor.
    #[inline(always)]
    pub unsafe fn size_by(self, d: &Descriptor, r: u32) -> u32 {
        // SAFETY: an array has its length in the header (invariant 1).
        unsafe { if d.kind == KIND_ARRAY { array_size(self.array_len(r), d.size) as u32 } else { d.size } }
    }

    pub unsafe fn has_references(self, r: u32) -> bool {
        // SAFETY: an object has a descriptor (invariant 1).
        unsafe { self.descriptor(r).ref_words != 0 }
    }

    /// Calls `f` with the id of each function in the object.
    pub unsafe fn each_func(self, r: u32, mut f: impl FnMut(u32)) {
        // SAFETY: the descriptor's map describes this object (invariant 1).
        unsafe {
            let d = self.descriptor(r);
            if d.func_words == 0 {
                return;
            }
            if d.kind == KIND_ARRAY {
                return (0..self.array_len(r)).for_each(|i| f(self.word(r + HEADER_SIZE + 4 * i)));
            }
            for word in 0..d.func_words {
                let mut bits = d.func_word(word);
                while bits != 0 {
                    f(self.word(r + 4 * (word * 64 + bits.trailing_zeros())));
                    bits &= bits - 1;
                }
            }
        }
    }

    /// Calls `f` with the address of each reference in the object whose offset is in `from..to`.
    #[inline(always)]
    pub unsafe fn each_reference(self, r: u32, from: u32, to: u32, mut f: impl FnMut(*mut u32)) {
        // SAFETY: the descriptor's map describes this object (invariant 1).
        unsafe {
            let d = self.descriptor(r);
            if d.kind == KIND_ARRAY {
                if d.ref_words == 0 {
                    return;
                }
                let first = r + HEADER_SIZE;
                let end = (first as u64 + self.array_len(r) as u64 * 4).min(to as u64);
                let mut at = first.max(from) as u64;
                while at < end {
                    f(self.at(at as u32));
                    at += 4;
                }
                return;
            }
            for word in 0..d.ref_words {
                let mut bits = d.ref_word(word);
                while bits != 0 {
                    let at = r + 4 * (word * 64 + bits.trailing_zeros());
                    bits &= bits - 1;
                    if at >= from && at < to {
                        f(self.at(at));
                    }
                }
            }
        }
    }
}
