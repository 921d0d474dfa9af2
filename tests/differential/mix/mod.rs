//! Programs that mix exceptions, tail calls, objects and tables, so that collections happen in all combinations of them. They are well
//! typed and terminate by construction: calls and iterations use up a budget in a global.
//!
//! Each program has four modules: `base` has the shared parts and the log; two modules call each other, directly and through a table; the
//! last one has the functions that the host calls.

mod access;
mod attempt;
mod body;
mod expr;
mod statement;
mod world;

use crate::builder::{Builder, Depth, Ladder, Seer, begin, log_memory};
use crate::job::{Job, Part};
use crate::random::Random;
use body::{BlockTypes, Body, Callee};
use wasm_encoder::*;
use world::*;

/// Tags that only one program has, in addition to the shared ones.
const OWN_TAGS: usize = 2;

/// The budget of calls and iterations for one call by the host.
const BUDGETS: [i32; 4] = [20, 40, 80, 150];

pub fn job(seed: u64) -> Job {
    let mut random = Random::new(seed ^ 0x6d69_7800_0000_0000);
    let world = World::new(&mut random);
    let first = program(&world, &mut random, &[]);
    let second = program(&world, &mut random, &first.exports);
    let (driver, calls) = driver(&world, &mut random, &second.exports);
    let base_names = base_names(&world);
    let from_base = || base_names.iter().map(|n| (0, n.clone()));
    let imports = |from: u32, exports: &[Callee]| -> Vec<(u32, String)> {
        from_base().chain((0..exports.len()).map(|i| (from, format!("x{i}")))).collect()
    };
    let parts = vec![
        Part { wasm: base(&world), imports: Vec::new() },
        Part { wasm: first.wasm, imports: imports(0, &[]) },
        Part { wasm: second.wasm, imports: imports(1, &first.exports) },
        Part { wasm: driver, imports: imports(2, &second.exports) },
    ];
    Job { parts, calls, turn: None }
}

fn table_types(world: &World) -> [TableType; 3] {
    let ty = |table: u32, heap_type, n: u32| TableType {
        element_type: RefType { nullable: true, heap_type },
        table64: world.wide[table as usize],
        minimum: n as u64,
        maximum: Some(2 * n as u64),
        shared: false,
    };
    [
        ty(FUNCS, HeapType::FUNC, world.signatures.len() as u32 * FUNC_SLOTS),
        ty(OBJECTS, HeapType::ANY, OBJECT_SLOTS),
        ty(EXCEPTIONS, crate::builder::EXN, EXCEPTION_SLOTS),
    ]
}

fn global_type(ty: ValType) -> GlobalType {
    GlobalType { val_type: ty, mutable: true, shared: false }
}

/// The exports of `base`, in the order in which others import them.
fn base_names(world: &World) -> Vec<String> {
    let mut names: Vec<String> = Seer::NAMES.iter().map(|n| n.to_string()).collect();
    names.extend((0..3).map(|i| format!("t{i}")));
    names.extend((0..world.globals.len()).map(|i| format!("g{i}")));
    names.extend((0..world.shape.tags.len()).map(|i| format!("e{i}")));
    names.push("log".into());
    names
}

fn base(world: &World) -> Vec<u8> {
    let mut b = Builder::new(&world.shape, 0);
    Seer { shape: &world.shape, first: 0 }.define(&mut b, 0);
    for (i, name) in Seer::NAMES.iter().enumerate() {
        b.exports.export(name, ExportKind::Func, i as u32);
    }
    let (mut tables, mut tags, mut globals) = (TableSection::new(), TagSection::new(), GlobalSection::new());
    for (i, ty) in table_types(world).into_iter().enumerate() {
        tables.table(ty);
        b.exports.export(&format!("t{i}"), ExportKind::Table, i as u32);
    }
    for (i, ty) in world.globals.iter().enumerate() {
        let zero = match ty {
            ValType::I32 => ConstExpr::i32_const(0),
            ValType::I64 => ConstExpr::i64_const(0),
            ValType::F32 => ConstExpr::f32_const(0.0.into()),
            ValType::F64 => ConstExpr::f64_const(0.0.into()),
            ValType::V128 => ConstExpr::v128_const(0),
            ValType::Ref(r) => ConstExpr::ref_null(r.heap_type),
        };
        globals.global(global_type(*ty), &zero);
        b.exports.export(&format!("g{i}"), ExportKind::Global, i as u32);
    }
    for (i, tag) in world.shape.tags.iter().enumerate() {
        tags.tag(*tag);
        let again = world.same_tags && i + 1 == world.shape.tags.len();
        b.exports.export(&format!("e{i}"), ExportKind::Tag, i as u32 - again as u32);
    }
    b.exports.export("log", ExportKind::Memory, 0);
    let mut memories = MemorySection::new();
    memories.memory(log_memory());
    let mut module = Module::new();
    module.section(&b.types).section(&b.functions).section(&tables).section(&memories).section(&tags);
    module.section(&globals).section(&b.exports).section(&b.code);
    module.finish()
}

/// Imports of everything that `base` exports, and of functions.
fn imports(world: &World, b: &mut Builder, functions: &[Callee]) -> ImportSection {
    let mut imports = ImportSection::new();
    Seer { shape: &world.shape, first: 0 }.import(b, &mut imports);
    for ty in table_types(world) {
        imports.import("", "", ty);
    }
    for ty in &world.globals {
        imports.import("", "", global_type(*ty));
    }
    for tag in &world.shape.tags {
        imports.import("", "", *tag);
    }
    imports.import("", "", log_memory());
    for f in functions {
        imports.import("", "", EntityType::Function(f.ty));
    }
    b.imported = (Seer::NAMES.len() + functions.len()) as u32;
    imports
}

struct Program {
    wasm: Vec<u8>,
    /// Functions `x0`, `x1` and so on; their indices are those in a module that imports them after the ones of `base`.
    exports: Vec<Callee>,
}

/// Functions that call each other and those of another program. Active elements put some of them in the shared table.
fn program(world: &World, random: &mut Random, others: &[Callee]) -> Program {
    let mut b = Builder::new(&world.shape, 0);
    let imports = imports(world, &mut b, others);
    let mut types: Vec<u32> = world.signatures.clone();
    types.extend((0..random.below(2)).map(|_| *random.pick(&world.signatures)));
    let own: Vec<Callee> =
        types.iter().enumerate().map(|(i, ty)| Callee { index: b.imported + i as u32, ty: *ty }).collect();
    let callees: Vec<Callee> = others.iter().chain(&own).copied().collect();
    // Types of `Seer`'s functions follow the world's, then those of blocks.
    let mut block_types = BlockTypes { types: Vec::new(), first: (world.shape.types.len() + Seer::NAMES.len()) as u32 };
    let tags = world.shape.tags.len() + OWN_TAGS;
    for tag in &world.shape.tags[..OWN_TAGS] {
        b.tags.tag(*tag);
    }
    for (i, callee) in own.iter().enumerate() {
        let body = function(world, random, callee.ty, &callees, &mut block_types, tags);
        b.functions.function(callee.ty);
        b.code.function(&body);
        b.exports.export(&format!("x{i}"), ExportKind::Func, callee.index);
    }
    for (params, results) in &block_types.types {
        b.ty(params, results);
    }
    let mut elements = elements(world, random, &own, others.is_empty());
    declare(&mut elements, others);
    let first = Seer::NAMES.len() as u32;
    let exports = own.iter().enumerate().map(|(i, c)| Callee { index: first + i as u32, ty: c.ty }).collect();
    Program { wasm: b.finish(&imports, None, Some(&elements)), exports }
}

/// Slots of the table of functions: all of them, or some.
fn elements(world: &World, random: &mut Random, own: &[Callee], all: bool) -> ElementSection {
    let mut section = ElementSection::new();
    for (i, ty) in world.signatures.iter().enumerate() {
        let fit: Vec<u32> = own.iter().filter(|c| c.ty == *ty).map(|c| c.index).collect();
        for slot in 0..FUNC_SLOTS {
            if all || random.one_in(2) {
                let place = i as u32 * FUNC_SLOTS + slot;
                let offset = match world.wide[FUNCS as usize] {
                    true => ConstExpr::i64_const(place as i64),
                    false => ConstExpr::i32_const(place as i32),
                };
                section.active(Some(FUNCS), &offset, Elements::Functions((&[*random.pick(&fit)][..]).into()));
            }
        }
    }
    section
}

/// Functions that code refers to must be named in an element segment or an export.
fn declare(section: &mut ElementSection, functions: &[Callee]) {
    let all: Vec<u32> = functions.iter().map(|c| c.index).collect();
    section.declared(Elements::Functions((&all[..]).into()));
}

fn function(
    world: &World,
    random: &mut Random,
    ty: u32,
    callees: &[Callee],
    block_types: &mut BlockTypes,
    tags: usize,
) -> Function {
    let signature = world.shape.func_type(ty);
    let mut locals = signature.params().to_vec();
    let params = locals.len();
    locals.extend([ValType::I32, ANYREF, EXNREF, concrete(world.structs[0], true)]);
    locals.extend((0..3).map(|_| world.defaultable(random)));
    let body = Body {
        world,
        random: Random::new(random.bits()),
        seer: Seer { shape: &world.shape, first: 0 },
        callees,
        block_types,
        tags,
        code: Vec::new(),
        begin: 0,
        usable: (0..locals.len() as u32).collect(),
        locals,
        labels: Vec::new(),
        results: signature.results().to_vec(),
        params,
    };
    body.write()
}

/// The last module: functions for the host, which call one function of the program with a budget, and one that logs the final
/// state. One of them lets exceptions out to the host.
fn driver(world: &World, random: &mut Random, program: &[Callee]) -> (Vec<u8>, Vec<String>) {
    let mut b = Builder::new(&world.shape, 0);
    let imports = imports(world, &mut b, program);
    let seer = Seer { shape: &world.shape, first: 0 };
    let mut calls = Vec::new();
    let mut runs = Vec::new();
    for budget in BUDGETS {
        let callee = *random.pick(program);
        let mut body = Function::new([]);
        begin(&mut body.instructions(), 0);
        body.instructions().i32_const(budget).global_set(BUDGET);
        body.raw(arguments(world, random, program, callee));
        let s = &mut body.instructions();
        s.call(callee.index);
        for ty in world.shape.func_type(callee.ty).results().iter().rev() {
            seer.see(s, *ty, Depth::Full);
        }
        runs.push(body);
    }
    let out = runs.pop().unwrap();
    let void = b.ty(&[], &[]);
    let runs: Vec<u32> = runs.into_iter().map(|body| b.function(void, body)).collect();
    let guarded = guarded(&mut b, world, &runs);
    for i in 0..runs.len() {
        let mut body = Function::new([]);
        body.instructions().i32_const(i as i32).call(guarded);
        calls.extend([format!("run {i}"), "state".into()]);
        b.exported(&format!("run {i}"), body);
    }
    calls.insert(2, "out".into());
    calls.insert(3, "state".into());
    b.exported("out", out);
    b.exported("state", state(world, &seer));
    b.exports.export("log", ExportKind::Memory, 0);
    let mut declared = ElementSection::new();
    declare(&mut declared, program);
    (b.finish(&imports, None, Some(&declared)), calls)
}

/// Constants for a function's parameters.
fn arguments(world: &World, random: &mut Random, program: &[Callee], callee: Callee) -> Vec<u8> {
    let mut block_types = BlockTypes { types: Vec::new(), first: 0 };
    let mut body = Body {
        world,
        random: Random::new(random.bits()),
        seer: Seer { shape: &world.shape, first: 0 },
        callees: program,
        block_types: &mut block_types,
        tags: 0,
        code: Vec::new(),
        begin: 0,
        locals: Vec::new(),
        usable: Vec::new(),
        labels: Vec::new(),
        results: Vec::new(),
        params: 0,
    };
    for ty in world.shape.func_type(callee.ty).params() {
        body.leaf(*ty);
    }
    body.code
}

/// A function that calls the one with a number, and logs the exceptions it throws.
fn guarded(b: &mut Builder, world: &World, functions: &[u32]) -> u32 {
    let ladder = Ladder::new(b, &world.shape, 1, Vec::new());
    let mut body = ladder.function();
    let s = &mut body.instructions();
    ladder.open(s);
    for (i, f) in functions.iter().enumerate() {
        s.local_get(0).i32_const(i as i32).i32_eq().if_(BlockType::Empty).call(*f).end();
    }
    s.end();
    ladder.skip(s);
    ladder.close(s, &Seer { shape: &world.shape, first: 0 }, Depth::Full);
    let ty = b.ty(&[ValType::I32], &[]);
    b.function(ty, body)
}

fn state(world: &World, seer: &Seer) -> Function {
    let mut body = Function::new([]);
    let s = &mut body.instructions();
    begin(s, 0);
    for (i, ty) in world.globals.iter().enumerate() {
        s.global_get(i as u32);
        seer.see(s, *ty, Depth::Full);
    }
    for (table, slots, ty) in [(OBJECTS, OBJECT_SLOTS, ANYREF), (EXCEPTIONS, EXCEPTION_SLOTS, EXNREF)] {
        for slot in 0..slots {
            match world.wide[table as usize] {
                true => s.i64_const(slot as i64),
                false => s.i32_const(slot as i32),
            };
            s.table_get(table);
            seer.see(s, ty, Depth::Full);
        }
    }
    body
}
