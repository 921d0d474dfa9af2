//! Compiles a module function by function, on several threads if it is worthwhile. The result does not depend on the
//! threads.

use super::baseline;
use super::code::{CompiledFunc, link};
use super::cranelift::{FuncCompiler, isa};
use super::env::{ModuleEnv, ModuleFacts, Processor};
use super::trampolines;
use crate::abi::code::{Code, Trampolines};
use crate::abi::settings::Settings;
use crate::base::index::*;
use crate::base::limits::{CODE_FOR_BYTE, CODE_FOR_MODULE, MAX_CODE, PARALLEL_COMPILE_THRESHOLD};
use crate::base::{Error, Part, Result};
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
    /// With `baseline`, when a caller is waiting.
    Baseline,
    /// For long-term use: with Cranelift, or with `baseline` if optimizing would be too much work.
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

/// Progress of compilation, in bytes of function bodies.
#[derive(Default)]
pub struct Progress {
    pub done: AtomicU64,
    pub total: AtomicU64,
}

/// Compiles a valid body with the baseline compiler. Returns `None` if Cranelift has to compile it.
pub fn compile_baseline(
    env: &ModuleEnv<'_>,
    i: DefinedFuncIndex,
    bytes: &[u8],
    body: &Body,
) -> Result<Option<CompiledFunc>> {
    if !Part::Baseline.is_built() {
        return Ok(None);
    }
    let result = catch_unwind(AssertUnwindSafe(|| baseline::compile(env, i, bytes, body)));
    result.map_or_else(|_| Err(panicked(env, i)), |done| Ok(done?.ok()))
}

/// Validates a body and compiles it for long-term use: with Cranelift, or with the baseline compiler if Cranelift would
/// take too much work. The same module and settings always produce the same code.
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
            "function {f} takes more work to optimize than the budget of {budget}, and the baseline compiler cannot compile it here"
        )
    })
}

/// Counts the bytes of a module's machine code. Can be shared by several threads.
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

    /// Adds a function's code to the count. Fails if the sum exceeds the limit.
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

/// What machine code depends on. Code compiled under a different hash must not run here; the other fields explain the
/// difference.
#[derive(Clone, Copy)]
pub struct Contract {
    /// Covers everything: the contract's text, settings, processor, version.
    pub hash: u64,
    /// The library's version: major, minor and patch, 16 bits each.
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
    /// Creates a compiler for this machine that uses at most `threads` threads. A module can have at most `max_code`
    /// bytes of machine code; `None` derives the limit from the module's size.
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

    /// What the generated code depends on.
    pub fn contract(&self) -> Contract {
        self.contract
    }

    /// Progress over all modules since the engine was created.
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

    /// Validates and compiles the bodies of a module. If several functions fail, returns the first one's error.
    pub fn module(&self, info: &ModuleInfo, bytes: &[u8], bodies: &[Body], types: DescriptorView) -> Result<Code> {
        let facts = ModuleFacts::new(info);
        let env = self.env(info, &facts, types);
        let size = |i: usize| info.bodies[DefinedFuncIndex::new(i)].len();
        let all: usize = (0..bodies.len()).map(size).sum();
        self.progress.total.fetch_add(all as u64, Relaxed);
        let threads = if all < PARALLEL_COMPILE_THRESHOLD { 1 } else { self.threads };
        let mut order: Vec<usize> = (0..bodies.len()).collect();
        if threads > 1 {
            // Start with large functions, so that no thread is left with one at the end.
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
        // Functions can have been skipped.
        self.progress.done.fetch_add(all as u64 - counted.load(Relaxed), Relaxed);
        let funcs: Option<Vec<_>> = compiled?.into_iter().collect();
        link(&funcs.ok_or_else(|| too_much_code(meter.most))?)
    }

    /// Validates the bodies of a module. Returns whether any of them can access objects. If several are invalid,
    /// returns the first one's error.
    pub fn validate(&self, info: &ModuleInfo, bytes: &[u8], bodies: &[Body]) -> Result<bool> {
        let order: Vec<usize> = (0..bodies.len()).collect();
        let threads = if bytes.len() < PARALLEL_COMPILE_THRESHOLD { 1 } else { self.threads };
        let found = in_parallel(threads, &order, Default::default, |allocations, i| {
            let range = info.bodies[DefinedFuncIndex::new(i)].clone();
            decode::validate_body(decode::again(&bodies[i]), &bytes[range.clone()], range.start, allocations)
        });
        Ok(found?.contains(&true))
    }

    /// Compiles the trampolines for a function type.
    pub fn trampoline(&self, ty: &FuncType) -> Result<Trampolines> {
        let made = fatal(|| on_large_stack(|| FuncCompiler::default().trampoline(&*self.isa, ty)));
        made.map_err(|e| err!(OutOfMemory, "no stack to compile on: {e}"))?
    }

    /// Compiles the trampolines for many types. Returns them, and for each type its index or `NO_TRAMPOLINE`.
    pub fn trampolines<'t>(
        &self,
        types: impl Iterator<Item = Option<&'t FuncType>>,
    ) -> Result<(Trampolines, Vec<u32>)> {
        let (shapes, places) = trampolines::shapes(types);
        let order: Vec<usize> = (0..shapes.len()).collect();
        let threads = if shapes.len() < trampolines::PARALLEL_THRESHOLD { 1 } else { self.threads };
        let compiled = in_parallel(threads, &order, FuncCompiler::default, |compiler, i| {
            // A trampoline that cannot be compiled is an error only where it is needed.
            Ok(compiler.trampoline(&*self.isa, shapes[i]).ok())
        });
        Ok(trampolines::joined(compiled?, places))
    }
}

/// Validates and compiles function `i`. Returns `None` if the module then has too much code. The function is validated
/// in any case: an invalid function is the more useful error.
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

/// Calls `work` for every index in `order`, a permutation of `0..order.len()`, on the calling thread and others.
/// Returns the results by index, or the error of the smallest index that failed.
fn in_parallel<S, T: Send>(
    threads: usize,
    order: &[usize],
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let done: Vec<Mutex<Option<Result<T>>>> = order.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    // Results after the first error are not needed.
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
            // If a thread cannot be started, the others do its work.
            if without_signals(|| builder.spawn_scoped(scope, run)).is_err() {
                break;
            }
        }
        run().map_err(|e| err!(OutOfMemory, "no stack to compile on: {e}"))
    })?;
    let lost = || Err(err!(Internal, "a function was left out"));
    done.into_iter().map(|d| d.into_inner().unwrap_or_else(lost)).collect()
}
