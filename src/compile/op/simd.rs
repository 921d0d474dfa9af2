//! Vector instructions (Wasm 2.0, 4.4.3). A line an opcode: its shape, and Cranelift's instruction for it.

use super::memory::store as store_value;
use crate::base::Result;
use crate::compile::bounds::address;
use crate::compile::func::FuncCx;
use crate::err;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::immediates::Offset32;
use cranelift_codegen::ir::types::*;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Opcode, Value};
use wasmparser::{MemArg, Operator};

/// One operand, a vector of type `ty`; the result is of type `to`.
fn convert(cx: &mut FuncCx, op: Opcode, ty: Type, to: Type) {
    let a = cx.pop_as(ty);
    let v = unary_value(cx, op, to, a);
    cx.push(v);
}

fn unary_value(cx: &mut FuncCx, op: Opcode, to: Type, a: Value) -> Value {
    let (inst, dfg) = cx.b.ins().Unary(op, to, a);
    dfg.first_result(inst)
}

fn unary(cx: &mut FuncCx, op: Opcode, ty: Type) {
    convert(cx, op, ty, ty);
}

fn binary(cx: &mut FuncCx, op: Opcode, ty: Type) {
    let (a, b) = cx.pop2_as(ty);
    let (inst, dfg) = cx.b.ins().Binary(op, ty, a, b);
    let v = dfg.first_result(inst);
    cx.push(v);
}

fn compare(cx: &mut FuncCx, cc: IntCC, ty: Type) {
    let (a, b) = cx.pop2_as(ty);
    let v = cx.b.ins().icmp(cc, a, b);
    cx.push(v);
}

fn fcompare(cx: &mut FuncCx, cc: FloatCC, ty: Type) {
    let (a, b) = cx.pop2_as(ty);
    let v = cx.b.ins().fcmp(cc, a, b);
    cx.push(v);
}

/// The count is an i32, of which the bits of a lane's width count.
fn shift(cx: &mut FuncCx, op: Opcode, ty: Type) {
    let count = cx.pop();
    let a = cx.pop_as(ty);
    let count = cx.b.ins().band_imm_u(count, ty.lane_bits() as i64 - 1);
    let (inst, dfg) = cx.b.ins().Binary(op, ty, a, count);
    let v = dfg.first_result(inst);
    cx.push(v);
}

/// Two vectors of `from` to one of lanes half as wide.
fn narrow(cx: &mut FuncCx, op: Opcode, from: Type) {
    let (a, b) = cx.pop2_as(from);
    let v = match op {
        Opcode::Snarrow => cx.b.ins().snarrow(a, b),
        _ => cx.b.ins().unarrow(a, b),
    };
    cx.push(v);
}

/// Half of the lanes, widened. Cranelift derives the result from the operand's type.
fn widen(cx: &mut FuncCx, op: Opcode, from: Type) {
    convert(cx, op, from, from);
}

/// Products of widened halves.
fn extmul(cx: &mut FuncCx, widen: Opcode, from: Type) {
    let (a, b) = cx.pop2_as(from);
    let (a, b) = (unary_value(cx, widen, from, a), unary_value(cx, widen, from, b));
    let v = cx.b.ins().imul(a, b);
    cx.push(v);
}

fn extadd_pairwise(cx: &mut FuncCx, low: Opcode, high: Opcode, from: Type) {
    let a = cx.pop_as(from);
    let (low, high) = (unary_value(cx, low, from, a), unary_value(cx, high, from, a));
    let v = cx.b.ins().iadd_pairwise(low, high);
    cx.push(v);
}

fn dot(cx: &mut FuncCx) {
    let (a, b) = cx.pop2_as(I16X8);
    let (a_low, b_low) = (cx.b.ins().swiden_low(a), cx.b.ins().swiden_low(b));
    let (a_high, b_high) = (cx.b.ins().swiden_high(a), cx.b.ins().swiden_high(b));
    let (low, high) = (cx.b.ins().imul(a_low, b_low), cx.b.ins().imul(a_high, b_high));
    let v = cx.b.ins().iadd_pairwise(low, high);
    cx.push(v);
}

fn splat(cx: &mut FuncCx, ty: Type) {
    let a = cx.pop();
    let lane = match ty {
        I8X16 | I16X8 => cx.b.ins().ireduce(ty.lane_type(), a),
        _ => a,
    };
    let v = cx.b.ins().splat(ty, lane);
    cx.push(v);
}

/// A lane; narrow ones are extended by `extend`.
fn extract(cx: &mut FuncCx, ty: Type, lane: u8, extend: Option<Opcode>) {
    let a = cx.pop_as(ty);
    let v = cx.b.ins().extractlane(a, lane);
    let v = match extend {
        Some(op) => unary_value(cx, op, I32, v),
        None => v,
    };
    cx.push(v);
}

fn replace(cx: &mut FuncCx, ty: Type, lane: u8) {
    let x = cx.pop();
    let a = cx.pop_as(ty);
    let x = match ty {
        I8X16 | I16X8 => cx.b.ins().ireduce(ty.lane_type(), x),
        _ => x,
    };
    let v = cx.b.ins().insertlane(a, x, lane);
    cx.push(v);
}

fn shuffle(cx: &mut FuncCx, lanes: &[u8; 16]) {
    let (a, b) = cx.pop2_as(I8X16);
    let lanes = cx.b.func.dfg.immediates.push(lanes.to_vec().into());
    let v = cx.b.ins().shuffle(a, b, lanes);
    cx.push(v);
}

fn swizzle(cx: &mut FuncCx) {
    let (a, b) = cx.pop2_as(I8X16);
    let v = cx.b.ins().swizzle(a, b);
    cx.push(v);
}

/// `b` where it is below `a` (or above it), else `a`: the order matters for zeros and values that are not numbers.
fn pseudo(cx: &mut FuncCx, ty: Type, below: bool) {
    let (a, b) = cx.pop2_as(ty);
    let takes_b =
        if below { cx.b.ins().fcmp(FloatCC::LessThan, b, a) } else { cx.b.ins().fcmp(FloatCC::LessThan, a, b) };
    let mask = cx.cast(takes_b, ty);
    let v = cx.b.ins().bitselect(mask, b, a);
    cx.push(v);
}

fn bitselect(cx: &mut FuncCx) {
    let mask = cx.pop_as(I8X16);
    let (a, b) = cx.pop2_as(I8X16);
    let v = cx.b.ins().bitselect(mask, a, b);
    cx.push(v);
}

fn and_not(cx: &mut FuncCx) {
    let (a, b) = cx.pop2_as(I8X16);
    let v = cx.b.ins().band_not(a, b);
    cx.push(v);
}

fn any_true(cx: &mut FuncCx) {
    let a = cx.pop_as(I8X16);
    let v = cx.b.ins().vany_true(a);
    let v = cx.b.ins().uextend(I32, v);
    cx.push(v);
}

fn all_true(cx: &mut FuncCx, ty: Type) {
    let a = cx.pop_as(ty);
    let v = cx.b.ins().vall_true(a);
    let v = cx.b.ins().uextend(I32, v);
    cx.push(v);
}

fn bitmask(cx: &mut FuncCx, ty: Type) {
    let a = cx.pop_as(ty);
    let v = cx.b.ins().vhigh_bits(I32, a);
    cx.push(v);
}

/// Two f64 lanes to two i32 lanes, the upper two zero.
fn trunc_sat_zero(cx: &mut FuncCx, signed: bool) {
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

fn convert_low(cx: &mut FuncCx, signed: bool) {
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

fn constant(cx: &mut FuncCx, bytes: &[u8; 16]) {
    let bytes = cx.b.func.dfg.constants.insert(bytes.to_vec().into());
    let v = cx.b.ins().vconst(I8X16, bytes);
    cx.push(v);
}

fn load(cx: &mut FuncCx, m: &MemArg) {
    let (flags, at, offset) = address(cx, m, 16);
    let v = cx.b.ins().load(I8X16, flags, at, offset);
    cx.push(v);
}

type Extend = fn(&mut FuncCx, MemFlagsData, Value, Offset32) -> Value;

/// Eight bytes, each lane widened.
fn load_extend(cx: &mut FuncCx, m: &MemArg, extend: Extend) {
    let (flags, at, offset) = address(cx, m, 8);
    let v = extend(cx, flags, at, offset.into());
    cx.push(v);
}

fn load_scalar(cx: &mut FuncCx, m: &MemArg, ty: Type) -> Value {
    let (flags, at, offset) = address(cx, m, ty.bytes() as u64);
    cx.b.ins().load(ty, flags, at, offset)
}

fn load_splat(cx: &mut FuncCx, m: &MemArg, ty: Type) {
    let lane = load_scalar(cx, m, ty.lane_type());
    let v = cx.b.ins().splat(ty, lane);
    cx.push(v);
}

fn load_zero(cx: &mut FuncCx, m: &MemArg, ty: Type) {
    let lane = load_scalar(cx, m, ty.lane_type());
    let v = cx.b.ins().scalar_to_vector(ty, lane);
    cx.push(v);
}

fn load_lane(cx: &mut FuncCx, m: &MemArg, ty: Type, lane: u8) {
    let a = cx.pop_as(ty);
    let x = load_scalar(cx, m, ty.lane_type());
    let v = cx.b.ins().insertlane(a, x, lane);
    cx.push(v);
}

fn store_lane(cx: &mut FuncCx, m: &MemArg, ty: Type, lane: u8) {
    let a = cx.pop_as(ty);
    let x = cx.b.ins().extractlane(a, lane);
    cx.push(x);
    store_value(cx, m);
}

#[rustfmt::skip]
pub fn instruction(cx: &mut FuncCx, op: &Operator<'_>) -> Result<()> {
    use Operator as O;
    match op {
        O::V128Load { memarg } => load(cx, memarg),
        O::V128Load8x8S { memarg } => load_extend(cx, memarg, |cx, f, a, o| cx.b.ins().sload8x8(f, a, o)),
        O::V128Load8x8U { memarg } => load_extend(cx, memarg, |cx, f, a, o| cx.b.ins().uload8x8(f, a, o)),
        O::V128Load16x4S { memarg } => load_extend(cx, memarg, |cx, f, a, o| cx.b.ins().sload16x4(f, a, o)),
        O::V128Load16x4U { memarg } => load_extend(cx, memarg, |cx, f, a, o| cx.b.ins().uload16x4(f, a, o)),
        O::V128Load32x2S { memarg } => load_extend(cx, memarg, |cx, f, a, o| cx.b.ins().sload32x2(f, a, o)),
        O::V128Load32x2U { memarg } => load_extend(cx, memarg, |cx, f, a, o| cx.b.ins().uload32x2(f, a, o)),
        O::V128Load8Splat { memarg } => load_splat(cx, memarg, I8X16),
        O::V128Load16Splat { memarg } => load_splat(cx, memarg, I16X8),
        O::V128Load32Splat { memarg } => load_splat(cx, memarg, I32X4),
        O::V128Load64Splat { memarg } => load_splat(cx, memarg, I64X2),
        O::V128Load32Zero { memarg } => load_zero(cx, memarg, I32X4),
        O::V128Load64Zero { memarg } => load_zero(cx, memarg, I64X2),
        O::V128Store { memarg } => store_value(cx, memarg),
        O::V128Load8Lane { memarg, lane } => load_lane(cx, memarg, I8X16, *lane),
        O::V128Store8Lane { memarg, lane } => store_lane(cx, memarg, I8X16, *lane),
        O::V128Load16Lane { memarg, lane } => load_lane(cx, memarg, I16X8, *lane),
        O::V128Store16Lane { memarg, lane } => store_lane(cx, memarg, I16X8, *lane),
        O::V128Load32Lane { memarg, lane } => load_lane(cx, memarg, I32X4, *lane),
        O::V128Store32Lane { memarg, lane } => store_lane(cx, memarg, I32X4, *lane),
        O::V128Load64Lane { memarg, lane } => load_lane(cx, memarg, I64X2, *lane),
        O::V128Store64Lane { memarg, lane } => store_lane(cx, memarg, I64X2, *lane),
        O::V128Const { value } => constant(cx, value.bytes()),
        O::I8x16Shuffle { lanes } => shuffle(cx, lanes),
        O::I8x16Swizzle => swizzle(cx),
        O::I8x16Splat => splat(cx, I8X16),
        O::I16x8Splat => splat(cx, I16X8),
        O::I32x4Splat => splat(cx, I32X4),
        O::I64x2Splat => splat(cx, I64X2),
        O::F32x4Splat => splat(cx, F32X4),
        O::F64x2Splat => splat(cx, F64X2),
        O::I8x16ExtractLaneS { lane } => extract(cx, I8X16, *lane, Some(Opcode::Sextend)),
        O::I8x16ExtractLaneU { lane } => extract(cx, I8X16, *lane, Some(Opcode::Uextend)),
        O::I16x8ExtractLaneS { lane } => extract(cx, I16X8, *lane, Some(Opcode::Sextend)),
        O::I16x8ExtractLaneU { lane } => extract(cx, I16X8, *lane, Some(Opcode::Uextend)),
        O::I32x4ExtractLane { lane } => extract(cx, I32X4, *lane, None),
        O::I64x2ExtractLane { lane } => extract(cx, I64X2, *lane, None),
        O::F32x4ExtractLane { lane } => extract(cx, F32X4, *lane, None),
        O::F64x2ExtractLane { lane } => extract(cx, F64X2, *lane, None),
        O::I8x16ReplaceLane { lane } => replace(cx, I8X16, *lane),
        O::I16x8ReplaceLane { lane } => replace(cx, I16X8, *lane),
        O::I32x4ReplaceLane { lane } => replace(cx, I32X4, *lane),
        O::I64x2ReplaceLane { lane } => replace(cx, I64X2, *lane),
        O::F32x4ReplaceLane { lane } => replace(cx, F32X4, *lane),
        O::F64x2ReplaceLane { lane } => replace(cx, F64X2, *lane),
        O::I8x16Eq => compare(cx, IntCC::Equal, I8X16),
        O::I8x16Ne => compare(cx, IntCC::NotEqual, I8X16),
        O::I8x16LtS => compare(cx, IntCC::SignedLessThan, I8X16),
        O::I8x16LtU => compare(cx, IntCC::UnsignedLessThan, I8X16),
        O::I8x16GtS => compare(cx, IntCC::SignedGreaterThan, I8X16),
        O::I8x16GtU => compare(cx, IntCC::UnsignedGreaterThan, I8X16),
        O::I8x16LeS => compare(cx, IntCC::SignedLessThanOrEqual, I8X16),
        O::I8x16LeU => compare(cx, IntCC::UnsignedLessThanOrEqual, I8X16),
        O::I8x16GeS => compare(cx, IntCC::SignedGreaterThanOrEqual, I8X16),
        O::I8x16GeU => compare(cx, IntCC::UnsignedGreaterThanOrEqual, I8X16),
        O::I16x8Eq => compare(cx, IntCC::Equal, I16X8),
        O::I16x8Ne => compare(cx, IntCC::NotEqual, I16X8),
        O::I16x8LtS => compare(cx, IntCC::SignedLessThan, I16X8),
        O::I16x8LtU => compare(cx, IntCC::UnsignedLessThan, I16X8),
        O::I16x8GtS => compare(cx, IntCC::SignedGreaterThan, I16X8),
        O::I16x8GtU => compare(cx, IntCC::UnsignedGreaterThan, I16X8),
        O::I16x8LeS => compare(cx, IntCC::SignedLessThanOrEqual, I16X8),
        O::I16x8LeU => compare(cx, IntCC::UnsignedLessThanOrEqual, I16X8),
        O::I16x8GeS => compare(cx, IntCC::SignedGreaterThanOrEqual, I16X8),
        O::I16x8GeU => compare(cx, IntCC::UnsignedGreaterThanOrEqual, I16X8),
        O::I32x4Eq => compare(cx, IntCC::Equal, I32X4),
        O::I32x4Ne => compare(cx, IntCC::NotEqual, I32X4),
        O::I32x4LtS => compare(cx, IntCC::SignedLessThan, I32X4),
        O::I32x4LtU => compare(cx, IntCC::UnsignedLessThan, I32X4),
        O::I32x4GtS => compare(cx, IntCC::SignedGreaterThan, I32X4),
        O::I32x4GtU => compare(cx, IntCC::UnsignedGreaterThan, I32X4),
        O::I32x4LeS => compare(cx, IntCC::SignedLessThanOrEqual, I32X4),
        O::I32x4LeU => compare(cx, IntCC::UnsignedLessThanOrEqual, I32X4),
        O::I32x4GeS => compare(cx, IntCC::SignedGreaterThanOrEqual, I32X4),
        O::I32x4GeU => compare(cx, IntCC::UnsignedGreaterThanOrEqual, I32X4),
        O::I64x2Eq => compare(cx, IntCC::Equal, I64X2),
        O::I64x2Ne => compare(cx, IntCC::NotEqual, I64X2),
        O::I64x2LtS => compare(cx, IntCC::SignedLessThan, I64X2),
        O::I64x2GtS => compare(cx, IntCC::SignedGreaterThan, I64X2),
        O::I64x2LeS => compare(cx, IntCC::SignedLessThanOrEqual, I64X2),
        O::I64x2GeS => compare(cx, IntCC::SignedGreaterThanOrEqual, I64X2),
        O::F32x4Eq => fcompare(cx, FloatCC::Equal, F32X4),
        O::F32x4Ne => fcompare(cx, FloatCC::NotEqual, F32X4),
        O::F32x4Lt => fcompare(cx, FloatCC::LessThan, F32X4),
        O::F32x4Gt => fcompare(cx, FloatCC::GreaterThan, F32X4),
        O::F32x4Le => fcompare(cx, FloatCC::LessThanOrEqual, F32X4),
        O::F32x4Ge => fcompare(cx, FloatCC::GreaterThanOrEqual, F32X4),
        O::F64x2Eq => fcompare(cx, FloatCC::Equal, F64X2),
        O::F64x2Ne => fcompare(cx, FloatCC::NotEqual, F64X2),
        O::F64x2Lt => fcompare(cx, FloatCC::LessThan, F64X2),
        O::F64x2Gt => fcompare(cx, FloatCC::GreaterThan, F64X2),
        O::F64x2Le => fcompare(cx, FloatCC::LessThanOrEqual, F64X2),
        O::F64x2Ge => fcompare(cx, FloatCC::GreaterThanOrEqual, F64X2),
        O::V128Not => unary(cx, Opcode::Bnot, I8X16),
        O::V128And => binary(cx, Opcode::Band, I8X16),
        O::V128Or => binary(cx, Opcode::Bor, I8X16),
        O::V128Xor => binary(cx, Opcode::Bxor, I8X16),
        O::V128AndNot => and_not(cx),
        O::V128Bitselect => bitselect(cx),
        O::V128AnyTrue => any_true(cx),
        O::I8x16Abs => unary(cx, Opcode::Iabs, I8X16),
        O::I8x16Neg => unary(cx, Opcode::Ineg, I8X16),
        O::I8x16AllTrue => all_true(cx, I8X16),
        O::I8x16Bitmask => bitmask(cx, I8X16),
        O::I8x16Shl => shift(cx, Opcode::Ishl, I8X16),
        O::I8x16ShrS => shift(cx, Opcode::Sshr, I8X16),
        O::I8x16ShrU => shift(cx, Opcode::Ushr, I8X16),
        O::I8x16Add => binary(cx, Opcode::Iadd, I8X16),
        O::I8x16Sub => binary(cx, Opcode::Isub, I8X16),
        O::I8x16AddSatS => binary(cx, Opcode::SaddSat, I8X16),
        O::I8x16AddSatU => binary(cx, Opcode::UaddSat, I8X16),
        O::I8x16SubSatS => binary(cx, Opcode::SsubSat, I8X16),
        O::I8x16SubSatU => binary(cx, Opcode::UsubSat, I8X16),
        O::I8x16AvgrU => binary(cx, Opcode::AvgRound, I8X16),
        O::I8x16MinS => binary(cx, Opcode::Smin, I8X16),
        O::I8x16MinU => binary(cx, Opcode::Umin, I8X16),
        O::I8x16MaxS => binary(cx, Opcode::Smax, I8X16),
        O::I8x16MaxU => binary(cx, Opcode::Umax, I8X16),
        O::I16x8Abs => unary(cx, Opcode::Iabs, I16X8),
        O::I16x8Neg => unary(cx, Opcode::Ineg, I16X8),
        O::I16x8AllTrue => all_true(cx, I16X8),
        O::I16x8Bitmask => bitmask(cx, I16X8),
        O::I16x8Shl => shift(cx, Opcode::Ishl, I16X8),
        O::I16x8ShrS => shift(cx, Opcode::Sshr, I16X8),
        O::I16x8ShrU => shift(cx, Opcode::Ushr, I16X8),
        O::I16x8Add => binary(cx, Opcode::Iadd, I16X8),
        O::I16x8Sub => binary(cx, Opcode::Isub, I16X8),
        O::I16x8Mul => binary(cx, Opcode::Imul, I16X8),
        O::I16x8AddSatS => binary(cx, Opcode::SaddSat, I16X8),
        O::I16x8AddSatU => binary(cx, Opcode::UaddSat, I16X8),
        O::I16x8SubSatS => binary(cx, Opcode::SsubSat, I16X8),
        O::I16x8SubSatU => binary(cx, Opcode::UsubSat, I16X8),
        O::I16x8AvgrU => binary(cx, Opcode::AvgRound, I16X8),
        O::I16x8MinS => binary(cx, Opcode::Smin, I16X8),
        O::I16x8MinU => binary(cx, Opcode::Umin, I16X8),
        O::I16x8MaxS => binary(cx, Opcode::Smax, I16X8),
        O::I16x8MaxU => binary(cx, Opcode::Umax, I16X8),
        O::I32x4Abs => unary(cx, Opcode::Iabs, I32X4),
        O::I32x4Neg => unary(cx, Opcode::Ineg, I32X4),
        O::I32x4AllTrue => all_true(cx, I32X4),
        O::I32x4Bitmask => bitmask(cx, I32X4),
        O::I32x4Shl => shift(cx, Opcode::Ishl, I32X4),
        O::I32x4ShrS => shift(cx, Opcode::Sshr, I32X4),
        O::I32x4ShrU => shift(cx, Opcode::Ushr, I32X4),
        O::I32x4Add => binary(cx, Opcode::Iadd, I32X4),
        O::I32x4Sub => binary(cx, Opcode::Isub, I32X4),
        O::I32x4Mul => binary(cx, Opcode::Imul, I32X4),
        O::I32x4MinS => binary(cx, Opcode::Smin, I32X4),
        O::I32x4MinU => binary(cx, Opcode::Umin, I32X4),
        O::I32x4MaxS => binary(cx, Opcode::Smax, I32X4),
        O::I32x4MaxU => binary(cx, Opcode::Umax, I32X4),
        O::I64x2Abs => unary(cx, Opcode::Iabs, I64X2),
        O::I64x2Neg => unary(cx, Opcode::Ineg, I64X2),
        O::I64x2AllTrue => all_true(cx, I64X2),
        O::I64x2Bitmask => bitmask(cx, I64X2),
        O::I64x2Shl => shift(cx, Opcode::Ishl, I64X2),
        O::I64x2ShrS => shift(cx, Opcode::Sshr, I64X2),
        O::I64x2ShrU => shift(cx, Opcode::Ushr, I64X2),
        O::I64x2Add => binary(cx, Opcode::Iadd, I64X2),
        O::I64x2Sub => binary(cx, Opcode::Isub, I64X2),
        O::I64x2Mul => binary(cx, Opcode::Imul, I64X2),
        O::I8x16Popcnt => unary(cx, Opcode::Popcnt, I8X16),
        O::I16x8Q15MulrSatS => binary(cx, Opcode::SqmulRoundSat, I16X8),
        O::I32x4DotI16x8S => dot(cx),
        O::I8x16NarrowI16x8S => narrow(cx, Opcode::Snarrow, I16X8),
        O::I8x16NarrowI16x8U => narrow(cx, Opcode::Unarrow, I16X8),
        O::I16x8NarrowI32x4S => narrow(cx, Opcode::Snarrow, I32X4),
        O::I16x8NarrowI32x4U => narrow(cx, Opcode::Unarrow, I32X4),
        O::I16x8ExtendLowI8x16S => widen(cx, Opcode::SwidenLow, I8X16),
        O::I16x8ExtMulLowI8x16S => extmul(cx, Opcode::SwidenLow, I8X16),
        O::I16x8ExtendLowI8x16U => widen(cx, Opcode::UwidenLow, I8X16),
        O::I16x8ExtMulLowI8x16U => extmul(cx, Opcode::UwidenLow, I8X16),
        O::I16x8ExtendHighI8x16S => widen(cx, Opcode::SwidenHigh, I8X16),
        O::I16x8ExtMulHighI8x16S => extmul(cx, Opcode::SwidenHigh, I8X16),
        O::I16x8ExtendHighI8x16U => widen(cx, Opcode::UwidenHigh, I8X16),
        O::I16x8ExtMulHighI8x16U => extmul(cx, Opcode::UwidenHigh, I8X16),
        O::I32x4ExtendLowI16x8S => widen(cx, Opcode::SwidenLow, I16X8),
        O::I32x4ExtMulLowI16x8S => extmul(cx, Opcode::SwidenLow, I16X8),
        O::I32x4ExtendLowI16x8U => widen(cx, Opcode::UwidenLow, I16X8),
        O::I32x4ExtMulLowI16x8U => extmul(cx, Opcode::UwidenLow, I16X8),
        O::I32x4ExtendHighI16x8S => widen(cx, Opcode::SwidenHigh, I16X8),
        O::I32x4ExtMulHighI16x8S => extmul(cx, Opcode::SwidenHigh, I16X8),
        O::I32x4ExtendHighI16x8U => widen(cx, Opcode::UwidenHigh, I16X8),
        O::I32x4ExtMulHighI16x8U => extmul(cx, Opcode::UwidenHigh, I16X8),
        O::I64x2ExtendLowI32x4S => widen(cx, Opcode::SwidenLow, I32X4),
        O::I64x2ExtMulLowI32x4S => extmul(cx, Opcode::SwidenLow, I32X4),
        O::I64x2ExtendLowI32x4U => widen(cx, Opcode::UwidenLow, I32X4),
        O::I64x2ExtMulLowI32x4U => extmul(cx, Opcode::UwidenLow, I32X4),
        O::I64x2ExtendHighI32x4S => widen(cx, Opcode::SwidenHigh, I32X4),
        O::I64x2ExtMulHighI32x4S => extmul(cx, Opcode::SwidenHigh, I32X4),
        O::I64x2ExtendHighI32x4U => widen(cx, Opcode::UwidenHigh, I32X4),
        O::I64x2ExtMulHighI32x4U => extmul(cx, Opcode::UwidenHigh, I32X4),
        O::I16x8ExtAddPairwiseI8x16S => extadd_pairwise(cx, Opcode::SwidenLow, Opcode::SwidenHigh, I8X16),
        O::I16x8ExtAddPairwiseI8x16U => extadd_pairwise(cx, Opcode::UwidenLow, Opcode::UwidenHigh, I8X16),
        O::I32x4ExtAddPairwiseI16x8S => extadd_pairwise(cx, Opcode::SwidenLow, Opcode::SwidenHigh, I16X8),
        O::I32x4ExtAddPairwiseI16x8U => extadd_pairwise(cx, Opcode::UwidenLow, Opcode::UwidenHigh, I16X8),
        O::F32x4Ceil => unary(cx, Opcode::Ceil, F32X4),
        O::F32x4Floor => unary(cx, Opcode::Floor, F32X4),
        O::F32x4Trunc => unary(cx, Opcode::Trunc, F32X4),
        O::F32x4Nearest => unary(cx, Opcode::Nearest, F32X4),
        O::F32x4Abs => unary(cx, Opcode::Fabs, F32X4),
        O::F32x4Neg => unary(cx, Opcode::Fneg, F32X4),
        O::F32x4Sqrt => unary(cx, Opcode::Sqrt, F32X4),
        O::F32x4Add => binary(cx, Opcode::Fadd, F32X4),
        O::F32x4Sub => binary(cx, Opcode::Fsub, F32X4),
        O::F32x4Mul => binary(cx, Opcode::Fmul, F32X4),
        O::F32x4Div => binary(cx, Opcode::Fdiv, F32X4),
        O::F32x4Min => binary(cx, Opcode::Fmin, F32X4),
        O::F32x4Max => binary(cx, Opcode::Fmax, F32X4),
        O::F32x4PMin => pseudo(cx, F32X4, true),
        O::F32x4PMax => pseudo(cx, F32X4, false),
        O::F64x2Ceil => unary(cx, Opcode::Ceil, F64X2),
        O::F64x2Floor => unary(cx, Opcode::Floor, F64X2),
        O::F64x2Trunc => unary(cx, Opcode::Trunc, F64X2),
        O::F64x2Nearest => unary(cx, Opcode::Nearest, F64X2),
        O::F64x2Abs => unary(cx, Opcode::Fabs, F64X2),
        O::F64x2Neg => unary(cx, Opcode::Fneg, F64X2),
        O::F64x2Sqrt => unary(cx, Opcode::Sqrt, F64X2),
        O::F64x2Add => binary(cx, Opcode::Fadd, F64X2),
        O::F64x2Sub => binary(cx, Opcode::Fsub, F64X2),
        O::F64x2Mul => binary(cx, Opcode::Fmul, F64X2),
        O::F64x2Div => binary(cx, Opcode::Fdiv, F64X2),
        O::F64x2Min => binary(cx, Opcode::Fmin, F64X2),
        O::F64x2Max => binary(cx, Opcode::Fmax, F64X2),
        O::F64x2PMin => pseudo(cx, F64X2, true),
        O::F64x2PMax => pseudo(cx, F64X2, false),
        O::I32x4TruncSatF32x4S => convert(cx, Opcode::FcvtToSintSat, F32X4, I32X4),
        O::I32x4TruncSatF32x4U => convert(cx, Opcode::FcvtToUintSat, F32X4, I32X4),
        O::F32x4ConvertI32x4S => convert(cx, Opcode::FcvtFromSint, I32X4, F32X4),
        O::F32x4ConvertI32x4U => convert(cx, Opcode::FcvtFromUint, I32X4, F32X4),
        O::I32x4TruncSatF64x2SZero => trunc_sat_zero(cx, true),
        O::I32x4TruncSatF64x2UZero => trunc_sat_zero(cx, false),
        O::F64x2ConvertLowI32x4S => convert_low(cx, true),
        O::F64x2ConvertLowI32x4U => convert_low(cx, false),
        O::F32x4DemoteF64x2Zero => convert(cx, Opcode::Fvdemote, F64X2, F32X4),
        O::F64x2PromoteLowF32x4 => convert(cx, Opcode::FvpromoteLow, F32X4, F64X2),
        other => return Err(err!(Unsupported, "{other:?} is not supported")),
    }
    Ok(())
}
