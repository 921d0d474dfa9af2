//! Decides when a store is destroyed that one thread may be using while another deletes it. A call pays for this with
//! only a few plain loads and stores; the deleting thread issues a memory barrier on all processors instead.

use crate::sys::membarrier;
use crate::sys::thread::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::*, compiler_fence, fence};

/// The store has not been deleted.
const ALIVE: u8 = 0;
/// The store was deleted. If a call is in it, that call destroys it when it leaves.
const DELETED: u8 = 1;
/// The call that was in the store destroys it.
const USER_ENDS: u8 = 2;
/// The thread that deleted the store destroys it, as soon as the call that was in it has left.
const DELETER_ENDS: u8 = 3;

pub struct Life {
    /// 2 for each call that is in the store; 1 while the last of them leaves and reads the state.
    depth: AtomicUsize,
    state: AtomicU8,
    has_barrier: bool,
    /// The process that the store was created in.
    process: u32,
}

impl Life {
    pub fn new() -> Arc<Life> {
        Arc::new(Life::alive())
    }

    fn alive() -> Life {
        let has_barrier = membarrier::is_available();
        Life { depth: AtomicUsize::new(0), state: AtomicU8::new(ALIVE), has_barrier, process: process() }
    }

    /// A call begins. Returns the previous depth, which `leave` needs: nested calls may never return and so leave the
    /// depth too high.
    #[inline(always)]
    pub fn enter(&self) -> usize {
        let before = self.depth.load(Relaxed);
        self.depth.store(before + 2, Relaxed);
        before
    }

    /// A call is over. If this returns true, the caller must destroy the store, and no other thread will. Otherwise
    /// the store may already be gone.
    #[inline(always)]
    pub fn leave(&self, before: usize) -> bool {
        if before != 0 {
            self.depth.store(before, Relaxed);
            return false;
        }
        self.depth.store(1, Relaxed);
        match self.has_barrier {
            true => compiler_fence(SeqCst),
            false => fence(SeqCst),
        }
        if self.state.load(Acquire) == ALIVE {
            // The last access to the store.
            self.depth.store(0, Release);
            return false;
        }
        self.leave_deleted()
    }

    /// Forgets the calls that are in the store, because they will not return.
    pub fn forget_calls(&self) {
        self.depth.store(0, Release);
    }

    #[cold]
    fn leave_deleted(&self) -> bool {
        let ends = self.state.compare_exchange(DELETED, USER_ENDS, AcqRel, Acquire).is_ok();
        if !ends {
            self.depth.store(0, Release);
        }
        ends
    }

    /// Deletes the store. If this returns true, the caller must destroy the store now. A finalizer that deletes its
    /// store again does nothing.
    pub fn delete(self: Arc<Life>) -> bool {
        if self.state.compare_exchange(ALIVE, DELETED, SeqCst, SeqCst).is_err() {
            return false;
        }
        if self.depth.load(Acquire) == 0 {
            return true;
        }
        // From here on, every thread that reads the state sees that the store was deleted. A call that is about to
        // leave has either said so in `depth`, or will see it.
        membarrier::all_threads();
        match self.depth.load(Acquire) {
            0 => true,
            1 => {
                if self.state.compare_exchange(DELETED, DELETER_ENDS, AcqRel, Acquire).is_err() {
                    return false;
                }
                while self.depth.load(Acquire) != 0 {
                    if self.process != process() {
                        // A thread of the parent process was in the store and does not exist here. The store keeps
                        // that state, and is leaked.
                        return false;
                    }
                    std::thread::yield_now();
                }
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    /// Whatever the timing, exactly one of the two threads destroys the store, and no call uses it after the other
    /// thread has destroyed it.
    #[test]
    fn one_ends_it() {
        for has_barrier in [membarrier::is_available(), false] {
            for round in 0..300 {
                let life = Arc::new(Life { has_barrier, ..Life::alive() });
                let (ended, entered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
                let (of_user, its_ended, its_entered) = (life.clone(), ended.clone(), entered.clone());
                let user = std::thread::spawn(move || {
                    let before = of_user.enter();
                    its_entered.store(true, SeqCst);
                    (0..round % 64).for_each(|_| std::hint::spin_loop());
                    if of_user.leave(before) {
                        its_ended.fetch_add(1, SeqCst);
                    }
                });
                while !entered.load(SeqCst) {
                    std::hint::spin_loop();
                }
                (0..round % 61).for_each(|_| std::hint::spin_loop());
                if life.delete() {
                    ended.fetch_add(1, SeqCst);
                }
                user.join().unwrap();
                assert_eq!(ended.load(SeqCst), 1, "round {round}");
            }
        }
    }

    #[test]
    fn calls_nest() {
        let life = Life::new();
        let (outer, inner) = (life.enter(), life.enter());
        assert!(!life.clone().delete() && !life.leave(inner) && life.leave(outer));
        assert!(!life.delete());
        let life = Life::new();
        let before = life.enter();
        assert!(!life.leave(before) && life.delete());
    }

    #[test]
    fn calls_that_never_return_keep_nothing() {
        let life = Life::new();
        let outer = life.enter();
        life.enter();
        assert!(!life.leave(outer) && life.clone().delete());
        let life = Life::new();
        life.enter();
        life.forget_calls();
        assert!(life.delete());
    }
}
