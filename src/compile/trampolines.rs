//! Trampolines for many function types in one text. Types of the same shape share one.

use super::cranelift::Shape;
use crate::abi::code::{NO_TRAMPOLINE, Trampolines};
use crate::base::limits::MAX_SAVED_TRAMPOLINES;
use crate::wasm::types::FuncType;
use rustc_hash::FxHashMap;

/// The number of shapes from which several threads are worthwhile: one shape takes about a third of a millisecond.
pub const PARALLEL_THRESHOLD: usize = 6;
/// The fixed cost of compiling a trampoline, as a number of additional values.
const EACH: usize = 8;

/// Selects one type of each shape, up to a limit. Also returns for each type the index of its shape, or
/// `NO_TRAMPOLINE`.
pub fn shapes<'t>(types: impl Iterator<Item = Option<&'t FuncType>>) -> (Vec<&'t FuncType>, Vec<u32>) {
    let (mut shapes, mut known, mut left) = (Vec::new(), FxHashMap::default(), MAX_SAVED_TRAMPOLINES);
    let mut place = |ty: &'t FuncType| {
        *known.entry(Shape::of(ty)).or_insert_with(|| match left.checked_sub(EACH + ty.values().len()) {
            Some(rest) => {
                left = rest;
                shapes.push(ty);
                shapes.len() as u32 - 1
            }
            None => NO_TRAMPOLINE,
        })
    };
    let places = types.map(|ty| ty.map_or(NO_TRAMPOLINE, &mut place)).collect();
    (shapes, places)
}

/// Joins the trampolines of all shapes in one text. Turns each type's index of a shape into the index of a trampoline.
pub fn joined(compiled: Vec<Option<Trampolines>>, mut places: Vec<u32>) -> (Trampolines, Vec<u32>) {
    let mut all = Trampolines::default();
    let mut by_shape = Vec::with_capacity(compiled.len());
    for one in compiled {
        by_shape.push(one.map_or(NO_TRAMPOLINE, |one| all.append(&one)));
    }
    for place in places.iter_mut().filter(|place| **place != NO_TRAMPOLINE) {
        *place = by_shape[*place as usize];
    }
    (all, places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::MAX_FUNC_VALUES;
    use crate::wasm::types::ValType::{self, *};

    fn func(params: &[ValType]) -> FuncType {
        FuncType::new(params.to_vec(), [I32])
    }

    #[test]
    fn types_of_one_shape_share_a_trampoline() {
        let types = [func(&[ValType::ANYREF]), func(&[I32]), func(&[ValType::EXTERNREF]), func(&[I32])];
        let (found, places) =
            shapes([Some(&types[0]), None, Some(&types[1]), Some(&types[2]), Some(&types[3])].into_iter());
        assert_eq!((found, places), (vec![&types[0], &types[1]], vec![0, NO_TRAMPOLINE, 1, 0, 1]));
    }

    /// The limit is needed because a module can declare any number of types, whether it uses them or not.
    #[test]
    fn there_is_an_end_to_them() {
        let all: Vec<_> = (0..MAX_FUNC_VALUES).map(|n| func(&vec![I64; n])).collect();
        let (found, places) = shapes(all.iter().map(Some));
        let values: usize = found.iter().map(|ty| ty.values().len()).sum();
        assert!(found.len() > 200 && values <= MAX_SAVED_TRAMPOLINES);
        assert!(places[..found.len()].is_sorted() && places[found.len()..].iter().all(|place| *place == NO_TRAMPOLINE));
    }
}
