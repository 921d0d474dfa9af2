//! Polls: cold calls of a builtin that returns if the guest may continue.
//!
//! Nothing is collected during these calls, and they preserve all registers, so references can stay where they are. But
//! `cranelift_frontend` would spill references around a call, at their definitions and for all their uses. The calls
//! are therefore emitted after `cranelift_frontend` is finished: until then each is represented by a trap.

use super::func::{FuncCx, Region, trap_code, trusted};
use crate::abi::builtin::Builtin;
use crate::abi::vmstruct::VmStore;
use crate::base::Trap;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Block, Function, Inst, InstBuilder, SigRef, Value};
use std::mem::offset_of;

/// A call that is emitted later.
pub struct Poll {
    /// The placeholder.
    trap: Inst,
    sig: SigRef,
    code: Value,
    args: Vec<Value>,
    /// Where execution continues.
    next: Block,
}

impl FuncCx<'_, '_> {
    /// If `condition` is not 0, calls a builtin of class `poll`, with a number.
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

    /// In a loop, polls for an interrupt if stores can be interrupted. Function entries poll in their stack check. The
    /// load is atomic because a plain load could be replaced by the value that a dominating loop header has loaded.
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

/// Replaces the placeholders in a translated function by the calls.
pub fn emit(func: &mut Function, polls: Vec<Poll>) {
    for poll in polls {
        let mut cursor = FuncCursor::new(func).at_inst(poll.trap);
        cursor.use_srcloc(poll.trap);
        cursor.ins().call_indirect(poll.sig, poll.code, &poll.args);
        cursor.ins().jump(poll.next, &[]);
        cursor.remove_inst();
    }
}
