//! Waiting for several events at the same time.

use super::call::Call;
use super::clock;
use super::descriptor::Descriptor;
use super::errno::{Done, Errno};
use super::filestat::FileType;
use super::guest::Span;
use super::rights::POLL_FD_READWRITE;
use super::wait::wait;
use rustix::event::{PollFd, PollFlags};
use std::time::{Duration, Instant};

/// Maximum number of subscriptions in one call.
const MAX_SUBSCRIPTIONS: u32 = 4096;
/// Sizes of the structs, in bytes.
const SUBSCRIPTION: usize = 48;
const EVENT: usize = 32;

const CLOCK: u8 = 0;
const FD_READ: u8 = 1;
const FD_WRITE: u8 = 2;
/// A flag in a clock's `subclockflags`: the time is absolute, not relative.
const ABSTIME: u16 = 1;
/// A flag in `eventrwflags`.
const HANGUP: u16 = 1;

struct Subscription {
    userdata: [u8; 8],
    kind: u8,
    what: What,
}

enum What {
    Failed(Errno),
    /// Ready immediately, with this many bytes.
    Ready(u64),
    Time(Instant),
    /// To be polled by the system: the guest's descriptor and the events to wait for.
    Polled(u32, PollFlags),
}

struct Event {
    errno: Errno,
    bytes: u64,
    flags: u16,
}

fn number<const N: usize>(bytes: &[u8; SUBSCRIPTION], at: usize) -> [u8; N] {
    let mut number = [0; N];
    number.copy_from_slice(&bytes[at..at + N]);
    number
}

fn subscription(call: &mut Call<'_>, bytes: &[u8; SUBSCRIPTION], now: Instant) -> Done<Subscription> {
    let kind = bytes[8];
    let what = match kind {
        CLOCK => time(call, bytes, now)?,
        FD_READ | FD_WRITE => descriptor(call, u32::from_le_bytes(number(bytes, 16)), kind),
        _ => return Err(Errno::INVAL.into()),
    };
    Ok(Subscription { userdata: number(bytes, 0), kind, what })
}

/// Relative times are real time, even if the host has set its own clock; absolute times are converted with that clock
/// once.
fn time(call: &mut Call<'_>, bytes: &[u8; SUBSCRIPTION], now: Instant) -> Done<What> {
    let (id, timeout) = (u32::from_le_bytes(number(bytes, 16)), u64::from_le_bytes(number(bytes, 24)));
    let flags = u16::from_le_bytes(number(bytes, 40));
    if flags & !ABSTIME != 0 || (id != clock::REALTIME && id != clock::MONOTONIC) {
        return Ok(What::Failed(Errno::INVAL));
    }
    let left = match flags {
        ABSTIME => timeout.saturating_sub(clock::now(call, id)?),
        _ => timeout,
    };
    // The number holds up to 584 years; the system's clock may support less.
    let far = Duration::from_secs(100 * 365 * 24 * 3600);
    Ok(What::Time(now + Duration::from_nanos(left).min(far)))
}

fn descriptor(call: &Call<'_>, fd: u32, kind: u8) -> What {
    let found = call.wasi.table.get(fd).and_then(|d| d.need(POLL_FD_READWRITE).map(|()| d));
    match found {
        Err(e) => What::Failed(e),
        Ok(d) if d.waits() => What::Polled(fd, if kind == FD_READ { PollFlags::IN } else { PollFlags::OUT }),
        // Files, and streams in memory or implemented by callbacks, are always ready.
        Ok(d) => What::Ready(available(d, kind)),
    }
}

/// The number of bytes that can be read, if it is known; otherwise 1.
fn available(d: &Descriptor, kind: u8) -> u64 {
    match d.as_fd() {
        Some(fd) if kind == FD_READ && d.file_type == FileType::REGULAR_FILE => {
            let size = d.stat().map_or(0, |s| s.size);
            size.saturating_sub(rustix::fs::tell(fd).unwrap_or(0))
        }
        Some(fd) if kind == FD_READ => rustix::io::ioctl_fionread(fd).unwrap_or(1),
        _ => 1,
    }
}

/// The event of a subscription; `None` if it is still waiting.
fn event(call: &Call<'_>, s: &Subscription, now: Instant, polled: PollFlags) -> Option<Event> {
    let event = |errno, bytes, flags| Some(Event { errno, bytes, flags });
    match s.what {
        What::Failed(e) => event(e, 0, 0),
        What::Ready(bytes) => event(Errno::SUCCESS, bytes, 0),
        What::Time(at) => {
            if at <= now {
                event(Errno::SUCCESS, 0, 0)
            } else {
                None
            }
        }
        What::Polled(..) if polled.is_empty() => None,
        What::Polled(..) if polled.contains(PollFlags::NVAL) => event(Errno::BADF, 0, 0),
        What::Polled(fd, _) => {
            let bytes = call.wasi.table.get(fd).map_or(0, |d| available(d, s.kind));
            let hangup = polled.intersects(PollFlags::HUP | PollFlags::ERR);
            event(Errno::SUCCESS, bytes, if hangup { HANGUP } else { 0 })
        }
    }
}

fn write_event(to: Span<'_>, at: usize, s: &Subscription, e: &Event) {
    let mut bytes = [0; EVENT];
    bytes[..8].copy_from_slice(&s.userdata);
    bytes[8..10].copy_from_slice(&e.errno.0.to_le_bytes());
    bytes[10] = s.kind;
    bytes[16..24].copy_from_slice(&e.bytes.to_le_bytes());
    bytes[24..26].copy_from_slice(&e.flags.to_le_bytes());
    to.write(at * EVENT, &bytes);
}

pub fn poll_oneoff(call: &mut Call<'_>, subscriptions: u32, events: u32, count: u32, out_count: u32) -> Done {
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Errno::INVAL.into());
    }
    let out = call.memory.out::<u32>(out_count)?;
    let list = call.memory.span(subscriptions, count * SUBSCRIPTION as u32)?;
    let to = call.memory.span(events, count * EVENT as u32)?;
    let now = Instant::now();
    let mut all = Vec::with_capacity(count as usize);
    for i in 0..count as usize {
        let mut bytes = [0; SUBSCRIPTION];
        list.read(i * SUBSCRIPTION, &mut bytes);
        all.push(subscription(call, &bytes, now)?);
    }
    let results = wait_for_any(call, &all, now)?;
    let now = Instant::now();
    let mut done = 0;
    for (s, polled) in all.iter().zip(results) {
        if let Some(e) = event(call, s, now, polled) {
            write_event(to, done, s, &e);
            done += 1;
        }
    }
    out.set(done as u32);
    Ok(())
}

/// Waits until there is an event to report. Returns what the system reports for each subscription.
fn wait_for_any(call: &mut Call<'_>, all: &[Subscription], now: Instant) -> Done<Vec<PollFlags>> {
    let ready = all.iter().any(|s| matches!(s.what, What::Failed(_) | What::Ready(_)));
    let first = all.iter().filter_map(|s| if let What::Time(at) = s.what { Some(at) } else { None }).min();
    let until = if ready { Some(now) } else { first };
    let mut places = Vec::new();
    let mut fds = Vec::new();
    for (i, s) in all.iter().enumerate() {
        if let What::Polled(fd, events) = s.what
            && let Some(fd) = call.wasi.table.get(fd)?.as_fd()
        {
            places.push(i);
            fds.push(PollFd::from_borrowed_fd(fd, events));
        }
    }
    wait(&mut call.store, &mut fds, until)?;
    let mut results = vec![PollFlags::empty(); all.len()];
    places.iter().zip(&fds).for_each(|(i, fd)| results[*i] = fd.revents());
    Ok(results)
}
