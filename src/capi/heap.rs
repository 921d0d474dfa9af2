//! The heap of a store.

use super::entry::{on_store, running};
use super::error::wrt_error_t;
use super::own::{UserData, fill_in, sized, wrt_finalizer_t};
use super::store::wrt_store_t;
use crate::api::{GcEvent, GcHook, PAUSE_CLASSES, Result, Tally};
use crate::sys::callback;
use std::ffi::{c_char, c_void};

/// Collects all objects that nothing refers to any more, and runs the finalizers of those of the host.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_gc(store: *mut wrt_store_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { running(store, |s| s.gc()) }
}

/// What a store's heap has done and holds. More may come at the end.
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
    /// Bytes that were alive after the last full collection, in whole lines of 128 bytes.
    pub live_bytes: u64,
    /// Bytes that objects, dead ones included, and the gaps between them take now.
    pub used_bytes: u64,
    /// References of the host.
    pub references: u64,
    /// Objects of the host that have not died.
    pub host_objects: u64,
    /// What objects of the host have declared as theirs outside of the heap.
    pub external_bytes: u64,
    pub weak_references: u64,
    /// Instances that are there: not released, or not freed yet.
    pub instances: u64,
    /// What the nursery may take now, and what objects in it do.
    pub nursery_bytes: u64,
    pub nursery_used_bytes: u64,
    /// All pauses together.
    pub minor_nanoseconds: u64,
    pub full_nanoseconds: u64,
    /// How many pauses there were from 2^i nanoseconds on, below 2^(i+1); the last one has all longer ones.
    pub minor_pauses: [u64; 32],
    pub full_pauses: [u64; 32],
}
const _: () = assert!(PAUSE_CLASSES == 32);

/// Fills in what the store's heap has done and holds. `stats->size` must be set. On failure everything else is 0, unless the size
/// is wrong.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_heap_stats(
    store: *mut wrt_store_t,
    out_stats: *mut wrt_heap_stats_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a struct whose size it has set, or NULLs, which are refused.
    unsafe {
        let size = sized(out_stats, "stats");
        on_store(store, |s| {
            let (h, pauses) = (s.heap_statistics(), s.heap_pauses());
            let all = wrt_heap_stats_t {
                size: size?,
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
                weak_references: h.weak_references as u64,
                instances: s.instance_count() as u64,
                nursery_bytes: h.nursery_size as u64,
                nursery_used_bytes: h.nursery_used as u64,
                minor_nanoseconds: pauses.minor.total.as_nanos() as u64,
                full_nanoseconds: pauses.full.total.as_nanos() as u64,
                minor_pauses: pauses.minor.by_log2,
                full_pauses: pauses.full.by_log2,
            };
            fill_in(out_stats, all);
            Ok(())
        })
    }
}

/// Objects, and their bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_tally_t {
    pub objects: u64,
    pub bytes: u64,
}

impl wrt_tally_t {
    fn new(t: Tally) -> wrt_tally_t {
        wrt_tally_t { objects: t.objects, bytes: t.bytes }
    }
}

/// What is in a store's heap, and what refers into it, counted one by one. Objects that have died and were not collected yet
/// count as well. More may come at the end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_heap_census_t {
    /// Bytes of this struct as the caller knows it: `sizeof(wrt_heap_census_t)`, to be set before it is filled in.
    pub size: usize,
    /// In the nursery.
    pub young: wrt_tally_t,
    /// Survivors of a collection.
    pub old: wrt_tally_t,
    /// Objects of more than 8 KiB, which are old from the start.
    pub large: wrt_tally_t,
    /// What refers into the heap: references of the host and of errors, elements of tables and of segments, globals, places in
    /// frames, and instances to their tags. Null and i31s are not counted.
    pub references: u64,
    pub table_elements: u64,
    pub globals: u64,
    pub segment_elements: u64,
    pub frame_slots: u64,
    pub tags: u64,
}

/// Counts the objects in a store's heap by age, and what refers there by kind. Walks all of them: it takes as long as a full
/// collection, and collects nothing. `census->size` must be set. On failure everything else is 0, unless the size is wrong.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_heap_census(
    store: *mut wrt_store_t,
    out_census: *mut wrt_heap_census_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a struct whose size it has set, or NULLs, which are refused.
    unsafe {
        let size = sized(out_census, "census");
        running(store, |s| {
            let size = size?;
            let c = s.heap_census()?;
            let all = wrt_heap_census_t {
                size,
                young: wrt_tally_t::new(c.young),
                old: wrt_tally_t::new(c.old),
                large: wrt_tally_t::new(c.large),
                references: c.references,
                table_elements: c.table_elements,
                globals: c.globals,
                segment_elements: c.segment_elements,
                frame_slots: c.frame_slots,
                tags: c.tags,
            };
            fill_in(out_census, all);
            Ok(())
        })
    }
}

/// Bytes of the nursery, at most, for this store's heap: from the next collection on. As `wrt_config_set_nursery_size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_set_nursery_max(store: *mut wrt_store_t, bytes: usize) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { on_store(store, |s| s.set_nursery_max(bytes)) }
}

/// When the old objects of this store are collected: from the next collection on. As `wrt_config_set_heap_growth`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_set_heap_growth(
    store: *mut wrt_store_t,
    percent: usize,
    min_bytes: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { on_store(store, |s| s.set_heap_growth(percent, min_bytes)) }
}

/// A collection that is over. More may come at the end.
#[repr(C)]
pub struct wrt_gc_event_t {
    /// Bytes of this struct as the library knows it.
    pub size: usize,
    /// Whether old objects were collected as well; 0 or 1.
    pub is_full: u64,
    pub nanoseconds: u64,
    /// Bytes that survived their first collection.
    pub promoted_bytes: u64,
    /// Bytes that objects and the gaps between them take afterwards.
    pub used_bytes: u64,
}

/// Told after each collection of a store. What it does with the store fails. It returns, as all callbacks do: see `wrt_func_callback_t`.
pub type wrt_gc_callback_t = Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, event: *const wrt_gc_event_t)>;

/// Sets who is told after each collection; a NULL callback removes it. `finalizer` (may be NULL) is called with `userdata` once:
/// when the callback is replaced, the store is gone, or this fails. Not legal while the store runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_set_gc_callback(
    store: *mut wrt_store_t,
    callback: wrt_gc_callback_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
) -> *mut wrt_error_t {
    let data = UserData::new(userdata, finalizer);
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe {
        running(store, |s| {
            s.set_gc_hook(callback.map(|callback| -> GcHook {
                Box::new(move |e: &GcEvent| {
                    let data = &data;
                    let event = wrt_gc_event_t {
                        size: size_of::<wrt_gc_event_t>(),
                        is_full: e.full as u64,
                        nanoseconds: e.pause.as_nanos() as u64,
                        promoted_bytes: e.promoted,
                        used_bytes: e.used as u64,
                    };
                    // SAFETY: the host gave the callback for this.
                    callback::call(&"a callback of wrt_store_set_gc_callback", || callback(data.ptr, &event))
                })
            }))
        })
    }
}

/// Takes a piece of what is written. An error ends it, and is given on. It returns, as all callbacks do: see `wrt_func_callback_t`.
pub type wrt_write_callback_t =
    Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, bytes: *const c_char, size: usize) -> *mut wrt_error_t>;

/// Writes all objects of a store, with names and with what refers to them, in the format of Chromium's developer tools: as a
/// file `NAME.heapsnapshot` their memory panel opens it and shows sizes and retaining paths. Collects everything first. The
/// callback is called piece by piece; what it does with the store fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_write_heap_snapshot(
    store: *mut wrt_store_t,
    write: wrt_write_callback_t,
    userdata: *mut c_void,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a callback, or NULLs, which are refused.
    unsafe {
        running(store, |s| {
            let mut write = writer(write, userdata)?;
            s.write_heap_snapshot(&mut write)
        })
    }
}

/// Writes which references of the host are alive in a store, as text: how many were made where, most first. The engine must be
/// configured for it (`wrt_config_set_debug_references`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_write_reference_report(
    store: *mut wrt_store_t,
    write: wrt_write_callback_t,
    userdata: *mut c_void,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a callback, or NULLs, which are refused.
    unsafe {
        running(store, |s| {
            let mut write = writer(write, userdata)?;
            let report = s.reference_report()?;
            let gate = s.gate();
            gate.closed_during(|| write(&report))
        })
    }
}

/// # Safety
/// `write` is NULL or takes text, with this userdata.
unsafe fn writer(write: wrt_write_callback_t, userdata: *mut c_void) -> Result<impl FnMut(&str) -> Result<()>> {
    let write = write.ok_or_else(|| super::entry::null("write"))?;
    // SAFETY: the caller's promise.
    Ok(move |text: &str| unsafe {
        let (bytes, len) = (text.as_ptr().cast(), text.len());
        super::error::result_of(callback::call(&"a callback that writes", || write(userdata, bytes, len)))
    })
}
