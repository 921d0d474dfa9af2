//! Types (Wasm 2.0, 2.3).

use std::fmt;

/// A value type (Wasm 2.0, 2.3.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ValType {
    I32,
    I64,
    F32,
    F64,
    V128,
    Ref(RefType),
}

/// A reference type: always nullable (Wasm 2.0, 2.3.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RefType {
    Func,
    /// Known, so that signatures can be printed and refused by name; no module that uses it is accepted yet.
    Extern,
}

impl ValType {
    pub const FUNCREF: ValType = ValType::Ref(RefType::Func);
    pub const EXTERNREF: ValType = ValType::Ref(RefType::Extern);

    /// The type's name in the text format.
    pub fn name(self) -> &'static str {
        match self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::V128 => "v128",
            ValType::Ref(RefType::Func) => "funcref",
            ValType::Ref(RefType::Extern) => "externref",
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A function type (Wasm 2.0, 2.3.6).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FuncType {
    values: Box<[ValType]>,
    params: usize,
}

impl FuncType {
    pub fn new(params: impl IntoIterator<Item = ValType>, results: impl IntoIterator<Item = ValType>) -> FuncType {
        let mut values: Vec<ValType> = params.into_iter().collect();
        let params = values.len();
        values.extend(results);
        FuncType { values: values.into_boxed_slice(), params }
    }
    pub fn params(&self) -> &[ValType] {
        &self.values[..self.params]
    }
    pub fn results(&self) -> &[ValType] {
        &self.values[self.params..]
    }
}

/// Prints `(i32, i64) -> f64`, the form that signatures are given in from C.
impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, tys: &[ValType]| {
            for (i, t) in tys.iter().enumerate() {
                write!(f, "{}{t}", if i > 0 { ", " } else { "" })?;
            }
            Ok(())
        };
        f.write_str("(")?;
        list(f, self.params())?;
        f.write_str(")")?;
        match self.results() {
            [] => Ok(()),
            [one] => write!(f, " -> {one}"),
            many => {
                f.write_str(" -> (")?;
                list(f, many)?;
                f.write_str(")")
            }
        }
    }
}

/// Size limits of a table (elements) or a memory (pages of 64 KiB) (Wasm 2.0, 2.3.7).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    pub min: u64,
    pub max: Option<u64>,
}

impl Limits {
    /// Whether something of these limits, now at `size`, may stand where `wanted` is imported (Wasm 2.0, 4.5.1).
    pub fn matches(&self, size: u64, wanted: &Limits) -> bool {
        size >= wanted.min
            && match (self.max, wanted.max) {
                (_, None) => true,
                (Some(have), Some(want)) => have <= want,
                (None, Some(_)) => false,
            }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max {
            Some(max) => write!(f, "{} {max}", self.min),
            None => write!(f, "{}", self.min),
        }
    }
}

/// A table type (Wasm 2.0, 2.3.9). Limits count elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TableType {
    pub limits: Limits,
    pub element: RefType,
}

/// A memory type (Wasm 2.0, 2.3.8). Limits count pages of 64 KiB.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemoryType {
    pub limits: Limits,
}

/// A global type (Wasm 2.0, 2.3.10).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GlobalType {
    pub content: ValType,
    pub mutable: bool,
}

/// The type of an import or export (Wasm 2.0, 2.3.11).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ExternType {
    Func(std::sync::Arc<FuncType>),
    Table(TableType),
    Memory(MemoryType),
    Global(GlobalType),
}

impl ExternType {
    pub fn kind_name(&self) -> &'static str {
        match self {
            ExternType::Func(_) => "func",
            ExternType::Table(_) => "table",
            ExternType::Memory(_) => "memory",
            ExternType::Global(_) => "global",
        }
    }
}

/// Prints as the text format does: `func (i32) -> i32`, `memory 1 2`, `global mut i32`, `table 10 funcref`.
impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternType::Func(t) => write!(f, "func {t}"),
            ExternType::Table(t) => write!(f, "table {} {}", t.limits, ValType::Ref(t.element)),
            ExternType::Memory(t) => write!(f, "memory {}", t.limits),
            ExternType::Global(t) => {
                write!(f, "global {}{}", if t.mutable { "mut " } else { "" }, t.content)
            }
        }
    }
}
