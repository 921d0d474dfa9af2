//! Numeric instructions on integers (Wasm 3.0, 4.6.1).

use crate::base::Trap;
use crate::compile::baseline::Bailout;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::Cx;
use crate::compile::baseline::operands::{Loc, Operand, Repr};

/// A constant that fits into an immediate.
fn short(o: Operand) -> Option<i32> {
    match (o.loc, o.repr.width()) {
        (Loc::Const(bits), W32) => Some(bits as i32),
        (Loc::Const(bits), W64) => i32::try_from(bits as i64).ok(),
        _ => None,
    }
}

fn is_register(o: Operand) -> bool {
    matches!(o.loc, Loc::Gpr(_))
}

/// The register for the result of an instruction with one source: the source's own register, or a free one.
fn result(cx: &mut Cx, src: GprMem) -> Gpr {
    match src {
        GprMem::Gpr(r) => r,
        GprMem::Mem(_) => cx.gpr(),
    }
}

pub fn alu(cx: &mut Cx, op: Alu) {
    let (mut b, mut a) = (cx.pop(), cx.pop());
    // For commutative operations, the operand in a register becomes the result.
    if op != Alu::Sub && !is_register(a) && (is_register(b) || short(a).is_some()) {
        (a, b) = (b, a);
    }
    let (repr, w) = (a.repr, a.repr.width());
    let r = cx.gpr_of(a);
    match short(b) {
        Some(v) => cx.asm.alu_imm(op, w, r, v),
        None => {
            let src = cx.src(b);
            cx.asm.alu(op, w, r, src);
            cx.release_src(src);
        }
    }
    cx.push_gpr(repr, r);
}

pub fn mul(cx: &mut Cx) {
    let (mut b, mut a) = (cx.pop(), cx.pop());
    if short(a).is_some() || !is_register(a) && is_register(b) {
        (a, b) = (b, a);
    }
    let (repr, w) = (a.repr, a.repr.width());
    if let Some(v) = short(b) {
        let src = cx.src(a);
        let r = result(cx, src);
        match w {
            W32 => emit!(cx.asm, imull_rmi(r, src, v)),
            W64 => emit!(cx.asm, imulq_rmi_sxl(r, src, v)),
        }
        return cx.push_gpr(repr, r);
    }
    let r = cx.gpr_of(a);
    let src = cx.src(b);
    emit!(cx.asm, w, imull_rm | imulq_rm(r, src));
    cx.release_src(src);
    cx.push_gpr(repr, r);
}

/// Shifts and rotations. The count is taken modulo the width.
pub fn shift(cx: &mut Cx, op: Shift) {
    let (by, a) = (cx.pop(), cx.pop());
    let (repr, w) = (a.repr, a.repr.width());
    let r = cx.gpr_of(a);
    match by.loc {
        Loc::Const(n) => cx.asm.shift_imm(op, w, r, n as u8 & if w == W32 { 31 } else { 63 }),
        _ => {
            cx.move_to(by, RCX);
            cx.asm.shift(op, w, r);
        }
    }
    cx.push_gpr(repr, r);
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Division {
    pub signed: bool,
    pub remainder: bool,
}

pub fn divide(cx: &mut Cx, what: Division) {
    let (b, a) = (cx.pop(), cx.pop());
    let (repr, w) = (a.repr, a.repr.width());
    let by = cx.gpr_of(b);
    cx.move_to(a, RAX);
    cx.asm.test(w, by);
    cx.trap_if(Cc::E, Trap::IntegerDivideByZero);
    let done = cx.asm.label();
    if what.signed {
        // The minimum divided by -1 overflows, and the remainder of anything by -1 is 0. The processor faults for both.
        let usual = cx.asm.label();
        cx.asm.alu_imm(Alu::Cmp, w, by, -1);
        cx.asm.jcc(Cc::NE, usual);
        if what.remainder {
            cx.asm.mov_imm(RDX, 0);
            cx.asm.jmp(done);
        } else {
            cx.asm.mov_imm(RCX, if w == W32 { 1 << 31 } else { 1 << 63 });
            cx.asm.alu(Alu::Cmp, w, RAX, RCX);
            cx.trap_if(Cc::E, Trap::IntegerOverflow);
        }
        cx.asm.bind(usual);
    }
    cx.asm.divide(w, what.signed, by);
    cx.asm.bind(done);
    cx.asm.mov(w, by, if what.remainder { RDX } else { RAX });
    cx.push_gpr(repr, by);
}

/// Counts the zeros before the first 1 bit or after the last one. Returns the width if there is no 1 bit.
pub fn count_zeros(cx: &mut Cx, leading: bool) {
    let a = cx.pop();
    let (repr, w) = (a.repr, a.repr.width());
    let r = cx.gpr_of(a);
    let width = if w == W32 { 32u64 } else { 64 };
    if leading {
        // For zero, -1 makes the difference the width.
        cx.asm.mov_imm(RCX, u64::MAX);
        emit!(cx.asm, w, bsrl_rm | bsrq_rm(RAX, r));
        cx.asm.mov_if(Cc::E, w, RAX, RCX);
        cx.asm.mov_imm(r, width - 1);
        cx.asm.alu(Alu::Sub, w, r, RAX);
    } else {
        cx.asm.mov_imm(RCX, width);
        emit!(cx.asm, w, bsfl_rm | bsfq_rm(RAX, r));
        cx.asm.mov_if(Cc::E, w, RAX, RCX);
        cx.asm.mov(w, r, RAX);
    }
    cx.push_gpr(repr, r);
}

pub fn popcnt(cx: &mut Cx) -> Result<(), Bailout> {
    if !cx.env.processor.popcnt {
        return Err(Bailout("the processor does not count bits"));
    }
    let a = cx.pop();
    let (repr, w) = (a.repr, a.repr.width());
    let r = cx.gpr_of(a);
    emit!(cx.asm, w, popcntl_rm | popcntq_rm(r, r));
    cx.push_gpr(repr, r);
    Ok(())
}

pub fn compare(cx: &mut Cx, cc: Cc) {
    let (b, a) = (cx.pop(), cx.pop());
    let w = a.repr.width();
    match (short(b), cx.in_frame(a)) {
        (Some(v), Some(mem)) => cx.asm.alu_imm(Alu::Cmp, w, mem, v),
        (Some(v), None) => {
            let r = cx.gpr_of(a);
            match v {
                0 => cx.asm.test(w, r),
                _ => cx.asm.alu_imm(Alu::Cmp, w, r, v),
            }
            cx.free(r);
        }
        (None, _) => {
            let r = cx.gpr_of(a);
            let src = cx.src(b);
            cx.asm.alu(Alu::Cmp, w, r, src);
            cx.free(r);
            cx.release_src(src);
        }
    }
    cx.push(Repr::I32, Loc::Flags(cc));
}

/// Whether an integer or a reference is zero. A condition in the flags is negated.
pub fn eqz(cx: &mut Cx) {
    if let Loc::Flags(cc) = cx.peek(0).loc {
        cx.pop();
        return cx.push(Repr::I32, Loc::Flags(cc.not()));
    }
    let repr = cx.peek(0).repr;
    cx.push_const(repr, 0);
    compare(cx, Cc::E);
}

/// Sign-extends the low `from` bits.
pub fn extend(cx: &mut Cx, from: u32, to: Repr) {
    let a = cx.pop();
    let src = cx.src(a);
    let r = result(cx, src);
    let w = to.width();
    match from {
        8 => emit!(cx.asm, w, movsbl_rm | movsbq_rm(r, src)),
        16 => emit!(cx.asm, w, movswl_rm | movswq_rm(r, src)),
        _ => emit!(cx.asm, movslq_rm(r, src)),
    }
    cx.push_gpr(to, r);
}

/// The low half, or the zero-extended number: both are a 32-bit copy.
pub fn low_half(cx: &mut Cx, to: Repr) {
    let a = cx.pop();
    if let Loc::Const(bits) = a.loc {
        return cx.push_const(to, bits as u32 as u64);
    }
    let src = cx.src(a);
    let r = result(cx, src);
    if a.repr.width() == W64 || src != GprMem::Gpr(r) {
        cx.asm.mov(W32, r, src);
    }
    cx.push_gpr(to, r);
}
