//! Compiles a module: function by function, on several threads when it is worth it. The result does not depend on them.

use super::baseline;
use super::code::{CompiledFunc, link};
use super::cranelift::{FuncCompiler, isa};
use super::env::{ModuleEnv, ModuleFacts, Processor};
use crate::abi::code::{Code, TrampolineCode};
use crate::abi::settings::Settings;
use crate::base::index::*;
use crate::base::limits::PARALLEL_COMPILE_THRESHOLD;
use crate::base::{Error, Result};
use crate::err;
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
    AtOnce,
    /// By Cranelift.
    Full,
}

pub struct Compiler {
    isa: OwnedTargetIsa,
    processor: Processor,
    settings: Settings,
    threads: usize,
    contract: Contract,
    progress: Progress,
}

/// How far the compilation of modules has come, in bytes of function bodies.
#[derive(Default)]
pub struct Progress {
    pub done: AtomicU64,
    pub total: AtomicU64,
}

/// Compiles a valid body as fast as can be. `None` when Cranelift has to.
pub fn compile_at_once(
    env: &ModuleEnv<'_>,
    i: DefinedFuncIndex,
    bytes: &[u8],
    body: &Body,
) -> Result<Option<CompiledFunc>> {
    let result = catch_unwind(AssertUnwindSafe(|| baseline::compile(env, i, bytes, body)));
    result.map_or_else(|_| Err(panicked(env, i)), |done| Ok(done?.ok()))
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
    pub fn new(settings: Settings, threads: usize) -> Result<Compiler> {
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
        ModuleEnv { info, layout, settings, isa, processor, types, fixed_tables }
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
        let compiled = in_parallel(threads, &order, FuncCompiler::default, |compiler, i| {
            let body = decode::again(&bodies[i]);
            let func = compiler.compile(&env, DefinedFuncIndex::new(i), bytes, body);
            counted.fetch_add(size(i) as u64, Relaxed);
            self.progress.done.fetch_add(size(i) as u64, Relaxed);
            func.map(Arc::new)
        });
        // Some may have been left out.
        self.progress.done.fetch_add(all as u64 - counted.load(Relaxed), Relaxed);
        link(&compiled?)
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
    pub fn trampoline(&self, ty: &FuncType) -> Result<TrampolineCode> {
        let made = on_large_stack(|| FuncCompiler::default().trampoline(&*self.isa, ty));
        made.map_err(|e| err!(OutOfMemory, "no stack to compile on: {e}"))?
    }
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
    let run = || {
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
