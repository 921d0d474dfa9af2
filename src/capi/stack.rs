//! Stacks that the host has allocated itself: coroutines, fibers, `makecontext`.

use super::entry::{on_store, running};
use super::error::wrt_error_t;
use super::func::{call, call_raw, no_results, wrt_raw_t};
use super::store::wrt_store_t;
use super::val::{wrt_func_t, wrt_val_t};
use std::ffi::c_void;

/// Describes a stack that the host has allocated itself (a coroutine, a fiber, `makecontext`) and will call this
/// store on: `size` bytes, at least 48 KiB, starting at `low`, its lowest address. This holds for all calls that
/// begin afterwards, until the description is replaced; NULL and 0 remove it. Calls on other stacks are not affected.
/// How deep WebAssembly can recurse:
///
/// * On the stack of a thread: as described at `wrt_config_set_max_wasm_stack`. The host need not do anything.
/// * On the described stack: the same.
/// * On any other stack: 64 KiB, or less if the readable memory ends before. The library looks this up on every
///   outermost call, which takes some microseconds. If other data is in the memory below the stack, without a guard
///   page between them, the host must describe the stack: otherwise WebAssembly may overwrite that data.
///
/// Calls of one store can nest on different stacks, including those of different threads that wait for each other;
/// each call has the limit of its own stack. Fails with `invalid argument` for a stack that is too small or wraps
/// around. Legal in callbacks, but not in limiters and finalizers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_set_stack(
    store: *mut wrt_store_t,
    low: *const c_void,
    size: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused. The address is a number here.
    unsafe { on_store(store, |s| s.set_stack(low as usize, size)) }
}

/// As `wrt_func_call`, on a stack that the host has allocated itself: `stack_size` bytes from `stack_low`, as in
/// `wrt_store_set_stack`. This is for hosts that have many stacks. The description also holds for calls that
/// callbacks make in the meantime. Fails with `invalid argument` if the caller is not on that stack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_func_call_on_stack(
    store: *mut wrt_store_t,
    func: *const wrt_func_t,
    args: *const wrt_val_t,
    arg_count: usize,
    results: *mut wrt_val_t,
    result_count: usize,
    stack_low: *const c_void,
    stack_size: usize,
) -> *mut wrt_error_t {
    // SAFETY: as `wrt_func_call`.
    unsafe {
        let error = running(store, |s| {
            s.on_stack(stack_low as usize, stack_size, |s| call(s, func, args, arg_count, results, result_count))
        });
        no_results(error, results, result_count)
    }
}

/// As `wrt_func_call_raw`, on a stack that the host has allocated itself: see `wrt_func_call_on_stack`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_func_call_raw_on_stack(
    store: *mut wrt_store_t,
    func: *const wrt_func_t,
    slots: *mut wrt_raw_t,
    slot_count: usize,
    stack_low: *const c_void,
    stack_size: usize,
) -> *mut wrt_error_t {
    // SAFETY: as `wrt_func_call_raw`.
    unsafe { running(store, |s| s.on_stack(stack_low as usize, stack_size, |s| call_raw(s, func, slots, slot_count))) }
}
