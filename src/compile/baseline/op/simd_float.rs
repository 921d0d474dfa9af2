//! Vector instructions on floats, one line per opcode. Operations without a processor instruction are below.

use super::simd::{binary, inst, repeated, swapped, unary};
use super::simd_relaxed;
use crate::compile::baseline::Bailout;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::Cx;
use crate::compile::baseline::operands::{XMM14, XMM15};
use wasmparser::Operator;

/// Immediates of comparisons and rounding modes.
const EQUAL: u8 = 0;
const LESS: u8 = 1;
const LESS_OR_EQUAL: u8 = 2;
const UNORDERED: u8 = 3;
const NOT_EQUAL: u8 = 4;
const NEAREST: u8 = 0;
const FLOOR: u8 = 1;
const CEIL: u8 = 2;
const TRUNC: u8 = 3;

pub const SIGNS_F32: u128 = repeated(1 << 31, 4);
pub const SIGNS_F64: u128 = repeated(1 << 63, 8);

#[rustfmt::skip]
pub fn instruction(cx: &mut Cx, op: &Operator<'_>) -> Result<(), Bailout> {
    use Operator as O;
    match op {
        O::F32x4Eq => binary(cx, inst!(cmpps_a, EQUAL)),
        O::F32x4Ne => binary(cx, inst!(cmpps_a, NOT_EQUAL)),
        O::F32x4Lt => binary(cx, inst!(cmpps_a, LESS)),
        O::F32x4Gt => swapped(cx, inst!(cmpps_a, LESS)),
        O::F32x4Le => binary(cx, inst!(cmpps_a, LESS_OR_EQUAL)),
        O::F32x4Ge => swapped(cx, inst!(cmpps_a, LESS_OR_EQUAL)),
        O::F64x2Eq => binary(cx, inst!(cmppd_a, EQUAL)),
        O::F64x2Ne => binary(cx, inst!(cmppd_a, NOT_EQUAL)),
        O::F64x2Lt => binary(cx, inst!(cmppd_a, LESS)),
        O::F64x2Gt => swapped(cx, inst!(cmppd_a, LESS)),
        O::F64x2Le => binary(cx, inst!(cmppd_a, LESS_OR_EQUAL)),
        O::F64x2Ge => swapped(cx, inst!(cmppd_a, LESS_OR_EQUAL)),
        O::F32x4Ceil => unary(cx, inst!(roundps_rmi, CEIL)),
        O::F32x4Floor => unary(cx, inst!(roundps_rmi, FLOOR)),
        O::F32x4Trunc => unary(cx, inst!(roundps_rmi, TRUNC)),
        O::F32x4Nearest => unary(cx, inst!(roundps_rmi, NEAREST)),
        O::F64x2Ceil => unary(cx, inst!(roundpd_rmi, CEIL)),
        O::F64x2Floor => unary(cx, inst!(roundpd_rmi, FLOOR)),
        O::F64x2Trunc => unary(cx, inst!(roundpd_rmi, TRUNC)),
        O::F64x2Nearest => unary(cx, inst!(roundpd_rmi, NEAREST)),
        O::F32x4Abs => unary(cx, |asm, x, _| { let m = asm.constant(!SIGNS_F32); emit!(*asm, andps_a(x, m)) }),
        O::F32x4Neg => unary(cx, |asm, x, _| { let m = asm.constant(SIGNS_F32); emit!(*asm, xorps_a(x, m)) }),
        O::F64x2Abs => unary(cx, |asm, x, _| { let m = asm.constant(!SIGNS_F64); emit!(*asm, andps_a(x, m)) }),
        O::F64x2Neg => unary(cx, |asm, x, _| { let m = asm.constant(SIGNS_F64); emit!(*asm, xorps_a(x, m)) }),
        O::F32x4Sqrt => unary(cx, inst!(sqrtps_a)),
        O::F32x4Add => binary(cx, inst!(addps_a)),
        O::F32x4Sub => binary(cx, inst!(subps_a)),
        O::F32x4Mul => binary(cx, inst!(mulps_a)),
        O::F32x4Div => binary(cx, inst!(divps_a)),
        O::F64x2Sqrt => unary(cx, inst!(sqrtpd_a)),
        O::F64x2Add => binary(cx, inst!(addpd_a)),
        O::F64x2Sub => binary(cx, inst!(subpd_a)),
        O::F64x2Mul => binary(cx, inst!(mulpd_a)),
        O::F64x2Div => binary(cx, inst!(divpd_a)),
        O::F32x4Min => binary(cx, min_f32),
        O::F32x4Max => binary(cx, max_f32),
        O::F64x2Min => binary(cx, min_f64),
        O::F64x2Max => binary(cx, max_f64),
        // The processor's instructions return the second operand if the operands are zeros or one is NaN. The
        // specification wants the first, so the operands are exchanged.
        O::F32x4PMin => swapped(cx, inst!(minps_a)),
        O::F32x4PMax => swapped(cx, inst!(maxps_a)),
        O::F64x2PMin => swapped(cx, inst!(minpd_a)),
        O::F64x2PMax => swapped(cx, inst!(maxpd_a)),
        O::I32x4TruncSatF32x4S => unary(cx, trunc_sat_f32_s),
        O::I32x4TruncSatF32x4U => unary(cx, trunc_sat_f32_u),
        O::I32x4TruncSatF64x2SZero => unary(cx, trunc_sat_f64_s),
        O::I32x4TruncSatF64x2UZero => unary(cx, trunc_sat_f64_u),
        O::F32x4ConvertI32x4S => unary(cx, inst!(cvtdq2ps_a)),
        O::F32x4ConvertI32x4U => unary(cx, convert_f32_u),
        O::F64x2ConvertLowI32x4S => unary(cx, inst!(cvtdq2pd_a)),
        O::F64x2ConvertLowI32x4U => unary(cx, convert_low_u),
        O::F32x4DemoteF64x2Zero => unary(cx, inst!(cvtpd2ps_a)),
        O::F64x2PromoteLowF32x4 => unary(cx, inst!(cvtps2pd_a)),
        other => return simd_relaxed::instruction(cx, other),
    }
    Ok(())
}

/// Computes the result with the operands in both orders. The two results differ if an operand is NaN or both are zeros,
/// because the processor returns the second operand then. NaNs become canonical.
macro_rules! extremes {
    ($min:ident, $max:ident: $minp:ident $maxp:ident $sub:ident $cmp:ident $shift:ident $fraction:expr) => {
        /// For zeros, the OR makes the result negative if either is negative.
        pub fn $min(asm: &mut Asm, x: Xmm, y: Xmm) {
            asm.mov_float(XMM15, x);
            emit!(*asm, $minp(XMM15, y));
            emit!(*asm, $minp(y, x));
            emit!(*asm, orps_a(XMM15, y));
            asm.mov_float(x, XMM15);
            emit!(*asm, $cmp(x, y, UNORDERED));
            emit!(*asm, orps_a(XMM15, x));
            emit!(*asm, $shift(x, $fraction));
            emit!(*asm, andnps_a(x, XMM15));
        }

        /// If the results differ, the bits in which they differ are set and then subtracted as a float. With a NaN, all
        /// exponent bits stay set, so the result is a NaN. With zeros, this is `-0 - -0`, which is `+0`.
        pub fn $max(asm: &mut Asm, x: Xmm, y: Xmm) {
            asm.mov_float(XMM15, x);
            emit!(*asm, $maxp(XMM15, y));
            emit!(*asm, $maxp(y, x));
            emit!(*asm, xorps_a(y, XMM15));
            emit!(*asm, orps_a(XMM15, y));
            asm.mov_float(x, XMM15);
            emit!(*asm, $sub(XMM15, y));
            emit!(*asm, $cmp(x, x, UNORDERED));
            emit!(*asm, $shift(x, $fraction));
            emit!(*asm, andnps_a(x, XMM15));
        }
    };
}
// The number of bits that are kept in a NaN: the sign, the exponent and the quiet bit.
extremes!(min_f32, max_f32: minps_a maxps_a subps_a cmpps_a psrld_b 10u8);
extremes!(min_f64, max_f64: minpd_a maxpd_a subpd_a cmppd_a psrlq_b 13u8);

/// The instruction returns the smallest integer for all values out of range. NaNs are replaced by zero before it, and
/// the bits of positive overflows are inverted after it.
pub fn trunc_sat_f32_s(asm: &mut Asm, x: Xmm, _: Xmm) {
    asm.mov_float(XMM15, x);
    emit!(*asm, cmpps_a(XMM15, XMM15, EQUAL));
    emit!(*asm, andps_a(x, XMM15));
    // Its sign bit says that the value is a number and not negative.
    emit!(*asm, pxor_a(XMM15, x));
    emit!(*asm, cvttps2dq_a(x, x));
    emit!(*asm, pand_a(XMM15, x));
    emit!(*asm, psrad_b(XMM15, 31u8));
    emit!(*asm, pxor_a(x, XMM15));
}

/// Converts in two parts: the value up to 2^31, where the instruction returns 2^31 for everything larger, and the rest
/// above 2^31.
pub fn trunc_sat_f32_u(asm: &mut Asm, x: Xmm, _: Xmm) {
    let half = asm.constant(repeated((2147483648f32).to_bits() as u64, 4));
    emit!(*asm, pxor_a(XMM15, XMM15));
    // NaNs become zero, too.
    emit!(*asm, maxps_a(x, XMM15));
    emit!(*asm, movaps_a(XMM15, half));
    asm.mov_float(XMM14, x);
    emit!(*asm, subps_a(XMM14, XMM15));
    emit!(*asm, cmpps_a(XMM15, XMM14, LESS_OR_EQUAL));
    emit!(*asm, cvttps2dq_a(XMM14, XMM14));
    // From 2^32 on, the second part becomes its maximum.
    emit!(*asm, pxor_a(XMM14, XMM15));
    emit!(*asm, pxor_a(XMM15, XMM15));
    emit!(*asm, pmaxsd_a(XMM14, XMM15));
    emit!(*asm, cvttps2dq_a(x, x));
    emit!(*asm, paddd_a(x, XMM14));
}

/// NaNs become zero, and values that are too large become the maximum. The instruction returns the minimum for values
/// that are too small, and sets the upper lanes to zero.
pub fn trunc_sat_f64_s(asm: &mut Asm, x: Xmm, _: Xmm) {
    let most = asm.constant(repeated((i32::MAX as f64).to_bits(), 8));
    asm.mov_float(XMM15, x);
    emit!(*asm, cmppd_a(XMM15, XMM15, EQUAL));
    emit!(*asm, andps_a(XMM15, most));
    emit!(*asm, minpd_a(x, XMM15));
    emit!(*asm, cvttpd2dq_a(x, x));
}

/// A float of this magnitude has its integer value in the low bits.
const SPACING_1: f64 = (1u64 << 52) as f64;

pub fn trunc_sat_f64_u(asm: &mut Asm, x: Xmm, _: Xmm) {
    let most = asm.constant(repeated((u32::MAX as f64).to_bits(), 8));
    let large = asm.constant(repeated(SPACING_1.to_bits(), 8));
    emit!(*asm, pxor_a(XMM15, XMM15));
    // NaNs become zero, too.
    emit!(*asm, maxpd_a(x, XMM15));
    emit!(*asm, minpd_a(x, most));
    emit!(*asm, roundpd_rmi(x, x, TRUNC));
    emit!(*asm, addpd_a(x, large));
    // The low half of each lane.
    emit!(*asm, shufps_a(x, XMM15, 0x88u8));
}

/// Converts the upper and the lower 16 bits exactly. Only the sum is rounded.
fn convert_f32_u(asm: &mut Asm, x: Xmm, _: Xmm) {
    let low = asm.constant(repeated(0xffff, 4));
    asm.mov_float(XMM15, x);
    emit!(*asm, pand_a(XMM15, low));
    emit!(*asm, psubd_a(x, XMM15));
    emit!(*asm, cvtdq2ps_a(XMM15, XMM15));
    // The shift drops the last bit, which is zero, so the number is not negative.
    emit!(*asm, psrld_b(x, 1u8));
    emit!(*asm, cvtdq2ps_a(x, x));
    emit!(*asm, addps_a(x, x));
    emit!(*asm, addps_a(x, XMM15));
}

/// Puts the number into the low bits of a float, and subtracts the float's offset.
fn convert_low_u(asm: &mut Asm, x: Xmm, _: Xmm) {
    let upper = asm.constant(repeated(SPACING_1.to_bits() >> 32, 4));
    let large = asm.constant(repeated(SPACING_1.to_bits(), 8));
    emit!(*asm, unpcklps_a(x, upper));
    emit!(*asm, subpd_a(x, large));
}
