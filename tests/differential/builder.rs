//! Builds a module, with functions that write the values they see to a log.
//!
//! The log is a memory. It contains the number of words, a hash of all words, then as many of the words as fit.

use crate::shape::{Shape, Top};
use wasm_encoder::*;

const PAGE: u64 = 65536;
/// Bytes before the words.
const HEAD: u64 = 16;
/// The depth to which objects are inspected.
const DEPTH: i32 = 2;

pub const ARRAY: HeapType = HeapType::Abstract { shared: false, ty: AbstractHeapType::Array };
pub const EXN: HeapType = HeapType::Abstract { shared: false, ty: AbstractHeapType::Exn };

/// A nullable reference.
pub fn nullable(heap_type: HeapType) -> ValType {
    ValType::Ref(RefType { nullable: true, heap_type })
}

/// The types of a module, others after them, and the definitions.
pub struct Builder<'a> {
    pub shape: &'a Shape,
    pub types: TypeSection,
    pub functions: FunctionSection,
    pub code: CodeSection,
    pub exports: ExportSection,
    /// Defined functions.
    pub tags: TagSection,
    /// The number of imported functions.
    pub imported: u32,
}

impl<'a> Builder<'a> {
    pub fn new(shape: &'a Shape, imported: u32) -> Builder<'a> {
        Builder {
            shape,
            types: shape.type_section(),
            functions: FunctionSection::new(),
            code: CodeSection::new(),
            exports: ExportSection::new(),
            tags: TagSection::new(),
            imported,
        }
    }

    /// Adds a function type.
    pub fn ty(&mut self, params: &[ValType], results: &[ValType]) -> u32 {
        // The section counts groups.
        let own = self.types.len() as usize - self.shape.groups.len();
        self.types.ty().function(params.iter().copied(), results.iter().copied());
        (self.shape.types.len() + own) as u32
    }

    /// Ends a body and adds it. Returns the function's index.
    pub fn function(&mut self, ty: u32, mut body: Function) -> u32 {
        body.instructions().end();
        self.functions.function(ty);
        self.code.function(&body);
        self.imported + self.functions.len() - 1
    }

    /// A function without parameters and results.
    pub fn exported(&mut self, name: &str, body: Function) {
        let void = self.ty(&[], &[]);
        let index = self.function(void, body);
        self.exports.export(name, ExportKind::Func, index);
    }

    /// The type of a block with these results.
    pub fn block(&mut self, results: &[ValType]) -> BlockType {
        match results {
            [] => BlockType::Empty,
            [one] => BlockType::Result(*one),
            many => BlockType::FunctionType(self.ty(&[], many)),
        }
    }

    /// The module, with the caller's memories and elements.
    pub fn finish(
        self,
        imports: &ImportSection,
        memories: Option<&MemorySection>,
        elements: Option<&ElementSection>,
    ) -> Vec<u8> {
        let mut module = Module::new();
        module.section(&self.types).section(imports).section(&self.functions);
        if let Some(memories) = memories {
            module.section(memories);
        }
        if !self.tags.is_empty() {
            module.section(&self.tags);
        }
        module.section(&self.exports);
        if let Some(elements) = elements {
            module.section(elements);
        }
        module.section(&self.code);
        module.finish()
    }
}

/// The memory of a log.
pub fn log_memory() -> MemoryType {
    MemoryType { minimum: 1, maximum: Some(1), memory64: false, shared: false, page_size_log2: None }
}

fn memarg(memory: u32, offset: u64) -> MemArg {
    MemArg { offset, align: 3, target: MemArgTarget::Memory(memory), ordering: None }
}

/// Starts a new log.
pub fn begin(s: &mut InstructionSink, log: u32) {
    s.i32_const(0).i64_const(0).i64_store(memarg(log, 0));
    s.i32_const(0).i64_const(0).i64_store(memarg(log, 8));
}

/// The functions that log. Their indices are consecutive, in this order.
#[derive(Clone, Copy)]
pub struct Seer<'a> {
    pub shape: &'a Shape,
    /// The index of the first.
    pub first: u32,
}

/// The depth to which an object is inspected.
#[derive(Clone, Copy)]
pub enum Depth {
    /// From other functions: the full depth.
    Full,
    /// A smaller depth.
    Less,
    /// From one of the functions themselves, whose parameter 1 is the depth.
    Below,
}

impl<'a> Seer<'a> {
    pub const NAMES: [&'static str; 5] = ["put", "put128", "see any", "see func", "see exn"];

    fn types() -> [Vec<ValType>; 5] {
        [
            vec![ValType::I64],
            vec![ValType::V128],
            vec![nullable(HeapType::ANY), ValType::I32],
            vec![ValType::FUNCREF],
            vec![nullable(EXN), ValType::I32],
        ]
    }

    /// Imports the functions from a module that has them.
    pub fn import(&self, b: &mut Builder, imports: &mut ImportSection) {
        for (name, params) in Self::NAMES.iter().zip(Self::types()) {
            imports.import("", name, EntityType::Function(b.ty(&params, &[])));
        }
    }

    /// Defines the functions; `log` is the index of the memory.
    pub fn define(&self, b: &mut Builder, log: u32) {
        let [t0, t1, t2, t3, t4] = Self::types().map(|params| b.ty(&params, &[]));
        b.function(t0, put(log));
        b.function(t1, self.put128());
        b.function(t2, self.see_any());
        b.function(t3, self.see_func());
        let body = self.see_exn(b);
        b.function(t4, body);
    }

    pub fn put(&self, s: &mut InstructionSink) {
        s.call(self.first);
    }

    /// Pops a value from the stack and logs it.
    pub fn see(&self, s: &mut InstructionSink, ty: ValType, depth: Depth) {
        let put = self.first;
        match ty {
            ValType::I32 => s.i64_extend_i32_u().call(put),
            ValType::I64 => s.call(put),
            ValType::F32 => s.i32_reinterpret_f32().i64_extend_i32_u().call(put),
            ValType::F64 => s.i64_reinterpret_f64().call(put),
            ValType::V128 => s.call(put + 1),
            ValType::Ref(r) => {
                let top = self.shape.top(r.heap_type);
                match (top, depth) {
                    (Top::Func, _) => {
                        s.call(put + 3);
                        return;
                    }
                    (Top::Extern, _) => s.any_convert_extern(),
                    _ => s,
                };
                match depth {
                    Depth::Full => s.i32_const(DEPTH),
                    Depth::Less => s.i32_const(DEPTH - 1),
                    Depth::Below => s.local_get(1).i32_const(1).i32_sub(),
                };
                s.call(if top == Top::Exn { put + 4 } else { put + 2 })
            }
        };
    }

    fn put128(&self) -> Function {
        let mut body = Function::new([]);
        let (s, put) = (&mut body.instructions(), self.first);
        s.local_get(0).i64x2_extract_lane(0).call(put).local_get(0).i64x2_extract_lane(1).call(put);
        body
    }

    /// `(anyref, depth i32)`: null, a number, or the index of the most specific of the module's types that it has, and its
    /// contents.
    fn see_any(&self) -> Function {
        let put = self.first;
        let mut body = Function::new([]);
        let s = &mut body.instructions();
        s.local_get(0).ref_is_null().if_(BlockType::Empty).i64_const(0).call(put).return_().end();
        s.local_get(0).ref_test_non_null(HeapType::I31).if_(BlockType::Empty);
        s.local_get(0).ref_cast_non_null(HeapType::I31).i31_get_s().i64_extend_i32_s().i64_const(8).i64_shl();
        s.i64_const(1).i64_or().call(put).return_().end();
        // Subtypes come after their supertypes.
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
                        self.see(s, f.element_type.unpack(), Depth::Below);
                    }
                }
                CompositeInnerType::Array(a) => self.see_array(s, t as u32, a.0.element_type),
                _ => {}
            }
            s.return_().end();
        }
        s.i64_const(3).call(put);
        body
    }

    /// Its length, first and last element.
    fn see_array(&self, s: &mut InstructionSink, t: u32, element: StorageType) {
        let heap = HeapType::Concrete(t);
        let len = |s: &mut InstructionSink| {
            s.local_get(0).ref_cast_non_null(ARRAY).array_len();
        };
        len(s);
        s.i64_extend_i32_u().call(self.first);
        len(s);
        s.i32_eqz().if_(BlockType::Empty).return_().end();
        for last in [false, true] {
            s.local_get(0).ref_cast_non_null(heap);
            if last {
                len(s);
                s.i32_const(1).i32_sub();
            } else {
                s.i32_const(0);
            }
            match element {
                StorageType::Val(_) => s.array_get(t),
                _ => s.array_get_u(t),
            };
            self.see(s, element.unpack(), Depth::Below);
        }
    }

    /// `(funcref)`: null, or which of the module's types it has.
    fn see_func(&self) -> Function {
        let put = self.first;
        let mut body = Function::new([]);
        let s = &mut body.instructions();
        s.local_get(0).ref_is_null().if_(BlockType::Empty).i64_const(0).call(put).return_().end().i64_const(1);
        let types = self.shape.types.iter().enumerate();
        let types = types.filter(|(_, t)| matches!(t.composite_type.inner, CompositeInnerType::Func(_)));
        for (t, _) in types.take(60) {
            s.i64_const(1).i64_shl();
            s.local_get(0).ref_test_non_null(HeapType::Concrete(t as u32)).i64_extend_i32_u().i64_or();
        }
        s.call(put);
        body
    }

    /// `(exnref, depth i32)`: null, or its tag and values, found by throwing it.
    fn see_exn(&self, b: &mut Builder) -> Function {
        let ladder = Ladder::new(b, self.shape, 2, Vec::new());
        let put = self.first;
        let mut body = ladder.function();
        let s = &mut body.instructions();
        s.local_get(0).ref_is_null().if_(BlockType::Empty).i64_const(0).call(put).return_().end();
        s.local_get(1).i32_eqz().if_(BlockType::Empty).i64_const(4).call(put).return_().end();
        ladder.open(s);
        s.local_get(0).throw_ref().end().unreachable();
        ladder.close(s, self, Depth::Below);
        body
    }
}

/// `put(i64)`: one word.
fn put(log: u32) -> Function {
    let (count, hash, word) = (memarg(log, 0), memarg(log, 8), memarg(log, HEAD));
    let mut body = Function::new([(1, ValType::I64)]);
    let s = &mut body.instructions();
    s.i32_const(0).i32_const(0).i64_load(hash).local_get(0).i64_xor();
    s.i64_const(0x9e37_79b9_7f4a_7c15_u64 as i64).i64_mul().i64_const(29).i64_rotl().i64_store(hash);
    s.i32_const(0).i64_load(count).local_tee(1);
    s.i64_const((PAGE - HEAD) as i64 / 8).i64_lt_u().if_(BlockType::Empty);
    s.local_get(1).i32_wrap_i64().i32_const(3).i32_shl().local_get(0).i64_store(word);
    s.end();
    s.i32_const(0).local_get(1).i64_const(1).i64_add().i64_store(count);
    body
}

/// A `try_table` that catches every tag of a module, and logs the caught values.
pub struct Ladder {
    tags: Vec<Vec<ValType>>,
    blocks: Vec<BlockType>,
    locals: Vec<ValType>,
    /// The first local for a tag's values.
    firsts: Vec<u32>,
}

impl Ladder {
    /// For a function with this many parameters and these locals of its own.
    pub fn new(b: &mut Builder, shape: &Shape, params: u32, mut locals: Vec<ValType>) -> Ladder {
        let tags: Vec<Vec<ValType>> =
            shape.tags.iter().map(|t| shape.func_type(t.func_type_idx).params().to_vec()).collect();
        let blocks = tags.iter().map(|params| b.block(params)).collect();
        let mut firsts = Vec::new();
        for tag in &tags {
            firsts.push(params + locals.len() as u32);
            locals.extend(tag);
        }
        Ladder { tags, blocks, locals, firsts }
    }

    pub fn function(&self) -> Function {
        Function::new_with_locals_types(self.locals.iter().copied())
    }

    /// The code before the body, which is followed by `end` and has no results.
    pub fn open(&self, s: &mut InstructionSink) {
        s.block(BlockType::Empty).block(BlockType::Empty);
        for b in self.blocks.iter().rev() {
            s.block(*b);
        }
        let count = self.tags.len() as u32;
        let mut catches: Vec<Catch> = (0..count).map(|i| Catch::One { tag: i, label: i }).collect();
        catches.push(Catch::All { label: count });
        s.try_table(BlockType::Empty, catches);
    }

    /// Skips `close`, after the body.
    pub fn skip(&self, s: &mut InstructionSink) {
        s.br(self.tags.len() as u32 + 1);
    }

    pub fn close(&self, s: &mut InstructionSink, seer: &Seer, depth: Depth) {
        for (i, tag) in self.tags.iter().enumerate() {
            s.end();
            store_all(s, tag.len(), self.firsts[i]);
            s.i64_const(0xe0 + i as i64);
            seer.put(s);
            for (k, ty) in tag.iter().enumerate() {
                s.local_get(self.firsts[i] + k as u32);
                seer.see(s, *ty, depth);
            }
            s.br((self.tags.len() - i) as u32);
        }
        s.end().i64_const(0xef);
        seer.put(s);
        s.end();
    }
}

/// Pops values into consecutive locals, the deepest into `first`.
pub fn store_all(s: &mut InstructionSink, count: usize, first: u32) {
    for i in (0..count).rev() {
        s.local_set(first + i as u32);
    }
}
