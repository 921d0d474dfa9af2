//! Writes x86-64 machine code: instructions from `cranelift-assembler-x64`, and jumps to labels that are bound later.

mod inst;
mod operand;

pub use inst::{Alu, Shift};
pub use operand::*;

use crate::compile::code::ALIGN;
use cranelift_assembler_x64 as x64;
use cranelift_assembler_x64::CodeSink;
use std::collections::BTreeMap;

/// A position in the code that jumps can refer to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label(usize);

const UNBOUND: u32 = u32::MAX;

#[derive(Default)]
pub struct Asm {
    text: Vec<u8>,
    /// By label: its position.
    labels: Vec<u32>,
    /// The positions of 32-bit displacements to labels.
    jumps: Vec<(u32, Label)>,
    /// Entries of jump tables: the entry's position, the table's start, and the label.
    entries: Vec<(u32, u32, Label)>,
    /// Vector constants after the code.
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
    // Code that emits an instruction that can trap records the trap itself.
    fn add_trap(&mut self, _: x64::TrapCode) {}
    fn use_target(&mut self, target: x64::DeferredTarget) {
        let x64::DeferredTarget::Label(l) = target else { unreachable!("only labels are used") };
        self.jumps.push((self.here(), Label(l.0 as usize)));
    }
    fn known_offset(&self, _: x64::KnownOffset) -> i32 {
        unreachable!("offsets are numbers")
    }
}

/// Emits an instruction of the assembler.
macro_rules! emit {
    ($asm:expr, $name:ident($($arg:expr),*)) => {
        cranelift_assembler_x64::inst::$name::<crate::compile::baseline::asm::Chosen>::new($($arg),*).encode(&mut $asm)
    };
    // Selects the 32-bit or the 64-bit instruction.
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

    /// A label bound to the current position.
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

    /// A vector constant after the code. It is aligned as instructions require, because code starts at multiples of
    /// more than 16 bytes.
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

    /// Loads the address of a label.
    pub fn address_of(&mut self, dst: Gpr, l: Label) {
        let target = x64::DeferredTarget::Label(x64::Label(l.0 as u32));
        emit!(*self, leaq_rm(dst, Mem::RipRelative { target }));
    }

    /// Emits a table of 32-bit distances from its start to the labels.
    pub fn jump_table(&mut self, labels: &[Label]) {
        let start = self.here();
        for l in labels {
            self.entries.push((self.here(), start, *l));
            self.put4(0);
        }
    }

    /// Emits a `call` whose target the linker fills in. Returns the position of the displacement.
    pub fn call_somewhere(&mut self) -> u32 {
        self.put1(0xe8);
        self.put4(0);
        self.here() - 4
    }

    /// Jumps to an earlier position.
    pub fn jmp_back(&mut self, to: u32) {
        self.put1(0xe9);
        let distance = to.wrapping_sub(self.here() + 4);
        self.put4(distance);
    }

    /// Overwrites the code between two positions, at least 5 bytes, with a jump to a label.
    pub fn overwrite_with_jump(&mut self, start: u32, end: u32, l: Label) {
        let (jump, rest) = self.text[start as usize..end as usize].split_at_mut(5);
        jump.copy_from_slice(&[0xe9, 0, 0, 0, 0]);
        rest.fill(0x90);
        self.jumps.push((start + 1, l));
    }

    /// Like `call_somewhere`, but emits a jump.
    pub fn jmp_somewhere(&mut self) -> u32 {
        self.put1(0xe9);
        self.put4(0);
        self.here() - 4
    }

    /// Overwrites 32 bits.
    pub fn patch(&mut self, at: u32, v: u32) {
        self.text[at as usize..at as usize + 4].copy_from_slice(&v.to_le_bytes());
    }

    /// The position of a bound label.
    pub fn loc(&self, l: Label) -> u32 {
        assert_ne!(self.labels[l.0], UNBOUND, "a jump leads nowhere");
        self.labels[l.0]
    }

    /// Returns the code with all displacements filled in.
    pub fn finish(mut self) -> Vec<u8> {
        self.write_constants();
        for (at, l) in std::mem::take(&mut self.jumps) {
            // The assembler has stored the negative distance from the end of the instruction to the end of this field.
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
