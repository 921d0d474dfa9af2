//! The parts that all contexts of a module have in common, laid out once.

use crate::abi::layout::ContextLayout;
use crate::abi::vmstruct::*;
use crate::base::index::*;
use crate::engine::engine::Engine;
use crate::wasm::const_expr::{ConstExpr, ConstVal};
use crate::wasm::module::*;
use crate::wasm::types::TypeId;
use std::mem::{offset_of, size_of};

/// A funcref that is created in every instance.
pub struct FuncRefTemplate {
    pub func: DefinedFuncIndex,
    pub type_id: TypeId,
    /// Its place in the context.
    pub place: u32,
}

pub struct Template {
    /// The start of a context, up to its funcrefs, with null for all pointers into a store.
    head: Box<[u8]>,
    /// The funcrefs of the module's own functions.
    pub funcrefs: Box<[FuncRefTemplate]>,
    /// The module's own globals whose values are not in `head`, in their order.
    pub evaluated_globals: Box<[GlobalIndex]>,
    /// By element segment: whether it is declarative, so that an instance treats it as dropped from the start.
    pub declared_elems: Box<[bool]>,
}

impl Template {
    pub fn new(engine: &Engine, info: &ModuleInfo, layout: &ContextLayout) -> Template {
        let mut head = vec![0; layout.funcref(FuncRefIndex::new(0)) as usize];
        let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
        let pointer = |p: usize| p.to_ne_bytes();
        put(offset_of!(VmContext, builtins), &pointer(engine.runtime.builtins as usize));
        put(offset_of!(VmContext, null_func), &pointer(engine.runtime.null_func as usize));
        put(offset_of!(VmContext, types), &pointer(engine.types.view().base() as usize));
        for (i, t) in info.types.iter() {
            put(layout.type_id(i) as usize, &t.id.0.to_ne_bytes());
        }
        for (i, t) in info.tags.iter() {
            put(layout.exception_id(i) as usize, &t.exception.id.0.to_ne_bytes());
        }
        let mut evaluated_globals = Vec::new();
        for (g, decl) in info.globals.iter() {
            let Some(d) = info.defined_global(g) else { continue };
            match decl.init.as_ref().and_then(number) {
                Some(bytes) => put(layout.global(d) as usize, &bytes),
                None => evaluated_globals.push(g),
            }
        }
        let funcref = |(i, f): (FuncRefIndex, &FuncIndex)| {
            let func = info.defined_func(*f)?;
            Some(FuncRefTemplate { func, type_id: info.types[info.funcs[*f].ty].id, place: layout.funcref(i) })
        };
        Template {
            head: head.into(),
            funcrefs: info.funcrefs.iter().filter_map(funcref).collect(),
            evaluated_globals: evaluated_globals.into(),
            declared_elems: info.elems.values().map(|e| matches!(e.mode, SegmentMode::Declared)).collect(),
        }
    }

    /// Fills a context of `size` bytes, except for the funcrefs of the module's own functions.
    ///
    /// # Safety
    /// `context` must have space for a context of this module, which has `size` bytes.
    pub unsafe fn write(&self, context: *mut u8, size: usize) {
        let of_funcrefs = self.funcrefs.len() * size_of::<VmFuncRef>();
        // SAFETY: the caller's promise (invariant E3).
        unsafe {
            context.copy_from_nonoverlapping(self.head.as_ptr(), self.head.len());
            // Imported functions have funcref places as well, which are not used, and the size of a context is rounded
            // up. These bytes are zeroed.
            if self.head.len() + of_funcrefs != size {
                context.add(self.head.len()).write_bytes(0, size - self.head.len());
            }
        }
    }
}

/// The bytes of a global's initial value, if it is the same in all instances.
fn number(init: &ConstExpr) -> Option<[u8; 16]> {
    let ConstExpr::Const(v) = init else { return None };
    let mut bytes = [0; 16];
    match v {
        ConstVal::I32(x) => bytes[..4].copy_from_slice(&x.to_ne_bytes()),
        ConstVal::I64(x) => bytes[..8].copy_from_slice(&x.to_ne_bytes()),
        ConstVal::F32(x) => bytes[..4].copy_from_slice(&x.to_ne_bytes()),
        ConstVal::F64(x) => bytes[..8].copy_from_slice(&x.to_ne_bytes()),
        ConstVal::V128(x) => bytes = *x,
        ConstVal::Null(_) => {}
        ConstVal::Func(_) | ConstVal::I31(_) => return None,
    }
    Some(bytes)
}
