//! Constant instructions that produce a value of a given type, for globals and for arguments.

use crate::random::Random;
use crate::shape::Shape;
use wasm_encoder::*;

pub struct Values<'a> {
    pub shape: &'a Shape,
    pub random: Random,
    /// Types of functions that values refer to; the first function has the index `first_func`. Their bodies are generated last.
    pub funcs: Vec<u32>,
    pub first_func: u32,
}

/// References in structures at this depth are null if possible.
const DEPTH: u32 = 3;

impl<'a> Values<'a> {
    pub fn new(shape: &'a Shape, random: Random, first_func: u32) -> Values<'a> {
        Values { shape, random, funcs: Vec::new(), first_func }
    }

    /// `None` if there is no such value, or it would be too deep.
    pub fn value(&mut self, ty: ValType) -> Option<Vec<Instruction<'static>>> {
        let mut code = Vec::new();
        self.put(ty, DEPTH, &mut code).then_some(code)
    }

    /// Values for all types in a list.
    pub fn values(&mut self, types: &[ValType]) -> Option<Vec<Instruction<'static>>> {
        let mut code = Vec::new();
        types.iter().all(|t| self.put(*t, DEPTH, &mut code)).then_some(code)
    }

    /// A number; small ones and edge cases are more likely. As a float it is never a NaN.
    fn number(&mut self) -> u64 {
        let random = self.random.bits();
        match random % 8 {
            0 => 0,
            1 => 1,
            2 => u64::MAX,
            3 => 0x8000_0000,
            4 => i64::MIN as u64,
            5 | 6 => (random >> 8) & 0x3f,
            _ => random,
        }
    }

    fn put(&mut self, ty: ValType, depth: u32, code: &mut Vec<Instruction<'static>>) -> bool {
        let n = self.number();
        let one = match ty {
            ValType::I32 => Instruction::I32Const(n as i32),
            ValType::I64 => Instruction::I64Const(n as i64),
            ValType::F32 => Instruction::F32Const((n as i64 as f32 / 3.0).into()),
            ValType::F64 => Instruction::F64Const((n as i64 as f64 / 3.0).into()),
            ValType::V128 => Instruction::V128Const((n as i128) << 60 ^ n as i128),
            ValType::Ref(r) => {
                let wanted = !r.nullable || (depth > 0 && !self.random.one_in(3));
                let before = code.len();
                if wanted && self.put_object(r.heap_type, depth, code) {
                    return true;
                }
                code.truncate(before);
                if !r.nullable {
                    return false;
                }
                Instruction::RefNull(r.heap_type)
            }
        };
        code.push(one);
        true
    }

    fn put_object(&mut self, heap: HeapType, depth: u32, code: &mut Vec<Instruction<'static>>) -> bool {
        use AbstractHeapType as A;
        match heap {
            HeapType::Concrete(t) | HeapType::Exact(t) => depth > 0 && self.put_concrete(t, depth - 1, code),
            HeapType::Abstract { ty: A::Any | A::Eq | A::I31 | A::Extern, .. } => {
                let n = self.number();
                code.extend([Instruction::I32Const(n as i32), Instruction::RefI31]);
                if heap == HeapType::EXTERN {
                    code.push(Instruction::ExternConvertAny);
                }
                true
            }
            HeapType::Abstract { ty: ty @ (A::Struct | A::Array | A::Func), .. } => {
                let fits = |t: &SubType| {
                    matches!(
                        (ty, &t.composite_type.inner),
                        (A::Struct, CompositeInnerType::Struct(_))
                            | (A::Array, CompositeInnerType::Array(_))
                            | (A::Func, CompositeInnerType::Func(_))
                    )
                };
                let found: Vec<usize> = (0..self.shape.types.len()).filter(|i| fits(&self.shape.types[*i])).collect();
                depth > 0 && !found.is_empty() && {
                    let t = *self.random.pick(&found);
                    self.put_concrete(t as u32, depth - 1, code)
                }
            }
            // No constant expression produces an exception; the remaining types have only null.
            HeapType::Abstract { .. } => false,
        }
    }

    fn put_concrete(&mut self, index: u32, depth: u32, code: &mut Vec<Instruction<'static>>) -> bool {
        let shape = self.shape;
        match &shape.types[index as usize].composite_type.inner {
            CompositeInnerType::Func(_) => {
                let place = self.funcs.iter().position(|t| *t == index).unwrap_or_else(|| {
                    self.funcs.push(index);
                    self.funcs.len() - 1
                });
                code.push(Instruction::RefFunc(self.first_func + place as u32));
                true
            }
            CompositeInnerType::Struct(s) => {
                let fits = s.fields.iter().all(|f| self.put(f.element_type.unpack(), depth, code));
                code.push(Instruction::StructNew(index));
                fits
            }
            CompositeInnerType::Array(a) => {
                let array_size = self.random.below(4) as u32;
                let fits = (0..array_size).all(|_| self.put(a.0.element_type.unpack(), depth, code));
                code.push(Instruction::ArrayNewFixed { array_type_index: index, array_size });
                fits
            }
            CompositeInnerType::Cont(_) => false,
        }
    }

    /// Bodies of the functions that values refer to. They return values, or trap if there are none.
    pub fn add_funcs(&mut self, functions: &mut FunctionSection, code: &mut CodeSection) {
        let mut done = 0;
        while let Some(ty) = self.funcs.get(done).copied() {
            functions.function(ty);
            code.function(&self.body(ty, &[]));
            done += 1;
        }
    }

    /// A function that returns constants, or throws them; it traps if there are none.
    pub fn body(&mut self, ty: u32, tags: &[TagType]) -> Function {
        let shape = self.shape;
        let mut body = Function::new([]);
        let mut last = Instruction::Nop;
        let mut values = None;
        if !tags.is_empty() && self.random.one_in(3) {
            let tag = self.random.below(tags.len());
            values = self.values(shape.func_type(tags[tag].func_type_idx).params());
            last = Instruction::Throw(tag as u32);
        }
        if values.is_none() {
            values = self.values(shape.func_type(ty).results());
            last = Instruction::Nop;
        }
        for i in values.unwrap_or_else(|| vec![Instruction::Unreachable]) {
            body.instruction(&i);
        }
        body.instruction(&last).instruction(&Instruction::End);
        body
    }

    /// Code can only refer to functions that are declared somewhere.
    pub fn declared(&self) -> Option<ElementSection> {
        let all: Vec<u32> = (0..self.funcs.len() as u32).map(|i| self.first_func + i).collect();
        (!all.is_empty()).then(|| {
            let mut section = ElementSection::new();
            section.declared(Elements::Functions((&all[..]).into()));
            section
        })
    }
}

/// As a constant expression.
pub fn constant(code: Vec<Instruction<'static>>) -> ConstExpr {
    ConstExpr::extended(code)
}
