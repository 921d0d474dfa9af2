//! Constant expressions as data (Wasm 2.0, 3.3.10).

use super::types::RefType;
use crate::base::index::{FuncIndex, GlobalIndex};

/// A constant that needs no evaluator: plain data, no reference to anything alive.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ConstVal {
    I32(i32),
    I64(i64),
    /// Bits of an f32.
    F32(u32),
    /// Bits of an f64.
    F64(u64),
    /// Little-endian bytes of a v128 as a number.
    V128(u128),
    Null(RefType),
    Func(FuncIndex),
}

/// One operation of an expression that has to be evaluated.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ConstOp {
    Const(ConstVal),
    GlobalGet(GlobalIndex),
}

/// A constant expression. Most are `Const` and pay for no evaluation.
#[derive(Clone, PartialEq, Debug)]
pub enum ConstExpr {
    Const(ConstVal),
    Expr(Box<[ConstOp]>),
}
