//! The run-time descriptor of a type: machine code reads it for casts, and the collector to find an object's
//! references. All descriptors of an engine are in one region. A type's id is its descriptor's offset there, and the
//! first word of an object's header is the id of its type.

use super::types::*;
use crate::base::Result;
use crate::err;
use crate::sys::mmap::{Reservation, address_space};
use std::collections::{BTreeMap, BTreeSet};
use std::mem::size_of;

/// Number of ids that every descriptor's display has space for, so that a cast to a type of smaller depth needs no
/// check of the depth.
pub const INLINE_DISPLAY: usize = 8;

/// What objects of the type are. `KIND_FUNC`: the type is a function type.
pub const KIND_FUNC: u32 = 0;
pub const KIND_STRUCT: u32 = 1;
pub const KIND_ARRAY: u32 = 2;
/// An object of the host, for an `externref`.
pub const KIND_HOST: u32 = 3;
/// An object by which the host holds a function. WebAssembly never sees it.
pub const KIND_HELD_FUNC: u32 = 4;

/// An exception: its tag, then the values that it carries.
pub const KIND_EXCEPTION: u32 = 5;
/// A tag, whose identity distinguishes exceptions. WebAssembly never sees it.
pub const KIND_TAG: u32 = 6;

/// The type of host objects: the first one in the region. The space before it is zeroed and belongs to no type: machine
/// code looks there for the type of references that are not objects.
pub const HOST_TYPE: TypeId = TypeId(64);
/// Size of the header at the start of every object in bytes: the type's id, and the length of an array.
pub const HEADER_SIZE: u32 = 8;
/// Alignment of objects in bytes.
pub const OBJECT_ALIGN: u32 = 8;
/// Offsets in a host object: its number, and a reference to the array of its references to other objects.
pub const HOST_NUMBER: u32 = HEADER_SIZE;
pub const HOST_FIELDS: u32 = HEADER_SIZE + 4;
/// Size of a host object in bytes.
pub const HOST_OBJECT_SIZE: u32 = 16;
/// The type of objects by which the host holds functions. The function's id follows the header.
pub const HELD_FUNC_TYPE: TypeId = TypeId(TAG_TYPE.0 + size_of::<Descriptor>() as u32);
pub const HELD_FUNC_SIZE: u32 = 16;
/// The type of tags. After the header: the id of the tag's function type; the index of its handle in the store, plus
/// one; and where it was created: the index of the instance, plus one, and the tag's index there; 0 if the host created
/// it.
pub const TAG_TYPE: TypeId = TypeId(HOST_TYPE.0 + size_of::<Descriptor>() as u32);
pub const TAG_FUNC_TYPE: u32 = HEADER_SIZE;
pub const TAG_HANDLE: u32 = HEADER_SIZE + 4;
pub const TAG_INSTANCE: u32 = HEADER_SIZE + 8;
pub const TAG_INDEX: u32 = HEADER_SIZE + 12;
pub const TAG_SIZE: u32 = 24;
/// Offset of an exception's tag.
pub const EXCEPTION_TAG: u32 = HEADER_SIZE;

/// Never changes from the time its id is known outside this file until its type is gone.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Descriptor {
    pub kind: u32,
    /// The number of supertypes.
    pub depth: u32,
    /// Structures: size of an object in bytes, including the header, a multiple of 8. Arrays: the binary logarithm of
    /// an element's size in bytes.
    pub size: u32,
    /// Structures: the number of 64-bit words of `refs`. Arrays: 1 if the elements are references to objects.
    pub ref_words: u32,
    /// Structures: the number of 64-bit words, after those of `refs`, that tell which fields are functions, stored as
    /// ids. Arrays: 1 if the elements are functions.
    pub func_words: u32,
    /// Distinguishes the type from others that had the same id.
    pub generation: u32,
    /// Structures: bit n is set if the n-th four bytes of the object are a reference. Further words follow the display.
    pub refs: u64,
    /// The ids of the supertypes, by depth, followed by its own; the rest is 0. At an offset that is a multiple of 8.
    /// Longer than this for deep types.
    pub display: [u32; INLINE_DISPLAY],
}

impl Descriptor {
    fn display_len(&self) -> usize {
        INLINE_DISPLAY.max(self.depth as usize + 1)
    }

    /// The id of its supertype at a depth, or its own; 0 if the type is not that deep.
    fn at_depth(&self, depth: u32) -> u32 {
        if depth > self.depth {
            return 0;
        }
        // SAFETY: the display of a descriptor in the region is as long as its depth requires.
        unsafe { *self.display.as_ptr().add(depth as usize) }
    }

    /// The `i`-th word of the reference map.
    pub fn ref_word(&self, i: u32) -> u64 {
        debug_assert!(i < self.ref_words);
        // SAFETY: the words follow the display (`Descriptors::put`).
        if i == 0 { self.refs } else { unsafe { *self.behind().add(i as usize - 1) } }
    }

    /// The `i`-th word of the map of functions.
    pub fn func_word(&self, i: u32) -> u64 {
        debug_assert!(i < self.func_words);
        // SAFETY: the words follow those of references (`Descriptors::put`).
        unsafe { *self.behind().add(self.ref_words.max(1) as usize - 1 + i as usize) }
    }

    fn behind(&self) -> *const u64 {
        let display = self.display_len().next_multiple_of(2);
        // SAFETY: the end of the display, which is in the region.
        unsafe { self.display.as_ptr().add(display) as *const u64 }
    }
}

/// The offsets of a structure's fields in bytes from the object's start. A subtype's fields begin with those of its
/// supertype, which therefore have the same offsets in both.
pub fn struct_layout(fields: &[FieldType]) -> Vec<u32> {
    let mut end = HEADER_SIZE;
    let mut place = |f: &FieldType| {
        let size = f.storage.size();
        let at = end.next_multiple_of(size.min(OBJECT_ALIGN));
        end = at + size;
        at
    };
    fields.iter().map(&mut place).collect()
}

/// Size in bytes of an object with these fields at these offsets.
pub fn struct_size(fields: &[FieldType], offsets: &[u32]) -> u32 {
    let end = fields.last().zip(offsets.last()).map_or(HEADER_SIZE, |(f, at)| at + f.storage.size());
    end.next_multiple_of(OBJECT_ALIGN)
}

/// Bit n of the map is set if the n-th four bytes are a field for which `which` holds. The map ends with the word of
/// the last such field.
fn field_map(fields: &[FieldType], which: impl Fn(StorageType) -> bool) -> Vec<u64> {
    let mut map = Vec::new();
    for (_, at) in fields.iter().zip(struct_layout(fields)).filter(|(f, _)| which(f.storage)) {
        let word = at as usize / 4;
        map.resize(map.len().max(word / 64 + 1), 0u64);
        map[word / 64] |= 1 << (word % 64);
    }
    map
}

/// The region of an engine's descriptors. Their addresses never change.
pub struct Descriptors {
    region: Reservation,
    /// Size of the region in bytes.
    span: usize,
    /// The end of the last descriptor.
    end: usize,
    committed: usize,
    /// The free ranges before the end, by their start and by their size. Adjacent ones are merged.
    free: BTreeMap<usize, usize>,
    free_by_size: BTreeSet<(usize, usize)>,
}

/// Size of the region's address space in bytes: maximum, and minimum if address space is scarce.
const MOST_SPAN: usize = 1 << 30;
const LEAST_SPAN: usize = 1 << 20;
/// The region gets `1 / SHARE` of the process's address space, if that is limited.
const SHARE: usize = 32;
const _: () = assert!(size_of::<Descriptor>() <= HOST_TYPE.0 as usize);
const COMMIT_STEP: usize = 1 << 16;

impl Descriptors {
    pub fn new() -> Result<Descriptors> {
        let mut span = (address_space() / SHARE).next_power_of_two().clamp(LEAST_SPAN, MOST_SPAN);
        let region = loop {
            match Reservation::new(span) {
                Ok(region) => break region,
                Err(_) if span > LEAST_SPAN => span /= 2,
                Err(e) => return Err(err!(OutOfMemory, "no address space for an engine's types, {span} bytes: {e}")),
            }
        };
        let mut d = Descriptors {
            region,
            span,
            end: HOST_TYPE.0 as usize,
            committed: 0,
            free: BTreeMap::new(),
            free_by_size: BTreeSet::new(),
        };
        let host = Descriptor {
            kind: KIND_HOST,
            depth: 0,
            size: HOST_OBJECT_SIZE,
            ref_words: 1,
            refs: 1 << (HOST_FIELDS / 4),
            func_words: 0,
            generation: 0,
            display: [0; 8],
        };
        let (id, _) = d.put(host, &[], &[], &[])?;
        debug_assert_eq!(id, HOST_TYPE);
        let tag = Descriptor { kind: KIND_TAG, size: TAG_SIZE, ref_words: 0, refs: 0, ..host };
        let (id, _) = d.put(tag, &[], &[], &[])?;
        debug_assert_eq!(id, TAG_TYPE);
        let func =
            Descriptor { kind: KIND_HELD_FUNC, size: HELD_FUNC_SIZE, ref_words: 0, refs: 0, func_words: 1, ..host };
        let (id, _) = d.put(func, &[], &[], &[1 << (HEADER_SIZE / 4)])?;
        debug_assert_eq!(id, HELD_FUNC_TYPE);
        Ok(d)
    }

    /// Adds the descriptor of a type whose supertype, if any, has already been added. Returns its id, and the
    /// descriptor's size in bytes.
    pub fn add(&mut self, ty: &SubType, generation: u32) -> Result<(TypeId, u32)> {
        self.add_kind(ty, generation, KIND_STRUCT)
    }

    /// The same for the type of exceptions, which is a structure.
    pub fn add_exception(&mut self, ty: &SubType, generation: u32) -> Result<(TypeId, u32)> {
        self.add_kind(ty, generation, KIND_EXCEPTION)
    }

    /// `structure` is the kind to be used for structures.
    fn add_kind(&mut self, ty: &SubType, generation: u32, structure: u32) -> Result<(TypeId, u32)> {
        let view = self.view();
        let mut display: Vec<u32> = Vec::new();
        if let Some(s) = ty.supertype {
            let s = view.get(s);
            display.extend((0..=s.depth).map(|i| s.at_depth(i)));
        }
        let (kind, size) = match &ty.composite {
            CompositeType::Func(_) => (KIND_FUNC, 0),
            CompositeType::Array(e) => (KIND_ARRAY, e.storage.size().trailing_zeros()),
            CompositeType::Struct(fields) => (structure, struct_size(fields, &struct_layout(fields))),
        };
        let depth = display.len() as u32;
        let mut d = Descriptor { kind, depth, size, ref_words: 0, refs: 0, func_words: 0, generation, display: [0; 8] };
        match &ty.composite {
            CompositeType::Func(_) => self.put(d, &display, &[], &[]),
            CompositeType::Array(e) => {
                (d.ref_words, d.refs) = (e.storage.is_gc() as u32, e.storage.is_gc() as u64);
                d.func_words = e.storage.is_func() as u32;
                self.put(d, &display, &[], &[])
            }
            CompositeType::Struct(fields) => {
                let (refs, funcs) = (field_map(fields, StorageType::is_gc), field_map(fields, StorageType::is_func));
                (d.ref_words, d.refs) = (refs.len() as u32, refs.first().copied().unwrap_or(0));
                d.func_words = funcs.len() as u32;
                self.put(d, &display, refs.get(1..).unwrap_or(&[]), &funcs)
            }
        }
    }

    fn put(&mut self, mut d: Descriptor, supertypes: &[u32], refs: &[u64], funcs: &[u64]) -> Result<(TypeId, u32)> {
        let words = d.display_len().next_multiple_of(2);
        let size = size_of::<Descriptor>() + (words - INLINE_DISPLAY) * 4 + (refs.len() + funcs.len()) * 8;
        let size = size.next_multiple_of(8);
        let at = self.take(size)?;
        d.display = [0; INLINE_DISPLAY];
        // SAFETY: committed, and no other code knows this place yet: the id is published after this.
        unsafe {
            let place = self.region.as_ptr().add(at);
            (place as *mut Descriptor).write(d);
            let display = &raw mut (*(place as *mut Descriptor)).display as *mut u32;
            for (i, id) in supertypes.iter().chain([&(at as u32)]).enumerate() {
                display.add(i).write(*id);
            }
            let behind = display.add(words) as *mut u64;
            for (i, word) in refs.iter().chain(funcs).enumerate() {
                behind.add(i).write(*word);
            }
        }
        Ok((TypeId(at as u32), size as u32))
    }

    /// Takes `size` bytes: from the smallest free range that fits, or at the end.
    fn take(&mut self, size: usize) -> Result<usize> {
        if let Some(&(len, at)) = self.free_by_size.range((size, 0)..).next() {
            self.set_free(at, len, false);
            if len > size {
                self.set_free(at + size, len - size, true);
            }
            return Ok(at);
        }
        let (at, end) = (self.end, self.end + size);
        if end > self.span {
            let span = self.span;
            return Err(err!(
                Limit,
                "the engine has too many types: {span} bytes of address space are set aside for them"
            ));
        }
        if end > self.committed {
            let step = (end - self.committed).next_multiple_of(COMMIT_STEP).min(self.span - self.committed);
            self.region.commit(self.committed, step).map_err(|e| err!(OutOfMemory, "no memory for types: {e}"))?;
            self.committed += step;
        }
        self.end = end;
        Ok(at)
    }

    /// Frees the descriptor, of `size` bytes, of a type that is gone.
    pub fn remove(&mut self, id: TypeId, size: u32) {
        let (mut start, mut end) = (id.0 as usize, id.0 as usize + size as usize);
        if let Some((&at, &len)) = self.free.range(..start).next_back()
            && at + len == start
        {
            self.set_free(at, len, false);
            start = at;
        }
        if let Some(&len) = self.free.get(&end) {
            self.set_free(end, len, false);
            end += len;
        }
        match end == self.end {
            true => self.end = start,
            false => self.set_free(start, end - start, true),
        }
    }

    fn set_free(&mut self, at: usize, len: usize, is_free: bool) {
        if is_free {
            self.free.insert(at, len);
            self.free_by_size.insert((len, at));
        } else {
            self.free.remove(&at);
            self.free_by_size.remove(&(len, at));
        }
    }

    pub fn view(&self) -> DescriptorView {
        DescriptorView(self.region.as_ptr())
    }
}

/// Reads descriptors without a lock.
#[derive(Clone, Copy)]
pub struct DescriptorView(*const u8);

// SAFETY: a descriptor is not written from the time its id is known until its type is gone.
unsafe impl Send for DescriptorView {}
// SAFETY: as above.
unsafe impl Sync for DescriptorView {}

impl DescriptorView {
    pub fn base(self) -> *const u8 {
        self.0
    }

    /// The descriptor of a type that the caller knows to be alive.
    #[inline]
    pub fn get<'a>(self, id: TypeId) -> &'a Descriptor {
        debug_assert!(id.0 >= HOST_TYPE.0 && id.0.is_multiple_of(8));
        // SAFETY: ids are offsets of descriptors, which neither move nor change while their types are alive.
        unsafe { &*(self.0.add(id.0 as usize) as *const Descriptor) }
    }

    /// Whether `a` is `b` or a subtype of it (Wasm 3.0, 3.3.4).
    #[inline]
    pub fn is_subtype(self, a: TypeId, b: TypeId) -> bool {
        a == b || self.get(a).at_depth(self.get(b).depth) == b.0
    }
}
