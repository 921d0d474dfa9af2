//! Exceptions of C++ that come out of functions of the host which machine code calls itself (`sys::callback` has the others).

use crate::engine::code::registry::{self, Owner};
use crate::store::run::host_func;
use crate::sys::{callback, frame_info};
use std::ffi::{c_int, c_void};

/// The personality of trampolines that call functions of the host: an exception ends the process as soon as the unwinder looks for who
/// catches it.
///
/// # Safety
/// Called by the unwinder.
pub unsafe extern "C" fn personality(_: c_int, _: c_int, _: u64, _: *mut c_void, frame: *mut c_void) -> c_int {
    // SAFETY: the unwinder's promise; the frame is of a trampoline that is registered with this personality, and keeps its function.
    unsafe {
        let (pc, fp) = frame_info::place_of(frame);
        let host = registry::find(pc, |owner, offset| match owner {
            Owner::Trampolines(t) => (*t).raw_host(offset, fp),
            Owner::Module(_) => None,
        });
        callback::end_process(&host.flatten().map_or("a host function", |host| host_func::name_of(host)))
    }
}
