//! What a store counts of the parts that the host has released.

/// Counts parts that were released and not yet freed.
#[derive(Default)]
pub struct Releases {
    /// Released parts that live only while something refers to them. Host functions of linkers are not counted: the
    /// host never kept them.
    pub(in crate::store) unkept: usize,
    /// Parts that were released since the last search, and their bytes of memories and tables.
    pub(in crate::store) recent: usize,
    pub(in crate::store) recent_bytes: u64,
    /// The number of host functions after the last search.
    pub(in crate::store) host_funcs: usize,
}
