//! Wide arithmetic (the wide-arithmetic proposal): 128-bit numbers as two halves, the lower one first.

use crate::compile::cranelift::func::FuncCx;
use cranelift_codegen::ir::types::I128;
use cranelift_codegen::ir::{InstBuilder, Opcode, Value};

fn push_halves(cx: &mut FuncCx, v: Value) {
    let (low, high) = cx.b.ins().isplit(v);
    cx.push(low);
    cx.push(high);
}

/// A 128-bit sum or difference.
pub fn binary128(cx: &mut FuncCx, op: Opcode) {
    let (b_low, b_high) = cx.pop2();
    let (a_low, a_high) = cx.pop2();
    let (a, b) = (cx.b.ins().iconcat(a_low, a_high), cx.b.ins().iconcat(b_low, b_high));
    let (inst, dfg) = cx.b.ins().Binary(op, I128, a, b);
    let v = dfg.first_result(inst);
    push_halves(cx, v);
}

/// The 128-bit product of two 64-bit numbers, which `extend` extends. Cranelift compiles the extensions and the product
/// to one instruction.
pub fn mul_wide(cx: &mut FuncCx, extend: Opcode) {
    let (a, b) = cx.pop2();
    let [a, b] = [a, b].map(|v| {
        let (inst, dfg) = cx.b.ins().Unary(extend, I128, v);
        dfg.first_result(inst)
    });
    let v = cx.b.ins().imul(a, b);
    push_halves(cx, v);
}
