//! Deadlines: one thread for an engine interrupts stores when theirs pass. It starts with the first deadline, and ends with the
//! engine, or when no deadline is left.

use crate::engine::interrupt::SharedVmStore;
use crate::sys::lock::{Condvar, Mutex, call_in_children};
use crate::sys::thread::process;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// The engine's.
#[derive(Default)]
pub struct Timer(Arc<Deadlines>);

/// What stores and the thread share.
#[derive(Default)]
pub struct Deadlines {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    /// The process that has the thread, if there is one.
    running: Option<u32>,
    next_number: u64,
    stores: BTreeMap<Ticket, Weak<SharedVmStore>>,
}

/// A deadline in the queue, to be cancelled: when it passes, and a number that no other has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticket {
    pub at: Instant,
    number: u64,
}

impl Timer {
    pub fn deadlines(&self) -> &Arc<Deadlines> {
        &self.0
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.queue.lock().stores.clear();
        self.0.changed.notify_one();
    }
}

/// Those that had a thread since this was last looked through.
static STARTED: Mutex<Vec<Weak<Deadlines>>> = Mutex::new(Vec::new());

/// In a child process: its stores may have deadlines, too, and nobody sets them again.
fn restart() {
    let started: Vec<_> = STARTED.lock().iter().filter_map(Weak::upgrade).collect();
    for deadlines in started {
        let mut q = deadlines.queue.lock();
        if !q.stores.is_empty() {
            // Without a thread now, the next deadline tries again.
            let _ = deadlines.start(&mut q);
        }
    }
}

impl Deadlines {
    /// The deadline of `store` passes after `after`, unless cancelled. `first` runs if nothing can fail any more, and while no
    /// deadline passes. Fails when the system gives no thread.
    pub fn add(
        self: &Arc<Self>,
        after: Duration,
        store: &Arc<SharedVmStore>,
        first: impl FnOnce(),
    ) -> io::Result<Ticket> {
        let far = Duration::from_secs(100 * 365 * 24 * 3600);
        let at = Instant::now() + after.min(far);
        let mut q = self.queue.lock();
        self.start(&mut q)?;
        first();
        q.next_number += 1;
        let ticket = Ticket { at, number: q.next_number };
        q.stores.insert(ticket, Arc::downgrade(store));
        self.changed.notify_one();
        Ok(ticket)
    }

    /// After this, the deadline has passed or never will.
    pub fn cancel(&self, ticket: Ticket) {
        self.queue.lock().stores.remove(&ticket);
        self.changed.notify_one();
    }

    /// Makes sure that there is a thread, and that it looks at what has changed.
    fn start(self: &Arc<Self>, q: &mut Queue) -> io::Result<()> {
        if q.running == Some(process()) {
            self.changed.notify_one();
            return Ok(());
        }
        let deadlines = self.clone();
        std::thread::Builder::new().name("wrt-timer".into()).spawn(move || deadlines.run())?;
        q.running = Some(process());
        let mut started = STARTED.lock();
        started.retain(|d| d.strong_count() > 0 && !std::ptr::eq(d.as_ptr(), Arc::as_ptr(self)));
        started.push(Arc::downgrade(self));
        call_in_children(restart);
        Ok(())
    }

    fn run(&self) {
        let mut q = self.queue.lock();
        while let Some((&ticket, _)) = q.stores.first_key_value() {
            if ticket.at > Instant::now() {
                self.changed.wait_until(&mut q, ticket.at);
                continue;
            }
            if let Some(store) = q.stores.remove(&ticket).and_then(|s| s.upgrade()) {
                store.expire();
            }
        }
        q.running = None;
    }
}
