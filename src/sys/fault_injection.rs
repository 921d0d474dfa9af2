//! Pretended scarcity: tests make the n-th allocation that may fail do so. Costs a thread-local read for each mapping,
//! table or context; nothing on any path of machine code.

use std::cell::Cell;
use std::io;

thread_local! {
    /// Allocations until one fails; 0 means that none does.
    static COUNTDOWN: Cell<u64> = const { Cell::new(0) };
}

/// From now on, the `n`-th fallible allocation of this thread fails, once; 0 takes it back. Gives what was left of the
/// last count: 0 if that failure has happened.
pub fn fail_nth(n: u64) -> u64 {
    COUNTDOWN.replace(n)
}

/// Asked before every fallible allocation.
pub fn check() -> io::Result<()> {
    let left = COUNTDOWN.get();
    COUNTDOWN.set(left.saturating_sub(1));
    if left == 1 { Err(io::ErrorKind::OutOfMemory.into()) } else { Ok(()) }
}
