//! Reference instructions except casts (Wasm 3.0, 4.6.2 to 4.6.5).

use crate::abi::vmstruct::VmImportedFunc;
use crate::base::Trap;
use crate::base::index::FuncIndex;
use crate::compile::cranelift::func::FuncCx;
use crate::compile::cranelift::gc::Repr;
use crate::wasm::decode::heap_type;
use crate::wasm::types::{RefType, ValType};
use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use std::mem::offset_of;

pub fn null(cx: &mut FuncCx, hty: wasmparser::HeapType) {
    let heap = heap_type(hty, &cx.env.info.types);
    let repr = Repr::of(ValType::Ref(RefType { nullable: true, heap }));
    let v = cx.b.ins().iconst(repr.clif, 0);
    cx.push(v);
}

pub fn is_null(cx: &mut FuncCx) {
    let v = cx.pop();
    let is = cx.b.ins().icmp_imm_s(IntCC::Equal, v, 0);
    let is = cx.b.ins().uextend(I32, is);
    cx.push(is);
}

pub fn func(cx: &mut FuncCx, f: FuncIndex) {
    let vmctx = cx.vmctx;
    let v = match (cx.env.info.defined_func(f), cx.env.info.funcs[f].funcref) {
        (Some(_), Some(place)) => cx.b.ins().iadd_imm_s(vmctx, cx.env.layout.funcref(place) as i64),
        (None, _) => {
            let place = cx.env.layout.imported_func(f) + offset_of!(VmImportedFunc, funcref) as u32;
            cx.load_constant(I64, vmctx, place)
        }
        (Some(_), None) => unreachable!("the validator demands that it is declared"),
    };
    cx.push(v);
}

pub fn eq(cx: &mut FuncCx) {
    let (a, b) = cx.pop2();
    let same = cx.b.ins().icmp(IntCC::Equal, a, b);
    let same = cx.b.ins().uextend(I32, same);
    cx.push(same);
}

pub fn as_non_null(cx: &mut FuncCx) {
    let v = cx.pop();
    if cx.operand.nullable {
        cx.trapz(v, Trap::NullReference);
    }
    cx.push(v);
}

pub fn i31(cx: &mut FuncCx) {
    let v = cx.pop();
    let r = cx.i31(v);
    cx.push_gc(r);
}

pub fn i31_get(cx: &mut FuncCx, signed: bool) {
    let v = cx.pop();
    if cx.operand.nullable {
        cx.trapz(v, Trap::NullReference);
    }
    let n = if signed { cx.b.ins().sshr_imm_u(v, 1) } else { cx.b.ins().ushr_imm_u(v, 1) };
    cx.push(n);
}
