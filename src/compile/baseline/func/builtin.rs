//! Calls of builtins, and what is known of any call: where it was, where references are meanwhile, who catches.

use super::{CONTEXT, Cx, MAX_LOOKED_AT, MAX_STACK_MAP_SLOTS};
use crate::abi::builtin::{Builtin, Class};
use crate::abi::code::CallSite;
use crate::abi::vmstruct::VmContext;
use crate::compile::baseline::Refused;
use crate::compile::baseline::abi::{self, Dest};
use crate::compile::baseline::asm::*;
use crate::compile::baseline::operands::{Kind, Operand, Place};
use std::mem::offset_of;

/// An argument of a builtin.
#[derive(Clone, Copy)]
pub enum Arg {
    Value(Operand),
    Number(u32),
}

impl Cx<'_> {
    /// Calls a builtin whose arguments are in their registers, but for the context. Changes `rax`.
    pub fn call_code_of(&mut self, builtin: Builtin, context: Gpr) {
        self.asm.mov(W64, RDI, context);
        self.asm.mov(W64, RAX, at(RDI, offset_of!(VmContext, builtins) as i32));
        emit!(self.asm, callq_m(GprMem::Mem(at(RAX, builtin as i32 * 8))));
    }

    /// What is known of the call that was just emitted.
    pub fn called(&mut self) {
        self.calls.push(CallSite { return_at: self.asm.here(), wasm_offset: self.at });
    }

    /// Who catches what comes out of the call that was just emitted.
    pub fn caught_by(&mut self, handlers: Vec<(u32, Label)>) {
        if !handlers.is_empty() {
            self.caught.push((self.asm.here(), handlers));
        }
    }

    /// What is known of a call during which something may be collected: no operand is in a register. References in locals are found
    /// there.
    pub fn called_with_map(&mut self) -> Result<(), Refused> {
        debug_assert!(self.operands.are_out_of_registers());
        self.called();
        let mut slots = self.references.clone();
        slots.extend(self.operands.reference_homes());
        if !slots.is_empty() {
            self.stack_maps.push(self.asm.here(), &slots);
        }
        // Also what is null, or as before, is looked at by each call.
        self.looked_at += self.references.len() + self.operands.reference_count();
        match self.stack_maps.len() > MAX_STACK_MAP_SLOTS || self.looked_at > MAX_LOOKED_AT {
            true => Err(Refused("too many references during calls")),
            false => Ok(()),
        }
    }

    /// Calls a builtin with this instance's context. The arguments are the instruction's. Its result is in `rax`.
    pub fn call_builtin(&mut self, builtin: Builtin, args: &[Arg]) -> Result<(), Refused> {
        self.settle();
        self.call_at_once(builtin, args)
    }

    /// The same when no operand is in a register: the call may be one that is not always reached.
    pub fn call_at_once(&mut self, builtin: Builtin, args: &[Arg]) -> Result<(), Refused> {
        debug_assert!(matches!(builtin.class(), Class::leaf | Class::raise));
        let place = |(i, arg): (usize, &Arg)| {
            let operand = match *arg {
                Arg::Value(o) => o,
                Arg::Number(n) => Operand::new(Kind::I32, Place::Const(n as u64)),
            };
            (operand, Dest::Gpr(abi::builtin_argument(i + 1)))
        };
        let values: Vec<_> = args.iter().enumerate().map(place).collect();
        self.travel(&values);
        self.call_code_of(builtin, CONTEXT);
        match builtin.class() {
            Class::raise => self.called_with_map(),
            _ => {
                self.called();
                Ok(())
            }
        }
    }

    /// Pushes a result that is in `rax`.
    pub fn push_result(&mut self, kind: Kind) {
        let r = self.gpr();
        self.asm.mov(kind.width(), r, RAX);
        self.push_gpr(kind, r);
    }
}
