//! The bodies of the builtins, and the shims between them and machine code.
//!
//! A shim catches panics and raises traps. The stub of a builtin that may unwind publishes the exit frame before it
//! calls the shim.

use crate::abi::builtin::BUILTINS;
use crate::abi::heap::RawRef;
use crate::abi::vmstruct::{VmContext, VmHeader, VmStore};
use crate::base::index::*;
use crate::base::{Error, ErrorKind, Trap};
use crate::engine::interrupt::SharedVmStore;
use crate::for_each_builtin;
use crate::store::parts::array;
use crate::store::parts::bulk;
use crate::store::parts::func_table::FuncRefPtr;
use crate::store::parts::instance::Instance;
use crate::store::parts::table::Table;
use crate::store::run::exception;
use crate::store::run::stub::{bring_registers_back, keep_registers, stub};
use crate::store::run::trap;
use crate::store::store::Store;
use crate::wasm::types::TypeId;
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

type Cx = *mut VmContext;

/// The store, and the instance that machine code runs in. Code that changes the instance does so through the store, and
/// does not use the reference to the instance afterwards (invariant 8).
///
/// # Safety
/// `cx` is the context of the running instance; no other Rust reference into its store is alive (invariant 3).
unsafe fn parts<'a>(cx: Cx) -> (&'a mut Store, &'a Instance) {
    // SAFETY: the caller's promise. The records are separate from the store (invariant 8), and a running instance is
    // not freed (invariant 1).
    unsafe { (&mut *((*(*cx).header.store).store as *mut Store), &*((*cx).instance as *const Instance)) }
}

/// The store's interrupt state.
///
/// # Safety
/// As `parts`, but other references into the store may be in use.
unsafe fn interrupts<'a>(cx: Cx) -> &'a Arc<SharedVmStore> {
    // SAFETY: the caller's promise; the field is never written while the store lives (invariant 10).
    unsafe { &(*((*(*cx).header.store).store as *const Store)).vm }
}

fn table<'a>(store: &'a mut Store, instance: &Instance, t: u32) -> &'a mut Table {
    &mut store.tables[instance.tables[t as usize]]
}

/// The address of the table of all builtins, which is indexed by builtin number.
pub const fn table_address() -> *const [*const u8; BUILTINS] {
    &raw const TABLE.0
}

struct Addresses([*const u8; BUILTINS]);
// SAFETY: addresses of functions, never written (invariant E6).
unsafe impl Sync for Addresses {}

/// The shim of one builtin, and the address that machine code calls: the shim itself, or the stub before it.
macro_rules! shims {
    ($($(#[$doc:meta])* [$class:ident] $name:ident($($p:ident: $pt:ident),*) $(-> $r:ident)?;)*) => {
        mod shim {
            use super::*;
            $(
                pub unsafe extern "C" fn $name(cx: Cx, $($p: shims!(@ty $pt)),*) $(-> shims!(@ty $r))? {
                    // SAFETY: machine code passes its own context (invariant 10).
                    let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { body::$name(cx, $($p),*) }));
                    // SAFETY: nothing is left to drop but the outcome, which `finish` consumes (invariant 4).
                    unsafe { finish((*cx).header.store, outcome) }
                }
            )*
        }
        mod stub {
            use super::*;
            $(stub!($class $name => shim::$name);)*
        }
        static TABLE: Addresses = Addresses([$(shims!(@address $class $name)),*]);
    };
    (@ty I32) => { u32 };
    (@ty I64) => { u64 };
    (@ty Ptr) => { FuncRefPtr };
    (@ty Ref) => { RawRef };
    (@address leaf $name:ident) => { shim::$name as *const () as *const u8 };
    (@address $stubbed:ident $name:ident) => { stub::$name as *const () as *const u8 };
}
for_each_builtin!(shims);

/// Why a builtin does not return.
pub(in crate::store) enum Raise {
    Trap(Trap),
    Exception(RawRef),
    Error(Error),
}

impl From<Trap> for Raise {
    fn from(trap: Trap) -> Raise {
        Raise::Trap(trap)
    }
}

impl From<Error> for Raise {
    fn from(error: Error) -> Raise {
        Raise::Error(error)
    }
}

/// Returns a builtin's result to machine code, or raises.
///
/// # Safety
/// As for `trap::raise`.
pub(in crate::store) unsafe fn finish<T, E: Into<Raise>>(
    vm: *mut VmStore,
    outcome: std::thread::Result<Result<T, E>>,
) -> T {
    // SAFETY: the caller's promise (invariants 4 and 9).
    unsafe {
        match outcome {
            Ok(Ok(value)) => value,
            Ok(Err(e)) => match e.into() {
                Raise::Trap(trap) => trap::raise(vm, trap),
                Raise::Exception(e) => exception::throw(vm, e, None),
                Raise::Error(e) => trap::raise_error(vm, e),
            },
            Err(panic) => {
                std::mem::forget(panic);
                (*((*vm).store as *mut Store)).poison();
                trap::raise_error(vm, Error::new(ErrorKind::Internal, "a builtin panicked"))
            }
        }
    }
}

/// The bodies of the builtins. Each is called with the context of the running instance, on the store's thread, while no
/// Rust reference into the store is alive (invariants 2, 3 and 10). This is the `Safety` section of all of them.
#[allow(clippy::missing_safety_doc)]
mod body {
    use super::*;

    type R<T> = Result<T, Trap>;

    /// The result of a builtin that can be the first to need the store's heap.
    type First<T> = Result<T, Raise>;

    pub unsafe fn raise_trap(_: Cx, code: u32) -> R<()> {
        Err(Trap::from_u8(code as u8).expect("machine code raises traps of the list"))
    }

    pub unsafe fn stack_limit(_: Cx) -> R<()> {
        Err(Trap::StackOverflow)
    }

    pub unsafe fn entry_limit(cx: Cx, below: u64) -> R<()> {
        // SAFETY: see the module (invariants 2, 3 and 10). The stub's frame begins with its caller's frame pointer and
        // the return address, so the caller's stack pointer is 16 bytes above.
        let (vm, sp) = unsafe { (interrupts(cx), (*(*cx).header.store).exit_fp + 16) };
        vm.at_stack_limit(sp.saturating_sub(below as usize))
    }

    pub unsafe fn interrupted(cx: Cx) -> R<()> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        unsafe { interrupts(cx) }.poll()
    }

    pub unsafe fn memory_grow(cx: Cx, memory: u32, delta: u64) -> R<u64> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        let m = instance.memories[memory as usize];
        Ok(store.memories[m].grow(delta, &mut store.account).unwrap_or(u64::MAX))
    }

    pub unsafe fn memory_copy(_: Cx, dst: u64, src: u64, len: u64) -> R<()> {
        // SAFETY: machine code checked both ranges; they may overlap (invariant 14).
        unsafe { std::ptr::copy(src as *const u8, dst as *mut u8, len as usize) };
        Ok(())
    }

    pub unsafe fn memory_fill(_: Cx, dst: u64, value: u32, len: u64) -> R<()> {
        // SAFETY: machine code checked the range (invariant 14).
        unsafe { std::ptr::write_bytes(dst as *mut u8, value as u8, len as usize) };
        Ok(())
    }

    pub unsafe fn memory_copy_pieces(cx: Cx, dst: u64, src: u64, len: u64) -> R<()> {
        // SAFETY: machine code checked both ranges; for the rest see the module (invariants 2, 3 and 10).
        unsafe { bulk::copy(interrupts(cx), src as *const u8, dst as *mut u8, len as usize, bulk::BYTES) }
    }

    pub unsafe fn memory_fill_pieces(cx: Cx, dst: u64, value: u32, len: u64) -> R<()> {
        // SAFETY: machine code checked the range; for the rest see the module (invariants 2, 3 and 10).
        unsafe { bulk::fill(interrupts(cx), dst as *mut u8, value as u8, len as usize) }
    }

    pub unsafe fn memory_init(cx: Cx, memory: u32, data: u32, dst: u64, src: u64, len: u64) -> R<()> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        let to = store.memories[instance.memories[memory as usize]].range(dst, len)?;
        let bytes = instance.data(DataIndex::from_u32(data));
        let end = src.checked_add(len).filter(|e| *e <= bytes.len() as u64).ok_or(Trap::MemoryOutOfBounds)?;
        let from = &bytes[src as usize..end as usize];
        // SAFETY: the destination was checked (invariant 14), the source is a slice of the module's bytes.
        unsafe { bulk::copy(&store.vm, from.as_ptr(), to, from.len(), bulk::BYTES) }
    }

    pub unsafe fn data_drop(cx: Cx, data: u32) -> R<()> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        store.instances[instance.index].drop_data(DataIndex::from_u32(data));
        Ok(())
    }

    pub unsafe fn table_lazy_init(cx: Cx, t: u32, index: u64) -> R<()> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        table(store, instance, t).get_func(index).map(|_| ())
    }

    pub unsafe fn table_grow(cx: Cx, t: u32, delta: u64, init: FuncRefPtr) -> R<u64> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        let t = instance.tables[t as usize];
        let Store { vm, tables, account, .. } = store;
        // SAFETY: the function comes from machine code (invariant 10).
        Ok(unsafe { tables[t].grow_func(vm, delta, init, account) }?.unwrap_or(u64::MAX))
    }

    pub unsafe fn table_fill(cx: Cx, t: u32, dst: u64, value: FuncRefPtr, len: u64) -> R<()> {
        // SAFETY: see the module (invariants 2, 3 and 10); the function comes from machine code.
        unsafe {
            let (store, instance) = parts(cx);
            store.tables[instance.tables[t as usize]].fill_func(&store.vm, dst, value, len)
        }
    }

    pub unsafe fn table_copy(cx: Cx, dst_table: u32, src_table: u32, dst: u64, src: u64, len: u64) -> R<()> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        let at = |t: u32| &*store.tables[instance.tables[t as usize]];
        let (to, from) = (at(dst_table), at(src_table));
        match to.is_gc() {
            true => to.copy_refs(&store.vm, dst, from, src, len),
            false => Table::copy_func(&store.vm, to, dst, from, src, len),
        }
    }

    pub unsafe fn table_init(cx: Cx, t: u32, elem: u32, dst: u64, src: u64, len: u64) -> First<()> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        let e = ElemIndex::from_u32(elem);
        src.checked_add(len).filter(|end| *end <= instance.elem_len(e)).ok_or(Trap::TableOutOfBounds)?;
        let place = instance.tables[t as usize];
        if !store.tables[place].is_gc() {
            // SAFETY: functions that the instance defines or imports (invariant 1).
            unsafe { store.tables[place].init_func(&store.vm, dst, len, |i| instance.elem_func(e, src + i))? };
            return Ok(());
        }
        store.heap()?;
        let Store { vm, heap, tables, .. } = store;
        let no_gc = heap.as_ref().expect("just there").no_gc();
        let slots = tables[place].slots(no_gc, dst, len)?;
        bulk::pieces(&*vm, len as usize, bulk::ELEMENTS, |piece| {
            piece.for_each(|i| slots.store(no_gc, i, instance.elem_ref(no_gc, e, src + i as u64)));
        })?;
        Ok(())
    }

    pub unsafe fn ref_table_grow(cx: Cx, t: u32, delta: u64, init: RawRef) -> First<u64> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        store.heap()?;
        let Store { vm, heap, tables, account, .. } = store;
        let no_gc = heap.as_ref().expect("just there").no_gc();
        // SAFETY: a reference from machine code; nothing is collected here (invariant 12).
        let init = unsafe { no_gc.adopt(init) };
        let table = &mut tables[instance.tables[t as usize]];
        Ok(table.grow_gc_ref(vm, no_gc, delta, init, account)?.unwrap_or(u64::MAX))
    }

    pub unsafe fn ref_table_fill(cx: Cx, t: u32, dst: u64, value: RawRef, len: u64) -> First<()> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        store.heap()?;
        let Store { vm, heap, tables, .. } = store;
        let no_gc = heap.as_ref().expect("just there").no_gc();
        let slots = tables[instance.tables[t as usize]].slots(no_gc, dst, len)?;
        // SAFETY: a reference from machine code; nothing is collected here (invariant 12).
        bulk::fill_slots(vm, no_gc, slots, unsafe { no_gc.adopt(value) })?;
        Ok(())
    }

    pub unsafe fn func_id(cx: Cx, func: FuncRefPtr) -> R<u32> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        unsafe { parts(cx).0.func_id(func) }
    }

    /// Allocates a new object. Polls first, because code without calls and loops can allocate many objects, and each
    /// allocation can collect.
    fn made(store: &mut Store, ty: TypeId, len: u32) -> R<RawRef> {
        store.vm.poll()?;
        Ok(store.alloc(ty, len)?.finish().bits())
    }

    pub unsafe fn struct_new(cx: Cx, ty: u32) -> R<RawRef> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        let ty = instance.info().types[TypeIndex::from_u32(ty)].id;
        made(store, ty, 0)
    }

    pub unsafe fn exception_new(cx: Cx, tag: u32) -> R<RawRef> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        let ty = instance.info().tags[TagIndex::from_u32(tag)].exception.id;
        made(store, ty, 0)
    }

    pub unsafe fn throw(_: Cx, exception: RawRef) -> Result<(), Raise> {
        Err(Raise::Exception(exception))
    }

    pub unsafe fn array_new(cx: Cx, ty: u32, len: u32) -> R<RawRef> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        let ty = instance.info().types[TypeIndex::from_u32(ty)].id;
        made(store, ty, len)
    }

    pub unsafe fn array_new_data(cx: Cx, ty: u32, data: u32, src: u32, len: u32) -> R<RawRef> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        let def = &instance.info().types[TypeIndex::from_u32(ty)];
        let (id, size) = (def.id, def.fields()[0].storage.size());
        let bytes = array::segment_bytes(instance.data(DataIndex::from_u32(data)), src, len as usize * size as usize)?;
        let bits = made(store, id, len)?;
        let no_gc = store.no_gc().map_err(|_| Trap::HeapExhausted)?;
        // SAFETY: the new array, which the validator checked to be an array of numbers (invariant 11).
        unsafe {
            let array = no_gc.adopt(bits).ok_or(Trap::NullReference)?;
            array::write_bytes(interrupts(cx), no_gc, array, 0, len, bytes)?;
        }
        Ok(bits)
    }

    pub unsafe fn array_new_elem(cx: Cx, ty: u32, elem: u32, src: u32, len: u32) -> R<RawRef> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        let id = instance.info().types[TypeIndex::from_u32(ty)].id;
        let e = ElemIndex::from_u32(elem);
        array::check_segment(instance, e, src, len)?;
        let bits = made(store, id, len)?;
        // SAFETY: the new array; the validator checked that its elements have the segment's type (invariant 11).
        unsafe { array::init_elem(store, instance, bits, 0, e, src, len)? };
        Ok(bits)
    }

    pub unsafe fn array_init_data(cx: Cx, array: RawRef, dst: u32, data: u32, src: u32, len: u32) -> R<()> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        let no_gc = store.no_gc().map_err(|_| Trap::HeapExhausted)?;
        // SAFETY: a reference from machine code; nothing is collected here (invariant 12).
        let array = unsafe { no_gc.adopt(array) }.ok_or(Trap::NullReference)?;
        // SAFETY: validated to be an array of numbers (invariant 11).
        unsafe {
            let (_, size) = no_gc.array_bytes(array, dst, len).ok_or(Trap::ArrayOutOfBounds)?;
            let bytes = array::segment_bytes(instance.data(DataIndex::from_u32(data)), src, size)?;
            array::write_bytes(interrupts(cx), no_gc, array, dst, len, bytes)
        }
    }

    pub unsafe fn array_init_elem(cx: Cx, array: RawRef, dst: u32, elem: u32, src: u32, len: u32) -> R<()> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        let no_gc = store.no_gc().map_err(|_| Trap::HeapExhausted)?;
        // SAFETY: a reference from machine code; nothing is collected here (invariant 12).
        let found = unsafe { no_gc.adopt(array) }.ok_or(Trap::NullReference)?;
        // SAFETY: validated to be an array (invariant 11).
        unsafe { no_gc.array_bytes(found, dst, len) }.ok_or(Trap::ArrayOutOfBounds)?;
        let e = ElemIndex::from_u32(elem);
        array::check_segment(instance, e, src, len)?;
        // SAFETY: as above; validated to have the segment's element type. Nothing was collected (invariant 11).
        unsafe { array::init_elem(store, instance, array, dst, e, src, len) }
    }

    pub unsafe fn array_copy(cx: Cx, dst: RawRef, dst_at: u32, src: RawRef, src_at: u32, len: u32) -> R<()> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let no_gc = unsafe { parts(cx) }.0.no_gc().map_err(|_| Trap::HeapExhausted)?;
        // SAFETY: references from machine code; nothing is collected here (invariant 12).
        let (dst, src) = unsafe { (no_gc.adopt(dst), no_gc.adopt(src)) };
        let (dst, src) = (dst.ok_or(Trap::NullReference)?, src.ok_or(Trap::NullReference)?);
        // SAFETY: validated to be arrays whose elements match (invariant 11).
        unsafe { array::copy(interrupts(cx), no_gc, (dst, dst_at), (src, src_at), len) }
    }

    pub unsafe fn array_fill(cx: Cx, array: RawRef, at: u32, value: u64, len: u32) -> R<()> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let no_gc = unsafe { parts(cx) }.0.no_gc().map_err(|_| Trap::HeapExhausted)?;
        // SAFETY: a reference from machine code; nothing is collected here (invariant 12).
        let array = unsafe { no_gc.adopt(array) }.ok_or(Trap::NullReference)?;
        // SAFETY: validated to be an array, and a value of its element type (invariant 11).
        unsafe { array::fill(interrupts(cx), no_gc, array, at, value, len) }
    }

    pub unsafe fn elem_drop(cx: Cx, elem: u32) -> R<()> {
        // SAFETY: see the module (invariants 2, 3 and 10).
        let (store, instance) = unsafe { parts(cx) };
        store.instances[instance.index].drop_elem(ElemIndex::from_u32(elem));
        Ok(())
    }
}
