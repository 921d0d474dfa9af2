//! Values and handles.

use super::weak::wrt_weak_t;
use crate::api::{self, Ref, Result, Top, Val, ValType};
use crate::err;

macro_rules! convert {
    ($($c:ident <=> $rust:ident { $($field:ident),* };)*) => { $(
        impl $c {
            pub const EMPTY: $c = $c { $($field: 0),* };
        }
        impl Handle for $c {
            fn store(&self) -> u64 {
                self.store
            }
        }
        impl From<api::$rust> for $c {
            fn from(h: api::$rust) -> $c {
                $c { $($field: h.$field),* }
            }
        }
        impl From<$c> for api::$rust {
            fn from(h: $c) -> api::$rust {
                api::$rust { $($field: h.$field),* }
            }
        }
    )* };
}

/// A function of a store. A plain value that owns nothing: copy it freely; every use checks it. All zeros is the
/// empty handle. `wrt_ref_of_func` creates a reference that keeps the function's instance alive.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_func_t {
    pub store: u64,
    pub index: u32,
    pub generation: u32,
}

/// A table of a store. A plain value, like `wrt_func_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_table_t {
    pub store: u64,
    pub index: u32,
    pub generation: u32,
}

/// A memory of a store. A plain value, like `wrt_func_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_memory_t {
    pub store: u64,
    pub index: u32,
    pub generation: u32,
}

/// A global of a store. A plain value, like `wrt_func_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_global_t {
    pub store: u64,
    pub index: u32,
    pub generation: u32,
}

/// A tag of a store: identifies a kind of exceptions. A plain value, like `wrt_func_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_tag_t {
    pub store: u64,
    pub index: u32,
    pub generation: u32,
}

/// An instance of a store. A plain value, like `wrt_func_t`. The instance lives until `wrt_instance_release`, and
/// after that as long as something refers to it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_instance_t {
    pub store: u64,
    pub index: u32,
    pub generation: u32,
}

/// A reference to an object of a store, or an i31. The garbage collector treats it as a root, so the object lives
/// while the reference does. A plain value: copies are the same reference. All zeros is the empty reference, which is
/// null in a value.
///
/// A reference lives until the scope ends that was open when it was created (`wrt_scope_open`; every callback has a
/// scope of its own). A reference that was created outside of all scopes lives until `wrt_ref_release`, or until the
/// store is destroyed. Later uses fail with `stale handle`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_ref_t {
    pub store: u64,
    /// The index of the reference in its store, and a generation that distinguishes it from earlier references with
    /// that index.
    pub root: u64,
}

impl wrt_ref_t {
    /// Returns the reference; `None` for the empty one.
    pub fn get(self) -> Option<Ref> {
        (self.store != 0).then(|| self.into())
    }
}

convert! {
    wrt_ref_t <=> Ref { store, root };
    wrt_weak_t <=> WeakRef { store, index, generation };
    wrt_func_t <=> Func { store, index, generation };
    wrt_table_t <=> Table { store, index, generation };
    wrt_memory_t <=> Memory { store, index, generation };
    wrt_global_t <=> Global { store, index, generation };
    wrt_tag_t <=> Tag { store, index, generation };
    wrt_instance_t <=> Instance { store, index, generation };
}

/// No value: the kind of a slot whose value was taken.
pub const WRT_EMPTY: u8 = 0;
/// An i32, in `of.i32`.
pub const WRT_I32: u8 = 1;
/// An i64, in `of.i64`.
pub const WRT_I64: u8 = 2;
/// An f32, in `of.f32`.
pub const WRT_F32: u8 = 3;
/// An f64, in `of.f64`.
pub const WRT_F64: u8 = 4;
/// A v128, in `of.v128`: its bytes, little-endian.
pub const WRT_V128: u8 = 5;
/// A reference to a function, in `of.func`; the empty handle is null.
pub const WRT_FUNCREF: u8 = 6;
/// A reference of type `extern`, in `of.ref`; the empty reference is null.
pub const WRT_EXTERNREF: u8 = 7;
/// A reference of type `any` or a subtype, in `of.ref`; the empty reference is null.
pub const WRT_ANYREF: u8 = 8;
/// A reference to an exception, in `of.ref`; the empty reference is null.
pub const WRT_EXNREF: u8 = 21;

/// A value. `kind` says which member of `of` is valid.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_val_t {
    /// One of `WRT_EMPTY`, `WRT_I32`, ...
    pub kind: u8,
    pub of: wrt_val_of_t,
}

/// The content of a `wrt_val_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub union wrt_val_of_t {
    pub i32: i32,
    pub i64: i64,
    pub f32: f32,
    pub f64: f64,
    pub v128: [u8; 16],
    pub func: wrt_func_t,
    pub r#ref: wrt_ref_t,
}

/// Returns the kind of a type; for a reference type, that of its hierarchy.
pub fn kind_of(t: ValType) -> u8 {
    match t {
        ValType::I32 => WRT_I32,
        ValType::I64 => WRT_I64,
        ValType::F32 => WRT_F32,
        ValType::F64 => WRT_F64,
        ValType::V128 => WRT_V128,
        ValType::Ref(r) => match r.top() {
            Top::Func => WRT_FUNCREF,
            Top::Extern => WRT_EXTERNREF,
            Top::Any => WRT_ANYREF,
            Top::Exn => WRT_EXNREF,
        },
    }
}

pub fn type_of(kind: u8) -> Result<ValType> {
    Ok(match kind {
        WRT_I32 => ValType::I32,
        WRT_I64 => ValType::I64,
        WRT_F32 => ValType::F32,
        WRT_F64 => ValType::F64,
        WRT_V128 => ValType::V128,
        WRT_FUNCREF => ValType::FUNCREF,
        WRT_EXTERNREF => ValType::EXTERNREF,
        WRT_ANYREF => ValType::ANYREF,
        WRT_EXNREF => ValType::EXNREF,
        _ => return Err(err!(InvalidArgument, "no value type has kind {kind}")),
    })
}

/// Members are read and written one by one, each with its own width: a copy of the whole union would have to wait for
/// a write to a part of it that has just been made.
impl api::Value for wrt_val_t {
    fn default_of(ty: ValType) -> wrt_val_t {
        wrt_val_t { kind: kind_of(ty), ..wrt_val_t::EMPTY }
    }

    #[inline(always)]
    unsafe fn put(
        this: *const wrt_val_t,
        store: &api::StoreMut<'_>,
        ty: &ValType,
        slot: *mut api::VmSlot,
    ) -> Result<()> {
        // SAFETY: the caller's promise; any bits are a valid value of each member, and handles are checked.
        unsafe {
            match ((*this).kind, ty) {
                (WRT_I32, ValType::I32) => (*slot).i32 = (*this).of.i32,
                (WRT_I64, ValType::I64) => (*slot).i64 = (*this).of.i64,
                (WRT_F32, ValType::F32) => (*slot).f32 = (*this).of.f32.to_bits(),
                (WRT_F64, ValType::F64) => (*slot).f64 = (*this).of.f64.to_bits(),
                (WRT_EXTERNREF, ValType::Ref(r)) if r.top() == Top::Extern => {
                    (*slot).gc = Ref::to_raw((*this).of.r#ref.get(), store, *r)?;
                }
                (WRT_ANYREF, ValType::Ref(r)) if r.top() == Top::Any => {
                    (*slot).gc = Ref::to_raw((*this).of.r#ref.get(), store, *r)?;
                }
                _ => return Val::put(&(*this).to_val()?, store, ty, slot),
            }
            Ok(())
        }
    }

    #[inline(always)]
    unsafe fn get(
        this: *mut wrt_val_t,
        store: &mut api::StoreMut<'_>,
        slot: *const api::VmSlot,
        ty: &ValType,
    ) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe {
            match ty {
                ValType::I32 => ((*this).kind, (*this).of.i32) = (WRT_I32, (*slot).i32),
                ValType::I64 => ((*this).kind, (*this).of.i64) = (WRT_I64, (*slot).i64),
                ValType::F32 => ((*this).kind, (*this).of.f32) = (WRT_F32, f32::from_bits((*slot).f32)),
                ValType::F64 => ((*this).kind, (*this).of.f64) = (WRT_F64, f64::from_bits((*slot).f64)),
                ValType::Ref(r) if r.top() != Top::Func => {
                    write_ref(this, kind_of(*ty), Ref::from_raw(store, (*slot).gc)?);
                }
                _ => {
                    let mut val = Val::I32(0);
                    Val::get(&mut val, store, slot, ty)?;
                    this.write(wrt_val_t::from_val(val));
                }
            }
            Ok(())
        }
    }
}

/// # Safety
/// `place` can be written.
#[inline(always)]
pub unsafe fn write_ref(place: *mut wrt_val_t, kind: u8, r: Option<Ref>) {
    let r = r.map_or(wrt_ref_t::EMPTY, wrt_ref_t::from);
    // SAFETY: the caller's promise.
    unsafe {
        (*place).kind = kind;
        (*place).of.r#ref.store = r.store;
        (*place).of.r#ref.root = r.root;
    }
}

impl wrt_val_t {
    /// cbindgen:ignore
    pub const EMPTY: wrt_val_t = wrt_val_t { kind: WRT_EMPTY, of: wrt_val_of_t { v128: [0; 16] } };

    #[inline]
    pub fn from_val(v: Val) -> wrt_val_t {
        let mut of = wrt_val_of_t { v128: [0; 16] };
        match v {
            Val::I32(v) => of.i32 = v,
            Val::I64(v) => of.i64 = v,
            Val::F32(v) => of.f32 = f32::from_bits(v),
            Val::F64(v) => of.f64 = f64::from_bits(v),
            Val::V128(v) => of.v128 = v.to_le_bytes(),
            Val::FuncRef(f) => of.func = f.map_or(wrt_func_t::EMPTY, wrt_func_t::from),
            Val::AnyRef(r) | Val::ExternRef(r) | Val::ExnRef(r) => {
                of.r#ref = r.map_or(wrt_ref_t::EMPTY, wrt_ref_t::from)
            }
        }
        wrt_val_t { kind: kind_of(v.ty()), of }
    }

    /// Returns the value, if its kind is known.
    #[inline]
    pub fn to_val(self) -> Result<Val> {
        // SAFETY: all members are plain data without invalid values, and from_val and C callers initialize the member that the kind says;
        // a handle is checked where it is used.
        unsafe {
            Ok(match self.kind {
                WRT_I32 => Val::I32(self.of.i32),
                WRT_I64 => Val::I64(self.of.i64),
                WRT_F32 => Val::F32(self.of.f32.to_bits()),
                WRT_F64 => Val::F64(self.of.f64.to_bits()),
                WRT_V128 => Val::V128(u128::from_le_bytes(self.of.v128)),
                WRT_FUNCREF if self.of.func.store == 0 => Val::FuncRef(None),
                WRT_FUNCREF => Val::FuncRef(Some(self.of.func.into())),
                WRT_EXTERNREF => Val::ExternRef(self.of.r#ref.get()),
                WRT_ANYREF => Val::AnyRef(self.of.r#ref.get()),
                WRT_EXNREF => Val::ExnRef(self.of.r#ref.get()),
                WRT_EMPTY => return Err(err!(InvalidArgument, "the value is empty")),
                kind => return Err(err!(InvalidArgument, "no value has kind {kind}")),
            })
        }
    }
}

/// Takes a handle and passes it to `f`, which releases what it names. The caller's slot becomes empty, except for a
/// handle of another store.
///
/// # Safety
/// `slot` is NULL or a handle that can be written.
pub unsafe fn release<H: Handle>(
    slot: *mut H,
    store: &mut api::StoreMut<'_>,
    empty: H,
    f: impl FnOnce(&mut api::StoreMut<'_>, H) -> Result<()>,
) -> Result<()> {
    // SAFETY: the caller's promise.
    let handle = unsafe { *super::own::borrow(slot, "handle")? };
    if handle.store() == store.id() {
        // SAFETY: as above.
        unsafe { *slot = empty };
    }
    f(store, handle)
}

/// Returns places for values, and makes them empty.
///
/// # Safety
/// `slots` is NULL or `count` places that can be written.
pub unsafe fn outputs<'a>(slots: *mut wrt_val_t, count: usize, what: &str) -> Result<&'a mut [wrt_val_t]> {
    // SAFETY: the caller's promise; `slice` checks what can be checked.
    unsafe {
        super::own::slice(slots, count, what)?;
        if count == 0 {
            return Ok(&mut []);
        }
        (0..count).for_each(|i| slots.add(i).write(wrt_val_t::EMPTY));
        Ok(std::slice::from_raw_parts_mut(slots, count))
    }
}

/// Writes values to as many places.
pub fn give_all(out: &mut [wrt_val_t], values: Vec<Val>) {
    out.iter_mut().zip(values).for_each(|(out, v)| *out = wrt_val_t::from_val(v));
}

/// A handle of an object of a store.
pub trait Handle: Copy {
    fn store(&self) -> u64;
}

/// Takes values to be stored, as `take` does.
///
/// # Safety
/// `slots` is NULL or `count` values that can be written.
pub unsafe fn take_all<R>(
    slots: *mut wrt_val_t,
    count: usize,
    store: &mut api::StoreMut<'_>,
    f: impl FnOnce(&mut api::StoreMut<'_>, &[Val]) -> Result<R>,
) -> Result<R> {
    // SAFETY: the caller's promise.
    let given: Vec<Result<Val>> =
        unsafe { super::own::slice(slots, count, "values")? }.iter().map(|v| v.to_val()).collect();
    let id = store.id();
    for (i, val) in given.iter().enumerate() {
        if val.as_ref().map_or(id, |v| owner(v, id)) == id {
            // SAFETY: as above.
            unsafe { *slots.add(i) = wrt_val_t::EMPTY };
        }
    }
    let taken: Vec<Ref> = given.iter().flatten().filter_map(|v| v.reference()).filter(|r| r.store == id).collect();
    let result = given.into_iter().collect::<Result<Vec<Val>>>().and_then(|vals| f(store, &vals));
    for r in taken {
        // If the reference is stale, `f` has returned an error already.
        let _ = r.release(store);
    }
    result
}

/// Returns the store that a value belongs to; `id` for numbers and null.
fn owner(v: &Val, id: u64) -> u64 {
    match v {
        Val::FuncRef(Some(f)) => f.store,
        Val::AnyRef(Some(r)) | Val::ExternRef(Some(r)) | Val::ExnRef(Some(r)) => r.store,
        _ => id,
    }
}

/// Takes a value to be stored and passes it to `f`. The caller's slot becomes empty, and a reference in it is
/// released after `f`, whatever happens. But a value of another store stays in the slot: another thread may be using
/// that store.
///
/// # Safety
/// `slot` is NULL or a value that can be written.
#[inline(always)]
pub unsafe fn take<R>(
    slot: *mut wrt_val_t,
    store: &mut api::StoreMut<'_>,
    f: impl FnOnce(&mut api::StoreMut<'_>, Val) -> Result<R>,
) -> Result<R> {
    if slot.is_null() {
        return Err(super::entry::null("value"));
    }
    let id = store.id();
    // SAFETY: the caller's promise; any bits are a valid `wrt_ref_t`, which is checked later.
    unsafe {
        if let kind @ (WRT_EXTERNREF | WRT_ANYREF | WRT_EXNREF) = (*slot).kind
            && (*slot).of.r#ref.store == id
        {
            // The common case, without a copy of the whole value.
            let r = Ref { store: id, root: (*slot).of.r#ref.root };
            (*slot).kind = WRT_EMPTY;
            (*slot).of.r#ref.store = 0;
            (*slot).of.r#ref.root = 0;
            let value = match kind {
                WRT_EXTERNREF => Val::ExternRef(Some(r)),
                WRT_ANYREF => Val::AnyRef(Some(r)),
                _ => Val::ExnRef(Some(r)),
            };
            let result = f(store, value);
            // If the reference is stale, `f` has returned an error already.
            let _ = r.release(store);
            return result;
        }
        let val = (*slot).to_val();
        if val.as_ref().map_or(id, |v| owner(v, id)) != id {
            return f(store, val?);
        }
        *slot = wrt_val_t::EMPTY;
        f(store, val?)
    }
}
