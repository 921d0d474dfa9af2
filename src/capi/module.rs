//! Modules.

use super::engine::wrt_engine_t;
use super::entry::{entry, plain};
use super::error::wrt_error_t;
use super::own::{self, CText, borrow, delete, give, output, slice, string};
use super::types::wrt_externtype_t;
use super::valtype::Origin;
use crate::api::{Module, ModuleOffer, Quoted, Result};
use crate::err;
use std::ffi::{c_char, c_void};

/// A compiled module. Can be shared between threads and stores.
pub struct wrt_module_t {
    pub(super) module: Module,
    name: Option<CText>,
    imports: Vec<(CText, CText, wrt_externtype_t)>,
    exports: Vec<(CText, wrt_externtype_t)>,
    _offer: ModuleOffer,
}

impl wrt_module_t {
    fn give(module: Module) -> *mut wrt_module_t {
        let origin = Origin { engine: module.engine().id(), scope: module.scope().clone() };
        let import = |i: crate::api::ImportType<'_>| {
            (CText::new(i.module), CText::new(i.name), wrt_externtype_t::new(i.ty, &origin))
        };
        let imports = module.imports().map(import).collect();
        let exports = module.exports().map(|e| (CText::new(e.name), wrt_externtype_t::new(e.ty, &origin))).collect();
        let name = module.name().map(CText::new);
        let _offer = module.offer();
        give(wrt_module_t { module, name, imports, exports, _offer })
    }

    fn export(&self, index: usize) -> Result<wrt_export_t> {
        let export = self.exports.get(index);
        let (name, ty) = export.ok_or_else(|| err!(InvalidArgument, "there is no export {index}"))?;
        let mut name_len = 0;
        // SAFETY: the length is a local variable.
        let name = unsafe { name.lend(&mut name_len) };
        Ok(wrt_export_t { name, name_len, r#type: ty })
    }
}

/// An import of a module. Everything in it is borrowed from the module.
#[repr(C)]
pub struct wrt_import_t {
    pub module: *const c_char,
    pub module_len: usize,
    pub name: *const c_char,
    pub name_len: usize,
    pub r#type: *const wrt_externtype_t,
}

/// An export of a module. Everything in it is borrowed from the module.
#[repr(C)]
pub struct wrt_export_t {
    pub name: *const c_char,
    pub name_len: usize,
    pub r#type: *const wrt_externtype_t,
}

impl wrt_export_t {
    /// cbindgen:ignore
    const EMPTY: wrt_export_t = wrt_export_t { name: std::ptr::null(), name_len: 0, r#type: std::ptr::null() };
}

/// Compiles a module in the binary format or as text (`(module ...)`). The bytes are borrowed. The caller owns
/// `*out_module`, which is NULL on failure. Fails with `malformed`, `invalid module`, `unsupported` or `limit`, and
/// with the byte offset if it is known (`wrt_error_offset`). If the module is text, the offset is in the binary that
/// it is translated to, and the message starts with line and column if they are known. Fails with `i/o` if the system
/// forbids executable memory: then modules run only from files (`wrt_module_load_file`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_new(
    engine: *const wrt_engine_t,
    bytes: *const c_void,
    len: usize,
    out_module: *mut *mut wrt_module_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine, bytes of this length, and a place for the module.
        let (out, engine, bytes) = unsafe {
            (
                output(out_module, std::ptr::null_mut(), "out_module")?,
                borrow(engine, "engine")?,
                slice(bytes.cast(), len, "bytes")?,
            )
        };
        *out = wrt_module_t::give(Module::new(&engine.0, bytes)?);
        Ok(())
    })
}

/// Validates a module in the binary format or as text, without compiling it. The bytes are borrowed. Fails as
/// `wrt_module_new` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_validate(
    engine: *const wrt_engine_t,
    bytes: *const c_void,
    len: usize,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine and bytes of this length.
        let (engine, bytes) = unsafe { (borrow(engine, "engine")?, slice(bytes.cast(), len, "bytes")?) };
        Module::validate(&engine.0, bytes)
    })
}

/// Writes the compiled module as bytes for `wrt_module_load`, in this or another process of the same version and
/// configuration on the same kind of machine. The caller owns `*out_bytes`, and deletes them with `wrt_bytes_delete`.
/// Waits until all functions of a lazy module are compiled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_save(
    module: *const wrt_module_t,
    out_bytes: *mut *mut u8,
    out_len: *mut usize,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a module and places for the bytes and their number.
        let (out, out_len, module) = unsafe {
            let (out, len) = (output(out_bytes, std::ptr::null_mut(), "out_bytes"), output(out_len, 0, "out_len"));
            (out?, len?, borrow(module, "module")?)
        };
        let bytes = module.module.save()?.into_boxed_slice();
        *out_len = bytes.len();
        *out = Box::into_raw(bytes).cast();
        Ok(())
    })
}

/// Deletes bytes that `wrt_module_save` has written; `len` must be the length that it has written. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_bytes_delete(bytes: *mut u8, len: usize) {
    plain((), || {
        if !bytes.is_null() {
            // SAFETY: the caller gives up what it got from `wrt_module_save`.
            drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(bytes, len)) });
        }
    });
}

/// Creates a module from bytes that `wrt_module_save` has written, which are borrowed. The caller owns `*out_module`,
/// which is NULL on failure. Fails with `unsupported` if the bytes are of another version, machine or configuration,
/// with `malformed` if they are damaged, and with `i/o` if the system forbids executable memory. The bytes contain machine
/// code that will run: load only what you trust.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_load(
    engine: *const wrt_engine_t,
    bytes: *const c_void,
    len: usize,
    out_module: *mut *mut wrt_module_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine, bytes of this length that it trusts, and a place for the module.
        unsafe {
            let out = output(out_module, std::ptr::null_mut(), "out_module")?;
            let (engine, bytes) = (borrow(engine, "engine")?, slice(bytes.cast(), len, "bytes")?);
            *out = wrt_module_t::give(Module::load(&engine.0, bytes)?);
        }
        Ok(())
    })
}

/// Writes the compiled module to a file, as `wrt_module_save` does to memory. `path` has `len` bytes. The file
/// appears complete or not at all: it is written under another name and then renamed. Fails with `i/o`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_save_file(
    module: *const wrt_module_t,
    path: *const c_char,
    len: usize,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a module and a path of this length.
        let (module, path) = unsafe { (borrow(module, "module")?, own::path(path, len, "path")?) };
        module.module.save_file(&path)
    })
}

/// Creates a module from a file that `wrt_module_save_file` has written, or that holds the bytes of
/// `wrt_module_save`. `path` has `len` bytes. The file is mapped, not read as a whole: it may be replaced or removed,
/// but must not be changed or shortened in place while the module or an instance of it lives. Fails with `i/o` if the
/// file cannot be read. Otherwise as `wrt_module_load`.
///
/// The only executable memory that this needs is the file's own, which must be on a file system that allows execution.
/// If the process can make no other memory executable, the module still runs completely, and host functions of the types
/// that it declares can be created once it is loaded. But then the file must not be changed in place while the engine
/// lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_load_file(
    engine: *const wrt_engine_t,
    path: *const c_char,
    len: usize,
    out_module: *mut *mut wrt_module_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes an engine, a path of this length to a file that it trusts, and a place for the module.
        unsafe {
            let out = output(out_module, std::ptr::null_mut(), "out_module")?;
            let (engine, path) = (borrow(engine, "engine")?, own::path(path, len, "path")?);
            *out = wrt_module_t::give(Module::load_file(&engine.0, &path)?);
        }
        Ok(())
    })
}

/// Returns another owned pointer to the same module. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_clone(module: *const wrt_module_t) -> *mut wrt_module_t {
    plain(std::ptr::null_mut(), || {
        // SAFETY: the caller passes NULL or a module.
        unsafe { module.as_ref() }.map_or(std::ptr::null_mut(), |m| wrt_module_t::give(m.module.clone()))
    })
}

/// Deletes a module pointer. Instances keep what they need of the module. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_delete(module: *mut wrt_module_t) {
    // SAFETY: the caller gives up ownership.
    unsafe { delete(module) }
}

/// Returns the module's name from its name section, borrowed from the module; NULL if it has none. `out_len` may be
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_name(module: *const wrt_module_t, out_len: *mut usize) -> *const c_char {
    plain(std::ptr::null(), || {
        // SAFETY: the caller passes NULL or a module, and NULL or a place for the length.
        unsafe { CText::lend_or(module.as_ref().and_then(|m| m.name.as_ref()), None, out_len) }
    })
}

/// Returns how many imports the module has. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_import_count(module: *const wrt_module_t) -> usize {
    // SAFETY: the caller passes NULL or a module.
    plain(0, || unsafe { module.as_ref() }.map_or(0, |m| m.imports.len()))
}

/// Writes import `index`, in the order of the module. Fails with `invalid argument` if there is no such import.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_import(
    module: *const wrt_module_t,
    index: usize,
    out_import: *mut wrt_import_t,
) -> *mut wrt_error_t {
    entry(|| {
        let nothing = wrt_import_t {
            module: std::ptr::null(),
            module_len: 0,
            name: std::ptr::null(),
            name_len: 0,
            r#type: std::ptr::null(),
        };
        // SAFETY: the caller passes a module and a place for the import; the lengths are fields of it.
        unsafe {
            let out = output(out_import, nothing, "out_import")?;
            let module = borrow(module, "module")?;
            let import = module.imports.get(index);
            let (from, name, ty) = import.ok_or_else(|| err!(InvalidArgument, "there is no import {index}"))?;
            out.module = from.lend(&mut out.module_len);
            out.name = name.lend(&mut out.name_len);
            out.r#type = ty;
        }
        Ok(())
    })
}

/// Returns how many exports the module has. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_export_count(module: *const wrt_module_t) -> usize {
    // SAFETY: the caller passes NULL or a module.
    plain(0, || unsafe { module.as_ref() }.map_or(0, |m| m.exports.len()))
}

/// Writes export `index`, in the order of the module. Fails with `invalid argument` if there is no such export.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_export(
    module: *const wrt_module_t,
    index: usize,
    out_export: *mut wrt_export_t,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a module and a place for the export, or NULLs, which are refused.
        let (out, module) =
            unsafe { (output(out_export, wrt_export_t::EMPTY, "out_export")?, borrow(module, "module")?) };
        *out = module.export(index)?;
        Ok(())
    })
}

/// Writes the export with a name. Fails with `not found` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_module_get_export(
    module: *const wrt_module_t,
    name: *const c_char,
    name_len: usize,
    out_export: *mut wrt_export_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a module, a string of this length and a place for the export, or NULLs, which are refused.
    unsafe {
        let out = output(out_export, wrt_export_t::EMPTY, "out_export");
        entry(|| {
            let (out, module) = (out?, borrow(module, "module")?);
            let name = string(name, name_len, "name")?;
            let index = module.module.exports().position(|e| e.name == name);
            let index = index.ok_or_else(|| err!(NotFound, "the module has no export {}", Quoted(name)))?;
            *out = module.export(index)?;
            Ok(())
        })
    }
}
