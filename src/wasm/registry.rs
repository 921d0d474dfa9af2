//! The engine-wide type registry: equal function types of any module get the same id, so that the check of
//! `call_indirect` compares two numbers.

use super::types::FuncType;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;

/// A function type's number in its engine. Machine code never holds one: it loads it from the instance's context.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(transparent)]
pub struct TypeId(pub u32);

impl TypeId {
    /// The type of nothing: no registered type has this id.
    pub const NONE: TypeId = TypeId(u32::MAX);
}

#[derive(Default)]
struct Inner {
    ids: HashMap<Arc<FuncType>, TypeId>,
    types: Vec<Arc<FuncType>>,
}

#[derive(Default)]
pub struct TypeRegistry(RwLock<Inner>);

impl TypeRegistry {
    /// The id of `ty`, and the one copy of it that the engine keeps.
    pub fn register(&self, ty: &FuncType) -> (TypeId, Arc<FuncType>) {
        if let Some((arc, id)) = self.0.read().ids.get_key_value(ty) {
            return (*id, arc.clone());
        }
        let mut inner = self.0.write();
        if let Some((arc, id)) = inner.ids.get_key_value(ty) {
            return (*id, arc.clone());
        }
        let arc = Arc::new(ty.clone());
        let id = TypeId(inner.types.len() as u32);
        inner.types.push(arc.clone());
        inner.ids.insert(arc.clone(), id);
        (id, arc)
    }

    /// The type of an id that this registry gave.
    pub fn get(&self, id: TypeId) -> Arc<FuncType> {
        self.0.read().types[id.0 as usize].clone()
    }
}
