//! The engine's threads that compile lazy modules in the background. There are few, however many modules there are, and
//! they exist only while there is work. No thread waits for them: a thread owns everything it needs, and a module that
//! is deleted while one of its functions is being compiled is freed by the compiling thread after that function.

use crate::compile::FuncCompiler;
use crate::engine::code::tiering::Lazy;
use crate::sys::allocation::fatal;
use crate::sys::lock::Mutex;
use crate::sys::stack::on_large_stack;
use crate::sys::thread::{lower_priority, process, spawn_quietly};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

pub struct Background {
    /// Maximum number of threads.
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Modules that have functions to compile, the next one first. A module is listed once for each thread that may
    /// compile it at the same time.
    modules: VecDeque<Weak<Lazy>>,
    threads: usize,
    /// The process that the threads belong to.
    process: u32,
}

impl Background {
    pub fn new(most: usize) -> Arc<Background> {
        Arc::new(Background { most, state: Mutex::default() })
    }

    /// Compiles a module on `wanted` threads, or on all threads if there are fewer. If no thread can be started,
    /// functions are compiled when they are called.
    pub fn add(self: &Arc<Background>, lazy: &Arc<Lazy>, wanted: usize) {
        let wanted = wanted.min(self.most);
        let new = {
            let mut state = self.state.lock();
            let here = process();
            if state.process != here {
                // A child process has none of its parent's threads.
                (state.process, state.threads) = (here, 0);
            }
            (0..wanted).for_each(|_| state.modules.push_back(Arc::downgrade(lazy)));
            let new = wanted.min(self.most - state.threads);
            state.threads += new;
            new
        };
        for started in 0..new {
            let background = self.clone();
            if !spawn_quietly("wrt-background", move || background.work()) {
                self.lose(new - started);
                break;
            }
        }
    }

    /// Subtracts threads that could not be started, or that have no stack to compile on. If no thread is left, the
    /// functions of all waiting modules are compiled when they are called.
    fn lose(&self, threads: usize) {
        let mut state = self.state.lock();
        state.threads -= threads;
        if state.threads == 0 {
            state.modules.clear();
        }
    }

    /// Compiles one function of each module in turn until no function is left.
    fn work(&self) {
        lower_priority();
        let compile = || {
            let mut compiler = FuncCompiler::default();
            while let Some(module) = self.next() {
                // If the module was deleted in the meantime, this frees it.
                if module.upgrade().is_some_and(|lazy| lazy.compile_next(&mut compiler)) {
                    self.state.lock().modules.push_back(module);
                }
            }
        };
        if fatal(|| on_large_stack(compile)).is_err() {
            // There is no stack to compile on.
            self.lose(1);
        }
    }

    /// The module whose turn it is. If there is none, the thread counts as ended.
    fn next(&self) -> Option<Weak<Lazy>> {
        let mut state = self.state.lock();
        let module = state.modules.pop_front();
        if module.is_none() {
            state.threads -= 1;
        }
        module
    }
}
