//! Tags (Wasm 3.0, 4.2.10). A tag is an object of the store's heap, which contexts and exceptions refer to like to any other:
//! so it lives as long as something can throw it or compare with it, and two tags are the same if they are one object.
//!
//! The host knows tags by their places in `Store::tags`, one for each object.

use crate::abi::heap::RawRef;
use crate::base::index::{EntityRef, TagIndex};
use crate::base::{Error, Result};
use crate::err;
use crate::gc::{Gc, NoGc, Root, Weak};
use crate::store::store::Store;
use crate::wasm::descriptor::{TAG_FUNC_TYPE, TAG_HANDLE, TAG_INDEX, TAG_INSTANCE, TAG_TYPE};
use crate::wasm::types::TypeId;

/// A tag that the host knows.
pub struct Tag {
    /// Whether the host made it, and no instance.
    is_hosts: bool,
    /// Of one that the host made and has not released.
    root: Option<Root>,
    object: Weak,
    /// The function type whose parameters its exceptions carry.
    pub ty: TypeId,
}

impl Tag {
    /// The object; `None` if it has died.
    pub fn object<'h>(&self, no_gc: NoGc<'h>) -> Option<Gc<'h>> {
        no_gc.get_weak(self.object).ok().flatten()
    }

    /// Whether a root of the heap is the store's, for this.
    pub fn is_rooted(&self) -> bool {
        self.root.is_some()
    }
}

/// The function type of a tag.
///
/// # Safety
/// `tag` is one.
pub unsafe fn func_type<'h>(no_gc: NoGc<'h>, tag: Gc<'h>) -> TypeId {
    // SAFETY: the caller's promise.
    TypeId(unsafe { word(no_gc, tag, TAG_FUNC_TYPE) })
}

/// A word of a tag.
///
/// # Safety
/// `tag` is one, and `offset` one of `TAG_*`.
unsafe fn word<'h>(no_gc: NoGc<'h>, tag: Gc<'h>, offset: u32) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { *no_gc.field_bytes(tag, offset).cast::<u32>() }
}

impl Store {
    /// SAFEPOINT. A new tag of a function type without results, for a moment without collections. `of` is where it is made: an
    /// instance's place, and its index there.
    pub fn new_tag(&mut self, ty: TypeId, of: Option<(u32, TagIndex)>) -> Result<RawRef> {
        let new = self.alloc_first(TAG_TYPE, 0)?;
        let (no_gc, tag) = (new.no_gc(), new.finish());
        let (instance, index) = of.map_or((0, 0), |(i, t)| (i + 1, t.as_u32()));
        // It has no handle yet.
        for (offset, word) in [(TAG_FUNC_TYPE, ty.0), (TAG_HANDLE, 0), (TAG_INSTANCE, instance), (TAG_INDEX, index)] {
            // SAFETY: the words of a tag that was just made.
            unsafe { *no_gc.field_bytes(tag, offset).cast::<u32>() = word };
        }
        Ok(tag.bits())
    }

    /// A tag's name for people, where the module has one in which it was made.
    ///
    /// # Safety
    /// `tag` is one of this store.
    pub unsafe fn tag_name<'h>(&self, no_gc: NoGc<'h>, tag: Gc<'h>) -> Option<&str> {
        // SAFETY: the caller's promise.
        let (place, index) = unsafe { (word(no_gc, tag, TAG_INSTANCE), word(no_gc, tag, TAG_INDEX) as usize) };
        let instance = self.instances.get(place.checked_sub(1)?)?;
        // The instance may have died before the tag, and another one be there now.
        let info = instance.info();
        let is_its = index < info.tags.len() && instance.tag(TagIndex::new(index)) == tag.bits();
        (is_its && index >= info.imported_tags).then(|| info.tag_name(TagIndex::new(index)))?
    }

    /// SAFEPOINT. A tag that the host makes, and keeps; gives its place.
    pub fn add_tag(&mut self, ty: TypeId) -> Result<u32> {
        let bits = self.new_tag(ty, None)?;
        // SAFETY: just made.
        let place = unsafe { self.tag_place(bits) }?;
        let heap = self.heap()?;
        let no_gc = heap.no_gc();
        // SAFETY: making a place collects nothing.
        let root = unsafe { no_gc.adopt(bits) }.and_then(|tag| no_gc.root(tag)).ok_or_else(no_memory)?;
        heap.roots().keep(root).map_err(|_| err!(Internal, "a root got lost"))?;
        let tag = &mut self.tags[place];
        (tag.is_hosts, tag.root) = (true, Some(root));
        Ok(place)
    }

    /// The place of a tag, made when the host first asks for it.
    ///
    /// # Safety
    /// `bits` are a tag of this store, and nothing was collected since they were one.
    pub unsafe fn tag_place(&mut self, bits: RawRef) -> Result<u32> {
        self.forget_dead_tags();
        self.in_scope(|store| {
            let heap = store.heap.as_mut().ok_or_else(no_memory)?;
            let no_gc = heap.no_gc();
            // SAFETY: the caller's promise.
            let (handle, ty, root) = unsafe {
                let tag = no_gc.adopt(bits).ok_or_else(no_memory)?;
                let handle = no_gc.field_bytes(tag, TAG_HANDLE).cast::<u32>();
                if *handle != 0 {
                    return Ok(*handle - 1);
                }
                (handle, func_type(no_gc, tag), no_gc.root(tag).ok_or_else(no_memory)?)
            };
            if !store.tags.reserve() {
                return Err(no_memory());
            }
            let object = heap.new_weak(root).ok().flatten().ok_or_else(no_memory)?;
            let place = store.tags.insert(Tag { is_hosts: false, root: None, object, ty });
            // SAFETY: the word of a tag, which nothing has moved.
            unsafe { *handle = place + 1 };
            Ok(place)
        })
    }

    /// Takes back the places of tags that have died, when they may have become many.
    fn forget_dead_tags(&mut self) {
        if self.tags.len() < self.tags_at_next_look {
            return;
        }
        if let Some(heap) = &mut self.heap {
            let no_gc = heap.no_gc();
            let dead: Vec<u32> =
                self.tags.iter().filter(|(_, t)| t.object(no_gc).is_none()).map(|(place, _)| place).collect();
            for place in dead {
                if let Some(tag) = self.tags.remove(place) {
                    // It is this tag's own.
                    let _ = heap.release_weak(tag.object);
                }
            }
        }
        self.tags_at_next_look = 2 * self.tags.len() + 64;
    }

    /// Gives up the host's hold on a tag that it made.
    pub fn release_tag(&mut self, place: u32) -> Result<()> {
        let tag = &mut self.tags[place];
        if !tag.is_hosts {
            return Err(err!(InvalidArgument, "the tag is an instance's, and lives as long as something refers to it"));
        }
        let (Some(root), Some(heap)) = (tag.root.take(), &mut self.heap) else {
            return Err(err!(StaleHandle, "the tag was released before"));
        };
        heap.roots().release(root).map_err(|_| err!(Internal, "a root got lost"))
    }
}

fn no_memory() -> Error {
    err!(OutOfMemory, "no memory for a tag")
}
