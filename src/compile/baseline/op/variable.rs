//! Variable instructions (Wasm 3.0, 4.6.8).

use crate::abi::heap::RawRef;
use crate::abi::vmstruct::{VmContext, VmRefGlobal};
use crate::base::index::GlobalIndex;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::{CONTEXT, Cx};
use crate::compile::baseline::operands::{Loc, Repr};
use crate::wasm::const_expr::{ConstExpr, ConstVal};
use std::mem::offset_of;

pub fn local_get(cx: &mut Cx, l: u32) {
    cx.push(cx.locals[l as usize], Loc::Local(l));
}

pub fn local_set(cx: &mut Cx, l: u32) {
    let o = cx.pop();
    if o.loc == Loc::Local(l) {
        return;
    }
    cx.spill_local_readers(l);
    let to = cx.local(l);
    cx.store(o, to);
    cx.release(o);
}

pub fn local_tee(cx: &mut Cx, l: u32) {
    let o = cx.pop();
    if o.loc == Loc::Local(l) {
        return cx.push(o.repr, o.loc);
    }
    cx.spill_local_readers(l);
    let to = cx.local(l);
    cx.store(o, to);
    match o.loc {
        // Its frame slot can be overwritten before the operand is read.
        Loc::Slot => cx.push(cx.locals[l as usize], Loc::Local(l)),
        loc => cx.push(cx.locals[l as usize], loc),
    }
}

/// The address of a global's value. Changes `rcx` if the global is imported.
fn loc(cx: &mut Cx, g: GlobalIndex) -> (Gpr, i32) {
    match cx.env.info.defined_global(g) {
        Some(d) => (CONTEXT, cx.env.layout.global(d) as i32),
        None => {
            cx.asm.mov(W64, RCX, at(CONTEXT, cx.env.layout.imported_global(g) as i32));
            (RCX, 0)
        }
    }
}

pub fn global_get(cx: &mut Cx, g: GlobalIndex) {
    let decl = &cx.env.info.globals[g];
    let repr = Repr::of(decl.ty.content);
    if !decl.ty.mutable
        && let Some(ConstExpr::Const(c)) = &decl.init
        && let Some(bits) = const_bits(*c)
    {
        return cx.push_const(repr, bits);
    }
    let (base, offset) = loc(cx, g);
    let from = at(base, offset);
    if repr.is_float() {
        let x = cx.xmm();
        cx.read_float(repr, x, from);
        cx.push_xmm(repr, x);
    } else {
        let r = cx.gpr();
        cx.asm.mov(repr.width(), r, from);
        cx.push_gpr(repr, r);
    }
}

fn const_bits(c: ConstVal) -> Option<u64> {
    Some(match c {
        ConstVal::I32(v) => v as u32 as u64,
        ConstVal::I64(v) => v as u64,
        ConstVal::F32(bits) => bits as u64,
        ConstVal::F64(bits) => bits,
        ConstVal::Null(_) => 0,
        ConstVal::I31(v) => RawRef::i31(v).0 as u64,
        ConstVal::V128(_) | ConstVal::Func(_) => return None,
    })
}

/// A reference to an object marks the card of the global's owner.
pub fn global_set(cx: &mut Cx, g: GlobalIndex) {
    let v = cx.pop();
    let (base, offset) = loc(cx, g);
    if v.repr == Repr::Gc {
        cx.store_ref(at(base, offset), v, |cx| match cx.env.info.defined_global(g) {
            Some(_) => at(base, offset_of!(VmContext, global_card) as i32),
            None => {
                cx.asm.mov(W64, RCX, at(base, offset_of!(VmRefGlobal, card) as i32));
                at(RCX, 0)
            }
        });
    } else {
        cx.store(v, at(base, offset));
    }
    cx.release(v);
}
