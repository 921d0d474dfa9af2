//! Sockets are not supported: these functions fail with NOTSOCK for every open descriptor.

use super::call::Call;
use super::errno::{Done, Errno};

fn no_socket(call: &mut Call<'_>, fd: u32) -> Done {
    call.wasi.table.get(fd)?;
    Err(Errno::NOTSOCK.into())
}

pub fn sock_accept(call: &mut Call<'_>, fd: u32, _flags: u32, _out_fd: u32) -> Done {
    no_socket(call, fd)
}

pub fn sock_recv(call: &mut Call<'_>, fd: u32, _data: u32, _len: u32, _flags: u32, _out: u32, _out_flags: u32) -> Done {
    no_socket(call, fd)
}

pub fn sock_send(call: &mut Call<'_>, fd: u32, _data: u32, _len: u32, _flags: u32, _out: u32) -> Done {
    no_socket(call, fd)
}

pub fn sock_shutdown(call: &mut Call<'_>, fd: u32, _how: u32) -> Done {
    no_socket(call, fd)
}
