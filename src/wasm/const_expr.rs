//! Constant expressions as data (Wasm 3.0, 3.3.13).

use super::types::Top;
use crate::base::index::{FuncIndex, GlobalIndex, TypeIndex};

/// A constant that needs no evaluation: plain data without references to live objects.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ConstVal {
    I32(i32),
    I64(i64),
    /// The bits of an f32.
    F32(u32),
    /// The bits of an f64.
    F64(u64),
    /// Little-endian bytes.
    V128([u8; 16]),
    Null(Top),
    Func(FuncIndex),
    /// `ref.i31` of a constant.
    I31(i32),
}

/// One operation of an expression that must be evaluated, on a stack of values.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ConstOp {
    Const(ConstVal),
    GlobalGet(GlobalIndex),
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
    RefI31,
    StructNew(TypeIndex),
    StructNewDefault(TypeIndex),
    ArrayNew(TypeIndex),
    ArrayNewDefault(TypeIndex),
    ArrayNewFixed(TypeIndex, u32),
}

/// A constant expression. Most are `Const` and need no evaluation.
#[derive(Clone, PartialEq, Debug)]
pub enum ConstExpr {
    Const(ConstVal),
    Expr(Box<[ConstOp]>),
}

impl ConstExpr {
    pub fn ops(&self) -> impl Iterator<Item = ConstOp> + '_ {
        let (one, many) = match self {
            ConstExpr::Const(v) => (Some(ConstOp::Const(*v)), &[][..]),
            ConstExpr::Expr(ops) => (None, &ops[..]),
        };
        one.into_iter().chain(many.iter().copied())
    }
}

/// A segment's expressions, stored contiguously, to be processed in order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ConstExprs {
    ops: Vec<ConstOp>,
    /// The end of each expression in `ops`.
    ends: Vec<u32>,
}

impl ConstExprs {
    pub fn push(&mut self, e: &ConstExpr) {
        self.ops.extend(e.ops());
        self.ends.push(self.ops.len() as u32);
    }
    pub fn len(&self) -> usize {
        self.ends.len()
    }
    pub fn get(&self, i: usize) -> &[ConstOp] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        &self.ops[start..self.ends[i] as usize]
    }
    /// The operations of all expressions.
    pub fn ops(&self) -> &[ConstOp] {
        &self.ops
    }
    /// The elements, if all of them are nulls or i31s.
    pub fn smalls(&self) -> Option<Box<[Option<i32>]>> {
        let small = |op: &ConstOp| match op {
            ConstOp::Const(ConstVal::Null(_)) => Some(None),
            ConstOp::Const(ConstVal::I31(v)) => Some(Some(*v)),
            _ => None,
        };
        if self.ops.len() != self.ends.len() {
            return None;
        }
        self.ops.iter().map(small).collect()
    }
    /// Whether all are constants, so that evaluating them allocates nothing and cannot fail.
    pub fn is_constant(&self) -> bool {
        self.ops.len() == self.ends.len() && self.ops.iter().all(|op| matches!(op, ConstOp::Const(_)))
    }
}
