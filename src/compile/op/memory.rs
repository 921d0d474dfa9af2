//! Memory instructions (Wasm 2.0, 4.4.7).

use super::table::bulk_operands;
use crate::abi::builtin::Builtin;
use crate::abi::vmstruct::{VmMemory, VmMemorySlot};
use crate::base::Trap;
use crate::base::index::MemoryIndex;
use crate::base::limits::MEMORY_GUARD;
use crate::compile::func::{FuncCx, Region, trap_code};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Opcode, Type, Value};
use std::mem::offset_of;
use wasmparser::{MemArg, MemArgTarget};

/// Where an access goes: flags, address, and an offset for the instruction.
pub type Address = (MemFlagsData, Value, i32);

/// Takes a 32-bit index off the stack and makes it the address of `size` bytes, checked by the guard or here.
pub fn address(cx: &mut FuncCx, m: &MemArg, size: u64) -> Address {
    let index = cx.pop();
    let MemArgTarget::Memory(memory) = m.target else { unreachable!("no such feature is on") };
    let memory = MemoryIndex::from_u32(memory);
    let index = cx.b.ins().uextend(I64, index);
    // The whole span from the first byte on; a 32-bit offset and size can not overflow 64 bits.
    let span = m.offset + size;
    let guarded = cx.env.settings.signals && span <= MEMORY_GUARD;
    if !guarded {
        let length = length(cx, memory);
        let end = cx.b.ins().iadd_imm_s(index, span as i64);
        let outside = cx.b.ins().icmp(IntCC::UnsignedGreaterThan, end, length);
        cx.trapnz(outside, Trap::MemoryOutOfBounds);
    }
    let base = base(cx, memory);
    let address = cx.b.ins().iadd(base, index);
    let flags = MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little);
    let flags = if guarded {
        flags.with_trap_code(Some(trap_code(Trap::MemoryOutOfBounds)))
    } else {
        flags.with_trap_code(None)
    };
    let flags = cx.in_region(flags, Region::Memory);
    match i32::try_from(m.offset) {
        Ok(offset) => (flags, address, offset),
        Err(_) => {
            let offset = cx.b.ins().iconst(I64, m.offset as i64);
            (flags, cx.b.ins().iadd(address, offset), 0)
        }
    }
}

/// The address of byte 0.
fn base(cx: &mut FuncCx, memory: MemoryIndex) -> Value {
    let vmctx = cx.vmctx;
    let slot = cx.env.layout.memory(memory);
    cx.load_constant(I64, vmctx, slot + offset_of!(VmMemorySlot, base) as u32)
}

/// Bytes in the memory now.
fn length(cx: &mut FuncCx, memory: MemoryIndex) -> Value {
    let vmctx = cx.vmctx;
    let slot = cx.env.layout.memory(memory);
    let at = cx.load_constant(I64, vmctx, slot + offset_of!(VmMemorySlot, memory) as u32);
    cx.load_vm(I64, at, offset_of!(VmMemory, length) as u32)
}

pub fn load(cx: &mut FuncCx, m: &MemArg, ty: Type) {
    let (flags, address, offset) = address(cx, m, ty.bytes() as u64);
    let v = cx.b.ins().load(ty, flags, address, offset);
    cx.push(v);
}

/// A load of `size` bytes that are extended to `ty`.
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

/// A store of the low bytes of an integer, `ty` wide.
pub fn store_narrow(cx: &mut FuncCx, m: &MemArg, ty: Type) {
    let v = cx.pop();
    let v = cx.b.ins().ireduce(ty, v);
    let (flags, address, offset) = address(cx, m, ty.bytes() as u64);
    cx.b.ins().store(flags, v, address, offset);
}

pub fn size(cx: &mut FuncCx, memory: u32) {
    let length = length(cx, MemoryIndex::from_u32(memory));
    let pages = cx.b.ins().ushr_imm_u(length, 16);
    let v = cx.b.ins().ireduce(I32, pages);
    cx.push(v);
}

pub fn grow(cx: &mut FuncCx, memory: u32) {
    let delta = cx.pop();
    let delta = cx.b.ins().uextend(I64, delta);
    let memory = cx.i32const(memory);
    let old = cx.call_builtin(Builtin::memory_grow, &[memory, delta]).expect("has a result");
    let v = cx.b.ins().ireduce(I32, old);
    cx.push(v);
}

/// The address of `len` bytes from the 32-bit index `at` on, checked here.
fn range(cx: &mut FuncCx, memory: u32, at: Value, len: Value) -> Value {
    let memory = MemoryIndex::from_u32(memory);
    let length = length(cx, memory);
    let at = cx.b.ins().uextend(I64, at);
    let end = cx.b.ins().iadd(at, len);
    let outside = cx.b.ins().icmp(IntCC::UnsignedGreaterThan, end, length);
    cx.trapnz(outside, Trap::MemoryOutOfBounds);
    let base = base(cx, memory);
    cx.b.ins().iadd(base, at)
}

pub fn copy(cx: &mut FuncCx, dst: u32, src: u32) {
    let (at, from, len) = cx.pop3();
    let len = cx.b.ins().uextend(I64, len);
    let (to, from) = (range(cx, dst, at, len), range(cx, src, from, len));
    cx.call_builtin(Builtin::memory_copy, &[to, from, len]);
}

pub fn fill(cx: &mut FuncCx, memory: u32) {
    let (at, value, len) = cx.pop3();
    let len = cx.b.ins().uextend(I64, len);
    let to = range(cx, memory, at, len);
    cx.call_builtin(Builtin::memory_fill, &[to, value, len]);
}

pub fn init(cx: &mut FuncCx, memory: u32, data: u32) {
    let (at, from, len) = bulk_operands(cx);
    let (memory, data) = (cx.i32const(memory), cx.i32const(data));
    cx.call_builtin(Builtin::memory_init, &[memory, data, at, from, len]);
}

pub fn data_drop(cx: &mut FuncCx, data: u32) {
    let data = cx.i32const(data);
    cx.call_builtin(Builtin::data_drop, &[data]);
}
