//! Exceptions (Wasm 3.0, 4.6.13). Who catches what comes out of a call is in tables beside the code (`abi::code::TrySite`). Each
//! clause that some call needs has code behind the `try_table`, where the runtime continues with the exception in `rax`.
//! All operands are at home then, as they were at the call.

use super::{control, reference};
use crate::abi::builtin::Builtin;
use crate::abi::code::CATCH_ALL;
use crate::base::Trap;
use crate::base::index::TagIndex;
use crate::compile::baseline::Bailout;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::{CONTEXT, Cx};
use crate::compile::baseline::operands::Repr;
use crate::compile::clauses::{catching, caught_here, caught_tag};
use wasmparser::{Catch, TryTable};

/// A `try_table` whose end has not come.
pub struct Try {
    /// How many blocks are around it: its labels count from the innermost of those.
    around: usize,
    /// In their order.
    clauses: Vec<Clause>,
    /// Where exceptions go to be told apart by code; made when a call needs it.
    dispatcher: Option<Label>,
    /// Where inner `try_table`s go on with what they do not catch.
    dispatch_block: Option<Label>,
}

struct Clause {
    catch: Catch,
    /// Where it begins; made when a call needs it.
    landing: Option<Label>,
}

impl Clause {
    fn landing(&mut self, asm: &mut Asm) -> Label {
        *self.landing.get_or_insert_with(|| asm.label())
    }
}

/// Begins to catch; its own block has begun.
pub fn enter(cx: &mut Cx, table: &TryTable) {
    let clauses = table.catches.iter().map(|c| Clause { catch: *c, landing: None }).collect();
    cx.tries.push(Try { around: cx.control.len() - 1, clauses, dispatcher: None, dispatch_block: None });
}

/// Ends the innermost `try_table`, whose block has been left: emits what its clauses do, and a jump over that to `end`.
pub fn leave(cx: &mut Cx, end: Label) -> Result<(), Bailout> {
    let Try { mut clauses, dispatcher, dispatch_block, .. } = cx.tries.pop().expect("validated");
    let reachable = cx.reachable;
    if reachable && (dispatcher.is_some() || dispatch_block.is_some() || clauses.iter().any(|c| c.landing.is_some())) {
        cx.asm.jmp(end);
    }
    if let Some(l) = dispatcher {
        cx.asm.bind(l);
        cx.restore_after_catch();
    }
    if let Some(l) = dispatch_block {
        cx.asm.bind(l);
    }
    if dispatcher.is_some() || dispatch_block.is_some() {
        dispatch(cx, &mut clauses)?;
    }
    for clause in clauses {
        if let Some(l) = clause.landing
            && !cx.has_too_much_code()
        {
            cx.asm.bind(l);
            cx.restore_after_catch();
            landing_pad(cx, &clause.catch);
        }
    }
    cx.reachable = reachable;
    Ok(())
}

/// Goes on in the clause that fits the exception in `rax`, or where the `try_table` around tells its own apart. What nobody
/// here catches is thrown again.
fn dispatch(cx: &mut Cx, clauses: &mut [Clause]) -> Result<(), Bailout> {
    cx.exception_tag();
    for clause in clauses {
        let landing = clause.landing(&mut cx.asm);
        let caught = caught_tag(&clause.catch);
        if caught == CATCH_ALL {
            cx.asm.jmp(landing);
            return Ok(());
        }
        let tag = cx.tag(TagIndex::from_u32(caught));
        cx.asm.alu(Alu::Cmp, W32, RCX, tag);
        cx.asm.jcc(Cc::E, landing);
    }
    match cx.tries.last_mut() {
        Some(around) => {
            let dispatch_block = *around.dispatch_block.get_or_insert_with(|| cx.asm.label());
            cx.asm.jmp(dispatch_block);
        }
        None => throw_object(cx, RAX)?,
    }
    Ok(())
}

/// Takes the exception apart, which is in `rax`, and branches as the clause says.
fn landing_pad(cx: &mut Cx, catch: &Catch) {
    let height = cx.operands.stack.len();
    let (tag, wants_ref, label) = match *catch {
        Catch::One { tag, label } => (Some(tag), false, label),
        Catch::OneRef { tag, label } => (Some(tag), true, label),
        Catch::All { label } => (None, false, label),
        Catch::AllRef { label } => (None, true, label),
    };
    cx.asm.mov(W64, RCX, RAX);
    if let Some(tag) = tag {
        push_fields(cx, TagIndex::from_u32(tag));
    }
    if wants_ref {
        let r = cx.gpr();
        cx.asm.mov(W32, r, RCX);
        cx.push_gpr(Repr::Gc, r);
    }
    control::br(cx, label);
    cx.truncate(height);
}

/// What an exception of a tag carries, which is in `rcx`. Changes `rax` and `rdx`.
fn push_fields(cx: &mut Cx, tag: TagIndex) {
    let def = &cx.env.info.tags[tag].exception;
    let exception = cx.fields_of_exception(RCX);
    for (field, offset) in def.fields().iter().zip(&def.offsets).skip(1) {
        cx.load_field(exception.at(*offset), field.storage, false);
    }
}

/// Where exceptions of a call here continue, by tag.
fn handlers(cx: &mut Cx) -> Vec<(u32, Label)> {
    let clauses = (0..cx.tries.len()).rev().flat_map(|t| (0..cx.tries[t].clauses.len()).map(move |c| (t, c)));
    let Some(found) = catching(clauses, |(t, c)| caught_tag(&cx.tries[t].clauses[c].catch)) else {
        let innermost = cx.tries.last_mut().expect("there are many");
        return vec![(CATCH_ALL, *innermost.dispatcher.get_or_insert_with(|| cx.asm.label()))];
    };
    found.into_iter().map(|(tag, (t, c))| (tag, cx.tries[t].clauses[c].landing(&mut cx.asm))).collect()
}

/// What comes out of the call that was just emitted is caught by the `try_table`s around it. The operands are settled.
pub fn catch(cx: &mut Cx) {
    let handlers = handlers(cx);
    cx.record_handlers(handlers);
}

/// An exception of a tag with the operands, thrown. One that is caught in the same function is a branch, and an object only
/// where it is asked for.
pub fn throw(cx: &mut Cx, tag: TagIndex) -> Result<(), Bailout> {
    let clauses = cx.tries.iter().rev().flat_map(|t| t.clauses.iter().map(|c| (t.around, c.catch)));
    let caught = caught_here(clauses, cx.control.len(), tag, cx.env.info.imported_tags);
    let below = cx.operands.stack.len() + 1 - cx.env.info.tags[tag].exception.fields().len();
    let Some((catch, label)) = caught else {
        let exception = cx.new_exception(tag)?;
        cx.truncate(below);
        return throw_object(cx, exception);
    };
    let exception = match catch {
        Catch::OneRef { .. } | Catch::AllRef { .. } => Some(cx.new_exception(tag)?),
        Catch::One { .. } | Catch::All { .. } => None,
    };
    if let Catch::All { .. } | Catch::AllRef { .. } = catch {
        cx.truncate(below);
    }
    if let Some(exception) = exception {
        cx.push_gpr(Repr::Gc, exception);
    }
    control::br(cx, label);
    Ok(())
}

pub fn throw_ref(cx: &mut Cx) -> Result<(), Bailout> {
    let exception = cx.pop();
    cx.move_to(exception, RCX);
    reference::check_null(cx, Repr::Gc, RCX);
    cx.spill_all();
    throw_object(cx, RCX)
}

/// Throws the exception in a register. No operand is in one.
fn throw_object(cx: &mut Cx, exception: Gpr) -> Result<(), Bailout> {
    cx.asm.mov(W64, RSI, exception);
    cx.free(exception);
    cx.emit_builtin_call(Builtin::throw, CONTEXT);
    cx.record_safepoint();
    catch(cx);
    cx.may_fault(Trap::Unreachable);
    cx.asm.ud2();
    cx.reachable = false;
    Ok(())
}
