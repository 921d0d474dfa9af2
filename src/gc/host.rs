//! Host objects, for `externref`: each is an object in the heap that contains the index of an entry here. The entry
//! does not keep the object alive; when the object dies, its data is queued, and dropped at a safe point.

use super::object::{Objects, is_young};
use crate::sys::{callback, fault_injection};
use crate::wasm::descriptor::HOST_NUMBER;
use std::any::Any;
use std::ffi::c_void;

/// The host's data for an `externref`. Dropping it runs its finalizer.
pub enum HostData {
    Rust(Box<dyn Any + Send + Sync>),
    C(HostPointer),
}

/// A pointer that is never dereferenced here, and a function that is called with it when it is no longer needed.
pub struct HostPointer {
    pub pointer: *mut c_void,
    pub finalizer: Option<unsafe extern "C-unwind" fn(*mut c_void)>,
}

// SAFETY: the pointer is only passed back to the host, and the API documents on which threads.
unsafe impl Send for HostPointer {}
// SAFETY: as above.
unsafe impl Sync for HostPointer {}

impl Drop for HostPointer {
    fn drop(&mut self) {
        if let Some(f) = self.finalizer.take() {
            // SAFETY: the host passed both for this purpose.
            unsafe { callback::finalize(f, self.pointer) };
        }
    }
}

struct Entry {
    /// The object's reference; 0 in a free entry.
    object: u32,
    /// In a free entry, the index of the next free one.
    link: u32,
    /// Bytes outside the heap that live as long as the object.
    external: usize,
    data: Option<HostData>,
}

const NO_ENTRY: u32 = u32::MAX;

pub struct Hosts {
    entries: Vec<Entry>,
    free: u32,
    young: Vec<u32>,
    dead: Vec<HostData>,
    alive: usize,
    external: usize,
}

impl Default for Hosts {
    fn default() -> Hosts {
        Hosts { entries: vec![], free: NO_ENTRY, young: vec![], dead: vec![], alive: 0, external: 0 }
    }
}

impl Hosts {
    /// Makes sure that one more entry can be added, and that all objects can die, without allocating memory.
    #[inline(always)]
    pub fn reserve(&mut self) -> bool {
        let room = self.alive + 1;
        if self.entries.len() == self.entries.capacity() && fault_injection::check().is_err() {
            return false;
        }
        self.entries.try_reserve(1).is_ok() && self.young.try_reserve(1).is_ok() && self.dead.try_reserve(room).is_ok()
    }

    /// Adds the data of an object and returns the index to be stored in it. Call `reserve` first.
    #[inline(always)]
    pub fn add(&mut self, object: u32, data: HostData, external: usize) -> u32 {
        // Saturates, so that subtracting it later cannot underflow.
        let external = external.min(usize::MAX - self.external);
        let entry = Entry { object, link: NO_ENTRY, external, data: Some(data) };
        let index = match self.free {
            NO_ENTRY => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
            index => {
                self.free = self.entries[index as usize].link;
                self.entries[index as usize] = entry;
                index
            }
        };
        self.alive += 1;
        self.external += external;
        if is_young(object) {
            self.young.push(index);
        }
        index
    }

    /// The data of an object.
    ///
    /// # Safety
    /// `r` is a host object (invariant 1).
    pub unsafe fn data(&self, objects: Objects, r: u32) -> Option<&HostData> {
        // SAFETY: the index follows the header (invariant 1).
        let index = unsafe { objects.word(r + HOST_NUMBER) };
        self.entries.get(index as usize)?.data.as_ref()
    }

    /// Bytes outside the heap that live objects have declared.
    pub fn external(&self) -> usize {
        self.external
    }

    pub fn external_of(&self, index: u32) -> usize {
        self.entries.get(index as usize).map_or(0, |e| e.external)
    }

    pub fn len(&self) -> usize {
        self.alive
    }

    /// After marking: `found` returns the new reference of a live object, or `None` if the object has died.
    pub fn sweep(&mut self, young_only: bool, found: impl Fn(u32) -> Option<u32>) {
        let young = std::mem::take(&mut self.young);
        let visit = |hosts: &mut Hosts, index: u32| {
            let entry = &mut hosts.entries[index as usize];
            if entry.object == 0 {
                return;
            }
            match found(entry.object) {
                Some(now) => entry.object = now,
                None => {
                    entry.object = 0;
                    entry.link = hosts.free;
                    hosts.free = index;
                    hosts.alive -= 1;
                    hosts.external -= entry.external;
                    match entry.data.take() {
                        // Dropping it would do nothing.
                        Some(HostData::C(HostPointer { finalizer: None, .. })) => {}
                        // `reserve` made sure that there is space.
                        data => hosts.dead.extend(data),
                    }
                }
            }
        };
        if young_only {
            young.iter().for_each(|i| visit(self, *i));
        } else {
            (0..self.entries.len() as u32).for_each(|i| visit(self, i));
        }
        self.young = young;
        self.young.clear();
    }

    pub fn has_dead(&self) -> bool {
        !self.dead.is_empty()
    }

    /// Data of an object that died. Dropping it runs its finalizer.
    pub fn pop_dead(&mut self) -> Option<HostData> {
        self.dead.pop()
    }

    /// Calls `f` with the index and reference of each live object, and whether it is in the list of possibly young
    /// ones.
    pub fn for_each(&self, mut f: impl FnMut(u32, u32, bool)) {
        let young: std::collections::HashSet<u32> = self.young.iter().copied().collect();
        for (i, e) in self.entries.iter().enumerate().filter(|(_, e)| e.object != 0) {
            f(i as u32, e.object, young.contains(&(i as u32)));
        }
    }
}
