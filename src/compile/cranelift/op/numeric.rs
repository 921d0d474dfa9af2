//! Numeric instructions on scalars (Wasm 2.0, 4.4.1).

use crate::base::Trap;
use crate::compile::cranelift::func::FuncCx;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32, F64, I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Opcode, Type, Value};

pub fn i32_const(cx: &mut FuncCx, v: i32) {
    let v = cx.b.ins().iconst(I32, v as u32 as i64);
    cx.push(v);
}

pub fn i64_const(cx: &mut FuncCx, v: i64) {
    let v = cx.b.ins().iconst(I64, v);
    cx.push(v);
}

pub fn f32_const(cx: &mut FuncCx, bits: u32) {
    let v = cx.b.ins().f32const(f32::from_bits(bits));
    cx.push(v);
}

pub fn f64_const(cx: &mut FuncCx, bits: u64) {
    let v = cx.b.ins().f64const(f64::from_bits(bits));
    cx.push(v);
}

/// A Cranelift instruction with one operand and a result of the same type.
pub fn unary(cx: &mut FuncCx, op: Opcode) {
    let a = cx.pop();
    let ty = cx.b.func.dfg.value_type(a);
    let (inst, dfg) = cx.b.ins().Unary(op, ty, a);
    let v = dfg.first_result(inst);
    cx.push(v);
}

/// A Cranelift instruction with one operand and a result of type `ty`.
pub fn convert(cx: &mut FuncCx, op: Opcode, ty: Type) {
    let a = cx.pop();
    let (inst, dfg) = cx.b.ins().Unary(op, ty, a);
    let v = dfg.first_result(inst);
    cx.push(v);
}

/// A Cranelift instruction with two operands and a result of their type.
pub fn binary(cx: &mut FuncCx, op: Opcode) {
    let (a, b) = cx.pop2();
    let ty = cx.b.func.dfg.value_type(a);
    let (inst, dfg) = cx.b.ins().Binary(op, ty, a, b);
    let v = dfg.first_result(inst);
    cx.push(v);
}

fn push_bool(cx: &mut FuncCx, v: Value) {
    let v = cx.b.ins().uextend(I32, v);
    cx.push(v);
}

pub fn compare(cx: &mut FuncCx, cc: IntCC) {
    let (a, b) = cx.pop2();
    let v = cx.b.ins().icmp(cc, a, b);
    push_bool(cx, v);
}

pub fn fcompare(cx: &mut FuncCx, cc: FloatCC) {
    let (a, b) = cx.pop2();
    let v = cx.b.ins().fcmp(cc, a, b);
    push_bool(cx, v);
}

pub fn eqz(cx: &mut FuncCx) {
    let a = cx.pop();
    let v = cx.b.ins().icmp_imm_s(IntCC::Equal, a, 0);
    push_bool(cx, v);
}

/// Sign-extends the low bits, which have the width of `from`.
pub fn extend_low(cx: &mut FuncCx, from: Type) {
    let a = cx.pop();
    let ty = cx.b.func.dfg.value_type(a);
    let low = cx.b.ins().ireduce(from, a);
    let v = cx.b.ins().sextend(ty, low);
    cx.push(v);
}

pub fn reinterpret(cx: &mut FuncCx, to: Type) {
    let a = cx.pop();
    let v = cx.b.ins().bitcast(to, MemFlagsData::new(), a);
    cx.push(v);
}

/// A division or remainder. If faults may be used, Cranelift's own traps are sufficient.
pub fn divide(cx: &mut FuncCx, op: Opcode) {
    if !cx.env.settings.signals {
        let (a, b) = cx.pop2();
        cx.trapz(b, Trap::IntegerDivideByZero);
        if op == Opcode::Sdiv {
            let ty = cx.b.func.dfg.value_type(a);
            let min = 1i64 << (ty.bits() - 1);
            // Sign-extended here: the immediate of an i32 is its unsigned value.
            let min = if ty == I32 { i32::MIN as u32 as i64 } else { min };
            let least = cx.b.ins().iconst(ty, min);
            let is_least = cx.b.ins().icmp(IntCC::Equal, a, least);
            let is_minus_one = cx.b.ins().icmp_imm_s(IntCC::Equal, b, -1);
            let overflows = cx.b.ins().band(is_least, is_minus_one);
            cx.trapnz(overflows, Trap::IntegerOverflow);
        }
        cx.push(a);
        cx.push(b);
    }
    binary(cx, op);
}

/// A conversion to an integer that traps. `op` is the trapping instruction. If faults may not be used, `sat` is used,
/// the saturating instruction, after explicit checks.
pub fn truncate(cx: &mut FuncCx, op: Opcode, sat: Opcode, to: Type) {
    if cx.env.settings.signals {
        return convert(cx, op, to);
    }
    let a = cx.pop();
    let from = cx.b.func.dfg.value_type(a);
    let nan = cx.b.ins().fcmp(FloatCC::Unordered, a, a);
    cx.trapnz(nan, Trap::InvalidConversion);
    let (above, below, below_cc) = truncate_bounds(op == Opcode::FcvtToSint, from, to);
    let (above, below) = (float(cx, from, above), float(cx, from, below));
    let too_large = cx.b.ins().fcmp(FloatCC::GreaterThanOrEqual, a, above);
    cx.trapnz(too_large, Trap::IntegerOverflow);
    let too_small = cx.b.ins().fcmp(below_cc, a, below);
    cx.trapnz(too_small, Trap::IntegerOverflow);
    cx.push(a);
    convert(cx, sat, to);
}

/// The smallest float above the integer's range, and a bound below it with the comparison that means "too small". All
/// are powers of two and exact in both formats, except -2^31 - 1, which only an f64 can represent.
fn truncate_bounds(signed: bool, from: Type, to: Type) -> (f64, f64, FloatCC) {
    let bits = to.bits() as i32;
    match (signed, from == F64 && to == I32) {
        (false, _) => (2f64.powi(bits), -1.0, FloatCC::LessThanOrEqual),
        (true, true) => (2f64.powi(31), -2f64.powi(31) - 1.0, FloatCC::LessThanOrEqual),
        (true, false) => (2f64.powi(bits - 1), -2f64.powi(bits - 1), FloatCC::LessThan),
    }
}

fn float(cx: &mut FuncCx, ty: Type, v: f64) -> Value {
    if ty == F32 { cx.b.ins().f32const(v as f32) } else { cx.b.ins().f64const(v) }
}

/// `i32.wrap_i64` and similar instructions.
pub fn wrap(cx: &mut FuncCx) {
    convert(cx, Opcode::Ireduce, I32);
}
