//! References in objects, as in `compile::cranelift::gc`. This file allocates objects and accesses their fields, and
//! has the write barrier (`store_ref`), which stores a reference and marks its card. `op/table.rs` and `op/variable.rs`
//! load references themselves, but store references to objects with `store_ref`.

mod new;

pub use new::NewKind;

use super::Bailout;
use super::asm::*;
use super::func::{Arg, CONTEXT, Cx};
use super::operands::{Loc, Operand, Repr, XMM15};
use crate::abi::builtin::Builtin;
use crate::abi::heap::{CARD_SHIFT, CARDS, NULL_PAGES};
use crate::abi::vmstruct::*;
use crate::base::Trap;
use crate::base::index::TagIndex;
use crate::wasm::descriptor::{EXCEPTION_TAG, HEADER_SIZE};
use crate::wasm::types::{StorageType, ValType};
use std::mem::offset_of;

/// A field or element of an object. Its address is the heap's base, which is in `rax`, plus `loc` plus `offset`.
#[derive(Clone, Copy)]
pub struct Field {
    /// A register that belongs to the instruction. A store marks the card of this position.
    loc: Gpr,
    offset: i32,
    /// Whether the access itself faults on null.
    faults: bool,
}

/// A value in the representation of a field.
#[derive(Clone, Copy)]
pub enum Storable {
    Number(i32),
    Gpr(Gpr),
    Xmm(Xmm),
}

impl Field {
    /// Another field of the same object.
    pub fn at(self, offset: u32) -> Field {
        Field { offset: offset as i32, ..self }
    }

    fn mem(self) -> Mem {
        indexed(RAX, self.loc, Scale::One, self.offset)
    }
}

impl Cx<'_> {
    /// The memory operand with the heap's base.
    fn heap(&mut self) -> Mem {
        self.uses_heap = true;
        at(CONTEXT, offset_of!(VmContext, heap) as i32)
    }

    fn load_heap(&mut self, dst: Gpr) {
        let heap = self.heap();
        self.asm.mov(W64, dst, heap);
    }

    /// A popped operand that is no float or vector, in a register: its own, or the scratch register.
    pub fn in_register(&mut self, o: Operand, scratch: Gpr) -> Gpr {
        if let Loc::Gpr(r) = o.loc {
            return r;
        }
        self.load(o, scratch);
        scratch
    }

    /// Checks for null before an access to an object, or records that the next instruction faults on null.
    fn checked(&mut self, object: Gpr) {
        if self.env.settings.signals {
            return self.may_fault(Trap::NullReference);
        }
        self.asm.test(W32, object);
        self.trap_if(Cc::E, Trap::NullReference);
    }

    /// Loads the type id of an object into `rcx`. Changes `rax`.
    pub fn object_type(&mut self, object: Gpr) {
        self.load_heap(RAX);
        self.asm.mov(W32, RCX, indexed(RAX, object, Scale::One, 0));
    }

    /// Loads the length of an array. Traps if the array is null. Changes `rax`.
    pub fn array_len(&mut self, array: Gpr, dst: Gpr) {
        self.load_heap(RAX);
        self.checked(array);
        self.asm.mov(W32, dst, indexed(RAX, array, Scale::One, HEADER_SIZE as i32 - 4));
    }

    /// A field of a popped structure. Traps if the structure is null, at the latest in the access. Changes `rax` and
    /// `r11`.
    pub fn field(&mut self, object: Operand, offset: u32) -> Field {
        let loc = self.in_register(object, R11);
        // Only this many bytes after null are unmapped.
        let faults = self.env.settings.signals && (offset as usize) < NULL_PAGES;
        if !faults {
            self.asm.test(W32, loc);
            self.trap_if(Cc::E, Trap::NullReference);
        }
        self.load_heap(RAX);
        Field { loc, offset: offset as i32, faults }
    }

    /// The fields of an exception that is not null, in a register that keeps its value. Changes `rax`, which all
    /// accesses use.
    pub fn fields_of_exception(&mut self, exception: Gpr) -> Field {
        self.load_heap(RAX);
        Field { loc: exception, offset: 0, faults: false }
    }

    /// Loads the tag of the exception in `rax` into `rcx`. Changes `rdx`.
    pub fn exception_tag(&mut self) {
        self.load_heap(RDX);
        self.asm.mov(W32, RCX, indexed(RDX, RAX, Scale::One, EXCEPTION_TAG as i32));
    }

    /// A tag of this instance.
    pub fn tag(&self, tag: TagIndex) -> Mem {
        at(CONTEXT, self.env.layout.tag(tag) as i32)
    }

    /// An element of an array; both operands are popped. Traps if the array is null or the index is out of bounds.
    /// Changes `rax`, `rcx` and `r11`.
    pub fn element(&mut self, array: Operand, index: Operand, size: u32) -> Field {
        let object = self.in_register(array, R11);
        let len = indexed(RAX, object, Scale::One, HEADER_SIZE as i32 - 4);
        self.load_heap(RAX);
        let known = match index.loc {
            Loc::Const(i) => i32::try_from(i * size as u64 + HEADER_SIZE as u64).ok().map(|offset| (i as i32, offset)),
            _ => None,
        };
        if let Some((i, offset)) = known {
            self.checked(object);
            self.asm.alu_imm(Alu::Cmp, W32, len, i);
            self.trap_if(Cc::BE, Trap::ArrayOutOfBounds);
            self.asm.lea(W64, R11, at(object, offset));
        } else {
            let i = self.in_register(index, RCX);
            self.checked(object);
            self.asm.alu(Alu::Cmp, W32, i, len);
            self.trap_if(Cc::AE, Trap::ArrayOutOfBounds);
            let scale = match size {
                1 => Scale::One,
                2 => Scale::Two,
                4 => Scale::Four,
                8 => Scale::Eight,
                _ => {
                    self.asm.shift_imm(Shift::Left, W64, i, size.trailing_zeros() as u8);
                    Scale::One
                }
            };
            self.asm.lea(W64, R11, indexed(object, i, scale, HEADER_SIZE as i32));
        }
        self.release(array);
        self.release(index);
        Field { loc: R11, offset: 0, faults: false }
    }

    /// Pushes the value of a field. Packed fields are sign- or zero-extended. Changes `rdx`.
    pub fn load_field(&mut self, f: Field, ty: StorageType, signed: bool) {
        self.free(f.loc);
        let (repr, mem) = (Repr::of(ty.unpacked()), f.mem());
        if repr.is_float() {
            let x = self.xmm();
            self.mark_faulting(f);
            self.read_float(repr, x, mem);
            return self.push_xmm(repr, x);
        }
        let r = self.gpr();
        self.mark_faulting(f);
        match ty {
            StorageType::I8 if signed => emit!(self.asm, movsbl_rm(r, mem)),
            StorageType::I8 => emit!(self.asm, movzbl_rm(r, mem)),
            StorageType::I16 if signed => emit!(self.asm, movswl_rm(r, mem)),
            StorageType::I16 => emit!(self.asm, movzwl_rm(r, mem)),
            StorageType::Val(_) if repr == Repr::Func => {
                self.asm.mov(W32, r, mem);
                self.func_of_id(r);
            }
            StorageType::Val(_) => self.asm.mov(repr.width(), r, mem),
        }
        self.push_gpr(repr, r);
    }

    /// Stores a value of the field's type. A reference marks its card. Frees the field's register.
    pub fn store_field(&mut self, f: Field, ty: StorageType, v: Storable) {
        self.mark_faulting(f);
        self.put(f.mem(), ty, v);
        if ty.is_gc() {
            self.asm.shift_imm(Shift::Right, W64, f.loc, CARD_SHIFT as u8);
            self.dirty(indexed(RAX, f.loc, Scale::One, CARDS as i32));
        }
        self.free(f.loc);
    }

    fn mark_faulting(&mut self, f: Field) {
        if f.faults {
            self.may_fault(Trap::NullReference);
        }
    }

    /// Stores a reference to an object in a table or global and marks its card. `card` is called after the store.
    /// Changes `rax` unless the reference is in a register.
    pub fn store_ref(&mut self, to: Mem, v: Operand, card: impl FnOnce(&mut Self) -> Mem) {
        self.store(v, to);
        let card = card(self);
        self.dirty(card);
    }

    fn dirty(&mut self, card: Mem) {
        emit!(self.asm, movb_mi(card, 1u8));
    }

    /// Converts a value to the representation of a field. Functions become their numbers, which they must already have
    /// (`number_func`). Changes `rax`, `rdx` and `xmm15`; the value can be in the latter two.
    pub fn storable(&mut self, ty: StorageType, v: Operand) -> Storable {
        let wide = ty.size() == 8;
        match v.loc {
            Loc::Const(bits) if v.repr == Repr::Func || ty.size() <= 4 => Storable::Number(bits as i32),
            Loc::Const(bits) if wide && i32::try_from(bits as i64).is_ok() => Storable::Number(bits as i32),
            Loc::Xmm(x) => Storable::Xmm(x),
            _ if v.repr == Repr::V128 => {
                self.load_float(v, XMM15);
                Storable::Xmm(XMM15)
            }
            _ if v.repr == Repr::Func => {
                self.load(v, RDX);
                self.asm.test(W64, RDX);
                let null = self.asm.label();
                self.asm.jcc(Cc::E, null);
                self.asm.mov(W32, RDX, at(RDX, offset_of!(VmFuncRef, index) as i32));
                self.asm.bind(null);
                Storable::Gpr(RDX)
            }
            _ => Storable::Gpr(self.in_register(v, RDX)),
        }
    }

    /// Stores a value that needs no card: numbers, functions, and references in new objects.
    fn put(&mut self, to: Mem, ty: StorageType, v: Storable) {
        match (v, ty.size()) {
            (Storable::Number(n), 1) => emit!(self.asm, movb_mi(to, n as u8)),
            (Storable::Number(n), 2) => emit!(self.asm, movw_mi(to, n as u16)),
            (Storable::Number(n), 4) => self.asm.store_imm(W32, to, n),
            (Storable::Number(n), _) => self.asm.store_imm(W64, to, n),
            (Storable::Gpr(r), 1) => emit!(self.asm, movb_mr(to, r)),
            (Storable::Gpr(r), 2) => emit!(self.asm, movw_mr(to, r)),
            (Storable::Gpr(r), 4) => self.asm.store(W32, to, r),
            (Storable::Gpr(r), _) => self.asm.store(W64, to, r),
            (Storable::Xmm(x), _) => self.write_float(Repr::of(ty.unpacked()), to, x),
        }
    }

    /// Replaces a function's number in a register by its funcref. Numbers are checked, so that a corrupt heap cannot
    /// produce code pointers. Changes `rdx`.
    fn func_of_id(&mut self, r: Gpr) {
        self.asm.mov(W64, RDX, at(CONTEXT, offset_of!(VmHeader, store) as i32));
        self.asm.alu(Alu::Cmp, W32, r, at(RDX, offset_of!(VmStore, func_count) as i32));
        self.trap_if(Cc::AE, Trap::Unreachable);
        self.asm.mov(W64, RDX, at(RDX, offset_of!(VmStore, funcs) as i32));
        self.asm.mov(W64, r, indexed(RDX, r, Scale::Eight, 0));
    }

    /// Emits code that assigns a number to the function at `depth` below the top of the operand stack, unless it is null or
    /// has one. Spills all operands.
    pub fn number_func(&mut self, depth: usize) -> Result<(), Bailout> {
        if let Loc::Const(_) = self.peek(depth).loc {
            return Ok(());
        }
        self.spill_all();
        let f = self.peek(depth);
        self.load(f, RSI);
        self.asm.test(W64, RSI);
        let known = self.asm.label();
        self.asm.jcc(Cc::E, known);
        self.asm.alu_imm(Alu::Cmp, W32, at(RSI, offset_of!(VmFuncRef, index) as i32), 0);
        self.asm.jcc(Cc::NE, known);
        self.call_builtin(Builtin::func_id, &[Arg::Value(f.in_gpr(RSI))])?;
        self.asm.bind(known);
        Ok(())
    }

    /// Stores a value that needs no card to all elements from address `rcx` up to address `rax`. Changes `rcx` and
    /// `r11`.
    fn fill_elements(&mut self, ty: StorageType, v: Storable) {
        let (head, done) = (self.asm.bound(), self.asm.label());
        self.asm.alu(Alu::Cmp, W64, RCX, RAX);
        self.asm.jcc(Cc::AE, done);
        self.poll_interrupt();
        self.put(at(RCX, 0), ty, v);
        self.asm.alu_imm(Alu::Add, W64, RCX, ty.size() as i32);
        self.asm.jmp(head);
        self.asm.bind(done);
    }

    /// Fills elements of an array with a vector. All operands are popped. Traps if the range is not within the array.
    pub fn fill_vectors(&mut self, array: Operand, first: Operand, value: Operand, count: Operand) {
        const VECTOR: StorageType = StorageType::Val(ValType::V128);
        let log2 = VECTOR.size().trailing_zeros() as u8;
        let v = self.storable(VECTOR, value);
        self.load(array, R11);
        self.load(first, RCX);
        self.load(count, RDX);
        self.asm.alu(Alu::Add, W64, RDX, RCX);
        self.array_len(R11, RAX);
        self.asm.alu(Alu::Cmp, W64, RDX, RAX);
        self.trap_if(Cc::A, Trap::ArrayOutOfBounds);
        let heap = self.heap();
        self.asm.alu(Alu::Add, W64, R11, heap);
        self.asm.shift_imm(Shift::Left, W64, RCX, log2);
        self.asm.shift_imm(Shift::Left, W64, RDX, log2);
        self.asm.lea(W64, RCX, indexed(RCX, R11, Scale::One, HEADER_SIZE as i32));
        self.asm.lea(W64, RAX, indexed(RDX, R11, Scale::One, HEADER_SIZE as i32));
        self.fill_elements(VECTOR, v);
        [array, first, value, count].into_iter().for_each(|o| self.release(o));
    }
}
