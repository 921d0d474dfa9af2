//! Values of constant expressions (Wasm 3.0, 4.7.4), and those of expressions that need no heap.

use crate::abi::heap::RawRef;
use crate::abi::vmstruct::VmSlot;
use crate::base::Trap;
use crate::gc::{Gc, NoGc, Root, Stale};
use crate::store::parts::instance::Instance;
use crate::wasm::const_expr::{ConstExpr, ConstOp, ConstVal};

/// The value of a constant expression, or of an operand in one.
#[derive(Clone, Copy)]
pub enum Val {
    /// A number, a function, null or an i31, none of which a collection moves.
    Slot(VmSlot),
    /// A reference to an object. The root belongs to the scope of the evaluation.
    Object(Root),
    /// A reference to an object that is the value of a whole expression. It must be stored before anything is
    /// collected.
    Fresh(RawRef),
}

impl Val {
    /// The bits of a value that is known not to be a reference to an object.
    pub fn slot(self) -> VmSlot {
        match self {
            Val::Slot(s) => s,
            Val::Object(_) | Val::Fresh(_) => unreachable!("validated to be no object"),
        }
    }

    /// The reference of a value that is a reference, but not to a function.
    pub fn reference(self, no_gc: NoGc<'_>) -> Result<Option<Gc<'_>>, Stale> {
        match self {
            // SAFETY: null or an i31, which are valid in every heap (invariant 12).
            Val::Slot(s) => Ok(unsafe { no_gc.adopt(s.gc) }),
            Val::Object(root) => no_gc.get(root).map(Some),
            // SAFETY: the caller of the evaluation stores the value before anything is collected (invariant 12).
            Val::Fresh(raw) => Ok(unsafe { no_gc.adopt(raw) }),
        }
    }

    pub fn of_gc<'h>(no_gc: NoGc<'h>, gc: Gc<'h>, is_last: bool) -> Result<Val, Trap> {
        if is_last {
            return Ok(Val::Fresh(gc.bits()));
        }
        if gc.as_i31().is_some() {
            return Ok(Val::Slot(VmSlot { gc: gc.bits() }));
        }
        no_gc.root(gc).map(Val::Object).ok_or(Trap::HeapExhausted)
    }
}

/// The value of a constant.
pub fn constant(v: ConstVal, instance: &Instance) -> VmSlot {
    let mut slot = VmSlot::ZERO;
    match v {
        ConstVal::I32(x) => slot.i32 = x,
        ConstVal::I64(x) => slot.i64 = x,
        ConstVal::F32(x) => slot.f32 = x,
        ConstVal::F64(x) => slot.f64 = x,
        ConstVal::V128(x) => slot.v128 = x,
        ConstVal::Null(_) => {}
        ConstVal::Func(f) => slot.funcref = instance.funcref(f),
        ConstVal::I31(v) => slot.gc = RawRef::i31(v),
    }
    slot
}

/// The value of an expression that allocates nothing: a constant, or arithmetic on constants and on immutable globals
/// that hold no objects.
pub fn without_heap(expr: &ConstExpr, instance: &Instance) -> VmSlot {
    match expr {
        ConstExpr::Const(v) => constant(*v, instance),
        ConstExpr::Expr(ops) => ops_without_heap(ops, instance),
    }
}

pub fn ops_without_heap(ops: &[ConstOp], instance: &Instance) -> VmSlot {
    if let [ConstOp::Const(v)] = ops {
        return constant(*v, instance);
    }
    let mut stack = Vec::new();
    for op in ops {
        let slot = match *op {
            ConstOp::Const(v) => constant(v, instance),
            ConstOp::GlobalGet(g) => instance.global_value(g),
            other => {
                let (b, a) = (stack.pop().unwrap_or(VmSlot::ZERO), stack.pop().unwrap_or(VmSlot::ZERO));
                arithmetic(other, a, b)
            }
        };
        stack.push(slot);
    }
    stack.pop().unwrap_or(VmSlot::ZERO)
}

pub fn arithmetic(op: ConstOp, a: VmSlot, b: VmSlot) -> VmSlot {
    // SAFETY: the validator checked the types (invariant 11).
    unsafe {
        match op {
            ConstOp::I32Add => VmSlot { i32: a.i32.wrapping_add(b.i32) },
            ConstOp::I32Sub => VmSlot { i32: a.i32.wrapping_sub(b.i32) },
            ConstOp::I32Mul => VmSlot { i32: a.i32.wrapping_mul(b.i32) },
            ConstOp::I64Add => VmSlot { i64: a.i64.wrapping_add(b.i64) },
            ConstOp::I64Sub => VmSlot { i64: a.i64.wrapping_sub(b.i64) },
            ConstOp::I64Mul => VmSlot { i64: a.i64.wrapping_mul(b.i64) },
            other => unreachable!("{other:?} is no arithmetic"),
        }
    }
}
