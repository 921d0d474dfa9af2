//! Vector instructions (Wasm 2.0, 4.4.3).

use crate::base::Result;
use crate::compile::func::FuncCx;
use crate::err;
use wasmparser::Operator;

pub fn instruction(_: &mut FuncCx, op: &Operator<'_>) -> Result<()> {
    Err(err!(Unsupported, "{op:?} is not supported yet"))
}
