//! The guest's memory during one WASI call. Every access goes through this file and is checked.

use super::errno::Errno;
use crate::api::{Memory, Result, StoreMut};
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The memory's address and size during a call (invariant 1 of `wasi`).
#[derive(Clone, Copy)]
pub struct Guest<'a> {
    base: *mut u8,
    len: usize,
    call: PhantomData<&'a ()>,
}

/// A number in the guest's memory: little-endian, not necessarily aligned.
pub trait Int: Copy {
    /// Converts between the host's byte order and little-endian.
    fn in_memory(self) -> Self;
}

macro_rules! ints {
    ($($t:ty),*) => { $(
        impl Int for $t {
            fn in_memory(self) -> $t {
                self.to_le()
            }
        }
    )* };
}
ints!(u32, u64);

/// A checked address to write a number to.
#[derive(Clone, Copy)]
pub struct Out<'a, T> {
    at: *mut T,
    call: PhantomData<&'a ()>,
}

impl<T: Int> Out<'_, T> {
    pub fn set(self, value: T) {
        // SAFETY: `Guest::out` checked the address, and the call is still in progress (invariant 1).
        unsafe { self.at.write_unaligned(value.in_memory()) };
    }
}

/// A checked range of memory.
#[derive(Clone, Copy)]
pub struct Span<'a> {
    at: *mut u8,
    len: usize,
    call: PhantomData<&'a ()>,
}

impl<'a> Guest<'a> {
    /// The memory, for a period in which `store` is not used for anything that runs code or frees memories.
    pub fn new(store: &StoreMut<'_>, memory: &Memory) -> Result<Guest<'a>> {
        Ok(Guest { base: memory.data_ptr(store)?, len: memory.data_size(store)?, call: PhantomData })
    }

    /// For functions that use no memory: every address is out of bounds.
    pub fn none() -> Guest<'a> {
        Guest { base: std::ptr::dangling_mut(), len: 0, call: PhantomData }
    }

    fn range(&self, at: u32, len: usize) -> Result<*mut u8, Errno> {
        match (at as usize).checked_add(len) {
            // SAFETY: inside the memory (invariant 1).
            Some(end) if end <= self.len => Ok(unsafe { self.base.add(at as usize) }),
            _ => Err(Errno::FAULT),
        }
    }

    /// Checks an address that a number will be written to.
    pub fn out<T: Int>(&self, at: u32) -> Result<Out<'a, T>, Errno> {
        Ok(Out { at: self.range(at, size_of::<T>())?.cast(), call: PhantomData })
    }

    pub fn span(&self, at: u32, len: u32) -> Result<Span<'a>, Errno> {
        Ok(Span { at: self.range(at, len as usize)?, len: len as usize, call: PhantomData })
    }

    /// Copies a string out of the memory. Fails with NAMETOOLONG if it is longer than `max` bytes.
    pub fn string(&self, at: u32, len: u32, max: usize) -> Result<Vec<u8>, Errno> {
        let span = self.span(at, len)?;
        if span.len > max {
            return Err(Errno::NAMETOOLONG);
        }
        let mut bytes = vec![0; span.len];
        span.read(0, &mut bytes);
        Ok(bytes)
    }

    /// The buffers of a read or a write. If they are too many or too large, only the first ones are used: short reads
    /// and writes are allowed.
    pub fn iovecs(&self, at: u32, count: u32) -> Result<Iovecs<'a>, Errno> {
        let mut iovecs = Iovecs {
            few: [const { MaybeUninit::uninit() }; FEW],
            many: Vec::new(),
            count: 0,
            total: 0,
            call: PhantomData,
        };
        let count = (count as usize).min(MAX_IOVECS);
        let list = self.span(at, (count * 8) as u32)?;
        if count > FEW {
            iovecs.many.try_reserve_exact(count).map_err(|_| Errno::NOMEM)?;
        }
        for i in 0..count {
            let mut pair = [0; 8];
            list.read(i * 8, &mut pair);
            let [at, len] = [0, 4].map(|k| u32::from_le_bytes([pair[k], pair[k + 1], pair[k + 2], pair[k + 3]]));
            let p = self.range(at, len as usize)?;
            let len = (len as usize).min(MAX_TRANSFER - iovecs.total);
            let iovec = libc::iovec { iov_base: p.cast(), iov_len: len };
            match count > FEW {
                true => iovecs.many.push(iovec),
                false => drop(iovecs.few[i].write(iovec)),
            }
            iovecs.count = i + 1;
            iovecs.total += len;
        }
        Ok(iovecs)
    }
}

impl<'a> Span<'a> {
    pub fn len(&self) -> usize {
        self.len
    }

    /// Copies bytes from offset `at` on into `to`. Panics if they are not all inside the span.
    pub fn read(&self, at: usize, to: &mut [u8]) {
        assert!(at <= self.len && to.len() <= self.len - at);
        // SAFETY: just checked, and by `Guest::range`; `to` belongs to the host (invariant 1).
        unsafe { std::ptr::copy_nonoverlapping(self.at.add(at), to.as_mut_ptr(), to.len()) };
    }

    /// Copies bytes to offset `at`. Panics if they do not fit.
    pub fn write(&self, at: usize, from: &[u8]) {
        assert!(at <= self.len && from.len() <= self.len - at);
        // SAFETY: as in `read` (invariant 1).
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), self.at.add(at), from.len()) };
    }

    /// Asks the system to fill a part with random bytes. Returns how many it wrote.
    pub fn randomize(&self, at: usize, len: usize) -> io::Result<usize> {
        assert!(at <= self.len && len <= self.len - at);
        // SAFETY: as in `read` (invariant 1).
        transferred(|| unsafe { libc::getrandom(self.at.add(at).cast(), len, 0) })
    }
}

/// Number of buffers that are stored without an allocation.
const FEW: usize = 16;
/// Maximum number of buffers that the system accepts in one call.
const MAX_IOVECS: usize = 1024;
/// Maximum number of bytes that one call transfers.
const MAX_TRANSFER: usize = 1 << 30;

/// The checked buffers of a read or a write. They may overlap; the contents are then unspecified, which affects only
/// the guest.
pub struct Iovecs<'a> {
    few: [MaybeUninit<libc::iovec>; FEW],
    many: Vec<libc::iovec>,
    count: usize,
    total: usize,
    call: PhantomData<&'a ()>,
}

impl Iovecs<'_> {
    /// The total size of all buffers in bytes.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Drops everything after the first `max` bytes.
    pub fn limit(&mut self, max: usize) {
        let mut left = max.min(self.total);
        self.total = left;
        for i in 0..self.count {
            let iovec = match self.many.is_empty() {
                // SAFETY: the first `count` entries are initialized.
                true => unsafe { self.few[i].assume_init_mut() },
                false => &mut self.many[i],
            };
            iovec.iov_len = iovec.iov_len.min(left);
            left -= iovec.iov_len;
        }
    }

    /// The buffers from `skip` bytes on, at most `max` bytes.
    pub fn piece(&self, mut skip: usize, max: usize) -> Result<Iovecs<'_>, Errno> {
        let mut many = Vec::new();
        many.try_reserve_exact(self.count).map_err(|_| Errno::NOMEM)?;
        let mut total = 0;
        for iovec in self.list() {
            let from = skip.min(iovec.iov_len);
            skip -= from;
            let iov_len = (iovec.iov_len - from).min(max - total);
            if iov_len > 0 {
                // SAFETY: inside the buffer (invariant 1).
                let iov_base = unsafe { iovec.iov_base.cast::<u8>().add(from) }.cast();
                many.push(libc::iovec { iov_base, iov_len });
                total += iov_len;
            }
        }
        let few = [const { MaybeUninit::uninit() }; FEW];
        Ok(Iovecs { few, count: many.len(), many, total, call: PhantomData })
    }

    fn list(&self) -> &[libc::iovec] {
        match self.many.is_empty() {
            // SAFETY: the first `count` entries are initialized.
            true => unsafe { std::slice::from_raw_parts(self.few.as_ptr().cast(), self.count) },
            false => &self.many,
        }
    }

    /// Calls `copy` for each contiguous piece, from `skip` bytes on, with its address, its offset in the host's bytes
    /// (of which there are `host`) and its length. Returns the number of bytes covered.
    fn pieces(&self, mut skip: usize, host: usize, copy: impl Fn(*mut u8, usize, usize)) -> usize {
        let mut done = 0;
        for iovec in self.list() {
            let from = skip.min(iovec.iov_len);
            skip -= from;
            let n = (iovec.iov_len - from).min(host - done);
            // SAFETY: inside the buffer (invariant 1).
            copy(unsafe { iovec.iov_base.cast::<u8>().add(from) }, done, n);
            done += n;
        }
        done
    }

    /// Copies the host's bytes into the buffers, from `skip` bytes on. Returns the number of bytes copied.
    pub fn scatter(&self, skip: usize, from: &[u8]) -> usize {
        // SAFETY: the buffers were checked by `Guest::iovecs`; `pieces` stays inside both (invariant 1).
        self.pieces(skip, from.len(), |p, at, n| unsafe { std::ptr::copy_nonoverlapping(from[at..].as_ptr(), p, n) })
    }

    /// Copies from the buffers, from `skip` bytes on, into the host's bytes. Returns the number of bytes copied.
    pub fn gather(&self, skip: usize, to: &mut [u8]) -> usize {
        let (start, len) = (to.as_mut_ptr(), to.len());
        // SAFETY: as in `scatter` (invariant 1).
        self.pieces(skip, len, |p, at, n| unsafe { std::ptr::copy_nonoverlapping(p, start.add(at), n) })
    }

    /// Reads into the buffers, at an offset or at the descriptor's position.
    pub fn read(&self, fd: BorrowedFd<'_>, offset: Option<i64>) -> io::Result<usize> {
        let (fd, list) = (fd.as_raw_fd(), self.list());
        // SAFETY: the buffers were checked by `Guest::iovecs` and stay valid during the call (invariant 1); there are
        // no Rust references to them.
        transferred(|| unsafe {
            match (offset, list) {
                (None, [one]) => libc::read(fd, one.iov_base, one.iov_len),
                (Some(o), [one]) => libc::pread64(fd, one.iov_base, one.iov_len, o),
                (None, _) => libc::readv(fd, list.as_ptr(), list.len() as i32),
                (Some(o), _) => libc::preadv64(fd, list.as_ptr(), list.len() as i32, o),
            }
        })
    }

    /// Writes the buffers, at an offset or at the descriptor's position.
    pub fn write(&self, fd: BorrowedFd<'_>, offset: Option<i64>) -> io::Result<usize> {
        let (fd, list) = (fd.as_raw_fd(), self.list());
        // SAFETY: as in `read` (invariant 1).
        transferred(|| unsafe {
            match (offset, list) {
                (None, [one]) => libc::write(fd, one.iov_base, one.iov_len),
                (Some(o), [one]) => libc::pwrite64(fd, one.iov_base, one.iov_len, o),
                (None, _) => libc::writev(fd, list.as_ptr(), list.len() as i32),
                (Some(o), _) => libc::pwritev64(fd, list.as_ptr(), list.len() as i32, o),
            }
        })
    }
}

/// The result of a system call that transfers bytes. Retries if a signal interrupted it.
fn transferred(f: impl Fn() -> isize) -> io::Result<usize> {
    loop {
        let n = f();
        if n >= 0 {
            return Ok(n as usize);
        }
        let e = io::Error::last_os_error();
        if e.kind() != io::ErrorKind::Interrupted {
            return Err(e);
        }
    }
}
