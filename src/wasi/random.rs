//! Random bytes: the system's, or the host's.

use super::call::Call;
use super::errno::{Done, Errno};

/// Fills a buffer.
pub type Random = Box<dyn FnMut(&mut [u8]) -> Result<(), Errno> + Send>;

/// Bytes generated between two checks for interruption.
const PIECE: usize = 256 << 10;

pub fn random_get(call: &mut Call<'_>, buf: u32, buf_len: u32) -> Done {
    let span = call.memory.span(buf, buf_len)?;
    let Some(random) = &mut call.wasi.random else {
        let mut done = 0;
        while done < span.len() {
            done += span.randomize(done, (span.len() - done).min(PIECE))?;
            call.store.take_interrupt()?;
        }
        return Ok(());
    };
    let gate = call.store.gate();
    let mut buffer = [0; 4096];
    for at in (0..span.len()).step_by(buffer.len()) {
        let piece = &mut buffer[..(span.len() - at).min(4096)];
        gate.closed_during(|| random(piece))?;
        span.write(at, piece);
        call.store.take_interrupt()?;
    }
    Ok(())
}
