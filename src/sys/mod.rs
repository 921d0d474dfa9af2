//! Layer 0: the operating system. Nothing here is specific to WebAssembly.
//!
//! # Invariants
//!
//! SAFETY comments cite these invariants as "S1" to "S6".
//!
//! - **S1. System calls get our own values.** A pointer that is passed to the system points to a value of ours, of the
//!   type that the call expects, and a length is the length of that value. What a call writes is read only if the call
//!   succeeded. Descriptors are our own, and are closed once.
//! - **S2. A mapping has one owner.** The system chooses the place of a new mapping. `Mapping` unmaps its pages once,
//!   when it is dropped; a function that maps memory without it unmaps the pages itself or keeps them forever. Calls
//!   that change or replace pages stay inside of the owner's mapping. Memory is accessed only where it is committed.
//! - **S3. Signal handlers use little.** A handler uses atomics, the signal's arguments, which are valid until the
//!   handler returns, what lives by S4, and live frames of the interrupted thread. It takes no lock and owns nothing
//!   that would have to be dropped, so a host's handler that it calls may leave by `siglongjmp`.
//! - **S4. What was published lives.** Records, actions, pages and functions that a static points to are never freed or
//!   changed, except for atomics in them. What is registered with the system's unwinder lives until its owner
//!   deregisters it. Code can therefore follow such a pointer at any time, in signal handlers and after a fork, too.
//! - **S5. Plain values.** Any bits are a valid value of a `Plain` type, and it has no padding. The `unsafe impl`s
//!   establish this, and `mapped_slice` relies on it when it reads files as arrays; it checks bounds and alignment.
//! - **S6. A `Resume` names a live frame.** Its creator guarantees that the frame is live and expects to be resumed at
//!   this place, and that the frames in between own nothing. The functions that resume rely on it.

pub mod allocation;
pub mod callback;
pub mod fault_injection;
pub mod frame_info;
pub mod handlers;
pub mod lock;
pub mod mapped_slice;
pub mod membarrier;
pub mod mmap;
pub mod pagemap;
#[cfg(miri)]
mod pretend;
pub mod refused;
pub mod signals;
pub mod sigpipe;
pub mod stack;
pub mod stack_bounds;
pub mod thread;
pub mod valgrind;
