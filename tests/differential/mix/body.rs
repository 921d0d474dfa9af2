//! Builds one function. Its code is valid at every point: an expression pushes one value, a statement none.

use super::world::{BUDGET, World};
use crate::builder::{Depth, Seer};
use crate::random::Random;
use wasm_encoder::*;

/// A function that can be called.
#[derive(Clone, Copy)]
pub struct Callee {
    pub index: u32,
    /// The index of its type.
    pub ty: u32,
}

/// Types of blocks that a module needs in addition to the shared types.
pub struct BlockTypes {
    pub types: Vec<(Vec<ValType>, Vec<ValType>)>,
    /// The index of the first.
    pub first: u32,
}

pub struct Body<'w> {
    pub world: &'w World,
    pub random: Random,
    pub seer: Seer<'w>,
    /// At least one of each signature.
    pub callees: &'w [Callee],
    pub block_types: &'w mut BlockTypes,
    /// The number of tags, including those of the module itself.
    pub tags: usize,
    pub code: Vec<u8>,
    /// The position from which the length of the code is counted.
    pub begin: usize,
    /// Parameters first.
    pub locals: Vec<ValType>,
    /// Locals that can be read and written anywhere.
    pub usable: Vec<u32>,
    /// The types that a branch to each enclosing block takes; the innermost is last.
    pub labels: Vec<Vec<ValType>>,
    pub results: Vec<ValType>,
    pub params: usize,
}

/// The size of the code, in bytes, after which only necessary instructions are added.
const LENGTH: usize = 300;

/// Vectors that fill more than a page.
const VECTORS: u64 = 280;

impl<'w> Body<'w> {
    pub fn s(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.code)
    }

    pub fn is_long(&self) -> bool {
        self.code.len() > self.begin + LENGTH
    }

    /// A local of this type that no other code uses.
    pub fn local(&mut self, ty: ValType) -> u32 {
        self.locals.push(ty);
        self.locals.len() as u32 - 1
    }

    pub fn block_type(&mut self, params: &[ValType], results: &[ValType]) -> BlockType {
        match (params, results) {
            ([], []) => BlockType::Empty,
            ([], [one]) => BlockType::Result(*one),
            _ => {
                let ty = (params.to_vec(), results.to_vec());
                let types = &mut self.block_types.types;
                let place = types.iter().position(|t| *t == ty).unwrap_or_else(|| {
                    types.push(ty);
                    types.len() - 1
                });
                BlockType::FunctionType(self.block_types.first + place as u32)
            }
        }
    }

    /// A block whose branches take its result types.
    pub fn block(&mut self, results: &[ValType], inside: impl FnOnce(&mut Self)) {
        let ty = self.block_type(&[], results);
        self.s().block(ty);
        self.inside(results, inside);
    }

    /// The contents of a block that was just opened, and its end.
    pub fn inside(&mut self, label: &[ValType], inside: impl FnOnce(&mut Self)) {
        self.labels.push(label.to_vec());
        inside(self);
        self.labels.pop();
        self.s().end();
    }

    /// Code that runs sometimes: the condition is random at run time, not when the code is generated.
    pub fn sometimes(&mut self, inside: impl FnOnce(&mut Self)) {
        self.condition();
        self.s().if_(BlockType::Empty);
        self.inside(&[], inside);
    }

    pub fn condition(&mut self) {
        if self.random.one_in(2) {
            // The budget differs each time.
            let n = 2 + self.random.below(4);
            let k = self.random.below(n) as i32;
            self.s().global_get(BUDGET).i32_const(n as i32).i32_rem_u().i32_const(k).i32_eq();
        } else {
            self.expr(ValType::I32, 2);
            self.s().i32_const(3).i32_and().i32_eqz();
        }
    }

    /// Pops the value on the stack and logs it.
    pub fn see(&mut self, ty: ValType) {
        let seer = self.seer;
        seer.see(&mut self.s(), ty, Depth::Full);
    }

    /// Logs a number that identifies the position.
    pub fn mark(&mut self, n: i64) {
        self.s().i64_const(n);
        self.see(ValType::I64);
    }

    /// Pops values from the stack into new locals.
    pub fn keep(&mut self, types: &[ValType]) -> Vec<u32> {
        let kept: Vec<u32> = types.iter().map(|t| self.local(*t)).collect();
        for l in kept.iter().rev() {
            self.s().local_set(*l);
        }
        kept
    }

    /// The whole function.
    pub fn write(mut self) -> Function {
        self.enter();
        let large = self.random.one_in(30);
        if large {
            self.fill_frame();
            self.begin = self.code.len();
        }
        for _ in 0..2 + self.random.below(4) {
            self.statement(3);
        }
        if large {
            self.empty_frame();
        }
        if self.random.one_in(3) {
            self.tail_call();
        } else {
            let results = self.results.clone();
            self.exprs(&results, 2);
        }
        self.s().end();
        let mut f = Function::new_with_locals_types(self.locals[self.params..].iter().copied());
        f.raw(self.code);
        f
    }

    /// Pushes enough vectors for a frame of more than a page. They come from the log, so that the compiler cannot recompute
    /// them.
    fn fill_frame(&mut self) {
        for i in 0..VECTORS {
            let at = MemArg { offset: 16 * i, align: 0, target: MemArgTarget::Memory(0), ordering: None };
            self.s().i32_const(0).v128_load(at);
        }
    }

    /// Pops them again.
    fn empty_frame(&mut self) {
        for _ in 1..VECTORS {
            self.s().v128_xor();
        }
        self.see(ValType::V128);
    }

    /// A function without budget returns immediately, so every program ends.
    fn enter(&mut self) {
        self.s().global_get(BUDGET).i32_const(0).i32_le_s().if_(BlockType::Empty);
        for ty in self.results.clone() {
            self.leaf(ty);
        }
        self.s().return_().end();
        self.spend();
    }

    pub fn spend(&mut self) {
        self.s().global_get(BUDGET).i32_const(1).i32_sub().global_set(BUDGET);
    }
}
