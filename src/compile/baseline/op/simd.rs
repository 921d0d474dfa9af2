//! Vector instructions (Wasm 3.0, 4.4.3) on memory, on lanes, and on bits, one line per opcode. The others are in
//! `simd_int`, `simd_float` and `simd_relaxed`. Only SSE 4.1 is required.

use super::memory::{self, Load};
use super::simd_int;
use crate::compile::baseline::Bailout;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::Cx;
use crate::compile::baseline::operands::{Loc, Repr, XMM15};
use wasmparser::{MemArg, Operator};

/// Emits code that replaces the first register by the result of both. It can change the second register, `xmm14` and
/// `xmm15`.
pub type Emit = fn(&mut Asm, Xmm, Xmm);
/// Emits code that starts with a load.
type EmitLoad = fn(&mut Asm, Xmm, Mem);

/// Immediate of `pshufd`: copies the high half into both halves.
pub const HIGH: u8 = 0xee;

/// An instruction with two registers, or with a register and memory, and possibly an immediate.
macro_rules! inst {
    ($name:ident $(, $imm:expr)?) => {
        |asm, to, from| emit!(*asm, $name(to, from $(, $imm as u8)?))
    };
}
pub(super) use inst;

#[rustfmt::skip]
pub fn instruction(cx: &mut Cx, op: &Operator<'_>) -> Result<(), Bailout> {
    use Operator as O;
    match op {
        O::V128Load { memarg } => memory::load(cx, memarg, Load { size: 16, signed: false, repr: Repr::V128 }),
        O::V128Load8x8S { memarg } => load(cx, memarg, 8, inst!(pmovsxbw_a)),
        O::V128Load8x8U { memarg } => load(cx, memarg, 8, inst!(pmovzxbw_a)),
        O::V128Load16x4S { memarg } => load(cx, memarg, 8, inst!(pmovsxwd_a)),
        O::V128Load16x4U { memarg } => load(cx, memarg, 8, inst!(pmovzxwd_a)),
        O::V128Load32x2S { memarg } => load(cx, memarg, 8, inst!(pmovsxdq_a)),
        O::V128Load32x2U { memarg } => load(cx, memarg, 8, inst!(pmovzxdq_a)),
        O::V128Load8Splat { memarg } => load(cx, memarg, 1, load_splat_8),
        O::V128Load16Splat { memarg } => load(cx, memarg, 2, load_splat_16),
        O::V128Load32Splat { memarg } => load(cx, memarg, 4, load_splat_32),
        O::V128Load64Splat { memarg } => load(cx, memarg, 8, inst!(movddup_a)),
        O::V128Load32Zero { memarg } => load(cx, memarg, 4, inst!(movss_a_m)),
        O::V128Load64Zero { memarg } => load(cx, memarg, 8, inst!(movsd_a_m)),
        O::V128Store { memarg } => memory::store(cx, memarg, 16),
        O::V128Load8Lane { memarg, lane } => load_lane(cx, memarg, 1, *lane),
        O::V128Load16Lane { memarg, lane } => load_lane(cx, memarg, 2, *lane),
        O::V128Load32Lane { memarg, lane } => load_lane(cx, memarg, 4, *lane),
        O::V128Load64Lane { memarg, lane } => load_lane(cx, memarg, 8, *lane),
        O::V128Store8Lane { memarg, lane } => store_lane(cx, memarg, 1, *lane),
        O::V128Store16Lane { memarg, lane } => store_lane(cx, memarg, 2, *lane),
        O::V128Store32Lane { memarg, lane } => store_lane(cx, memarg, 4, *lane),
        O::V128Store64Lane { memarg, lane } => store_lane(cx, memarg, 8, *lane),
        O::V128Const { value } => constant(cx, u128::from_le_bytes(*value.bytes())),
        O::I8x16Shuffle { lanes } => shuffle(cx, lanes),
        O::I8x16Swizzle => binary(cx, swizzle),
        O::I8x16Splat => splat(cx, 1, splat_8),
        O::I16x8Splat => splat(cx, 2, splat_16),
        O::I32x4Splat => splat(cx, 4, inst!(pshufd_a, 0)),
        O::F32x4Splat => splat(cx, 4, inst!(pshufd_a, 0)),
        O::I64x2Splat => splat(cx, 8, inst!(movddup_a)),
        O::F64x2Splat => splat(cx, 8, inst!(movddup_a)),
        O::I8x16ExtractLaneS { lane } => extract(cx, Repr::I32, 1, true, *lane),
        O::I8x16ExtractLaneU { lane } => extract(cx, Repr::I32, 1, false, *lane),
        O::I16x8ExtractLaneS { lane } => extract(cx, Repr::I32, 2, true, *lane),
        O::I16x8ExtractLaneU { lane } => extract(cx, Repr::I32, 2, false, *lane),
        O::I32x4ExtractLane { lane } => extract(cx, Repr::I32, 4, false, *lane),
        O::I64x2ExtractLane { lane } => extract(cx, Repr::I64, 8, false, *lane),
        O::F32x4ExtractLane { lane } => extract_float(cx, Repr::F32, *lane),
        O::F64x2ExtractLane { lane } => extract_float(cx, Repr::F64, *lane),
        O::I8x16ReplaceLane { lane } => replace(cx, 1, *lane),
        O::I16x8ReplaceLane { lane } => replace(cx, 2, *lane),
        O::I32x4ReplaceLane { lane } => replace(cx, 4, *lane),
        O::I64x2ReplaceLane { lane } => replace(cx, 8, *lane),
        O::F32x4ReplaceLane { lane } => replace_float(cx, *lane),
        O::F64x2ReplaceLane { lane } => replace_float(cx, *lane),
        O::V128Not => unary(cx, |asm, x, _| invert(asm, x)),
        O::V128And => binary(cx, inst!(pand_a)),
        O::V128Or => binary(cx, inst!(por_a)),
        O::V128Xor => binary(cx, inst!(pxor_a)),
        O::V128AndNot => swapped(cx, inst!(pandn_a)),
        O::V128Bitselect => bitselect(cx, |_, _| {}),
        O::V128AnyTrue => any_true(cx),
        other => return simd_int::instruction(cx, other),
    }
    Ok(())
}

/// The same register is both the result and the operand.
pub fn unary(cx: &mut Cx, emit: Emit) {
    let x = cx.pop_xmm();
    emit(&mut cx.asm, x, x);
    cx.push_xmm(Repr::V128, x);
}

pub fn binary(cx: &mut Cx, emit: Emit) {
    let (b, a) = (cx.pop(), cx.pop());
    let (x, y) = (cx.xmm_of(a), cx.xmm_of(b));
    emit(&mut cx.asm, x, y);
    cx.free_xmm(y);
    cx.push_xmm(Repr::V128, x);
}

/// Like `binary`, with the operands exchanged.
pub fn swapped(cx: &mut Cx, emit: Emit) {
    let (b, a) = (cx.pop(), cx.pop());
    let (x, y) = (cx.xmm_of(a), cx.xmm_of(b));
    emit(&mut cx.asm, y, x);
    cx.free_xmm(x);
    cx.push_xmm(Repr::V128, y);
}

/// Repeats a lane of `bytes` bytes in all lanes.
pub const fn repeated(lane: u64, bytes: u32) -> u128 {
    let bits = 8 * bytes;
    let mut all = 0;
    let mut at = 0;
    while at < 128 {
        all |= (lane as u128 & (u64::MAX >> (64 - bits)) as u128) << at;
        at += bits;
    }
    all
}

pub fn invert(asm: &mut Asm, x: Xmm) {
    let ones = asm.constant(u128::MAX);
    emit!(*asm, pxor_a(x, ones));
}

fn load(cx: &mut Cx, m: &MemArg, size: u64, emit: EmitLoad) {
    let access = memory::access(cx, m, size);
    let x = cx.xmm();
    access.mark_faulting(cx);
    emit(&mut cx.asm, x, access.mem);
    access.release(cx);
    cx.push_xmm(Repr::V128, x);
}

fn load_splat_8(asm: &mut Asm, x: Xmm, from: Mem) {
    emit!(*asm, movzbl_rm(RAX, from));
    asm.float_of_bits(W32, x, RAX);
    splat_8(asm, x, x);
}

fn load_splat_16(asm: &mut Asm, x: Xmm, from: Mem) {
    emit!(*asm, movzwl_rm(RAX, from));
    asm.float_of_bits(W32, x, RAX);
    splat_16(asm, x, x);
}

fn load_splat_32(asm: &mut Asm, x: Xmm, from: Mem) {
    asm.load_float(W32, x, from);
    emit!(*asm, pshufd_a(x, x, 0u8));
}

fn load_lane(cx: &mut Cx, m: &MemArg, size: u64, lane: u8) {
    // This comes before the access, whose registers it could change.
    let x = cx.pop_xmm();
    let access = memory::access(cx, m, size);
    access.mark_faulting(cx);
    insert(&mut cx.asm, x, access.mem.into(), size, lane);
    access.release(cx);
    cx.push_xmm(Repr::V128, x);
}

/// Inserts the low `size` bytes into a lane.
fn insert(asm: &mut Asm, x: Xmm, from: GprMem, size: u64, lane: u8) {
    match size {
        1 => emit!(*asm, pinsrb_a(x, from, lane)),
        2 => emit!(*asm, pinsrw_a(x, from, lane)),
        4 => emit!(*asm, pinsrd_a(x, from, lane)),
        _ => emit!(*asm, pinsrq_a(x, from, lane)),
    }
}

fn store_lane(cx: &mut Cx, m: &MemArg, size: u64, lane: u8) {
    let x = cx.pop_xmm();
    let access = memory::access(cx, m, size);
    access.mark_faulting(cx);
    take(&mut cx.asm, access.mem.into(), x, size, lane);
    access.release(cx);
    cx.free_xmm(x);
}

/// Extracts a lane. In a register, it is zero-extended.
fn take(asm: &mut Asm, to: GprMem, x: Xmm, size: u64, lane: u8) {
    match size {
        1 => emit!(*asm, pextrb_a(to, x, lane)),
        2 => emit!(*asm, pextrw_b(to, x, lane)),
        4 => emit!(*asm, pextrd_a(to, x, lane)),
        _ => emit!(*asm, pextrq_a(to, x, lane)),
    }
}

fn constant(cx: &mut Cx, bits: u128) {
    let x = cx.xmm();
    match bits {
        0 => emit!(cx.asm, pxor_a(x, x)),
        u128::MAX => emit!(cx.asm, pcmpeqd_a(x, x)),
        _ => {
            let from = cx.asm.constant(bits);
            emit!(cx.asm, movaps_a(x, from));
        }
    }
    cx.push_xmm(Repr::V128, x);
}

/// Selects lanes from the concatenation of two vectors.
fn shuffle(cx: &mut Cx, lanes: &[u8; 16]) {
    const NONE: u8 = 0x80;
    let (b, a) = (cx.pop(), cx.pop());
    let of_a = u128::from_le_bytes(lanes.map(|l| if l < 16 { l } else { NONE }));
    let of_b = u128::from_le_bytes(lanes.map(|l| if l < 16 { NONE } else { l - 16 }));
    let none = repeated(NONE as u64, 1);
    let pick = |cx: &mut Cx, from, lanes| {
        let x = cx.xmm_of(from);
        let lanes = cx.asm.constant(lanes);
        emit!(cx.asm, pshufb_a(x, lanes));
        x
    };
    if of_b == none || of_a == none {
        let (from, lanes, other) = if of_b == none { (a, of_a, b) } else { (b, of_b, a) };
        let x = pick(cx, from, lanes);
        cx.release(other);
        return cx.push_xmm(Repr::V128, x);
    }
    let (x, y) = (pick(cx, a, of_a), pick(cx, b, of_b));
    emit!(cx.asm, por_a(x, y));
    cx.free_xmm(y);
    cx.push_xmm(Repr::V128, x);
}

/// The processor uses the lowest four bits of an index, and returns zero if its highest bit is set. The addition sets
/// the highest bit of indexes from 16 on.
pub fn swizzle(asm: &mut Asm, x: Xmm, lanes: Xmm) {
    let up = asm.constant(repeated(0x70, 1));
    emit!(*asm, paddusb_a(lanes, up));
    emit!(*asm, pshufb_a(x, lanes));
}

/// Copies the low `size` bytes of an operand into all lanes.
fn splat(cx: &mut Cx, size: u32, emit: Emit) {
    let a = cx.pop();
    if let Loc::Const(bits) = a.loc {
        return constant(cx, repeated(bits, size));
    }
    let x = if a.repr.is_float() {
        cx.xmm_of(a)
    } else {
        let r = cx.gpr_of(a);
        let x = cx.xmm();
        cx.asm.float_of_bits(a.repr.width(), x, r);
        cx.free(r);
        x
    };
    emit(&mut cx.asm, x, x);
    cx.push_xmm(Repr::V128, x);
}

fn splat_8(asm: &mut Asm, to: Xmm, from: Xmm) {
    asm.mov_float(to, from);
    emit!(*asm, pxor_a(XMM15, XMM15));
    emit!(*asm, pshufb_a(to, XMM15));
}

fn splat_16(asm: &mut Asm, to: Xmm, from: Xmm) {
    emit!(*asm, pshuflw_a(to, from, 0u8));
    emit!(*asm, pshufd_a(to, to, 0u8));
}

fn extract(cx: &mut Cx, repr: Repr, size: u64, signed: bool, lane: u8) {
    let x = cx.pop_xmm();
    let r = cx.gpr();
    take(&mut cx.asm, r.into(), x, size, lane);
    match (signed, size) {
        (true, 1) => emit!(cx.asm, movsbl_rm(r, r)),
        (true, _) => emit!(cx.asm, movswl_rm(r, r)),
        (false, _) => {}
    }
    cx.free_xmm(x);
    cx.push_gpr(repr, r);
}

/// The bits above a float in its register do not matter.
fn extract_float(cx: &mut Cx, repr: Repr, lane: u8) {
    let x = cx.pop_xmm();
    match (repr, lane) {
        (_, 0) => {}
        (Repr::F32, lane) => emit!(cx.asm, pshufd_a(x, x, lane)),
        _ => emit!(cx.asm, pshufd_a(x, x, HIGH)),
    }
    cx.push_xmm(repr, x);
}

fn replace(cx: &mut Cx, size: u64, lane: u8) {
    let (lane_value, a) = (cx.pop(), cx.pop());
    let x = cx.xmm_of(a);
    let src = cx.src(lane_value);
    insert(&mut cx.asm, x, src, size, lane);
    cx.release_src(src);
    cx.push_xmm(Repr::V128, x);
}

fn replace_float(cx: &mut Cx, lane: u8) {
    let (lane_value, a) = (cx.pop(), cx.pop());
    let (x, y) = (cx.xmm_of(a), cx.xmm_of(lane_value));
    match (lane_value.repr, lane) {
        (Repr::F32, lane) => emit!(cx.asm, insertps_a(x, y, lane << 4)),
        (_, 0) => emit!(cx.asm, movsd_a_r(x, y)),
        _ => emit!(cx.asm, movlhps_rm(x, y)),
    }
    cx.free_xmm(y);
    cx.push_xmm(Repr::V128, x);
}

/// Bits of the first operand where the mask is 1, and of the second operand elsewhere. `prepare` adjusts the mask
/// first.
pub fn bitselect(cx: &mut Cx, prepare: fn(&mut Asm, Xmm)) {
    let (mask, b, a) = (cx.pop(), cx.pop(), cx.pop());
    let (x, y, mask) = (cx.xmm_of(a), cx.xmm_of(b), cx.xmm_of(mask));
    prepare(&mut cx.asm, mask);
    emit!(cx.asm, pand_a(x, mask));
    emit!(cx.asm, pandn_a(mask, y));
    emit!(cx.asm, por_a(x, mask));
    cx.free_xmm(y);
    cx.free_xmm(mask);
    cx.push_xmm(Repr::V128, x);
}

fn any_true(cx: &mut Cx) {
    let x = cx.pop_xmm();
    emit!(cx.asm, ptest_rm(x, x));
    cx.free_xmm(x);
    cx.push(Repr::I32, Loc::Flags(Cc::NE));
}
