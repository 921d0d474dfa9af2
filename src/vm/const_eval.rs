//! Constant expressions, evaluated with real values (Wasm 2.0, 4.5.4).

use super::instance::Instance;
use crate::abi::vmstruct::VmSlot;
use crate::wasm::const_expr::{ConstExpr, ConstOp, ConstVal};

/// Evaluates an expression that was validated, in an instance whose imports, funcrefs and earlier globals are in place.
pub fn eval(expr: &ConstExpr, instance: &Instance) -> VmSlot {
    match expr {
        ConstExpr::Const(v) => value(*v, instance),
        ConstExpr::Expr(ops) => {
            // Wasm 2.0 has no operation that takes an operand: the last value is the result.
            ops.last().map_or(VmSlot::ZERO, |op| run(*op, instance))
        }
    }
}

fn run(op: ConstOp, instance: &Instance) -> VmSlot {
    match op {
        ConstOp::Const(v) => value(v, instance),
        ConstOp::GlobalGet(g) => instance.global_value(g),
    }
}

fn value(v: ConstVal, instance: &Instance) -> VmSlot {
    let mut slot = VmSlot::ZERO;
    match v {
        ConstVal::I32(x) => slot.i32 = x,
        ConstVal::I64(x) => slot.i64 = x,
        ConstVal::F32(x) => slot.f32 = x,
        ConstVal::F64(x) => slot.f64 = x,
        ConstVal::V128(x) => slot.v128 = x.to_le_bytes(),
        ConstVal::Null(_) => slot.funcref = std::ptr::null_mut(),
        ConstVal::Func(f) => slot.funcref = instance.funcref(f),
    }
    slot
}
