//! Keepers: what keeps a part of a store alive. Parts are instances, functions, tables, memories and globals.

/// A part without a keeper of its own lives as long as something refers to it (`life::liveness`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keeper {
    /// The host created it, and has not released it.
    Host,
    /// None: it lives as long as something refers to it.
    Nobody,
    /// The instance that defines it, and whose context contains it.
    Instance(u32),
}

/// A part of a store that has a keeper.
pub trait Kept {
    fn keeper(&self) -> Keeper;
}

/// Implements `Kept` for a type with a field `keeper`.
macro_rules! kept {
    ($t:ty) => {
        impl $crate::store::parts::keeper::Kept for $t {
            fn keeper(&self) -> $crate::store::parts::keeper::Keeper {
                self.keeper
            }
        }
    };
}
pub(crate) use kept;
