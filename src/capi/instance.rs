//! Instances.

use super::entry::{on_store, running};
use super::error::wrt_error_t;
use super::module::wrt_module_t;
use super::own::{borrow, output, slice, string};
use super::store::wrt_store_t;
use super::types::{WRT_EXTERN_FUNC, WRT_EXTERN_GLOBAL, WRT_EXTERN_MEMORY, WRT_EXTERN_TABLE, WRT_EXTERN_TAG};
use super::val::{release, wrt_func_t, wrt_global_t, wrt_instance_t, wrt_memory_t, wrt_table_t, wrt_tag_t};
use crate::api::{Error, Extern, Instance, Quoted, Result};
use crate::err;
use std::ffi::c_char;

/// Something that can be imported and exported. `kind` says which member of `of` is valid.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wrt_extern_t {
    /// One of the `WRT_EXTERN_*`; 0 if empty.
    pub kind: u8,
    pub of: wrt_extern_of_t,
}

/// The handle in a `wrt_extern_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub union wrt_extern_of_t {
    pub func: wrt_func_t,
    pub table: wrt_table_t,
    pub memory: wrt_memory_t,
    pub global: wrt_global_t,
    pub tag: wrt_tag_t,
}

impl wrt_extern_t {
    /// cbindgen:ignore
    pub const EMPTY: wrt_extern_t = wrt_extern_t { kind: 0, of: wrt_extern_of_t { func: wrt_func_t::EMPTY } };

    pub fn new(e: Extern) -> wrt_extern_t {
        match e {
            Extern::Func(f) => wrt_extern_t { kind: WRT_EXTERN_FUNC, of: wrt_extern_of_t { func: f.into() } },
            Extern::Table(t) => wrt_extern_t { kind: WRT_EXTERN_TABLE, of: wrt_extern_of_t { table: t.into() } },
            Extern::Memory(m) => wrt_extern_t { kind: WRT_EXTERN_MEMORY, of: wrt_extern_of_t { memory: m.into() } },
            Extern::Global(g) => wrt_extern_t { kind: WRT_EXTERN_GLOBAL, of: wrt_extern_of_t { global: g.into() } },
            Extern::Tag(t) => wrt_extern_t { kind: WRT_EXTERN_TAG, of: wrt_extern_of_t { tag: t.into() } },
        }
    }

    pub fn get(&self) -> Result<Extern> {
        // SAFETY: all members are plain data of one layout; the handle is checked where it is used.
        unsafe {
            Ok(match self.kind {
                WRT_EXTERN_FUNC => Extern::Func(self.of.func.into()),
                WRT_EXTERN_TABLE => Extern::Table(self.of.table.into()),
                WRT_EXTERN_MEMORY => Extern::Memory(self.of.memory.into()),
                WRT_EXTERN_GLOBAL => Extern::Global(self.of.global.into()),
                WRT_EXTERN_TAG => Extern::Tag(self.of.tag.into()),
                kind => return Err(err!(InvalidArgument, "no extern has kind {kind}")),
            })
        }
    }
}

/// Creates an instance and runs its start function. `imports` are in the order of the module's imports; everything is
/// borrowed. Fails with `link` if an import does not fit, and as the start function does. `*out_instance` is empty on
/// failure; an instance that already existed when this failed lives as long as something refers to it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_instance_new(
    store: *mut wrt_store_t,
    module: *const wrt_module_t,
    imports: *const wrt_extern_t,
    import_count: usize,
    out_instance: *mut wrt_instance_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, a module, an array of this length and a place for the instance, or NULLs, which
    // are refused.
    unsafe {
        let out = output(out_instance, wrt_instance_t::EMPTY, "out_instance");
        running(store, |s| {
            let (out, module) = (out?, borrow(module, "module")?);
            let imports = slice(imports, import_count, "imports")?;
            let imports: Vec<Extern> = imports.iter().map(|i| i.get()).collect::<Result<_>>()?;
            // A start function may call a callback that deletes the module.
            *out = module.module.held_during(|module| Instance::new(s, module, &imports))?.into();
            Ok(())
        })
    }
}

/// Gives up the host's hold on an instance. The instance lives as long as a frame, an import, a table, a global, an
/// object or a reference refers to it, and a full collection after that frees it; its handles, and those of its
/// exports, are then stale. The slot becomes empty. Fails with `stale handle` if the instance was already released.
/// Legal in callbacks, also for the calling instance.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_instance_release(
    store: *mut wrt_store_t,
    take_instance: *mut wrt_instance_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and a handle that can be written, or NULLs, which are refused.
    unsafe {
        on_store(store, |s| release(take_instance, s, wrt_instance_t::EMPTY, |s, h| Instance::from(h).release(s)))
    }
}

/// As `wrt_instance_release`, from any thread: the release takes effect when the store is next used, if it still
/// exists. The slot becomes empty. Does nothing if the instance was already released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_instance_drop(take_instance: *mut wrt_instance_t) {
    super::entry::plain((), || {
        // SAFETY: the caller passes NULL or a handle that can be written.
        if let Some(slot) = unsafe { take_instance.as_mut() } {
            Instance::from(std::mem::replace(slot, wrt_instance_t::EMPTY)).release_anywhere();
        }
    });
}

/// Writes the export with a name. Fails with `not found` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_instance_get(
    store: *mut wrt_store_t,
    instance: *const wrt_instance_t,
    name: *const c_char,
    name_len: usize,
    out_extern: *mut wrt_extern_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, an instance, a string of this length and a place, or NULLs, which are refused.
    unsafe {
        let out = output(out_extern, wrt_extern_t::EMPTY, "out_extern");
        on_store(store, |s| {
            let (out, instance) = (out?, Instance::from(*borrow(instance, "instance")?));
            let name = string(name, name_len, "name")?;
            let found = instance.export(s, name)?;
            *out = wrt_extern_t::new(found.ok_or_else(|| no_export(name, "export"))?);
            Ok(())
        })
    }
}

/// Writes export `index`, in the order of the module. Fails with `invalid argument` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_instance_export(
    store: *mut wrt_store_t,
    instance: *const wrt_instance_t,
    index: usize,
    out_extern: *mut wrt_extern_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, an instance and a place, or NULLs, which are refused.
    unsafe {
        let out = output(out_extern, wrt_extern_t::EMPTY, "out_extern");
        on_store(store, |s| {
            let (out, instance) = (out?, Instance::from(*borrow(instance, "instance")?));
            let found = instance.export_at(s, index)?;
            *out = wrt_extern_t::new(found.ok_or_else(|| err!(InvalidArgument, "there is no export {index}"))?);
            Ok(())
        })
    }
}

#[cold]
fn no_export(name: &str, what: &str) -> Error {
    err!(NotFound, "the instance has no {what} {}", Quoted(name))
}

/// # Safety
/// As the functions below.
unsafe fn get_as<T>(
    store: *mut wrt_store_t,
    instance: *const wrt_instance_t,
    name: *const c_char,
    name_len: usize,
    out: Result<&mut T>,
    what: &str,
    pick: impl FnOnce(Extern) -> Option<T>,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    unsafe {
        on_store(store, |s| {
            let (out, instance) = (out?, Instance::from(*borrow(instance, "instance")?));
            let name = string(name, name_len, "name")?;
            let found = instance.export(s, name)?;
            let found = found.ok_or_else(|| no_export(name, what))?;
            *out = pick(found).ok_or_else(|| {
                err!(TypeMismatch, "the export {} is a {}, not a {what}", Quoted(name), found.kind_name())
            })?;
            Ok(())
        })
    }
}

/// Writes the exported function with a name. Fails with `not found` if there is no such export, and with
/// `type mismatch` if it is not a function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_instance_get_func(
    store: *mut wrt_store_t,
    instance: *const wrt_instance_t,
    name: *const c_char,
    name_len: usize,
    out_func: *mut wrt_func_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store, an instance, a string of this length and a place, or NULLs, which are refused.
    unsafe {
        let out = output(out_func, wrt_func_t::EMPTY, "out_func");
        get_as(store, instance, name, name_len, out, "function", |e| match e {
            Extern::Func(f) => Some(f.into()),
            _ => None,
        })
    }
}

/// Writes the exported table with a name. Fails as `wrt_instance_get_func` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_instance_get_table(
    store: *mut wrt_store_t,
    instance: *const wrt_instance_t,
    name: *const c_char,
    name_len: usize,
    out_table: *mut wrt_table_t,
) -> *mut wrt_error_t {
    // SAFETY: as in `wrt_instance_get_func`.
    unsafe {
        let out = output(out_table, wrt_table_t::EMPTY, "out_table");
        get_as(store, instance, name, name_len, out, "table", |e| match e {
            Extern::Table(t) => Some(t.into()),
            _ => None,
        })
    }
}

/// Writes the exported memory with a name. Fails as `wrt_instance_get_func` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_instance_get_memory(
    store: *mut wrt_store_t,
    instance: *const wrt_instance_t,
    name: *const c_char,
    name_len: usize,
    out_memory: *mut wrt_memory_t,
) -> *mut wrt_error_t {
    // SAFETY: as in `wrt_instance_get_func`.
    unsafe {
        let out = output(out_memory, wrt_memory_t::EMPTY, "out_memory");
        get_as(store, instance, name, name_len, out, "memory", |e| match e {
            Extern::Memory(m) => Some(m.into()),
            _ => None,
        })
    }
}

/// Writes the exported global with a name. Fails as `wrt_instance_get_func` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_instance_get_global(
    store: *mut wrt_store_t,
    instance: *const wrt_instance_t,
    name: *const c_char,
    name_len: usize,
    out_global: *mut wrt_global_t,
) -> *mut wrt_error_t {
    // SAFETY: as in `wrt_instance_get_func`.
    unsafe {
        let out = output(out_global, wrt_global_t::EMPTY, "out_global");
        get_as(store, instance, name, name_len, out, "global", |e| match e {
            Extern::Global(g) => Some(g.into()),
            _ => None,
        })
    }
}

/// Writes the exported tag with a name. Fails as `wrt_instance_get_func` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_instance_get_tag(
    store: *mut wrt_store_t,
    instance: *const wrt_instance_t,
    name: *const c_char,
    name_len: usize,
    out_tag: *mut wrt_tag_t,
) -> *mut wrt_error_t {
    // SAFETY: as in `wrt_instance_get_func`.
    unsafe {
        let out = output(out_tag, wrt_tag_t::EMPTY, "out_tag");
        get_as(store, instance, name, name_len, out, "tag", |e| match e {
            Extern::Tag(t) => Some(t.into()),
            _ => None,
        })
    }
}
