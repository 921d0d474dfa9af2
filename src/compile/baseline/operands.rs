//! The operand stack while a function is compiled: where each operand is, and which registers are free.
//!
//! An operand has a home in the frame, by its place on the stack. It is there when it has to be: across calls, and wherever
//! control comes together. In between it stays where it came up: a constant, a local that was not written since, a
//! register. A register belongs to one operand, or to the instruction that is being emitted.

use super::asm::*;
use super::func::Cx;
use crate::wasm::types::{Top, ValType};

/// How a value type is represented.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
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

impl Kind {
    pub fn of(t: ValType) -> Kind {
        match t {
            ValType::I32 => Kind::I32,
            ValType::I64 => Kind::I64,
            ValType::F32 => Kind::F32,
            ValType::F64 => Kind::F64,
            ValType::V128 => Kind::V128,
            ValType::Ref(r) if r.top() == Top::Func => Kind::Func,
            ValType::Ref(_) => Kind::Gc,
        }
    }

    /// How wide instructions are that work on one; those on vectors have no such choice.
    pub fn width(self) -> Width {
        match self {
            Kind::I32 | Kind::F32 | Kind::Gc => W32,
            Kind::I64 | Kind::F64 | Kind::Func | Kind::V128 => W64,
        }
    }

    /// Bytes in the frame.
    pub fn size(self) -> u32 {
        if self == Kind::V128 { 16 } else { 8 }
    }

    /// Whether it lives in a register of floats.
    pub fn is_float(self) -> bool {
        matches!(self, Kind::F32 | Kind::F64 | Kind::V128)
    }
}

/// Where an operand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Home,
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
    pub kind: Kind,
    pub place: Place,
    /// Where its home is, in bytes below the frame pointer.
    home: u32,
}

impl Operand {
    /// What is no operand of the stack.
    pub fn new(kind: Kind, place: Place) -> Operand {
        debug_assert_ne!(place, Place::Home);
        Operand { kind, place, home: 0 }
    }

    /// The same value in a register.
    pub fn in_gpr(self, r: Gpr) -> Operand {
        Operand { place: Place::Gpr(r), ..self }
    }

    pub fn in_xmm(self, x: Xmm) -> Operand {
        Operand { place: Place::Xmm(x), ..self }
    }

    pub fn home(self) -> u32 {
        self.home
    }

    /// Whether it is at home, and its home there.
    pub fn is_at(self, home: u32) -> bool {
        self.place == Place::Home && self.home == home
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
    /// Those among them that stack maps have to know, by their places on the stack.
    references: Vec<usize>,
    /// As many from the bottom are constants or at home.
    settled: usize,
    /// By local: how many operands are `Place::Local` of it.
    lazy: Vec<u32>,
    free_gprs: u16,
    free_xmms: u16,
    /// Where locals end, and where the homes ended when there were most of them, in bytes below the frame pointer.
    first_home: u32,
    pub deepest_home: u32,
}

impl Operands {
    /// Homes begin below the locals.
    pub fn new(locals: usize, first_home: u32) -> Operands {
        let lazy = vec![0; locals];
        let (free_gprs, free_xmms, deepest_home) = (GPRS, XMMS, first_home);
        Operands { lazy, free_gprs, free_xmms, first_home, deepest_home, ..Operands::default() }
    }

    /// The references to objects, lowest first.
    pub fn references(&self) -> impl ExactSizeIterator<Item = &Operand> {
        self.references.iter().map(|i| &self.stack[*i])
    }

    /// Where the homes of the lowest `height` operands end, in bytes below the frame pointer.
    pub fn end_of(&self, height: usize) -> u32 {
        height.checked_sub(1).map_or(self.first_home, |top| self.stack[top].home)
    }
}

impl Cx<'_> {
    pub fn push(&mut self, kind: Kind, place: Place) {
        if let Place::Local(l) = place {
            self.operands.lazy[l as usize] += 1;
        }
        let o = &mut self.operands;
        let home = o.end_of(o.stack.len()) + kind.size();
        if kind == Kind::Gc {
            o.references.push(o.stack.len());
        }
        o.stack.push(Operand { kind, place, home });
        o.deepest_home = o.deepest_home.max(home);
    }

    pub fn push_const(&mut self, kind: Kind, bits: u64) {
        self.push(kind, Place::Const(bits));
    }

    pub fn push_gpr(&mut self, kind: Kind, r: Gpr) {
        self.push(kind, Place::Gpr(r));
    }

    pub fn push_xmm(&mut self, kind: Kind, x: Xmm) {
        self.push(kind, Place::Xmm(x));
    }

    /// An operand at its home.
    pub fn push_home(&mut self, kind: Kind) {
        self.push(kind, Place::Home);
    }

    /// Takes the top operand; a register of it belongs to the instruction now. What is at home stays readable until the same
    /// place on the stack is written again.
    pub fn pop(&mut self) -> Operand {
        let o = &mut self.operands;
        let top = o.stack.pop().expect("validated");
        o.settled = o.settled.min(o.stack.len());
        if top.kind == Kind::Gc {
            o.references.pop();
        }
        if let Place::Local(l) = top.place {
            o.lazy[l as usize] -= 1;
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

    /// A free register. Makes room if there is none; leaves the flags.
    pub fn gpr(&mut self) -> Gpr {
        if self.operands.free_gprs == 0 {
            self.evict(|p| matches!(p, Place::Gpr(_)));
        }
        let r = Gpr(self.operands.free_gprs.trailing_zeros() as u8);
        self.operands.free_gprs &= !(1 << r.0);
        r
    }

    pub fn xmm(&mut self) -> Xmm {
        if self.operands.free_xmms == 0 {
            self.evict(|p| matches!(p, Place::Xmm(_)));
        }
        let x = Xmm(self.operands.free_xmms.trailing_zeros() as u8);
        self.operands.free_xmms &= !(1 << x.0);
        x
    }

    /// Sends the lowest such operand home.
    fn evict(&mut self, such: impl Fn(Place) -> bool) {
        let from = self.operands.settled;
        let found = self.operands.stack[from..].iter().position(|o| such(o.place));
        self.send_home(from + found.expect("no instruction takes all registers"));
    }

    pub fn free(&mut self, r: Gpr) {
        self.operands.free_gprs |= 1 << r.0 & GPRS;
    }

    pub fn free_xmm(&mut self, x: Xmm) {
        self.operands.free_xmms |= 1 << x.0 & XMMS;
    }

    /// Frees the register that an operand is in, if it is in one.
    pub fn release(&mut self, o: Operand) {
        match o.place {
            Place::Gpr(r) => self.free(r),
            Place::Xmm(x) => self.free_xmm(x),
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

    /// Where an operand is in the frame, if it is there.
    pub fn in_frame(&self, o: Operand) -> Option<Mem> {
        match o.place {
            Place::Home => Some(at(RBP, -(o.home as i32))),
            Place::Local(l) => Some(self.local(l)),
            _ => None,
        }
    }

    /// Reads a float or vector.
    pub fn read_float(&mut self, kind: Kind, dst: Xmm, src: Mem) {
        match kind {
            Kind::V128 => self.asm.load_vector(dst, src),
            _ => self.asm.load_float(kind.width(), dst, src),
        }
    }

    /// Writes a float or vector.
    pub fn write_float(&mut self, kind: Kind, dst: Mem, src: Xmm) {
        match kind {
            Kind::V128 => self.asm.store_vector(dst, src),
            _ => self.asm.store_float(kind.width(), dst, src),
        }
    }

    /// Copies an operand that is no float into a register. Leaves the flags.
    pub fn load(&mut self, o: Operand, dst: Gpr) {
        match o.place {
            Place::Const(bits) => self.asm.mov_imm(dst, bits),
            Place::Gpr(r) if r == dst => {}
            Place::Gpr(r) => self.asm.mov(W64, dst, r),
            Place::Flags(cc) => {
                self.asm.set(cc, dst);
                emit!(self.asm, movzbl_rm(dst, dst));
            }
            Place::Home | Place::Local(_) => {
                let mem = self.in_frame(o).expect("it is there");
                self.asm.mov(o.kind.width(), dst, mem);
            }
            Place::Xmm(x) => self.asm.bits_of_float(o.kind.width(), dst, x),
        }
    }

    /// Copies a float into a register. Leaves the flags, changes `rax`.
    pub fn load_float(&mut self, o: Operand, dst: Xmm) {
        match o.place {
            Place::Xmm(x) => self.asm.mov_float(dst, x),
            Place::Home | Place::Local(_) => {
                let mem = self.in_frame(o).expect("it is there");
                self.read_float(o.kind, dst, mem);
            }
            _ => {
                self.load(o, RAX);
                self.asm.float_of_bits(o.kind.width(), dst, RAX);
            }
        }
    }

    /// The operand in a register that is the instruction's. Leaves the flags.
    pub fn gpr_of(&mut self, o: Operand) -> Gpr {
        if let Place::Gpr(r) = o.place {
            return r;
        }
        let r = self.gpr();
        self.load(o, r);
        r
    }

    /// The operand in one of the registers that are free in each instruction.
    pub fn move_to(&mut self, o: Operand, dst: Gpr) {
        self.load(o, dst);
        self.release(o);
    }

    pub fn xmm_of(&mut self, o: Operand) -> Xmm {
        if let Place::Xmm(x) = o.place {
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
            Some(mem) if o.kind != Kind::V128 => mem.into(),
            _ => self.xmm_of(o).into(),
        }
    }

    /// Takes the top operand into a register.
    pub fn pop_gpr(&mut self) -> Gpr {
        let o = self.pop();
        self.gpr_of(o)
    }

    pub fn pop_xmm(&mut self) -> Xmm {
        let o = self.pop();
        self.xmm_of(o)
    }

    /// Writes an operand. Leaves the flags, changes `rax` and `xmm15`.
    pub fn store(&mut self, o: Operand, dst: Mem) {
        let w = o.kind.width();
        match o.place {
            Place::Gpr(r) => self.asm.store(w, dst, r),
            Place::Xmm(x) => self.write_float(o.kind, dst, x),
            Place::Const(bits) => match (w, i32::try_from(bits as i64)) {
                (W32, _) => self.asm.store_imm(W32, dst, bits as i32),
                (W64, Ok(short)) => self.asm.store_imm(W64, dst, short),
                (W64, Err(_)) => {
                    self.asm.mov_imm(RAX, bits);
                    self.asm.store(W64, dst, RAX);
                }
            },
            _ if o.kind == Kind::V128 => {
                self.load_float(o, XMM15);
                self.asm.store_vector(dst, XMM15);
            }
            Place::Home | Place::Local(_) | Place::Flags(_) => {
                self.load(o, RAX);
                self.asm.store(w, dst, RAX);
            }
        }
    }

    /// Puts the `i`th operand into its home.
    fn send_home(&mut self, i: usize) {
        let o = self.operands.stack[i];
        if o.place == Place::Home {
            return;
        }
        self.store(o, at(RBP, -(o.home as i32)));
        self.release(o);
        if let Place::Local(l) = o.place {
            self.operands.lazy[l as usize] -= 1;
        }
        self.operands.stack[i].place = Place::Home;
    }

    /// Puts all operands but constants into their homes, so that all registers are free. Leaves the flags, changes `rax`.
    pub fn settle(&mut self) {
        for i in self.operands.settled..self.operands.stack.len() {
            if !matches!(self.operands.stack[i].place, Place::Const(_)) {
                self.send_home(i);
            }
        }
        self.operands.settled = self.operands.stack.len();
    }

    /// Puts operands that are in registers into their homes, and leaves those that are in locals there: for calls, but not for where
    /// control comes together. Leaves the flags.
    pub fn settle_registers(&mut self) {
        let o = &self.operands;
        // There are never more of them than registers, and they are mostly the last ones: what is below is not looked at.
        let mut left = (GPRS & !o.free_gprs).count_ones() + (XMMS & !o.free_xmms).count_ones();
        for i in (o.settled..o.stack.len()).rev() {
            if left == 0 {
                break;
            }
            if matches!(self.operands.stack[i].place, Place::Gpr(_) | Place::Xmm(_)) {
                self.send_home(i);
                left -= 1;
            }
        }
    }

    /// Puts also the top `n` operands that are constants into their homes.
    pub fn settle_top(&mut self, n: usize) {
        self.settle();
        let len = self.operands.stack.len();
        (len - n..len).for_each(|i| self.send_home(i));
    }

    /// Turns a condition that is the top operand into a number: what comes next changes the flags.
    pub fn settle_flags(&mut self) {
        if let Some(Operand { kind, place: Place::Flags(_), .. }) = self.operands.stack.last().copied() {
            let r = self.pop_gpr();
            self.push_gpr(kind, r);
        }
    }

    /// Copies operands that read a local, before it is written.
    pub fn unlazy(&mut self, local: u32) {
        let mut i = self.operands.stack.len();
        while self.operands.lazy[local as usize] > 0 {
            i -= 1;
            let o = self.operands.stack[i];
            if o.place == Place::Local(local) {
                let place = match o.kind.is_float() {
                    true => Place::Xmm(self.xmm_of(o)),
                    false => Place::Gpr(self.gpr_of(o)),
                };
                self.operands.stack[i].place = place;
                self.operands.lazy[local as usize] -= 1;
            }
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
        for operand in &o.stack {
            match operand.place {
                Place::Gpr(r) => gprs |= 1 << r.0,
                Place::Xmm(x) => xmms |= 1 << x.0,
                _ => {}
            }
        }
        gprs == GPRS && xmms == XMMS
    }
}
