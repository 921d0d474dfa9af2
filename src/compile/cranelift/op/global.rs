//! Variable instructions on globals (Wasm 2.0, 4.4.5).

use crate::abi::heap::RawRef;
use crate::abi::vmstruct::{VmContext, VmRefGlobal};
use crate::base::index::GlobalIndex;
use crate::compile::cranelift::func::{FuncCx, Region, clif_type, constant, trusted};
use crate::wasm::const_expr::{ConstExpr, ConstVal};
use crate::wasm::types::Top;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value};
use std::mem::offset_of;

/// The address of a global's value, as a base and an offset.
fn place(cx: &mut FuncCx, g: GlobalIndex) -> (Value, i32) {
    let vmctx = cx.vmctx;
    match cx.env.info.defined_global(g) {
        Some(d) => (vmctx, cx.env.layout.global(d) as i32),
        None => (cx.load_constant(I64, vmctx, cx.env.layout.imported_global(g)), 0),
    }
}

/// A reference to an object must never be loaded as constant: the collector rewrites it when the object moves.
fn flags(cx: &mut FuncCx, changes: bool) -> MemFlagsData {
    cx.in_region(if changes { trusted() } else { constant() }, Region::Global)
}

pub fn get(cx: &mut FuncCx, g: GlobalIndex) {
    let decl = &cx.env.info.globals[g];
    if !decl.ty.mutable
        && let Some(ConstExpr::Const(c)) = &decl.init
        && let Some(v) = const_value(cx, *c)
    {
        return cx.push(v);
    }
    let (base, offset) = place(cx, g);
    let flags = flags(cx, decl.ty.mutable || decl.ty.content.is_gc());
    if decl.ty.content.is_gc() {
        let v = cx.load_ref((base, offset, flags), decl.ty.content);
        return cx.push_gc(v);
    }
    let v = cx.b.ins().load(clif_type(decl.ty.content), flags, base, offset);
    cx.push(v);
}

/// The constant as code, if that is as good as a load.
fn const_value(cx: &mut FuncCx, c: ConstVal) -> Option<Value> {
    Some(match c {
        ConstVal::I32(v) => cx.b.ins().iconst(I32, v as u32 as i64),
        ConstVal::I64(v) => cx.b.ins().iconst(I64, v),
        ConstVal::F32(v) => cx.b.ins().f32const(f32::from_bits(v)),
        ConstVal::F64(v) => cx.b.ins().f64const(f64::from_bits(v)),
        ConstVal::Null(Top::Func) => cx.b.ins().iconst(I64, 0),
        ConstVal::Null(_) => cx.b.ins().iconst(I32, 0),
        ConstVal::I31(v) => cx.b.ins().iconst(I32, RawRef::i31(v).0 as i64),
        ConstVal::V128(_) | ConstVal::Func(_) => return None,
    })
}

pub fn set(cx: &mut FuncCx, g: GlobalIndex) {
    if cx.env.info.globals[g].ty.content.is_gc() {
        return set_ref(cx, g);
    }
    let v = cx.pop();
    let v = cx.canonical(v);
    let (base, offset) = place(cx, g);
    let flags = flags(cx, true);
    cx.b.ins().store(flags, v, base, offset);
}

fn set_ref(cx: &mut FuncCx, g: GlobalIndex) {
    let v = cx.pop_gc();
    let (base, offset) = place(cx, g);
    let flags = flags(cx, true);
    let card = match cx.env.info.defined_global(g) {
        Some(_) => (base, offset_of!(VmContext, global_card) as i32),
        None => (cx.load_constant(I64, base, offset_of!(VmRefGlobal, card) as u32), 0),
    };
    let place = cx.outer_place(base, offset, flags, card);
    cx.store_ref(place, v);
}
