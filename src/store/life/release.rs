//! The end of parts of a store before the store's own: the host releases, a full collection frees (`reach`).

use crate::abi::vmstruct::{ATTENTION_DEAD, VmFuncRef};
use crate::base::{Error, Result};
use crate::engine::module::Module;
use crate::err;
use crate::gc::collect::{Kind, Moving};
use crate::store::life::liveness::Reach;
use crate::store::parts::limits::{Growth, Resource};
use crate::store::parts::owner::Keeper;
use crate::store::store::Store;
use std::sync::Arc;
use std::sync::atomic::Ordering::AcqRel;

/// What was released, and not yet freed.
#[derive(Default)]
pub struct Releases {
    /// What was released and nobody keeps but what refers to it. Host functions of linkers do not count: they never were kept.
    unkept: usize,
    /// How many were released, with how many bytes of memories and tables, since the last search.
    recent: usize,
    recent_bytes: u64,
    /// How many host functions the last search left.
    host_funcs: usize,
}

/// So many released parts are searched for at once, at least.
const FEW: usize = 64;
/// Bytes of live objects that are worth as much as one released part.
const BYTES_PER_PART: usize = 64 << 10;
/// Bytes of memories and tables that released instances may hold.
const MANY_BYTES: u64 = 64 << 20;

impl Releases {
    /// Whether a search can find something.
    pub fn may_free(&self, store: &Store) -> bool {
        self.unkept > 0 || self.has_many_host_funcs(store)
    }

    fn has_many_host_funcs(&self, store: &Store) -> bool {
        store.hosts.len() > 2 * self.host_funcs + FEW
    }

    fn is_due(&self, store: &Store) -> bool {
        let live = store.heap.as_ref().map_or(0, |h| h.live());
        let enough = FEW + store.instances.len().saturating_sub(self.unkept) + live / BYTES_PER_PART;
        self.recent >= enough || self.recent > 0 && self.recent_bytes >= MANY_BYTES || self.has_many_host_funcs(store)
    }
}

#[cold]
fn not_kept(what: &str) -> Error {
    err!(StaleHandle, "the {what} was released before")
}

#[cold]
fn of_instance(what: &str) -> Error {
    err!(InvalidArgument, "the {what} is an instance's, and lives as long as that")
}

impl Store {
    fn release(&mut self, keeper: Keeper, what: &str, bytes: u64) -> Result<()> {
        match keeper {
            Keeper::Host => {}
            Keeper::Nobody => return Err(not_kept(what)),
            Keeper::Instance(_) => return Err(of_instance(what)),
        }
        self.releases.unkept += 1;
        self.releases.recent += 1;
        self.releases.recent_bytes += bytes;
        Ok(())
    }

    /// Gives up the host's hold on an instance.
    pub fn release_instance(&mut self, i: u32) -> Result<()> {
        let instance = &self.instances[i];
        let of = |k: Keeper| k == Keeper::Instance(i);
        let memories = instance.memories.iter().map(|m| &self.memories[*m]).filter(|m| of(m.keeper));
        let tables = instance.tables.iter().map(|t| &self.tables[*t]).filter(|t| of(t.keeper));
        let bytes = memories.map(|m| m.len()).sum::<usize>() + tables.map(|t| t.span().len()).sum::<usize>();
        self.release(instance.keeper, "instance", bytes as u64)?;
        self.instances[i].keeper = Keeper::Nobody;
        Ok(())
    }

    pub fn release_table(&mut self, t: u32) -> Result<()> {
        self.release(self.tables[t].keeper, "table", self.tables[t].span().len() as u64)?;
        self.tables[t].keeper = Keeper::Nobody;
        Ok(())
    }

    pub fn release_memory(&mut self, m: u32) -> Result<()> {
        self.release(self.memories[m].keeper, "memory", self.memories[m].len() as u64)?;
        self.memories[m].keeper = Keeper::Nobody;
        Ok(())
    }

    pub fn release_global(&mut self, g: u32) -> Result<()> {
        self.release(self.globals[g].keeper, "global", 0)?;
        self.globals[g].keeper = Keeper::Nobody;
        Ok(())
    }

    /// Of a function of the host, by its handle's number.
    pub fn release_func(&mut self, f: u32) -> Result<()> {
        // SAFETY: a function of this store.
        let owner = unsafe { (*self.funcs[f].funcref).host_owner() };
        let Some(h) = owner else { return Err(of_instance("function")) };
        self.release(self.hosts[h].keeper, "function", 0)?;
        self.hosts[h].keeper = Keeper::Nobody;
        Ok(())
    }

    /// Whether something was released that may be found free.
    pub fn may_free(&self) -> bool {
        self.releases.may_free(self)
    }

    /// SAFEPOINT. Frees what was released and nothing refers to, if so much was released that looking is worth it.
    pub fn free_released_if_due(&mut self) -> Result<()> {
        if self.releases.is_due(self) { self.free_released() } else { Ok(()) }
    }

    /// SAFEPOINT. Frees what was released and nothing refers to.
    pub fn free_released(&mut self) -> Result<()> {
        self.check_sound()?;
        if self.heap.is_some() {
            return self.collect(Kind::Full(Moving::Nothing));
        }
        if let Some(mut reach) = Reach::new(self) {
            reach.trace(self, None);
            reach.finish(self);
        }
        Ok(())
    }

    /// After a search that has freed so many parts; functions of linkers, which nobody had to release, are not counted.
    pub(crate) fn note_freed(&mut self, freed: usize) {
        let host_funcs = self.hosts.len();
        self.releases = Releases { unkept: self.releases.unkept - freed, host_funcs, ..Releases::default() };
        let instances = &self.instances;
        self.traced.retain(|i| instances.get(*i).is_some());
        if !self.is_running() {
            self.left_modules.clear();
        }
    }

    /// Nothing refers to what is freed here, nor to anything in it.
    pub(crate) fn free_instance(&mut self, i: u32) {
        let Some(instance) = self.instances.remove(i) else { return };
        let own = Keeper::Instance(i);
        for t in &instance.tables {
            if self.tables.get(*t).is_some_and(|t| t.keeper == own) {
                self.free_table(*t);
            }
        }
        for m in &instance.memories {
            if self.memories.get(*m).is_some_and(|m| m.keeper == own) {
                self.free_memory(*m);
            }
        }
        for g in &instance.globals {
            if self.globals.get(*g).is_some_and(|g| g.keeper == own) {
                self.globals.remove(*g);
            }
        }
        // They are many, and mostly nobody knows any of them.
        let known = instance.has_known_funcs.get().then(|| instance.funcrefs());
        for (_, f) in known.into_iter().flatten() {
            if instance.info().defined_func(f).is_some() {
                // SAFETY: in the instance's context, which is still there.
                self.forget_func(unsafe { &*instance.funcref(f) });
            }
        }
        self.account.give_back(Growth { resource: Resource::Instances, current: 0, desired: 1 });
        self.keep_types_of(&instance.module);
        // A function of it may be on the stack that only has to return.
        if self.is_running() {
            self.leave_module(&instance.module);
        }
    }

    fn leave_module(&mut self, module: &Arc<Module>) {
        if !self.left_modules.iter().any(|m| Arc::ptr_eq(m, module)) {
            self.left_modules.push(module.clone());
        }
    }

    pub(crate) fn free_table(&mut self, t: u32) {
        if let Some(table) = self.tables.remove(t) {
            self.account.give_back(Growth { resource: Resource::Table, current: 0, desired: table.len() });
            table.into_inner().free(&self.engine);
        }
    }

    pub(crate) fn free_memory(&mut self, m: u32) {
        if let Some(memory) = self.memories.remove(m) {
            let desired = memory.len() as u64;
            self.account.give_back(Growth { resource: Resource::Memory, current: 0, desired });
            memory.into_inner().free(&self.engine);
        }
    }

    /// Whether it is the function of a definition, and not one that the host has made and released.
    pub(crate) fn is_shared(&self, h: u32) -> bool {
        self.hosts.get(h).is_some_and(|host| self.host_by_call.get(&host.key()) == Some(&h))
    }

    /// Its finalizer runs when the store does nothing else.
    pub(crate) fn free_host_func(&mut self, h: u32) {
        let is_shared = self.is_shared(h);
        let Some(mut host) = self.hosts.remove(h) else { return };
        // SAFETY: alive until `dead_funcs` is dropped.
        self.forget_func(unsafe { &*host.funcref() });
        if is_shared {
            self.host_by_call.remove(&host.key());
        }
        self.keep_type(&host.ty);
        self.dead_funcs.push(host);
        self.vm.attention().fetch_or(ATTENTION_DEAD, AcqRel);
    }

    /// Takes back the numbers by which the host and objects know a function.
    fn forget_func(&mut self, f: &VmFuncRef) {
        if f.handle != 0 {
            self.funcs.remove(f.handle - 1);
        }
        if f.index != 0 {
            self.numbered[f.index as usize] = std::ptr::null_mut();
            self.free_numbers.push(f.index);
        }
    }
}
