//! Atomic instructions of the threads proposal. Memories are not shared, so these are plain accesses to aligned
//! addresses.

use super::memory::{self, Access};
use crate::base::Trap;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::Cx;
use crate::compile::baseline::operands::Repr::{self, *};
use wasmparser::{MemArg, Operator};

/// One validated instruction, one line per opcode. Returns false if it is none of these.
#[rustfmt::skip]
pub fn instruction(cx: &mut Cx, op: &Operator<'_>) -> bool {
    use Operator as O;
    match op {
        O::AtomicFence { .. } => {}
        O::MemoryAtomicNotify { memarg } => notify(cx, memarg),
        O::MemoryAtomicWait32 { memarg } => wait(cx, memarg, 4),
        O::MemoryAtomicWait64 { memarg } => wait(cx, memarg, 8),
        O::I32AtomicLoad { memarg } => load(cx, memarg, 4, I32),
        O::I64AtomicLoad { memarg } => load(cx, memarg, 8, I64),
        O::I32AtomicLoad8U { memarg } => load(cx, memarg, 1, I32),
        O::I32AtomicLoad16U { memarg } => load(cx, memarg, 2, I32),
        O::I64AtomicLoad8U { memarg } => load(cx, memarg, 1, I64),
        O::I64AtomicLoad16U { memarg } => load(cx, memarg, 2, I64),
        O::I64AtomicLoad32U { memarg } => load(cx, memarg, 4, I64),
        O::I32AtomicStore { memarg } | O::I64AtomicStore32 { memarg } => store(cx, memarg, 4),
        O::I64AtomicStore { memarg } => store(cx, memarg, 8),
        O::I32AtomicStore8 { memarg } | O::I64AtomicStore8 { memarg } => store(cx, memarg, 1),
        O::I32AtomicStore16 { memarg } | O::I64AtomicStore16 { memarg } => store(cx, memarg, 2),
        O::I32AtomicRmwAdd { memarg } => modify(cx, memarg, 4, Some(Alu::Add)),
        O::I64AtomicRmwAdd { memarg } => modify(cx, memarg, 8, Some(Alu::Add)),
        O::I32AtomicRmw8AddU { memarg } => modify(cx, memarg, 1, Some(Alu::Add)),
        O::I32AtomicRmw16AddU { memarg } => modify(cx, memarg, 2, Some(Alu::Add)),
        O::I64AtomicRmw8AddU { memarg } => modify(cx, memarg, 1, Some(Alu::Add)),
        O::I64AtomicRmw16AddU { memarg } => modify(cx, memarg, 2, Some(Alu::Add)),
        O::I64AtomicRmw32AddU { memarg } => modify(cx, memarg, 4, Some(Alu::Add)),
        O::I32AtomicRmwSub { memarg } => modify(cx, memarg, 4, Some(Alu::Sub)),
        O::I64AtomicRmwSub { memarg } => modify(cx, memarg, 8, Some(Alu::Sub)),
        O::I32AtomicRmw8SubU { memarg } => modify(cx, memarg, 1, Some(Alu::Sub)),
        O::I32AtomicRmw16SubU { memarg } => modify(cx, memarg, 2, Some(Alu::Sub)),
        O::I64AtomicRmw8SubU { memarg } => modify(cx, memarg, 1, Some(Alu::Sub)),
        O::I64AtomicRmw16SubU { memarg } => modify(cx, memarg, 2, Some(Alu::Sub)),
        O::I64AtomicRmw32SubU { memarg } => modify(cx, memarg, 4, Some(Alu::Sub)),
        O::I32AtomicRmwAnd { memarg } => modify(cx, memarg, 4, Some(Alu::And)),
        O::I64AtomicRmwAnd { memarg } => modify(cx, memarg, 8, Some(Alu::And)),
        O::I32AtomicRmw8AndU { memarg } => modify(cx, memarg, 1, Some(Alu::And)),
        O::I32AtomicRmw16AndU { memarg } => modify(cx, memarg, 2, Some(Alu::And)),
        O::I64AtomicRmw8AndU { memarg } => modify(cx, memarg, 1, Some(Alu::And)),
        O::I64AtomicRmw16AndU { memarg } => modify(cx, memarg, 2, Some(Alu::And)),
        O::I64AtomicRmw32AndU { memarg } => modify(cx, memarg, 4, Some(Alu::And)),
        O::I32AtomicRmwOr { memarg } => modify(cx, memarg, 4, Some(Alu::Or)),
        O::I64AtomicRmwOr { memarg } => modify(cx, memarg, 8, Some(Alu::Or)),
        O::I32AtomicRmw8OrU { memarg } => modify(cx, memarg, 1, Some(Alu::Or)),
        O::I32AtomicRmw16OrU { memarg } => modify(cx, memarg, 2, Some(Alu::Or)),
        O::I64AtomicRmw8OrU { memarg } => modify(cx, memarg, 1, Some(Alu::Or)),
        O::I64AtomicRmw16OrU { memarg } => modify(cx, memarg, 2, Some(Alu::Or)),
        O::I64AtomicRmw32OrU { memarg } => modify(cx, memarg, 4, Some(Alu::Or)),
        O::I32AtomicRmwXor { memarg } => modify(cx, memarg, 4, Some(Alu::Xor)),
        O::I64AtomicRmwXor { memarg } => modify(cx, memarg, 8, Some(Alu::Xor)),
        O::I32AtomicRmw8XorU { memarg } => modify(cx, memarg, 1, Some(Alu::Xor)),
        O::I32AtomicRmw16XorU { memarg } => modify(cx, memarg, 2, Some(Alu::Xor)),
        O::I64AtomicRmw8XorU { memarg } => modify(cx, memarg, 1, Some(Alu::Xor)),
        O::I64AtomicRmw16XorU { memarg } => modify(cx, memarg, 2, Some(Alu::Xor)),
        O::I64AtomicRmw32XorU { memarg } => modify(cx, memarg, 4, Some(Alu::Xor)),
        O::I32AtomicRmwXchg { memarg } => modify(cx, memarg, 4, None),
        O::I64AtomicRmwXchg { memarg } => modify(cx, memarg, 8, None),
        O::I32AtomicRmw8XchgU { memarg } => modify(cx, memarg, 1, None),
        O::I32AtomicRmw16XchgU { memarg } => modify(cx, memarg, 2, None),
        O::I64AtomicRmw8XchgU { memarg } => modify(cx, memarg, 1, None),
        O::I64AtomicRmw16XchgU { memarg } => modify(cx, memarg, 2, None),
        O::I64AtomicRmw32XchgU { memarg } => modify(cx, memarg, 4, None),
        O::I32AtomicRmwCmpxchg { memarg } => exchange_if(cx, memarg, 4),
        O::I64AtomicRmwCmpxchg { memarg } => exchange_if(cx, memarg, 8),
        O::I32AtomicRmw8CmpxchgU { memarg } => exchange_if(cx, memarg, 1),
        O::I32AtomicRmw16CmpxchgU { memarg } => exchange_if(cx, memarg, 2),
        O::I64AtomicRmw8CmpxchgU { memarg } => exchange_if(cx, memarg, 1),
        O::I64AtomicRmw16CmpxchgU { memarg } => exchange_if(cx, memarg, 2),
        O::I64AtomicRmw32CmpxchgU { memarg } => exchange_if(cx, memarg, 4),
        _ => return false,
    }
    true
}

/// Pops the address of an access, which must be aligned. Alignment is checked before the bounds (threads proposal,
/// execution of atomic memory instructions). Changes `rax` and `rcx`, which can be part of the memory operand.
fn aligned(cx: &mut Cx, m: &MemArg, size: u64) -> Access {
    if size > 1 {
        let index = cx.peek(0);
        cx.load(index, RAX);
        // Only the lowest bits matter, so an overflow above them is harmless.
        match (m.offset & (size - 1)) as i32 {
            0 => {}
            offset => cx.asm.alu_imm(Alu::Add, W32, RAX, offset),
        }
        emit!(cx.asm, testb_mi(RAX, size as u8 - 1));
        cx.trap_if(Cc::NE, Trap::UnalignedAtomic);
    }
    memory::access(cx, m, size)
}

/// Loads with zero extension.
fn read(cx: &mut Cx, access: &Access, size: u64, to: Gpr) {
    access.mark_faulting(cx);
    match size {
        1 => emit!(cx.asm, movzbl_rm(to, access.mem)),
        2 => emit!(cx.asm, movzwl_rm(to, access.mem)),
        4 => cx.asm.mov(W32, to, access.mem),
        _ => cx.asm.mov(W64, to, access.mem),
    }
}

fn write(cx: &mut Cx, access: &Access, size: u64, from: Gpr) {
    access.mark_faulting(cx);
    match size {
        1 => emit!(cx.asm, movb_mr(access.mem, from)),
        2 => emit!(cx.asm, movw_mr(access.mem, from)),
        4 => cx.asm.store(W32, access.mem, from),
        _ => cx.asm.store(W64, access.mem, from),
    }
}

fn load(cx: &mut Cx, m: &MemArg, size: u64, repr: Repr) {
    let access = aligned(cx, m, size);
    let r = cx.gpr();
    read(cx, &access, size, r);
    access.release(cx);
    cx.push_gpr(repr, r);
}

fn store(cx: &mut Cx, m: &MemArg, size: u64) {
    // This comes before the access, whose registers it could change.
    let r = cx.pop_gpr();
    let access = aligned(cx, m, size);
    write(cx, &access, size, r);
    access.release(cx);
    cx.free(r);
}

/// Returns the old value. The new value is the result of `op`, or the operand if there is no `op`.
fn modify(cx: &mut Cx, m: &MemArg, size: u64, op: Option<Alu>) {
    let operand = cx.pop();
    let (repr, r) = (operand.repr, cx.gpr_of(operand));
    let access = aligned(cx, m, size);
    read(cx, &access, size, RAX);
    match op {
        Some(op) => {
            cx.asm.mov(W64, RDX, RAX);
            cx.asm.alu(op, repr.width(), RDX, r);
            write(cx, &access, size, RDX);
        }
        None => write(cx, &access, size, r),
    }
    access.release(cx);
    cx.asm.mov(W64, r, RAX);
    cx.push_gpr(repr, r);
}

/// Returns the old value and writes the replacement if the old value is the expected one. Both operands are first
/// wrapped to the access's width.
fn exchange_if(cx: &mut Cx, m: &MemArg, size: u64) {
    let (replacement, expected) = (cx.pop(), cx.pop());
    let repr = expected.repr;
    let (new, r) = (cx.gpr_of(replacement), cx.gpr_of(expected));
    match size {
        1 => emit!(cx.asm, movzbl_rm(r, r)),
        2 => emit!(cx.asm, movzwl_rm(r, r)),
        4 => cx.asm.mov(W32, r, r),
        _ => {}
    }
    let access = aligned(cx, m, size);
    read(cx, &access, size, RAX);
    cx.asm.alu(Alu::Cmp, repr.width(), RAX, r);
    cx.asm.mov_if(Cc::NE, W64, new, RAX);
    write(cx, &access, size, new);
    access.release(cx);
    cx.free(new);
    cx.asm.mov(W64, r, RAX);
    cx.push_gpr(repr, r);
}

/// No thread can wait on a memory that is not shared.
fn notify(cx: &mut Cx, m: &MemArg) {
    let count = cx.pop();
    cx.release(count);
    let access = aligned(cx, m, 4);
    read(cx, &access, 4, RAX);
    access.release(cx);
    cx.push_const(I32, 0);
}

fn wait(cx: &mut Cx, m: &MemArg, size: u64) {
    for operand in [cx.pop(), cx.pop()] {
        cx.release(operand);
    }
    let access = aligned(cx, m, size);
    read(cx, &access, size, RAX);
    access.release(cx);
    cx.trap(Trap::ExpectedShared);
    cx.reachable = false;
}
