//! Layer 6: WASI preview 1 (`wasi_snapshot_preview1`), the system interface that compilers for WebAssembly target.
//!
//! A `Wasi` configures what one guest process can use, and later holds the process's state; a store has at most one.
//! The functions are defined on a linker once, for all stores: each call finds the state in its store, and the memory
//! in the calling instance.
//!
//! # Invariants
//!
//! 1. **Only `guest` accesses the guest's memory**, and it checks every address. A `Guest` lives no longer than the
//!    call; no other code can use the store during the call, so the memory neither moves nor shrinks.
//! 2. **Host callbacks run while the store is closed.** They work on buffers of the host, never on the guest's memory.
//! 3. **Only `cap-std` resolves paths**, beneath the directory that they are relative to.
//! 4. **In a store that can be interrupted, only `wait` blocks indefinitely.** It returns when the store is
//!    interrupted.
//! 5. **Outputs are checked first**: a call that fails with EFAULT because of an output has had no effect.

mod args;
mod call;
mod clock;
mod config;
mod descriptor;
mod dir;
mod errno;
mod fd;
mod filestat;
mod functions;
mod guest;
mod io;
mod path;
mod poll;
mod process;
mod random;
mod rights;
mod sock;
mod stream;
mod table;
mod wait;

pub use config::Wasi;
pub use errno::Errno;
pub use functions::MODULE;
