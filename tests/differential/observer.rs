//! A module that imports everything another one exports, calls its functions, and writes what it sees into its memory `log` as numbers: so
//! hosts need neither make nor look at values, and references and exceptions are looked at by WebAssembly itself.
//!
//! The log: the number of words, a hash of all of them, then the words, as many as there is room for. Each function begins it anew.

use crate::random::Random;
use crate::shape::{Shape, Top};
use crate::values::Values;
use wasm_encoder::*;

const PAGE: u64 = 65536;
/// Bytes in front of the words.
const HEAD: u64 = 16;
/// How far objects are looked into.
const DEPTH: i32 = 2;

const ARRAY: HeapType = HeapType::Abstract { shared: false, ty: AbstractHeapType::Array };

/// Functions that come behind the imported ones, in this order.
const PUT: u32 = 0;
const PUT128: u32 = 1;
const SEE_ANY: u32 = 2;
const SEE_FUNC: u32 = 3;
const HELPERS: u32 = 4;

pub struct Observed {
    pub wasm: Vec<u8>,
    /// Names of what it imports, in order.
    pub imports: Vec<String>,
    /// Functions to call, in order.
    pub calls: Vec<String>,
}

struct Observer<'a> {
    shape: &'a Shape,
    types: TypeSection,
    /// The index of the first helper.
    helpers: u32,
    /// The index of the log among the memories.
    log: u32,
    functions: FunctionSection,
    code: CodeSection,
    exports: ExportSection,
    calls: Vec<String>,
}

/// Looks at a module with `shape` and everything exported. `fuel`: a global to set before each call, and to what.
pub fn observer(shape: &Shape, fuel: Option<(u32, i32)>, seed: u64) -> Observed {
    let mut o = Observer {
        shape,
        types: shape.type_section(),
        helpers: shape.funcs.len() as u32,
        log: shape.memories.len() as u32,
        functions: FunctionSection::new(),
        code: CodeSection::new(),
        exports: ExportSection::new(),
        calls: Vec::new(),
    };
    let mut imports = ImportSection::new();
    let names: Vec<String> = shape.exports().iter().map(|(name, ..)| name.clone()).collect();
    for (name, _, _, ty) in shape.exports() {
        imports.import("", &name, ty);
    }
    let defined = shape.imported_funcs..shape.funcs.len();
    let callable = 2 * defined.len() as u32;
    // Calls and looks; functions that arguments refer to come last.
    let first_value = o.helpers + HELPERS + callable + 1;
    let mut values = Values::new(shape, Random::new(seed), first_value);
    o.put();
    o.put128();
    o.see_any();
    o.see_func();
    o.state();
    for round in 0..2 {
        for f in defined.clone() {
            o.call(f as u32, round, fuel, &mut values);
        }
        o.calls.push("state".into());
    }
    // Functions whose arguments can not be made have no caller; their places are filled.
    let void = o.ty([], []);
    while o.helpers + o.functions.len() < first_value {
        o.function(void, Function::new([]));
    }
    values.add_funcs(&mut o.functions, &mut o.code);
    o.exports.export("log", ExportKind::Memory, o.log);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: Some(1), memory64: false, shared: false, page_size_log2: None });
    let mut module = Module::new();
    module.section(&o.types).section(&imports).section(&o.functions).section(&memories).section(&o.exports);
    if let Some(declared) = values.declared() {
        module.section(&declared);
    }
    module.section(&o.code);
    Observed { wasm: module.finish(), imports: names, calls: o.calls }
}

impl Observer<'_> {
    /// A function type of its own.
    fn ty<const P: usize, const R: usize>(&mut self, params: [ValType; P], results: [ValType; R]) -> u32 {
        self.types.ty().function(params, results);
        self.count_types() - 1
    }

    fn count_types(&self) -> u32 {
        // The section counts groups.
        let groups = self.types.len() - self.shape.groups.len() as u32;
        groups + self.shape.types.len() as u32
    }

    fn function(&mut self, ty: u32, mut body: Function) {
        body.instructions().end();
        self.functions.function(ty);
        self.code.function(&body);
    }

    /// Without parameters and results.
    fn exported(&mut self, name: &str, body: Function) {
        let void = self.ty([], []);
        self.function(void, body);
        self.exports.export(name, ExportKind::Func, self.helpers + self.functions.len() - 1);
    }

    fn at(&self, offset: u64) -> MemArg {
        memarg(self.log, offset, 3)
    }

    fn begin(&self, s: &mut InstructionSink) {
        s.i32_const(0).i64_const(0).i64_store(self.at(0));
        s.i32_const(0).i64_const(0).i64_store(self.at(8));
    }

    /// `put(i64)`: one word.
    fn put(&mut self) {
        let ty = self.ty([ValType::I64], []);
        let (count, hash, word) = (self.at(0), self.at(8), self.at(HEAD));
        let mut body = Function::new([(1, ValType::I64)]);
        let s = &mut body.instructions();
        s.i32_const(0).i32_const(0).i64_load(hash).local_get(0).i64_xor();
        s.i64_const(0x9e37_79b9_7f4a_7c15_u64 as i64).i64_mul().i64_const(29).i64_rotl().i64_store(hash);
        s.i32_const(0).i64_load(count).local_tee(1);
        s.i64_const((PAGE - HEAD) as i64 / 8).i64_lt_u().if_(BlockType::Empty);
        s.local_get(1).i32_wrap_i64().i32_const(3).i32_shl().local_get(0).i64_store(word);
        s.end();
        s.i32_const(0).local_get(1).i64_const(1).i64_add().i64_store(count);
        self.function(ty, body);
    }

    fn put128(&mut self) {
        let ty = self.ty([ValType::V128], []);
        let put = self.helpers + PUT;
        let mut body = Function::new([]);
        let s = &mut body.instructions();
        s.local_get(0).i64x2_extract_lane(0).call(put).local_get(0).i64x2_extract_lane(1).call(put);
        self.function(ty, body);
    }

    /// Takes a value from the stack and logs it.
    fn see(&self, s: &mut InstructionSink, ty: ValType, depth: impl FnOnce(&mut InstructionSink)) {
        let put = self.helpers + PUT;
        match ty {
            ValType::I32 => s.i64_extend_i32_u().call(put),
            ValType::I64 => s.call(put),
            ValType::F32 => s.i32_reinterpret_f32().i64_extend_i32_u().call(put),
            ValType::F64 => s.i64_reinterpret_f64().call(put),
            ValType::V128 => s.call(self.helpers + PUT128),
            ValType::Ref(r) => match self.shape.top(r.heap_type) {
                Top::Func => s.call(self.helpers + SEE_FUNC),
                Top::Exn => s.ref_is_null().i64_extend_i32_u().call(put),
                top => {
                    if top == Top::Extern {
                        s.any_convert_extern();
                    }
                    depth(s);
                    s.call(self.helpers + SEE_ANY)
                }
            },
        };
    }

    /// `see_any(anyref, depth i32)`: null, a number, or the number of the most special type of the module's that it is of, and what is in it.
    fn see_any(&mut self) {
        let any = ValType::Ref(RefType { nullable: true, heap_type: HeapType::ANY });
        let ty = self.ty([any, ValType::I32], []);
        let put = self.helpers + PUT;
        let mut body = Function::new([]);
        let s = &mut body.instructions();
        s.local_get(0).ref_is_null().if_(BlockType::Empty).i64_const(0).call(put).return_().end();
        s.local_get(0).ref_test_non_null(HeapType::I31).if_(BlockType::Empty);
        s.local_get(0).ref_cast_non_null(HeapType::I31).i31_get_s().i64_extend_i32_s().i64_const(8).i64_shl();
        s.i64_const(1).i64_or().call(put).return_().end();
        // Subtypes stand behind their supertypes.
        for (t, ty) in self.shape.types.iter().enumerate().rev() {
            let heap = HeapType::Concrete(t as u32);
            if matches!(ty.composite_type.inner, CompositeInnerType::Func(_)) {
                continue;
            }
            s.local_get(0).ref_test_non_null(heap).if_(BlockType::Empty);
            s.i64_const((t as i64) << 8 | 2).call(put);
            s.local_get(1).i32_eqz().if_(BlockType::Empty).return_().end();
            match &ty.composite_type.inner {
                CompositeInnerType::Struct(fields) => {
                    for (i, f) in fields.fields.iter().enumerate() {
                        s.local_get(0).ref_cast_non_null(heap);
                        match f.element_type {
                            StorageType::Val(_) => s.struct_get(t as u32, i as u32),
                            _ => s.struct_get_s(t as u32, i as u32),
                        };
                        self.see(s, f.element_type.unpack(), below);
                    }
                }
                CompositeInnerType::Array(a) => self.see_array(s, t as u32, a.0.element_type),
                _ => {}
            }
            s.return_().end();
        }
        s.i64_const(3).call(put);
        self.function(ty, body);
    }

    /// Its length, first and last element.
    fn see_array(&self, s: &mut InstructionSink, t: u32, element: StorageType) {
        let heap = HeapType::Concrete(t);
        let len = |s: &mut InstructionSink| {
            s.local_get(0).ref_cast_non_null(ARRAY).array_len();
        };
        len(s);
        s.i64_extend_i32_u().call(self.helpers + PUT);
        len(s);
        s.i32_eqz().if_(BlockType::Empty).return_().end();
        for last in [false, true] {
            s.local_get(0).ref_cast_non_null(heap);
            match last {
                false => drop(s.i32_const(0)),
                true => {
                    len(s);
                    s.i32_const(1).i32_sub();
                }
            }
            match element {
                StorageType::Val(_) => s.array_get(t),
                _ => s.array_get_u(t),
            };
            self.see(s, element.unpack(), below);
        }
    }

    /// `see_func(funcref)`: null, or which of the module's types it is of.
    fn see_func(&mut self) {
        let ty = self.ty([ValType::FUNCREF], []);
        let types = self.shape.types.iter().enumerate();
        let types: Vec<usize> = types
            .filter(|(_, t)| matches!(t.composite_type.inner, CompositeInnerType::Func(_)))
            .map(|(i, _)| i)
            .collect();
        let put = self.helpers + PUT;
        let mut body = Function::new([]);
        let s = &mut body.instructions();
        s.local_get(0).ref_is_null().if_(BlockType::Empty).i64_const(0).call(put).return_().end();
        s.i64_const(1);
        for t in types.iter().take(60) {
            s.i64_const(1).i64_shl();
            s.local_get(0).ref_test_non_null(HeapType::Concrete(*t as u32)).i64_extend_i32_u().i64_or();
        }
        s.call(put);
        self.function(ty, body);
    }

    /// Logs what calling a function with some arguments gives: results, or an exception and what is in it.
    fn call(&mut self, f: u32, round: u32, fuel: Option<(u32, i32)>, values: &mut Values) {
        let shape = self.shape;
        let ty = shape.func_type(shape.funcs[f as usize]);
        let Some(arguments) = values.values(ty.params()) else { return };
        let mut locals: Vec<ValType> = ty.results().to_vec();
        let tags: Vec<&FuncType> = shape.tags.iter().map(|t| shape.func_type(t.func_type_idx)).collect();
        let mut firsts = Vec::new();
        for tag in &tags {
            firsts.push(locals.len() as u32);
            locals.extend(tag.params());
        }
        let blocks: Vec<BlockType> = tags.iter().map(|t| self.block(t.params())).collect();
        let name = format!("call {f} {round}");
        let put = self.helpers + PUT;
        let this = &*self;
        let mut body = Function::new_with_locals_types(locals);
        let s = &mut body.instructions();
        this.begin(s);
        if let Some((global, amount)) = fuel {
            s.i32_const(amount).global_set(global);
        }
        if !tags.is_empty() {
            s.block(BlockType::Empty).block(BlockType::Empty);
            for b in blocks.iter().rev() {
                s.block(*b);
            }
            let mut catches: Vec<Catch> = (0..tags.len() as u32).map(|i| Catch::One { tag: i, label: i }).collect();
            catches.push(Catch::All { label: tags.len() as u32 });
            s.try_table(BlockType::Empty, catches);
        }
        for i in &arguments {
            body.instruction(i);
        }
        let s = &mut body.instructions();
        s.call(f);
        this.see_all(s, ty.results(), 0);
        if !tags.is_empty() {
            s.end().br(tags.len() as u32 + 1);
            for (i, tag) in tags.iter().enumerate() {
                s.end().i64_const(0xe0 + i as i64).call(put);
                this.see_all(s, tag.params(), firsts[i]);
                s.br((tags.len() - i) as u32);
            }
            s.end().i64_const(0xef).call(put).end();
        }
        self.exported(&name, body);
        self.calls.push(name);
    }

    /// A block that gives values of these types.
    fn block(&mut self, results: &[ValType]) -> BlockType {
        match results {
            [] => BlockType::Empty,
            [one] => BlockType::Result(*one),
            many => {
                self.types.ty().function([], many.iter().copied());
                BlockType::FunctionType(self.count_types() - 1)
            }
        }
    }

    /// Logs what is on the stack, the deepest first; `first` is the local for it.
    fn see_all(&self, s: &mut InstructionSink, types: &[ValType], first: u32) {
        for i in (0..types.len()).rev() {
            s.local_set(first + i as u32);
        }
        for (i, ty) in types.iter().enumerate() {
            s.local_get(first + i as u32);
            self.see(s, *ty, deep);
        }
    }

    /// Logs globals, sizes, elements, and a hash of memories.
    fn state(&mut self) {
        let (i32_local, i64_local, hash, end) = (0, 1, 2, 3);
        let mut body = Function::new_with_locals_types([ValType::I32, ValType::I64, ValType::I64, ValType::I64]);
        let s = &mut body.instructions();
        self.begin(s);
        for (g, ty) in self.shape.globals.iter().enumerate() {
            s.global_get(g as u32);
            self.see(s, ty.val_type, deep);
        }
        for (t, ty) in self.shape.tables.iter().enumerate() {
            self.see_table(s, t as u32, ty, if ty.table64 { i64_local } else { i32_local });
        }
        for (m, ty) in self.shape.memories.iter().enumerate() {
            self.see_memory(s, m as u32, ty, if ty.memory64 { i64_local } else { i32_local }, hash, end);
        }
        self.exported("state", body);
    }

    fn see_table(&self, s: &mut InstructionSink, t: u32, ty: &TableType, local: u32) {
        let wide = ty.table64;
        zero(s, wide);
        s.local_set(local);
        s.table_size(t);
        widen(s, wide);
        s.call(self.helpers + PUT);
        s.block(BlockType::Empty).loop_(BlockType::Empty);
        s.local_get(local).table_size(t);
        if wide {
            s.i64_ge_u()
        } else {
            s.i32_ge_u()
        };
        s.br_if(1);
        s.local_get(local).table_get(t);
        self.see(s, ValType::Ref(ty.element_type), below_top);
        s.local_get(local);
        if wide {
            s.i64_const(1).i64_add()
        } else {
            s.i32_const(1).i32_add()
        };
        s.local_set(local).br(0).end().end();
    }

    fn see_memory(&self, s: &mut InstructionSink, m: u32, ty: &MemoryType, local: u32, hash: u32, end: u32) {
        let wide = ty.memory64;
        let arg = memarg(m, 0, 0);
        s.memory_size(m);
        widen(s, wide);
        s.i64_const(ty.page_size_log2.unwrap_or(16) as i64).i64_shl().local_tee(end).call(self.helpers + PUT);
        zero(s, wide);
        s.local_set(local).i64_const(0).local_set(hash);
        // By words, then by bytes.
        for size in [8, 1] {
            s.block(BlockType::Empty).loop_(BlockType::Empty);
            s.local_get(local);
            widen(s, wide);
            s.i64_const(size).i64_add().local_get(end).i64_gt_u().br_if(1);
            s.local_get(hash).local_get(local);
            if size == 8 {
                s.i64_load(arg)
            } else {
                s.i64_load8_u(arg)
            };
            s.i64_xor().i64_const(0x5851_f42d_4c95_7f2d).i64_mul().i64_const(23).i64_rotl().local_set(hash);
            s.local_get(local);
            if wide {
                s.i64_const(size).i64_add()
            } else {
                s.i32_const(size as i32).i32_add()
            };
            s.local_set(local).br(0).end().end();
        }
        s.local_get(hash).call(self.helpers + PUT);
    }
}

fn memarg(memory: u32, offset: u64, align: u32) -> MemArg {
    MemArg { offset, align, target: MemArgTarget::Memory(memory), ordering: None }
}

/// What an object is looked into from outside.
fn deep(s: &mut InstructionSink) {
    s.i32_const(DEPTH);
}

fn below_top(s: &mut InstructionSink) {
    s.i32_const(DEPTH - 1);
}

/// What an object is looked into from `see_any`, whose depth is its parameter 1.
fn below(s: &mut InstructionSink) {
    s.local_get(1).i32_const(1).i32_sub();
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
