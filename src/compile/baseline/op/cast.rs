//! Casts (Wasm 3.0, 4.6.6 and 4.6.7): `ref.test`, `ref.cast`, `br_on_cast`. The operand's static type is not known
//! here, so the code tests for every possible value of its hierarchy.

use super::control;
use crate::abi::vmstruct::{VmContext, VmFuncRef};
use crate::base::Trap;
use crate::base::index::TypeIndex;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::{CONTEXT, Cx};
use crate::compile::baseline::operands::Repr;
use crate::wasm::decode::heap_type;
use crate::wasm::descriptor::*;
use crate::wasm::types::{HeapType, Top};
use std::mem::offset_of;

/// Jumps if the type id in `rcx` is a subtype of a type that is not final. Changes `rax`.
pub fn jump_if_below(cx: &mut Cx, ty: TypeIndex, yes: Label) {
    let depth = cx.env.types.get(cx.env.info.types[ty].id).depth as usize;
    let no = cx.asm.label();
    cx.asm.mov(W64, RAX, at(CONTEXT, offset_of!(VmContext, types) as i32));
    if depth >= INLINE_DISPLAY {
        cx.asm.alu_imm(
            Alu::Cmp,
            W32,
            indexed(RAX, RCX, Scale::One, offset_of!(Descriptor, depth) as i32),
            depth as i32,
        );
        cx.asm.jcc(Cc::B, no);
    }
    let loc = offset_of!(Descriptor, display) + 4 * depth;
    cx.asm.mov(W32, RAX, indexed(RAX, RCX, Scale::One, loc as i32));
    cx.asm.alu(Alu::Cmp, W32, RAX, at(CONTEXT, cx.env.layout.type_id(ty) as i32));
    cx.asm.jcc(Cc::E, yes);
    cx.asm.bind(no);
}

/// The type that a reference is tested for.
struct Target {
    nullable: bool,
    heap: HeapType,
    /// The type index of a concrete type.
    index: Option<TypeIndex>,
}

impl Target {
    fn new(cx: &Cx, nullable: bool, hty: wasmparser::HeapType) -> Target {
        let index = match hty {
            wasmparser::HeapType::Concrete(i) => i.as_module_index().map(TypeIndex::from_u32),
            _ => None,
        };
        Target { nullable, heap: heap_type(hty, &cx.env.info.types), index }
    }
}

/// Continues here if the reference in a register has the type, otherwise jumps to `no`. Changes `rax` and `rcx`.
fn leave_unless(cx: &mut Cx, r: Gpr, to: &Target, no: Label) {
    use HeapType as H;
    let yes = cx.asm.label();
    let is_func = to.heap.top() == Top::Func;
    cx.asm.test(if is_func { W64 } else { W32 }, r);
    cx.asm.jcc(Cc::E, if to.nullable { yes } else { no });
    match to.heap {
        H::Any | H::Func | H::Extern | H::Exn => {}
        H::None | H::NoFunc | H::NoExtern | H::NoExn => cx.asm.jmp(no),
        H::ConcreteFunc(_) => {
            cx.asm.mov(W32, RCX, at(r, offset_of!(VmFuncRef, type_id) as i32));
            leave_unless_of_type(cx, to, no, yes);
        }
        H::I31 => {
            emit!(cx.asm, testb_mi(r, 1u8));
            cx.asm.jcc(Cc::E, no);
        }
        H::Eq | H::Struct | H::Array | H::ConcreteStruct(_) | H::ConcreteArray(_) => {
            emit!(cx.asm, testb_mi(r, 1u8));
            cx.asm.jcc(Cc::NE, if to.heap == H::Eq { yes } else { no });
            cx.object_type(r);
            leave_unless_of_type(cx, to, no, yes);
        }
    }
    cx.asm.bind(yes);
}

/// Like `leave_unless`, for the type id in `rcx`. If the type matches, can also jump to `next`, which must come next.
/// Changes `rax`.
fn leave_unless_of_type(cx: &mut Cx, to: &Target, no: Label, next: Label) {
    let Some(index) = to.index else {
        // `eq` is anything except a host object.
        let (kind, differs) = match to.heap {
            HeapType::Struct => (KIND_STRUCT, Cc::NE),
            HeapType::Array => (KIND_ARRAY, Cc::NE),
            _ => (KIND_HOST, Cc::E),
        };
        cx.asm.mov(W64, RAX, at(CONTEXT, offset_of!(VmContext, types) as i32));
        let loc = indexed(RAX, RCX, Scale::One, offset_of!(Descriptor, kind) as i32);
        cx.asm.alu_imm(Alu::Cmp, W32, loc, kind as i32);
        return cx.asm.jcc(differs, no);
    };
    if cx.env.info.types[index].sub.is_final {
        cx.asm.alu(Alu::Cmp, W32, RCX, at(CONTEXT, cx.env.layout.type_id(index) as i32));
        return cx.asm.jcc(Cc::NE, no);
    }
    jump_if_below(cx, index, next);
    cx.asm.jmp(no);
}

pub fn test(cx: &mut Cx, nullable: bool, hty: wasmparser::HeapType) {
    let to = Target::new(cx, nullable, hty);
    let r = cx.pop_gpr();
    let (no, done) = (cx.asm.label(), cx.asm.label());
    leave_unless(cx, r, &to, no);
    cx.asm.mov_imm(r, 1);
    cx.asm.jmp(done);
    cx.asm.bind(no);
    cx.asm.mov_imm(r, 0);
    cx.asm.bind(done);
    cx.push_gpr(Repr::I32, r);
}

/// Returns the top operand in a register. It stays on the stack.
fn top(cx: &mut Cx) -> Gpr {
    let o = cx.peek(0);
    cx.in_register(o, R11)
}

pub fn cast(cx: &mut Cx, nullable: bool, hty: wasmparser::HeapType) {
    let to = Target::new(cx, nullable, hty);
    let r = top(cx);
    let failed = cx.trap_at(Trap::CastFailure);
    leave_unless(cx, r, &to, failed);
}

/// Branches if the cast succeeds, or, unless `on_success`, if it fails.
pub fn br_on_cast(cx: &mut Cx, depth: u32, to: wasmparser::RefType, on_success: bool) {
    let to = Target::new(cx, to.is_nullable(), to.heap_type());
    control::prepare(cx, depth);
    let r = top(cx);
    let (no, next) = (cx.asm.label(), cx.asm.label());
    leave_unless(cx, r, &to, no);
    if on_success {
        control::branch(cx, depth);
        cx.asm.bind(no);
    } else {
        cx.asm.jmp(next);
        cx.asm.bind(no);
        control::branch(cx, depth);
        cx.asm.bind(next);
    }
}
