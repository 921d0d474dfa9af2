//! Calls (Wasm 3.0, 4.6.13).

use super::{exception, reference, table};
use crate::abi::vmstruct::{VmFuncRef, VmImportedFunc};
use crate::base::Trap;
use crate::base::index::{DefinedFuncIndex, FuncIndex, TableIndex, TypeIndex};
use crate::compile::baseline::Bailout;
use crate::compile::baseline::abi::{self, ArgLoc};
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::{CONTEXT, Cx, reprs};
use crate::compile::baseline::operands::{MANY_WORDS, Operand, Repr, XMM15, in_a_row, words_above, words_below};
use crate::compile::code::CallReloc;
use crate::wasm::registry::TypeId;
use std::mem::offset_of;

/// The code to call.
enum Callee {
    Defined(DefinedFuncIndex),
    /// The location of a code address and its context: a register, and their offsets from it.
    At {
        base: Gpr,
        code: i32,
        vmctx: i32,
    },
}

/// The funcref in `r11`.
const REFERRED: Callee =
    Callee::At { base: R11, code: offset_of!(VmFuncRef, code) as i32, vmctx: offset_of!(VmFuncRef, vmctx) as i32 };

/// The popped arguments of a call and where they are passed, and where its results are returned.
struct Arguments {
    values: Vec<(Operand, ArgLoc)>,
    /// Bytes of stack arguments.
    on_stack: u32,
    results: Vec<(Repr, ArgLoc)>,
    /// Bytes of results in memory.
    in_memory: u32,
}

fn arguments(cx: &mut Cx, ty: TypeIndex) -> Arguments {
    let ty = cx.env.info.signature(ty).clone();
    let (params, results) = (reprs(ty.params()), reprs(ty.results()));
    let (came, in_memory) = abi::results(results.iter().copied());
    let (locs, on_stack) = abi::arguments(params.iter().copied(), in_memory > 0);
    let values = cx.pop_many(params.len()).into_iter().zip(locs).collect();
    Arguments { values, on_stack, results: results.into_iter().zip(came).collect(), in_memory }
}

/// Moves all arguments to where they are passed.
fn set_arguments(cx: &mut Cx, args: &Arguments, callee: &Callee) {
    cx.reserve_outgoing(args.on_stack + args.in_memory);
    cx.move_args(&args.values);
    let context = abi::context(args.in_memory > 0);
    match *callee {
        Callee::Defined(_) => cx.asm.mov(W64, context, CONTEXT),
        Callee::At { base, vmctx, .. } => cx.asm.mov(W64, context, at(base, vmctx)),
    }
}

fn emit_call(cx: &mut Cx, callee: Callee, ty: TypeIndex) -> Result<(), Bailout> {
    let args = arguments(cx, ty);
    cx.spill_all();
    set_arguments(cx, &args, &callee);
    if args.in_memory > 0 {
        cx.asm.lea(W64, abi::RESULT_MEMORY, at(RSP, args.on_stack as i32));
    }
    match callee {
        Callee::Defined(f) => {
            let loc = cx.asm.call_somewhere();
            cx.relocs.push(CallReloc { at: loc, addend: -4, callee: f });
        }
        Callee::At { base, code, .. } => emit!(cx.asm, callq_m(GprMem::Mem(at(base, code)))),
    }
    cx.record_safepoint();
    exception::catch(cx);
    if args.on_stack > 0 {
        // The callee has popped them.
        cx.asm.alu_imm(Alu::Sub, W64, RSP, args.on_stack as i32);
    }
    push_results(cx, &args.results, args.on_stack);
    Ok(())
}

/// Pushes the results of a call. A single result stays in a register; several are spilled, so that none is overwritten.
/// All registers are free. The results in memory are `memory` bytes above the stack pointer.
fn push_results(cx: &mut Cx, results: &[(Repr, ArgLoc)], memory: u32) {
    match *results {
        [(repr, ArgLoc::Gpr(_))] => return cx.push_result(repr),
        [(repr, ArgLoc::Xmm(from))] => {
            let x = cx.xmm();
            cx.asm.mov_float(x, from);
            return cx.push_xmm(repr, x);
        }
        _ => {}
    }
    for (repr, dest) in results {
        match *dest {
            ArgLoc::Gpr(from) => cx.push_gpr(*repr, from),
            ArgLoc::Xmm(from) => cx.push_xmm(*repr, from),
            ArgLoc::Stack(_) => cx.push_slot(*repr),
        }
    }
    let first = cx.operands.stack.len() - results.len();
    cx.spill_all();
    let mut i = 0;
    while let Some((repr, dest)) = results.get(i) {
        let slot = |i: usize| cx.operands.stack[first + i].slot();
        let word = |(i, (repr, dest)): (usize, &(Repr, ArgLoc))| match *dest {
            ArgLoc::Stack(offset) if repr.size() == 8 => Some((slot(i), offset)),
            _ => None,
        };
        let row = in_a_row(results.iter().enumerate().skip(i).map(word));
        let here = i;
        i += if row >= MANY_WORDS { row } else { 1 };
        let ArgLoc::Stack(offset) = *dest else { continue };
        if row >= MANY_WORDS {
            let to = words_below(slot(here) - 8);
            cx.move_words(words_above(RSP, memory + offset), to, row);
            continue;
        }
        let from = at(RSP, (memory + offset) as i32);
        let slot = at(RBP, -(slot(here) as i32));
        match repr {
            Repr::V128 => {
                cx.asm.load_vector(XMM15, from);
                cx.asm.store_vector(slot, XMM15);
            }
            _ => {
                cx.asm.mov(repr.width(), RAX, from);
                cx.asm.store(repr.width(), slot, RAX);
            }
        }
    }
}

/// A tail call: the callee replaces this frame and returns to this function's caller.
fn emit_return_call(cx: &mut Cx, callee: Callee, ty: TypeIndex) -> Result<(), Bailout> {
    let args = arguments(cx, ty);
    set_arguments(cx, &args, &callee);
    // The callee returns its results in memory where this function does.
    cx.load_result_memory(abi::RESULT_MEMORY);
    if let Callee::At { base, code, .. } = callee {
        cx.asm.mov(W64, RAX, at(base, code));
    }
    leave_with(cx, args.on_stack as i32);
    match callee {
        Callee::Defined(f) => {
            let loc = cx.asm.jmp_somewhere();
            cx.relocs.push(CallReloc { at: loc, addend: -4, callee: f });
        }
        Callee::At { .. } => emit!(cx.asm, jmpq_m(RAX)),
    }
    cx.reachable = false;
    Ok(())
}

/// Removes the frame, with `on_stack` bytes of arguments at its lower end. These move up so that they end where this
/// function's own stack arguments end, with the return address below them. Preserves `rax` and the registers of
/// arguments.
fn leave_with(cx: &mut Cx, on_stack: i32) {
    let incoming = cx.incoming as i32;
    if on_stack == 0 && incoming == 0 {
        return cx.leave();
    }
    cx.restore();
    cx.asm.mov(W64, R11, at(RBP, 8));
    cx.asm.mov(W64, R10, at(RBP, 0));
    let to = 16 + incoming - on_stack;
    // The arguments move up. Because of padding, source and destination can overlap, so the uppermost come first.
    for offset in (0..on_stack).step_by(16).rev() {
        cx.asm.load_vector(XMM15, at(RSP, offset));
        cx.asm.store_vector(at(RBP, to + offset), XMM15);
    }
    cx.asm.lea(W64, RSP, at(RBP, to - 8));
    cx.asm.store(W64, at(RSP, 0), R11);
    cx.asm.mov(W64, RBP, R10);
}

fn callee(cx: &Cx, f: FuncIndex) -> Callee {
    if let Some(defined) = cx.env.info.defined_func(f) {
        return Callee::Defined(defined);
    }
    let loc = cx.env.layout.imported_func(f) as usize;
    let (code, vmctx) = (loc + offset_of!(VmImportedFunc, code), loc + offset_of!(VmImportedFunc, vmctx));
    Callee::At { base: CONTEXT, code: code as i32, vmctx: vmctx as i32 }
}

pub fn call(cx: &mut Cx, f: FuncIndex) -> Result<(), Bailout> {
    let callee = callee(cx, f);
    emit_call(cx, callee, cx.env.info.funcs[f].ty)
}

pub fn return_call(cx: &mut Cx, f: FuncIndex) -> Result<(), Bailout> {
    let callee = callee(cx, f);
    emit_return_call(cx, callee, cx.env.info.funcs[f].ty)
}

/// Pops the index of a `call_indirect`. Checks the function's type and returns the function in `r11`.
fn in_table(cx: &mut Cx, ty: TypeIndex, t: TableIndex) -> Result<(), Bailout> {
    table::pop_func_element(cx, t, Trap::UndefinedElement)?;
    let is_final = cx.env.info.types[ty].sub.is_final;
    let id = at(CONTEXT, cx.env.layout.type_id(ty) as i32);
    cx.asm.mov(W32, RCX, at(R11, offset_of!(VmFuncRef, type_id) as i32));
    cx.asm.alu(Alu::Cmp, W32, RCX, id);
    let fine = cx.asm.label();
    cx.asm.jcc(Cc::E, fine);
    cx.asm.alu_imm(Alu::Cmp, W32, RCX, TypeId::NONE.0 as i32);
    cx.trap_if(Cc::E, Trap::UninitializedElement);
    if !is_final {
        super::cast::jump_if_below(cx, ty, fine);
    }
    cx.trap(Trap::IndirectCallTypeMismatch);
    cx.asm.bind(fine);
    Ok(())
}

pub fn call_indirect(cx: &mut Cx, ty: TypeIndex, t: TableIndex) -> Result<(), Bailout> {
    in_table(cx, ty, t)?;
    emit_call(cx, REFERRED, ty)
}

pub fn return_call_indirect(cx: &mut Cx, ty: TypeIndex, t: TableIndex) -> Result<(), Bailout> {
    in_table(cx, ty, t)?;
    emit_return_call(cx, REFERRED, ty)
}

/// Pops a function reference into `r11`.
fn referred(cx: &mut Cx) {
    let f = cx.pop();
    cx.move_to(f, R11);
    reference::check_null(cx, Repr::Func, R11);
}

pub fn call_ref(cx: &mut Cx, ty: TypeIndex) -> Result<(), Bailout> {
    referred(cx);
    emit_call(cx, REFERRED, ty)
}

pub fn return_call_ref(cx: &mut Cx, ty: TypeIndex) -> Result<(), Bailout> {
    referred(cx);
    emit_return_call(cx, REFERRED, ty)
}
