//! What is kept of stores and instances for the next ones, and what all instances of a module share.

pub mod arc_cache;
pub mod image;
pub mod pool;
pub mod space;
pub mod template;
