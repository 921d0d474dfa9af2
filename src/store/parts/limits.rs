//! Limits on what a store may use, and the limiter that is asked before it uses more.

/// Totals over everything a store holds.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// Bytes of all memories together.
    pub memory_bytes: u64,
    /// Elements of all tables together.
    pub table_elements: u64,
    pub instances: u64,
    /// Bytes that objects may use. The engine's limit applies as well.
    pub heap_bytes: u64,
}

impl Default for StoreLimits {
    fn default() -> StoreLimits {
        StoreLimits { memory_bytes: u64::MAX, table_elements: u64::MAX, instances: u64::MAX, heap_bytes: u64::MAX }
    }
}

/// The resource that is about to grow. The numbers are part of the ABI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Resource {
    /// One memory, in bytes.
    Memory = 1,
    /// One table, in elements.
    Table = 2,
    /// The number of the store's instances.
    Instances = 3,
    /// The bytes that objects may use.
    Heap = 4,
}

/// A request to the limiter. It is asked before anything changes.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    pub resource: Resource,
    pub current: u64,
    pub desired: u64,
}

/// Returns whether the resource may grow. The limiter runs while the store is borrowed, so it cannot use the store
/// (invariant 7 of `vm`).
pub type Limiter = Box<dyn FnMut(Growth) -> bool + Send>;

/// Tracks what a store uses.
#[derive(Default)]
pub struct Account {
    pub limits: StoreLimits,
    pub limiter: Option<Limiter>,
    memory_bytes: u64,
    table_elements: u64,
    instances: u64,
}

impl Account {
    /// Adds a growth to the account. Returns false, with nothing changed, if the limits or the limiter do not allow it.
    pub fn take(&mut self, g: Growth) -> bool {
        let more = g.desired - g.current;
        let (used, limit) = match g.resource {
            Resource::Memory => (&mut self.memory_bytes, self.limits.memory_bytes),
            Resource::Table => (&mut self.table_elements, self.limits.table_elements),
            Resource::Instances => (&mut self.instances, self.limits.instances),
            // The heap itself tracks what it uses.
            Resource::Heap => return self.limiter.as_mut().is_none_or(|limiter| limiter(g)),
        };
        match used.checked_add(more) {
            Some(total) if total <= limit => {}
            _ => return false,
        }
        if let Some(limiter) = &mut self.limiter
            && !limiter(g)
        {
            return false;
        }
        *used += more;
        true
    }

    /// Undoes `take` after the growth failed, or after the resource was freed.
    pub fn give_back(&mut self, g: Growth) {
        let less = g.desired - g.current;
        match g.resource {
            Resource::Memory => self.memory_bytes -= less,
            Resource::Table => self.table_elements -= less,
            Resource::Instances => self.instances -= less,
            Resource::Heap => {}
        }
    }
}
