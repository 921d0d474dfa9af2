//! The first call of a function that may not be compiled yet: from its stub to the function, with all arguments as the
//! caller passed them.

use crate::abi::convention::{FLOAT_REGISTERS, INT_ARGUMENTS};
use crate::abi::vmstruct::{VmCode, VmContext, VmHeader, VmStore};
use crate::base::index::*;
use crate::base::{Error, ErrorKind, Trap};
use crate::store::parts::instance::Instance;
use crate::store::run::trap;
use crate::store::store::Store;
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The addresses that stubs jump to, with the function's number in `eax` and everything else as at the function's
/// entry. The first is for functions whose context is the first argument, the other for those where it is the second.
pub const fn addresses() -> [VmCode; 2] {
    [context_first as *const () as VmCode, context_second as *const () as VmCode]
}

/// Bytes of the registers that hold arguments, as they are saved below.
#[cfg(target_arch = "x86_64")]
const KEPT: usize = INT_ARGUMENTS * 8 + FLOAT_REGISTERS * 16;
#[cfg(target_arch = "x86_64")]
const _: () = assert!(KEPT == 176, "what is written below");

/// Saves the arguments, which are on the stack or in the argument registers of the `tail` convention. Publishes the
/// frame where WebAssembly was left, for errors.
#[cfg(target_arch = "x86_64")]
macro_rules! first_call {
    ($name:ident, $context:literal) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name() {
            std::arch::naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                concat!("mov r11, [", $context, " + {store}]"),
                "mov [r11 + {exit_fp}], rbp",
                "mov [r11 + {exit_sp}], rsp",
                "sub rsp, {kept}",
                "mov [rsp], rdi",
                "mov [rsp + 8], rsi",
                "mov [rsp + 16], rdx",
                "mov [rsp + 24], rcx",
                "mov [rsp + 32], r8",
                "mov [rsp + 40], r9",
                "movups [rsp + 48], xmm0",
                "movups [rsp + 64], xmm1",
                "movups [rsp + 80], xmm2",
                "movups [rsp + 96], xmm3",
                "movups [rsp + 112], xmm4",
                "movups [rsp + 128], xmm5",
                "movups [rsp + 144], xmm6",
                "movups [rsp + 160], xmm7",
                concat!("mov rdi, ", $context),
                "mov esi, eax",
                "call {enter}",
                "mov rdi, [rsp]",
                "mov rsi, [rsp + 8]",
                "mov rdx, [rsp + 16]",
                "mov rcx, [rsp + 24]",
                "mov r8, [rsp + 32]",
                "mov r9, [rsp + 40]",
                "movups xmm0, [rsp + 48]",
                "movups xmm1, [rsp + 64]",
                "movups xmm2, [rsp + 80]",
                "movups xmm3, [rsp + 96]",
                "movups xmm4, [rsp + 112]",
                "movups xmm5, [rsp + 128]",
                "movups xmm6, [rsp + 144]",
                "movups xmm7, [rsp + 160]",
                "leave",
                "jmp rax",
                store = const offset_of!(VmHeader, store),
                exit_fp = const offset_of!(VmStore, exit_fp),
                exit_sp = const offset_of!(VmStore, exit_sp),
                kept = const KEPT,
                enter = sym enter,
            )
        }
    };
}
#[cfg(target_arch = "x86_64")]
first_call!(context_first, "rdi");
#[cfg(target_arch = "x86_64")]
first_call!(context_second, "rsi");

/// Modules are not compiled lazily on this architecture.
#[cfg(not(target_arch = "x86_64"))]
extern "C" fn context_first() {}
#[cfg(not(target_arch = "x86_64"))]
extern "C" fn context_second() {}

/// Returns the function's code. Raises an error if the function cannot be compiled.
///
/// No stack map lists the references among the arguments, so nothing here may collect.
unsafe extern "C" fn enter(cx: *mut VmContext, index: u32) -> VmCode {
    // SAFETY: the stub passes the context of a running instance (invariant 1), which keeps its module (invariant 6).
    let entered = catch_unwind(AssertUnwindSafe(|| unsafe {
        let interrupts = &(*((*(*cx).header.store).store as *const Store)).vm;
        let module = &(*((*cx).instance as *const Instance)).module;
        loop {
            match module.enter(DefinedFuncIndex::from_u32(index), &|| interrupts.is_interrupted()) {
                Err(e) if e.trap_code() == Some(Trap::Interrupted) => interrupts.poll().map_err(Error::trap)?,
                entered => return entered,
            }
        }
    }));
    // SAFETY: as above. When this raises, only the error is left to drop, and it is moved away (invariant 4).
    unsafe {
        let vm = (*cx).header.store;
        match entered {
            Ok(Ok(code)) => code,
            Ok(Err(e)) => match e.trap_code() {
                Some(t) => {
                    drop(e);
                    trap::raise(vm, t)
                }
                None => trap::raise_error(vm, e),
            },
            Err(panic) => {
                std::mem::forget(panic);
                (*((*vm).store as *mut Store)).poison();
                trap::raise_error(vm, Error::new(ErrorKind::Internal, "the engine panicked"))
            }
        }
    }
}
