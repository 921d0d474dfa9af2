//! The engine.

use super::Config;
use crate::base::Result;
use crate::engine;
use crate::engine::pooling::arc_cache::CacheLease;
use crate::engine::pooling::pool::PoolStatistics;
use crate::store::run::RUNTIME;
use crate::sys::handlers;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Creates modules and stores, and owns what they share. Cheap to clone and shared between threads; a program can have
/// many engines.
#[derive(Clone)]
pub struct Engine(pub(super) Arc<engine::engine::Engine>);

/// See `Engine::offer`.
pub type EngineOffer = CacheLease<engine::engine::Engine>;

impl Engine {
    /// Creates an engine. Fails with `InvalidArgument` if a setting is out of range, and with `Io` if the cache
    /// directory cannot be created.
    pub fn new(config: &Config) -> Result<Engine> {
        engine::engine::Engine::new(config.check()?, &RUNTIME).map(Engine)
    }

    /// Whether stores of this engine can be interrupted.
    pub fn can_interrupt(&self) -> bool {
        self.0.config.settings.interruption
    }

    /// Makes sure that the installed signal handlers are the library's. The library also checks this itself when
    /// engines, modules, stores and instances are created, and from time to time when functions are called. Does
    /// nothing if the environment turns signals off.
    pub fn install_handlers() -> Result<()> {
        if handlers::are_allowed() { RUNTIME.install_handlers() } else { Ok(()) }
    }

    /// Progress of the compilation of all modules so far: the bytes of function bodies that are compiled, and the
    /// total.
    pub fn compile_progress(&self) -> (u64, u64) {
        let progress = self.0.compiler.progress();
        let done = progress.done.load(Relaxed);
        (done, progress.total.load(Relaxed).max(done))
    }

    /// Declares that the host will create stores of this engine until it drops the offer. The same as `Module::offer`.
    pub fn offer(&self) -> EngineOffer {
        CacheLease::new(&self.0)
    }

    /// What the engine's pool holds, and what it has done so far.
    pub fn pool_statistics(&self) -> PoolStatistics {
        self.0.pool_statistics()
    }

    /// Whether both are the same engine.
    pub fn same(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
