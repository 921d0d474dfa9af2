//! Reference instructions except casts (Wasm 3.0, 4.6.2 to 4.6.5).

use super::control;
use super::int;
use crate::abi::vmstruct::VmImportedFunc;
use crate::base::Trap;
use crate::base::index::FuncIndex;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::{CONTEXT, Cx};
use crate::compile::baseline::operands::{Operand, Repr};
use crate::wasm::decode::heap_type;
use crate::wasm::types::{RefType, ValType};
use std::mem::offset_of;

pub fn null(cx: &mut Cx, hty: wasmparser::HeapType) {
    let heap = heap_type(hty, &cx.env.info.types);
    cx.push_const(Repr::of(ValType::Ref(RefType { nullable: true, heap })), 0);
}

pub fn func(cx: &mut Cx, f: FuncIndex) {
    let r = cx.gpr();
    match (cx.env.info.defined_func(f), cx.env.info.funcs[f].funcref) {
        (Some(_), Some(loc)) => cx.asm.lea(W64, r, at(CONTEXT, cx.env.layout.funcref(loc) as i32)),
        (None, _) => {
            let loc = cx.env.layout.imported_func(f) as usize + offset_of!(VmImportedFunc, funcref);
            cx.asm.mov(W64, r, at(CONTEXT, loc as i32));
        }
        (Some(_), None) => unreachable!("the validator demands that it is declared"),
    }
    cx.push_gpr(Repr::Func, r);
}

/// Traps if the reference in a register is null.
pub fn check_null(cx: &mut Cx, repr: Repr, r: Gpr) {
    cx.asm.test(repr.width(), r);
    cx.trap_if(Cc::E, Trap::NullReference);
}

pub fn as_non_null(cx: &mut Cx) {
    let o = cx.pop();
    let r = cx.gpr_of(o);
    check_null(cx, o.repr, r);
    cx.push_gpr(o.repr, r);
}

pub fn i31(cx: &mut Cx) {
    let r = cx.pop_gpr();
    cx.asm.shift_imm(Shift::Left, W32, r, 1);
    cx.asm.alu_imm(Alu::Or, W32, r, 1);
    cx.push_gpr(Repr::Gc, r);
}

pub fn i31_get(cx: &mut Cx, signed: bool) {
    let r = cx.pop_gpr();
    check_null(cx, Repr::Gc, r);
    cx.asm.shift_imm(if signed { Shift::SignedRight } else { Shift::Right }, W32, r, 1);
    cx.push_gpr(Repr::I32, r);
}

/// Pops the top operand into a register and compares it with zero.
fn pop_tested(cx: &mut Cx) -> Operand {
    let o = cx.pop();
    let r = cx.gpr_of(o);
    cx.asm.test(o.repr.width(), r);
    o.in_gpr(r)
}

/// If the branch is not taken, the reference stays on the stack.
pub fn br_on_null(cx: &mut Cx, depth: u32) {
    let o = pop_tested(cx);
    control::branch_if(cx, Cc::E, depth);
    cx.push(o.repr, o.loc);
}

/// If the branch is taken, the reference is passed to the target.
pub fn br_on_non_null(cx: &mut Cx, depth: u32) {
    let o = pop_tested(cx);
    cx.push(o.repr, o.loc);
    control::branch_if(cx, Cc::NE, depth);
    let o = cx.pop();
    cx.release(o);
}

pub fn is_null(cx: &mut Cx) {
    int::eqz(cx);
}
