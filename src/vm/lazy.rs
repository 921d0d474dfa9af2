//! Compiling a module while it runs: a function quickly when it is first called, everything thoroughly in the background,
//! first what was called. When all is there it is put together as it would have been without all this, and calls go there.

use super::engine::Engine;
use super::first_call;
use super::lazy_queue::{Queue, Task};
use super::lazy_text::LazyText;
use super::machine_code::{Linked, Source};
use crate::abi::layout::ContextLayout;
use crate::abi::vmstruct::{VmCode, VmContext, VmFuncRef};
use crate::base::Result;
use crate::base::index::*;
use crate::compile::{CompiledFunc, FuncCompiler, Tier, link};
use crate::err;
use crate::sys::stack::{lower_priority, on_large_stack};
use crate::wasm::decode::{self, Body};
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

/// Stack of a background thread, in bytes: it compiles on a large one.
const THREAD_STACK: usize = 256 << 10;

pub struct Lazy {
    engine: Arc<Engine>,
    source: Arc<Source>,
    layout: ContextLayout,
    bodies: Vec<Body>,
    text: Arc<LazyText>,
    queue: Mutex<Queue>,
    /// A function is compiled, or all are put together.
    changed: Condvar,
    /// Nobody wants more.
    stopped: AtomicBool,
    linked: OnceLock<Linked>,
    /// Contexts whose funcrefs lead to stubs.
    contexts: Mutex<Vec<usize>>,
    /// To be used again by who calls a function first.
    compilers: Mutex<Vec<FuncCompiler>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Called once with everything.
    on_linked: Option<OnLinked>,
}

pub type OnLinked = Box<dyn Fn(&Linked) + Send + Sync>;

impl Lazy {
    /// Starts to compile. The bodies are valid.
    pub fn new(
        engine: &Arc<Engine>,
        source: &Arc<Source>,
        bodies: Vec<Body>,
        on_linked: Option<OnLinked>,
    ) -> Result<Arc<Lazy>> {
        let size: usize = source.info.bodies.values().map(|b| b.len()).sum();
        let lazy = Arc::new(Lazy {
            engine: engine.clone(),
            source: source.clone(),
            layout: ContextLayout::new(&source.info),
            queue: Mutex::new(Queue::new(bodies.len())),
            bodies,
            text: LazyText::new(source, first_call::addresses())?,
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
            linked: OnceLock::new(),
            contexts: Mutex::new(Vec::new()),
            compilers: Mutex::new(Vec::new()),
            threads: Mutex::new(Vec::new()),
            on_linked,
        });
        engine.compiler.progress().total.fetch_add(size as u64, Relaxed);
        // One processor is for who runs.
        for _ in 0..engine.config.threads.saturating_sub(1).max(1) {
            let lazy_too = lazy.clone();
            let thread = Builder::new().name("wrt-background".into()).stack_size(THREAD_STACK);
            let spawned = thread.spawn(move || {
                lower_priority();
                lazy_too.compile_the_rest();
            });
            // Where there is no thread to be had, functions are compiled when they are called.
            let Ok(thread) = spawned else { break };
            lazy.threads.lock().push(thread);
        }
        Ok(lazy)
    }

    /// Everything, as soon as it is there. Helps to get there.
    pub fn wait(&self) -> Result<&Linked> {
        self.compile_the_rest();
        let mut queue = self.queue.lock();
        loop {
            if let Some(linked) = self.linked.get() {
                return Ok(linked);
            }
            if let Some(e) = queue.failure() {
                return Err(e);
            }
            self.changed.wait(&mut queue);
        }
    }

    /// What leads to a function, whether it is compiled or not.
    pub fn code(&self, f: DefinedFuncIndex) -> VmCode {
        self.linked.get().map_or_else(|| self.text.stub(f), |l| l.func(f))
    }

    /// A function's code, which is compiled if it was not yet.
    pub fn enter(&self, f: DefinedFuncIndex) -> Result<VmCode> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(code) = self.text.entered(f) {
                return Ok(code);
            }
            if let Some((tier, func)) = queue.compiled(f) {
                queue.entered(f, tier, &func);
                drop(queue);
                return match self.text.place(&self.source, f, tier, &func)? {
                    Some(code) => Ok(code),
                    None => Ok(self.wait()?.func(f)),
                };
            }
            match queue.take(f) {
                Ok(Some(task)) => {
                    drop(queue);
                    let mut compiler = self.compilers.lock().pop().unwrap_or_default();
                    let done = on_large_stack(|| self.compile(&mut compiler, task));
                    self.compilers.lock().push(compiler);
                    match done {
                        Ok(result) => self.put(task, result),
                        Err(e) => {
                            self.queue.lock().give_back(task);
                            self.changed.notify_all();
                            return Err(err!(OutOfMemory, "no stack to compile on: {e}"));
                        }
                    }
                    queue = self.queue.lock();
                }
                Ok(None) => self.changed.wait(&mut queue),
                Err(e) => return Err(e),
            }
        }
    }

    fn compile(&self, compiler: &mut FuncCompiler, task: Task) -> Result<CompiledFunc> {
        let types = self.engine.types.view();
        let env = self.engine.compiler.env(&self.source.info, &self.layout, types, task.tier);
        compiler.compile(&env, task.func, &self.source.bytes, decode::again(&self.bodies[task.func.index()]))
    }

    fn compile_the_rest(&self) {
        // Without a stack it is left to others.
        let _ = on_large_stack(|| {
            let mut compiler = FuncCompiler::default();
            while !self.stopped.load(Relaxed)
                && let Some(task) = { self.queue.lock().next() }
            {
                let result = self.compile(&mut compiler, task);
                self.put(task, result);
            }
        });
    }

    fn put(&self, task: Task, result: Result<CompiledFunc>) {
        let result = result.map(Arc::new);
        let mut queue = self.queue.lock();
        let last = queue.put(task, result.clone());
        let was_entered = self.text.entered(task.func).is_some();
        drop(queue);
        self.changed.notify_all();
        if task.tier == Tier::Quick {
            return;
        }
        let size = self.source.info.bodies[task.func].len() as u64;
        self.engine.compiler.progress().done.fetch_add(size, Relaxed);
        if let Ok(func) = result
            && was_entered
        {
            // Without room for it the quick code stays until all is there.
            let _ = self.text.place(&self.source, task.func, Tier::Full, &func);
        }
        if last {
            self.finish();
        }
    }

    /// Puts everything together, and lets calls go there.
    fn finish(&self) {
        let Some(all) = self.queue.lock().all() else { return };
        match link(&all).and_then(|code| Linked::new(&self.source, code)) {
            Ok(linked) => {
                drop(all);
                let linked = self.linked.get_or_init(|| linked);
                self.text.enter_all_at(|f| linked.func(f));
                // Locked to the end of the loop: no context goes away meanwhile.
                for context in std::mem::take(&mut *self.contexts.lock()) {
                    self.refresh(context);
                }
                self.queue.lock().clear();
                self.changed.notify_all();
                if let Some(f) = &self.on_linked {
                    f(linked);
                }
            }
            Err(e) => {
                self.queue.lock().fail(e);
                self.changed.notify_all();
            }
        }
    }

    /// Lets the funcrefs of a context lead to where the functions are.
    fn refresh(&self, context: usize) {
        let info = &self.source.info;
        for (place, f) in info.funcrefs.iter() {
            if let Some(defined) = info.defined_func(*f) {
                let at = (context + self.layout.funcref(place) as usize) as *const VmFuncRef;
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

    /// Ends the threads, each after the function it compiles.
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
        for thread in self.threads.lock().drain(..) {
            // A panic of its own would have been caught.
            let _ = thread.join();
        }
    }
}

/// A context whose funcrefs are kept fresh.
pub struct Enlisted {
    lazy: Arc<Lazy>,
    context: usize,
}

impl Drop for Enlisted {
    fn drop(&mut self) {
        // The lock is held by who refreshes: then this waits, and the context is alive meanwhile.
        self.lazy.contexts.lock().retain(|c| *c != self.context);
    }
}
