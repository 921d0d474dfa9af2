//! Linking by name.

use super::func::{checked_call, raw_call};
use super::{Caller, Engine, Extern, Func, Instance, Module, StoreMut, Val, Value};
use crate::abi::vmstruct::VmSlot;
use crate::base::shown::list;
use crate::base::{Error, Quoted, Result};
use crate::err;
use crate::store::parts::host_func::{Direct, HostCall};
use crate::wasm::registry::DefType;
use crate::wasm::types::FuncType;
use std::collections::HashMap;
use std::sync::Arc;

/// How many missing imports an error names.
const SHOWN_IMPORTS: usize = 8;

/// Resolves imports by name. Host functions defined here can be used in every store of the engine; objects of a store
/// only in that store.
pub struct Linker {
    engine: Engine,
    /// Module name, then item name.
    modules: HashMap<Box<str>, HashMap<Box<str>, Definition>>,
}

enum Definition {
    Extern(Extern),
    /// With its registered type.
    Host(HostDefinition, DefType),
}

/// A host function that does not belong to a store yet.
#[derive(Clone)]
pub struct HostDefinition {
    pub(super) ty: FuncType,
    pub(super) call: HostCall,
    pub(super) direct: Option<Direct>,
}

impl HostDefinition {
    /// Defines a function as `Func::new` does.
    pub fn new(
        ty: &FuncType,
        f: impl Fn(&mut Caller<'_>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<HostDefinition> {
        HostDefinition::of_values(ty, f)
    }

    /// The same, with values in the host's own representation.
    pub fn of_values<V: Value>(
        ty: &FuncType,
        f: impl Fn(&mut Caller<'_>, &[V], &mut [V]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<HostDefinition> {
        Ok(HostDefinition { ty: ty.clone(), call: checked_call(ty, f)?, direct: None })
    }

    /// Defines a function as `Func::new_raw` does.
    ///
    /// # Safety
    /// As for `Func::new_raw`.
    pub unsafe fn new_raw(
        ty: &FuncType,
        f: impl Fn(&mut Caller<'_>, &mut [VmSlot]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<HostDefinition> {
        // SAFETY: the caller's promise.
        Ok(HostDefinition { ty: ty.clone(), call: unsafe { raw_call(ty, f)? }, direct: None })
    }

    /// Lets machine code call `direct` instead, if no parameter or result is a reference. It must do the same as the
    /// function.
    ///
    /// # Safety
    /// `direct.f` follows the contract of `RawCallback`, and must behave as `new_raw` requires. `direct.data` lives as
    /// long as this definition and all functions created from it.
    pub unsafe fn with_direct(mut self, direct: Direct) -> HostDefinition {
        self.direct = (!self.ty.has_references()).then_some(direct);
        self
    }
}

impl Linker {
    /// Creates an empty linker.
    pub fn new(engine: &Engine) -> Linker {
        Linker { engine: engine.clone(), modules: HashMap::new() }
    }

    /// The linker's engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether an item is defined under these names.
    pub fn is_defined(&self, module: &str, name: &str) -> bool {
        self.modules.get(module).is_some_and(|items| items.contains_key(name))
    }

    fn insert(&mut self, module: &str, name: &str, d: Definition) -> Result<()> {
        let items = self.modules.entry(module.into()).or_default();
        if items.contains_key(name) {
            return Err(err!(InvalidArgument, "{}.{} is defined already", Quoted(module), Quoted(name)));
        }
        items.insert(name.into(), d);
        Ok(())
    }

    /// Defines an object of a store. Fails with `InvalidArgument` if the name is already defined.
    pub fn define(&mut self, store: &StoreMut<'_>, module: &str, name: &str, item: Extern) -> Result<()> {
        item.ty(store)?;
        self.insert(module, name, Definition::Extern(item))
    }

    /// Defines a host function. Fails with `InvalidArgument` if the name is already defined.
    pub fn define_func(&mut self, module: &str, name: &str, f: HostDefinition) -> Result<()> {
        f.ty.values().iter().try_for_each(|t| self.engine.check_type(*t))?;
        let ty = self.engine.0.types.register_func(&f.ty)?;
        self.insert(module, name, Definition::Host(f, ty))
    }

    /// Defines every export of an instance under one module name. If one of the names is already defined, fails with
    /// `InvalidArgument` and defines nothing.
    pub fn define_instance(&mut self, store: &mut StoreMut<'_>, module: &str, instance: Instance) -> Result<()> {
        let compiled = instance.module(store)?;
        if let Some(items) = self.modules.get(module)
            && let Some(e) = compiled.exports().find(|e| items.contains_key(e.name))
        {
            return Err(err!(InvalidArgument, "{}.{} is defined already", Quoted(module), Quoted(e.name)));
        }
        for (i, export) in compiled.exports().enumerate() {
            if let Some(item) = instance.export_at(store, i)? {
                self.insert(module, export.name, Definition::Extern(item))?;
            }
        }
        Ok(())
    }

    /// Creates an instance, with imports found by name. Fails with `Link` if an import is not defined, or as
    /// `Instance::new` does.
    pub fn instantiate(&self, store: &mut StoreMut<'_>, module: &Module) -> Result<Instance> {
        store.with_room(|store| self.link(store, module))
    }

    fn link(&self, store: &mut StoreMut<'_>, module: &Module) -> Result<Instance> {
        if !Arc::ptr_eq(&self.engine.0, &store.vm().engine) {
            return Err(err!(InvalidArgument, "the linker belongs to another engine than the store"));
        }
        let mut imports = Vec::with_capacity(module.imports().len());
        for import in module.imports() {
            let found = self.modules.get(import.module).and_then(|items| items.get(import.name));
            imports.push(match found {
                Some(Definition::Extern(item)) => *item,
                Some(Definition::Host(h, ty)) => Extern::Func(Func::shared(store, h, ty)?),
                None => return Err(self.missing(module)),
            });
        }
        Instance::link(store, module, &imports)
    }

    /// The error that names the imports of a module that are not defined here.
    #[cold]
    fn missing(&self, module: &Module) -> Error {
        let missing: Vec<_> = module.imports().filter(|i| !self.is_defined(i.module, i.name)).collect();
        let named = missing
            .iter()
            .map(|i| format!("{}.{} ({})", Quoted(i.module), Quoted(i.name), module.scope().extern_text(&i.ty)));
        let what =
            if missing.len() == 1 { "unknown import".into() } else { format!("{} unknown imports:", missing.len()) };
        err!(Link, "{what} {}", list(named, SHOWN_IMPORTS))
    }
}
