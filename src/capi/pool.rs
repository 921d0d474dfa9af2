//! What an engine keeps of destroyed instances for reuse.

use super::config::{change, wrt_config_t};
use super::engine::wrt_engine_t;
use super::entry::{entry, plain};
use super::error::wrt_error_t;
use super::own::{borrow, fill_in, options_of, output, sized};
use crate::api::PoolOptions;

/// What an engine keeps of destroyed instances and stores for the next ones: address space, which is expensive to map
/// and to unmap. What it keeps holds no data of its previous owner. Large tables are function tables of at least
/// 16384 elements; smaller ones, and the contexts of instances, come from the allocator.
#[repr(C)]
pub struct wrt_pool_options_t {
    /// Size of this struct as the caller knows it: `sizeof(wrt_pool_options_t)`. `wrt_pool_options_init` sets it.
    pub size: usize,
    /// Maximum number of memories that are kept. Each keeps all the address space that it may ever need: with signals
    /// 4 GiB and a guard region, or for 64-bit indexes as `wrt_config_set_max_memory64` says; without signals what
    /// its type allows.
    pub memories: usize,
    /// Maximum number of bytes of each kept memory that stay in physical memory: pages that were written are reset
    /// instead of unmapped, which saves the next instance page faults. Needs Linux 6.7; older kernels unmap all
    /// pages.
    pub memory_resident_bytes: usize,
    /// Maximum number of memories in use at the same time, in all stores together; `SIZE_MAX` is no limit. Creating
    /// one more fails with `limit`. The number of kept memories, in contrast, is no limit: if none is left, a new one
    /// is mapped.
    pub max_memories: usize,
    /// Maximum number of large tables that are kept, and of bytes of each that stay in physical memory.
    pub tables: usize,
    pub table_resident_bytes: usize,
    /// Maximum number of heaps that are kept, and of bytes of each one's nursery that stay in physical memory.
    pub heaps: usize,
    pub heap_resident_bytes: usize,
}

/// Fills in pool options for a host that creates many instances. They keep 1000 memories with 256 KiB each in
/// physical memory, 1000 large tables with 64 KiB each, and 1000 heaps with 64 KiB each, and do not limit the
/// memories in use. An engine without options keeps 100 memories with 64 KiB, 100 tables with 16 KiB and 16 heaps
/// with 64 KiB. NULL does nothing.
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

/// Sets what engines of this configuration keep of destroyed instances. All numbers may be 0. The options are
/// borrowed.
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

/// What an engine's pool holds and has done. Later versions may add fields at the end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_pool_stats_t {
    /// Size of this struct as the caller knows it: `sizeof(wrt_pool_stats_t)`. To be set before the struct is filled
    /// in.
    pub size: usize,
    /// Memories of all stores, including those that the host created.
    pub memories_in_use: u64,
    /// Memories in the pool, and how many of their bytes are in physical memory.
    pub memories_kept: u64,
    pub memory_bytes_resident: u64,
    /// How many memories were taken from the pool, and how many were mapped.
    pub memories_reused: u64,
    pub memories_made: u64,
    /// The same for large tables.
    pub tables_kept: u64,
    pub table_bytes_resident: u64,
    pub tables_reused: u64,
    /// Heaps in the pool, and how often one was reused.
    pub heaps_kept: u64,
    pub heaps_reused: u64,
}

/// Fills in statistics of the engine's pool. `stats->size` must be set. On failure all other fields are 0, unless the
/// size is wrong: then nothing is written. Can be called from any thread. While other threads create instances, the
/// numbers may be from slightly different moments.
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
