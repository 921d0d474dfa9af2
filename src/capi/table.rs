//! Tables.

use super::entry::{on_store, plain, running};
use super::error::wrt_error_t;
use super::own::{borrow, options_of, output};
use super::store::wrt_store_t;
use super::types::wrt_size_limits_t;
use super::val::{give_all, outputs, release, take, type_of, wrt_table_t, wrt_val_t};
use super::valtype::wrt_type_t;
use crate::api::{IndexType, Table, TableType, ValType};
use crate::err;

/// Creates a table with 32-bit indexes. `element_kind` is `WRT_FUNCREF`, `WRT_EXTERNREF`, `WRT_ANYREF` or
/// `WRT_EXNREF`; `limits` count elements, and are borrowed. All elements are `*take_init`, which is taken: the slot
/// becomes empty, also on failure. Fails with `limit` or `out of memory`, and with `type mismatch` if the value does
/// not fit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_new(
    store: *mut wrt_store_t,
    element_kind: u8,
    limits: *const wrt_size_limits_t,
    take_init: *mut wrt_val_t,
    out_table: *mut wrt_table_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, limits, a value and a place for the table, or NULLs, which are refused.
    unsafe {
        let out = output(out_table, wrt_table_t::EMPTY, "out_table");
        running(store, |s| {
            take(take_init, s, |s, init| {
                let (out, limits) = (out?, borrow(limits, "limits")?.get());
                let ValType::Ref(element) = type_of(element_kind)? else {
                    return Err(err!(TypeMismatch, "a table holds references, not kind {element_kind}"));
                };
                *out = Table::new(s, TableType::new(limits, element), init)?.into();
                Ok(())
            })
        })
    }
}

/// As `wrt_table_new`, for elements of any reference type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_new_of(
    store: *mut wrt_store_t,
    element: *const wrt_type_t,
    limits: *const wrt_size_limits_t,
    take_init: *mut wrt_val_t,
    out_table: *mut wrt_table_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a type, limits, a value and a place for the table, or NULLs, which are refused.
    unsafe {
        let out = output(out_table, wrt_table_t::EMPTY, "out_table");
        running(store, |s| {
            take(take_init, s, |s, init| {
                let (out, limits) = (out?, borrow(limits, "limits")?.get());
                let element = borrow(element, "element")?.reference(&s.engine())?;
                *out = Table::new(s, TableType::new(limits, element.ty), init)?.into();
                Ok(())
            })
        })
    }
}

/// The type of a table to be created. Later versions may add fields at the end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_table_options_t {
    /// Size of this struct as the caller knows it: `sizeof(wrt_table_options_t)`. `wrt_table_options_init` sets it.
    pub size: usize,
    /// In elements.
    pub limits: wrt_size_limits_t,
    /// A reference type.
    pub element: wrt_type_t,
    /// Whether indexes have 64 bits instead of 32; 0 or 1.
    pub is_64: u64,
}

/// Fills in options for an empty table of `WRT_FUNCREF` with 32-bit indexes, which can grow. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_options_init(out_options: *mut wrt_table_options_t) {
    let all = wrt_table_options_t {
        size: size_of::<wrt_table_options_t>(),
        limits: wrt_size_limits_t { min: 0, max: 0, has_max: 0 },
        element: wrt_type_t::of_plain(ValType::FUNCREF),
        is_64: 0,
    };
    // SAFETY: the caller passes NULL or a place for the options.
    plain((), || drop(unsafe { output(out_options, all, "out_options") }));
}

/// As `wrt_table_new`, for a table of any type. The options are borrowed; `*take_init` is taken: the slot becomes
/// empty, also on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_new_with(
    store: *mut wrt_store_t,
    options: *const wrt_table_options_t,
    take_init: *mut wrt_val_t,
    out_table: *mut wrt_table_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, options, a value and a place for the table, or NULLs, which are refused.
    unsafe {
        let out = output(out_table, wrt_table_t::EMPTY, "out_table");
        running(store, |s| {
            take(take_init, s, |s, init| {
                let (out, options) = (out?, options_of(options, |o| o.size, "wrt_table_options_init")?);
                let element = options.element.reference(&s.engine())?;
                let index = if options.is_64 != 0 { IndexType::I64 } else { IndexType::I32 };
                let ty = TableType { limits: options.limits.get(), element: element.ty, index };
                *out = Table::new(s, ty, init)?.into();
                Ok(())
            })
        })
    }
}

/// Writes whether the table's indexes have 64 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_is_64(
    store: *mut wrt_store_t,
    table: *const wrt_table_t,
    out_is_64: *mut bool,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a table and a place for the answer, or NULLs, which are refused.
    unsafe {
        let out = output(out_is_64, false, "out_is_64");
        on_store(store, |s| {
            let (out, table) = (out?, Table::from(*borrow(table, "table")?));
            *out = table.ty(s)?.index.is_64();
            Ok(())
        })
    }
}

/// Writes the type of the table's elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_element_type(
    store: *mut wrt_store_t,
    table: *const wrt_table_t,
    out_type: *mut wrt_type_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a table and a place for the type, or NULLs, which are refused.
    unsafe {
        let out = output(out_type, wrt_type_t::EMPTY, "out_type");
        on_store(store, |s| {
            let (out, table) = (out?, Table::from(*borrow(table, "table")?));
            *out = wrt_type_t::in_store(s, ValType::Ref(table.ty(s)?.element));
            Ok(())
        })
    }
}

/// Writes `count` elements of the table, starting at `index`. References in them belong to the caller, in the
/// innermost scope. Fails with a trap of code `WRT_TRAP_TABLE_OUT_OF_BOUNDS`; all values are empty on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_get_many(
    store: *mut wrt_store_t,
    table: *const wrt_table_t,
    index: u64,
    out_values: *mut wrt_val_t,
    count: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a table and places for as many values, or NULLs, which are refused.
    unsafe {
        let out = outputs(out_values, count, "out_values");
        running(store, |s| {
            let (out, table) = (out?, Table::from(*borrow(table, "table")?));
            give_all(out, table.get_many(s, index, count as u64)?);
            Ok(())
        })
    }
}

/// Writes the kind of the table's elements and its current limits: the minimum is the current size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_type(
    store: *mut wrt_store_t,
    table: *const wrt_table_t,
    out_element_kind: *mut u8,
    out_limits: *mut wrt_size_limits_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a table and places for kind and limits, or NULLs, which are refused.
    unsafe {
        let kind = output(out_element_kind, 0, "out_element_kind");
        let limits = output(out_limits, wrt_size_limits_t { min: 0, max: 0, has_max: 0 }, "out_limits");
        on_store(store, |s| {
            let (kind, limits) = (kind?, limits?);
            let ty = Table::from(*borrow(table, "table")?).ty(s)?;
            *kind = super::val::kind_of(ValType::Ref(ty.element));
            *limits = wrt_size_limits_t::new(ty.limits);
            Ok(())
        })
    }
}

/// Writes how many elements the table has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_size(
    store: *mut wrt_store_t,
    table: *const wrt_table_t,
    out_size: *mut u64,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a table and a place for the size, or NULLs, which are refused.
    unsafe {
        let out = output(out_size, 0, "out_size");
        on_store(store, |s| {
            let (out, table) = (out?, Table::from(*borrow(table, "table")?));
            *out = table.size(s)?;
            Ok(())
        })
    }
}

/// Writes the element at `index`. A reference in it belongs to the caller, in the innermost scope. Fails with a trap
/// of code `WRT_TRAP_TABLE_OUT_OF_BOUNDS`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_get(
    store: *mut wrt_store_t,
    table: *const wrt_table_t,
    index: u64,
    out_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a table and a place for the value, or NULLs, which are refused.
    unsafe {
        let out = output(out_value, wrt_val_t::EMPTY, "out_value");
        on_store(store, |s| {
            let (out, table) = (out?, Table::from(*borrow(table, "table")?));
            table.get_value(s, index, out)
        })
    }
}

/// Sets the element at `index` to `*take_value`, which is taken: the slot becomes empty, also on failure. Fails with
/// a trap of code `WRT_TRAP_TABLE_OUT_OF_BOUNDS`, or with `type mismatch`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_set(
    store: *mut wrt_store_t,
    table: *const wrt_table_t,
    index: u64,
    take_value: *mut wrt_val_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a table and a value, or NULLs, which are refused.
    unsafe {
        on_store(store, |s| take(take_value, s, |s, value| Table::from(*borrow(table, "table")?).set(s, index, value)))
    }
}

/// Grows the table by `delta` elements that are all `*take_init`, and writes its previous size to `*out_old_size`
/// (may be NULL). `*take_init` is taken: the slot becomes empty, also on failure. Fails with `limit` if the table
/// cannot grow, and then changes nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_grow(
    store: *mut wrt_store_t,
    table: *const wrt_table_t,
    delta: u64,
    take_init: *mut wrt_val_t,
    out_old_size: *mut u64,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a table, a value, and NULL or a place for the old size.
    unsafe {
        let out = output(out_old_size, 0, "");
        running(store, |s| {
            let old = take(take_init, s, |s, init| Table::from(*borrow(table, "table")?).grow(s, delta, init))?;
            if let Ok(out) = out {
                *out = old;
            }
            Ok(())
        })
    }
}

/// Sets `len` elements of the table, starting at `index`, to `*take_value`, which is taken: the slot becomes empty,
/// also on failure. Fails as `wrt_table_set` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_fill(
    store: *mut wrt_store_t,
    table: *const wrt_table_t,
    index: u64,
    take_value: *mut wrt_val_t,
    len: u64,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a table and a value, or NULLs, which are refused.
    unsafe {
        running(store, |s| {
            take(take_value, s, |s, value| Table::from(*borrow(table, "table")?).fill(s, index, value, len))
        })
    }
}

/// Copies `len` elements, from index `from` of `source` to `index` of `table`. Both may be the same table, and the
/// ranges may overlap. Fails with a trap of code `WRT_TRAP_TABLE_OUT_OF_BOUNDS`, or with `type mismatch` if the
/// element types do not fit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_copy(
    store: *mut wrt_store_t,
    table: *const wrt_table_t,
    index: u64,
    source: *const wrt_table_t,
    from: u64,
    len: u64,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and tables, or NULLs, which are refused.
    unsafe {
        running(store, |s| {
            let source = Table::from(*borrow(source, "source")?);
            Table::from(*borrow(table, "table")?).copy(s, index, source, from, len)
        })
    }
}

/// Gives up the host's hold on a table that `wrt_table_new` created. The table lives as long as something refers to
/// it, and a full collection after that frees it; its handles are then stale. The slot becomes empty. Fails with
/// `invalid argument` for a table of an instance, which lives as long as the instance, and with `stale handle` if the
/// table was already released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_table_release(store: *mut wrt_store_t, take_table: *mut wrt_table_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a handle that can be written, or NULLs, which are refused.
    unsafe { on_store(store, |s| release(take_table, s, wrt_table_t::EMPTY, |s, h| Table::from(h).release(s))) }
}
