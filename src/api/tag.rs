//! Tags.

use super::StoreMut;
pub use super::handle::defined::Tag;
use crate::abi::heap::RawRef;
use crate::base::Result;
use crate::err;
use crate::gc::{Gc, NoGc};
use crate::wasm::types::{FuncType, TypeId};
use std::sync::Arc;

impl Tag {
    /// Creates a tag whose exceptions carry values of the parameters' types. Fails with `InvalidArgument` if the type
    /// has results.
    pub fn new(store: &mut StoreMut<'_>, ty: &FuncType) -> Result<Tag> {
        if !ty.results().is_empty() {
            return Err(err!(InvalidArgument, "the type of a tag has no results, this one has {}", ty.results().len()));
        }
        ty.params().iter().try_for_each(|t| store.engine().check_type(*t))?;
        let def = store.vm().engine.types.register_func(ty)?;
        store.vm_mut().keep_type(&def);
        let place = store.with_room(|store| store.vm_mut().add_tag(def.id))?;
        Ok(Tag::make(store, place))
    }

    /// Returns the tag for a reference to its object.
    ///
    /// # Safety
    /// `bits` refer to a tag of the store, and no collection has happened since they were obtained.
    pub(super) unsafe fn from_raw(store: &mut StoreMut<'_>, bits: RawRef) -> Result<Tag> {
        // SAFETY: the caller's promise (invariant 6 of the heap).
        let place = unsafe { store.vm_mut().tag_place(bits) }?;
        Ok(Tag::make(store, place))
    }

    /// The index in the store and the tag's object. Fails with `StaleHandle` if the object was freed.
    pub(super) fn object<'s>(&self, store: &'s StoreMut<'_>) -> Result<(u32, NoGc<'s>, Gc<'s>)> {
        let place = self.check(store)?;
        let found = store.vm().heap.as_ref().and_then(|heap| {
            let no_gc = heap.no_gc();
            Some((place, no_gc, store.vm().tags[place].object(no_gc)?))
        });
        found.ok_or_else(|| err!(StaleHandle, "the tag was freed: nothing referred to it"))
    }

    /// The id of the tag's type.
    pub fn type_id(&self, store: &StoreMut<'_>) -> Result<TypeId> {
        let (place, ..) = self.object(store)?;
        Ok(store.vm().tags[place].ty)
    }

    /// The tag's type. Its parameters are the types of the values that its exceptions carry.
    pub fn ty(&self, store: &StoreMut<'_>) -> Result<Arc<FuncType>> {
        Ok(store.vm().engine.types.func(self.type_id(store)?))
    }

    /// Releases the host's ownership of a tag created by `new`: it then lives as long as something refers to it.
    pub fn release(&self, store: &mut StoreMut<'_>) -> Result<()> {
        let place = self.check(store)?;
        store.vm_mut().release_tag(place)
    }
}
