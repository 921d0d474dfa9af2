//! Engine configuration.

use super::entry::entry;
use super::error::wrt_error_t;
use super::own::{delete, give, path, wrt_bool};
use crate::api::Config;
use std::ffi::c_char;

/// How an engine is made. Used by one thread at a time.
pub struct wrt_config_t(pub(super) Config);

/// A configuration with the defaults: signals on (off when the process runs on Valgrind), interruption off, a WebAssembly stack of 1 MiB, as many compile threads
/// as processors. Owned by the caller. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wrt_config_new() -> *mut wrt_config_t {
    super::entry::plain(std::ptr::null_mut(), || give(wrt_config_t(Config::new())))
}

/// Deletes a configuration. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_delete(config: *mut wrt_config_t) {
    // SAFETY: the caller gives it up.
    unsafe { delete(config) }
}

/// # Safety
/// `config` is NULL or a configuration nobody else uses.
pub(super) unsafe fn change(config: *mut wrt_config_t, f: impl FnOnce(Config) -> Config) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller's promise.
        let config = unsafe { config.as_mut() }.ok_or_else(|| super::entry::null("config"))?;
        config.0 = f(config.0.clone());
        Ok(())
    })
}

/// Whether traps are found by hardware faults and signal handlers (the default), or by explicit checks in the code, which
/// is slower and needs no signals. Results are the same. Valgrind would report every such fault, so signals are off by default when the
/// process runs on it.
/// The environment variable `WRT_SIGNALS` turns them off, whatever is set here, if it is `off` or `0` when `wrt_engine_new` is
/// called.
///
/// With signals, handlers of SIGSEGV, SIGBUS, SIGILL and SIGFPE are installed by the first engine. What is no trap goes to the handlers that
/// were there, or to the default action. When handlers are installed later, ours are put back (see `wrt_signals_install`). A
/// thread that blocks one of these signals can not run WebAssembly: the call fails with `invalid argument` and names the signal. This is looked
/// at when the store was entered by another thread last, so a thread that blocks them between two calls, or in a callback, is not
/// noticed, and the next trap ends the process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_signals(config: *mut wrt_config_t, on: wrt_bool) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.signals(on.get())) }
}

/// Whether stores can be interrupted and have deadlines. Off by default; costs nothing then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_interruption(config: *mut wrt_config_t, on: wrt_bool) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.interruption(on.get())) }
}

/// Whether relaxed vector instructions give the same results on every processor: those of the specification's deterministic profile.
/// Off by default: they do what is fastest on this one. Results that are not numbers may differ in their bits, as those of other
/// instructions do.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_relaxed_simd_deterministic(
    config: *mut wrt_config_t,
    on: wrt_bool,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.relaxed_simd_deterministic(on.get())) }
}

/// Stack in bytes that WebAssembly may use below the frame that enters it, 1 MiB unless set. At least 16 KiB; checked by `wrt_engine_new`.
/// Where the stack has less, WebAssembly may use less: a quarter of every stack, but 32 KiB at least and 256 KiB at most, is left to host
/// functions, the runtime and signal handlers. So a thread with a stack of 1 MiB has 768 KiB for the host's frames and WebAssembly together, one
/// with 128 KiB has 96 KiB, and one with 64 KiB has 32 KiB. Beyond that it traps: "call stack exhausted". A host function may be called when no more than the
/// reserve is left. On stacks that the host has made itself: see `wrt_store_set_stack`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_max_wasm_stack(config: *mut wrt_config_t, bytes: usize) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.max_wasm_stack(bytes)) }
}

/// Whether `wrt_module_new` is done when the module is valid (off by default): functions are compiled when they are first
/// called, and the rest meanwhile by threads in the background, one less than `wrt_config_set_threads` says but at least
/// one. Results are the same, and so is the code in the end. Code that was made at once for a first call takes more stack: WebAssembly may use up to 16
/// times of what `wrt_config_set_max_wasm_stack` says then, as far as the stack has it. A function that can not be compiled is an error of its first
/// call. `wrt_module_save` waits until all is compiled. Deleting waits for nothing: a thread that is compiling a function of a deleted
/// module goes on to its end, and the module's memory goes then. Threads are the engine's, for all of its modules together.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_lazy(config: *mut wrt_config_t, on: wrt_bool) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.lazy(on.get())) }
}

/// Whether lazy modules (`wrt_config_set_lazy`) have threads in the background (on by default). Without them a function is compiled at
/// its first call, in little time, and never again: for programs that run shortly, and for hosts that want no threads. Its
/// code takes 1.2 to 2.8 times as long then. `wrt_module_save` still compiles all, on the calling thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_background(config: *mut wrt_config_t, on: wrt_bool) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.background(on.get())) }
}

/// A directory, as a path of `len` bytes, in which compiled modules are kept for this process and others, and how many bytes all of
/// them may take; beyond, those that were not used for the longest time are removed. NULL and 0, as at first: none. The path is
/// copied; the directory is made by `wrt_engine_new`, for this user only, if it is not there. Any number of processes may use it at the
/// same time. What is damaged or of another version is compiled anew. What is in it will run: only who is trusted may
/// write there. With `wrt_config_set_lazy` a module is kept when all of it is compiled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_cache(
    config: *mut wrt_config_t,
    directory: *const c_char,
    len: usize,
    max_bytes: u64,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a configuration nobody else uses, and NULL or a path of this length.
        unsafe {
            let config = config.as_mut().ok_or_else(|| super::entry::null("config"))?;
            let directory =
                if directory.is_null() && len == 0 { None } else { Some(path(directory, len, "directory")?) };
            config.0 = config.0.clone().cache(directory, max_bytes);
        }
        Ok(())
    })
}

/// Threads that compile, at most; at least 1. Checked by `wrt_engine_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_threads(config: *mut wrt_config_t, threads: usize) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.threads(threads)) }
}

/// How much work the optimizing compiler may have with one function: 7 000 000 000 unless set, in units that stand for about a
/// nanosecond. A function that would be more is compiled by the baseline compiler, whether the engine is lazy or not: its results are
/// the same, its code takes 1.2 to 2.8 times as long and more stack. The work is estimated from counts (instructions, blocks, values
/// that are alive at the same time, what branches pass, loops around each other), never from time, so the same module and settings have
/// the same code. Work that grows faster than a function is limited to a share of the budget by its size: all of it from 140 000 bytes on. 0 optimizes nothing, `UINT64_MAX` everything, however long it takes. Modules saved with another budget are refused.
/// On processors without a baseline compiler (all but x86-64) such a function is an error of kind `limit`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_optimization_budget(config: *mut wrt_config_t, work: u64) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.optimization_budget(work)) }
}

/// Most bytes of a module's machine code: unless set, 64 MiB and 64 for each byte of its functions; 2 GiB is the most. A module
/// that has more is an error of kind `limit`: of `wrt_module_new`, or of a function's first call where it is compiled lazily.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_max_code_size(config: *mut wrt_config_t, bytes: u64) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.max_code_size(bytes)) }
}

/// Most bytes that a 64-bit memory may have, whatever its type allows: 16 GiB unless set, 32 TiB at most, checked by
/// `wrt_engine_new`. So much address space is set aside for each one whose type does not allow less (with signals a power of two, 4 GiB
/// at least); memory is taken only for what is used. A module whose memory begins with more is not instantiated (`limit`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_max_memory64(config: *mut wrt_config_t, bytes: u64) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.max_memory64(bytes)) }
}

/// Address space that is set aside for each memory, in bytes: `UINT64_MAX` unless set, which means all that the memory may ever need, a
/// little more than 4 GiB for most. Less is for processes with little address space (`ulimit -v`, small machines) and for very many
/// memories: a memory begins with so much, or with its size if that is more, and moves if it has to when it grows beyond; what
/// `wrt_memory_data` said before is stale then. Machine code reads a memory's address before each access and checks the access, with
/// signals and without, so it is slower. A saved module is for engines that agree on whether memories may move: either all of them
/// have set this to less than `UINT64_MAX`, or none has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_memory_reservation(config: *mut wrt_config_t, bytes: u64) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.memory_reservation(bytes)) }
}

/// Most bytes that the objects of a store may take. Beyond, allocation traps with `WRT_TRAP_HEAP_EXHAUSTED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_heap_limit(config: *mut wrt_config_t, bytes: usize) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.heap_limit(bytes)) }
}

/// Address space that is set aside for the objects of each store that has a heap, in bytes: 4 GiB unless set, which is the most. The
/// least is 1 MiB and 16 times what the nursery begins with. The nursery and the heap's own tables take 160 MiB more, whatever this
/// says. Memory is taken only for what is used. Checked by `wrt_engine_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_heap_reservation(config: *mut wrt_config_t, bytes: usize) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.heap_reservation(bytes)) }
}

/// Bytes of the nursery, where objects are made: to begin with (64 KiB unless set), and at most (32 MiB unless set, which
/// is the most). It grows when that saves work. Checked by `wrt_engine_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_nursery_size(
    config: *mut wrt_config_t,
    min: usize,
    max: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.nursery_size(min, max)) }
}

/// When the old objects are collected: after they have grown by `percent` of what was alive (100 unless set), and by
/// `min_bytes` at least (8 MiB unless set).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_heap_growth(
    config: *mut wrt_config_t,
    percent: usize,
    min_bytes: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.heap_growth(percent, min_bytes)) }
}

/// Whether it is noted where each reference of the host is made, for `wrt_store_write_reference_report`; and when a store is
/// deleted, references that nobody has released are reported on standard error. Slow: for finding leaks. Off by default.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_debug_references(config: *mut wrt_config_t, on: wrt_bool) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.debug_references(on.get())) }
}

/// For tests of hosts: every `n`-th allocation collects everything, moves all that lives, and overwrites the rest, so that
/// a reference that was kept wrongly is found. 0, as at first, is off.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_gc_zeal(config: *mut wrt_config_t, n: u32) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.gc_zeal(n)) }
}
