//! Handshake: which library this is.

use super::entry::{entry, plain};
use super::error::{wrt_error_t, wrt_frame_t};
use super::func::wrt_raw_t;
use super::instance::wrt_extern_t;
use super::memory::wrt_memory_options_t;
use super::module::{wrt_export_t, wrt_import_t};
use super::own::{output, string};
use super::pool::{wrt_pool_options_t, wrt_pool_stats_t};
use super::store::{wrt_growth_t, wrt_limits_t};
use super::table::wrt_table_options_t;
use super::types::wrt_size_limits_t;
use super::val::{wrt_func_t, wrt_global_t, wrt_instance_t, wrt_memory_t, wrt_table_t, wrt_tag_t, wrt_val_t};
use super::valtype::{wrt_field_t, wrt_type_t};
use crate::api::{Quoted, features};
use crate::base::Part;
use crate::err;
use std::ffi::{CStr, c_char};
use std::mem::{align_of, offset_of, size_of};

/// Returns the library's version as text, such as "0.1.0". The string is static and NUL-terminated.
#[unsafe(no_mangle)]
pub extern "C" fn wrt_version_string() -> *const c_char {
    plain(c"".as_ptr(), || {
        const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
        CStr::from_bytes_with_nul(VERSION.as_bytes()).unwrap_or(c"").as_ptr()
    })
}

/// Returns the number of the library's binary interface. A program must have been compiled with a header of the same
/// number (`WRT_ABI_VERSION`).
#[unsafe(no_mangle)]
pub extern "C" fn wrt_abi_version() -> u32 {
    plain(0, || WRT_ABI_VERSION)
}

/// The number of the binary interface that this header describes.
pub const WRT_ABI_VERSION: u32 = 0;

/// Names of features that are not proposals, and whether the library was built with them.
const PARTS: [(&str, bool); 4] = [
    ("baseline", Part::Baseline.is_built()),
    ("interruption", true),
    ("wasi", Part::Wasi.is_built()),
    ("wat", Part::Text.is_built()),
];

/// Returns whether the library has a feature: a proposal, such as "simd" (`wrt_feature_name` lists them), or
/// "baseline" (the baseline compiler), "interruption", "wasi" or "wat". Whether an engine uses it depends on its configuration. False for an unknown name
/// and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_has_feature(name: *const c_char) -> bool {
    plain(false, || {
        if name.is_null() {
            return false;
        }
        // SAFETY: the caller passes a C string.
        let name = unsafe { CStr::from_ptr(name) };
        let Ok(name) = name.to_str() else { return false };
        PARTS.contains(&(name, true)) || features().any(|f| f.has_name(name))
    })
}

/// Writes the size or alignment of a public struct, or the offset of one of its fields, so that bindings can check
/// themselves at load time. `item` is "wrt_val_t", "alignof wrt_val_t" or "wrt_val_t.of", for example. Fails with
/// `not found` for items that are not listed, such as `wrt_heap_stats_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_abi_layout(
    item: *const c_char,
    item_len: usize,
    out_value: *mut usize,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a string of this length and a place for the value, or NULLs, which are refused.
        let (out, item) = unsafe { (output(out_value, 0, "out_value")?, string(item, item_len, "item")?) };
        let found = layout().into_iter().find(|(name, _)| name == item);
        *out = found.ok_or_else(|| err!(NotFound, "there is no {} in the interface", Quoted(item)))?.1;
        Ok(())
    })
}

macro_rules! layouts {
    ($($name:ident { $($field:ident),* })*) => {
        fn layout() -> Vec<(String, usize)> {
            let mut all = Vec::new();
            $(
                all.push((stringify!($name).to_string(), size_of::<$name>()));
                all.push((concat!("alignof ", stringify!($name)).to_string(), align_of::<$name>()));
                $(all.push((
                    concat!(stringify!($name), ".", stringify!($field)).replace("r#", ""),
                    offset_of!($name, $field),
                ));)*
            )*
            all
        }
    };
}
layouts! {
    wrt_func_t { store, index, generation }
    wrt_table_t { store, index, generation }
    wrt_memory_t { store, index, generation }
    wrt_global_t { store, index, generation }
    wrt_tag_t { store, index, generation }
    wrt_instance_t { store, index, generation }
    wrt_val_t { kind, of }
    wrt_raw_t {}
    wrt_extern_t { kind, of }
    wrt_import_t { module, module_len, name, name_len, r#type }
    wrt_export_t { name, name_len, r#type }
    wrt_frame_t { module_name, func_name, func_index, module_offset, func_offset, reserved, module_name_len, func_name_len }
    wrt_limits_t { size, memory_bytes, table_elements, instances }
    wrt_pool_options_t { size, memories, memory_resident_bytes, max_memories, tables, table_resident_bytes, heaps, heap_resident_bytes }
    wrt_pool_stats_t { size, memories_in_use, memories_kept, memory_bytes_resident, memories_reused, memories_made, tables_kept, table_bytes_resident, tables_reused, heaps_kept, heaps_reused }
    wrt_memory_options_t { size, limits, page_size, is_64 }
    wrt_table_options_t { size, limits, element, is_64 }
    wrt_growth_t { resource, current, desired }
    wrt_size_limits_t { min, max, has_max }
    wrt_type_t { engine, index, generation, names, kind, nullable, reserved }
    wrt_field_t { r#type, is_mutable }
}
