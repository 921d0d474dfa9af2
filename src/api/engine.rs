//! The engine.

use super::Config;
use crate::base::Result;
use crate::sys::handlers;
use crate::vm;
use crate::vm::pool::PoolStatistics;
use crate::vm::share::Offer;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What modules and stores are made from. Cheap to clone, shared between threads; a program may have many.
#[derive(Clone)]
pub struct Engine(pub(super) Arc<vm::engine::Engine>);

/// See `Engine::offer`.
pub type EngineOffer = Offer<vm::engine::Engine>;

impl Engine {
    pub fn new(config: &Config) -> Result<Engine> {
        vm::engine::Engine::new(config.check()?).map(Engine)
    }

    /// Whether stores of this engine can be interrupted.
    pub fn can_interrupt(&self) -> bool {
        self.0.config.settings.interruption
    }

    /// Makes sure that the signal handlers in place are the library's, as it is looked when engines, modules, stores and instances are
    /// made, and now and then when functions are called. Does nothing where the environment turns signals off.
    pub fn install_handlers() -> Result<()> {
        if handlers::are_allowed() { vm::trap::install_handlers() } else { Ok(()) }
    }

    /// How far the compilation of all modules so far has come: bytes of function bodies that are compiled, and all.
    pub fn compile_progress(&self) -> (u64, u64) {
        let progress = self.0.compiler.progress();
        let done = progress.done.load(Relaxed);
        (done, progress.total.load(Relaxed).max(done))
    }

    /// Says that a host has this engine and will make stores of it until it drops the offer, as `Module::offer`.
    pub fn offer(&self) -> EngineOffer {
        Offer::new(&self.0)
    }

    /// What the engine's pool holds and has done.
    pub fn pool_statistics(&self) -> PoolStatistics {
        self.0.pool_statistics()
    }

    /// Whether both are the same engine.
    pub fn same(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
