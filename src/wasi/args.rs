//! Arguments and environment.

use super::call::Call;
use super::config::Strings;
use super::errno::Done;
use super::guest::Guest;

fn sizes(strings: &Strings, memory: Guest<'_>, out_count: u32, out_bytes: u32) -> Done {
    let (count, bytes) = (memory.out::<u32>(out_count)?, memory.out::<u32>(out_bytes)?);
    count.set(strings.starts.len() as u32);
    bytes.set(strings.bytes.len() as u32);
    Ok(())
}

/// Writes the strings to `buf`, and the address of each string to `pointers`.
fn get(strings: &Strings, memory: Guest<'_>, pointers: u32, buf: u32) -> Done {
    let list = memory.span(pointers, strings.starts.len() as u32 * 4)?;
    memory.span(buf, strings.bytes.len() as u32)?.write(0, &strings.bytes);
    for (i, start) in strings.starts.iter().enumerate() {
        list.write(i * 4, &(buf + start).to_le_bytes());
    }
    Ok(())
}

pub fn args_get(call: &mut Call<'_>, argv: u32, argv_buf: u32) -> Done {
    get(&call.wasi.args, call.memory, argv, argv_buf)
}

pub fn args_sizes_get(call: &mut Call<'_>, out_count: u32, out_bytes: u32) -> Done {
    sizes(&call.wasi.args, call.memory, out_count, out_bytes)
}

pub fn environ_get(call: &mut Call<'_>, environ: u32, environ_buf: u32) -> Done {
    get(&call.wasi.environ, call.memory, environ, environ_buf)
}

pub fn environ_sizes_get(call: &mut Call<'_>, out_count: u32, out_bytes: u32) -> Done {
    sizes(&call.wasi.environ, call.memory, out_count, out_bytes)
}
