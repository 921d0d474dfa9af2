//! Traps: by a fault where faults may be used, otherwise by a builtin. What calls one is behind the function.

use super::{CONTEXT, Cx};
use crate::abi::builtin::Builtin;
use crate::abi::code::TrapSite;
use crate::base::Trap;
use crate::compile::baseline::abi;
use crate::compile::baseline::asm::*;

/// Code behind the function that does not come back.
pub(super) struct Cold {
    label: Label,
    what: Raise,
    wasm_offset: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Raise {
    Trap(Trap),
    /// At the entry: the context is where it came.
    StackLimit,
    Interrupt,
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

    /// A place that traps for the present instruction.
    pub fn trap_at(&mut self, trap: Trap) -> Label {
        self.cold(Raise::Trap(trap))
    }

    /// Ends the activation if a condition holds: somebody interrupts.
    pub fn interrupted_if(&mut self, cc: Cc) {
        let label = self.cold(Raise::Interrupt);
        self.asm.jcc(cc, label);
    }

    /// The next instruction may fault.
    pub fn may_fault(&mut self, trap: Trap) {
        self.traps.push(TrapSite { at: self.asm.here(), wasm_offset: self.at, trap: trap as u32 });
    }

    pub(super) fn emit_cold(&mut self, cold: Cold) {
        self.asm.bind(cold.label);
        self.at = cold.wasm_offset;
        let by_fault = match cold.what {
            Raise::Trap(t) => Some(t),
            Raise::StackLimit => Some(Trap::StackOverflow),
            Raise::Interrupt => None,
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
            Raise::StackLimit => Builtin::stack_limit,
            Raise::Interrupt => Builtin::interrupted,
        };
        let context = match cold.what {
            Raise::StackLimit => abi::context(self.results_at.is_some()),
            _ => CONTEXT,
        };
        self.call_code_of(builtin, context);
        self.called();
        self.may_fault(Trap::Unreachable);
        self.asm.ud2();
    }
}
