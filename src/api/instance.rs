//! Instances.

pub use super::handle::defined::Instance;
use super::types;
use super::{Extern, Func, Global, ImportType, Memory, Module, StoreMut, Table, Tag};
use crate::base::{Error, ErrorKind, Quoted, Result};
use crate::engine::remote_release::{self, Release};
use crate::err;
use crate::store::parts::global_handle::global_handle;
use crate::store::parts::instantiate::{ImportValue, instantiate};
use crate::wasm::module::EntityIndex;
use crate::wasm::types::ExternType;
use std::sync::Arc;

impl Instance {
    /// Creates an instance with imports in the order of `Module::imports`, and runs its start function. The instance
    /// lives until it is released. If instantiation traps, it lives only as long as something refers to it. Fails with
    /// `Link` if the number or a type of the imports is wrong.
    pub fn new(store: &mut StoreMut<'_>, module: &Module, imports: &[Extern]) -> Result<Instance> {
        store.with_room(|store| Instance::link(store, module, imports))
    }

    /// As `new`, but does not free released parts of the store first, so imports found by the caller stay valid.
    pub(super) fn link(store: &mut StoreMut<'_>, module: &Module, imports: &[Extern]) -> Result<Instance> {
        if !Arc::ptr_eq(&module.0.engine, &store.vm().engine) {
            return Err(err!(InvalidArgument, "the module belongs to another engine than the store"));
        }
        store.vm().check_sound()?;
        let number = store.vm().placed + 1;
        store.vm_mut().look_when_made(number)?;
        let wanted = module.imports().len();
        if wanted != imports.len() {
            return Err(wrong_count(module, imports.len()));
        }
        let mut values = Vec::with_capacity(imports.len());
        for (import, given) in module.imports().zip(imports) {
            let value = import_value(store, module, &import.ty, given).map_err(|e| misfit(e, &import))?;
            values.push(value);
        }
        // SAFETY: the imports were just checked; `store` is not used again until instantiation has finished
        // (invariant 3 of the runtime).
        let made = unsafe { instantiate(store.as_ptr(), &module.0, &values) };
        store.settle();
        made.map(|(index, generation)| Instance { store: store.id(), index, generation })
    }

    /// Releases the host's ownership of the instance: it then lives as long as something refers to it, and is freed by
    /// a later full collection. Fails with `StaleHandle` if it was released before.
    pub fn release(&self, store: &mut StoreMut<'_>) -> Result<()> {
        let i = self.check(store)?;
        store.vm_mut().release_instance(i)
    }

    /// As `release`, from any thread. Takes effect when the store is next used; does nothing if the store is gone.
    pub fn release_anywhere(&self) {
        remote_release::send(self.store, Release::Instance { index: self.index, generation: self.generation });
    }

    /// The instance's module.
    pub fn module(&self, store: &StoreMut<'_>) -> Result<Module> {
        Ok(Module(Arc::clone(&store.vm().instances[self.check(store)?].module)))
    }

    /// The export with the given name, if there is one.
    pub fn export(&self, store: &mut StoreMut<'_>, name: &str) -> Result<Option<Extern>> {
        let i = self.check(store)?;
        let index = store.vm().instances[i].info().export(name);
        index.map(|index| extern_of(store, i, index)).transpose()
    }

    /// The `place`-th export, in the order of `Module::exports`.
    pub fn export_at(&self, store: &mut StoreMut<'_>, place: usize) -> Result<Option<Extern>> {
        let i = self.check(store)?;
        let index = store.vm().instances[i].info().exports.get(place).map(|e| e.index);
        index.map(|index| extern_of(store, i, index)).transpose()
    }
}

/// The number of imports given is not the number of the module's imports.
#[cold]
fn wrong_count(module: &Module, given: usize) -> Error {
    let first = module.imports().nth(given);
    let missing =
        first.map(|i| format!("; the first that is missing is {}.{} ({})", Quoted(i.module), Quoted(i.name), i.ty));
    let (wanted, missing) = (module.imports().len(), missing.unwrap_or_default());
    err!(Link, "the number of the module's imports is {wanted}, not {given}{missing}")
}

/// An import given does not have the imported type, or belongs to another store.
#[cold]
fn misfit(e: Error, import: &ImportType<'_>) -> Error {
    let (module, name) = (Quoted(import.module), Quoted(import.name));
    Error::new(ErrorKind::Link, e.message()).about(format_args!("import {module}.{name}"))
}

fn extern_of(store: &mut StoreMut<'_>, instance: u32, index: EntityIndex) -> Result<Extern> {
    let inst = &store.vm().instances[instance];
    Ok(match index {
        EntityIndex::Func(f) => {
            let funcref = inst.funcref(f);
            // SAFETY: a function of an instance of this store (invariant 1 of the runtime).
            Extern::Func(unsafe { Func::from_ref(store, funcref) }?)
        }
        EntityIndex::Table(t) => Extern::Table(Table::make(store, inst.tables[t.as_u32() as usize])),
        EntityIndex::Memory(m) => Extern::Memory(Memory::make(store, inst.memories[m.as_u32() as usize])),
        EntityIndex::Global(g) => {
            let place = global_handle(store.vm_mut(), instance, g);
            Extern::Global(Global::make(store, place))
        }
        EntityIndex::Tag(t) => {
            let bits = inst.tag(t);
            // SAFETY: a tag of an instance of this store, just read (invariant 6 of the heap).
            Extern::Tag(unsafe { Tag::from_raw(store, bits) }?)
        }
    })
}

/// Checks that `given` matches the import type `wanted` (Wasm 3.0, 4.7.2).
fn import_value(store: &StoreMut<'_>, module: &Module, wanted: &ExternType, given: &Extern) -> Result<ImportValue> {
    let view = store.vm().engine.types.view();
    let (fits, value) = match (wanted, given) {
        (ExternType::Func(w, _), Extern::Func(f)) => {
            let fits = view.is_subtype(f.type_id(store)?, *w);
            (fits, ImportValue::Func(store.vm().funcs[f.check(store)?].funcref))
        }
        (ExternType::Table(w), Extern::Table(t)) => {
            let i = t.check(store)?;
            let have = &store.vm().tables[i];
            (have.ty().matches(have.len(), w), ImportValue::Table(i))
        }
        (ExternType::Memory(w), Extern::Memory(m)) => {
            let i = m.check(store)?;
            let have = &store.vm().memories[i];
            (have.ty().matches(have.pages(), w), ImportValue::Memory(i))
        }
        (ExternType::Global(w), Extern::Global(g)) => {
            let i = g.check(store)?;
            (view.global_matches(store.vm().globals[i].ty(), *w), ImportValue::Global(i))
        }
        (ExternType::Tag(w, _), Extern::Tag(t)) => {
            // Tags match only exactly, without subtyping (Wasm 3.0, 3.3.16).
            (t.type_id(store)? == *w, ImportValue::Tag(t.object(store)?.0))
        }
        _ => return Err(err!(Link, "expected a {}, found a {}", wanted.kind_name(), given.kind_name())),
    };
    if !fits {
        let found = types::extern_text(store, &given.ty(store)?);
        return Err(err!(Link, "expected {}, found {found}", module.scope().extern_text(wanted)));
    }
    Ok(value)
}
