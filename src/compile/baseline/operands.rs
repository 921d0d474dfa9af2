//! The operand stack during compilation: where each operand is, and which registers are free.
//!
//! Each operand has a frame slot, which depends on its position on the stack. The operand is in its slot when it has to
//! be: across calls and where control flow merges. Otherwise it stays where it was produced: a constant, a local that
//! was not written since, or a register. A register belongs to one operand, or to the instruction that is being
//! compiled.

mod copy;
mod spill;

pub use copy::{MANY_WORDS, in_a_row, words_above, words_below};

use super::asm::*;
use super::func::Cx;
use crate::wasm::types::{Top, ValType};

/// How a value type is represented.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repr {
    I32,
    I64,
    F32,
    F64,
    V128,
    /// A reference to a function: an address.
    Func,
    /// Any other reference. Stack maps must list it.
    Gc,
}

impl Repr {
    pub fn of(t: ValType) -> Repr {
        match t {
            ValType::I32 => Repr::I32,
            ValType::I64 => Repr::I64,
            ValType::F32 => Repr::F32,
            ValType::F64 => Repr::F64,
            ValType::V128 => Repr::V128,
            ValType::Ref(r) if r.top() == Top::Func => Repr::Func,
            ValType::Ref(_) => Repr::Gc,
        }
    }

    /// The width of instructions on this representation. Instructions on vectors do not use it.
    pub fn width(self) -> Width {
        match self {
            Repr::I32 | Repr::F32 | Repr::Gc => W32,
            Repr::I64 | Repr::F64 | Repr::Func | Repr::V128 => W64,
        }
    }

    /// Size of its frame slot in bytes.
    pub fn size(self) -> u32 {
        if self == Repr::V128 { 16 } else { 8 }
    }

    /// Whether it is kept in a vector register.
    pub fn is_float(self) -> bool {
        matches!(self, Repr::F32 | Repr::F64 | Repr::V128)
    }
}

/// Where an operand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loc {
    Slot,
    /// The bits. The upper half of a 32-bit value is zero.
    Const(u64),
    /// The upper half of a 32-bit value is zero.
    Gpr(Gpr),
    Xmm(Xmm),
    /// In the frame slot of this local, which was not written since.
    Local(u32),
    /// 1 if the condition holds, else 0. Only for the topmost operand, and only until the next instruction.
    Flags(Cc),
}

#[derive(Clone, Copy, Debug)]
pub struct Operand {
    pub repr: Repr,
    pub loc: Loc,
    /// Its own frame slot, in bytes below the frame pointer.
    slot: u32,
    /// If it was pushed as a local: that local, and the stack position of the previous operand that was pushed as the
    /// same local.
    reads: Option<(u32, u32)>,
}

/// No stack position.
const NO_OPERAND: u32 = u32::MAX;

impl Operand {
    /// A value that is not on the operand stack.
    pub fn new(repr: Repr, loc: Loc) -> Operand {
        debug_assert_ne!(loc, Loc::Slot);
        Operand { repr, loc, slot: 0, reads: None }
    }

    /// The same value in a register.
    pub fn in_gpr(self, r: Gpr) -> Operand {
        Operand { loc: Loc::Gpr(r), ..self }
    }

    pub fn in_xmm(self, x: Xmm) -> Operand {
        Operand { loc: Loc::Xmm(x), ..self }
    }

    pub fn slot(self) -> u32 {
        self.slot
    }

    /// Whether it is in its frame slot, and that slot is `slot`.
    pub fn is_at(self, slot: u32) -> bool {
        self.loc == Loc::Slot && self.slot == slot
    }
}

/// Registers for operands. `rax`, `rcx`, `rdx` and `r11` are scratch registers, `r14` and `r15` hold the memory's base
/// and the context, and the others belong to the caller.
const GPRS: u16 = 1 << RSI.0 | 1 << RDI.0 | 1 << R8.0 | 1 << R9.0 | 1 << R10.0;
/// `xmm14` and `xmm15` are scratch registers.
const XMMS: u16 = 0x3fff;
pub const XMM14: Xmm = Xmm(14);
pub const XMM15: Xmm = Xmm(15);

#[derive(Default)]
pub struct Operands {
    pub stack: Vec<Operand>,
    /// This many operands from the bottom are constants or in their frame slots.
    spilled: usize,
    /// Stack positions of the operands that stack maps must list.
    references: Vec<u32>,
    /// This many of them from the bottom are in their frame slots.
    spilled_references: usize,
    /// This many of them from the bottom are unchanged since the last call.
    same_references: usize,
    /// By local: the stack position of the topmost operand that was pushed as this local since its last write, or
    /// `NO_OPERAND`. The operands are linked by `Operand::reads`, so a write to a local visits only its own readers.
    readers: Vec<u32>,
    /// By register: the stack position of the operand that was put there last.
    in_gprs: [u32; 16],
    in_xmms: [u32; 16],
    free_gprs: u16,
    free_xmms: u16,
    /// The end of the locals and of the deepest frame slot ever used, in bytes below the frame pointer.
    first_slot: u32,
    pub deepest_slot: u32,
}

impl Operands {
    /// Frame slots of operands begin below the locals.
    pub fn new(locals: usize, first_slot: u32) -> Operands {
        let readers = vec![NO_OPERAND; locals];
        let (free_gprs, free_xmms, deepest_slot) = (GPRS, XMMS, first_slot);
        Operands { readers, free_gprs, free_xmms, first_slot, deepest_slot, ..Operands::default() }
    }

    /// The references on the stack for the stack map of a call: how many from the bottom are the same as during the
    /// previous call, the slots of those that were spilled since then, and the slots of others that happen to be
    /// spilled.
    pub fn references_of_call(&mut self) -> (usize, Vec<u32>, Vec<u32>) {
        let same = self.same_references;
        let in_slot = |i: &u32| Some(self.stack[*i as usize]).filter(|o| o.loc == Loc::Slot).map(|o| o.slot);
        let (spilled, others) = self.references.split_at(self.spilled_references);
        let added = spilled[same..].iter().filter_map(in_slot).collect();
        let others = others.iter().filter_map(in_slot).collect();
        self.same_references = spilled.len();
        (same, added, others)
    }

    /// Whether no operand is in a register or in the flags.
    pub fn are_out_of_registers(&self) -> bool {
        let top = self.stack.last().map(|o| o.loc);
        self.in_registers().next().is_none() && !matches!(top, Some(Loc::Flags(_)))
    }

    /// The registers that hold operands, and the operands' stack positions.
    fn in_registers(&self) -> impl Iterator<Item = (Loc, usize)> {
        let gprs = (0..16).map(|r| (Loc::Gpr(Gpr(r)), self.in_gprs[r as usize] as usize));
        let xmms = (0..16).map(|x| (Loc::Xmm(Xmm(x)), self.in_xmms[x as usize] as usize));
        // Entries of operands that have moved or are gone are still in the tables.
        gprs.chain(xmms).filter(|(loc, i)| self.stack.get(*i).is_some_and(|o| o.loc == *loc))
    }

    /// Where the frame slots of the lowest `height` operands end, in bytes below the frame pointer.
    pub fn end_of(&self, height: usize) -> u32 {
        height.checked_sub(1).map_or(self.first_slot, |top| self.stack[top].slot)
    }
}

impl Cx<'_> {
    pub fn push(&mut self, repr: Repr, loc: Loc) {
        let o = &mut self.operands;
        let (i, mut reads) = (o.stack.len() as u32, None);
        match loc {
            Loc::Local(l) => reads = Some((l, std::mem::replace(&mut o.readers[l as usize], i))),
            Loc::Gpr(r) => o.in_gprs[r.0 as usize] = i,
            Loc::Xmm(x) => o.in_xmms[x.0 as usize] = i,
            _ => {}
        }
        let slot = o.end_of(o.stack.len()) + repr.size();
        if repr == Repr::Gc {
            o.references.push(i);
        }
        o.stack.push(Operand { repr, loc, slot, reads });
        if loc == Loc::Slot {
            o.deepest_slot = o.deepest_slot.max(slot);
        }
    }

    /// Moves an operand into a register.
    fn put_in_register(&mut self, i: usize) {
        let o = self.operands.stack[i];
        let loc = match o.repr.is_float() {
            true => Loc::Xmm(self.xmm_of(o)),
            false => Loc::Gpr(self.gpr_of(o)),
        };
        match loc {
            Loc::Xmm(x) => self.operands.in_xmms[x.0 as usize] = i as u32,
            Loc::Gpr(r) => self.operands.in_gprs[r.0 as usize] = i as u32,
            _ => unreachable!("a register"),
        }
        self.operands.stack[i].loc = loc;
    }

    pub fn push_const(&mut self, repr: Repr, bits: u64) {
        self.push(repr, Loc::Const(bits));
    }

    pub fn push_gpr(&mut self, repr: Repr, r: Gpr) {
        self.push(repr, Loc::Gpr(r));
    }

    pub fn push_xmm(&mut self, repr: Repr, x: Xmm) {
        self.push(repr, Loc::Xmm(x));
    }

    /// Pushes an operand that is in its frame slot.
    pub fn push_slot(&mut self, repr: Repr) {
        self.push(repr, Loc::Slot);
    }

    /// Pops the top operand. Its register, if any, now belongs to the instruction. Its frame slot remains readable
    /// until the same stack position is written again.
    pub fn pop(&mut self) -> Operand {
        let o = &mut self.operands;
        let top = o.stack.pop().expect("validated");
        o.spilled = o.spilled.min(o.stack.len());
        if top.repr == Repr::Gc {
            o.references.pop();
            o.spilled_references = o.spilled_references.min(o.references.len());
            o.same_references = o.same_references.min(o.references.len());
        }
        if let Some((l, below)) = top.reads
            && o.readers[l as usize] == o.stack.len() as u32
        {
            o.readers[l as usize] = below;
        }
        top
    }

    /// Pops the top `n` operands. Returns them lowest first.
    pub fn pop_many(&mut self, n: usize) -> Vec<Operand> {
        let mut all: Vec<Operand> = (0..n).map(|_| self.pop()).collect();
        all.reverse();
        all
    }

    /// The operand `depth` below the top.
    pub fn peek(&self, depth: usize) -> Operand {
        let stack = &self.operands.stack;
        stack[stack.len() - 1 - depth]
    }

    /// Drops all operands above a height.
    pub fn truncate(&mut self, height: usize) {
        while self.operands.stack.len() > height {
            let top = self.pop();
            self.release(top);
        }
    }

    /// Allocates a register, spilling an operand if necessary. Changes no other register and no flags.
    pub fn gpr(&mut self) -> Gpr {
        if self.operands.free_gprs == 0 {
            self.evict(true);
        }
        let r = Gpr(self.operands.free_gprs.trailing_zeros() as u8);
        self.operands.free_gprs &= !(1 << r.0);
        r
    }

    pub fn xmm(&mut self) -> Xmm {
        if self.operands.free_xmms == 0 {
            self.evict(false);
        }
        let x = Xmm(self.operands.free_xmms.trailing_zeros() as u8);
        self.operands.free_xmms &= !(1 << x.0);
        x
    }

    pub fn free(&mut self, r: Gpr) {
        self.operands.free_gprs |= 1 << r.0 & GPRS;
    }

    pub fn free_xmm(&mut self, x: Xmm) {
        self.operands.free_xmms |= 1 << x.0 & XMMS;
    }

    /// Frees the register that an operand is in, if it is in one.
    pub fn release(&mut self, o: Operand) {
        match o.loc {
            Loc::Gpr(r) => self.free(r),
            Loc::Xmm(x) => self.free_xmm(x),
            _ => {}
        }
    }

    pub fn release_src(&mut self, src: GprMem) {
        if let GprMem::Gpr(r) = src {
            self.free(r);
        }
    }

    pub fn release_float(&mut self, src: XmmMem) {
        if let XmmMem::Xmm(x) = src {
            self.free_xmm(x);
        }
    }

    /// The sets of free registers, to be restored after code that leaves the current path.
    pub fn free_registers(&self) -> (u16, u16) {
        (self.operands.free_gprs, self.operands.free_xmms)
    }

    pub fn set_free_registers(&mut self, free: (u16, u16)) {
        (self.operands.free_gprs, self.operands.free_xmms) = free;
    }

    /// Whether every register is free or holds an operand: a register that is neither has leaked.
    pub fn registers_are_accounted_for(&self) -> bool {
        let o = &self.operands;
        let (mut gprs, mut xmms) = (o.free_gprs, o.free_xmms);
        for (loc, _) in o.in_registers() {
            match loc {
                Loc::Gpr(r) => gprs |= 1 << r.0,
                Loc::Xmm(x) => xmms |= 1 << x.0,
                _ => {}
            }
        }
        gprs == GPRS && xmms == XMMS
    }
}
