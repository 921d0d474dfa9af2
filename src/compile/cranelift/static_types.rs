//! The validator's types of operands and locals. For a concrete reference type only its kind is returned, because the
//! validator numbers types in its own way.

use crate::wasm::decode::{heap_type, val_type};
use crate::wasm::types::{HeapType, RefType, ValType};
use wasmparser::{CompositeInnerType, FuncValidator, Operator, UnpackedIndex, ValidatorResources, WasmModuleResources};

/// The depth below the top of the stack of the reference that an instruction accesses or casts.
pub fn inspected_operand(op: &Operator<'_>) -> Option<usize> {
    use Operator as O;
    Some(match op {
        O::RefAsNonNull | O::I31GetS | O::I31GetU | O::ArrayLen | O::CallRef { .. } | O::ReturnCallRef { .. } => 0,
        O::ThrowRef => 0,
        O::RefTestNonNull { .. } | O::RefTestNullable { .. } | O::RefCastNonNull { .. } | O::RefCastNullable { .. } => {
            0
        }
        O::BrOnCast { .. } | O::BrOnCastFail { .. } => 0,
        O::StructGet { .. } | O::StructGetS { .. } | O::StructGetU { .. } => 0,
        O::StructSet { .. } | O::ArrayGet { .. } | O::ArrayGetS { .. } | O::ArrayGetU { .. } => 1,
        O::ArraySet { .. } => 2,
        O::ArrayFill { .. } => 3,
        _ => return None,
    })
}

/// The static type of the reference at this depth; `anyref` if the stack is polymorphic.
pub fn ref_type(validator: &FuncValidator<ValidatorResources>, depth: usize) -> RefType {
    match validator.get_operand_type(depth) {
        Some(Some(wasmparser::ValType::Ref(r))) => of_ref(validator, r),
        _ => RefType::ANY,
    }
}

/// The type of a local.
pub fn local(validator: &FuncValidator<ValidatorResources>, i: u32) -> ValType {
    match validator.get_local_type(i).expect("read before") {
        wasmparser::ValType::Ref(r) => ValType::Ref(of_ref(validator, r)),
        number => val_type(number, &Default::default()),
    }
}

fn of_ref(validator: &FuncValidator<ValidatorResources>, r: wasmparser::RefType) -> RefType {
    let heap = match r.heap_type() {
        wasmparser::HeapType::Concrete(UnpackedIndex::Id(id)) => {
            match validator.resources().sub_type_at_id(id).composite_type.inner {
                CompositeInnerType::Func(_) => HeapType::Func,
                CompositeInnerType::Array(_) => HeapType::Array,
                _ => HeapType::Struct,
            }
        }
        named => heap_type(named, &Default::default()),
    };
    RefType { nullable: r.is_nullable(), heap }
}
