//! What is released, what can still be reached then, and what stays until the store is destroyed.

pub mod kept_types;
pub mod liveness;
pub mod pending;
pub mod release;
pub mod releases;
pub mod types;
