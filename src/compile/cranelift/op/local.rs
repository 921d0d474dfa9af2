//! Variable instructions on locals (Wasm 2.0, 4.4.5).

use crate::compile::cranelift::func::FuncCx;

pub fn get(cx: &mut FuncCx, i: u32) {
    let v = cx.b.use_var(cx.locals[i as usize]);
    cx.push(v);
}

pub fn set(cx: &mut FuncCx, i: u32) {
    let v = cx.pop();
    let v = cx.canonical(v);
    cx.b.def_var(cx.locals[i as usize], v);
}

pub fn tee(cx: &mut FuncCx, i: u32) {
    let v = cx.pop();
    let v = cx.canonical(v);
    cx.b.def_var(cx.locals[i as usize], v);
    cx.push(v);
}
