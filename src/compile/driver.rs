//! Compiles a module: function by function, on several threads when it is worth it. The result does not depend on them.

use super::body::{self, Translated};
use super::code::{CompiledFunc, link};
use super::func::ModuleEnv;
use super::{isa, stack_check, trampoline};
use crate::abi::code::{Code, TrampolineCode};
use crate::abi::layout::ContextLayout;
use crate::abi::settings::Settings;
use crate::base::index::*;
use crate::base::limits::PARALLEL_COMPILE_THRESHOLD;
use crate::base::{Error, Result};
use crate::err;
use crate::wasm::decode::Body;
use crate::wasm::descriptor::DescriptorView;
use crate::wasm::module::ModuleInfo;
use crate::wasm::types::FuncType;
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_frontend::FunctionBuilderContext;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use wasmparser::FuncValidatorAllocations;

/// Stack of a compile thread, in bytes: Cranelift recurses, and the caller's stack may be small.
const COMPILE_STACK: usize = 8 << 20;

pub struct Compiler {
    isa: OwnedTargetIsa,
    settings: Settings,
    threads: usize,
    contract: u64,
}

/// What a thread reuses from one function to the next.
struct Worker {
    context: Context,
    builder: FunctionBuilderContext,
    allocations: FuncValidatorAllocations,
    control: ControlPlane,
}

impl Worker {
    fn new() -> Worker {
        Worker {
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
            allocations: FuncValidatorAllocations::default(),
            control: ControlPlane::default(),
        }
    }

    fn compile(&mut self, env: &ModuleEnv<'_>, i: DefinedFuncIndex, bytes: &[u8], body: Body) -> Result<CompiledFunc> {
        self.context.clear();
        let func = &mut self.context.func;
        let translated = body::translate(env, i, bytes, body, func, &mut self.builder, &mut self.allocations)?;
        let compiled = self.generate(env, i, &translated)?;
        let frame = compiled.frame_size();
        if !stack_check::needs_entry(env, frame) {
            return Ok(compiled);
        }
        self.context.clear();
        stack_check::entry(env, i, frame, &mut self.context.func, &mut self.builder);
        compiled.behind(self.generate(env, i, &Translated::default())?, i)
    }

    /// Machine code of the function in the context.
    fn generate(&mut self, env: &ModuleEnv<'_>, i: DefinedFuncIndex, facts: &Translated) -> Result<CompiledFunc> {
        if let Err(e) = self.context.compile(env.isa, &mut self.control) {
            let f = env.info.func_index(i);
            return Err(err!(Unsupported, "function {} can not be compiled: {:?}", f.as_u32(), e.inner));
        }
        let code = self.context.compiled_code().expect("just compiled");
        CompiledFunc::new(&self.context.func, code, facts)
    }
}

impl Compiler {
    /// A compiler for this machine that uses `threads` threads at most.
    pub fn new(settings: Settings, threads: usize) -> Result<Compiler> {
        let isa = isa::host()?;
        let contract = isa::contract(&*isa, settings);
        Ok(Compiler { isa, settings, threads, contract })
    }

    /// A hash of everything that code depends on: the contract, settings, processor, version. Code made under another one
    /// must not run here.
    pub fn contract(&self) -> u64 {
        self.contract
    }

    /// Validates and compiles the bodies of a module. Of several errors it is the first function's.
    pub fn module(&self, info: &ModuleInfo, bytes: &[u8], bodies: Vec<Body>, types: DescriptorView) -> Result<Code> {
        let layout = ContextLayout::new(info);
        let env = ModuleEnv::new(info, &layout, self.settings, &*self.isa, types);
        let size: usize = info.bodies.values().map(|r| r.len()).sum();
        let threads = if size < PARALLEL_COMPILE_THRESHOLD { 1 } else { self.threads.min(bodies.len()) };
        link(compile_all(&env, bytes, bodies, threads)?)
    }

    /// The ways in and out for a function type.
    pub fn trampoline(&self, ty: &FuncType) -> Result<TrampolineCode> {
        let mut worker = Worker::new();
        trampoline::compile(&*self.isa, ty, &mut worker.context, &mut worker.builder)
    }
}

/// Functions still to be taken and the results so far, both by index.
struct Work<'a> {
    bodies: Vec<Mutex<Option<Body>>>,
    /// Large ones first, so that no thread is left with one at the end.
    order: Vec<usize>,
    next: AtomicUsize,
    /// The first function known to be bad: those behind it are of no interest any more.
    first_bad: AtomicUsize,
    done: Vec<Mutex<Option<Result<CompiledFunc>>>>,
    env: &'a ModuleEnv<'a>,
    bytes: &'a [u8],
}

impl Work<'_> {
    fn run(&self) {
        let mut worker = Worker::new();
        while let Some(&i) = self.order.get(self.next.fetch_add(1, Relaxed)) {
            if i > self.first_bad.load(Relaxed) {
                continue;
            }
            let body = self.bodies[i].lock().expect("no panic inside").take().expect("taken once");
            let index = DefinedFuncIndex::new(i);
            let result = catch_unwind(AssertUnwindSafe(|| worker.compile(self.env, index, self.bytes, body)));
            let result = result.unwrap_or_else(|_| {
                Err(err!(Internal, "the compiler panicked in function {}", self.env.info.func_index(index).as_u32()))
            });
            if result.is_err() {
                // What was given up halfway is not fit for the next function.
                worker = Worker::new();
                self.first_bad.fetch_min(i, Relaxed);
            }
            *self.done[i].lock().expect("no panic inside") = Some(result);
        }
    }
}

fn compile_all(env: &ModuleEnv<'_>, bytes: &[u8], bodies: Vec<Body>, threads: usize) -> Result<Vec<CompiledFunc>> {
    let count = bodies.len();
    let mut order: Vec<usize> = (0..count).collect();
    if threads > 1 {
        order.sort_by_key(|i| std::cmp::Reverse(env.info.bodies[DefinedFuncIndex::new(*i)].len()));
    }
    let work = Work {
        bodies: bodies.into_iter().map(|b| Mutex::new(Some(b))).collect(),
        order,
        next: AtomicUsize::new(0),
        first_bad: AtomicUsize::new(usize::MAX),
        done: (0..count).map(|_| Mutex::new(None)).collect(),
        env,
        bytes,
    };
    if count > 0 {
        std::thread::scope(|scope| {
            let spawned: Vec<_> = (0..threads)
                .map_while(|_| {
                    let builder = std::thread::Builder::new().name("wrt-compile".into()).stack_size(COMPILE_STACK);
                    builder.spawn_scoped(scope, || work.run()).ok()
                })
                .collect();
            match spawned.is_empty() {
                true => Err(err!(OutOfMemory, "no thread to compile on")),
                false => Ok(()),
            }
        })?;
    }
    let results = work.done.into_iter().map(|d| {
        let result = d.into_inner().expect("no panic inside");
        result.unwrap_or_else(|| Err(Error::new(crate::base::ErrorKind::Internal, "a function was not compiled")))
    });
    results.collect()
}
