//! Modules.

use super::{Engine, Types, text};
use crate::base::Result;
use crate::engine::code::saved;
use crate::engine::module as vm;
use crate::engine::pooling::arc_cache::{CacheLease, CachedArc};
use crate::sys::allocation;
use crate::wasm::scope::TypeScope;
use crate::wasm::types::ExternType;
use crate::wasm::{decode, feature_diagnosis};
use std::path::Path;
use std::sync::Arc;

/// A compiled module. Cheap to clone, and shared between threads and stores.
#[derive(Clone)]
pub struct Module(pub(super) Arc<vm::Module>);

/// See `Module::offer`.
pub type ModuleOffer = CacheLease<vm::Module>;

/// An import of a module.
pub struct ImportType<'a> {
    pub module: &'a str,
    pub name: &'a str,
    pub ty: ExternType,
}

/// An export of a module.
pub struct ExportType<'a> {
    pub name: &'a str,
    pub ty: ExternType,
}

impl Module {
    /// Compiles a module, in the binary or the text format. Fails with `Malformed`, `InvalidModule`, `Unsupported` or
    /// `Limit`.
    pub fn new(engine: &Engine, bytes: &[u8]) -> Result<Module> {
        engine.0.install_handlers()?;
        allocation::fatal(|| {
            let binary = text::binary(bytes)?;
            let module = vm::Module::new(&engine.0, &binary).map_err(|e| text::place(e, bytes, &binary))?;
            Ok(Module(Arc::new(module)))
        })
    }

    /// Validates a module, in the binary or the text format, without compiling it. Fails as `new` does.
    pub fn validate(engine: &Engine, bytes: &[u8]) -> Result<()> {
        allocation::fatal(|| {
            let (binary, features) = (text::binary(bytes)?, engine.0.config.features);
            let refused = |e| text::place(feature_diagnosis::explain(e, &binary, features), bytes, &binary);
            decode::validate(&binary, features).map_err(refused)
        })
    }

    /// The compiled module as bytes, for `load` in this or another process of the same library version on the same kind
    /// of machine. A lazily compiled module is compiled completely first.
    pub fn save(&self) -> Result<Vec<u8>> {
        saved::save(&self.0)
    }

    /// Loads a module from bytes returned by `save`. Bytes of another version, machine or configuration, and damaged
    /// bytes, are rejected. But the bytes contain machine code that will be executed, so they must come from a trusted
    /// source.
    ///
    /// # Safety
    /// The bytes were returned by `save`, or the checks reject them.
    pub unsafe fn load(engine: &Engine, saved: &[u8]) -> Result<Module> {
        engine.0.install_handlers()?;
        Ok(Module(Arc::new(allocation::fatal(|| saved::load(&engine.0, saved))?)))
    }

    /// Writes the bytes that `save` returns to a file. The file is written completely or not at all.
    pub fn save_file(&self, path: &Path) -> Result<()> {
        saved::save_file(&self.0.engine, self.0.linked()?, path)
    }

    /// As `load`, from a file, which is mapped instead of being read as a whole.
    ///
    /// # Safety
    /// As for `load`. In addition, the file must not be changed or truncated while the module lives, or, if the system
    /// forbids executable memory that is not a file's, while the engine lives. It may be replaced or removed.
    pub unsafe fn load_file(engine: &Engine, path: &Path) -> Result<Module> {
        engine.0.install_handlers()?;
        Ok(Module(Arc::new(allocation::fatal(|| saved::load_file(&engine.0, path))?)))
    }

    /// Runs `f` with a module that stays alive during the call, even if the host drops this one.
    pub fn held_during<R>(&self, f: impl FnOnce(&Module) -> R) -> R {
        let held = Module(CachedArc::of(&self.0).into_arc());
        let result = f(&held);
        drop(CachedArc::from_arc(held.0));
        result
    }

    /// Declares that the host will create instances of this module until it drops the offer. Until then, threads that
    /// create and delete instances do not contend on the module's reference count.
    pub fn offer(&self) -> ModuleOffer {
        CacheLease::new(&self.0)
    }

    /// The module's engine.
    pub fn engine(&self) -> Engine {
        Engine(self.0.engine.clone())
    }

    /// The module's name from its name section.
    pub fn name(&self) -> Option<&str> {
        self.0.info().names.module()
    }

    /// The imports, in the order of the binary.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> {
        let info = self.0.info();
        info.imports.iter().map(|i| ImportType { module: &i.module, name: &i.name, ty: info.extern_type(i.index) })
    }

    /// The exports, in the order of the binary.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> {
        let info = self.0.info();
        info.exports.iter().map(|e| ExportType { name: &e.name, ty: info.extern_type(e.index) })
    }

    /// The module's types with their names. The scope keeps the types alive.
    pub fn scope(&self) -> &Arc<TypeScope> {
        self.0.info().scope()
    }

    /// The types that the module defines, in the order of the binary, with their names.
    pub fn types(&self) -> Types {
        Types::of_module(self.0.info())
    }

    /// The type of the export with the given name.
    pub fn export(&self, name: &str) -> Option<ExternType> {
        self.0.info().export(name).map(|i| self.0.info().extern_type(i))
    }

    /// Whether both are the same compiled module.
    pub fn same(&self, other: &Module) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
