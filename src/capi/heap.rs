//! The garbage-collected heap of a store.

use super::entry::{on_store, running};
use super::error::wrt_error_t;
use super::own::{UserData, fill_in, sized, wrt_finalizer_t};
use super::store::wrt_store_t;
use crate::api::{GcEvent, GcHook, PAUSE_CLASSES, Result, Tally};
use crate::sys::callback;
use std::ffi::{c_char, c_void};

/// Runs a full collection: frees all objects and released parts of the store that nothing refers to any more, and
/// runs the finalizers of host objects among them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_gc(store: *mut wrt_store_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { running(store, |s| s.gc()) }
}

/// Statistics of a store's heap. Later versions may add fields at the end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_heap_stats_t {
    /// Size of this struct as the caller knows it: `sizeof(wrt_heap_stats_t)`. To be set before the struct is filled
    /// in.
    pub size: usize,
    pub minor_collections: u64,
    pub full_collections: u64,
    /// Bytes that survived a minor collection, over all collections.
    pub promoted_bytes: u64,
    pub last_minor_nanoseconds: u64,
    pub longest_minor_nanoseconds: u64,
    pub last_full_nanoseconds: u64,
    pub longest_full_nanoseconds: u64,
    /// Bytes that were alive after the last full collection, counted in lines of 128 bytes.
    pub live_bytes: u64,
    /// Bytes that objects take now, including dead objects and the gaps between objects.
    pub used_bytes: u64,
    /// References that the host holds.
    pub references: u64,
    /// Host objects that are alive.
    pub host_objects: u64,
    /// Bytes outside of the heap that host objects stand for (`external_bytes` of `wrt_externref_new`).
    pub external_bytes: u64,
    pub weak_references: u64,
    /// Instances of the store, including released ones that have not been freed yet.
    pub instances: u64,
    /// Current size of the nursery, and how much of it objects use.
    pub nursery_bytes: u64,
    pub nursery_used_bytes: u64,
    /// Total time of all pauses.
    pub minor_nanoseconds: u64,
    pub full_nanoseconds: u64,
    /// Entry i counts the pauses of at least 2^i and less than 2^(i+1) nanoseconds; the last entry also counts all
    /// longer ones.
    pub minor_pauses: [u64; 32],
    pub full_pauses: [u64; 32],
}
const _: () = assert!(PAUSE_CLASSES == 32);

/// Fills in statistics of the store's heap. `stats->size` must be set. On failure all other fields are 0, unless the
/// size is wrong: then nothing is written.
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

/// A number of objects, and their size in bytes.
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

/// The number of objects in a store's heap, and of references into it. Dead objects that have not been collected yet
/// count as well. Later versions may add fields at the end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_heap_census_t {
    /// Size of this struct as the caller knows it: `sizeof(wrt_heap_census_t)`. To be set before the struct is filled
    /// in.
    pub size: usize,
    /// Objects in the nursery.
    pub young: wrt_tally_t,
    /// Objects that have survived a collection, without the large ones.
    pub old: wrt_tally_t,
    /// Objects of more than 8 KiB, which are old from the start.
    pub large: wrt_tally_t,
    /// What refers into the heap: references of the host and of errors, elements of tables, globals, elements of
    /// segments, slots in frames, and the tags of instances. Null and i31s are not counted.
    pub references: u64,
    pub table_elements: u64,
    pub globals: u64,
    pub segment_elements: u64,
    pub frame_slots: u64,
    pub tags: u64,
}

/// Counts the objects in a store's heap by age, and the references into it by kind. It visits every object and frees
/// none, so it takes as long as a full collection. `census->size` must be set. On failure all other fields are 0,
/// unless the size is wrong: then nothing is written.
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

/// Sets the maximum size in bytes of the nursery for this store, from the next collection on. Otherwise as
/// `wrt_config_set_nursery_size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_set_nursery_max(store: *mut wrt_store_t, bytes: usize) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { on_store(store, |s| s.set_nursery_max(bytes)) }
}

/// Sets when the old objects of this store are collected, from the next collection on. Otherwise as
/// `wrt_config_set_heap_growth`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_set_heap_growth(
    store: *mut wrt_store_t,
    percent: usize,
    min_bytes: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe { on_store(store, |s| s.set_heap_growth(percent, min_bytes)) }
}

/// A collection that has finished. Later versions may add fields at the end.
#[repr(C)]
pub struct wrt_gc_event_t {
    /// Size of this struct in bytes, as the library knows it.
    pub size: usize,
    /// Whether old objects were collected as well; 0 or 1.
    pub is_full: u64,
    pub nanoseconds: u64,
    /// Bytes that survived their first collection and became old.
    pub promoted_bytes: u64,
    /// Bytes that objects, and the gaps between them, take after the collection.
    pub used_bytes: u64,
}

/// Called after each collection of a store. Using the store in it fails, except by functions that are legal in
/// limiters. It has to return, as all callbacks do: see `wrt_func_callback_t`.
pub type wrt_gc_callback_t = Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, event: *const wrt_gc_event_t)>;

/// Sets the callback that is called after each collection; NULL removes it. `finalizer` (may be NULL) is called with
/// `userdata` once: when the callback is replaced, when the store is destroyed, or when this call fails. Fails with
/// `invalid argument` while the store runs WebAssembly.
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

/// Receives a piece of output. If it returns an error, writing stops and the caller gets that error. It has to
/// return, as all callbacks do: see `wrt_func_callback_t`.
pub type wrt_write_callback_t =
    Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, bytes: *const c_char, size: usize) -> *mut wrt_error_t>;

/// Runs a full collection, and then writes all objects of a store, with their names and what refers to them, in the
/// format of Chromium's developer tools. Saved in a file `NAME.heapsnapshot`, the output can be opened in their
/// memory panel, which shows sizes and retaining paths. The callback is called several times, with one piece each; it
/// cannot use the store.
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

/// Writes as text which references of the host are alive in a store: how many were created where, the most frequent
/// place first. The engine must be configured for it (`wrt_config_set_debug_references`). The callback cannot use the
/// store.
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
/// `write` is NULL or a callback that receives text, with this userdata.
unsafe fn writer(write: wrt_write_callback_t, userdata: *mut c_void) -> Result<impl FnMut(&str) -> Result<()>> {
    let write = write.ok_or_else(|| super::entry::null("write"))?;
    // SAFETY: the caller's promise.
    Ok(move |text: &str| unsafe {
        let (bytes, len) = (text.as_ptr().cast(), text.len());
        super::error::result_of(callback::call(&"a callback that writes", || write(userdata, bytes, len)))
    })
}
