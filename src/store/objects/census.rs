//! Counts the objects in a store's heap, and the references into it, one by one.

use crate::base::Result;
use crate::gc::walk::Age;
use crate::store::objects::roots::{self, Holder};
use crate::store::store::Store;

/// A number of objects, and their bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub objects: u64,
    pub bytes: u64,
}

/// The counts at one moment. Dead objects that were not collected yet are included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Census {
    /// In the nursery.
    pub young: Tally,
    /// Survivors of a collection, except large objects.
    pub old: Tally,
    pub large: Tally,
    /// Roots, by kind; null and i31 references are not counted.
    pub references: u64,
    pub table_elements: u64,
    pub globals: u64,
    pub segment_elements: u64,
    pub frame_slots: u64,
    /// Tags of instances, including imported ones.
    pub tags: u64,
}

impl Store {
    /// Walks the whole heap and all roots.
    pub fn census(&mut self) -> Result<Census> {
        let mut c = Census::default();
        let Some(heap) = &self.heap else { return Ok(c) };
        heap.each_object(|met| {
            let tally = match met.age {
                Age::Young => &mut c.young,
                Age::Old => &mut c.old,
                Age::Large => &mut c.large,
            };
            tally.objects += 1;
            tally.bytes += met.size as u64;
        });
        // SAFETY: counting creates no root.
        unsafe { heap.each_root(|r| c.references += u64::from(r & 1 == 0)) };
        roots::each_root(self, heap, |_, holder| match holder {
            Holder::Table(..) => c.table_elements += 1,
            Holder::Global(..) | Holder::HostGlobal(_) => c.globals += 1,
            Holder::Segment(..) => c.segment_elements += 1,
            Holder::Frame => c.frame_slots += 1,
            Holder::Tag(..) => c.tags += 1,
        });
        Ok(c)
    }
}
