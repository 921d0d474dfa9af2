//! A collection of values by index. Indices are reused; a generation distinguishes the values that had the same index.

use std::ops::{Index, IndexMut};

struct Entry<T> {
    /// Of the current value, or of the next one if the entry is free. Never 0, so zeroed memory is never a valid
    /// handle.
    generation: u32,
    /// In a free entry, the index of the next free one.
    link: u32,
    value: Option<T>,
}

const NO_ENTRY: u32 = u32::MAX;

pub struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: u32,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { entries: Vec::new(), free: NO_ENTRY, len: 0 }
    }
}

impl<T> Slab<T> {
    /// The number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The index of the only value, if there have never been two values at the same time.
    pub fn only(&self) -> Option<u32> {
        (self.len == 1 && self.entries.len() == 1).then_some(0)
    }

    /// One more than the highest index ever used.
    pub fn end(&self) -> usize {
        self.entries.len()
    }

    pub fn insert(&mut self, value: T) -> u32 {
        self.len += 1;
        if self.free == NO_ENTRY {
            self.entries.push(Entry { generation: 1, link: NO_ENTRY, value: Some(value) });
            return self.entries.len() as u32 - 1;
        }
        let index = self.free;
        let entry = &mut self.entries[index as usize];
        self.free = entry.link;
        entry.value = Some(value);
        index
    }

    /// Makes sure that the next `insert` allocates no memory. Returns false if memory cannot be allocated.
    pub fn reserve(&mut self) -> bool {
        self.free != NO_ENTRY || self.entries.try_reserve(1).is_ok()
    }

    /// The index that the next `insert` will return.
    pub fn next(&self) -> u32 {
        if self.free == NO_ENTRY { self.entries.len() as u32 } else { self.free }
    }

    /// Removes a value. Handles of it become stale.
    pub fn remove(&mut self, index: u32) -> Option<T> {
        let entry = &mut self.entries[index as usize];
        let value = entry.value.take()?;
        self.len -= 1;
        // An entry whose generations are used up is not reused.
        if entry.generation < u32::MAX {
            entry.generation += 1;
            entry.link = self.free;
            self.free = index;
        }
        Some(value)
    }

    /// The value that a handle denotes, if it still exists.
    pub fn current(&self, index: u32, generation: u32) -> Option<&T> {
        self.entries.get(index as usize).filter(|e| e.generation == generation)?.value.as_ref()
    }

    pub fn get(&self, index: u32) -> Option<&T> {
        self.entries.get(index as usize)?.value.as_ref()
    }

    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entries.get_mut(index as usize)?.value.as_mut()
    }

    /// Whether a handle denotes the current value.
    #[inline]
    pub fn is_current(&self, index: u32, generation: u32) -> bool {
        self.entries.get(index as usize).is_some_and(|e| e.generation == generation && e.value.is_some())
    }

    pub fn generation(&self, index: u32) -> u32 {
        self.entries[index as usize].generation
    }

    /// The values with their indices, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.entries.iter().enumerate().filter_map(|(i, e)| Some((i as u32, e.value.as_ref()?)))
    }

    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|e| e.value.as_ref())
    }

    pub fn into_values(self) -> impl Iterator<Item = T> {
        self.entries.into_iter().filter_map(|e| e.value)
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().filter_map(|e| e.value.as_mut())
    }
}

/// Panics if the index is not in use.
impl<T> Index<u32> for Slab<T> {
    type Output = T;
    #[inline]
    fn index(&self, index: u32) -> &T {
        self.entries[index as usize].value.as_ref().expect("in use")
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        self.entries[index as usize].value.as_mut().expect("in use")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again_and_generations_are_not() {
        let mut s = Slab::default();
        let a = s.insert('a');
        assert_eq!((s.only(), Slab::<char>::default().only()), (Some(a), None));
        let b = s.insert('b');
        let old = s.generation(a);
        assert!(s.is_current(a, old) && !s.is_current(a, 0) && !s.is_current(7, 1));
        assert_eq!((s.remove(a), s.remove(a), s.len()), (Some('a'), None, 1));
        assert!(!s.is_current(a, old) && s.get(a).is_none());
        assert_eq!(s.next(), a);
        assert_eq!(s.only(), None);
        assert_eq!((s.insert('c'), s[a], s[b]), (a, 'c', 'b'));
        assert!(s.is_current(a, old + 1) && !s.is_current(a, old));
        assert_eq!(s.iter().map(|(i, c)| (i, *c)).collect::<Vec<_>>(), [(a, 'c'), (b, 'b')]);
    }
}
