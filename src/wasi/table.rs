//! The descriptor table.

use super::descriptor::Descriptor;
use super::errno::Errno;

/// Maximum number of open descriptors of a guest. Each can take a descriptor of the process.
pub const MAX_DESCRIPTORS: usize = 512;

#[derive(Default)]
pub struct Table {
    entries: Vec<Option<Descriptor>>,
    /// No number below this is free.
    full_below: usize,
}

impl Table {
    pub fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.entries.get(fd as usize).and_then(|d| d.as_ref()).ok_or(Errno::BADF)
    }

    pub fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.entries.get_mut(fd as usize).and_then(|d| d.as_mut()).ok_or(Errno::BADF)
    }

    /// Whether another descriptor fits.
    pub fn has_room(&self) -> bool {
        self.lowest_free() < MAX_DESCRIPTORS
    }

    fn lowest_free(&self) -> usize {
        (self.full_below..self.entries.len()).find(|i| self.entries[*i].is_none()).unwrap_or(self.entries.len())
    }

    /// Inserts a descriptor under the lowest free number. Fails with MFILE if the table is full.
    pub fn insert(&mut self, d: Descriptor) -> Result<u32, Errno> {
        let free = self.lowest_free();
        if free >= MAX_DESCRIPTORS {
            return Err(Errno::MFILE);
        }
        self.full_below = free + 1;
        self.set(free, d);
        Ok(free as u32)
    }

    fn set(&mut self, at: usize, d: Descriptor) {
        if at >= self.entries.len() {
            self.entries.resize_with(at + 1, || None);
        }
        self.entries[at] = Some(d);
    }

    /// Replaces one of the first three descriptors.
    pub fn set_standard(&mut self, fd: u32, d: Descriptor) {
        self.set(fd as usize, d);
    }

    pub fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        let d = self.entries.get_mut(fd as usize).and_then(|d| d.take()).ok_or(Errno::BADF)?;
        self.full_below = self.full_below.min(fd as usize);
        Ok(d)
    }

    /// Renumbers `from` to `to`, which must be open and is closed.
    pub fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(to)?;
        self.get(from)?;
        if from != to {
            let d = self.remove(from)?;
            self.set(to as usize, d);
        }
        Ok(())
    }
}
