//! Floor 0: what every floor speaks: typed indices, errors, traps, limits.

pub mod error;
pub mod index;
pub mod limits;
pub mod trap;

pub use error::{Error, ErrorKind, Frame, Result};
pub use trap::Trap;
