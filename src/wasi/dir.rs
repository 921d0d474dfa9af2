//! Listing directories.

use super::descriptor::{Descriptor, Kind};
use super::errno::{Done, Errno};
use super::filestat::{FileStat, FileType};
use super::functions::Call;
use super::rights::FD_READDIR;
use rustix::fs::{RawDir, SeekFrom};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

/// Bytes of entries that the system is asked for at once.
const BATCH: usize = 16 << 10;
/// Bytes of the struct `dirent`, which the name follows.
const HEAD: usize = 24;

/// What was read of a directory and not yet given to the guest, as the guest gets it.
///
/// A cookie is the system's: the place in the directory behind an entry. The system keeps it good while files come and go, so
/// nothing has to be kept here for long, and listings of any length take the same memory.
#[derive(Default)]
pub struct Listing {
    bytes: Vec<u8>,
    /// The cookie of where `bytes` start.
    start: u64,
    /// The cookie of where the system goes on, which is where `bytes` end.
    end: u64,
}

impl Listing {
    /// Where in `bytes` a cookie leads to.
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

    /// Lets the next batch take the place of this one. At the end it is empty.
    fn advance(&mut self, dir: BorrowedFd<'_>, is_root: bool) -> Result<(), Errno> {
        self.bytes.clear();
        self.start = self.end;
        let mut buffer = [const { MaybeUninit::uninit() }; BATCH];
        let mut entries = RawDir::new(dir, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            // What is above a directory that the host gave is not the guest's to know.
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

    /// Goes where a cookie leads; gives the place in `bytes`.
    fn seek(&mut self, dir: BorrowedFd<'_>, cookie: u64) -> Result<usize, Errno> {
        // From the start the directory is read anew.
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

/// Fills the buffer with entries, the last one cut off where it is full. That it is not full says that there are no more.
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
        // A guest may ask for a gigabyte.
        call.store.take_interrupt()?;
    }
    out.set(used as u32);
    Ok(())
}
