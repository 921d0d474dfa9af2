//! What a descriptor number of the guest refers to.

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
    /// The maximum rights of descriptors that are opened through this one.
    pub inheriting: u64,
    /// The `fdflags` that the guest set.
    pub flags: u16,
    /// Nothing can be changed through this descriptor or through descriptors opened from it.
    pub read_only: bool,
}

pub enum Kind {
    /// A file, opened in non-blocking mode.
    File(File),
    Dir(Box<Directory>),
    Stream(Stream),
}

pub struct Directory {
    pub dir: Dir,
    /// The guest's name of the directory, if it was preopened by the host.
    pub preopen: Option<Box<[u8]>>,
    pub listing: Option<Listing>,
}

impl Descriptor {
    /// A directory that the host preopens.
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

    /// An open file with the given rights, as far as they apply to its type.
    pub fn file(file: File, stat: &FileStat, rights: u64, flags: u16, read_only: bool) -> Descriptor {
        let mut rights = rights & rights::FILE;
        // C libraries recognize a terminal this way: a character device that cannot seek.
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

    /// Fails with ROFS if the descriptor is read-only.
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

    /// The directory. Fails with NOTDIR if it is not one, and with NOTCAPABLE if it lacks `rights`.
    pub fn directory(&self, rights: u64) -> Result<&Directory, Errno> {
        match &self.kind {
            Kind::Dir(d) => self.need(rights).map(|()| &**d),
            _ => Err(Errno::NOTDIR),
        }
    }

    /// Whether a read or a write can block in the system.
    pub fn waits(&self) -> bool {
        !matches!(self.file_type, FileType::REGULAR_FILE | FileType::DIRECTORY) && self.as_fd().is_some()
    }

    /// Whether a write can find that there is no reader any more: pipes and sockets.
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

/// Opens a directory of the host, without restrictions.
pub fn open_host_dir(path: &std::path::Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().read(true).custom_flags(libc::O_DIRECTORY | libc::O_CLOEXEC).open(path)
}
