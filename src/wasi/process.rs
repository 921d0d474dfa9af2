//! The process: exit, signals and yielding.

use super::call::Call;
use super::errno::{Done, Errno, Stop};
use crate::api::Error;

pub fn proc_exit(_call: &mut Call<'_>, status: u32) -> Done {
    Err(Stop::End(Error::exit(status as i32)))
}

/// Guests have no signal handlers, so each signal has its default action: it does nothing, or ends the guest with the
/// status that a shell reports for it (128 plus the signal's number). Stopping is not supported.
pub fn proc_raise(_call: &mut Call<'_>, signal: u32) -> Done {
    match signal {
        // None, CHLD, CONT, URG and WINCH.
        0 | 16 | 17 | 22 | 27 => Ok(()),
        // STOP, TSTP, TTIN and TTOU.
        18..=21 => Err(Errno::NOTSUP.into()),
        1..=30 => Err(Stop::End(Error::exit(128 + signal as i32))),
        _ => Err(Errno::INVAL.into()),
    }
}

pub fn sched_yield(_call: &mut Call<'_>) -> Done {
    std::thread::yield_now();
    Ok(())
}
