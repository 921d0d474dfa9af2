//! Replaces mappings under Miri, which cannot reserve address space, by memory of the allocator, which is usable from the start. Nothing is
//! unmapped, since callers can unmap parts of a mapping; Miri runs without leak checks because of this.

use std::alloc::{Layout, alloc_zeroed};
use std::ffi::c_void;

/// The page size that Miri reports.
const PAGE: usize = 4096;

/// Anonymous memory; files cannot be mapped.
pub unsafe fn mmap(at: *mut c_void, len: usize, _: i32, _: i32, file: i32, _: i64) -> *mut c_void {
    match Layout::from_size_align(len, PAGE) {
        // SAFETY: callers map at least a byte.
        Ok(layout) if at.is_null() && file < 0 => unsafe { alloc_zeroed(layout) }.cast(),
        _ => libc::MAP_FAILED,
    }
}

pub unsafe fn munmap(_: *mut c_void, _: usize) -> i32 {
    0
}

/// Always fails; callers then copy.
pub unsafe fn mremap(_: *mut c_void, _: usize, _: usize, _: i32) -> *mut c_void {
    libc::MAP_FAILED
}

pub unsafe fn mprotect(_: *mut c_void, _: usize, _: i32) -> i32 {
    0
}

pub unsafe fn madvise(at: *mut c_void, len: usize, advice: i32) -> i32 {
    if advice == libc::MADV_DONTNEED {
        // SAFETY: the caller's own mapping (invariant S2).
        unsafe { at.cast::<u8>().write_bytes(0, len) };
    }
    0
}
