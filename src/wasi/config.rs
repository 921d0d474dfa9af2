//! The configuration of a guest process, and its state while it runs.

use super::clock::Clock;
use super::descriptor::{Descriptor, open_host_dir};
use super::errno::Errno;
use super::filestat::FileStat;
use super::random::Random;
use super::rights;
use super::stream::{Capture, Reader, Stream, Streams, Writer, open_host_file};
use super::table::Table;
use crate::api::{Error, Instance, Memory, Result};
use crate::err;
use std::os::fd::AsFd;
use std::path::Path;

/// One guest process: arguments, environment, descriptors, clocks. Initially its standard input is empty, its output is
/// discarded, and it has no directories.
pub struct Wasi {
    /// Without NULs in the middle.
    pub(super) args: Strings,
    /// Each is `NAME=value`.
    pub(super) environ: Strings,
    pub(super) table: Table,
    pub(super) streams: Streams,
    pub(super) clock: Option<Clock>,
    pub(super) random: Option<Random>,
    /// The memory of the instance that called last.
    pub(super) memory: Option<(Instance, Memory)>,
}

/// Strings in the guest's format: one after another, each followed by a NUL.
#[derive(Default)]
pub struct Strings {
    pub bytes: Vec<u8>,
    pub starts: Vec<u32>,
}

/// Maximum number of strings of one kind: their addresses must fit into the guest's memory too.
const MAX_STRINGS: usize = 1 << 28;

impl Strings {
    /// Removes the string that starts with `start` from the first `count` strings, if there is one.
    fn remove_before(&mut self, count: usize, start: &[u8]) {
        let like_this = |at: &u32| self.bytes[*at as usize..].starts_with(start);
        let Some(i) = self.starts[..count].iter().position(like_this) else { return };
        let from = self.starts.remove(i);
        let to = self.starts.get(i).map_or(self.bytes.len(), |next| *next as usize);
        self.bytes.drain(from as usize..to);
        self.starts[i..].iter_mut().for_each(|at| *at -= to as u32 - from);
    }

    /// Adds a string composed of parts. All strings together must fit into the guest's address space.
    fn push(&mut self, parts: &[&[u8]], what: &str) -> Result<()> {
        if parts.iter().any(|p| p.contains(&0)) {
            return Err(err!(InvalidArgument, "the {what} contains a NUL"));
        }
        let start = self.bytes.len();
        let len = parts.iter().map(|p| p.len()).sum::<usize>() + 1;
        if start + len > i32::MAX as usize || self.starts.len() >= MAX_STRINGS {
            return Err(err!(Limit, "the guest has too many strings"));
        }
        let room = self.bytes.try_reserve(len).and_then(|()| self.starts.try_reserve(1));
        room.map_err(|_| err!(OutOfMemory, "no memory for the {what}"))?;
        self.starts.push(start as u32);
        parts.iter().for_each(|p| self.bytes.extend_from_slice(p));
        self.bytes.push(0);
        Ok(())
    }
}

impl Default for Wasi {
    fn default() -> Wasi {
        Wasi::new()
    }
}

fn io(what: &str, path: &Path, e: std::io::Error) -> Error {
    err!(Io, "{what} {}: {e}", path.display())
}

fn check_fd(fd: u32, valid: std::ops::RangeInclusive<u32>) -> Result<()> {
    match valid.contains(&fd) {
        true => Ok(()),
        false => Err(err!(InvalidArgument, "fd is {fd}, expected {} to {}", valid.start(), valid.end())),
    }
}

impl Wasi {
    /// Creates a process with no arguments, environment variables or directories, an empty standard input and discarded
    /// output.
    pub fn new() -> Wasi {
        let mut table = Table::default();
        table.set_standard(0, Descriptor::stream(Stream::Empty, rights::INPUT));
        for fd in [1, 2] {
            table.set_standard(fd, Descriptor::stream(Stream::Discard, rights::OUTPUT));
        }
        Wasi {
            args: Strings::default(),
            environ: Strings::default(),
            table,
            streams: Streams::default(),
            clock: None,
            random: None,
            memory: None,
        }
    }

    /// Adds an argument. The first one is the program's name. Fails with `InvalidArgument` if it contains a NUL.
    pub fn add_arg(&mut self, arg: &[u8]) -> Result<()> {
        self.args.push(&[arg], "argument")
    }

    /// Sets an environment variable, replacing one of the same name. Fails with `InvalidArgument` if the name is empty
    /// or contains `=`, or if name or value contain a NUL.
    pub fn add_env(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        if name.is_empty() || name.contains(&b'=') {
            return Err(err!(InvalidArgument, "the name of an environment variable is empty or contains a '='"));
        }
        // The old variable is removed last, so that it is still there if adding fails.
        let before = self.environ.starts.len();
        self.environ.push(&[name, b"=", value], "environment variable")?;
        self.environ.remove_before(before, &[name, b"="].concat());
        Ok(())
    }

    /// Adds the environment variables of the process.
    pub fn inherit_env(&mut self) -> Result<()> {
        use std::os::unix::ffi::OsStrExt;
        // Names in the process can start with '='. No program relies on them, so they are skipped.
        let all = std::env::vars_os().filter(|(name, _)| !name.is_empty() && !name.as_bytes().contains(&b'='));
        all.into_iter().try_for_each(|(name, value)| self.add_env(name.as_bytes(), value.as_bytes()))
    }

    fn set_stream(&mut self, fd: u32, stream: Stream) {
        let rights = if fd == 0 { rights::INPUT } else { rights::OUTPUT };
        self.table.set_standard(fd, Descriptor::stream(stream, rights));
    }

    /// Connects descriptors 0, 1 and 2 to those of the process. If the guest closes one, the process's descriptor stays
    /// open.
    pub fn inherit_stdio(&mut self) {
        for fd in 0..3 {
            self.set_stream(fd, Stream::Inherited(fd as u8));
        }
    }

    /// The same for one of them. Fails with `InvalidArgument` if `fd` is not 0, 1 or 2.
    pub fn inherit_stream(&mut self, fd: u32) -> Result<()> {
        check_fd(fd, 0..=2)?;
        self.set_stream(fd, Stream::Inherited(fd as u8));
        Ok(())
    }

    /// Reads descriptor 0 from a file, or writes descriptor 1 or 2 to a file, which is created or truncated. Fails with
    /// `Io` if the file cannot be opened.
    pub fn set_stdio_file(&mut self, fd: u32, path: &Path) -> Result<()> {
        check_fd(fd, 0..=2)?;
        let file = open_host_file(fd, path).map_err(|e| io("opening", path, e))?;
        let stat = FileStat::of(file.as_fd()).map_err(|e| io("looking at", path, e.into()))?;
        let rights = if fd == 0 { rights::FILE & !rights::FD_WRITE } else { rights::FILE & !rights::FD_READ };
        let flags = if fd == 0 { 0 } else { rights::APPEND };
        self.table.set_standard(fd, Descriptor::file(file, &stat, rights, flags, fd == 0));
        Ok(())
    }

    /// Reads descriptor 0 from memory.
    pub fn set_stdin_bytes(&mut self, bytes: Box<[u8]>) {
        self.set_stream(0, Stream::Bytes { bytes, at: 0 });
    }

    /// Captures what is written to descriptor 1 or 2 in memory, up to `max` bytes. Beyond that, the guest's writes fail
    /// with ENOSPC.
    pub fn capture(&mut self, fd: u32, max: usize) -> Result<()> {
        check_fd(fd, 1..=2)?;
        let which = fd as usize - 1;
        self.streams.captures[which] = Capture { bytes: Vec::new(), max };
        self.set_stream(fd, Stream::Capture(which));
        Ok(())
    }

    /// The bytes written to a captured stream so far; empty for other streams.
    pub fn output(&self, fd: u32) -> Result<&[u8]> {
        check_fd(fd, 1..=2)?;
        Ok(&self.streams.captures[fd as usize - 1].bytes)
    }

    /// Reads descriptor 0 from a callback, which cannot use the store.
    pub fn set_reader(&mut self, reader: Reader) {
        self.streams.readers.push(reader);
        self.set_stream(0, Stream::Reader(self.streams.readers.len() - 1));
    }

    /// Writes descriptor 1 or 2 to a callback, which cannot use the store.
    pub fn set_writer(&mut self, fd: u32, writer: Writer) -> Result<()> {
        check_fd(fd, 1..=2)?;
        self.streams.writers.push(writer);
        self.set_stream(fd, Stream::Writer(self.streams.writers.len() - 1));
        Ok(())
    }

    /// Preopens a directory of the host under the name `guest`. Fails with `Io` if it cannot be opened, and with
    /// `InvalidArgument` if the name is empty or contains a NUL.
    pub fn add_dir(&mut self, host: &Path, guest: &[u8], read_only: bool) -> Result<()> {
        if guest.is_empty() || guest.contains(&0) {
            return Err(err!(InvalidArgument, "the guest's name of a directory is empty or contains a NUL"));
        }
        let dir = open_host_dir(host).map_err(|e| io("opening the directory", host, e))?;
        let added = self.table.insert(Descriptor::preopen(dir, guest, read_only));
        added.map(|_| ()).map_err(|_: Errno| err!(Limit, "the guest cannot have more descriptors"))
    }

    /// Sets the guest's clock: a callback that returns nanoseconds for a clock id and cannot use the store. Returns the
    /// previous clock. The caller must drop it only when nothing of this process is borrowed: it may run code of the
    /// host that uses the process.
    pub fn set_clock(&mut self, clock: Clock) -> Option<Clock> {
        self.clock.replace(clock)
    }

    /// Sets the source of the guest's random bytes: a callback, which cannot use the store. Returns the previous one,
    /// as `set_clock` does.
    pub fn set_random(&mut self, random: Random) -> Option<Random> {
        self.random.replace(random)
    }
}
