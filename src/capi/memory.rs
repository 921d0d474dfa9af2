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

/// Makes a memory with 32-bit indexes; limits are in pages of 64 KiB. Fails with `limit` or `out of memory`.
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

/// What a memory is to be. More may come at the end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_memory_options_t {
    /// Bytes of this struct as the caller knows it: `sizeof(wrt_memory_options_t)`. `wrt_memory_options_init` sets it.
    pub size: usize,
    /// In pages.
    pub limits: wrt_size_limits_t,
    /// Bytes of a page: 65536 or 1.
    pub page_size: u64,
    /// Whether its indexes have 64 bits instead of 32.
    pub is_64: u64,
}

/// Fills in options of an empty memory with 32-bit indexes that may grow, by pages of 64 KiB, as far as they reach. NULL does nothing.
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

/// As `wrt_memory_new`, of any type of memories. The options are borrowed. A 64-bit memory has no more bytes than
/// `wrt_config_set_max_memory64` says: a larger minimum fails with `limit`.
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

/// Whether the memory's indexes have 64 bits.
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

/// Bytes of one of the memory's pages: 65536, or 1.
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

/// The memory's limits as of now, in pages: the minimum is the present size.
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

/// Where the memory is and how many bytes it has. Either place may be NULL. The size may grow whenever WebAssembly or
/// `wrt_memory_grow` runs. The address stays for the memory's life, unless memories may move
/// (`wrt_config_set_memory_reservation`): then it may change whenever the size does. Once the memory is gone (with its store, or
/// freed after a release) the address may be another memory's: a host that keeps it would write there.
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

/// The size in pages (`wrt_memory_page_size`).
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

/// Grows the memory by `delta` pages. Fails with `limit` when it can not; then nothing has changed.
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

/// Copies `len` bytes from `offset` of the memory to `out`. Fails with a trap of code `WRT_TRAP_MEMORY_OUT_OF_BOUNDS`; all
/// bytes are 0 then.
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
        output_bytes(out, len, "out", |out| {
            running(store, |s| Memory::from(*borrow(memory, "memory")?).read(s, offset, out?))
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
