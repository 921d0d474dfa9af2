//! Matching of types (Wasm 3.0, 3.3): whether a value of one type can be used where another type is required.

use super::descriptor::DescriptorView;
use super::types::*;

impl DescriptorView {
    /// Wasm 3.0, 3.3.3.
    pub fn heap_matches(self, a: HeapType, b: HeapType) -> bool {
        use HeapType as H;
        if a == b {
            return true;
        }
        match (a, b) {
            (_, H::Func | H::Extern | H::Any | H::Exn) => a.top() == b.top(),
            (H::NoFunc | H::NoExtern | H::None | H::NoExn, _) => a.top() == b.top(),
            (H::I31 | H::Struct | H::Array | H::ConcreteStruct(_) | H::ConcreteArray(_), H::Eq) => true,
            (H::ConcreteStruct(_), H::Struct) | (H::ConcreteArray(_), H::Array) => true,
            _ => matches!((a.concrete(), b.concrete()), (Some(a), Some(b)) if self.is_subtype(a, b)),
        }
    }

    /// Wasm 3.0, 3.3.4.
    pub fn ref_matches(self, a: RefType, b: RefType) -> bool {
        (!a.nullable || b.nullable) && self.heap_matches(a.heap, b.heap)
    }

    /// Wasm 3.0, 3.3.5.
    pub fn val_matches(self, a: ValType, b: ValType) -> bool {
        match (a, b) {
            (ValType::Ref(a), ValType::Ref(b)) => self.ref_matches(a, b),
            _ => a == b,
        }
    }

    /// Wasm 3.0, 3.3.14: for a mutable global, the types must match in both directions.
    pub fn global_matches(self, a: GlobalType, b: GlobalType) -> bool {
        a.mutable == b.mutable
            && if a.mutable { a.content == b.content } else { self.val_matches(a.content, b.content) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::registry::TypeRegistry;

    #[test]
    fn the_lattice_of_abstract_types() {
        use HeapType as H;
        let view = TypeRegistry::new().unwrap();
        let view = view.view();
        let all = [
            H::Func,
            H::NoFunc,
            H::Extern,
            H::NoExtern,
            H::Any,
            H::Eq,
            H::I31,
            H::Struct,
            H::Array,
            H::None,
            H::Exn,
            H::NoExn,
        ];
        let below = |b: HeapType| all.iter().filter(|a| view.heap_matches(**a, b)).count();
        // Counts the type itself, the types below it, and its bottom type.
        assert_eq!(all.map(below), [2, 1, 2, 1, 6, 5, 2, 2, 2, 1, 2, 1]);
    }
}
