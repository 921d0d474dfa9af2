//! Operands that have to be at home, or at least somewhere else: before calls, before control comes together, before a local is written
//! that they read, and where an instruction needs a register.

use super::{Loc, NO_OPERAND, Operand, Repr};
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::Cx;

impl Cx<'_> {
    /// Sends the lowest operand home that is in such a register.
    pub(super) fn evict(&mut self, general: bool) {
        let lowest =
            self.operands.in_registers().filter(|(loc, _)| matches!(loc, Loc::Gpr(_)) == general).map(|(_, i)| i);
        let lowest = lowest.min().expect("no instruction takes all registers");
        self.send_home(lowest);
    }

    /// Puts the `i`th operand into its home.
    fn send_home(&mut self, i: usize) {
        let o = self.operands.stack[i];
        if o.loc == Loc::Slot {
            return;
        }
        self.store(o, at(RBP, -(o.slot as i32)));
        self.release(o);
        self.operands.stack[i].loc = Loc::Slot;
        self.operands.deepest_slot = self.operands.deepest_slot.max(o.slot);
    }

    /// Puts all operands but numbers that are constants into their homes, so that all registers are free. Leaves the flags, changes
    /// `rax`.
    pub fn spill_all(&mut self) {
        for i in self.operands.settled..self.operands.stack.len() {
            let o = self.operands.stack[i];
            if !matches!(o.loc, Loc::Const(_)) || o.repr == Repr::Gc {
                self.send_home(i);
            }
        }
        self.operands.settled = self.operands.stack.len();
        self.operands.settled_references = self.operands.references.len();
    }

    /// Puts operands that are in registers into their homes, and leaves those that are in locals there: for calls, but not for where
    /// control comes together. References go home but for those among the top `n` operands, which are all that a call looks at.
    /// Leaves the flags.
    pub fn spill_registers(&mut self, n: usize) {
        let found: Vec<usize> = self.operands.in_registers().map(|(_, i)| i).collect();
        found.into_iter().for_each(|i| self.send_home(i));
        let below = self.operands.stack.len() - n;
        while let Some(i) = self.operands.references.get(self.operands.settled_references)
            && (*i as usize) < below
        {
            self.send_home(*i as usize);
            self.operands.settled_references += 1;
        }
    }

    /// Puts also the top `n` operands that are constants into their homes.
    pub fn spill_top(&mut self, n: usize) {
        self.spill_all();
        let len = self.operands.stack.len();
        (len - n..len).for_each(|i| self.send_home(i));
    }

    /// Turns a condition that is the top operand into a number: what comes next changes the flags.
    pub fn materialize_flags(&mut self) {
        if let Some(Operand { repr, loc: Loc::Flags(_), .. }) = self.operands.stack.last().copied() {
            let r = self.pop_gpr();
            self.push_gpr(repr, r);
        }
    }

    /// Copies operands that read a local, before it is written.
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
