//! Data about objects that does not keep them alive: the host's weak references, which read as empty when their objects
//! have died; identity hashes; and the data of host objects.

use super::host::Hosts;
use super::identity::Identities;
use super::object::{is_object, is_young};
use crate::base::Slab;
use crate::gc::Stale;
use crate::sys::fault_injection;

/// A weak reference. It has no lifetime: every use checks the generation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Weak {
    pub index: u32,
    pub generation: u32,
}

#[derive(Default)]
pub struct WeakRefs {
    /// The references; 0 when the object has died.
    refs: Slab<u32>,
    /// Weak references that may refer to the nursery. Some may have been released, or be listed twice.
    young: Vec<u32>,
}

impl WeakRefs {
    pub fn len(&self) -> usize {
        self.refs.len()
    }

    /// Creates a weak reference. Returns `None` if there is no memory for it.
    pub fn add(&mut self, bits: u32) -> Option<Weak> {
        fault_injection::check().ok()?;
        if self.young.len() > 2 * self.refs.len() + 64 {
            self.forget_released();
        }
        if !self.refs.reserve() || self.young.try_reserve(1).is_err() {
            return None;
        }
        let index = self.refs.insert(bits);
        if is_young(bits) {
            self.young.push(index);
        }
        Some(Weak { index, generation: self.refs.generation(index) })
    }

    /// The reference; 0 if the object has died.
    pub fn get(&self, weak: Weak) -> Result<u32, Stale> {
        self.refs.current(weak.index, weak.generation).copied().ok_or(Stale)
    }

    pub fn release(&mut self, weak: Weak) -> Result<(), Stale> {
        self.get(weak)?;
        self.refs.remove(weak.index);
        Ok(())
    }

    fn forget_released(&mut self) {
        self.young.sort_unstable();
        self.young.dedup();
        self.young.retain(|i| self.refs.get(*i).is_some_and(|bits| is_young(*bits)));
    }

    /// After marking: `found` returns the new reference of a live object, or `None` if the object has died.
    pub fn sweep(&mut self, young_only: bool, found: impl Fn(u32) -> Option<u32>) {
        let update = |bits: &mut u32| {
            if is_object(*bits) {
                *bits = found(*bits).unwrap_or(0);
            }
        };
        match young_only {
            // One that is listed twice has already been updated, and no longer refers to the nursery.
            true => self.young.iter().for_each(|i| self.refs.get_mut(*i).into_iter().for_each(update)),
            false => self.refs.values_mut().for_each(update),
        }
        self.young.clear();
    }

    pub fn for_each(&self, f: impl FnMut(u32)) {
        self.refs.values().copied().for_each(f);
    }
}

/// All weakly held data of a heap.
#[derive(Default)]
pub struct WeakTables {
    pub refs: WeakRefs,
    pub identities: Identities,
    pub hosts: Hosts,
}

impl WeakTables {
    /// After marking: `found` returns the new reference of a live object, or `None` if the object has died. With
    /// `young_only`, only objects in the nursery can have died.
    pub fn tell(&mut self, young_only: bool, found: impl Fn(u32) -> Option<u32>) {
        self.refs.sweep(young_only, &found);
        self.identities.sweep(young_only, &found);
        // Last: a weak reference reads as empty before the finalizer of its object is queued.
        self.hosts.sweep(young_only, &found);
    }
}
