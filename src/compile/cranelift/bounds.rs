//! The address of a memory access, and the checks before it.
//!
//! A guard follows the addresses that a memory can ever use; it is never mapped. If the offset is smaller than the
//! guard, an access out of bounds faults, provided that its index alone is within the memory's reservation. A 32-bit
//! index always is. A 64-bit index is compared with the size of the reservation, which never changes: the comparison is
//! the same for all accesses with one index, whatever their offsets and however the memory grows, so that only one of
//! them remains. With explicit checks, large offsets, or pages smaller than the system's, accesses are compared with
//! the memory's length. If memories may move, there is no reservation that a guard could follow: all accesses are
//! compared with the length, and the memory's address is loaded before each access, like its length.

use super::func::{FuncCx, Region, trap_code};
use crate::abi::vmstruct::{VmMemory, VmMemorySlot};
use crate::base::Trap;
use crate::base::index::MemoryIndex;
use crate::base::limits::MEMORY_GUARD;
use crate::wasm::types::{IndexType, MemoryType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{Endianness, InstBuilder, InstructionData, MemFlagsData, Opcode, Value};
use std::mem::offset_of;
use wasmparser::{MemArg, MemArgTarget};

/// The address of an access: flags, address, and an immediate offset for the instruction.
pub type Address = (MemFlagsData, Value, i32);

/// An index, a size or a length as a 64-bit number.
pub fn widen(cx: &mut FuncCx, v: Value, ty: IndexType) -> Value {
    if ty.is_64() { v } else { cx.b.ins().uextend(I64, v) }
}

/// A 64-bit size as a result for WebAssembly. A value of -1 stays -1.
pub fn narrow(cx: &mut FuncCx, v: Value, ty: IndexType) -> Value {
    if ty.is_64() { v } else { cx.b.ins().ireduce(cranelift_codegen::ir::types::I32, v) }
}

/// Pops an index and returns the address of `size` bytes there, checked here or by the guard.
pub fn address(cx: &mut FuncCx, m: &MemArg, size: u64) -> Address {
    let MemArgTarget::Memory(memory) = m.target else { unreachable!("no such feature is on") };
    let memory = MemoryIndex::from_u32(memory);
    let ty = cx.env.info.memories[memory];
    let index = cx.pop();
    let index = widen(cx, index, ty.index);
    // The number of bytes from the index to the access's end. Saturation is harmless: no memory is that large.
    let span = m.offset.saturating_add(size);
    let guarded = cx.env.settings.guards_memories() && ty.has_whole_pages() && span <= MEMORY_GUARD;
    if !guarded {
        check_length(cx, memory, &ty, index, span);
    } else if ty.index.is_64() && !is_short(cx, index) {
        let limit = slot_field(cx, memory, offset_of!(VmMemorySlot, limit));
        let outside = cx.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, limit);
        cx.trapnz(outside, Trap::MemoryOutOfBounds);
    }
    let base = base(cx, memory);
    let address = cx.b.ins().iadd(base, index);
    let flags = MemFlagsData::new().with_endianness(Endianness::Little);
    let flags = flags.with_trap_code(guarded.then(|| trap_code(Trap::MemoryOutOfBounds)));
    let flags = cx.in_region(flags, Region::Memory);
    match i32::try_from(m.offset) {
        Ok(offset) => (flags, address, offset),
        Err(_) => {
            let offset = cx.b.ins().iconst(I64, m.offset as i64);
            (flags, cx.b.ins().iadd(address, offset), 0)
        }
    }
}

/// Whether an index is obviously less than 2^32: every guarded memory reserves this much.
fn is_short(cx: &FuncCx, index: Value) -> bool {
    let dfg = &cx.b.func.dfg;
    let Some(inst) = dfg.value_def(dfg.resolve_aliases(index)).inst() else { return false };
    match dfg.insts[inst] {
        InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => imm.bits() as u64 <= u32::MAX as u64,
        InstructionData::Unary { opcode: Opcode::Uextend, .. } => true,
        _ => false,
    }
}

/// Checks that `span` bytes from the index on are within the memory's length.
fn check_length(cx: &mut FuncCx, memory: MemoryIndex, ty: &MemoryType, index: Value, span: u64) {
    let length = length(cx, memory);
    if !ty.index.is_64() {
        // Two 32-bit numbers and a size cannot overflow.
        let end = cx.b.ins().iadd_imm_s(index, span as i64);
        let outside = cx.b.ins().icmp(IntCC::UnsignedGreaterThan, end, length);
        return cx.trapnz(outside, Trap::MemoryOutOfBounds);
    }
    let span_value = cx.b.ins().iconst(I64, span as i64);
    let last = cx.b.ins().isub(length, span_value);
    if ty.min_bytes().is_none_or(|min| min < span) {
        let never = cx.b.ins().icmp(IntCC::UnsignedLessThan, length, span_value);
        cx.trapnz(never, Trap::MemoryOutOfBounds);
    }
    let outside = cx.b.ins().icmp(IntCC::UnsignedGreaterThan, index, last);
    cx.trapnz(outside, Trap::MemoryOutOfBounds);
}

/// The address of `len` bytes from the index `at` on, with an explicit check. Both are 64-bit values.
pub fn range(cx: &mut FuncCx, memory: MemoryIndex, at: Value, len: Value) -> Value {
    let length = length(cx, memory);
    let outside = if cx.env.info.memories[memory].index.is_64() {
        let never = cx.b.ins().icmp(IntCC::UnsignedLessThan, length, len);
        cx.trapnz(never, Trap::MemoryOutOfBounds);
        let last = cx.b.ins().isub(length, len);
        cx.b.ins().icmp(IntCC::UnsignedGreaterThan, at, last)
    } else {
        // Both are at most 32 bits wide: a length has the smaller of the index types.
        let end = cx.b.ins().iadd(at, len);
        cx.b.ins().icmp(IntCC::UnsignedGreaterThan, end, length)
    };
    cx.trapnz(outside, Trap::MemoryOutOfBounds);
    let base = base(cx, memory);
    cx.b.ins().iadd(base, at)
}

/// A field of the context's entry for a memory. It never changes.
fn slot_field(cx: &mut FuncCx, memory: MemoryIndex, field: usize) -> Value {
    let vmctx = cx.vmctx;
    let slot = cx.env.layout.memory(memory);
    cx.load_constant(I64, vmctx, slot + field as u32)
}

/// The current value of a field of the memory itself.
fn field(cx: &mut FuncCx, memory: MemoryIndex, field: usize) -> Value {
    let at = slot_field(cx, memory, offset_of!(VmMemorySlot, memory));
    cx.load_vm(I64, at, field as u32)
}

/// The address of byte 0.
fn base(cx: &mut FuncCx, memory: MemoryIndex) -> Value {
    match cx.env.settings.moving_memories {
        true => field(cx, memory, offset_of!(VmMemory, base)),
        false => slot_field(cx, memory, offset_of!(VmMemorySlot, base)),
    }
}

/// The memory's current length in bytes.
pub fn length(cx: &mut FuncCx, memory: MemoryIndex) -> Value {
    field(cx, memory, offset_of!(VmMemory, length))
}
