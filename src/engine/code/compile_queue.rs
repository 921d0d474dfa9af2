//! The order in which the final code of a running module's functions is compiled.

use crate::base::index::*;
use crate::base::{Error, Result};
use crate::compile::CompiledFunc;
use std::collections::VecDeque;
use std::sync::Arc;

/// A function whose frame has more bytes than this is replaced early.
const LARGE_FRAME: u32 = 4096;

pub struct Queue {
    /// By function.
    funcs: Vec<Step>,
    /// Functions that were entered; they are compiled before others.
    used: VecDeque<DefinedFuncIndex>,
    /// No function below this index waits, except those in `used`.
    next: usize,
    /// Functions that are not compiled yet.
    left: usize,
    /// The reason why the module cannot be completed.
    failure: Option<Error>,
    /// The reason why some functions that were taken may never be completed.
    lost: Option<Error>,
}

enum Step {
    Waiting,
    Taken,
    Done(Arc<CompiledFunc>),
    Failed(Error),
}

impl Queue {
    pub fn new(funcs: usize) -> Queue {
        Queue {
            funcs: (0..funcs).map(|_| Step::Waiting).collect(),
            used: VecDeque::new(),
            next: 0,
            left: funcs,
            failure: None,
            lost: None,
        }
    }

    pub fn compiled(&self, f: DefinedFuncIndex) -> Option<Arc<CompiledFunc>> {
        match &self.funcs[f.index()] {
            Step::Done(func) => Some(func.clone()),
            _ => None,
        }
    }

    /// Takes a function to compile it now. Returns false if it is taken or compiled already, and an error if it could
    /// not be compiled.
    pub fn take(&mut self, f: DefinedFuncIndex) -> Result<bool> {
        match &self.funcs[f.index()] {
            Step::Failed(e) => Err(e.clone()),
            _ => Ok(self.begin(f)),
        }
    }

    fn begin(&mut self, f: DefinedFuncIndex) -> bool {
        let step = &mut self.funcs[f.index()];
        let waits = matches!(step, Step::Waiting);
        if waits {
            *step = Step::Taken;
        }
        waits
    }

    /// Puts back a function that was taken and not compiled.
    pub fn give_back(&mut self, f: DefinedFuncIndex) {
        self.funcs[f.index()] = Step::Waiting;
        self.used.push_back(f);
    }

    /// Takes the function that is most useful to compile next.
    pub fn next(&mut self) -> Option<DefinedFuncIndex> {
        while let Some(f) = self.used.pop_front() {
            if self.begin(f) {
                return Some(f);
            }
        }
        while self.next < self.funcs.len() {
            let f = DefinedFuncIndex::new(self.next);
            self.next += 1;
            if self.begin(f) {
                return Some(f);
            }
        }
        None
    }

    /// Records that a function runs as baseline code, whose frames have `frame_size` bytes.
    pub fn entered(&mut self, f: DefinedFuncIndex, frame_size: u32) {
        // Functions that use much stack come first.
        match frame_size > LARGE_FRAME {
            true => self.used.push_front(f),
            false => self.used.push_back(f),
        }
    }

    /// Records the result for a function that was taken. Returns whether it was the last one.
    pub fn put(&mut self, f: DefinedFuncIndex, result: Result<Arc<CompiledFunc>>) -> bool {
        let failed = result.as_ref().err().cloned();
        self.funcs[f.index()] = result.map_or_else(Step::Failed, Step::Done);
        self.left -= 1;
        self.failure = self.failure.take().or(failed);
        self.left == 0
    }

    /// Whether all functions were compiled without a failure.
    pub fn is_complete(&self) -> bool {
        self.left == 0 && self.failure.is_none()
    }

    /// Returns an error if the module cannot be completed.
    pub fn check(&self) -> Result<()> {
        self.check_lost()?;
        self.failure.clone().map_or(Ok(()), Err)
    }

    /// Returns an error if a compiling thread has panicked.
    pub fn check_lost(&self) -> Result<()> {
        self.lost.clone().map_or(Ok(()), Err)
    }

    pub fn lose(&mut self, e: Error) {
        self.lost = Some(e);
    }

    /// Functions that other threads had begun wait again.
    pub fn forget_others(&mut self) {
        self.lost = None;
        if self.left > 0 {
            self.funcs.iter_mut().filter(|s| matches!(s, Step::Taken)).for_each(|s| *s = Step::Waiting);
            self.next = 0;
        }
    }

    /// All functions, if all were compiled.
    pub fn all(&self) -> Option<Vec<Arc<CompiledFunc>>> {
        (0..self.funcs.len()).map(|f| self.compiled(DefinedFuncIndex::new(f))).collect()
    }

    pub fn fail(&mut self, e: Error) {
        self.failure = Some(e);
    }

    /// Releases all code of the functions. The linked module is used from then on.
    pub fn clear(&mut self) {
        self.funcs.iter_mut().for_each(|f| *f = Step::Taken);
    }
}
