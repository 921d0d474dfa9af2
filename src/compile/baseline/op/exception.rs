//! Exceptions (Wasm 3.0, 4.6.13). Tables next to the code (`abi::code::TrySite`) list the handlers of each call. Each
//! clause that a call needs has a landing pad after the `try_table`, where the runtime continues with the exception in
//! `rax`. As at the call, all operands are then in their frame slots or constants.

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

/// A `try_table` that has not ended.
pub struct Try {
    /// The number of blocks around it: the clauses' labels are relative to the innermost of those.
    around: usize,
    /// In declaration order.
    clauses: Vec<Clause>,
    /// Entry for exceptions whose clause is selected by code; created when a call needs it.
    dispatcher: Option<Label>,
    /// Where the code of inner `try_table`s continues with exceptions that they do not catch.
    dispatch_block: Option<Label>,
}

struct Clause {
    catch: Catch,
    /// Its landing pad; created when a call needs it.
    landing: Option<Label>,
}

impl Clause {
    fn landing(&mut self, asm: &mut Asm) -> Label {
        *self.landing.get_or_insert_with(|| asm.label())
    }
}

/// Starts to catch. The `try_table`'s own block is already on the control stack.
pub fn enter(cx: &mut Cx, table: &TryTable) {
    let clauses = table.catches.iter().map(|c| Clause { catch: *c, landing: None }).collect();
    cx.tries.push(Try { around: cx.control.len() - 1, clauses, dispatcher: None, dispatch_block: None });
}

/// Ends the innermost `try_table`, whose block was popped from the control stack. Emits the landing pads, and a jump
/// over them to `end`.
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

/// Continues at the first clause that catches the exception in `rax`. If none does, continues at the dispatch code of
/// the enclosing `try_table`, or rethrows if there is none.
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

/// Pushes the values of the exception in `rax` that the clause asks for, and branches to the clause's label.
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

/// Pushes the values of the exception in `rcx`. Changes `rax` and `rdx`.
fn push_fields(cx: &mut Cx, tag: TagIndex) {
    let def = &cx.env.info.tags[tag].exception;
    let exception = cx.fields_of_exception(RCX);
    for (field, offset) in def.fields().iter().zip(&def.offsets).skip(1) {
        cx.load_field(exception.at(*offset), field.storage, false);
    }
}

/// The handlers of a call at this point, by tag.
fn handlers(cx: &mut Cx) -> Vec<(u32, Label)> {
    let clauses = (0..cx.tries.len()).rev().flat_map(|t| (0..cx.tries[t].clauses.len()).map(move |c| (t, c)));
    let Some(found) = catching(clauses, |(t, c)| caught_tag(&cx.tries[t].clauses[c].catch)) else {
        let innermost = cx.tries.last_mut().expect("there are many");
        return vec![(CATCH_ALL, *innermost.dispatcher.get_or_insert_with(|| cx.asm.label()))];
    };
    found.into_iter().map(|(tag, (t, c))| (tag, cx.tries[t].clauses[c].landing(&mut cx.asm))).collect()
}

/// Records that the `try_table`s around the call that was just emitted catch its exceptions. All operands are spilled.
pub fn catch(cx: &mut Cx) {
    let handlers = handlers(cx);
    cx.record_handlers(handlers);
}

/// Throws an exception of a tag with the top operands. If it is caught in the same function, this is a branch, and the
/// exception is allocated only if the clause asks for a reference.
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

/// Throws the exception in a register. All operands are spilled.
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
