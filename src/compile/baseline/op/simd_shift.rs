//! Shifts of lanes. The count is taken modulo the lane's width.

use super::simd::{Emit, inst, repeated};
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::Cx;
use crate::compile::baseline::operands::{Loc, Repr, XMM14, XMM15};
use wasmparser::Operator;

/// The two forms of a processor instruction: with the count in a register, and with an immediate count.
#[derive(Clone, Copy)]
struct Lanes {
    bits: u8,
    by_register: Emit,
    by_number: fn(&mut Asm, Xmm, u8),
}

macro_rules! lanes {
    ($bits:expr, $by_register:ident, $by_number:ident) => {
        Lanes { bits: $bits, by_register: inst!($by_register), by_number: |asm, x, n| emit!(*asm, $by_number(x, n)) }
    };
}

const LEFT_16: Lanes = lanes!(16, psllw_a, psllw_b);
const RIGHT_16: Lanes = lanes!(16, psrlw_a, psrlw_b);
const SIGNED_RIGHT_16: Lanes = lanes!(16, psraw_a, psraw_b);
const RIGHT_64: Lanes = lanes!(64, psrlq_a, psrlq_b);

/// Returns false if the instruction is none of these.
#[rustfmt::skip]
pub fn instruction(cx: &mut Cx, op: &Operator<'_>) -> bool {
    use Operator as O;
    match op {
        O::I8x16Shl => shift_8(cx, true),
        O::I8x16ShrU => shift_8(cx, false),
        O::I8x16ShrS => signed_right_8(cx),
        O::I16x8Shl => shift(cx, LEFT_16),
        O::I16x8ShrU => shift(cx, RIGHT_16),
        O::I16x8ShrS => shift(cx, SIGNED_RIGHT_16),
        O::I32x4Shl => shift(cx, lanes!(32, pslld_a, pslld_b)),
        O::I32x4ShrU => shift(cx, lanes!(32, psrld_a, psrld_b)),
        O::I32x4ShrS => shift(cx, lanes!(32, psrad_a, psrad_b)),
        O::I64x2Shl => shift(cx, lanes!(64, psllq_a, psllq_b)),
        O::I64x2ShrU => shift(cx, RIGHT_64),
        O::I64x2ShrS => signed_right_64(cx),
        _ => return false,
    }
    true
}

/// The count of a shift.
#[derive(Clone, Copy)]
enum Count {
    Number(u8),
    /// In `xmm15`.
    Register,
}

impl Lanes {
    fn emit(self, asm: &mut Asm, x: Xmm, by: Count) {
        match by {
            Count::Number(n) => (self.by_number)(asm, x, n),
            Count::Register => (self.by_register)(asm, x, XMM15),
        }
    }
}

/// Pops a count, taken modulo `bits` and increased by `more`, and a vector. Changes `rcx` and `xmm15`.
fn pop(cx: &mut Cx, bits: u8, more: u8) -> (Xmm, Count) {
    let (by, a) = (cx.pop(), cx.pop());
    let x = cx.xmm_of(a);
    if let Loc::Const(n) = by.loc {
        return (x, Count::Number((n as u8 & (bits - 1)) + more));
    }
    cx.move_to(by, RCX);
    cx.asm.alu_imm(Alu::And, W32, RCX, bits as i32 - 1);
    if more > 0 {
        cx.asm.alu_imm(Alu::Add, W32, RCX, more as i32);
    }
    cx.asm.float_of_bits(W32, XMM15, RCX);
    (x, Count::Register)
}

fn shift(cx: &mut Cx, lanes: Lanes) {
    let (x, by) = pop(cx, lanes.bits, 0);
    lanes.emit(&mut cx.asm, x, by);
    cx.push_xmm(Repr::V128, x);
}

/// Shifts lanes of 16 bits, and masks the bits that came from the other byte.
fn shift_8(cx: &mut Cx, left: bool) {
    let lanes = if left { LEFT_16 } else { RIGHT_16 };
    let (x, by) = pop(cx, 8, 0);
    lanes.emit(&mut cx.asm, x, by);
    if let Count::Number(n) = by {
        let mask = cx.asm.constant(repeated(if left { 0xff << n } else { 0xff >> n }, 1));
        emit!(cx.asm, pand_a(x, mask));
        return cx.push_xmm(Repr::V128, x);
    }
    // The mask: shift 16 ones in the same way and take the byte that received zeros.
    emit!(cx.asm, pcmpeqd_a(XMM14, XMM14));
    lanes.emit(&mut cx.asm, XMM14, by);
    if !left {
        emit!(cx.asm, psrlw_b(XMM14, 8u8));
    }
    emit!(cx.asm, pxor_a(XMM15, XMM15));
    emit!(cx.asm, pshufb_a(XMM14, XMM15));
    emit!(cx.asm, pand_a(x, XMM14));
    cx.push_xmm(Repr::V128, x);
}

/// Extends each byte to the upper half of 16 bits, and shifts by 8 more.
fn signed_right_8(cx: &mut Cx) {
    let (x, by) = pop(cx, 8, 8);
    cx.asm.mov_float(XMM14, x);
    emit!(cx.asm, punpcklbw_a(x, x));
    emit!(cx.asm, punpckhbw_a(XMM14, XMM14));
    SIGNED_RIGHT_16.emit(&mut cx.asm, x, by);
    SIGNED_RIGHT_16.emit(&mut cx.asm, XMM14, by);
    emit!(cx.asm, packsswb_a(x, XMM14));
    cx.push_xmm(Repr::V128, x);
}

/// Shifts without the sign, and extends the sign from its new position: `(x ^ m) - m`.
fn signed_right_64(cx: &mut Cx) {
    let (x, by) = pop(cx, 64, 0);
    let sign = cx.asm.constant(repeated(1 << 63, 8));
    emit!(cx.asm, movaps_a(XMM14, sign));
    RIGHT_64.emit(&mut cx.asm, XMM14, by);
    RIGHT_64.emit(&mut cx.asm, x, by);
    emit!(cx.asm, pxor_a(x, XMM14));
    emit!(cx.asm, psubq_a(x, XMM14));
    cx.push_xmm(Repr::V128, x);
}
