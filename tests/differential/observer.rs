//! A module that imports everything another module exports, calls its functions, and logs their results (`builder.rs`). So hosts need
//! neither create nor inspect values, and WebAssembly itself inspects references and exceptions.

use crate::builder::{Builder, Depth, Ladder, Seer, begin, log_memory, store_all};
use crate::random::Random;
use crate::shape::Shape;
use crate::values::Values;
use wasm_encoder::*;

pub struct Observed {
    pub wasm: Vec<u8>,
    /// Names of its imports, in order.
    pub imports: Vec<String>,
    /// Functions to call, in order.
    pub calls: Vec<String>,
}

/// Observes a module with `shape` and everything exported. `fuel`: a global to set before each call, and its value.
pub fn observer(shape: &Shape, fuel: (u32, i32), seed: u64) -> Observed {
    let mut imports = ImportSection::new();
    let names: Vec<String> = shape.exports().iter().map(|(name, ..)| name.clone()).collect();
    for (name, _, _, ty) in shape.exports() {
        imports.import("", &name, ty);
    }
    let (first, log) = (shape.funcs.len() as u32, shape.memories.len() as u32);
    let mut b = Builder::new(shape, first);
    let seer = Seer { shape, first };
    seer.define(&mut b, log);
    b.exported("state", state(&seer, log));
    let defined = shape.imported_funcs..shape.funcs.len();
    // Functions that arguments refer to come after the calls.
    let first_value = first + b.functions.len() + 2 * defined.len() as u32;
    let mut values = Values::new(shape, Random::new(seed), first_value);
    let mut calls = Vec::new();
    for round in 0..2 {
        for f in defined.clone() {
            if let Some(body) = call(&mut b, &seer, log, f as u32, fuel, &mut values) {
                calls.push(format!("call {f} {round}"));
                b.exported(calls.last().unwrap(), body);
            }
        }
        calls.push("state".into());
    }
    // Functions whose arguments cannot be constructed have no caller; placeholders take their indices.
    let void = b.ty(&[], &[]);
    while first + b.functions.len() < first_value {
        b.function(void, Function::new([]));
    }
    values.add_funcs(&mut b.functions, &mut b.code);
    b.exports.export("log", ExportKind::Memory, log);
    let mut memories = MemorySection::new();
    memories.memory(log_memory());
    let wasm = b.finish(&imports, Some(&memories), values.declared().as_ref());
    Observed { wasm, imports: names, calls }
}

/// Logs the outcome of calling a function with some arguments: results, or an exception and its values.
fn call(b: &mut Builder, seer: &Seer, log: u32, f: u32, fuel: (u32, i32), values: &mut Values) -> Option<Function> {
    let shape = seer.shape;
    let ty = shape.func_type(shape.funcs[f as usize]);
    let arguments = values.values(ty.params())?;
    let ladder = Ladder::new(b, shape, 0, ty.results().to_vec());
    let mut body = ladder.function();
    let s = &mut body.instructions();
    begin(s, log);
    s.i32_const(fuel.1).global_set(fuel.0);
    ladder.open(s);
    for i in &arguments {
        body.instruction(i);
    }
    let s = &mut body.instructions();
    s.call(f);
    store_all(s, ty.results().len(), 0);
    for (i, ty) in ty.results().iter().enumerate() {
        s.local_get(i as u32);
        seer.see(s, *ty, Depth::Full);
    }
    s.end();
    ladder.skip(s);
    ladder.close(s, seer, Depth::Full);
    Some(body)
}

/// Logs globals, sizes, elements, and a hash of memories.
fn state(seer: &Seer, log: u32) -> Function {
    let mut body = Function::new_with_locals_types([ValType::I32, ValType::I64, ValType::I64, ValType::I64]);
    let s = &mut body.instructions();
    begin(s, log);
    for (g, ty) in seer.shape.globals.iter().enumerate() {
        s.global_get(g as u32);
        seer.see(s, ty.val_type, Depth::Full);
    }
    for (t, ty) in seer.shape.tables.iter().enumerate() {
        see_table(seer, s, t as u32, ty);
    }
    for (m, ty) in seer.shape.memories.iter().enumerate() {
        see_memory(seer, s, m as u32, ty);
    }
    body
}

/// Locals of `state`: an index or address in either width, the hash, and the end of a memory.
const INDEX32: u32 = 0;
const INDEX64: u32 = 1;
const HASH: u32 = 2;
const END: u32 = 3;

fn see_table(seer: &Seer, s: &mut InstructionSink, t: u32, ty: &TableType) {
    let (wide, local) = (ty.table64, if ty.table64 { INDEX64 } else { INDEX32 });
    zero(s, wide);
    s.local_set(local).table_size(t);
    widen(s, wide);
    seer.put(s);
    s.block(BlockType::Empty).loop_(BlockType::Empty).local_get(local).table_size(t);
    if wide {
        s.i64_ge_u()
    } else {
        s.i32_ge_u()
    };
    s.br_if(1).local_get(local).table_get(t);
    seer.see(s, ValType::Ref(ty.element_type), Depth::Less);
    add(s, local, 1, wide);
    s.br(0).end().end();
}

fn see_memory(seer: &Seer, s: &mut InstructionSink, m: u32, ty: &MemoryType) {
    let (wide, local) = (ty.memory64, if ty.memory64 { INDEX64 } else { INDEX32 });
    let arg = MemArg { offset: 0, align: 0, target: MemArgTarget::Memory(m), ordering: None };
    s.memory_size(m);
    widen(s, wide);
    s.i64_const(ty.page_size_log2.unwrap_or(16) as i64).i64_shl().local_tee(END);
    seer.put(s);
    zero(s, wide);
    s.local_set(local).i64_const(0).local_set(HASH);
    // By words, then by bytes.
    for size in [8, 1] {
        s.block(BlockType::Empty).loop_(BlockType::Empty).local_get(local);
        widen(s, wide);
        s.i64_const(size).i64_add().local_get(END).i64_gt_u().br_if(1);
        s.local_get(HASH).local_get(local);
        if size == 8 {
            s.i64_load(arg)
        } else {
            s.i64_load8_u(arg)
        };
        s.i64_xor().i64_const(0x5851_f42d_4c95_7f2d).i64_mul().i64_const(23).i64_rotl().local_set(HASH);
        add(s, local, size, wide);
        s.br(0).end().end();
    }
    s.local_get(HASH);
    seer.put(s);
}

fn zero(s: &mut InstructionSink, wide: bool) {
    if wide {
        s.i64_const(0)
    } else {
        s.i32_const(0)
    };
}

fn widen(s: &mut InstructionSink, wide: bool) {
    if !wide {
        s.i64_extend_i32_u();
    }
}

fn add(s: &mut InstructionSink, local: u32, n: i64, wide: bool) {
    s.local_get(local);
    if wide {
        s.i64_const(n).i64_add()
    } else {
        s.i32_const(n as i32).i32_add()
    };
    s.local_set(local);
}
