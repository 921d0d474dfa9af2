//! Compiling a module while it runs: a function when it is first called, the rest in the background. When all is there it is
//! put together as it would have been without all this, and calls go there.

use super::engine::Engine;
use super::first_call;
use super::lazy_text::LazyText;
use super::machine_code::{Linked, Source};
use crate::abi::layout::ContextLayout;
use crate::abi::vmstruct::{VmCode, VmContext, VmFuncRef};
use crate::base::index::*;
use crate::base::{Error, Result};
use crate::compile::{CompiledFunc, FuncCompiler, link};
use crate::err;
use crate::sys::stack::{lower_priority, on_large_stack};
use crate::wasm::decode::{self, Body};
use parking_lot::{Condvar, Mutex, MutexGuard};
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
    on_linked: Box<dyn Fn(&Linked) + Send + Sync>,
}

struct Queue {
    /// By function.
    steps: Vec<Step>,
    /// Functions that those which ran call.
    soon: Vec<DefinedFuncIndex>,
    /// The least function that may be waiting.
    next: usize,
    /// Functions that are not compiled yet.
    left: usize,
    /// Why there will be no `linked`.
    failure: Option<Error>,
}

enum Step {
    Waiting,
    Taken,
    Done(Arc<CompiledFunc>),
    Failed(Error),
}

impl Lazy {
    /// Starts to compile. The bodies are valid.
    pub fn new(
        engine: &Arc<Engine>,
        source: &Arc<Source>,
        bodies: Vec<Body>,
        on_linked: Box<dyn Fn(&Linked) + Send + Sync>,
    ) -> Result<Arc<Lazy>> {
        let count = bodies.len();
        let size: usize = source.info.bodies.values().map(|b| b.len()).sum();
        let lazy = Arc::new(Lazy {
            engine: engine.clone(),
            source: source.clone(),
            layout: ContextLayout::new(&source.info),
            bodies,
            text: LazyText::new(source, first_call::address())?,
            queue: Mutex::new(Queue {
                steps: std::iter::repeat_with(|| Step::Waiting).take(count).collect(),
                soon: Vec::new(),
                next: 0,
                left: count,
                failure: None,
            }),
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
            if let Some(e) = &queue.failure {
                return Err(e.clone());
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
            match &queue.steps[f.index()] {
                Step::Waiting => {
                    queue.steps[f.index()] = Step::Taken;
                    drop(queue);
                    let mut compiler = self.compilers.lock().pop().unwrap_or_default();
                    let result = on_large_stack(|| self.compile(&mut compiler, f));
                    self.compilers.lock().push(compiler);
                    self.put(f, result.unwrap_or_else(|e| Err(err!(OutOfMemory, "no stack to compile on: {e}"))));
                    queue = self.queue.lock();
                }
                Step::Taken => self.changed.wait(&mut queue),
                Step::Failed(e) => return Err(e.clone()),
                Step::Done(func) => {
                    let func = func.clone();
                    queue.soon.extend(func.callees());
                    drop(queue);
                    return match self.text.place(&self.source, f, &func)? {
                        Some(code) => Ok(code),
                        None => Ok(self.wait()?.func(f)),
                    };
                }
            }
        }
    }

    fn compile(&self, compiler: &mut FuncCompiler, f: DefinedFuncIndex) -> Result<CompiledFunc> {
        let types = self.engine.types.view();
        let env = self.engine.compiler.env(&self.source.info, &self.layout, types);
        compiler.compile(&env, f, &self.source.bytes, decode::again(&self.bodies[f.index()]))
    }

    fn compile_the_rest(&self) {
        // Without a stack it is left to others.
        let _ = on_large_stack(|| {
            let mut compiler = FuncCompiler::default();
            while let Some(f) = self.take_next() {
                let result = self.compile(&mut compiler, f);
                self.put(f, result);
            }
        });
    }

    /// A function to compile: first one that is probably wanted soon.
    fn take_next(&self) -> Option<DefinedFuncIndex> {
        if self.stopped.load(Relaxed) {
            return None;
        }
        let queue = &mut *self.queue.lock();
        let waits = |steps: &[Step], f: usize| matches!(steps[f], Step::Waiting);
        let mut found = None;
        while found.is_none()
            && let Some(f) = queue.soon.pop()
        {
            found = Some(f.index()).filter(|f| waits(&queue.steps, *f));
        }
        while found.is_none() && queue.next < queue.steps.len() {
            found = Some(queue.next).filter(|f| waits(&queue.steps, *f));
            queue.next += 1;
        }
        let f = found?;
        queue.steps[f] = Step::Taken;
        Some(DefinedFuncIndex::new(f))
    }

    fn put(&self, f: DefinedFuncIndex, result: Result<CompiledFunc>) {
        let size = self.source.info.bodies[f].len() as u64;
        self.engine.compiler.progress().done.fetch_add(size, Relaxed);
        let mut queue = self.queue.lock();
        queue.steps[f.index()] = match result {
            Ok(func) => Step::Done(Arc::new(func)),
            Err(e) => {
                queue.failure.get_or_insert(e.clone());
                Step::Failed(e)
            }
        };
        queue.left -= 1;
        if queue.left == 0 && queue.failure.is_none() {
            self.finish(queue);
        } else {
            self.changed.notify_all();
        }
    }

    /// Puts everything together, and lets calls go there.
    fn finish(&self, queue: MutexGuard<'_, Queue>) {
        let done = |s: &Step| match s {
            Step::Done(f) => Some(f.clone()),
            _ => None,
        };
        let all: Vec<_> = queue.steps.iter().filter_map(done).collect();
        drop(queue);
        let linked = link(&all).and_then(|code| Linked::new(&self.source, code));
        drop(all);
        match linked {
            Ok(linked) => {
                let linked = self.linked.get_or_init(|| linked);
                self.text.enter_all_at(|f| linked.func(f));
                for context in std::mem::take(&mut *self.contexts.lock()) {
                    self.refresh(context);
                }
                let mut queue = self.queue.lock();
                // Nobody looks at a step of a function that can be entered.
                queue.steps.iter_mut().for_each(|s| *s = Step::Taken);
                drop(queue);
                self.changed.notify_all();
                (self.on_linked)(linked);
            }
            Err(e) => {
                self.queue.lock().failure = Some(e);
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
