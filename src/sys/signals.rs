//! Continues a faulted thread elsewhere, and leaves machine code without running the frames in between.

/// Where a thread continues.
pub struct Resume {
    pub pc: usize,
    pub sp: usize,
    pub fp: usize,
}

/// Decides where a thread that faulted at `(pc, frame pointer)` continues. Called in a signal handler, so it must be async-signal-safe.
/// `None` means that the fault is not in machine code of this library.
pub type Decide = fn(pc: usize, fp: usize) -> Option<Resume>;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod registers {
    use super::Resume;

    /// The location of an interrupted thread, as (pc, frame pointer).
    pub fn pc_and_fp(c: &libc::ucontext_t) -> (usize, usize) {
        let r = &c.uc_mcontext.gregs;
        (r[libc::REG_RIP as usize] as usize, r[libc::REG_RBP as usize] as usize)
    }

    /// Makes an interrupted thread continue elsewhere.
    pub fn resume_in(c: &mut libc::ucontext_t, to: &Resume) {
        let r = &mut c.uc_mcontext.gregs;
        r[libc::REG_RIP as usize] = to.pc as i64;
        r[libc::REG_RSP as usize] = to.sp as i64;
        r[libc::REG_RBP as usize] = to.fp as i64;
    }
}

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod registers {
    use super::Resume;

    /// The location of an interrupted thread, as (pc, frame pointer).
    pub fn pc_and_fp(c: &libc::ucontext_t) -> (usize, usize) {
        (c.uc_mcontext.pc as usize, c.uc_mcontext.regs[29] as usize)
    }

    /// Makes an interrupted thread continue elsewhere.
    pub fn resume_in(c: &mut libc::ucontext_t, to: &Resume) {
        c.uc_mcontext.pc = to.pc as u64;
        c.uc_mcontext.sp = to.sp as u64;
        c.uc_mcontext.regs[29] = to.fp as u64;
    }
}

pub use registers::{pc_and_fp, resume_in};

/// Leaves all frames between this one and the frame of `to`, without running any of their code.
///
/// # Safety
/// The frame must be live and expect to be resumed there; the frames in between must own nothing.
pub unsafe fn resume_at(to: &Resume) -> ! {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's promise (invariant S6).
    unsafe {
        std::arch::asm!("mov rsp, {sp}", "mov rbp, {fp}", "jmp {pc}",
            pc = in(reg) to.pc, sp = in(reg) to.sp, fp = in(reg) to.fp, options(noreturn))
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the caller's promise (invariant S6).
    unsafe {
        std::arch::asm!("mov sp, {sp}", "mov x29, {fp}", "br {pc}",
            pc = in(reg) to.pc, sp = in(reg) to.sp, fp = in(reg) to.fp, options(noreturn))
    }
}

/// Like `resume_at`, with a word in the first result register.
///
/// # Safety
/// As `resume_at`.
pub unsafe fn resume_with(to: &Resume, payload: usize) -> ! {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's promise (invariant S6).
    unsafe {
        std::arch::asm!("mov rsp, {sp}", "mov rbp, {fp}", "jmp {pc}", in("rax") payload,
            pc = in(reg) to.pc, sp = in(reg) to.sp, fp = in(reg) to.fp, options(noreturn))
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the caller's promise (invariant S6).
    unsafe {
        std::arch::asm!("mov sp, {sp}", "mov x29, {fp}", "br {pc}", in("x0") payload,
            pc = in(reg) to.pc, sp = in(reg) to.sp, fp = in(reg) to.fp, options(noreturn))
    }
}

/// The caller's stack pointer, give or take a frame.
#[inline(always)]
pub fn stack_pointer() -> usize {
    let sp: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags))
    };
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mov {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags))
    };
    sp
}
