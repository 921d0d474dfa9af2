//! Memory instructions (Wasm 3.0, 4.6.12). `compile::cranelift::bounds` has the checks.

use crate::abi::builtin::Builtin;
use crate::base::index::MemoryIndex;
use crate::compile::cranelift::bounds::{address, length, narrow, range, widen};
use crate::compile::cranelift::func::FuncCx;
use crate::wasm::types::IndexType;
use cranelift_codegen::ir::{InstBuilder, Opcode, Type};
use wasmparser::MemArg;

fn index_type(cx: &FuncCx, memory: u32) -> IndexType {
    cx.env.info.memories[MemoryIndex::from_u32(memory)].index
}

pub fn load(cx: &mut FuncCx, m: &MemArg, ty: Type) {
    let (flags, address, offset) = address(cx, m, ty.bytes() as u64);
    let v = cx.b.ins().load(ty, flags, address, offset);
    cx.push(v);
}

/// Loads `size` bytes and extends them to `ty`.
pub fn load_extend(cx: &mut FuncCx, m: &MemArg, op: Opcode, size: u64, ty: Type) {
    let (flags, address, offset) = address(cx, m, size);
    let flags = cx.b.func.dfg.mem_flags.insert(flags).expect("few distinct flags");
    let (inst, dfg) = cx.b.ins().Load(op, ty, flags, offset.into(), address);
    let v = dfg.first_result(inst);
    cx.push(v);
}

pub fn store(cx: &mut FuncCx, m: &MemArg) {
    let v = cx.pop();
    let v = cx.canonical(v);
    let size = cx.b.func.dfg.value_type(v).bytes() as u64;
    let (flags, address, offset) = address(cx, m, size);
    cx.b.ins().store(flags, v, address, offset);
}

/// Stores the low bytes of an integer. They have the width of `ty`.
pub fn store_narrow(cx: &mut FuncCx, m: &MemArg, ty: Type) {
    let v = cx.pop();
    let v = cx.b.ins().ireduce(ty, v);
    let (flags, address, offset) = address(cx, m, ty.bytes() as u64);
    cx.b.ins().store(flags, v, address, offset);
}

pub fn size(cx: &mut FuncCx, memory: u32) {
    let memory = MemoryIndex::from_u32(memory);
    let ty = cx.env.info.memories[memory];
    let length = length(cx, memory);
    let pages = cx.b.ins().ushr_imm_u(length, ty.page.log2() as i64);
    let v = narrow(cx, pages, ty.index);
    cx.push(v);
}

pub fn grow(cx: &mut FuncCx, memory: u32) {
    let index = index_type(cx, memory);
    let delta = cx.pop();
    let delta = widen(cx, delta, index);
    let memory = cx.i32const(memory);
    let old = cx.call_builtin(Builtin::memory_grow, &[memory, delta]).expect("has a result");
    let v = narrow(cx, old, index);
    cx.push(v);
}

pub fn copy(cx: &mut FuncCx, dst: u32, src: u32) {
    let (to, of) = (index_type(cx, dst), index_type(cx, src));
    let (at, from, len) = cx.pop3();
    let (at, from, len) = (widen(cx, at, to), widen(cx, from, of), widen(cx, len, to.min(of)));
    let to = range(cx, MemoryIndex::from_u32(dst), at, len);
    let from = range(cx, MemoryIndex::from_u32(src), from, len);
    cx.call_in_bulk(Builtin::memory_copy, Builtin::memory_copy_pieces, &[to, from, len]);
}

pub fn fill(cx: &mut FuncCx, memory: u32) {
    let index = index_type(cx, memory);
    let (at, value, len) = cx.pop3();
    let (at, len) = (widen(cx, at, index), widen(cx, len, index));
    let to = range(cx, MemoryIndex::from_u32(memory), at, len);
    cx.call_in_bulk(Builtin::memory_fill, Builtin::memory_fill_pieces, &[to, value, len]);
}

/// The indexes of a segment are 32-bit numbers, whatever the memory's index type is.
pub fn init(cx: &mut FuncCx, memory: u32, data: u32) {
    let index = index_type(cx, memory);
    let (at, from, len) = cx.pop3();
    let at = widen(cx, at, index);
    let (from, len) = (widen(cx, from, IndexType::I32), widen(cx, len, IndexType::I32));
    let (memory, data) = (cx.i32const(memory), cx.i32const(data));
    cx.call_builtin(Builtin::memory_init, &[memory, data, at, from, len]);
}

pub fn data_drop(cx: &mut FuncCx, data: u32) {
    let data = cx.i32const(data);
    cx.call_builtin(Builtin::data_drop, &[data]);
}
