//! Relaxed vector instructions (Wasm 3.0, 4.3.6). The results are the same as those of Cranelift's code:
//! `compile::cranelift::op::simd_relaxed` documents the choices.

use super::simd::{binary, bitselect, inst, swapped, swizzle, unary};
use super::simd_float::*;
use super::simd_int::{add_pairs_16s, q15mulr_sat, signs_64};
use crate::compile::baseline::Bailout;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::Cx;
use crate::compile::baseline::operands::{Repr, XMM14, XMM15};
use wasmparser::Operator;

#[rustfmt::skip]
pub fn instruction(cx: &mut Cx, op: &Operator<'_>) -> Result<(), Bailout> {
    use Operator as O;
    let exact = cx.env.settings.relaxed_deterministic;
    match op {
        O::I8x16RelaxedSwizzle => binary(cx, if exact { swizzle } else { inst!(pshufb_a) }),
        O::I32x4RelaxedTruncF32x4S => unary(cx, if exact { trunc_sat_f32_s } else { inst!(cvttps2dq_a) }),
        O::I32x4RelaxedTruncF32x4U => unary(cx, trunc_sat_f32_u),
        O::I32x4RelaxedTruncF64x2SZero => unary(cx, if exact { trunc_sat_f64_s } else { inst!(cvttpd2dq_a) }),
        O::I32x4RelaxedTruncF64x2UZero => unary(cx, trunc_sat_f64_u),
        O::F32x4RelaxedMadd => madd(cx, MADD_F32),
        O::F32x4RelaxedNmadd => madd(cx, NMADD_F32),
        O::F64x2RelaxedMadd => madd(cx, MADD_F64),
        O::F64x2RelaxedNmadd => madd(cx, NMADD_F64),
        O::I8x16RelaxedLaneselect => bitselect(cx, if exact { as_it_is } else { signs_8 }),
        O::I16x8RelaxedLaneselect => bitselect(cx, if exact { as_it_is } else { |asm, x| emit!(*asm, psraw_b(x, 15u8)) }),
        O::I32x4RelaxedLaneselect => bitselect(cx, if exact { as_it_is } else { |asm, x| emit!(*asm, psrad_b(x, 31u8)) }),
        O::I64x2RelaxedLaneselect => bitselect(cx, if exact { as_it_is } else { |asm, x| signs_64(asm, x, x) }),
        O::F32x4RelaxedMin => if exact { binary(cx, min_f32) } else { swapped(cx, inst!(minps_a)) },
        O::F32x4RelaxedMax => if exact { binary(cx, max_f32) } else { swapped(cx, inst!(maxps_a)) },
        O::F64x2RelaxedMin => if exact { binary(cx, min_f64) } else { swapped(cx, inst!(minpd_a)) },
        O::F64x2RelaxedMax => if exact { binary(cx, max_f64) } else { swapped(cx, inst!(maxpd_a)) },
        O::I16x8RelaxedQ15mulrS => binary(cx, if exact { q15mulr_sat } else { inst!(pmulhrsw_a) }),
        O::I16x8RelaxedDotI8x16I7x16S => dot(cx),
        O::I32x4RelaxedDotI8x16I7x16AddS => dot_add(cx),
        _ => return Err(Bailout("an instruction that is not known here")),
    }
    Ok(())
}

/// `x * y + z` in the first register.
struct Madd {
    rounded_once: fn(&mut Asm, Xmm, Xmm, Xmm),
    rounded_twice: fn(&mut Asm, Xmm, Xmm, Xmm),
}

macro_rules! madd {
    ($once:ident, $mul:ident, $add:ident $(, $signs:ident)?) => {
        Madd {
            rounded_once: |asm, x, y, z| emit!(*asm, $once(x, y, z)),
            rounded_twice: |asm, x, y, z| {
                $(let signs = asm.constant($signs);
                emit!(*asm, xorps_a(x, signs));)?
                emit!(*asm, $mul(x, y));
                emit!(*asm, $add(x, z));
            },
        }
    };
}
const MADD_F32: Madd = madd!(vfmadd213ps_a, mulps_a, addps_a);
const MADD_F64: Madd = madd!(vfmadd213pd_a, mulpd_a, addpd_a);
const NMADD_F32: Madd = madd!(vfnmadd213ps_a, mulps_a, addps_a, SIGNS_F32);
const NMADD_F64: Madd = madd!(vfnmadd213pd_a, mulpd_a, addpd_a, SIGNS_F64);

fn madd(cx: &mut Cx, what: Madd) {
    let (c, b, a) = (cx.pop(), cx.pop(), cx.pop());
    let (x, y, z) = (cx.xmm_of(a), cx.xmm_of(b), cx.xmm_of(c));
    let once = cx.env.isa.has_native_fma() && !cx.env.settings.relaxed_deterministic;
    let emit = if once { what.rounded_once } else { what.rounded_twice };
    emit(&mut cx.asm, x, y, z);
    cx.free_xmm(y);
    cx.free_xmm(z);
    cx.push_xmm(Repr::V128, x);
}

fn as_it_is(_: &mut Asm, _: Xmm) {}

fn signs_8(asm: &mut Asm, x: Xmm) {
    emit!(*asm, pxor_a(XMM15, XMM15));
    emit!(*asm, pcmpgtb_a(XMM15, x));
    asm.mov_float(x, XMM15);
}

/// Sums of two products of lanes, saturated. The second operand's lanes are unsigned, unless deterministic results are
/// required.
fn dot(cx: &mut Cx) {
    match cx.env.settings.relaxed_deterministic {
        true => binary(cx, exact_dot),
        false => swapped(cx, inst!(pmaddubsw_a)),
    }
}

fn exact_dot(asm: &mut Asm, x: Xmm, y: Xmm) {
    sums_in_32(asm, x, y, |asm, to, from| emit!(*asm, pmovsxbw_a(to, from)));
    emit!(*asm, packssdw_a(x, XMM15));
}

/// Sums of two products: those of the low halves in `x`, those of the high halves in `xmm15`. Changes `y` and `xmm14`.
fn sums_in_32(asm: &mut Asm, x: Xmm, y: Xmm, extend_second: fn(&mut Asm, Xmm, Xmm)) {
    emit!(*asm, pshufd_a(XMM15, x, super::simd::HIGH));
    emit!(*asm, pshufd_a(XMM14, y, super::simd::HIGH));
    emit!(*asm, pmovsxbw_a(XMM15, XMM15));
    extend_second(asm, XMM14, XMM14);
    emit!(*asm, pmaddwd_a(XMM15, XMM14));
    emit!(*asm, pmovsxbw_a(x, x));
    extend_second(asm, y, y);
    emit!(*asm, pmaddwd_a(x, y));
}

/// Sums of four products, added to the third operand. On processors for which Cranelift uses a single instruction, the
/// intermediate sums are not saturated.
fn dot_add(cx: &mut Cx) {
    let c = cx.pop_xmm();
    let whole = cx.env.processor.vnni && !cx.env.settings.relaxed_deterministic;
    match whole {
        true => binary(cx, |asm, x, y| {
            sums_in_32(asm, x, y, |asm, to, from| emit!(*asm, pmovzxbw_a(to, from)));
            emit!(*asm, phaddd_a(x, XMM15));
        }),
        false => {
            dot(cx);
            unary(cx, |asm, x, _| add_pairs_16s(asm, x));
        }
    }
    cx.push_xmm(Repr::V128, c);
    binary(cx, inst!(paddd_a));
}
