//! Copies operands into registers and memory, and makes them sources of instructions.

use super::{Loc, Operand, Repr, XMM15};
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::Cx;

impl Cx<'_> {
    /// The memory operand for an operand that is in the frame.
    pub fn in_frame(&self, o: Operand) -> Option<Mem> {
        match o.loc {
            Loc::Slot => Some(at(RBP, -(o.slot as i32))),
            Loc::Local(l) => Some(self.local(l)),
            _ => None,
        }
    }

    /// Loads a float or vector.
    pub fn read_float(&mut self, repr: Repr, dst: Xmm, src: Mem) {
        match repr {
            Repr::V128 => self.asm.load_vector(dst, src),
            _ => self.asm.load_float(repr.width(), dst, src),
        }
    }

    /// Stores a float or vector.
    pub fn write_float(&mut self, repr: Repr, dst: Mem, src: Xmm) {
        match repr {
            Repr::V128 => self.asm.store_vector(dst, src),
            _ => self.asm.store_float(repr.width(), dst, src),
        }
    }

    /// Copies an operand into a general-purpose register. Preserves the flags.
    pub fn load(&mut self, o: Operand, dst: Gpr) {
        match o.loc {
            Loc::Const(bits) => self.asm.mov_imm(dst, bits),
            Loc::Gpr(r) if r == dst => {}
            Loc::Gpr(r) => self.asm.mov(W64, dst, r),
            Loc::Flags(cc) => {
                self.asm.set(cc, dst);
                emit!(self.asm, movzbl_rm(dst, dst));
            }
            Loc::Slot | Loc::Local(_) => {
                let mem = self.in_frame(o).expect("it is there");
                self.asm.mov(o.repr.width(), dst, mem);
            }
            Loc::Xmm(x) => self.asm.bits_of_float(o.repr.width(), dst, x),
        }
    }

    /// Copies a float or vector into a vector register. Preserves the flags, changes `rax`.
    pub fn load_float(&mut self, o: Operand, dst: Xmm) {
        match o.loc {
            Loc::Xmm(x) => self.asm.mov_float(dst, x),
            Loc::Slot | Loc::Local(_) => {
                let mem = self.in_frame(o).expect("it is there");
                self.read_float(o.repr, dst, mem);
            }
            _ => {
                self.load(o, RAX);
                self.asm.float_of_bits(o.repr.width(), dst, RAX);
            }
        }
    }

    /// Returns the operand in a register that belongs to the current instruction. Preserves the flags.
    pub fn gpr_of(&mut self, o: Operand) -> Gpr {
        if let Loc::Gpr(r) = o.loc {
            return r;
        }
        let r = self.gpr();
        self.load(o, r);
        r
    }

    /// Moves the operand into a scratch register and releases its own.
    pub fn move_to(&mut self, o: Operand, dst: Gpr) {
        self.load(o, dst);
        self.release(o);
    }

    pub fn xmm_of(&mut self, o: Operand) -> Xmm {
        if let Loc::Xmm(x) = o.loc {
            return x;
        }
        let x = self.xmm();
        self.load_float(o, x);
        x
    }

    /// The operand as the source of an instruction.
    pub fn src(&mut self, o: Operand) -> GprMem {
        match self.in_frame(o) {
            Some(mem) => mem.into(),
            None => self.gpr_of(o).into(),
        }
    }

    pub fn float_src(&mut self, o: Operand) -> XmmMem {
        match self.in_frame(o) {
            // Vectors in memory would have to be aligned.
            Some(mem) if o.repr != Repr::V128 => mem.into(),
            _ => self.xmm_of(o).into(),
        }
    }

    /// Pops the top operand into a register.
    pub fn pop_gpr(&mut self) -> Gpr {
        let o = self.pop();
        self.gpr_of(o)
    }

    pub fn pop_xmm(&mut self) -> Xmm {
        let o = self.pop();
        self.xmm_of(o)
    }

    /// Stores an operand. Preserves the flags, changes `rax` and `xmm15`.
    pub fn store(&mut self, o: Operand, dst: Mem) {
        let w = o.repr.width();
        match o.loc {
            Loc::Gpr(r) => self.asm.store(w, dst, r),
            Loc::Xmm(x) => self.write_float(o.repr, dst, x),
            Loc::Const(bits) => match (w, i32::try_from(bits as i64)) {
                (W32, _) => self.asm.store_imm(W32, dst, bits as i32),
                (W64, Ok(short)) => self.asm.store_imm(W64, dst, short),
                (W64, Err(_)) => {
                    self.asm.mov_imm(RAX, bits);
                    self.asm.store(W64, dst, RAX);
                }
            },
            _ if o.repr == Repr::V128 => {
                self.load_float(o, XMM15);
                self.asm.store_vector(dst, XMM15);
            }
            Loc::Slot | Loc::Local(_) | Loc::Flags(_) => {
                self.load(o, RAX);
                self.asm.store(w, dst, RAX);
            }
        }
    }

    /// Copies words. Addresses are indexed by `rcx`, which counts up from 0, or by `rdx`, which counts down. Changes
    /// `rcx`, `rdx`, `rax` and the flags.
    pub fn move_words(&mut self, from: Mem, to: Mem, words: usize) {
        self.asm.mov_imm(RCX, 0);
        self.asm.mov_imm(RDX, 0);
        let more = self.asm.bound();
        self.asm.mov(W64, RAX, from);
        self.asm.store(W64, to, RAX);
        self.asm.alu_imm(Alu::Add, W64, RCX, 1);
        self.asm.alu_imm(Alu::Sub, W64, RDX, 1);
        self.asm.alu_imm(Alu::Cmp, W32, RCX, words as i32);
        self.asm.jcc(Cc::NE, more);
    }
}

/// From this number of words on, a loop copies them, so that an instruction of a few bytes does not take kilobytes of
/// code.
pub const MANY_WORDS: usize = 24;

/// Operand words below a position in the frame, indexed by `rdx` as in `move_words`.
pub fn words_below(end: u32) -> Mem {
    indexed(RBP, RDX, Scale::Eight, -(end as i32) - 8)
}

/// Words of memory in increasing order, indexed by `rcx`.
pub fn words_above(base: Gpr, offset: u32) -> Mem {
    indexed(base, RCX, Scale::Eight, offset as i32)
}

/// Counts the leading operands that are words in adjacent frame slots and are copied to or from adjacent words in
/// memory. `places` has the slot and the memory offset of each operand, or `None`. Slots grow downwards, memory
/// upwards.
pub fn in_a_row(places: impl Iterator<Item = Option<(u32, u32)>>) -> usize {
    let mut last: Option<(u32, u32)> = None;
    let follows = |loc: Option<(u32, u32)>| {
        let fine = match (last, loc) {
            (_, None) => false,
            (None, _) => true,
            (Some((slot, offset)), Some(next)) => next == (slot + 8, offset + 8),
        };
        last = loc;
        fine
    };
    places.map(follows).take_while(|follows| *follows).count()
}
