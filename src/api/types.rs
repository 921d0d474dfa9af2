//! Types of structures, arrays and functions, beside those of modules.

use super::text::text_to_binary;
use super::{Engine, StoreMut};
use crate::base::Result;
use crate::err;
use crate::wasm::module::ModuleInfo;
use crate::wasm::registry::DefType;
use crate::wasm::scope::TypeScope;
use crate::wasm::types::{ExternType, HeapType, SubType, TypeId, ValType};
use crate::wasm::{decode, group, refusal};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Types of a signature that are looked up by name, at most.
const SHOWN: usize = 16;

/// Types that were defined together, by number and by name. They are there at least as long as this.
pub struct Types {
    types: Vec<DefType>,
    /// By type index, for those that have one.
    names: Vec<(usize, Box<str>)>,
    scope: Arc<TypeScope>,
}

impl Types {
    pub(super) fn of_module(info: &ModuleInfo) -> Types {
        let names = info.names.types().map(|(i, n)| (i.as_u32() as usize, n.name.clone())).collect();
        Types { types: info.types.values().cloned().collect(), names, scope: info.scope().clone() }
    }

    pub fn len(&self) -> usize {
        self.types.len()
    }

    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    pub fn get(&self, i: usize) -> Option<HeapType> {
        self.types.get(i).map(|def| def.heap_type())
    }

    /// By the name in the text, without its dollar sign.
    pub fn find(&self, name: &str) -> Option<HeapType> {
        self.names.iter().find(|(_, n)| **n == *name).and_then(|(i, _)| self.get(*i))
    }

    /// The types and their names.
    pub fn scope(&self) -> &Arc<TypeScope> {
        &self.scope
    }
}

impl Engine {
    /// Unique in the process, never 0.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Types from the text format: type definitions and recursion groups, such as
    /// `(rec (type $node (struct (field $next (mut (ref null $node))))))`. Types that the host defines live as long as the engine;
    /// equal ones are the same, wherever they come from.
    pub fn parse_types(&self, text: &str) -> Result<Types> {
        let binary = text_to_binary("(module\n", text, "\n)")?;
        let features = self.0.config.features;
        let decoded = decode::decode(&binary, &self.0.types, features);
        let info = decoded.map_err(|e| refusal::explain(e, &binary, features))?.info;
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

    /// Defines the members of a recursion group, which name each other by `in_group`.
    pub fn define_types(&self, members: Vec<SubType>) -> Result<Types> {
        let types = group::define(&self.0.types, members)?;
        let scope = self.0.types.scope(types.clone(), FxHashMap::default());
        let scope = self.0.keep_host_types(&types, &scope);
        Ok(Types { types, names: Vec::new(), scope })
    }

    /// A type of this engine.
    pub fn type_def(&self, id: TypeId) -> Result<DefType> {
        self.0.types.find(id).ok_or_else(|| err!(InvalidArgument, "the type is none of this engine"))
    }

    /// How many types there are, of modules and of the host.
    pub fn type_count(&self) -> usize {
        self.0.types.len()
    }

    /// A type of this engine that is of a generation.
    pub fn type_of_generation(&self, id: TypeId, generation: u32) -> Result<DefType> {
        let found = self.0.types.find(id).filter(|def| def.generation == generation);
        found.ok_or_else(|| err!(StaleHandle, "the type is gone: nothing keeps it any more"))
    }

    /// Types that are kept together, with the names of the scope of a number, if it has all of them.
    pub fn scope_of(&self, types: Vec<DefType>, number: u32) -> Arc<TypeScope> {
        let named = self.0.types.find_scope(number).filter(|scope| types.iter().all(|t| scope.has(t)));
        named.unwrap_or_else(|| self.0.types.scope(types, FxHashMap::default()))
    }

    /// The names of a number, as long as what they are of is there.
    pub fn find_scope(&self, number: u32) -> Option<Arc<TypeScope>> {
        self.0.types.find_scope(number)
    }

    /// Whether a type is one of this engine's, or needs no engine.
    pub fn check_type(&self, t: ValType) -> Result<()> {
        let ValType::Ref(r) = t else { return Ok(()) };
        match r.heap.concrete() {
            Some(id) if self.type_def(id)?.heap_type() != r.heap => {
                Err(err!(InvalidArgument, "the type is none of this engine"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a value of type `a` may stand where one of type `b` is wanted (Wasm 3.0, 3.3.5).
    pub fn matches(&self, a: ValType, b: ValType) -> Result<bool> {
        self.check_type(a)?;
        self.check_type(b)?;
        Ok(self.0.types.view().val_matches(a, b))
    }
}

impl StoreMut<'_> {
    /// Checks a type that something is made of, as `Engine::check_type`, and keeps it to the store's end.
    pub(super) fn keep_type_of(&mut self, t: ValType) -> Result<()> {
        self.engine().check_type(t)?;
        if let Some(id) = t.named() {
            self.vm_mut().find_and_keep_type(id);
        }
        Ok(())
    }

    /// The names that the first of some types has in the store that has one.
    pub fn scope_naming(&self, ids: impl Iterator<Item = TypeId>) -> Option<Arc<TypeScope>> {
        ids.take(SHOWN).find_map(|id| self.vm().scope_naming(id))
    }

    /// Keeps types of this store's, as `Engine::scope_of`, with names that one of them has in the store.
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
