//! Fault injection: tests make the n-th fallible allocation fail. Costs one access to a thread-local variable for each mapping, table or
//! context, and nothing in machine code.

use std::cell::Cell;
use std::io;

thread_local! {
    /// The number of allocations until one fails; 0 if none is to fail.
    static COUNTDOWN: Cell<u64> = const { Cell::new(0) };
}

/// Makes the `n`-th fallible allocation of this thread from now on fail, once; 0 cancels this. Returns the rest of the previous count,
/// which is 0 if that failure has happened.
pub fn fail_nth(n: u64) -> u64 {
    COUNTDOWN.replace(n)
}

/// Called before every fallible allocation. Returns the injected error.
pub fn check() -> io::Result<()> {
    let left = COUNTDOWN.get();
    COUNTDOWN.set(left.saturating_sub(1));
    if left == 1 { Err(io::ErrorKind::OutOfMemory.into()) } else { Ok(()) }
}
