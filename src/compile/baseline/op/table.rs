//! Table instructions (Wasm 3.0, 4.6.11). `VmTable` documents the encoding of elements.

use super::memory::index_repr;
use crate::abi::builtin::Builtin;
use crate::abi::heap::SLOT_CARD_SHIFT;
use crate::abi::vmstruct::{VmContext, VmFuncRef, VmTable};
use crate::base::Trap;
use crate::base::index::TableIndex;
use crate::compile::baseline::Bailout;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::{Arg, CONTEXT, Cx};
use crate::compile::baseline::operands::Repr;
use crate::wasm::registry::TypeId;
use crate::wasm::types::ValType;
use std::mem::offset_of;

/// A field of the table's `VmTable`. Changes `dst` if the table is imported.
fn field(cx: &mut Cx, t: TableIndex, field: usize, dst: Gpr) -> Mem {
    match cx.env.info.defined_table(t) {
        Some(d) => at(CONTEXT, (cx.env.layout.table(d) as usize + field) as i32),
        None => {
            cx.asm.mov(W64, dst, at(CONTEXT, cx.env.layout.imported_table(t) as i32));
            at(dst, field as i32)
        }
    }
}

fn is_gc(cx: &Cx, t: TableIndex) -> bool {
    ValType::Ref(cx.env.info.tables[t].ty.element).is_gc()
}

fn table_index_repr(cx: &Cx, t: TableIndex) -> Repr {
    index_repr(cx.env.info.tables[t].ty.index)
}

/// Pops an index into `rdx` and checks it. Changes `rax`.
fn pop_index(cx: &mut Cx, t: TableIndex, out_of_bounds: Trap) {
    let index = cx.pop();
    cx.move_to(index, RDX);
    let length = field(cx, t, offset_of!(VmTable, length), RAX);
    cx.asm.alu(Alu::Cmp, W64, RDX, length);
    cx.trap_if(Cc::AE, out_of_bounds);
}

/// Pops an index and loads that element of a table of functions into `r11`: a funcref, possibly the null function's.
/// Changes `rax` and `rdx`.
pub fn pop_func_element(cx: &mut Cx, t: TableIndex, out_of_bounds: Trap) -> Result<(), Bailout> {
    pop_index(cx, t, out_of_bounds);
    let elements = field(cx, t, offset_of!(VmTable, elements), RAX);
    cx.asm.mov(W64, RAX, elements);
    let element = indexed(RAX, RDX, Scale::Eight, 0);
    cx.asm.mov(W64, R11, element);
    cx.asm.test(W64, R11);
    let known = cx.asm.label();
    cx.asm.jcc(Cc::NE, known);
    // The builtin preserves all registers, but its argument registers can hold operands. Two pushes keep the stack
    // aligned.
    emit!(cx.asm, pushq_o(RDI));
    emit!(cx.asm, pushq_o(RSI));
    cx.asm.mov(W64, RDI, CONTEXT);
    cx.asm.mov_imm(RSI, t.as_u32() as u64);
    cx.asm.mov(W64, R11, at(CONTEXT, offset_of!(VmContext, builtins) as i32));
    emit!(cx.asm, callq_m(GprMem::Mem(at(R11, Builtin::table_lazy_init as i32 * 8))));
    cx.record_call_site();
    emit!(cx.asm, popq_o(RSI));
    emit!(cx.asm, popq_o(RDI));
    cx.asm.mov(W64, R11, element);
    cx.asm.bind(known);
    Ok(())
}

pub fn get(cx: &mut Cx, t: TableIndex) -> Result<(), Bailout> {
    if is_gc(cx, t) {
        pop_index(cx, t, Trap::TableOutOfBounds);
        let elements = field(cx, t, offset_of!(VmTable, elements), RAX);
        cx.asm.mov(W64, RAX, elements);
        let r = cx.gpr();
        cx.asm.mov(W32, r, indexed(RAX, RDX, Scale::Four, 0));
        cx.push_gpr(Repr::Gc, r);
        return Ok(());
    }
    pop_func_element(cx, t, Trap::TableOutOfBounds)?;
    let r = cx.gpr();
    cx.asm.mov_imm(r, 0);
    cx.asm.alu_imm(Alu::Cmp, W32, at(R11, offset_of!(VmFuncRef, type_id) as i32), TypeId::NONE.0 as i32);
    cx.asm.mov_if(Cc::NE, W64, r, R11);
    cx.push_gpr(Repr::Func, r);
    Ok(())
}

/// A reference to an object marks its card.
pub fn set(cx: &mut Cx, t: TableIndex) {
    let o = cx.pop();
    let v = cx.gpr_of(o);
    pop_index(cx, t, Trap::TableOutOfBounds);
    let elements = field(cx, t, offset_of!(VmTable, elements), RAX);
    cx.asm.mov(W64, RAX, elements);
    if is_gc(cx, t) {
        cx.store_ref(indexed(RAX, RDX, Scale::Four, 0), o.in_gpr(v), |cx| {
            let cards = field(cx, t, offset_of!(VmTable, cards), RAX);
            cx.asm.mov(W64, RAX, cards);
            cx.asm.shift_imm(Shift::Right, W64, RDX, SLOT_CARD_SHIFT as u8);
            indexed(RAX, RDX, Scale::One, 0)
        });
    } else {
        cx.asm.test(W64, v);
        cx.asm.mov_if(Cc::E, W64, v, at(CONTEXT, offset_of!(VmContext, null_func) as i32));
        cx.asm.store(W64, indexed(RAX, RDX, Scale::Eight, 0), v);
    }
    cx.free(v);
}

pub fn size(cx: &mut Cx, t: TableIndex) {
    let length = field(cx, t, offset_of!(VmTable, length), RAX);
    cx.asm.mov(W64, RAX, length);
    cx.push_result(table_index_repr(cx, t));
}

pub fn grow(cx: &mut Cx, t: TableIndex) -> Result<(), Bailout> {
    let (delta, init) = (cx.pop(), cx.pop());
    let builtin = if is_gc(cx, t) { Builtin::ref_table_grow } else { Builtin::table_grow };
    cx.call_builtin(builtin, &[Arg::Number(t.as_u32()), Arg::Value(delta), Arg::Value(init)])?;
    cx.push_result(table_index_repr(cx, t));
    Ok(())
}

pub fn fill(cx: &mut Cx, t: TableIndex) -> Result<(), Bailout> {
    let (len, value, to) = (cx.pop(), cx.pop(), cx.pop());
    let builtin = if is_gc(cx, t) { Builtin::ref_table_fill } else { Builtin::table_fill };
    cx.call_builtin(builtin, &[Arg::Number(t.as_u32()), Arg::Value(to), Arg::Value(value), Arg::Value(len)])
}

pub fn copy(cx: &mut Cx, dst: TableIndex, src: TableIndex) -> Result<(), Bailout> {
    let (len, from, to) = (cx.pop(), cx.pop(), cx.pop());
    let (dst, src) = (Arg::Number(dst.as_u32()), Arg::Number(src.as_u32()));
    cx.call_builtin(Builtin::table_copy, &[dst, src, Arg::Value(to), Arg::Value(from), Arg::Value(len)])
}

pub fn init(cx: &mut Cx, t: TableIndex, elem: u32) -> Result<(), Bailout> {
    let (len, from, to) = (cx.pop(), cx.pop(), cx.pop());
    let (table, elem) = (Arg::Number(t.as_u32()), Arg::Number(elem));
    cx.call_builtin(Builtin::table_init, &[table, elem, Arg::Value(to), Arg::Value(from), Arg::Value(len)])
}

pub fn elem_drop(cx: &mut Cx, elem: u32) -> Result<(), Bailout> {
    cx.call_builtin(Builtin::elem_drop, &[Arg::Number(elem)])
}
