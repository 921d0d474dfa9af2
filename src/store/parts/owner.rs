//! Keepers: what keeps a part of a store alive. Parts are instances, functions, tables, memories and globals.

use crate::base::Stable;
use crate::store::parts::global::Global;
use crate::store::parts::instance::Instance;
use crate::store::parts::memory::Memory;
use crate::store::parts::table::Table;
use crate::store::run::host_func::HostFunc;

/// A part without a keeper of its own lives as long as something refers to it (`reach`).
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

macro_rules! kept {
    ($($t:ty)*) => { $(
        impl Kept for $t {
            fn keeper(&self) -> Keeper {
                self.keeper
            }
        }
    )* };
}
kept! { Stable<Instance> Stable<HostFunc> Stable<Table> Stable<Memory> Global }
