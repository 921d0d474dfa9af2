//! A store, which owns everything that a running program consists of.

use crate::abi::vmstruct::VmFuncRef;
use crate::base::limits::{BULK_ELEMENTS, LAZY_STACK_FACTOR};
use crate::base::{Error, Result, Slab, Stable};
use crate::engine::code::trampoline::EntryInfo;
use crate::engine::engine::Engine;
use crate::engine::interrupt::SharedVmStore;
use crate::engine::module::Module;
use crate::engine::pooling::arc_cache::CachedArc;
use crate::engine::remote_release;
use crate::err;
use crate::gc::{Heap, HeapConfig};
use crate::store::life::kept_types::KeptTypes;
use crate::store::life::releases::Releases;
use crate::store::objects::gc_event::GcHook;
use crate::store::parts::func_table::FuncRefPtr;
use crate::store::parts::global::Global;
use crate::store::parts::host_func::{Direct, HostCall, HostFunc, HostKey, host_key};
use crate::store::parts::instance::Instance;
use crate::store::parts::keeper::Keeper;
use crate::store::parts::limits::Account;
use crate::store::parts::memory::Memory;
use crate::store::parts::table::Table;
use crate::store::parts::tag::Tag;
use crate::store::run::stack::Stacks;
use crate::store::run::watch::Watch;
use crate::wasm::registry::DefType;
use crate::wasm::types::FuncType;
use rustc_hash::FxHashMap;
use std::any::Any;
use std::sync::Arc;

/// A function that the host knows: its funcref, and how to call it.
pub struct FuncEntry {
    pub funcref: FuncRefPtr,
    pub entry_info: EntryInfo,
    pub ty: Arc<FuncType>,
}

/// The scope of a running host function, opened when it was first needed.
pub struct CallbackScope {
    /// The `exit_fp` of the next outer host function that has a scope.
    pub(in crate::store) previous_fp: usize,
    /// The number of scopes that were open before.
    pub(in crate::store) depth: u32,
}

pub struct Store {
    pub vm: Arc<SharedVmStore>,
    /// Unique in the process; 0 is not the number of any store.
    pub id: u64,
    pub account: Account,
    /// A host function's error, until it reaches the caller of the activation that it ended.
    pub error: Option<Error>,
    /// A panic was caught while this store ran, so its state cannot be trusted anymore.
    pub poisoned: bool,
    pub(in crate::store) watch: Watch,
    /// The address of the outermost activation while other activations are inside of it; 0 otherwise.
    pub(in crate::store) outermost: usize,
    /// The stack limit of the call in progress.
    pub stack_limit: usize,
    pub(in crate::store) stacks: Stacks,
    /// The engine's configuration, unless the host has changed it.
    pub heap_config: HeapConfig,
    /// Bytes that objects may use before the limiter is asked again; unlimited if there is no limiter.
    pub(in crate::store) heap_granted: usize,
    pub gc_hook: Option<GcHook>,
    /// A value that a higher layer stores here.
    pub attached: Option<Box<dyn Any + Send>>,
    /// Created on first use.
    pub heap: Option<Box<Heap>>,
    /// The number of scopes of roots that are open.
    pub scopes: u32,
    /// The scopes of running host functions, for those that have one.
    pub(in crate::store) callback_scopes: Vec<CallbackScope>,
    /// Functions that objects refer to, by number. The first is null.
    pub func_ids: Vec<FuncRefPtr>,
    /// Numbers whose functions were freed.
    pub(in crate::store) free_numbers: Vec<u32>,
    /// Functions that are being stored into objects.
    pub pinned_funcs: Vec<FuncRefPtr>,
    pub(in crate::store) releases: Releases,
    /// The number of instances that were ever added to the store, so that their code may have run.
    pub placed: u64,
    /// Modules of instances that were freed while code was running (invariant 6).
    pub(in crate::store) retained_modules: Vec<Arc<Module>>,
    /// Host functions that were freed and whose finalizers have not run yet.
    pub dead_funcs: Vec<Stable<HostFunc>>,
    /// Host functions of linkers' definitions, by what they call.
    pub(in crate::store) host_by_call: FxHashMap<HostKey, u32>,
    /// The instances with globals or segments that the collector must trace.
    pub traced: Vec<u32>,
    pub funcs: Slab<FuncEntry>,
    // The order of the fields matters when they are dropped: tables and globals point into contexts. The pointers are
    // stable because machine code and contexts hold the addresses (invariant 1).
    pub tables: Slab<Stable<Table>>,
    pub memories: Slab<Stable<Memory>>,
    pub globals: Slab<Global>,
    /// Tags that the host knows.
    pub tags: Slab<Tag>,
    /// The number of tags at which the next check for dead tags happens.
    pub(in crate::store) tags_at_next_look: usize,
    pub(in crate::store) hosts: Slab<Stable<HostFunc>>,
    pub instances: Slab<Stable<Instance>>,
    pub(in crate::store) kept_types: KeptTypes,
    /// Last, because other fields may need it while they are dropped.
    pub engine: CachedArc<Engine>,
}

/// The `func_ids` functions of a store whose objects refer to no function: only null.
struct NoFuncs([FuncRefPtr; 1]);
// SAFETY: it is null and never written (invariant E6).
unsafe impl Sync for NoFuncs {}
static NO_FUNCS: NoFuncs = NoFuncs([std::ptr::null_mut()]);

/// The maximum number of bytes of the stack that one call may use.
fn most_stack(engine: &Engine) -> usize {
    let factor = if engine.config.lazy { LAZY_STACK_FACTOR } else { 1 };
    engine.config.max_wasm_stack.saturating_mul(factor)
}

impl Store {
    pub fn new(engine: &Arc<Engine>) -> Stable<Store> {
        let (id, shared) = {
            let mut kept = engine.pool.local_shard();
            (kept.next_id(), CachedArc::from_shard(engine, &mut kept))
        };
        let store = Stable::new(Store {
            vm: SharedVmStore::new(engine.config.settings.interruption.then_some(&engine.timer)),
            id,
            account: Account::default(),
            error: None,
            poisoned: false,
            watch: Watch::default(),
            outermost: 0,
            stack_limit: 0,
            stacks: Stacks::new(most_stack(engine)),
            heap_config: engine.config.heap,
            heap_granted: usize::MAX,
            gc_hook: None,
            attached: None,
            heap: None,
            scopes: 0,
            callback_scopes: Vec::new(),
            func_ids: Vec::new(),
            free_numbers: Vec::new(),
            pinned_funcs: Vec::new(),
            releases: Releases::default(),
            placed: 0,
            retained_modules: Vec::new(),
            dead_funcs: Vec::new(),
            host_by_call: FxHashMap::default(),
            traced: Vec::new(),
            funcs: Slab::default(),
            tables: Slab::default(),
            memories: Slab::default(),
            globals: Slab::default(),
            tags: Slab::default(),
            tags_at_next_look: 0,
            hosts: Slab::default(),
            instances: Slab::default(),
            kept_types: KeptTypes::default(),
            engine: shared,
        });
        remote_release::register(store.id, &store.vm);
        let address = store.as_ptr().cast();
        // SAFETY: no other code has access to the store yet.
        unsafe {
            (*store.vm.get()).store = address;
            (*store.vm.get()).funcs = NO_FUNCS.0.as_ptr();
            (*store.vm.get()).func_count = 1;
        }
        store
    }

    /// Fails if the store is poisoned.
    pub fn check_sound(&self) -> Result<()> {
        if self.poisoned {
            return Err(err!(Internal, "the store is poisoned: the engine ran into a bug of its own"));
        }
        Ok(())
    }

    /// Marks the store's state as no longer trustworthy.
    pub fn poison(&mut self) {
        self.poisoned = true;
        // The next entry then takes the slow path, which checks `poisoned`.
        self.watch = Watch::default();
    }

    /// Whether WebAssembly of this store is running further out on the stack.
    pub fn is_running(&self) -> bool {
        self.vm.is_running()
    }

    /// The host's handle of a function. It is the same for the same funcref.
    ///
    /// # Safety
    /// `f` must be a live funcref of this store.
    pub unsafe fn func_handle(&mut self, f: FuncRefPtr) -> Result<u32> {
        // SAFETY: the caller's promise (invariant 1).
        let funcref = unsafe { &mut *f };
        if funcref.handle == 0 {
            let trampoline = self.engine.trampoline(funcref.type_id)?;
            self.note_known(funcref);
            let entry = FuncEntry { funcref: f, entry_info: EntryInfo::of(&trampoline), ty: trampoline.ty.clone() };
            funcref.handle = self.funcs.insert(entry) + 1;
        }
        Ok(funcref.handle - 1)
    }

    /// Records that a function receives a number or handle, which has to be released when its instance is freed.
    pub(in crate::store) fn note_known(&mut self, f: &VmFuncRef) {
        if f.host_owner().is_none() {
            self.instances[f.owner].has_known_funcs.set(true);
        }
    }

    /// Adds a host function that the host keeps. Returns its funcref.
    pub fn add_host_func(&mut self, ty: &DefType, call: HostCall, direct: Option<Direct>) -> Result<FuncRefPtr> {
        let index = self.new_host_func(ty, call, direct, Keeper::Host)?;
        Ok(self.hosts[index].funcref())
    }

    /// Returns the funcref of the host function for a linker's definition. There is one in each store, and it lives as
    /// long as something refers to it.
    pub fn shared_host_func(&mut self, ty: &DefType, call: &HostCall, direct: Option<Direct>) -> Result<FuncRefPtr> {
        let index = match self.host_by_call.get(&host_key(ty.id, call)) {
            Some(index) => *index,
            None => {
                let index = self.new_host_func(ty, call.clone(), direct, Keeper::Nobody)?;
                self.host_by_call.insert(host_key(ty.id, call), index);
                index
            }
        };
        Ok(self.hosts[index].funcref())
    }
}

impl Store {
    /// The interrupt state for work on `len` elements during which the store is borrowed. `None` if the work is one
    /// piece.
    pub fn interrupts_for(&self, len: usize) -> Option<Arc<SharedVmStore>> {
        (len > BULK_ELEMENTS && self.vm.can_interrupt()).then(|| self.vm.clone())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.report_leaks();
        remote_release::unregister(self.id);
        self.vm.end();
        // The heap is dropped first, because it writes to the `VmStore`, and its objects' finalizers run.
        drop(self.heap.take());
        for table in std::mem::take(&mut self.tables).into_values() {
            table.into_inner().free(&self.engine);
        }
        for memory in std::mem::take(&mut self.memories).into_values() {
            memory.into_inner().free(&self.engine);
        }
    }
}
