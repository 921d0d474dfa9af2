//! The builtins' bodies, and the shims between them and machine code.
//!
//! A shim catches panics and turns a trap into a raise. A stub in front of a `raise` builtin publishes the exit frame.

use super::instance::Instance;
use super::store::Store;
use super::table::{FuncRefPtr, Table};
use super::trap;
use crate::abi::builtin::BUILTINS;
use crate::abi::vmstruct::{VmContext, VmHeader, VmStore};
use crate::base::index::*;
use crate::base::{Error, ErrorKind, Trap};
use crate::for_each_builtin;
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};

type Cx = *mut VmContext;

/// The store and the instance that machine code runs in.
///
/// # Safety
/// `cx` is the context of the running instance; nobody else holds a reference into its store (invariant 3).
unsafe fn parts<'a>(cx: Cx) -> (&'a mut Store, &'a mut Instance) {
    // SAFETY: the caller's promise. The instance is boxed in the store, and bodies reach it by this reference only.
    unsafe { (&mut *((*(*cx).header.store).store as *mut Store), &mut *((*cx).instance as *mut Instance)) }
}

fn table<'a>(store: &'a mut Store, instance: &Instance, t: u32) -> &'a mut Table {
    &mut store.tables[instance.tables[t as usize] as usize]
}

/// The addresses of all builtins, by number.
pub fn table_address() -> *const [*const u8; BUILTINS] {
    &raw const TABLE.0
}

struct Addresses([*const u8; BUILTINS]);
// SAFETY: addresses of functions, never written.
unsafe impl Sync for Addresses {}

/// The shim of one builtin, and what machine code calls: the shim itself, or the stub in front of it.
macro_rules! shims {
    ($($(#[$doc:meta])* [$class:ident] $name:ident($($p:ident: $pt:ident),*) $(-> $r:ident)?;)*) => {
        mod shim {
            use super::*;
            $(
                pub unsafe extern "C" fn $name(cx: Cx, $($p: shims!(@ty $pt)),*) $(-> shims!(@ty $r))? {
                    // SAFETY: machine code calls with its own context.
                    let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { body::$name(cx, $($p),*) }));
                    // SAFETY: nothing is left to drop but the outcome, which `finish` consumes (invariant 4).
                    unsafe { finish(cx, outcome) }
                }
            )*
        }
        mod stub {
            use super::*;
            $(shims!(@stub $class $name);)*
        }
        static TABLE: Addresses = Addresses([$(shims!(@address $class $name)),*]);
    };
    (@ty I32) => { u32 };
    (@ty I64) => { u64 };
    (@ty Ptr) => { FuncRefPtr };
    (@address leaf $name:ident) => { shim::$name as *const () as *const u8 };
    (@address raise $name:ident) => { stub::$name as *const () as *const u8 };
    (@stub leaf $name:ident) => {};
    (@stub raise $name:ident) => {
        /// Keeps a frame whose saved frame pointer and return address are those of the WebAssembly frame, and says where.
        #[cfg(target_arch = "x86_64")]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            std::arch::naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                "mov rax, [rdi + {store}]",
                "mov [rax + {exit_fp}], rbp",
                "call {shim}",
                "pop rbp",
                "ret",
                store = const offset_of!(VmHeader, store),
                exit_fp = const offset_of!(VmStore, exit_fp),
                shim = sym shim::$name,
            )
        }
        #[cfg(target_arch = "aarch64")]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            std::arch::naked_asm!(
                "stp x29, x30, [sp, #-16]!",
                "mov x29, sp",
                "ldr x9, [x0, #{store}]",
                "str x29, [x9, #{exit_fp}]",
                "bl {shim}",
                "ldp x29, x30, [sp], #16",
                "ret",
                store = const offset_of!(VmHeader, store),
                exit_fp = const offset_of!(VmStore, exit_fp),
                shim = sym shim::$name,
            )
        }
    };
}
for_each_builtin!(shims);

/// Gives a builtin's result to machine code, or raises.
///
/// # Safety
/// As `trap::raise`.
unsafe fn finish<T>(cx: Cx, outcome: std::thread::Result<Result<T, Trap>>) -> T {
    // SAFETY: the context is the running instance's; the rest is the caller's promise.
    unsafe {
        let vm = (*cx).header.store;
        match outcome {
            Ok(Ok(value)) => value,
            Ok(Err(trap)) => trap::raise(vm, trap),
            Err(panic) => {
                std::mem::forget(panic);
                (*((*vm).store as *mut Store)).poisoned = true;
                trap::raise_error(vm, Error::new(ErrorKind::Internal, "a builtin panicked"))
            }
        }
    }
}

/// What the builtins do. Each is called with the context of the running instance, on the store's thread, while no Rust
/// reference into the store is alive (invariants 2 and 3); that is the `Safety` of them all.
#[allow(clippy::missing_safety_doc)]
mod body {
    use super::*;

    type R<T> = Result<T, Trap>;

    pub unsafe fn raise_trap(_: Cx, code: u32) -> R<()> {
        Err(Trap::from_u8(code as u8).expect("machine code raises traps of the list"))
    }

    /// The raise tells an interrupt from an overflow.
    pub unsafe fn stack_limit(_: Cx) -> R<()> {
        Err(Trap::StackOverflow)
    }

    pub unsafe fn interrupted(_: Cx) -> R<()> {
        Err(Trap::Interrupted)
    }

    pub unsafe fn memory_grow(cx: Cx, memory: u32, delta: u64) -> R<u64> {
        // SAFETY: see the module.
        let (store, instance) = unsafe { parts(cx) };
        let m = instance.memories[memory as usize];
        Ok(store.memories[m as usize].grow(delta, &mut store.account).unwrap_or(u64::MAX))
    }

    pub unsafe fn memory_copy(_: Cx, dst: u64, src: u64, len: u64) -> R<()> {
        // SAFETY: machine code checked both ranges; they may overlap.
        unsafe { std::ptr::copy(src as *const u8, dst as *mut u8, len as usize) };
        Ok(())
    }

    pub unsafe fn memory_fill(_: Cx, dst: u64, value: u32, len: u64) -> R<()> {
        // SAFETY: machine code checked the range.
        unsafe { std::ptr::write_bytes(dst as *mut u8, value as u8, len as usize) };
        Ok(())
    }

    pub unsafe fn memory_init(cx: Cx, memory: u32, data: u32, dst: u64, src: u64, len: u64) -> R<()> {
        // SAFETY: see the module.
        let (store, instance) = unsafe { parts(cx) };
        let to = store.memories[instance.memories[memory as usize] as usize].range(dst, len)?;
        let bytes = instance.data(DataIndex::from_u32(data));
        let end = src.checked_add(len).filter(|e| *e <= bytes.len() as u64).ok_or(Trap::MemoryOutOfBounds)?;
        let from = &bytes[src as usize..end as usize];
        // SAFETY: the destination was checked, the source is a slice of the module's bytes.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
        Ok(())
    }

    pub unsafe fn data_drop(cx: Cx, data: u32) -> R<()> {
        // SAFETY: see the module.
        unsafe { parts(cx) }.1.drop_data(DataIndex::from_u32(data));
        Ok(())
    }

    pub unsafe fn table_touch(cx: Cx, t: u32, index: u64) -> R<FuncRefPtr> {
        // SAFETY: see the module.
        let (store, instance) = unsafe { parts(cx) };
        table(store, instance, t).get(index)
    }

    pub unsafe fn table_grow(cx: Cx, t: u32, delta: u64, init: FuncRefPtr) -> R<u64> {
        // SAFETY: see the module.
        let (store, instance) = unsafe { parts(cx) };
        let t = instance.tables[t as usize];
        Ok(store.tables[t as usize].grow(delta, init, &mut store.account).unwrap_or(u64::MAX))
    }

    pub unsafe fn table_fill(cx: Cx, t: u32, dst: u64, value: FuncRefPtr, len: u64) -> R<()> {
        // SAFETY: see the module.
        let (store, instance) = unsafe { parts(cx) };
        table(store, instance, t).fill(dst, value, len)
    }

    pub unsafe fn table_copy(cx: Cx, dst_table: u32, src_table: u32, dst: u64, src: u64, len: u64) -> R<()> {
        // SAFETY: see the module.
        let (store, instance) = unsafe { parts(cx) };
        let at = |t: u32| &*store.tables[instance.tables[t as usize] as usize];
        Table::copy(at(dst_table), dst, at(src_table), src, len)
    }

    pub unsafe fn table_init(cx: Cx, t: u32, elem: u32, dst: u64, src: u64, len: u64) -> R<()> {
        // SAFETY: see the module.
        let (store, instance) = unsafe { parts(cx) };
        let e = ElemIndex::from_u32(elem);
        src.checked_add(len).filter(|end| *end <= instance.elem_len(e)).ok_or(Trap::TableOutOfBounds)?;
        table(store, instance, t).init(dst, len, |i| instance.elem(e, src + i))
    }

    pub unsafe fn elem_drop(cx: Cx, elem: u32) -> R<()> {
        // SAFETY: see the module.
        unsafe { parts(cx) }.1.drop_elem(ElemIndex::from_u32(elem));
        Ok(())
    }
}
