//! A compiled module: its declarations, its code, and the bytes of its segments.

use crate::abi::code::Code;
use crate::abi::layout::ContextLayout;
use crate::abi::vmstruct::{VmCode, VmContext};
use crate::base::index::*;
use crate::base::{Part, Result};
use crate::engine::code::machine_code::{LinkedModule, Source};
use crate::engine::code::no_code::no_code;
use crate::engine::code::tiering::{ContextGuard, Lazy, OnLinked};
use crate::engine::engine::Engine;
use crate::engine::pooling::image::Images;
use crate::engine::pooling::template::Template;
use crate::sys::mmap::Executable;
use crate::wasm::module::{GlobalDecl, ModuleInfo};
use crate::wasm::{decode, feature_diagnosis};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

pub struct Module {
    pub engine: Arc<Engine>,
    source: Arc<Source>,
    pub layout: ContextLayout,
    pub(crate) template: Template,
    pub(in crate::engine) leases: AtomicUsize,
    /// The module's own globals that hold references to objects.
    pub ref_globals: Box<[DefinedGlobalIndex]>,
    code: Machine,
    /// Whether code reads the heap's base. If so, the heap must exist before the code runs.
    pub uses_heap: bool,
}

enum Machine {
    LinkedModule(LinkedModule),
    Lazy(Arc<Lazy>),
}

impl Module {
    /// Validates and compiles a binary module. If the engine compiles lazily, functions are compiled later.
    pub fn new(engine: &Arc<Engine>, bytes: &[u8]) -> Result<Module> {
        Module::make(engine, bytes).map_err(|e| feature_diagnosis::explain(e, bytes, engine.config.features))
    }

    fn make(engine: &Arc<Engine>, bytes: &[u8]) -> Result<Module> {
        let cache = &engine.config.cache;
        if let Some(module) = cache.as_ref().and_then(|c| c.get(engine, bytes)) {
            return Ok(module);
        }
        let decoded = decode::decode(bytes, &engine.types, engine.config.features)?;
        let bodies = decoded.bodies;
        if engine.config.lazy && Part::Baseline.is_built() && !bodies.is_empty() {
            let uses_heap = engine.compiler.validate(&decoded.info, bytes, &bodies)?;
            let source = Source::new(bytes, decoded.info);
            let keep = cache.clone().map(|cache| {
                let engine = engine.clone();
                Box::new(move |linked: &LinkedModule| cache.put(&engine, linked)) as OnLinked
            });
            let uses_heap = uses_heap || !source.info.tags.is_empty();
            if let Ok(lazy) = Lazy::new(engine, &source, &bodies, uses_heap, keep) {
                return Ok(Module::with(engine, source, Machine::Lazy(lazy), uses_heap));
            }
            // The system may have memory for ordinary code even if it has none for lazily compiled code. If it has none
            // for either, this fails before the module is compiled.
            Executable::new(&[0]).map_err(|e| no_code("machine code", e))?;
            let code = engine.compiler.module(&source.info, bytes, &bodies, engine.types.view())?;
            return Module::compiled(engine, source, code);
        }
        let code = engine.compiler.module(&decoded.info, bytes, &bodies, engine.types.view())?;
        Module::compiled(engine, Source::new(bytes, decoded.info), code)
    }

    /// Creates a module from all of its code, and stores the code in the cache if there is one.
    fn compiled(engine: &Arc<Engine>, source: Arc<Source>, code: Code) -> Result<Module> {
        let linked = LinkedModule::new(&source, code)?;
        if let Some(cache) = &engine.config.cache {
            cache.put(engine, &linked);
        }
        Ok(Module::of_linked(engine, source, linked))
    }

    /// Creates a module from linked code.
    pub fn of_linked(engine: &Arc<Engine>, source: Arc<Source>, linked: LinkedModule) -> Module {
        let uses_heap = linked.uses_heap;
        Module::with(engine, source, Machine::LinkedModule(linked), uses_heap)
    }

    fn with(engine: &Arc<Engine>, source: Arc<Source>, code: Machine, uses_heap: bool) -> Module {
        let info = &source.info;
        let uses_heap = uses_heap || !info.tags.is_empty();
        let is_ref = |(g, decl): (GlobalIndex, &GlobalDecl)| info.defined_global(g).filter(|_| decl.ty.content.is_gc());
        let layout = ContextLayout::new(info);
        Module {
            engine: engine.clone(),
            template: Template::new(engine, info, &layout),
            layout,
            leases: AtomicUsize::new(0),
            ref_globals: info.globals.iter().filter_map(is_ref).collect(),
            source,
            code,
            uses_heap,
        }
    }

    pub fn info(&self) -> &ModuleInfo {
        &self.source.info
    }

    /// The initial contents of its memories.
    pub fn images(&self) -> &Images {
        &self.source.images
    }

    /// The binary that it was compiled from.
    pub fn bytes(&self) -> &[u8] {
        &self.source.bytes
    }

    /// The linked code. Waits until all functions are compiled.
    pub fn linked(&self) -> Result<&LinkedModule> {
        match &self.code {
            Machine::LinkedModule(linked) => Ok(linked),
            Machine::Lazy(lazy) => lazy.wait(&|| false),
        }
    }

    /// As `func_code`, for many functions.
    pub fn func_codes(&self) -> impl Fn(DefinedFuncIndex) -> VmCode + '_ {
        // Looked up once, not for each function.
        let linked = match &self.code {
            Machine::LinkedModule(linked) => Some((linked.text().as_ptr(), &linked.tables().funcs[..])),
            Machine::Lazy(_) => None,
        };
        move |f| match linked {
            Some((text, funcs)) => text.wrapping_add(funcs[f.index()].start as usize),
            None => self.func_code(f),
        }
    }

    /// The address to call for a function with a body: its entry, or a stub.
    pub fn func_code(&self, f: DefinedFuncIndex) -> VmCode {
        match &self.code {
            Machine::LinkedModule(linked) => linked.func(f),
            Machine::Lazy(lazy) => lazy.code(f),
        }
    }

    /// The entry of a function whose stub was called. Compiles the function if necessary.
    pub fn enter(&self, f: DefinedFuncIndex, interrupted: &dyn Fn() -> bool) -> Result<VmCode> {
        match &self.code {
            Machine::LinkedModule(linked) => Ok(linked.func(f)),
            Machine::Lazy(lazy) => lazy.enter(f, interrupted),
        }
    }

    /// Keeps the funcrefs of a complete context pointing to the functions' current code as they are compiled.
    pub fn track_context(&self, context: *mut VmContext) -> Option<ContextGuard> {
        match &self.code {
            Machine::LinkedModule(_) => None,
            Machine::Lazy(lazy) => lazy.track_context(context),
        }
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if let Machine::Lazy(lazy) = &self.code {
            lazy.stop();
        }
        self.engine.pool.forget(self.images());
    }
}
