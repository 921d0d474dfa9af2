//! The heap of a store.

use super::entry::{on_store, running};
use super::error::wrt_error_t;
use super::own::output;
use super::store::wrt_store_t;
use crate::err;

/// Collects all objects that nothing refers to any more, and runs the finalizers of those of the host.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_gc(store: *mut wrt_store_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { running(store, |s| s.gc()) }
}

/// What a store's heap has done and holds.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_heap_stats_t {
    /// Bytes of this struct as the caller knows it: `sizeof(wrt_heap_stats_t)`, to be set before it is filled in.
    pub size: usize,
    pub minor_collections: u64,
    pub full_collections: u64,
    /// Bytes that survived a minor collection, all in all.
    pub promoted_bytes: u64,
    pub last_minor_nanoseconds: u64,
    pub longest_minor_nanoseconds: u64,
    pub last_full_nanoseconds: u64,
    pub longest_full_nanoseconds: u64,
    /// Bytes that were alive after the last full collection.
    pub live_bytes: u64,
    /// Bytes that objects, dead ones included, and the gaps between them take now.
    pub used_bytes: u64,
    /// References of the host.
    pub references: u64,
    /// Objects of the host that have not died.
    pub host_objects: u64,
    /// What objects of the host have declared as theirs outside of the heap.
    pub external_bytes: u64,
}

/// Fills in what the store's heap has done and holds. `stats->size` must be set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_heap_stats(
    store: *mut wrt_store_t,
    out_stats: *mut wrt_heap_stats_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a struct whose size it has set, or NULLs, which are refused.
    unsafe {
        on_store(store, |s| {
            let size = super::own::borrow(out_stats, "out_stats")?.size;
            if size != size_of::<wrt_heap_stats_t>() {
                return Err(err!(InvalidArgument, "stats.size is {size}, not sizeof(wrt_heap_stats_t)"));
            }
            let h = s.heap_statistics();
            let all = wrt_heap_stats_t {
                size,
                minor_collections: h.minor_collections,
                full_collections: h.full_collections,
                promoted_bytes: h.promoted,
                last_minor_nanoseconds: h.last_minor.as_nanos() as u64,
                longest_minor_nanoseconds: h.longest_minor.as_nanos() as u64,
                last_full_nanoseconds: h.last_full.as_nanos() as u64,
                longest_full_nanoseconds: h.longest_full.as_nanos() as u64,
                live_bytes: h.live as u64,
                used_bytes: h.used as u64,
                references: h.roots as u64,
                host_objects: h.host_objects as u64,
                external_bytes: h.external as u64,
            };
            output(out_stats, all, "out_stats").map(drop)
        })
    }
}
