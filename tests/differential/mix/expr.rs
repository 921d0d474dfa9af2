//! Expressions: each pushes one value of the requested type.

use super::body::{Body, Callee};
use super::world::*;
use crate::builder::EXN;
use wasm_encoder::*;

impl Body<'_> {
    pub fn exprs(&mut self, types: &[ValType], depth: usize) {
        for ty in types {
            self.expr(*ty, depth);
        }
    }

    pub fn expr(&mut self, ty: ValType, depth: usize) {
        if depth == 0 || self.is_long() {
            return self.small(ty);
        }
        match self.random.below(16) {
            0..3 => self.small(ty),
            3 => {
                let label = [ty];
                self.block(&label, |b| b.interrupted(ty, depth));
            }
            4 => {
                self.condition();
                let block = self.block_type(&[], &[ty]);
                self.s().if_(block);
                self.labels.push(vec![ty]);
                self.expr(ty, depth - 1);
                self.s().else_();
                self.expr(ty, depth - 1);
                self.labels.pop();
                self.s().end();
            }
            5 => self.attempt(&[ty], depth - 1),
            6 | 7 if self.call_for(ty, depth - 1) => {}
            10 => {
                self.exprs(&[ty, ty], depth - 1);
                self.condition();
                self.s().typed_select(ty);
            }
            11 if self.not_null(ty, depth - 1) => {}
            8 if self.field_of(ty, depth - 1) => {}
            9 if self.element_of(ty, depth - 1) => {}
            _ => self.made(ty, depth - 1),
        }
    }

    /// A value, with some branches on the way that take another one.
    fn interrupted(&mut self, ty: ValType, depth: usize) {
        if self.random.one_in(2) {
            self.statement(depth - 1);
        }
        self.expr(ty, depth - 1);
        self.condition();
        self.s().br_if(0).drop();
        self.expr(ty, depth - 1);
    }

    /// A nullable reference, and another value if it is null.
    fn not_null(&mut self, ty: ValType, depth: usize) -> bool {
        let ValType::Ref(RefType { nullable: false, heap_type }) = ty else { return false };
        self.block(&[ty], |b| {
            b.expr(crate::builder::nullable(heap_type), depth);
            b.s().br_on_non_null(0);
            b.leaf(ty);
        });
        true
    }

    /// From a local or a global, or a constant.
    pub fn small(&mut self, ty: ValType) {
        let fits = |t: ValType| self.world.matches(t, ty);
        let locals: Vec<u32> = self.usable.iter().copied().filter(|l| fits(self.locals[*l as usize])).collect();
        let globals = 0..self.world.globals.len() as u32;
        let globals: Vec<u32> = globals.filter(|g| fits(self.world.globals[*g as usize])).collect();
        match self.random.below(8) {
            0 if !globals.is_empty() => {
                let g = *self.random.pick(&globals);
                self.s().global_get(g);
            }
            1 | 2 => self.leaf(ty),
            _ if !locals.is_empty() => {
                let l = *self.random.pick(&locals);
                self.s().local_get(l);
            }
            _ => self.leaf(ty),
        }
    }

    /// Without any operand.
    pub fn leaf(&mut self, ty: ValType) {
        let n = self.random.below(100) as i32;
        match ty {
            ValType::I32 => {
                self.s().i32_const(n);
            }
            ValType::I64 => {
                self.s().i64_const(n as i64 * 0x1_0000_0001);
            }
            ValType::F32 => {
                self.s().f32_const((n as f32 / 4.0).into());
            }
            ValType::F64 => {
                self.s().f64_const((n as f64 / 4.0).into());
            }
            ValType::V128 => {
                self.s().v128_const((n as i128) << 70 | n as i128);
            }
            ValType::Ref(r) if r.nullable && (r.heap_type == EXN || !self.random.one_in(3)) => {
                self.s().ref_null(r.heap_type);
            }
            ValType::Ref(r) => match r.heap_type {
                HeapType::Concrete(t) if self.world.signatures.contains(&t) => self.func_ref(t),
                HeapType::Concrete(t) => self.new_leaf(t),
                HeapType::EXTERN => {
                    self.s().i32_const(n).ref_i31().extern_convert_any();
                }
                _ => {
                    self.s().i32_const(n).ref_i31();
                }
            },
        }
    }

    fn func_ref(&mut self, signature: u32) {
        let all: Vec<Callee> = self.callees.iter().copied().filter(|c| c.ty == signature).collect();
        let callee = *self.random.pick(&all);
        self.s().ref_func(callee.index);
    }

    /// A structure whose references are null if possible, or an array of one element.
    fn new_leaf(&mut self, t: u32) {
        if self.world.arrays.contains(&t) {
            let element = self.world.element(t).unpack();
            self.leaf(element);
            self.s().array_new_fixed(t, 1);
            return;
        }
        let fields: Vec<ValType> = self.world.fields(t).iter().map(|f| f.element_type.unpack()).collect();
        for field in fields {
            match field {
                ValType::Ref(r) if r.nullable => {
                    self.s().ref_null(r.heap_type);
                }
                other => self.leaf(other),
            }
        }
        self.s().struct_new(t);
    }

    /// By an operation of the type itself.
    fn made(&mut self, ty: ValType, depth: usize) {
        match ty {
            ValType::I32 => self.made_i32(depth),
            ValType::I64 => {
                self.exprs(&[ValType::I64, ValType::I64], depth);
                match self.random.below(3) {
                    0 => self.s().i64_add(),
                    1 => self.s().i64_xor(),
                    _ => self.s().i64_mul(),
                };
            }
            // Operations that cannot produce a NaN.
            ValType::F32 => {
                self.exprs(&[ValType::F32, ValType::F32], depth);
                match self.random.one_in(2) {
                    true => self.s().f32_min(),
                    false => self.s().f32_copysign(),
                };
            }
            ValType::F64 => {
                self.expr(ValType::I32, depth);
                self.s().f64_convert_i32_s();
                self.expr(ValType::F64, depth);
                self.s().f64_max();
            }
            ValType::V128 => {
                self.exprs(&[ValType::V128, ValType::V128], depth);
                match self.random.one_in(2) {
                    true => self.s().i32x4_add(),
                    false => self.s().v128_xor(),
                };
            }
            ValType::Ref(r) => self.made_ref(r, depth),
        }
    }

    fn made_i32(&mut self, depth: usize) {
        match self.random.below(8) {
            0 => {
                let ty = self.world.defaultable(&mut self.random);
                match ty {
                    ValType::Ref(_) => {
                        self.expr(ty, depth);
                        self.s().ref_is_null();
                    }
                    _ => self.small(ValType::I32),
                }
            }
            1 => {
                let t = *self.random.pick(&self.world.structs);
                self.expr(ANYREF, depth);
                self.s().ref_test_non_null(HeapType::Concrete(t));
            }
            2 => {
                let eq = crate::builder::nullable(EQ);
                self.exprs(&[eq, eq], depth);
                self.s().ref_eq();
            }
            3 => {
                let table = *self.random.pick(&[OBJECTS, EXCEPTIONS]);
                self.s().table_size(table);
                if self.world.wide[table as usize] {
                    self.s().i32_wrap_i64();
                }
            }
            4 => {
                self.s().global_get(BUDGET);
            }
            _ => {
                self.exprs(&[ValType::I32, ValType::I32], depth);
                match self.random.below(4) {
                    0 => self.s().i32_add(),
                    1 => self.s().i32_sub(),
                    2 => self.s().i32_mul(),
                    _ => self.s().i32_lt_s(),
                };
            }
        }
    }

    fn made_ref(&mut self, r: RefType, depth: usize) {
        match r.heap_type {
            HeapType::Concrete(t) if self.world.signatures.contains(&t) => self.func_ref(t),
            HeapType::Concrete(t) if r.nullable && self.random.one_in(3) => self.cast(t, depth),
            HeapType::Concrete(t) => self.new_object(t, depth),
            EXN if r.nullable => self.element_or_field_of_exn(depth),
            HeapType::EXTERN if r.nullable => {
                self.expr(ANYREF, depth);
                self.s().extern_convert_any();
            }
            HeapType::I31 => {
                self.expr(ValType::I32, depth);
                self.s().ref_i31();
            }
            // A value of a subtype.
            _ => match self.random.below(6) {
                0 => {
                    self.expr(ValType::I32, depth);
                    self.s().ref_i31();
                }
                1 => {
                    let t = *self.random.pick(&self.world.arrays);
                    self.new_object(t, depth);
                }
                2 if r.nullable && r.heap_type == HeapType::ANY => self.slot(OBJECTS, OBJECT_SLOTS, depth),
                _ => {
                    let t = *self.random.pick(&self.world.structs);
                    self.new_object(t, depth);
                }
            },
        }
    }

    fn element_or_field_of_exn(&mut self, depth: usize) {
        match self.random.below(3) {
            0 => self.small(EXNREF),
            _ => self.slot(EXCEPTIONS, EXCEPTION_SLOTS, depth),
        }
    }

    /// An element of a table.
    fn slot(&mut self, table: u32, slots: u32, depth: usize) {
        self.expr(ValType::I32, depth);
        self.s().i32_const(slots as i32 - 1).i32_and();
        self.index(table);
        self.s().table_get(table);
    }

    /// Turns the number on the stack into an index of a table.
    pub fn index(&mut self, table: u32) {
        if self.world.wide[table as usize] {
            self.s().i64_extend_i32_u();
        }
    }

    /// A constant index of a table.
    pub fn index_const(&mut self, table: u32, n: i32) {
        self.s().i32_const(n);
        self.index(table);
    }

    /// A new structure or array; arrays have at least one element.
    pub fn new_object(&mut self, t: u32, depth: usize) {
        if self.world.structs.contains(&t) {
            let fields: Vec<ValType> = self.world.fields(t).iter().map(|f| f.element_type.unpack()).collect();
            self.exprs(&fields, depth);
            self.s().struct_new(t);
            return;
        }
        let element = self.world.element(t).unpack();
        let defaultable = !matches!(element, ValType::Ref(r) if !r.nullable);
        match self.random.below(3) {
            0 if defaultable => {
                let len = 1 + self.random.below(20) as i32;
                self.s().i32_const(len).array_new_default(t);
            }
            1 => {
                self.expr(element, depth);
                self.expr(ValType::I32, depth);
                self.s().i32_const(7).i32_and().i32_const(1).i32_add().array_new(t);
            }
            _ => {
                let len = 1 + self.random.below(3) as u32;
                (0..len).for_each(|_| self.expr(element, depth));
                self.s().array_new_fixed(t, len);
            }
        }
    }
}
