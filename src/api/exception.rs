//! Exceptions created, inspected and thrown by the host: references of type `exn`.

use super::object::{Place, Stored, holding, stored_all};
use super::reference::no_memory;
use super::{Ref, StoreMut, Tag, Val};
use crate::base::{Error, Result};
use crate::err;
use crate::store::run::exception::{Thrown, tag_of};
use crate::wasm::descriptor::KIND_EXCEPTION;

impl Ref {
    /// Creates an exception of a tag, with one value for each parameter of its type. The reference belongs to the
    /// innermost scope. Fails with `TypeMismatch` if the number or a type of the values is wrong.
    pub fn new_exception(store: &mut StoreMut<'_>, tag: Tag, values: &[Val]) -> Result<Ref> {
        let types = &store.vm().engine.types;
        let def = types.exception(&types.get(tag.type_id(store)?))?;
        store.vm_mut().keep_type(&def);
        let (want, got) = (def.fields().len() - 1, values.len());
        if want != got {
            return Err(err!(TypeMismatch, "an exception of this tag carries {want} values, {got} were given"));
        }
        store.vm_mut().callback_scope()?;
        let (_, no_gc, object) = tag.object(store)?;
        // A reference to the tag's object while the exception is created, which can collect garbage.
        let identity = Ref::make(store, no_gc.root(object).ok_or_else(no_memory)?);
        let made = holding(store, |store| {
            let mut stored = vec![Stored::Ref(Some(identity))];
            stored.extend(stored_all(store, "value", def.fields()[1..].iter().zip(values))?);
            Ref::new_object(store, def.id, 0, |new| {
                let places = def.fields().iter().zip(&def.offsets);
                // SAFETY: the fields of the type, with values that were converted for their storage types
                // (invariant 1 of the heap).
                places.zip(&stored).try_for_each(|((f, offset), v)| unsafe { v.put(new, *offset, f.storage.size()) })
            })
        });
        identity.release(store)?;
        made
    }

    fn exception<'s>(&self, store: &'s StoreMut<'_>) -> Result<Place<'s>> {
        let (no_gc, object) = self.get(store)?;
        let types = &store.vm().engine.types;
        let id = no_gc.type_of(object).filter(|id| types.view().get(*id).kind == KIND_EXCEPTION);
        let id = id.ok_or_else(|| err!(TypeMismatch, "the reference is not to an exception"))?;
        Ok(Place { no_gc, object, def: types.get(id) })
    }

    /// The tag of an exception. Fails with `TypeMismatch` if this is a reference to something else.
    pub fn exception_tag(&self, store: &mut StoreMut<'_>) -> Result<Tag> {
        let place = self.exception(store)?;
        let tag = tag_of(place.no_gc, place.object).ok_or_else(|| err!(Internal, "an exception without a tag"))?;
        let bits = tag.bits();
        // SAFETY: the bits were just read (invariant 6 of the heap).
        unsafe { Tag::from_raw(store, bits) }
    }

    /// How many values an exception carries.
    pub fn exception_len(&self, store: &StoreMut<'_>) -> Result<u32> {
        Ok(self.exception(store)?.def.fields().len() as u32 - 1)
    }

    /// The `i`-th value that an exception carries. A reference in it belongs to the innermost scope. Fails with
    /// `InvalidArgument` if there is no such value.
    pub fn exception_value(&self, store: &mut StoreMut<'_>, i: u32) -> Result<Val> {
        let place = self.exception(store)?;
        let at = i as usize;
        let Some(field) = place.def.fields()[1..].get(at) else {
            let len = place.def.fields().len() - 1;
            return Err(err!(InvalidArgument, "there is no value {i}, the exception carries {len}"));
        };
        let (field, offset) = (*field, place.def.offsets[at + 1]);
        // SAFETY: the field is one of the type's. The value has the field's type, was just read, and belongs to an
        // object of this store (invariants 1 and 6 of the heap).
        unsafe {
            let slot = place.load(store, field, offset);
            Val::from_slot(store, &slot, field.storage.unpacked())
        }
    }

    /// All values that an exception carries. References in them belong to the innermost scope.
    pub fn exception_values(&self, store: &mut StoreMut<'_>) -> Result<Vec<Val>> {
        (0..self.exception_len(store)?).map(|i| self.exception_value(store, i)).collect()
    }

    /// An error that holds an exception. A host function that returns it throws the exception.
    pub fn to_error(&self, store: &mut StoreMut<'_>) -> Result<Error> {
        let bits = self.exception(store)?.object.bits();
        // SAFETY: the bits were just read (invariant 6 of the heap).
        Ok(unsafe { store.vm_mut().exception_error(bits) })
    }
}

impl StoreMut<'_> {
    /// The exception that an error holds, as a reference of the innermost scope; `None` if it holds none. Fails with
    /// `WrongStore` if the exception belongs to another store.
    pub fn exception_of(&mut self, error: &Error) -> Result<Option<Ref>> {
        let Some(owner) = Thrown::of(error).map(|t| t.store) else { return Ok(None) };
        if owner != self.id() {
            return Err(err!(WrongStore, "the exception belongs to store {owner}, not to store {}", self.id()));
        }
        match self.vm().thrown(error) {
            // SAFETY: the bits were just read (invariant 6 of the heap).
            Some(bits) => unsafe { Ref::from_raw(self, bits) },
            None => Ok(None),
        }
    }
}
