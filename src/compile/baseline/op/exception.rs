//! Exceptions (Wasm 3.0, 4.6.13). Who catches what comes out of a call is in tables beside the code (`abi::code::TrySite`). Each
//! clause that some call needs has code behind the `try_table`, where the runtime continues with the exception in `rax`.
//! All operands are at home then, as they were at the call.

use super::control;
use crate::abi::builtin::Builtin;
use crate::abi::code::CATCH_ALL;
use crate::abi::vmstruct::{VmContext, VmFuncRef, VmHeader, VmStore};
use crate::base::Trap;
use crate::base::index::TagIndex;
use crate::compile::baseline::Refused;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::{Arg, CONTEXT, Cx};
use crate::compile::baseline::operands::{Kind, Operand, Place};
use crate::compile::clauses::{MOST_CLAUSES, caught_here, caught_tag};
use crate::wasm::descriptor::EXCEPTION_TAG;
use crate::wasm::types::StorageType;
use std::mem::offset_of;
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
    told: Option<Label>,
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
    cx.tries.push(Try { around: cx.control.len() - 1, clauses, dispatcher: None, told: None });
}

/// Ends the innermost `try_table`, whose block has been left: emits what its clauses do, and a jump over that to `end`.
pub fn leave(cx: &mut Cx, end: Label) -> Result<(), Refused> {
    let Try { mut clauses, dispatcher, told, .. } = cx.tries.pop().expect("validated");
    let reachable = cx.reachable;
    if reachable && (dispatcher.is_some() || told.is_some() || clauses.iter().any(|c| c.landing.is_some())) {
        cx.asm.jmp(end);
    }
    if let Some(l) = dispatcher {
        cx.asm.bind(l);
        cx.come_back();
    }
    if let Some(l) = told {
        cx.asm.bind(l);
    }
    if dispatcher.is_some() || told.is_some() {
        tell_apart(cx, &mut clauses)?;
    }
    for clause in clauses {
        if let Some(l) = clause.landing {
            cx.asm.bind(l);
            cx.come_back();
            land(cx, &clause.catch);
        }
    }
    cx.reachable = reachable;
    Ok(())
}

/// Where the heap begins.
fn load_heap(cx: &mut Cx, dst: Gpr) {
    cx.uses_heap = true;
    cx.asm.mov(W64, dst, at(CONTEXT, offset_of!(VmContext, heap) as i32));
}

/// A tag of the instance.
fn tag_place(cx: &Cx, tag: u32) -> Mem {
    at(CONTEXT, cx.env.layout.tag(TagIndex::from_u32(tag)) as i32)
}

/// Goes on in the clause that fits the exception in `rax`, or where the `try_table` around tells its own apart. What nobody
/// here catches is thrown again.
fn tell_apart(cx: &mut Cx, clauses: &mut [Clause]) -> Result<(), Refused> {
    load_heap(cx, RDX);
    cx.asm.mov(W32, RCX, indexed(RDX, RAX, Scale::One, EXCEPTION_TAG as i32));
    for clause in clauses {
        let landing = clause.landing(&mut cx.asm);
        let caught = caught_tag(&clause.catch);
        if caught == CATCH_ALL {
            cx.asm.jmp(landing);
            return Ok(());
        }
        let tag = tag_place(cx, caught);
        cx.asm.alu(Alu::Cmp, W32, RCX, tag);
        cx.asm.jcc(Cc::E, landing);
    }
    match cx.tries.last_mut() {
        Some(around) => {
            let told = *around.told.get_or_insert_with(|| cx.asm.label());
            cx.asm.jmp(told);
        }
        None => {
            cx.asm.mov(W64, RCX, RAX);
            throw_object(cx)?;
        }
    }
    Ok(())
}

/// Takes the exception apart, which is in `rax`, and branches as the clause says.
fn land(cx: &mut Cx, catch: &Catch) {
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
        push_exception(cx);
    }
    control::br(cx, label);
    cx.truncate(height);
}

/// What an exception of a tag carries, which is in `rcx`. Changes `rdx`.
fn push_fields(cx: &mut Cx, tag: TagIndex) {
    let def = &cx.env.info.tags[tag].exception;
    if def.fields().len() > 1 {
        load_heap(cx, RDX);
        cx.asm.alu(Alu::Add, W64, RDX, RCX);
    }
    for (field, offset) in def.fields().iter().zip(&def.offsets).skip(1) {
        let (kind, from) = (kind(field.storage), at(RDX, *offset as i32));
        if kind.is_float() {
            let x = cx.xmm();
            cx.read_float(kind, x, from);
            cx.push_xmm(kind, x);
            continue;
        }
        let r = cx.gpr();
        match kind {
            Kind::Func => {
                cx.asm.mov(W32, r, from);
                numbered_func(cx, r);
            }
            _ => cx.asm.mov(kind.width(), r, from),
        }
        cx.push_gpr(kind, r);
    }
}

/// What exceptions carry is never packed.
fn kind(ty: StorageType) -> Kind {
    match ty {
        StorageType::Val(t) => Kind::of(t),
        StorageType::I8 | StorageType::I16 => unreachable!("no value type"),
    }
}

/// The function of a number in an object. Numbers are checked, so that a broken heap makes no code pointers. Changes `rax`.
fn numbered_func(cx: &mut Cx, r: Gpr) {
    cx.asm.mov(W64, RAX, at(CONTEXT, offset_of!(VmHeader, store) as i32));
    cx.asm.alu(Alu::Cmp, W32, r, at(RAX, offset_of!(VmStore, func_count) as i32));
    cx.trap_if(Cc::AE, Trap::Unreachable);
    cx.asm.mov(W64, RAX, at(RAX, offset_of!(VmStore, funcs) as i32));
    cx.asm.mov(W64, r, indexed(RAX, r, Scale::Eight, 0));
}

/// Who catches what comes out of a call here, innermost first: tags, and where each goes on. Nothing is behind who catches all.
fn handlers(cx: &mut Cx) -> Vec<(u32, Label)> {
    let mut found: Vec<(u32, Label)> = Vec::new();
    let mut looked_at = 0;
    for t in (0..cx.tries.len()).rev() {
        for c in 0..cx.tries[t].clauses.len() {
            if looked_at == MOST_CLAUSES {
                let innermost = cx.tries.last_mut().expect("there are many");
                return vec![(CATCH_ALL, *innermost.dispatcher.get_or_insert_with(|| cx.asm.label()))];
            }
            looked_at += 1;
            let clause = &mut cx.tries[t].clauses[c];
            let tag = caught_tag(&clause.catch);
            if found.iter().any(|(known, _)| *known == tag) {
                continue;
            }
            found.push((tag, clause.landing(&mut cx.asm)));
            if tag == CATCH_ALL {
                return found;
            }
        }
    }
    found
}

/// What comes out of the call that was just emitted is caught by the `try_table`s around it. The operands are settled.
pub fn catch(cx: &mut Cx) {
    let handlers = handlers(cx);
    cx.caught_by(handlers);
}

/// An exception of a tag with the operands, thrown. One that is caught in the same function is a branch, and an object only
/// where it is asked for.
pub fn throw(cx: &mut Cx, tag: TagIndex) -> Result<(), Refused> {
    let clauses = cx.tries.iter().rev().flat_map(|t| t.clauses.iter().map(|c| (t.around, c.catch)));
    let caught = caught_here(clauses, cx.control.len(), tag, cx.env.info.imported_tags);
    let below = cx.operands.stack.len() + 1 - cx.env.info.tags[tag].exception.fields().len();
    if !matches!(caught, Some((Catch::One { .. } | Catch::All { .. }, _))) {
        new_exception(cx, tag)?;
    }
    let keeps_values = matches!(caught, Some((Catch::One { .. } | Catch::OneRef { .. }, _)));
    if !keeps_values {
        cx.truncate(below);
    }
    let Some((catch, label)) = caught else { return throw_object(cx) };
    if let Catch::OneRef { .. } | Catch::AllRef { .. } = catch {
        push_exception(cx);
    }
    control::br(cx, label);
    Ok(())
}

/// An exception of a tag with the top operands, which stay: in `rcx`.
fn new_exception(cx: &mut Cx, tag: TagIndex) -> Result<(), Refused> {
    let def = &cx.env.info.tags[tag].exception;
    let fields = &def.fields()[1..];
    cx.settle();
    let first = cx.operands.stack.len() - fields.len();
    for i in first..cx.operands.stack.len() {
        let o = cx.operands.stack[i];
        if o.kind == Kind::Func {
            give_number(cx, o)?;
        }
    }
    // They are operands still, so that a collection finds them.
    cx.call_builtin(Builtin::exception_new, &[Arg::Number(tag.as_u32())])?;
    cx.asm.mov(W32, RCX, RAX);
    load_heap(cx, RDX);
    cx.asm.alu(Alu::Add, W64, RDX, RCX);
    let identity = tag_place(cx, tag.as_u32());
    cx.asm.mov(W32, RAX, identity);
    cx.asm.store(W32, at(RDX, EXCEPTION_TAG as i32), RAX);
    // No cards: the object is new.
    for (i, offset) in def.offsets[1..].iter().enumerate() {
        let (o, to) = (cx.operands.stack[first + i], at(RDX, *offset as i32));
        match o.kind {
            Kind::Func => store_number(cx, o, to),
            _ => cx.store(o, to),
        }
    }
    Ok(())
}

/// Pushes the exception in `rcx`.
fn push_exception(cx: &mut Cx) {
    let r = cx.gpr();
    cx.asm.mov(W32, r, RCX);
    cx.push_gpr(Kind::Gc, r);
}

/// Makes sure that a function that is at home has a number by which objects refer to it, if it is not null.
fn give_number(cx: &mut Cx, f: Operand) -> Result<(), Refused> {
    if let Place::Const(_) = f.place {
        return Ok(());
    }
    let fine = cx.asm.label();
    cx.load(f, RAX);
    cx.asm.test(W64, RAX);
    cx.asm.jcc(Cc::E, fine);
    cx.asm.alu_imm(Alu::Cmp, W32, at(RAX, offset_of!(VmFuncRef, index) as i32), 0);
    cx.asm.jcc(Cc::NE, fine);
    cx.call_builtin(Builtin::func_number, &[Arg::Value(f)])?;
    cx.asm.bind(fine);
    Ok(())
}

/// Writes the number of a function, which it has, or that of null.
fn store_number(cx: &mut Cx, f: Operand, to: Mem) {
    let null = cx.asm.label();
    cx.load(f, RAX);
    cx.asm.test(W64, RAX);
    cx.asm.jcc(Cc::E, null);
    cx.asm.mov(W32, RAX, at(RAX, offset_of!(VmFuncRef, index) as i32));
    cx.asm.bind(null);
    cx.asm.store(W32, to, RAX);
}

pub fn throw_ref(cx: &mut Cx) -> Result<(), Refused> {
    let exception = cx.pop();
    cx.move_to(exception, RCX);
    cx.asm.test(W32, RCX);
    cx.trap_if(Cc::E, Trap::NullReference);
    cx.settle();
    throw_object(cx)
}

/// Throws the exception in `rcx`. The operands are settled.
fn throw_object(cx: &mut Cx) -> Result<(), Refused> {
    cx.asm.mov(W64, RSI, RCX);
    cx.call_code_of(Builtin::throw, CONTEXT);
    cx.called_with_map()?;
    catch(cx);
    cx.may_fault(Trap::Unreachable);
    cx.asm.ud2();
    cx.reachable = false;
    Ok(())
}
