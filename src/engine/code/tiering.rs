//! Compiling a module while it runs: a function at once when it is first called, everything in full in the background,
//! first what was called. When all is there it is put together as it would have been without all this, and calls go there.

use crate::abi::vmstruct::{VmCode, VmContext, VmFuncRef};
use crate::base::index::*;
use crate::base::limits::LAZY_BYTES_PER_THREAD;
use crate::base::{Error, ErrorKind, Result, Trap};
use crate::compile::{
    CodeMeter, CompiledFunc, FuncCompiler, ModuleFacts, Tier, compile_baseline, compile_for_good, link,
};
use crate::engine::code::compile_queue::Queue;
use crate::engine::code::machine_code::{Linked, Source};
use crate::engine::code::thunks::LazyText;
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

/// Who waits looks after this time whether he is interrupted, or has to help.
const PATIENCE: Duration = Duration::from_millis(20);

pub struct Lazy {
    engine: Arc<Engine>,
    source: Arc<Source>,
    facts: ModuleFacts,
    bodies: Vec<Body>,
    /// Whether its instances have a heap from the start.
    uses_heap: bool,
    text: Arc<LazyText>,
    queue: Mutex<Queue>,
    /// A function is compiled, or all are put together.
    changed: Condvar,
    /// Nobody wants more.
    stopped: AtomicBool,
    linked: OnceLock<Linked>,
    /// Whether `on_linked` is done.
    kept: AtomicBool,
    /// Contexts whose funcrefs lead to stubs.
    contexts: Mutex<Vec<usize>>,
    /// The process whose threads have taken functions.
    process: AtomicU32,
    meter: CodeMeter,
    /// Bytes of all bodies, and of those that the engine's progress counts as done.
    size: u64,
    done: AtomicU64,
    /// Called with everything.
    on_linked: Option<OnLinked>,
}

pub type OnLinked = Box<dyn Fn(&Linked) + Send + Sync>;

impl Lazy {
    /// Starts to compile. The bodies are valid.
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
            text: LazyText::new(source, engine.runtime.lazy_entry)?,
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

    /// Lets the engine's threads compile it, as many as the module is worth.
    fn compile_in_background(self: &Arc<Lazy>) {
        if self.engine.config.background {
            self.engine.background.add(self, 1 + self.size as usize / LAZY_BYTES_PER_THREAD);
        }
    }

    /// Compiles the next function. False when there is none left, or nobody wants it any more.
    pub fn compile_next(&self, compiler: &mut FuncCompiler) -> bool {
        self.settle_in();
        if self.stopped.load(Relaxed) {
            return false;
        }
        let worked = catch_unwind(AssertUnwindSafe(|| {
            let Some(f) = ({ self.queue.lock().next() }) else { return false };
            let result = self.compile(compiler, f);
            // Without memory it is left to who calls.
            self.put(f, result).is_ok()
        }));
        worked.unwrap_or_else(|_| {
            self.queue.lock().lose(err!(Internal, "a compiling thread panicked"));
            self.changed.notify_all();
            false
        })
    }

    /// Everything, as soon as it is there. Helps to get there.
    pub fn wait(&self, interrupted: &dyn Fn() -> bool) -> Result<&Linked> {
        self.settle_in();
        loop {
            self.compile_the_rest(interrupted)?;
            // Also if that has failed before: there may be memory now.
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

    /// What leads to a function, whether it is compiled or not.
    pub fn code(&self, f: DefinedFuncIndex) -> VmCode {
        self.linked.get().map_or_else(|| self.text.stub(f), |l| l.func(f))
    }

    /// A function's code, which is compiled if it was not yet.
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
                return self.place(f, Tier::Full, &func, interrupted);
            }
            if let Some(func) = compiling(|| self.compile_at_once(f))?? {
                self.queue.lock().entered(f, func.frame_size());
                return self.place(f, Tier::AtOnce, &func, interrupted);
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
        // Who made the full code meanwhile may not have seen that the function is entered.
        let full = self.queue.lock().compiled(f).filter(|_| tier == Tier::AtOnce);
        match full {
            Some(func) => Ok(self.text.place(&self.source, f, Tier::Full, &func)?.unwrap_or(code)),
            None => Ok(code),
        }
    }

    /// A function that somebody waits for; `None` if it has to be compiled in full.
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
            // Its instances have no heap: it would find null where the heap is.
            return Err(err!(Internal, "code looks into objects, and the validator has not seen it"));
        }
        Ok(func)
    }

    /// Compiles a function in full on this thread, or waits a while if another thread is about it.
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

    /// Compiles until nothing waits, everything is stopped, or `interrupted` says so.
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

    /// What has become of a function that was taken. One for which there was no memory waits again, and its error comes back.
    fn put(&self, f: DefinedFuncIndex, result: Result<CompiledFunc>) -> Result<()> {
        if let Err(e) = &result
            && e.kind() == ErrorKind::OutOfMemory
        {
            self.queue.lock().give_back(f);
            self.changed.notify_all();
            return Err(e.clone());
        }
        let result = result.and_then(|func| self.meter.add(&func).map(|()| Arc::new(func)));
        // Before others can see that all is there.
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
            // Without room for it the other code stays until all is there.
            let _ = self.text.place(&self.source, f, Tier::Full, &func);
        }
        if last && !self.stopped.load(Relaxed) {
            // Who waits for it tries again.
            let _ = self.finish();
        }
        Ok(())
    }

    /// Counts bytes of bodies as done.
    fn count(&self, bytes: u64) {
        self.done.fetch_add(bytes, Relaxed);
        self.engine.compiler.progress().done.fetch_add(bytes, Relaxed);
    }

    /// Puts everything together, and lets calls go there.
    fn finish(&self) -> Result<()> {
        let Some(all) = self.queue.lock().all() else { return Ok(()) };
        let linked = link(&all).and_then(|code| Linked::new(&self.source, code)).inspect_err(|e| {
            if e.kind() != ErrorKind::OutOfMemory {
                self.queue.lock().fail(e.clone());
            }
            self.changed.notify_all();
        })?;
        drop(all);
        let linked = section(|| self.linked.get_or_init(|| linked));
        self.text.enter_all_at(|f| linked.func(f));
        // Locked to the end of the loop: no context goes away meanwhile.
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

    /// In a child process nobody else compiles: what others had begun is begun again. True for the first that notices it.
    fn settle_in(&self) -> bool {
        let here = process();
        let is_new = self.process.load(Relaxed) != here && self.process.swap(here, Relaxed) != here;
        if is_new {
            self.kept.store(true, Release);
            self.queue.lock().forget_others();
        }
        is_new
    }

    /// Lets the funcrefs of a context lead to where the functions are.
    fn refresh(&self, context: usize) {
        let info = &self.source.info;
        for (place, f) in info.funcrefs.iter() {
            if let Some(defined) = info.defined_func(*f) {
                let at = (context + self.facts.layout.funcref(place) as usize) as *const VmFuncRef;
                // SAFETY: a complete context of this module that is alive: it is in the list, or its instance is being made.
                // Only the code is touched, which is atomic.
                unsafe { (*at).code.set(self.code(defined)) };
            }
        }
    }

    /// Keeps the funcrefs of a complete context fresh, until what it gives is dropped.
    pub fn enlist(self: &Arc<Lazy>, context: *mut VmContext) -> Option<Enlisted> {
        let mut contexts = self.contexts.lock();
        if self.linked.get().is_some() {
            drop(contexts);
            self.refresh(context as usize);
            return None;
        }
        contexts.push(context as usize);
        Some(Enlisted { lazy: self.clone(), context: context as usize })
    }

    /// Nobody wants more: threads go on to other modules, each after the function it compiles. They are not waited for.
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }
}

impl Drop for Lazy {
    fn drop(&mut self) {
        // What was given up is not waited for.
        self.count(self.size.saturating_sub(self.done.load(Relaxed)));
    }
}

/// Runs `f`, which compiles, on a stack for that.
fn compiling<R>(f: impl FnOnce() -> R) -> Result<R> {
    fatal(|| on_large_stack(f)).map_err(|e| err!(OutOfMemory, "no stack to compile on: {e}"))
}

/// A context whose funcrefs are kept fresh.
pub struct Enlisted {
    lazy: Arc<Lazy>,
    context: usize,
}

impl Drop for Enlisted {
    fn drop(&mut self) {
        // The lock is held by who refreshes: then this waits, and the context is alive meanwhile.
        let mut contexts = self.lazy.contexts.lock();
        // The last ones made are mostly the first to go.
        if let Some(i) = contexts.iter().rposition(|c| *c == self.context) {
            contexts.swap_remove(i);
        }
    }
}
