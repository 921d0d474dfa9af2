//! What the array instructions do in bulk (Wasm 3.0, 4.6.9).

use super::instance::Instance;
use super::store::Store;
use crate::abi::heap::RawRef;
use crate::base::Trap;
use crate::base::index::ElemIndex;
use crate::gc::{Gc, NoGc};

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

/// Writes elements that are numbers.
///
/// # Safety
/// `array` is one of numbers, or of functions' numbers.
pub unsafe fn write_bytes(no_gc: NoGc<'_>, array: Gc<'_>, at: u32, len: u32, bytes: &[u8]) -> Result<(), Trap> {
    // SAFETY: the array's own bytes, which hold no references.
    unsafe {
        debug_assert!(!no_gc.has_references(array));
        let (to, size) = no_gc.array_bytes(array, at, len).ok_or(Trap::ArrayOutOfBounds)?;
        assert_eq!(size, bytes.len());
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, size);
    }
    Ok(())
}

/// Writes elements of a segment, which were checked. Nothing is collected.
///
/// # Safety
/// `array` is null, or an array of this store since which nothing was collected, whose elements are as the segment's.
pub unsafe fn init_elem(
    store: &mut Store,
    instance: &Instance,
    array: RawRef,
    at: u32,
    e: ElemIndex,
    src: u32,
    len: u32,
) -> Result<(), Trap> {
    let lost = |_| Trap::HeapExhausted;
    let no_gc = store.no_gc().map_err(lost)?;
    // SAFETY: the caller's promise.
    let found = unsafe { no_gc.adopt(array) }.ok_or(Trap::NullReference)?;
    // SAFETY: an array.
    if unsafe { no_gc.has_references(found) } {
        // SAFETY: an array of references.
        let slots = unsafe { no_gc.array_slots(found, at, len) }.ok_or(Trap::ArrayOutOfBounds)?;
        for i in 0..len {
            slots.store(no_gc, i as usize, instance.elem_ref(no_gc, e, (src + i) as u64));
        }
        return Ok(());
    }
    for i in 0..len {
        // SAFETY: a function of this store; the array is one of functions' numbers.
        unsafe {
            let number = store.func_number(instance.elem_func(e, (src + i) as u64))?;
            let no_gc = store.no_gc().map_err(lost)?;
            let found = no_gc.adopt(array).ok_or(Trap::NullReference)?;
            write_bytes(no_gc, found, at + i, 1, &number.to_le_bytes())?;
        }
    }
    Ok(())
}

/// Overlap is fine.
///
/// # Safety
/// Both are arrays, with elements of the same kind.
pub unsafe fn copy<'h>(
    no_gc: NoGc<'h>,
    dst: Gc<'h>,
    dst_at: u32,
    src: Gc<'h>,
    src_at: u32,
    len: u32,
) -> Result<(), Trap> {
    let out = Trap::ArrayOutOfBounds;
    // SAFETY: the caller's promise; the ranges are as long as each other.
    unsafe {
        if no_gc.has_references(dst) {
            let from = no_gc.array_slots(src, src_at, len).ok_or(out)?;
            no_gc.array_slots(dst, dst_at, len).ok_or(out)?.copy_from(from);
            return Ok(());
        }
        let (from, size) = no_gc.array_bytes(src, src_at, len).ok_or(out)?;
        let (to, _) = no_gc.array_bytes(dst, dst_at, len).ok_or(out)?;
        std::ptr::copy(from, to, size);
    }
    Ok(())
}

/// # Safety
/// `array` is one, and `value` the bits of an element: a number, a function's number, or a reference of this heap since which
/// nothing was collected.
pub unsafe fn fill<'h>(no_gc: NoGc<'h>, array: Gc<'h>, at: u32, value: u64, len: u32) -> Result<(), Trap> {
    let out = Trap::ArrayOutOfBounds;
    // SAFETY: the caller's promise. Elements that are no references are bytes; each width is aligned to itself.
    unsafe {
        if no_gc.has_references(array) {
            let value = no_gc.adopt(RawRef(value as u32));
            no_gc.array_slots(array, at, len).ok_or(out)?.fill(no_gc, value);
            return Ok(());
        }
        let (to, size) = no_gc.array_bytes(array, at, len).ok_or(out)?;
        match if len == 0 { 1 } else { size / len as usize } {
            1 => std::ptr::write_bytes(to, value as u8, len as usize),
            2 => std::slice::from_raw_parts_mut(to as *mut u16, len as usize).fill(value as u16),
            4 => std::slice::from_raw_parts_mut(to as *mut u32, len as usize).fill(value as u32),
            8 => std::slice::from_raw_parts_mut(to as *mut u64, len as usize).fill(value),
            width => unreachable!("no element of {width} bytes is filled by its bits"),
        }
    }
    Ok(())
}
