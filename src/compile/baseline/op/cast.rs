//! Casts (Wasm 3.0, 4.6.6 and 4.6.7).

use crate::abi::vmstruct::VmContext;
use crate::base::index::TypeIndex;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::{CONTEXT, Cx};
use crate::wasm::descriptor::*;
use std::mem::offset_of;

/// Jumps if the type of an id that is in `rcx` is below a type that is not final. Changes `rax`.
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
    let place = offset_of!(Descriptor, display) + 4 * depth;
    cx.asm.mov(W32, RAX, indexed(RAX, RCX, Scale::One, place as i32));
    cx.asm.alu(Alu::Cmp, W32, RAX, at(CONTEXT, cx.env.layout.type_id(ty) as i32));
    cx.asm.jcc(Cc::E, yes);
    cx.asm.bind(no);
}
