//! What an engine keeps of instances that have ended.

use super::config::{change, wrt_config_t};
use super::engine::wrt_engine_t;
use super::entry::{entry, plain};
use super::error::wrt_error_t;
use super::own::{borrow, fill_in, options_of, output, sized};
use crate::api::PoolOptions;

/// What an engine keeps of instances that have ended, with or without their stores, for the next ones: address space, which is
/// expensive to make and to give back. What is kept holds nothing of who had it. Large tables are those of functions with
/// 16384 elements and more; small ones, and contexts of instances, come from the allocator.
#[repr(C)]
pub struct wrt_pool_options_t {
    /// Bytes of this struct as the caller knows it: `sizeof(wrt_pool_options_t)`. `wrt_pool_options_init` sets it.
    pub size: usize,
    /// Memories that are kept, at most. Each keeps all the address space that it ever may need: with signals 4 GiB and a guard, or, with
    /// 64-bit indexes, as `wrt_config_set_max_memory64` says; without signals what its type allows.
    pub memories: usize,
    /// Bytes of each kept memory that stay in memory, at most: pages that were written are made as new instead of given back, which
    /// saves the next instance the page faults. Needs Linux 6.7; before, all is given back.
    pub memory_resident_bytes: usize,
    /// Memories that may be in use at a time, in all stores together; `SIZE_MAX` is no limit. One more is refused with `limit`. The
    /// number of kept ones refuses nothing: what finds none there is made anew.
    pub max_memories: usize,
    /// Large tables that are kept, at most, and bytes of each that stay in memory.
    pub tables: usize,
    pub table_resident_bytes: usize,
    /// Heaps that are kept, at most, and bytes of each one's nursery that stay in memory.
    pub heaps: usize,
    pub heap_resident_bytes: usize,
}

/// Fills in pool options for a host that makes many instances: 1000 memories with 256 KiB, 1000 large tables with 64 KiB and 1000
/// heaps with 64 KiB that stay in memory; no limit of memories in use. An engine without options keeps 100 memories with
/// 64 KiB, 100 tables with 16 KiB and 16 heaps with 64 KiB. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_pool_options_init(out_options: *mut wrt_pool_options_t) {
    let o = PoolOptions::large();
    let options = wrt_pool_options_t {
        size: size_of::<wrt_pool_options_t>(),
        memories: o.memories,
        memory_resident_bytes: o.memory_resident,
        max_memories: o.max_memories,
        tables: o.tables,
        table_resident_bytes: o.table_resident,
        heaps: o.heaps,
        heap_resident_bytes: o.heap_resident,
    };
    // SAFETY: the caller passes NULL or a place for the options.
    plain((), || drop(unsafe { output(out_options, options, "out_options") }));
}

/// What engines of this configuration keep of instances that have ended. All numbers may be 0. The options are borrowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_config_set_pool(
    config: *mut wrt_config_t,
    options: *const wrt_pool_options_t,
) -> *mut wrt_error_t {
    let mut pool = PoolOptions::default();
    let error = entry(|| {
        // SAFETY: the caller passes options or NULL, which is refused.
        let o = unsafe { options_of(options, |o| o.size, "wrt_pool_options_init")? };
        pool = PoolOptions {
            memories: o.memories,
            memory_resident: o.memory_resident_bytes,
            max_memories: o.max_memories,
            tables: o.tables,
            table_resident: o.table_resident_bytes,
            heaps: o.heaps,
            heap_resident: o.heap_resident_bytes,
        };
        Ok(())
    });
    if !error.is_null() {
        return error;
    }
    // SAFETY: the caller's promise.
    unsafe { change(config, |c| c.pool(pool)) }
}

/// What an engine's pool holds and has done. More may come at the end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_pool_stats_t {
    /// Bytes of this struct as the caller knows it: `sizeof(wrt_pool_stats_t)`, to be set before it is filled in.
    pub size: usize,
    /// Memories of stores, those of the host included.
    pub memories_in_use: u64,
    /// Memories that wait for their next use, and bytes of them that were left in memory.
    pub memories_kept: u64,
    pub memory_bytes_resident: u64,
    /// How many memories were made of a kept one, and how many anew.
    pub memories_reused: u64,
    pub memories_made: u64,
    /// The same of large tables.
    pub tables_kept: u64,
    pub table_bytes_resident: u64,
    pub tables_reused: u64,
    /// Heaps that wait, and how often one was used again.
    pub heaps_kept: u64,
    pub heaps_reused: u64,
}

/// Fills in what the engine's pool holds and has done. `stats->size` must be set. On failure everything else is 0, unless the size
/// is wrong. From any thread; while others make instances the numbers are not of one moment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_engine_pool_stats(
    engine: *const wrt_engine_t,
    out_stats: *mut wrt_pool_stats_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine and a struct whose size it has set, or NULLs, which are refused.
        unsafe {
            let size = sized(out_stats, "stats")?;
            let s = borrow(engine, "engine")?.0.pool_statistics();
            let all = wrt_pool_stats_t {
                size,
                memories_in_use: s.memories_in_use,
                memories_kept: s.memories_kept,
                memory_bytes_resident: s.memory_bytes_resident,
                memories_reused: s.memories_reused,
                memories_made: s.memories_made,
                tables_kept: s.tables_kept,
                table_bytes_resident: s.table_bytes_resident,
                tables_reused: s.tables_reused,
                heaps_kept: s.heaps_kept,
                heaps_reused: s.heaps_reused,
            };
            fill_in(out_stats, all);
        }
        Ok(())
    })
}
