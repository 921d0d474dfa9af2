//! What stands between machine code and a builtin's shim, by the builtin's class (`abi::builtin::Class`).

/// Defines the stub of a builtin: `stub!(class name => path::of::shim)`.
macro_rules! stub {
    (leaf $name:ident => $shim:path) => {};
    (raise $name:ident => $shim:path) => { stub!(@publish $name => $shim, ""); };
    // On aarch64 arguments of the `tail` convention begin at x2.
    (tail $name:ident => $shim:path) => { stub!(@publish $name => $shim, "mov x0, x2\nmov x1, x3"); };
    (@publish $name:ident => $shim:path, $first:literal) => {
        /// Keeps a frame whose saved frame pointer and return address are those of the WebAssembly frame, and says where.
        #[cfg(target_arch = "x86_64")]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            std::arch::naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                "mov rax, [rdi + {store}]",
                "mov [rax + {exit_fp}], rbp",
                // The registers that WebAssembly may use across the call; the shim leaves them as they are.
                "push rbx",
                "push r12",
                "push r13",
                "push r14",
                "push r15",
                "sub rsp, 8",
                "mov [rax + {exit_sp}], rsp",
                "call {shim}",
                "leave",
                "ret",
                store = const offset_of!(VmHeader, store),
                exit_fp = const offset_of!(VmStore, exit_fp),
                exit_sp = const offset_of!(VmStore, exit_sp),
                shim = sym $shim,
            )
        }
        #[cfg(target_arch = "aarch64")]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            std::arch::naked_asm!(
                $first,
                "stp x29, x30, [sp, #-16]!",
                "mov x29, sp",
                "ldr x9, [x0, #{store}]",
                "str x29, [x9, #{exit_fp}]",
                "stp x19, x20, [sp, #-16]!",
                "stp x21, x22, [sp, #-16]!",
                "stp x23, x24, [sp, #-16]!",
                "stp x25, x26, [sp, #-16]!",
                "stp x27, x28, [sp, #-16]!",
                "mov x10, sp",
                "str x10, [x9, #{exit_sp}]",
                "bl {shim}",
                "mov sp, x29",
                "ldp x29, x30, [sp], #16",
                "ret",
                store = const offset_of!(VmHeader, store),
                exit_fp = const offset_of!(VmStore, exit_fp),
                exit_sp = const offset_of!(VmStore, exit_sp),
                shim = sym $shim,
            )
        }
    };
    (quiet $name:ident => $shim:path) => {
        /// Keeps all registers that the shim may change, those of its arguments as well.
        #[cfg(target_arch = "x86_64")]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            std::arch::naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                "push rax",
                "push rcx",
                "push rdx",
                "push rsi",
                "push rdi",
                "push r8",
                "push r9",
                "push r10",
                "push r11",
                "sub rsp, 264",
                "movups [rsp], xmm0",
                "movups [rsp + 16], xmm1",
                "movups [rsp + 32], xmm2",
                "movups [rsp + 48], xmm3",
                "movups [rsp + 64], xmm4",
                "movups [rsp + 80], xmm5",
                "movups [rsp + 96], xmm6",
                "movups [rsp + 112], xmm7",
                "movups [rsp + 128], xmm8",
                "movups [rsp + 144], xmm9",
                "movups [rsp + 160], xmm10",
                "movups [rsp + 176], xmm11",
                "movups [rsp + 192], xmm12",
                "movups [rsp + 208], xmm13",
                "movups [rsp + 224], xmm14",
                "movups [rsp + 240], xmm15",
                "call {shim}",
                "movups xmm0, [rsp]",
                "movups xmm1, [rsp + 16]",
                "movups xmm2, [rsp + 32]",
                "movups xmm3, [rsp + 48]",
                "movups xmm4, [rsp + 64]",
                "movups xmm5, [rsp + 80]",
                "movups xmm6, [rsp + 96]",
                "movups xmm7, [rsp + 112]",
                "movups xmm8, [rsp + 128]",
                "movups xmm9, [rsp + 144]",
                "movups xmm10, [rsp + 160]",
                "movups xmm11, [rsp + 176]",
                "movups xmm12, [rsp + 192]",
                "movups xmm13, [rsp + 208]",
                "movups xmm14, [rsp + 224]",
                "movups xmm15, [rsp + 240]",
                "add rsp, 264",
                "pop r11",
                "pop r10",
                "pop r9",
                "pop r8",
                "pop rdi",
                "pop rsi",
                "pop rdx",
                "pop rcx",
                "pop rax",
                "pop rbp",
                "ret",
                shim = sym $shim,
            )
        }
        #[cfg(target_arch = "aarch64")]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            std::arch::naked_asm!(
                "stp x29, x30, [sp, #-16]!",
                "mov x29, sp",
                "stp x0, x1, [sp, #-16]!",
                "stp x2, x3, [sp, #-16]!",
                "stp x4, x5, [sp, #-16]!",
                "stp x6, x7, [sp, #-16]!",
                "stp x8, x9, [sp, #-16]!",
                "stp x10, x11, [sp, #-16]!",
                "stp x12, x13, [sp, #-16]!",
                "stp x14, x15, [sp, #-16]!",
                "stp x16, x17, [sp, #-16]!",
                // Callees keep the lower halves of some of these only.
                "stp q0, q1, [sp, #-32]!",
                "stp q2, q3, [sp, #-32]!",
                "stp q4, q5, [sp, #-32]!",
                "stp q6, q7, [sp, #-32]!",
                "stp q8, q9, [sp, #-32]!",
                "stp q10, q11, [sp, #-32]!",
                "stp q12, q13, [sp, #-32]!",
                "stp q14, q15, [sp, #-32]!",
                "stp q16, q17, [sp, #-32]!",
                "stp q18, q19, [sp, #-32]!",
                "stp q20, q21, [sp, #-32]!",
                "stp q22, q23, [sp, #-32]!",
                "stp q24, q25, [sp, #-32]!",
                "stp q26, q27, [sp, #-32]!",
                "stp q28, q29, [sp, #-32]!",
                "stp q30, q31, [sp, #-32]!",
                "bl {shim}",
                "ldp q30, q31, [sp], #32",
                "ldp q28, q29, [sp], #32",
                "ldp q26, q27, [sp], #32",
                "ldp q24, q25, [sp], #32",
                "ldp q22, q23, [sp], #32",
                "ldp q20, q21, [sp], #32",
                "ldp q18, q19, [sp], #32",
                "ldp q16, q17, [sp], #32",
                "ldp q14, q15, [sp], #32",
                "ldp q12, q13, [sp], #32",
                "ldp q10, q11, [sp], #32",
                "ldp q8, q9, [sp], #32",
                "ldp q6, q7, [sp], #32",
                "ldp q4, q5, [sp], #32",
                "ldp q2, q3, [sp], #32",
                "ldp q0, q1, [sp], #32",
                "ldp x16, x17, [sp], #16",
                "ldp x14, x15, [sp], #16",
                "ldp x12, x13, [sp], #16",
                "ldp x10, x11, [sp], #16",
                "ldp x8, x9, [sp], #16",
                "ldp x6, x7, [sp], #16",
                "ldp x4, x5, [sp], #16",
                "ldp x2, x3, [sp], #16",
                "ldp x0, x1, [sp], #16",
                "ldp x29, x30, [sp], #16",
                "ret",
                shim = sym $shim,
            )
        }
    };
}
pub(super) use stub;
