//! Address space that ended stores and instances leave for new ones, and data that all instances of a module share.

pub mod arc_cache;
pub mod image;
pub mod pool;
pub mod space;
pub mod template;
