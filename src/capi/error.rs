//! Error objects.

use super::entry::{entry, plain};
use super::own::{CText, borrow, delete, output, string};
use crate::api::{Error, ErrorKind, Result, Trap};
use crate::err;
use std::ffi::{CStr, c_char};

/// An error: a kind, a one-line message and, if available, a trap code, a byte offset, an exception and a backtrace.
/// Owned by the code that receives it. Can be used from any thread, by one thread at a time. An error that holds an
/// exception (`wrt_error_exception`) can outlive its store.
pub struct wrt_error_t {
    error: Error,
    message: CText,
    frames: Vec<FrameText>,
}

struct FrameText {
    module: Option<CText>,
    func: Option<CText>,
}

/// A WebAssembly frame of a backtrace. Strings are borrowed from the error; they are NULL if unknown.
#[repr(C)]
pub struct wrt_frame_t {
    /// The module's name.
    pub module_name: *const c_char,
    /// The function's name.
    pub func_name: *const c_char,
    /// The function's index in its module.
    pub func_index: u32,
    /// Byte offset of the instruction in the module; UINT32_MAX if unknown.
    pub module_offset: u32,
    /// Byte offset of the instruction in the function; UINT32_MAX if unknown.
    pub func_offset: u32,
    /// Always 0.
    pub reserved: u32,
    /// Length of the module's name in bytes, which may include NULs; 0 if unknown.
    pub module_name_len: usize,
    /// Length of the function's name in bytes, which may include NULs; 0 if unknown.
    pub func_name_len: usize,
}

impl wrt_error_t {
    pub fn give(error: Error) -> *mut wrt_error_t {
        let text = |s: &Option<Box<str>>| s.as_deref().map(CText::new);
        let frames = error.frames().iter().map(|f| FrameText { module: text(&f.module), func: text(&f.func_name) });
        let frames = frames.collect();
        let message = CText::new(&error.to_string());
        super::own::give(wrt_error_t { error, message, frames })
    }

    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Takes an error object that a callback returned.
    ///
    /// # Safety
    /// `p` came from `give` and is not used again.
    pub unsafe fn take(p: *mut wrt_error_t) -> Error {
        // SAFETY: the caller's promise.
        unsafe { Box::from_raw(p) }.error
    }
}

/// # Safety
/// `error` is NULL or an error that the host gives up.
#[inline(always)]
pub unsafe fn result_of(error: *mut wrt_error_t) -> Result<()> {
    // SAFETY: callbacks give up ownership of the errors that they return.
    if error.is_null() { Ok(()) } else { Err(unsafe { wrt_error_t::take(error) }) }
}

fn kind_of(number: u8) -> Option<ErrorKind> {
    ErrorKind::all().into_iter().find(|k| *k as u8 == number)
}

/// Creates an error for a callback to return. `kind` is one of the `WRT_ERROR_KIND_*`; an unknown one becomes
/// `WRT_ERROR_KIND_HOST`. The message is UTF-8 and is copied. Control characters are escaped, and a message of more
/// than 1000 bytes is cut off. NULL stands for the name of the kind. The caller owns the error. Never returns NULL.
/// Legal anywhere.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_error_new(kind: u8, message: *const c_char, message_len: usize) -> *mut wrt_error_t {
    entry(|| {
        let kind = kind_of(kind).unwrap_or(ErrorKind::Host);
        if message.is_null() {
            return Err(Error::new(kind, kind.name()));
        }
        // SAFETY: the caller passes a string of this length.
        Err(Error::new(kind, unsafe { string(message, message_len, "message")? }))
    })
}

/// Creates the error of a guest that asks to exit with `status`, for a callback to return. The caller owns it. Never
/// returns NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wrt_error_new_exit(status: i32) -> *mut wrt_error_t {
    entry(|| Err(Error::exit(status)))
}

/// Creates the error of a trap, for a callback to return. `code` is one of the `WRT_TRAP_*`; any other code returns
/// an error of kind `invalid argument` instead. The caller owns it. Never returns NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wrt_error_new_trap(code: u8) -> *mut wrt_error_t {
    entry(|| Err(Trap::from_u8(code).map_or_else(|| err!(InvalidArgument, "no trap has code {code}"), Error::trap)))
}

/// Deletes an error. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_error_delete(error: *mut wrt_error_t) {
    // SAFETY: the caller gives up ownership.
    unsafe { delete(error) }
}

/// Returns the error's kind, one of the `WRT_ERROR_KIND_*`. 0 for NULL. Later versions may add kinds: be prepared for
/// unknown ones.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_error_kind(error: *const wrt_error_t) -> u8 {
    // SAFETY: the caller passes NULL or an error.
    plain(0, || unsafe { error.as_ref() }.map_or(0, |e| e.error.kind() as u8))
}

/// Returns the static name of a kind, such as "type mismatch". "unknown" for an unknown kind; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wrt_error_kind_name(kind: u8) -> *const c_char {
    plain(c"unknown".as_ptr(), || kind_of(kind).map_or(c"unknown", |k| c_text(k.name_nul())).as_ptr())
}

/// Returns the message, NUL-terminated and borrowed from the error. It is one line of UTF-8 of at most 1040 bytes:
/// control characters are escaped, and long names are cut off. `out_len` may be NULL. "" for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_error_message(error: *const wrt_error_t, out_len: *mut usize) -> *const c_char {
    // SAFETY: the caller passes NULL or an error, and NULL or a place for the length.
    plain(c"".as_ptr(), || unsafe { CText::lend_or(error.as_ref().map(|e| &e.message), Some(c""), out_len) })
}

/// Returns the trap's code, one of the `WRT_TRAP_*`; 0 if the error is not a trap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_error_trap_code(error: *const wrt_error_t) -> u8 {
    // SAFETY: the caller passes NULL or an error.
    plain(0, || unsafe { error.as_ref() }.and_then(|e| e.error.trap_code()).map_or(0, |t| t as u8))
}

/// Returns the static name of a trap code, such as "integer overflow". "unknown" for an unknown code; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wrt_trap_name(code: u8) -> *const c_char {
    plain(c"unknown".as_ptr(), || Trap::from_u8(code).map_or(c"unknown", |t| c_text(t.text_nul())).as_ptr())
}

/// Returns whether the error is about a position in the module, and writes its byte offset to `*out_offset` (may be
/// NULL): 0 if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_error_offset(error: *const wrt_error_t, out_offset: *mut u64) -> bool {
    plain(false, || {
        // SAFETY: the caller passes NULL or an error, and NULL or a place for the offset.
        let offset = unsafe { error.as_ref() }.and_then(|e| e.error.offset());
        // SAFETY: as above.
        if let Ok(out) = unsafe { output(out_offset, 0, "out_offset") } {
            *out = offset.unwrap_or(0);
        }
        offset.is_some()
    })
}

/// Returns whether the error is a guest's exit, and writes the exit status to `*out_status` (may be NULL): 0 if it is
/// not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_error_exit_status(error: *const wrt_error_t, out_status: *mut i32) -> bool {
    plain(false, || {
        // SAFETY: the caller passes NULL or an error, and NULL or a place for the status.
        let status = unsafe { error.as_ref() }.and_then(|e| e.error.exit_status());
        // SAFETY: as above.
        if let Ok(out) = unsafe { output(out_status, 0, "out_status") } {
            *out = status.unwrap_or(0);
        }
        status.is_some()
    })
}

/// Returns how many WebAssembly frames the backtrace has. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_error_frame_count(error: *const wrt_error_t) -> usize {
    // SAFETY: the caller passes NULL or an error.
    plain(0, || unsafe { error.as_ref() }.map_or(0, |e| e.frames.len()))
}

/// Writes frame `index` of the backtrace, counted from the innermost, which is 0. Fails with `invalid argument` if
/// there is no such frame; the offsets are then UINT32_MAX, and the other fields NULL or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_error_frame(
    error: *const wrt_error_t,
    index: usize,
    out_frame: *mut wrt_frame_t,
) -> *mut wrt_error_t {
    entry(|| {
        let empty = wrt_frame_t {
            module_name: std::ptr::null(),
            func_name: std::ptr::null(),
            func_index: 0,
            module_offset: u32::MAX,
            func_offset: u32::MAX,
            reserved: 0,
            module_name_len: 0,
            func_name_len: 0,
        };
        // SAFETY: the caller passes an error and a place for the frame, or NULLs, which are refused.
        let (out, error) = unsafe { (output(out_frame, empty, "out_frame")?, borrow(error, "error")?) };
        let (Some(frame), Some(text)) = (error.error.frames().get(index), error.frames.get(index)) else {
            return Err(err!(InvalidArgument, "there is no frame {index}"));
        };
        // SAFETY: the lengths are fields of the caller's frame, which was just written.
        let lend = |t: &Option<CText>, len: &mut usize| t.as_ref().map_or(std::ptr::null(), |t| unsafe { t.lend(len) });
        out.module_name = lend(&text.module, &mut out.module_name_len);
        out.func_name = lend(&text.func, &mut out.func_name_len);
        out.func_index = frame.func_index;
        out.module_offset = frame.module_offset.unwrap_or(u32::MAX);
        out.func_offset = frame.func_offset.unwrap_or(u32::MAX);
        Ok(())
    })
}

fn c_text(with_nul: &'static str) -> &'static CStr {
    CStr::from_bytes_with_nul(with_nul.as_bytes()).unwrap_or(c"unknown")
}
