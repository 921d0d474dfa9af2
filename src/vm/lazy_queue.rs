//! What is compiled next, of a module that runs meanwhile.

use crate::base::index::*;
use crate::base::{Error, Result};
use crate::compile::{CompiledFunc, Tier};
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of a frame that is worth replacing soon.
const LARGE_FRAME: u32 = 4096;

#[derive(Clone, Copy)]
pub struct Task {
    pub func: DefinedFuncIndex,
    pub tier: Tier,
}

pub struct Queue {
    /// By function.
    funcs: Vec<Func>,
    /// Functions that such as ran call, the likely ones last: to be compiled quickly.
    soon: Vec<DefinedFuncIndex>,
    /// Functions that were entered: to be compiled in full.
    used: VecDeque<DefinedFuncIndex>,
    /// The least function that may wait for the full tier.
    next: usize,
    /// Functions that are not compiled in full yet.
    left: usize,
    /// Why not everything will be there.
    failure: Option<Error>,
    /// Why some of what was taken may never be put.
    lost: Option<Error>,
}

struct Func {
    quick: Step,
    full: Step,
}

enum Step {
    Waiting,
    Taken,
    Done(Arc<CompiledFunc>),
    Failed(Error),
}

impl Step {
    fn take(&mut self) -> bool {
        let waits = matches!(self, Step::Waiting);
        if waits {
            *self = Step::Taken;
        }
        waits
    }

    fn done(&self) -> Option<&Arc<CompiledFunc>> {
        match self {
            Step::Done(f) => Some(f),
            _ => None,
        }
    }
}

impl Queue {
    pub fn new(funcs: usize) -> Queue {
        Queue {
            funcs: (0..funcs).map(|_| Func { quick: Step::Waiting, full: Step::Waiting }).collect(),
            soon: Vec::new(),
            used: VecDeque::new(),
            next: 0,
            left: funcs,
            failure: None,
            lost: None,
        }
    }

    /// The best code there is of a function.
    pub fn compiled(&self, f: DefinedFuncIndex) -> Option<(Tier, Arc<CompiledFunc>)> {
        let func = &self.funcs[f.index()];
        let full = func.full.done().map(|c| (Tier::Full, c.clone()));
        full.or_else(|| func.quick.done().map(|c| (Tier::Quick, c.clone())))
    }

    /// The task of making code of a function that is wanted now. `None` when somebody is about it; an error when there will be
    /// no code.
    pub fn take(&mut self, f: DefinedFuncIndex) -> Result<Option<Task>> {
        let func = &mut self.funcs[f.index()];
        let task = |tier| Ok(Some(Task { func: f, tier }));
        if func.quick.take() {
            return task(Tier::Quick);
        }
        // What the quick tier refuses is tried in full.
        if matches!(func.quick, Step::Failed(_)) {
            if func.full.take() {
                return task(Tier::Full);
            }
            if let Step::Failed(e) = &func.full {
                return Err(e.clone());
            }
        }
        Ok(None)
    }

    /// Nothing was done about a task.
    pub fn give_back(&mut self, task: Task) {
        let func = &mut self.funcs[task.func.index()];
        match task.tier {
            Tier::Quick => func.quick = Step::Waiting,
            Tier::Full => {
                func.full = Step::Waiting;
                self.used.push_back(task.func);
            }
        }
    }

    /// The most useful task there is.
    pub fn next(&mut self) -> Option<Task> {
        while let Some(f) = self.soon.pop() {
            let func = &mut self.funcs[f.index()];
            if func.full.done().is_none() && func.quick.take() {
                return Some(Task { func: f, tier: Tier::Quick });
            }
        }
        while let Some(f) = self.used.pop_front() {
            if self.funcs[f.index()].full.take() {
                return Some(Task { func: f, tier: Tier::Full });
            }
        }
        while self.next < self.funcs.len() {
            let f = self.next;
            self.next += 1;
            if self.funcs[f].full.take() {
                return Some(Task { func: DefinedFuncIndex::new(f), tier: Tier::Full });
            }
        }
        None
    }

    /// A function is entered with this code.
    pub fn entered(&mut self, f: DefinedFuncIndex, tier: Tier, code: &CompiledFunc) {
        // First those that take much stack.
        match tier {
            Tier::Quick if code.frame_size() > LARGE_FRAME => self.used.push_front(f),
            Tier::Quick => self.used.push_back(f),
            Tier::Full => {}
        }
        let callees: Vec<_> = code.callees().collect();
        // What is called first is probably wanted first.
        self.soon.extend(callees.into_iter().rev());
    }

    /// What has become of a task. Gives whether it was the last one that everything waits for.
    pub fn put(&mut self, task: Task, result: Result<Arc<CompiledFunc>>) -> bool {
        let func = &mut self.funcs[task.func.index()];
        let full = task.tier == Tier::Full;
        let failed = result.as_ref().err().cloned();
        let step = result.map_or_else(Step::Failed, Step::Done);
        if !full {
            func.quick = step;
            return false;
        }
        func.full = step;
        self.left -= 1;
        self.failure = self.failure.take().or(failed);
        self.left == 0
    }

    /// Whether all functions are compiled in full, and not put together yet.
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
            let steps = self.funcs.iter_mut().flat_map(|f| [&mut f.quick, &mut f.full]);
            steps.filter(|s| matches!(s, Step::Taken)).for_each(|s| *s = Step::Waiting);
            self.next = 0;
        }
    }

    /// All functions in full, if all could be compiled.
    pub fn all(&self) -> Option<Vec<Arc<CompiledFunc>>> {
        self.funcs.iter().map(|f| f.full.done().cloned()).collect()
    }

    pub fn fail(&mut self, e: Error) {
        self.failure = Some(e);
    }

    /// Lets go of all code: nobody asks for it any more.
    pub fn clear(&mut self) {
        self.funcs.iter_mut().for_each(|f| *f = Func { quick: Step::Taken, full: Step::Taken });
    }
}
