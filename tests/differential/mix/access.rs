//! Expressions that access something: casts, calls, fields, elements.

use super::body::{Body, Callee};
use super::world::*;
use wasm_encoder::*;

impl Body<'_> {
    /// A value of another type becomes null.
    pub fn cast(&mut self, t: u32, depth: usize) {
        let (to, from) = (
            RefType { nullable: true, heap_type: HeapType::Concrete(t) },
            RefType { nullable: true, heap_type: HeapType::ANY },
        );
        if self.random.one_in(40) {
            self.expr(ANYREF, depth);
            self.s().ref_cast_nullable(to.heap_type);
            return;
        }
        let fails = self.random.one_in(2);
        self.block(&[ValType::Ref(to)], |b| {
            if fails {
                b.block(&[ANYREF], |b| {
                    b.expr(ANYREF, depth);
                    b.s().br_on_cast_fail(0, from, to).br(1);
                });
            } else {
                b.expr(ANYREF, depth);
                b.s().br_on_cast(0, from, to);
            }
            b.s().drop().ref_null(to.heap_type);
        });
    }

    /// The result of a call, if there is a function with exactly this result.
    pub fn call_for(&mut self, ty: ValType, depth: usize) -> bool {
        let gives =
            |c: &&Callee| matches!(self.world.shape.func_type(c.ty).results(), [one] if self.world.matches(*one, ty));
        let found: Vec<Callee> = self.callees.iter().filter(gives).copied().collect();
        if found.is_empty() {
            return false;
        }
        let callee = *self.random.pick(&found);
        self.call(callee, depth, false);
        true
    }

    /// A call in one of three ways, or a tail call.
    pub fn call(&mut self, callee: Callee, depth: usize, tail: bool) {
        let params = self.world.shape.func_type(callee.ty).params().to_vec();
        self.exprs(&params, depth);
        match (self.random.below(3), tail) {
            (0, false) => {
                self.s().call(callee.index);
            }
            (0, true) => {
                self.s().return_call(callee.index);
            }
            (1, _) => {
                let first = (callee.ty - self.world.signatures[0]) * FUNC_SLOTS;
                self.expr(ValType::I32, depth);
                self.s().i32_const(FUNC_SLOTS as i32 - 1).i32_and().i32_const(first as i32).i32_add();
                self.index(FUNCS);
                match tail {
                    true => self.s().return_call_indirect(FUNCS, callee.ty),
                    false => self.s().call_indirect(FUNCS, callee.ty),
                };
            }
            _ => {
                self.expr(concrete(callee.ty, false), depth);
                match tail {
                    true => self.s().return_call_ref(callee.ty),
                    false => self.s().call_ref(callee.ty),
                };
            }
        }
    }

    /// A field of a structure, or another value if the structure is null.
    pub fn field_of(&mut self, ty: ValType, depth: usize) -> bool {
        let mut found = Vec::new();
        for s in &self.world.structs {
            for (i, f) in self.world.fields(*s).iter().enumerate() {
                if self.world.matches(f.element_type.unpack(), ty) {
                    found.push((*s, i as u32, f.element_type));
                }
            }
        }
        if found.is_empty() {
            return false;
        }
        let (s, i, storage) = *self.random.pick(&found);
        self.block(&[ty], |b| {
            b.block(&[], |b| {
                b.expr(concrete(s, true), depth);
                b.s().br_on_null(0);
                match storage {
                    StorageType::Val(_) => b.s().struct_get(s, i),
                    _ => b.s().struct_get_s(s, i),
                };
                b.s().br(1);
            });
            b.small(ty);
        });
        true
    }

    /// An element of an array, or another value if the array is null.
    pub fn element_of(&mut self, ty: ValType, depth: usize) -> bool {
        let fits = |a: &&u32| self.world.matches(self.world.element(**a).unpack(), ty);
        let found: Vec<u32> = self.world.arrays.iter().filter(fits).copied().collect();
        if found.is_empty() {
            return false;
        }
        let a = *self.random.pick(&found);
        self.block(&[ty], |b| {
            b.block(&[], |b| {
                b.array_and_index(a, depth);
                match b.world.element(a) {
                    StorageType::Val(_) => b.s().array_get(a),
                    _ => b.s().array_get_u(a),
                };
                b.s().br(1);
            });
            b.small(ty);
        });
        true
    }

    /// An array and an index in bounds; branches out of the innermost block if the array is null.
    pub fn array_and_index(&mut self, a: u32, depth: usize) {
        let array = self.local(concrete(a, true));
        self.expr(concrete(a, true), depth);
        self.s().local_tee(array).br_on_null(0);
        self.expr(ValType::I32, depth);
        self.s().local_get(array).array_len().i32_rem_u();
    }
}
