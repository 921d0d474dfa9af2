//! Floor 6: WASI preview 1 (`wasi_snapshot_preview1`), the system interface that compilers for WebAssembly link to.
//!
//! A `Wasi` is what one guest process may use, and then its state; a store has at most one. The functions are defined on a linker
//! once, for every store: a call finds the state in its store, and the memory in the instance that called.
//!
//! # Invariants
//!
//! 1. **Only `guest` touches the guest's memory**, and checks every address. A `Guest` lives no longer than the call; nothing
//!    that runs meanwhile can use the store, so its memory stays where it is and does not shrink.
//! 2. **Callbacks of the host run while the store is closed**, on buffers of the host's, never on the guest's memory.
//! 3. **A path is resolved by `cap-std` only**, beneath the directory it is relative to.
//! 4. **Whatever may wait, waits in `wait`**, which ends when the store is interrupted.
//! 5. **Outputs are checked before anything is done**: a call that fails with EFAULT because of one has had no effect.

mod args;
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
