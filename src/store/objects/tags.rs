//! The tags of a store: creating them, the host's handles for them, and what dies with them.

use crate::abi::heap::RawRef;
use crate::base::index::{EntityRef, TagIndex};
use crate::base::{Error, Result};
use crate::err;
use crate::gc::{Gc, NoGc};
use crate::store::parts::tag::{Tag, func_type, word};
use crate::store::store::Store;
use crate::wasm::descriptor::{TAG_FUNC_TYPE, TAG_HANDLE, TAG_INDEX, TAG_INSTANCE, TAG_TYPE};
use crate::wasm::types::TypeId;

impl Store {
    /// SAFEPOINT. Creates a tag of a function type without results. The result is valid only until the next collection.
    /// `of` is the instance that creates the tag, and the tag's index there.
    pub fn new_tag(&mut self, ty: TypeId, of: Option<(u32, TagIndex)>) -> Result<RawRef> {
        let new = self.alloc_first(TAG_TYPE, 0)?;
        let (no_gc, tag) = (new.no_gc(), new.finish());
        let (instance, index) = of.map_or((0, 0), |(i, t)| (i + 1, t.as_u32()));
        // A handle of 0 means that the tag has none yet.
        for (offset, word) in [(TAG_FUNC_TYPE, ty.0), (TAG_HANDLE, 0), (TAG_INSTANCE, instance), (TAG_INDEX, index)] {
            // SAFETY: these are the words of a tag that was just created (invariant 15).
            unsafe { *no_gc.field_bytes(tag, offset).cast::<u32>() = word };
        }
        Ok(tag.bits())
    }

    /// A tag's name for people, if the module that created the tag has a name for it.
    ///
    /// # Safety
    /// `tag` must be a tag of this store.
    pub unsafe fn tag_name<'h>(&self, no_gc: NoGc<'h>, tag: Gc<'h>) -> Option<&str> {
        // SAFETY: the caller's promise (invariant 15).
        let (place, index) = unsafe { (word(no_gc, tag, TAG_INSTANCE), word(no_gc, tag, TAG_INDEX) as usize) };
        let instance = self.instances.get(place.checked_sub(1)?)?;
        // The instance may have died before the tag, and another one may have its place now.
        let info = instance.info();
        let is_its = index < info.tags.len() && instance.tag(TagIndex::new(index)) == tag.bits();
        (is_its && index >= info.imported_tags).then(|| info.tag_name(TagIndex::new(index)))?
    }

    /// SAFEPOINT. Creates a tag for the host, which keeps it. Returns its place.
    pub fn add_tag(&mut self, ty: TypeId) -> Result<u32> {
        let bits = self.new_tag(ty, None)?;
        // SAFETY: the tag was just created, and nothing was collected since (invariant 12).
        let place = unsafe { self.tag_place(bits) }?;
        let heap = self.heap()?;
        let no_gc = heap.no_gc();
        // SAFETY: `tag_place` does not collect (invariant 12).
        let root = unsafe { no_gc.adopt(bits) }.and_then(|tag| no_gc.root(tag)).ok_or_else(no_memory)?;
        heap.roots().keep(root).map_err(|_| err!(Internal, "a root got lost"))?;
        let tag = &mut self.tags[place];
        (tag.is_hosts, tag.root) = (true, Some(root));
        Ok(place)
    }

    /// The place of a tag. The place is created when the host first asks for it.
    ///
    /// # Safety
    /// `bits` must be a tag of this store, and no collection may have run since they were read.
    pub unsafe fn tag_place(&mut self, bits: RawRef) -> Result<u32> {
        self.forget_dead_tags();
        self.in_scope(|store| {
            let heap = store.heap.as_mut().ok_or_else(no_memory)?;
            let no_gc = heap.no_gc();
            // SAFETY: the caller's promise (invariants 12 and 15).
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
            // SAFETY: this is a word of the tag, which has not moved (invariant 15).
            unsafe { *handle = place + 1 };
            Ok(place)
        })
    }

    /// Frees the places of tags that have died, once there may be many of them.
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
                    // It cannot fail, since the weak reference belongs to this tag.
                    let _ = heap.release_weak(tag.object);
                }
            }
        }
        self.tags_at_next_look = 2 * self.tags.len() + 64;
    }

    /// Releases the host's hold on a tag that it created.
    pub fn release_tag(&mut self, place: u32) -> Result<()> {
        let tag = &mut self.tags[place];
        if !tag.is_hosts {
            return Err(err!(
                InvalidArgument,
                "the tag belongs to an instance, and lives as long as something refers to it"
            ));
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
