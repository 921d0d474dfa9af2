//! Error numbers of WASI: each row names a number and the system's equivalent.

use crate::base::Error;
use std::io;

/// Why a WASI function failed. Zero means success.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub u16);

macro_rules! errnos {
    ($($name:ident = $number:literal, $system:ident;)*) => {
        impl Errno {
            pub const SUCCESS: Errno = Errno(0);
            $(pub const $name: Errno = Errno($number);)*
            /// The descriptor's rights do not allow the operation. Systems have no equivalent.
            pub const NOTCAPABLE: Errno = Errno(76);

            fn of_system(code: i32) -> Errno {
                match code {
                    $(libc::$system => Errno::$name,)*
                    _ => Errno::IO,
                }
            }
        }
    };
}
errnos! {
    TOOBIG = 1, E2BIG;
    ACCES = 2, EACCES;
    ADDRINUSE = 3, EADDRINUSE;
    ADDRNOTAVAIL = 4, EADDRNOTAVAIL;
    AFNOSUPPORT = 5, EAFNOSUPPORT;
    AGAIN = 6, EAGAIN;
    ALREADY = 7, EALREADY;
    BADF = 8, EBADF;
    BADMSG = 9, EBADMSG;
    BUSY = 10, EBUSY;
    CANCELED = 11, ECANCELED;
    CHILD = 12, ECHILD;
    CONNABORTED = 13, ECONNABORTED;
    CONNREFUSED = 14, ECONNREFUSED;
    CONNRESET = 15, ECONNRESET;
    DEADLK = 16, EDEADLK;
    DESTADDRREQ = 17, EDESTADDRREQ;
    DOM = 18, EDOM;
    DQUOT = 19, EDQUOT;
    EXIST = 20, EEXIST;
    FAULT = 21, EFAULT;
    FBIG = 22, EFBIG;
    HOSTUNREACH = 23, EHOSTUNREACH;
    IDRM = 24, EIDRM;
    ILSEQ = 25, EILSEQ;
    INPROGRESS = 26, EINPROGRESS;
    INTR = 27, EINTR;
    INVAL = 28, EINVAL;
    IO = 29, EIO;
    ISCONN = 30, EISCONN;
    ISDIR = 31, EISDIR;
    LOOP = 32, ELOOP;
    MFILE = 33, EMFILE;
    MLINK = 34, EMLINK;
    MSGSIZE = 35, EMSGSIZE;
    MULTIHOP = 36, EMULTIHOP;
    NAMETOOLONG = 37, ENAMETOOLONG;
    NETDOWN = 38, ENETDOWN;
    NETRESET = 39, ENETRESET;
    NETUNREACH = 40, ENETUNREACH;
    NFILE = 41, ENFILE;
    NOBUFS = 42, ENOBUFS;
    NODEV = 43, ENODEV;
    NOENT = 44, ENOENT;
    NOEXEC = 45, ENOEXEC;
    NOLCK = 46, ENOLCK;
    NOLINK = 47, ENOLINK;
    NOMEM = 48, ENOMEM;
    NOMSG = 49, ENOMSG;
    NOPROTOOPT = 50, ENOPROTOOPT;
    NOSPC = 51, ENOSPC;
    NOSYS = 52, ENOSYS;
    NOTCONN = 53, ENOTCONN;
    NOTDIR = 54, ENOTDIR;
    NOTEMPTY = 55, ENOTEMPTY;
    NOTRECOVERABLE = 56, ENOTRECOVERABLE;
    NOTSOCK = 57, ENOTSOCK;
    NOTSUP = 58, ENOTSUP;
    NOTTY = 59, ENOTTY;
    NXIO = 60, ENXIO;
    OVERFLOW = 61, EOVERFLOW;
    OWNERDEAD = 62, EOWNERDEAD;
    PERM = 63, EPERM;
    PIPE = 64, EPIPE;
    PROTO = 65, EPROTO;
    PROTONOSUPPORT = 66, EPROTONOSUPPORT;
    PROTOTYPE = 67, EPROTOTYPE;
    RANGE = 68, ERANGE;
    ROFS = 69, EROFS;
    SPIPE = 70, ESPIPE;
    SRCH = 71, ESRCH;
    STALE = 72, ESTALE;
    TIMEDOUT = 73, ETIMEDOUT;
    TXTBSY = 74, ETXTBSY;
    XDEV = 75, EXDEV;
}

impl From<io::Error> for Errno {
    fn from(e: io::Error) -> Errno {
        match e.raw_os_error() {
            Some(code) => Errno::of_system(code),
            // An error that `cap-std` detected itself.
            None => match e.kind() {
                io::ErrorKind::PermissionDenied => Errno::PERM,
                io::ErrorKind::NotFound => Errno::NOENT,
                io::ErrorKind::NotADirectory => Errno::NOTDIR,
                io::ErrorKind::IsADirectory => Errno::ISDIR,
                io::ErrorKind::InvalidInput => Errno::INVAL,
                io::ErrorKind::OutOfMemory => Errno::NOMEM,
                _ => Errno::IO,
            },
        }
    }
}

impl From<rustix::io::Errno> for Errno {
    fn from(e: rustix::io::Errno) -> Errno {
        Errno::of_system(e.raw_os_error())
    }
}

/// Why a call did not succeed.
#[derive(Debug)]
pub enum Stop {
    /// The error number is returned to the guest.
    Errno(Errno),
    /// The guest ends with this error.
    End(Error),
}

pub type Done<T = ()> = Result<T, Stop>;

impl<E: Into<Errno>> From<E> for Stop {
    fn from(e: E) -> Stop {
        Stop::Errno(e.into())
    }
}

impl From<Error> for Stop {
    fn from(e: Error) -> Stop {
        Stop::End(e)
    }
}
