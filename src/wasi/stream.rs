//! Standard streams that are not files of the guest: inherited, in memory, or callbacks of the host.

use super::errno::{Done, Errno};
use super::guest::Iovecs;
use crate::api::Gate;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Fills a buffer. Returns the number of bytes, 0 at the end of the input.
pub type Reader = Box<dyn FnMut(&mut [u8]) -> Result<usize, Errno> + Send>;
/// Consumes bytes and returns how many. It may modify the buffer.
pub type Writer = Box<dyn FnMut(&mut [u8]) -> Result<usize, Errno> + Send>;

/// Maximum number of bytes passed to a callback at once.
const PIECE: usize = 64 << 10;

pub enum Stream {
    /// Reads as an empty file.
    Empty,
    /// Accepts everything and discards it.
    Discard,
    /// The process's own descriptor of this number. It is never closed.
    Inherited(u8),
    /// Reads from memory.
    Bytes {
        bytes: Box<[u8]>,
        at: usize,
    },
    /// Writes into the `Capture` with this index.
    Capture(usize),
    Reader(usize),
    Writer(usize),
}

/// What was written to a captured stream.
#[derive(Default)]
pub struct Capture {
    pub bytes: Vec<u8>,
    pub max: usize,
}

/// The parts of streams that must survive when the guest closes the descriptors.
#[derive(Default)]
pub struct Streams {
    /// For descriptors 1 and 2.
    pub captures: [Capture; 2],
    pub readers: Vec<Reader>,
    pub writers: Vec<Writer>,
    /// The buffer passed to callbacks.
    buffer: Vec<u8>,
}

impl Stream {
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Stream::Inherited(0) => Some(rustix::stdio::stdin()),
            Stream::Inherited(1) => Some(rustix::stdio::stdout()),
            Stream::Inherited(_) => Some(rustix::stdio::stderr()),
            _ => None,
        }
    }

    /// Reads, if this is not a descriptor of the process.
    pub fn read(&mut self, streams: &mut Streams, gate: &Gate, iovecs: &Iovecs<'_>) -> Done<usize> {
        match self {
            Stream::Empty => Ok(0),
            Stream::Bytes { bytes, at } => {
                let n = iovecs.scatter(0, &bytes[*at..]);
                *at += n;
                Ok(n)
            }
            Stream::Reader(i) => streams.read(*i, gate, iovecs),
            _ => Err(Errno::BADF.into()),
        }
    }

    /// Writes, if this is not a descriptor of the process.
    pub fn write(&mut self, streams: &mut Streams, gate: &Gate, iovecs: &Iovecs<'_>) -> Done<usize> {
        match self {
            Stream::Discard => Ok(iovecs.total()),
            Stream::Capture(i) => streams.captures[*i].write(iovecs),
            Stream::Writer(i) => streams.write(*i, gate, iovecs),
            _ => Err(Errno::BADF.into()),
        }
    }
}

impl Capture {
    fn write(&mut self, iovecs: &Iovecs<'_>) -> Done<usize> {
        let old = self.bytes.len();
        let room = self.max.saturating_sub(old).min(iovecs.total());
        if room == 0 && iovecs.total() > 0 {
            return Err(Errno::NOSPC.into());
        }
        self.bytes.try_reserve(room).map_err(|_| Errno::NOSPC)?;
        self.bytes.resize(old + room, 0);
        Ok(iovecs.gather(0, &mut self.bytes[old..]))
    }
}

impl Streams {
    fn room(&mut self, n: usize) -> Result<usize, Errno> {
        let n = n.min(PIECE);
        if self.buffer.len() < n {
            self.buffer.try_reserve(n - self.buffer.len()).map_err(|_| Errno::NOMEM)?;
            self.buffer.resize(n, 0);
        }
        Ok(n)
    }

    fn read(&mut self, which: usize, gate: &Gate, iovecs: &Iovecs<'_>) -> Done<usize> {
        let n = self.room(iovecs.total())?;
        let (reader, buffer) = (&mut self.readers[which], &mut self.buffer[..n]);
        let got = gate.closed_during(|| reader(buffer))?;
        if got > n {
            return Err(Errno::IO.into());
        }
        Ok(iovecs.scatter(0, &buffer[..got]))
    }

    /// Writes piece by piece, until the host accepts less than it was passed.
    fn write(&mut self, which: usize, gate: &Gate, iovecs: &Iovecs<'_>) -> Done<usize> {
        let mut done = 0;
        loop {
            let n = self.room(iovecs.total() - done)?;
            let (writer, buffer) = (&mut self.writers[which], &mut self.buffer[..n]);
            iovecs.gather(done, buffer);
            let took = match gate.closed_during(|| writer(buffer)) {
                Ok(took) if took > n => return Err(Errno::IO.into()),
                Ok(took) => took,
                // The pieces before this one were written, so the call succeeds.
                Err(_) if done > 0 => return Ok(done),
                Err(e) => return Err(e.into()),
            };
            done += took;
            if took < n || done == iovecs.total() {
                return Ok(done);
            }
        }
    }
}

/// Opens a file of the host as a standard stream: 0 for reading; 1 and 2 are created or truncated, and opened in append
/// mode, so that both can be the same file.
pub fn open_host_file(fd: u32, path: &std::path::Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::File::options();
    match fd {
        0 => options.read(true),
        _ => {
            // Rust's library rejects `append` together with `truncate`; the system does not.
            options.write(true).create(true).truncate(true).custom_flags(libc::O_APPEND)
        }
    };
    let file = options.open(path)?;
    rustix::fs::fstat(file.as_fd())?;
    Ok(file)
}
