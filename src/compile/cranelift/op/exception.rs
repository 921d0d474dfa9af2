//! Exceptions (Wasm 3.0, 4.6.13): `throw`, `throw_ref`, and the clauses of `try_table`. A function that catches nothing
//! has no extra cost. A call in a `try_table` only has to spill the values that handlers need: tables next to the code
//! (`abi::code::TrySite`) list the handlers and are read when an exception is thrown.
//!
//! Each clause that a call needs has a landing pad, where the runtime continues with the exception.

use super::control;
use crate::abi::builtin::Builtin;
use crate::abi::code::CATCH_ALL;
use crate::base::Trap;
use crate::base::index::TagIndex;
use crate::compile::clauses::{catching, caught_here, caught_tag};
use crate::compile::cranelift::func::{FuncCx, NEVER, Region, trusted};
use crate::compile::cranelift::gc::{GcVal, NewField, NewKind};
use crate::wasm::descriptor::{EXCEPTION_TAG, struct_size};
use crate::wasm::types::{FieldType, StorageType, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{
    Block, BlockArg, ExceptionTableData, ExceptionTableItem, ExceptionTag, FuncRef, Inst, InstBuilder, SigRef,
    StackSlot, StackSlotData, StackSlotKind, Value,
};
use wasmparser::{Catch, TryTable};

/// A `try_table` that has not ended.
pub struct Try {
    /// The number of blocks around it: the clauses' labels are relative to the innermost of those.
    around: usize,
    /// In declaration order.
    clauses: Vec<Clause>,
    /// The block for exceptions whose clause is selected by code; created when a call needs it.
    dispatcher: Option<Block>,
    /// The block that selects the clause of a spilled exception. Inner `try_table`s jump to it with exceptions that
    /// they do not catch.
    dispatch_block: Option<Block>,
}

struct Clause {
    catch: Catch,
    /// Its landing pad; created when a call needs it.
    landing: Option<Block>,
}

impl Clause {
    /// The tag that it catches, or `CATCH_ALL`.
    fn tag(&self) -> u32 {
        caught_tag(&self.catch)
    }
}

/// Starts to catch. The `try_table`'s own block is already on the control stack.
pub fn enter(cx: &mut FuncCx, table: &TryTable) {
    let clauses = table.catches.iter().map(|c| Clause { catch: *c, landing: None }).collect();
    cx.tries.push(Try { around: cx.control.len() - 1, clauses, dispatcher: None, dispatch_block: None });
}

/// Ends the innermost `try_table`, whose block was popped from the control stack. Emits its landing pads.
pub fn leave(cx: &mut FuncCx) {
    let Try { clauses, dispatcher, dispatch_block, .. } = cx.tries.pop().expect("validated");
    if let Some(block) = dispatcher {
        let dispatch_block = dispatch_block.unwrap_or_else(|| cold_block(cx));
        let exception = arrive(cx, block);
        spill_exn(cx, exception);
        cx.b.ins().jump(dispatch_block, &[]);
        dispatch(cx, dispatch_block, &clauses);
    } else if let Some(dispatch_block) = dispatch_block {
        dispatch(cx, dispatch_block, &clauses);
    }
    for clause in clauses {
        if let Some(landing) = clause.landing {
            let exception = arrive(cx, landing);
            landing_pad(cx, exception, &clause.catch);
        }
    }
}

fn cold_block(cx: &mut FuncCx) -> Block {
    let block = cx.b.create_block();
    cx.b.set_cold_block(block);
    block
}

/// A block with the exception as its parameter.
fn block_of_exception(cx: &mut FuncCx) -> Block {
    let block = cold_block(cx);
    cx.b.append_block_param(block, I64);
    block
}

/// Starts a block from `block_of_exception`. All its predecessors must already exist.
fn arrive(cx: &mut FuncCx, block: Block) -> Value {
    cx.b.seal_block(block);
    cx.b.switch_to_block(block);
    cx.b.block_params(block)[0]
}

/// Spills an exception for the code that selects its clause. A value that is live in thousands of blocks, or a
/// parameter of all of them, would take the register allocator quadratic time. Nothing is collected until it is
/// reloaded.
fn spill_exn(cx: &mut FuncCx, exception: Value) {
    let slot = thrown_slot(cx);
    cx.b.ins().stack_store(I64, exception, slot, 0);
}

/// Reloads the spilled exception. The load is atomic because a plain load could be replaced by another load's value.
fn reload_exn(cx: &mut FuncCx) -> Value {
    let slot = thrown_slot(cx);
    let address = cx.b.ins().stack_addr(I64, slot, 0);
    cx.b.ins().atomic_load(I64, trusted(), address)
}

fn thrown_slot(cx: &mut FuncCx) -> StackSlot {
    if let Some(slot) = cx.thrown {
        return slot;
    }
    let slot = cx.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 8, 3));
    cx.thrown = Some(slot);
    slot
}

/// The block that selects a clause for exceptions of calls in the innermost `try_table`.
fn dispatcher(cx: &mut FuncCx) -> Block {
    let known = cx.tries.last().expect("there are many").dispatcher;
    let block = known.unwrap_or_else(|| block_of_exception(cx));
    cx.tries.last_mut().expect("there are many").dispatcher = Some(block);
    block
}

/// Continues at the first clause that catches the spilled exception. If none does, continues at the dispatch block of
/// the enclosing `try_table`, or rethrows if there is none.
fn dispatch(cx: &mut FuncCx, block: Block, clauses: &[Clause]) {
    cx.b.seal_block(block);
    cx.b.switch_to_block(block);
    let exception = reload_exn(cx);
    let exception = as_reference(cx, exception);
    let place = cx.field(exception, EXCEPTION_TAG, false);
    cx.load_field(place, StorageType::Val(ValType::ANYREF), false);
    let thrown = cx.pop_gc();
    let mut arms = Vec::with_capacity(clauses.len());
    for clause in clauses {
        let arm = cold_block(cx);
        arms.push((arm, clause.catch));
        if clause.tag() == CATCH_ALL {
            cx.b.ins().jump(arm, &[]);
            return land_arms(cx, &arms);
        }
        let tag = load_tag(cx, TagIndex::from_u32(clause.tag()));
        let fits = cx.b.ins().icmp(IntCC::Equal, thrown.value(), tag.value());
        let next = cold_block(cx);
        cx.b.ins().brif(fits, arm, &[], next, &[]);
        cx.b.seal_block(next);
        cx.b.switch_to_block(next);
    }
    match cx.tries.last().map(|around| around.dispatch_block) {
        Some(dispatch_block) => {
            let dispatch_block = dispatch_block.unwrap_or_else(|| cold_block(cx));
            cx.tries.last_mut().expect("just there").dispatch_block = Some(dispatch_block);
            cx.b.ins().jump(dispatch_block, &[]);
        }
        None => {
            let exception = reload_exn(cx);
            let exception = as_reference(cx, exception);
            throw_object(cx, exception);
        }
    }
    land_arms(cx, &arms);
}

fn land_arms(cx: &mut FuncCx, arms: &[(Block, Catch)]) {
    for (arm, catch) in arms {
        cx.b.seal_block(*arm);
        cx.b.switch_to_block(*arm);
        let exception = reload_exn(cx);
        landing_pad(cx, exception, catch);
    }
}

fn as_reference(cx: &mut FuncCx, exception: Value) -> GcVal {
    let exception = cx.b.ins().ireduce(I32, exception);
    cx.adopt_gc(exception)
}

/// A tag of this instance.
fn load_tag(cx: &mut FuncCx, tag: TagIndex) -> GcVal {
    let flags = cx.in_region(trusted(), Region::Global);
    cx.load_ref((cx.vmctx, cx.env.layout.tag(tag) as i32, flags), ValType::ANYREF)
}

/// Pushes the values of the exception that the clause asks for, and branches to the clause's label.
fn landing_pad(cx: &mut FuncCx, exception: Value, catch: &Catch) {
    let height = cx.stack.len();
    let exception = as_reference(cx, exception);
    let (tag, wants_ref, label) = match *catch {
        Catch::One { tag, label } => (Some(tag), false, label),
        Catch::OneRef { tag, label } => (Some(tag), true, label),
        Catch::All { label } => (None, false, label),
        Catch::AllRef { label } => (None, true, label),
    };
    if let Some(tag) = tag {
        push_fields(cx, TagIndex::from_u32(tag), exception);
    }
    if wants_ref {
        cx.push_gc(exception);
    }
    let (target, n) = control::target(cx, label);
    let args = cx.canonical_top(n);
    cx.b.ins().jump(target, &args);
    cx.stack.truncate(height);
}

/// Pushes the values of an exception of a tag.
fn push_fields(cx: &mut FuncCx, tag: TagIndex, exception: GcVal) {
    let def = &cx.env.info.tags[tag].exception;
    for (field, offset) in def.fields().iter().zip(&def.offsets).skip(1) {
        let place = cx.field(exception, *offset, false);
        cx.load_field(place, field.storage, false);
    }
}

/// The handlers of a call at this point, by tag.
fn handlers(cx: &mut FuncCx) -> Vec<(u32, Block)> {
    let clauses = (0..cx.tries.len()).rev().flat_map(|t| (0..cx.tries[t].clauses.len()).map(move |c| (t, c)));
    let Some(found) = catching(clauses, |(t, c)| cx.tries[t].clauses[c].tag()) else {
        return vec![(CATCH_ALL, dispatcher(cx))];
    };
    let block = |(tag, (t, c)): (u32, (usize, usize))| {
        let landing = cx.tries[t].clauses[c].landing.unwrap_or_else(|| block_of_exception(cx));
        cx.tries[t].clauses[c].landing = Some(landing);
        (tag, landing)
    };
    found.into_iter().map(block).collect()
}

/// A call target.
#[derive(Clone, Copy)]
pub enum Target {
    Func(FuncRef),
    Address(SigRef, Value),
}

/// Emits a call whose exceptions are caught by the `try_table`s around it. Returns the results.
pub fn call(cx: &mut FuncCx, target: Target, args: &[Value]) -> Vec<Value> {
    cx.calls = true;
    cx.shape.calls += 1;
    let handlers = handlers(cx);
    if handlers.is_empty() {
        let call = match target {
            Target::Func(f) => cx.b.ins().call(f, args),
            Target::Address(sig, code) => cx.b.ins().call_indirect(sig, code, args),
        };
        return cx.b.inst_results(call).to_vec();
    }
    // Tags of exceptions are compared with tags of this frame's instance.
    cx.leaves_instance = true;
    let sig = match target {
        Target::Func(f) => cx.b.func.dfg.ext_funcs[f].signature,
        Target::Address(sig, _) => sig,
    };
    let types: Vec<_> = cx.b.func.dfg.signatures[sig].returns.iter().map(|r| r.value_type).collect();
    let normal = cx.b.create_block();
    let mut results = Vec::with_capacity(types.len());
    for (i, ty) in types.into_iter().enumerate() {
        cx.b.append_block_param(normal, ty);
        results.push(BlockArg::TryCallRet(i as u32));
    }
    let normal_call = cx.b.func.dfg.block_call(normal, &results);
    let mut items = Vec::with_capacity(handlers.len());
    for (tag, block) in handlers {
        let to = cx.b.func.dfg.block_call(block, &[BlockArg::TryCallExn(0)]);
        items.push(match tag {
            CATCH_ALL => ExceptionTableItem::Default(to),
            tag => ExceptionTableItem::Tag(ExceptionTag::from_u32(tag), to),
        });
    }
    let table = cx.b.func.dfg.exception_tables.push(ExceptionTableData::new(sig, normal_call, items));
    let _: Inst = match target {
        Target::Func(f) => cx.b.ins().try_call(f, args, table),
        Target::Address(_, code) => cx.b.ins().try_call_indirect(code, args, table),
    };
    cx.b.seal_block(normal);
    cx.b.switch_to_block(normal);
    cx.b.block_params(normal).to_vec()
}

fn catcher(cx: &FuncCx, tag: TagIndex) -> Option<(Catch, u32)> {
    let clauses = cx.tries.iter().rev().flat_map(|t| t.clauses.iter().map(|c| (t.around, c.catch)));
    caught_here(clauses, cx.control.len(), tag, cx.env.info.imported_tags)
}

/// Throws an exception of a tag with the top operands. If it is caught in the same function, this is a branch, and the
/// exception is allocated only if the clause asks for a reference.
pub fn throw(cx: &mut FuncCx, tag: TagIndex) {
    let values = cx.env.info.tags[tag].exception.fields().len() - 1;
    match catcher(cx, tag) {
        None => {
            let exception = new_exception(cx, tag);
            throw_object(cx, exception);
        }
        Some((Catch::One { .. }, label)) => control::br(cx, label),
        Some((Catch::All { .. }, label)) => {
            cx.stack.truncate(cx.stack.len() - values);
            control::br(cx, label);
        }
        Some((Catch::OneRef { .. }, label)) => {
            let values = cx.stack[cx.stack.len() - values..].to_vec();
            let exception = new_exception(cx, tag);
            cx.stack.extend(values);
            cx.push_gc(exception);
            control::br(cx, label);
        }
        Some((Catch::AllRef { .. }, label)) => {
            let exception = new_exception(cx, tag);
            cx.push_gc(exception);
            control::br(cx, label);
        }
    }
}

/// Allocates an exception of a tag with the top operands.
fn new_exception(cx: &mut FuncCx, tag: TagIndex) -> GcVal {
    let def = &cx.env.info.tags[tag].exception;
    let values = cx.stack.split_off(cx.stack.len() + 1 - def.fields().len());
    let identity = load_tag(cx, tag);
    let values = std::iter::once(identity.value()).chain(values);
    let field = |((f, offset), v): ((&FieldType, &u32), Value)| NewField {
        offset: *offset,
        ty: f.storage,
        value: Some(cx.storable(f.storage, v)),
    };
    let fields: Vec<NewField> = def.fields().iter().zip(&def.offsets).zip(values).map(field).collect();
    debug_assert_eq!(fields[0].offset, EXCEPTION_TAG);
    cx.new_object(NewKind::Exception(tag), struct_size(def.fields(), &def.offsets), &fields)
}

pub fn throw_ref(cx: &mut FuncCx) {
    let exception = cx.pop_gc();
    if cx.operand.nullable {
        cx.trapz(exception.value(), Trap::NullReference);
    }
    throw_object(cx, exception);
}

fn throw_object(cx: &mut FuncCx, exception: GcVal) {
    let (sig, address) = cx.builtin(Builtin::throw);
    let vmctx = cx.vmctx;
    call(cx, Target::Address(sig, address), &[vmctx, exception.value()]);
    cx.b.ins().trap(NEVER);
    cx.reachable = false;
}
