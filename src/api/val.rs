//! Values.

use super::{Func, Ref, StoreMut};
use crate::abi::heap::RawRef;
use crate::abi::vmstruct::VmSlot;
use crate::base::{Error, Result};
use crate::err;
use crate::gc::{Gc, NoGc};
use crate::wasm::types::{RefType, Top, ValType};

/// A value in the host's own representation.
pub trait Value: Copy {
    /// Zero, or null.
    fn default_of(ty: ValType) -> Self;

    /// Writes a value into a slot for machine code. A reference in it is valid until the next collection. Fails with
    /// `TypeMismatch` if the value is not of type `ty`, and with `WrongStore` if it belongs to another store.
    ///
    /// # Safety
    /// `this` points to a value, and `slot` can be written to.
    unsafe fn put(this: *const Self, store: &StoreMut<'_>, ty: &ValType, slot: *mut VmSlot) -> Result<()>;

    /// Writes the value of type `ty` in a slot to `this`. A reference then belongs to the innermost scope.
    ///
    /// # Safety
    /// `this` can be written to. The slot holds a value of this type; a reference in it belongs to this store and was
    /// obtained after the last collection.
    unsafe fn get(this: *mut Self, store: &mut StoreMut<'_>, slot: *const VmSlot, ty: &ValType) -> Result<()>;
}

impl Value for Val {
    fn default_of(ty: ValType) -> Val {
        Val::default_of(ty)
    }

    unsafe fn put(this: *const Val, store: &StoreMut<'_>, ty: &ValType, slot: *mut VmSlot) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { *slot = (*this).to_slot(store, *ty)? };
        Ok(())
    }

    unsafe fn get(this: *mut Val, store: &mut StoreMut<'_>, slot: *const VmSlot, ty: &ValType) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { this.write(Val::from_slot(store, &*slot, *ty)?) };
        Ok(())
    }
}

/// A WebAssembly value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Val {
    I32(i32),
    I64(i64),
    /// The bits of an f32.
    F32(u32),
    /// The bits of an f64.
    F64(u64),
    /// The 16 bytes as a little-endian number.
    V128(u128),
    FuncRef(Option<Func>),
    /// A reference of any type below `any`.
    AnyRef(Option<Ref>),
    ExternRef(Option<Ref>),
    /// A reference to an exception.
    ExnRef(Option<Ref>),
}

impl Val {
    /// The type of the value; for a reference, the top type of its hierarchy.
    pub fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::FuncRef(_) => ValType::FUNCREF,
            Val::AnyRef(_) => ValType::ANYREF,
            Val::ExternRef(_) => ValType::EXTERNREF,
            Val::ExnRef(_) => ValType::EXNREF,
        }
    }

    /// Zero, or null. A non-nullable type gets null as well, which does not have that type.
    pub fn default_of(ty: ValType) -> Val {
        match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(0),
            ValType::Ref(r) => Val::of_ref(r.top(), None),
        }
    }

    /// A reference in the hierarchy of `top`. A function reference is always null.
    fn of_ref(top: Top, r: Option<Ref>) -> Val {
        match top {
            Top::Func => Val::FuncRef(None),
            Top::Any => Val::AnyRef(r),
            Top::Extern => Val::ExternRef(r),
            Top::Exn => Val::ExnRef(r),
        }
    }

    /// The reference that a scope owns, if the value is one.
    pub fn reference(&self) -> Option<Ref> {
        match self {
            Val::AnyRef(r) | Val::ExternRef(r) | Val::ExnRef(r) => *r,
            _ => None,
        }
    }

    /// Converts the value to the form that machine code uses. A reference in it is valid until the next collection.
    /// Fails with `TypeMismatch` if the value is not of type `ty`, and with `WrongStore` if it belongs to another
    /// store.
    #[inline]
    pub(super) fn to_slot(self, store: &StoreMut<'_>, ty: ValType) -> Result<VmSlot> {
        let mut slot = VmSlot::ZERO;
        match (self, ty) {
            (Val::I32(v), ValType::I32) => slot.i32 = v,
            (Val::I64(v), ValType::I64) => slot.i64 = v,
            (Val::F32(v), ValType::F32) => slot.f32 = v,
            (Val::F64(v), ValType::F64) => slot.f64 = v,
            (Val::V128(v), ValType::V128) => slot.v128 = v.to_le_bytes(),
            (Val::FuncRef(f), ValType::Ref(r)) if r.top() == Top::Func => return func_slot(store, f, r),
            (Val::AnyRef(v), ValType::Ref(r)) if r.top() == Top::Any => slot.gc = raw(store, v, r)?,
            (Val::ExternRef(v), ValType::Ref(r)) if r.top() == Top::Extern => slot.gc = raw(store, v, r)?,
            (Val::ExnRef(v), ValType::Ref(r)) if r.top() == Top::Exn => slot.gc = raw(store, v, r)?,
            _ => return Err(mismatch(store, ty, self)),
        }
        Ok(slot)
    }

    /// The value of type `ty` in a slot. A reference becomes a root that belongs to the innermost scope.
    ///
    /// # Safety
    /// The slot holds a value of this type; a reference in it belongs to this store and was obtained after the last
    /// collection.
    #[inline]
    pub(super) unsafe fn from_slot(store: &mut StoreMut<'_>, slot: &VmSlot, ty: ValType) -> Result<Val> {
        // SAFETY: the caller's promise (invariant 6 of the heap).
        unsafe {
            Ok(match ty {
                ValType::I32 => Val::I32(slot.i32),
                ValType::I64 => Val::I64(slot.i64),
                ValType::F32 => Val::F32(slot.f32),
                ValType::F64 => Val::F64(slot.f64),
                ValType::V128 => Val::V128(u128::from_le_bytes(slot.v128)),
                ValType::Ref(r) if r.top() == Top::Func && slot.funcref.is_null() => Val::FuncRef(None),
                ValType::Ref(r) if r.top() == Top::Func => Val::FuncRef(Some(Func::from_ref(store, slot.funcref)?)),
                ValType::Ref(r) => Val::of_ref(r.top(), Ref::from_raw(store, slot.gc)?),
            })
        }
    }
}

fn func_slot(store: &StoreMut<'_>, f: Option<Func>, ty: RefType) -> Result<VmSlot> {
    let Some(f) = f else { return null(store, ty) };
    let funcref = store.vm().funcs[f.check(store)?].funcref;
    let types = store.vm().engine.types.view();
    // SAFETY: a function of this store (invariant 1 of the runtime).
    let found = crate::wasm::types::HeapType::ConcreteFunc(unsafe { (*funcref).type_id });
    match types.heap_matches(found, ty.heap) {
        true => Ok(VmSlot { funcref }),
        false => Err(expected(store, ty, "a function of another type")),
    }
}

/// The bits of a reference. Fails with `TypeMismatch` if it is not of type `ty`.
#[inline(always)]
pub(super) fn raw(store: &StoreMut<'_>, v: Option<Ref>, ty: RefType) -> Result<RawRef> {
    let Some(r) = v else { return null(store, ty).map(|_| RawRef::NULL) };
    let (no_gc, gc) = r.get(store)?;
    match no_gc.is(Some(gc), ty) {
        true => Ok(gc.bits()),
        false => Err(wrong_type(store, no_gc, gc, ty)),
    }
}

#[cold]
fn wrong_type<'h>(store: &StoreMut<'_>, no_gc: NoGc<'h>, gc: Gc<'h>, ty: RefType) -> Error {
    let found = ValType::Ref(no_gc.ref_type(gc, ty.top()));
    expected(store, ty, &super::types::val_text(store, found))
}

fn null(store: &StoreMut<'_>, ty: RefType) -> Result<VmSlot> {
    match ty.nullable {
        true => Ok(VmSlot::ZERO),
        false => Err(expected(store, ty, "null")),
    }
}

#[cold]
fn expected(store: &StoreMut<'_>, ty: RefType, found: &str) -> Error {
    let ty = super::types::val_text(store, ValType::Ref(ty));
    err!(TypeMismatch, "expected a value of type {ty}, found {found}")
}

#[cold]
fn mismatch(store: &StoreMut<'_>, ty: ValType, got: Val) -> Error {
    let ty = super::types::val_text(store, ty);
    err!(TypeMismatch, "expected a value of type {ty}, found {}", got.ty())
}
