//! The stubs between machine code and a builtin's shim, by the builtin's class (`abi::builtin::Class`).

/// Pushes all registers that the system's calling convention lets a function change. The stack stays aligned.
#[cfg(target_arch = "x86_64")]
macro_rules! keep_registers {
    () => {
        concat!(
            "push rax\n",
            "push rcx\n",
            "push rdx\n",
            "push rsi\n",
            "push rdi\n",
            "push r8\n",
            "push r9\n",
            "push r10\n",
            "push r11\n",
            "sub rsp, 264\n",
            "movups [rsp], xmm0\n",
            "movups [rsp + 16], xmm1\n",
            "movups [rsp + 32], xmm2\n",
            "movups [rsp + 48], xmm3\n",
            "movups [rsp + 64], xmm4\n",
            "movups [rsp + 80], xmm5\n",
            "movups [rsp + 96], xmm6\n",
            "movups [rsp + 112], xmm7\n",
            "movups [rsp + 128], xmm8\n",
            "movups [rsp + 144], xmm9\n",
            "movups [rsp + 160], xmm10\n",
            "movups [rsp + 176], xmm11\n",
            "movups [rsp + 192], xmm12\n",
            "movups [rsp + 208], xmm13\n",
            "movups [rsp + 224], xmm14\n",
            "movups [rsp + 240], xmm15\n",
        )
    };
}
/// Restores the registers that `keep_registers` has pushed.
#[cfg(target_arch = "x86_64")]
macro_rules! bring_registers_back {
    () => {
        concat!(
            "movups xmm0, [rsp]\n",
            "movups xmm1, [rsp + 16]\n",
            "movups xmm2, [rsp + 32]\n",
            "movups xmm3, [rsp + 48]\n",
            "movups xmm4, [rsp + 64]\n",
            "movups xmm5, [rsp + 80]\n",
            "movups xmm6, [rsp + 96]\n",
            "movups xmm7, [rsp + 112]\n",
            "movups xmm8, [rsp + 128]\n",
            "movups xmm9, [rsp + 144]\n",
            "movups xmm10, [rsp + 160]\n",
            "movups xmm11, [rsp + 176]\n",
            "movups xmm12, [rsp + 192]\n",
            "movups xmm13, [rsp + 208]\n",
            "movups xmm14, [rsp + 224]\n",
            "movups xmm15, [rsp + 240]\n",
            "add rsp, 264\n",
            "pop r11\n",
            "pop r10\n",
            "pop r9\n",
            "pop r8\n",
            "pop rdi\n",
            "pop rsi\n",
            "pop rdx\n",
            "pop rcx\n",
            "pop rax\n",
        )
    };
}
/// Pushes all registers that the system's calling convention lets a function change. It preserves only the lower halves
/// of v8 to v15, so these are pushed as well.
#[cfg(target_arch = "aarch64")]
macro_rules! keep_registers {
    () => {
        concat!(
            "stp x0, x1, [sp, #-16]!\n",
            "stp x2, x3, [sp, #-16]!\n",
            "stp x4, x5, [sp, #-16]!\n",
            "stp x6, x7, [sp, #-16]!\n",
            "stp x8, x9, [sp, #-16]!\n",
            "stp x10, x11, [sp, #-16]!\n",
            "stp x12, x13, [sp, #-16]!\n",
            "stp x14, x15, [sp, #-16]!\n",
            "stp x16, x17, [sp, #-16]!\n",
            "stp q0, q1, [sp, #-32]!\n",
            "stp q2, q3, [sp, #-32]!\n",
            "stp q4, q5, [sp, #-32]!\n",
            "stp q6, q7, [sp, #-32]!\n",
            "stp q8, q9, [sp, #-32]!\n",
            "stp q10, q11, [sp, #-32]!\n",
            "stp q12, q13, [sp, #-32]!\n",
            "stp q14, q15, [sp, #-32]!\n",
            "stp q16, q17, [sp, #-32]!\n",
            "stp q18, q19, [sp, #-32]!\n",
            "stp q20, q21, [sp, #-32]!\n",
            "stp q22, q23, [sp, #-32]!\n",
            "stp q24, q25, [sp, #-32]!\n",
            "stp q26, q27, [sp, #-32]!\n",
            "stp q28, q29, [sp, #-32]!\n",
            "stp q30, q31, [sp, #-32]!\n",
        )
    };
}
/// Restores the registers that `keep_registers` has pushed.
#[cfg(target_arch = "aarch64")]
macro_rules! bring_registers_back {
    () => {
        concat!(
            "ldp q30, q31, [sp], #32\n",
            "ldp q28, q29, [sp], #32\n",
            "ldp q26, q27, [sp], #32\n",
            "ldp q24, q25, [sp], #32\n",
            "ldp q22, q23, [sp], #32\n",
            "ldp q20, q21, [sp], #32\n",
            "ldp q18, q19, [sp], #32\n",
            "ldp q16, q17, [sp], #32\n",
            "ldp q14, q15, [sp], #32\n",
            "ldp q12, q13, [sp], #32\n",
            "ldp q10, q11, [sp], #32\n",
            "ldp q8, q9, [sp], #32\n",
            "ldp q6, q7, [sp], #32\n",
            "ldp q4, q5, [sp], #32\n",
            "ldp q2, q3, [sp], #32\n",
            "ldp q0, q1, [sp], #32\n",
            "ldp x16, x17, [sp], #16\n",
            "ldp x14, x15, [sp], #16\n",
            "ldp x12, x13, [sp], #16\n",
            "ldp x10, x11, [sp], #16\n",
            "ldp x8, x9, [sp], #16\n",
            "ldp x6, x7, [sp], #16\n",
            "ldp x4, x5, [sp], #16\n",
            "ldp x2, x3, [sp], #16\n",
            "ldp x0, x1, [sp], #16\n",
        )
    };
}

/// Defines the stub of a builtin: `stub!(class name => path::of::shim)`.
macro_rules! stub {
    (leaf $name:ident => $shim:path) => {};
    (may_unwind $name:ident => $shim:path) => { stub!(@publish $name => $shim, ""); };
    // On aarch64, arguments of the `tail` convention begin at x2.
    (tail $name:ident => $shim:path) => { stub!(@publish $name => $shim, "mov x0, x2\nmov x1, x3"); };
    (@publish $name:ident => $shim:path, $first:literal) => {
        /// Pushes a frame whose saved frame pointer and return address are those of the WebAssembly frame, and
        /// publishes its address.
        #[cfg(target_arch = "x86_64")]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            std::arch::naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                "mov rax, [rdi + {store}]",
                "mov [rax + {exit_fp}], rbp",
                // The registers that WebAssembly may use across the call. The shim preserves them; they are pushed so
                // that a search of the stack finds them.
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
    (preserve_all $name:ident => $shim:path) => {
        /// Saves and restores all registers that the shim may change, including those of its arguments.
        #[cfg(target_arch = "x86_64")]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            std::arch::naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                keep_registers!(),
                "call {shim}",
                bring_registers_back!(),
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
                keep_registers!(),
                "bl {shim}",
                bring_registers_back!(),
                "ldp x29, x30, [sp], #16",
                "ret",
                shim = sym $shim,
            )
        }
    };
    (poll $name:ident => $shim:path) => {
        /// The same, and also publishes where WebAssembly was left.
        #[cfg(target_arch = "x86_64")]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            std::arch::naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                keep_registers!(),
                "mov rax, [rdi + {store}]",
                "mov [rax + {exit_fp}], rbp",
                "mov [rax + {exit_sp}], rsp",
                "call {shim}",
                bring_registers_back!(),
                "pop rbp",
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
                "stp x29, x30, [sp, #-16]!",
                "mov x29, sp",
                keep_registers!(),
                "ldr x9, [x0, #{store}]",
                "str x29, [x9, #{exit_fp}]",
                "mov x10, sp",
                "str x10, [x9, #{exit_sp}]",
                "bl {shim}",
                bring_registers_back!(),
                "ldp x29, x30, [sp], #16",
                "ret",
                store = const offset_of!(VmHeader, store),
                exit_fp = const offset_of!(VmStore, exit_fp),
                exit_sp = const offset_of!(VmStore, exit_sp),
                shim = sym $shim,
            )
        }
    };
}
pub(in crate::store) use {bring_registers_back, keep_registers, stub};
