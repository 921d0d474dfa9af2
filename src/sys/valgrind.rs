//! Requests to Valgrind that suppress reports about the library in a host's program. Outside of Valgrind, a request is five instructions
//! without effect.

/// `VG_USERREQ__RUNNING_ON_VALGRIND` and `VG_USERREQ__CHANGE_ERR_DISABLEMENT` of `valgrind.h`.
const RUNNING_ON_VALGRIND: usize = 0x1001;
const CHANGE_ERROR_DISABLEMENT: usize = 0x1801;

/// Whether the process runs under Valgrind.
pub fn is_running() -> bool {
    request(RUNNING_ON_VALGRIND, 0) != 0
}

/// Runs `f` without reports from Valgrind. Only for code that intentionally depends on undefined values and explains why that is correct.
pub fn unreported<R>(f: impl FnOnce() -> R) -> R {
    struct Report;
    impl Drop for Report {
        fn drop(&mut self) {
            request(CHANGE_ERROR_DISABLEMENT, usize::MAX);
        }
    }
    request(CHANGE_ERROR_DISABLEMENT, 1);
    let _report = Report;
    f()
}

/// A client request: rotations that cancel each other, and an exchange of a register with itself.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn request(code: usize, argument: usize) -> usize {
    let words = [code, argument, 0, 0, 0, 0];
    let mut result = 0usize;
    // SAFETY: changes only the result's register, which Valgrind writes. Valgrind reads the words.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            in("rax") words.as_ptr(), inout("rdx") result, options(nostack)
        )
    };
    result
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn request(_code: usize, _argument: usize) -> usize {
    0
}
