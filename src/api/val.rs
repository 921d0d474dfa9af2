//! Values.

use super::{Func, Store};
use crate::abi::vmstruct::VmSlot;
use crate::base::Result;
use crate::err;
use crate::wasm::types::{RefType, ValType};

/// A WebAssembly value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Val {
    I32(i32),
    I64(i64),
    /// Bits of an f32.
    F32(u32),
    /// Bits of an f64.
    F64(u64),
    /// Little-endian bytes as a number.
    V128(u128),
    FuncRef(Option<Func>),
}

impl Val {
    pub fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::FuncRef(_) => ValType::FUNCREF,
        }
    }

    /// Zero, or null.
    pub fn default_of(ty: ValType) -> Result<Val> {
        Ok(match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(0),
            ValType::Ref(RefType::Func) => Val::FuncRef(None),
            ValType::Ref(RefType::Extern) => return Err(err!(Unsupported, "externref is not supported yet")),
        })
    }

    /// The value as machine code takes it, if it is of type `ty` and of this store.
    #[inline]
    pub(super) fn to_slot(self, store: &Store, ty: ValType) -> Result<VmSlot> {
        let mut slot = VmSlot::ZERO;
        match (self, ty) {
            (Val::I32(v), ValType::I32) => slot.i32 = v,
            (Val::I64(v), ValType::I64) => slot.i64 = v,
            (Val::F32(v), ValType::F32) => slot.f32 = v,
            (Val::F64(v), ValType::F64) => slot.f64 = v,
            (Val::V128(v), ValType::V128) => slot.v128 = v.to_le_bytes(),
            (Val::FuncRef(None), ValType::Ref(RefType::Func)) => slot.funcref = std::ptr::null_mut(),
            (Val::FuncRef(Some(f)), ValType::Ref(RefType::Func)) => {
                slot.funcref = store.vm().funcs[f.check(store)?].funcref
            }
            _ => return Err(mismatch(ty, self)),
        }
        Ok(slot)
    }

    /// The value of type `ty` in a slot.
    ///
    /// # Safety
    /// The slot holds a value of this type, and a reference in it is of this store.
    #[inline]
    pub(super) unsafe fn from_slot(store: &mut Store, slot: &VmSlot, ty: ValType) -> Result<Val> {
        // SAFETY: the caller's promise.
        unsafe {
            Ok(match ty {
                ValType::I32 => Val::I32(slot.i32),
                ValType::I64 => Val::I64(slot.i64),
                ValType::F32 => Val::F32(slot.f32),
                ValType::F64 => Val::F64(slot.f64),
                ValType::V128 => Val::V128(u128::from_le_bytes(slot.v128)),
                ValType::Ref(_) if slot.funcref.is_null() => Val::FuncRef(None),
                ValType::Ref(_) => Val::FuncRef(Some(Func::from_ref(store, slot.funcref)?)),
            })
        }
    }
}

#[cold]
fn mismatch(ty: ValType, got: Val) -> crate::base::Error {
    err!(TypeMismatch, "expected a value of type {ty}, found {}", got.ty())
}
