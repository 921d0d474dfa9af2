//! A compiled module: what it declares, its code, and the bytes its segments come from.

use crate::abi::code::Code;
use crate::abi::layout::ContextLayout;
use crate::abi::vmstruct::{VmCode, VmContext};
use crate::base::Result;
use crate::base::index::*;
use crate::engine::code::machine_code::{Linked, Source};
use crate::engine::code::no_code::no_code;
use crate::engine::code::tiering::{Enlisted, Lazy, OnLinked};
use crate::engine::engine::Engine;
use crate::engine::pooling::image::Images;
use crate::engine::pooling::template::Template;
use crate::sys::mmap::Executable;
use crate::wasm::module::{GlobalDecl, ModuleInfo};
use crate::wasm::{decode, refusal};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

pub struct Module {
    pub engine: Arc<Engine>,
    source: Arc<Source>,
    pub layout: ContextLayout,
    pub(crate) template: Template,
    pub(crate) offers: AtomicUsize,
    /// Its own globals that hold references to objects.
    pub ref_globals: Box<[DefinedGlobalIndex]>,
    code: Machine,
    /// Whether code looks at the heap's base, which then must be there before it runs.
    pub uses_heap: bool,
}

enum Machine {
    Linked(Linked),
    Lazy(Arc<Lazy>),
}

impl Module {
    /// Validates and compiles a binary module; its functions later, if the engine is configured so.
    pub fn new(engine: &Arc<Engine>, bytes: &[u8]) -> Result<Module> {
        Module::make(engine, bytes).map_err(|e| refusal::explain(e, bytes, engine.config.features))
    }

    fn make(engine: &Arc<Engine>, bytes: &[u8]) -> Result<Module> {
        let cache = &engine.config.cache;
        if let Some(module) = cache.as_ref().and_then(|c| c.get(engine, bytes)) {
            return Ok(module);
        }
        let decoded = decode::decode(bytes, &engine.types, engine.config.features)?;
        let bodies = decoded.bodies;
        if engine.config.lazy && cfg!(target_arch = "x86_64") && !bodies.is_empty() {
            let uses_heap = engine.compiler.validate(&decoded.info, bytes, &bodies)?;
            let source = Source::new(bytes, decoded.info);
            let keep = cache.clone().map(|cache| {
                let engine = engine.clone();
                Box::new(move |linked: &Linked| cache.put(&engine, linked)) as OnLinked
            });
            let uses_heap = uses_heap || !source.info.tags.is_empty();
            if let Ok(lazy) = Lazy::new(engine, &source, &bodies, uses_heap, keep) {
                return Ok(Module::with(engine, source, Machine::Lazy(lazy), uses_heap));
            }
            // Where the system has no memory for such code, there may be some for the ordinary kind. If not, nobody should have to
            // wait for the compiler to hear of it.
            Executable::new(&[0]).map_err(|e| no_code("machine code", e))?;
            let code = engine.compiler.module(&source.info, bytes, &bodies, engine.types.view())?;
            return Module::compiled(engine, source, code);
        }
        let code = engine.compiler.module(&decoded.info, bytes, &bodies, engine.types.view())?;
        Module::compiled(engine, Source::new(bytes, decoded.info), code)
    }

    /// A module from all of its code, which is kept if there is a cache.
    fn compiled(engine: &Arc<Engine>, source: Arc<Source>, code: Code) -> Result<Module> {
        let linked = Linked::new(&source, code)?;
        if let Some(cache) = &engine.config.cache {
            cache.put(engine, &linked);
        }
        Ok(Module::of_linked(engine, source, linked))
    }

    /// A module from all of its code in place.
    pub fn of_linked(engine: &Arc<Engine>, source: Arc<Source>, linked: Linked) -> Module {
        let uses_heap = linked.uses_heap;
        Module::with(engine, source, Machine::Linked(linked), uses_heap)
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
            offers: AtomicUsize::new(0),
            ref_globals: info.globals.iter().filter_map(is_ref).collect(),
            source,
            code,
            uses_heap,
        }
    }

    pub fn info(&self) -> &ModuleInfo {
        &self.source.info
    }

    /// What its memories start with.
    pub fn images(&self) -> &Images {
        &self.source.images
    }

    /// The binary it was made from.
    pub fn bytes(&self) -> &[u8] {
        &self.source.bytes
    }

    /// All of its code, which is waited for.
    pub fn linked(&self) -> Result<&Linked> {
        match &self.code {
            Machine::Linked(linked) => Ok(linked),
            Machine::Lazy(lazy) => lazy.wait(&|| false),
        }
    }

    /// As `func_code`, for many functions.
    pub fn func_codes(&self) -> impl Fn(DefinedFuncIndex) -> VmCode + '_ {
        // Looked up once, not for each.
        let linked = match &self.code {
            Machine::Linked(linked) => Some((linked.text().as_ptr(), &linked.tables().funcs[..])),
            Machine::Lazy(_) => None,
        };
        move |f| match linked {
            Some((text, funcs)) => text.wrapping_add(funcs[f.index()].start as usize),
            None => self.func_code(f),
        }
    }

    /// What leads to a function with a body: its entry, or a stub.
    pub fn func_code(&self, f: DefinedFuncIndex) -> VmCode {
        match &self.code {
            Machine::Linked(linked) => linked.func(f),
            Machine::Lazy(lazy) => lazy.code(f),
        }
    }

    /// The entry of a function whose stub was called.
    pub fn enter(&self, f: DefinedFuncIndex, interrupted: &dyn Fn() -> bool) -> Result<VmCode> {
        match &self.code {
            Machine::Linked(linked) => Ok(linked.func(f)),
            Machine::Lazy(lazy) => lazy.enter(f, interrupted),
        }
    }

    /// Keeps the funcrefs of a complete context leading to the functions themselves, as they are compiled.
    pub fn enlist(&self, context: *mut VmContext) -> Option<Enlisted> {
        match &self.code {
            Machine::Linked(_) => None,
            Machine::Lazy(lazy) => lazy.enlist(context),
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
