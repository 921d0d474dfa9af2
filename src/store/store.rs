//! A store: owns what runs.

use crate::abi::vmstruct::{HOST_OWNER, VmFuncRef};
use crate::base::limits::LAZY_STACK_FACTOR;
use crate::base::{Error, Result, Slab, Stable};
use crate::engine::code::trampoline::Way;
use crate::engine::engine::Engine;
use crate::engine::interrupt::SharedVmStore;
use crate::engine::module::Module;
use crate::engine::pooling::arc_cache::Share;
use crate::engine::remote_release;
use crate::err;
use crate::gc::{Heap, HeapConfig};
use crate::store::life::kept_types::KeptTypes;
use crate::store::life::release::Releases;
use crate::store::objects::heap::GcHook;
use crate::store::parts::func_table::FuncRefPtr;
use crate::store::parts::global::Global;
use crate::store::parts::instance::Instance;
use crate::store::parts::limits::Account;
use crate::store::parts::memory::Memory;
use crate::store::parts::owner::Keeper;
use crate::store::parts::table::Table;
use crate::store::parts::tag::Tag;
use crate::store::run::host_func::{Direct, HostCall, HostFunc, HostKey, host_key};
use crate::store::run::stack::Stacks;
use crate::store::run::watch::Watch;
use crate::wasm::registry::DefType;
use crate::wasm::types::FuncType;
use rustc_hash::FxHashMap;
use std::any::Any;
use std::sync::Arc;

/// A function the host knows: where it is and how it is entered.
pub struct FuncEntry {
    pub funcref: FuncRefPtr,
    pub way: Way,
    pub ty: Arc<FuncType>,
}

/// The scope of a host function that runs, opened when it was first needed.
pub struct CallbackScope {
    /// The `exit_fp` of the host function before this one that has one.
    pub(crate) previous_fp: usize,
    /// Scopes that were open before.
    pub(crate) depth: u32,
}

pub struct Store {
    pub vm: Arc<SharedVmStore>,
    /// Unique in the process; 0 is no store's.
    pub id: u64,
    pub account: Account,
    /// A host function's error on its way to the caller of the activation it ended.
    pub error: Option<Error>,
    /// A panic was caught while this store ran: its state can not be trusted any more.
    pub poisoned: bool,
    pub(crate) watch: Watch,
    /// The address of the outermost activation, while others are inside of it; 0 otherwise.
    pub(crate) outermost: usize,
    /// The stack limit of the call in progress.
    pub stack_limit: usize,
    pub(crate) stacks: Stacks,
    /// The engine's, unless the host has changed it.
    pub heap_config: HeapConfig,
    /// What objects may take until the limiter is asked; without one, anything.
    pub(crate) heap_granted: usize,
    pub gc_hook: Option<GcHook>,
    /// What a floor above keeps with the store.
    pub attached: Option<Box<dyn Any + Send>>,
    /// Made on first use.
    pub heap: Option<Box<Heap>>,
    /// Scopes of roots that are open.
    pub scopes: u32,
    /// Of host functions that run, those that have a scope of their own.
    pub(crate) callback_scopes: Vec<CallbackScope>,
    /// Functions that objects refer to, by number; the first is null.
    pub numbered: Vec<FuncRefPtr>,
    /// Numbers whose functions are gone.
    pub(crate) free_numbers: Vec<u32>,
    /// Functions on their way into objects.
    pub held_funcs: Vec<FuncRefPtr>,
    pub(crate) releases: Releases,
    /// How many instances were ever in place: code of theirs may have run.
    pub placed: u64,
    /// Modules of instances that were freed while something ran.
    pub(crate) left_modules: Vec<Arc<Module>>,
    /// Host functions that are gone, whose finalizers wait.
    pub dead_funcs: Vec<Stable<HostFunc>>,
    /// Host functions that have no store of their own, by what they call.
    pub(crate) host_by_call: FxHashMap<HostKey, u32>,
    /// The instances with globals or segments that the collector has to look at.
    pub traced: Vec<u32>,
    pub funcs: Slab<FuncEntry>,
    // Dropped in this order: tables and globals point into contexts.
    // Stable, since machine code and contexts hold their addresses.
    pub tables: Slab<Stable<Table>>,
    pub memories: Slab<Stable<Memory>>,
    pub globals: Slab<Global>,
    /// Tags that the host knows.
    pub tags: Slab<Tag>,
    /// So many there may be before it is looked which of them have died.
    pub(crate) tags_at_next_look: usize,
    pub(crate) hosts: Slab<Stable<HostFunc>>,
    pub instances: Slab<Stable<Instance>>,
    pub(crate) kept_types: KeptTypes,
    /// Last: the rest may need it for its own end.
    pub engine: Share<Engine>,
}

/// The functions that objects refer to, of a store where none does: only null.
struct NoFuncs([FuncRefPtr; 1]);
// SAFETY: null, never written.
unsafe impl Sync for NoFuncs {}
static NO_FUNCS: NoFuncs = NoFuncs([std::ptr::null_mut()]);

/// What one call may use of its stack, at most.
fn most_stack(engine: &Engine) -> usize {
    let factor = if engine.config.lazy { LAZY_STACK_FACTOR } else { 1 };
    engine.config.max_wasm_stack.saturating_mul(factor)
}

impl Store {
    pub fn new(engine: &Arc<Engine>) -> Stable<Store> {
        let (id, shared) = {
            let mut kept = engine.pool.shelf();
            (kept.next_id(), Share::from_shelf(engine, &mut kept))
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
            numbered: Vec::new(),
            free_numbers: Vec::new(),
            held_funcs: Vec::new(),
            releases: Releases::default(),
            placed: 0,
            left_modules: Vec::new(),
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
        // SAFETY: nobody else knows the store yet.
        unsafe {
            (*store.vm.get()).store = address;
            (*store.vm.get()).funcs = NO_FUNCS.0.as_ptr();
            (*store.vm.get()).func_count = 1;
        }
        store
    }

    /// An error if a bug of the engine was met while it ran.
    pub fn check_sound(&self) -> Result<()> {
        if self.poisoned {
            return Err(err!(Internal, "the store is poisoned: a bug of the engine was met while it ran"));
        }
        Ok(())
    }

    /// The store's state can not be trusted any more.
    pub fn poison(&mut self) {
        self.poisoned = true;
        // So that it is looked at.
        self.watch = Watch::default();
    }

    /// Whether WebAssembly of this store is running, below on the stack.
    pub fn is_running(&self) -> bool {
        self.vm.is_running()
    }

    /// The host's handle of a function, the same for the same funcref.
    ///
    /// # Safety
    /// `f` is a funcref of this store, alive.
    pub unsafe fn func_handle(&mut self, f: FuncRefPtr) -> Result<u32> {
        // SAFETY: the caller's promise (invariant 1).
        let funcref = unsafe { &mut *f };
        if funcref.handle == 0 {
            let trampoline = self.engine.trampoline(funcref.type_id)?;
            self.note_known(funcref);
            let entry = FuncEntry { funcref: f, way: Way::of(&trampoline), ty: trampoline.ty.clone() };
            funcref.handle = self.funcs.insert(entry) + 1;
        }
        Ok(funcref.handle - 1)
    }

    /// A function gets a number, which has to be taken back at its end.
    pub(crate) fn note_known(&mut self, f: &VmFuncRef) {
        if f.host_owner().is_none() {
            self.instances[f.owner].has_known_funcs.set(true);
        }
    }

    /// Adds a host function that the host keeps; gives its funcref.
    pub fn add_host_func(&mut self, ty: &DefType, call: HostCall, direct: Option<Direct>) -> Result<FuncRefPtr> {
        let index = self.new_host_func(ty, call, direct, Keeper::Host)?;
        Ok(self.hosts[index].funcref())
    }

    /// The host function of a definition, which lives as long as something refers to it; gives its funcref. There is one in
    /// a store.
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

    fn new_host_func(&mut self, ty: &DefType, call: HostCall, direct: Option<Direct>, keeper: Keeper) -> Result<u32> {
        let trampoline = self.engine.trampoline_of(ty)?;
        let owner = HOST_OWNER | self.hosts.next();
        let host = HostFunc::new(self.vm.get(), ty, trampoline, call, direct, keeper, owner);
        Ok(self.hosts.insert(host))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.report_leaks();
        remote_release::unregister(self.id);
        self.vm.end();
        // First: it writes to the `VmStore`, and its objects' finalizers run.
        drop(self.heap.take());
        for table in std::mem::take(&mut self.tables).into_values() {
            table.into_inner().free(&self.engine);
        }
        for memory in std::mem::take(&mut self.memories).into_values() {
            memory.into_inner().free(&self.engine);
        }
    }
}
