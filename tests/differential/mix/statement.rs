//! Statements: each leaves the stack unchanged.

use super::body::{Body, Callee};
use super::world::*;
use crate::builder::EXN;
use wasm_encoder::*;

/// The maximum number of iterations of a loop.
const ITERATIONS: usize = 4;

impl Body<'_> {
    pub fn statement(&mut self, depth: usize) {
        if depth == 0 || self.is_long() {
            return self.log(0);
        }
        let depth = depth - 1;
        match self.random.below(30) {
            0 | 1 => self.log(depth),
            2..5 => self.set_local(depth),
            5 => self.set_global(depth),
            6 | 7 => self.set_field(depth),
            8 => self.set_element(depth),
            9 => self.set_slot(depth),
            10 => self.bulk(depth),
            11 => self.sometimes(|b| b.statements(depth)),
            12 => self.repeat(depth),
            13 => self.leave(depth),
            14..19 => self.attempt(&[], depth),
            19 => self.sometimes(|b| b.throw(depth)),
            20 => self.rethrow(depth),
            21 => self.sometimes(|b| {
                let results = b.results.clone();
                b.exprs(&results, depth);
                b.s().return_();
            }),
            22 => self.sometimes(|b| b.tail_call()),
            23..26 => self.call_and_log(depth),
            26 => self.garbage(depth),
            27 => self.branch(depth),
            28 => self.branch_by_number(depth),
            _ => self.trap(),
        }
    }

    pub fn statements(&mut self, depth: usize) {
        for _ in 0..1 + self.random.below(3) {
            self.statement(depth);
        }
    }

    fn log(&mut self, depth: usize) {
        let ty = self.world.any(&mut self.random);
        self.expr(ty, depth);
        self.see(ty);
    }

    fn set_local(&mut self, depth: usize) {
        let l = *self.random.pick(&self.usable);
        self.expr(self.locals[l as usize], depth);
        self.s().local_set(l);
    }

    fn set_global(&mut self, depth: usize) {
        let g = 1 + self.random.below(self.world.globals.len() - 1);
        self.expr(self.world.globals[g], depth);
        self.s().global_set(g as u32);
    }

    /// The object stays on the stack while the value is computed.
    fn set_field(&mut self, depth: usize) {
        let s = *self.random.pick(&self.world.structs);
        let fields = self.world.fields(s);
        let mutable: Vec<usize> = (0..fields.len()).filter(|i| fields[*i].mutable).collect();
        if mutable.is_empty() {
            return self.log(depth);
        }
        let i = *self.random.pick(&mutable);
        let ty = fields[i].element_type.unpack();
        self.block(&[], |b| {
            b.expr(concrete(s, true), depth);
            b.s().br_on_null(0);
            b.expr(ty, depth);
            b.s().struct_set(s, i as u32);
        });
    }

    fn set_element(&mut self, depth: usize) {
        let a = *self.random.pick(&self.world.arrays);
        let ty = self.world.element(a).unpack();
        self.block(&[], |b| {
            b.array_and_index(a, depth);
            b.expr(ty, depth);
            b.s().array_set(a);
        });
    }

    fn set_slot(&mut self, depth: usize) {
        let (table, slots, ty) = match self.random.one_in(2) {
            true => (OBJECTS, OBJECT_SLOTS, ANYREF),
            false => (EXCEPTIONS, EXCEPTION_SLOTS, EXNREF),
        };
        self.expr(ValType::I32, depth);
        self.s().i32_const(slots as i32 - 1).i32_and();
        self.index(table);
        self.expr(ty, depth);
        self.s().table_set(table);
    }

    /// Bulk operations on elements; ranges are in bounds.
    fn bulk(&mut self, depth: usize) {
        let half = self.random.below(2) as i32;
        match self.random.below(5) {
            4 => {
                self.expr(ANYREF, depth);
                self.index_const(OBJECTS, 1);
                self.s().table_grow(OBJECTS).drop();
            }
            0 => {
                for n in [half, 2, 3] {
                    self.index_const(OBJECTS, n);
                }
                self.s().table_copy(OBJECTS, OBJECTS);
            }
            1 => {
                self.index_const(EXCEPTIONS, half);
                self.expr(EXNREF, depth);
                self.index_const(EXCEPTIONS, 2);
                self.s().table_fill(EXCEPTIONS);
            }
            2 => {
                let (a, from) = (self.world.arrays[1], concrete(self.world.arrays[1], true));
                self.block(&[], |b| {
                    b.expr(from, depth);
                    b.s().br_on_null(0).i32_const(0);
                    b.expr(from, depth);
                    let kept = b.keep(&[from])[0];
                    // Null is not copied; the length is that of the shorter array, which has at least one element.
                    b.s().local_get(kept).br_on_null(0).i32_const(0).i32_const(1).array_copy(a, a);
                });
            }
            _ => {
                let a = *self.random.pick(&self.world.arrays);
                let element = self.world.element(a).unpack();
                self.block(&[], |b| {
                    b.expr(concrete(a, true), depth);
                    b.s().br_on_null(0).i32_const(0);
                    b.expr(element, depth);
                    b.s().i32_const(1).array_fill(a);
                });
            }
        }
    }

    /// Each iteration costs some of the budget.
    fn repeat(&mut self, depth: usize) {
        let counter = self.local(ValType::I32);
        let times = 1 + self.random.below(ITERATIONS) as i32;
        self.s().i32_const(times).local_set(counter);
        self.block(&[], |b| {
            b.s().loop_(BlockType::Empty);
            b.inside(&[], |b| {
                b.s().local_get(counter).i32_eqz().br_if(1);
                b.s().global_get(BUDGET).i32_const(0).i32_le_s().br_if(1);
                b.s().local_get(counter).i32_const(1).i32_sub().local_set(counter);
                b.spend();
                b.statements(depth);
                b.s().br(0);
            });
        });
    }

    /// A block that can be left in the middle.
    fn leave(&mut self, depth: usize) {
        self.block(&[], |b| {
            b.statement(depth);
            b.condition();
            b.s().br_if(0);
            b.statements(depth);
        });
    }

    pub fn throw(&mut self, depth: usize) {
        let tag = self.random.below(self.tags) as u32;
        self.throw_tag(tag, depth);
    }

    pub fn throw_tag(&mut self, tag: u32, depth: usize) {
        let params = self.world.tag_params(tag).to_vec();
        self.exprs(&params, depth);
        self.s().throw(tag);
    }

    fn rethrow(&mut self, depth: usize) {
        self.block(&[], |b| {
            b.condition();
            b.s().i32_eqz().br_if(0);
            b.expr(EXNREF, depth);
            b.s().br_on_null(0).throw_ref();
        });
    }

    /// A tail call.
    pub fn tail_call(&mut self) {
        let world = self.world;
        let results = &self.results;
        let gives = |c: &&Callee| {
            let have = world.shape.func_type(c.ty).results();
            have.len() == results.len() && have.iter().zip(results).all(|(a, b)| world.matches(*a, *b))
        };
        let found: Vec<Callee> = self.callees.iter().filter(gives).copied().collect();
        let callee = *self.random.pick(&found);
        self.call(callee, 1, true);
    }

    fn call_and_log(&mut self, depth: usize) {
        let callee = *self.random.pick(self.callees);
        self.call(callee, depth, false);
        let results = self.world.shape.func_type(callee.ty).results();
        for ty in results.iter().rev() {
            self.see(*ty);
        }
    }

    fn garbage(&mut self, depth: usize) {
        let t = *self.random.pick(&self.world.structs);
        self.new_object(t, depth);
        self.s().drop();
    }

    /// An enclosing block, as seen from here, and the types its label takes. Excludes labels that take an exception: only a clause
    /// has one that is certainly not null.
    fn some_label(&mut self) -> Option<(usize, Vec<ValType>)> {
        let up = self.random.below(self.labels.len().max(1));
        let types = self.labels.iter().rev().nth(up)?.clone();
        let exception = ValType::Ref(RefType { nullable: false, heap_type: EXN });
        (!types.contains(&exception)).then_some((up, types))
    }

    /// To any enclosing block or loop.
    fn branch(&mut self, depth: usize) {
        let Some((up, types)) = self.some_label() else { return };
        self.exprs(&types, depth);
        self.condition();
        self.s().br_if(up as u32);
        for _ in &types {
            self.s().drop();
        }
    }

    /// To one of several blocks that take the same types.
    fn branch_by_number(&mut self, depth: usize) {
        let Some((up, types)) = self.some_label() else { return };
        let same = self.labels.iter().rev().enumerate().filter(|(_, t)| **t == types);
        let same: Vec<u32> = same.map(|(i, _)| i as u32).collect();
        self.sometimes(|b| {
            b.exprs(&types, depth);
            b.expr(ValType::I32, depth);
            b.s().br_table(same.iter().map(|l| l + 1), up as u32 + 1);
        });
    }

    /// Traps cannot be caught. They are rare, since they end the call.
    fn trap(&mut self) {
        let t = self.world.structs[0];
        let kind = self.random.below(5);
        self.sometimes(|b| {
            b.s().global_get(BUDGET).i32_const(7).i32_and().if_(BlockType::Empty).else_();
            b.index_const(EXCEPTIONS, 99);
            let mut s = b.s();
            match kind {
                0 => s.drop().unreachable(),
                1 => s.drop().ref_null(HeapType::Concrete(t)).ref_as_non_null().drop(),
                2 => s.drop().i32_const(1).i32_const(0).i32_div_s().drop(),
                3 => s.table_get(EXCEPTIONS).drop(),
                _ => s.drop().i32_const(1).ref_i31().ref_cast_non_null(HeapType::Concrete(t)).drop(),
            };
            b.s().end();
        });
    }
}
