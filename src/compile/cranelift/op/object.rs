//! Structure instructions (Wasm 3.0, 4.6.8).

use crate::base::index::TypeIndex;
use crate::compile::cranelift::func::FuncCx;
use crate::compile::cranelift::gc::{NewField, NewKind};
use crate::wasm::descriptor::struct_size;
use cranelift_codegen::ir::Value;

fn make(cx: &mut FuncCx, ty: TypeIndex, values: &[Value]) {
    let def = &cx.env.info.types[ty];
    let mut fields = Vec::with_capacity(def.fields().len());
    for (i, (field, offset)) in def.fields().iter().zip(&def.offsets).enumerate() {
        let value = values.get(i).map(|v| cx.storable(field.storage, *v));
        fields.push(NewField { offset: *offset, ty: field.storage, value });
    }
    let new = cx.new_object(NewKind::Structure(ty), struct_size(def.fields(), &def.offsets), &fields);
    cx.push_gc(new);
}

pub fn new(cx: &mut FuncCx, ty: TypeIndex) {
    let n = cx.env.info.types[ty].fields().len();
    let values = cx.stack.split_off(cx.stack.len() - n);
    make(cx, ty, &values);
}

pub fn new_default(cx: &mut FuncCx, ty: TypeIndex) {
    make(cx, ty, &[]);
}

pub fn get(cx: &mut FuncCx, ty: TypeIndex, i: u32, signed: bool) {
    let def = &cx.env.info.types[ty];
    let object = cx.pop_gc();
    let field = cx.field(object, def.offsets[i as usize], cx.operand.nullable);
    cx.load_field(field, def.fields()[i as usize].storage, signed);
}

pub fn set(cx: &mut FuncCx, ty: TypeIndex, i: u32) {
    let def = &cx.env.info.types[ty];
    let storage = def.fields()[i as usize].storage;
    let value = cx.pop();
    let object = cx.pop_gc();
    let value = cx.storable(storage, value).value;
    let field = cx.field(object, def.offsets[i as usize], cx.operand.nullable);
    cx.store_field(field, storage, value);
}
