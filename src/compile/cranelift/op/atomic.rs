//! Atomic instructions of the threads proposal. Memories are not shared, and a store runs on one thread, so plain
//! accesses are atomic. The only difference is that addresses must be aligned.

use crate::base::Trap;
use crate::compile::cranelift::bounds::{Address, address};
use crate::compile::cranelift::func::FuncCx;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value};
use wasmparser::{MemArg, Operator};

/// One validated instruction, one line per opcode. Returns false if it is none of these.
#[rustfmt::skip]
pub fn instruction(cx: &mut FuncCx, op: &Operator<'_>) -> bool {
    use Operator as O;
    match op {
        O::AtomicFence { .. } => {}
        O::MemoryAtomicNotify { memarg } => notify(cx, memarg),
        O::MemoryAtomicWait32 { memarg } => wait(cx, memarg, I32),
        O::MemoryAtomicWait64 { memarg } => wait(cx, memarg, I64),
        O::I32AtomicLoad { memarg } => load(cx, memarg, I32, I32),
        O::I64AtomicLoad { memarg } => load(cx, memarg, I64, I64),
        O::I32AtomicLoad8U { memarg } => load(cx, memarg, I8, I32),
        O::I32AtomicLoad16U { memarg } => load(cx, memarg, I16, I32),
        O::I64AtomicLoad8U { memarg } => load(cx, memarg, I8, I64),
        O::I64AtomicLoad16U { memarg } => load(cx, memarg, I16, I64),
        O::I64AtomicLoad32U { memarg } => load(cx, memarg, I32, I64),
        O::I32AtomicStore { memarg } | O::I64AtomicStore32 { memarg } => store(cx, memarg, I32),
        O::I64AtomicStore { memarg } => store(cx, memarg, I64),
        O::I32AtomicStore8 { memarg } | O::I64AtomicStore8 { memarg } => store(cx, memarg, I8),
        O::I32AtomicStore16 { memarg } | O::I64AtomicStore16 { memarg } => store(cx, memarg, I16),
        O::I32AtomicRmwAdd { memarg } => modify(cx, memarg, I32, I32, Some(Opcode::Iadd)),
        O::I64AtomicRmwAdd { memarg } => modify(cx, memarg, I64, I64, Some(Opcode::Iadd)),
        O::I32AtomicRmw8AddU { memarg } => modify(cx, memarg, I8, I32, Some(Opcode::Iadd)),
        O::I32AtomicRmw16AddU { memarg } => modify(cx, memarg, I16, I32, Some(Opcode::Iadd)),
        O::I64AtomicRmw8AddU { memarg } => modify(cx, memarg, I8, I64, Some(Opcode::Iadd)),
        O::I64AtomicRmw16AddU { memarg } => modify(cx, memarg, I16, I64, Some(Opcode::Iadd)),
        O::I64AtomicRmw32AddU { memarg } => modify(cx, memarg, I32, I64, Some(Opcode::Iadd)),
        O::I32AtomicRmwSub { memarg } => modify(cx, memarg, I32, I32, Some(Opcode::Isub)),
        O::I64AtomicRmwSub { memarg } => modify(cx, memarg, I64, I64, Some(Opcode::Isub)),
        O::I32AtomicRmw8SubU { memarg } => modify(cx, memarg, I8, I32, Some(Opcode::Isub)),
        O::I32AtomicRmw16SubU { memarg } => modify(cx, memarg, I16, I32, Some(Opcode::Isub)),
        O::I64AtomicRmw8SubU { memarg } => modify(cx, memarg, I8, I64, Some(Opcode::Isub)),
        O::I64AtomicRmw16SubU { memarg } => modify(cx, memarg, I16, I64, Some(Opcode::Isub)),
        O::I64AtomicRmw32SubU { memarg } => modify(cx, memarg, I32, I64, Some(Opcode::Isub)),
        O::I32AtomicRmwAnd { memarg } => modify(cx, memarg, I32, I32, Some(Opcode::Band)),
        O::I64AtomicRmwAnd { memarg } => modify(cx, memarg, I64, I64, Some(Opcode::Band)),
        O::I32AtomicRmw8AndU { memarg } => modify(cx, memarg, I8, I32, Some(Opcode::Band)),
        O::I32AtomicRmw16AndU { memarg } => modify(cx, memarg, I16, I32, Some(Opcode::Band)),
        O::I64AtomicRmw8AndU { memarg } => modify(cx, memarg, I8, I64, Some(Opcode::Band)),
        O::I64AtomicRmw16AndU { memarg } => modify(cx, memarg, I16, I64, Some(Opcode::Band)),
        O::I64AtomicRmw32AndU { memarg } => modify(cx, memarg, I32, I64, Some(Opcode::Band)),
        O::I32AtomicRmwOr { memarg } => modify(cx, memarg, I32, I32, Some(Opcode::Bor)),
        O::I64AtomicRmwOr { memarg } => modify(cx, memarg, I64, I64, Some(Opcode::Bor)),
        O::I32AtomicRmw8OrU { memarg } => modify(cx, memarg, I8, I32, Some(Opcode::Bor)),
        O::I32AtomicRmw16OrU { memarg } => modify(cx, memarg, I16, I32, Some(Opcode::Bor)),
        O::I64AtomicRmw8OrU { memarg } => modify(cx, memarg, I8, I64, Some(Opcode::Bor)),
        O::I64AtomicRmw16OrU { memarg } => modify(cx, memarg, I16, I64, Some(Opcode::Bor)),
        O::I64AtomicRmw32OrU { memarg } => modify(cx, memarg, I32, I64, Some(Opcode::Bor)),
        O::I32AtomicRmwXor { memarg } => modify(cx, memarg, I32, I32, Some(Opcode::Bxor)),
        O::I64AtomicRmwXor { memarg } => modify(cx, memarg, I64, I64, Some(Opcode::Bxor)),
        O::I32AtomicRmw8XorU { memarg } => modify(cx, memarg, I8, I32, Some(Opcode::Bxor)),
        O::I32AtomicRmw16XorU { memarg } => modify(cx, memarg, I16, I32, Some(Opcode::Bxor)),
        O::I64AtomicRmw8XorU { memarg } => modify(cx, memarg, I8, I64, Some(Opcode::Bxor)),
        O::I64AtomicRmw16XorU { memarg } => modify(cx, memarg, I16, I64, Some(Opcode::Bxor)),
        O::I64AtomicRmw32XorU { memarg } => modify(cx, memarg, I32, I64, Some(Opcode::Bxor)),
        O::I32AtomicRmwXchg { memarg } => modify(cx, memarg, I32, I32, None),
        O::I64AtomicRmwXchg { memarg } => modify(cx, memarg, I64, I64, None),
        O::I32AtomicRmw8XchgU { memarg } => modify(cx, memarg, I8, I32, None),
        O::I32AtomicRmw16XchgU { memarg } => modify(cx, memarg, I16, I32, None),
        O::I64AtomicRmw8XchgU { memarg } => modify(cx, memarg, I8, I64, None),
        O::I64AtomicRmw16XchgU { memarg } => modify(cx, memarg, I16, I64, None),
        O::I64AtomicRmw32XchgU { memarg } => modify(cx, memarg, I32, I64, None),
        O::I32AtomicRmwCmpxchg { memarg } => exchange_if(cx, memarg, I32, I32),
        O::I64AtomicRmwCmpxchg { memarg } => exchange_if(cx, memarg, I64, I64),
        O::I32AtomicRmw8CmpxchgU { memarg } => exchange_if(cx, memarg, I8, I32),
        O::I32AtomicRmw16CmpxchgU { memarg } => exchange_if(cx, memarg, I16, I32),
        O::I64AtomicRmw8CmpxchgU { memarg } => exchange_if(cx, memarg, I8, I64),
        O::I64AtomicRmw16CmpxchgU { memarg } => exchange_if(cx, memarg, I16, I64),
        O::I64AtomicRmw32CmpxchgU { memarg } => exchange_if(cx, memarg, I32, I64),
        _ => return false,
    }
    true
}

/// Pops the address of an access, which must be aligned. Alignment is checked before the bounds (threads proposal,
/// execution of atomic memory instructions).
fn aligned(cx: &mut FuncCx, m: &MemArg, access: Type) -> Address {
    let size = access.bytes() as u64;
    if size > 1 {
        let mut first = *cx.stack.last().expect("validated");
        // Only the lowest bits matter, so an overflow above them is harmless.
        let offset = m.offset & (size - 1);
        if offset != 0 {
            first = cx.b.ins().iadd_imm_s(first, offset as i64);
        }
        let odd = cx.b.ins().band_imm_u(first, size as i64 - 1);
        cx.trapnz(odd, Trap::UnalignedAtomic);
    }
    address(cx, m, size)
}

fn extend(cx: &mut FuncCx, v: Value, ty: Type) -> Value {
    if cx.b.func.dfg.value_type(v) == ty { v } else { cx.b.ins().uextend(ty, v) }
}

fn reduce(cx: &mut FuncCx, v: Value, ty: Type) -> Value {
    if cx.b.func.dfg.value_type(v) == ty { v } else { cx.b.ins().ireduce(ty, v) }
}

fn load(cx: &mut FuncCx, m: &MemArg, access: Type, ty: Type) {
    let (flags, address, offset) = aligned(cx, m, access);
    let v = cx.b.ins().load(access, flags, address, offset);
    let v = extend(cx, v, ty);
    cx.push(v);
}

fn store(cx: &mut FuncCx, m: &MemArg, access: Type) {
    let v = cx.pop();
    let v = reduce(cx, v, access);
    let (flags, address, offset) = aligned(cx, m, access);
    cx.b.ins().store(flags, v, address, offset);
}

/// Returns the old value. The new value is the result of `op`, or the operand if there is no `op`.
fn modify(cx: &mut FuncCx, m: &MemArg, access: Type, ty: Type, op: Option<Opcode>) {
    let operand = cx.pop();
    let operand = reduce(cx, operand, access);
    let (flags, address, offset) = aligned(cx, m, access);
    let old = cx.b.ins().load(access, flags, address, offset);
    let new = match op {
        Some(op) => {
            let (inst, dfg) = cx.b.ins().Binary(op, access, old, operand);
            dfg.first_result(inst)
        }
        None => operand,
    };
    cx.b.ins().store(flags, new, address, offset);
    let old = extend(cx, old, ty);
    cx.push(old);
}

/// Returns the old value and writes the replacement if the old value is the expected one. Both operands are first
/// wrapped to the access's width.
fn exchange_if(cx: &mut FuncCx, m: &MemArg, access: Type, ty: Type) {
    let (expected, replacement) = cx.pop2();
    let (expected, replacement) = (reduce(cx, expected, access), reduce(cx, replacement, access));
    let (flags, address, offset) = aligned(cx, m, access);
    let old = cx.b.ins().load(access, flags, address, offset);
    let same = cx.b.ins().icmp(IntCC::Equal, old, expected);
    let new = cx.b.ins().select(same, replacement, old);
    cx.b.ins().store(flags, new, address, offset);
    let old = extend(cx, old, ty);
    cx.push(old);
}

/// No thread can wait on a memory that is not shared.
fn notify(cx: &mut FuncCx, m: &MemArg) {
    cx.pop();
    let (flags, address, offset) = aligned(cx, m, I32);
    cx.b.ins().load(I32, flags, address, offset);
    let none = cx.i32const(0);
    cx.push(none);
}

fn wait(cx: &mut FuncCx, m: &MemArg, access: Type) {
    cx.pop2();
    let (flags, address, offset) = aligned(cx, m, access);
    cx.b.ins().load(access, flags, address, offset);
    cx.trap(Trap::ExpectedShared);
    cx.reachable = false;
}
