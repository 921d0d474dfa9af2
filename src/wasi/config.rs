//! What a guest process may use, and its state while it runs.

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

/// One guest process: arguments, environment, descriptors, clocks. At first it has an empty standard input, its output is
/// discarded, and it has no directories.
pub struct Wasi {
    /// Without NULs.
    pub(super) args: Strings,
    /// Each `NAME=value`.
    pub(super) environ: Strings,
    pub(super) table: Table,
    pub(super) streams: Streams,
    pub(super) clock: Option<Clock>,
    pub(super) random: Option<Random>,
    /// The memory of the instance that called last.
    pub(super) memory: Option<(Instance, Memory)>,
}

/// Strings as the guest gets them: one after the other, each with a NUL behind it.
#[derive(Default)]
pub struct Strings {
    pub bytes: Vec<u8>,
    pub starts: Vec<u32>,
}

/// Strings of one kind, whose addresses have to fit into the guest's memory as well.
const MAX_STRINGS: usize = 1 << 28;

impl Strings {
    /// Takes out the one of the first `count` strings that starts like this, if there is one.
    fn remove_before(&mut self, count: usize, start: &[u8]) {
        let like_this = |at: &u32| self.bytes[*at as usize..].starts_with(start);
        let Some(i) = self.starts[..count].iter().position(like_this) else { return };
        let from = self.starts.remove(i);
        let to = self.starts.get(i).map_or(self.bytes.len(), |next| *next as usize);
        self.bytes.drain(from as usize..to);
        self.starts[i..].iter_mut().for_each(|at| *at -= to as u32 - from);
    }

    /// Adds a string made of parts. All of them together have to fit into a guest's address space.
    fn push(&mut self, parts: &[&[u8]], what: &str) -> Result<()> {
        if parts.iter().any(|p| p.contains(&0)) {
            return Err(err!(InvalidArgument, "the {what} has a NUL in it"));
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

    /// Adds an argument. The first one is the program's name.
    pub fn add_arg(&mut self, arg: &[u8]) -> Result<()> {
        self.args.push(&[arg], "argument")
    }

    /// Sets an environment variable; one of the same name is replaced.
    pub fn add_env(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        if name.is_empty() || name.contains(&b'=') {
            return Err(err!(InvalidArgument, "the name of an environment variable is empty or has a '=' in it"));
        }
        // The old one goes last: on failure it is still there.
        let before = self.environ.starts.len();
        self.environ.push(&[name, b"=", value], "environment variable")?;
        self.environ.remove_before(before, &[name, b"="].concat());
        Ok(())
    }

    /// Adds the environment variables of the process.
    pub fn inherit_env(&mut self) -> Result<()> {
        use std::os::unix::ffi::OsStrExt;
        // A name may start with '=' there, which no program relies on.
        let all = std::env::vars_os().filter(|(name, _)| !name.is_empty() && !name.as_bytes().contains(&b'='));
        all.into_iter().try_for_each(|(name, value)| self.add_env(name.as_bytes(), value.as_bytes()))
    }

    fn set_stream(&mut self, fd: u32, stream: Stream) {
        let rights = if fd == 0 { rights::INPUT } else { rights::OUTPUT };
        self.table.set_standard(fd, Descriptor::stream(stream, rights));
    }

    /// Makes 0, 1 and 2 those of the process. The guest can close its own, not the process's.
    pub fn inherit_stdio(&mut self) {
        for fd in 0..3 {
            self.set_stream(fd, Stream::Inherited(fd as u8));
        }
    }

    /// The same for one of them.
    pub fn inherit_stream(&mut self, fd: u32) -> Result<()> {
        check_fd(fd, 0..=2)?;
        self.set_stream(fd, Stream::Inherited(fd as u8));
        Ok(())
    }

    /// Reads 0 from a file, or writes 1 or 2 to one, which is created or emptied.
    pub fn set_stdio_file(&mut self, fd: u32, path: &Path) -> Result<()> {
        check_fd(fd, 0..=2)?;
        let file = open_host_file(fd, path).map_err(|e| io("opening", path, e))?;
        let stat = FileStat::of(file.as_fd()).map_err(|e| io("looking at", path, e.into()))?;
        let rights = if fd == 0 { rights::FILE & !rights::FD_WRITE } else { rights::FILE & !rights::FD_READ };
        let flags = if fd == 0 { 0 } else { rights::APPEND };
        self.table.set_standard(fd, Descriptor::file(file, &stat, rights, flags, fd == 0));
        Ok(())
    }

    /// Reads 0 from memory.
    pub fn set_stdin_bytes(&mut self, bytes: Box<[u8]>) {
        self.set_stream(0, Stream::Bytes { bytes, at: 0 });
    }

    /// Keeps what is written to 1 or 2 in memory, up to `max` bytes; beyond, the guest gets ENOSPC.
    pub fn capture(&mut self, fd: u32, max: usize) -> Result<()> {
        check_fd(fd, 1..=2)?;
        let which = fd as usize - 1;
        self.streams.captures[which] = Capture { bytes: Vec::new(), max };
        self.set_stream(fd, Stream::Capture(which));
        Ok(())
    }

    /// What was written to a captured stream so far; empty for another.
    pub fn output(&self, fd: u32) -> Result<&[u8]> {
        check_fd(fd, 1..=2)?;
        Ok(&self.streams.captures[fd as usize - 1].bytes)
    }

    /// Reads 0 from a callback. It runs while the store can not be used.
    pub fn set_reader(&mut self, reader: Reader) {
        self.streams.readers.push(reader);
        self.set_stream(0, Stream::Reader(self.streams.readers.len() - 1));
    }

    /// Writes 1 or 2 to a callback. It runs while the store can not be used.
    pub fn set_writer(&mut self, fd: u32, writer: Writer) -> Result<()> {
        check_fd(fd, 1..=2)?;
        self.streams.writers.push(writer);
        self.set_stream(fd, Stream::Writer(self.streams.writers.len() - 1));
        Ok(())
    }

    /// Gives the guest a directory of the host's under a name.
    pub fn add_dir(&mut self, host: &Path, guest: &[u8], read_only: bool) -> Result<()> {
        if guest.is_empty() || guest.contains(&0) {
            return Err(err!(InvalidArgument, "the guest's name of a directory is empty or has a NUL in it"));
        }
        let dir = open_host_dir(host).map_err(|e| io("opening the directory", host, e))?;
        let added = self.table.insert(Descriptor::preopen(dir, guest, read_only));
        added.map(|_| ()).map_err(|_: Errno| err!(Limit, "the guest can not have more descriptors"))
    }

    /// What the guest's clocks say: nanoseconds, for a clock's number. It runs while the store can not be used. Returns the clock that
    /// it replaces, to be dropped once nothing of this process is borrowed: it may be the host's, and use the process as it goes.
    pub fn set_clock(&mut self, clock: Clock) -> Option<Clock> {
        self.clock.replace(clock)
    }

    /// Where the guest's random bytes come from. It runs while the store can not be used. Returns what it replaces, as `set_clock`.
    pub fn set_random(&mut self, random: Random) -> Option<Random> {
        self.random.replace(random)
    }
}
