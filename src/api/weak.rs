//! Weak references.

use super::{Ref, StoreMut};
use crate::abi::heap::RawRef;
use crate::base::{Error, Result};
use crate::engine::remote_release::{self, Release};
use crate::err;
use crate::gc::Weak;

/// A reference that does not keep its object alive. A plain value: copies are the same reference. It lives until it is
/// released or the store is dropped, independently of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)]
pub struct WeakRef {
    /// The store's id; 0 in the empty handle.
    pub store: u64,
    pub index: u32,
    /// Distinguishes weak references that used the same index at different times.
    pub generation: u32,
}

impl WeakRef {
    fn weak(&self) -> Weak {
        Weak { index: self.index, generation: self.generation }
    }

    fn check(&self, store: &StoreMut<'_>) -> Result<()> {
        match self.store {
            id if id == store.id() => Ok(()),
            0 => Err(err!(StaleHandle, "the weak reference is empty")),
            id => Err(err!(WrongStore, "the weak reference belongs to store {id}, not to store {}", store.id())),
        }
    }

    /// A reference to the object, in the innermost scope; `None` if the object has died.
    pub fn upgrade(&self, store: &mut StoreMut<'_>) -> Result<Option<Ref>> {
        self.check(store)?;
        let no_gc = store.vm().heap.as_ref().ok_or_else(stale)?.no_gc();
        let raw = no_gc.get_weak(self.weak()).map_err(|_| stale())?.map_or(RawRef::NULL, |gc| gc.bits());
        // SAFETY: the bits were just read (invariant 6 of the heap).
        unsafe { Ref::from_raw(store, raw) }
    }

    /// As `release`, from any thread. Takes effect when the store is next used; does nothing if the store is gone.
    pub fn release_anywhere(&self) {
        remote_release::send(self.store, Release::Weak(self.weak()));
    }

    /// Releases the weak reference. Fails with `StaleHandle` if it was released before.
    pub fn release(&self, store: &mut StoreMut<'_>) -> Result<()> {
        self.check(store)?;
        let heap = store.vm_mut().heap.as_mut().ok_or_else(stale)?;
        heap.release_weak(self.weak()).map_err(|_| stale())
    }
}

#[cold]
fn stale() -> Error {
    err!(StaleHandle, "the weak reference was released")
}
