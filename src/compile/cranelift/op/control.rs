//! Control instructions (Wasm 2.0, 4.4.8).

use super::exception;
use crate::base::Trap;
use crate::base::index::TypeIndex;
use crate::compile::cranelift::func::FuncCx;
use crate::compile::cranelift::gc::Repr;
use crate::wasm::decode::val_type;
use cranelift_codegen::entity::packed_option::ReservedValue;
use cranelift_codegen::ir::{Block, BlockCall, Inst, InstBuilder, JumpTableData, Value};
use std::collections::BTreeMap;
use wasmparser::{BlockType, TryTable};

/// A block that has begun and not ended.
pub struct Frame {
    kind: Kind,
    /// The block after its end; its parameters are the results.
    exit: Block,
    params: usize,
    results: usize,
    /// The number of operands below it.
    height: usize,
    /// Whether a branch targets `exit`.
    exit_used: bool,
    /// Whether its start is reachable. If not, its exit is not reachable either.
    entered: bool,
}

enum Kind {
    Block,
    /// Branches target the header; its parameters are the loop's parameters.
    Loop {
        header: Block,
    },
    /// The branch, the block it ends, the block of the else part, which is still empty, and whether the condition is
    /// likely.
    If {
        branch: Inst,
        from: Block,
        otherwise: Block,
        likely: Option<bool>,
    },
    Else,
    Try,
}

type Types = (Vec<Repr>, Vec<Repr>);

fn types(cx: &FuncCx, ty: BlockType) -> Types {
    match ty {
        BlockType::Empty => (vec![], vec![]),
        BlockType::Type(t) => (vec![], vec![Repr::of(val_type(t, &cx.env.info.types))]),
        BlockType::FuncType(i) => {
            let ty = cx.env.info.signature(TypeIndex::from_u32(i));
            let all = |t: &[crate::wasm::types::ValType]| t.iter().map(|t| Repr::of(*t)).collect();
            (all(ty.params()), all(ty.results()))
        }
    }
}

fn block_with_params(cx: &mut FuncCx, params: &[Repr]) -> Block {
    let block = cx.b.create_block();
    for repr in params {
        let v = cx.b.append_block_param(block, repr.clif);
        if repr.gc {
            cx.adopt_gc(v);
        }
    }
    block
}

fn push_frame(cx: &mut FuncCx, kind: Kind, exit: Block, (params, results): &Types) {
    let height = cx.stack.len() - if cx.reachable { params.len() } else { 0 };
    cx.control.push(Frame {
        kind,
        exit,
        params: params.len(),
        results: results.len(),
        height,
        exit_used: false,
        entered: cx.reachable,
    });
}

/// The function's own block: its results are returned at its end.
pub fn enter_function(cx: &mut FuncCx, results: &[Repr]) {
    let exit = block_with_params(cx, results);
    push_frame(cx, Kind::Block, exit, &(vec![], results.to_vec()));
}

/// Nothing can be emitted here, but blocks must still be counted.
fn push_unreachable(cx: &mut FuncCx) {
    let exit = Block::reserved_value();
    push_frame(cx, Kind::Block, exit, &(vec![], vec![]));
}

pub fn block(cx: &mut FuncCx, ty: BlockType) {
    if !cx.reachable {
        return push_unreachable(cx);
    }
    let types = types(cx, ty);
    let exit = block_with_params(cx, &types.1);
    push_frame(cx, Kind::Block, exit, &types);
}

pub fn try_table(cx: &mut FuncCx, table: &TryTable) {
    if table.catches.is_empty() {
        // A `try_table` without clauses would only cost time at each call.
        return block(cx, table.ty);
    }
    if !cx.reachable {
        return push_unreachable(cx);
    }
    let types = types(cx, table.ty);
    let exit = block_with_params(cx, &types.1);
    push_frame(cx, Kind::Try, exit, &types);
    exception::enter(cx, table);
}

pub fn loop_(cx: &mut FuncCx, ty: BlockType) {
    if !cx.reachable {
        return push_unreachable(cx);
    }
    let types = types(cx, ty);
    let header = block_with_params(cx, &types.0);
    let exit = block_with_params(cx, &types.1);
    let args = cx.canonical_top(types.0.len());
    cx.b.ins().jump(header, &args);
    cx.loops += 1;
    cx.shape.nesting = cx.shape.nesting.max(cx.loops);
    push_frame(cx, Kind::Loop { header }, exit, &types);
    cx.stack.truncate(cx.stack.len() - types.0.len());
    continue_at(cx, header);
    cx.poll_interrupt();
}

pub fn if_(cx: &mut FuncCx, ty: BlockType) {
    if !cx.reachable {
        return push_unreachable(cx);
    }
    let types = types(cx, ty);
    let condition = cx.pop();
    let (then, otherwise) = (cx.b.create_block(), block_with_params(cx, &types.0));
    let exit = block_with_params(cx, &types.1);
    let params = cx.canonical_top(types.0.len());
    let branch = cx.b.ins().brif(condition, then, &[], otherwise, &params);
    let (from, likely) = (cx.b.current_block().expect("inside a function"), cx.likely);
    if likely == Some(false) {
        cx.unlikely.push((from, then));
    }
    cx.b.seal_block(then);
    push_frame(cx, Kind::If { branch, from, otherwise, likely }, exit, &types);
    cx.b.switch_to_block(then);
}

pub fn else_(cx: &mut FuncCx) {
    leave_to_exit(cx);
    let frame = cx.control.last_mut().expect("validated");
    if let Kind::If { from, otherwise, likely, .. } = std::mem::replace(&mut frame.kind, Kind::Else) {
        cx.stack.truncate(frame.height);
        if likely == Some(true) {
            cx.unlikely.push((from, otherwise));
        }
        cx.b.seal_block(otherwise);
        continue_at(cx, otherwise);
        cx.reachable = true;
    }
}

/// Jumps to the exit of the innermost block if its end is reachable.
fn leave_to_exit(cx: &mut FuncCx) {
    if cx.reachable {
        let results = cx.control.last().expect("validated").results;
        let args = cx.canonical_top(results);
        let frame = cx.control.last_mut().expect("validated");
        frame.exit_used = true;
        let exit = frame.exit;
        cx.b.ins().jump(exit, &args);
    }
}

/// Ends the innermost block. Returns true if it was the function's.
pub fn end(cx: &mut FuncCx) -> bool {
    leave_to_exit(cx);
    let mut frame = cx.control.pop().expect("validated");
    if !frame.entered {
        cx.reachable = false;
        return cx.control.is_empty();
    }
    match frame.kind {
        Kind::Loop { header } => {
            cx.loops -= 1;
            cx.b.seal_block(header);
        }
        // Without an else part, the parameters are the results, and the branch targets the exit directly. A block in
        // between would be an additional jump whenever the condition is false.
        Kind::If { branch, from, otherwise, likely } => {
            cx.b.change_jump_destination(branch, otherwise, frame.exit);
            if likely == Some(true) {
                cx.unlikely.push((from, frame.exit));
            }
            frame.exit_used = true;
        }
        Kind::Try => {
            cx.stack.truncate(frame.height);
            exception::leave(cx);
        }
        Kind::Block | Kind::Else => {}
    }
    cx.stack.truncate(frame.height);
    cx.reachable = frame.exit_used;
    if frame.exit_used {
        cx.b.seal_block(frame.exit);
        continue_at(cx, frame.exit);
    }
    cx.control.is_empty()
}

/// Continues in `block`, with its parameters as operands.
fn continue_at(cx: &mut FuncCx, block: Block) {
    cx.b.switch_to_block(block);
    cx.stack.extend_from_slice(cx.b.block_params(block));
}

/// The target of a branch of this depth, and how many operands the branch passes.
pub fn target(cx: &mut FuncCx, depth: u32) -> (Block, usize) {
    let i = cx.control.len() - 1 - depth as usize;
    let frame = &mut cx.control[i];
    match frame.kind {
        Kind::Loop { header } => (header, frame.params),
        _ => {
            frame.exit_used = true;
            (frame.exit, frame.results)
        }
    }
}

/// How many operands a branch of this depth passes.
pub fn passed(cx: &mut FuncCx, depth: u32) -> usize {
    if cx.reachable { target(cx, depth).1 } else { 0 }
}

pub fn br(cx: &mut FuncCx, depth: u32) {
    let (block, n) = target(cx, depth);
    let args = cx.canonical_top(n);
    cx.b.ins().jump(block, &args);
    cx.reachable = false;
}

pub fn br_if(cx: &mut FuncCx, depth: u32) {
    let condition = cx.pop();
    branch_if(cx, condition, depth);
}

/// Branches with the top operands if `condition` is not 0.
fn branch_if(cx: &mut FuncCx, condition: Value, depth: u32) {
    let (block, n) = target(cx, depth);
    let args = cx.canonical_top(n);
    let next = cx.b.create_block();
    cx.b.ins().brif(condition, block, &args, next, &[]);
    if !matches!(cx.control[cx.control.len() - 1 - depth as usize].kind, Kind::Loop { .. }) {
        // A loop's back edge is laid out for being taken. The code after it is often the rest of an outer loop.
        cx.hint(block, next);
    }
    cx.b.seal_block(next);
    cx.b.switch_to_block(next);
}

pub fn br_on_null(cx: &mut FuncCx, depth: u32) {
    let r = cx.pop();
    let (block, n) = target(cx, depth);
    let args = cx.canonical_top(n);
    let next = cx.b.create_block();
    cx.b.ins().brif(r, next, &[], block, &args);
    cx.b.seal_block(next);
    cx.b.switch_to_block(next);
    cx.push(r);
}

pub fn br_on_non_null(cx: &mut FuncCx, depth: u32) {
    let r = *cx.stack.last().expect("validated");
    branch_if(cx, r, depth);
    cx.pop();
}

pub fn br_table(cx: &mut FuncCx, targets: &wasmparser::BrTable<'_>) {
    let index = cx.pop();
    let depths: Vec<u32> = targets.targets().map(|t| t.expect("validated")).collect();
    // The number of entries for each target.
    let mut entries: BTreeMap<u32, usize> = BTreeMap::new();
    for depth in depths.iter().chain([&targets.default()]) {
        *entries.entry(*depth).or_default() += 1;
    }
    let most = entries.keys().map(|depth| target(cx, *depth).1).max().expect("the default");
    cx.canonical_top(most);
    // A target of several entries gets an intermediate block, which passes the operands and the merged locals once
    // instead of once per entry.
    let shared = |n: &usize| *n > 1;
    let ways: BTreeMap<u32, Block> =
        entries.iter().filter(|e| shared(e.1)).map(|e| (*e.0, cx.b.create_block())).collect();
    let mut entry = |depth: u32| match ways.get(&depth) {
        Some(block) => cx.b.func.dfg.block_call(*block, &[]),
        None => {
            let (block, n) = target(cx, depth);
            let args = cx.canonical_top(n);
            cx.b.func.dfg.block_call(block, &args)
        }
    };
    let default = entry(targets.default());
    let table: Vec<BlockCall> = depths.into_iter().map(entry).collect();
    let table = cx.b.create_jump_table(JumpTableData::new(default, &table));
    cx.b.ins().br_table(index, table);
    for (depth, block) in ways {
        cx.b.seal_block(block);
        cx.b.switch_to_block(block);
        br(cx, depth);
    }
    cx.reachable = false;
}

pub fn return_(cx: &mut FuncCx) {
    br(cx, cx.control.len() as u32 - 1);
}

pub fn unreachable(cx: &mut FuncCx) {
    cx.trap(Trap::Unreachable);
    cx.reachable = false;
}

pub fn drop_(cx: &mut FuncCx) {
    cx.pop();
}

pub fn select(cx: &mut FuncCx, is_gc: bool) {
    let (a, b, condition) = cx.pop3();
    let (a, b) = (cx.canonical(a), cx.canonical(b));
    let v = cx.b.ins().select(condition, a, b);
    if is_gc {
        cx.adopt_gc(v);
    }
    cx.push(v);
}

/// Whether the result of a `select` with this type is a reference that stack maps must list.
pub fn selects_gc(cx: &FuncCx, ty: wasmparser::ValType) -> bool {
    val_type(ty, &cx.env.info.types).may_be_object()
}

/// After the function's `end`: returns the parameters of its exit block, which are the results.
pub fn return_results(cx: &mut FuncCx) {
    if cx.reachable {
        let results: Vec<Value> = std::mem::take(&mut cx.stack);
        cx.b.ins().return_(&results);
    }
}
