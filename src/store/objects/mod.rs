//! The store's heap as the store uses it: allocation and limits, every kind of root, scopes, and what can be seen of it.

pub mod census;
pub mod gc_event;
pub mod heap;
pub mod leak_report;
pub mod roots;
pub mod scope;
pub mod snapshot;
pub mod tags;
