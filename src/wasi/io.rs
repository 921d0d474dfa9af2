//! Reading, writing and seeking.

use super::call::Call;
use super::descriptor::{Descriptor, Kind};
use super::errno::{Done, Errno, Stop};
use super::guest::Iovecs;
use super::rights::*;
use super::wait::{is_ready, wait_for};
use crate::api::StoreMut;
use crate::sys::sigpipe;
use rustix::event::PollFlags;
use rustix::fs::SeekFrom;

/// Bytes that a pipe accepts without blocking once it is reported as writable: `PIPE_BUF`.
const PIPE_PIECE: usize = 4096;

/// Bytes transferred between two checks for interruption.
const PIECE: usize = 256 << 10;

/// Transfers between buffers and something that does not block: regular files, memory, callbacks. If the store can be
/// interrupted, the transfer is divided into pieces, so that a guest that reads a gigabyte is stopped in time. `f`
/// receives each piece and the number of bytes transferred before it.
fn in_pieces<'a>(
    store: &mut StoreMut<'_>,
    iovecs: &Iovecs<'a>,
    mut f: impl FnMut(&mut StoreMut<'_>, &Iovecs<'_>, usize) -> Done<usize>,
) -> Done<usize> {
    if iovecs.total() <= PIECE || !store.is_interruptible() {
        return f(store, iovecs, 0);
    }
    let mut done = 0;
    loop {
        let piece = iovecs.piece(done, PIECE)?;
        let n = match f(store, &piece, done) {
            // The pieces before this one were transferred, so the call succeeds.
            Err(Stop::Errno(_)) if done > 0 => 0,
            result => result?,
        };
        done += n;
        if n < piece.total() || done == iovecs.total() {
            return Ok(done);
        }
        store.take_interrupt()?;
    }
}

/// Converts the guest's offset to the system's type.
fn offset_of(offset: u64) -> Result<i64, Errno> {
    i64::try_from(offset).map_err(|_| Errno::INVAL)
}

/// The offset at which a transfer continues after `done` bytes.
fn at(offset: Option<i64>, done: usize) -> Option<i64> {
    offset.map(|o| o.saturating_add(done as i64))
}

/// Before a read or a write that can block: waits until the descriptor is ready or, if the guest set NONBLOCK, fails
/// with AGAIN.
fn before(store: &mut StoreMut<'_>, d: &Descriptor, events: PollFlags) -> Done {
    let fd = d.as_fd().ok_or(Errno::BADF)?;
    if d.flags & NONBLOCK == 0 {
        // Without interruption, the process's own descriptors can simply block in the system.
        let needed = store.is_interruptible() || matches!(d.kind, Kind::File(_));
        return if needed { wait_for(store, fd, events) } else { Ok(()) };
    }
    if is_ready(fd, events) { Ok(()) } else { Err(Errno::AGAIN.into()) }
}

fn read(call: &mut Call<'_>, fd: u32, iovecs: &mut Iovecs<'_>, offset: Option<i64>) -> Done<usize> {
    let d = call.wasi.table.get_mut(fd)?;
    if let Kind::Dir(_) = d.kind {
        return Err(Errno::ISDIR.into());
    }
    d.need(if offset.is_some() { FD_READ | FD_SEEK } else { FD_READ })?;
    if !d.waits() {
        return in_pieces(&mut call.store, iovecs, |store, piece, done| match &mut d.kind {
            Kind::Stream(s) if s.as_fd().is_none() => s.read(&mut call.wasi.streams, &store.gate(), piece),
            _ => Ok(piece.read(d.as_fd().ok_or(Errno::BADF)?, at(offset, done))?),
        });
    }
    if call.store.is_interruptible() {
        iovecs.limit(PIECE);
    }
    loop {
        if iovecs.total() > 0 {
            before(&mut call.store, d, PollFlags::IN)?;
        }
        let fd = d.as_fd().ok_or(Errno::BADF)?;
        match iovecs.read(fd, offset) {
            // Another reader took the data, or the process's own descriptor is non-blocking.
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock && d.flags & NONBLOCK == 0 => {
                wait_for(&mut call.store, fd, PollFlags::IN)?;
            }
            result => return Ok(result?),
        }
    }
}

fn write(call: &mut Call<'_>, fd: u32, iovecs: &mut Iovecs<'_>, offset: Option<i64>) -> Done<usize> {
    let d = call.wasi.table.get_mut(fd)?;
    if let Kind::Dir(_) = d.kind {
        return Err(Errno::ISDIR.into());
    }
    d.need(if offset.is_some() { FD_WRITE | FD_SEEK } else { FD_WRITE })?;
    if !d.waits() {
        return in_pieces(&mut call.store, iovecs, |store, piece, done| match &mut d.kind {
            Kind::Stream(s) if s.as_fd().is_none() => s.write(&mut call.wasi.streams, &store.gate(), piece),
            _ => Ok(piece.write(d.as_fd().ok_or(Errno::BADF)?, at(offset, done))?),
        });
    }
    // If the store can be interrupted, a write is kept short enough not to block in the system.
    if call.store.is_interruptible() {
        iovecs.limit(PIPE_PIECE);
    }
    loop {
        if iovecs.total() > 0 {
            before(&mut call.store, d, PollFlags::OUT)?;
        }
        let fd = d.as_fd().ok_or(Errno::BADF)?;
        let written = match d.may_break() {
            true => sigpipe::without(|| iovecs.write(fd, offset)),
            false => iovecs.write(fd, offset),
        };
        match written {
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock && d.flags & NONBLOCK == 0 => {
                wait_for(&mut call.store, fd, PollFlags::OUT)?;
            }
            result => return Ok(result?),
        }
    }
}

pub fn fd_read(call: &mut Call<'_>, fd: u32, iovs: u32, iovs_len: u32, out_read: u32) -> Done {
    let out = call.memory.out::<u32>(out_read)?;
    let mut iovecs = call.memory.iovecs(iovs, iovs_len)?;
    out.set(read(call, fd, &mut iovecs, None)? as u32);
    Ok(())
}

pub fn fd_pread(call: &mut Call<'_>, fd: u32, iovs: u32, iovs_len: u32, offset: u64, out_read: u32) -> Done {
    let out = call.memory.out::<u32>(out_read)?;
    let mut iovecs = call.memory.iovecs(iovs, iovs_len)?;
    out.set(read(call, fd, &mut iovecs, Some(offset_of(offset)?))? as u32);
    Ok(())
}

pub fn fd_write(call: &mut Call<'_>, fd: u32, iovs: u32, iovs_len: u32, out_written: u32) -> Done {
    let out = call.memory.out::<u32>(out_written)?;
    let mut iovecs = call.memory.iovecs(iovs, iovs_len)?;
    out.set(write(call, fd, &mut iovecs, None)? as u32);
    Ok(())
}

pub fn fd_pwrite(call: &mut Call<'_>, fd: u32, iovs: u32, iovs_len: u32, offset: u64, out_written: u32) -> Done {
    let out = call.memory.out::<u32>(out_written)?;
    let mut iovecs = call.memory.iovecs(iovs, iovs_len)?;
    out.set(write(call, fd, &mut iovecs, Some(offset_of(offset)?))? as u32);
    Ok(())
}

pub fn fd_seek(call: &mut Call<'_>, fd: u32, offset: u64, whence: u32, out_offset: u32) -> Done {
    let out = call.memory.out::<u64>(out_offset)?;
    let d = call.wasi.table.get(fd)?;
    let to = match whence {
        0 => SeekFrom::Start(offset_of(offset)? as u64),
        1 => SeekFrom::Current(offset as i64),
        2 => SeekFrom::End(offset as i64),
        _ => return Err(Errno::INVAL.into()),
    };
    // Querying the position is not seeking.
    d.need(if whence == 1 && offset == 0 { FD_TELL } else { FD_SEEK })?;
    out.set(rustix::fs::seek(d.as_fd().ok_or(Errno::SPIPE)?, to)?);
    Ok(())
}

pub fn fd_tell(call: &mut Call<'_>, fd: u32, out_offset: u32) -> Done {
    let out = call.memory.out::<u64>(out_offset)?;
    let d = call.wasi.table.get(fd)?;
    d.need(FD_TELL)?;
    out.set(rustix::fs::seek(d.as_fd().ok_or(Errno::SPIPE)?, SeekFrom::Current(0))?);
    Ok(())
}
