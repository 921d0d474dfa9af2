//! `try_table` in all its forms.

use super::body::Body;
use super::world::*;
use crate::builder::EXN;
use wasm_encoder::*;

/// A clause: its tag, if it has one; whether it takes the exception itself; and the types that its label takes.
#[derive(Clone)]
struct Clause {
    tag: Option<u32>,
    takes_ref: bool,
    types: Vec<ValType>,
}

impl Clause {
    fn catch(&self, label: u32) -> Catch {
        match (self.tag, self.takes_ref) {
            (Some(tag), false) => Catch::One { tag, label },
            (Some(tag), true) => Catch::OneRef { tag, label },
            (None, false) => Catch::All { label },
            (None, true) => Catch::AllRef { label },
        }
    }
}

/// Sometimes, repeated clauses.
const MANY: usize = 32;

impl Body<'_> {
    /// Code that may throw, and its handlers; both leave values of these types.
    pub fn attempt(&mut self, results: &[ValType], depth: usize) {
        let clauses: Vec<Clause> = (0..1 + self.random.below(3)).map(|_| self.clause()).collect();
        let mut catches = Vec::new();
        // Some clauses branch to enclosing blocks or loops that take the same types.
        let own: Vec<&Clause> = clauses.iter().filter(|c| !self.goes_out(c, clauses.len(), &mut catches)).collect();
        let own: Vec<Clause> = own.into_iter().cloned().collect();
        let count = own.len() as u32;
        for catch in &mut catches {
            // Labels as seen from within the blocks that follow: one block for all, and one for each clause without a target.
            let (Catch::One { label, .. }
            | Catch::OneRef { label, .. }
            | Catch::All { label }
            | Catch::AllRef { label }) = catch;
            *label += count + 1;
        }
        catches.extend(own.iter().enumerate().map(|(i, c)| c.catch(i as u32)));
        if self.random.one_in(2) {
            catches.reverse();
        }
        if self.random.one_in(10) {
            self.repeat_clauses(&mut catches);
        }
        let all = self.block_type(&[], results);
        self.s().block(all);
        self.labels.push(results.to_vec());
        for clause in own.iter().rev() {
            let ty = self.block_type(&[], &clause.types);
            self.s().block(ty);
            self.labels.push(clause.types.clone());
        }
        let wanted: Vec<u32> = clauses.iter().filter_map(|c| c.tag).collect();
        self.guarded(results, catches, &wanted, depth);
        self.s().br(count);
        for (i, clause) in own.iter().enumerate() {
            self.labels.pop();
            self.s().end();
            self.handle(clause, results, depth);
            self.s().br(count - 1 - i as u32);
        }
        // After a branch, the stack is polymorphic.
        self.s().unreachable();
        self.labels.pop();
        self.s().end();
    }

    /// Enough of them that compilers may treat them differently.
    fn repeat_clauses(&mut self, catches: &mut Vec<Catch>) {
        for _ in 0..MANY {
            let again = self.random.pick(catches).clone();
            let place = self.random.below(catches.len() + 1);
            catches.insert(place, again);
        }
    }

    fn clause(&mut self) -> Clause {
        let tag = (!self.random.one_in(4)).then(|| self.random.below(self.tags) as u32);
        let takes_ref = self.random.one_in(2);
        let mut types = tag.map_or(Vec::new(), |t| self.world.tag_params(t).to_vec());
        if takes_ref {
            types.push(ValType::Ref(RefType { nullable: self.random.one_in(2), heap_type: EXN }));
        }
        Clause { tag, takes_ref, types }
    }

    /// Directs a clause to an existing block, if there is a suitable one; the label is as seen from here.
    fn goes_out(&self, clause: &Clause, salt: usize, catches: &mut Vec<Catch>) -> bool {
        let found = self.labels.iter().rev().position(|types| {
            types.len() == clause.types.len()
                && types.iter().zip(&clause.types).all(|(to, from)| self.world.matches(*from, *to))
        });
        match found {
            Some(label) if (label + salt + self.code.len()).is_multiple_of(3) => {
                catches.push(clause.catch(label as u32));
                true
            }
            _ => false,
        }
    }

    /// The `try_table` itself; `wanted` are the tags that it catches.
    fn guarded(&mut self, results: &[ValType], catches: Vec<Catch>, wanted: &[u32], depth: usize) {
        let param = self.random.one_in(4).then(|| self.world.defaultable(&mut self.random));
        let params: Vec<ValType> = param.into_iter().collect();
        self.exprs(&params, 1);
        let ty = self.block_type(&params, results);
        self.s().try_table(ty, catches);
        self.labels.push(results.to_vec());
        for ty in &params {
            self.see(*ty);
        }
        for _ in 0..1 + self.random.below(3) {
            match self.random.below(5) {
                0 => self.sometimes(|b| b.throw_wanted(wanted)),
                _ => self.statement(depth),
            }
        }
        match self.random.below(8) {
            0 | 1 => self.throw_wanted(wanted),
            2 => self.tail_call(),
            _ => self.exprs(results, depth),
        }
        self.labels.pop();
        self.s().end();
    }

    /// Mostly one of these tags.
    fn throw_wanted(&mut self, wanted: &[u32]) {
        match wanted.is_empty() || self.random.one_in(3) {
            true => self.throw(1),
            false => {
                let tag = *self.random.pick(wanted);
                self.throw_tag(tag, 1);
            }
        }
    }

    /// The caught values are on the stack. They are inspected, kept, and sometimes rethrown.
    fn handle(&mut self, clause: &Clause, results: &[ValType], depth: usize) {
        let kept = self.keep(&clause.types);
        self.mark(0xc0 + clause.tag.map_or(15, |t| t as i64));
        for (l, ty) in kept.iter().zip(&clause.types) {
            if !self.random.one_in(3) {
                self.s().local_get(*l);
                self.see(*ty);
            }
        }
        if let (true, Some(exception)) = (clause.takes_ref, kept.last()) {
            self.use_exception(*exception);
        }
        if let (Some(tag), true) = (clause.tag, self.random.one_in(4)) {
            // The same values in another exception.
            let values: Vec<u32> = kept.iter().copied().take(self.world.tag_params(tag).len()).collect();
            self.sometimes(|b| {
                for l in values {
                    b.s().local_get(l);
                }
                b.s().throw(tag);
            });
        }
        if self.random.one_in(2) {
            self.statement(depth);
        }
        self.exprs(results, depth);
    }

    fn use_exception(&mut self, exception: u32) {
        match self.random.below(6) {
            0 => self.sometimes(|b| {
                b.s().local_get(exception).throw_ref();
            }),
            1 => {
                let slot = self.random.below(EXCEPTION_SLOTS as usize) as i32;
                self.index_const(EXCEPTIONS, slot);
                self.s().local_get(exception).table_set(EXCEPTIONS);
            }
            2 => {
                self.s().local_get(exception).global_set(3);
            }
            3 | 4 => {
                let found: Vec<u32> =
                    self.usable.iter().copied().filter(|l| self.locals[*l as usize] == EXNREF).collect();
                if !found.is_empty() {
                    let l = *self.random.pick(&found);
                    self.s().local_get(exception).local_set(l);
                }
            }
            _ => {}
        }
    }
}
