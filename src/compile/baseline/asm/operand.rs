//! Operands of instructions: registers, memory, widths and conditions.

use cranelift_assembler_x64 as x64;
use cranelift_assembler_x64::{AmodeOffset, AmodeOffsetPlusKnownOffset, AsReg, NonRspGpr};

pub use cranelift_assembler_x64::Scale;

/// A general-purpose register, by its number in the encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gpr(pub u8);

/// A vector register, by its number in the encoding.
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

/// The register types for `cranelift-assembler-x64`: the registers are already allocated.
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

/// The width of an integer instruction. A 32-bit instruction sets the upper half of its result to zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    W32,
    W64,
}

pub use Width::*;

/// A condition, by its number in the encoding. Flipping the lowest bit negates it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cc(pub(super) u8);

impl Cc {
    /// Unsigned less than, or carry.
    pub const B: Cc = Cc(2);
    pub const AE: Cc = Cc(3);
    pub const E: Cc = Cc(4);
    pub const NE: Cc = Cc(5);
    pub const BE: Cc = Cc(6);
    pub const A: Cc = Cc(7);
    /// Negative.
    pub const S: Cc = Cc(8);
    /// Unordered (for floats).
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
