//! Machine code of x86-64 as it is written: instructions by `cranelift-assembler-x64`, jumps to places that are known later.

use crate::compile::code::ALIGN;
use cranelift_assembler_x64 as x64;
use cranelift_assembler_x64::{AmodeOffset, AmodeOffsetPlusKnownOffset, AsReg, CodeSink, NonRspGpr};

use std::collections::BTreeMap;
use std::num::NonZeroU8;

pub use cranelift_assembler_x64::Scale;

/// A general-purpose register, by its number in instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gpr(pub u8);

/// A register of floats, by its number in instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Xmm(pub u8);

pub const RAX: Gpr = Gpr(0);
pub const RCX: Gpr = Gpr(1);
pub const RDX: Gpr = Gpr(2);
pub const RBX: Gpr = Gpr(3);
pub const RSP: Gpr = Gpr(4);
pub const RBP: Gpr = Gpr(5);
pub const RSI: Gpr = Gpr(6);
pub const RDI: Gpr = Gpr(7);
pub const R8: Gpr = Gpr(8);
pub const R9: Gpr = Gpr(9);
pub const R10: Gpr = Gpr(10);
pub const R11: Gpr = Gpr(11);
pub const R12: Gpr = Gpr(12);
pub const R13: Gpr = Gpr(13);
pub const R14: Gpr = Gpr(14);
pub const R15: Gpr = Gpr(15);

impl AsReg for Gpr {
    fn new(enc: u8) -> Gpr {
        Gpr(enc)
    }
    fn enc(&self) -> u8 {
        self.0
    }
}

impl AsReg for Xmm {
    fn new(enc: u8) -> Xmm {
        Xmm(enc)
    }
    fn enc(&self) -> u8 {
        self.0
    }
}

/// Registers that are chosen already.
pub struct Chosen;

impl x64::Registers for Chosen {
    type ReadGpr = Gpr;
    type ReadWriteGpr = Gpr;
    type WriteGpr = Gpr;
    type ReadXmm = Xmm;
    type ReadWriteXmm = Xmm;
    type WriteXmm = Xmm;
}

pub type Mem = x64::Amode<Gpr>;
pub type GprMem = x64::GprMem<Gpr, Gpr>;
pub type XmmMem = x64::XmmMem<Xmm, Gpr>;

/// `[base + offset]`.
pub fn at(base: Gpr, offset: i32) -> Mem {
    let simm32 = AmodeOffsetPlusKnownOffset { simm32: AmodeOffset::new(offset), offset: None };
    Mem::ImmReg { base, simm32, trap: None }
}

/// `[base + index * scale + offset]`.
pub fn indexed(base: Gpr, index: Gpr, scale: Scale, offset: i32) -> Mem {
    let (index, simm32) = (NonRspGpr::new(index), AmodeOffset::new(offset));
    Mem::ImmRegRegShift { base, index, scale, simm32, trap: None }
}

/// How wide an instruction works on integers. The upper half of the result of a narrow one is zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    W32,
    W64,
}

pub use Width::*;

/// A condition, by its number in instructions; the number with the other last bit is of the opposite.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cc(u8);

impl Cc {
    /// Unsigned less, or a carry.
    pub const B: Cc = Cc(2);
    pub const AE: Cc = Cc(3);
    pub const E: Cc = Cc(4);
    pub const NE: Cc = Cc(5);
    pub const BE: Cc = Cc(6);
    pub const A: Cc = Cc(7);
    /// Negative.
    pub const S: Cc = Cc(8);
    /// Unordered, of floats.
    pub const P: Cc = Cc(10);
    pub const NP: Cc = Cc(11);
    pub const L: Cc = Cc(12);
    pub const GE: Cc = Cc(13);
    pub const LE: Cc = Cc(14);
    pub const G: Cc = Cc(15);

    pub fn not(self) -> Cc {
        Cc(self.0 ^ 1)
    }
}

/// A place in the code that jumps lead to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label(usize);

const UNBOUND: u32 = u32::MAX;

#[derive(Default)]
pub struct Asm {
    text: Vec<u8>,
    /// By label: its place.
    labels: Vec<u32>,
    /// Where the distance from its own end to a label stands, 32 bits wide.
    jumps: Vec<(u32, Label)>,
    /// Entries of jump tables: where one stands, the table's start, and the label.
    entries: Vec<(u32, u32, Label)>,
    /// Vectors behind the code.
    constants: BTreeMap<u128, Label>,
}

impl CodeSink for Asm {
    fn put1(&mut self, v: u8) {
        self.text.push(v);
    }
    fn put2(&mut self, v: u16) {
        self.text.extend_from_slice(&v.to_le_bytes());
    }
    fn put4(&mut self, v: u32) {
        self.text.extend_from_slice(&v.to_le_bytes());
    }
    fn put8(&mut self, v: u64) {
        self.text.extend_from_slice(&v.to_le_bytes());
    }
    // Whoever emits what may trap writes that down.
    fn add_trap(&mut self, _: x64::TrapCode) {}
    fn use_target(&mut self, target: x64::DeferredTarget) {
        let x64::DeferredTarget::Label(l) = target else { unreachable!("only labels are used") };
        self.jumps.push((self.here(), Label(l.0 as usize)));
    }
    fn known_offset(&self, _: x64::KnownOffset) -> i32 {
        unreachable!("offsets are numbers")
    }
}

/// Emits an instruction of the assembler's.
macro_rules! emit {
    ($asm:expr, $name:ident($($arg:expr),*)) => {
        cranelift_assembler_x64::inst::$name::<crate::compile::baseline::asm::Chosen>::new($($arg),*).encode(&mut $asm)
    };
    // The narrow one, or the wide one.
    ($asm:expr, $w:expr, $narrow:ident | $wide:ident($($arg:expr),*)) => {
        match $w {
            crate::compile::baseline::asm::W32 => emit!($asm, $narrow($($arg),*)),
            crate::compile::baseline::asm::W64 => emit!($asm, $wide($($arg),*)),
        }
    };
}
pub(super) use emit;

/// Two operands, the result in the first; both a register and a place in memory can be the second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alu {
    Add,
    Sub,
    And,
    Or,
    Xor,
    /// Only sets the flags.
    Cmp,
}

macro_rules! alu {
    ($($op:ident: $lrm:ident $qrm:ident $lmi:ident $qmi:ident $lmi8:ident $qmi8:ident;)*) => {
        /// `dst op= src`.
        pub fn alu(&mut self, op: Alu, w: Width, dst: Gpr, src: impl Into<GprMem>) {
            let src = src.into();
            match op {
                $(Alu::$op => emit!(*self, w, $lrm | $qrm(dst, src)),)*
            }
        }

        /// `dst op= src`, a number that is sign-extended to the width.
        pub fn alu_imm(&mut self, op: Alu, w: Width, dst: impl Into<GprMem>, src: i32) {
            let dst = dst.into();
            match (op, i8::try_from(src)) {
                $((Alu::$op, Ok(short)) => emit!(*self, w, $lmi8 | $qmi8(dst, short)),)*
                $((Alu::$op, Err(_)) => emit!(*self, w, $lmi | $qmi(dst, src)),)*
            }
        }
    };
}

/// A shift or rotation, of an integer by less than its width.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shift {
    Left,
    SignedRight,
    Right,
    RotateLeft,
    RotateRight,
}

macro_rules! shifts {
    ($($op:ident: $lmc:ident $qmc:ident $lmi:ident $qmi:ident;)*) => {
        /// Shifts by `rcx`, of which only as many bits count as the width has.
        pub fn shift(&mut self, op: Shift, w: Width, dst: Gpr) {
            match op {
                $(Shift::$op => emit!(*self, w, $lmc | $qmc(dst, RCX)),)*
            }
        }

        pub fn shift_imm(&mut self, op: Shift, w: Width, dst: Gpr, by: u8) {
            match op {
                $(Shift::$op => emit!(*self, w, $lmi | $qmi(dst, by)),)*
            }
        }
    };
}

macro_rules! by_condition {
    ($($number:literal $set:ident $lmov:ident $qmov:ident;)*) => {
        /// The lowest byte of `dst`: whether it holds. Leaves the flags.
        pub fn set(&mut self, cc: Cc, dst: Gpr) {
            match cc.0 {
                $($number => emit!(*self, $set(dst)),)*
                _ => unreachable!("16 conditions"),
            }
        }

        /// `dst = src` if it holds.
        pub fn mov_if(&mut self, cc: Cc, w: Width, dst: Gpr, src: impl Into<GprMem>) {
            let src = src.into();
            match cc.0 {
                $($number => emit!(*self, w, $lmov | $qmov(dst, src)),)*
                _ => unreachable!("16 conditions"),
            }
        }
    };
}

impl Asm {
    pub fn here(&self) -> u32 {
        self.text.len() as u32
    }

    pub fn label(&mut self) -> Label {
        self.labels.push(UNBOUND);
        Label(self.labels.len() - 1)
    }

    pub fn bind(&mut self, l: Label) {
        debug_assert_eq!(self.labels[l.0], UNBOUND);
        self.labels[l.0] = self.here();
    }

    /// A label at this place.
    pub fn bound(&mut self) -> Label {
        let l = self.label();
        self.bind(l);
        l
    }

    fn jump_distance(&mut self, l: Label) {
        self.jumps.push((self.here(), l));
        self.put4(0);
    }

    pub fn jmp(&mut self, l: Label) {
        self.put1(0xe9);
        self.jump_distance(l);
    }

    pub fn jcc(&mut self, cc: Cc, l: Label) {
        self.put1(0x0f);
        self.put1(0x80 | cc.0);
        self.jump_distance(l);
    }

    /// A vector behind the code. It is aligned as instructions want it, since code begins at multiples of more than 16 bytes.
    pub fn constant(&mut self, bits: u128) -> Mem {
        let known = self.constants.get(&bits).copied();
        let label = known.unwrap_or_else(|| self.label());
        self.constants.insert(bits, label);
        Mem::RipRelative { target: x64::DeferredTarget::Label(x64::Label(label.0 as u32)) }
    }

    fn write_constants(&mut self) {
        const _: () = assert!(ALIGN.is_multiple_of(16));
        let constants = std::mem::take(&mut self.constants);
        if !constants.is_empty() {
            self.text.resize(self.text.len().next_multiple_of(16), 0);
        }
        for (bits, label) in constants {
            self.bind(label);
            self.text.extend_from_slice(&bits.to_le_bytes());
        }
    }

    /// The address of a place in the code.
    pub fn address_of(&mut self, dst: Gpr, l: Label) {
        let target = x64::DeferredTarget::Label(x64::Label(l.0 as u32));
        emit!(*self, leaq_rm(dst, Mem::RipRelative { target }));
    }

    /// A table of the distances from its start to labels, each 32 bits wide.
    pub fn jump_table(&mut self, labels: &[Label]) {
        let start = self.here();
        for l in labels {
            self.entries.push((self.here(), start, *l));
            self.put4(0);
        }
    }

    /// `call`, to a place that whoever links the code writes. Gives where that stands.
    pub fn call_somewhere(&mut self) -> u32 {
        self.put1(0xe8);
        self.put4(0);
        self.here() - 4
    }

    /// The same as a jump.
    pub fn jmp_somewhere(&mut self) -> u32 {
        self.put1(0xe9);
        self.put4(0);
        self.here() - 4
    }

    /// Writes 32 bits that were left open.
    pub fn patch(&mut self, at: u32, v: u32) {
        self.text[at as usize..at as usize + 4].copy_from_slice(&v.to_le_bytes());
    }

    /// Where a bound label is.
    pub fn place(&self, l: Label) -> u32 {
        assert_ne!(self.labels[l.0], UNBOUND, "a jump leads nowhere");
        self.labels[l.0]
    }

    /// The code, all jumps with their distances.
    pub fn finish(mut self) -> Vec<u8> {
        self.write_constants();
        for (at, l) in std::mem::take(&mut self.jumps) {
            // The assembler has written there how far the end of the instruction is, counted backwards.
            let field = &self.text[at as usize..at as usize + 4];
            let behind = u32::from_le_bytes(field.try_into().expect("four bytes"));
            let distance = self.place(l).wrapping_sub(at + 4).wrapping_add(behind);
            self.patch(at, distance);
        }
        for (at, start, l) in std::mem::take(&mut self.entries) {
            let distance = self.place(l).wrapping_sub(start);
            self.patch(at, distance);
        }
        self.text
    }

    alu! {
        Add: addl_rm addq_rm addl_mi addq_mi_sxl addl_mi_sxb addq_mi_sxb;
        Sub: subl_rm subq_rm subl_mi subq_mi_sxl subl_mi_sxb subq_mi_sxb;
        And: andl_rm andq_rm andl_mi andq_mi_sxl andl_mi_sxb andq_mi_sxb;
        Or: orl_rm orq_rm orl_mi orq_mi_sxl orl_mi_sxb orq_mi_sxb;
        Xor: xorl_rm xorq_rm xorl_mi xorq_mi_sxl xorl_mi_sxb xorq_mi_sxb;
        Cmp: cmpl_rm cmpq_rm cmpl_mi cmpq_mi cmpl_mi_sxb cmpq_mi_sxb;
    }

    shifts! {
        Left: shll_mc shlq_mc shll_mi shlq_mi;
        SignedRight: sarl_mc sarq_mc sarl_mi sarq_mi;
        Right: shrl_mc shrq_mc shrl_mi shrq_mi;
        RotateLeft: roll_mc rolq_mc roll_mi rolq_mi;
        RotateRight: rorl_mc rorq_mc rorl_mi rorq_mi;
    }

    by_condition! {
        0 seto_m cmovol_rm cmovoq_rm;
        1 setno_m cmovnol_rm cmovnoq_rm;
        2 setb_m cmovbl_rm cmovbq_rm;
        3 setae_m cmovael_rm cmovaeq_rm;
        4 sete_m cmovel_rm cmoveq_rm;
        5 setne_m cmovnel_rm cmovneq_rm;
        6 setbe_m cmovbel_rm cmovbeq_rm;
        7 seta_m cmoval_rm cmovaq_rm;
        8 sets_m cmovsl_rm cmovsq_rm;
        9 setns_m cmovnsl_rm cmovnsq_rm;
        10 setp_m cmovpl_rm cmovpq_rm;
        11 setnp_m cmovnpl_rm cmovnpq_rm;
        12 setl_m cmovll_rm cmovlq_rm;
        13 setge_m cmovgel_rm cmovgeq_rm;
        14 setle_m cmovlel_rm cmovleq_rm;
        15 setg_m cmovgl_rm cmovgq_rm;
    }

    // What is below leaves the flags.

    pub fn mov(&mut self, w: Width, dst: Gpr, src: impl Into<GprMem>) {
        let src = src.into();
        if w == W64 && src == GprMem::Gpr(dst) {
            return;
        }
        emit!(*self, w, movl_rm | movq_rm(dst, src));
    }

    pub fn mov_imm(&mut self, dst: Gpr, v: u64) {
        if let Ok(short) = u32::try_from(v) {
            emit!(*self, movl_oi(dst, short));
        } else if let Ok(signed) = i32::try_from(v as i64) {
            emit!(*self, movq_mi_sxl(dst, signed));
        } else {
            emit!(*self, movabsq_oi(dst, v));
        }
    }

    pub fn store(&mut self, w: Width, dst: Mem, src: Gpr) {
        emit!(*self, w, movl_mr | movq_mr(dst, src));
    }

    pub fn store_imm(&mut self, w: Width, dst: Mem, v: i32) {
        emit!(*self, w, movl_mi | movq_mi_sxl(dst, v));
    }

    pub fn lea(&mut self, w: Width, dst: Gpr, src: Mem) {
        emit!(*self, w, leal_rm | leaq_rm(dst, src));
    }

    pub fn load_float(&mut self, w: Width, dst: Xmm, src: Mem) {
        emit!(*self, w, movss_a_m | movsd_a_m(dst, src));
    }

    pub fn store_float(&mut self, w: Width, dst: Mem, src: Xmm) {
        emit!(*self, w, movss_c_m | movsd_c_m(dst, src));
    }

    pub fn load_vector(&mut self, dst: Xmm, src: Mem) {
        emit!(*self, movups_a(dst, src));
    }

    pub fn store_vector(&mut self, dst: Mem, src: Xmm) {
        emit!(*self, movups_b(dst, src));
    }

    pub fn mov_float(&mut self, dst: Xmm, src: Xmm) {
        if dst != src {
            emit!(*self, movaps_a(dst, src));
        }
    }

    /// A float of the bits in a register.
    pub fn float_of_bits(&mut self, w: Width, dst: Xmm, src: Gpr) {
        emit!(*self, w, movd_a | movq_a(dst, src));
    }

    pub fn bits_of_float(&mut self, w: Width, dst: Gpr, src: Xmm) {
        emit!(*self, w, movd_b | movq_b(dst, src));
    }

    /// Sets the flags by whether a register is zero, and by its sign.
    pub fn test(&mut self, w: Width, r: Gpr) {
        emit!(*self, w, testl_mr | testq_mr(r, r));
    }

    /// Faults.
    pub fn ud2(&mut self) {
        self.put2(0x0b0f);
    }

    /// Divides `rax`, extended to both: the quotient in `rax`, the remainder in `rdx`. Faults where there is none.
    pub fn divide(&mut self, w: Width, signed: bool, by: Gpr) {
        let unused = x64::TrapCode(NonZeroU8::MIN);
        if signed {
            match w {
                W32 => emit!(*self, cltd_zo(RDX, RAX)),
                W64 => emit!(*self, cqto_zo(RDX, RAX)),
            }
            emit!(*self, w, idivl_m | idivq_m(RAX, RDX, by, unused));
        } else {
            self.mov_imm(RDX, 0);
            emit!(*self, w, divl_m | divq_m(RAX, RDX, by, unused));
        }
    }

    /// Exchanges two wide registers.
    pub fn exchange(&mut self, a: Gpr, b: Gpr) {
        self.put1(0x48 | (a.0 >> 3) << 2 | b.0 >> 3);
        self.put1(0x87);
        self.put1(0xc0 | (a.0 & 7) << 3 | b.0 & 7);
    }

    /// Writes `rax` into the `rcx` words from `rdi` on.
    pub fn rep_stosq(&mut self) {
        self.put1(0xf3);
        self.put2(0xab48);
    }

    pub fn ret(&mut self) {
        self.put1(0xc3);
    }

    /// Takes also this many bytes of arguments off the stack.
    pub fn ret_and_pop(&mut self, bytes: u16) {
        self.put1(0xc2);
        self.put2(bytes);
    }
}
