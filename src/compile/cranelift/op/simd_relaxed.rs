//! Relaxed vector instructions (Wasm 3.0, 4.3.6): for some operands they have several allowed results, of which an
//! implementation must always choose the same. By default this is the result of the processor's own instruction, the
//! same in both compilers. If the engine is deterministic, it is the specification's deterministic profile, which is
//! the first choice of each instruction. The comments below give the result of x86 instructions, and the other one
//! after "otherwise".

use super::simd_lanes::*;
use crate::base::Result;
use crate::compile::cranelift::func::FuncCx;
use crate::err;
use cranelift_codegen::ir::types::*;
use cranelift_codegen::ir::{InstBuilder, Opcode, Value};
use wasmparser::Operator;

/// Whether to use x86 instructions whose results differ from those of other processors.
fn as_x86(cx: &FuncCx) -> bool {
    cfg!(target_arch = "x86_64") && !cx.env.settings.relaxed_deterministic
}

/// A lane index from 16 to 127 selects a lane by its low bits; otherwise 0, as in `i8x16.swizzle`.
fn relaxed_swizzle(cx: &mut FuncCx) {
    if !as_x86(cx) {
        return swizzle(cx);
    }
    let (a, b) = cx.pop2_as(I8X16);
    let v = cx.b.ins().x86_pshufb(a, b);
    cx.push(v);
}

/// Values out of range become the smallest integer; otherwise the nearest integer, or 0 for NaN.
fn relaxed_trunc(cx: &mut FuncCx) {
    if !as_x86(cx) {
        return convert(cx, Opcode::FcvtToSintSat, F32X4, I32X4);
    }
    let a = cx.pop_as(F32X4);
    let v = cx.b.ins().x86_cvtt2dq(I32X4, a);
    cx.push(v);
}

/// Like `relaxed_trunc`, for two lanes. Cranelift compiles this pair of instructions to one.
fn relaxed_trunc_zero(cx: &mut FuncCx) {
    if !as_x86(cx) {
        return trunc_sat_zero(cx, true);
    }
    let a = cx.pop_as(F64X2);
    let zero = cx.zero(I64X2);
    let wide = cx.b.ins().x86_cvtt2dq(I64X2, a);
    let v = cx.b.ins().snarrow(wide, zero);
    cx.push(v);
}

/// `a * b + c`, rounded once if the processor supports it; otherwise twice.
fn relaxed_madd(cx: &mut FuncCx, ty: Type, negate: bool) {
    let c = cx.pop_as(ty);
    let (a, b) = cx.pop2_as(ty);
    let a = if negate { cx.b.ins().fneg(a) } else { a };
    let v = if cx.env.isa.has_native_fma() && !cx.env.settings.relaxed_deterministic {
        cx.b.ins().fma(a, b, c)
    } else {
        let product = cx.b.ins().fmul(a, b);
        cx.b.ins().fadd(product, c)
    };
    cx.push(v);
}

/// Selects by the highest bit of each lane of the mask; otherwise by each bit.
fn relaxed_laneselect(cx: &mut FuncCx, ty: Type) {
    if !as_x86(cx) {
        return bitselect(cx);
    }
    let mask = cx.pop_as(ty);
    let (a, b) = cx.pop2_as(ty);
    let v = if ty == I16X8 {
        // Blend instructions exist only for the other widths.
        let all = cx.b.ins().sshr_imm_s(mask, 15);
        let [all, a, b] = [all, a, b].map(|v| cx.cast(v, I8X16));
        cx.b.ins().blendv(all, a, b)
    } else {
        cx.b.ins().blendv(mask, a, b)
    };
    cx.push(v);
}

/// The first operand if one is NaN or both are zeros; otherwise like `min` and `max`.
fn relaxed_min_max(cx: &mut FuncCx, ty: Type, min: bool) {
    if as_x86(cx) {
        return pseudo(cx, ty, min);
    }
    binary(cx, if min { Opcode::Fmin } else { Opcode::Fmax }, ty);
}

/// -1 times -1 is -1; otherwise it is the largest number below 1.
fn relaxed_q15mulr(cx: &mut FuncCx) {
    if !as_x86(cx) {
        return binary(cx, Opcode::SqmulRoundSat, I16X8);
    }
    let (a, b) = cx.pop2_as(I16X8);
    let v = cx.b.ins().x86_pmulhrsw(a, b);
    cx.push(v);
}

/// Sums of two products, saturated. The lanes of the second operand are unsigned; otherwise signed.
fn dot(cx: &mut FuncCx, a: Value, b: Value) -> Value {
    if as_x86(cx) {
        return cx.b.ins().x86_pmaddubsw(a, b);
    }
    // The sum of two products of -128 and -128 does not fit into 16 bits: it is computed in 32 bits and then narrowed.
    let (low, high) = products(cx, a, b, true);
    let [low, high] = [low, high].map(|v| {
        let (first, second) = (cx.b.ins().swiden_low(v), cx.b.ins().swiden_high(v));
        cx.b.ins().iadd_pairwise(first, second)
    });
    cx.b.ins().snarrow(low, high)
}

/// The products of bytes, with the second operand signed or unsigned. They always fit.
fn products(cx: &mut FuncCx, a: Value, b: Value, signed: bool) -> (Value, Value) {
    let (a_low, a_high) = (cx.b.ins().swiden_low(a), cx.b.ins().swiden_high(a));
    let (b_low, b_high) = match signed {
        true => (cx.b.ins().swiden_low(b), cx.b.ins().swiden_high(b)),
        false => (cx.b.ins().uwiden_low(b), cx.b.ins().uwiden_high(b)),
    };
    (cx.b.ins().imul(a_low, b_low), cx.b.ins().imul(a_high, b_high))
}

fn relaxed_dot(cx: &mut FuncCx) {
    let (a, b) = cx.pop2_as(I8X16);
    let v = dot(cx, a, b);
    cx.push(v);
}

/// Sums of four products, added to the third operand.
fn relaxed_dot_add(cx: &mut FuncCx) {
    let c = cx.pop_as(I32X4);
    let (a, b) = cx.pop2_as(I8X16);
    let sums = if as_x86(cx) && cx.env.processor.vnni {
        // Cranelift compiles this to one instruction, which does not saturate in between.
        let (low, high) = products(cx, a, b, false);
        let [low, high] = [low, high].map(|v| {
            let (first, second) = (cx.b.ins().swiden_low(v), cx.b.ins().swiden_high(v));
            cx.b.ins().iadd_pairwise(first, second)
        });
        cx.b.ins().iadd_pairwise(low, high)
    } else {
        let pairs = dot(cx, a, b);
        let (low, high) = (cx.b.ins().swiden_low(pairs), cx.b.ins().swiden_high(pairs));
        cx.b.ins().iadd_pairwise(low, high)
    };
    let v = cx.b.ins().iadd(sums, c);
    cx.push(v);
}

/// One validated instruction.
#[rustfmt::skip]
pub fn instruction(cx: &mut FuncCx, op: &Operator<'_>) -> Result<()> {
    use Operator as O;
    match op {
        O::I8x16RelaxedSwizzle => relaxed_swizzle(cx),
        O::I32x4RelaxedTruncF32x4S => relaxed_trunc(cx),
        O::I32x4RelaxedTruncF32x4U => convert(cx, Opcode::FcvtToUintSat, F32X4, I32X4),
        O::I32x4RelaxedTruncF64x2SZero => relaxed_trunc_zero(cx),
        O::I32x4RelaxedTruncF64x2UZero => trunc_sat_zero(cx, false),
        O::F32x4RelaxedMadd => relaxed_madd(cx, F32X4, false),
        O::F32x4RelaxedNmadd => relaxed_madd(cx, F32X4, true),
        O::F64x2RelaxedMadd => relaxed_madd(cx, F64X2, false),
        O::F64x2RelaxedNmadd => relaxed_madd(cx, F64X2, true),
        O::I8x16RelaxedLaneselect => relaxed_laneselect(cx, I8X16),
        O::I16x8RelaxedLaneselect => relaxed_laneselect(cx, I16X8),
        O::I32x4RelaxedLaneselect => relaxed_laneselect(cx, I32X4),
        O::I64x2RelaxedLaneselect => relaxed_laneselect(cx, I64X2),
        O::F32x4RelaxedMin => relaxed_min_max(cx, F32X4, true),
        O::F32x4RelaxedMax => relaxed_min_max(cx, F32X4, false),
        O::F64x2RelaxedMin => relaxed_min_max(cx, F64X2, true),
        O::F64x2RelaxedMax => relaxed_min_max(cx, F64X2, false),
        O::I16x8RelaxedQ15mulrS => relaxed_q15mulr(cx),
        O::I16x8RelaxedDotI8x16I7x16S => relaxed_dot(cx),
        O::I32x4RelaxedDotI8x16I7x16AddS => relaxed_dot_add(cx),
        other => return Err(err!(Unsupported, "{other:?} is not supported")),
    }
    Ok(())
}
