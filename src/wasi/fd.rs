//! Operations on descriptors themselves: their types, flags, sizes and times.

use super::call::Call;
use super::descriptor::{Descriptor, Kind};
use super::errno::{Done, Errno};
use super::filestat::FILESTAT_SIZE;
use super::rights::*;
use rustix::fs::{Advice, FallocateFlags, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use std::os::fd::BorrowedFd;

/// The system's descriptor of a file. Streams in memory have none.
fn system(d: &Descriptor) -> Result<BorrowedFd<'_>, Errno> {
    d.as_fd().ok_or(Errno::NOTSUP)
}

/// Checks that the range of bytes fits the system's signed offsets.
fn range(offset: u64, len: u64) -> Result<(), Errno> {
    let end = offset.checked_add(len).ok_or(Errno::INVAL)?;
    if i64::try_from(end).is_ok() { Ok(()) } else { Err(Errno::INVAL) }
}

pub fn fd_advise(call: &mut Call<'_>, fd: u32, offset: u64, len: u64, advice: u32) -> Done {
    let d = call.wasi.table.get(fd)?;
    if let Kind::Dir(_) = d.kind {
        return Err(Errno::BADF.into());
    }
    d.need(FD_ADVISE)?;
    range(offset, len)?;
    let advice = match advice {
        0 => Advice::Normal,
        1 => Advice::Sequential,
        2 => Advice::Random,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        5 => Advice::NoReuse,
        _ => return Err(Errno::INVAL.into()),
    };
    Ok(rustix::fs::fadvise(system(d)?, offset, std::num::NonZeroU64::new(len), advice)?)
}

pub fn fd_allocate(call: &mut Call<'_>, fd: u32, offset: u64, len: u64) -> Done {
    let d = call.wasi.table.get(fd)?;
    d.need_writable()?;
    d.need(FD_ALLOCATE)?;
    range(offset, len)?;
    Ok(rustix::fs::fallocate(system(d)?, FallocateFlags::empty(), offset, len)?)
}

pub fn fd_close(call: &mut Call<'_>, fd: u32) -> Done {
    call.wasi.table.remove(fd)?;
    Ok(())
}

pub fn fd_datasync(call: &mut Call<'_>, fd: u32) -> Done {
    let d = call.wasi.table.get(fd)?;
    d.need(FD_DATASYNC)?;
    d.as_fd().map_or(Ok(()), |fd| ignore_pipes(rustix::fs::fdatasync(fd)))
}

pub fn fd_sync(call: &mut Call<'_>, fd: u32) -> Done {
    let d = call.wasi.table.get(fd)?;
    d.need(FD_SYNC)?;
    d.as_fd().map_or(Ok(()), |fd| ignore_pipes(rustix::fs::fsync(fd)))
}

/// Descriptors that cannot be synchronized, such as pipes, have nothing to lose.
fn ignore_pipes(result: rustix::io::Result<()>) -> Done {
    match result {
        Err(rustix::io::Errno::INVAL) => Ok(()),
        result => Ok(result?),
    }
}

/// Writes the struct `fdstat`, 24 bytes.
pub fn fd_fdstat_get(call: &mut Call<'_>, fd: u32, out_fdstat: u32) -> Done {
    let out = call.memory.span(out_fdstat, 24)?;
    let d = call.wasi.table.get(fd)?;
    let mut bytes = [0; 24];
    bytes[0] = d.file_type.0;
    bytes[2..4].copy_from_slice(&d.flags.to_le_bytes());
    bytes[8..16].copy_from_slice(&d.rights.to_le_bytes());
    bytes[16..24].copy_from_slice(&d.inheriting.to_le_bytes());
    out.write(0, &bytes);
    Ok(())
}

/// Sets `APPEND` and `NONBLOCK`. The other flags cannot be changed once a file is open.
pub fn fd_fdstat_set_flags(call: &mut Call<'_>, fd: u32, flags: u32) -> Done {
    let d = call.wasi.table.get_mut(fd)?;
    d.need(FD_FDSTAT_SET_FLAGS)?;
    let flags = u16::try_from(flags).map_err(|_| Errno::INVAL)?;
    if flags & !(APPEND | NONBLOCK | DSYNC | RSYNC | SYNC) != 0 {
        return Err(Errno::INVAL.into());
    }
    if (flags ^ d.flags) & (DSYNC | RSYNC | SYNC) != 0 {
        return Err(Errno::NOTSUP.into());
    }
    // The process's own descriptors keep their flags, because other code uses them. NONBLOCK is implemented here
    // (`wait`), not by the system.
    if let Kind::File(f) = &d.kind
        && (flags ^ d.flags) & APPEND != 0
    {
        let mut system = rustix::fs::fcntl_getfl(f)?;
        system.set(OFlags::APPEND, flags & APPEND != 0);
        rustix::fs::fcntl_setfl(f, system)?;
    }
    d.flags = flags;
    Ok(())
}

/// Removes rights from a descriptor. Fails with NOTCAPABLE if the guest asks for more than it has.
pub fn fd_fdstat_set_rights(call: &mut Call<'_>, fd: u32, base: u64, inheriting: u64) -> Done {
    let d = call.wasi.table.get_mut(fd)?;
    if base & !d.rights != 0 || inheriting & !d.inheriting != 0 {
        return Err(Errno::NOTCAPABLE.into());
    }
    d.rights = base;
    d.inheriting = inheriting;
    Ok(())
}

pub fn fd_filestat_get(call: &mut Call<'_>, fd: u32, out_filestat: u32) -> Done {
    let out = call.memory.span(out_filestat, FILESTAT_SIZE)?;
    let d = call.wasi.table.get(fd)?;
    d.need(FD_FILESTAT_GET)?;
    d.stat()?.write(out);
    Ok(())
}

pub fn fd_filestat_set_size(call: &mut Call<'_>, fd: u32, size: u64) -> Done {
    let d = call.wasi.table.get(fd)?;
    d.need_writable()?;
    d.need(FD_FILESTAT_SET_SIZE)?;
    range(0, size)?;
    Ok(rustix::fs::ftruncate(system(d)?, size)?)
}

/// Converts times to the system's form.
pub fn times(atim: u64, mtim: u64, flags: u32) -> Result<Timestamps, Errno> {
    let time = |at: u64, set: u32, now: u32| match (flags & set != 0, flags & now != 0) {
        (true, true) => Err(Errno::INVAL),
        (false, false) => Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }),
        (false, true) => Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }),
        (true, false) => Ok(Timespec { tv_sec: (at / 1_000_000_000) as i64, tv_nsec: (at % 1_000_000_000) as _ }),
    };
    if flags & !(SET_ATIM | SET_ATIM_NOW | SET_MTIM | SET_MTIM_NOW) != 0 {
        return Err(Errno::INVAL);
    }
    Ok(Timestamps {
        last_access: time(atim, SET_ATIM, SET_ATIM_NOW)?,
        last_modification: time(mtim, SET_MTIM, SET_MTIM_NOW)?,
    })
}

pub fn fd_filestat_set_times(call: &mut Call<'_>, fd: u32, atim: u64, mtim: u64, flags: u32) -> Done {
    let d = call.wasi.table.get(fd)?;
    d.need_writable()?;
    d.need(FD_FILESTAT_SET_TIMES)?;
    let times = times(atim, mtim, flags)?;
    Ok(rustix::fs::futimens(system(d)?, &times)?)
}

/// The guest enumerates its directories by calling this for each descriptor from 3 on, until one fails with EBADF.
fn preopen_name<'a>(call: &'a Call<'_>, fd: u32) -> Result<&'a [u8], Errno> {
    match &call.wasi.table.get(fd)?.kind {
        Kind::Dir(d) => d.preopen.as_deref().ok_or(Errno::BADF),
        _ => Err(Errno::BADF),
    }
}

/// Writes the struct `prestat`, 8 bytes.
pub fn fd_prestat_get(call: &mut Call<'_>, fd: u32, out_prestat: u32) -> Done {
    let out = call.memory.span(out_prestat, 8)?;
    let name = preopen_name(call, fd)?;
    out.write(0, &[0; 4]);
    out.write(4, &(name.len() as u32).to_le_bytes());
    Ok(())
}

pub fn fd_prestat_dir_name(call: &mut Call<'_>, fd: u32, path: u32, path_len: u32) -> Done {
    let out = call.memory.span(path, path_len)?;
    let name = preopen_name(call, fd)?;
    if name.len() > out.len() {
        return Err(Errno::NAMETOOLONG.into());
    }
    out.write(0, name);
    Ok(())
}

/// Works for preopened directories too, both as source and as target: libraries implement `dup2` with it.
pub fn fd_renumber(call: &mut Call<'_>, fd: u32, to: u32) -> Done {
    Ok(call.wasi.table.renumber(fd, to)?)
}
