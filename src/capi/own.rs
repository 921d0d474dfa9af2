//! Pointer conventions: borrowed objects, strings, outputs, owned objects, and the host's data with its finalizer.

use super::entry::null;
use super::error::wrt_error_t;
use crate::api::{Error, Result};
use crate::err;
use crate::sys::callback;
use std::ffi::{CStr, OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Borrows an object; NULL is an error.
///
/// # Safety
/// `p` is NULL or points to a live object that does not change while it is borrowed.
#[inline(always)]
pub unsafe fn borrow<'a, T>(p: *const T, what: &str) -> Result<&'a T> {
    // SAFETY: the caller's promise.
    unsafe { p.as_ref() }.ok_or_else(|| null(what))
}

/// Borrows an array. NULL is allowed if there are no elements.
///
/// # Safety
/// `p` points to `len` elements, unless `len` is 0.
#[inline(always)]
pub unsafe fn slice<'a, T>(p: *const T, len: usize, what: &str) -> Result<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    if p.is_null() || !p.is_aligned() || len > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(no_slice(p, len, what));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(p, len) })
}

#[cold]
fn no_slice<T>(p: *const T, len: usize, what: &str) -> Error {
    if p.is_null() {
        null(what)
    } else if !p.is_aligned() {
        err!(InvalidArgument, "{what} is not aligned to {} bytes", align_of::<T>())
    } else {
        err!(InvalidArgument, "{what} has {len} elements, more than fit into memory")
    }
}

/// Returns the size that the caller has set in a struct to be filled in, which starts with it: the part of the struct
/// that the caller knows. The rest of that part becomes zeros immediately, so that it is defined whatever happens.
///
/// # Safety
/// `p` is NULL or a struct whose size field is set, and can be written.
pub unsafe fn sized<T>(p: *mut T, what: &str) -> Result<usize> {
    // SAFETY: the caller's promise: only the size is read.
    let size = unsafe { *borrow(p.cast::<usize>(), what)? };
    let least = 2 * size_of::<usize>();
    if size < least || size > size_of::<T>() || !size.is_multiple_of(8) {
        return Err(err!(InvalidArgument, "{what}.size is {size}, not the size of the struct, {}", size_of::<T>()));
    }
    // SAFETY: the caller's promise: the struct has at least `size` bytes.
    unsafe { p.cast::<u8>().add(size_of::<usize>()).write_bytes(0, size - size_of::<usize>()) };
    Ok(size)
}

/// Borrows options that the caller has filled in with their init function.
///
/// # Safety
/// `p` is NULL or options whose size field is set.
pub unsafe fn options_of<'a, T>(p: *const T, size: impl Fn(&T) -> usize, init: &str) -> Result<&'a T> {
    // SAFETY: the caller's promise: only the size is read before it is known to be right.
    let options = unsafe { borrow(p, "options")? };
    match size(options) {
        n if n == size_of::<T>() => Ok(options),
        n => Err(err!(InvalidArgument, "options.size is {n}, use {init}")),
    }
}

/// # Safety
/// `sized` has checked the place; `all` has the size that it returned.
pub unsafe fn fill_in<T: Copy>(place: *mut T, all: T) {
    // SAFETY: the caller's promise; the struct begins with its size.
    unsafe {
        let size = *(&raw const all).cast::<usize>();
        std::ptr::copy_nonoverlapping((&raw const all).cast::<u8>(), place.cast(), size);
    }
}

/// Borrows a string: UTF-8, not necessarily NUL-terminated.
///
/// # Safety
/// As `slice`.
pub unsafe fn string<'a>(p: *const c_char, len: usize, what: &str) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { slice(p.cast::<u8>(), len, what)? };
    std::str::from_utf8(bytes).map_err(|e| err!(InvalidArgument, "{what} is not UTF-8: {e}"))
}

/// Copies a path of the host: any bytes that the system accepts.
///
/// # Safety
/// As `slice`.
pub unsafe fn path(p: *const c_char, len: usize, what: &str) -> Result<PathBuf> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { slice(p.cast::<u8>(), len, what)? };
    if bytes.is_empty() || bytes.contains(&0) {
        return Err(err!(InvalidArgument, "{what} is not a path: it is empty or contains a NUL"));
    }
    Ok(OsStr::from_bytes(bytes).into())
}

/// Returns an output that must not be NULL. It is written immediately, so that it is defined whatever happens.
///
/// # Safety
/// `p` is NULL or can be written.
#[inline(always)]
pub unsafe fn output<'a, T>(p: *mut T, initial: T, what: &str) -> Result<&'a mut T> {
    if p.is_null() {
        return Err(null(what));
    }
    // SAFETY: the caller's promise.
    unsafe {
        p.write(initial);
        Ok(&mut *p)
    }
}

/// Lets `f` write output bytes, which become zeros if it fails.
///
/// # Safety
/// `p` is NULL or has space for `len` bytes.
pub unsafe fn output_bytes(
    p: *mut c_void,
    len: usize,
    what: &str,
    f: impl FnOnce(Result<&mut [u8]>) -> *mut wrt_error_t,
) -> *mut wrt_error_t {
    // SAFETY: the caller's promise.
    let bytes = || unsafe {
        slice(p.cast::<u8>(), len, what)?;
        Ok(if len == 0 { &mut [] } else { std::slice::from_raw_parts_mut(p.cast::<u8>(), len) })
    };
    let error = f(bytes());
    if !error.is_null()
        && let Ok(bytes) = bytes()
    {
        bytes.fill(0);
    }
    error
}

/// A `bool` as C passes it. Callers from other languages may pass any byte: 0 is false, everything else is true.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct wrt_bool(u8);

impl wrt_bool {
    pub fn get(self) -> bool {
        self.0 != 0
    }
}

/// Gives ownership of an object to the caller of the C API.
pub fn give<T>(object: T) -> *mut T {
    Box::into_raw(Box::new(object))
}

/// Takes an object back and drops it. NULL does nothing.
///
/// # Safety
/// `p` is NULL or came from `give`, and is not used again.
pub unsafe fn delete<T>(p: *mut T) {
    super::entry::plain((), || {
        if !p.is_null() {
            // SAFETY: the caller's promise.
            drop(unsafe { Box::from_raw(p) });
        }
    });
}

/// A string for C callers: NUL-terminated, with its length stored separately. Names can contain NULs; then only the
/// length is right.
pub struct CText(Box<[u8]>);

impl CText {
    pub fn new(text: &str) -> CText {
        CText([text.as_bytes(), &[0]].concat().into_boxed_slice())
    }

    /// Returns the borrowed string, and writes its length if `out_len` is not NULL.
    ///
    /// # Safety
    /// `out_len` is NULL or can be written.
    pub unsafe fn lend(&self, out_len: *mut usize) -> *const c_char {
        // SAFETY: the caller's promise.
        let _ = unsafe { output(out_len, self.0.len() - 1, "") };
        self.0.as_ptr().cast()
    }

    /// As `lend`, for a string that may not exist: then lends `or`, or returns NULL.
    ///
    /// # Safety
    /// As `lend`.
    pub unsafe fn lend_or(text: Option<&CText>, or: Option<&'static CStr>, out_len: *mut usize) -> *const c_char {
        // SAFETY: the caller's promise.
        unsafe {
            if let Some(text) = text {
                return text.lend(out_len);
            }
            let _ = output(out_len, or.map_or(0, CStr::count_bytes), "");
            or.map_or(std::ptr::null(), CStr::as_ptr)
        }
    }
}

/// Copies text to a buffer of the caller, cut off to fit and NUL-terminated.
///
/// # Safety
/// `buffer` has space for `capacity` bytes, unless that is 0.
pub unsafe fn copy_text(text: &str, buffer: *mut c_char, capacity: usize) -> Result<()> {
    if capacity == 0 {
        return Ok(());
    }
    if buffer.is_null() {
        return Err(null("buffer"));
    }
    let len = text.len().min(capacity - 1);
    // SAFETY: the caller's promise.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast(), len);
        buffer.add(len).write(0);
    }
    Ok(())
}

/// Called once, when userdata is no longer needed. May be NULL. It has to return, as all callbacks do: see
/// `wrt_func_callback_t`.
pub type wrt_finalizer_t = Option<unsafe extern "C-unwind" fn(userdata: *mut c_void)>;

/// The host's data: never dereferenced, and finalized once.
pub struct UserData {
    pub ptr: *mut c_void,
    finalizer: wrt_finalizer_t,
}

// SAFETY: the pointer is only passed back to the host, and the header documents on which threads.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

impl UserData {
    pub fn new(ptr: *mut c_void, finalizer: wrt_finalizer_t) -> UserData {
        UserData { ptr, finalizer }
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(f) = self.finalizer.take() {
            // SAFETY: the host gave both for this purpose.
            unsafe { callback::finalize(f, self.ptr) };
        }
    }
}
