//! Unwind information of machine code, as the C++ ABI has it (DWARF, `.eh_frame`): for code that keeps frame pointers and is not to be
//! unwound, but should notice that something wants to.

use super::lock;
use std::ffi::{c_int, c_void};
use std::ops::Range;

/// What the unwinder asks about a frame: version, actions, class, exception, frame. The answer is a code of the unwinder's.
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

/// Functions at these addresses, from after each prologue on, have this personality. As long as it lives.
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
        // What all frames have in common (CIE): length, number 0, version 1, and which data follow: a personality (P) and how addresses
        // are written (R), both as plain addresses; units of code (1) and data (-8).
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
        // The end.
        section.extend([0; 4]);
        let section = section.into_boxed_slice();
        // The unwinder may have a lock of its own, which a child of a fork has to find free.
        // SAFETY: a section as the unwinder has them, which stays where it is until it is taken back.
        lock::section(|| unsafe { __register_frame(section.as_ptr()) });
        FrameInfo(section)
    }
}

impl Drop for FrameInfo {
    fn drop(&mut self) {
        // SAFETY: registered, once.
        lock::section(|| unsafe { __deregister_frame(self.0.as_ptr()) });
    }
}

/// Where a frame is that a personality is asked about, as (pc, frame pointer).
///
/// # Safety
/// `frame` is what the personality got.
pub unsafe fn place_of(frame: *mut c_void) -> (usize, usize) {
    // SAFETY: the caller's promise.
    unsafe { (_Unwind_GetIP(frame) - 1, _Unwind_GetGR(frame, c_int::from(FP))) }
}
