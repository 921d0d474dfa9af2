//! WASI: what a guest process may use, given to a store.

use super::entry::{entry, null, on_store, running};
use super::error::wrt_error_t;
use super::linker::{change, wrt_linker_t};
use super::own::{UserData, delete, give, output, slice, wrt_bool, wrt_finalizer_t};
use super::store::wrt_store_t;
use crate::api::Result;
use crate::err;
use crate::sys::callback;
use crate::wasi::{Errno, Wasi};
use std::ffi::{OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What one guest process may use of WASI preview 1: arguments, environment, standard streams, directories, clocks. At first its
/// standard input is empty, its output is discarded, and it has no directories. Given to a store by `wrt_store_set_wasi`; used
/// by one thread at a time.
pub struct wrt_wasi_t(Wasi);

/// Makes a process without arguments. The caller owns `*out_wasi`, NULL on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_new(out_wasi: *mut *mut wrt_wasi_t) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a place for it, or NULL, which is refused.
        let out = unsafe { output(out_wasi, std::ptr::null_mut(), "out_wasi")? };
        *out = give(wrt_wasi_t(Wasi::new()));
        Ok(())
    })
}

/// Deletes a process that was not given to a store. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_delete(wasi: *mut wrt_wasi_t) {
    // SAFETY: the caller gives it up.
    unsafe { delete(wasi) }
}

/// # Safety
/// `p` is NULL or one that nobody else uses.
unsafe fn process<'a>(p: *mut wrt_wasi_t) -> Result<&'a mut Wasi> {
    // SAFETY: the caller's promise.
    Ok(&mut unsafe { p.as_mut() }.ok_or_else(|| null("wasi"))?.0)
}

/// Bytes that need not be UTF-8.
///
/// # Safety
/// As `slice`.
unsafe fn bytes<'a>(p: *const c_char, len: usize, what: &str) -> Result<&'a [u8]> {
    // SAFETY: the caller's promise.
    unsafe { slice(p.cast(), len, what) }
}

/// # Safety
/// As `slice`.
unsafe fn path<'a>(p: *const c_char, len: usize, what: &str) -> Result<&'a Path> {
    // SAFETY: the caller's promise.
    Ok(Path::new(OsStr::from_bytes(unsafe { bytes(p, len, what)? })))
}

/// Adds an argument, of any bytes but NUL, which is copied. The first one is the program's name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_add_arg(
    wasi: *mut wrt_wasi_t,
    arg: *const c_char,
    arg_len: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a process and a string of this length, or NULLs, which are refused.
    entry(|| unsafe { process(wasi)?.add_arg(bytes(arg, arg_len, "arg")?) })
}

/// Sets an environment variable, of any bytes but NUL, which are copied; one of the same name is replaced. The name is not empty and has
/// no '='.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_add_env(
    wasi: *mut wrt_wasi_t,
    name: *const c_char,
    name_len: usize,
    value: *const c_char,
    value_len: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a process and strings of these lengths, or NULLs, which are refused.
    entry(|| unsafe { process(wasi)?.add_env(bytes(name, name_len, "name")?, bytes(value, value_len, "value")?) })
}

/// Sets the environment variables that the host's process has now, each as `wrt_wasi_add_env` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_inherit_env(wasi: *mut wrt_wasi_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a process, or NULL, which is refused.
    entry(|| unsafe { process(wasi)?.inherit_env() })
}

/// Makes the guest's 0, 1 and 2 those of the host's process. The guest can not close them for the host. What the host
/// itself has buffered (stdio.h) it has to flush. Writing into a pipe that nobody reads is an error for the guest, never a signal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_inherit_stdio(wasi: *mut wrt_wasi_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a process, or NULL, which is refused.
    entry(|| unsafe {
        process(wasi)?.inherit_stdio();
        Ok(())
    })
}

/// Makes one of the guest's 0, 1 and 2 that of the host's process, as `wrt_wasi_inherit_stdio` does with all of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_inherit_stream(wasi: *mut wrt_wasi_t, fd: u32) -> *mut wrt_error_t {
    // SAFETY: the caller passes a process, or NULL, which is refused.
    entry(|| unsafe { process(wasi)?.inherit_stream(fd) })
}

/// Reads 0 from a file of the host's, or writes 1 or 2 to one, which is opened now. Output files are created or emptied, and
/// appended to, so that 1 and 2 may be the same. Fails with `i/o`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_set_stdio_file(
    wasi: *mut wrt_wasi_t,
    fd: u32,
    host_path: *const c_char,
    host_path_len: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a process and a string of this length, or NULLs, which are refused.
    entry(|| unsafe { process(wasi)?.set_stdio_file(fd, path(host_path, host_path_len, "host_path")?) })
}

/// Reads 0 from memory, which is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_set_stdin_bytes(
    wasi: *mut wrt_wasi_t,
    bytes: *const u8,
    len: usize,
) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a process and as many bytes, or NULLs, which are refused.
        let (wasi, bytes) = unsafe { (process(wasi)?, slice(bytes, len, "bytes")?) };
        let mut copy = Vec::new();
        copy.try_reserve_exact(len).map_err(|_| err!(OutOfMemory, "no memory for {len} bytes of input"))?;
        copy.extend_from_slice(bytes);
        wasi.set_stdin_bytes(copy.into_boxed_slice());
        Ok(())
    })
}

/// Keeps what the guest writes to 1 or 2, for `wrt_store_wasi_output`. Beyond `max_bytes` the guest gets ENOSPC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_capture(wasi: *mut wrt_wasi_t, fd: u32, max_bytes: usize) -> *mut wrt_error_t {
    // SAFETY: the caller passes a process, or NULL, which is refused.
    entry(|| unsafe { process(wasi)?.capture(fd, max_bytes) })
}

/// A standard stream. Fills `bytes` for 0, where 0 bytes are the end; takes them for 1 and 2. Gives how many, at most `len`, or
/// a negative WASI error number, such as -29 for EIO. While it runs, what it does with the store fails; other stores are fine.
/// It returns, as all callbacks do: see `wrt_func_callback_t`.
pub type wrt_wasi_stream_callback_t =
    Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, bytes: *mut u8, len: usize) -> i64>;

/// A clock: 0 is the time since 1970, 1 the time since some point, 2 and 3 the time that the process and the thread have run.
/// Writes nanoseconds and gives 0, or gives a negative WASI error number, such as -28 for EINVAL. While it runs, what it does with
/// the store fails. It returns, as all callbacks do: see `wrt_func_callback_t`.
pub type wrt_wasi_clock_callback_t =
    Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, clock_id: u32, out_nanoseconds: *mut u64) -> i32>;

/// Fills all of `out_bytes` and gives 0, or gives a negative WASI error number. While it runs, what it does with the store fails.
/// It returns, as all callbacks do: see `wrt_func_callback_t`.
pub type wrt_wasi_random_callback_t =
    Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, out_bytes: *mut u8, len: usize) -> i32>;

/// What a stream's callback is called in messages.
const STREAM: &str = "a standard stream of WASI";

/// The error that a callback gave: what is no WASI error number is EIO.
fn errno(negative: i64) -> Errno {
    u16::try_from(negative.unsigned_abs()).ok().filter(|n| (1..=76).contains(n)).map_or(Errno::IO, Errno)
}

fn count(result: i64) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| errno(result))
}

fn status(result: i32) -> Result<(), Errno> {
    if result == 0 { Ok(()) } else { Err(errno(result.into())) }
}

/// Reads 0 from a callback, or writes 1 or 2 to one. `userdata` is never looked at; `finalizer` (may be NULL) is called with it
/// once: when the process is gone, or when this fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_set_stdio_callback(
    wasi: *mut wrt_wasi_t,
    fd: u32,
    callback: wrt_wasi_stream_callback_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
) -> *mut wrt_error_t {
    let data = UserData::new(userdata, finalizer);
    entry(|| {
        // SAFETY: the caller passes a process, or NULL, which is refused.
        let wasi = unsafe { process(wasi)? };
        let callback = callback.ok_or_else(|| null("callback"))?;
        if fd == 0 {
            wasi.set_reader(Box::new(move |bytes| {
                let data = &data;
                // SAFETY: the host gave the callback for this; there are so many bytes.
                count(unsafe { callback::call(&STREAM, || callback(data.ptr, bytes.as_mut_ptr(), bytes.len())) })
            }));
            return Ok(());
        }
        wasi.set_writer(
            fd,
            Box::new(move |bytes| {
                let data = &data;
                // SAFETY: as above. The bytes are a copy, in memory that may be written.
                count(unsafe { callback::call(&STREAM, || callback(data.ptr, bytes.as_mut_ptr(), bytes.len())) })
            }),
        )
    })
}

/// Gives the guest a directory of the host's, which is opened now, under the name `guest_path`; `read_only` if nothing in it may be
/// changed. Nothing else of the file system can be reached. Fails with `i/o`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_add_dir(
    wasi: *mut wrt_wasi_t,
    host_path: *const c_char,
    host_path_len: usize,
    guest_path: *const c_char,
    guest_path_len: usize,
    read_only: wrt_bool,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a process and strings of these lengths, or NULLs, which are refused.
    entry(|| unsafe {
        let (host, guest) =
            (path(host_path, host_path_len, "host_path")?, bytes(guest_path, guest_path_len, "guest_path")?);
        process(wasi)?.add_dir(host, guest, read_only.get())
    })
}

/// Sets what the guest's clocks say. Sleeping takes real time all the same. `userdata` is never looked at; `finalizer` (may be NULL)
/// is called with it once: when the clock is replaced, the process is gone, or this fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_set_clock(
    wasi: *mut wrt_wasi_t,
    callback: wrt_wasi_clock_callback_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
) -> *mut wrt_error_t {
    let data = UserData::new(userdata, finalizer);
    entry(|| {
        // SAFETY: the caller passes a process, or NULL, which is refused.
        let wasi = unsafe { process(wasi)? };
        let callback = callback.ok_or_else(|| null("callback"))?;
        let old = wasi.set_clock(Box::new(move |id| {
            let data = &data;
            let mut nanoseconds = 0;
            // SAFETY: the host gave the callback for this.
            status(unsafe { callback::call(&"a clock of WASI", || callback(data.ptr, id, &mut nanoseconds)) })
                .map(|()| nanoseconds)
        }));
        // Its finalizer may set another clock.
        drop(old);
        Ok(())
    })
}

/// Sets where the guest's random bytes come from. `userdata` is never looked at; `finalizer` (may be NULL) is called with it once:
/// when this is replaced, the process is gone, or this fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_set_random(
    wasi: *mut wrt_wasi_t,
    callback: wrt_wasi_random_callback_t,
    userdata: *mut c_void,
    finalizer: wrt_finalizer_t,
) -> *mut wrt_error_t {
    let data = UserData::new(userdata, finalizer);
    entry(|| {
        // SAFETY: the caller passes a process, or NULL, which is refused.
        let wasi = unsafe { process(wasi)? };
        let callback = callback.ok_or_else(|| null("callback"))?;
        let old = wasi.set_random(Box::new(move |bytes| {
            let data = &data;
            // SAFETY: the host gave the callback for this; there are so many bytes.
            status(unsafe {
                callback::call(&"a random source of WASI", || callback(data.ptr, bytes.as_mut_ptr(), bytes.len()))
            })
        }));
        // Its finalizer may set another source.
        drop(old);
        Ok(())
    })
}

/// Defines the functions of `wasi_snapshot_preview1`, for every store of the engine; what a guest may use is its store's
/// (`wrt_store_set_wasi`). Their memory is the one that the calling instance exports as "memory". A function of this module that is
/// defined already stays as it is, so a host replaces single functions by defining its own first. The guest's exit is an error of kind `exit` (`wrt_error_exit_status`), also with status 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_linker_define_wasi(linker: *mut wrt_linker_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a linker, or NULL, which is refused.
    entry(|| unsafe { change(linker)?.define_wasi() })
}

/// Gives a store's guest what it may use; what was there before is deleted. `take_wasi` is taken, also when this fails, and must not
/// be used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_set_wasi(store: *mut wrt_store_t, take_wasi: *mut wrt_wasi_t) -> *mut wrt_error_t {
    let mut taken = None;
    let error = entry(|| {
        if take_wasi.is_null() {
            return Err(null("take_wasi"));
        }
        // SAFETY: the caller gives it up.
        taken = Some(*unsafe { Box::from_raw(take_wasi) });
        Ok(())
    });
    if !error.is_null() {
        return error;
    }
    // SAFETY: the caller passes a store or NULL, which is refused.
    unsafe {
        running(store, |s| {
            if let Some(wasi) = taken.take() {
                s.set_wasi(wasi.0);
            }
            Ok(())
        })
    }
}

/// What the guest wrote to 1 or 2, if that is captured (`wrt_wasi_capture`); otherwise nothing. Borrowed until the store's next use.
/// NULL and 0 on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_wasi_output(
    store: *mut wrt_store_t,
    fd: u32,
    out_bytes: *mut *const u8,
    out_len: *mut usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a store and places for the results, or NULLs, which are refused.
    unsafe {
        let bytes = output(out_bytes, std::ptr::null(), "out_bytes");
        let len = output(out_len, 0, "out_len");
        on_store(store, |s| {
            let (bytes, len) = (bytes?, len?);
            let wasi = s.wasi().ok_or_else(|| err!(InvalidArgument, "the store has no WASI state (set_wasi)"))?;
            let found = wasi.output(fd)?;
            (*bytes, *len) = (found.as_ptr(), found.len());
            Ok(())
        })
    }
}
