//! Listing directories.

use super::call::Call;
use super::descriptor::{Descriptor, Kind};
use super::errno::{Done, Errno};
use super::filestat::{FileStat, FileType};
use super::rights::FD_READDIR;
use rustix::fs::{RawDir, SeekFrom};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

/// Bytes of entries requested from the system at once.
const BATCH: usize = 16 << 10;
/// Size of the struct `dirent` in bytes. The name follows it.
const HEAD: usize = 24;

/// Entries that were read from a directory but not yet returned to the guest, in the guest's format.
///
/// Cookies are the system's: positions in the directory, each after an entry. The system keeps them valid while files
/// are created and removed, so nothing has to be stored here for long, and listings of any length take the same memory.
#[derive(Default)]
pub struct Listing {
    bytes: Vec<u8>,
    /// The cookie of the position where `bytes` starts.
    start: u64,
    /// The cookie of the position where `bytes` ends, and where the system continues.
    end: u64,
}

impl Listing {
    /// The position of a cookie in `bytes`.
    fn find(&self, cookie: u64) -> Option<usize> {
        if cookie == self.start {
            return Some(0);
        }
        let mut at = 0;
        while at < self.bytes.len() {
            let (next, name_len) = (self.word(at), self.word(at + 16) as u32);
            at += HEAD + name_len as usize;
            if next == cookie {
                return Some(at);
            }
        }
        None
    }

    fn word(&self, at: usize) -> u64 {
        let mut word = [0; 8];
        word.copy_from_slice(&self.bytes[at..at + 8]);
        u64::from_le_bytes(word)
    }

    /// Replaces this batch with the next one. At the end of the directory, the batch is empty.
    fn advance(&mut self, dir: BorrowedFd<'_>, is_root: bool) -> Result<(), Errno> {
        self.bytes.clear();
        self.start = self.end;
        let mut buffer = [const { MaybeUninit::uninit() }; BATCH];
        let mut entries = RawDir::new(dir, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            // The guest must not learn anything about the parent of a preopened directory.
            let ino = if is_root && name == b".." { FileStat::of(dir)?.ino } else { entry.ino() };
            let file_type = FileType::of_mode(entry.file_type().as_raw_mode());
            self.end = entry.next_entry_cookie();
            self.bytes.try_reserve(HEAD + name.len()).map_err(|_| Errno::NOMEM)?;
            self.bytes.extend_from_slice(&self.end.to_le_bytes());
            self.bytes.extend_from_slice(&ino.to_le_bytes());
            self.bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
            self.bytes.extend_from_slice(&[file_type.0, 0, 0, 0]);
            self.bytes.extend_from_slice(name);
            if entries.is_buffer_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Moves to the position of a cookie and returns that position in `bytes`.
    fn seek(&mut self, dir: BorrowedFd<'_>, cookie: u64) -> Result<usize, Errno> {
        // A listing that starts at the beginning is always read again.
        if let Some(at) = self.find(cookie).filter(|_| cookie != 0) {
            return Ok(at);
        }
        if cookie != self.end {
            rustix::fs::seek(dir, SeekFrom::Start(i64::try_from(cookie).map_err(|_| Errno::INVAL)? as u64))?;
        }
        *self = Listing { bytes: std::mem::take(&mut self.bytes), start: cookie, end: cookie };
        self.bytes.clear();
        Ok(0)
    }
}

/// Fills the buffer with entries; the last one is cut off at the end of the buffer. A buffer that is not full means
/// that there are no more entries.
pub fn fd_readdir(call: &mut Call<'_>, fd: u32, buf: u32, buf_len: u32, cookie: u64, out_used: u32) -> Done {
    let out = call.memory.out::<u32>(out_used)?;
    let span = call.memory.span(buf, buf_len)?;
    let descriptor: &mut Descriptor = call.wasi.table.get_mut(fd)?;
    descriptor.directory(FD_READDIR)?;
    let Kind::Dir(directory) = &mut descriptor.kind else { return Err(Errno::NOTDIR.into()) };
    let is_root = directory.preopen.is_some();
    let dir = std::os::fd::AsFd::as_fd(&directory.dir);
    let listing = directory.listing.get_or_insert_default();
    let mut at = listing.seek(dir, cookie)?;
    let mut used = 0;
    while used < span.len() {
        if at == listing.bytes.len() {
            listing.advance(dir, is_root)?;
            at = 0;
            if listing.bytes.is_empty() {
                break;
            }
        }
        let n = (listing.bytes.len() - at).min(span.len() - used);
        span.write(used, &listing.bytes[at..at + n]);
        used += n;
        at += n;
        // The guest's buffer may be as large as a gigabyte.
        call.store.take_interrupt()?;
    }
    out.set(used as u32);
    Ok(())
}
