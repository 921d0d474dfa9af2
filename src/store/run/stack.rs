//! How far down the stack WebAssembly may go: on the thread's own stack, on a stack that the host has described, and on
//! an unknown stack.

use crate::base::limits::{MAX_STACK_RESERVE, MIN_STACK_RESERVE, UNKNOWN_STACK};
use crate::sys::stack_bounds::{Lease, Stack, own_stack, readable_below};

/// What is known about the stack that contains a stack pointer.
#[derive(Clone, Copy)]
pub(in crate::store) struct Area {
    pub(in crate::store) stack: Stack,
    /// WebAssembly never goes below this address. The rest of the stack is reserved for host functions, the runtime,
    /// and signal handlers.
    pub(in crate::store) floor: usize,
    /// How long this stays valid for later calls with a stack pointer in `stack`.
    pub(in crate::store) lease: Lease,
}

impl Area {
    pub(in crate::store) fn of(stack: Stack, lease: Lease) -> Area {
        let reserve = ((stack.high - stack.low) / 4).clamp(MIN_STACK_RESERVE, MAX_STACK_RESERVE);
        Area { stack, floor: stack.low.saturating_add(reserve), lease }
    }

    /// For a stack about which only its readable memory is known. It is never remembered, so each call looks again.
    pub(in crate::store) fn unknown(sp: usize) -> Area {
        let low = readable_below(sp, UNKNOWN_STACK + MIN_STACK_RESERVE);
        let floor = (low + MIN_STACK_RESERVE).max(sp.saturating_sub(UNKNOWN_STACK));
        Area { stack: Stack { low, high: sp }, floor, lease: Lease::OVER }
    }
}

/// The stacks of a store's calls.
pub struct Stacks {
    /// The maximum number of bytes that one outermost call may use.
    pub(in crate::store) most: usize,
    /// The stacks that the host has described: for the call in progress, and for all calls of the store.
    pub(in crate::store) described: [Option<Stack>; 2],
    pub(in crate::store) is_described: bool,
    /// The stack of the innermost call that changed stacks, or else of the outermost call.
    pub(in crate::store) area: Area,
    /// The stack pointer of that call.
    pub(in crate::store) top: usize,
}

/// The state that a call on another stack restores when it returns.
pub struct Before {
    pub(in crate::store) area: Area,
    pub(in crate::store) top: usize,
    pub(in crate::store) limit: usize,
}

impl Stacks {
    pub fn new(most: usize) -> Stacks {
        let area = Area { stack: Stack::default(), floor: 0, lease: Lease::OVER };
        Stacks { most, described: [None; 2], is_described: false, area, top: 0 }
    }

    /// The stack limit of a call.
    pub(in crate::store) fn limit(&self, area: &Area, sp: usize) -> usize {
        sp.saturating_sub(self.most).max(area.floor)
    }

    /// Finds the stack that contains `sp`. If the host has described a part of the thread's own stack, that part counts
    /// as another stack.
    #[cold]
    pub(in crate::store) fn find(&self, sp: usize) -> Area {
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
