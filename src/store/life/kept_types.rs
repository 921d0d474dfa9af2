//! Types that a store keeps to its end: objects may be of them, which know only their ids, calls that return convert by them, and
//! frames are in their trampolines.

use crate::engine::module::Module;
use crate::store::store::Store;
use crate::wasm::registry::{DefType, Group, TypeId};
use crate::wasm::scope::TypeScope;
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Instances that are looked through for a name, at most.
const SEARCHED: usize = 64;

#[derive(Default)]
pub struct KeptTypes {
    /// That the host has made objects of, which are found here without a lock.
    types: FxHashMap<TypeId, DefType>,
    /// Of other things of the host's, and of modules whose instances were freed. By address.
    groups: FxHashMap<usize, Arc<Group>>,
    /// The same of modules that have names for objects.
    scopes: FxHashMap<usize, Arc<TypeScope>>,
}

impl Store {
    /// Keeps a type that the host makes something of.
    pub fn keep_type(&mut self, ty: &DefType) {
        let group = ty.group();
        self.kept_types.groups.entry(Arc::as_ptr(group).addr()).or_insert_with(|| group.clone());
    }

    /// The type of an id, if there is one in the engine that modules and the host can name; kept from now on.
    pub fn find_and_keep_type(&mut self, id: TypeId) -> Option<&DefType> {
        match self.kept_types.types.entry(id) {
            Entry::Occupied(found) => Some(found.into_mut()),
            Entry::Vacant(place) => Some(place.insert(self.engine.types.find(id)?)),
        }
    }

    /// The type of an object.
    pub fn type_of_object(&self, id: TypeId) -> Option<DefType> {
        self.kept_types.types.get(&id).cloned().or_else(|| self.engine.types.find(id))
    }

    /// Keeps the types of a module an instance of which is freed.
    pub(crate) fn keep_types_of(&mut self, module: &Module) {
        let (scope, kept) = (module.info().scope(), &mut self.kept_types);
        if scope.number() != 0 && self.heap.is_some() {
            kept.scopes.entry(Arc::as_ptr(scope).addr()).or_insert_with(|| scope.clone());
            return;
        }
        for group in scope.groups() {
            kept.groups.entry(Arc::as_ptr(group).addr()).or_insert_with(|| group.clone());
        }
    }

    /// A module of this store's that has a name for a type, as far as one is found soon, or where the host has named it.
    pub fn scope_naming(&self, id: TypeId) -> Option<Arc<TypeScope>> {
        let of_instances = self.instances.iter().take(SEARCHED).map(|(_, i)| i.info().scope());
        let mut of_modules = of_instances.chain(self.kept_types.scopes.values().take(SEARCHED));
        of_modules.find(|scope| scope.names(id)).cloned().or_else(|| self.engine.host_scope_naming(id))
    }

    /// The name of a type for people, where it has one.
    pub fn type_name(&self, id: TypeId) -> Option<String> {
        self.scope_naming(id)?.name(id).map(Into::into)
    }
}
