//! Modules.

use super::{Engine, Types, text};
use crate::base::Result;
use crate::sys::allocation;
use crate::vm::share::{Offer, Share};
use crate::vm::{module as vm, saved};
use crate::wasm::scope::TypeScope;
use crate::wasm::types::ExternType;
use crate::wasm::{decode, refusal};
use std::path::Path;
use std::sync::Arc;

/// A compiled module. Cheap to clone, shared between threads and stores.
#[derive(Clone)]
pub struct Module(pub(super) Arc<vm::Module>);

/// See `Module::offer`.
pub type ModuleOffer = Offer<vm::Module>;

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
    /// Compiles a module, in the binary or in the text format.
    pub fn new(engine: &Engine, bytes: &[u8]) -> Result<Module> {
        engine.0.install_handlers()?;
        allocation::fatal(|| {
            let binary = text::binary(bytes)?;
            let module = vm::Module::new(&engine.0, &binary).map_err(|e| text::place(e, bytes, &binary))?;
            Ok(Module(Arc::new(module)))
        })
    }

    /// Validates a module, in the binary or in the text format, without compiling it.
    pub fn validate(engine: &Engine, bytes: &[u8]) -> Result<()> {
        allocation::fatal(|| {
            let (binary, features) = (text::binary(bytes)?, engine.0.config.features);
            let refused = |e| text::place(refusal::explain(e, &binary, features), bytes, &binary);
            decode::validate(&binary, features).map_err(refused)
        })
    }

    /// The compiled module as bytes, for `load` in this or another process of the same version on the same kind of
    /// machine.
    pub fn save(&self) -> Result<Vec<u8>> {
        saved::save(&self.0)
    }

    /// A module from what `save` gave. Bytes of another version, machine or configuration, and damaged ones, are refused;
    /// but they hold machine code that will run: they must come from a trusted place.
    ///
    /// # Safety
    /// The bytes were made by `save`, or are refused by its checks.
    pub unsafe fn load(engine: &Engine, saved: &[u8]) -> Result<Module> {
        engine.0.install_handlers()?;
        Ok(Module(Arc::new(allocation::fatal(|| saved::load(&engine.0, saved))?)))
    }

    /// Writes what `save` gives to a file, which is there whole or not at all.
    pub fn save_file(&self, path: &Path) -> Result<()> {
        saved::save_file(&self.0.engine, self.0.linked()?, path)
    }

    /// As `load`, from a file, which is mapped and not read as a whole.
    ///
    /// # Safety
    /// As there; and nobody changes or shortens the file as long as the module lives, or, where the system refuses executable memory
    /// that is no file's, as long as the engine does. It may be replaced or removed.
    pub unsafe fn load_file(engine: &Engine, path: &Path) -> Result<Module> {
        engine.0.install_handlers()?;
        Ok(Module(Arc::new(allocation::fatal(|| saved::load_file(&engine.0, path))?)))
    }

    /// Runs `f` with a module that stays, whatever the host does with this one meanwhile.
    pub fn held_during<R>(&self, f: impl FnOnce(&Module) -> R) -> R {
        let held = Module(Share::of(&self.0).into_arc());
        let result = f(&held);
        drop(Share::from_arc(held.0));
        result
    }

    /// Says that a host has this module and will make instances of it until it drops the offer: they are then made without two threads
    /// waiting for each other.
    pub fn offer(&self) -> ModuleOffer {
        Offer::new(&self.0)
    }

    pub fn engine(&self) -> Engine {
        Engine(self.0.engine.clone())
    }

    /// The module's name from its name section.
    pub fn name(&self) -> Option<&str> {
        self.0.info().names.module()
    }

    /// In binary order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> {
        let info = self.0.info();
        info.imports.iter().map(|i| ImportType { module: &i.module, name: &i.name, ty: info.extern_type(i.index) })
    }

    /// In binary order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> {
        let info = self.0.info();
        info.exports.iter().map(|e| ExportType { name: &e.name, ty: info.extern_type(e.index) })
    }

    /// Its types, kept, with their names.
    pub fn scope(&self) -> &Arc<TypeScope> {
        self.0.info().scope()
    }

    /// The types it defines, in binary order, with their names.
    pub fn types(&self) -> Types {
        Types::of_module(self.0.info())
    }

    /// The type of the export of a name.
    pub fn export(&self, name: &str) -> Option<ExternType> {
        self.0.info().export(name).map(|i| self.0.info().extern_type(i))
    }

    /// Whether both are the same compiled module.
    pub fn same(&self, other: &Module) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
