//! Types that belong together, such as those of a module. A scope keeps them alive and knows the names they were given
//! there. Equal types of other modules can have other names.

use super::names::TypeNames;
use super::registry::{DefType, Group, Shared};
use super::types::*;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Created by `TypeRegistry::scope`.
pub struct TypeScope {
    /// The number by which the host refers to it; 0 if it has no names.
    number: u32,
    names: FxHashMap<TypeId, TypeNames>,
    registry: Arc<Shared>,
    /// Sorted by address.
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

    /// The groups that it keeps alive.
    pub fn groups(&self) -> &[Arc<Group>] {
        &self.types
    }

    /// The type's generation, which distinguishes it from earlier types with the same id. The scope must keep the type.
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

/// Maximum number of fields or values displayed of a type without a name.
const SHOWN_VALUES: usize = 8;
/// Maximum number of characters displayed of a name in a list. Guests choose how long names are, and how often they are
/// used.
const SHOWN_NAME: usize = 100;
/// Length of a list, in bytes, after which types without names are no longer displayed structurally.
const SHOWN_LIST: usize = 1000;

/// How much of a type is displayed.
#[derive(Clone, Copy, PartialEq)]
enum Detail {
    /// Its whole name, or its structure.
    Whole,
    /// The same, but a long name is cut off.
    InList,
    /// Its name, or its kind.
    Nested,
}

/// Text for humans: names where the scope has some, otherwise the structure of types, one level deep.
impl TypeScope {
    /// Whether it keeps a type alive.
    pub fn has(&self, ty: &DefType) -> bool {
        self.types.binary_search_by_key(&Arc::as_ptr(ty.group()), Arc::as_ptr).is_ok()
    }

    pub fn val_text(&self, t: ValType) -> String {
        self.val(t, Detail::Whole)
    }

    pub fn heap_text(&self, heap: HeapType) -> String {
        self.heap(heap, Detail::Whole)
    }

    /// The format in which `FuncType` prints.
    pub fn func_text(&self, f: &FuncType) -> String {
        self.func(f, usize::MAX, Detail::InList)
    }

    /// The format in which `ExternType` prints.
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
