//! Who keeps a part of a store: an instance, a function, a table, a memory, a global.

use crate::base::Stable;
use crate::store::parts::global::Global;
use crate::store::parts::instance::Instance;
use crate::store::parts::memory::Memory;
use crate::store::parts::table::Table;
use crate::store::run::host_func::HostFunc;

/// What has no keeper of its own lives as long as something refers to it (`reach`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keeper {
    /// The host made it, and has not released it.
    Host,
    /// Only what refers to it.
    Nobody,
    /// The instance that made it, and whose context it is in.
    Instance(u32),
}

/// What has a keeper.
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
