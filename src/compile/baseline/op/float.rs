//! Numeric instructions on floats (Wasm 3.0, 4.6.1).

use crate::base::Trap;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::Cx;
use crate::compile::baseline::operands::{Loc, Repr, XMM14, XMM15};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
}

pub fn binary(cx: &mut Cx, op: Binary) {
    let (b, a) = (cx.pop(), cx.pop());
    let (repr, w) = (a.repr, a.repr.width());
    let x = cx.xmm_of(a);
    let src = cx.float_src(b);
    match op {
        Binary::Add => emit!(cx.asm, w, addss_a | addsd_a(x, src)),
        Binary::Sub => emit!(cx.asm, w, subss_a | subsd_a(x, src)),
        Binary::Mul => emit!(cx.asm, w, mulss_a | mulsd_a(x, src)),
        Binary::Div => emit!(cx.asm, w, divss_a | divsd_a(x, src)),
    }
    cx.release_float(src);
    cx.push_xmm(repr, x);
}

/// The processor's instructions return the second operand if one is NaN or both are zeros.
pub fn min_max(cx: &mut Cx, is_min: bool) {
    let (b, a) = (cx.pop(), cx.pop());
    let (repr, w) = (a.repr, a.repr.width());
    let (x, y) = (cx.xmm_of(a), cx.xmm_of(b));
    let (differ, unordered, done) = (cx.asm.label(), cx.asm.label(), cx.asm.label());
    emit!(cx.asm, w, ucomiss_a | ucomisd_a(x, y));
    cx.asm.jcc(Cc::NE, differ);
    cx.asm.jcc(Cc::P, unordered);
    // They are equal, so they differ in the sign at most.
    match is_min {
        true => emit!(cx.asm, orps_a(x, y)),
        false => emit!(cx.asm, andps_a(x, y)),
    }
    cx.asm.jmp(done);
    cx.asm.bind(unordered);
    emit!(cx.asm, w, addss_a | addsd_a(x, y));
    cx.asm.jmp(done);
    cx.asm.bind(differ);
    match is_min {
        true => emit!(cx.asm, w, minss_a | minsd_a(x, y)),
        false => emit!(cx.asm, w, maxss_a | maxsd_a(x, y)),
    }
    cx.asm.bind(done);
    cx.free_xmm(y);
    cx.push_xmm(repr, x);
}

fn sign_bit(w: Width) -> u64 {
    if w == W32 { 1 << 31 } else { 1 << 63 }
}

/// Loads a constant into a scratch register. Changes `rax`.
fn constant(cx: &mut Cx, w: Width, bits: u64, dst: Xmm) {
    cx.asm.mov_imm(RAX, bits);
    cx.asm.float_of_bits(w, dst, RAX);
}

pub fn copysign(cx: &mut Cx) {
    let (b, a) = (cx.pop(), cx.pop());
    let (repr, w) = (a.repr, a.repr.width());
    let (x, y) = (cx.xmm_of(a), cx.xmm_of(b));
    constant(cx, w, sign_bit(w), XMM15);
    emit!(cx.asm, andps_a(y, XMM15));
    emit!(cx.asm, andnps_a(XMM15, x));
    cx.asm.mov_float(x, XMM15);
    emit!(cx.asm, orps_a(x, y));
    cx.free_xmm(y);
    cx.push_xmm(repr, x);
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unary {
    Abs,
    Neg,
    Sqrt,
    Nearest,
    Floor,
    Ceil,
    Trunc,
}

pub fn unary(cx: &mut Cx, op: Unary) {
    let a = cx.pop();
    let (repr, w) = (a.repr, a.repr.width());
    let x = cx.xmm_of(a);
    // The rounding mode in the instruction's immediate.
    let way = match op {
        Unary::Abs => {
            constant(cx, w, sign_bit(w) - 1, XMM15);
            emit!(cx.asm, andps_a(x, XMM15));
            return cx.push_xmm(repr, x);
        }
        Unary::Neg => {
            constant(cx, w, sign_bit(w), XMM15);
            emit!(cx.asm, xorps_a(x, XMM15));
            return cx.push_xmm(repr, x);
        }
        Unary::Sqrt => {
            emit!(cx.asm, w, sqrtss_a | sqrtsd_a(x, x));
            return cx.push_xmm(repr, x);
        }
        Unary::Nearest => 0u8,
        Unary::Floor => 1,
        Unary::Ceil => 2,
        Unary::Trunc => 3,
    };
    emit!(cx.asm, w, roundss_rmi | roundsd_rmi(x, x, way));
    cx.push_xmm(repr, x);
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
}

/// In the flags, unordered looks like "less", so only "greater" is tested.
pub fn compare(cx: &mut Cx, c: Comparison) {
    let (mut b, mut a) = (cx.pop(), cx.pop());
    if matches!(c, Comparison::Lt | Comparison::Le) {
        (a, b) = (b, a);
    }
    let w = a.repr.width();
    let x = cx.xmm_of(a);
    let src = cx.float_src(b);
    emit!(cx.asm, w, ucomiss_a | ucomisd_a(x, src));
    cx.free_xmm(x);
    cx.release_float(src);
    let both = |cx: &mut Cx, parity: Cc, zero: Cc, op: Alu| {
        let r = cx.gpr();
        cx.asm.set(parity, RAX);
        cx.asm.set(zero, r);
        cx.asm.alu(op, W32, r, RAX);
        emit!(cx.asm, movzbl_rm(r, r));
        cx.push_gpr(Repr::I32, r);
    };
    match c {
        Comparison::Eq => both(cx, Cc::NP, Cc::E, Alu::And),
        Comparison::Ne => both(cx, Cc::P, Cc::NE, Alu::Or),
        Comparison::Lt | Comparison::Gt => cx.push(Repr::I32, Loc::Flags(Cc::A)),
        Comparison::Le | Comparison::Ge => cx.push(Repr::I32, Loc::Flags(Cc::AE)),
    }
}

pub fn demote(cx: &mut Cx) {
    let x = cx.pop_xmm();
    emit!(cx.asm, cvtsd2ss_a(x, x));
    cx.push_xmm(Repr::F32, x);
}

pub fn promote(cx: &mut Cx) {
    let x = cx.pop_xmm();
    emit!(cx.asm, cvtss2sd_a(x, x));
    cx.push_xmm(Repr::F64, x);
}

pub fn reinterpret(cx: &mut Cx, to: Repr) {
    let a = cx.pop();
    match (a.loc, to.is_float()) {
        (Loc::Const(bits), _) => cx.push_const(to, bits),
        (_, true) => {
            let r = cx.gpr_of(a);
            let x = cx.xmm();
            cx.asm.float_of_bits(to.width(), x, r);
            cx.free(r);
            cx.push_xmm(to, x);
        }
        (_, false) => {
            let x = cx.xmm_of(a);
            let r = cx.gpr();
            cx.asm.bits_of_float(to.width(), r, x);
            cx.free_xmm(x);
            cx.push_gpr(to, r);
        }
    }
}

/// Converts an integer to a float.
pub fn convert(cx: &mut Cx, signed: bool, to: Repr) {
    let a = cx.pop();
    let (from, w) = (a.repr.width(), to.width());
    let r = cx.gpr_of(a);
    let x = cx.xmm();
    // The conversion preserves the upper part of the register. Clearing it removes the dependency on its old value.
    emit!(cx.asm, xorps_a(x, x));
    match (from, signed) {
        (W32, true) => emit!(cx.asm, w, cvtsi2ssl_a | cvtsi2sdl_a(x, r)),
        // A zero-extended 32-bit number is a signed 64-bit number.
        (W32, false) | (W64, true) => emit!(cx.asm, w, cvtsi2ssq_a | cvtsi2sdq_a(x, r)),
        (W64, false) => {
            let (large, done) = (cx.asm.label(), cx.asm.label());
            cx.asm.test(W64, r);
            cx.asm.jcc(Cc::S, large);
            emit!(cx.asm, w, cvtsi2ssq_a | cvtsi2sdq_a(x, r));
            cx.asm.jmp(done);
            // Halve it, keeping the last bit for rounding, and double the result.
            cx.asm.bind(large);
            cx.asm.mov(W64, RAX, r);
            cx.asm.shift_imm(Shift::Right, W64, RAX, 1);
            cx.asm.alu_imm(Alu::And, W32, r, 1);
            cx.asm.alu(Alu::Or, W64, RAX, r);
            emit!(cx.asm, w, cvtsi2ssq_a | cvtsi2sdq_a(x, RAX));
            emit!(cx.asm, w, addss_a | addsd_a(x, x));
            cx.asm.bind(done);
        }
    }
    cx.free(r);
    cx.push_xmm(to, x);
}

/// Truncation of a float to an integer, and whether out-of-range values saturate or trap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Truncation {
    pub signed: bool,
    pub saturates: bool,
    pub to: Repr,
}

pub fn truncate(cx: &mut Cx, what: Truncation) {
    let a = cx.pop();
    let (w, to) = (a.repr.width(), what.to.width());
    let x = cx.xmm_of(a);
    let r = cx.gpr();
    let done = cx.asm.label();
    let (least, most) = match (what.signed, to) {
        (false, W32) => (0, u32::MAX as u64),
        (false, W64) => (0, u64::MAX),
        (true, W32) => (i32::MIN as u32 as u64, i32::MAX as u64),
        (true, W64) => (i64::MIN as u64, i64::MAX as u64),
    };
    // Called for NaN, for values that are too large, and for values that are too small.
    let refuse = |cx: &mut Cx, cc: Cc, trap: Trap, saturated: u64| {
        if !what.saturates {
            return cx.trap_if(cc, trap);
        }
        let fine = cx.asm.label();
        cx.asm.jcc(cc.not(), fine);
        cx.asm.mov_imm(r, saturated);
        cx.asm.jmp(done);
        cx.asm.bind(fine);
    };
    let bits = if to == W32 { 32 } else { 64 };
    let float = |v: f64| if w == W32 { (v as f32).to_bits() as u64 } else { v.to_bits() };
    emit!(cx.asm, w, ucomiss_a | ucomisd_a(x, x));
    refuse(cx, Cc::P, Trap::InvalidConversion, 0);
    let above = 2f64.powi(bits - what.signed as i32);
    constant(cx, w, float(above), XMM15);
    emit!(cx.asm, w, ucomiss_a | ucomisd_a(x, XMM15));
    refuse(cx, Cc::AE, Trap::IntegerOverflow, most);
    // The largest float that is too small. If floats have no fractions in that range, the smallest float that is not.
    let (below, cc) = match (what.signed, w == W64 && to == W32) {
        (false, _) => (-1.0, Cc::BE),
        (true, true) => (-2f64.powi(31) - 1.0, Cc::BE),
        (true, false) => (-above, Cc::B),
    };
    constant(cx, w, float(below), XMM15);
    emit!(cx.asm, w, ucomiss_a | ucomisd_a(x, XMM15));
    refuse(cx, cc, Trap::IntegerOverflow, least);
    match (what.signed, to) {
        (true, W32) => emit!(cx.asm, w, cvttss2si_a | cvttsd2si_a(r, x)),
        // The lower half of the 64-bit result.
        (false, W32) => {
            emit!(cx.asm, w, cvttss2si_aq | cvttsd2si_aq(r, x));
            cx.asm.mov(W32, r, r);
        }
        (true, W64) => emit!(cx.asm, w, cvttss2si_aq | cvttsd2si_aq(r, x)),
        (false, W64) => {
            // Move the upper half of the range down, and set the highest bit afterwards.
            let small = cx.asm.label();
            constant(cx, w, float(2f64.powi(63)), XMM15);
            emit!(cx.asm, w, ucomiss_a | ucomisd_a(x, XMM15));
            cx.asm.mov_float(XMM14, x);
            cx.asm.mov_imm(RCX, 0);
            cx.asm.jcc(Cc::B, small);
            emit!(cx.asm, w, subss_a | subsd_a(XMM14, XMM15));
            cx.asm.mov_imm(RCX, 1 << 63);
            cx.asm.bind(small);
            emit!(cx.asm, w, cvttss2si_aq | cvttsd2si_aq(r, XMM14));
            cx.asm.alu(Alu::Xor, W64, r, RCX);
        }
    }
    cx.asm.bind(done);
    cx.free_xmm(x);
    cx.push_gpr(what.to, r);
}
