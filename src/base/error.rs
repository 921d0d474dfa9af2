//! The engine's error type.

use super::Trap;
use super::shown::one_line;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an error, for programs to act on. Numbers are part of the ABI: append only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum ErrorKind {
    /// An argument is NULL, out of range or otherwise unusable.
    InvalidArgument = 1,
    /// An object of one store was used with another.
    WrongStore = 2,
    /// A handle whose object is gone, or that never denoted one.
    StaleHandle = 3,
    /// A value or object does not have the required type.
    TypeMismatch = 4,
    /// The bytes are not a WebAssembly module, or the text does not parse.
    Malformed = 5,
    /// A module that does not validate.
    InvalidModule = 6,
    /// Something this version does not support.
    Unsupported = 7,
    /// An import is missing or does not fit.
    Link = 8,
    /// The guest trapped.
    Trap = 9,
    /// The guest threw an exception that was not caught.
    Exception = 10,
    /// The guest asked to exit.
    Exit = 11,
    /// A limit of the store or the engine was reached.
    Limit = 12,
    /// The system could not provide memory.
    OutOfMemory = 13,
    /// The store's fuel is used up. Reserved: no function measures fuel yet.
    OutOfFuel = 14,
    /// The store was interrupted, or its deadline passed.
    Interrupted = 15,
    /// A system call failed.
    Io = 16,
    /// A bug of the engine. If it panicked, the store it happened in is poisoned.
    Internal = 17,
    /// A host function failed.
    Host = 18,
    /// Nothing has the requested name.
    NotFound = 19,
    /// A store was used by two threads at the same time.
    WrongThread = 20,
}

impl ErrorKind {
    /// Every kind.
    pub fn all() -> [ErrorKind; 20] {
        [
            ErrorKind::InvalidArgument,
            ErrorKind::WrongStore,
            ErrorKind::StaleHandle,
            ErrorKind::TypeMismatch,
            ErrorKind::Malformed,
            ErrorKind::InvalidModule,
            ErrorKind::Unsupported,
            ErrorKind::Link,
            ErrorKind::Trap,
            ErrorKind::Exception,
            ErrorKind::Exit,
            ErrorKind::Limit,
            ErrorKind::OutOfMemory,
            ErrorKind::OutOfFuel,
            ErrorKind::Interrupted,
            ErrorKind::Io,
            ErrorKind::Internal,
            ErrorKind::Host,
            ErrorKind::NotFound,
            ErrorKind::WrongThread,
        ]
    }

    /// The kind's human-readable name.
    pub fn name(self) -> &'static str {
        self.name_nul().trim_end_matches('\0')
    }

    /// The name followed by a NUL, for C.
    pub fn name_nul(self) -> &'static str {
        match self {
            ErrorKind::InvalidArgument => "invalid argument\0",
            ErrorKind::WrongStore => "wrong store\0",
            ErrorKind::StaleHandle => "stale handle\0",
            ErrorKind::TypeMismatch => "type mismatch\0",
            ErrorKind::Malformed => "malformed\0",
            ErrorKind::InvalidModule => "invalid module\0",
            ErrorKind::Unsupported => "unsupported\0",
            ErrorKind::Link => "link\0",
            ErrorKind::Trap => "trap\0",
            ErrorKind::Exception => "exception\0",
            ErrorKind::Exit => "exit\0",
            ErrorKind::Limit => "limit\0",
            ErrorKind::OutOfMemory => "out of memory\0",
            ErrorKind::OutOfFuel => "out of fuel\0",
            ErrorKind::Interrupted => "interrupted\0",
            ErrorKind::Io => "i/o\0",
            ErrorKind::Internal => "internal\0",
            ErrorKind::Host => "host\0",
            ErrorKind::NotFound => "not found\0",
            ErrorKind::WrongThread => "wrong thread\0",
        }
    }
}

/// One WebAssembly frame of a backtrace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The module's name from its name section.
    pub module: Option<Box<str>>,
    /// The function's index in its module.
    pub func_index: u32,
    /// The function's name from the name section, or from an export.
    pub func_name: Option<Box<str>>,
    /// Byte offset in the module of the instruction, where known.
    pub module_offset: Option<u32>,
    /// Byte offset in the function's body of the instruction, where known.
    pub func_offset: Option<u32>,
}

#[derive(Clone, Debug)]
struct Data {
    kind: ErrorKind,
    message: Box<str>,
    trap: Option<Trap>,
    offset: Option<u64>,
    exit_status: Option<i32>,
    frames: Vec<Frame>,
    /// The holder of the uncaught exception.
    thrown: Option<Arc<dyn Any + Send + Sync>>,
}

/// An error: a kind, a one-line message and, where there is one, a trap code, a byte offset and a WebAssembly backtrace.
#[derive(Clone)]
pub struct Error(Box<Data>);

impl Error {
    /// Creates an error. The message is converted to one line of bounded length, because it can contain names from
    /// modules and hosts, and texts of other libraries.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Data {
            kind,
            message: one_line(message.into()).into_boxed_str(),
            trap: None,
            offset: None,
            exit_status: None,
            frames: Vec::new(),
            thrown: None,
        }))
    }

    /// The error of a trap: kind `trap`, or `interrupted` for an interruption.
    pub fn trap(trap: Trap) -> Error {
        let kind = if trap == Trap::Interrupted { ErrorKind::Interrupted } else { ErrorKind::Trap };
        let mut e = Error::new(kind, trap.text());
        e.0.trap = Some(trap);
        e
    }

    /// The guest's request to exit with `status`.
    pub fn exit(status: i32) -> Error {
        let mut e = Error::new(ErrorKind::Exit, format!("exit with status {status}"));
        e.0.exit_status = Some(status);
        e
    }

    /// The error of an uncaught exception. `thrown` holds the exception; the layer that created it knows its type.
    pub fn exception(message: String, thrown: Arc<dyn Any + Send + Sync>) -> Error {
        let mut e = Error::new(ErrorKind::Exception, message);
        e.0.thrown = Some(thrown);
        e
    }

    /// The same error, concerning one part of the operation. The message then starts with the name of the part.
    #[cold]
    pub fn about(mut self, part: impl fmt::Display) -> Error {
        self.0.message = one_line(format!("{part}: {}", self.0.message)).into_boxed_str();
        self
    }

    /// The same error at a byte offset of the module.
    pub fn at(mut self, offset: u64) -> Error {
        self.0.offset = Some(offset);
        self
    }

    /// The same error with a backtrace, innermost frame first. If it already has one, that is kept.
    pub fn with_frames(mut self, frames: Vec<Frame>) -> Error {
        if self.0.frames.is_empty() {
            self.0.frames = frames;
        }
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    pub fn message(&self) -> &str {
        &self.0.message
    }
    pub fn trap_code(&self) -> Option<Trap> {
        self.0.trap
    }
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }
    pub fn exit_status(&self) -> Option<i32> {
        self.0.exit_status
    }
    pub fn thrown(&self) -> Option<&(dyn Any + Send + Sync)> {
        self.0.thrown.as_deref()
    }
    pub fn frames(&self) -> &[Frame] {
        &self.0.frames
    }
}

impl From<Trap> for Error {
    fn from(trap: Trap) -> Error {
        Error::trap(trap)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match self.0.offset {
            Some(o) => write!(f, " (at offset {o:#x})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.0.kind.name())
    }
}

impl std::error::Error for Error {}

/// Shorthand to construct an error: `err!(Link, "unknown import {m:?}")`.
#[macro_export]
#[doc(hidden)]
macro_rules! err {
    ($kind:ident, $($arg:tt)*) => {
        $crate::base::Error::new($crate::base::ErrorKind::$kind, format!($($arg)*))
    };
}
