//! Parts of a store that end before the store does: the host releases them, and a full collection frees them (`liveness`).

use crate::abi::vmstruct::{PENDING_DEAD, VmFuncRef};
use crate::base::{Error, Result};
use crate::engine::module::Module;
use crate::err;
use crate::gc::collect::{Compaction, Kind};
use crate::store::life::liveness::LivenessScan;
use crate::store::life::releases::Releases;
use crate::store::parts::keeper::Keeper;
use crate::store::parts::limits::{Growth, Resource};
use crate::store::store::Store;
use std::sync::Arc;
use std::sync::atomic::Ordering::AcqRel;

/// With fewer released parts and new host functions than this, their number does not make a search due.
const FEW: usize = 64;
/// One more part must be released for each block of this many bytes of live objects, since a search traces the objects.
const BYTES_PER_PART: usize = 64 << 10;
/// Released parts that hold this many bytes of memories and tables make a search due, however few they are.
const MANY_BYTES: u64 = 64 << 20;

#[cold]
fn not_kept(what: &str) -> Error {
    err!(StaleHandle, "the {what} was released before")
}

#[cold]
fn of_instance(what: &str) -> Error {
    err!(InvalidArgument, "the {what} belongs to an instance, and lives as long as the instance")
}

impl Store {
    /// Whether a search may find something to free.
    pub fn may_free(&self) -> bool {
        self.releases.unkept > 0 || self.has_many_host_funcs()
    }

    fn has_many_host_funcs(&self) -> bool {
        self.hosts.len() > 2 * self.releases.host_funcs + FEW
    }

    fn is_search_due(&self) -> bool {
        let live = self.heap.as_ref().map_or(0, |h| h.live());
        let enough = FEW + self.instances.len().saturating_sub(self.releases.unkept) + live / BYTES_PER_PART;
        self.releases.recent >= enough
            || self.releases.recent > 0 && self.releases.recent_bytes >= MANY_BYTES
            || self.has_many_host_funcs()
    }

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

    /// Releases the host's hold on an instance.
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

    /// Releases the host's hold on a host function, by its handle's number.
    pub fn release_func(&mut self, f: u32) -> Result<()> {
        // SAFETY: a live funcref of this store (invariant 1).
        let owner = unsafe { (*self.funcs[f].funcref).host_owner() };
        let Some(h) = owner else { return Err(of_instance("function")) };
        self.release(self.hosts[h].keeper, "function", 0)?;
        self.hosts[h].keeper = Keeper::Nobody;
        Ok(())
    }

    /// SAFEPOINT. Frees released parts that nothing refers to, if enough was released to make a search worthwhile.
    pub fn free_released_if_due(&mut self) -> Result<()> {
        if self.is_search_due() { self.free_released() } else { Ok(()) }
    }

    /// SAFEPOINT. Frees released parts that nothing refers to.
    pub fn free_released(&mut self) -> Result<()> {
        self.check_sound()?;
        if self.heap.is_some() {
            return self.collect(Kind::Full(Compaction::Nothing));
        }
        if let Some(mut reach) = LivenessScan::new(self) {
            reach.trace(self, None);
            reach.finish(self);
        }
        Ok(())
    }

    /// Records that a search has freed `freed` parts. Functions of linkers, which need not be released, are not counted.
    pub(in crate::store) fn note_freed(&mut self, freed: usize) {
        let host_funcs = self.hosts.len();
        self.releases = Releases { unkept: self.releases.unkept - freed, host_funcs, ..Releases::default() };
        let instances = &self.instances;
        self.traced.retain(|i| instances.get(*i).is_some());
        if !self.is_running() {
            self.retained_modules.clear();
        }
    }

    /// Frees an instance. Nothing may refer to it, nor to anything in it.
    pub(in crate::store) fn free_instance(&mut self, i: u32) {
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
        // An instance has many funcrefs, and usually neither the host nor an object knows any of them.
        let known = instance.has_known_funcs.get().then(|| instance.funcrefs());
        for (_, f) in known.into_iter().flatten() {
            if instance.info().defined_func(f).is_some() {
                // SAFETY: the funcref is in the context of `instance`, which is dropped later (invariant 1).
                self.forget_func(unsafe { &*instance.funcref(f) });
            }
        }
        self.account.give_back(Growth { resource: Resource::Instances, current: 0, desired: 1 });
        self.keep_types_of(&instance.module);
        // A function of it that only has to return may still be on the stack (invariant 6).
        if self.is_running() {
            self.leave_module(&instance.module);
        }
    }

    fn leave_module(&mut self, module: &Arc<Module>) {
        if !self.retained_modules.iter().any(|m| Arc::ptr_eq(m, module)) {
            self.retained_modules.push(module.clone());
        }
    }

    pub(in crate::store) fn free_table(&mut self, t: u32) {
        if let Some(table) = self.tables.remove(t) {
            self.account.give_back(Growth { resource: Resource::Table, current: 0, desired: table.len() });
            table.into_inner().free(&self.engine);
        }
    }

    pub(in crate::store) fn free_memory(&mut self, m: u32) {
        if let Some(memory) = self.memories.remove(m) {
            let desired = memory.len() as u64;
            self.account.give_back(Growth { resource: Resource::Memory, current: 0, desired });
            memory.into_inner().free(&self.engine);
        }
    }

    /// Whether it is the function of a linker's definition, and not one that the host has created and released.
    pub(in crate::store) fn is_shared(&self, h: u32) -> bool {
        self.hosts.get(h).is_some_and(|host| self.host_by_call.get(&host.key()) == Some(&h))
    }

    /// Frees a host function. Its finalizer runs later, when no operation of the store is in progress.
    pub(in crate::store) fn free_host_func(&mut self, h: u32) {
        let is_shared = self.is_shared(h);
        let Some(mut host) = self.hosts.remove(h) else { return };
        // SAFETY: the funcref is a part of `host`, which is alive.
        self.forget_func(unsafe { &*host.funcref() });
        if is_shared {
            self.host_by_call.remove(&host.key());
        }
        self.keep_type(&host.ty);
        self.dead_funcs.push(host);
        self.vm.pending_work().fetch_or(PENDING_DEAD, AcqRel);
    }

    /// Releases the numbers by which the host and objects know a function.
    fn forget_func(&mut self, f: &VmFuncRef) {
        if f.handle != 0 {
            self.funcs.remove(f.handle - 1);
        }
        if f.index != 0 {
            self.func_ids[f.index as usize] = std::ptr::null_mut();
            self.free_numbers.push(f.index);
        }
    }
}
