//! Attributes of a file, and how they are presented to the guest.

use super::guest::Span;
use cap_std::fs::{Metadata, MetadataExt};
use rustix::fs::{Stat, fstat};
use std::os::fd::BorrowedFd;

/// `filetype`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct FileType(pub u8);

impl FileType {
    /// Also used for pipes, which preview 1 has no type for.
    pub const UNKNOWN: FileType = FileType(0);
    pub const BLOCK_DEVICE: FileType = FileType(1);
    pub const CHARACTER_DEVICE: FileType = FileType(2);
    pub const DIRECTORY: FileType = FileType(3);
    pub const REGULAR_FILE: FileType = FileType(4);
    pub const SOCKET_STREAM: FileType = FileType(6);
    pub const SYMBOLIC_LINK: FileType = FileType(7);

    pub fn of_mode(mode: u32) -> FileType {
        match mode & libc::S_IFMT {
            libc::S_IFBLK => FileType::BLOCK_DEVICE,
            libc::S_IFCHR => FileType::CHARACTER_DEVICE,
            libc::S_IFDIR => FileType::DIRECTORY,
            libc::S_IFREG => FileType::REGULAR_FILE,
            libc::S_IFSOCK => FileType::SOCKET_STREAM,
            libc::S_IFLNK => FileType::SYMBOLIC_LINK,
            _ => FileType::UNKNOWN,
        }
    }

    /// Whether an open file of this type can seek. Pipes and terminals cannot.
    pub fn can_seek(self, fd: BorrowedFd<'_>) -> bool {
        match self {
            FileType::REGULAR_FILE | FileType::BLOCK_DEVICE => true,
            FileType::CHARACTER_DEVICE => !rustix::termios::isatty(fd),
            _ => false,
        }
    }
}

/// Times are in nanoseconds since 1970.
#[derive(Default)]
pub struct FileStat {
    dev: u64,
    pub ino: u64,
    pub file_type: FileType,
    nlink: u64,
    pub size: u64,
    atim: u64,
    mtim: u64,
    ctim: u64,
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> u64 {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    total.clamp(0, i128::from(u64::MAX)) as u64
}

impl FileStat {
    pub fn of(fd: BorrowedFd<'_>) -> rustix::io::Result<FileStat> {
        Ok(FileStat::from(&fstat(fd)?))
    }

    /// Writes the struct `filestat`, 64 bytes.
    pub fn write(&self, to: Span<'_>) {
        let words =
            [self.dev, self.ino, self.file_type.0.into(), self.nlink, self.size, self.atim, self.mtim, self.ctim];
        for (i, word) in words.into_iter().enumerate() {
            to.write(i * 8, &word.to_le_bytes());
        }
    }
}

/// Size of the struct `filestat` in bytes.
pub const FILESTAT_SIZE: u32 = 64;

impl From<&Stat> for FileStat {
    fn from(s: &Stat) -> FileStat {
        FileStat {
            dev: s.st_dev,
            ino: s.st_ino,
            file_type: FileType::of_mode(s.st_mode),
            nlink: s.st_nlink,
            size: s.st_size as u64,
            atim: nanoseconds(s.st_atime, s.st_atime_nsec as i64),
            mtim: nanoseconds(s.st_mtime, s.st_mtime_nsec as i64),
            ctim: nanoseconds(s.st_ctime, s.st_ctime_nsec as i64),
        }
    }
}

impl From<&Metadata> for FileStat {
    fn from(m: &Metadata) -> FileStat {
        FileStat {
            dev: m.dev(),
            ino: m.ino(),
            file_type: FileType::of_mode(m.mode()),
            nlink: m.nlink(),
            size: m.size(),
            atim: nanoseconds(m.atime(), m.atime_nsec()),
            mtim: nanoseconds(m.mtime(), m.mtime_nsec()),
            ctim: nanoseconds(m.ctime(), m.ctime_nsec()),
        }
    }
}
