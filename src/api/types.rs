//! Types of structures, arrays and functions, in addition to those of modules.

use super::text::text_to_binary;
use super::{Engine, StoreMut};
use crate::base::Result;
use crate::err;
use crate::wasm::module::ModuleInfo;
use crate::wasm::registry::DefType;
use crate::wasm::scope::TypeScope;
use crate::wasm::types::{ExternType, HeapType, SubType, TypeId, ValType};
use crate::wasm::{decode, feature_diagnosis, rec_group};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Maximum number of types in a signature that are looked up by name.
const SHOWN: usize = 16;

/// Types that were defined together, by index and by name. They stay alive at least as long as this value.
pub struct Types {
    types: Vec<DefType>,
    /// Type indices with their names, for types that have one.
    names: Vec<(usize, Box<str>)>,
    scope: Arc<TypeScope>,
}

impl Types {
    pub(super) fn of_module(info: &ModuleInfo) -> Types {
        let names = info.names.types().map(|(i, n)| (i.as_u32() as usize, n.name.clone())).collect();
        Types { types: info.types.values().cloned().collect(), names, scope: info.scope().clone() }
    }

    /// The number of types.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there are no types.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// The type at an index.
    pub fn get(&self, i: usize) -> Option<HeapType> {
        self.types.get(i).map(|def| def.heap_type())
    }

    /// The type with a name from the text, without its dollar sign.
    pub fn find(&self, name: &str) -> Option<HeapType> {
        self.names.iter().find(|(_, n)| **n == *name).and_then(|(i, _)| self.get(*i))
    }

    /// The types and their names.
    pub fn scope(&self) -> &Arc<TypeScope> {
        &self.scope
    }
}

impl Engine {
    /// The engine's id: unique in the process, never 0.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Defines types written in the text format: type definitions and recursion groups, such as `(rec (type $node
    /// (struct (field $next (mut (ref null $node))))))`. Types that the host defines live as long as the engine. Equal
    /// types are identical, wherever they were defined. Fails with `InvalidArgument` if the text defines anything else.
    pub fn parse_types(&self, text: &str) -> Result<Types> {
        let binary = text_to_binary("(module\n", text, "\n)")?;
        let features = self.0.config.features;
        let decoded = decode::decode(&binary, &self.0.types, features);
        let info = decoded.map_err(|e| feature_diagnosis::explain(e, &binary, features))?.info;
        let only_types = info.imports.is_empty()
            && info.exports.is_empty()
            && info.funcs.is_empty()
            && info.tables.is_empty()
            && info.memories.is_empty()
            && info.globals.is_empty()
            && info.elems.is_empty()
            && info.data.is_empty()
            && info.start.is_none();
        if !only_types {
            return Err(err!(InvalidArgument, "the text defines more than types"));
        }
        let types = Types::of_module(&info);
        let scope = self.0.keep_host_types(&types.types, &types.scope);
        Ok(Types { scope, ..types })
    }

    /// Defines the members of a recursion group. They refer to each other through `in_group`.
    pub fn define_types(&self, members: Vec<SubType>) -> Result<Types> {
        let types = rec_group::define(&self.0.types, members)?;
        let scope = self.0.types.scope(types.clone(), FxHashMap::default());
        let scope = self.0.keep_host_types(&types, &scope);
        Ok(Types { types, names: Vec::new(), scope })
    }

    /// The definition of a type of this engine. Fails with `InvalidArgument` if it belongs to another engine.
    pub fn type_def(&self, id: TypeId) -> Result<DefType> {
        self.0.types.find(id).ok_or_else(|| err!(InvalidArgument, "the type does not belong to this engine"))
    }

    /// The number of types, defined by modules and by the host.
    pub fn type_count(&self) -> usize {
        self.0.types.len()
    }

    /// The definition of a type of this engine, if it is of the given generation. Fails with `StaleHandle` if the type
    /// is gone.
    pub fn type_of_generation(&self, id: TypeId, generation: u32) -> Result<DefType> {
        let found = self.0.types.find(id).filter(|def| def.generation == generation);
        found.ok_or_else(|| err!(StaleHandle, "the type is gone: nothing refers to it any more"))
    }

    /// A scope that keeps these types alive. It has the names of scope `number`, if that contains all of them.
    pub fn scope_of(&self, types: Vec<DefType>, number: u32) -> Arc<TypeScope> {
        let named = self.0.types.find_scope(number).filter(|scope| types.iter().all(|t| scope.has(t)));
        named.unwrap_or_else(|| self.0.types.scope(types, FxHashMap::default()))
    }

    /// The scope with the given number, as long as it exists.
    pub fn find_scope(&self, number: u32) -> Option<Arc<TypeScope>> {
        self.0.types.find_scope(number)
    }

    /// Fails with `InvalidArgument` if a type belongs to another engine. Types that do not refer to a definition belong
    /// to every engine.
    pub fn check_type(&self, t: ValType) -> Result<()> {
        let ValType::Ref(r) = t else { return Ok(()) };
        match r.heap.concrete() {
            Some(id) if self.type_def(id)?.heap_type() != r.heap => {
                Err(err!(InvalidArgument, "the type does not belong to this engine"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a value of type `a` can be used where one of type `b` is required (Wasm 3.0, 3.3.5).
    pub fn matches(&self, a: ValType, b: ValType) -> Result<bool> {
        self.check_type(a)?;
        self.check_type(b)?;
        Ok(self.0.types.view().val_matches(a, b))
    }
}

impl StoreMut<'_> {
    /// Checks the type of an object to be created, as `Engine::check_type` does, and keeps it alive until the store is
    /// dropped.
    pub(super) fn keep_type_of(&mut self, t: ValType) -> Result<()> {
        self.engine().check_type(t)?;
        if let Some(id) = t.named() {
            self.vm_mut().find_and_keep_type(id);
        }
        Ok(())
    }

    /// The scope of this store that has names for the types. The first of them that has one decides.
    pub fn scope_naming(&self, ids: impl Iterator<Item = TypeId>) -> Option<Arc<TypeScope>> {
        ids.take(SHOWN).find_map(|id| self.vm().scope_naming(id))
    }

    /// Keeps types of this store alive, as `Engine::scope_of` does, with names from a scope of the store, if one of
    /// them has names there.
    pub fn scope_of(&self, ids: &[TypeId]) -> Arc<TypeScope> {
        let types: Vec<DefType> = ids.iter().map(|id| self.vm().engine.types.get(*id)).collect();
        let number = self.scope_naming(ids.iter().copied()).map_or(0, |scope| scope.number());
        self.engine().scope_of(types, number)
    }
}

/// A type as text, with the names that it has in a store.
pub(super) fn text(store: &StoreMut<'_>, heap: HeapType) -> String {
    with_names(store, heap.concrete().into_iter(), |scope| scope.heap_text(heap))
}

pub(super) fn val_text(store: &StoreMut<'_>, t: ValType) -> String {
    with_names(store, t.named().into_iter(), |scope| scope.val_text(t))
}

pub(super) fn extern_text(store: &StoreMut<'_>, t: &ExternType) -> String {
    with_names(store, t.named(), |scope| scope.extern_text(t))
}

fn with_names(store: &StoreMut<'_>, ids: impl Iterator<Item = TypeId>, f: impl FnOnce(&TypeScope) -> String) -> String {
    match store.scope_naming(ids) {
        Some(scope) => f(&scope),
        None => f(&store.vm().engine.types.scope(Vec::new(), FxHashMap::default())),
    }
}
