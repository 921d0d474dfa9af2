//! Vector instructions on integers, one line per opcode. Operations without a processor instruction are below.

use super::simd::{Emit, HIGH, binary, inst, invert, repeated, swapped, unary};
use super::{simd_float, simd_shift};
use crate::compile::baseline::Bailout;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::Cx;
use crate::compile::baseline::operands::{Loc, Repr, XMM14, XMM15};
use wasmparser::Operator;

#[rustfmt::skip]
pub fn instruction(cx: &mut Cx, op: &Operator<'_>) -> Result<(), Bailout> {
    use Operator as O;
    match op {
        O::I8x16Eq => binary(cx, inst!(pcmpeqb_a)),
        O::I16x8Eq => binary(cx, inst!(pcmpeqw_a)),
        O::I32x4Eq => binary(cx, inst!(pcmpeqd_a)),
        O::I64x2Eq => binary(cx, inst!(pcmpeqq_a)),
        O::I8x16Ne => inverted(cx, false, inst!(pcmpeqb_a)),
        O::I16x8Ne => inverted(cx, false, inst!(pcmpeqw_a)),
        O::I32x4Ne => inverted(cx, false, inst!(pcmpeqd_a)),
        O::I64x2Ne => inverted(cx, false, inst!(pcmpeqq_a)),
        O::I8x16GtS => binary(cx, inst!(pcmpgtb_a)),
        O::I16x8GtS => binary(cx, inst!(pcmpgtw_a)),
        O::I32x4GtS => binary(cx, inst!(pcmpgtd_a)),
        O::I64x2GtS => { knows_greater_64(cx)?; binary(cx, inst!(pcmpgtq_a)) }
        O::I8x16LtS => swapped(cx, inst!(pcmpgtb_a)),
        O::I16x8LtS => swapped(cx, inst!(pcmpgtw_a)),
        O::I32x4LtS => swapped(cx, inst!(pcmpgtd_a)),
        O::I64x2LtS => { knows_greater_64(cx)?; swapped(cx, inst!(pcmpgtq_a)) }
        O::I64x2LeS => { knows_greater_64(cx)?; inverted(cx, false, inst!(pcmpgtq_a)) }
        O::I64x2GeS => { knows_greater_64(cx)?; inverted(cx, true, inst!(pcmpgtq_a)) }
        O::I8x16GeS => is_extreme(cx, inst!(pmaxsb_a), inst!(pcmpeqb_a)),
        O::I8x16GeU => is_extreme(cx, inst!(pmaxub_a), inst!(pcmpeqb_a)),
        O::I8x16LeS => is_extreme(cx, inst!(pminsb_a), inst!(pcmpeqb_a)),
        O::I8x16LeU => is_extreme(cx, inst!(pminub_a), inst!(pcmpeqb_a)),
        O::I16x8GeS => is_extreme(cx, inst!(pmaxsw_a), inst!(pcmpeqw_a)),
        O::I16x8GeU => is_extreme(cx, inst!(pmaxuw_a), inst!(pcmpeqw_a)),
        O::I16x8LeS => is_extreme(cx, inst!(pminsw_a), inst!(pcmpeqw_a)),
        O::I16x8LeU => is_extreme(cx, inst!(pminuw_a), inst!(pcmpeqw_a)),
        O::I32x4GeS => is_extreme(cx, inst!(pmaxsd_a), inst!(pcmpeqd_a)),
        O::I32x4GeU => is_extreme(cx, inst!(pmaxud_a), inst!(pcmpeqd_a)),
        O::I32x4LeS => is_extreme(cx, inst!(pminsd_a), inst!(pcmpeqd_a)),
        O::I32x4LeU => is_extreme(cx, inst!(pminud_a), inst!(pcmpeqd_a)),
        O::I8x16GtU => is_not_extreme(cx, inst!(pminub_a), inst!(pcmpeqb_a)),
        O::I8x16LtU => is_not_extreme(cx, inst!(pmaxub_a), inst!(pcmpeqb_a)),
        O::I16x8GtU => is_not_extreme(cx, inst!(pminuw_a), inst!(pcmpeqw_a)),
        O::I16x8LtU => is_not_extreme(cx, inst!(pmaxuw_a), inst!(pcmpeqw_a)),
        O::I32x4GtU => is_not_extreme(cx, inst!(pminud_a), inst!(pcmpeqd_a)),
        O::I32x4LtU => is_not_extreme(cx, inst!(pmaxud_a), inst!(pcmpeqd_a)),
        O::I8x16Abs => unary(cx, inst!(pabsb_a)),
        O::I16x8Abs => unary(cx, inst!(pabsw_a)),
        O::I32x4Abs => unary(cx, inst!(pabsd_a)),
        O::I64x2Abs => unary(cx, abs_64),
        O::I8x16Neg => negate(cx, inst!(psubb_a)),
        O::I16x8Neg => negate(cx, inst!(psubw_a)),
        O::I32x4Neg => negate(cx, inst!(psubd_a)),
        O::I64x2Neg => negate(cx, inst!(psubq_a)),
        O::I8x16AllTrue => all_true(cx, inst!(pcmpeqb_a)),
        O::I16x8AllTrue => all_true(cx, inst!(pcmpeqw_a)),
        O::I32x4AllTrue => all_true(cx, inst!(pcmpeqd_a)),
        O::I64x2AllTrue => all_true(cx, inst!(pcmpeqq_a)),
        O::I8x16Bitmask => bitmask(cx, |asm, r, x| emit!(*asm, pmovmskb_rm(r, x))),
        O::I16x8Bitmask => bitmask(cx, bitmask_16),
        O::I32x4Bitmask => bitmask(cx, |asm, r, x| emit!(*asm, movmskps_rm(r, x))),
        O::I64x2Bitmask => bitmask(cx, |asm, r, x| emit!(*asm, movmskpd_rm(r, x))),
        O::I8x16Add => binary(cx, inst!(paddb_a)),
        O::I16x8Add => binary(cx, inst!(paddw_a)),
        O::I32x4Add => binary(cx, inst!(paddd_a)),
        O::I64x2Add => binary(cx, inst!(paddq_a)),
        O::I8x16Sub => binary(cx, inst!(psubb_a)),
        O::I16x8Sub => binary(cx, inst!(psubw_a)),
        O::I32x4Sub => binary(cx, inst!(psubd_a)),
        O::I64x2Sub => binary(cx, inst!(psubq_a)),
        O::I16x8Mul => binary(cx, inst!(pmullw_a)),
        O::I32x4Mul => binary(cx, inst!(pmulld_a)),
        O::I64x2Mul => binary(cx, mul_64),
        O::I8x16AddSatS => binary(cx, inst!(paddsb_a)),
        O::I8x16AddSatU => binary(cx, inst!(paddusb_a)),
        O::I16x8AddSatS => binary(cx, inst!(paddsw_a)),
        O::I16x8AddSatU => binary(cx, inst!(paddusw_a)),
        O::I8x16SubSatS => binary(cx, inst!(psubsb_a)),
        O::I8x16SubSatU => binary(cx, inst!(psubusb_a)),
        O::I16x8SubSatS => binary(cx, inst!(psubsw_a)),
        O::I16x8SubSatU => binary(cx, inst!(psubusw_a)),
        O::I8x16AvgrU => binary(cx, inst!(pavgb_a)),
        O::I16x8AvgrU => binary(cx, inst!(pavgw_a)),
        O::I8x16MinS => binary(cx, inst!(pminsb_a)),
        O::I8x16MinU => binary(cx, inst!(pminub_a)),
        O::I8x16MaxS => binary(cx, inst!(pmaxsb_a)),
        O::I8x16MaxU => binary(cx, inst!(pmaxub_a)),
        O::I16x8MinS => binary(cx, inst!(pminsw_a)),
        O::I16x8MinU => binary(cx, inst!(pminuw_a)),
        O::I16x8MaxS => binary(cx, inst!(pmaxsw_a)),
        O::I16x8MaxU => binary(cx, inst!(pmaxuw_a)),
        O::I32x4MinS => binary(cx, inst!(pminsd_a)),
        O::I32x4MinU => binary(cx, inst!(pminud_a)),
        O::I32x4MaxS => binary(cx, inst!(pmaxsd_a)),
        O::I32x4MaxU => binary(cx, inst!(pmaxud_a)),
        O::I8x16Popcnt => unary(cx, popcnt),
        O::I16x8Q15MulrSatS => binary(cx, q15mulr_sat),
        O::I32x4DotI16x8S => binary(cx, inst!(pmaddwd_a)),
        O::I8x16NarrowI16x8S => binary(cx, inst!(packsswb_a)),
        O::I8x16NarrowI16x8U => binary(cx, inst!(packuswb_a)),
        O::I16x8NarrowI32x4S => binary(cx, inst!(packssdw_a)),
        O::I16x8NarrowI32x4U => binary(cx, inst!(packusdw_a)),
        O::I16x8ExtendLowI8x16S => unary(cx, inst!(pmovsxbw_a)),
        O::I16x8ExtendLowI8x16U => unary(cx, inst!(pmovzxbw_a)),
        O::I32x4ExtendLowI16x8S => unary(cx, inst!(pmovsxwd_a)),
        O::I32x4ExtendLowI16x8U => unary(cx, inst!(pmovzxwd_a)),
        O::I64x2ExtendLowI32x4S => unary(cx, inst!(pmovsxdq_a)),
        O::I64x2ExtendLowI32x4U => unary(cx, inst!(pmovzxdq_a)),
        O::I16x8ExtendHighI8x16S => extend_high(cx, inst!(pmovsxbw_a)),
        O::I16x8ExtendHighI8x16U => extend_high(cx, inst!(pmovzxbw_a)),
        O::I32x4ExtendHighI16x8S => extend_high(cx, inst!(pmovsxwd_a)),
        O::I32x4ExtendHighI16x8U => extend_high(cx, inst!(pmovzxwd_a)),
        O::I64x2ExtendHighI32x4S => extend_high(cx, inst!(pmovsxdq_a)),
        O::I64x2ExtendHighI32x4U => extend_high(cx, inst!(pmovzxdq_a)),
        O::I16x8ExtMulLowI8x16S => extmul_8(cx, LOW, inst!(pmovsxbw_a)),
        O::I16x8ExtMulLowI8x16U => extmul_8(cx, LOW, inst!(pmovzxbw_a)),
        O::I16x8ExtMulHighI8x16S => extmul_8(cx, HIGH, inst!(pmovsxbw_a)),
        O::I16x8ExtMulHighI8x16U => extmul_8(cx, HIGH, inst!(pmovzxbw_a)),
        O::I32x4ExtMulLowI16x8S => extmul_16(cx, inst!(pmulhw_a), inst!(punpcklwd_a)),
        O::I32x4ExtMulLowI16x8U => extmul_16(cx, inst!(pmulhuw_a), inst!(punpcklwd_a)),
        O::I32x4ExtMulHighI16x8S => extmul_16(cx, inst!(pmulhw_a), inst!(punpckhwd_a)),
        O::I32x4ExtMulHighI16x8U => extmul_16(cx, inst!(pmulhuw_a), inst!(punpckhwd_a)),
        O::I64x2ExtMulLowI32x4S => extmul_32(cx, LOW_PAIR, inst!(pmuldq_a)),
        O::I64x2ExtMulLowI32x4U => extmul_32(cx, LOW_PAIR, inst!(pmuludq_a)),
        O::I64x2ExtMulHighI32x4S => extmul_32(cx, HIGH_PAIR, inst!(pmuldq_a)),
        O::I64x2ExtMulHighI32x4U => extmul_32(cx, HIGH_PAIR, inst!(pmuludq_a)),
        O::I16x8ExtAddPairwiseI8x16S => unary(cx, add_pairs_8s),
        O::I16x8ExtAddPairwiseI8x16U => unary(cx, |asm, x, _| { let ones = asm.constant(ONES_8); emit!(*asm, pmaddubsw_a(x, ones)) }),
        O::I32x4ExtAddPairwiseI16x8S => unary(cx, |asm, x, _| add_pairs_16s(asm, x)),
        O::I32x4ExtAddPairwiseI16x8U => unary(cx, add_pairs_16u),
        other => {
            if !simd_shift::instruction(cx, other) {
                return simd_float::instruction(cx, other);
            }
        }
    }
    Ok(())
}

/// Immediates of `pshufd`: all lanes in place; lanes 0 and 1, or lanes 2 and 3, at the start of the two halves.
const LOW: u8 = 0xe4;
const LOW_PAIR: u8 = 0x50;
const HIGH_PAIR: u8 = 0xfa;
/// Immediate of `pshufd`: copies the upper half of each 64-bit lane into both halves.
const SIGNS_64: u8 = 0xf5;

const ONES_8: u128 = repeated(1, 1);
const ONES_16: u128 = repeated(1, 2);

fn knows_greater_64(cx: &Cx) -> Result<(), Bailout> {
    match cx.env.processor.sse42 {
        true => Ok(()),
        false => Err(Bailout("the processor does not compare numbers of 64 bits")),
    }
}

/// A comparison whose negation the processor has.
fn inverted(cx: &mut Cx, swap: bool, emit: Emit) {
    if swap {
        swapped(cx, emit)
    } else {
        binary(cx, emit)
    }
    unary(cx, |asm, x, _| invert(asm, x));
}

/// Whether the first operand is the minimum or maximum of both, for each lane.
fn is_extreme(cx: &mut Cx, extreme: Emit, equal: Emit) {
    let (b, a) = (cx.pop(), cx.pop());
    let (x, y) = (cx.xmm_of(a), cx.xmm_of(b));
    extreme(&mut cx.asm, y, x);
    equal(&mut cx.asm, x, y);
    cx.free_xmm(y);
    cx.push_xmm(Repr::V128, x);
}

fn is_not_extreme(cx: &mut Cx, extreme: Emit, equal: Emit) {
    is_extreme(cx, extreme, equal);
    unary(cx, |asm, x, _| invert(asm, x));
}

/// Fills each 64-bit lane of `to` with the sign of the same lane of `x`.
pub fn signs_64(asm: &mut Asm, to: Xmm, x: Xmm) {
    emit!(*asm, pshufd_a(to, x, SIGNS_64));
    emit!(*asm, psrad_b(to, 31u8));
}

fn abs_64(asm: &mut Asm, x: Xmm, _: Xmm) {
    signs_64(asm, XMM15, x);
    emit!(*asm, pxor_a(x, XMM15));
    emit!(*asm, psubq_a(x, XMM15));
}

fn negate(cx: &mut Cx, sub: Emit) {
    let a = cx.pop();
    let (x, y) = (cx.xmm(), cx.xmm_of(a));
    emit!(cx.asm, pxor_a(x, x));
    sub(&mut cx.asm, x, y);
    cx.free_xmm(y);
    cx.push_xmm(Repr::V128, x);
}

fn all_true(cx: &mut Cx, equal: Emit) {
    let x = cx.pop_xmm();
    emit!(cx.asm, pxor_a(XMM15, XMM15));
    equal(&mut cx.asm, x, XMM15);
    emit!(cx.asm, ptest_rm(x, x));
    cx.free_xmm(x);
    cx.push(Repr::I32, Loc::Flags(Cc::E));
}

fn bitmask(cx: &mut Cx, emit: fn(&mut Asm, Gpr, Xmm)) {
    let x = cx.pop_xmm();
    let r = cx.gpr();
    emit(&mut cx.asm, r, x);
    cx.free_xmm(x);
    cx.push_gpr(Repr::I32, r);
}

/// The signs of 16-bit lanes: narrowed to bytes, they keep their signs.
fn bitmask_16(asm: &mut Asm, r: Gpr, x: Xmm) {
    emit!(*asm, pxor_a(XMM15, XMM15));
    emit!(*asm, packsswb_a(x, XMM15));
    emit!(*asm, pmovmskb_rm(r, x));
}

/// The products of the low halves, plus the products of a low and a high half, shifted up.
fn mul_64(asm: &mut Asm, x: Xmm, y: Xmm) {
    asm.mov_float(XMM15, x);
    emit!(*asm, psrlq_b(XMM15, 32u8));
    emit!(*asm, pmuludq_a(XMM15, y));
    asm.mov_float(XMM14, y);
    emit!(*asm, psrlq_b(XMM14, 32u8));
    emit!(*asm, pmuludq_a(XMM14, x));
    emit!(*asm, paddq_a(XMM15, XMM14));
    emit!(*asm, psllq_b(XMM15, 32u8));
    emit!(*asm, pmuludq_a(x, y));
    emit!(*asm, paddq_a(x, XMM15));
}

/// Looks up each half of a byte in a table.
fn popcnt(asm: &mut Asm, x: Xmm, _: Xmm) {
    const BITS: u128 = u128::from_le_bytes([0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4]);
    let (table, low) = (asm.constant(BITS), asm.constant(repeated(0xf, 1)));
    asm.mov_float(XMM15, x);
    emit!(*asm, pand_a(XMM15, low));
    emit!(*asm, psrlw_b(x, 4u8));
    emit!(*asm, pand_a(x, low));
    emit!(*asm, movaps_a(XMM14, table));
    emit!(*asm, pshufb_a(XMM14, XMM15));
    emit!(*asm, movaps_a(XMM15, table));
    emit!(*asm, pshufb_a(XMM15, x));
    asm.mov_float(x, XMM14);
    emit!(*asm, paddb_a(x, XMM15));
}

/// Only -1 times -1 returns -1, which must become the largest number.
pub fn q15mulr_sat(asm: &mut Asm, x: Xmm, y: Xmm) {
    emit!(*asm, pmulhrsw_a(x, y));
    let least = asm.constant(repeated(0x8000, 2));
    emit!(*asm, movaps_a(XMM15, least));
    emit!(*asm, pcmpeqw_a(XMM15, x));
    emit!(*asm, pxor_a(x, XMM15));
}

fn extend_high(cx: &mut Cx, extend: Emit) {
    unary(cx, inst!(pshufd_a, HIGH));
    unary(cx, extend);
}

fn extmul_8(cx: &mut Cx, half: u8, extend: Emit) {
    let (b, a) = (cx.pop(), cx.pop());
    let (x, y) = (cx.xmm_of(a), cx.xmm_of(b));
    for v in [x, y] {
        if half != LOW {
            emit!(cx.asm, pshufd_a(v, v, half));
        }
        extend(&mut cx.asm, v, v);
    }
    emit!(cx.asm, pmullw_a(x, y));
    cx.free_xmm(y);
    cx.push_xmm(Repr::V128, x);
}

/// Interleaves the low and the high halves of the products.
fn extmul_16(cx: &mut Cx, high: Emit, unpack: Emit) {
    let (b, a) = (cx.pop(), cx.pop());
    let (x, y) = (cx.xmm_of(a), cx.xmm_of(b));
    cx.asm.mov_float(XMM15, x);
    high(&mut cx.asm, XMM15, y);
    emit!(cx.asm, pmullw_a(x, y));
    unpack(&mut cx.asm, x, XMM15);
    cx.free_xmm(y);
    cx.push_xmm(Repr::V128, x);
}

fn extmul_32(cx: &mut Cx, pair: u8, mul: Emit) {
    let (b, a) = (cx.pop(), cx.pop());
    let (x, y) = (cx.xmm_of(a), cx.xmm_of(b));
    for v in [x, y] {
        emit!(cx.asm, pshufd_a(v, v, pair));
    }
    mul(&mut cx.asm, x, y);
    cx.free_xmm(y);
    cx.push_xmm(Repr::V128, x);
}

/// The instruction takes the bytes of its first operand as unsigned.
fn add_pairs_8s(asm: &mut Asm, x: Xmm, _: Xmm) {
    let ones = asm.constant(ONES_8);
    emit!(*asm, movaps_a(XMM15, ones));
    emit!(*asm, pmaddubsw_a(XMM15, x));
    asm.mov_float(x, XMM15);
}

pub fn add_pairs_16s(asm: &mut Asm, x: Xmm) {
    let ones = asm.constant(ONES_16);
    emit!(*asm, pmaddwd_a(x, ones));
}

/// Subtracts 2^15 from each lane, and adds it back for both lanes of a pair.
fn add_pairs_16u(asm: &mut Asm, x: Xmm, _: Xmm) {
    let (half, both) = (asm.constant(repeated(0x8000, 2)), asm.constant(repeated(0x10000, 4)));
    emit!(*asm, pxor_a(x, half));
    add_pairs_16s(asm, x);
    emit!(*asm, paddd_a(x, both));
}
