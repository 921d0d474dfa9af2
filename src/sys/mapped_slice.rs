//! Arrays that either own their memory or are a part of a mapped file.

use super::mmap::FileMapping;
use std::ops::Deref;
use std::sync::Arc;

/// Types for which any bits are a valid value.
///
/// # Safety
/// Any bits are a valid value, and the type has no padding.
pub unsafe trait Plain: Copy + 'static {}
// SAFETY: numbers (invariant S5).
unsafe impl Plain for u8 {}
// SAFETY: numbers (invariant S5).
unsafe impl Plain for u32 {}

/// An immutable array. Cheap to clone if it is in a file.
#[derive(Clone)]
pub enum Shared<T> {
    Own(Vec<T>),
    /// `len` elements, starting at the byte `at`.
    Mapped {
        file: Arc<FileMapping>,
        at: usize,
        len: usize,
    },
}

impl<T: Plain> Shared<T> {
    /// `bytes` bytes of a file, starting at `at`. `None` if they are outside of the file, misaligned, or not a whole number of elements.
    pub fn mapped(file: &Arc<FileMapping>, at: usize, bytes: usize) -> Option<Shared<T>> {
        let part = file.bytes().get(at..at.checked_add(bytes)?)?;
        let fits = part.as_ptr().cast::<T>().is_aligned() && bytes.is_multiple_of(size_of::<T>());
        fits.then(|| Shared::Mapped { file: file.clone(), at, len: bytes / size_of::<T>() })
    }

    /// Copies `bytes` as elements. `None` if they are not a whole number of elements.
    pub fn copied(bytes: &[u8]) -> Option<Shared<T>> {
        let len = bytes.len() / size_of::<T>();
        if len * size_of::<T>() != bytes.len() {
            return None;
        }
        let mut own = Vec::<T>::with_capacity(len);
        // SAFETY: the capacity suffices, and any bits are valid values (invariant S5).
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), own.as_mut_ptr().cast(), bytes.len());
            own.set_len(len);
        }
        Some(Shared::Own(own))
    }
}

/// The bytes of plain elements.
pub fn bytes_of<T: Plain>(elements: &[T]) -> &[u8] {
    // SAFETY: no padding, so every byte has a value (invariant S5).
    unsafe { std::slice::from_raw_parts(elements.as_ptr().cast(), size_of_val(elements)) }
}

impl<T: Plain> Deref for Shared<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Shared::Own(own) => own,
            // SAFETY: inside of the file and aligned, as checked by `mapped`; any bits are valid values
            // (invariants S2 and S5).
            Shared::Mapped { file, at, len } => unsafe {
                std::slice::from_raw_parts(file.bytes().as_ptr().add(*at).cast(), *len)
            },
        }
    }
}

impl<T> From<Vec<T>> for Shared<T> {
    fn from(own: Vec<T>) -> Shared<T> {
        Shared::Own(own)
    }
}
