//! Checks when the host enters WebAssembly and none is running: that the store is sound, that the signals of traps are
//! not blocked on this thread, and from time to time that the signal handlers are still ours. Only the system knows the
//! last two, and asking it takes long.

use crate::base::Result;
use crate::engine::pooling::pool::IDS;
use crate::err;
use crate::store::run::watch::CALLS;
use crate::store::store::Store;
use crate::sys::{handlers, thread};

/// One in this many checks covers all handlers. If there are many stores or instances, a check happens for one in this
/// many of them.
const LOOKS: u32 = 16;

/// Up to these numbers, stores and instances count as few. Numbers of stores begin at `IDS`.
const FEW_STORES: u64 = 2 * IDS;
const FEW_INSTANCES: u64 = 64;

impl Store {
    /// Fails if WebAssembly must not run now.
    #[inline(always)]
    pub(in crate::store) fn check_entry(&mut self) -> Result<()> {
        let thread = thread::token();
        self.watch.calls -= 1;
        let is_known = self.watch.thread == thread && self.watch.ended == thread::ended();
        if is_known && self.watch.calls != 0 { Ok(()) } else { self.look(thread, is_known) }
    }

    #[cold]
    fn look(&mut self, thread: usize, is_known: bool) -> Result<()> {
        let is_due = self.watch.calls == 0;
        if is_due {
            self.watch.calls = CALLS;
        }
        self.check_sound()?;
        if !is_known {
            // A thread that starts after this one has ended may have the same token.
            self.watch.ended = thread::ended();
            if self.engine.config.settings.signals {
                thread::expect_end();
                self.watch.thread = 0;
                check_mask()?;
            }
        }
        if is_due {
            self.look_at_handlers()?;
        }
        self.watch.thread = thread;
        Ok(())
    }

    /// Checks the handlers when the store is created (`n` is 0), or its n-th instance: always in a process that creates
    /// few of them, otherwise for one in 16. A system call takes a fifth of the time that creating an instance takes.
    pub fn look_when_made(&mut self, n: u64) -> Result<()> {
        let are_few = self.id < FEW_STORES && n < FEW_INSTANCES;
        if are_few || (self.id + n).is_multiple_of(u64::from(LOOKS)) { self.look_at_handlers() } else { Ok(()) }
    }

    /// Makes sure that the signal handlers are ours. Most checks look at only one of them, which takes one system call.
    fn look_at_handlers(&mut self) -> Result<()> {
        self.watch.looks = self.watch.looks.wrapping_add(1);
        if self.watch.looks.is_multiple_of(LOOKS) {
            self.engine.install_handlers()
        } else {
            self.engine.check_handlers()
        }
    }
}

/// A fault whose signal is blocked ends the process.
fn check_mask() -> Result<()> {
    match handlers::blocked() {
        None => Ok(()),
        Some(name) => Err(err!(
            InvalidArgument,
            "this thread blocks {name}, by which traps are noticed: unblock it, or turn signals off \
             (wrt_config_set_signals, or WRT_SIGNALS=off)"
        )),
    }
}
