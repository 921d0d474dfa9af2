//! WASI preview 1: what guests can do, what they cannot do, and the effect of invalid arguments. Each test calls the functions one by one
//! through a module that forwards the calls (`wasi/guest.rs`).

#[path = "wasi/files.rs"]
mod files;
#[path = "wasi/guest.rs"]
mod guest;
#[path = "wasi/listing.rs"]
mod listing;
#[path = "wasi/odd.rs"]
mod odd;
#[path = "wasi/process.rs"]
mod process;
#[path = "wasi/sandbox.rs"]
mod sandbox;
#[path = "wasi/streams.rs"]
mod streams;
#[path = "wasi/waiting.rs"]
mod waiting;
