//! Clocks: the system's, or one provided by the host.

use super::call::Call;
use super::errno::{Done, Errno};
use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

/// Returns the time in nanoseconds of the clock with the given id.
pub type Clock = Box<dyn FnMut(u32) -> Result<u64, Errno> + Send>;

pub const REALTIME: u32 = 0;
pub const MONOTONIC: u32 = 1;
/// The number of clocks. Clocks 2 and 3 measure the CPU time of the process and of the thread.
const CLOCKS: u32 = 4;

fn system(id: u32) -> Result<ClockId, Errno> {
    match id {
        REALTIME => Ok(ClockId::Realtime),
        MONOTONIC => Ok(ClockId::Monotonic),
        2 => Ok(ClockId::ProcessCPUTime),
        3 => Ok(ClockId::ThreadCPUTime),
        _ => Err(Errno::INVAL),
    }
}

fn nanoseconds(t: Timespec) -> Result<u64, Errno> {
    let total = i128::from(t.tv_sec) * 1_000_000_000 + i128::from(t.tv_nsec);
    u64::try_from(total).map_err(|_| Errno::OVERFLOW)
}

/// The current time of a clock, in nanoseconds.
pub fn now(call: &mut Call<'_>, id: u32) -> Done<u64> {
    if id >= CLOCKS {
        return Err(Errno::INVAL.into());
    }
    match &mut call.wasi.clock {
        Some(clock) => Ok(call.store.gate().closed_during(|| clock(id))?),
        None => Ok(nanoseconds(clock_gettime(system(id)?))?),
    }
}

/// A clock provided by the host has no resolution of its own: one nanosecond is reported.
pub fn clock_res_get(call: &mut Call<'_>, id: u32, out_resolution: u32) -> Done {
    let out = call.memory.out::<u64>(out_resolution)?;
    let resolution = nanoseconds(clock_getres(system(id)?))?;
    out.set(if call.wasi.clock.is_some() { 1 } else { resolution });
    Ok(())
}

pub fn clock_time_get(call: &mut Call<'_>, id: u32, _precision: u64, out_time: u32) -> Done {
    let out = call.memory.out::<u64>(out_time)?;
    out.set(now(call, id)?);
    Ok(())
}
