//! Calls of builtins, and the records of all calls: call sites, stack maps and handlers.

use super::{CONTEXT, Cx};
use crate::abi::builtin::{Builtin, Class};
use crate::abi::code::CallSite;
use crate::abi::vmstruct::VmContext;
use crate::compile::baseline::Bailout;
use crate::compile::baseline::abi::{self, ArgLoc};
use crate::compile::baseline::asm::*;
use crate::compile::baseline::operands::{Loc, Operand, Repr};
use std::mem::offset_of;

/// An argument of a builtin.
#[derive(Clone, Copy)]
pub enum Arg {
    Value(Operand),
    Number(u32),
}

impl Cx<'_> {
    /// Calls a builtin whose arguments except the context are in their registers. Changes `rax`.
    pub fn emit_builtin_call(&mut self, builtin: Builtin, context: Gpr) {
        self.asm.mov(W64, RDI, context);
        self.asm.mov(W64, RAX, at(RDI, offset_of!(VmContext, builtins) as i32));
        emit!(self.asm, callq_m(GprMem::Mem(at(RAX, builtin as i32 * 8))));
    }

    /// Records the call that was just emitted.
    pub fn record_call_site(&mut self) {
        self.calls.push(CallSite { return_at: self.asm.here(), wasm_offset: self.at });
    }

    /// Records the handlers of the call that was just emitted.
    pub fn record_handlers(&mut self, handlers: Vec<(u32, Label)>) {
        if !handlers.is_empty() {
            self.caught.push((self.asm.here(), handlers));
        }
    }

    /// Records the call that was just emitted as a safepoint, with a stack map. No operand may be in a register. The
    /// stack map includes the references in locals.
    pub fn record_safepoint(&mut self) {
        debug_assert!(self.operands.are_out_of_registers());
        self.record_call_site();
        let (same, added, others) = self.operands.references_of_call();
        let mut below = self.part_of(same);
        if !added.is_empty() {
            let upto = same + added.len();
            below = Some(self.stack_maps.part(added, below));
            self.mapped.push((upto, below.expect("just made")));
        }
        if !others.is_empty() {
            below = Some(self.stack_maps.part(others, below));
        }
        if let Some(part) = below {
            self.stack_maps.push(self.asm.here(), part);
        }
    }

    /// The stack map part that lists the lowest `n` references on the stack, and those in locals. `mapped` must cover
    /// at least `n` references.
    fn part_of(&mut self, n: usize) -> Option<u32> {
        let mut cut = None;
        while let Some((upto, part)) = self.mapped.pop_if(|(upto, _)| *upto > n) {
            cut = Some((upto, part));
        }
        let known = self.mapped.last().map_or(0, |(upto, _)| *upto);
        if let Some((_, part)) = cut
            && known < n
        {
            let start = self.stack_maps.start_of(part, (n - known) as u32);
            self.mapped.push((n, start));
        }
        self.mapped.last().map(|(_, part)| *part).or(self.locals_mapped)
    }

    /// Calls a builtin with this instance's context. `args` are owned by the instruction. The result is in `rax`.
    pub fn call_builtin(&mut self, builtin: Builtin, args: &[Arg]) -> Result<(), Bailout> {
        self.spill_all();
        self.call_builtin_spilled(builtin, args)
    }

    /// Like `call_builtin`, if no operand is in a register. The call can be in code that is jumped over.
    pub fn call_builtin_spilled(&mut self, builtin: Builtin, args: &[Arg]) -> Result<(), Bailout> {
        debug_assert!(matches!(builtin.class(), Class::leaf | Class::may_unwind));
        let loc = |(i, arg): (usize, &Arg)| {
            let operand = match *arg {
                Arg::Value(o) => o,
                Arg::Number(n) => Operand::new(Repr::I32, Loc::Const(n as u64)),
            };
            (operand, ArgLoc::Gpr(abi::builtin_argument(i + 1)))
        };
        let values: Vec<_> = args.iter().enumerate().map(loc).collect();
        self.move_args(&values);
        self.emit_builtin_call(builtin, CONTEXT);
        match builtin.class() {
            Class::may_unwind => self.record_safepoint(),
            _ => self.record_call_site(),
        }
        Ok(())
    }

    /// Pushes the result in `rax`.
    pub fn push_result(&mut self, repr: Repr) {
        let r = self.gpr();
        self.asm.mov(repr.width(), r, RAX);
        self.push_gpr(repr, r);
    }
}
