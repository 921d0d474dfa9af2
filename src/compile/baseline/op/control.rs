//! Control instructions (Wasm 3.0, 4.6.13). Where control flow merges, all operands are in their frame slots or
//! constants. A branch moves the operands that it passes to their frame slots at the target.

use super::exception;
use crate::base::Trap;
use crate::base::index::TypeIndex;
use crate::compile::baseline::Bailout;
use crate::compile::baseline::abi;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::{Cx, reprs};
use crate::compile::baseline::operands::{Loc, MANY_WORDS, Operand, Repr, words_below};
use crate::wasm::decode::val_type;
use std::collections::BTreeMap;
use std::rc::Rc;
use wasmparser::{BlockType, BrTable, TryTable};

/// Blocks of the same type share them.
pub type Reprs = Rc<[Repr]>;

/// A block that has begun and not ended.
pub struct Frame {
    kind: FrameKind,
    /// Branch target.
    label: Label,
    params: Reprs,
    results: Reprs,
    /// The number of operands below it.
    height: usize,
    /// Whether a branch targets its end.
    used: bool,
    /// Whether its start is reachable. If not, its end is not reachable either.
    entered: bool,
}

enum FrameKind {
    /// The function's body: a branch to it returns.
    Func,
    Block,
    Loop,
    Try,
    /// The start of the else part.
    If(Label),
}

fn types(cx: &mut Cx, ty: BlockType) -> (Reprs, Reprs) {
    match ty {
        BlockType::Empty => (Reprs::default(), Reprs::default()),
        BlockType::Type(t) => (Reprs::default(), reprs(&[val_type(t, &cx.env.info.types)]).into()),
        BlockType::FuncType(i) => {
            let ty = cx.env.info.signature(TypeIndex::from_u32(i));
            let made = || (reprs(ty.params()).into(), reprs(ty.results()).into());
            cx.block_types.entry(i).or_insert_with(made).clone()
        }
    }
}

fn push_frame(cx: &mut Cx, kind: FrameKind, label: Label, (params, results): (Reprs, Reprs)) {
    let height = cx.operands.stack.len() - params.len();
    cx.control.push(Frame { kind, label, params, results, height, used: false, entered: true });
}

pub fn enter_function(cx: &mut Cx) {
    let (label, results) = (cx.exit, cx.results.clone().into());
    push_frame(cx, FrameKind::Func, label, (Reprs::default(), results));
}

/// An unreachable block: only its end matters.
pub fn skipped(cx: &mut Cx) {
    let (label, height) = (cx.exit, cx.operands.stack.len());
    let (params, results) = (Reprs::default(), Reprs::default());
    let kind = FrameKind::Block;
    cx.control.push(Frame { kind, label, params, results, height, used: false, entered: false });
}

pub fn block(cx: &mut Cx, ty: BlockType) {
    let types = types(cx, ty);
    cx.spill_top(types.0.len());
    let label = cx.asm.label();
    push_frame(cx, FrameKind::Block, label, types);
}

pub fn try_table(cx: &mut Cx, table: &TryTable) {
    if table.catches.is_empty() {
        // A `try_table` without clauses would only cost time at each call.
        return block(cx, table.ty);
    }
    let types = types(cx, table.ty);
    cx.spill_top(types.0.len());
    let label = cx.asm.label();
    push_frame(cx, FrameKind::Try, label, types);
    exception::enter(cx, table);
}

pub fn loop_(cx: &mut Cx, ty: BlockType) {
    let types = types(cx, ty);
    cx.spill_top(types.0.len());
    let label = cx.asm.bound();
    push_frame(cx, FrameKind::Loop, label, types);
    cx.poll_interrupt();
}

/// Pops a condition. It is true if the returned condition code holds. The next instructions must preserve the flags.
pub fn pop_condition(cx: &mut Cx) -> Cc {
    let o = cx.pop();
    match o.loc {
        Loc::Flags(cc) => return cc,
        Loc::Gpr(r) => cx.asm.test(W32, r),
        _ => match cx.in_frame(o) {
            Some(mem) => cx.asm.alu_imm(Alu::Cmp, W32, mem, 0),
            None => {
                cx.load(o, RAX);
                cx.asm.test(W32, RAX);
            }
        },
    }
    cx.release(o);
    Cc::NE
}

pub fn if_(cx: &mut Cx, ty: BlockType) {
    let types = types(cx, ty);
    let cc = pop_condition(cx);
    cx.spill_top(types.0.len());
    let (label, otherwise) = (cx.asm.label(), cx.asm.label());
    cx.asm.jcc(cc.not(), otherwise);
    push_frame(cx, FrameKind::If(otherwise), label, types);
}

pub fn else_(cx: &mut Cx) {
    if cx.reachable {
        let results = cx.control.last().expect("validated").results.len();
        cx.spill_top(results);
    }
    let frame = cx.control.last_mut().expect("validated");
    let FrameKind::If(otherwise) = frame.kind else { return };
    frame.kind = FrameKind::Block;
    frame.used |= cx.reachable;
    let (label, height, params) = (frame.label, frame.height, frame.params.clone());
    if cx.reachable {
        cx.asm.jmp(label);
    }
    cx.truncate(height);
    params.iter().for_each(|k| cx.push_slot(*k));
    cx.asm.bind(otherwise);
    cx.reachable = true;
}

/// Ends the innermost block.
pub fn end(cx: &mut Cx) -> Result<(), Bailout> {
    if let FrameKind::Func = cx.control.last().expect("validated").kind {
        if cx.reachable {
            return_values(cx);
        }
        return Ok(());
    }
    if cx.reachable {
        let results = cx.control.last().expect("validated").results.len();
        cx.spill_top(results);
    }
    let frame = cx.control.pop().expect("validated");
    if !frame.entered {
        return Ok(());
    }
    let mut reached = cx.reachable || frame.used;
    match frame.kind {
        FrameKind::Loop => reached = cx.reachable,
        // Without an else part, the parameters are the results.
        FrameKind::If(otherwise) => {
            cx.asm.bind(otherwise);
            cx.asm.bind(frame.label);
            reached = true;
        }
        FrameKind::Try => {
            cx.truncate(frame.height);
            exception::leave(cx, frame.label)?;
            cx.asm.bind(frame.label);
        }
        _ => cx.asm.bind(frame.label),
    }
    cx.truncate(frame.height);
    cx.reachable = reached;
    if reached {
        frame.results.iter().for_each(|k| cx.push_slot(*k));
    }
    Ok(())
}

fn frame_of(cx: &Cx, depth: u32) -> usize {
    cx.control.len() - 1 - depth as usize
}

/// The frame slots that a branch target expects its operands in, lowest first, in bytes below the frame pointer.
fn wanted(cx: &Cx, frame: usize) -> Vec<u32> {
    let f = &cx.control[frame];
    let reprs = if let FrameKind::Loop = f.kind { &f.params } else { &f.results };
    let mut end = cx.operands.end_of(f.height);
    let loc = |repr: &Repr| {
        end += repr.size();
        end
    };
    reprs.iter().map(loc).collect()
}

/// How many operands a branch passes.
fn arity(cx: &Cx, frame: usize) -> usize {
    let f = &cx.control[frame];
    if let FrameKind::Loop = f.kind { f.params.len() } else { f.results.len() }
}

/// Prepares a conditional branch or a branch with several targets. If it passes many operands, they are spilled once
/// for all branches, so that each branch can move them with a loop or not at all. Preserves the flags.
pub fn prepare(cx: &mut Cx, depth: u32) {
    let n = arity(cx, frame_of(cx, depth));
    if n >= MANY_WORDS {
        cx.spill_top(n);
    }
}

/// Whether the top operands are already in the slots that the branch target expects.
fn is_in_place(cx: &Cx, frame: usize) -> bool {
    let slots = wanted(cx, frame);
    let from = cx.operands.stack.len() - slots.len();
    let in_place = || cx.operands.stack[from..].iter().zip(&slots).all(|(o, slot)| o.is_at(*slot));
    slots.is_empty() || !matches!(cx.control[frame].kind, FrameKind::Func) && in_place()
}

/// Copies the top operands to the slots that the branch target expects. They also stay on the operand stack. Preserves
/// the flags.
fn move_branch_operands(cx: &mut Cx, frame: usize) {
    if let FrameKind::Func = cx.control[frame].kind {
        return copy_results(cx);
    }
    let n = arity(cx, frame);
    let from = cx.operands.stack.len() - n;
    if n >= MANY_WORDS {
        let (here, there) = (cx.operands.end_of(from), cx.operands.end_of(cx.control[frame].height));
        let words = (cx.operands.end_of(from + n) - here) / 8;
        if here != there {
            cx.move_words(words_below(here), words_below(there), words as usize);
        }
        return;
    }
    let slots = wanted(cx, frame);
    // The target's slots are not deeper than the current ones, so no slot is overwritten before it is read.
    for (i, slot) in slots.into_iter().enumerate() {
        let o = cx.operands.stack[from + i];
        if !o.is_at(slot) {
            cx.store(o, at(RBP, -(slot as i32)));
        }
    }
}

/// The label of a block, which then counts as used.
fn target(cx: &mut Cx, frame: usize) -> Label {
    cx.control[frame].used = true;
    cx.control[frame].label
}

pub fn br(cx: &mut Cx, depth: u32) {
    prepare(cx, depth);
    branch(cx, depth);
    cx.reachable = false;
}

/// Branches with the top operands, after `prepare`. The following code still has these operands.
pub fn branch(cx: &mut Cx, depth: u32) {
    let frame = frame_of(cx, depth);
    move_branch_operands(cx, frame);
    let label = target(cx, frame);
    cx.asm.jmp(label);
}

pub fn br_if(cx: &mut Cx, depth: u32) {
    let cc = pop_condition(cx);
    branch_if(cx, cc, depth);
}

/// Branches with the top operands if a condition holds.
pub fn branch_if(cx: &mut Cx, cc: Cc, depth: u32) {
    prepare(cx, depth);
    let frame = frame_of(cx, depth);
    if is_in_place(cx, frame) {
        let label = target(cx, frame);
        return cx.asm.jcc(cc, label);
    }
    let next = cx.asm.label();
    cx.asm.jcc(cc.not(), next);
    branch(cx, depth);
    cx.asm.bind(next);
}

pub fn br_table(cx: &mut Cx, table: &BrTable<'_>) -> Result<(), Bailout> {
    let index = cx.pop();
    let depths: Result<Vec<u32>, _> = table.targets().collect();
    let depths = depths.map_err(|_| Bailout("a table of branches that cannot be read"))?;
    cx.move_to(index, RCX);
    let all = depths.iter().copied().chain([table.default()]);
    let widest = all.max_by_key(|d| arity(cx, frame_of(cx, *d)));
    prepare(cx, widest.expect("the default"));
    // By depth: the target. If the block expects the operands in other slots, it is code after the table.
    let mut ways: BTreeMap<u32, Label> = BTreeMap::new();
    let mut moving: Vec<(u32, Label)> = Vec::new();
    let mut way = |cx: &mut Cx, depth: u32| {
        *ways.entry(depth).or_insert_with(|| {
            let frame = frame_of(cx, depth);
            if is_in_place(cx, frame) {
                return target(cx, frame);
            }
            let label = cx.asm.label();
            moving.push((depth, label));
            label
        })
    };
    let default = way(cx, table.default());
    let labels: Vec<Label> = depths.iter().map(|d| way(cx, *d)).collect();
    cx.asm.alu_imm(Alu::Cmp, W32, RCX, labels.len() as i32);
    cx.asm.jcc(Cc::AE, default);
    let start = cx.asm.label();
    cx.asm.address_of(RAX, start);
    emit!(cx.asm, movslq_rm(RCX, indexed(RAX, RCX, Scale::Four, 0)));
    cx.asm.alu(Alu::Add, W64, RAX, RCX);
    emit!(cx.asm, jmpq_m(RAX));
    cx.asm.bind(start);
    cx.asm.jump_table(&labels);
    for (depth, label) in moving {
        if cx.has_too_much_code() {
            break;
        }
        cx.asm.bind(label);
        branch(cx, depth);
    }
    cx.reachable = false;
    Ok(())
}

pub fn return_(cx: &mut Cx) {
    return_values(cx);
    let exit = cx.exit;
    cx.asm.jmp(exit);
    cx.reachable = false;
}

/// Moves the results to where they are returned.
fn return_values(cx: &mut Cx) {
    let results = cx.pop_many(cx.results.len());
    move_results(cx, &results);
}

/// Like `move_results`, but the operands stay on the stack for the following code.
fn copy_results(cx: &mut Cx) {
    let from = cx.operands.stack.len() - cx.results.len();
    let results = cx.operands.stack[from..].to_vec();
    // The move releases the operands' registers, but they are still in use after it.
    let free = cx.free_registers();
    move_results(cx, &results);
    cx.set_free_registers(free);
}

fn move_results(cx: &mut Cx, results: &[Operand]) {
    let (locs, _) = abi::results(cx.results.iter().copied());
    let values: Vec<_> = results.iter().copied().zip(locs).collect();
    cx.load_result_memory(R11);
    cx.move_args_to(&values, R11);
}

pub fn unreachable(cx: &mut Cx) {
    cx.trap(Trap::Unreachable);
    cx.reachable = false;
}

/// Selects one of two operands, depending on the condition above them.
pub fn select(cx: &mut Cx) {
    // The condition is tested before the other operands are read, which preserves the flags.
    let cc = pop_condition(cx);
    let (b, a) = (cx.pop(), cx.pop());
    let repr = a.repr;
    if repr.is_float() {
        let x = cx.xmm_of(a);
        let keep = cx.asm.label();
        cx.asm.jcc(cc, keep);
        cx.load_float(b, x);
        cx.asm.bind(keep);
        cx.release(b);
        return cx.push_xmm(repr, x);
    }
    let r = cx.gpr_of(a);
    let src = cx.src(b);
    cx.asm.mov_if(cc.not(), repr.width(), r, src);
    cx.release_src(src);
    cx.push_gpr(repr, r);
}
