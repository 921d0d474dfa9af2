//! Memory instructions (Wasm 3.0, 4.6.12). `compile::cranelift::bounds` documents the checks.

use crate::abi::builtin::Builtin;
use crate::abi::vmstruct::{VmMemory, VmMemorySlot};
use crate::base::Trap;
use crate::base::index::{EntityRef, MemoryIndex};
use crate::base::limits::MEMORY_GUARD;
use crate::compile::baseline::Bailout;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::{Arg, CONTEXT, Cx, MEMORY};
use crate::compile::baseline::operands::{Loc, Operand, Repr};
use crate::wasm::types::{IndexType, MemoryType};
use std::mem::offset_of;
use wasmparser::{MemArg, MemArgTarget};

/// The address of an access, its index register, which belongs to the instruction, and whether it traps by faulting.
pub struct Access {
    pub mem: Mem,
    index: Option<Gpr>,
    faults: bool,
}

fn slot(cx: &Cx, memory: MemoryIndex, field: usize) -> Mem {
    at(CONTEXT, (cx.env.layout.memory(memory) as usize + field) as i32)
}

fn memory_type(cx: &Cx, memory: u32) -> (MemoryIndex, MemoryType) {
    let memory = MemoryIndex::from_u32(memory);
    (memory, cx.env.info.memories[memory])
}

/// The register with a memory's base: `MEMORY` for the first memory if memories do not move, otherwise `rcx`.
fn base(cx: &mut Cx, memory: MemoryIndex) -> Gpr {
    if cx.env.settings.moving_memories {
        load_field(cx, memory, offset_of!(VmMemory, base), RCX);
        return RCX;
    }
    if memory.index() == 0 {
        return MEMORY;
    }
    let from = slot(cx, memory, offset_of!(VmMemorySlot, base));
    cx.asm.mov(W64, RCX, from);
    RCX
}

/// Loads the current value of a field of the memory itself.
fn load_field(cx: &mut Cx, memory: MemoryIndex, field: usize, to: Gpr) {
    let from = slot(cx, memory, offset_of!(VmMemorySlot, memory));
    cx.asm.mov(W64, to, from);
    cx.asm.mov(W64, to, at(to, field as i32));
}

/// Loads the current length of a memory in bytes into `rax`.
fn length(cx: &mut Cx, memory: MemoryIndex) {
    load_field(cx, memory, offset_of!(VmMemory, length), RAX);
}

/// Pops an index and returns the access of `size` bytes there. The access is checked here or by the guard. Changes
/// `rax` and `rcx`.
pub fn access(cx: &mut Cx, m: &MemArg, size: u64) -> Access {
    let MemArgTarget::Memory(memory) = m.target else { unreachable!("no such feature is on") };
    let (memory, ty) = memory_type(cx, memory);
    let index = cx.pop();
    let span = m.offset.saturating_add(size);
    let guarded = cx.env.settings.guards_memories() && ty.has_whole_pages() && span <= MEMORY_GUARD;
    if let (true, Loc::Const(index)) = (guarded && memory.index() == 0, index.loc)
        && let Ok(offset) = i32::try_from(index.saturating_add(m.offset))
    {
        return Access { mem: at(MEMORY, offset), index: None, faults: true };
    }
    let index = cx.gpr_of(index);
    if !guarded {
        length(cx, memory);
        match i32::try_from(span) {
            Ok(span) => cx.asm.alu_imm(Alu::Sub, W64, RAX, span),
            Err(_) => {
                cx.asm.mov_imm(RCX, span);
                cx.asm.alu(Alu::Sub, W64, RAX, RCX);
            }
        }
        cx.trap_if(Cc::B, Trap::MemoryOutOfBounds);
        cx.asm.alu(Alu::Cmp, W64, index, RAX);
        cx.trap_if(Cc::A, Trap::MemoryOutOfBounds);
    } else if ty.index.is_64() {
        let limit = slot(cx, memory, offset_of!(VmMemorySlot, limit));
        cx.asm.alu(Alu::Cmp, W64, index, limit);
        cx.trap_if(Cc::AE, Trap::MemoryOutOfBounds);
    }
    let base = base(cx, memory);
    let mem = match i32::try_from(m.offset) {
        Ok(offset) => indexed(base, index, Scale::One, offset),
        Err(_) => {
            cx.asm.mov_imm(RAX, m.offset);
            cx.asm.alu(Alu::Add, W64, index, RAX);
            indexed(base, index, Scale::One, 0)
        }
    };
    Access { mem, index: Some(index), faults: guarded }
}

impl Access {
    /// Records that the next instruction accesses the memory.
    pub fn mark_faulting(&self, cx: &mut Cx) {
        if self.faults {
            cx.may_fault(Trap::MemoryOutOfBounds);
        }
    }

    /// Frees the registers after the access.
    pub fn release(self, cx: &mut Cx) {
        self.index.into_iter().for_each(|r| cx.free(r));
    }
}

/// A load: how many bytes, whether they are sign-extended, and the result's representation.
#[derive(Clone, Copy)]
pub struct Load {
    pub size: u64,
    pub signed: bool,
    pub repr: Repr,
}

pub fn load(cx: &mut Cx, m: &MemArg, what: Load) {
    let access = access(cx, m, what.size);
    let (mem, w) = (access.mem, what.repr.width());
    if what.repr.is_float() {
        let x = cx.xmm();
        access.mark_faulting(cx);
        cx.read_float(what.repr, x, mem);
        access.release(cx);
        return cx.push_xmm(what.repr, x);
    }
    let r = access.index.unwrap_or_else(|| cx.gpr());
    access.mark_faulting(cx);
    match (what.size, what.signed) {
        (1, false) => emit!(cx.asm, movzbl_rm(r, mem)),
        (1, true) => emit!(cx.asm, w, movsbl_rm | movsbq_rm(r, mem)),
        (2, false) => emit!(cx.asm, movzwl_rm(r, mem)),
        (2, true) => emit!(cx.asm, w, movswl_rm | movswq_rm(r, mem)),
        (4, true) if w == W64 => emit!(cx.asm, movslq_rm(r, mem)),
        (4, _) => cx.asm.mov(W32, r, mem),
        _ => cx.asm.mov(W64, r, mem),
    }
    cx.push_gpr(what.repr, r);
}

/// Stores the low `size` bytes of a value.
pub fn store(cx: &mut Cx, m: &MemArg, size: u64) {
    let v = cx.pop();
    // This comes before the access, whose registers it could change.
    let v = match (v.loc, v.repr.is_float()) {
        (Loc::Const(bits), false) if size <= 4 || i32::try_from(bits as i64).is_ok() => v,
        (_, false) => v.in_gpr(cx.gpr_of(v)),
        (_, true) => v.in_xmm(cx.xmm_of(v)),
    };
    let access = access(cx, m, size);
    let mem = access.mem;
    access.mark_faulting(cx);
    match (v.loc, size) {
        (Loc::Const(bits), 1) => emit!(cx.asm, movb_mi(mem, bits as u8)),
        (Loc::Const(bits), 2) => emit!(cx.asm, movw_mi(mem, bits as u16)),
        (Loc::Const(bits), 4) => cx.asm.store_imm(W32, mem, bits as i32),
        (Loc::Const(bits), _) => cx.asm.store_imm(W64, mem, bits as i32),
        (Loc::Xmm(x), _) => cx.write_float(v.repr, mem, x),
        (Loc::Gpr(r), 1) => emit!(cx.asm, movb_mr(mem, r)),
        (Loc::Gpr(r), 2) => emit!(cx.asm, movw_mr(mem, r)),
        (Loc::Gpr(r), 4) => cx.asm.store(W32, mem, r),
        (Loc::Gpr(r), _) => cx.asm.store(W64, mem, r),
        _ => unreachable!("it was put there"),
    }
    access.release(cx);
    cx.release(v);
}

/// The representation of indexes and sizes.
pub fn index_repr(ty: IndexType) -> Repr {
    if ty.is_64() { Repr::I64 } else { Repr::I32 }
}

pub fn size(cx: &mut Cx, memory: u32) {
    let (memory, ty) = memory_type(cx, memory);
    length(cx, memory);
    let log2 = ty.page.log2() as u8;
    if log2 > 0 {
        cx.asm.shift_imm(Shift::Right, W64, RAX, log2);
    }
    cx.push_result(index_repr(ty.index));
}

pub fn grow(cx: &mut Cx, memory: u32) -> Result<(), Bailout> {
    let repr = index_repr(memory_type(cx, memory).1.index);
    let delta = cx.pop();
    cx.call_builtin(Builtin::memory_grow, &[Arg::Number(memory), Arg::Value(delta)])?;
    cx.push_result(repr);
    Ok(())
}

/// Turns an index into the address of `len` bytes, with an explicit check.
fn range(cx: &mut Cx, memory: u32, index: Gpr, len: Gpr) {
    let memory = MemoryIndex::from_u32(memory);
    length(cx, memory);
    cx.asm.alu(Alu::Sub, W64, RAX, len);
    cx.trap_if(Cc::B, Trap::MemoryOutOfBounds);
    cx.asm.alu(Alu::Cmp, W64, index, RAX);
    cx.trap_if(Cc::A, Trap::MemoryOutOfBounds);
    let base = base(cx, memory);
    cx.asm.alu(Alu::Add, W64, index, base);
}

fn in_gpr(repr: Repr, r: Gpr) -> Arg {
    Arg::Value(Operand::new(repr, Loc::Gpr(r)))
}

pub fn copy(cx: &mut Cx, dst: u32, src: u32) -> Result<(), Bailout> {
    let (len, from, to) = (cx.pop_gpr(), cx.pop_gpr(), cx.pop_gpr());
    range(cx, dst, to, len);
    range(cx, src, from, len);
    let args = [to, from, len].map(|r| in_gpr(Repr::I64, r));
    let pieces = cx.env.settings.interruption;
    cx.call_builtin(if pieces { Builtin::memory_copy_pieces } else { Builtin::memory_copy }, &args)
}

pub fn fill(cx: &mut Cx, memory: u32) -> Result<(), Bailout> {
    let (len, value, to) = (cx.pop_gpr(), cx.pop(), cx.pop_gpr());
    range(cx, memory, to, len);
    let pieces = cx.env.settings.interruption;
    let builtin = if pieces { Builtin::memory_fill_pieces } else { Builtin::memory_fill };
    cx.call_builtin(builtin, &[in_gpr(Repr::I64, to), Arg::Value(value), in_gpr(Repr::I64, len)])
}

pub fn init(cx: &mut Cx, memory: u32, data: u32) -> Result<(), Bailout> {
    let (len, from, to) = (cx.pop(), cx.pop(), cx.pop());
    let args = [Arg::Number(memory), Arg::Number(data), Arg::Value(to), Arg::Value(from), Arg::Value(len)];
    cx.call_builtin(Builtin::memory_init, &args)
}

pub fn data_drop(cx: &mut Cx, data: u32) -> Result<(), Bailout> {
    cx.call_builtin(Builtin::data_drop, &[Arg::Number(data)])
}
