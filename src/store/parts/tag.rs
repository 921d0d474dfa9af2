//! Tags (Wasm 3.0, 4.2.10). A tag is an object of the store's heap, and contexts and exceptions refer to it as to any
//! other object. It therefore lives as long as something can throw it or compare with it, and two tags are the same if
//! they are one object.
//!
//! The host identifies tags by their places in `Store::tags`, one place for each object.

use crate::gc::{Gc, NoGc, Root, Weak};
use crate::wasm::descriptor::TAG_FUNC_TYPE;
use crate::wasm::types::TypeId;

/// A tag that the host knows.
pub struct Tag {
    /// Whether the host created it, and not an instance.
    pub(in crate::store) is_hosts: bool,
    /// The root of a tag that the host has created and not released.
    pub(in crate::store) root: Option<Root>,
    pub(in crate::store) object: Weak,
    /// The function type whose parameters its exceptions carry.
    pub ty: TypeId,
}

impl Tag {
    /// The object, or `None` if it has died.
    pub fn object<'h>(&self, no_gc: NoGc<'h>) -> Option<Gc<'h>> {
        no_gc.get_weak(self.object).ok().flatten()
    }

    /// Whether the store holds a root of the heap for this tag.
    pub fn is_rooted(&self) -> bool {
        self.root.is_some()
    }
}

/// The function type of a tag.
///
/// # Safety
/// `tag` must be a tag.
pub unsafe fn func_type<'h>(no_gc: NoGc<'h>, tag: Gc<'h>) -> TypeId {
    // SAFETY: the caller's promise (invariant 15).
    TypeId(unsafe { word(no_gc, tag, TAG_FUNC_TYPE) })
}

/// A word of a tag's object.
///
/// # Safety
/// `tag` must be a tag, and `offset` one of `TAG_*`.
pub(in crate::store) unsafe fn word<'h>(no_gc: NoGc<'h>, tag: Gc<'h>, offset: u32) -> u32 {
    // SAFETY: the caller's promise (invariant 15).
    unsafe { *no_gc.field_bytes(tag, offset).cast::<u32>() }
}
