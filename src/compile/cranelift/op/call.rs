//! Calls (Wasm 3.0, 4.6.13).

use super::exception::{self, Target};
use super::{cast, table};
use crate::abi::vmstruct::{VmFuncRef, VmImportedFunc};
use crate::base::Trap;
use crate::base::index::{FuncIndex, TableIndex, TypeIndex};
use crate::compile::cranelift::func::{FuncCx, Region, trap_code, trusted};
use crate::wasm::registry::TypeId;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{InstBuilder, Value};
use std::mem::offset_of;

/// The callee's context and the popped arguments.
fn arguments(cx: &mut FuncCx, vmctx: Value, ty: TypeIndex) -> Vec<Value> {
    let n = cx.env.info.signature(ty).params().len();
    cx.canonical_top(n);
    let from = cx.stack.len() - n;
    let mut args = Vec::with_capacity(n + 1);
    args.push(vmctx);
    args.extend(cx.stack.drain(from..));
    args
}

fn push_results(cx: &mut FuncCx, results: Vec<Value>, ty: TypeIndex) {
    let types = cx.env.info.signature(ty);
    for (t, v) in types.results().iter().zip(results) {
        if t.may_be_object() {
            cx.adopt_gc(v);
        }
        cx.push(v);
    }
}

/// An indirect callee: the code address and its context.
struct Callee {
    code: Value,
    vmctx: Value,
}

fn call_through(cx: &mut FuncCx, callee: Callee, ty: TypeIndex) {
    cx.leaves_instance = true;
    let args = arguments(cx, callee.vmctx, ty);
    let sig = cx.signature(ty);
    let results = exception::call(cx, Target::Address(sig, callee.code), &args);
    push_results(cx, results, ty);
}

/// A tail call: the callee replaces this frame and returns to this function's caller.
fn return_call_through(cx: &mut FuncCx, callee: Callee, ty: TypeIndex) {
    let args = arguments(cx, callee.vmctx, ty);
    let sig = cx.signature(ty);
    cx.b.ins().return_call_indirect(sig, callee.code, &args);
    cx.reachable = false;
}

fn imported(cx: &mut FuncCx, f: FuncIndex) -> Callee {
    let vmctx = cx.vmctx;
    let place = cx.env.layout.imported_func(f);
    Callee {
        code: cx.load_constant(I64, vmctx, place + offset_of!(VmImportedFunc, code) as u32),
        vmctx: cx.load_constant(I64, vmctx, place + offset_of!(VmImportedFunc, vmctx) as u32),
    }
}

pub fn call(cx: &mut FuncCx, f: FuncIndex) {
    let ty = cx.env.info.funcs[f].ty;
    if cx.env.info.defined_func(f).is_none() {
        let callee = imported(cx, f);
        return call_through(cx, callee, ty);
    }
    let args = arguments(cx, cx.vmctx, ty);
    let callee = cx.defined_func(f);
    let results = exception::call(cx, Target::Func(callee), &args);
    push_results(cx, results, ty);
}

pub fn return_call(cx: &mut FuncCx, f: FuncIndex) {
    let ty = cx.env.info.funcs[f].ty;
    if cx.env.info.defined_func(f).is_none() {
        let callee = imported(cx, f);
        return return_call_through(cx, callee, ty);
    }
    let args = arguments(cx, cx.vmctx, ty);
    let callee = cx.defined_func(f);
    cx.b.ins().return_call(callee, &args);
    cx.reachable = false;
}

/// Pops the index of a `call_indirect`. Checks the function's type and returns the function.
fn in_table(cx: &mut FuncCx, ty: TypeIndex, t: TableIndex) -> Callee {
    let index = table::pop_index(cx, t);
    let funcref = table::func_element(cx, t, index, Trap::UndefinedElement);
    let found = cx.load_constant_type(funcref);
    let vmctx = cx.vmctx;
    let wanted = cx.load_constant(I32, vmctx, cx.env.layout.type_id(ty));
    let differs = cx.b.ins().icmp(IntCC::NotEqual, found, wanted);
    let (cold, next) = (cx.b.create_block(), cx.b.create_block());
    cx.b.set_cold_block(cold);
    cx.b.ins().brif(differs, cold, &[], next, &[]);
    cx.b.seal_block(cold);
    cx.b.switch_to_block(cold);
    let null = cx.b.ins().icmp_imm_u(IntCC::Equal, found, TypeId::NONE.0 as i64);
    cx.trapnz(null, Trap::UninitializedElement);
    if !cx.env.info.types[ty].sub.is_final {
        let mismatch = cx.b.create_block();
        cx.b.set_cold_block(mismatch);
        cast::is_subtype(cx, found, ty, next, mismatch);
        cx.b.seal_block(mismatch);
        cx.b.switch_to_block(mismatch);
    }
    cx.trap(Trap::IndirectCallTypeMismatch);
    cx.b.seal_block(next);
    cx.b.switch_to_block(next);
    Callee {
        code: cx.load_constant(I64, funcref, offset_of!(VmFuncRef, code) as u32),
        vmctx: cx.load_constant(I64, funcref, offset_of!(VmFuncRef, vmctx) as u32),
    }
}

pub fn call_indirect(cx: &mut FuncCx, ty: TypeIndex, t: TableIndex) {
    let callee = in_table(cx, ty, t);
    call_through(cx, callee, ty);
}

pub fn return_call_indirect(cx: &mut FuncCx, ty: TypeIndex, t: TableIndex) {
    let callee = in_table(cx, ty, t);
    return_call_through(cx, callee, ty);
}

/// Pops a function reference. If faults may be used, a load through null is the null check.
fn referred(cx: &mut FuncCx) -> Callee {
    let f = cx.pop();
    let flags = cx.in_region(trusted().with_readonly(), Region::Vm);
    let mut first = flags;
    if cx.operand.nullable {
        match cx.env.settings.signals {
            true => first = flags.with_trap_code(Some(trap_code(Trap::NullReference))),
            false => cx.trapz(f, Trap::NullReference),
        }
    }
    Callee {
        code: cx.b.ins().load(I64, first, f, offset_of!(VmFuncRef, code) as i32),
        vmctx: cx.b.ins().load(I64, flags, f, offset_of!(VmFuncRef, vmctx) as i32),
    }
}

pub fn call_ref(cx: &mut FuncCx, ty: TypeIndex) {
    let callee = referred(cx);
    call_through(cx, callee, ty);
}

pub fn return_call_ref(cx: &mut FuncCx, ty: TypeIndex) {
    let callee = referred(cx);
    return_call_through(cx, callee, ty);
}

impl FuncCx<'_, '_> {
    /// Loads the type id of a funcref, which never changes. The load must not be moved: the address is valid only after
    /// it was checked.
    pub fn load_constant_type(&mut self, funcref: Value) -> Value {
        let flags = trusted().with_readonly();
        let flags = self.in_region(flags, Region::Vm);
        self.b.ins().load(I32, flags, funcref, offset_of!(VmFuncRef, type_id) as i32)
    }
}
