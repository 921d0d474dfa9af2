//! Machine code of x86-64 as it is written: instructions by `cranelift-assembler-x64`, jumps to places that are known later.

mod inst;
mod operand;

pub use inst::{Alu, Shift};
pub use operand::*;

use crate::compile::code::ALIGN;
use cranelift_assembler_x64 as x64;
use cranelift_assembler_x64::CodeSink;
use std::collections::BTreeMap;

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
pub(in crate::compile) use emit;

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

    /// Jumps to a place before this one.
    pub fn jmp_back(&mut self, to: u32) {
        self.put1(0xe9);
        let distance = to.wrapping_sub(self.here() + 4);
        self.put4(distance);
    }

    /// Has a jump to a label instead of the instruction between two places, which is no shorter.
    pub fn overwrite_with_jump(&mut self, start: u32, end: u32, l: Label) {
        let (jump, rest) = self.text[start as usize..end as usize].split_at_mut(5);
        jump.copy_from_slice(&[0xe9, 0, 0, 0, 0]);
        rest.fill(0x90);
        self.jumps.push((start + 1, l));
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
    pub fn loc(&self, l: Label) -> u32 {
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
            let distance = self.loc(l).wrapping_sub(at + 4).wrapping_add(behind);
            self.patch(at, distance);
        }
        for (at, start, l) in std::mem::take(&mut self.entries) {
            let distance = self.loc(l).wrapping_sub(start);
            self.patch(at, distance);
        }
        self.text
    }
}
