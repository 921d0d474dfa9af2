//! Evaluates constant expressions (Wasm 3.0, 4.7.4). References to objects are held by roots, so any of the allocations
//! can collect.

use crate::abi::heap::RawRef;
use crate::abi::vmstruct::VmSlot;
use crate::base::Trap;
use crate::base::index::TypeIndex;
use crate::gc::Stale;
use crate::gc::no_gc::NewObject;
use crate::store::parts::bulk;
use crate::store::parts::const_value::{Val, arithmetic, constant};
use crate::store::parts::instance::Instance;
use crate::store::store::Store;
use crate::wasm::const_expr::{ConstExpr, ConstOp};
use crate::wasm::descriptor::HEADER_SIZE;
use crate::wasm::registry::TypeDef;
use crate::wasm::types::{FieldType, StorageType, ValType};

/// SAFEPOINT. Evaluates expressions of an instance, one after the other. The caller has opened a scope of roots, which
/// the results belong to.
pub struct Evaluator {
    instance: *const Instance,
    stack: Vec<Val>,
}

impl Evaluator {
    /// # Safety
    /// The instance is in the store, outlives the evaluator, and does not move (invariant 1). Its imports, funcrefs and
    /// earlier globals are written.
    pub unsafe fn new(instance: *const Instance) -> Evaluator {
        Evaluator { instance, stack: Vec::new() }
    }

    /// The value is valid until the next collection.
    pub fn expr(&mut self, store: &mut Store, expr: &ConstExpr) -> Result<Val, Trap> {
        match expr {
            // SAFETY: the instance is alive (`new`, invariant 1).
            ConstExpr::Const(v) => Ok(Val::Slot(constant(*v, unsafe { &*self.instance }))),
            ConstExpr::Expr(ops) => self.ops(store, ops),
        }
    }

    /// The value is valid until the next collection.
    pub fn ops(&mut self, store: &mut Store, ops: &[ConstOp]) -> Result<Val, Trap> {
        store.vm.poll()?;
        self.stack.clear();
        let Some((last, before)) = ops.split_last() else { unreachable!("validated") };
        for op in before {
            self.op(store, op, false)?;
        }
        self.op(store, last, true)?;
        Ok(self.pop())
    }

    fn pop(&mut self) -> Val {
        self.stack.pop().expect("validated")
    }

    /// Executes one operation and pushes its value. `is_last` says that it is the last of its expression.
    fn op(&mut self, store: &mut Store, op: &ConstOp, is_last: bool) -> Result<(), Trap> {
        // SAFETY: the instance is alive (`new`), and separate from the store (invariant 8).
        let instance = unsafe { &*self.instance };
        let info = instance.info();
        let of_type = |t: TypeIndex| &info.types[t];
        let value = match *op {
            ConstOp::Const(v) => Val::Slot(constant(v, instance)),
            ConstOp::GlobalGet(g) if info.globals[g].ty.content.is_gc() => {
                let no_gc = store.no_gc().map_err(|_| Trap::HeapExhausted)?;
                // SAFETY: a global of the instance that holds a reference to an object (invariant 13).
                match unsafe { crate::store::parts::global::slot(instance.global_ptr(g), no_gc) }.load(no_gc, 0) {
                    None => Val::Slot(VmSlot::ZERO),
                    Some(gc) => Val::of_gc(no_gc, gc, is_last)?,
                }
            }
            ConstOp::GlobalGet(g) => Val::Slot(instance.global_value(g)),
            ConstOp::RefI31 => {
                // SAFETY: validated to be an i32 (invariant 11).
                Val::Slot(VmSlot { gc: RawRef::i31(unsafe { self.pop().slot().i32 }) })
            }
            ConstOp::StructNew(t) => {
                let ty = of_type(t);
                let from = self.stack.len() - ty.fields().len();
                let places = ty.fields().iter().copied().zip(ty.offsets.iter().copied());
                return self.fill(store, ty, 0, from, places, is_last);
            }
            ConstOp::StructNewDefault(t) => {
                let from = self.stack.len();
                return self.fill(store, of_type(t), 0, from, std::iter::empty(), is_last);
            }
            ConstOp::ArrayNewFixed(t, n) => {
                return self.array(store, t, n, self.stack.len() - n as usize, false, is_last);
            }
            ConstOp::ArrayNew(t) => {
                // SAFETY: validated to be an i32 (invariant 11).
                let n = unsafe { self.pop().slot().i32 } as u32;
                return self.array(store, t, n, self.stack.len() - 1, true, is_last);
            }
            ConstOp::ArrayNewDefault(t) => {
                // SAFETY: validated to be an i32 (invariant 11).
                let n = unsafe { self.pop().slot().i32 } as u32;
                let from = self.stack.len();
                return self.fill(store, of_type(t), n, from, std::iter::empty(), is_last);
            }
            other => {
                let (b, a) = (self.pop().slot(), self.pop().slot());
                Val::Slot(arithmetic(other, a, b))
            }
        };
        self.stack.push(value);
        Ok(())
    }

    fn array(
        &mut self,
        store: &mut Store,
        t: TypeIndex,
        n: u32,
        from: usize,
        repeat: bool,
        is_last: bool,
    ) -> Result<(), Trap> {
        // SAFETY: as in `op` (invariant 1).
        let ty = &unsafe { &*self.instance }.info().types[t];
        let element = ty.fields()[0];
        let at = |i: u32| HEADER_SIZE + i * element.storage.size();
        if repeat {
            let value = self.stack[from];
            self.stack.truncate(from);
            // The array exists before the value is read as a reference, so the number of elements costs no roots.
            let number = self.number(store, value, element)?;
            store.vm.poll()?;
            let vm = store.interrupts_for(n as usize);
            let new = store.alloc(ty.id, n)?;
            bulk::try_pieces(vm.as_ref(), n as usize, bulk::ELEMENTS, |mut piece| {
                // SAFETY: the elements of the array, whose type the validator checked (invariant 11).
                let put = piece.try_for_each(|i| unsafe { put(&new, at(i as u32), element, value, number) });
                put.map_err(|_| Trap::HeapExhausted)
            })?;
            self.stack.push(made(new, is_last)?);
            return Ok(());
        }
        self.fill(store, ty, n, from, (0..n).map(|i| (element, at(i))), is_last)
    }

    /// Allocates an object and writes the operands from `from` on to the given places.
    fn fill(
        &mut self,
        store: &mut Store,
        ty: &TypeDef,
        len: u32,
        from: usize,
        places: impl Iterator<Item = (FieldType, u32)> + Clone,
        is_last: bool,
    ) -> Result<(), Trap> {
        // Functions get their numbers before the allocation, which borrows the store.
        let mut numbers = Vec::new();
        if ty.has_funcs {
            for ((field, _), value) in places.clone().zip(&self.stack[from..]) {
                numbers.push(self.number(store, *value, field)?);
            }
        }
        store.vm.poll()?;
        let new = store.alloc(ty.id, len)?;
        for (i, ((field, at), value)) in places.zip(&self.stack[from..]).enumerate() {
            let number = numbers.get(i).copied().unwrap_or(0);
            // SAFETY: fields or elements of the type, and values whose types the validator checked (invariant 11).
            unsafe { put(&new, at, field, *value, number) }.map_err(|_| Trap::HeapExhausted)?;
        }
        self.stack.truncate(from);
        self.stack.push(made(new, is_last)?);
        Ok(())
    }

    /// The number of a function that will be written to a field; 0 for other values.
    fn number(&self, store: &mut Store, value: Val, field: FieldType) -> Result<u32, Trap> {
        match field.storage {
            // SAFETY: validated to be a function; the functions of an instance are of its store (invariants 1 and 11).
            StorageType::Val(t @ ValType::Ref(_)) if !t.is_gc() => unsafe { store.func_id(value.slot().funcref) },
            _ => Ok(0),
        }
    }
}

fn made(new: NewObject<'_>, is_last: bool) -> Result<Val, Trap> {
    let no_gc = new.no_gc();
    Val::of_gc(no_gc, new.finish(), is_last)
}

/// Writes a value to a field of a new object. `number` is the function's number if the value is a function.
///
/// # Safety
/// The object has this field at `at`, and `value` has the field's type.
pub unsafe fn put(new: &NewObject<'_>, at: u32, field: FieldType, value: Val, number: u32) -> Result<(), Stale> {
    if field.storage.is_gc() {
        // SAFETY: the caller's promise (invariant 11).
        unsafe { new.put(at, value.reference(new.no_gc())?) };
        return Ok(());
    }
    // SAFETY: the caller's promise (invariant 11). The machine is little-endian, so the low bytes of the slot are the
    // packed value.
    unsafe {
        let slot = match field.storage {
            StorageType::Val(ValType::Ref(_)) => VmSlot { i32: number as i32 },
            _ => value.slot(),
        };
        let place = new.bytes(at);
        match field.storage.size() {
            1 => *place = slot.i32 as u8,
            2 => *(place as *mut u16) = slot.i32 as u16,
            4 => *(place as *mut i32) = slot.i32,
            8 => *(place as *mut i64) = slot.i64,
            _ => (place as *mut [u8; 16]).write(slot.v128),
        }
    }
    Ok(())
}
