//! Unwind information for machine code, in the format of the C++ ABI (DWARF, `.eh_frame`). The code keeps frame pointers. It must not be
//! unwound, but it must be notified when an unwinder reaches it.

use super::lock;
use std::ffi::{c_int, c_void};
use std::ops::Range;

/// The function that the unwinder calls for a frame, with version, actions, class, exception and frame. Returns one of the unwinder's
/// codes.
pub type Personality = unsafe extern "C" fn(c_int, c_int, u64, *mut c_void, *mut c_void) -> c_int;

unsafe extern "C" {
    fn __register_frame(section: *const u8);
    fn __deregister_frame(section: *const u8);
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
    fn _Unwind_GetGR(frame: *mut c_void, register: c_int) -> usize;
}

/// The number of the frame pointer in DWARF.
#[cfg(target_arch = "x86_64")]
const FP: u8 = 6;
#[cfg(target_arch = "aarch64")]
const FP: u8 = 29;
/// The number of the return address in DWARF.
#[cfg(target_arch = "x86_64")]
const RETURN: u8 = 16;
#[cfg(target_arch = "aarch64")]
const RETURN: u8 = 30;

/// While this exists, the functions at these addresses have this personality, from the end of each prologue on.
pub struct FrameInfo(Box<[u8]>);

impl FrameInfo {
    /// # Safety
    /// The code keeps frame pointers, so that a frame's saved frame pointer and return address are in the two words at its frame pointer.
    pub unsafe fn new(functions: &[Range<usize>], personality: Personality) -> FrameInfo {
        let mut section = Vec::new();
        let length = |record: &mut [u8], at: usize| {
            let bytes = (record.len() - at - 4) as u32;
            record[at..at + 4].copy_from_slice(&bytes.to_le_bytes());
        };
        // The entry that all frames share (CIE): length, number 0, version 1, and the kinds of data that follow: a personality (P) and the
        // encoding of addresses (R), both as plain addresses; units of code (1) and data (-8).
        section.extend([0, 0, 0, 0, 0, 0, 0, 0, 1]);
        section.extend(b"zPR\0");
        section.extend([1, 0x78, RETURN, 10, 0]);
        section.extend((personality as usize).to_le_bytes());
        section.push(0);
        // The caller's stack pointer is 16 above the frame pointer; right below it are the return address and the saved frame pointer.
        section.extend([0x0c, FP, 16, 0x80 | RETURN, 1, 0x80 | FP, 2]);
        section.resize(section.len().next_multiple_of(8) + 4, 0);
        length(&mut section, 0);
        // Each function (FDE): length, distance to the CIE, start and size, and no data.
        for code in functions {
            let fde = section.len();
            section.extend([0; 4]);
            section.extend((fde as u32 + 4).to_le_bytes());
            section.extend(code.start.to_le_bytes());
            section.extend(code.len().to_le_bytes());
            section.push(0);
            section.resize(section.len().next_multiple_of(8) + 4, 0);
            length(&mut section, fde);
        }
        // The end of the section.
        section.extend([0; 4]);
        let section = section.into_boxed_slice();
        // The unwinder may have its own lock, which must be free in a child of a fork.
        // SAFETY: a valid section, which is not moved until it is deregistered (invariant S4).
        lock::section(|| unsafe { __register_frame(section.as_ptr()) });
        FrameInfo(section)
    }
}

impl Drop for FrameInfo {
    fn drop(&mut self) {
        // SAFETY: registered, once (invariant S4).
        lock::section(|| unsafe { __deregister_frame(self.0.as_ptr()) });
    }
}

/// The (pc, frame pointer) of the frame that a personality is called for.
///
/// # Safety
/// `frame` is the argument of the personality.
pub unsafe fn place_of(frame: *mut c_void) -> (usize, usize) {
    // SAFETY: the caller's promise.
    unsafe { (_Unwind_GetIP(frame) - 1, _Unwind_GetGR(frame, c_int::from(FP))) }
}
