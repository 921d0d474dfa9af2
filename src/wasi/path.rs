//! Operations on paths. `cap-std` resolves every path beneath the directory that it is relative to.

use super::call::Call;
use super::descriptor::Descriptor;
use super::errno::{Done, Errno, Stop};
use super::fd::times;
use super::filestat::{FILESTAT_SIZE, FileStat, FileType};
use super::guest::Guest;
use super::rights::*;
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::AtFlags;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Maximum length of a path in bytes, as in the system.
const MAX_PATH: usize = 4096;

/// Reads a path from the guest's memory: any bytes except NUL, as in the system.
fn path_of(memory: Guest<'_>, at: u32, len: u32) -> Result<PathBuf, Errno> {
    let bytes = memory.string(at, len, MAX_PATH)?;
    if bytes.contains(&0) {
        return Err(Errno::INVAL);
    }
    if bytes.is_empty() {
        return Err(Errno::NOENT);
    }
    Ok(OsString::from_vec(bytes).into())
}

/// A trailing slash says that the path names a directory. `cap-std` does not always check that.
fn says_directory(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(b"/")
}

fn follow(flags: u32) -> Result<FollowSymlinks, Errno> {
    match flags {
        0 => Ok(FollowSymlinks::No),
        SYMLINK_FOLLOW => Ok(FollowSymlinks::Yes),
        _ => Err(Errno::INVAL),
    }
}

pub fn path_create_directory(call: &mut Call<'_>, fd: u32, path: u32, path_len: u32) -> Done {
    let path = path_of(call.memory, path, path_len)?;
    let d = call.wasi.table.get(fd)?;
    let dir = d.directory(PATH_CREATE_DIRECTORY)?;
    d.need_writable()?;
    Ok(dir.dir.create_dir(path)?)
}

pub fn path_filestat_get(call: &mut Call<'_>, fd: u32, flags: u32, path: u32, path_len: u32, out: u32) -> Done {
    let out = call.memory.span(out, FILESTAT_SIZE)?;
    let path = path_of(call.memory, path, path_len)?;
    let dir = &call.wasi.table.get(fd)?.directory(PATH_FILESTAT_GET)?.dir;
    let follow = follow(flags)?;
    // A single name in the directory takes one system call unless it is a symbolic link; any other path takes three.
    let metadata =
        match !says_directory(&path) && (follow == FollowSymlinks::No || path.parent() == Some(Path::new(""))) {
            true => Some(dir.symlink_metadata(&path)?).filter(|m| follow == FollowSymlinks::No || !m.is_symlink()),
            false => None,
        };
    let metadata = match metadata {
        Some(m) => m,
        None => dir.metadata(path)?,
    };
    FileStat::from(&metadata).write(out);
    Ok(())
}

#[allow(clippy::too_many_arguments)] // As preview 1 has it.
pub fn path_filestat_set_times(
    call: &mut Call<'_>,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    atim: u64,
    mtim: u64,
    fst_flags: u32,
) -> Done {
    let path = path_of(call.memory, path, path_len)?;
    let d = call.wasi.table.get(fd)?;
    let dir = d.directory(PATH_FILESTAT_SET_TIMES)?;
    d.need_writable()?;
    let times = times(atim, mtim, fst_flags)?;
    let mut options = OpenOptions::new();
    // The file itself is not opened, because opening can block or be forbidden.
    options.read(true).follow(follow(flags)?).custom_flags(libc::O_PATH);
    let file = dir.dir.open_with(path, &options)?;
    Ok(rustix::fs::utimensat(file.as_fd(), "", &times, AtFlags::EMPTY_PATH)?)
}

#[allow(clippy::too_many_arguments)] // As preview 1 has it.
pub fn path_link(
    call: &mut Call<'_>,
    old_fd: u32,
    old_flags: u32,
    old_path: u32,
    old_len: u32,
    new_fd: u32,
    new_path: u32,
    new_len: u32,
) -> Done {
    let (from, to) = (path_of(call.memory, old_path, old_len)?, path_of(call.memory, new_path, new_len)?);
    let (old, new) = (call.wasi.table.get(old_fd)?, call.wasi.table.get(new_fd)?);
    let (old_dir, new_dir) = (old.directory(PATH_LINK_SOURCE)?, new.directory(PATH_LINK_TARGET)?);
    // Through another name in a writable directory, the file could be changed.
    old.need_writable()?;
    new.need_writable()?;
    if old_flags != 0 {
        return Err(Errno::INVAL.into());
    }
    Ok(old_dir.dir.hard_link(from, &new_dir.dir, to)?)
}

pub fn path_readlink(
    call: &mut Call<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    buf: u32,
    buf_len: u32,
    out_used: u32,
) -> Done {
    let out = call.memory.out::<u32>(out_used)?;
    let span = call.memory.span(buf, buf_len)?;
    let path = path_of(call.memory, path, path_len)?;
    let target = call.wasi.table.get(fd)?.directory(PATH_READLINK)?.dir.read_link_contents(path)?;
    let target = target.as_os_str().as_bytes();
    let n = target.len().min(span.len());
    span.write(0, &target[..n]);
    out.set(n as u32);
    Ok(())
}

pub fn path_remove_directory(call: &mut Call<'_>, fd: u32, path: u32, path_len: u32) -> Done {
    let path = path_of(call.memory, path, path_len)?;
    let d = call.wasi.table.get(fd)?;
    let dir = d.directory(PATH_REMOVE_DIRECTORY)?;
    d.need_writable()?;
    // `cap-std` treats a trailing slash as `.` here, which cannot be removed.
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|b| *b != b'/').map_or(bytes.len(), |last| last + 1);
    Ok(dir.dir.remove_dir(OsStr::from_bytes(&bytes[..end]))?)
}

pub fn path_rename(
    call: &mut Call<'_>,
    old_fd: u32,
    old_path: u32,
    old_len: u32,
    new_fd: u32,
    new_path: u32,
    new_len: u32,
) -> Done {
    let (mut from, to) = (path_of(call.memory, old_path, old_len)?, path_of(call.memory, new_path, new_len)?);
    if says_directory(&to) {
        from.as_mut_os_string().push("/");
    }
    let (old, new) = (call.wasi.table.get(old_fd)?, call.wasi.table.get(new_fd)?);
    let (old_dir, new_dir) = (old.directory(PATH_RENAME_SOURCE)?, new.directory(PATH_RENAME_TARGET)?);
    old.need_writable()?;
    new.need_writable()?;
    Ok(old_dir.dir.rename(from, &new_dir.dir, to)?)
}

/// `cap-std` rejects absolute targets here, just as it refuses to follow them: they are meaningful to the host's
/// programs only.
pub fn path_symlink(call: &mut Call<'_>, target: u32, target_len: u32, fd: u32, path: u32, path_len: u32) -> Done {
    let (target, path) = (path_of(call.memory, target, target_len)?, path_of(call.memory, path, path_len)?);
    let d = call.wasi.table.get(fd)?;
    let dir = d.directory(PATH_SYMLINK)?;
    d.need_writable()?;
    Ok(dir.dir.symlink(target, path)?)
}

pub fn path_unlink_file(call: &mut Call<'_>, fd: u32, path: u32, path_len: u32) -> Done {
    let path = path_of(call.memory, path, path_len)?;
    let d = call.wasi.table.get(fd)?;
    let dir = d.directory(PATH_UNLINK_FILE)?;
    d.need_writable()?;
    if says_directory(&path) {
        return Err(slash_after_file(&dir.dir, path.as_os_str().as_bytes()));
    }
    Ok(dir.dir.remove_file(path)?)
}

/// The error for unlinking a path with a trailing slash. Like the system, this examines the named entry itself and does
/// not follow a symbolic link; `cap-std` would remove the link.
fn slash_after_file(dir: &Dir, path: &[u8]) -> Stop {
    let end = path.iter().rposition(|b| *b != b'/').map_or(0, |last| last + 1);
    match dir.symlink_metadata(OsStr::from_bytes(&path[..end])) {
        Ok(metadata) if metadata.is_dir() => Errno::ISDIR.into(),
        Ok(_) => Errno::NOTDIR.into(),
        Err(e) => e.into(),
    }
}

/// How a file is to be opened.
struct OpenRequest {
    read: bool,
    write: bool,
    oflags: u32,
    fdflags: u16,
    follow: FollowSymlinks,
}

impl OpenRequest {
    fn new(dirflags: u32, oflags: u32, fdflags: u32, rights: u64) -> Result<OpenRequest, Errno> {
        let fdflags = u16::try_from(fdflags).map_err(|_| Errno::INVAL)?;
        let directory = oflags & OPEN_DIRECTORY != 0;
        let unknown = oflags & !(CREAT | OPEN_DIRECTORY | EXCL | TRUNC) != 0
            || fdflags & !(APPEND | DSYNC | NONBLOCK | RSYNC | SYNC) != 0;
        if unknown || (directory && oflags & (CREAT | EXCL | TRUNC) != 0) {
            return Err(Errno::INVAL);
        }
        let (read, write) = (directory || rights & FD_READ != 0, rights & FD_WRITE != 0);
        Ok(OpenRequest { read, write, oflags, fdflags, follow: follow(dirflags)? })
    }

    fn has(&self, oflag: u32) -> bool {
        self.oflags & oflag != 0
    }

    fn custom_flags(&self) -> i32 {
        // Opening never blocks, and reads and writes block only in `wait`.
        let always = libc::O_NONBLOCK | libc::O_NOCTTY;
        let flags = [(APPEND, libc::O_APPEND), (DSYNC, libc::O_DSYNC), (RSYNC, libc::O_SYNC), (SYNC, libc::O_SYNC)];
        flags.iter().filter(|(f, _)| self.fdflags & f != 0).fold(always, |all, (_, system)| all | system)
    }

    /// `create`: whether to create the file if it does not exist. The system creates and truncates files only when they
    /// are opened for writing.
    fn options(&self, create: bool) -> OpenOptions {
        let write = self.write || create || self.has(TRUNC);
        let mut options = OpenOptions::new();
        options.read(self.read || !write).write(write).truncate(self.has(TRUNC));
        options.create(create).create_new(create && self.has(EXCL));
        options.follow(self.follow).custom_flags(self.custom_flags());
        options
    }

    /// Opens a directory and nothing else. A directory cannot be opened for writing.
    fn open_directory(&self, dir: &Dir, path: PathBuf) -> std::io::Result<File> {
        let mut options = self.options(false);
        options.write(false);
        let file = match dir.open_with(&path, options.custom_flags(self.custom_flags() | libc::O_DIRECTORY)) {
            // On systems without `openat2`, `cap-std` does not follow a link with this flag.
            Err(e) if e.kind() == std::io::ErrorKind::NotADirectory && self.follow == FollowSymlinks::Yes => {
                dir.open_with(path, self.options(false).write(false))?
            }
            result => result?,
        };
        match FileStat::of(file.as_fd())?.file_type {
            FileType::DIRECTORY if self.write => Err(std::io::ErrorKind::IsADirectory.into()),
            FileType::DIRECTORY => Ok(file.into_std()),
            _ => Err(std::io::ErrorKind::NotADirectory.into()),
        }
    }

    fn open(&self, dir: &Dir, path: PathBuf) -> std::io::Result<File> {
        if self.has(OPEN_DIRECTORY) {
            return self.open_directory(dir, path);
        }
        let file = match (self.has(CREAT), self.write || self.has(EXCL)) {
            (create, true) => dir.open_with(path, &self.options(create)),
            (false, false) => dir.open_with(path, &self.options(false)),
            // An existing file may be readable only.
            (true, false) => match dir.open_with(&path, &self.options(false)) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => dir.open_with(path, &self.options(true)),
                result => result,
            },
        };
        file.map(|f| f.into_std())
    }

    /// The same, for a directory in which nothing can be changed.
    fn open_read_only(mut self, dir: &Dir, path: PathBuf) -> Result<File, Errno> {
        if (self.write && !self.has(OPEN_DIRECTORY)) || self.has(TRUNC) || (self.has(CREAT) && self.has(EXCL)) {
            return Err(Errno::ROFS);
        }
        let create = self.has(CREAT);
        self.oflags &= !CREAT;
        match self.open(dir, path).map_err(Errno::from) {
            Err(Errno::NOENT) if create => Err(Errno::ROFS),
            result => result,
        }
    }
}

/// Denies access to files that expose or control processes, in case a directory contains a procfs: through
/// `/proc/self/mem` a guest could read and write all of the host's memory. Files that any user can read
/// (`/proc/cpuinfo`) can be read.
fn refuse_processes(file: &File, stat: &FileStat, write: bool) -> Result<(), Errno> {
    // Such files report a size of 0, so most other files need no query of their file system.
    if stat.file_type != FileType::REGULAR_FILE || stat.size != 0 {
        return Ok(());
    }
    let is_procfs = rustix::fs::fstatfs(file)?.f_type == libc::PROC_SUPER_MAGIC as _;
    let is_public = rustix::fs::fstat(file)?.st_mode & libc::S_IROTH != 0;
    if is_procfs && (write || !is_public) { Err(Errno::ACCES) } else { Ok(()) }
}

#[allow(clippy::too_many_arguments)] // As preview 1 has it.
pub fn path_open(
    call: &mut Call<'_>,
    fd: u32,
    dirflags: u32,
    path: u32,
    path_len: u32,
    oflags: u32,
    base: u64,
    inheriting: u64,
    fdflags: u32,
    out_fd: u32,
) -> Done {
    let out = call.memory.out::<u32>(out_fd)?;
    let path = path_of(call.memory, path, path_len)?;
    let d = call.wasi.table.get(fd)?;
    let dir = d.directory(PATH_OPEN)?;
    let wish = OpenRequest::new(dirflags, oflags, fdflags, base)?;
    // Requesting more rights than are available is not an error: C libraries request all that might be useful.
    let unavailable = base & (FD_READ | FD_WRITE) & !d.inheriting != 0;
    if unavailable && (wish.read || wish.write) && !wish.has(OPEN_DIRECTORY) {
        return Err(Errno::NOTCAPABLE.into());
    }
    if wish.has(CREAT) {
        d.need(PATH_CREATE_FILE)?;
    }
    if wish.has(TRUNC) {
        d.need(PATH_FILESTAT_SET_SIZE)?;
    }
    if !call.wasi.table.has_room() {
        return Err(Errno::MFILE.into());
    }
    let (read_only, mut rights, inheriting) = (d.read_only, base & d.inheriting, inheriting & d.inheriting);
    if !wish.write {
        rights &= !(FD_WRITE | FD_ALLOCATE | FD_FILESTAT_SET_SIZE);
    }
    let (flags, write) = (wish.fdflags, wish.write);
    let file = match read_only {
        true => wish.open_read_only(&dir.dir, path)?,
        false => wish.open(&dir.dir, path)?,
    };
    let stat = FileStat::of(file.as_fd())?;
    refuse_processes(&file, &stat, write)?;
    let opened = match stat.file_type {
        FileType::DIRECTORY => Descriptor::dir(file, None, rights, inheriting, read_only),
        _ => Descriptor::file(file, &stat, rights, flags, read_only),
    };
    out.set(call.wasi.table.insert(opened)?);
    Ok(())
}
