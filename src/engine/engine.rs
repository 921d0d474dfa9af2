//! The engine: the state that modules and stores share. The compiler, the type registry, trampolines by type, the
//! timer.

use crate::abi::settings::Settings;
use crate::base::Result;
use crate::base::limits::{DEFAULT_MAX_MEMORY64, DEFAULT_MAX_WASM_STACK};
use crate::compile::Compiler;
use crate::engine::code::background::Background;
use crate::engine::code::cache::CacheConfig;
use crate::engine::code::no_code::no_code;
use crate::engine::code::trampoline::{Trampoline, TrampolineText};
use crate::engine::pooling::pool::{Pool, PoolOptions, PoolStatistics};
use crate::engine::runtime::Runtime;
use crate::engine::timer::Timer;
use crate::err;
use crate::gc::HeapConfig;
use crate::gc::region::RegionPool;
use crate::sys::lock::{Mutex, section};
use crate::sys::membarrier;
use crate::sys::valgrind;
use crate::wasm::features::FeatureSet;
use crate::wasm::registry::{DefType, Group, TypeId, TypeRegistry};
use crate::wasm::scope::TypeScope;
use crate::wasm::types::{CompositeType, FieldType, StorageType, SubType, ValType};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// The configuration of an engine.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    pub settings: Settings,
    /// The WebAssembly features that modules can use.
    pub features: FeatureSet,
    /// Bytes of stack that WebAssembly can use below the frame that entered it.
    pub max_wasm_stack: usize,
    /// Maximum number of threads that compile.
    pub threads: usize,
    /// Whether functions are compiled when they are first called, and in the background.
    pub lazy: bool,
    /// Whether there are threads that compile in the background.
    pub background: bool,
    /// The cache of compiled modules, if there is one.
    pub cache: Option<CacheConfig>,
    /// The configuration of every store's heap.
    pub heap: HeapConfig,
    /// Limits of the pool, which keeps resources of deleted instances for new ones.
    pub pool: PoolOptions,
    /// Maximum bytes of a 64-bit memory.
    pub max_memory64: u64,
    /// Bytes of address space that a new memory reserves, if it may need more later (`Settings::moving_memories`).
    pub memory_reservation: u64,
    /// Maximum bytes of a module's machine code; `None` for a limit derived from the module's size.
    pub max_code: Option<u64>,
}

impl Default for EngineConfig {
    fn default() -> EngineConfig {
        EngineConfig {
            // Valgrind reports every fault of machine code, even if it is handled.
            settings: Settings { signals: !valgrind::is_running(), ..Settings::default() },
            features: FeatureSet::default(),
            max_wasm_stack: DEFAULT_MAX_WASM_STACK,
            threads: processors(),
            lazy: false,
            background: true,
            cache: None,
            heap: HeapConfig::default(),
            pool: PoolOptions::default(),
            max_memory64: DEFAULT_MAX_MEMORY64,
            memory_reservation: u64::MAX,
            max_code: None,
        }
    }
}

/// How many processors the process can use. Queried once, because the system reads files for the answer.
fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *section(|| PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, |n| n.get())))
}

pub struct Engine {
    /// Unique in the process; never 0.
    pub id: u64,
    pub config: EngineConfig,
    pub runtime: &'static Runtime,
    pub compiler: Compiler,
    pub types: TypeRegistry,
    pub timer: Timer,
    /// The threads that compile lazy modules.
    pub background: Arc<Background>,
    /// The type of the arrays that hold the references of host objects.
    pub host_fields: DefType,
    /// Address space from the heaps of deleted stores.
    pub regions: Arc<RegionPool>,
    /// Resources from deleted instances.
    pub pool: Pool,
    pub(in crate::engine) leases: AtomicUsize,
    /// Types that the host has defined.
    host_types: Mutex<HostTypes>,
}

impl Engine {
    pub fn new(config: EngineConfig, runtime: &'static Runtime) -> Result<Arc<Engine>> {
        if config.settings.signals {
            runtime.install_handlers()?;
        }
        if let Some(cache) = &config.cache {
            cache.prepare()?;
        }
        // Stores query this as well. Once the process has several threads, and a lazy module starts some, the first
        // query takes 10 ms.
        membarrier::is_available();
        let types = TypeRegistry::new()?;
        let any = FieldType { storage: StorageType::Val(ValType::ANYREF), mutable: true };
        let host_fields = types.register_group(vec![SubType::plain(CompositeType::Array(any))])?.remove(0);
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        Ok(Arc::new(Engine {
            id: NEXT_ID.fetch_add(1, Relaxed),
            compiler: Compiler::new(config.settings, config.threads, config.max_code)?,
            runtime,
            types,
            host_fields,
            timer: Timer::default(),
            background: Background::new(config.threads.saturating_sub(1).max(1)),
            regions: RegionPool::new(config.pool.heaps, config.pool.heap_resident),
            pool: Pool::new(config.pool),
            leases: AtomicUsize::new(0),
            host_types: Mutex::default(),
            config,
        }))
    }

    /// Makes sure that our signal handlers are still installed, if traps use signals.
    pub fn install_handlers(&self) -> Result<()> {
        if self.config.settings.signals { self.runtime.install_handlers() } else { Ok(()) }
    }

    /// As `install_handlers`, but checks only one of the signals, with one system call.
    pub fn check_handlers(&self) -> Result<()> {
        if self.config.settings.signals { self.runtime.check_handlers() } else { Ok(()) }
    }

    pub fn pool_statistics(&self) -> PoolStatistics {
        let (kept, reused) = self.regions.statistics();
        PoolStatistics { heaps_kept: kept as u64, heaps_reused: reused, ..self.pool.statistics() }
    }

    /// The trampoline of a type, compiled on the first request unless a saved module has provided it.
    pub fn trampoline(&self, ty: TypeId) -> Result<Arc<Trampoline>> {
        self.trampoline_of(&self.types.get(ty))
    }

    /// As `trampoline`. A trampoline lives as long as its type.
    pub fn trampoline_of(&self, ty: &DefType) -> Result<Arc<Trampoline>> {
        ty.attached(|| {
            let func = ty.func().ok_or_else(|| err!(Internal, "a trampoline of what is not a function type"))?;
            let text = TrampolineText::new(self.compiler.trampoline(func)?, self.runtime.personality);
            let text =
                text.map_err(|e| no_code(&format!("calls of the type {func}, which no loaded module has"), e))?;
            Ok(Trampoline::new(&text, 0, func))
        })
    }

    /// Keeps types that the host has defined for as long as the engine lives. Returns `scope`, or an earlier scope with
    /// the same names.
    pub fn keep_host_types(&self, types: &[DefType], scope: &Arc<TypeScope>) -> Arc<TypeScope> {
        let mut kept = self.host_types.lock();
        let known = types.iter().find_map(|ty| kept.names.get(&ty.id)).filter(|known| known.is_like(scope));
        if let Some(known) = known {
            return known.clone();
        }
        for ty in types {
            kept.groups.entry(Arc::as_ptr(ty.group()).addr()).or_insert_with(|| ty.group().clone());
            if scope.names(ty.id) {
                // The first scope that names a type stays.
                kept.names.entry(ty.id).or_insert_with(|| scope.clone());
            }
        }
        scope.clone()
    }

    /// The scope in which the host has named a type.
    pub fn host_scope_naming(&self, id: TypeId) -> Option<Arc<TypeScope>> {
        self.host_types.lock().names.get(&id).cloned()
    }
}

#[derive(Default)]
struct HostTypes {
    /// By the group's address.
    groups: FxHashMap<usize, Arc<Group>>,
    names: FxHashMap<TypeId, Arc<TypeScope>>,
}
