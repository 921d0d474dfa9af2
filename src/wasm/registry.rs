//! The engine-wide type registry: equal types of any module get the same id, so that a type check compares numbers.
//! Recursion groups are compared as a whole, with the references inside of a group counted from its start
//! (Wasm 3.0, 3.1.1: "rolling"). Types live as long as their engine.

use super::descriptor::{DescriptorView, Descriptors};
use super::types::*;
use crate::base::Result;
use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

pub use super::types::TypeId;

/// Stands for the n-th type of the group that is being defined.
const IN_GROUP: u32 = 1 << 31;

/// How a type of the group that is being defined is named before it has an id.
pub fn in_group(n: u32) -> TypeId {
    TypeId(IN_GROUP | n)
}

/// The place in its group of a type that was named so.
pub fn in_group_place(id: TypeId) -> Option<usize> {
    (id != TypeId::NONE && id.0 & IN_GROUP != 0).then_some((id.0 & !IN_GROUP) as usize)
}

/// A registered type.
#[derive(Debug)]
pub struct TypeDef {
    pub id: TypeId,
    pub sub: SubType,
    /// Of a structure: where its fields are.
    pub offsets: Box<[u32]>,
    /// Whether some field holds a function.
    pub has_funcs: bool,
    /// Of the first module that named it.
    pub names: OnceLock<TypeNames>,
}

/// Names of a type and its fields, for people.
#[derive(Clone, Debug, Default)]
pub struct TypeNames {
    pub name: Box<str>,
    /// Sorted by field.
    pub fields: Vec<(u32, Box<str>)>,
}

impl TypeDef {
    fn new(id: TypeId, sub: SubType) -> TypeDef {
        let offsets = match &sub.composite {
            CompositeType::Struct(fields) => super::descriptor::struct_layout(fields),
            _ => vec![],
        };
        let mut def = TypeDef { id, sub, offsets: offsets.into(), has_funcs: false, names: OnceLock::new() };
        def.has_funcs = def.fields().iter().any(|f| f.storage.is_func());
        def
    }
    pub fn name(&self) -> Option<&str> {
        self.names.get().map(|n| &*n.name).filter(|n| !n.is_empty())
    }
    pub fn field_name(&self, i: u32) -> Option<&str> {
        let fields = &self.names.get()?.fields;
        fields.binary_search_by_key(&i, |(i, _)| *i).ok().map(|at| &*fields[at].1)
    }
    pub fn heap_type(&self) -> HeapType {
        self.sub.heap_type(self.id)
    }
    pub fn func(&self) -> Option<&Arc<FuncType>> {
        match &self.sub.composite {
            CompositeType::Func(f) => Some(f),
            _ => None,
        }
    }
    pub fn fields(&self) -> &[FieldType] {
        match &self.sub.composite {
            CompositeType::Struct(f) => f,
            CompositeType::Array(e) => std::slice::from_ref(e),
            CompositeType::Func(_) => &[],
        }
    }
}

struct Inner {
    /// The ids of the members, by the rolled group.
    groups: HashMap<Box<[SubType]>, Box<[TypeId]>>,
    types: FxHashMap<TypeId, Arc<TypeDef>>,
    /// The types of exceptions, by the function type of their tags.
    exceptions: FxHashMap<TypeId, Arc<TypeDef>>,
    /// The same by their own ids: the host can not name them either.
    hidden: FxHashMap<TypeId, Arc<TypeDef>>,
    descriptors: Descriptors,
}

pub struct TypeRegistry {
    inner: RwLock<Inner>,
    view: DescriptorView,
}

impl TypeRegistry {
    pub fn new() -> Result<TypeRegistry> {
        let descriptors = Descriptors::new()?;
        let view = descriptors.view();
        Ok(TypeRegistry {
            inner: RwLock::new(Inner {
                groups: HashMap::new(),
                types: FxHashMap::default(),
                exceptions: FxHashMap::default(),
                hidden: FxHashMap::default(),
                descriptors,
            }),
            view,
        })
    }

    /// The descriptors, to be read without a lock.
    pub fn view(&self) -> DescriptorView {
        self.view
    }

    /// The types of a recursion group whose members name each other by `in_group`.
    pub fn register_group(&self, group: Vec<SubType>) -> Result<Vec<Arc<TypeDef>>> {
        let group = group.into_boxed_slice();
        let known = |inner: &Inner| {
            inner.groups.get(&group).map(|ids| ids.iter().map(|id| inner.types[id].clone()).collect::<Vec<_>>())
        };
        if let Some(types) = known(&self.inner.read()) {
            return Ok(types);
        }
        let mut inner = self.inner.write();
        if let Some(types) = known(&inner) {
            return Ok(types);
        }
        // Shapes first, so that every member has an id when the members' types are told.
        let mut ids: Vec<TypeId> = Vec::with_capacity(group.len());
        for sub in &group {
            let placed = SubType { supertype: sub.supertype.map(|s| outside(s, &ids)), ..sub.clone() };
            ids.push(inner.descriptors.add(&placed)?);
        }
        let mut types = Vec::with_capacity(group.len());
        for (sub, id) in group.iter().zip(&ids) {
            let sub = sub.with_ids(|t| outside(t, &ids));
            let def = Arc::new(TypeDef::new(*id, sub));
            inner.types.insert(*id, def.clone());
            types.push(def);
        }
        inner.groups.insert(group, ids.into());
        Ok(types)
    }

    /// A function type of its own.
    pub fn register_func(&self, ty: &FuncType) -> Result<(TypeId, Arc<FuncType>)> {
        let group = vec![SubType::plain(CompositeType::Func(Arc::new(ty.clone())))];
        let def = self.register_group(group)?.remove(0);
        Ok((def.id, def.func().expect("registered as one").clone()))
    }

    /// The type of exceptions whose tags have a function type: a structure of the tag, then of what the function takes. No
    /// module can name it.
    pub fn exception(&self, func: TypeId) -> Result<Arc<TypeDef>> {
        if let Some(def) = self.inner.read().exceptions.get(&func) {
            return Ok(def.clone());
        }
        let params = self.func(func);
        let tag = ValType::Ref(RefType { nullable: false, heap: HeapType::Any });
        let field = |t: &ValType| FieldType { storage: StorageType::Val(*t), mutable: false };
        let fields = std::iter::once(&tag).chain(params.params()).map(field).collect();
        let sub = SubType::plain(CompositeType::Struct(fields));
        let mut inner = self.inner.write();
        if let Some(def) = inner.exceptions.get(&func) {
            return Ok(def.clone());
        }
        let id = inner.descriptors.add_exception(&sub)?;
        let def = Arc::new(TypeDef::new(id, sub));
        inner.hidden.insert(id, def.clone());
        inner.exceptions.insert(func, def.clone());
        Ok(def)
    }

    /// The type of an id, if this registry gave it.
    pub fn find(&self, id: TypeId) -> Option<Arc<TypeDef>> {
        self.inner.read().types.get(&id).cloned()
    }

    /// The type of an id that this registry gave, of exceptions as well.
    pub fn get(&self, id: TypeId) -> Arc<TypeDef> {
        let inner = self.inner.read();
        inner.types.get(&id).unwrap_or_else(|| &inner.hidden[&id]).clone()
    }

    /// The function type of an id that this registry gave to one.
    pub fn func(&self, id: TypeId) -> Arc<FuncType> {
        self.get(id).func().expect("the id of a function type").clone()
    }
}

fn outside(t: TypeId, ids: &[TypeId]) -> TypeId {
    if t.0 & IN_GROUP != 0 { ids[(t.0 & !IN_GROUP) as usize] } else { t }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(next: TypeId, supertype: Option<TypeId>) -> SubType {
        let next = ValType::Ref(RefType { nullable: true, heap: HeapType::ConcreteStruct(next) });
        let field = |t| FieldType { storage: StorageType::Val(t), mutable: true };
        let mut fields = vec![field(ValType::I32), field(next)];
        if supertype.is_some() {
            fields.push(field(ValType::I64));
        }
        SubType { is_final: false, supertype, composite: CompositeType::Struct(fields.into()) }
    }

    #[test]
    fn equal_groups_are_the_same_types() {
        let r = TypeRegistry::new().unwrap();
        let a = r.register_group(vec![node(in_group(0), None)]).unwrap()[0].id;
        let b = r.register_group(vec![node(in_group(0), None)]).unwrap()[0].id;
        assert_eq!(a, b);
        // The same structure in a group of two is another type.
        let c = r.register_group(vec![node(in_group(0), None), node(in_group(0), None)]).unwrap();
        assert!(c[0].id != a && c[1].id != c[0].id);
    }

    #[test]
    fn displays_know_every_supertype() {
        let r = TypeRegistry::new().unwrap();
        let mut chain = vec![r.register_group(vec![node(in_group(0), None)]).unwrap()[0].id];
        for _ in 0..20 {
            let last = *chain.last().unwrap();
            chain.push(r.register_group(vec![node(chain[0], Some(last))]).unwrap()[0].id);
        }
        let other = r.register_group(vec![node(chain[0], Some(chain[3]))]).unwrap()[0].id;
        let view = r.view();
        for (i, a) in chain.iter().enumerate() {
            for (j, b) in chain.iter().enumerate() {
                assert_eq!(view.is_subtype(*a, *b), i >= j, "{i} {j}");
            }
        }
        assert!(other == chain[4] && view.is_subtype(other, chain[0]));
    }

    #[test]
    fn large_structures_have_longer_maps() {
        let r = TypeRegistry::new().unwrap();
        let any = FieldType { storage: StorageType::Val(ValType::ANYREF), mutable: true };
        let byte = FieldType { storage: StorageType::I8, mutable: true };
        let mut fields = vec![byte; 4 * 100];
        fields.extend([any; 100]);
        let ty = SubType::plain(CompositeType::Struct(fields.into()));
        let id = r.register_group(vec![ty]).unwrap()[0].id;
        let d = r.view().get(id);
        let found: u32 = (0..d.ref_words).map(|i| d.ref_word(i).count_ones()).sum();
        assert_eq!((found, d.ref_words, d.size), (100, 4, 8 + 400 + 400));
        assert_eq!(d.ref_word(1) & (1 << (102 - 64)), 1 << (102 - 64), "the first reference");
        assert_eq!(d.ref_word(1) & (1 << (101 - 64)), 0, "the last bytes");
    }
}
