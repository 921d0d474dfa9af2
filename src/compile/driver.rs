//! Compiles a module: function by function, on several threads when it is worth it. The result does not depend on them.

use super::baseline;
use super::code::{CompiledFunc, link};
use super::cranelift::{FuncCompiler, isa};
use super::env::{ModuleEnv, ModuleFacts, Processor};
use super::trampolines;
use crate::abi::code::{Code, Trampolines};
use crate::abi::settings::Settings;
use crate::base::index::*;
use crate::base::limits::{CODE_FOR_BYTE, CODE_FOR_MODULE, MAX_CODE, PARALLEL_COMPILE_THRESHOLD};
use crate::base::{Error, Result};
use crate::err;
use crate::sys::allocation::fatal;
use crate::sys::lock::Mutex;
use crate::sys::stack::on_large_stack;
use crate::sys::thread::{THREAD_STACK, without_signals};
use crate::wasm::decode::{self, Body};
use crate::wasm::descriptor::DescriptorView;
use crate::wasm::module::ModuleInfo;
use crate::wasm::types::FuncType;
use cranelift_codegen::isa::OwnedTargetIsa;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// How a function is compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tier {
    /// By `baseline`, while somebody waits.
    Baseline,
    /// By Cranelift.
    Final,
}

pub struct Compiler {
    isa: OwnedTargetIsa,
    processor: Processor,
    settings: Settings,
    threads: usize,
    max_code: Option<u64>,
    contract: Contract,
    progress: Progress,
}

/// How far the compilation of modules has come, in bytes of function bodies.
#[derive(Default)]
pub struct Progress {
    pub done: AtomicU64,
    pub total: AtomicU64,
}

/// Compiles a valid body by the baseline compiler. `None` when Cranelift has to.
pub fn compile_baseline(
    env: &ModuleEnv<'_>,
    i: DefinedFuncIndex,
    bytes: &[u8],
    body: &Body,
) -> Result<Option<CompiledFunc>> {
    if cfg!(not(target_arch = "x86_64")) {
        return Ok(None);
    }
    let result = catch_unwind(AssertUnwindSafe(|| baseline::compile(env, i, bytes, body)));
    result.map_or_else(|_| Err(panicked(env, i)), |done| Ok(done?.ok()))
}

/// Validates and compiles a body for good: by Cranelift, or by the baseline compiler where that would be too much work. The same
/// module and settings always have the same code.
pub fn compile_for_good(
    compiler: &mut FuncCompiler,
    env: &ModuleEnv<'_>,
    i: DefinedFuncIndex,
    bytes: &[u8],
    body: &Body,
) -> Result<CompiledFunc> {
    if let Some(optimized) = compiler.compile(env, i, bytes, decode::again(body))? {
        return Ok(optimized);
    }
    let range = env.info.bodies[i].clone();
    decode::validate_body(decode::again(body), &bytes[range.clone()], range.start, &mut Default::default())?;
    compile_baseline(env, i, bytes, body)?.ok_or_else(|| {
        let (f, budget) = (env.info.func_index(i).as_u32(), env.settings.optimization_budget);
        err!(
            Limit,
            "function {f} takes more work to optimize than the budget of {budget}, and the baseline compiler can not compile it here"
        )
    })
}

/// Counts bytes of a module's machine code, on any thread.
pub struct CodeMeter {
    used: AtomicU64,
    most: u64,
}

impl CodeMeter {
    pub fn new(env: &ModuleEnv<'_>) -> CodeMeter {
        CodeMeter { used: AtomicU64::new(0), most: env.max_code }
    }

    pub fn is_exceeded(&self) -> bool {
        self.used.load(Relaxed) > self.most
    }

    /// Counts a function's code. An error if it is too much with what was counted before.
    pub fn add(&self, func: &CompiledFunc) -> Result<()> {
        self.used.fetch_add(func.len() as u64, Relaxed);
        if self.is_exceeded() { Err(too_much_code(self.most)) } else { Ok(()) }
    }
}

pub(super) fn too_much_code(most: u64) -> Error {
    err!(Limit, "the module has more than {most} bytes of machine code, which is the limit for it")
}

pub(super) fn panicked(env: &ModuleEnv<'_>, i: DefinedFuncIndex) -> Error {
    err!(Internal, "the compiler panicked in function {}", env.info.func_index(i).as_u32())
}

/// What code depends on. Code made under another hash must not run here; the rest says why.
#[derive(Clone, Copy)]
pub struct Contract {
    /// Of all of it: the contract's text, settings, processor, version.
    pub hash: u64,
    /// Of the library: major, minor and patch, 16 bits each.
    pub version: u64,
    /// A hash of the processor and its features.
    pub processor: u64,
    pub settings: Settings,
}

fn packed_version() -> u64 {
    let parts = [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH")];
    parts.iter().fold(0, |v, part| v << 16 | part.parse::<u64>().unwrap_or(0) & 0xffff)
}

impl Compiler {
    /// A compiler for this machine that uses `threads` threads at most.
    /// Modules have `max_code` bytes of machine code at most; `None` for what fits to their size.
    pub fn new(settings: Settings, threads: usize, max_code: Option<u64>) -> Result<Compiler> {
        let isa = isa::host()?;
        let contract = Contract {
            hash: isa::contract(&*isa, settings),
            version: packed_version(),
            processor: isa::processor(&*isa),
            settings,
        };
        Ok(Compiler {
            processor: Processor::new(&*isa),
            isa,
            settings,
            threads,
            max_code,
            contract,
            progress: Progress::default(),
        })
    }

    /// What code depends on.
    pub fn contract(&self) -> Contract {
        self.contract
    }

    /// Of all modules since the engine was made.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What the functions of a module share while they are compiled.
    pub fn env<'m>(&'m self, info: &'m ModuleInfo, facts: &'m ModuleFacts, types: DescriptorView) -> ModuleEnv<'m> {
        let (layout, fixed_tables) = (&facts.layout, &facts.fixed_tables[..]);
        let (settings, isa, processor) = (self.settings, &*self.isa, self.processor);
        let by_size = CODE_FOR_BYTE * facts.body_bytes + CODE_FOR_MODULE;
        let max_code = self.max_code.unwrap_or(by_size).min(MAX_CODE);
        ModuleEnv { info, layout, settings, isa, processor, types, fixed_tables, max_code }
    }

    /// Validates and compiles the bodies of a module. Of several errors it is the first function's.
    pub fn module(&self, info: &ModuleInfo, bytes: &[u8], bodies: &[Body], types: DescriptorView) -> Result<Code> {
        let facts = ModuleFacts::new(info);
        let env = self.env(info, &facts, types);
        let size = |i: usize| info.bodies[DefinedFuncIndex::new(i)].len();
        let all: usize = (0..bodies.len()).map(size).sum();
        self.progress.total.fetch_add(all as u64, Relaxed);
        let threads = if all < PARALLEL_COMPILE_THRESHOLD { 1 } else { self.threads };
        let mut order: Vec<usize> = (0..bodies.len()).collect();
        if threads > 1 {
            // Large ones first, so that no thread is left with one at the end.
            order.sort_by_key(|i| std::cmp::Reverse(size(*i)));
        }
        let counted = AtomicU64::new(0);
        let meter = CodeMeter::new(&env);
        let compiled = in_parallel(threads, &order, FuncCompiler::default, |compiler, i| {
            let func = one(compiler, &env, i, bytes, &bodies[i], &meter);
            counted.fetch_add(size(i) as u64, Relaxed);
            self.progress.done.fetch_add(size(i) as u64, Relaxed);
            func
        });
        // Some may have been left out.
        self.progress.done.fetch_add(all as u64 - counted.load(Relaxed), Relaxed);
        let funcs: Option<Vec<_>> = compiled?.into_iter().collect();
        link(&funcs.ok_or_else(|| too_much_code(meter.most))?)
    }

    /// Validates the bodies of a module. Gives whether one may look into objects; of several errors the first function's.
    pub fn validate(&self, info: &ModuleInfo, bytes: &[u8], bodies: &[Body]) -> Result<bool> {
        let order: Vec<usize> = (0..bodies.len()).collect();
        let threads = if bytes.len() < PARALLEL_COMPILE_THRESHOLD { 1 } else { self.threads };
        let found = in_parallel(threads, &order, Default::default, |allocations, i| {
            let range = info.bodies[DefinedFuncIndex::new(i)].clone();
            decode::validate_body(decode::again(&bodies[i]), &bytes[range.clone()], range.start, allocations)
        });
        Ok(found?.contains(&true))
    }

    /// The ways in and out for a function type.
    pub fn trampoline(&self, ty: &FuncType) -> Result<Trampolines> {
        let made = fatal(|| on_large_stack(|| FuncCompiler::default().trampoline(&*self.isa, ty)));
        made.map_err(|e| err!(OutOfMemory, "no stack to compile on: {e}"))?
    }

    /// The same for many types, and which trampoline each has.
    pub fn trampolines<'t>(
        &self,
        types: impl Iterator<Item = Option<&'t FuncType>>,
    ) -> Result<(Trampolines, Vec<u32>)> {
        let (shapes, places) = trampolines::shapes(types);
        let order: Vec<usize> = (0..shapes.len()).collect();
        let threads = if shapes.len() < trampolines::PARALLEL_THRESHOLD { 1 } else { self.threads };
        let compiled = in_parallel(threads, &order, FuncCompiler::default, |compiler, i| {
            // One that can not be compiled is an error of who needs it.
            Ok(compiler.trampoline(&*self.isa, shapes[i]).ok())
        });
        Ok(trampolines::joined(compiled?, places))
    }
}

/// Validates and compiles function `i`. `None` when there is too much code by then: an invalid function is the better error.
fn one(
    compiler: &mut FuncCompiler,
    env: &ModuleEnv<'_>,
    i: usize,
    bytes: &[u8],
    body: &Body,
    meter: &CodeMeter,
) -> Result<Option<Arc<CompiledFunc>>> {
    let i = DefinedFuncIndex::new(i);
    if meter.is_exceeded() {
        let range = env.info.bodies[i].clone();
        decode::validate_body(decode::again(body), &bytes[range.clone()], range.start, &mut Default::default())?;
        return Ok(None);
    }
    let func = compile_for_good(compiler, env, i, bytes, body)?;
    Ok(meter.add(&func).is_ok().then(|| Arc::new(func)))
}

/// Does `work` for every index of `order`, which are those below its length, on the calling thread and on others. Gives the
/// results by index, or the error of the least index that has one.
fn in_parallel<S, T: Send>(
    threads: usize,
    order: &[usize],
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let done: Vec<Mutex<Option<Result<T>>>> = order.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    // What stands behind the first error is of no interest any more.
    let first_bad = AtomicUsize::new(usize::MAX);
    let compile = || {
        on_large_stack(|| {
            let mut state = state();
            while let Some(&i) = order.get(next.fetch_add(1, Relaxed)) {
                if i > first_bad.load(Relaxed) {
                    continue;
                }
                let result = work(&mut state, i);
                if result.is_err() {
                    first_bad.fetch_min(i, Relaxed);
                }
                *done[i].lock() = Some(result);
            }
        })
    };
    let run = || fatal(compile);
    std::thread::scope(|scope| {
        for _ in 1..threads.min(order.len()) {
            let builder = std::thread::Builder::new().name("wrt-compile".into()).stack_size(THREAD_STACK);
            // Where there is no thread to be had, the others do it.
            if without_signals(|| builder.spawn_scoped(scope, run)).is_err() {
                break;
            }
        }
        run().map_err(|e| err!(OutOfMemory, "no stack to compile on: {e}"))
    })?;
    let lost = || Err(err!(Internal, "a function was left out"));
    done.into_iter().map(|d| d.into_inner().unwrap_or_else(lost)).collect()
}
