//! Traps: by a fault if faults may be used, otherwise by a builtin, which is called from cold code after the function.

use super::{CONTEXT, Cx};
use crate::abi::builtin::{Builtin, Class};
use crate::abi::code::TrapSite;
use crate::abi::vmstruct::{VmContext, VmHeader, VmStore};
use crate::base::Trap;
use crate::compile::baseline::abi;
use crate::compile::baseline::asm::*;
use std::mem::offset_of;

/// Cold code after the function. It traps, or polls for an interrupt and jumps back.
pub(super) struct Cold {
    label: Label,
    what: Raise,
    wasm_offset: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Raise {
    Trap(Trap),
    /// At the entry: the context is still in its argument register.
    StackLimit,
    /// An interrupt may be pending. Continues at the label if the guest may continue.
    Interrupt(Label),
}

impl Cx<'_> {
    pub(super) fn cold(&mut self, what: Raise) -> Label {
        let same = |c: &&Cold| c.what == what && c.wasm_offset == self.at;
        if let Some(c) = self.cold.last().filter(same) {
            return c.label;
        }
        let label = self.asm.label();
        self.cold.push(Cold { label, what, wasm_offset: self.at });
        label
    }

    /// Traps if a condition holds.
    pub fn trap_if(&mut self, cc: Cc, trap: Trap) {
        let label = self.trap_at(trap);
        self.asm.jcc(cc, label);
    }

    pub fn trap(&mut self, trap: Trap) {
        let label = self.trap_at(trap);
        self.asm.jmp(label);
    }

    /// The label of cold code that traps, for the current instruction.
    pub fn trap_at(&mut self, trap: Trap) -> Label {
        self.cold(Raise::Trap(trap))
    }

    /// In a loop, polls for an interrupt if stores can be interrupted. Changes `r11` and the flags.
    pub fn poll_interrupt(&mut self) {
        if !self.env.settings.interruption {
            return;
        }
        self.asm.mov(W64, R11, at(CONTEXT, offset_of!(VmHeader, store) as i32));
        self.asm.alu_imm(Alu::Cmp, W32, at(R11, offset_of!(VmStore, interrupt) as i32), 0);
        let back = self.asm.label();
        let cold = self.cold(Raise::Interrupt(back));
        self.asm.jcc(Cc::NE, cold);
        self.asm.bind(back);
    }

    /// Records that the next instruction can fault.
    pub fn may_fault(&mut self, trap: Trap) {
        self.traps.push(TrapSite { at: self.asm.here(), wasm_offset: self.at, trap: trap as u32 });
    }

    pub(super) fn emit_cold(&mut self, cold: Cold) {
        self.asm.bind(cold.label);
        self.at = cold.wasm_offset;
        let by_fault = match cold.what {
            Raise::Trap(t) => Some(t),
            Raise::StackLimit => Some(Trap::StackOverflow),
            Raise::Interrupt(back) => return self.emit_poll(Builtin::interrupted, CONTEXT, back),
        };
        if let Some(trap) = by_fault.filter(|_| self.env.settings.signals) {
            self.may_fault(trap);
            return self.asm.ud2();
        }
        let builtin = match cold.what {
            Raise::Trap(t) => {
                self.asm.mov_imm(RSI, t as u64);
                Builtin::raise_trap
            }
            Raise::StackLimit if self.env.settings.interruption => {
                let context = abi::context(self.results_at.is_some());
                return self.emit_poll(Builtin::entry_limit, context, self.stack_check);
            }
            Raise::StackLimit => Builtin::stack_limit,
            Raise::Interrupt(_) => unreachable!("emitted above"),
        };
        let context = match cold.what {
            Raise::StackLimit => abi::context(self.results_at.is_some()),
            _ => CONTEXT,
        };
        self.emit_builtin_call(builtin, context);
        self.record_call_site();
        self.may_fault(Trap::Unreachable);
        self.asm.ud2();
    }

    /// Calls a builtin that checks whether the guest must stop, in a loop or at the function's entry. Continues at
    /// `back` if not. Changes `r11`.
    fn emit_poll(&mut self, builtin: Builtin, context: Gpr, back: Label) {
        debug_assert_eq!(builtin.class(), Class::poll);
        // Two pushes keep the stack aligned.
        emit!(self.asm, pushq_o(RDI));
        emit!(self.asm, pushq_o(RSI));
        self.asm.mov(W64, RDI, context);
        // The argument of `entry_limit`: the frame's size, less the two words that are pushed.
        self.asm.mov_imm(RSI, self.frame_size() as u64 - 16);
        self.asm.mov(W64, R11, at(RDI, offset_of!(VmContext, builtins) as i32));
        emit!(self.asm, callq_m(GprMem::Mem(at(R11, builtin as i32 * 8))));
        self.record_call_site();
        emit!(self.asm, popq_o(RSI));
        emit!(self.asm, popq_o(RDI));
        self.asm.jmp(back);
    }
}
