//! Structures and arrays (Wasm 3.0, 4.2.12), created and used by the host.

use super::{Ref, StoreMut, Val};
use crate::abi::heap::RawRef;
use crate::abi::vmstruct::VmSlot;
use crate::base::{Error, Result, Trap};
use crate::err;
use crate::gc::no_gc::NewObject;
use crate::gc::{Gc, NoGc};
use crate::store::parts::array;
use crate::store::parts::bulk;
use crate::wasm::descriptor::HEADER_SIZE;
use crate::wasm::registry::DefType;
use crate::wasm::types::{CompositeType, FieldType, StorageType, TypeId, ValType};
use std::fmt;

/// A value, converted to be stored in an object.
#[derive(Clone, Copy)]
pub(super) enum Stored {
    Ref(Option<Ref>),
    /// The bytes of a number, or the id by which objects refer to a function.
    Bytes([u8; 16]),
}

impl Stored {
    /// Converts a value for a field of this storage type. A function is pinned in `Store::pinned_funcs`.
    pub(super) fn new(store: &mut StoreMut<'_>, v: Val, storage: StorageType) -> Result<Stored> {
        let slot = v.to_slot(store, storage.unpacked())?;
        if storage.is_gc() {
            return Ok(Stored::Ref(v.reference()));
        }
        // SAFETY: `to_slot` wrote the member of the type over zeros.
        unsafe {
            if !storage.is_func() {
                return Ok(Stored::Bytes(slot.v128));
            }
            store.vm_mut().pinned_funcs.push(slot.funcref);
            let number = store.vm_mut().func_id(slot.funcref).map_err(Error::trap)?;
            Ok(Stored::Bytes((number as u128).to_le_bytes()))
        }
    }

    /// Writes the value into a new object.
    ///
    /// # Safety
    /// At `offset`, the object has a field of the storage type that the value was converted for, and `size` is the
    /// field's size.
    pub(super) unsafe fn put(self, new: &NewObject<'_>, offset: u32, size: u32) -> Result<()> {
        // SAFETY: the caller's promise (invariant 1 of the heap).
        unsafe {
            match self {
                Stored::Ref(r) => new.put(offset, r.map(|r| r.get_in(new.no_gc())).transpose()?),
                Stored::Bytes(b) => std::ptr::copy_nonoverlapping(b.as_ptr(), new.bytes(offset), size as usize),
            }
        }
        Ok(())
    }
}

/// Runs `f`, then unpins the functions that it pinned in `pinned_funcs`.
pub(super) fn holding<R>(store: &mut StoreMut<'_>, f: impl FnOnce(&mut StoreMut<'_>) -> Result<R>) -> Result<R> {
    let held = store.vm().pinned_funcs.len();
    let result = f(store);
    store.vm_mut().pinned_funcs.truncate(held);
    result
}

/// The definition of a type that an object is created of. The store keeps it from now on.
fn type_def(store: &mut StoreMut<'_>, ty: TypeId) -> Result<DefType> {
    let found = store.vm_mut().find_and_keep_type(ty).cloned();
    found.ok_or_else(|| err!(InvalidArgument, "the type does not belong to this store's engine"))
}

fn struct_type(store: &mut StoreMut<'_>, ty: TypeId) -> Result<DefType> {
    let def = type_def(store, ty)?;
    match def.sub.composite {
        CompositeType::Struct(_) => Ok(def),
        _ => Err(err!(TypeMismatch, "{} is not a structure type", super::types::text(store, def.heap_type()))),
    }
}

fn array_type(store: &mut StoreMut<'_>, ty: TypeId) -> Result<DefType> {
    let def = type_def(store, ty)?;
    match def.sub.composite {
        CompositeType::Array(_) => Ok(def),
        _ => Err(err!(TypeMismatch, "{} is not an array type", super::types::text(store, def.heap_type()))),
    }
}

fn check_mutable(field: &FieldType, what: impl fmt::Display) -> Result<()> {
    match field.mutable {
        true => Ok(()),
        false => Err(err!(TypeMismatch, "{what} is immutable")),
    }
}

/// How messages refer to the elements of an array, which all have one type.
const ELEMENTS: &str = "an element of the array";

/// Converts values for fields or elements of these types.
pub(super) fn stored_all<'a>(
    store: &mut StoreMut<'_>,
    what: &str,
    values: impl Iterator<Item = (&'a FieldType, &'a Val)>,
) -> Result<Vec<Stored>> {
    let stored = |(i, (field, value)): (usize, (&FieldType, &Val))| {
        Stored::new(store, *value, field.storage).map_err(|e| e.about(format_args!("{what} {i}")))
    };
    values.enumerate().map(stored).collect()
}

/// Reads a field or element in the form that machine code uses. A reference in it is valid until the next collection.
///
/// # Safety
/// `bytes` points to a value of this storage type, unless that is a reference to an object, which `slot` returns.
unsafe fn load(store: &StoreMut<'_>, storage: StorageType, slot: impl FnOnce() -> RawRef, bytes: *const u8) -> VmSlot {
    if storage.is_gc() {
        return VmSlot { gc: slot() };
    }
    let mut b = [0; 16];
    // SAFETY: the caller's promise (invariant 1 of the heap).
    unsafe { std::ptr::copy_nonoverlapping(bytes, b.as_mut_ptr(), storage.size() as usize) };
    if !storage.is_func() {
        return VmSlot { v128: b };
    }
    let number = u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    VmSlot { funcref: store.vm().func_ids.get(number as usize).copied().unwrap_or(std::ptr::null_mut()) }
}

/// A live object and its type.
pub(super) struct Place<'s> {
    pub no_gc: NoGc<'s>,
    pub object: Gc<'s>,
    pub def: DefType,
}

impl Place<'_> {
    /// The value of a field at an offset.
    ///
    /// # Safety
    /// The object has this field at `offset`.
    pub unsafe fn load(&self, store: &StoreMut<'_>, field: FieldType, offset: u32) -> VmSlot {
        let slot = || {
            // SAFETY: the caller's promise; this is only called if the field is a reference (invariant 1 of the heap).
            let slot = unsafe { self.no_gc.field_slot(self.object, offset) };
            slot.load(self.no_gc, 0).map_or(RawRef::NULL, Gc::bits)
        };
        // SAFETY: the caller's promise (invariant 1 of the heap).
        unsafe { load(store, field.storage, slot, self.no_gc.field_bytes(self.object, offset)) }
    }

    /// The trap for an access outside the array.
    #[cold]
    fn outside(&self, at: u32, len: usize) -> Error {
        let size = match self.def.sub.composite {
            // SAFETY: the object is an array (invariant 1 of the heap).
            CompositeType::Array(_) => unsafe { self.no_gc.array_len(self.object) },
            _ => 0,
        };
        Error::trap(Trap::ArrayOutOfBounds).about(format_args!("{len} elements from {at} on of an array of {size}"))
    }
}

impl Ref {
    /// The object and its type. Fails with `TypeMismatch` if it is neither a structure nor an array.
    fn object<'s>(&self, store: &'s StoreMut<'_>) -> Result<Place<'s>> {
        let (no_gc, object) = self.get(store)?;
        let def = no_gc.type_of(object).and_then(|id| store.vm().type_of_object(id));
        let def = def.ok_or_else(|| err!(TypeMismatch, "the reference is not to a structure or an array"))?;
        Ok(Place { no_gc, object, def })
    }

    /// The structure, and the type and offset of field `i`.
    fn field_of<'s>(&self, store: &'s StoreMut<'_>, i: u32) -> Result<(Place<'s>, FieldType, u32)> {
        let place = self.object(store)?;
        let CompositeType::Struct(fields) = &place.def.sub.composite else {
            return Err(err!(TypeMismatch, "the reference is to an array, not to a structure"));
        };
        let Some(field) = fields.get(i as usize) else {
            return Err(err!(InvalidArgument, "there is no field {i}, the structure has {}", fields.len()));
        };
        let (field, offset) = (*field, place.def.offsets[i as usize]);
        Ok((place, field, offset))
    }

    /// The array, and the type of its elements.
    fn elements_of<'s>(&self, store: &'s StoreMut<'_>) -> Result<(Place<'s>, FieldType)> {
        let place = self.object(store)?;
        let CompositeType::Array(element) = place.def.sub.composite else {
            return Err(err!(TypeMismatch, "the reference is to a structure, not to an array"));
        };
        Ok((place, element))
    }

    /// Allocates an object and lets `fill` write its fields. The reference belongs to the innermost scope.
    pub(super) fn new_object(
        store: &mut StoreMut<'_>,
        ty: TypeId,
        len: u32,
        fill: impl FnOnce(&NewObject<'_>) -> Result<()>,
    ) -> Result<Ref> {
        store.vm_mut().callback_scope()?;
        let new = store.vm_mut().alloc_first(ty, len)?;
        fill(&new)?;
        let (no_gc, gc) = (new.no_gc(), new.finish());
        let root = no_gc.root(gc).ok_or_else(super::reference::no_memory)?;
        let r = Ref::make(store, root);
        store.settle();
        Ok(r)
    }

    /// Creates a structure with these field values. Fails with `TypeMismatch` if `ty` is not a structure type, or if
    /// the number or a type of the values is wrong; traps with `HeapExhausted` if the heap is full. The reference
    /// belongs to the innermost scope, as for all functions here that return one.
    pub fn new_struct(store: &mut StoreMut<'_>, ty: TypeId, fields: &[Val]) -> Result<Ref> {
        let def = struct_type(store, ty)?;
        let (want, got) = (def.fields().len(), fields.len());
        if want != got {
            return Err(err!(TypeMismatch, "the structure has {want} fields, {got} were given"));
        }
        holding(store, |store| {
            let values = stored_all(store, "field", def.fields().iter().zip(fields))?;
            Ref::new_object(store, ty, 0, |new| {
                let places = def.fields().iter().zip(&def.offsets);
                // SAFETY: the fields of the type, with values that were converted for their storage types
                // (invariant 1 of the heap).
                places.zip(&values).try_for_each(|((f, offset), v)| unsafe { v.put(new, *offset, f.storage.size()) })
            })
        })
    }

    /// Creates a structure whose fields are zero or null. Fails with `TypeMismatch` if a field has no default value.
    pub fn new_default_struct(store: &mut StoreMut<'_>, ty: TypeId) -> Result<Ref> {
        let def = struct_type(store, ty)?;
        def.fields().iter().zip(0..).try_for_each(|(f, i)| check_default(f, format_args!("field {i}")))?;
        Ref::new_object(store, ty, 0, |_| Ok(()))
    }

    /// The number of fields of the structure.
    pub fn field_count(&self, store: &StoreMut<'_>) -> Result<u32> {
        let place = self.object(store)?;
        match &place.def.sub.composite {
            CompositeType::Struct(fields) => Ok(fields.len() as u32),
            _ => Err(err!(TypeMismatch, "the reference is to an array, not to a structure")),
        }
    }

    /// The value of field `i` of a structure. Packed values are zero-extended.
    pub fn field(&self, store: &mut StoreMut<'_>, i: u32) -> Result<Val> {
        let (place, field, offset) = self.field_of(store, i)?;
        // SAFETY: the field is one of the type's. The value has the field's type, was just read, and belongs to an
        // object of this store (invariants 1 and 6 of the heap).
        unsafe {
            let slot = place.load(store, field, offset);
            Val::from_slot(store, &slot, field.storage.unpacked())
        }
    }

    /// Sets field `i` of a structure; a packed field takes the low bits. Fails with `TypeMismatch` if the field is
    /// immutable or `value` is of another type, and with `InvalidArgument` if there is no such field.
    pub fn set_field(&self, store: &mut StoreMut<'_>, i: u32, value: Val) -> Result<()> {
        holding(store, |store| {
            let (_, field, offset) = self.field_of(store, i)?;
            check_mutable(&field, format_args!("field {i}"))?;
            let value = Stored::new(store, value, field.storage);
            let value = value.map_err(|e| e.about(format_args!("field {i}")))?;
            let (no_gc, object) = self.get(store)?;
            match value {
                Stored::Ref(r) => {
                    // SAFETY: the offset of a field that is a reference (invariant 1 of the heap).
                    let slot = unsafe { no_gc.field_slot(object, offset) };
                    slot.store(no_gc, 0, r.map(|r| r.get_in(no_gc)).transpose()?)
                }
                // SAFETY: the field's address and size (invariant 1 of the heap).
                Stored::Bytes(b) => unsafe {
                    let to = no_gc.field_bytes(object, offset);
                    std::ptr::copy_nonoverlapping(b.as_ptr(), to, field.storage.size() as usize)
                },
            }
            Ok(())
        })
    }

    /// Creates an array of `len` elements that are all `init`.
    pub fn new_array(store: &mut StoreMut<'_>, ty: TypeId, init: Val, len: u32) -> Result<Ref> {
        let element = array_type(store, ty)?.fields()[0];
        holding(store, |store| {
            let value = Stored::new(store, init, element.storage).map_err(|e| e.about(ELEMENTS))?;
            let vm = store.vm().interrupts_for(len as usize);
            Ref::new_object(store, ty, len, |new| {
                let size = element.storage.size();
                bulk::try_pieces(vm.as_ref(), len as usize, bulk::ELEMENTS, |mut piece| {
                    // SAFETY: the elements of the array, with a value that was converted for their storage type
                    // (invariant 1 of the heap).
                    piece.try_for_each(|i| unsafe { value.put(new, HEADER_SIZE + i as u32 * size, size) })
                })
            })
        })
    }

    /// Creates an array whose elements are zero or null. Fails with `TypeMismatch` if the elements have no default
    /// value.
    pub fn new_default_array(store: &mut StoreMut<'_>, ty: TypeId, len: u32) -> Result<Ref> {
        check_default(&array_type(store, ty)?.fields()[0], ELEMENTS)?;
        Ref::new_object(store, ty, len, |_| Ok(()))
    }

    /// Creates an array of these elements.
    pub fn new_array_of(store: &mut StoreMut<'_>, ty: TypeId, elements: &[Val]) -> Result<Ref> {
        let element = array_type(store, ty)?.fields()[0];
        let len = u32::try_from(elements.len()).map_err(|_| err!(Limit, "an array of {} elements", elements.len()))?;
        holding(store, |store| {
            let values = stored_all(store, "element", elements.iter().map(|v| (&element, v)))?;
            let vm = store.vm().interrupts_for(values.len());
            Ref::new_object(store, ty, len, |new| {
                let size = element.storage.size();
                bulk::try_pieces(vm.as_ref(), values.len(), bulk::ELEMENTS, |mut piece| {
                    // SAFETY: the elements of the array, with values that were converted for their storage type
                    // (invariant 1 of the heap).
                    piece.try_for_each(|i| unsafe { values[i].put(new, HEADER_SIZE + i as u32 * size, size) })
                })
            })
        })
    }

    /// Creates an array of numbers from their little-endian bytes, without gaps. Fails with `TypeMismatch` if the
    /// elements are references, and with `InvalidArgument` if `bytes` ends within an element.
    pub fn new_array_of_bytes(store: &mut StoreMut<'_>, ty: TypeId, bytes: &[u8]) -> Result<Ref> {
        let element = array_type(store, ty)?.fields()[0];
        let size = bytes_of_numbers(&element)?;
        if !bytes.len().is_multiple_of(size) {
            return Err(err!(
                InvalidArgument,
                "{} bytes are not a whole number of elements of {size} bytes",
                bytes.len()
            ));
        }
        let len = bytes.len() / size;
        let len = u32::try_from(len).map_err(|_| err!(Limit, "an array of {len} elements"))?;
        let vm = store.vm().interrupts_for(len as usize);
        Ref::new_object(store, ty, len, |new| {
            // SAFETY: the new array has this many bytes of elements (invariant 1 of the heap).
            let to = unsafe { new.bytes(HEADER_SIZE) };
            bulk::try_pieces(vm.as_ref(), bytes.len(), bulk::ELEMENTS * size, |piece| {
                let from = &bytes[piece.clone()];
                // SAFETY: as above (invariant 1 of the heap).
                unsafe { to.add(piece.start).copy_from_nonoverlapping(from.as_ptr(), from.len()) };
                Ok(())
            })
        })
    }

    /// The number of elements of the array.
    pub fn array_len(&self, store: &StoreMut<'_>) -> Result<u32> {
        let (place, _) = self.elements_of(store)?;
        // SAFETY: `elements_of` checked that this is an array (invariant 1 of the heap).
        Ok(unsafe { place.no_gc.array_len(place.object) })
    }

    /// The value of element `i` of an array. Packed values are zero-extended. Traps if it is out of bounds.
    pub fn element(&self, store: &mut StoreMut<'_>, i: u32) -> Result<Val> {
        let (place, element) = self.elements_of(store)?;
        // SAFETY: `elements_of` found an array with such elements; `slot` is only called if they are references
        // (invariant 1 of the heap). The value has the element's type, was just read, and belongs to an object of this
        // store.
        unsafe {
            let (bytes, _) = place.no_gc.array_bytes(place.object, i, 1).ok_or_else(|| place.outside(i, 1))?;
            let slot = || {
                let slots = place.no_gc.array_slots(place.object, i, 1).expect("just checked");
                slots.load(place.no_gc, 0).map_or(RawRef::NULL, Gc::bits)
            };
            let slot = load(store, element.storage, slot, bytes);
            Val::from_slot(store, &slot, element.storage.unpacked())
        }
    }

    /// The `count` elements from `at` on. Traps if they are out of bounds.
    pub fn elements(&self, store: &mut StoreMut<'_>, at: u32, count: usize) -> Result<Vec<Val>> {
        let end = (at as u64).saturating_add(count as u64);
        let (place, _) = self.elements_of(store)?;
        // SAFETY: `elements_of` checked that this is an array (invariant 1 of the heap).
        if end > unsafe { place.no_gc.array_len(place.object) } as u64 {
            return Err(place.outside(at, count));
        }
        let (vm, mut values) = (store.vm().interrupts_for(count), Vec::new());
        bulk::try_pieces(vm.as_ref(), count, bulk::ELEMENTS, |piece| {
            for i in piece {
                values.push(self.element(store, at + i as u32)?);
            }
            Ok::<_, Error>(())
        })?;
        Ok(values)
    }

    /// Sets element `i`; a packed element takes the low bits. Fails as `fill_elements` does.
    pub fn set_element(&self, store: &mut StoreMut<'_>, i: u32, value: Val) -> Result<()> {
        self.fill_elements(store, i, value, 1)
    }

    /// Sets the `len` elements from `at` on to `value`. Fails with `TypeMismatch` if the elements are immutable or
    /// `value` is of another type. Traps if the range is out of bounds.
    pub fn fill_elements(&self, store: &mut StoreMut<'_>, at: u32, value: Val, len: u32) -> Result<()> {
        holding(store, |store| {
            let (_, element) = self.elements_of(store)?;
            check_mutable(&element, ELEMENTS)?;
            let value = Stored::new(store, value, element.storage).map_err(|e| e.about(ELEMENTS))?;
            let (place, vm) = (self.object(store)?, &store.vm().vm);
            let (no_gc, object) = (place.no_gc, place.object);
            let outside = || place.outside(at, len as usize);
            let filled = match value {
                Stored::Ref(r) => {
                    let value = r.map(|r| r.get_in(no_gc)).transpose()?;
                    // SAFETY: `elements_of` found an array, and its elements are references because the value is one
                    // (invariant 1 of the heap).
                    let slots = unsafe { no_gc.array_slots(object, at, len) };
                    bulk::fill_slots(vm, no_gc, slots.ok_or_else(outside)?, value)
                }
                Stored::Bytes(b) => {
                    // SAFETY: `elements_of` checked that this is an array (invariant 1 of the heap).
                    let (to, _) = unsafe { no_gc.array_bytes(object, at, len) }.ok_or_else(outside)?;
                    let size = element.storage.size() as usize;
                    bulk::pieces(vm, len as usize, bulk::ELEMENTS, |piece| {
                        // SAFETY: in bounds, and the elements are not references to objects
                        // (invariants 1 and 2 of the heap).
                        piece.for_each(|i| unsafe { to.add(i * size).copy_from_nonoverlapping(b.as_ptr(), size) })
                    })
                }
            };
            filled.map_err(Error::trap)
        })
    }

    /// Copies `len` elements, from `from` on in `source`, to `at` on in this array. Both can be the same array, and the
    /// ranges can overlap. Fails with `TypeMismatch` if the element types do not match or this array is immutable.
    /// Traps if a range is out of bounds.
    pub fn copy_elements(&self, store: &mut StoreMut<'_>, at: u32, source: Ref, from: u32, len: u32) -> Result<()> {
        let ((to, element), (of, source_element)) = (self.elements_of(store)?, source.elements_of(store)?);
        check_mutable(&element, ELEMENTS)?;
        let types = store.vm().engine.types.view();
        let fits = match (source_element.storage, element.storage) {
            (StorageType::Val(a), StorageType::Val(b)) => types.val_matches(a, b),
            (a, b) => a == b,
        };
        if !fits {
            return Err(err!(
                TypeMismatch,
                "elements of type {} cannot be copied into an array of {}",
                of.def.heap_type(),
                to.def.heap_type()
            ));
        }
        // SAFETY: both are arrays, and their elements are of the same kind because the types match
        // (invariant 1 of the heap).
        let (copied, source_len) = unsafe {
            let copied = array::copy(&store.vm().vm, to.no_gc, (to.object, at), (of.object, from), len);
            (copied, of.no_gc.array_len(of.object))
        };
        copied.map_err(|trap| match from as u64 + len as u64 > source_len as u64 {
            _ if trap == Trap::Interrupted => Error::trap(trap),
            true => of.outside(from, len as usize),
            false => to.outside(at, len as usize),
        })
    }

    /// Copies elements that are numbers into `out`, as little-endian bytes without gaps, from `at` on. Fails with
    /// `TypeMismatch` if they are references, and with `InvalidArgument` if `out` ends within an element. Traps if the
    /// range is out of bounds.
    pub fn read_elements(&self, store: &StoreMut<'_>, at: u32, out: &mut [u8]) -> Result<()> {
        let (place, element) = self.elements_of(store)?;
        let len = elements_in(&element, out.len())?;
        // SAFETY: `elements_of` found an array; the elements are in bounds and take exactly `bytes` bytes; `out` is not
        // part of the heap (invariants 1 and 6 of the heap).
        unsafe {
            let elements = place.no_gc.array_bytes(place.object, at, len);
            let (from, bytes) = elements.ok_or_else(|| place.outside(at, len as usize))?;
            let piece = bulk::ELEMENTS * element.storage.size() as usize;
            bulk::copy(&store.vm().vm, from, out.as_mut_ptr(), bytes, piece).map_err(Error::trap)
        }
    }

    /// Writes elements that are numbers, in the form that `read_elements` reads. Fails as it does, and with
    /// `TypeMismatch` if the elements are immutable.
    pub fn write_elements(&self, store: &mut StoreMut<'_>, at: u32, bytes: &[u8]) -> Result<()> {
        let (place, element) = self.elements_of(store)?;
        check_mutable(&element, ELEMENTS)?;
        let len = elements_in(&element, bytes.len())?;
        // SAFETY: `elements_of` found an array, and `elements_in` checked that its elements are numbers
        // (invariant 1 of the heap).
        let written = unsafe { array::write_bytes(&store.vm().vm, place.no_gc, place.object, at, len, bytes) };
        written.map_err(|trap| match trap {
            Trap::Interrupted => Error::trap(trap),
            _ => place.outside(at, len as usize),
        })
    }
}

fn check_default(field: &FieldType, what: impl fmt::Display) -> Result<()> {
    match field.storage {
        StorageType::Val(t) if !t.is_defaultable() => Err(err!(TypeMismatch, "{what}: {t} has no default")),
        _ => Ok(()),
    }
}

/// The size of an element that is a number, in bytes.
fn bytes_of_numbers(element: &FieldType) -> Result<usize> {
    match element.storage {
        StorageType::Val(ValType::Ref(_)) => Err(err!(TypeMismatch, "the elements are references, not numbers")),
        storage => Ok(storage.size() as usize),
    }
}

/// The number of elements that take this many bytes.
fn elements_in(element: &FieldType, bytes: usize) -> Result<u32> {
    let size = bytes_of_numbers(element)?;
    if !bytes.is_multiple_of(size) {
        return Err(err!(InvalidArgument, "{bytes} bytes are not a whole number of elements of {size} bytes"));
    }
    // More elements than an array can have are out of its bounds.
    Ok(u32::try_from(bytes / size).unwrap_or(u32::MAX))
}
