//! Types of structures, arrays and functions, beside those of modules.

use super::Engine;
use super::text::text_to_binary;
use crate::base::Result;
use crate::base::index::TypeIndex;
use crate::err;
use crate::wasm::module::ModuleInfo;
use crate::wasm::registry::{TypeDef, TypeNames};
use crate::wasm::types::{HeapType, SubType, TypeId, ValType};
use crate::wasm::{decode, group, refusal};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Types that were defined together, by number and by name.
pub struct Types {
    types: Vec<(Arc<TypeDef>, Option<Box<str>>)>,
}

impl Types {
    pub(super) fn of_module(info: &ModuleInfo) -> Types {
        let names: BTreeMap<TypeIndex, &TypeNames> = info.names.types().collect();
        let name = |i| names.get(&i).map(|n| n.name.clone());
        Types { types: info.types.iter().map(|(i, def)| (def.clone(), name(i))).collect() }
    }

    pub fn len(&self) -> usize {
        self.types.len()
    }

    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    pub fn get(&self, i: usize) -> Option<HeapType> {
        self.types.get(i).map(|(def, _)| def.heap_type())
    }

    /// By the name in the text, without its dollar sign.
    pub fn find(&self, name: &str) -> Option<HeapType> {
        self.types.iter().find(|(_, n)| n.as_deref() == Some(name)).map(|(def, _)| def.heap_type())
    }
}

impl Engine {
    /// Unique in the process, never 0.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Types from the text format: type definitions and recursion groups, such as
    /// `(rec (type $node (struct (field $next (mut (ref null $node))))))`. Types live as long as the engine; equal ones are the
    /// same, wherever they come from.
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
        Ok(Types::of_module(&info))
    }

    /// Defines the members of a recursion group, which name each other by `in_group`.
    pub fn define_types(&self, members: Vec<SubType>) -> Result<Types> {
        let types = group::define(&self.0.types, members)?;
        Ok(Types { types: types.into_iter().map(|def| (def, None)).collect() })
    }

    /// A type of this engine.
    pub fn type_def(&self, id: TypeId) -> Result<Arc<TypeDef>> {
        self.0.types.find(id).ok_or_else(|| err!(InvalidArgument, "the type is none of this engine"))
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
