//! Calls (Wasm 2.0, 4.4.8) and the reference instructions on functions (4.4.2).

use super::table;
use crate::abi::vmstruct::{VmFuncRef, VmImportedFunc};
use crate::base::Trap;
use crate::base::index::{FuncIndex, TableIndex, TypeIndex};
use crate::compile::func::FuncCx;
use crate::wasm::registry::TypeId;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Inst, InstBuilder, Value};
use std::mem::offset_of;

/// The callee's context and the arguments, off the stack.
fn arguments(cx: &mut FuncCx, vmctx: Value, ty: TypeIndex) -> Vec<Value> {
    let n = cx.env.info.types[ty].func.params().len();
    cx.canonical_top(n);
    let from = cx.stack.len() - n;
    let mut args = Vec::with_capacity(n + 1);
    args.push(vmctx);
    args.extend(cx.stack.drain(from..));
    args
}

fn push_results(cx: &mut FuncCx, call: Inst) {
    cx.stack.extend_from_slice(cx.b.inst_results(call));
}

pub fn call(cx: &mut FuncCx, f: FuncIndex) {
    let ty = cx.env.info.funcs[f].ty;
    let vmctx = cx.vmctx;
    let call = if cx.env.info.defined_func(f).is_some() {
        let args = arguments(cx, vmctx, ty);
        let callee = cx.defined_func(f);
        cx.b.ins().call(callee, &args)
    } else {
        cx.leaves_instance = true;
        let place = cx.env.layout.imported_func(f);
        let code = cx.load_constant(I64, vmctx, place + offset_of!(VmImportedFunc, code) as u32);
        let callee = cx.load_constant(I64, vmctx, place + offset_of!(VmImportedFunc, vmctx) as u32);
        let args = arguments(cx, callee, ty);
        let sig = cx.signature(ty);
        cx.b.ins().call_indirect(sig, code, &args)
    };
    push_results(cx, call);
}

pub fn call_indirect(cx: &mut FuncCx, ty: TypeIndex, t: TableIndex) {
    cx.leaves_instance = true;
    let index = cx.pop();
    let element = table::element(cx, t, index, Trap::UndefinedElement);
    // A null that was found on the first touch is a plain 0, which has no type to look at.
    let funcref = table::or_touched(cx, t, index, element, |cx, touched| {
        cx.trapz(touched, Trap::UninitializedElement);
        touched
    });
    let found = cx.load_constant_type(funcref);
    let vmctx = cx.vmctx;
    let wanted = cx.load_constant(I32, vmctx, cx.env.layout.type_id(ty));
    let differs = cx.b.ins().icmp(IntCC::NotEqual, found, wanted);
    cx.cold_if(differs, |cx| {
        let null = cx.b.ins().icmp_imm_u(IntCC::Equal, found, TypeId::NONE.0 as i64);
        cx.trapnz(null, Trap::UninitializedElement);
        cx.trap(Trap::IndirectCallTypeMismatch);
    });
    let code = cx.load_constant(I64, funcref, offset_of!(VmFuncRef, code) as u32);
    let callee = cx.load_constant(I64, funcref, offset_of!(VmFuncRef, vmctx) as u32);
    let args = arguments(cx, callee, ty);
    let sig = cx.signature(ty);
    let call = cx.b.ins().call_indirect(sig, code, &args);
    push_results(cx, call);
}

pub fn ref_func(cx: &mut FuncCx, f: FuncIndex) {
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

pub fn ref_null(cx: &mut FuncCx) {
    let v = cx.b.ins().iconst(I64, 0);
    cx.push(v);
}

pub fn ref_is_null(cx: &mut FuncCx) {
    let v = cx.pop();
    let is = cx.b.ins().icmp_imm_s(IntCC::Equal, v, 0);
    let is = cx.b.ins().uextend(I32, is);
    cx.push(is);
}

impl FuncCx<'_, '_> {
    /// The type id of a funcref, which never changes. Not moved: the address is valid only where it was checked.
    pub fn load_constant_type(&mut self, funcref: Value) -> Value {
        let flags = crate::compile::func::trusted().with_readonly();
        let flags = self.in_region(flags, crate::compile::func::Region::Vm);
        self.b.ins().load(I32, flags, funcref, offset_of!(VmFuncRef, type_id) as i32)
    }
}
