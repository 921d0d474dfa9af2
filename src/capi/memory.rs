//! Memories.

use super::entry::{on_store, plain, running};
use super::error::wrt_error_t;
use super::own::{borrow, options_of, output, output_bytes, slice};
use super::store::wrt_store_t;
use super::types::wrt_size_limits_t;
use super::val::{release, wrt_memory_t};
use crate::api::{IndexType, Memory, MemoryType, PageSize, Result};
use crate::err;
use std::ffi::c_void;

/// Creates a memory with 32-bit indexes. `limits` are in pages of 64 KiB, and are borrowed. Fails with `limit` or
/// `out of memory`, and with `invalid argument` if the maximum is below the minimum.
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

/// The type of a memory to be created. Later versions may add fields at the end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_memory_options_t {
    /// Size of this struct as the caller knows it: `sizeof(wrt_memory_options_t)`. `wrt_memory_options_init` sets it.
    pub size: usize,
    /// In pages.
    pub limits: wrt_size_limits_t,
    /// Bytes in a page: 65536 or 1.
    pub page_size: u64,
    /// Whether indexes have 64 bits instead of 32; 0 or 1.
    pub is_64: u64,
}

/// Fills in options for an empty memory with 32-bit indexes and pages of 64 KiB, which can grow as far as these
/// indexes reach. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_memory_options_init(out_options: *mut wrt_memory_options_t) {
    let limits = wrt_size_limits_t { min: 0, max: 0, has_max: 0 };
    let page_size = PageSize::Wasm.bytes();
    let all = wrt_memory_options_t { size: size_of::<wrt_memory_options_t>(), limits, page_size, is_64: 0 };
    // SAFETY: the caller passes NULL or a place for the options.
    plain((), || drop(unsafe { output(out_options, all, "out_options") }));
}

impl wrt_memory_options_t {
    fn get(&self) -> Result<MemoryType> {
        let page = match self.page_size {
            1 => PageSize::One,
            n if n == PageSize::Wasm.bytes() => PageSize::Wasm,
            n => return Err(err!(InvalidArgument, "a page has 65536 bytes or one, not {n}")),
        };
        let index = if self.is_64 != 0 { IndexType::I64 } else { IndexType::I32 };
        Ok(MemoryType { limits: self.limits.get(), index, page })
    }
}

/// As `wrt_memory_new`, for a memory of any type. The options are borrowed. Fails with `limit` if a 64-bit memory is
/// to start with more bytes than `wrt_config_set_max_memory64` allows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_memory_new_with(
    store: *mut wrt_store_t,
    options: *const wrt_memory_options_t,
    out_memory: *mut wrt_memory_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, options and a place for the memory, or NULLs, which are refused.
    unsafe {
        let out = output(out_memory, wrt_memory_t::EMPTY, "out_memory");
        running(store, |s| {
            let (out, options) = (out?, options_of(options, |o| o.size, "wrt_memory_options_init")?);
            *out = Memory::new(s, options.get()?)?.into();
            Ok(())
        })
    }
}

/// Writes whether the memory's indexes have 64 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_memory_is_64(
    store: *mut wrt_store_t,
    memory: *const wrt_memory_t,
    out_is_64: *mut bool,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a memory and a place for the answer, or NULLs, which are refused.
    unsafe {
        let out = output(out_is_64, false, "out_is_64");
        on_store(store, |s| {
            let (out, memory) = (out?, Memory::from(*borrow(memory, "memory")?));
            *out = memory.declared_type(s)?.index.is_64();
            Ok(())
        })
    }
}

/// Writes how many bytes a page of the memory has: 65536 or 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_memory_page_size(
    store: *mut wrt_store_t,
    memory: *const wrt_memory_t,
    out_bytes: *mut u64,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a memory and a place for the answer, or NULLs, which are refused.
    unsafe {
        let out = output(out_bytes, 0, "out_bytes");
        on_store(store, |s| {
            let (out, memory) = (out?, Memory::from(*borrow(memory, "memory")?));
            *out = memory.declared_type(s)?.page.bytes();
            Ok(())
        })
    }
}

/// Writes the memory's current limits in pages: the minimum is the current size.
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

/// Writes the memory's address, and its size in bytes. Either output may be NULL. The size can grow whenever
/// WebAssembly or `wrt_memory_grow` runs. The address stays the same for the memory's life, unless memories can move
/// (`wrt_config_set_memory_reservation`): then it can change whenever the size does. Once the memory is gone (with
/// its store, or freed after a release), do not use the address any more: it may be another memory's.
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

/// Writes the memory's size in pages (`wrt_memory_page_size`).
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

/// Grows the memory by `delta` pages, and writes its previous size in pages to `*out_old_pages` (may be NULL). Fails
/// with `limit` if it cannot grow, and then changes nothing.
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

/// Copies `len` bytes from `offset` of the memory to `out`. Fails with a trap of code
/// `WRT_TRAP_MEMORY_OUT_OF_BOUNDS`, or with `interrupted`; all bytes of `out` are 0 on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_memory_read(
    store: *mut wrt_store_t,
    memory: *const wrt_memory_t,
    offset: u64,
    out: *mut c_void,
    len: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a memory and space for `len` bytes, or NULLs, which are refused.
    unsafe {
        output_bytes(out, len, "out", |out| {
            running(store, |s| Memory::from(*borrow(memory, "memory")?).read(s, offset, out?))
        })
    }
}

/// Copies `len` bytes to `offset` of the memory. Fails with a trap of code `WRT_TRAP_MEMORY_OUT_OF_BOUNDS`, and then
/// writes nothing; or with `interrupted`, and then may have written some of the bytes.
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

/// Gives up the host's hold on a memory that `wrt_memory_new` created. The memory lives as long as something refers
/// to it, and a full collection after that frees it; its handles are then stale. The slot becomes empty. Fails with
/// `invalid argument` for a memory of an instance, which lives as long as the instance, and with `stale handle` if
/// the memory was already released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_memory_release(
    store: *mut wrt_store_t,
    take_memory: *mut wrt_memory_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a handle that can be written, or NULLs, which are refused.
    unsafe { on_store(store, |s| release(take_memory, s, wrt_memory_t::EMPTY, |s, h| Memory::from(h).release(s))) }
}
