//! Array instructions (Wasm 3.0, 4.6.9).

use crate::abi::builtin::Builtin;
use crate::base::Trap;
use crate::base::index::TypeIndex;
use crate::compile::cranelift::func::FuncCx;
use crate::compile::cranelift::gc::{GcVal, NewField, NewKind};
use crate::wasm::descriptor::{HEADER_SIZE, OBJECT_ALIGN};
use crate::wasm::types::{FieldType, StorageType, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value};

fn element(cx: &FuncCx, ty: TypeIndex) -> FieldType {
    cx.env.info.types[ty].fields()[0]
}

pub fn new(cx: &mut FuncCx, ty: TypeIndex) {
    let (value, len) = cx.pop2();
    let element = element(cx, ty);
    let value = cx.storable(element.storage, value);
    let new = cx.new_array(ty, element, len, Some(value));
    cx.push_gc(new);
}

pub fn new_default(cx: &mut FuncCx, ty: TypeIndex) {
    let len = cx.pop();
    let new = cx.new_array(ty, element(cx, ty), len, None);
    cx.push_gc(new);
}

pub fn new_fixed(cx: &mut FuncCx, ty: TypeIndex, n: u32) {
    let storage = element(cx, ty).storage;
    let values = cx.stack.split_off(cx.stack.len() - n as usize);
    let mut fields = Vec::with_capacity(n as usize);
    for (i, v) in values.into_iter().enumerate() {
        let value = Some(cx.storable(storage, v));
        fields.push(NewField { offset: HEADER_SIZE + i as u32 * storage.size(), ty: storage, value });
    }
    let size = (HEADER_SIZE + n * storage.size()).next_multiple_of(OBJECT_ALIGN);
    let new = cx.new_object(NewKind::Array(ty, n), size, &fields);
    cx.push_gc(new);
}

fn new_by(cx: &mut FuncCx, builtin: Builtin, ty: u32, segment: u32) {
    let (from, len) = cx.pop2();
    let (ty, segment) = (cx.i32const(ty), cx.i32const(segment));
    let new = cx.call_builtin(builtin, &[ty, segment, from, len]).expect("has a result");
    let new = cx.adopt_gc(new);
    cx.push_gc(new);
}

pub fn new_data(cx: &mut FuncCx, ty: u32, data: u32) {
    new_by(cx, Builtin::array_new_data, ty, data);
}

pub fn new_elem(cx: &mut FuncCx, ty: u32, elem: u32) {
    new_by(cx, Builtin::array_new_elem, ty, elem);
}

/// Traps if the array is null or the index is out of bounds.
fn check_index(cx: &mut FuncCx, array: GcVal, index: Value) {
    let len = cx.array_len(array, cx.operand.nullable);
    let outside = cx.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
    cx.trapnz(outside, Trap::ArrayOutOfBounds);
}

pub fn get(cx: &mut FuncCx, ty: TypeIndex, signed: bool) {
    let storage = element(cx, ty).storage;
    let index = cx.pop();
    let array = cx.pop_gc();
    check_index(cx, array, index);
    let field = cx.element(array, index, storage.size());
    cx.load_field(field, storage, signed);
}

pub fn set(cx: &mut FuncCx, ty: TypeIndex) {
    let storage = element(cx, ty).storage;
    let (index, value) = cx.pop2();
    let array = cx.pop_gc();
    let value = cx.storable(storage, value).value;
    check_index(cx, array, index);
    let field = cx.element(array, index, storage.size());
    cx.store_field(field, storage, value);
}

pub fn len(cx: &mut FuncCx) {
    let array = cx.pop_gc();
    let len = cx.array_len(array, cx.operand.nullable);
    cx.push(len);
}

pub fn fill(cx: &mut FuncCx, ty: TypeIndex) {
    let storage = element(cx, ty).storage;
    let (at, value, len) = cx.pop3();
    let array = cx.pop_gc();
    let value = cx.storable(storage, value).value;
    if storage == StorageType::Val(ValType::V128) {
        return fill_vectors(cx, array, at, value, len);
    }
    let bits = match cx.b.func.dfg.value_type(value) {
        F32 => cx.b.ins().bitcast(I32, MemFlagsData::new(), value),
        F64 => cx.b.ins().bitcast(I64, MemFlagsData::new(), value),
        _ => value,
    };
    let bits = if cx.b.func.dfg.value_type(bits) == I32 { cx.b.ins().uextend(I64, bits) } else { bits };
    cx.call_builtin(Builtin::array_fill, &[array.value(), at, bits, len]);
}

/// The builtin takes 64-bit values, so vectors are stored here.
fn fill_vectors(cx: &mut FuncCx, array: GcVal, at: Value, value: Value, len: Value) {
    let count = cx.array_len(array, cx.operand.nullable);
    let (at64, len64) = (cx.b.ins().uextend(I64, at), cx.b.ins().uextend(I64, len));
    let (end, count) = (cx.b.ins().iadd(at64, len64), cx.b.ins().uextend(I64, count));
    let outside = cx.b.ins().icmp(IntCC::UnsignedGreaterThan, end, count);
    cx.trapnz(outside, Trap::ArrayOutOfBounds);
    cx.fill_loop(at64, end, 1, true, |cx, at| {
        let index = cx.b.ins().ireduce(I32, at);
        let field = cx.element(array, index, 16);
        cx.store_field(field, StorageType::Val(ValType::V128), value);
    });
}

pub fn copy(cx: &mut FuncCx) {
    let (src, src_at, len) = cx.pop3();
    let (dst, dst_at) = cx.pop2();
    cx.call_builtin(Builtin::array_copy, &[dst, dst_at, src, src_at, len]);
}

fn init_by(cx: &mut FuncCx, builtin: Builtin, segment: u32) {
    let (at, from, len) = cx.pop3();
    let array = cx.pop_gc();
    let segment = cx.i32const(segment);
    cx.call_builtin(builtin, &[array.value(), at, segment, from, len]);
}

pub fn init_data(cx: &mut FuncCx, data: u32) {
    init_by(cx, Builtin::array_init_data, data);
}

pub fn init_elem(cx: &mut FuncCx, elem: u32) {
    init_by(cx, Builtin::array_init_elem, elem);
}
