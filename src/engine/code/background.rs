//! The threads of an engine that compile lazy modules in the background. There are few, however many modules there are, and only while
//! there is work. Nobody waits for them: a thread owns what it needs, and a module that is deleted while one of its functions is compiled
//! is freed by the thread, after that function.

use crate::compile::FuncCompiler;
use crate::engine::code::tiering::Lazy;
use crate::sys::allocation::fatal;
use crate::sys::lock::Mutex;
use crate::sys::stack::on_large_stack;
use crate::sys::thread::{lower_priority, process, spawn_quietly};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

pub struct Background {
    /// Threads, at most.
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Modules that have functions to compile, the next one first; as often as threads may compile one at the same time.
    modules: VecDeque<Weak<Lazy>>,
    threads: usize,
    /// The process whose threads they are.
    process: u32,
}

impl Background {
    pub fn new(most: usize) -> Arc<Background> {
        Arc::new(Background { most, state: Mutex::default() })
    }

    /// Compiles a module, on as many threads as `wanted` if there are that many. Where there is no thread to be had, functions are compiled
    /// when they are called.
    pub fn add(self: &Arc<Background>, lazy: &Arc<Lazy>, wanted: usize) {
        let wanted = wanted.min(self.most);
        let new = {
            let mut state = self.state.lock();
            let here = process();
            if state.process != here {
                // A child process has no thread of its parent's.
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

    /// So many threads are not there. Modules that none is left for are compiled as they are called.
    fn lose(&self, threads: usize) {
        let mut state = self.state.lock();
        state.threads -= threads;
        if state.threads == 0 {
            state.modules.clear();
        }
    }

    /// Compiles one function of each module in turn until there is none left.
    fn work(&self) {
        lower_priority();
        let compile = || {
            let mut compiler = FuncCompiler::default();
            while let Some(module) = self.next() {
                // What it was the last to know ends here.
                if module.upgrade().is_some_and(|lazy| lazy.compile_next(&mut compiler)) {
                    self.state.lock().modules.push_back(module);
                }
            }
        };
        if fatal(|| on_large_stack(compile)).is_err() {
            // No stack to compile on.
            self.lose(1);
        }
    }

    /// The module whose turn it is. Without one, the thread counts as ended.
    fn next(&self) -> Option<Weak<Lazy>> {
        let mut state = self.state.lock();
        let module = state.modules.pop_front();
        if module.is_none() {
            state.threads -= 1;
        }
        module
    }
}
