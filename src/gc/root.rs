//! Roots: references that survive collections, identified by index and generation. They are entries of a table, not
//! separate allocations.
//!
//! A root belongs to the scope that was innermost when it was created, and is released with it; outside all scopes it
//! lives until it is released or the heap is dropped.

use super::object::is_young;
use crate::sys::fault_injection;
use std::backtrace::Backtrace;

/// A rooted reference, not null. It has no lifetime: every use checks the generation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Root {
    pub index: u32,
    pub generation: u32,
}

/// The root was released, or never existed.
#[derive(Debug, PartialEq, Eq)]
pub struct Stale;

struct Entry {
    /// The reference; 0 in a free entry.
    bits: u32,
    /// Never 0, so that zeroed memory is not a valid root.
    generation: u32,
    /// In a free entry, the index of the next free one; otherwise the depth of the root's scope.
    link: u32,
    /// Whether it is in the list `young`.
    listed: bool,
}

const NO_ENTRY: u32 = u32::MAX;

pub struct Roots {
    entries: Vec<Entry>,
    free: u32,
    alive: usize,
    /// Roots of open scopes, in the order of their creation; some may have been released.
    scoped: Vec<Root>,
    /// The start of each open scope in `scoped`.
    scopes: Vec<usize>,
    /// Entries that may hold a reference into the nursery, each once.
    young: Vec<u32>,
    /// Where each root was created, by index, if that is recorded.
    places: Option<Vec<(u32, Backtrace)>>,
}

impl Default for Roots {
    fn default() -> Roots {
        Roots { entries: vec![], free: NO_ENTRY, alive: 0, scoped: vec![], scopes: vec![], young: vec![], places: None }
    }
}

impl Roots {
    /// The number of roots.
    pub fn len(&self) -> usize {
        self.alive
    }

    /// Creates a root. Returns `None` if there is no memory for it.
    #[inline(always)]
    pub fn add(&mut self, bits: u32) -> Option<Root> {
        debug_assert!(bits != 0);
        let depth = self.scopes.len() as u32;
        if depth > 0 && self.scoped.len() == self.scoped.capacity() {
            self.forget_released();
            self.scoped.try_reserve(1.max(self.scoped.len())).ok()?;
        }
        if is_young(bits) {
            self.young.try_reserve(1).ok()?;
        }
        let index = match self.free {
            NO_ENTRY => {
                if self.entries.len() == self.entries.capacity() {
                    fault_injection::check().ok()?;
                }
                self.entries.try_reserve(1).ok()?;
                let index = u32::try_from(self.entries.len()).ok().filter(|i| *i != NO_ENTRY)?;
                self.entries.push(Entry { bits: 0, generation: 1, link: NO_ENTRY, listed: false });
                index
            }
            index => {
                self.free = self.entries[index as usize].link;
                index
            }
        };
        let entry = &mut self.entries[index as usize];
        (entry.bits, entry.link) = (bits, depth);
        let root = Root { index, generation: entry.generation };
        if is_young(bits) && !std::mem::replace(&mut entry.listed, true) {
            self.young.push(index);
        }
        self.alive += 1;
        if depth > 0 {
            self.scoped.push(root);
        }
        if self.places.is_some() {
            self.note_place(root);
        }
        Some(root)
    }

    /// From now on, records where roots are created.
    pub fn note_places(&mut self) {
        self.places.get_or_insert_default();
    }

    #[cold]
    fn note_place(&mut self, root: Root) {
        let Some(places) = &mut self.places else { return };
        let i = root.index as usize;
        while places.len() <= i {
            places.push((0, Backtrace::disabled()));
        }
        places[i] = (root.generation, Backtrace::force_capture());
    }

    /// Calls `f` with each live root's reference and the place where the root was created, if that is recorded.
    pub fn each_place(&self, mut f: impl FnMut(u32, &Backtrace)) {
        for (entry, (generation, place)) in self.entries.iter().zip(self.places.iter().flatten()) {
            if entry.bits != 0 && entry.generation == *generation {
                f(entry.bits, place);
            }
        }
    }

    #[inline(always)]
    fn entry(&self, root: Root) -> Result<&Entry, Stale> {
        let found = self.entries.get(root.index as usize);
        found.filter(|e| e.generation == root.generation && e.bits != 0).ok_or(Stale)
    }

    #[inline(always)]
    pub fn get(&self, root: Root) -> Result<u32, Stale> {
        self.entry(root).map(|e| e.bits)
    }

    #[inline(always)]
    pub fn release(&mut self, root: Root) -> Result<(), Stale> {
        self.entry(root)?;
        let entry = &mut self.entries[root.index as usize];
        entry.bits = 0;
        self.alive -= 1;
        // An entry whose generations are used up is not reused.
        if entry.generation < u32::MAX {
            entry.generation += 1;
            entry.link = self.free;
            self.free = root.index;
        }
        Ok(())
    }

    /// Opens a scope and returns its depth, counted from 1.
    pub fn open(&mut self) -> Option<u32> {
        self.scopes.try_reserve(1).ok()?;
        self.scopes.push(self.scoped.len());
        Some(self.scopes.len() as u32)
    }

    /// Closes the innermost scope and releases its roots.
    pub fn close(&mut self) {
        let Some(start) = self.scopes.pop() else { return };
        let depth = self.scopes.len() as u32;
        let mut kept = start;
        for i in start..self.scoped.len() {
            let root = self.scoped[i];
            match self.entry(root) {
                // It has escaped to a scope around this one.
                Ok(e) if e.link <= depth => {
                    if depth > 0 {
                        self.scoped[kept] = root;
                        kept += 1;
                    }
                }
                Ok(_) => drop(self.release(root)),
                Err(Stale) => {}
            }
        }
        self.scoped.truncate(kept);
    }

    /// Removes released roots from the scopes' list, so that roots that are created and released in a long scope do not
    /// make it grow.
    fn forget_released(&mut self) {
        let (mut kept, mut scope) = (0, 0);
        for i in 0..self.scoped.len() {
            while self.scopes.get(scope).is_some_and(|start| *start == i) {
                self.scopes[scope] = kept;
                scope += 1;
            }
            if self.entry(self.scoped[i]).is_ok() {
                self.scoped[kept] = self.scoped[i];
                kept += 1;
            }
        }
        self.scopes[scope..].fill(kept);
        self.scoped.truncate(kept);
    }

    /// Moves a root to the scope around the innermost one (or to none, if there is only one).
    pub fn escape(&mut self, root: Root) -> Result<(), Stale> {
        self.entry(root)?;
        let outer = (self.scopes.len() as u32).saturating_sub(1);
        let entry = &mut self.entries[root.index as usize];
        entry.link = entry.link.min(outer);
        Ok(())
    }

    /// Removes a root from its scope: it lives until it is released.
    pub fn keep(&mut self, root: Root) -> Result<(), Stale> {
        self.entry(root)?;
        self.entries[root.index as usize].link = 0;
        Ok(())
    }

    /// Calls `f` with every entry that may hold a young reference. Afterwards the list of such entries is empty.
    pub fn trace_young(&mut self, mut f: impl FnMut(*mut u32)) {
        for i in self.young.drain(..) {
            let entry = &mut self.entries[i as usize];
            entry.listed = false;
            f(&mut entry.bits);
        }
    }

    pub fn trace_all(&mut self, mut f: impl FnMut(*mut u32)) {
        for i in self.young.drain(..) {
            self.entries[i as usize].listed = false;
        }
        self.entries.iter_mut().filter(|e| e.bits != 0).for_each(|e| f(&mut e.bits));
    }

    /// Calls `f` with each reference, and whether the root is in the list of possibly young ones.
    pub fn for_each(&self, mut f: impl FnMut(u32, bool)) {
        let young: std::collections::HashSet<u32> = self.young.iter().copied().collect();
        for (i, e) in self.entries.iter().enumerate().filter(|(_, e)| e.bits != 0) {
            f(e.bits, young.contains(&(i as u32)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_released_root_is_stale_for_ever() {
        let mut r = Roots::default();
        let a = r.add(3).unwrap();
        r.release(a).unwrap();
        let b = r.add(5).unwrap();
        assert_eq!(a.index, b.index);
        assert_eq!((r.get(a), r.get(b), r.release(a)), (Err(Stale), Ok(5), Err(Stale)));
        assert_eq!(r.get(Root { index: 0, generation: 0 }), Err(Stale));
    }

    /// A million roots that are created and released, in nested scopes, do not make either list longer.
    #[test]
    fn released_roots_take_no_memory() {
        let mut r = Roots::default();
        let young = crate::abi::heap::NURSERY as u32;
        r.open().unwrap();
        let outer = r.add(young).unwrap();
        r.open().unwrap();
        r.open().unwrap();
        let inner = r.add(young + 8).unwrap();
        for _ in 0..if cfg!(miri) { 1000 } else { 1_000_000 } {
            let root = r.add(young + 16).unwrap();
            r.release(root).unwrap();
        }
        assert!(r.scoped.capacity() < 100 && r.young.len() == 3, "{} {}", r.scoped.capacity(), r.young.len());
        r.close();
        assert_eq!((r.get(inner), r.get(outer)), (Err(Stale), Ok(young)));
        r.close();
        r.close();
        assert_eq!((r.get(outer), r.len()), (Err(Stale), 0));
    }

    #[test]
    fn scopes_release_what_was_made_in_them() {
        let mut r = Roots::default();
        let outside = r.add(3).unwrap();
        r.open().unwrap();
        let a = r.add(5).unwrap();
        r.open().unwrap();
        let (b, c, d) = (r.add(7).unwrap(), r.add(9).unwrap(), r.add(11).unwrap());
        r.escape(b).unwrap();
        r.escape(c).unwrap();
        r.release(d).unwrap();
        r.close();
        assert_eq!((r.get(b), r.get(c), r.get(d), r.len()), (Ok(7), Ok(9), Err(Stale), 4));
        r.escape(c).unwrap();
        r.close();
        assert_eq!((r.get(a), r.get(b), r.get(c), r.get(outside)), (Err(Stale), Err(Stale), Ok(9), Ok(3)));
        assert_eq!(r.len(), 2);
    }
}
