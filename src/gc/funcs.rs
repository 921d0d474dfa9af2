//! Functions that objects hold, by id: a full collection finds those in live objects.

pub struct FoundFuncs {
    /// By id.
    found: Vec<bool>,
    /// Found, but not yet returned by `pop`.
    new: Vec<u32>,
}

impl FoundFuncs {
    /// For `count` ids. `None` if there is no memory.
    pub fn new(count: usize) -> Option<FoundFuncs> {
        let (mut found, mut new) = (Vec::new(), Vec::new());
        found.try_reserve_exact(count).ok()?;
        new.try_reserve_exact(count).ok()?;
        found.resize(count, false);
        Some(FoundFuncs { found, new })
    }

    /// Adds a function. 0 is null, and is ignored.
    pub fn add(&mut self, number: u32) {
        if number != 0 && !std::mem::replace(&mut self.found[number as usize], true) {
            // `new` reserved space for all of them.
            self.new.push(number);
        }
    }

    pub fn pop(&mut self) -> Option<u32> {
        self.new.pop()
    }

    pub fn has_new(&self) -> bool {
        !self.new.is_empty()
    }
}
