//! Operands that have to be at home, or at least somewhere else: before calls, before control comes together, before a local is written
//! that they read, and where an instruction needs a register.

use super::{Operand, Place};
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::Cx;

impl Cx<'_> {
    /// Sends the lowest such operand home.
    pub(super) fn evict(&mut self, such: impl Fn(Place) -> bool) {
        let from = self.operands.settled;
        let found = self.operands.stack[from..].iter().position(|o| such(o.place));
        self.send_home(from + found.expect("no instruction takes all registers"));
    }

    /// Puts the `i`th operand into its home.
    fn send_home(&mut self, i: usize) {
        let o = self.operands.stack[i];
        if o.place == Place::Home {
            return;
        }
        self.store(o, at(RBP, -(o.home as i32)));
        self.release(o);
        if let Place::Local(l) = o.place {
            self.operands.lazy[l as usize] -= 1;
        }
        self.operands.stack[i].place = Place::Home;
    }

    /// Puts all operands but constants into their homes, so that all registers are free. Leaves the flags, changes `rax`.
    pub fn settle(&mut self) {
        for i in self.operands.settled..self.operands.stack.len() {
            if !matches!(self.operands.stack[i].place, Place::Const(_)) {
                self.send_home(i);
            }
        }
        self.operands.settled = self.operands.stack.len();
    }

    /// Puts operands that are in registers into their homes, and leaves those that are in locals there: for calls, but not for where
    /// control comes together. Leaves the flags.
    pub fn settle_registers(&mut self) {
        // There are never more of them than registers, and they are mostly the last ones: what is below is not looked at.
        let mut left = self.operands.registers_in_use();
        for i in (self.operands.settled..self.operands.stack.len()).rev() {
            if left == 0 {
                break;
            }
            if matches!(self.operands.stack[i].place, Place::Gpr(_) | Place::Xmm(_)) {
                self.send_home(i);
                left -= 1;
            }
        }
    }

    /// Puts also the top `n` operands that are constants into their homes.
    pub fn settle_top(&mut self, n: usize) {
        self.settle();
        let len = self.operands.stack.len();
        (len - n..len).for_each(|i| self.send_home(i));
    }

    /// Turns a condition that is the top operand into a number: what comes next changes the flags.
    pub fn settle_flags(&mut self) {
        if let Some(Operand { kind, place: Place::Flags(_), .. }) = self.operands.stack.last().copied() {
            let r = self.pop_gpr();
            self.push_gpr(kind, r);
        }
    }

    /// Copies operands that read a local, before it is written.
    pub fn unlazy(&mut self, local: u32) {
        let mut i = self.operands.stack.len();
        while self.operands.lazy[local as usize] > 0 {
            i -= 1;
            let o = self.operands.stack[i];
            if o.place == Place::Local(local) {
                let place = match o.kind.is_float() {
                    true => Place::Xmm(self.xmm_of(o)),
                    false => Place::Gpr(self.gpr_of(o)),
                };
                self.operands.stack[i].place = place;
                self.operands.lazy[local as usize] -= 1;
            }
        }
    }
}
