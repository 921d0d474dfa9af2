//! What a store may use, and who is asked before it uses more.

/// Totals over everything a store holds.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// Bytes of all memories together.
    pub memory_bytes: u64,
    /// Elements of all tables together.
    pub table_elements: u64,
    pub instances: u64,
    /// Bytes that objects may take; the engine's limit holds as well.
    pub heap_bytes: u64,
}

impl Default for StoreLimits {
    fn default() -> StoreLimits {
        StoreLimits { memory_bytes: u64::MAX, table_elements: u64::MAX, instances: u64::MAX, heap_bytes: u64::MAX }
    }
}

/// What is about to grow. Numbers are part of the ABI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Resource {
    /// One memory, in bytes.
    Memory = 1,
    /// One table, in elements.
    Table = 2,
    /// The store's instances, as a number.
    Instances = 3,
    /// What objects may take, in bytes.
    Heap = 4,
}

/// A question to the limiter, asked before anything is touched.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    pub resource: Resource,
    pub current: u64,
    pub desired: u64,
}

/// Answers whether it may grow. It is asked while the store is borrowed: it can not use it (invariant 7 of `vm`).
pub type Limiter = Box<dyn FnMut(Growth) -> bool + Send>;

/// The store's account.
#[derive(Default)]
pub struct Account {
    pub limits: StoreLimits,
    pub limiter: Option<Limiter>,
    memory_bytes: u64,
    table_elements: u64,
    instances: u64,
}

impl Account {
    /// Takes what the growth needs from the account, if limits and limiter allow it.
    pub fn take(&mut self, g: Growth) -> bool {
        let more = g.desired - g.current;
        let (used, limit) = match g.resource {
            Resource::Memory => (&mut self.memory_bytes, self.limits.memory_bytes),
            Resource::Table => (&mut self.table_elements, self.limits.table_elements),
            Resource::Instances => (&mut self.instances, self.limits.instances),
            // Nobody keeps account but the heap itself.
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

    /// Gives back what `take` took for a growth that then failed.
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
