//! The operand stack while a function is compiled: where each operand is, and which registers are free.
//!
//! An operand has a home in the frame, by its place on the stack. It is there when it has to be: across calls, and wherever
//! control comes together. In between it stays where it came up: a constant, a local that was not written since, a
//! register. A register belongs to one operand, or to the instruction that is being emitted.

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
    /// Any other reference, of which stack maps know.
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

    /// How wide instructions are that work on one; those on vectors have no such choice.
    pub fn width(self) -> Width {
        match self {
            Repr::I32 | Repr::F32 | Repr::Gc => W32,
            Repr::I64 | Repr::F64 | Repr::Func | Repr::V128 => W64,
        }
    }

    /// Bytes in the frame.
    pub fn size(self) -> u32 {
        if self == Repr::V128 { 16 } else { 8 }
    }

    /// Whether it lives in a register of floats.
    pub fn is_float(self) -> bool {
        matches!(self, Repr::F32 | Repr::F64 | Repr::V128)
    }
}

/// Where an operand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loc {
    Slot,
    /// Bits. The upper half of a narrow one is zero.
    Const(u64),
    /// The upper half of a narrow one is zero.
    Gpr(Gpr),
    Xmm(Xmm),
    /// Where the local is, which was not written since.
    Local(u32),
    /// A 1 if the condition holds, else 0. Only the topmost operand, and only until the next instruction.
    Flags(Cc),
}

#[derive(Clone, Copy, Debug)]
pub struct Operand {
    pub repr: Repr,
    pub loc: Loc,
    /// Where its home is, in bytes below the frame pointer.
    slot: u32,
    /// If it came up as a local: which, and the place of the one before it on the stack that came up as the same.
    reads: Option<(u32, u32)>,
}

/// No place on the stack.
const NO_OPERAND: u32 = u32::MAX;

impl Operand {
    /// What is no operand of the stack.
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

    /// Whether it is at home, and its home there.
    pub fn is_at(self, slot: u32) -> bool {
        self.loc == Loc::Slot && self.slot == slot
    }
}

/// Registers for operands. `rax`, `rcx`, `rdx` and `r11` are free in each instruction for its own use, `r14` and `r15` say where the
/// memory and the context are, the others are the callers'.
const GPRS: u16 = 1 << RSI.0 | 1 << RDI.0 | 1 << R8.0 | 1 << R9.0 | 1 << R10.0;
/// `xmm14` and `xmm15` are free in each instruction.
const XMMS: u16 = 0x3fff;
pub const XMM14: Xmm = Xmm(14);
pub const XMM15: Xmm = Xmm(15);

#[derive(Default)]
pub struct Operands {
    pub stack: Vec<Operand>,
    /// As many from the bottom are constants or at home.
    settled: usize,
    /// Places on the stack of operands that stack maps know.
    references: Vec<u32>,
    /// As many of them from the bottom are at home.
    settled_references: usize,
    /// As many of them from the bottom are the same as during the last call.
    same_references: usize,
    /// By local: the place of the uppermost operand that came up as it since it was written, or `NO_OPERAND`. Those below it are linked
    /// (`Operand::reads`), so what writes a local looks at none that has nothing to do with it.
    readers: Vec<u32>,
    /// By register: the place on the stack of the operand that is in it, if one is.
    in_gprs: [u32; 16],
    in_xmms: [u32; 16],
    free_gprs: u16,
    free_xmms: u16,
    /// Where locals end, and where the deepest home ends that an operand was ever at, in bytes below the frame pointer.
    first_slot: u32,
    pub deepest_slot: u32,
}

impl Operands {
    /// Homes begin below the locals.
    pub fn new(locals: usize, first_slot: u32) -> Operands {
        let readers = vec![NO_OPERAND; locals];
        let (free_gprs, free_xmms, deepest_slot) = (GPRS, XMMS, first_slot);
        Operands { readers, free_gprs, free_xmms, first_slot, deepest_slot, ..Operands::default() }
    }

    /// What stack maps have to know of the references on the stack, for a call: how many from the bottom are the same as during the call
    /// before; where those are that are at home since, and where others are that happen to be at home.
    pub fn references_of_call(&mut self) -> (usize, Vec<u32>, Vec<u32>) {
        let same = self.same_references;
        let in_slot = |i: &u32| Some(self.stack[*i as usize]).filter(|o| o.loc == Loc::Slot).map(|o| o.slot);
        let (settled, others) = self.references.split_at(self.settled_references);
        let added = settled[same..].iter().filter_map(in_slot).collect();
        let others = others.iter().filter_map(in_slot).collect();
        self.same_references = settled.len();
        (same, added, others)
    }

    /// Whether no register holds an operand.
    pub fn are_out_of_registers(&self) -> bool {
        let top = self.stack.last().map(|o| o.loc);
        self.in_registers().next().is_none() && !matches!(top, Some(Loc::Flags(_)))
    }

    /// The registers that operands are in, and their places on the stack.
    fn in_registers(&self) -> impl Iterator<Item = (Loc, usize)> {
        let gprs = (0..16).map(|r| (Loc::Gpr(Gpr(r)), self.in_gprs[r as usize] as usize));
        let xmms = (0..16).map(|x| (Loc::Xmm(Xmm(x)), self.in_xmms[x as usize] as usize));
        // Where one was is remembered also when it is gone.
        gprs.chain(xmms).filter(|(loc, i)| self.stack.get(*i).is_some_and(|o| o.loc == *loc))
    }

    /// Where the homes of the lowest `height` operands end, in bytes below the frame pointer.
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

    /// Puts an operand that is somewhere else into a register.
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

    /// An operand at its home.
    pub fn push_home(&mut self, repr: Repr) {
        self.push(repr, Loc::Slot);
    }

    /// Takes the top operand; a register of it belongs to the instruction now. What is at home stays readable until the same
    /// place on the stack is written again.
    pub fn pop(&mut self) -> Operand {
        let o = &mut self.operands;
        let top = o.stack.pop().expect("validated");
        o.settled = o.settled.min(o.stack.len());
        if top.repr == Repr::Gc {
            o.references.pop();
            o.settled_references = o.settled_references.min(o.references.len());
            o.same_references = o.same_references.min(o.references.len());
        }
        if let Some((l, below)) = top.reads
            && o.readers[l as usize] == o.stack.len() as u32
        {
            o.readers[l as usize] = below;
        }
        top
    }

    /// Takes the top `n` operands, lowest first.
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

    /// A free register. Makes room if there is none. Changes nothing else, nor the flags.
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

    /// Which registers are free, to be set again when code that does not come back is emitted in between.
    pub fn free_registers(&self) -> (u16, u16) {
        (self.operands.free_gprs, self.operands.free_xmms)
    }

    pub fn set_free_registers(&mut self, free: (u16, u16)) {
        (self.operands.free_gprs, self.operands.free_xmms) = free;
    }

    /// Whether all registers are free that no operand has: none was forgotten.
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
