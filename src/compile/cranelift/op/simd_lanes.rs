//! The families of vector instructions, each for any shape.

use super::memory::store as store_value;
use crate::compile::cranelift::bounds::address;
use crate::compile::cranelift::func::FuncCx;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::immediates::Offset32;
use cranelift_codegen::ir::types::*;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Opcode, Value};
use wasmparser::MemArg;

/// An operation on one vector of type `ty`; the result is of type `to`.
pub fn convert(cx: &mut FuncCx, op: Opcode, ty: Type, to: Type) {
    let a = cx.pop_as(ty);
    let v = unary_value(cx, op, to, a);
    cx.push(v);
}

pub fn unary_value(cx: &mut FuncCx, op: Opcode, to: Type, a: Value) -> Value {
    let (inst, dfg) = cx.b.ins().Unary(op, to, a);
    dfg.first_result(inst)
}

pub fn unary(cx: &mut FuncCx, op: Opcode, ty: Type) {
    convert(cx, op, ty, ty);
}

pub fn binary(cx: &mut FuncCx, op: Opcode, ty: Type) {
    let (a, b) = cx.pop2_as(ty);
    let (inst, dfg) = cx.b.ins().Binary(op, ty, a, b);
    let v = dfg.first_result(inst);
    cx.push(v);
}

pub fn compare(cx: &mut FuncCx, cc: IntCC, ty: Type) {
    let (a, b) = cx.pop2_as(ty);
    let v = cx.b.ins().icmp(cc, a, b);
    cx.push(v);
}

pub fn fcompare(cx: &mut FuncCx, cc: FloatCC, ty: Type) {
    let (a, b) = cx.pop2_as(ty);
    let v = cx.b.ins().fcmp(cc, a, b);
    cx.push(v);
}

/// The count is an i32, taken modulo the lane's width.
pub fn shift(cx: &mut FuncCx, op: Opcode, ty: Type) {
    let count = cx.pop();
    let a = cx.pop_as(ty);
    let count = cx.b.ins().band_imm_u(count, ty.lane_bits() as i64 - 1);
    let (inst, dfg) = cx.b.ins().Binary(op, ty, a, count);
    let v = dfg.first_result(inst);
    cx.push(v);
}

/// Narrows two vectors of type `from` to one with lanes half as wide.
pub fn narrow(cx: &mut FuncCx, op: Opcode, from: Type) {
    let (a, b) = cx.pop2_as(from);
    let v = match op {
        Opcode::Snarrow => cx.b.ins().snarrow(a, b),
        _ => cx.b.ins().unarrow(a, b),
    };
    cx.push(v);
}

/// Widens half of the lanes. Cranelift derives the result type from the operand's type.
pub fn widen(cx: &mut FuncCx, op: Opcode, from: Type) {
    convert(cx, op, from, from);
}

/// Multiplies widened halves.
pub fn extmul(cx: &mut FuncCx, widen: Opcode, from: Type) {
    let (a, b) = cx.pop2_as(from);
    let (a, b) = (unary_value(cx, widen, from, a), unary_value(cx, widen, from, b));
    let v = cx.b.ins().imul(a, b);
    cx.push(v);
}

pub fn extadd_pairwise(cx: &mut FuncCx, low: Opcode, high: Opcode, from: Type) {
    let a = cx.pop_as(from);
    let (low, high) = (unary_value(cx, low, from, a), unary_value(cx, high, from, a));
    let v = cx.b.ins().iadd_pairwise(low, high);
    cx.push(v);
}

pub fn dot(cx: &mut FuncCx) {
    let (a, b) = cx.pop2_as(I16X8);
    let (a_low, b_low) = (cx.b.ins().swiden_low(a), cx.b.ins().swiden_low(b));
    let (a_high, b_high) = (cx.b.ins().swiden_high(a), cx.b.ins().swiden_high(b));
    let (low, high) = (cx.b.ins().imul(a_low, b_low), cx.b.ins().imul(a_high, b_high));
    let v = cx.b.ins().iadd_pairwise(low, high);
    cx.push(v);
}

pub fn splat(cx: &mut FuncCx, ty: Type) {
    let a = cx.pop();
    let lane = match ty {
        I8X16 | I16X8 => cx.b.ins().ireduce(ty.lane_type(), a),
        _ => a,
    };
    let v = cx.b.ins().splat(ty, lane);
    cx.push(v);
}

/// Extracts a lane; `extend` extends narrow ones.
pub fn extract(cx: &mut FuncCx, ty: Type, lane: u8, extend: Option<Opcode>) {
    let a = cx.pop_as(ty);
    let v = cx.b.ins().extractlane(a, lane);
    let v = match extend {
        Some(op) => unary_value(cx, op, I32, v),
        None => v,
    };
    cx.push(v);
}

pub fn replace(cx: &mut FuncCx, ty: Type, lane: u8) {
    let x = cx.pop();
    let a = cx.pop_as(ty);
    let x = match ty {
        I8X16 | I16X8 => cx.b.ins().ireduce(ty.lane_type(), x),
        _ => x,
    };
    let v = cx.b.ins().insertlane(a, x, lane);
    cx.push(v);
}

pub fn shuffle(cx: &mut FuncCx, lanes: &[u8; 16]) {
    let (a, b) = cx.pop2_as(I8X16);
    let lanes = cx.b.func.dfg.immediates.push(lanes.to_vec().into());
    let v = cx.b.ins().shuffle(a, b, lanes);
    cx.push(v);
}

pub fn swizzle(cx: &mut FuncCx) {
    let (a, b) = cx.pop2_as(I8X16);
    let v = cx.b.ins().swizzle(a, b);
    cx.push(v);
}

/// `b` if it is less than `a` (or greater, unless `below`), else `a`: the order matters for zeros and NaNs.
pub fn pseudo(cx: &mut FuncCx, ty: Type, below: bool) {
    let (a, b) = cx.pop2_as(ty);
    let takes_b =
        if below { cx.b.ins().fcmp(FloatCC::LessThan, b, a) } else { cx.b.ins().fcmp(FloatCC::LessThan, a, b) };
    let mask = cx.cast(takes_b, ty);
    let v = cx.b.ins().bitselect(mask, b, a);
    cx.push(v);
}

pub fn bitselect(cx: &mut FuncCx) {
    let mask = cx.pop_as(I8X16);
    let (a, b) = cx.pop2_as(I8X16);
    let v = cx.b.ins().bitselect(mask, a, b);
    cx.push(v);
}

pub fn and_not(cx: &mut FuncCx) {
    let (a, b) = cx.pop2_as(I8X16);
    let v = cx.b.ins().band_not(a, b);
    cx.push(v);
}

pub fn any_true(cx: &mut FuncCx) {
    let a = cx.pop_as(I8X16);
    let v = cx.b.ins().vany_true(a);
    let v = cx.b.ins().uextend(I32, v);
    cx.push(v);
}

pub fn all_true(cx: &mut FuncCx, ty: Type) {
    let a = cx.pop_as(ty);
    let v = cx.b.ins().vall_true(a);
    let v = cx.b.ins().uextend(I32, v);
    cx.push(v);
}

pub fn bitmask(cx: &mut FuncCx, ty: Type) {
    let a = cx.pop_as(ty);
    let v = cx.b.ins().vhigh_bits(I32, a);
    cx.push(v);
}

/// Converts two f64 lanes to two i32 lanes; the upper two lanes are zero.
pub fn trunc_sat_zero(cx: &mut FuncCx, signed: bool) {
    let a = cx.pop_as(F64X2);
    let zero = cx.zero(I64X2);
    let v = if signed {
        let wide = cx.b.ins().fcvt_to_sint_sat(I64X2, a);
        cx.b.ins().snarrow(wide, zero)
    } else {
        let wide = cx.b.ins().fcvt_to_uint_sat(I64X2, a);
        cx.b.ins().uunarrow(wide, zero)
    };
    cx.push(v);
}

pub fn convert_low(cx: &mut FuncCx, signed: bool) {
    let a = cx.pop_as(I32X4);
    let v = if signed {
        let wide = cx.b.ins().swiden_low(a);
        cx.b.ins().fcvt_from_sint(F64X2, wide)
    } else {
        let wide = cx.b.ins().uwiden_low(a);
        cx.b.ins().fcvt_from_uint(F64X2, wide)
    };
    cx.push(v);
}

pub fn constant(cx: &mut FuncCx, bytes: &[u8; 16]) {
    let bytes = cx.b.func.dfg.constants.insert(bytes.to_vec().into());
    let v = cx.b.ins().vconst(I8X16, bytes);
    cx.push(v);
}

pub fn load(cx: &mut FuncCx, m: &MemArg) {
    let (flags, at, offset) = address(cx, m, 16);
    let v = cx.b.ins().load(I8X16, flags, at, offset);
    cx.push(v);
}

pub type Extend = fn(&mut FuncCx, MemFlagsData, Value, Offset32) -> Value;

/// Loads eight bytes and widens each lane.
pub fn load_extend(cx: &mut FuncCx, m: &MemArg, extend: Extend) {
    let (flags, at, offset) = address(cx, m, 8);
    let v = extend(cx, flags, at, offset.into());
    cx.push(v);
}

pub fn load_scalar(cx: &mut FuncCx, m: &MemArg, ty: Type) -> Value {
    let (flags, at, offset) = address(cx, m, ty.bytes() as u64);
    cx.b.ins().load(ty, flags, at, offset)
}

pub fn load_splat(cx: &mut FuncCx, m: &MemArg, ty: Type) {
    let lane = load_scalar(cx, m, ty.lane_type());
    let v = cx.b.ins().splat(ty, lane);
    cx.push(v);
}

pub fn load_zero(cx: &mut FuncCx, m: &MemArg, ty: Type) {
    let lane = load_scalar(cx, m, ty.lane_type());
    let v = cx.b.ins().scalar_to_vector(ty, lane);
    cx.push(v);
}

pub fn load_lane(cx: &mut FuncCx, m: &MemArg, ty: Type, lane: u8) {
    let a = cx.pop_as(ty);
    let x = load_scalar(cx, m, ty.lane_type());
    let v = cx.b.ins().insertlane(a, x, lane);
    cx.push(v);
}

pub fn store_lane(cx: &mut FuncCx, m: &MemArg, ty: Type, lane: u8) {
    let a = cx.pop_as(ty);
    let x = cx.b.ins().extractlane(a, lane);
    cx.push(x);
    store_value(cx, m);
}
