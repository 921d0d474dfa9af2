//! Converts Cranelift's result to a `CompiledFunc`.

use super::body::Translated;
use super::func::{DEFINED_FUNCS, NEVER};
use crate::abi::code::*;
use crate::base::index::DefinedFuncIndex;
use crate::base::{Result, Trap};
use crate::compile::code::{CallReloc, CompiledFunc, StackMaps, TryCall};
use crate::err;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{ExternalName, Function, StackSlot, TrapCode, UserStackMap};
use cranelift_codegen::{
    CompiledCode, FinalizedMachCallSite, FinalizedMachExceptionHandler, FinalizedMachReloc, FinalizedRelocTarget,
    MachSrcLoc,
};

/// `signals`: whether faults may be used.
pub fn compiled(func: &Function, code: &CompiledCode, facts: &Translated, signals: bool) -> Result<CompiledFunc> {
    let buffer = &code.buffer;
    let locs = buffer.get_srclocs_sorted();
    let traps = buffer.traps().iter().filter(|t| signals || t.code != NEVER).map(|t| TrapSite {
        at: t.offset,
        wasm_offset: wasm_offset(locs, t.offset),
        trap: trap_of(t.code) as u32,
    });
    let calls =
        buffer.call_sites().map(|c| CallSite { return_at: c.ret_addr, wasm_offset: wasm_offset(locs, c.ret_addr - 1) });
    let mut stack_maps = StackMaps::default();
    buffer.user_stack_maps().iter().for_each(|map| put_stack_map(&mut stack_maps, map));
    let relocs: Result<Vec<CallReloc>> = buffer.relocs().iter().map(|r| call_of(func, r)).collect();
    Ok(CompiledFunc {
        text: buffer.data().to_vec(),
        frame_size: buffer.frame_layout().expect("every compiled function has a frame layout").frame_to_fp_offset,
        vmctx_below_fp: facts.vmctx_slot.map_or(0, |slot| below_fp(code, slot)),
        uses_heap: facts.uses_heap,
        stack_maps,
        tries: buffer.call_sites().filter_map(|c| try_of(&c)).collect(),
        traps: traps.collect(),
        calls: calls.collect(),
        relocs: relocs?,
        optimized: true,
    })
}

fn try_of(call: &FinalizedMachCallSite<'_>) -> Option<TryCall> {
    let handler = |h: &FinalizedMachExceptionHandler| match h {
        FinalizedMachExceptionHandler::Tag(tag, at) => Some(Handler { tag: tag.as_u32(), at: *at }),
        FinalizedMachExceptionHandler::Default(at) => Some(Handler { tag: CATCH_ALL, at: *at }),
        FinalizedMachExceptionHandler::Context(_) => None,
    };
    let handlers: Vec<Handler> = call.exception_handlers.iter().filter_map(handler).collect();
    let sp_below_fp = call.frame_offset.filter(|_| !handlers.is_empty())?;
    Some(TryCall { return_at: call.ret_addr, sp_below_fp, handlers })
}

/// The position of a stack slot, in bytes below the frame pointer.
pub fn below_fp(code: &CompiledCode, slot: StackSlot) -> u32 {
    let layout = code.buffer.frame_layout().expect("every compiled function has a frame layout");
    layout.frame_to_fp_offset - layout.stackslots[slot].offset
}

/// Adds a stack map. Cranelift counts slots from the stack pointer, which is `span` bytes below the frame pointer.
fn put_stack_map(maps: &mut StackMaps, (at, span, map): &(u32, u32, UserStackMap)) {
    let slots: Vec<u32> = map.entries().map(|(_, offset)| span - offset).collect();
    maps.push_all(*at, &slots);
}

/// The byte offset in the module of the instruction from which the machine code at `offset` was generated.
fn wasm_offset(locs: &[MachSrcLoc<cranelift_codegen::Final>], offset: u32) -> u32 {
    let i = locs.partition_point(|l| l.start <= offset);
    match i.checked_sub(1).map(|i| &locs[i]) {
        Some(l) if offset < l.end && !l.loc.is_default() => l.loc.bits(),
        _ => NO_OFFSET,
    }
}

fn trap_of(code: TrapCode) -> Trap {
    match code {
        TrapCode::STACK_OVERFLOW => Trap::StackOverflow,
        TrapCode::INTEGER_OVERFLOW => Trap::IntegerOverflow,
        TrapCode::INTEGER_DIVISION_BY_ZERO => Trap::IntegerDivideByZero,
        TrapCode::BAD_CONVERSION_TO_INTEGER => Trap::InvalidConversion,
        TrapCode::HEAP_OUT_OF_BOUNDS => Trap::MemoryOutOfBounds,
        NEVER => Trap::Unreachable,
        user => Trap::from_u8(user.as_raw().get()).expect("the compiler emits only traps of the list"),
    }
}

fn call_of(func: &Function, r: &FinalizedMachReloc) -> Result<CallReloc> {
    if let (Reloc::X86CallPCRel4 | Reloc::Arm64Call, FinalizedRelocTarget::ExternalName(ExternalName::User(name))) =
        (r.kind, &r.target)
    {
        let name = &func.params.user_named_funcs()[*name];
        if name.namespace == DEFINED_FUNCS {
            let callee = DefinedFuncIndex::from_u32(name.index);
            return Ok(CallReloc { at: r.offset, addend: r.addend, callee });
        }
    }
    Err(err!(Unsupported, "this processor lacks an instruction the module needs ({:?})", r.target))
}
