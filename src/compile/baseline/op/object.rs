//! Structure instructions (Wasm 3.0, 4.6.8).

use crate::base::index::TypeIndex;
use crate::compile::baseline::Bailout;
use crate::compile::baseline::func::Cx;
use crate::compile::baseline::gc::NewKind;
use crate::wasm::descriptor::struct_size;
use crate::wasm::types::StorageType;

fn size(cx: &Cx, ty: TypeIndex) -> u32 {
    let def = &cx.env.info.types[ty];
    struct_size(def.fields(), &def.offsets)
}

pub fn new(cx: &mut Cx, ty: TypeIndex) -> Result<(), Bailout> {
    let def = &cx.env.info.types[ty];
    let fields: Vec<(u32, StorageType)> =
        def.offsets.iter().copied().zip(def.fields().iter().map(|f| f.storage)).collect();
    cx.new_object(NewKind::Structure(ty), size(cx, ty), &fields)
}

pub fn new_default(cx: &mut Cx, ty: TypeIndex) -> Result<(), Bailout> {
    cx.new_object(NewKind::Structure(ty), size(cx, ty), &[])
}

fn field(cx: &Cx, ty: TypeIndex, i: u32) -> (u32, StorageType) {
    let def = &cx.env.info.types[ty];
    (def.offsets[i as usize], def.fields()[i as usize].storage)
}

pub fn get(cx: &mut Cx, ty: TypeIndex, i: u32, signed: bool) {
    let (offset, storage) = field(cx, ty, i);
    let object = cx.pop();
    let field = cx.field(object, offset);
    cx.load_field(field, storage, signed);
}

pub fn set(cx: &mut Cx, ty: TypeIndex, i: u32) -> Result<(), Bailout> {
    let (offset, storage) = field(cx, ty, i);
    if storage.is_func() {
        cx.number_func(0)?;
    }
    let (value, object) = (cx.pop(), cx.pop());
    let v = cx.storable(storage, value);
    let field = cx.field(object, offset);
    cx.store_field(field, storage, v);
    cx.release(value);
    Ok(())
}
