//! How an engine is configured.

use crate::base::Result;
use crate::base::limits::{MAX_MEMORY64, MIN_WASM_STACK};
use crate::engine::code::cache::CacheConfig;
use crate::engine::engine::EngineConfig;
use crate::engine::pooling::pool::PoolOptions;
use crate::err;
use crate::sys::handlers;
use std::path::PathBuf;

/// Settings of an engine. Each setter returns the config, so that calls can be chained. `Engine::new` checks the
/// values.
#[derive(Clone, Debug, Default)]
pub struct Config(EngineConfig);

impl Config {
    /// The defaults: signals on (off under Valgrind), interruption off, 1 MiB of stack, one compile thread per
    /// processor.
    pub fn new() -> Config {
        Config::default()
    }
    /// Whether traps are detected by faults, which a signal handler turns into errors (default, except under Valgrind),
    /// or by explicit checks. If the environment variable `WRT_SIGNALS` is `off` or `0`, checks are used whatever this
    /// setting is.
    pub fn signals(mut self, on: bool) -> Config {
        self.0.settings.signals = on;
        self
    }
    /// Whether stores can be interrupted and can have deadlines (default: no).
    pub fn interruption(mut self, on: bool) -> Config {
        self.0.settings.interruption = on;
        self
    }
    /// Turns a proposal on, together with what it needs, or off, together with what needs it. `name` is the name of a
    /// row of `features`. By default all of WebAssembly 3.0 that the library supports is on, and nothing else. A module
    /// that uses a disabled feature is rejected with an error of kind `Unsupported` that says which feature and where.
    /// Fails with `NotFound` for an unknown name, and with `Unsupported` when turning on a proposal that the
    /// library does not support.
    pub fn feature(mut self, name: &str, on: bool) -> Result<Config> {
        self.0.features.set(name, on)?;
        Ok(self)
    }
    /// Whether a proposal is on. Fails with `NotFound` for an unknown name.
    pub fn is_feature_on(&self, name: &str) -> Result<bool> {
        self.0.features.is_on(name)
    }
    /// Whether relaxed SIMD instructions return the same results on every processor, those of the specification's
    /// deterministic profile (default: no; the fastest instructions of this processor are used). The bits of NaN
    /// results can still differ, as those of other instructions can.
    pub fn relaxed_simd_deterministic(mut self, on: bool) -> Config {
        self.0.settings.relaxed_deterministic = on;
        self
    }
    /// Stack that WebAssembly can use below the frame that enters it, in bytes (default: 1 MiB), if the thread's stack
    /// has that much. A quarter of the stack (at least 32 KiB, at most 256 KiB) is always left to host functions, the
    /// runtime and signal handlers. Beyond the limit, WebAssembly traps: "call stack exhausted".
    pub fn max_wasm_stack(mut self, bytes: usize) -> Config {
        self.0.max_wasm_stack = bytes;
        self
    }
    /// Whether a module is ready as soon as it is validated (default: no). Its functions are then compiled when they
    /// are first called, and the others in the background by the engine's threads: one fewer than `threads`, but at
    /// least one. Results are the same, and in the end the code is the same too. If a function cannot be compiled, its
    /// first call fails. Only on x86-64.
    pub fn lazy(mut self, on: bool) -> Config {
        self.0.lazy = on;
        self
    }
    /// Whether lazy modules are also compiled in the background (default: yes). Otherwise each function is compiled
    /// once, on its first call, usually by the baseline compiler; only an operation that needs the whole module, such
    /// as `Module::save`, compiles and optimizes the rest.
    pub fn background(mut self, on: bool) -> Config {
        self.0.background = on;
        self
    }
    /// A directory where compiled modules are stored for this process and others (default: none), and how many bytes it
    /// can hold; beyond that, the least recently used modules are removed. The directory is created if it does not
    /// exist. Its contents will be executed: give write access to trusted users only.
    pub fn cache(mut self, directory: Option<PathBuf>, max_bytes: u64) -> Config {
        self.0.cache = directory.map(|directory| CacheConfig { directory, max_bytes });
        self
    }
    /// Maximum number of threads that compile (default: the number of processors).
    pub fn threads(mut self, n: usize) -> Config {
        self.0.threads = n;
        self
    }

    /// How much work the optimizing compiler may spend on one function, in units of about a nanosecond (default:
    /// 7 000 000 000). A function that would need more is compiled by the baseline compiler, in eager engines too: its
    /// results are the same, but its code is slower. The work is estimated from counts, so the same module and setting
    /// always produce the same code. Work that grows faster than the function's size is limited to a share of the budget
    /// that depends on that size: all of it from 140 000 bytes on. 0 optimizes nothing, `u64::MAX` everything. A saved
    /// module can only be loaded with the same budget. Without a baseline compiler (on processors other than x86-64),
    /// such a function is an error of kind `Limit`.
    pub fn optimization_budget(mut self, work: u64) -> Config {
        self.0.settings.optimization_budget = work;
        self
    }
    /// Maximum bytes of a module's machine code (default: 64 MiB plus 64 for each byte of its functions; never more
    /// than 2 GiB). Exceeding it is an error of kind `Limit`, either of the module or, if it is compiled lazily, of a
    /// function's first call.
    pub fn max_code_size(mut self, bytes: u64) -> Config {
        self.0.max_code = Some(bytes);
        self
    }

    /// Maximum bytes that the objects of a store can take (default: as many as fit into `heap_reservation`). Beyond
    /// that, allocation traps with `HeapExhausted`.
    pub fn heap_limit(mut self, bytes: usize) -> Config {
        self.0.heap.limit = bytes;
        self
    }
    /// Address space reserved for the heap of each store that uses one, in bytes (default and maximum: about 4 GiB; the
    /// minimum is 1 MiB or 16 times the initial nursery size, whichever is larger). Memory is committed only for what
    /// is used.
    pub fn heap_reservation(mut self, bytes: usize) -> Config {
        self.0.heap.reservation = bytes;
        self
    }
    /// Size of the nursery, where objects are allocated, in bytes: initially (default: 64 KiB) and at most (default and
    /// maximum: 32 MiB). It grows when that saves work.
    pub fn nursery_size(mut self, min: usize, max: usize) -> Config {
        (self.0.heap.nursery_min, self.0.heap.nursery_max) = (min, max);
        self
    }
    /// When old objects are collected: after they have grown by `percent` of the bytes that survived the last full
    /// collection (default: 100), and by at least `min` bytes (default: 8 MiB).
    pub fn heap_growth(mut self, percent: usize, min: usize) -> Config {
        (self.0.heap.growth_percent, self.0.heap.growth_min) = (percent, min);
        self
    }
    /// Whether to record where each reference is created, for `Store::reference_report` (default: no). When a store is
    /// dropped, the references that are left are reported on standard error. Slow.
    pub fn debug_references(mut self, on: bool) -> Config {
        self.0.heap.debug_roots = on;
        self
    }
    /// For tests: every `n`-th allocation runs a full collection, moves all live objects and overwrites the freed
    /// memory. 0 is off.
    pub fn gc_zeal(mut self, n: u32) -> Config {
        self.0.heap.zeal = n;
        self
    }
    /// For tests: checks the whole heap after every collection, and panics if an invariant does not hold.
    pub fn gc_verify(mut self, on: bool) -> Config {
        self.0.heap.verify = on;
        self
    }

    /// Maximum bytes of a 64-bit memory (default: 16 GiB; at most 32 TiB), whatever its type allows. This much address
    /// space is reserved for each 64-bit memory unless its type allows less: rounded up to whole pages with explicit
    /// checks, or to a power of two of at least 4 GiB with signals. `memory_reservation` can reduce it.
    pub fn max_memory64(mut self, bytes: u64) -> Config {
        self.0.max_memory64 = bytes;
        self
    }

    /// Address space reserved for each memory, in bytes (default: `u64::MAX`, all that the memory can ever need, which
    /// is a little more than 4 GiB for most). With any smaller value, a memory that grows beyond its reservation can
    /// move, and then reserves at least what it needs. Code then loads a memory's address before each access and checks
    /// the access explicitly, with signals or without, which makes it slower. Saved modules can only be loaded by
    /// engines that agree on whether memories can move.
    pub fn memory_reservation(mut self, bytes: u64) -> Config {
        self.0.memory_reservation = bytes;
        self.0.settings.moving_memories = bytes < u64::MAX;
        self
    }

    /// What the engine keeps of deleted instances, for reuse by new ones.
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
            return Err(err!(InvalidArgument, "max_memory64 is {got} bytes, the maximum is {MAX_MEMORY64}"));
        }
        self.0.heap.check()?;
        let mut config = self.0.clone();
        config.settings.signals &= handlers::are_allowed();
        Ok(config)
    }
}
