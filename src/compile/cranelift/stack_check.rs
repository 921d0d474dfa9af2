//! The stack check at a function's entry. It covers the whole frame, so that untrusted code cannot reach beyond a guard
//! page into memory that is not stack.
//!
//! If faults may be used, Cranelift emits the check in the prologue, before the frame is allocated. Otherwise it is
//! ordinary code after the prologue, which is too late for a large frame: such a function gets a separate entry before
//! it, which is compiled when the frame's size is known.

use super::func::{self, DEFINED_FUNCS, FuncCx, wasm_signature};
use super::poll;
use crate::abi::builtin::Builtin;
use crate::abi::vmstruct::{VmHeader, VmStore};
use crate::base::index::*;
use crate::compile::env::ModuleEnv;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{Function, GlobalValueData, InstBuilder, UserFuncName, Value};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use std::mem::offset_of;

/// Frames up to this many bytes are checked after they are allocated: the next access below still hits a guard page.
pub const SMALL_FRAME: u32 = 4096;

/// Emits the check, which stops the function before it exceeds the stack limit.
pub fn emit(cx: &mut FuncCx) {
    if cx.env.settings.signals {
        return in_prologue(cx.b.func);
    }
    let (sp, limit) = pointer_and_limit(cx);
    let exhausted = cx.b.ins().icmp(IntCC::UnsignedLessThan, sp, limit);
    at_limit(cx, exhausted, 0);
}

fn in_prologue(f: &mut Function) {
    let vmctx = f.create_global_value(GlobalValueData::VMContext);
    let constant = f.dfg.mem_flags.insert(func::constant()).expect("few distinct flags");
    let changing = f.dfg.mem_flags.insert(func::trusted()).expect("few distinct flags");
    let store = f.create_global_value(GlobalValueData::Load {
        base: vmctx,
        offset: (offset_of!(VmHeader, store) as i32).into(),
        global_type: I64,
        flags: constant,
    });
    let limit = f.create_global_value(GlobalValueData::Load {
        base: store,
        offset: (offset_of!(VmStore, stack_limit) as i32).into(),
        global_type: I64,
        flags: changing,
    });
    f.stack_limit = Some(limit);
}

fn pointer_and_limit(cx: &mut FuncCx) -> (Value, Value) {
    let store = cx.vm_store();
    let limit = cx.load_vm(I64, store, offset_of!(VmStore, stack_limit) as u32);
    (cx.b.ins().get_stack_pointer(I64), limit)
}

/// Whether function `i` needs an `entry` before it, for a frame of `size` bytes.
pub fn needs_entry(env: &ModuleEnv<'_>, size: u32) -> bool {
    !env.settings.signals && size > SMALL_FRAME
}

/// The entry of function `i`, which checks for a frame of `size` bytes and then tail-calls the function itself.
pub fn entry(
    env: &ModuleEnv<'_>,
    i: DefinedFuncIndex,
    size: u32,
    func: &mut Function,
    builder: &mut FunctionBuilderContext,
) {
    let index = env.info.func_index(i);
    func.name = UserFuncName::user(DEFINED_FUNCS, i.as_u32());
    func.signature = wasm_signature(env.info.func_type(index));
    let mut cx = FuncCx::new(FunctionBuilder::new(func, builder), env);
    let block = cx.b.create_block();
    cx.b.append_block_params_for_function_params(block);
    cx.b.switch_to_block(block);
    cx.b.seal_block(block);
    let args = cx.b.block_params(block).to_vec();
    cx.vmctx = args[0];
    let (sp, limit) = pointer_and_limit(&mut cx);
    let below = cx.b.ins().icmp(IntCC::UnsignedLessThan, sp, limit);
    let room = cx.b.ins().isub(sp, limit);
    let bytes = cx.b.ins().iconst(I64, size as i64);
    let small = cx.b.ins().icmp(IntCC::UnsignedLessThan, room, bytes);
    let exhausted = cx.b.ins().bor(below, small);
    at_limit(&mut cx, exhausted, size);
    let itself = cx.defined_func(index);
    cx.b.ins().return_call(itself, &args);
    let polls = std::mem::take(&mut cx.polls);
    cx.b.finalize(env.isa.frontend_config());
    poll::emit(func, polls);
}

/// Ends the activation if `exhausted`. If stores can be interrupted, an interrupt may have raised the limit: the
/// function then continues if the guest may continue and `below` more bytes of stack are left.
fn at_limit(cx: &mut FuncCx, exhausted: Value, below: u32) {
    if !cx.env.settings.interruption {
        return cx.cold_if(exhausted, |cx| cx.raise_by(Builtin::stack_limit, &[]));
    }
    cx.poll_if(exhausted, Builtin::entry_limit, Some(below));
}
