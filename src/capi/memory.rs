//! Memories.

use super::entry::{on_store, running};
use super::error::wrt_error_t;
use super::own::{borrow, output, slice};
use super::store::wrt_store_t;
use super::types::wrt_size_limits_t;
use super::val::{release, wrt_memory_t};
use crate::api::{Memory, MemoryType};
use std::ffi::c_void;

/// Makes a memory; limits are in pages of 64 KiB. Fails with `limit` or `out of memory`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_memory_new(
    store: *mut wrt_store_t,
    limits: *const wrt_size_limits_t,
    out_memory: *mut wrt_memory_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, limits and a place for the memory, or NULLs, which are refused.
    unsafe {
        let out = output(out_memory, wrt_memory_t::EMPTY, "out_memory");
        running(store, |s| {
            let (out, limits) = (out?, borrow(limits, "limits")?.get());
            *out = Memory::new(s, MemoryType::new(limits))?.into();
            Ok(())
        })
    }
}

/// The memory's limits as of now, in pages of 64 KiB: the minimum is the present size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_memory_type(
    store: *mut wrt_store_t,
    memory: *const wrt_memory_t,
    out_limits: *mut wrt_size_limits_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a memory and a place for the limits, or NULLs, which are refused.
    unsafe {
        let out = output(out_limits, wrt_size_limits_t { min: 0, max: 0, has_max: 0 }, "out_limits");
        on_store(store, |s| {
            let (out, memory) = (out?, Memory::from(*borrow(memory, "memory")?));
            *out = wrt_size_limits_t::new(memory.ty(s)?.limits);
            Ok(())
        })
    }
}

/// Where the memory is and how many bytes it has. The address stays for the memory's life; the size may grow whenever
/// WebAssembly or `wrt_memory_grow` runs. Either place may be NULL. Once the memory is gone (with its store, or freed after a
/// release) the address may be another memory's: a host that keeps it would write there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_memory_data(
    store: *mut wrt_store_t,
    memory: *const wrt_memory_t,
    out_data: *mut *mut u8,
    out_size: *mut usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a memory, and NULLs or places for address and size.
    unsafe {
        let (data, size) = (output(out_data, std::ptr::null_mut(), ""), output(out_size, 0, ""));
        on_store(store, |s| {
            let memory = Memory::from(*borrow(memory, "memory")?);
            let (p, n) = (memory.data_ptr(s)?, memory.data_size(s)?);
            if let Ok(data) = data {
                *data = p;
            }
            if let Ok(size) = size {
                *size = n;
            }
            Ok(())
        })
    }
}

/// The size in pages of 64 KiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_memory_size(
    store: *mut wrt_store_t,
    memory: *const wrt_memory_t,
    out_pages: *mut u64,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a memory and a place for the size, or NULLs, which are refused.
    unsafe {
        let out = output(out_pages, 0, "out_pages");
        on_store(store, |s| {
            let (out, memory) = (out?, Memory::from(*borrow(memory, "memory")?));
            *out = memory.size(s)?;
            Ok(())
        })
    }
}

/// Grows the memory by `delta` pages of 64 KiB. Fails with `limit` when it can not; then nothing has changed.
/// `out_old_pages` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_memory_grow(
    store: *mut wrt_store_t,
    memory: *const wrt_memory_t,
    delta: u64,
    out_old_pages: *mut u64,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a memory, and NULL or a place for the old size.
    unsafe {
        let out = output(out_old_pages, 0, "");
        running(store, |s| {
            let old = Memory::from(*borrow(memory, "memory")?).grow(s, delta)?;
            if let Ok(out) = out {
                *out = old;
            }
            Ok(())
        })
    }
}

/// Copies `len` bytes from `offset` of the memory to `out`. Fails with a trap of code `WRT_TRAP_MEMORY_OUT_OF_BOUNDS`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_memory_read(
    store: *mut wrt_store_t,
    memory: *const wrt_memory_t,
    offset: u64,
    out: *mut c_void,
    len: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a memory and room for `len` bytes, or NULLs, which are refused.
    unsafe {
        running(store, |s| {
            let memory = Memory::from(*borrow(memory, "memory")?);
            slice(out.cast::<u8>(), len, "out")?;
            let out = if len == 0 { &mut [] } else { std::slice::from_raw_parts_mut(out.cast(), len) };
            memory.read(s, offset, out)
        })
    }
}

/// Copies `len` bytes to `offset` of the memory. Fails with a trap of code `WRT_TRAP_MEMORY_OUT_OF_BOUNDS`; then nothing
/// was written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_memory_write(
    store: *mut wrt_store_t,
    memory: *const wrt_memory_t,
    offset: u64,
    bytes: *const c_void,
    len: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a memory and `len` bytes, or NULLs, which are refused.
    unsafe {
        running(store, |s| {
            let memory = Memory::from(*borrow(memory, "memory")?);
            memory.write(s, offset, slice(bytes.cast(), len, "bytes")?)
        })
    }
}

/// Gives up the host's hold on a memory that `wrt_memory_new` made. It lives as long as something refers to it, and is freed by a
/// full collection after that; its handles are stale then. The slot becomes empty. Fails with `invalid argument` for a memory
/// of an instance, which lives as long as that, and with `stale handle` when it was released before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_memory_release(
    store: *mut wrt_store_t,
    take_memory: *mut wrt_memory_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a handle that can be written, or NULLs, which are refused.
    unsafe { on_store(store, |s| release(take_memory, s, wrt_memory_t::EMPTY, |s, h| Memory::from(h).release(s))) }
}
