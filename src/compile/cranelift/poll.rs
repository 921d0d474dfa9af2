//! Where the guest may have to stop: cold calls that return if it may go on.
//!
//! Nothing is collected during them, and they keep all registers, so references may stay where they are. But a call is a place
//! where `cranelift_frontend` spills references, at their definitions and for all their uses. So the calls are emitted when it
//! is done: until then a trap stands for each.

use super::func::{FuncCx, Region, trap_code, trusted};
use crate::abi::builtin::Builtin;
use crate::abi::vmstruct::VmStore;
use crate::base::Trap;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Block, Function, Inst, InstBuilder, SigRef, Value};
use std::mem::offset_of;

/// A call to be emitted.
pub struct Poll {
    /// Stands for it.
    trap: Inst,
    sig: SigRef,
    code: Value,
    args: Vec<Value>,
    /// Where it goes on.
    next: Block,
}

impl FuncCx<'_, '_> {
    /// Calls a builtin of class `poll` with a number, if `condition` is not 0.
    pub fn poll_if(&mut self, condition: Value, builtin: Builtin, number: Option<u32>) {
        self.cold_if(condition, |cx| {
            let mut args = vec![cx.vmctx];
            args.extend(number.map(|n| cx.b.ins().iconst(I64, n as i64)));
            let (sig, code) = cx.builtin(builtin);
            let trap = cx.b.ins().trap(trap_code(Trap::Unreachable));
            cx.polls.push(Poll { trap, sig, code, args, next: Block::from_u32(0) });
        });
        self.polls.last_mut().expect("just pushed").next = self.b.current_block().expect("inside a function");
    }

    /// Asks in a loop whether the store was interrupted, where it can be. Function entries ask by their stack check. The load is atomic
    /// because a plain one would be replaced by what a loop header that dominates this one has loaded.
    pub fn poll_interrupt(&mut self) {
        if !self.env.settings.interruption {
            return;
        }
        let store = self.vm_store();
        let flags = self.in_region(trusted(), Region::Vm);
        let address = self.b.ins().iadd_imm_s(store, offset_of!(VmStore, interrupt) as i64);
        let word = self.b.ins().atomic_load(I32, flags, address);
        self.poll_if(word, Builtin::interrupted, None);
    }
}

/// Emits the calls of a function that is translated.
pub fn emit(func: &mut Function, polls: Vec<Poll>) {
    for poll in polls {
        let mut cursor = FuncCursor::new(func).at_inst(poll.trap);
        cursor.use_srcloc(poll.trap);
        cursor.ins().call_indirect(poll.sig, poll.code, &poll.args);
        cursor.ins().jump(poll.next, &[]);
        cursor.remove_inst();
    }
}
