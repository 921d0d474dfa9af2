//! A box that other pointers can point into.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Owns a value that never moves and whose address is stored elsewhere: in machine code, contexts or handles. Moving a
/// `Box` asserts that no other pointer is used to access its value; moving this does not. Only a borrow asserts that,
/// for its duration.
pub struct Stable<T>(NonNull<T>);

// SAFETY: it owns its value as a box does; code that stores the address is responsible for its use.
unsafe impl<T: Send> Send for Stable<T> {}

impl<T> Stable<T> {
    pub fn new(value: T) -> Stable<T> {
        Stable(NonNull::from(Box::leak(Box::new(value))))
    }

    /// The address of the value. Pointers derived from it stay valid until the value is dropped or taken out.
    pub fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }

    /// Gives up ownership without dropping the value.
    pub fn into_raw(self) -> NonNull<T> {
        let raw = self.0;
        std::mem::forget(self);
        raw
    }

    /// Takes ownership back.
    ///
    /// # Safety
    /// `raw` was returned by `into_raw`, and nothing else owns it.
    pub unsafe fn from_raw(raw: NonNull<T>) -> Stable<T> {
        Stable(raw)
    }

    /// Takes the value out. It moves, so its old address is no longer valid.
    pub fn into_inner(self) -> T {
        // SAFETY: created by leaking a box, and owned.
        *unsafe { Box::from_raw(self.into_raw().as_ptr()) }
    }
}

impl<T> Deref for Stable<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the value is alive as long as self. Code that stores the address writes to the value only while it is
        // not borrowed.
        unsafe { self.0.as_ref() }
    }
}

impl<T> DerefMut for Stable<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Stable<T> {
    fn drop(&mut self) {
        // SAFETY: created by leaking a box, and dropped once.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    /// What Miri rejects for a box: the owner moves, and afterwards both it and an older pointer are used.
    #[test]
    fn a_pointer_survives_moves_of_the_owner() {
        let value = Stable::new(1);
        let address = value.as_ptr();
        let mut moved = vec![value];
        // SAFETY: alive, and not borrowed at this point.
        unsafe { *address += 1 };
        *moved[0] += 1;
        // SAFETY: as above.
        assert_eq!(unsafe { *address }, 3);
        assert_eq!(moved.remove(0).into_inner(), 3);
    }

    #[test]
    fn the_value_is_dropped_once() {
        let counted = Rc::new(());
        drop(Stable::new(counted.clone()));
        let taken = Stable::new(counted.clone()).into_inner();
        assert_eq!(Rc::strong_count(&counted), 2);
        drop(taken);
        assert_eq!(Rc::strong_count(&counted), 1);
    }
}
