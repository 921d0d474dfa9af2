//! Address space: reservations, executable memory, mapped files. Everything is unmapped when dropped.

use super::lock::Mutex;
#[cfg(miri)]
use super::pretend::{madvise, mmap, mprotect, mremap, munmap};
use super::{fault_injection, refused, thread};
#[cfg(not(miri))]
use libc::{madvise, mmap, mprotect, mremap, munmap};
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;

/// The system's page size, in bytes.
pub fn page_size() -> usize {
    // SAFETY: a plain query (invariant S1).
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// The process's limit on address space, in bytes; `usize::MAX` if there is none.
pub fn address_space() -> usize {
    limit_of(libc::RLIMIT_AS).unwrap_or(usize::MAX)
}

/// The process's limit on a resource; `None` if it is unlimited.
fn limit_of(resource: libc::__rlimit_resource_t) -> Option<usize> {
    // Miri does not have the system call.
    if cfg!(miri) {
        return None;
    }
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes the struct (invariant S1).
    let known = unsafe { libc::getrlimit(resource, &mut limit) } == 0;
    (known && limit.rlim_cur != libc::RLIM_INFINITY).then(|| usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX))
}

fn round_up(len: usize) -> usize {
    len.next_multiple_of(page_size())
}

/// A mapping of this process, owned by this value.
struct Mapping {
    ptr: *mut u8,
    len: usize,
}

// SAFETY: a mapping is memory like any other; the types that contain it control access to it (invariant S2).
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(len: usize, prot: libc::c_int) -> io::Result<Mapping> {
        fault_injection::check()?;
        let len = round_up(len.max(1));
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping at a place the system chooses touches nothing that exists (invariant S2).
        let ptr = unsafe { mmap(ptr::null_mut(), len, prot, flags, -1, 0) };
        if ptr == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Mapping { ptr: ptr.cast(), len }) }
    }

    /// Maps `len` bytes of a file.
    fn of_file(
        file: &impl AsRawFd,
        at: usize,
        len: usize,
        prot: libc::c_int,
        flags: libc::c_int,
    ) -> io::Result<Mapping> {
        fault_injection::check()?;
        let len = len.max(1);
        // SAFETY: a new mapping at a place the system chooses touches nothing that exists (invariant S2).
        let ptr = unsafe { mmap(ptr::null_mut(), len, prot, flags, file.as_raw_fd(), at as libc::off_t) };
        if ptr == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Mapping { ptr: ptr.cast(), len }) }
    }

    fn protect(&self, offset: usize, len: usize, prot: libc::c_int) -> io::Result<()> {
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.len), "outside of the mapping");
        // SAFETY: inside of our own mapping (invariant S2).
        match unsafe { mprotect(self.ptr.add(offset).cast(), len, prot) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: our own mapping, unmapped once (invariant S2).
        unsafe { munmap(self.ptr.cast(), self.len) };
    }
}

/// Address space that faults until it is committed.
pub struct Reservation(Mapping);

impl Reservation {
    /// Reserves at least `len` bytes.
    pub fn new(len: usize) -> io::Result<Reservation> {
        Mapping::new(len, libc::PROT_NONE).map(Reservation)
    }

    /// Like `new`, at a multiple of `align`, which is a power of two and a multiple of the page size.
    pub fn aligned(len: usize, align: usize) -> io::Result<Reservation> {
        let len = round_up(len.max(1));
        let all = Mapping::new(len + align, libc::PROT_NONE)?;
        let before = all.ptr.align_offset(align);
        let (start, end) = (all.ptr.wrapping_add(before), all.ptr.wrapping_add(all.len));
        // SAFETY: unmaps both ends of our own mapping, which from here on is the part in between (invariant S2).
        unsafe {
            if before > 0 {
                munmap(all.ptr.cast(), before);
            }
            munmap(start.add(len).cast(), end as usize - start as usize - len);
        }
        std::mem::forget(all);
        Ok(Reservation(Mapping { ptr: start, len }))
    }

    pub fn as_ptr(&self) -> *mut u8 {
        self.0.ptr
    }

    /// Makes `len` bytes from `offset` accessible; they are zero unless they were used before. Rounds outward to pages.
    pub fn commit(&self, offset: usize, len: usize) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        fault_injection::check()?;
        let start = offset / page_size() * page_size();
        self.0.protect(start, round_up(offset + len) - start, libc::PROT_READ | libc::PROT_WRITE)
    }

    /// The opposite of `commit`: `len` bytes from `offset`, both multiples of the page size, fault from now on, and their contents are
    /// discarded.
    pub fn decommit(&self, offset: usize, len: usize) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        fault_injection::check()?;
        self.0.protect(offset, len, libc::PROT_NONE)?;
        if self.try_discard(offset, len) { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
    }

    /// Changes the length to `len` bytes, all accessible. May move the mapping. Contents are kept, and new bytes are zero. All of it must
    /// be committed, and no file may be mapped into it. On failure it is unchanged; the system refuses if the host has changed a part of
    /// it.
    pub fn resize(&mut self, len: usize) -> io::Result<()> {
        fault_injection::check()?;
        let len = round_up(len);
        // SAFETY: our own mapping, to which no pointers are in use (invariant S2; `&mut self`).
        let ptr = unsafe { mremap(self.0.ptr.cast(), self.0.len, len, libc::MREMAP_MAYMOVE) };
        if ptr == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        (self.0.ptr, self.0.len) = (ptr.cast(), len);
        Ok(())
    }

    /// Asks for huge pages, which save faults and time if all of the memory will be used.
    pub fn prefer_huge(&self, offset: usize, len: usize) {
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.0.len), "outside of the mapping");
        // SAFETY: a part of the reservation; this is only advice, which may be refused (invariant S2).
        unsafe { madvise(self.0.ptr.add(offset).cast(), len, libc::MADV_HUGEPAGE) };
    }

    /// Returns the memory of `len` bytes from `offset` to the system; they then read as zeros. Both are multiples of the page size.
    pub fn discard(&self, offset: usize, len: usize) {
        if !self.try_discard(offset, len) {
            // SAFETY: inside of our own mapping (`try_discard`); callers discard only committed memory (invariant S2).
            unsafe { ptr::write_bytes(self.0.ptr.add(offset), 0, len) };
        }
    }

    /// Returns the memory of `len` bytes from `offset` to the system; they then read as zeros, or as the file that is mapped there. Both
    /// are multiples of the page size. False if the system refuses, for example because pages are locked; the contents are then
    /// unspecified.
    #[must_use]
    pub fn try_discard(&self, offset: usize, len: usize) -> bool {
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.0.len), "outside of the mapping");
        // SAFETY: inside of our own mapping (invariant S2).
        len == 0 || unsafe { madvise(self.0.ptr.add(offset).cast(), len, libc::MADV_DONTNEED) } == 0
    }

    /// Maps `len` bytes of a file, starting at `at`, to `offset`, copy-on-write. `offset`, `at` and `len` are multiples of the page size.
    pub fn map_file_cow(&self, offset: usize, file: &impl AsRawFd, at: usize, len: usize) -> io::Result<()> {
        assert!(offset.is_multiple_of(page_size()) && offset.checked_add(len).is_some_and(|end| end <= self.0.len));
        fault_injection::check()?;
        let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
        // SAFETY: replaces only pages of our own mapping; code that holds pointers to them sees the new contents
        // (invariant S2).
        let p = unsafe {
            let place = self.0.ptr.add(offset).cast();
            mmap(place, len, libc::PROT_READ | libc::PROT_WRITE, flags, file.as_raw_fd(), at as libc::off_t)
        };
        if p == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Reservation {
    /// Undoes `map_file_cow`: `len` bytes from `offset` are committed, and zero.
    pub fn unmap_file(&self, offset: usize, len: usize) -> io::Result<()> {
        assert!(offset.is_multiple_of(page_size()) && offset.checked_add(len).is_some_and(|end| end <= self.0.len));
        fault_injection::check()?;
        let flags = libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: replaces only pages of our own mapping; code that holds pointers to them sees zeros (invariant S2).
        let p = unsafe {
            let at = self.0.ptr.add(offset).cast();
            mmap(at, len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
        };
        if p == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// Machine code in memory: readable and executable, no longer writable.
pub struct Executable {
    mapping: Mapping,
    /// The offset of the code in the mapping.
    start: usize,
    len: usize,
}

impl Executable {
    pub fn new(text: &[u8]) -> io::Result<Executable> {
        let mapping = Mapping::new(text.len(), libc::PROT_READ | libc::PROT_WRITE)?;
        // SAFETY: a fresh mapping of at least this length (invariant S2).
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), mapping.ptr, text.len()) };
        match mapping.protect(0, mapping.len, libc::PROT_READ | libc::PROT_EXEC).map_err(|e| refused::by("mprotect", e))
        {
            Ok(()) => Ok(Executable { mapping, start: 0, len: text.len() }),
            Err(e) if refused::is_refused(&e) => {
                Executable::never_writable(text).map_err(|second| refused::both(&e, second))
            }
            Err(e) => Err(e),
        }
    }

    /// Like `new`, for systems where writable memory cannot become executable: writes the code to an anonymous file, and maps that.
    fn never_writable(text: &[u8]) -> io::Result<Executable> {
        let file = MemFd::new(c"wrt-code", text)?;
        let prot = libc::PROT_READ | libc::PROT_EXEC;
        let mapping = Mapping::of_file(&file, 0, text.len(), prot, libc::MAP_PRIVATE);
        let mapping = mapping.map_err(|e| refused::by("mmap", e))?;
        Ok(Executable { mapping, start: 0, len: text.len() })
    }

    /// Maps `len` bytes of machine code from a file, starting at `at`.
    pub fn of_file(file: &FileMapping, at: usize, len: usize) -> io::Result<Executable> {
        assert!(at.checked_add(len).is_some_and(|end| end <= file.mapping.len));
        let start = at % page_size();
        let prot = libc::PROT_READ | libc::PROT_EXEC;
        let mapping = Mapping::of_file(file, at - start, start + len, prot, libc::MAP_PRIVATE);
        let mapping = mapping.map_err(|e| refused::by("mmap of the file", e))?;
        Ok(Executable { mapping, start, len })
    }

    pub fn as_ptr(&self) -> *const u8 {
        self.mapping.ptr.wrapping_add(self.start)
    }

    /// The size of the code, in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the mapping is readable, of this length, never written again, and lives as long as `self`
        // (invariant S2).
        unsafe { std::slice::from_raw_parts(self.as_ptr(), self.len) }
    }
}

/// Data followed by machine code, which grows while other parts of it run. The code's pages are mapped twice: executable here, and writable
/// elsewhere, so that no address is both.
pub struct CodeSpace {
    space: Reservation,
    /// The size of the data in bytes, a multiple of the page size.
    data: usize,
    /// The capacity for code, in bytes.
    code: usize,
}

/// The writable mapping of a `CodeSpace`'s code.
pub struct CodeWriter {
    writable: Mapping,
    /// The process that created the pages: after a fork, the child shares them.
    process: u32,
}

impl CodeSpace {
    /// Creates a space of `data` bytes, zeroed, and `code` bytes. Only pages that are written use memory.
    pub fn new(data: usize, code: usize) -> io::Result<(CodeSpace, CodeWriter)> {
        let (data, code) = (round_up(data.max(1)), round_up(code.max(1)));
        let space = CodeSpace { space: Reservation::new(data + code)?, data, code };
        space.space.commit(0, data)?;
        let writer = space.new_pages(&[])?;
        Ok((space, writer))
    }

    /// Maps new pages for the code; they begin with a copy of `written`.
    fn new_pages(&self, written: &[u8]) -> io::Result<CodeWriter> {
        let file = MemFd::empty(self.code)?;
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let writable = Mapping::of_file(&file, 0, self.code, prot, libc::MAP_SHARED)?;
        // SAFETY: `written` is at most as long as the code, and no other pointer to the new mapping exists
        // (invariant S2).
        unsafe { ptr::copy_nonoverlapping(written.as_ptr(), writable.ptr, written.len()) };
        fault_injection::check()?;
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        // SAFETY: replaces pages of our own mapping with pages that have the same contents wherever something was
        // written (invariant S2).
        let p = unsafe {
            let at = self.space.0.ptr.add(self.data).cast();
            mmap(at, self.code, libc::PROT_READ | libc::PROT_EXEC, flags, file.0, 0)
        };
        if p == libc::MAP_FAILED {
            return Err(refused::by("mmap", io::Error::last_os_error()));
        }
        Ok(CodeWriter { writable, process: thread::process() })
    }

    /// Ensures that no other process shares the pages: in a child, replaces them with new pages and copies the `used` bytes that were
    /// written.
    pub fn own(&self, writer: &mut CodeWriter, used: usize) -> io::Result<()> {
        if writer.process != thread::process() {
            // SAFETY: mapped and readable; the pages are replaced only after they were copied (invariant S2).
            *writer = self.new_pages(unsafe { std::slice::from_raw_parts(self.code(), used.min(self.code)) })?;
        }
        Ok(())
    }

    /// The data. The code follows immediately.
    pub fn data(&self) -> *mut u8 {
        self.space.0.ptr
    }

    /// The size of the data, in bytes.
    pub fn data_len(&self) -> usize {
        self.data
    }

    pub fn code(&self) -> *const u8 {
        self.space.0.ptr.wrapping_add(self.data)
    }

    /// The capacity for code, in bytes.
    pub fn code_len(&self) -> usize {
        self.code
    }
}

impl CodeWriter {
    /// Writes machine code.
    ///
    /// # Safety
    /// Nothing runs there yet, and no other thread writes there.
    pub unsafe fn write(&self, at: usize, code: &[u8]) {
        assert!(at.checked_add(code.len()).is_some_and(|end| end <= self.writable.len), "outside of the code space");
        // SAFETY: inside of our own mapping; the rest is the caller's promise (invariant S2).
        unsafe { ptr::copy_nonoverlapping(code.as_ptr(), self.writable.ptr.add(at), code.len()) };
    }
}

/// Returns an error if `len` exceeds the process's limit on file sizes. A process that writes beyond it is killed by a signal.
pub fn check_file_size(len: u64) -> io::Result<()> {
    let fits = limit_of(libc::RLIMIT_FSIZE).is_none_or(|most| len <= most as u64);
    if fits { Ok(()) } else { Err(io::ErrorKind::FileTooLarge.into()) }
}

/// A file that is read in place. If another process changes the file, the contents change; if it shortens the file, reads can raise SIGBUS.
pub struct FileMapping {
    mapping: Mapping,
    file: Mutex<Option<File>>,
    len: usize,
}

impl FileMapping {
    pub fn new(file: File) -> io::Result<FileMapping> {
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let len = usize::try_from(about.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        // Populates the mapping, since all of it will be read.
        let mapping = Mapping::of_file(&file, 0, len, libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_POPULATE)?;
        Ok(FileMapping { mapping, file: Mutex::new(Some(file)), len })
    }

    /// Closes the file: no more parts of it can be mapped. Existing mappings stay.
    pub fn close(&self) {
        *self.file.lock() = None;
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is readable, of this length, and lives as long as `self` (invariant S2).
        unsafe { std::slice::from_raw_parts(self.mapping.ptr, self.len) }
    }
}

/// An anonymous file.
pub struct MemFd(libc::c_int);

impl MemFd {
    /// Creates a file that will have `len` bytes. The name is visible in the list of the process's mappings.
    fn create(name: &CStr, len: usize, flags: libc::c_uint) -> io::Result<MemFd> {
        fault_injection::check()?;
        check_file_size(len as u64)?;
        // SAFETY: a plain system call (invariant S1).
        match unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | flags) } {
            fd if fd >= 0 => Ok(MemFd(fd)),
            _ => Err(refused::by("memfd_create", io::Error::last_os_error())),
        }
    }

    /// Creates a file of `len` zeros, which uses no memory until it is written.
    fn empty(len: usize) -> io::Result<MemFd> {
        let file = MemFd::create(c"wrt-code", len, 0)?;
        // SAFETY: a plain system call on a descriptor of our own (invariant S1).
        match unsafe { libc::ftruncate(file.0, len as libc::off_t) } {
            0 => Ok(file),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Creates a file with fixed contents.
    pub fn new(name: &CStr, bytes: &[u8]) -> io::Result<MemFd> {
        let file = MemFd::create(name, bytes.len(), libc::MFD_ALLOW_SEALING)?;
        let fd = file.0;
        let mut done = 0;
        while done < bytes.len() {
            let rest = &bytes[done..];
            // SAFETY: `rest` is readable, the descriptor is ours (invariant S1).
            match unsafe { libc::pwrite(fd, rest.as_ptr().cast(), rest.len(), done as libc::off_t) } {
                n if n > 0 => done += n as usize,
                0 => return Err(io::ErrorKind::WriteZero.into()),
                _ => return Err(io::Error::last_os_error()),
            }
        }
        let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE | libc::F_SEAL_SEAL;
        // SAFETY: a plain system call (invariant S1). It may fail: the file is correct without seals, since no other
        // code has the descriptor.
        unsafe { libc::fcntl(fd, libc::F_ADD_SEALS, seals) };
        Ok(file)
    }
}

impl AsRawFd for FileMapping {
    fn as_raw_fd(&self) -> libc::c_int {
        // -1 is no valid descriptor.
        self.file.lock().as_ref().map_or(-1, |f| f.as_raw_fd())
    }
}

impl AsRawFd for MemFd {
    fn as_raw_fd(&self) -> libc::c_int {
        self.0
    }
}

impl Drop for MemFd {
    fn drop(&mut self) {
        // SAFETY: our own descriptor, closed once (invariant S1).
        unsafe { libc::close(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_is_usable_where_committed() {
        let r = Reservation::new(1 << 32).unwrap();
        r.commit(0, 100).unwrap();
        // SAFETY: committed (invariant S2).
        unsafe {
            assert_eq!(*r.as_ptr().add(99), 0);
            *r.as_ptr() = 7;
        }
    }

    #[test]
    fn code_is_written_beside_code_that_runs() {
        let (space, mut writer) = CodeSpace::new(10, 100).unwrap();
        assert_eq!((space.data_len(), space.code_len()), (page_size(), page_size()));
        // SAFETY: nothing runs there.
        unsafe {
            writer.write(40, &[1, 2, 3]);
            assert_eq!(std::slice::from_raw_parts(space.code().add(40), 3), [1, 2, 3]);
            // As in a child, which gets its own pages.
            writer.process += 1;
            space.own(&mut writer, 42).unwrap();
            writer.write(50, &[4]);
            assert_eq!(std::slice::from_raw_parts(space.code().add(40), 11), [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 4]);
        }
    }

    #[test]
    fn code_that_was_never_writable_here_is_the_same() {
        let text: Vec<u8> = (0..10_000).map(|i| i as u8).collect();
        assert_eq!(Executable::never_writable(&text).unwrap().as_slice(), text);
        assert_eq!(Executable::never_writable(&[]).unwrap().as_slice(), []);
    }

    #[test]
    fn an_image_is_private_to_each_mapping() {
        let page = page_size();
        let file = MemFd::new(c"wrt-test", &vec![5; page]).unwrap();
        let (a, b) = (Reservation::new(page * 4).unwrap(), Reservation::new(page * 4).unwrap());
        a.map_file_cow(page, &file, 0, page).unwrap();
        b.map_file_cow(0, &file, 0, page).unwrap();
        // SAFETY: mapped (invariant S2).
        unsafe {
            *a.as_ptr().add(page) = 9;
            assert_eq!((*a.as_ptr().add(page), *b.as_ptr()), (9, 5));
        }
    }
}
