//! Compiles a module while it runs. The baseline compiler compiles a function when it is first called. The final code
//! of all functions is compiled in the background: by Cranelift, or by the baseline compiler if optimizing would be too
//! much work. Functions that were called come first. When all functions have their final code, the module is linked as
//! it would be without lazy compilation, and calls go to the linked code.

use crate::abi::vmstruct::{VmCode, VmContext, VmFuncRef};
use crate::base::index::*;
use crate::base::limits::LAZY_BYTES_PER_THREAD;
use crate::base::{Error, ErrorKind, Result, Trap};
use crate::compile::{
    CodeMeter, CompiledFunc, FuncCompiler, ModuleFacts, Tier, compile_baseline, compile_for_good, link,
};
use crate::engine::code::compile_queue::Queue;
use crate::engine::code::machine_code::{LinkedModule, Source};
use crate::engine::code::thunks::ThunkTable;
use crate::engine::engine::Engine;
use crate::err;
use crate::sys::allocation::fatal;
use crate::sys::lock::{Condvar, Mutex, section};
use crate::sys::stack::on_large_stack;
use crate::sys::thread::process;
use crate::wasm::decode::{self, Body};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::*};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long a waiting thread sleeps before it checks again whether it was interrupted or can compile a function itself.
const PATIENCE: Duration = Duration::from_millis(20);

pub struct Lazy {
    engine: Arc<Engine>,
    source: Arc<Source>,
    facts: ModuleFacts,
    bodies: Vec<Body>,
    /// Whether instances of this module have a heap from the start.
    uses_heap: bool,
    text: Arc<ThunkTable>,
    queue: Mutex<Queue>,
    /// Notified when a function is compiled, or when the module is linked.
    changed: Condvar,
    /// The module was dropped: its other functions are not compiled.
    stopped: AtomicBool,
    linked: OnceLock<LinkedModule>,
    /// Whether `on_linked` has returned, or is not waited for.
    kept: AtomicBool,
    /// Contexts whose funcrefs point to stubs.
    contexts: Mutex<Vec<usize>>,
    /// The process whose threads have taken functions from the queue.
    process: AtomicU32,
    meter: CodeMeter,
    /// Bytes of all bodies, and of those that the engine's progress already counts as done.
    size: u64,
    done: AtomicU64,
    /// Called with the linked module.
    on_linked: Option<OnLinked>,
}

pub type OnLinked = Box<dyn Fn(&LinkedModule) + Send + Sync>;

impl Lazy {
    /// Starts to compile. The bodies must be valid.
    pub fn new(
        engine: &Arc<Engine>,
        source: &Arc<Source>,
        bodies: &[Body],
        uses_heap: bool,
        on_linked: Option<OnLinked>,
    ) -> Result<Arc<Lazy>> {
        let size: usize = source.info.bodies.values().map(|b| b.len()).sum();
        let facts = ModuleFacts::new(&source.info);
        let meter = CodeMeter::new(&engine.compiler.env(&source.info, &facts, engine.types.view()));
        let lazy = Arc::new(Lazy {
            engine: engine.clone(),
            source: source.clone(),
            facts,
            queue: Mutex::new(Queue::new(bodies.len())),
            bodies: bodies.iter().map(decode::again).collect(),
            uses_heap,
            text: ThunkTable::new(source, engine.runtime.lazy_entry)?,
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
            linked: OnceLock::new(),
            kept: AtomicBool::new(on_linked.is_none()),
            contexts: Mutex::new(Vec::new()),
            process: AtomicU32::new(process()),
            meter,
            size: size as u64,
            done: AtomicU64::new(0),
            on_linked,
        });
        engine.compiler.progress().total.fetch_add(size as u64, Relaxed);
        lazy.compile_in_background();
        Ok(lazy)
    }

    /// Lets the engine's threads compile the module, if they are configured to. Their number depends on the module's size.
    fn compile_in_background(self: &Arc<Lazy>) {
        if self.engine.config.background {
            self.engine.background.add(self, 1 + self.size as usize / LAZY_BYTES_PER_THREAD);
        }
    }

    /// Compiles the next function. Returns false if there is none left, or if the module was dropped.
    pub fn compile_next(&self, compiler: &mut FuncCompiler) -> bool {
        self.settle_in();
        if self.stopped.load(Relaxed) {
            return false;
        }
        let worked = catch_unwind(AssertUnwindSafe(|| {
            let Some(f) = ({ self.queue.lock().next() }) else { return false };
            let result = self.compile(compiler, f);
            // If there was no memory for it, the thread that calls the function compiles it.
            self.put(f, result).is_ok()
        }));
        worked.unwrap_or_else(|_| {
            self.queue.lock().lose(err!(Internal, "a compiling thread panicked"));
            self.changed.notify_all();
            false
        })
    }

    /// Returns the linked module as soon as it is complete. This thread helps to compile it.
    pub fn wait(&self, interrupted: &dyn Fn() -> bool) -> Result<&LinkedModule> {
        self.settle_in();
        loop {
            self.compile_the_rest(interrupted)?;
            // This is tried again even if it failed before: there may be memory now.
            if self.queue.lock().is_complete() && self.linked.get().is_none() {
                self.finish()?;
            }
            let mut queue = self.queue.lock();
            if let Some(linked) = self.linked.get().filter(|_| self.kept.load(Acquire)) {
                return Ok(linked);
            }
            queue.check()?;
            if interrupted() {
                return Err(Error::trap(Trap::Interrupted));
            }
            self.changed.wait_for(&mut queue, PATIENCE);
        }
    }

    /// The address to call for a function, whether it is compiled or not.
    pub fn code(&self, f: DefinedFuncIndex) -> VmCode {
        self.linked.get().map_or_else(|| self.text.stub(f), |l| l.func(f))
    }

    /// The address of a function's code. Compiles the function if it is not compiled yet.
    pub fn enter(self: &Arc<Lazy>, f: DefinedFuncIndex, interrupted: &dyn Fn() -> bool) -> Result<VmCode> {
        if self.settle_in() && !self.stopped.load(Relaxed) {
            self.compile_in_background();
        }
        loop {
            if let Some(code) = self.text.entered(f) {
                return Ok(code);
            }
            let full = self.queue.lock().compiled(f);
            if let Some(func) = full {
                return self.place(f, Tier::Final, &func, interrupted);
            }
            if let Some(func) = compiling(|| self.compile_at_once(f))?? {
                self.queue.lock().entered(f, func.frame_size());
                return self.place(f, Tier::Baseline, &func, interrupted);
            }
            self.compile_or_wait(f, interrupted)?;
        }
    }

    fn place(
        &self,
        f: DefinedFuncIndex,
        tier: Tier,
        func: &CompiledFunc,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<VmCode> {
        let Some(code) = self.text.place(&self.source, f, tier, func)? else {
            return Ok(self.wait(interrupted)?.func(f));
        };
        // Another thread may have compiled the final code in the meantime, without seeing that the function was entered.
        let full = self.queue.lock().compiled(f).filter(|_| tier == Tier::Baseline);
        match full {
            Some(func) => Ok(self.text.place(&self.source, f, Tier::Final, &func)?.unwrap_or(code)),
            None => Ok(code),
        }
    }

    /// Compiles a function with the baseline compiler. Returns `None` if that compiler cannot compile it.
    fn compile_at_once(&self, f: DefinedFuncIndex) -> Result<Option<CompiledFunc>> {
        let env = self.engine.compiler.env(&self.source.info, &self.facts, self.engine.types.view());
        let func = compile_baseline(&env, f, &self.source.bytes, &self.bodies[f.index()])?;
        func.map(|func| self.checked(func)).transpose()
    }

    fn compile(&self, compiler: &mut FuncCompiler, f: DefinedFuncIndex) -> Result<CompiledFunc> {
        let env = self.engine.compiler.env(&self.source.info, &self.facts, self.engine.types.view());
        let func = compile_for_good(compiler, &env, f, &self.source.bytes, &self.bodies[f.index()])?;
        self.checked(func)
    }

    fn checked(&self, func: CompiledFunc) -> Result<CompiledFunc> {
        if func.uses_heap() && !self.uses_heap {
            // Instances of this module have no heap: the code would find null where it expects the heap's base.
            return Err(err!(Internal, "code looks into objects, and the validator has not seen it"));
        }
        Ok(func)
    }

    /// Compiles a function's final code on this thread, or waits for a short time if another thread is compiling it.
    fn compile_or_wait(&self, f: DefinedFuncIndex, interrupted: &dyn Fn() -> bool) -> Result<()> {
        let mut queue = self.queue.lock();
        if queue.take(f)? {
            drop(queue);
            let done = compiling(|| self.compile(&mut FuncCompiler::default(), f));
            self.put(f, done.flatten())?;
        } else if queue.compiled(f).is_none() {
            queue.check_lost()?;
            if interrupted() {
                return Err(Error::trap(Trap::Interrupted));
            }
            self.changed.wait_for(&mut queue, PATIENCE);
        }
        Ok(())
    }

    /// Compiles until no function waits, compilation is stopped, or `interrupted` returns true.
    fn compile_the_rest(&self, interrupted: &dyn Fn() -> bool) -> Result<()> {
        compiling(|| {
            let mut compiler = FuncCompiler::default();
            while !self.stopped.load(Relaxed)
                && !interrupted()
                && let Some(f) = { self.queue.lock().next() }
            {
                let result = self.compile(&mut compiler, f);
                self.put(f, result)?;
            }
            Ok(())
        })?
    }

    /// Records the result for a function that was taken from the queue. If there was no memory for it, the function
    /// waits again and the error is returned.
    fn put(&self, f: DefinedFuncIndex, result: Result<CompiledFunc>) -> Result<()> {
        if let Err(e) = &result
            && e.kind() == ErrorKind::OutOfMemory
        {
            self.queue.lock().give_back(f);
            self.changed.notify_all();
            return Err(e.clone());
        }
        let result = result.and_then(|func| self.meter.add(&func).map(|()| Arc::new(func)));
        // This must happen before other threads can see that all functions are compiled.
        self.count(self.source.info.bodies[f].len() as u64);
        let mut queue = self.queue.lock();
        let last = queue.put(f, result.clone());
        let was_entered = self.text.entered(f).is_some();
        drop(queue);
        self.changed.notify_all();
        if let Ok(func) = result
            && was_entered
            && func.is_optimized()
        {
            // If there is no space for it, the baseline code is used until the module is linked.
            let _ = self.text.place(&self.source, f, Tier::Final, &func);
        }
        if last && !self.stopped.load(Relaxed) {
            // If this fails, a thread that waits for the linked module tries again.
            let _ = self.finish();
        }
        Ok(())
    }

    /// Counts bytes of bodies as done.
    fn count(&self, bytes: u64) {
        self.done.fetch_add(bytes, Relaxed);
        self.engine.compiler.progress().done.fetch_add(bytes, Relaxed);
    }

    /// Links the module, and redirects calls to the linked code.
    fn finish(&self) -> Result<()> {
        let Some(all) = self.queue.lock().all() else { return Ok(()) };
        let linked = link(&all).and_then(|code| LinkedModule::new(&self.source, code)).inspect_err(|e| {
            if e.kind() != ErrorKind::OutOfMemory {
                self.queue.lock().fail(e.clone());
            }
            self.changed.notify_all();
        })?;
        drop(all);
        let linked = section(|| self.linked.get_or_init(|| linked));
        self.text.enter_all_at(|f| linked.func(f));
        // The lock is held until the end of the loop, so no context is destroyed while the loop runs.
        for context in std::mem::take(&mut *self.contexts.lock()) {
            self.refresh(context);
        }
        self.queue.lock().clear();
        self.changed.notify_all();
        if let Some(f) = &self.on_linked {
            f(linked);
            self.kept.store(true, Release);
            self.changed.notify_all();
        }
        Ok(())
    }

    /// After a fork, no other thread compiles in the child process, so functions that other threads had begun wait
    /// again. Returns true to the first caller that notices the fork.
    fn settle_in(&self) -> bool {
        let here = process();
        let is_new = self.process.load(Relaxed) != here && self.process.swap(here, Relaxed) != here;
        if is_new {
            self.kept.store(true, Release);
            self.queue.lock().forget_others();
        }
        is_new
    }

    /// Points the funcrefs of a context to the current code of their functions.
    fn refresh(&self, context: usize) {
        let info = &self.source.info;
        for (place, f) in info.funcrefs.iter() {
            if let Some(defined) = info.defined_func(*f) {
                let at = (context + self.facts.layout.funcref(place) as usize) as *const VmFuncRef;
                // SAFETY: this is a complete context of this module (invariant 5), and it is alive: it is in the list,
                // or its instance is being created. Only the code pointer is written, which is atomic.
                unsafe { (*at).code.set(self.code(defined)) };
            }
        }
    }

    /// Keeps the funcrefs of a complete context up to date until the returned value is dropped. Returns `None` if the
    /// module is linked already; no later update is needed then.
    pub fn track_context(self: &Arc<Lazy>, context: *mut VmContext) -> Option<ContextGuard> {
        let mut contexts = self.contexts.lock();
        if self.linked.get().is_some() {
            drop(contexts);
            self.refresh(context as usize);
            return None;
        }
        contexts.push(context as usize);
        Some(ContextGuard { lazy: self.clone(), context: context as usize })
    }

    /// Stops compilation. Each thread goes on to other modules after the function that it is compiling. This function
    /// does not wait for them.
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }
}

impl Drop for Lazy {
    fn drop(&mut self) {
        // Functions that will not be compiled count as done, so that progress reaches its total.
        self.count(self.size.saturating_sub(self.done.load(Relaxed)));
    }
}

/// Runs `f`, which compiles, on a stack that is large enough.
fn compiling<R>(f: impl FnOnce() -> R) -> Result<R> {
    fatal(|| on_large_stack(f)).map_err(|e| err!(OutOfMemory, "no stack to compile on: {e}"))
}

/// A context whose funcrefs are kept up to date.
pub struct ContextGuard {
    lazy: Arc<Lazy>,
    context: usize,
}

impl Drop for ContextGuard {
    fn drop(&mut self) {
        // A thread that updates funcrefs holds the lock, so this waits for it, and the context is alive until then.
        let mut contexts = self.lazy.contexts.lock();
        // Contexts that were created last are usually destroyed first.
        if let Some(i) = contexts.iter().rposition(|c| *c == self.context) {
            contexts.swap_remove(i);
        }
    }
}
