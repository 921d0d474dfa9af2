//! How a store finds, keeps and names types.

use crate::engine::module::Module;
use crate::store::store::Store;
use crate::wasm::registry::{DefType, TypeId};
use crate::wasm::scope::TypeScope;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Maximum number of instances that are searched for a name.
const SEARCHED: usize = 64;

impl Store {
    /// Keeps a type that the host uses to create something.
    pub fn keep_type(&mut self, ty: &DefType) {
        let group = ty.group();
        self.kept_types.groups.entry(Arc::as_ptr(group).addr()).or_insert_with(|| group.clone());
    }

    /// The type with this id, if it exists and modules and the host can refer to it. It is kept from now on.
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

    /// Keeps the types of a module when an instance of it is freed.
    pub(in crate::store) fn keep_types_of(&mut self, module: &Module) {
        let (scope, kept) = (module.info().scope(), &mut self.kept_types);
        if scope.number() != 0 && self.heap.is_some() {
            kept.scopes.entry(Arc::as_ptr(scope).addr()).or_insert_with(|| scope.clone());
            return;
        }
        for group in scope.groups() {
            kept.groups.entry(Arc::as_ptr(group).addr()).or_insert_with(|| group.clone());
        }
    }

    /// The scope of a module of this store that names a type, if a short search finds one; otherwise that of the host,
    /// if it names the type.
    pub fn scope_naming(&self, id: TypeId) -> Option<Arc<TypeScope>> {
        let of_instances = self.instances.iter().take(SEARCHED).map(|(_, i)| i.info().scope());
        let mut of_modules = of_instances.chain(self.kept_types.scopes.values().take(SEARCHED));
        of_modules.find(|scope| scope.names(id)).cloned().or_else(|| self.engine.host_scope_naming(id))
    }

    /// The name of a type, for messages, if it has one.
    pub fn type_name(&self, id: TypeId) -> Option<String> {
        self.scope_naming(id)?.name(id).map(Into::into)
    }
}
