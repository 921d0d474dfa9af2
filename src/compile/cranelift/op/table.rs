//! Table instructions (Wasm 3.0, 4.6.11). `VmTable` documents the encoding of elements.

use crate::abi::builtin::Builtin;
use crate::abi::heap::SLOT_CARD_SHIFT;
use crate::abi::vmstruct::{VmContext, VmTable};
use crate::base::Trap;
use crate::base::index::{EntityRef, TableIndex};
use crate::compile::cranelift::bounds::{narrow, widen};
use crate::compile::cranelift::func::{FuncCx, Region, constant, trap_code, trusted};
use crate::wasm::registry::TypeId;
use crate::wasm::types::{IndexType, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value};
use std::mem::offset_of;

/// The address of the table's `VmTable`, as a base and an offset.
fn place(cx: &mut FuncCx, t: TableIndex) -> (Value, u32) {
    let vmctx = cx.vmctx;
    match cx.env.info.defined_table(t) {
        Some(d) => (vmctx, cx.env.layout.table(d)),
        None => (cx.load_constant(I64, vmctx, cx.env.layout.imported_table(t)), 0),
    }
}

/// Whether the elements are references to objects.
fn is_gc(cx: &FuncCx, t: TableIndex) -> bool {
    ValType::Ref(cx.env.info.tables[t].ty.element).is_gc()
}

fn index_type(cx: &FuncCx, t: TableIndex) -> IndexType {
    cx.env.info.tables[t].ty.index
}

/// Pops an index as a 64-bit number.
pub fn pop_index(cx: &mut FuncCx, t: TableIndex) -> Value {
    let index = cx.pop();
    widen(cx, index, index_type(cx, t))
}

/// The table's length as a 64-bit number.
fn length(cx: &mut FuncCx, t: TableIndex) -> Value {
    if cx.env.fixed_tables[t.index()] {
        let n = cx.env.info.tables[t].ty.limits.min;
        return cx.b.ins().iconst(I64, n as i64);
    }
    let (base, offset) = place(cx, t);
    cx.load_vm(I64, base, offset + offset_of!(VmTable, length) as u32)
}

/// The address of an element, and the flags for its access. The 64-bit index is checked before the access or by it. If
/// faults may be used, the address is null for an index out of bounds. Unlike a trap, such an address is a value, which
/// can be hoisted out of a loop if the index is invariant.
fn element_address(cx: &mut FuncCx, t: TableIndex, index: Value, out_of_bounds: Trap) -> (MemFlagsData, Value) {
    let length = length(cx, t);
    let outside = cx.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
    let by_fault = cx.env.settings.signals;
    if !by_fault {
        cx.trapnz(outside, out_of_bounds);
    }
    let elements = array(cx, t, offset_of!(VmTable, elements));
    let log2 = if is_gc(cx, t) { 2 } else { 3 };
    let bytes = cx.b.ins().ishl_imm_u(index, log2);
    let address = cx.b.ins().iadd(elements, bytes);
    let flags = cx.in_region(trusted(), Region::Table);
    if !by_fault {
        return (flags, address);
    }
    let null = cx.b.ins().iconst(I64, 0);
    let address = cx.b.ins().select_spectre_guard(outside, null, address);
    (flags.with_trap_code(Some(trap_code(out_of_bounds))), address)
}

/// The address of the elements or of the cards.
fn array(cx: &mut FuncCx, t: TableIndex, field: usize) -> Value {
    let fixed = cx.env.fixed_tables[t.index()];
    let (base, offset) = place(cx, t);
    let flags = cx.in_region(if fixed { constant() } else { trusted() }, Region::Vm);
    cx.b.ins().load(I64, flags, base, offset as i32 + field as i32)
}

/// The element at a 64-bit index of a table of functions: a funcref, possibly the null function's.
pub fn func_element(cx: &mut FuncCx, t: TableIndex, index: Value, out_of_bounds: Trap) -> Value {
    let (flags, address) = element_address(cx, t, index, out_of_bounds);
    let stored = cx.b.ins().load(I64, flags, address, 0);
    let (cold, next) = (cx.b.create_block(), cx.b.create_block());
    let result = cx.b.append_block_param(next, I64);
    cx.b.set_cold_block(cold);
    cx.b.ins().brif(stored, next, &[stored.into()], cold, &[]);
    cx.b.seal_block(cold);
    cx.b.switch_to_block(cold);
    let table = cx.i32const(t.as_u32());
    cx.call_builtin(Builtin::table_lazy_init, &[table, index]);
    let flags = cx.in_region(trusted(), Region::Table);
    let touched = cx.b.ins().load(I64, flags, address, 0);
    cx.b.ins().jump(next, &[touched.into()]);
    cx.b.seal_block(next);
    cx.b.switch_to_block(next);
    result
}

pub fn get(cx: &mut FuncCx, t: TableIndex) {
    let index = pop_index(cx, t);
    if is_gc(cx, t) {
        let (flags, address) = element_address(cx, t, index, Trap::TableOutOfBounds);
        let v = cx.load_ref((address, 0, flags), ValType::Ref(cx.env.info.tables[t].ty.element));
        return cx.push_gc(v);
    }
    let stored = func_element(cx, t, index, Trap::TableOutOfBounds);
    let ty = cx.load_constant_type(stored);
    let is_null = cx.b.ins().icmp_imm_u(IntCC::Equal, ty, TypeId::NONE.0 as i64);
    let null = cx.b.ins().iconst(I64, 0);
    let value = cx.b.ins().select(is_null, null, stored);
    cx.push(value);
}

pub fn set(cx: &mut FuncCx, t: TableIndex) {
    if is_gc(cx, t) {
        return set_ref(cx, t);
    }
    let value = cx.pop();
    let index = pop_index(cx, t);
    let (flags, address) = element_address(cx, t, index, Trap::TableOutOfBounds);
    let vmctx = cx.vmctx;
    let null = cx.load_constant(I64, vmctx, offset_of!(VmContext, null_func) as u32);
    let stored = cx.b.ins().select(value, value, null);
    cx.b.ins().store(flags, stored, address, 0);
}

fn set_ref(cx: &mut FuncCx, t: TableIndex) {
    let value = cx.pop_gc();
    let index = pop_index(cx, t);
    let (flags, address) = element_address(cx, t, index, Trap::TableOutOfBounds);
    let cards = array(cx, t, offset_of!(VmTable, cards));
    let card = cx.b.ins().ushr_imm_u(index, SLOT_CARD_SHIFT as i64);
    let card = cx.b.ins().iadd(cards, card);
    let place = cx.outer_place(address, 0, flags, (card, 0));
    cx.store_ref(place, value);
}

pub fn size(cx: &mut FuncCx, t: TableIndex) {
    let length = length(cx, t);
    let v = narrow(cx, length, index_type(cx, t));
    cx.push(v);
}

pub fn grow(cx: &mut FuncCx, t: TableIndex) {
    let delta = pop_index(cx, t);
    let init = cx.pop();
    let builtin = if is_gc(cx, t) { Builtin::ref_table_grow } else { Builtin::table_grow };
    let table = cx.i32const(t.as_u32());
    let old = cx.call_builtin(builtin, &[table, delta, init]).expect("has a result");
    let v = narrow(cx, old, index_type(cx, t));
    cx.push(v);
}

pub fn fill(cx: &mut FuncCx, t: TableIndex) {
    let len = pop_index(cx, t);
    let value = cx.pop();
    let at = pop_index(cx, t);
    let builtin = if is_gc(cx, t) { Builtin::ref_table_fill } else { Builtin::table_fill };
    let table = cx.i32const(t.as_u32());
    cx.call_builtin(builtin, &[table, at, value, len]);
}

pub fn copy(cx: &mut FuncCx, dst: TableIndex, src: TableIndex) {
    let (to, of) = (index_type(cx, dst), index_type(cx, src));
    let (at, from, len) = cx.pop3();
    let (at, from, len) = (widen(cx, at, to), widen(cx, from, of), widen(cx, len, to.min(of)));
    let (dst, src) = (cx.i32const(dst.as_u32()), cx.i32const(src.as_u32()));
    cx.call_builtin(Builtin::table_copy, &[dst, src, at, from, len]);
}

/// The indexes of a segment are 32-bit numbers, whatever the table's index type is.
pub fn init(cx: &mut FuncCx, t: TableIndex, elem: u32) {
    let (at, from, len) = cx.pop3();
    let at = widen(cx, at, index_type(cx, t));
    let (from, len) = (widen(cx, from, IndexType::I32), widen(cx, len, IndexType::I32));
    let (table, elem) = (cx.i32const(t.as_u32()), cx.i32const(elem));
    cx.call_builtin(Builtin::table_init, &[table, elem, at, from, len]);
}

pub fn elem_drop(cx: &mut FuncCx, elem: u32) {
    let elem = cx.i32const(elem);
    cx.call_builtin(Builtin::elem_drop, &[elem]);
}
