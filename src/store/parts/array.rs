//! The bulk operations of the array instructions (Wasm 3.0, 4.6.9).

use crate::abi::heap::RawRef;
use crate::base::Trap;
use crate::base::index::ElemIndex;
use crate::engine::interrupt::SharedVmStore;
use crate::gc::{Gc, NoGc};
use crate::store::parts::bulk;
use crate::store::parts::instance::Instance;
use crate::store::store::Store;
use std::sync::Arc;

/// `size` bytes of a data segment, `src` bytes from its start.
pub fn segment_bytes(data: &[u8], src: u32, size: usize) -> Result<&[u8], Trap> {
    data.get(src as usize..).and_then(|d| d.get(..size)).ok_or(Trap::MemoryOutOfBounds)
}

pub fn check_segment(instance: &Instance, e: ElemIndex, src: u32, len: u32) -> Result<(), Trap> {
    match src as u64 + len as u64 <= instance.elem_len(e) {
        true => Ok(()),
        false => Err(Trap::TableOutOfBounds),
    }
}

/// Writes elements that are numbers, from their bytes.
///
/// # Safety
/// `array` is an array of numbers, or of function numbers.
pub unsafe fn write_bytes(
    vm: &Arc<SharedVmStore>,
    no_gc: NoGc<'_>,
    array: Gc<'_>,
    at: u32,
    len: u32,
    bytes: &[u8],
) -> Result<(), Trap> {
    // SAFETY: the array's own bytes, which hold no references (the caller's promise, invariant 11).
    unsafe {
        debug_assert!(!no_gc.has_references(array));
        let (to, size) = no_gc.array_bytes(array, at, len).ok_or(Trap::ArrayOutOfBounds)?;
        assert_eq!(size, bytes.len());
        bulk::copy(vm, bytes.as_ptr(), to, size, piece_bytes(size, len))
    }
}

/// Bytes of one piece of `len` elements that have `size` bytes together.
fn piece_bytes(size: usize, len: u32) -> usize {
    bulk::ELEMENTS * (size / (len as usize).max(1)).max(1)
}

/// Writes elements of a segment; the segment's range was checked. Nothing is collected.
///
/// # Safety
/// `array` is null, or an array of this store whose elements have the segment's type; nothing was collected since it
/// was read.
pub unsafe fn init_elem(
    store: &mut Store,
    instance: &Instance,
    array: RawRef,
    at: u32,
    e: ElemIndex,
    src: u32,
    len: u32,
) -> Result<(), Trap> {
    let vm = store.interrupts_for(len as usize);
    let lost = |_| Trap::HeapExhausted;
    let no_gc = store.no_gc().map_err(lost)?;
    // SAFETY: the caller's promise (invariant 12).
    let found = unsafe { no_gc.adopt(array) }.ok_or(Trap::NullReference)?;
    // SAFETY: it is an array (invariant 11).
    if unsafe { no_gc.has_references(found) } {
        // SAFETY: it is an array of references.
        let slots = unsafe { no_gc.array_slots(found, at, len) }.ok_or(Trap::ArrayOutOfBounds)?;
        return bulk::pieces(vm.as_ref(), len as usize, bulk::ELEMENTS, |piece| {
            piece.for_each(|i| slots.store(no_gc, i, instance.elem_ref(no_gc, e, src as u64 + i as u64)));
        });
    }
    bulk::try_pieces(vm.as_ref(), len as usize, bulk::ELEMENTS, |mut piece| {
        // SAFETY: the functions are of this store; the array is an array of function numbers (invariants 1 and 11).
        piece.try_for_each(|i| unsafe {
            let number = store.func_id(instance.elem_func(e, src as u64 + i as u64))?;
            let no_gc = store.no_gc().map_err(lost)?;
            let found = no_gc.adopt(array).ok_or(Trap::NullReference)?;
            let (to, _) = no_gc.array_bytes(found, at + i as u32, 1).ok_or(Trap::ArrayOutOfBounds)?;
            to.cast::<u32>().write(number);
            Ok(())
        })
    })
}

/// Copies elements. The ranges may overlap.
///
/// # Safety
/// Both are arrays, with elements of the same kind.
pub unsafe fn copy<'h>(
    vm: &Arc<SharedVmStore>,
    no_gc: NoGc<'h>,
    (dst, dst_at): (Gc<'h>, u32),
    (src, src_at): (Gc<'h>, u32),
    len: u32,
) -> Result<(), Trap> {
    let out = Trap::ArrayOutOfBounds;
    // SAFETY: the caller's promise (invariant 11); both ranges have the same length.
    unsafe {
        if no_gc.has_references(dst) {
            let from = no_gc.array_slots(src, src_at, len).ok_or(out)?;
            return bulk::copy_slots(vm, no_gc.array_slots(dst, dst_at, len).ok_or(out)?, from);
        }
        let (from, size) = no_gc.array_bytes(src, src_at, len).ok_or(out)?;
        let (to, _) = no_gc.array_bytes(dst, dst_at, len).ok_or(out)?;
        bulk::copy(vm, from, to, size, piece_bytes(size, len))
    }
}

/// Fills a range with one value.
///
/// # Safety
/// `array` is an array, and `value` has the bits of an element: a number, a function number, or a reference of this
/// heap. If it is a reference, nothing was collected since it was read.
pub unsafe fn fill<'h>(
    vm: &Arc<SharedVmStore>,
    no_gc: NoGc<'h>,
    array: Gc<'h>,
    at: u32,
    value: u64,
    len: u32,
) -> Result<(), Trap> {
    let out = Trap::ArrayOutOfBounds;
    // SAFETY: the caller's promise (invariants 11 and 12). Elements other than references are plain bytes, and each is
    // aligned to its width.
    unsafe {
        if no_gc.has_references(array) {
            let value = no_gc.adopt(RawRef(value as u32));
            return bulk::fill_slots(vm, no_gc, no_gc.array_slots(array, at, len).ok_or(out)?, value);
        }
        let (to, size) = no_gc.array_bytes(array, at, len).ok_or(out)?;
        let width = if len == 0 { 1 } else { size / len as usize };
        bulk::pieces(vm, len as usize, bulk::ELEMENTS, |piece| {
            fill_elements(to.add(piece.start * width), width, value, piece.len());
        })
    }
}

/// # Safety
/// `to` points to `len` elements of `width` bytes, aligned to `width`.
unsafe fn fill_elements(to: *mut u8, width: usize, value: u64, len: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        match width {
            1 => to.write_bytes(value as u8, len),
            2 => std::slice::from_raw_parts_mut(to as *mut u16, len).fill(value as u16),
            4 => std::slice::from_raw_parts_mut(to as *mut u32, len).fill(value as u32),
            8 => std::slice::from_raw_parts_mut(to as *mut u64, len).fill(value),
            width => unreachable!("no element of {width} bytes is filled by its bits"),
        }
    }
}
