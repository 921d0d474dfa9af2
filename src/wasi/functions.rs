//! The functions of preview 1. One row produces a function's name, its type, and the shim that calls it.

use super::args::*;
use super::call::Call;
use super::clock::*;
use super::config::Wasi;
use super::dir::*;
use super::errno::{Done, Errno, Stop};
use super::fd::*;
use super::guest::Guest;
use super::io::*;
use super::path::*;
use super::poll::*;
use super::process::*;
use super::random::*;
use super::sock::*;
use crate::api::{Caller, Extern, FuncType, HostDefinition, Linker, Result, StoreMut, ValType, VmSlot};
use crate::base::Part;
use crate::err;

/// The name that modules import the functions from.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// Calls `$cb! { [class] name(param: type, ...); ... }` with every function. Functions of class `memory` need the
/// guest's memory, those of class `plain` do not; both return an error number. Functions of class `end` do not return.
macro_rules! for_each_function {
    ($cb:ident) => {
        $cb! {
            [memory] args_get(argv: u32, argv_buf: u32);
            [memory] args_sizes_get(out_count: u32, out_bytes: u32);
            [memory] environ_get(environ: u32, environ_buf: u32);
            [memory] environ_sizes_get(out_count: u32, out_bytes: u32);
            [memory] clock_res_get(id: u32, out_resolution: u32);
            [memory] clock_time_get(id: u32, precision: u64, out_time: u32);
            [plain] fd_advise(fd: u32, offset: u64, len: u64, advice: u32);
            [plain] fd_allocate(fd: u32, offset: u64, len: u64);
            [plain] fd_close(fd: u32);
            [plain] fd_datasync(fd: u32);
            [memory] fd_fdstat_get(fd: u32, out_fdstat: u32);
            [plain] fd_fdstat_set_flags(fd: u32, flags: u32);
            [plain] fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
            [memory] fd_filestat_get(fd: u32, out_filestat: u32);
            [plain] fd_filestat_set_size(fd: u32, size: u64);
            [plain] fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, flags: u32);
            [memory] fd_pread(fd: u32, iovs: u32, iovs_len: u32, offset: u64, out_read: u32);
            [memory] fd_prestat_get(fd: u32, out_prestat: u32);
            [memory] fd_prestat_dir_name(fd: u32, path: u32, path_len: u32);
            [memory] fd_pwrite(fd: u32, iovs: u32, iovs_len: u32, offset: u64, out_written: u32);
            [memory] fd_read(fd: u32, iovs: u32, iovs_len: u32, out_read: u32);
            [memory] fd_readdir(fd: u32, buf: u32, buf_len: u32, cookie: u64, out_used: u32);
            [plain] fd_renumber(fd: u32, to: u32);
            [memory] fd_seek(fd: u32, offset: u64, whence: u32, out_offset: u32);
            [plain] fd_sync(fd: u32);
            [memory] fd_tell(fd: u32, out_offset: u32);
            [memory] fd_write(fd: u32, iovs: u32, iovs_len: u32, out_written: u32);
            [memory] path_create_directory(fd: u32, path: u32, path_len: u32);
            [memory] path_filestat_get(fd: u32, flags: u32, path: u32, path_len: u32, out_filestat: u32);
            [memory] path_filestat_set_times(fd: u32, flags: u32, path: u32, path_len: u32, atim: u64, mtim: u64, fst_flags: u32);
            [memory] path_link(old_fd: u32, old_flags: u32, old_path: u32, old_len: u32, new_fd: u32, new_path: u32, new_len: u32);
            [memory] path_open(fd: u32, dirflags: u32, path: u32, path_len: u32, oflags: u32, base: u64, inheriting: u64, fdflags: u32, out_fd: u32);
            [memory] path_readlink(fd: u32, path: u32, path_len: u32, buf: u32, buf_len: u32, out_used: u32);
            [memory] path_remove_directory(fd: u32, path: u32, path_len: u32);
            [memory] path_rename(old_fd: u32, old_path: u32, old_len: u32, new_fd: u32, new_path: u32, new_len: u32);
            [memory] path_symlink(target: u32, target_len: u32, fd: u32, path: u32, path_len: u32);
            [memory] path_unlink_file(fd: u32, path: u32, path_len: u32);
            [memory] poll_oneoff(subscriptions: u32, events: u32, count: u32, out_count: u32);
            [end] proc_exit(status: u32);
            [plain] proc_raise(signal: u32);
            [plain] sched_yield();
            [memory] random_get(buf: u32, buf_len: u32);
            [plain] sock_accept(fd: u32, flags: u32, out_fd: u32);
            [plain] sock_recv(fd: u32, data: u32, data_len: u32, flags: u32, out_len: u32, out_flags: u32);
            [plain] sock_send(fd: u32, data: u32, data_len: u32, flags: u32, out_len: u32);
            [plain] sock_shutdown(fd: u32, how: u32);
        }
    };
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(non_camel_case_types)]
enum Class {
    memory,
    plain,
    end,
}

trait Param {
    const TYPE: ValType;
    fn take(slots: &mut std::slice::Iter<'_, VmSlot>) -> Self;
}

impl Param for u32 {
    const TYPE: ValType = ValType::I32;
    fn take(slots: &mut std::slice::Iter<'_, VmSlot>) -> u32 {
        // SAFETY: the parameter has type i32; any bits are a valid number.
        slots.next().map_or(0, |s| unsafe { s.i32 as u32 })
    }
}

impl Param for u64 {
    const TYPE: ValType = ValType::I64;
    fn take(slots: &mut std::slice::Iter<'_, VmSlot>) -> u64 {
        // SAFETY: as above, with i64.
        slots.next().map_or(0, |s| unsafe { s.i64 as u64 })
    }
}

macro_rules! define {
    ($([$class:ident] $name:ident($($p:ident: $t:ty),*);)*) => {
        fn definitions() -> Result<Vec<(&'static str, HostDefinition)>> {
            Ok(vec![$({
                let params: &[ValType] = &[$(<$t as Param>::TYPE),*];
                let results: &[ValType] = if Class::$class == Class::end { &[] } else { &[ValType::I32] };
                let ty = FuncType::new(params.iter().copied(), results.iter().copied());
                // SAFETY: the function writes its only result, an i32, if there is one, to slot 0.
                let definition = unsafe {
                    HostDefinition::new_raw(&ty, |caller, slots| {
                        #[allow(unused_mut, unused_variables)]
                        let errno = enter(caller, Class::$class, |call| {
                            let mut slots = slots.iter();
                            $name(call, $(<$t as Param>::take(&mut slots)),*)
                        })?;
                        if let Some(result) = slots.first_mut() {
                            result.i32 = i32::from(errno.0);
                        }
                        Ok(())
                    })?
                };
                (stringify!($name), definition)
            }),*])
        }
    };
}
for_each_function!(define);

/// A store's WASI state, taken out of the store during a call. It is put back when this is dropped, also after a panic.
struct Lent<'a> {
    store: StoreMut<'a>,
    wasi: Option<Box<Wasi>>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(wasi) = self.wasi.take() {
            // Callbacks find the store closed, so none can have attached another state (invariant 2).
            *self.store.attached() = Some(wasi);
        }
    }
}

fn enter(caller: &mut Caller<'_>, class: Class, f: impl FnOnce(&mut Call<'_>) -> Done) -> Result<Errno> {
    let instance = if class == Class::memory { caller.instance() } else { None };
    let mut store = caller.store().reborrow();
    let taken = store.attached().take().and_then(|state| state.downcast::<Wasi>().ok());
    let mut lent = Lent { store, wasi: taken };
    let Some(wasi) = &mut lent.wasi else {
        return Err(err!(InvalidArgument, "a WASI function was called, but the store has no WASI state (set_wasi)"));
    };
    let mut memory = Guest::none();
    if class == Class::memory {
        let found = match (instance, wasi.memory) {
            (Some(i), Some((of, memory))) if of == i => Some(memory),
            (Some(i), _) => match i.export(&mut lent.store, "memory")? {
                Some(Extern::Memory(m)) if m.declared_type(&lent.store)?.index.is_64() => {
                    return Err(err!(
                        Unsupported,
                        "WASI preview 1 needs a memory with 32-bit indexes, this one has 64-bit ones"
                    ));
                }
                Some(Extern::Memory(m)) => Some(m),
                _ => None,
            },
            (None, _) => None,
        };
        let (Some(instance), Some(found)) = (instance, found) else {
            return Err(err!(Link, "a WASI function was called by code whose instance exports no memory \"memory\""));
        };
        wasi.memory = Some((instance, found));
        memory = Guest::new(&lent.store, &found)?;
    }
    let mut call = Call { store: lent.store.reborrow(), wasi, memory };
    match f(&mut call) {
        Ok(()) => Ok(Errno::SUCCESS),
        Err(Stop::Errno(e)) => Ok(e),
        Err(Stop::End(e)) => Err(e),
    }
}

impl Linker {
    /// Defines the functions of WASI preview 1 for all stores of the engine. Names that are already defined are
    /// skipped, so a host can replace individual functions by defining them first.
    pub fn define_wasi(&mut self) -> Result<()> {
        Part::Wasi.check()?;
        for (name, definition) in definitions()? {
            if !self.is_defined(MODULE, name) {
                self.define_func(MODULE, name, definition)?;
            }
        }
        Ok(())
    }
}

impl StoreMut<'_> {
    /// Sets the WASI state of the store's guest. The previous one is dropped.
    pub fn set_wasi(&mut self, wasi: Wasi) {
        let old = self.attached().replace(Box::new(wasi));
        self.gate().closed_during(|| drop(old));
    }

    /// The store's WASI state, if it has one.
    pub fn wasi(&mut self) -> Option<&mut Wasi> {
        self.attached().as_mut()?.downcast_mut()
    }
}
