//! Recursion groups defined by the host: checked as the validator checks those of modules (Wasm 3.0, 3.2.9), and
//! registered.

use super::registry::{DefType, TypeRegistry, in_group_place};
use super::types::*;
use crate::base::limits::MAX_FUNC_VALUES;
use crate::base::{Error, Result};
use crate::err;

/// Maximum number of members of a group, of fields of a structure, and of supertypes of a type, as in the validator.
const MAX_MEMBERS: usize = 1_000_000;
const MAX_FIELDS: usize = 10_000;
const MAX_DEPTH: usize = 63;

/// Checks the members of a group, which refer to each other by `registry::in_group`, and registers them.
pub fn define(types: &TypeRegistry, group: Vec<SubType>) -> Result<Vec<DefType>> {
    if group.len() > MAX_MEMBERS {
        return Err(err!(Limit, "a recursion group of {} types, the maximum is {MAX_MEMBERS}", group.len()));
    }
    let check = Check { types, group: &group };
    for n in 0..group.len() {
        check.member(n).map_err(|e| Error::new(e.kind(), format!("type {n} of the group: {}", e.message())))?;
    }
    types.register_group(group)
}

struct Check<'a> {
    types: &'a TypeRegistry,
    group: &'a [SubType],
}

impl Check<'_> {
    fn member(&self, n: usize) -> Result<()> {
        let sub = &self.group[n];
        match &sub.composite {
            CompositeType::Func(f) => {
                let count = f.params().len().max(f.results().len());
                if count > MAX_FUNC_VALUES {
                    return Err(err!(Limit, "{count} values, the maximum is {MAX_FUNC_VALUES}"));
                }
                f.params().iter().chain(f.results()).try_for_each(|t| self.val(*t))?;
            }
            CompositeType::Struct(fields) => {
                if fields.len() > MAX_FIELDS {
                    return Err(err!(Limit, "{} fields, the maximum is {MAX_FIELDS}", fields.len()));
                }
                fields.iter().try_for_each(|f| self.val(f.storage.unpacked()))?;
            }
            CompositeType::Array(element) => self.val(element.storage.unpacked())?,
        }
        let Some(above) = sub.supertype else { return Ok(()) };
        if in_group_place(above).is_some_and(|m| m >= n) {
            return Err(err!(InvalidArgument, "the supertype must come before"));
        }
        let above = self.get(above).ok_or_else(unknown)?;
        if above.is_final {
            return Err(err!(TypeMismatch, "the supertype is final"));
        }
        if !self.composite_matches(&sub.composite, &above.composite) {
            return Err(err!(TypeMismatch, "it is not a subtype of its declared supertype"));
        }
        let (mut depth, mut at) = (0, sub.supertype);
        while let Some(s) = at.and_then(|s| self.get(s)) {
            (depth, at) = (depth + 1, s.supertype);
        }
        if depth > MAX_DEPTH {
            return Err(err!(Limit, "{depth} supertypes, the maximum is {MAX_DEPTH}"));
        }
        Ok(())
    }

    fn get(&self, id: TypeId) -> Option<SubType> {
        match in_group_place(id) {
            Some(n) => self.group.get(n).cloned(),
            None => self.types.find(id).map(|def| def.sub.clone()),
        }
    }

    /// Checks that a type exists and has the kind that the reference says.
    fn val(&self, t: ValType) -> Result<()> {
        let ValType::Ref(RefType { heap, .. }) = t else { return Ok(()) };
        let Some(id) = heap.concrete() else { return Ok(()) };
        match self.get(id).is_some_and(|sub| sub.heap_type(id) == heap) {
            true => Ok(()),
            false => Err(unknown()),
        }
    }

    fn composite_matches(&self, a: &CompositeType, b: &CompositeType) -> bool {
        match (a, b) {
            (CompositeType::Func(a), CompositeType::Func(b)) => {
                let all = |a: &[ValType], b: &[ValType]| {
                    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.val_matches(*a, *b))
                };
                all(b.params(), a.params()) && all(a.results(), b.results())
            }
            (CompositeType::Struct(a), CompositeType::Struct(b)) => {
                a.len() >= b.len() && a.iter().zip(b).all(|(a, b)| self.field_matches(a, b))
            }
            (CompositeType::Array(a), CompositeType::Array(b)) => self.field_matches(a, b),
            _ => false,
        }
    }

    fn field_matches(&self, a: &FieldType, b: &FieldType) -> bool {
        match (a.storage, b.storage) {
            (StorageType::Val(from), StorageType::Val(to)) if !a.mutable && !b.mutable => self.val_matches(from, to),
            _ => a == b,
        }
    }

    fn val_matches(&self, a: ValType, b: ValType) -> bool {
        match (a, b) {
            (ValType::Ref(a), ValType::Ref(b)) => (!a.nullable || b.nullable) && self.heap_matches(a.heap, b.heap),
            _ => a == b,
        }
    }

    fn heap_matches(&self, a: HeapType, b: HeapType) -> bool {
        let (Some(mut at), Some(id)) = (a.concrete(), b.concrete()) else {
            return self.types.view().heap_matches(a, b);
        };
        // Each step goes to an earlier type.
        while at != id {
            match self.get(at).and_then(|sub| sub.supertype) {
                Some(above) if in_group_place(above).is_none_or(|m| in_group_place(at).is_some_and(|n| m < n)) => {
                    at = above
                }
                _ => return false,
            }
        }
        true
    }
}

fn unknown() -> Error {
    err!(InvalidArgument, "it names a type that is neither of the engine nor of the group, or is of another kind")
}

#[cfg(test)]
mod tests {
    use super::super::registry::in_group;
    use super::*;
    use crate::base::ErrorKind;

    fn field(t: ValType, mutable: bool) -> FieldType {
        FieldType { storage: StorageType::Val(t), mutable }
    }

    fn structure(fields: &[FieldType], supertype: Option<TypeId>) -> SubType {
        SubType { is_final: false, supertype, composite: CompositeType::Struct(fields.into()) }
    }

    fn to(n: u32) -> ValType {
        ValType::Ref(RefType { nullable: true, heap: HeapType::ConcreteStruct(in_group(n)) })
    }

    #[test]
    fn groups_are_what_modules_make_of_them() {
        let types = TypeRegistry::new().unwrap();
        let node = [field(ValType::I32, true), field(to(0), true)];
        let ours = define(&types, vec![structure(&node, None)]).unwrap();
        assert_eq!(types.register_group(vec![structure(&node, None)]).unwrap()[0].id, ours[0].id);
        // A subtype, whose immutable field has a more specific type.
        let general = [field(to(0), false)];
        let special = [field(to(1), false), field(ValType::I64, true)];
        let both = define(&types, vec![structure(&general, None), structure(&special, Some(in_group(0)))]).unwrap();
        assert!(types.view().is_subtype(both[1].id, both[0].id));
    }

    #[test]
    fn what_a_module_could_not_say_is_refused() {
        let types = TypeRegistry::new().unwrap();
        let number = [field(ValType::I32, true)];
        let closed = SubType::plain(CompositeType::Struct(number.into()));
        let refuse = |kind, group| assert_eq!(define(&types, group).unwrap_err().kind(), kind);
        refuse(ErrorKind::TypeMismatch, vec![closed.clone(), structure(&number, Some(in_group(0)))]);
        let open = structure(&number, None);
        refuse(ErrorKind::TypeMismatch, vec![open.clone(), structure(&[], Some(in_group(0)))]);
        refuse(
            ErrorKind::TypeMismatch,
            vec![open.clone(), structure(&[field(ValType::I32, false)], Some(in_group(0)))],
        );
        refuse(ErrorKind::InvalidArgument, vec![structure(&number, Some(in_group(0)))]);
        refuse(ErrorKind::InvalidArgument, vec![structure(&number, Some(in_group(1))), open.clone()]);
        refuse(ErrorKind::InvalidArgument, vec![structure(&[field(to(1), true)], None)]);
        let stranger = ValType::Ref(RefType { nullable: true, heap: HeapType::ConcreteStruct(TypeId(4096)) });
        refuse(ErrorKind::InvalidArgument, vec![structure(&[field(stranger, true)], None)]);
        let array = SubType::plain(CompositeType::Array(field(to(0), true)));
        refuse(ErrorKind::InvalidArgument, vec![array]);
        let mutable = [field(to(0), true)];
        let narrowed = [field(to(1), true)];
        refuse(ErrorKind::TypeMismatch, vec![structure(&mutable, None), structure(&narrowed, Some(in_group(0)))]);
        let chain = |n: u32| (0..n).map(|i| structure(&number, i.checked_sub(1).map(in_group))).collect::<Vec<_>>();
        define(&types, chain(64)).unwrap();
        refuse(ErrorKind::Limit, chain(65));
    }
}
