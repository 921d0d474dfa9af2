//! Casts (Wasm 3.0, 4.6.6 and 4.6.7): `ref.test`, `ref.cast`, `br_on_cast`. All use the same sequence of conditions,
//! which ends in one of two blocks. Conditions that the operand's static type decides are not tested at run time.

use super::control;
use crate::abi::vmstruct::{VmContext, VmFuncRef};
use crate::base::Trap;
use crate::base::index::TypeIndex;
use crate::compile::cranelift::func::{FuncCx, Region, constant, trusted};
use crate::compile::cranelift::gc::Unsure;
use crate::wasm::decode::{heap_type, ref_type};
use crate::wasm::descriptor::*;
use crate::wasm::types::{HeapType, RefType, Top};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value};
use std::mem::offset_of;

/// Where a test continues.
#[derive(Clone, Copy)]
struct Exits<'a> {
    yes: (Block, &'a [BlockArg]),
    no: (Block, &'a [BlockArg]),
}

impl Exits<'_> {
    fn of(&self, is: bool) -> (Block, &[BlockArg]) {
        if is { self.yes } else { self.no }
    }
}

fn jump(cx: &mut FuncCx, to: (Block, &[BlockArg])) {
    cx.b.ins().jump(to.0, to.1);
}

/// Ends the block with a branch on `condition`.
fn decide(cx: &mut FuncCx, condition: Value, exits: Exits<'_>) {
    cx.b.ins().brif(condition, exits.yes.0, exits.yes.1, exits.no.0, exits.no.1);
}

/// Branches to `to` if `condition` is 0, or, with `when`, if it is not 0. Otherwise continues in a new block.
fn leave(cx: &mut FuncCx, condition: Value, when: bool, to: (Block, &[BlockArg])) {
    let next = cx.b.create_block();
    match when {
        true => cx.b.ins().brif(condition, to.0, to.1, next, &[]),
        false => cx.b.ins().brif(condition, next, &[], to.0, to.1),
    };
    cx.b.seal_block(next);
    cx.b.switch_to_block(next);
}

fn is_bottom(t: HeapType) -> bool {
    matches!(t, HeapType::None | HeapType::NoFunc | HeapType::NoExtern | HeapType::NoExn)
}

/// Whether no object except null is of both types. `from` is never a concrete type.
fn is_disjoint(from: HeapType, to: HeapType) -> bool {
    use HeapType as H;
    let kind = |t: HeapType| match t {
        H::I31 => Some(0),
        H::Struct | H::ConcreteStruct(_) => Some(1),
        H::Array | H::ConcreteArray(_) => Some(2),
        _ => None,
    };
    is_bottom(to) || matches!((kind(from), kind(to)), (Some(a), Some(b)) if a != b)
}

/// Ends the block: continues at `yes` if the reference is of type `to`. The reference's static type is `cx.operand`.
fn walk(cx: &mut FuncCx, r: Value, to: RefType, index: Option<TypeIndex>, exits: Exits<'_>) {
    let from = cx.operand;
    if is_disjoint(from.heap, to.heap) {
        return match from.nullable && to.nullable {
            true => decide(cx, r, Exits { yes: exits.no, no: exits.yes }),
            false => jump(cx, exits.no),
        };
    }
    if cx.env.types.heap_matches(from.heap, to.heap) {
        return match from.nullable && !to.nullable {
            true => decide(cx, r, exits),
            false => jump(cx, exits.yes),
        };
    }
    let is_func = to.top() == Top::Func;
    let is_null_no = from.nullable && !to.nullable;
    // Whether null and i31s need no branch of their own: the type id that is loaded for them matches no type.
    let folded = !is_func && !matches!(to.heap, HeapType::Eq | HeapType::I31);
    if from.nullable && !(is_null_no && folded) {
        leave(cx, r, false, exits.of(to.nullable));
    }
    if is_func {
        let flags = cx.in_region(trusted().with_readonly(), Region::Vm);
        let id = cx.b.ins().uload32(flags, r, offset_of!(VmFuncRef, type_id) as i32);
        return is_of_type(cx, id, to.heap, index, exits);
    }
    if to.heap == HeapType::I31 {
        let bit = cx.b.ins().band_imm_u(r, 1);
        return decide(cx, bit, exits);
    }
    let may_be_i31 = matches!(from.heap, HeapType::Any | HeapType::Eq);
    if to.heap == HeapType::Eq {
        let bit = cx.b.ins().band_imm_u(r, 1);
        leave(cx, bit, true, exits.yes);
    }
    let unsure = if folded { Unsure { null: is_null_no, i31: may_be_i31 } } else { Unsure::default() };
    let id = cx.object_type(r, unsure);
    is_of_type(cx, id, to.heap, index, exits);
}

/// Ends the block: continues at `yes` if the type with a 64-bit id is `to` or a subtype of it.
fn is_of_type(cx: &mut FuncCx, id: Value, to: HeapType, index: Option<TypeIndex>, exits: Exits<'_>) {
    let Some(index) = index else {
        let kind = descriptor_field(cx, id, offset_of!(Descriptor, kind));
        let wanted = match to {
            HeapType::Struct => KIND_STRUCT,
            HeapType::Array => KIND_ARRAY,
            // `eq`: anything except a host object.
            _ => {
                let differs = cx.b.ins().icmp_imm_u(IntCC::NotEqual, kind, KIND_HOST as i64);
                return decide(cx, differs, exits);
            }
        };
        let same = cx.b.ins().icmp_imm_u(IntCC::Equal, kind, wanted as i64);
        return decide(cx, same, exits);
    };
    let def = &cx.env.info.types[index];
    let vmctx = cx.vmctx;
    let flags = cx.in_region(constant(), Region::Vm);
    let wanted = cx.b.ins().uload32(flags, vmctx, cx.env.layout.type_id(index) as i32);
    if def.sub.is_final {
        let same = cx.b.ins().icmp(IntCC::Equal, id, wanted);
        return decide(cx, same, exits);
    }
    let depth = cx.env.types.get(def.id).depth as usize;
    if depth >= INLINE_DISPLAY {
        let deep = descriptor_field(cx, id, offset_of!(Descriptor, depth));
        let enough = cx.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, deep, depth as i64);
        leave(cx, enough, false, exits.no);
    }
    let found = descriptor_field(cx, id, offset_of!(Descriptor, display) + 4 * depth);
    let wanted = cx.b.ins().ireduce(I32, wanted);
    let same = cx.b.ins().icmp(IntCC::Equal, found, wanted);
    decide(cx, same, exits);
}

/// A field of a type's descriptor.
fn descriptor_field(cx: &mut FuncCx, id: Value, offset: usize) -> Value {
    let vmctx = cx.vmctx;
    let types = cx.load_constant(I64, vmctx, offset_of!(VmContext, types) as u32);
    let address = cx.b.ins().iadd(types, id);
    // The load must not be moved: the id is valid only after the reference was checked.
    let flags = cx.in_region(trusted().with_readonly(), Region::Vm);
    cx.b.ins().load(I32, flags, address, offset as i32)
}

/// The type index of a concrete heap type.
fn index_of(t: wasmparser::HeapType) -> Option<TypeIndex> {
    match t {
        wasmparser::HeapType::Concrete(i) => i.as_module_index().map(TypeIndex::from_u32),
        _ => None,
    }
}

/// Whether a function of type id `found` can be called as `ty`. Called in cold code, after a test for equality.
pub fn is_subtype(cx: &mut FuncCx, found: Value, ty: TypeIndex, yes: Block, no: Block) {
    let heap = cx.env.info.types[ty].heap_type();
    let found = cx.b.ins().uextend(I64, found);
    is_of_type(cx, found, heap, Some(ty), Exits { yes: (yes, &[]), no: (no, &[]) });
}

pub fn test(cx: &mut FuncCx, nullable: bool, hty: wasmparser::HeapType) {
    let r = cx.pop();
    let to = RefType { nullable, heap: heap_type(hty, &cx.env.info.types) };
    let next = cx.b.create_block();
    let result = cx.b.append_block_param(next, I32);
    let (one, zero) = (cx.i32const(1), cx.i32const(0));
    walk(cx, r, to, index_of(hty), Exits { yes: (next, &[one.into()]), no: (next, &[zero.into()]) });
    cx.b.seal_block(next);
    cx.b.switch_to_block(next);
    cx.push(result);
}

pub fn cast(cx: &mut FuncCx, nullable: bool, hty: wasmparser::HeapType) {
    let r = cx.pop();
    let to = RefType { nullable, heap: heap_type(hty, &cx.env.info.types) };
    let (next, failed) = (cx.b.create_block(), cx.b.create_block());
    cx.b.set_cold_block(failed);
    walk(cx, r, to, index_of(hty), Exits { yes: (next, &[]), no: (failed, &[]) });
    cx.b.seal_block(failed);
    cx.b.seal_block(next);
    cx.b.switch_to_block(failed);
    cx.trap(Trap::CastFailure);
    cx.b.switch_to_block(next);
    cx.push(r);
}

/// Branches if the cast succeeds, or, unless `on_success`, if it fails.
pub fn br_on_cast(cx: &mut FuncCx, depth: u32, to: wasmparser::RefType, on_success: bool) {
    let r = *cx.stack.last().expect("validated");
    let index = index_of(to.heap_type());
    let to = ref_type(to, &cx.env.info.types);
    let (block, n) = control::target(cx, depth);
    let args = cx.canonical_top(n);
    let next = cx.b.create_block();
    let (taken, not) = ((block, &args[..]), (next, &[][..]));
    let exits = if on_success { Exits { yes: taken, no: not } } else { Exits { yes: not, no: taken } };
    walk(cx, r, to, index, exits);
    cx.b.seal_block(next);
    cx.b.switch_to_block(next);
}
