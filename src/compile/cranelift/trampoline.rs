//! The trampolines between the host's calling convention and `tail`, for one function type.

use super::emit::below_fp;
use super::func::{clif_type, constant, trusted, wasm_signature};
use crate::abi::code::{TRAMPOLINE_ALIGN, TrampolineCode, Trampolines};
use crate::abi::vmstruct::*;
use crate::base::Result;
use crate::err;
use crate::wasm::types::{FuncType, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I64};
use cranelift_codegen::ir::*;
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_codegen::{CompiledCode, Context, FinalizedMachExceptionHandler};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use std::mem::{offset_of, size_of};

/// Up to this many slots of an exit trampoline fit into the reserve below the stack limit (`base::limits`), like the
/// host function's own frame. With more slots, the trampoline checks the stack.
const UNCHECKED_SLOTS: usize = 64;

/// What a trampoline depends on: types of the same shape share one.
#[derive(PartialEq, Eq, Hash)]
pub struct Shape {
    params: Vec<Type>,
    results: Vec<Type>,
    has_references: bool,
}

impl Shape {
    pub fn of(ty: &FuncType) -> Shape {
        let types = |types: &[ValType]| types.iter().map(|t| clif_type(*t)).collect();
        Shape { params: types(ty.params()), results: types(ty.results()), has_references: ty.has_references() }
    }
}

pub fn compile(
    isa: &dyn TargetIsa,
    ty: &FuncType,
    cx: &mut Context,
    fb: &mut FunctionBuilderContext,
) -> Result<Trampolines> {
    let mut text = Vec::new();
    cx.clear();
    let slot = entry(isa, ty, FunctionBuilder::new(&mut cx.func, fb));
    let code = finish(isa, cx)?;
    let call = code.buffer.call_sites().next().expect("the entry calls");
    let handler = call.exception_handlers.iter().find_map(|h| match h {
        FinalizedMachExceptionHandler::Default(at) => Some(*at),
        _ => None,
    });
    let mut out = TrampolineCode {
        handler_sp_offset: call.frame_offset.expect("known for a try_call"),
        activation_below_fp: below_fp(code, slot),
        entry: append(&mut text, code),
        ..TrampolineCode::default()
    };
    out.handler = out.entry + handler.expect("the entry's call has a default handler");
    cx.clear();
    exit(isa, ty, FunctionBuilder::new(&mut cx.func, fb));
    out.exit = append(&mut text, finish(isa, cx)?);
    if !ty.has_references() {
        cx.clear();
        let keep = raw_exit(isa, ty, FunctionBuilder::new(&mut cx.func, fb));
        let code = finish(isa, cx)?;
        out.raw_host_below_fp = below_fp(code, keep);
        out.raw_exit = append(&mut text, code);
    }
    out.end = text.len() as u32;
    Ok(Trampolines { text, codes: vec![out] })
}

/// Appends the code to the text. Returns its offset.
fn append(text: &mut Vec<u8>, code: &CompiledCode) -> u32 {
    text.resize(text.len().next_multiple_of(TRAMPOLINE_ALIGN), 0);
    let at = text.len() as u32;
    text.extend_from_slice(code.buffer.data());
    at
}

fn finish<'a>(isa: &dyn TargetIsa, cx: &'a mut Context) -> Result<&'a CompiledCode> {
    if let Err(e) = cx.compile(isa, &mut Default::default()) {
        return Err(err!(Unsupported, "no trampoline for this function type: {:?}", e.inner));
    }
    let code = cx.compiled_code().expect("just compiled");
    if !code.buffer.relocs().is_empty() {
        return Err(err!(Internal, "a trampoline has a relocation"));
    }
    Ok(code)
}

fn slot_offset(i: usize) -> i32 {
    (i * size_of::<VmSlot>()) as i32
}

fn load_slots(b: &mut FunctionBuilder, types: &[ValType], slots: Value) -> Vec<Value> {
    let load = |(i, t): (usize, &ValType)| b.ins().load(clif_type(*t), trusted(), slots, slot_offset(i));
    types.iter().enumerate().map(load).collect()
}

fn store_slots(b: &mut FunctionBuilder, values: &[Value], slots: Value) {
    for (i, v) in values.iter().enumerate() {
        b.ins().store(trusted(), *v, slots, slot_offset(i));
    }
}

/// Compiles `extern "C" fn(vmctx, code, slots, activation) -> bool`. Returns the stack slot that holds the activation.
fn entry(isa: &dyn TargetIsa, ty: &FuncType, mut b: FunctionBuilder) -> StackSlot {
    let mut sig = Signature::new(isa.default_call_conv());
    sig.params.extend([AbiParam::new(I64); 4]);
    sig.returns.push(AbiParam::new(I8));
    b.func.signature = sig;
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let [vmctx, code, slots, activation] = *b.block_params(block) else { unreachable!("four parameters") };
    let keep = b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 8, 3));
    b.ins().stack_store(I64, activation, keep, 0);
    let fp = b.ins().get_frame_pointer(I64);
    b.ins().store(trusted(), fp, activation, offset_of!(Activation, entry_fp) as i32);
    let mut args = vec![vmctx];
    args.extend(load_slots(&mut b, ty.params(), slots));

    let sig = b.import_signature(wasm_signature(ty));
    let (normal, failed) = (b.create_block(), b.create_block());
    let mut rets = Vec::new();
    for (i, t) in ty.results().iter().enumerate() {
        b.append_block_param(normal, clif_type(*t));
        rets.push(BlockArg::TryCallRet(i as u32));
    }
    let on_return = b.func.dfg.block_call(normal, &rets);
    let on_raise = b.func.dfg.block_call(failed, &[]);
    let table = ExceptionTableData::new(sig, on_return, [ExceptionTableItem::Default(on_raise)]);
    let table = b.func.dfg.exception_tables.push(table);
    b.ins().try_call_indirect(code, &args, table);

    b.switch_to_block(normal);
    let results = b.block_params(normal).to_vec();
    store_slots(&mut b, &results, slots);
    let yes = b.ins().iconst(I8, 1);
    b.ins().return_(&[yes]);
    b.switch_to_block(failed);
    b.set_cold_block(failed);
    let no = b.ins().iconst(I8, 0);
    b.ins().return_(&[no]);
    b.seal_all_blocks();
    b.finalize(isa.frontend_config());
    keep
}

/// A call from WebAssembly to the host: the host function's context, its store, and the slots with the arguments.
struct Exit {
    host: Value,
    store: Value,
    fp: Value,
    slots: Value,
    count: usize,
}

/// Stores the arguments into slots, and publishes the exit frame.
fn leave(ty: &FuncType, b: &mut FunctionBuilder) -> Exit {
    b.func.signature = wasm_signature(ty);
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let params = b.block_params(block).to_vec();
    let host = params[0];
    let count = ty.params().len().max(ty.results().len());
    let slots = local(b, slot_offset(count) as u32, 4);
    let store = b.ins().load(I64, constant(), host, offset_of!(VmHeader, store) as i32);
    let fp = b.ins().get_frame_pointer(I64);
    b.ins().store(trusted(), fp, store, offset_of!(VmStore, exit_fp) as i32);
    let sp = b.ins().get_stack_pointer(I64);
    b.ins().store(trusted(), sp, store, offset_of!(VmStore, exit_sp) as i32);
    if count > UNCHECKED_SLOTS {
        check_stack(b, host, store, sp);
    }
    store_slots(b, &params[1..], slots);
    Exit { host, store, fp, slots, count }
}

/// Ends the activation if the frame is below the stack limit. Only saved registers have been written to the frame yet.
fn check_stack(b: &mut FunctionBuilder, host: Value, store: Value, sp: Value) {
    let (exhausted, enough) = (b.create_block(), b.create_block());
    let limit = b.ins().load(I64, trusted(), store, offset_of!(VmStore, stack_limit) as i32);
    let is_below = b.ins().icmp(IntCC::UnsignedLessThan, sp, limit);
    b.ins().brif(is_below, exhausted, &[], enough, &[]);
    b.switch_to_block(exhausted);
    b.set_cold_block(exhausted);
    let raise = b.ins().load(I64, constant(), host, offset_of!(VmHostFunc, exhausted) as i32);
    call_host(b, raise, &[host], None);
    b.ins().trap(TrapCode::STACK_OVERFLOW);
    b.switch_to_block(enough);
}

fn finish_exit(isa: &dyn TargetIsa, ty: &FuncType, mut b: FunctionBuilder, slots: Value) {
    let results = load_slots(&mut b, ty.results(), slots);
    b.ins().return_(&results);
    b.seal_all_blocks();
    b.finalize(isa.frontend_config());
}

/// Compiles the code of a host function's funcref: passes the arguments to `VmHostFunc::call` and returns its results.
fn exit(isa: &dyn TargetIsa, ty: &FuncType, mut b: FunctionBuilder) {
    let exit = leave(ty, &mut b);
    // Code that walks the frames to find live objects finds the host function here.
    let keep = local(&mut b, 8, 3);
    b.ins().store(trusted(), exit.host, keep, 0);
    let call = b.ins().load(I64, constant(), exit.host, offset_of!(VmHostFunc, call) as i32);
    // If the host function fails, this call does not return: the activation ends.
    call_host(&mut b, call, &[exit.host, exit.slots], None);
    finish_exit(isa, ty, b, exit.slots);
}

/// Like `exit`, for a host function on slots whose type has no references: calls `VmHostFunc::raw`, the host's own
/// function. Returns the stack slot that holds the `VmHostFunc`.
fn raw_exit(isa: &dyn TargetIsa, ty: &FuncType, mut b: FunctionBuilder) -> StackSlot {
    let exit = leave(ty, &mut b);
    // For code that walks the frames, as in `exit`, and for this function after the call.
    let keep = b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 8, 3));
    b.ins().stack_store(I64, exit.host, keep, 0);
    let caller = local(&mut b, size_of::<VmCaller>() as u32, 3);
    b.ins().store(trusted(), exit.store, caller, offset_of!(VmCaller, store) as i32);
    b.ins().store(trusted(), exit.fp, caller, offset_of!(VmCaller, exit_fp) as i32);
    let field = |b: &mut FunctionBuilder, offset: usize| b.ins().load(I64, constant(), exit.host, offset as i32);
    let (raw, data) = (field(&mut b, offset_of!(VmHostFunc, raw)), field(&mut b, offset_of!(VmHostFunc, raw_data)));
    let count = b.ins().iconst(I64, exit.count as i64);
    let error = call_host(&mut b, raw, &[data, caller, exit.slots, count], Some(I64)).expect("asked for");
    // A scope that this call has opened must be closed. `exit_fp` differs if the host left inner calls without
    // returning from them.
    let (after, done) = (b.create_block(), b.create_block());
    let scope = b.ins().load(I64, trusted(), exit.store, offset_of!(VmStore, scope_fp) as i32);
    let fp = b.ins().get_frame_pointer(I64);
    let has_scope = b.ins().icmp(IntCC::Equal, scope, fp);
    let has_scope = b.ins().uextend(I64, has_scope);
    let left = b.ins().load(I64, trusted(), exit.store, offset_of!(VmStore, exit_fp) as i32);
    let has_moved = b.ins().bxor(left, fp);
    let has_more = b.ins().bor(has_scope, error);
    let has_more = b.ins().bor(has_more, has_moved);
    b.ins().brif(has_more, after, &[], done, &[]);
    b.switch_to_block(after);
    b.set_cold_block(after);
    let host = b.ins().stack_load(I64, I64, keep, 0);
    let after_raw = b.ins().load(I64, constant(), host, offset_of!(VmHostFunc, after_raw) as i32);
    call_host(&mut b, after_raw, &[host, error, fp], None);
    b.ins().jump(done, &[]);
    b.switch_to_block(done);
    finish_exit(isa, ty, b, exit.slots);
    keep
}

/// The address of a new stack slot.
fn local(b: &mut FunctionBuilder, size: u32, align_shift: u8) -> Value {
    let slot = b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, size, align_shift));
    b.ins().stack_addr(I64, slot, 0)
}

/// Calls a host function with up to four addresses or numbers. The calling convention tells Cranelift that the callee
/// preserves no registers. So this frame saves the callee-saved registers of WebAssembly, where
/// `store::life::liveness` looks for them.
fn call_host(b: &mut FunctionBuilder, f: Value, args: &[Value], result: Option<Type>) -> Option<Value> {
    let mut sig = Signature::new(CallConv::Winch);
    sig.params.extend(args.iter().map(|_| AbiParam::new(I64)));
    sig.returns.extend(result.map(AbiParam::new));
    let sig = b.import_signature(sig);
    let call = b.ins().call_indirect(sig, f, args);
    b.inst_results(call).first().copied()
}
