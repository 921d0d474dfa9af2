//! How an engine is configured.

use crate::base::Result;
use crate::base::limits::{MAX_MEMORY64, MIN_WASM_STACK};
use crate::err;
use crate::sys::handlers;
use crate::vm::cache::CacheConfig;
use crate::vm::engine::EngineConfig;
use crate::vm::pool::PoolOptions;
use std::path::PathBuf;

/// Settings of an engine. Each setter gives the config back, to be chained.
#[derive(Clone, Debug, Default)]
pub struct Config(EngineConfig);

impl Config {
    /// Signals on, interruption off, a stack of 1 MiB, as many compile threads as processors.
    pub fn new() -> Config {
        Config::default()
    }
    /// Whether traps are faults that a signal handler turns into errors (default), or explicit checks. The environment variable
    /// `WRT_SIGNALS` turns them off, whatever this says, if it is `off` or `0`.
    pub fn signals(mut self, on: bool) -> Config {
        self.0.settings.signals = on;
        self
    }
    /// Whether stores can be interrupted and have deadlines (default: no).
    pub fn interruption(mut self, on: bool) -> Config {
        self.0.settings.interruption = on;
        self
    }
    /// Turns a proposal on, with what it needs, or off, with what needs it. `name` is a row of `features`. By default all of WebAssembly
    /// 3.0 that the library has is on, and nothing else. A module that needs what is off is refused with an error of kind `Unsupported` that
    /// says what and where. Fails with `InvalidArgument` for names there are not, and with `Unsupported` for proposals that the library does
    /// not have and that should be turned on.
    pub fn feature(mut self, name: &str, on: bool) -> Result<Config> {
        self.0.features.set(name, on)?;
        Ok(self)
    }
    /// Whether a proposal is on. Fails with `InvalidArgument` for names there are not.
    pub fn is_feature_on(&self, name: &str) -> Result<bool> {
        self.0.features.is_on(name)
    }
    /// Whether relaxed vector instructions give the same results on every processor, those of the specification's deterministic profile
    /// (default: no, what is fastest here). Results that are not numbers may differ in their bits as those of other instructions do.
    pub fn relaxed_simd_deterministic(mut self, on: bool) -> Config {
        self.0.settings.relaxed_deterministic = on;
        self
    }
    /// Stack that WebAssembly may use below the frame that enters it, in bytes (default: 1 MiB), if the stack has it: a quarter of the stack
    /// (32 KiB at least, 256 KiB at most) is always left to host functions, the runtime and signal handlers. Beyond it,
    /// WebAssembly traps: "call stack exhausted".
    pub fn max_wasm_stack(mut self, bytes: usize) -> Config {
        self.0.max_wasm_stack = bytes;
        self
    }
    /// Whether a module is ready when it is valid (default: no): its functions are compiled when they are first called, and
    /// the rest meanwhile by threads of the engine's in the background, one less than `threads`, one at least. Results are the same, and in the
    /// end so is the code. A function that can not be compiled is an error of its first call. Only on x86-64.
    pub fn lazy(mut self, on: bool) -> Config {
        self.0.lazy = on;
        self
    }
    /// Whether a lazy module has threads (default: yes). Without them each function is compiled at once, by its first call, and
    /// never again, unless all of the module is asked for.
    pub fn background(mut self, on: bool) -> Config {
        self.0.background = on;
        self
    }
    /// A directory in which compiled modules are kept, for this process and others (default: none), and how many bytes they
    /// may take; beyond, those that were not used for the longest time are removed. It is made if it is not there. What is in it
    /// will run: only who is trusted may write there.
    pub fn cache(mut self, directory: Option<PathBuf>, max_bytes: u64) -> Config {
        self.0.cache = directory.map(|directory| CacheConfig { directory, max_bytes });
        self
    }
    /// Threads that compile, at most (default: the processors there are).
    pub fn threads(mut self, n: usize) -> Config {
        self.0.threads = n;
        self
    }

    /// How much work the optimizing compiler may have with one function, in units that stand for about a nanosecond (default:
    /// 7 000 000 000). What would be more is compiled by the baseline compiler, in eager engines too: its results are the same, its
    /// code is slower. The work is estimated from counts, so a module and a setting always have the same code. Work that
    /// grows faster than a function is limited to a share of the budget by its size: all of it from 140 000 bytes on. 0 optimizes nothing,
    /// `u64::MAX` everything. Saved modules are for engines of the same budget. Where there is no baseline compiler (other processors
    /// than x86-64), such a function is an error of kind `Limit`.
    pub fn optimization_budget(mut self, work: u64) -> Config {
        self.0.settings.optimization_budget = work;
        self
    }
    /// Most bytes of a module's machine code (default: 64 MiB, and 64 for each byte of its functions; 2 GiB is the most). More is an
    /// error of kind `Limit`, of the module or, where it is compiled lazily, of a first call.
    pub fn max_code_size(mut self, bytes: u64) -> Config {
        self.0.max_code = Some(bytes);
        self
    }

    /// Most bytes that the objects of a store may take (default: what fits into `heap_reservation`). Beyond, allocation
    /// traps with `HeapExhausted`.
    pub fn heap_limit(mut self, bytes: usize) -> Config {
        self.0.heap.limit = bytes;
        self
    }
    /// Address space that is set aside for the heap of each store that uses one, in bytes (default: 4 GiB, which is the
    /// most; the least is 1 MiB and 16 times what the nursery begins with). Memory is taken only for what is used.
    pub fn heap_reservation(mut self, bytes: usize) -> Config {
        self.0.heap.reservation = bytes;
        self
    }
    /// Bytes of the nursery, where objects are made: to begin with (default: 64 KiB), and at most (default and most:
    /// 32 MiB). It grows when that saves work.
    pub fn nursery_size(mut self, min: usize, max: usize) -> Config {
        (self.0.heap.nursery_min, self.0.heap.nursery_max) = (min, max);
        self
    }
    /// When the old objects are collected: after they have grown by `percent` of what was alive (default: 100), and by
    /// `min` bytes at least (default: 8 MiB).
    pub fn heap_growth(mut self, percent: usize, min: usize) -> Config {
        (self.0.heap.growth_percent, self.0.heap.growth_min) = (percent, min);
        self
    }
    /// Whether it is noted where each reference is made, for `Store::reference_report` (default: no); and reported on standard
    /// error which are left when a store ends. Slow.
    pub fn debug_references(mut self, on: bool) -> Config {
        self.0.heap.debug_roots = on;
        self
    }
    /// For tests: every `n`-th allocation collects everything, moves all that lives and overwrites the rest. 0 is off.
    pub fn gc_zeal(mut self, n: u32) -> Config {
        self.0.heap.zeal = n;
        self
    }
    /// For tests: checks the whole heap after every collection, and panics if something is wrong.
    pub fn gc_verify(mut self, on: bool) -> Config {
        self.0.heap.verify = on;
        self
    }

    /// Most bytes of a 64-bit memory (default: 16 GiB; at most 32 TiB), whatever its type allows. So much address space is set aside for
    /// each whose type does not allow less, without signals rounded up to whole pages, with them to a power of two and 4 GiB at least.
    pub fn max_memory64(mut self, bytes: u64) -> Config {
        self.0.max_memory64 = bytes;
        self
    }

    /// Address space that is set aside for each memory, in bytes (default: `u64::MAX`, all that the memory may ever need, which is a little
    /// more than 4 GiB for most). With less, a memory that grows beyond it may move, and takes as much as it has then. Code
    /// reads a memory's address before each access and checks the access, with signals and without, which makes it slower. Saved modules
    /// are for engines that agree on whether memories may move.
    pub fn memory_reservation(mut self, bytes: u64) -> Config {
        self.0.memory_reservation = bytes;
        self.0.settings.moving_memories = bytes < u64::MAX;
        self
    }

    /// What is kept of instances that have ended, for the next ones.
    pub fn pool(mut self, options: PoolOptions) -> Config {
        self.0.pool = options;
        self
    }

    pub(super) fn check(&self) -> Result<EngineConfig> {
        if self.0.max_wasm_stack < MIN_WASM_STACK {
            let got = self.0.max_wasm_stack;
            return Err(err!(InvalidArgument, "max_wasm_stack is {got} bytes, at least {MIN_WASM_STACK} are needed"));
        }
        if self.0.threads == 0 {
            return Err(err!(InvalidArgument, "threads is 0, at least 1 is needed"));
        }
        if self.0.max_memory64 > MAX_MEMORY64 {
            let got = self.0.max_memory64;
            return Err(err!(InvalidArgument, "max_memory64 is {got} bytes, {MAX_MEMORY64} is the most"));
        }
        self.0.heap.check()?;
        let mut config = self.0.clone();
        config.settings.signals &= handlers::are_allowed();
        Ok(config)
    }
}
