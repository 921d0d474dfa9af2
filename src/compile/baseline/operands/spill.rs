//! Spills operands to their frame slots, or at least moves them elsewhere: before calls, before control flow merges,
//! before a write to a local that they read, and when an instruction needs a register.

use super::{Loc, NO_OPERAND, Operand, Repr};
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::Cx;

impl Cx<'_> {
    /// Spills the lowest operand that is in a general-purpose register, or, unless `general`, in a vector register.
    pub(super) fn evict(&mut self, general: bool) {
        let lowest =
            self.operands.in_registers().filter(|(loc, _)| matches!(loc, Loc::Gpr(_)) == general).map(|(_, i)| i);
        let lowest = lowest.min().expect("no instruction takes all registers");
        self.spill_one(lowest);
    }

    /// Spills the `i`th operand to its frame slot.
    fn spill_one(&mut self, i: usize) {
        let o = self.operands.stack[i];
        if o.loc == Loc::Slot {
            return;
        }
        self.store(o, at(RBP, -(o.slot as i32)));
        self.release(o);
        self.operands.stack[i].loc = Loc::Slot;
        self.operands.deepest_slot = self.operands.deepest_slot.max(o.slot);
    }

    /// Spills all operands except constants that are not references to objects, so that all registers are free.
    /// Preserves the flags, changes `rax`.
    pub fn spill_all(&mut self) {
        for i in self.operands.spilled..self.operands.stack.len() {
            let o = self.operands.stack[i];
            if !matches!(o.loc, Loc::Const(_)) || o.repr == Repr::Gc {
                self.spill_one(i);
            }
        }
        self.operands.spilled = self.operands.stack.len();
        self.operands.spilled_references = self.operands.references.len();
    }

    /// Spills the operands that are in registers and leaves those that are in locals there. This is enough for calls
    /// but not where control flow merges. References are spilled wherever they are, except among the top `n` operands,
    /// which are all that the call reads. Preserves the flags.
    pub fn spill_registers(&mut self, n: usize) {
        let found: Vec<usize> = self.operands.in_registers().map(|(_, i)| i).collect();
        found.into_iter().for_each(|i| self.spill_one(i));
        let below = self.operands.stack.len() - n;
        while let Some(i) = self.operands.references.get(self.operands.spilled_references)
            && (*i as usize) < below
        {
            self.spill_one(*i as usize);
            self.operands.spilled_references += 1;
        }
    }

    /// Like `spill_all`, but also spills constants among the top `n` operands.
    pub fn spill_top(&mut self, n: usize) {
        self.spill_all();
        let len = self.operands.stack.len();
        (len - n..len).for_each(|i| self.spill_one(i));
    }

    /// Turns a condition on top of the stack into a number, because the next instruction changes the flags.
    pub fn materialize_flags(&mut self) {
        if let Some(Operand { repr, loc: Loc::Flags(_), .. }) = self.operands.stack.last().copied() {
            let r = self.pop_gpr();
            self.push_gpr(repr, r);
        }
    }

    /// Copies the operands that read a local into registers, before the local is written.
    pub fn spill_local_readers(&mut self, local: u32) {
        let mut next = std::mem::replace(&mut self.operands.readers[local as usize], NO_OPERAND);
        while let Some(o) = self.operands.stack.get(next as usize).copied() {
            if o.loc == Loc::Local(local) {
                self.put_in_register(next as usize);
            }
            next = o.reads.map_or(NO_OPERAND, |(_, below)| below);
        }
    }
}
