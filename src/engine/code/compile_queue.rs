//! What is compiled next in full, of a module that runs meanwhile.

use crate::base::index::*;
use crate::base::{Error, Result};
use crate::compile::CompiledFunc;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of a frame that is worth replacing soon.
const LARGE_FRAME: u32 = 4096;

pub struct Queue {
    /// By function.
    funcs: Vec<Step>,
    /// Functions that were entered.
    used: VecDeque<DefinedFuncIndex>,
    /// The least function that may wait.
    next: usize,
    /// Functions that are not compiled yet.
    left: usize,
    /// Why not everything will be there.
    failure: Option<Error>,
    /// Why some of what was taken may never be put.
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

    /// Takes a function that is wanted now, to compile it. False when somebody has; an error when there will be no code.
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

    /// Nothing was done about a function that was taken.
    pub fn give_back(&mut self, f: DefinedFuncIndex) {
        self.funcs[f.index()] = Step::Waiting;
        self.used.push_back(f);
    }

    /// The most useful function to compile, which is taken.
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

    /// A function is entered in code that was made at once, with frames of so many bytes.
    pub fn entered(&mut self, f: DefinedFuncIndex, frame_size: u32) {
        // First those that take much stack.
        match frame_size > LARGE_FRAME {
            true => self.used.push_front(f),
            false => self.used.push_back(f),
        }
    }

    /// What has become of a function that was taken. Gives whether it was the last one that everything waits for.
    pub fn put(&mut self, f: DefinedFuncIndex, result: Result<Arc<CompiledFunc>>) -> bool {
        let failed = result.as_ref().err().cloned();
        self.funcs[f.index()] = result.map_or_else(Step::Failed, Step::Done);
        self.left -= 1;
        self.failure = self.failure.take().or(failed);
        self.left == 0
    }

    /// Whether all functions are compiled, and not put together yet.
    pub fn is_complete(&self) -> bool {
        self.left == 0 && self.failure.is_none()
    }

    /// An error if not everything will be there.
    pub fn check(&self) -> Result<()> {
        self.check_lost()?;
        self.failure.clone().map_or(Ok(()), Err)
    }

    /// An error if somebody who compiled was lost.
    pub fn check_lost(&self) -> Result<()> {
        self.lost.clone().map_or(Ok(()), Err)
    }

    pub fn lose(&mut self, e: Error) {
        self.lost = Some(e);
    }

    /// What others had begun waits again.
    pub fn forget_others(&mut self) {
        self.lost = None;
        if self.left > 0 {
            self.funcs.iter_mut().filter(|s| matches!(s, Step::Taken)).for_each(|s| *s = Step::Waiting);
            self.next = 0;
        }
    }

    /// All functions, if all could be compiled.
    pub fn all(&self) -> Option<Vec<Arc<CompiledFunc>>> {
        (0..self.funcs.len()).map(|f| self.compiled(DefinedFuncIndex::new(f))).collect()
    }

    pub fn fail(&mut self, e: Error) {
        self.failure = Some(e);
    }

    /// Lets go of all code: nobody asks for it any more.
    pub fn clear(&mut self) {
        self.funcs.iter_mut().for_each(|f| *f = Step::Taken);
    }
}
