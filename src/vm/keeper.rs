//! Who keeps a part of a store: an instance, a function, a table, a memory, a global.

use super::func::HostFunc;
use super::global::Global;
use super::instance::Instance;
use super::memory::Memory;
use super::table::Table;
use crate::base::Stable;

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
