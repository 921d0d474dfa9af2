//! Exceptions (Wasm 3.0, 4.6.13): `throw`, `throw_ref`, and the clauses of `try_table`. A function that does not throw pays
//! nothing: who catches what is in tables beside the code (`abi::code::TrySite`), which are looked at when something is thrown.
//!
//! Each clause that some call needs has a landing block, where the runtime continues with the exception.

use super::control;
use crate::abi::builtin::Builtin;
use crate::abi::code::CATCH_ALL;
use crate::base::Trap;
use crate::base::index::{EntityRef, TagIndex};
use crate::compile::func::{FuncCx, Region, trap_code, trusted};
use crate::compile::gc::{GcVal, NewField, NewKind};
use crate::wasm::descriptor::{EXCEPTION_TAG, struct_size};
use crate::wasm::types::FieldType;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{
    Block, BlockArg, ExceptionTableData, ExceptionTableItem, ExceptionTag, FuncRef, Inst, InstBuilder, SigRef, Value,
};
use wasmparser::{Catch, TryTable};

/// A `try_table` whose end has not come.
pub struct Try {
    /// How many blocks are around it: its labels count from the innermost of those.
    around: usize,
    /// In their order, as far as an exception can reach them.
    clauses: Vec<Clause>,
}

struct Clause {
    catch: Catch,
    /// Where it begins; made when a call needs it.
    landing: Option<Block>,
}

impl Clause {
    /// The tag it catches, or `CATCH_ALL`.
    fn tag(&self) -> u32 {
        match self.catch {
            Catch::One { tag, .. } | Catch::OneRef { tag, .. } => tag,
            Catch::All { .. } | Catch::AllRef { .. } => CATCH_ALL,
        }
    }
}

/// Begins to catch; its own block has begun.
pub fn enter(cx: &mut FuncCx, table: &TryTable) {
    let clauses = table.catches.iter().map(|c| Clause { catch: c.clone(), landing: None }).collect();
    cx.tries.push(Try { around: cx.control.len() - 1, clauses });
}

/// Ends the innermost `try_table`, whose block has been left: emits what its clauses do.
pub fn leave(cx: &mut FuncCx) {
    let clauses = cx.tries.pop().expect("validated").clauses;
    for clause in clauses {
        if let Some(landing) = clause.landing {
            land(cx, landing, &clause.catch);
        }
    }
}

/// Takes the exception apart and branches as the clause says.
fn land(cx: &mut FuncCx, landing: Block, catch: &Catch) {
    cx.b.seal_block(landing);
    cx.b.switch_to_block(landing);
    let height = cx.stack.len();
    let payload = cx.b.block_params(landing)[0];
    let exception = cx.b.ins().ireduce(I32, payload);
    let exception = cx.adopt_gc(exception);
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

/// What an exception of a tag carries.
fn push_fields(cx: &mut FuncCx, tag: TagIndex, exception: GcVal) {
    let def = &cx.env.info.tags[tag].exception;
    for (field, offset) in def.fields().iter().zip(&def.offsets).skip(1) {
        let place = cx.field(exception, *offset, false);
        cx.load_field(place, field.storage, false);
    }
}

/// Who catches what comes out of a call here, innermost first: tags, and where each goes on. Nothing is behind who catches all.
fn handlers(cx: &mut FuncCx) -> Vec<(u32, Block)> {
    let mut found: Vec<(u32, Block)> = Vec::new();
    for t in (0..cx.tries.len()).rev() {
        for c in 0..cx.tries[t].clauses.len() {
            let tag = cx.tries[t].clauses[c].tag();
            if found.iter().any(|(known, _)| *known == tag) {
                continue;
            }
            let block = match cx.tries[t].clauses[c].landing {
                Some(block) => block,
                None => {
                    let block = cx.b.create_block();
                    cx.b.append_block_param(block, I64);
                    cx.b.set_cold_block(block);
                    cx.tries[t].clauses[c].landing = Some(block);
                    block
                }
            };
            found.push((tag, block));
            if tag == CATCH_ALL {
                return found;
            }
        }
    }
    found
}

/// What is called.
#[derive(Clone, Copy)]
pub enum Target {
    Func(FuncRef),
    Address(SigRef, Value),
}

/// A call whose exceptions are caught by the `try_table`s around it. Gives the results.
pub fn call(cx: &mut FuncCx, target: Target, args: &[Value]) -> Vec<Value> {
    cx.calls = true;
    let handlers = handlers(cx);
    if handlers.is_empty() {
        let call = match target {
            Target::Func(f) => cx.b.ins().call(f, args),
            Target::Address(sig, code) => cx.b.ins().call_indirect(sig, code, args),
        };
        return cx.b.inst_results(call).to_vec();
    }
    // Tags are compared with those of this frame's instance.
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

/// Who in this function catches a tag that is thrown here: the clause, and its label from here. `None` if nobody does, or
/// if only the runtime can tell.
fn catcher(cx: &FuncCx, tag: TagIndex) -> Option<(Catch, u32)> {
    let is_imported = |t: usize| t < cx.env.info.imported_tags;
    for t in cx.tries.iter().rev() {
        for clause in &t.clauses {
            let caught = clause.tag();
            if caught == tag.as_u32() || caught == CATCH_ALL {
                let (Catch::One { label, .. }
                | Catch::OneRef { label, .. }
                | Catch::All { label }
                | Catch::AllRef { label }) = clause.catch;
                return Some((clause.catch.clone(), (cx.control.len() - t.around) as u32 + label));
            }
            // Only imported tags may be one tag with two numbers.
            if is_imported(caught as usize) && is_imported(tag.index()) {
                return None;
            }
        }
    }
    None
}

/// An exception of a tag with the operands, thrown. One that is caught in the same function is a branch, and an object only
/// where it is asked for.
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

/// An exception of a tag with the operands.
fn new_exception(cx: &mut FuncCx, tag: TagIndex) -> GcVal {
    let def = &cx.env.info.tags[tag].exception;
    let values = cx.stack.split_off(cx.stack.len() + 1 - def.fields().len());
    let vmctx = cx.vmctx;
    let flags = cx.in_region(trusted(), Region::Global);
    let identity = cx.load_ref((vmctx, cx.env.layout.tag(tag) as i32, flags));
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
    cx.b.ins().trap(trap_code(Trap::Unreachable));
    cx.reachable = false;
}
