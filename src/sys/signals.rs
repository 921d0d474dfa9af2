//! Faults of machine code: one handler for the process, installed once, chained to whatever was there before.

use std::io;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

/// Where a faulted thread goes on.
pub struct Resume {
    pub pc: usize,
    pub sp: usize,
    pub fp: usize,
}

/// Decides about a fault at `(pc, frame pointer)`. Called in a signal handler: must be async-signal-safe. `None` means it is not ours.
pub type Decide = fn(pc: usize, fp: usize) -> Option<Resume>;

const SIGNALS: [libc::c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

struct Installed {
    decide: Decide,
    previous: [libc::sigaction; SIGNALS.len()],
}

static INSTALLED: OnceLock<Result<Installed, i32>> = OnceLock::new();

/// Installs the handler; the first caller's `decide` counts. Handlers that were there get every fault that is not ours.
pub fn install(decide: Decide) -> io::Result<()> {
    INSTALLED.get_or_init(|| set_handlers(decide)).as_ref().map(|_| ()).map_err(|e| io::Error::from_raw_os_error(*e))
}

fn set_handlers(decide: Decide) -> Result<Installed, i32> {
    let mut previous = [const { MaybeUninit::<libc::sigaction>::zeroed() }; SIGNALS.len()];
    for (signal, old) in SIGNALS.iter().zip(&mut previous) {
        // Until INSTALLED is set a fault on another thread finds no `decide` and runs into `handler`'s first line, which
        // gives it to the default action; hosts make their first engine before they rely on anything.
        // SAFETY: plain system calls on zeroed structs of the right type. SA_NODEFER and the empty mask leave the
        // thread's signal mask as it is when a trap leaves the handler by `sigreturn` to another place.
        unsafe {
            let mut new: libc::sigaction = std::mem::zeroed();
            new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            new.sa_sigaction = handler as *const () as usize;
            libc::sigemptyset(&mut new.sa_mask);
            if libc::sigaction(*signal, &new, old.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error().raw_os_error().unwrap_or(0));
            }
        }
    }
    // SAFETY: every element was written by sigaction; zeroed was valid already.
    Ok(Installed { decide, previous: previous.map(|p| unsafe { p.assume_init() }) })
}

unsafe extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let Some(Ok(installed)) = INSTALLED.get() else {
        // SAFETY: restores the default action; the fault repeats and is reported by the system.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    };
    // SAFETY: with SA_SIGINFO the third argument is the interrupted thread's context.
    let registers = unsafe { &mut *(context as *mut libc::ucontext_t) };
    let (pc, fp) = registers::pc_and_fp(registers);
    match (installed.decide)(pc, fp) {
        Some(resume) => registers::resume(registers, &resume),
        // SAFETY: passes on what the system gave us.
        None => unsafe { chain(installed, signal, info, context) },
    }
}

/// Does what the handler before us would have done.
unsafe fn chain(installed: &Installed, signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let Some(i) = SIGNALS.iter().position(|s| *s == signal) else { return };
    let old = &installed.previous[i];
    if old.sa_sigaction == libc::SIG_DFL || old.sa_sigaction == libc::SIG_IGN {
        // SAFETY: puts the old action back; the faulting instruction runs again and meets it.
        unsafe { libc::sigaction(signal, old, std::ptr::null_mut()) };
    } else if old.sa_flags & libc::SA_SIGINFO != 0 {
        type WithInfo = unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
        // SAFETY: the flag says that the old handler has this type.
        unsafe { std::mem::transmute::<usize, WithInfo>(old.sa_sigaction)(signal, info, context) };
    } else {
        // SAFETY: without the flag the old handler takes the signal's number alone.
        unsafe { std::mem::transmute::<usize, unsafe extern "C" fn(libc::c_int)>(old.sa_sigaction)(signal) };
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod registers {
    use super::Resume;

    pub fn pc_and_fp(c: &libc::ucontext_t) -> (usize, usize) {
        let r = &c.uc_mcontext.gregs;
        (r[libc::REG_RIP as usize] as usize, r[libc::REG_RBP as usize] as usize)
    }

    pub fn resume(c: &mut libc::ucontext_t, to: &Resume) {
        let r = &mut c.uc_mcontext.gregs;
        r[libc::REG_RIP as usize] = to.pc as i64;
        r[libc::REG_RSP as usize] = to.sp as i64;
        r[libc::REG_RBP as usize] = to.fp as i64;
    }
}

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod registers {
    use super::Resume;

    pub fn pc_and_fp(c: &libc::ucontext_t) -> (usize, usize) {
        (c.uc_mcontext.pc as usize, c.uc_mcontext.regs[29] as usize)
    }

    pub fn resume(c: &mut libc::ucontext_t, to: &Resume) {
        c.uc_mcontext.pc = to.pc as u64;
        c.uc_mcontext.sp = to.sp as u64;
        c.uc_mcontext.regs[29] = to.fp as u64;
    }
}

/// Leaves all frames between here and the frame of `to`, without running anything of theirs.
///
/// # Safety
/// The frame must be live and expect to be resumed there; the frames in between must own nothing.
pub unsafe fn resume_at(to: &Resume) -> ! {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's promise.
    unsafe {
        std::arch::asm!("mov rsp, {sp}", "mov rbp, {fp}", "jmp {pc}",
            pc = in(reg) to.pc, sp = in(reg) to.sp, fp = in(reg) to.fp, options(noreturn))
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the caller's promise.
    unsafe {
        std::arch::asm!("mov sp, {sp}", "mov x29, {fp}", "br {pc}",
            pc = in(reg) to.pc, sp = in(reg) to.sp, fp = in(reg) to.fp, options(noreturn))
    }
}

/// The same, with a word in the first register that machine code expects it in.
///
/// # Safety
/// As `resume_at`.
pub unsafe fn resume_with(to: &Resume, payload: usize) -> ! {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's promise.
    unsafe {
        std::arch::asm!("mov rsp, {sp}", "mov rbp, {fp}", "jmp {pc}", in("rax") payload,
            pc = in(reg) to.pc, sp = in(reg) to.sp, fp = in(reg) to.fp, options(noreturn))
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the caller's promise.
    unsafe {
        std::arch::asm!("mov sp, {sp}", "mov x29, {fp}", "br {pc}", in("x0") payload,
            pc = in(reg) to.pc, sp = in(reg) to.sp, fp = in(reg) to.fp, options(noreturn))
    }
}

/// An address near the top of the stack in use: the stack pointer of the caller, give or take a frame.
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
