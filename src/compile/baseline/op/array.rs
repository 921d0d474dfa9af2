//! Array instructions (Wasm 3.0, 4.6.9).

use crate::abi::builtin::Builtin;
use crate::base::index::TypeIndex;
use crate::compile::baseline::Bailout;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::{Arg, Cx};
use crate::compile::baseline::gc::{NewKind, Storable};
use crate::compile::baseline::operands::{Loc, Operand, Repr};
use crate::wasm::descriptor::{HEADER_SIZE, OBJECT_ALIGN};
use crate::wasm::types::{StorageType, ValType};

fn element(cx: &Cx, ty: TypeIndex) -> StorageType {
    cx.env.info.types[ty].fields()[0].storage
}

pub fn new(cx: &mut Cx, ty: TypeIndex) -> Result<(), Bailout> {
    cx.new_array(ty, element(cx, ty), true)
}

pub fn new_default(cx: &mut Cx, ty: TypeIndex) -> Result<(), Bailout> {
    cx.new_array(ty, element(cx, ty), false)
}

pub fn new_fixed(cx: &mut Cx, ty: TypeIndex, n: u32) -> Result<(), Bailout> {
    let storage = element(cx, ty);
    let elements: Vec<_> = (0..n).map(|i| (HEADER_SIZE + i * storage.size(), storage)).collect();
    let size = (HEADER_SIZE + n * storage.size()).next_multiple_of(OBJECT_ALIGN);
    cx.new_object(NewKind::Array(ty, Some(n)), size, &elements)
}

fn new_by(cx: &mut Cx, builtin: Builtin, ty: u32, segment: u32) -> Result<(), Bailout> {
    let (len, from) = (cx.pop(), cx.pop());
    cx.call_builtin(builtin, &[Arg::Number(ty), Arg::Number(segment), Arg::Value(from), Arg::Value(len)])?;
    cx.push_result(Repr::Gc);
    Ok(())
}

pub fn new_data(cx: &mut Cx, ty: u32, data: u32) -> Result<(), Bailout> {
    new_by(cx, Builtin::array_new_data, ty, data)
}

pub fn new_elem(cx: &mut Cx, ty: u32, elem: u32) -> Result<(), Bailout> {
    new_by(cx, Builtin::array_new_elem, ty, elem)
}

pub fn get(cx: &mut Cx, ty: TypeIndex, signed: bool) {
    let storage = element(cx, ty);
    let (index, array) = (cx.pop(), cx.pop());
    let field = cx.element(array, index, storage.size());
    cx.load_field(field, storage, signed);
}

pub fn set(cx: &mut Cx, ty: TypeIndex) -> Result<(), Bailout> {
    let storage = element(cx, ty);
    if storage.is_func() {
        cx.number_func(0)?;
    }
    let (value, index, array) = (cx.pop(), cx.pop(), cx.pop());
    let v = cx.storable(storage, value);
    let field = cx.element(array, index, storage.size());
    cx.store_field(field, storage, v);
    cx.release(value);
    Ok(())
}

pub fn len(cx: &mut Cx) {
    let o = cx.pop();
    let array = cx.gpr_of(o);
    cx.array_len(array, array);
    cx.push_gpr(Repr::I32, array);
}

pub fn fill(cx: &mut Cx, ty: TypeIndex) -> Result<(), Bailout> {
    let storage = element(cx, ty);
    if storage.is_func() {
        cx.number_func(1)?;
    }
    let (len, mut value, first, array) = (cx.pop(), cx.pop(), cx.pop(), cx.pop());
    if storage == StorageType::Val(ValType::V128) {
        cx.fill_vectors(array, first, value, len);
        return Ok(());
    }
    if storage.is_func()
        && let Storable::Gpr(number) = cx.storable(storage, value)
    {
        let r = cx.gpr();
        cx.asm.mov(W32, r, number);
        value = Operand::new(Repr::I32, Loc::Gpr(r));
    }
    // Narrow values are zero-extended.
    cx.call_builtin(Builtin::array_fill, &[array, first, value, len].map(Arg::Value))
}

pub fn copy(cx: &mut Cx) -> Result<(), Bailout> {
    let args: Vec<Arg> = cx.pop_many(5).into_iter().map(Arg::Value).collect();
    cx.call_builtin(Builtin::array_copy, &args)
}

fn init_by(cx: &mut Cx, builtin: Builtin, segment: u32) -> Result<(), Bailout> {
    let (len, from, first, array) = (cx.pop(), cx.pop(), cx.pop(), cx.pop());
    let [array, first, from, len] = [array, first, from, len].map(Arg::Value);
    cx.call_builtin(builtin, &[array, first, Arg::Number(segment), from, len])
}

pub fn init_data(cx: &mut Cx, data: u32) -> Result<(), Bailout> {
    init_by(cx, Builtin::array_init_data, data)
}

pub fn init_elem(cx: &mut Cx, elem: u32) -> Result<(), Bailout> {
    init_by(cx, Builtin::array_init_elem, elem)
}
