//! What a number of the guest's stands for.

use super::dir::Listing;
use super::errno::Errno;
use super::filestat::{FileStat, FileType};
use super::rights;
use super::stream::Stream;
use cap_std::fs::Dir;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

pub struct Descriptor {
    pub kind: Kind,
    pub file_type: FileType,
    pub rights: u64,
    /// What descriptors that are opened through this one can have at most.
    pub inheriting: u64,
    /// `fdflags` as the guest set them.
    pub flags: u16,
    /// Nothing may be changed, through this descriptor or what is opened from it.
    pub read_only: bool,
}

pub enum Kind {
    /// Its file is open without blocking.
    File(File),
    Dir(Box<Directory>),
    Stream(Stream),
}

pub struct Directory {
    pub dir: Dir,
    /// The guest's name of it, if it was given by the host.
    pub preopen: Option<Box<[u8]>>,
    pub listing: Option<Listing>,
}

impl Descriptor {
    /// A directory of the host's.
    pub fn preopen(dir: File, name: &[u8], read_only: bool) -> Descriptor {
        Descriptor::dir(dir, Some(name.into()), rights::DIRECTORY, rights::ALL, read_only)
    }

    pub fn dir(dir: File, preopen: Option<Box<[u8]>>, rights: u64, inheriting: u64, read_only: bool) -> Descriptor {
        let directory = Directory { dir: Dir::from_std_file(dir), preopen, listing: None };
        Descriptor {
            kind: Kind::Dir(Box::new(directory)),
            file_type: FileType::DIRECTORY,
            rights: rights & rights::DIRECTORY,
            inheriting,
            flags: 0,
            read_only,
        }
    }

    /// An open file with such rights, as far as its type has them.
    pub fn file(file: File, stat: &FileStat, rights: u64, flags: u16, read_only: bool) -> Descriptor {
        let mut rights = rights & rights::FILE;
        // How `isatty` tells a terminal: a character device that can not seek.
        if !stat.file_type.can_seek(file.as_fd()) {
            rights &= !(rights::FD_SEEK | rights::FD_TELL);
        }
        Descriptor { kind: Kind::File(file), file_type: stat.file_type, rights, inheriting: 0, flags, read_only }
    }

    pub fn stream(stream: Stream, rights: u64) -> Descriptor {
        let (file_type, can_seek) = match stream.as_fd() {
            Some(fd) => match FileStat::of(fd) {
                Ok(stat) => (stat.file_type, stat.file_type.can_seek(fd)),
                Err(_) => (FileType::UNKNOWN, false),
            },
            None => (FileType::UNKNOWN, false),
        };
        let seek = if can_seek { rights::FD_SEEK | rights::FD_TELL | rights::FD_ADVISE } else { 0 };
        let kind = Kind::Stream(stream);
        Descriptor { kind, file_type, rights: rights | seek, inheriting: 0, flags: 0, read_only: false }
    }

    pub fn need(&self, rights: u64) -> Result<(), Errno> {
        if self.rights & rights == rights { Ok(()) } else { Err(Errno::NOTCAPABLE) }
    }

    /// Refuses to change what may only be read.
    pub fn need_writable(&self) -> Result<(), Errno> {
        if self.read_only { Err(Errno::ROFS) } else { Ok(()) }
    }

    /// The system's descriptor, if there is one.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.kind {
            Kind::File(f) => Some(f.as_fd()),
            Kind::Dir(d) => Some(d.dir.as_fd()),
            Kind::Stream(s) => s.as_fd(),
        }
    }

    /// The directory, if it is one, and `rights` allow what is wanted.
    pub fn directory(&self, rights: u64) -> Result<&Directory, Errno> {
        match &self.kind {
            Kind::Dir(d) => self.need(rights).map(|()| &**d),
            _ => Err(Errno::NOTDIR),
        }
    }

    /// Whether the system may have to wait for someone in a read or a write.
    pub fn waits(&self) -> bool {
        !matches!(self.file_type, FileType::REGULAR_FILE | FileType::DIRECTORY) && self.as_fd().is_some()
    }

    /// Whether a write may find that nobody reads any more: pipes and sockets.
    pub fn may_break(&self) -> bool {
        matches!(self.file_type, FileType::UNKNOWN | FileType::SOCKET_STREAM)
    }

    pub fn stat(&self) -> Result<FileStat, Errno> {
        match self.as_fd() {
            Some(fd) => Ok(FileStat::of(fd)?),
            None => Ok(FileStat::default()),
        }
    }
}

/// Opens a directory of the host's, wherever it is.
pub fn open_host_dir(path: &std::path::Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().read(true).custom_flags(libc::O_DIRECTORY | libc::O_CLOEXEC).open(path)
}
