//! Waiting that ends when the store is interrupted.

use super::errno::Done;
use crate::api::StoreMut;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// How often to check for interruption while waiting: an interruption is two atomic stores, which wake no thread.
const SLICE: Duration = Duration::from_millis(20);

/// Waits until one of the descriptors is ready or the time has come. Returns how many descriptors are ready. Fails,
/// which ends the guest, when the store is interrupted.
pub fn wait(store: &mut StoreMut<'_>, fds: &mut [PollFd<'_>], until: Option<Instant>) -> Done<usize> {
    let slice = store.is_interruptible().then_some(SLICE);
    loop {
        store.take_interrupt()?;
        let left = until.map(|t| t.saturating_duration_since(Instant::now()));
        let pause = match (left, slice) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let timespec = pause.map(timespec);
        match poll(fds, timespec.as_ref()) {
            Ok(0) if left.is_some_and(|l| pause.is_some_and(|p| l <= p)) => return Ok(0),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(n) => return Ok(n),
            Err(e) => return Err(e.into()),
        }
    }
}

fn timespec(d: Duration) -> Timespec {
    Timespec { tv_sec: d.as_secs().min(i64::MAX as u64) as i64, tv_nsec: d.subsec_nanos().into() }
}

/// Waits until a descriptor can be read or written.
pub fn wait_for(store: &mut StoreMut<'_>, fd: BorrowedFd<'_>, events: PollFlags) -> Done {
    wait(store, &mut [PollFd::from_borrowed_fd(fd, events)], None).map(|_| ())
}

/// Whether a descriptor can be read or written now.
pub fn is_ready(fd: BorrowedFd<'_>, events: PollFlags) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    !matches!(poll(&mut [PollFd::from_borrowed_fd(fd, events)], Some(&now)), Ok(0))
}
