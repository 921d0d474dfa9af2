//! Wide arithmetic (the wide-arithmetic proposal): 128-bit numbers as two halves, the lower one first.

use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::Cx;
use crate::compile::baseline::operands::Repr;

/// Two numbers, each with its lower half first. The halves of `a` are in registers.
struct Numbers {
    a: (Gpr, Gpr),
    b: (GprMem, GprMem),
}

fn pop(cx: &mut Cx) -> Numbers {
    let (b_high, b_low) = (cx.pop(), cx.pop());
    let (a_high, a_low) = (cx.pop(), cx.pop());
    Numbers { a: (cx.gpr_of(a_low), cx.gpr_of(a_high)), b: (cx.src(b_low), cx.src(b_high)) }
}

fn push(cx: &mut Cx, n: Numbers) {
    cx.release_src(n.b.0);
    cx.release_src(n.b.1);
    cx.push_gpr(Repr::I64, n.a.0);
    cx.push_gpr(Repr::I64, n.a.1);
}

pub fn add(cx: &mut Cx) {
    let n = pop(cx);
    cx.asm.alu(Alu::Add, W64, n.a.0, n.b.0);
    emit!(cx.asm, adcq_rm(n.a.1, n.b.1));
    push(cx, n);
}

pub fn sub(cx: &mut Cx) {
    let n = pop(cx);
    cx.asm.alu(Alu::Sub, W64, n.a.0, n.b.0);
    emit!(cx.asm, sbbq_rm(n.a.1, n.b.1));
    push(cx, n);
}

/// The 128-bit product of two 64-bit numbers.
pub fn mul(cx: &mut Cx, signed: bool) {
    let (b, a) = (cx.pop(), cx.pop());
    let by = cx.src(b);
    cx.move_to(a, RAX);
    match signed {
        true => emit!(cx.asm, imulq_m(RAX, RDX, by)),
        false => emit!(cx.asm, mulq_m(RAX, RDX, by)),
    }
    cx.release_src(by);
    // If allocating a register spills an operand, `rax` and `rdx` are not affected.
    let (low, high) = (cx.gpr(), cx.gpr());
    cx.asm.mov(W64, low, RAX);
    cx.asm.mov(W64, high, RDX);
    cx.push_gpr(Repr::I64, low);
    cx.push_gpr(Repr::I64, high);
}
