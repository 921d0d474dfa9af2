//! How far down the stack WebAssembly may go: on the thread's own stack, on one that the host has described, and on one that
//! nothing is known about.

use crate::base::limits::{MAX_STACK_RESERVE, MIN_STACK_RESERVE, UNKNOWN_STACK};
use crate::base::{Error, Result, Trap};
use crate::store::store::Store;
use crate::sys::stack_bounds::{Lease, Stack, own_stack, readable_below};
use std::sync::atomic::Ordering::Relaxed;

/// What is known about the stack at a stack pointer.
#[derive(Clone, Copy)]
struct Area {
    stack: Stack,
    /// WebAssembly never goes below. What is left is for host functions, the runtime, and signal handlers.
    floor: usize,
    /// How long this holds for later calls with a stack pointer in `stack`.
    lease: Lease,
}

impl Area {
    fn of(stack: Stack, lease: Lease) -> Area {
        let reserve = ((stack.high - stack.low) / 4).clamp(MIN_STACK_RESERVE, MAX_STACK_RESERVE);
        Area { stack, floor: stack.low.saturating_add(reserve), lease }
    }

    /// Nothing is known but what memory can be read, so each call looks again.
    fn unknown(sp: usize) -> Area {
        let low = readable_below(sp, UNKNOWN_STACK + MIN_STACK_RESERVE);
        let floor = (low + MIN_STACK_RESERVE).max(sp.saturating_sub(UNKNOWN_STACK));
        Area { stack: Stack { low, high: sp }, floor, lease: Lease::OVER }
    }
}

/// The stacks of a store's calls.
pub struct Stacks {
    /// What one outermost call may use, at most.
    most: usize,
    /// What the host says: for the call in progress, and for all calls of the store.
    described: [Option<Stack>; 2],
    is_described: bool,
    /// Where the innermost call that is on a stack of its own was made, or else the outermost call.
    area: Area,
    /// The stack pointer of that call.
    top: usize,
}

/// What a call on another stack than the one before puts back when it returns.
pub struct Before {
    area: Area,
    top: usize,
    limit: usize,
}

impl Stacks {
    pub fn new(most: usize) -> Stacks {
        let area = Area { stack: Stack::default(), floor: 0, lease: Lease::OVER };
        Stacks { most, described: [None; 2], is_described: false, area, top: 0 }
    }

    /// The stack limit of a call.
    fn limit(&self, area: &Area, sp: usize) -> usize {
        sp.saturating_sub(self.most).max(area.floor)
    }

    /// The stack that `sp` is on. Where the host has described a part of the thread's own stack, that part is another stack.
    #[cold]
    fn find(&self, sp: usize) -> Area {
        let described = self.described.iter().flatten();
        if let Some(stack) = described.clone().find(|s| s.contains(sp)) {
            return Area::of(*stack, Lease::FOREVER);
        }
        let Some((mut own, mut lease)) = own_stack().filter(|(own, _)| own.contains(sp)) else {
            return Area::unknown(sp);
        };
        for part in described {
            if own.contains(part.low) {
                lease = Lease::OVER;
                match part.low > sp {
                    true => own.high = part.low,
                    false => own.low = part.high,
                }
            }
        }
        Area::of(own, lease)
    }
}

#[cold]
fn exhausted() -> Error {
    Error::trap(Trap::StackOverflow)
}

impl Store {
    /// Says which stack the host's calls may come from, for the call in progress or for all. Taken into account by calls that begin
    /// afterwards. Returns what was said before.
    pub fn describe_stack(&mut self, for_call: bool, stack: Option<Stack>) -> Option<Stack> {
        let stacks = &mut self.stacks;
        stacks.area.lease = Lease::OVER;
        let before = std::mem::replace(&mut stacks.described[usize::from(!for_call)], stack);
        stacks.is_described = stacks.described != [None; 2];
        before
    }

    /// Sets the stack limit for an outermost call, whose trampoline takes `frame` bytes.
    #[inline(always)]
    pub(crate) fn enter_stack(&mut self, sp: usize, frame: usize) -> Result<()> {
        if sp != self.stacks.top || !self.stacks.area.lease.is_valid() {
            self.move_top(sp);
        }
        if sp < self.stack_limit + frame {
            return Err(exhausted());
        }
        self.vm.enter(self.stack_limit);
        Ok(())
    }

    /// The outermost call is not where the one before was.
    #[inline(never)]
    fn move_top(&mut self, sp: usize) {
        let stacks = &mut self.stacks;
        if !stacks.area.stack.contains(sp) || !stacks.area.lease.is_valid() {
            stacks.area = stacks.find(sp);
        }
        stacks.top = sp;
        self.stack_limit = stacks.limit(&stacks.area, sp);
    }

    /// Whether a call inside of another call of this store is on the same stack, with enough left.
    #[inline(always)]
    pub(crate) fn is_on_stack(&self, sp: usize, frame: usize) -> bool {
        // SAFETY: the store's thread; the field is atomic. An interrupt raises it.
        let limit = unsafe { (*self.vm.get()).stack_limit.load(Relaxed) };
        sp >= limit.saturating_add(frame) && sp <= self.stacks.top && !self.stacks.is_described
    }

    /// Sets the stack limit for a call that may not be: it is on another stack, or there is not enough left.
    pub(crate) fn change_stack(&mut self, sp: usize, frame: usize) -> Result<Option<Before>> {
        self.vm.poll().map_err(Error::trap)?;
        let (stacks, limit) = (&mut self.stacks, self.stack_limit);
        let area = stacks.find(sp);
        let current = stacks.area.stack.low;
        // A stack that the host has described may be in the middle of another one.
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

    /// The call that was on another stack is over.
    pub(crate) fn leave_stack(&mut self, before: Before) {
        self.stacks.area = before.area;
        self.stacks.top = before.top;
        self.stack_limit = before.limit;
        self.vm.set_stack_limit(before.limit);
    }
}
