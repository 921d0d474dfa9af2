//! Types that belong together, such as those of a module: they are kept, and have the names that are given there. Equal types of
//! other modules have names of their own.

use super::names::TypeNames;
use super::registry::{DefType, Group, Shared};
use super::types::*;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Made by `TypeRegistry::scope`.
pub struct TypeScope {
    /// What the host knows it by; 0 if it has no names.
    number: u32,
    names: FxHashMap<TypeId, TypeNames>,
    registry: Arc<Shared>,
    /// By address.
    types: Vec<Arc<Group>>,
}

impl TypeScope {
    pub(super) fn new(
        number: u32,
        types: Vec<Arc<Group>>,
        names: FxHashMap<TypeId, TypeNames>,
        registry: Arc<Shared>,
    ) -> TypeScope {
        TypeScope { number, names, registry, types }
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    /// What it keeps.
    pub fn groups(&self) -> &[Arc<Group>] {
        &self.types
    }

    /// Tells a type that is kept from others that had its id before it.
    pub fn generation(&self, id: TypeId) -> u32 {
        self.registry.view().get(id).generation
    }

    /// Whether it has a name for the type or for one of its fields.
    pub fn names(&self, id: TypeId) -> bool {
        self.names.contains_key(&id)
    }

    /// Whether it keeps the same types under the same names.
    pub fn is_like(&self, other: &TypeScope) -> bool {
        let groups = |s: &TypeScope| s.types.iter().map(Arc::as_ptr).collect::<Vec<_>>();
        self.names == other.names && groups(self) == groups(other)
    }

    pub fn name(&self, id: TypeId) -> Option<&str> {
        self.names.get(&id).map(|n| &*n.name).filter(|n| !n.is_empty())
    }

    pub fn field_name(&self, id: TypeId, field: u32) -> Option<&str> {
        let fields = &self.names.get(&id)?.fields;
        fields.binary_search_by_key(&field, |(i, _)| *i).ok().map(|at| &*fields[at].1)
    }
}

/// Fields or values that are shown of a type without a name.
const SHOWN_VALUES: usize = 8;
/// Characters that are shown of a name among others. Guests choose how long names are, and how often they use them.
const SHOWN_NAME: usize = 100;
/// As much of a list of types has room for what types without names are made of.
const SHOWN_LIST: usize = 1000;

/// How much of a type is shown.
#[derive(Clone, Copy, PartialEq)]
enum Detail {
    /// All of its name, or what it is made of.
    Whole,
    /// The same, but not all of a long name.
    InList,
    /// Its name, or its kind.
    Nested,
}

/// Text for people: names where this has some, otherwise what types are made of, one level deep.
impl TypeScope {
    /// Whether it keeps a type.
    pub fn has(&self, ty: &DefType) -> bool {
        self.types.binary_search_by_key(&Arc::as_ptr(ty.group()), Arc::as_ptr).is_ok()
    }

    pub fn val_text(&self, t: ValType) -> String {
        self.val(t, Detail::Whole)
    }

    pub fn heap_text(&self, heap: HeapType) -> String {
        self.heap(heap, Detail::Whole)
    }

    /// As `FuncType` prints.
    pub fn func_text(&self, f: &FuncType) -> String {
        self.func(f, usize::MAX, Detail::InList)
    }

    /// As `ExternType` prints.
    pub fn extern_text(&self, t: &ExternType) -> String {
        match t {
            ExternType::Func(_, f) | ExternType::Tag(_, f) => format!("{} {}", t.kind_name(), self.func_text(f)),
            ExternType::Table(t) => {
                format!("table {}{} {}", t.index, t.limits, self.val(ValType::Ref(t.element), Detail::InList))
            }
            ExternType::Global(g) => {
                format!("global {}{}", if g.mutable { "mut " } else { "" }, self.val(g.content, Detail::InList))
            }
            memory => memory.to_string(),
        }
    }

    fn val(&self, t: ValType, detail: Detail) -> String {
        match t {
            ValType::Ref(RefType { nullable, heap }) if heap.concrete().is_some() => {
                let null = if nullable { "null " } else { "" };
                format!("(ref {null}{})", self.heap(heap, detail))
            }
            plain => plain.to_string(),
        }
    }

    fn heap(&self, heap: HeapType, detail: Detail) -> String {
        let Some(id) = heap.concrete() else { return heap.to_string() };
        if let Some(name) = self.name(id) {
            return match name.char_indices().nth(SHOWN_NAME) {
                Some((end, _)) if detail != Detail::Whole => format!("${}...", &name[..end]),
                _ => format!("${name}"),
            };
        }
        let kind = match heap {
            HeapType::ConcreteFunc(_) => "func",
            HeapType::ConcreteArray(_) => "array",
            _ => "struct",
        };
        match self.registry.find(id) {
            Some(def) if detail != Detail::Nested => match &def.sub.composite {
                CompositeType::Func(f) => format!("(func {})", self.func(f, SHOWN_VALUES, Detail::Nested)),
                _ => format!("({kind}{})", self.fields(def.fields())),
            },
            _ => kind.into(),
        }
    }

    fn fields(&self, fields: &[FieldType]) -> String {
        let mut text = String::new();
        for f in fields.iter().take(SHOWN_VALUES) {
            let t = match f.storage {
                StorageType::I8 => "i8".into(),
                StorageType::I16 => "i16".into(),
                StorageType::Val(t) => self.val(t, Detail::Nested),
            };
            text += &if f.mutable { format!(" (mut {t})") } else { format!(" {t}") };
        }
        if fields.len() > SHOWN_VALUES { text + " ..." } else { text }
    }

    fn func(&self, f: &FuncType, most: usize, detail: Detail) -> String {
        let params = self.list(f.params(), most, detail);
        match f.results() {
            [] => format!("({params})"),
            [one] => format!("({params}) -> {}", self.val(*one, detail)),
            many => format!("({params}) -> ({})", self.list(many, most, detail)),
        }
    }

    fn list(&self, types: &[ValType], most: usize, detail: Detail) -> String {
        let mut text = String::new();
        for (i, t) in types.iter().take(most).enumerate() {
            let detail = if text.len() < SHOWN_LIST { detail } else { Detail::Nested };
            text += if i > 0 { ", " } else { "" };
            text += &self.val(*t, detail);
        }
        if types.len() > most { text + ", ..." } else { text }
    }
}

impl Drop for TypeScope {
    fn drop(&mut self) {
        if self.number != 0 {
            self.registry.forget_scope(self.number);
        }
    }
}
