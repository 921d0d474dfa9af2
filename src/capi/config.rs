//! Engine configuration.

use super::entry::entry;
use super::error::wrt_error_t;
use super::own::{delete, give, path, wrt_bool};
use crate::api::Config;
use std::ffi::c_char;

/// The settings of an engine. Used by one thread at a time.
pub struct wrt_config_t(pub(super) Config);

/// Creates a configuration with the default settings: signals on (off if the process runs under Valgrind),
/// interruption off, a WebAssembly stack of 1 MiB, and as many compile threads as processors. The caller owns it.
/// Never returns NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wrt_config_new() -> *mut wrt_config_t {
    super::entry::plain(std::ptr::null_mut(), || give(wrt_config_t(Config::new())))
}

/// Deletes a configuration. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_delete(config: *mut wrt_config_t) {
    // SAFETY: the caller gives up ownership.
    unsafe { delete(config) }
}

/// # Safety
/// `config` is NULL or a configuration that no other thread uses.
pub(super) unsafe fn change(config: *mut wrt_config_t, f: impl FnOnce(Config) -> Config) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller's promise.
        let config = unsafe { config.as_mut() }.ok_or_else(|| super::entry::null("config"))?;
        config.0 = f(config.0.clone());
        Ok(())
    })
}

/// Sets how traps are detected: by hardware faults and signal handlers (the default), or by explicit checks in the
/// code, which are slower but need no signals. Results are the same. Signals are off by default when the process runs
/// under Valgrind, which would report every such fault. Whatever is set here, they are off if the environment
/// variable `WRT_SIGNALS` is `off` or `0` when `wrt_engine_new` is called.
///
/// With signals, the first engine installs handlers of SIGSEGV, SIGBUS, SIGILL and SIGFPE. A signal that is not a
/// trap goes to the handler that was installed before, or has its default action. If other handlers are installed
/// later, the library puts its own back (see `wrt_signals_install`). A thread that blocks one of these signals cannot
/// run WebAssembly: the call fails with `invalid argument` and names the signal. This is checked only when the store
/// was last entered by another thread. If a thread blocks a signal between two calls, or in a callback, the library
/// does not notice, and the next trap ends the process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_signals(config: *mut wrt_config_t, on: wrt_bool) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.signals(on.get())) }
}

/// Sets whether stores can be interrupted and have deadlines. Off by default; it costs nothing while it is off.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_interruption(config: *mut wrt_config_t, on: wrt_bool) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.interruption(on.get())) }
}

/// Sets whether relaxed vector instructions return the same results on every processor: those of the specification's
/// deterministic profile. Off by default: they then do what is fastest on this processor. The bits of NaN results can
/// differ in both modes, as they do for other instructions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_relaxed_simd_deterministic(
    config: *mut wrt_config_t,
    on: wrt_bool,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.relaxed_simd_deterministic(on.get())) }
}

/// Sets how many bytes of stack WebAssembly may use below the frame that enters it: 1 MiB by default, at least 16 KiB
/// (checked by `wrt_engine_new`). It may use less on a small stack, because a quarter of every stack, but at least
/// 32 KiB and at most 256 KiB, is reserved for host functions, the runtime and signal handlers. For example, the
/// host's frames and WebAssembly together have 768 KiB on a thread with a stack of 1 MiB, 96 KiB on one with 128 KiB,
/// and 32 KiB on one with 64 KiB. Beyond that WebAssembly traps: "call stack exhausted". A host function may be
/// called when only the reserve is left. For stacks that the host has allocated itself, see `wrt_store_set_stack`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_max_wasm_stack(config: *mut wrt_config_t, bytes: usize) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.max_wasm_stack(bytes)) }
}

/// Sets whether modules are compiled lazily. Off by default; supported on x86-64 only, and ignored elsewhere.
/// `wrt_module_new` then returns as soon as the module has been validated. Each function is compiled when it is first
/// called, and background threads compile the rest. The number of these threads is one less than
/// `wrt_config_set_threads` says, but at least one; all modules of the engine share them. Results are the same, and
/// so is the final code.
///
/// A function that is called before its optimized code is ready runs as baseline code, which needs more stack.
/// WebAssembly may therefore use up to 16 times the stack that `wrt_config_set_max_wasm_stack` says, if the thread's
/// stack is large enough. If a function cannot be compiled, its first call fails. `wrt_module_save` waits until the
/// whole module is compiled. Deleting a module does not wait: a thread that is compiling one of its functions
/// finishes that function first, and then the module's memory is released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_lazy(config: *mut wrt_config_t, on: wrt_bool) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.lazy(on.get())) }
}

/// Sets whether background threads compile the rest of lazy modules (`wrt_config_set_lazy`). On by default. Without
/// them, a function is compiled quickly by the baseline compiler at its first call, and never again. That suits
/// programs that run only briefly, and hosts that do not want threads. The code then takes 1.2 to 2.8 times as long
/// to run. `wrt_module_save` still compiles the whole module, on the calling thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_background(config: *mut wrt_config_t, on: wrt_bool) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.background(on.get())) }
}

/// Sets a directory in which compiled modules are cached, for this process and others, and how many bytes they may
/// take together. Beyond `max_bytes`, the least recently used modules are removed. `directory` is a path of `len`
/// bytes, which is copied; NULL and 0 mean no cache (the default). `wrt_engine_new` creates the directory, for this
/// user only, if it does not exist. Any number of processes can use it at the same time. A module that is damaged, or
/// comes from another version, is compiled again. The cached code will run: only trusted users may have write access
/// to the directory. With `wrt_config_set_lazy`, a module is cached when all of it is compiled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_cache(
    config: *mut wrt_config_t,
    directory: *const c_char,
    len: usize,
    max_bytes: u64,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a configuration that no other thread uses, and NULL or a path of this length.
        unsafe {
            let config = config.as_mut().ok_or_else(|| super::entry::null("config"))?;
            let directory =
                if directory.is_null() && len == 0 { None } else { Some(path(directory, len, "directory")?) };
            config.0 = config.0.clone().cache(directory, max_bytes);
        }
        Ok(())
    })
}

/// Sets the maximum number of threads that compile: at least 1 (checked by `wrt_engine_new`), and as many as
/// processors by default.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_threads(config: *mut wrt_config_t, threads: usize) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.threads(threads)) }
}

/// Sets how much work the optimizing compiler may spend on one function: 7 000 000 000 by default, in units of about
/// a nanosecond. A function that needs more is compiled by the baseline compiler, in lazy and other engines alike:
/// its results are the same, but its code takes 1.2 to 2.8 times as long to run and needs more stack. 0 optimizes
/// nothing; `UINT64_MAX` optimizes everything, however long it takes.
///
/// The work is estimated from counts (instructions, blocks, values that are live at the same time, values that
/// branches pass, nested loops) and never from time, so the same module and settings always produce the same code.
/// Work that grows faster than a function's size may use only a share of the budget, in proportion to that size: the
/// whole budget from 140 000 bytes on. Modules that were saved with another budget are rejected (`unsupported`). On
/// processors without a baseline compiler (all but x86-64), a function that exceeds the budget is an error of kind
/// `limit`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_optimization_budget(config: *mut wrt_config_t, work: u64) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.optimization_budget(work)) }
}

/// Sets the maximum size of a module's machine code in bytes. The default is 64 MiB plus 64 bytes for each byte of
/// the module's functions; the upper limit is 2 GiB. A module that needs more is an error of kind `limit`: of
/// `wrt_module_new`, or of a function's first call if it is compiled lazily.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_max_code_size(config: *mut wrt_config_t, bytes: u64) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.max_code_size(bytes)) }
}

/// Sets the maximum size of a 64-bit memory in bytes, whatever its type allows: 16 GiB by default, at most 32 TiB
/// (checked by `wrt_engine_new`). This much address space is reserved for each 64-bit memory whose type does not have
/// a smaller maximum; with signals, it is rounded up to a power of two of at least 4 GiB. Physical memory is used
/// only for what is accessed. A module whose memory starts with more cannot be instantiated (`limit`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_max_memory64(config: *mut wrt_config_t, bytes: u64) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.max_memory64(bytes)) }
}

/// Sets how much address space is reserved for each memory, in bytes. The default, `UINT64_MAX`, reserves all that
/// the memory may ever need: a little more than 4 GiB for most. A smaller value is for processes with little address
/// space (`ulimit -v`, small machines) and for very many memories.
///
/// With a smaller value, a memory starts with this much address space, or with its initial size if that is larger.
/// When it grows beyond that, it may have to move, and an address that `wrt_memory_data` returned before is stale.
/// Machine code loads the memory's address before each access and checks the access, with signals and without, so it
/// is slower. A saved module can only be loaded by an engine that agrees with the saving one on whether memories may
/// move: both have set less than `UINT64_MAX`, or neither has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_memory_reservation(config: *mut wrt_config_t, bytes: u64) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.memory_reservation(bytes)) }
}

/// Sets the maximum number of bytes that the objects of a store may use. An allocation beyond it traps with
/// `WRT_TRAP_HEAP_EXHAUSTED`. By default only the address space limits them (`wrt_config_set_heap_reservation`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_heap_limit(config: *mut wrt_config_t, bytes: usize) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.heap_limit(bytes)) }
}

/// Sets how much address space is reserved for the objects of each store that has a heap, in bytes. The default,
/// 4 GiB, is the maximum. The minimum is 1 MiB or 16 times the initial size of the nursery, whichever is larger
/// (checked by `wrt_engine_new`). The nursery and the heap's own tables take another 160 MiB of address space,
/// whatever is set here. Physical memory is used only for what is accessed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_heap_reservation(config: *mut wrt_config_t, bytes: usize) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.heap_reservation(bytes)) }
}

/// Sets the initial and the maximum size in bytes of the nursery, where objects are allocated. The defaults are
/// 64 KiB and 32 MiB, and `max` cannot be more than 32 MiB (checked by `wrt_engine_new`). The nursery grows when that
/// saves work.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_nursery_size(
    config: *mut wrt_config_t,
    min: usize,
    max: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.nursery_size(min, max)) }
}

/// Sets when the old objects are collected: after they have grown by `percent` percent of what was alive after the
/// last such collection (100 by default), and by at least `min_bytes` bytes (8 MiB by default).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_heap_growth(
    config: *mut wrt_config_t,
    percent: usize,
    min_bytes: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.heap_growth(percent, min_bytes)) }
}

/// Sets whether the library records where the host creates each reference, for `wrt_store_write_reference_report`.
/// References that are still unreleased when a store is deleted are then reported on standard error. This is slow and
/// meant for finding leaks. Off by default.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_debug_references(config: *mut wrt_config_t, on: wrt_bool) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.debug_references(on.get())) }
}

/// Sets a stress mode for tests of hosts: every `n`-th allocation runs a full collection, moves all live objects, and
/// overwrites the freed memory, so that references that were kept wrongly are found. 0, the default, is off.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_gc_zeal(config: *mut wrt_config_t, n: u32) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.gc_zeal(n)) }
}
