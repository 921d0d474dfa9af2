//! C++ exceptions that leave a host function which machine code calls directly. `sys::callback` handles those of other
//! host functions.

use crate::engine::code::registry::{self, CodeOwner};
use crate::store::run::host_func;
use crate::sys::{callback, frame_info};
use std::ffi::{c_int, c_void};

/// The personality function of trampolines that call host functions directly. When a C++ exception reaches such a
/// trampoline, it ends the process while the unwinder still searches for a handler.
///
/// # Safety
/// Must only be called by the unwinder.
pub unsafe extern "C" fn personality(_: c_int, _: c_int, _: u64, _: *mut c_void, frame: *mut c_void) -> c_int {
    // SAFETY: the unwinder passes a valid frame, which belongs to a trampoline that is registered with this personality
    // and stores its function (invariant E2).
    unsafe {
        let (pc, fp) = frame_info::place_of(frame);
        let host = registry::find(pc, |owner, offset| match owner {
            CodeOwner::Trampolines(t) => (*t).raw_host(offset, fp),
            CodeOwner::Module(_) => None,
        });
        callback::end_process(&host.flatten().map_or("a host function", |host| host_func::name_of(host)))
    }
}
