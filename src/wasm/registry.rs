//! The engine-wide type registry: equal types of all modules get the same id, so that a type check compares numbers.
//! Recursion groups are compared as a whole, with references inside a group counted from its start (Wasm 3.0, 3.1.1:
//! "rolling").
//!
//! A group lives as long as something holds a `DefType` of it: modules, stores, the host, and groups that refer to its
//! types. The registry itself holds only weak references. Ids are reused; a generation distinguishes the types that had
//! the same id.

use super::descriptor::{DescriptorView, Descriptors};
use super::scope::TypeScope;
use super::types::*;
use crate::base::Result;
use crate::err;
use crate::sys::lock::{RwLock, section};
use rustc_hash::FxHashMap;
use std::any::Any;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, OnceLock, Weak};

pub use super::types::TypeId;

/// Marks the n-th type of the group that is being defined.
const IN_GROUP: u32 = 1 << 31;

/// The id by which a type of the group that is being defined is referred to before it is registered.
pub fn in_group(n: u32) -> TypeId {
    TypeId(IN_GROUP | n)
}

/// The index in its group of a type that is referred to in this way.
pub fn in_group_place(id: TypeId) -> Option<usize> {
    (id != TypeId::NONE && id.0 & IN_GROUP != 0).then_some((id.0 & !IN_GROUP) as usize)
}

/// A registered type.
pub struct TypeDef {
    pub id: TypeId,
    /// Distinguishes this type from all others that had or will have this id.
    pub generation: u32,
    pub sub: SubType,
    /// For a structure: the offsets of its fields.
    pub offsets: Box<[u32]>,
    /// Whether some field holds a function.
    pub has_funcs: bool,
    /// Size of its descriptor in bytes.
    descriptor: u32,
    /// Data that other code attaches to the type for as long as the type lives.
    attached: OnceLock<Attached>,
}

type Attached = Arc<dyn Any + Send + Sync>;

impl TypeDef {
    fn new(id: TypeId, generation: u32, descriptor: u32, sub: SubType) -> TypeDef {
        let offsets = match &sub.composite {
            CompositeType::Struct(fields) => super::descriptor::struct_layout(fields),
            _ => vec![],
        };
        let offsets = offsets.into();
        let attached = OnceLock::new();
        let mut def = TypeDef { id, generation, sub, offsets, has_funcs: false, descriptor, attached };
        def.has_funcs = def.fields().iter().any(|f| f.storage.is_func());
        def
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
    /// The data attached to the type, created by `make` if there is none yet. All callers must ask for the same `T`.
    pub fn attached<T: Any + Send + Sync>(&self, make: impl FnOnce() -> Result<Arc<T>>) -> Result<Arc<T>> {
        if self.attached.get().is_none() {
            let made: Attached = make()?;
            // If another thread was faster, ours is dropped.
            section(|| drop(self.attached.set(made)));
        }
        let attached = self.attached.get().expect("set above").clone();
        attached.downcast().map_err(|_| err!(Internal, "something else is kept with a type"))
    }
}

/// A registered type, which lives as long as this does.
#[derive(Clone)]
pub struct DefType {
    group: Arc<Group>,
    place: u32,
}

impl Deref for DefType {
    type Target = TypeDef;
    fn deref(&self) -> &TypeDef {
        &self.group.members[self.place as usize]
    }
}

impl std::fmt::Debug for DefType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.id.0, self.sub)
    }
}

impl DefType {
    fn all(group: Arc<Group>) -> Vec<DefType> {
        (0..group.members.len() as u32).map(|place| DefType { group: group.clone(), place }).collect()
    }

    /// The group, which keeps the type alive.
    pub fn group(&self) -> &Arc<Group> {
        &self.group
    }
}

/// The types of a recursion group, or the type of the exceptions of one function type.
pub struct Group {
    members: Box<[TypeDef]>,
    /// The groups of the types that the members refer to.
    uses: Vec<Arc<Group>>,
    key: Key,
    registry: Arc<Shared>,
}

/// The key by which the registry finds a group.
enum Key {
    Types(Arc<[SubType]>),
    /// Neither modules nor the host can refer to this type.
    ExceptionOf(TypeId),
}

impl Drop for Group {
    fn drop(&mut self) {
        self.registry.forget(self);
        // Iterative, not recursive: a module determines how long chains of types are.
        let mut pending = std::mem::take(&mut self.uses);
        while let Some(group) = pending.pop() {
            if let Some(mut last) = Arc::into_inner(group) {
                pending.append(&mut last.uses);
            }
        }
    }
}

/// The registry's data. It holds groups weakly. A group removes itself in its own `drop`, which takes this lock, so no
/// group may be dropped under the lock.
struct Inner {
    /// By the rolled group.
    groups: HashMap<Arc<[SubType]>, Weak<Group>>,
    /// By the function type of their tags.
    exceptions: FxHashMap<TypeId, Weak<Group>>,
    /// By id: a group, and an index in it.
    types: FxHashMap<TypeId, (Weak<Group>, u32)>,
    scopes: FxHashMap<u32, Weak<TypeScope>>,
    next_generation: u32,
    next_scope: u32,
    descriptors: Descriptors,
}

pub(super) struct Shared {
    inner: RwLock<Inner>,
    view: DescriptorView,
}

impl Shared {
    fn forget(&self, group: &Group) {
        let mut guard = self.inner.write();
        let inner = &mut *guard;
        let is_it = |known: Option<&Weak<Group>>| known.is_some_and(|known| std::ptr::eq(known.as_ptr(), group));
        // An equal group may have been registered after this one's last reference was gone.
        match &group.key {
            Key::Types(key) if is_it(inner.groups.get(key)) => drop(inner.groups.remove(key)),
            Key::ExceptionOf(func) if is_it(inner.exceptions.get(func)) => drop(inner.exceptions.remove(func)),
            _ => {}
        }
        for member in &group.members {
            inner.types.remove(&member.id);
            inner.descriptors.remove(member.id, member.descriptor);
        }
    }

    /// The type with this id, if it exists and modules and the host can refer to it.
    pub(super) fn find(&self, id: TypeId) -> Option<DefType> {
        let found = self.inner.read().get(id);
        found.filter(|def| matches!(def.group.key, Key::Types(_)))
    }

    pub(super) fn view(&self) -> DescriptorView {
        self.view
    }

    pub(super) fn forget_scope(&self, number: u32) {
        self.inner.write().scopes.remove(&number);
    }
}

pub struct TypeRegistry(Arc<Shared>);

impl TypeRegistry {
    pub fn new() -> Result<TypeRegistry> {
        let descriptors = Descriptors::new()?;
        let view = descriptors.view();
        let inner = Inner {
            groups: HashMap::new(),
            exceptions: FxHashMap::default(),
            types: FxHashMap::default(),
            scopes: FxHashMap::default(),
            next_generation: 1,
            next_scope: 1,
            descriptors,
        };
        Ok(TypeRegistry(Arc::new(Shared { inner: RwLock::new(inner), view })))
    }

    /// The descriptors, which can be read without a lock.
    pub fn view(&self) -> DescriptorView {
        self.0.view
    }

    /// The number of types.
    pub fn len(&self) -> usize {
        self.0.inner.read().types.len()
    }

    /// Registers the types of a recursion group, whose members refer to each other by `in_group`.
    pub fn register_group(&self, group: Vec<SubType>) -> Result<Vec<DefType>> {
        let known = self.0.inner.read().known(&group);
        if let Some(known) = known {
            return Ok(DefType::all(known));
        }
        // Held from here on, so that their ids stay valid.
        let uses = self.groups_of(group.iter().flat_map(SubType::named))?;
        let made = {
            let mut inner = self.0.inner.write();
            match inner.known(&group) {
                Some(known) => known,
                None => inner.add(&self.0, group, uses)?,
            }
        };
        Ok(DefType::all(made))
    }

    /// The groups of the types that are not referred to by `in_group`, each once.
    fn groups_of(&self, ids: impl Iterator<Item = TypeId>) -> Result<Vec<Arc<Group>>> {
        let outside = ids.filter(|id| in_group_place(*id).is_none());
        let mut groups = outside.map(|id| Ok(self.find(id).ok_or_else(gone)?.group)).collect::<Result<Vec<_>>>()?;
        groups.sort_unstable_by_key(Arc::as_ptr);
        groups.dedup_by_key(|g| Arc::as_ptr(g));
        Ok(groups)
    }

    /// Registers a function type as a group of its own.
    pub fn register_func(&self, ty: &FuncType) -> Result<DefType> {
        let group = vec![SubType::plain(CompositeType::Func(Arc::new(ty.clone())))];
        Ok(self.register_group(group)?.remove(0))
    }

    /// The type of exceptions whose tags have this function type: a structure of the tag, followed by the function's
    /// parameters. Modules cannot refer to it.
    pub fn exception(&self, func: &DefType) -> Result<DefType> {
        let known = self.0.inner.read().known_exception(func.id);
        let group = match known {
            Some(known) => known,
            None => {
                let sub = exception_type(func);
                let uses = vec![func.group.clone()];
                let mut inner = self.0.inner.write();
                match inner.known_exception(func.id) {
                    Some(known) => known,
                    None => inner.add_exception(&self.0, func.id, sub, uses)?,
                }
            }
        };
        Ok(DefType { group, place: 0 })
    }

    /// The type with this id, if it exists and modules and the host can refer to it.
    pub fn find(&self, id: TypeId) -> Option<DefType> {
        self.0.find(id)
    }

    /// The type with this id, which the caller knows to be alive; may be the type of exceptions.
    pub fn get(&self, id: TypeId) -> DefType {
        let found = self.0.inner.read().get(id);
        found.expect("the id of a type that is kept")
    }

    /// The function type with this id, which the caller knows to be alive.
    pub fn func(&self, id: TypeId) -> Arc<FuncType> {
        self.get(id).func().expect("the id of a function type").clone()
    }

    /// Creates a scope that keeps the types alive and knows names of some. It gets a number by which it can be found if
    /// there are names.
    pub fn scope(&self, types: Vec<DefType>, names: FxHashMap<TypeId, super::names::TypeNames>) -> Arc<TypeScope> {
        let mut groups: Vec<_> = types.into_iter().map(|t| t.group).collect();
        groups.sort_unstable_by_key(Arc::as_ptr);
        groups.dedup_by_key(|g| Arc::as_ptr(g));
        if names.is_empty() {
            return Arc::new(TypeScope::new(0, groups, names, self.0.clone()));
        }
        let mut inner = self.0.inner.write();
        while inner.next_scope == 0 || inner.scopes.contains_key(&inner.next_scope) {
            inner.next_scope = inner.next_scope.wrapping_add(1);
        }
        let number = inner.next_scope;
        inner.next_scope = number.wrapping_add(1);
        let scope = Arc::new(TypeScope::new(number, groups, names, self.0.clone()));
        inner.scopes.insert(number, Arc::downgrade(&scope));
        scope
    }

    /// The scope with this number, if it still exists.
    pub fn find_scope(&self, number: u32) -> Option<Arc<TypeScope>> {
        self.0.inner.read().scopes.get(&number)?.upgrade()
    }
}

impl Inner {
    fn known(&self, group: &[SubType]) -> Option<Arc<Group>> {
        self.groups.get(group)?.upgrade()
    }

    fn known_exception(&self, func: TypeId) -> Option<Arc<Group>> {
        self.exceptions.get(&func)?.upgrade()
    }

    fn get(&self, id: TypeId) -> Option<DefType> {
        let (group, place) = self.types.get(&id)?;
        Some(DefType { group: group.upgrade()?, place: *place })
    }

    fn add(&mut self, shared: &Arc<Shared>, group: Vec<SubType>, uses: Vec<Arc<Group>>) -> Result<Arc<Group>> {
        // Descriptors first, so that every member has an id when the members' types are resolved.
        let mut ids: Vec<TypeId> = Vec::with_capacity(group.len());
        let mut sizes = Vec::with_capacity(group.len());
        let first_generation = self.next_generation;
        for sub in &group {
            let placed = SubType { supertype: sub.supertype.map(|s| outside(s, &ids)), ..sub.clone() };
            match self.descriptors.add(&placed, self.next_generation) {
                Ok((id, size)) => {
                    ids.push(id);
                    sizes.push(size);
                }
                Err(e) => {
                    ids.iter().zip(&sizes).for_each(|(id, size)| self.descriptors.remove(*id, *size));
                    return Err(e);
                }
            }
            self.next_generation = next_generation(self.next_generation);
        }
        let mut generation = first_generation;
        let member = |((sub, id), size): ((&SubType, &TypeId), &u32)| {
            let def = TypeDef::new(*id, generation, *size, sub.with_ids(|t| outside(t, &ids)));
            generation = next_generation(generation);
            def
        };
        let members = group.iter().zip(&ids).zip(&sizes).map(member).collect();
        let key: Arc<[SubType]> = group.into();
        let group = self.put(Group { members, uses, key: Key::Types(key.clone()), registry: shared.clone() });
        self.groups.insert(key, Arc::downgrade(&group));
        Ok(group)
    }

    fn add_exception(
        &mut self,
        shared: &Arc<Shared>,
        func: TypeId,
        sub: SubType,
        uses: Vec<Arc<Group>>,
    ) -> Result<Arc<Group>> {
        let (id, size) = self.descriptors.add_exception(&sub, self.next_generation)?;
        let members = vec![TypeDef::new(id, self.next_generation, size, sub)].into();
        self.next_generation = next_generation(self.next_generation);
        let group = self.put(Group { members, uses, key: Key::ExceptionOf(func), registry: shared.clone() });
        self.exceptions.insert(func, Arc::downgrade(&group));
        Ok(group)
    }

    fn put(&mut self, group: Group) -> Arc<Group> {
        let group = Arc::new(group);
        for (place, member) in group.members.iter().enumerate() {
            self.types.insert(member.id, (Arc::downgrade(&group), place as u32));
        }
        group
    }
}

/// The next generation. Never 0, because zeroed handles have that.
fn next_generation(generation: u32) -> u32 {
    generation.wrapping_add(1).max(1)
}

fn exception_type(func: &DefType) -> SubType {
    let params = func.func().expect("the type of a tag is a function's");
    let tag = ValType::Ref(RefType { nullable: false, heap: HeapType::Any });
    let field = |t: &ValType| FieldType { storage: StorageType::Val(*t), mutable: false };
    let fields = std::iter::once(&tag).chain(params.params()).map(field).collect();
    SubType::plain(CompositeType::Struct(fields))
}

#[cold]
fn gone() -> crate::base::Error {
    err!(InvalidArgument, "it names a type that is gone")
}

fn outside(t: TypeId, ids: &[TypeId]) -> TypeId {
    if t.0 & IN_GROUP != 0 { ids[(t.0 & !IN_GROUP) as usize] } else { t }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::lock::Mutex;

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
        let a = r.register_group(vec![node(in_group(0), None)]).unwrap();
        let b = r.register_group(vec![node(in_group(0), None)]).unwrap();
        assert_eq!(a[0].id, b[0].id);
        // The same structure in a group of two is a different type.
        let c = r.register_group(vec![node(in_group(0), None), node(in_group(0), None)]).unwrap();
        assert!(c[0].id != a[0].id && c[1].id != c[0].id);
    }

    #[test]
    fn displays_know_every_supertype() {
        let r = TypeRegistry::new().unwrap();
        let mut chain = vec![r.register_group(vec![node(in_group(0), None)]).unwrap().remove(0)];
        for _ in 0..20 {
            let last = chain.last().unwrap().id;
            chain.push(r.register_group(vec![node(chain[0].id, Some(last))]).unwrap().remove(0));
        }
        let other = r.register_group(vec![node(chain[0].id, Some(chain[3].id))]).unwrap()[0].id;
        let view = r.view();
        for (i, a) in chain.iter().enumerate() {
            for (j, b) in chain.iter().enumerate() {
                assert_eq!(view.is_subtype(a.id, b.id), i >= j, "{i} {j}");
            }
        }
        assert!(other == chain[4].id && view.is_subtype(other, chain[0].id));
    }

    #[test]
    fn large_structures_have_longer_maps() {
        let r = TypeRegistry::new().unwrap();
        let any = FieldType { storage: StorageType::Val(ValType::ANYREF), mutable: true };
        let byte = FieldType { storage: StorageType::I8, mutable: true };
        let mut fields = vec![byte; 4 * 100];
        fields.extend([any; 100]);
        let ty = SubType::plain(CompositeType::Struct(fields.into()));
        let def = r.register_group(vec![ty]).unwrap().remove(0);
        let d = r.view().get(def.id);
        let found: u32 = (0..d.ref_words).map(|i| d.ref_word(i).count_ones()).sum();
        assert_eq!((found, d.ref_words, d.size), (100, 4, 8 + 400 + 400));
        assert_eq!(d.ref_word(1) & (1 << (102 - 64)), 1 << (102 - 64), "the first reference");
        assert_eq!(d.ref_word(1) & (1 << (101 - 64)), 0, "the last bytes");
    }

    /// Structures of this many bytes, each in a group of its own.
    fn bytes(r: &TypeRegistry, n: usize) -> DefType {
        let byte = FieldType { storage: StorageType::I8, mutable: true };
        r.register_group(vec![SubType::plain(CompositeType::Struct(vec![byte; n].into()))]).unwrap().remove(0)
    }

    #[test]
    fn types_end_with_the_last_that_has_them() {
        let r = TypeRegistry::new().unwrap();
        let below = r.register_group(vec![node(in_group(0), None)]).unwrap().remove(0);
        let above = r.register_group(vec![node(below.id, Some(below.id))]).unwrap().remove(0);
        let (old, id) = (below.generation, below.id);
        drop(below);
        // A type keeps the types that it refers to.
        assert_eq!((r.len(), r.find(id).unwrap().generation), (2, old));
        drop(above);
        assert_eq!((r.len(), r.find(id).is_none()), (0, true));
        // The id is reused, but it is not the same type.
        let next = bytes(&r, 3);
        assert!(next.id == id && next.generation != old);
        // A member keeps its group, exceptions keep their function type, and scopes keep their types.
        let pair = r.register_group(vec![node(in_group(1), None), node(in_group(0), None)]).unwrap().remove(1);
        let func = r.register_func(&FuncType::new([ValType::I32], [])).unwrap();
        let exception = r.exception(&func).unwrap();
        let (visible, hidden) = (func.id, exception.id);
        drop(func);
        assert_eq!((r.len(), r.get(hidden).fields().len()), (5, 2));
        assert!(r.find(hidden).is_none() && r.find(visible).is_some());
        let scope = r.scope(vec![pair, exception, next], FxHashMap::default());
        assert_eq!(r.len(), 5);
        drop(scope);
        assert_eq!(r.len(), 0);
        // The types outlive the registry.
        let last = bytes(&r, 1);
        drop(r);
        assert_eq!(last.fields().len(), 1);
    }

    /// Dropping a chain as long as a module can define needs no recursion of that depth.
    #[test]
    fn long_chains_end() {
        let r = TypeRegistry::new().unwrap();
        let mut last = r.register_group(vec![node(in_group(0), None)]).unwrap().remove(0);
        for _ in 0..100_000 {
            last = r.register_group(vec![node(last.id, None)]).unwrap().remove(0);
        }
        assert_eq!(r.len(), 100_001);
        drop(last);
        assert_eq!(r.len(), 0);
    }

    #[test]
    fn places_of_descriptors_are_used_again() {
        let r = TypeRegistry::new().unwrap();
        let first: Vec<DefType> = (0..200).map(|n| bytes(&r, n)).collect();
        let end = first.iter().map(|t| t.id.0).max().unwrap();
        // Gaps of all sizes, then types of all sizes: none is placed beyond what was used before.
        let kept: Vec<DefType> = first.into_iter().step_by(3).collect();
        let more: Vec<DefType> = (200..300).map(|n| bytes(&r, n)).collect();
        assert!(more.iter().all(|t| t.id.0 <= end));
        let all: std::collections::HashSet<u32> = kept.iter().chain(&more).map(|t| t.id.0).collect();
        assert_eq!(all.len(), kept.len() + more.len());
        for t in kept.iter().chain(&more) {
            assert_eq!((r.view().get(t.id).generation, r.find(t.id).unwrap().generation), (t.generation, t.generation));
        }
        let start = kept[0].id;
        drop((kept, more));
        assert_eq!(bytes(&r, 5).id, start, "everything is free");
    }

    /// Threads register and drop equal groups, and groups that refer to each other. All threads that hold an equal type
    /// hold the same one.
    #[test]
    fn equal_types_are_one_type_while_they_come_and_go() {
        let r = TypeRegistry::new().unwrap();
        let ids = Mutex::new(FxHashMap::<u32, (usize, usize)>::default());
        std::thread::scope(|s| {
            for seed in 0..4usize {
                let (r, ids) = (&r, &ids);
                s.spawn(move || {
                    for i in 0..if cfg!(miri) { 30 } else { 3000 } {
                        let n = (i * 7 + seed * 13) % 5;
                        let base = bytes(r, n);
                        let field = |t| FieldType { storage: StorageType::Val(t), mutable: true };
                        let to = ValType::Ref(RefType { nullable: true, heap: base.heap_type() });
                        let user = SubType::plain(CompositeType::Array(field(to)));
                        let user = r.register_group(vec![user]).unwrap().remove(0);
                        drop(base);
                        {
                            // Every type that some thread holds has only one meaning.
                            let mut ids = ids.lock();
                            let (count, meaning) = ids.entry(user.id.0).or_insert((0, n));
                            assert!(*count == 0 || *meaning == n);
                            (*count, *meaning) = (*count + 1, n);
                        }
                        let StorageType::Val(to) = user.fields()[0].storage else { panic!("a reference") };
                        assert_eq!(r.find(to.named().unwrap()).unwrap().fields().len(), n);
                        // There are no two types with the same meaning.
                        let base = bytes(r, n);
                        assert_eq!(to.named(), Some(base.id));
                        ids.lock().get_mut(&user.id.0).unwrap().0 -= 1;
                        drop(user);
                    }
                });
            }
        });
        assert_eq!(r.len(), 0);
    }
}
