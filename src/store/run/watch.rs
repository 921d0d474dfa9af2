//! What is looked at when the host enters WebAssembly, and none runs: whether the store is sound, whether traps that are signals reach
//! us on this thread, and now and then whether the signal handlers are still ours. Only the system knows, and asking takes long.

use crate::base::Result;
use crate::engine::pooling::pool::IDS;
use crate::err;
use crate::store::store::Store;
use crate::sys::{handlers, thread};

/// Calls between two looks at the handlers.
const CALLS: u32 = 256;

/// Every so many looks are at all handlers; and every so many stores and instances are looks, if there are many.
const LOOKS: u32 = 16;

/// Numbers of stores begin with `IDS`.
const FEW_STORES: u64 = 2 * IDS;
const FEW_INSTANCES: u64 = 64;

pub struct Watch {
    /// The thread that entered last, by its token, and how many threads had ended by then; 0 if the next one is to be looked at as a new
    /// one is.
    thread: usize,
    ended: usize,
    /// So many calls until it is looked at the handlers.
    calls: u32,
    /// How often that was done.
    looks: u32,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch { thread: 0, ended: 0, calls: CALLS, looks: 0 }
    }
}

impl Store {
    /// Fails if WebAssembly must not run now.
    #[inline(always)]
    pub(crate) fn check_entry(&mut self) -> Result<()> {
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
            // A thread that comes after this one may have the same token.
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

    /// Looks at the handlers when the store is made (0), or its n-th instance: always in a process that makes few of them, otherwise
    /// when 16 were made. A system call takes a fifth of the time that an instance does.
    pub fn look_when_made(&mut self, n: u64) -> Result<()> {
        let are_few = self.id < FEW_STORES && n < FEW_INSTANCES;
        if are_few || (self.id + n).is_multiple_of(u64::from(LOOKS)) { self.look_at_handlers() } else { Ok(()) }
    }

    /// Makes sure that the signal handlers are ours: mostly as far as one system call tells.
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
