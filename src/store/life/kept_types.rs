//! Types that a store keeps until it is dropped. Objects know only the ids of their types, calls convert their results
//! by types when they return, and frames can be in trampolines, which belong to types.

use crate::wasm::registry::{DefType, Group, TypeId};
use crate::wasm::scope::TypeScope;
use rustc_hash::FxHashMap;
use std::sync::Arc;

#[derive(Default)]
pub struct KeptTypes {
    /// Types that the host has created objects of; found here without a lock.
    pub(in crate::store) types: FxHashMap<TypeId, DefType>,
    /// Type groups of other things that the host has created, and of modules whose instances were freed. By address.
    pub(in crate::store) groups: FxHashMap<usize, Arc<Group>>,
    /// Scopes of modules whose instances were freed, if they name types of objects. By address.
    pub(in crate::store) scopes: FxHashMap<usize, Arc<TypeScope>>,
}
