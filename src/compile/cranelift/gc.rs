//! References to objects in optimized code. The methods here emit their loads, stores and allocations. Only this file
//! can construct a `GcVal` or a `Place`, so code that uses these types cannot forget a stack map or a card. The types
//! do not prevent other files from emitting a load or store of a raw `Value`.
//!
//! A reference is the 32-bit offset of its object in the heap. References that are live across a call are spilled and
//! reloaded, so that a collection can move their objects. Addresses computed from references are never kept across a
//! call.

use super::func::{FuncCx, Region, trap_code, trusted};
use crate::abi::builtin::Builtin;
use crate::abi::heap::{CARD_SHIFT, CARDS, LARGE, NULL_PAGES};
use crate::abi::vmstruct::*;
use crate::base::Trap;
use crate::base::index::{EntityRef, TagIndex, TypeIndex};
use crate::wasm::descriptor::{HEADER_SIZE, OBJECT_ALIGN};
use crate::wasm::types::{FieldType, StorageType, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I8X16, I32, I64};
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Type, Value};
use std::mem::offset_of;

/// A reference to an object, null or an i31. If it can be an object, stack maps list it: it is declared to them when it
/// is constructed, and it can only be constructed here:
///
/// ```no_run
/// # use wrt::internals::*;
/// fn taken(r: GcVal) -> cranelift_codegen::ir::Value {
///     r.value()
/// }
/// ```
/// ```compile_fail,E0423
/// # use wrt::internals::*;
/// fn made(v: cranelift_codegen::ir::Value) -> GcVal {
///     GcVal(v)
/// }
/// ```
#[derive(Clone, Copy)]
pub struct GcVal(Value);

/// What an operand can be besides an object.
#[derive(Clone, Copy, Default)]
pub struct Unsure {
    pub null: bool,
    pub i31: bool,
}

/// The address of a stored reference, and its card.
#[derive(Clone, Copy)]
pub struct Place {
    address: Value,
    offset: i32,
    flags: MemFlagsData,
    card: Value,
    card_offset: i32,
}

impl GcVal {
    pub fn value(self) -> Value {
        self.0
    }
}

impl FuncCx<'_, '_> {
    /// Turns a value whose type is a reference into a `GcVal`: a parameter of a function or block, or a result of a
    /// call.
    pub fn adopt_gc(&mut self, v: Value) -> GcVal {
        debug_assert_eq!(self.b.func.dfg.value_type(v), I32);
        self.b.declare_value_needs_stack_map(v);
        self.holds_references = true;
        self.shape.references += 1;
        GcVal(v)
    }

    /// Pops an operand whose type is a reference. It was adopted before it was pushed.
    pub fn pop_gc(&mut self) -> GcVal {
        GcVal(self.pop())
    }

    pub fn push_gc(&mut self, v: GcVal) {
        self.push(v.0);
    }

    /// An i31 with the low bits of a number. It is no object, so stack maps do not list it.
    pub fn i31(&mut self, v: Value) -> GcVal {
        let shifted = self.b.ins().ishl_imm_u(v, 1);
        GcVal(self.b.ins().bor_imm_u(shifted, 1))
    }

    /// The heap's base.
    fn heap(&mut self) -> Value {
        self.uses_heap = true;
        let vmctx = self.vmctx;
        self.load_constant(I64, vmctx, offset_of!(VmContext, heap) as u32)
    }

    /// The address of an object. It is valid only until the next call, which can move the object.
    fn address(&mut self, r: Value) -> Value {
        let base = self.heap();
        let offset = self.b.ins().uextend(I64, r);
        self.b.ins().iadd(base, offset)
    }

    /// The flags for an access to an object that traps if the reference is null. If faults may be used, the access
    /// itself traps.
    fn checked(&mut self, r: Value, region: Region, nullable: bool) -> MemFlagsData {
        let flags = self.in_region(trusted(), region);
        if !nullable {
            return flags;
        }
        if self.env.settings.signals {
            return flags.with_trap_code(Some(trap_code(Trap::NullReference)));
        }
        self.trapz(r, Trap::NullReference);
        flags
    }

    /// The 64-bit type id, an offset, of the object that an operand refers to; 0 for null and i31s, as far as `unsure`
    /// says that the operand can be one. There is no branch, so one load serves a chain of casts.
    pub fn object_type(&mut self, r: Value, unsure: Unsure) -> Value {
        let flags = self.in_region(trusted(), Region::Header);
        let mut address = self.address(r);
        let other = match unsure {
            Unsure { null: false, i31: false } => None,
            Unsure { null: true, i31: false } => Some(self.b.ins().icmp_imm_u(IntCC::Equal, r, 0)),
            Unsure { null: false, i31: true } => Some(self.b.ins().band_imm_u(r, 1)),
            // The offset of an object is even and not 0, so half of it, minus one, is small.
            Unsure { null: true, i31: true } => {
                let half = self.b.ins().rotr_imm_u(r, 1);
                let less = self.b.ins().iadd_imm_s(half, -1);
                Some(self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, less, 0x7fff_ffff))
            }
        };
        if let Some(other) = other {
            // The first word of the first descriptor is zero, and so are its supertypes and kind.
            let vmctx = self.vmctx;
            let types = self.load_constant(I64, vmctx, offset_of!(VmContext, types) as u32);
            address = self.b.ins().select(other, types, address);
        }
        self.b.ins().uload32(flags, address, 0)
    }

    /// The length of an array. Traps if the array is null.
    pub fn array_len(&mut self, array: GcVal, nullable: bool) -> Value {
        let flags = self.checked(array.0, Region::Header, nullable);
        let address = self.address(array.0);
        self.b.ins().load(I32, flags, address, 4)
    }

    /// A field of a structure. Traps if the structure is null. Fields at different offsets never overlap, whatever
    /// their types.
    pub fn field(&mut self, object: GcVal, offset: u32, nullable: bool) -> Field {
        // Only this many bytes after null are unmapped.
        if nullable && offset as usize >= NULL_PAGES {
            self.trapz(object.0, Trap::NullReference);
        }
        let nullable = nullable && (offset as usize) < NULL_PAGES;
        let flags = self.checked(object.0, Region::Field(offset), nullable);
        let address = self.address(object.0);
        // The card of a structure is the card of its first byte.
        Field { address, offset: offset as i32, flags, card_of: object.0, wide: false }
    }

    /// An element of an array that is not null. The index must have been checked.
    pub fn element(&mut self, array: GcVal, index: Value, size: u32) -> Field {
        let flags = self.in_region(trusted(), Region::Element(size));
        let index = self.b.ins().uextend(I64, index);
        let offset = self.b.ins().ishl_imm_u(index, size.trailing_zeros() as i64);
        let object = self.b.ins().uextend(I64, array.0);
        let place = self.b.ins().iadd(object, offset);
        let base = self.heap();
        let address = self.b.ins().iadd(base, place);
        Field { address, offset: HEADER_SIZE as i32, flags, card_of: place, wide: true }
    }

    /// Pushes the value of a field. Packed fields are sign- or zero-extended.
    pub fn load_field(&mut self, f: Field, ty: StorageType, signed: bool) {
        let flags = unaligned(f.flags, ty);
        let v = match ty {
            StorageType::I8 if signed => self.b.ins().sload8(I32, flags, f.address, f.offset),
            StorageType::I8 => self.b.ins().uload8(I32, flags, f.address, f.offset),
            StorageType::I16 if signed => self.b.ins().sload16(I32, flags, f.address, f.offset),
            StorageType::I16 => self.b.ins().uload16(I32, flags, f.address, f.offset),
            StorageType::Val(t) if t.is_gc() => {
                let v = self.load_ref((f.address, f.offset, flags), t);
                return self.push_gc(v);
            }
            StorageType::Val(ValType::Ref(_)) => {
                let number = self.b.ins().load(I32, flags, f.address, f.offset);
                self.func_of_id(number)
            }
            StorageType::Val(t) => self.b.ins().load(super::func::clif_type(t), flags, f.address, f.offset),
        };
        self.push(v);
    }

    /// Stores a value of the field's type. A reference marks its card.
    pub fn store_field(&mut self, f: Field, ty: StorageType, v: Value) {
        if ty.is_gc() {
            let place = self.field_place(f);
            return self.store_ref(place, GcVal(v));
        }
        self.store_plain(f, ty, v);
    }

    /// Stores a value that needs no card: numbers, functions, and references in new objects.
    fn store_plain(&mut self, f: Field, ty: StorageType, v: Value) {
        let flags = unaligned(f.flags, ty);
        match ty {
            StorageType::I8 => self.b.ins().istore8(flags, v, f.address, f.offset),
            StorageType::I16 => self.b.ins().istore16(flags, v, f.address, f.offset),
            StorageType::Val(ValType::V128) => {
                let v = self.canonical(v);
                self.b.ins().store(flags, v, f.address, f.offset)
            }
            StorageType::Val(_) => self.b.ins().store(flags, v, f.address, f.offset),
        };
    }

    /// Converts a value to the representation of a field: functions become numbers. This can call a builtin, so it must
    /// come before addresses are computed.
    pub fn storable(&mut self, ty: StorageType, v: Value) -> Storable {
        match ty {
            StorageType::Val(t @ ValType::Ref(_)) if !t.is_gc() => Storable { value: self.func_id(v), func: Some(v) },
            _ => Storable { value: self.canonical(v), func: None },
        }
    }

    /// The value after a point where something may have been collected. A function's number does not keep the function
    /// alive, but the function itself does, and it is used here.
    fn reload_func_id(&mut self, s: Storable) -> Value {
        let Some(f) = s.func else { return s.value };
        let (known, next) = (self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(next, I32);
        let zero = self.b.ins().iconst(I32, 0);
        self.b.ins().brif(f, known, &[], next, &[zero.into()]);
        self.b.seal_block(known);
        self.b.switch_to_block(known);
        let number = self.load_vm(I32, f, offset_of!(VmFuncRef, index) as u32);
        self.b.ins().jump(next, &[number.into()]);
        self.b.seal_block(next);
        self.b.switch_to_block(next);
        result
    }

    fn field_place(&mut self, f: Field) -> Place {
        let base = self.heap();
        let (card, card_offset) = if f.wide {
            let at = self.b.ins().iadd_imm_s(f.card_of, HEADER_SIZE as i64);
            let card = self.b.ins().ushr_imm_u(at, CARD_SHIFT as i64);
            (self.b.ins().iadd(base, card), CARDS as i32)
        } else {
            let card = self.b.ins().ushr_imm_u(f.card_of, CARD_SHIFT as i64);
            let card = self.b.ins().uextend(I64, card);
            (self.b.ins().iadd(base, card), CARDS as i32)
        };
        Place { address: f.address, offset: f.offset, flags: f.flags, card, card_offset }
    }

    /// The place of a reference outside the heap, in a table or a global.
    pub fn outer_place(&mut self, address: Value, offset: i32, flags: MemFlagsData, card: (Value, i32)) -> Place {
        Place { address, offset, flags, card: card.0, card_offset: card.1 }
    }

    /// Loads a reference of type `ty`. The flags must not say that the value is constant: the collector rewrites it.
    pub fn load_ref(&mut self, p: (Value, i32, MemFlagsData), ty: ValType) -> GcVal {
        assert!(!p.2.readonly() && !p.2.can_move());
        let v = self.b.ins().load(I32, p.2, p.0, p.1);
        if ty.may_be_object() { self.adopt_gc(v) } else { GcVal(v) }
    }

    /// The write barrier: stores the reference and marks the card.
    pub fn store_ref(&mut self, p: Place, v: GcVal) {
        self.b.ins().store(p.flags, v.0, p.address, p.offset);
        let flags = self.in_region(trusted(), Region::Card);
        let one = self.b.ins().iconst(I32, 1);
        self.b.ins().istore8(flags, one, p.card, p.card_offset);
    }

    /// The function with a number from an object. Numbers are checked, so that a corrupt heap cannot produce code
    /// pointers.
    fn func_of_id(&mut self, number: Value) -> Value {
        let store = self.vm_store();
        let count = self.load_vm(I32, store, offset_of!(VmStore, func_count) as u32);
        let wrong = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, number, count);
        self.trapnz(wrong, Trap::Unreachable);
        let funcs = self.load_vm(I64, store, offset_of!(VmStore, funcs) as u32);
        let index = self.b.ins().uextend(I64, number);
        let offset = self.b.ins().ishl_imm_u(index, 3);
        let address = self.b.ins().iadd(funcs, offset);
        let flags = self.in_region(trusted(), Region::Vm);
        self.b.ins().load(I64, flags, address, 0)
    }

    /// The number of a function; 0 for null.
    fn func_id(&mut self, f: Value) -> Value {
        let (known, cold, next) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(next, I32);
        let zero = self.b.ins().iconst(I32, 0);
        self.b.ins().brif(f, known, &[], next, &[zero.into()]);
        self.b.seal_block(known);
        self.b.switch_to_block(known);
        let number = self.load_vm(I32, f, offset_of!(VmFuncRef, index) as u32);
        self.b.set_cold_block(cold);
        self.b.ins().brif(number, next, &[number.into()], cold, &[]);
        self.b.seal_block(cold);
        self.b.switch_to_block(cold);
        let made = self.call_builtin(Builtin::func_id, &[f]).expect("has a result");
        self.b.ins().jump(next, &[made.into()]);
        self.b.seal_block(next);
        self.b.switch_to_block(next);
        result
    }

    /// Allocates `size` bytes (a 64-bit value) in the nursery. If there is space, continues in the current block with
    /// the returned offset and address of the new object. Otherwise continues in the returned block, which is cold.
    fn bump(&mut self, size: Value, too_large: Option<Value>) -> (Value, Value, Block) {
        let store = self.vm_store();
        let place = offset_of!(VmStore, nursery) as u32;
        let flags = self.in_region(trusted(), Region::Nursery);
        let next_at = (place + offset_of!(VmNursery, next) as u32) as i32;
        let end_at = (place + offset_of!(VmNursery, end) as u32) as i32;
        let at = self.b.ins().uload32(flags, store, next_at);
        let end = self.b.ins().uload32(flags, store, end_at);
        let after = self.b.ins().iadd(at, size);
        let mut full = self.b.ins().icmp(IntCC::UnsignedGreaterThan, after, end);
        if let Some(too_large) = too_large {
            full = self.b.ins().bor(full, too_large);
        }
        let (warm, cold) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        self.b.ins().brif(full, cold, &[], warm, &[]);
        self.b.seal_block(warm);
        self.b.seal_block(cold);
        self.b.switch_to_block(warm);
        self.b.ins().istore32(flags, after, store, next_at);
        let base = self.heap();
        let address = self.b.ins().iadd(base, at);
        (self.b.ins().ireduce(I32, at), address, cold)
    }

    fn put_header(&mut self, address: Value, kind: NewKind, len: Option<Value>) {
        let vmctx = self.vmctx;
        let place = match kind {
            NewKind::Structure(ty) | NewKind::Array(ty, _) => self.env.layout.type_id(ty),
            NewKind::Exception(tag) => self.env.layout.exception_id(tag),
        };
        let id = self.load_constant(I32, vmctx, place);
        let mut header = self.b.ins().uextend(I64, id);
        if let Some(len) = len {
            let len = self.b.ins().uextend(I64, len);
            let len = self.b.ins().ishl_imm_u(len, 32);
            header = self.b.ins().bor(header, len);
        }
        let flags = self.in_region(trusted(), Region::Header);
        self.b.ins().store(flags, header, address, 0);
    }

    /// Allocates an object of a known size. Each of `fields` has an offset, a type, and a value (`storable`) or zero.
    /// Calls nothing after the object exists.
    pub fn new_object(&mut self, kind: NewKind, size: u32, fields: &[NewField]) -> GcVal {
        let next = self.b.create_block();
        let result = self.b.append_block_param(next, I32);
        let result = self.adopt_gc(result);
        let (index, len) = match kind {
            NewKind::Structure(ty) => (ty.index(), None),
            NewKind::Array(ty, len) => (ty.index(), Some(len)),
            NewKind::Exception(tag) => (tag.index(), None),
        };
        let length = len.map(|l| self.i32const(l));
        if size <= LARGE {
            let bytes = self.b.ins().iconst(I64, size as i64);
            let (at, address, cold) = self.bump(bytes, None);
            self.put_header(address, kind, length);
            for f in fields {
                let value = match f.value {
                    Some(s) => s.value,
                    None => self.zero_of(f.ty),
                };
                self.init_field(address, f, value, len.is_some());
            }
            self.b.ins().jump(next, &[at.into()]);
            self.b.switch_to_block(cold);
        }
        let index = self.i32const(index as u32);
        let made = match (kind, length) {
            (NewKind::Exception(_), _) => self.call_builtin(Builtin::exception_new, &[index]),
            (_, Some(len)) => self.call_builtin(Builtin::array_new, &[index, len]),
            (_, None) => self.call_builtin(Builtin::struct_new, &[index]),
        };
        let made = self.adopt_gc(made.expect("has a result"));
        let address = self.address(made.0);
        // The other fields are already zero.
        for f in fields {
            if let Some(s) = f.value {
                let value = self.reload_func_id(s);
                self.init_field(address, f, value, len.is_some());
            }
        }
        self.b.ins().jump(next, &[made.0.into()]);
        self.b.seal_block(next);
        self.b.switch_to_block(next);
        result
    }

    fn init_field(&mut self, address: Value, f: &NewField, value: Value, is_element: bool) {
        let region = if is_element { Region::Element(f.ty.size()) } else { Region::Field(f.offset) };
        let flags = self.in_region(trusted(), region);
        let field = Field { address, offset: f.offset as i32, flags, card_of: address, wide: true };
        // No card: the object is new (invariant 2 of the heap).
        self.store_plain(field, f.ty, value);
    }

    fn zero_of(&mut self, ty: StorageType) -> Value {
        let clif = match ty {
            StorageType::Val(ValType::F32) => F32,
            StorageType::Val(ValType::F64) => F64,
            StorageType::Val(ValType::I64) => I64,
            StorageType::Val(t @ ValType::V128) => super::func::clif_type(t),
            _ => I32,
        };
        self.zero(clif)
    }

    /// Allocates an array of `len` elements that are all `value` (`storable`) or zero. Calls nothing after the array
    /// exists.
    pub fn new_array(&mut self, ty: TypeIndex, element: FieldType, len: Value, value: Option<Storable>) -> GcVal {
        let log2 = element.storage.size().trailing_zeros();
        let filled = self.b.create_block();
        let result = self.b.append_block_param(filled, I32);
        let result = self.adopt_gc(result);

        let count = self.b.ins().uextend(I64, len);
        let bytes = self.b.ins().ishl_imm_u(count, log2 as i64);
        let padded = self.b.ins().iadd_imm_s(bytes, (HEADER_SIZE + OBJECT_ALIGN - 1) as i64);
        let size = self.b.ins().band_imm_s(padded, -(OBJECT_ALIGN as i64));
        let large = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, size, LARGE as i64);
        let (at, address, cold) = self.bump(size, Some(large));
        self.put_header(address, NewKind::Array(ty, 0), Some(len));
        let first = self.b.ins().iadd_imm_s(address, HEADER_SIZE as i64);
        let end = self.b.ins().iadd(address, size);
        match value {
            None => {
                let zero = self.zero(I8X16);
                let plain = MemFlagsData::new().with_notrap();
                let flags = self.in_region(plain, Region::Element(element.storage.size()));
                // The last step can write beyond the array, into free space or the nursery's slack.
                self.fill_loop(first, end, 32, false, |cx, at| {
                    cx.b.ins().store(flags, zero, at, 0);
                    cx.b.ins().store(flags, zero, at, 16);
                });
            }
            Some(s) => self.fill_elements(address, bytes, element.storage, s.value, false),
        }
        self.b.ins().jump(filled, &[at.into()]);

        self.b.switch_to_block(cold);
        let index = self.i32const(ty.as_u32());
        let made = self.call_builtin(Builtin::array_new, &[index, len]).expect("has a result");
        let made = self.adopt_gc(made);
        if let Some(s) = value {
            let value = self.reload_func_id(s);
            let address = self.address(made.0);
            self.fill_elements(address, bytes, element.storage, value, true);
        }
        self.b.ins().jump(filled, &[made.0.into()]);
        self.b.seal_block(filled);
        self.b.switch_to_block(filled);
        result
    }

    /// Fills all elements of a new array, which needs no cards (invariant 2 of the heap).
    fn fill_elements(&mut self, address: Value, bytes: Value, ty: StorageType, v: Value, is_long: bool) {
        let first = self.b.ins().iadd_imm_s(address, HEADER_SIZE as i64);
        let end = self.b.ins().iadd(first, bytes);
        let flags = self.in_region(trusted(), Region::Element(ty.size()));
        self.fill_loop(first, end, ty.size(), is_long, |cx, at| {
            let field = Field { address: at, offset: 0, flags, card_of: at, wide: true };
            cx.store_plain(field, ty, v);
        });
    }

    /// Calls `f` to emit the body of a loop over addresses from `first` up to `end`, `step` bytes apart. If `is_long`,
    /// the loop polls for interrupts. Nothing is collected during the loop.
    pub fn fill_loop(&mut self, first: Value, end: Value, step: u32, is_long: bool, f: impl FnOnce(&mut Self, Value)) {
        let (head, body, next) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let at = self.b.append_block_param(head, I64);
        self.b.ins().jump(head, &[first.into()]);
        self.b.switch_to_block(head);
        let more = self.b.ins().icmp(IntCC::UnsignedLessThan, at, end);
        self.b.ins().brif(more, body, &[], next, &[]);
        self.b.seal_block(body);
        self.b.switch_to_block(body);
        if is_long {
            self.poll_interrupt();
        }
        f(self, at);
        let after = self.b.ins().iadd_imm_s(at, step as i64);
        self.b.ins().jump(head, &[BlockArg::Value(after)]);
        self.b.seal_block(head);
        self.b.seal_block(next);
        self.b.switch_to_block(next);
    }
}

/// The kind of the new object.
#[derive(Clone, Copy)]
pub enum NewKind {
    Structure(TypeIndex),
    /// With its length.
    Array(TypeIndex, u32),
    Exception(TagIndex),
}

/// A value in the representation of a field.
#[derive(Clone, Copy)]
pub struct Storable {
    pub value: Value,
    /// The function if the value is its number.
    func: Option<Value>,
}

/// A field or element of an object.
#[derive(Clone, Copy)]
pub struct Field {
    address: Value,
    offset: i32,
    flags: MemFlagsData,
    /// The position whose card a store marks: a structure's reference, or, if `wide`, the 64-bit offset of an element
    /// minus the header size.
    card_of: Value,
    wide: bool,
}

/// A field of a new object.
pub struct NewField {
    pub offset: u32,
    pub ty: StorageType,
    /// Zero if absent.
    pub value: Option<Storable>,
}

/// Objects are aligned to 8 bytes, so a v128 is not aligned to its size.
fn unaligned(flags: MemFlagsData, ty: StorageType) -> MemFlagsData {
    match ty {
        StorageType::Val(ValType::V128) => {
            let plain = MemFlagsData::new().with_alias_region(flags.alias_region());
            plain.with_trap_code(flags.trap_code())
        }
        _ => flags,
    }
}

/// The representation of a type on the operand stack.
#[derive(Clone, Copy)]
pub struct Repr {
    pub clif: Type,
    /// Whether stack maps must list it.
    pub gc: bool,
}

impl Repr {
    pub fn of(t: ValType) -> Repr {
        Repr { clif: super::func::clif_type(t), gc: t.may_be_object() }
    }
}
