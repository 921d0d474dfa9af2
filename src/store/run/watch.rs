//! What a store remembers of its checks when the host enters it (`entry_check`).

/// The number of calls between two checks of the handlers.
pub(in crate::store) const CALLS: u32 = 256;

pub struct Watch {
    /// The token of the thread that entered last, and how many threads had ended by then. The token is 0 if the next
    /// thread must be checked like a new one.
    pub(in crate::store) thread: usize,
    pub(in crate::store) ended: usize,
    /// Calls that are left until the handlers are checked.
    pub(in crate::store) calls: u32,
    /// The number of checks so far.
    pub(in crate::store) looks: u32,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch { thread: 0, ended: 0, calls: CALLS, looks: 0 }
    }
}
