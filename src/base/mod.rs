//! Layer 0: vocabulary shared by all layers: typed indices, slabs, errors, traps, limits.

pub mod error;
pub mod index;
pub mod limits;
pub mod part;
pub mod shown;
pub mod slab;
pub mod stable;
pub mod trap;

pub use error::{Error, ErrorKind, Frame, Result};
pub use part::Part;
pub use shown::Quoted;
pub use slab::Slab;
pub use stable::Stable;
pub use trap::Trap;
