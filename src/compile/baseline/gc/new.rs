//! Allocates objects. During the allocation no operand is in a register: references are in frame slots or locals, where
//! stack maps list them. Values for the new object are therefore read after everything that can collect.

use crate::abi::builtin::Builtin;
use crate::abi::heap::LARGE;
use crate::abi::vmstruct::*;
use crate::base::index::{TagIndex, TypeIndex};
use crate::compile::baseline::Bailout;
use crate::compile::baseline::asm::*;
use crate::compile::baseline::func::{Arg, CONTEXT, Cx};
use crate::compile::baseline::operands::{Loc, Repr};
use crate::wasm::descriptor::{EXCEPTION_TAG, HEADER_SIZE, OBJECT_ALIGN, struct_size};
use crate::wasm::types::StorageType;
use std::mem::offset_of;

/// Maximum number of words of a new object that are cleared individually.
const FEW_WORDS: u32 = 8;

/// The kind of the new object.
#[derive(Clone, Copy)]
pub enum NewKind {
    Structure(TypeIndex),
    /// With its length, unless the length is the top operand.
    Array(TypeIndex, Option<u32>),
    Exception(TagIndex),
}

impl Cx<'_> {
    /// Allocates an object. A small one, of `rdx` bytes, is allocated in the nursery. If the nursery is full or the
    /// object is not small, the builtin allocates and clears it. With `clear`, the object is clear in any case. Returns
    /// the reference; the address is in `r11`, and the header is written. No operand may be in a register.
    fn allocate(&mut self, repr: NewKind, is_small: bool, clear: bool) -> Result<Gpr, Bailout> {
        let new = self.gpr();
        let nursery = |field: usize| at(RAX, (offset_of!(VmStore, nursery) + field) as i32);
        let (next, end) = (nursery(offset_of!(VmNursery, next)), nursery(offset_of!(VmNursery, end)));
        let (full, room, made) = (self.asm.label(), self.asm.label(), self.asm.label());
        if is_small {
            if let NewKind::Array(_, None) = repr {
                self.asm.alu_imm(Alu::Cmp, W64, RDX, LARGE as i32);
                self.asm.jcc(Cc::A, full);
            }
            self.asm.mov(W64, RAX, at(CONTEXT, offset_of!(VmHeader, store) as i32));
            self.asm.mov(W32, new, next);
            self.asm.alu(Alu::Add, W32, RDX, new);
            self.asm.alu(Alu::Cmp, W32, RDX, end);
            self.asm.jcc(Cc::BE, room);
        }
        self.asm.bind(full);
        match repr {
            NewKind::Structure(ty) => self.call_builtin_spilled(Builtin::struct_new, &[Arg::Number(ty.as_u32())])?,
            NewKind::Exception(tag) => {
                self.call_builtin_spilled(Builtin::exception_new, &[Arg::Number(tag.as_u32())])?
            }
            NewKind::Array(ty, known) => {
                let len = known.map_or_else(|| Arg::Value(self.peek(0)), Arg::Number);
                self.call_builtin_spilled(Builtin::array_new, &[Arg::Number(ty.as_u32()), len])?;
            }
        }
        self.asm.mov(W32, new, RAX);
        if is_small {
            self.asm.jmp(made);
            self.asm.bind(room);
            self.asm.store(W32, next, RDX);
            if clear {
                self.clear(new);
            }
            self.asm.bind(made);
        }
        self.load_heap(R11);
        self.asm.alu(Alu::Add, W64, R11, new);
        self.put_header(repr);
        Ok(new)
    }

    /// Clears a new object after its header. `rdx` has the offset of its end. Changes `rax`, `rcx` and `rdi`, which
    /// holds no operand.
    fn clear(&mut self, new: Gpr) {
        debug_assert_ne!(new, RDI);
        self.load_heap(RDI);
        self.asm.lea(W64, RDI, indexed(RDI, new, Scale::One, HEADER_SIZE as i32));
        self.asm.lea(W32, RCX, at(RDX, -(HEADER_SIZE as i32)));
        self.asm.alu(Alu::Sub, W32, RCX, new);
        self.asm.shift_imm(Shift::Right, W32, RCX, 3);
        self.asm.mov_imm(RAX, 0);
        self.asm.rep_stosq();
    }

    /// Writes the header of a new object at `r11`. Changes `rax`.
    fn put_header(&mut self, repr: NewKind) {
        let id = match repr {
            NewKind::Structure(ty) | NewKind::Array(ty, _) => self.env.layout.type_id(ty),
            NewKind::Exception(tag) => self.env.layout.exception_id(tag),
        };
        self.asm.mov(W32, RAX, at(CONTEXT, id as i32));
        let len = at(R11, HEADER_SIZE as i32 - 4);
        match repr {
            NewKind::Structure(_) | NewKind::Exception(_) => self.asm.store(W64, at(R11, 0), RAX),
            NewKind::Array(_, known) => {
                self.asm.store(W32, at(R11, 0), RAX);
                match known {
                    Some(n) => self.asm.store_imm(W32, len, n as i32),
                    None => self.store(self.peek(0), len),
                }
            }
        }
    }

    /// Pushes a new object of a known size whose fields are the top operands, or zero if `fields` is empty. `fields`
    /// are offsets and types.
    pub fn new_object(&mut self, repr: NewKind, size: u32, fields: &[(u32, StorageType)]) -> Result<(), Bailout> {
        let new = self.make_object(repr, size, fields)?;
        self.truncate(self.operands.stack.len() - fields.len());
        self.push_gpr(Repr::Gc, new);
        Ok(())
    }

    /// Allocates an exception of a tag with the top operands, which stay on the stack. Returns the reference, in a
    /// register that belongs to the instruction.
    pub fn new_exception(&mut self, tag: TagIndex) -> Result<Gpr, Bailout> {
        let def = &self.env.info.tags[tag].exception;
        let fields = def.offsets.iter().copied().zip(def.fields().iter().map(|f| f.storage));
        // The first field is the tag.
        let fields: Vec<_> = fields.skip(1).collect();
        let new = self.make_object(NewKind::Exception(tag), struct_size(def.fields(), &def.offsets), &fields)?;
        let identity = self.tag(tag);
        self.asm.mov(W32, RAX, identity);
        // No card: the object is new (invariant 2 of the heap).
        self.asm.store(W32, at(R11, EXCEPTION_TAG as i32), RAX);
        Ok(new)
    }

    /// Allocates an object and stores the top operands, which stay on the stack, into its fields. Returns the
    /// reference; the address is in `r11`. Calls nothing after the object exists.
    fn make_object(&mut self, repr: NewKind, size: u32, fields: &[(u32, StorageType)]) -> Result<Gpr, Bailout> {
        for (depth, (_, ty)) in fields.iter().rev().enumerate() {
            if ty.is_func() {
                self.number_func(depth)?;
            }
        }
        self.spill_registers(fields.len());
        let words = (size - HEADER_SIZE) / 8;
        let is_small = size <= LARGE;
        if is_small {
            self.asm.mov_imm(RDX, size as u64);
        }
        let new = self.allocate(repr, is_small, fields.is_empty() && words > FEW_WORDS)?;
        if fields.is_empty() && words <= FEW_WORDS {
            let word = |i: u32| at(R11, (HEADER_SIZE + 8 * i) as i32);
            (0..words).for_each(|i| self.asm.store_imm(W64, word(i), 0));
        }
        let height = self.operands.stack.len() - fields.len();
        for (i, (offset, ty)) in fields.iter().enumerate() {
            let v = self.storable(*ty, self.operands.stack[height + i]);
            // No card: the object is new (invariant 2 of the heap).
            self.put(at(R11, *offset as i32), *ty, v);
        }
        Ok(new)
    }

    /// Pushes a new array. The top operand is its length. With `value`, all elements are the operand below it,
    /// otherwise zero. Calls nothing after the array exists.
    pub fn new_array(&mut self, ty: TypeIndex, element: StorageType, value: bool) -> Result<(), Bailout> {
        if value && element.is_func() {
            self.number_func(1)?;
        }
        self.spill_registers(1 + value as usize);
        let is_filled = value && self.peek(1).loc != Loc::Const(0);
        self.load(self.peek(0), RDX);
        self.asm.shift_imm(Shift::Left, W64, RDX, element.size().trailing_zeros() as u8);
        self.asm.alu_imm(Alu::Add, W64, RDX, (HEADER_SIZE + OBJECT_ALIGN - 1) as i32);
        self.asm.alu_imm(Alu::And, W64, RDX, -(OBJECT_ALIGN as i32));
        let new = self.allocate(NewKind::Array(ty, None), true, !is_filled)?;
        if is_filled {
            let v = self.storable(element, self.peek(1));
            self.load(self.peek(0), RAX);
            self.asm.shift_imm(Shift::Left, W64, RAX, element.size().trailing_zeros() as u8);
            self.asm.lea(W64, RCX, at(R11, HEADER_SIZE as i32));
            self.asm.alu(Alu::Add, W64, RAX, RCX);
            // No cards: the array is new (invariant 2 of the heap).
            self.fill_elements(element, v);
        }
        self.truncate(self.operands.stack.len() - 1 - value as usize);
        self.push_gpr(Repr::Gc, new);
        Ok(())
    }
}
