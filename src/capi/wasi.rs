//! WASI: what a guest process may use. A store receives it.

use super::entry::{entry, null, on_store, running};
use super::error::wrt_error_t;
use super::linker::{change, wrt_linker_t};
use super::own::{UserData, delete, give, output, slice, wrt_bool, wrt_finalizer_t};
use super::store::wrt_store_t;
use crate::api::Result;
use crate::base::Part;
use crate::err;
use crate::sys::callback;
use crate::wasi::{Errno, Wasi};
use std::ffi::{OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What one guest process may use of WASI preview 1: arguments, environment, standard streams, directories and
/// clocks. By default its standard input is empty, its output is discarded, and it has no directories.
/// `wrt_store_set_wasi` passes it to a store. Used by one thread at a time.
pub struct wrt_wasi_t(Wasi);

/// Creates a guest process without arguments. The caller owns `*out_wasi`, which is NULL on failure. Fails with
/// `unsupported` if the library was built without WASI (`wrt_has_feature`), as the other functions of WASI then do.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_new(out_wasi: *mut *mut wrt_wasi_t) -> *mut wrt_error_t {
    entry(|| {
        // SAFETY: the caller passes a place for it, or NULL, which is refused.
        let out = unsafe { output(out_wasi, std::ptr::null_mut(), "out_wasi")? };
        Part::Wasi.check()?;
        *out = give(wrt_wasi_t(Wasi::new()));
        Ok(())
    })
}

/// Deletes a guest process that was not passed to a store. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_delete(wasi: *mut wrt_wasi_t) {
    // SAFETY: the caller gives up ownership.
    unsafe { delete(wasi) }
}

/// # Safety
/// `p` is NULL or a guest process that no other thread uses.
#[inline(always)]
unsafe fn process<'a>(p: *mut wrt_wasi_t) -> Result<&'a mut Wasi> {
    Part::Wasi.check()?;
    // SAFETY: the caller's promise.
    Ok(&mut unsafe { p.as_mut() }.ok_or_else(|| null("wasi"))?.0)
}

/// Borrows bytes that need not be UTF-8.
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

/// Adds an argument, which is copied. The first argument is the program's name. An argument can have any bytes except
/// NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_add_arg(
    wasi: *mut wrt_wasi_t,
    arg: *const c_char,
    arg_len: usize,
) -> *mut wrt_error_t {
    // SAFETY: the caller passes a process and a string of this length, or NULLs, which are refused.
    entry(|| unsafe { process(wasi)?.add_arg(bytes(arg, arg_len, "arg")?) })
}

/// Sets an environment variable, which is copied; one of the same name is replaced. Name and value can have any bytes
/// except NUL. The name must not be empty or contain '='.
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

/// Sets all environment variables that the host's process has now, each as `wrt_wasi_add_env` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_inherit_env(wasi: *mut wrt_wasi_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a process, or NULL, which is refused.
    entry(|| unsafe { process(wasi)?.inherit_env() })
}

/// Connects the guest's descriptors 0, 1 and 2 to those of the host's process. The guest cannot close them for the
/// host. The host must flush what it has buffered itself (stdio.h). If the guest writes to a pipe without a reader,
/// it gets an error; the host never gets a signal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_inherit_stdio(wasi: *mut wrt_wasi_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a process, or NULL, which is refused.
    entry(|| unsafe {
        process(wasi)?.inherit_stdio();
        Ok(())
    })
}

/// Connects one of the guest's descriptors 0, 1 and 2 to that of the host's process, as `wrt_wasi_inherit_stdio` does
/// for all of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_inherit_stream(wasi: *mut wrt_wasi_t, fd: u32) -> *mut wrt_error_t {
    // SAFETY: the caller passes a process, or NULL, which is refused.
    entry(|| unsafe { process(wasi)?.inherit_stream(fd) })
}

/// Connects the guest's descriptor 0, 1 or 2 to a file of the host, which is opened now: 0 reads from it, 1 and 2
/// write to it. An output file is created or emptied, and then appended to, so 1 and 2 can be the same file. Fails
/// with `i/o`.
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

/// Lets the guest's descriptor 0 read from bytes in memory, which are copied.
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

/// Keeps in memory what the guest writes to descriptor 1 or 2, for `wrt_store_wasi_output`. Beyond `max_bytes` the
/// guest gets ENOSPC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_wasi_capture(wasi: *mut wrt_wasi_t, fd: u32, max_bytes: usize) -> *mut wrt_error_t {
    // SAFETY: the caller passes a process, or NULL, which is refused.
    entry(|| unsafe { process(wasi)?.capture(fd, max_bytes) })
}

/// A standard stream of the guest. For descriptor 0 it fills `bytes` with input; for 1 and 2 it receives output in
/// them. Returns the number of bytes, at most `len`, which is 0 at the end of the input; or a negative WASI error
/// number, such as -29 for EIO. It cannot use the guest's store, but can use other stores. It has to return, as all
/// callbacks do: see `wrt_func_callback_t`.
pub type wrt_wasi_stream_callback_t =
    Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, bytes: *mut u8, len: usize) -> i64>;

/// A clock of the guest. `clock_id` 0 is the time since 1970, 1 is the time since some fixed point, and 2 and 3 are
/// the time that the process and the thread have run. Writes nanoseconds and returns 0, or returns a negative WASI
/// error number, such as -28 for EINVAL. It cannot use the guest's store. It has to return, as all callbacks do: see
/// `wrt_func_callback_t`.
pub type wrt_wasi_clock_callback_t =
    Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, clock_id: u32, out_nanoseconds: *mut u64) -> i32>;

/// A source of random bytes. Fills all of `out_bytes` and returns 0, or returns a negative WASI error number. It
/// cannot use the guest's store. It has to return, as all callbacks do: see `wrt_func_callback_t`.
pub type wrt_wasi_random_callback_t =
    Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, out_bytes: *mut u8, len: usize) -> i32>;

/// How messages name a stream's callback.
const STREAM: &str = "a standard stream of WASI";

/// Returns the error that a callback has returned; EIO if it is not a WASI error number.
fn errno(negative: i64) -> Errno {
    u16::try_from(negative.unsigned_abs()).ok().filter(|n| (1..=76).contains(n)).map_or(Errno::IO, Errno)
}

fn count(result: i64) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| errno(result))
}

fn status(result: i32) -> Result<(), Errno> {
    if result == 0 { Ok(()) } else { Err(errno(result.into())) }
}

/// Connects the guest's descriptor 0, 1 or 2 to a callback: 0 reads from it, 1 and 2 write to it. `userdata` is never
/// dereferenced. `finalizer` (may be NULL) is called with it once: when the guest process is destroyed, or when this
/// call fails.
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
                // SAFETY: the host gave the callback for this purpose, and there are this many bytes.
                count(unsafe { callback::call(&STREAM, || callback(data.ptr, bytes.as_mut_ptr(), bytes.len())) })
            }));
            return Ok(());
        }
        wasi.set_writer(
            fd,
            Box::new(move |bytes| {
                let data = &data;
                // SAFETY: as above. The bytes are a copy, which the callback may overwrite.
                count(unsafe { callback::call(&STREAM, || callback(data.ptr, bytes.as_mut_ptr(), bytes.len())) })
            }),
        )
    })
}

/// Opens a directory of the host, which the guest can then use under the name `guest_path`. If
/// `read_only`, the guest cannot change anything in it. The guest can reach nothing else of the file system. Fails
/// with `i/o`.
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

/// Sets the guest's clocks. Sleeping still takes real time. `userdata` is never dereferenced. `finalizer` (may be
/// NULL) is called with it once: when the clock is replaced, when the guest process is destroyed, or when this call
/// fails.
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
        // Dropped last, because its finalizer may set another clock.
        drop(old);
        Ok(())
    })
}

/// Sets the source of the guest's random bytes. `userdata` is never dereferenced. `finalizer` (may be NULL) is called
/// with it once: when the source is replaced, when the guest process is destroyed, or when this call fails.
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
            // SAFETY: the host gave the callback for this purpose, and there are this many bytes.
            status(unsafe {
                callback::call(&"a random source of WASI", || callback(data.ptr, bytes.as_mut_ptr(), bytes.len()))
            })
        }));
        // Dropped last, because its finalizer may set another source.
        drop(old);
        Ok(())
    })
}

/// Defines the functions of `wasi_snapshot_preview1` for every store of the engine. What a guest may use is set for
/// its store (`wrt_store_set_wasi`). The functions use the memory that the calling instance exports as "memory". A
/// function of that module that is already defined stays as it is, so a host can replace single functions by defining
/// its own first. When the guest exits, its call fails with `exit` (`wrt_error_exit_status`), also with status 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_linker_define_wasi(linker: *mut wrt_linker_t) -> *mut wrt_error_t {
    // SAFETY: the caller passes a linker, or NULL, which is refused.
    entry(|| unsafe { change(linker)?.define_wasi() })
}

/// Sets the guest process of a store; the previous one is deleted. `take_wasi` is taken, also on failure, and must
/// not be used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wrt_store_set_wasi(store: *mut wrt_store_t, take_wasi: *mut wrt_wasi_t) -> *mut wrt_error_t {
    let mut taken = None;
    let error = entry(|| {
        if take_wasi.is_null() {
            return Err(null("take_wasi"));
        }
        // SAFETY: the caller gives up ownership.
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

/// Writes a pointer to what the guest has written to descriptor 1 or 2, if that is captured (`wrt_wasi_capture`);
/// 0 bytes otherwise. The bytes are borrowed until the store's next use. NULL and 0 on failure.
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
            Part::Wasi.check()?;
            let wasi = s.wasi().ok_or_else(|| err!(InvalidArgument, "the store has no WASI state (set_wasi)"))?;
            let found = wasi.output(fd)?;
            (*bytes, *len) = (found.as_ptr(), found.len());
            Ok(())
        })
    }
}
