//! Sets the stack limit of a call, according to the stack that it is on.

use crate::base::{Error, Result, Trap};
use crate::store::run::stack::*;
use crate::store::store::Store;
use crate::sys::stack_bounds::{Lease, Stack};
use std::sync::atomic::Ordering::Relaxed;

#[cold]
fn exhausted() -> Error {
    Error::trap(Trap::StackOverflow)
}

impl Store {
    /// Sets the stack that the host's calls may come from, for the call in progress or for all calls. It applies to
    /// calls that begin afterwards. Returns the previous value.
    pub fn describe_stack(&mut self, for_call: bool, stack: Option<Stack>) -> Option<Stack> {
        let stacks = &mut self.stacks;
        stacks.area.lease = Lease::OVER;
        let before = std::mem::replace(&mut stacks.described[usize::from(!for_call)], stack);
        stacks.is_described = stacks.described != [None; 2];
        before
    }

    /// Sets the stack limit for an outermost call, whose trampoline needs `frame` bytes. Fails if the stack has less.
    #[inline(always)]
    pub(in crate::store) fn enter_stack(&mut self, sp: usize, frame: usize) -> Result<()> {
        if sp != self.stacks.top || !self.stacks.area.lease.is_valid() {
            self.move_top(sp);
        }
        if sp < self.stack_limit + frame {
            return Err(exhausted());
        }
        self.vm.enter(self.stack_limit);
        Ok(())
    }

    /// Updates the limit, because the outermost call is at another place than the one before, or because the lease is over.
    #[inline(never)]
    fn move_top(&mut self, sp: usize) {
        let stacks = &mut self.stacks;
        if !stacks.area.stack.contains(sp) || !stacks.area.lease.is_valid() {
            stacks.area = stacks.find(sp);
        }
        stacks.top = sp;
        self.stack_limit = stacks.limit(&stacks.area, sp);
    }

    /// Whether a nested call of this store is on the same stack, with enough of it left.
    #[inline(always)]
    pub(in crate::store) fn is_on_stack(&self, sp: usize, frame: usize) -> bool {
        // SAFETY: this is the store's thread (invariant 2), and the field is atomic. An interrupt raises it.
        let limit = unsafe { (*self.vm.get()).stack_limit.load(Relaxed) };
        sp >= limit.saturating_add(frame) && sp <= self.stacks.top && !self.stacks.is_described
    }

    /// Sets the stack limit for a call for which `is_on_stack` is false: it is on another stack, there is not enough
    /// left, or the host has described a stack.
    pub(in crate::store) fn change_stack(&mut self, sp: usize, frame: usize) -> Result<Option<Before>> {
        self.vm.poll().map_err(Error::trap)?;
        let (stacks, limit) = (&mut self.stacks, self.stack_limit);
        let area = stacks.find(sp);
        let current = stacks.area.stack.low;
        // A stack that the host has described may lie within another one.
        if (current..=stacks.top).contains(&sp) && area.stack.low <= current {
            return if sp < limit + frame { Err(exhausted()) } else { Ok(None) };
        }
        let inner = stacks.limit(&area, sp);
        if sp < inner + frame {
            return Err(exhausted());
        }
        let before = Before { area: stacks.area, top: stacks.top, limit };
        stacks.area = area;
        stacks.top = sp;
        self.stack_limit = inner;
        self.vm.set_stack_limit(inner);
        Ok(Some(before))
    }

    /// Restores the limit after a call on another stack has returned.
    pub(in crate::store) fn leave_stack(&mut self, before: Before) {
        self.stacks.area = before.area;
        self.stacks.top = before.top;
        self.stack_limit = before.limit;
        self.vm.set_stack_limit(before.limit);
    }
}
