//! Work of any size, done in pieces; the store can be stopped between two pieces. Pieces that are done stay done. If
//! the store cannot be interrupted, all the work is one piece.

pub use crate::base::limits::{BULK_BYTES as BYTES, BULK_ELEMENTS as ELEMENTS};

use crate::base::Trap;
use crate::engine::interrupt::SharedVmStore;
use crate::gc::slot::Slots;
use crate::gc::{Gc, NoGc};
use std::ops::Range;
use std::sync::Arc;

/// Calls `f` with the pieces of `0..len`, each of at most `most` elements, until one fails. Without a store all is one
/// piece.
#[inline(always)]
pub fn try_pieces<'a, E: From<Trap>>(
    vm: impl Into<Option<&'a Arc<SharedVmStore>>>,
    len: usize,
    most: usize,
    mut f: impl FnMut(Range<usize>) -> Result<(), E>,
) -> Result<(), E> {
    let Some(vm) = vm.into().filter(|vm| len > most && vm.can_interrupt()) else { return f(0..len) };
    for at in (0..len).step_by(most) {
        vm.poll()?;
        f(at..(at + most).min(len))?;
    }
    Ok(())
}

/// As `try_pieces`, for work that cannot fail.
#[inline(always)]
pub fn pieces<'a>(
    vm: impl Into<Option<&'a Arc<SharedVmStore>>>,
    len: usize,
    most: usize,
    mut f: impl FnMut(Range<usize>),
) -> Result<(), Trap> {
    try_pieces(vm, len, most, |piece| {
        f(piece);
        Ok(())
    })
}

/// As `pieces`, starting from the end.
fn pieces_back(vm: &Arc<SharedVmStore>, len: usize, most: usize, mut f: impl FnMut(Range<usize>)) -> Result<(), Trap> {
    if len <= most || !vm.can_interrupt() {
        f(0..len);
        return Ok(());
    }
    let mut end = len;
    while end > 0 {
        vm.poll()?;
        let at = end.saturating_sub(most);
        f(at..end);
        end = at;
    }
    Ok(())
}

/// As `pieces`, for a copy: no piece overwrites a source that a later piece reads. `backwards` says that the
/// destination begins after the source.
pub fn pieces_of_copy(
    vm: &Arc<SharedVmStore>,
    len: usize,
    most: usize,
    backwards: bool,
    f: impl FnMut(Range<usize>),
) -> Result<(), Trap> {
    if backwards { pieces_back(vm, len, most, f) } else { pieces(vm, len, most, f) }
}

/// Copies `len` bytes, `most` at a time. The two ranges may overlap.
///
/// # Safety
/// Both ranges have `len` bytes, and nothing else writes them.
pub unsafe fn copy(vm: &Arc<SharedVmStore>, from: *const u8, to: *mut u8, len: usize, most: usize) -> Result<(), Trap> {
    pieces_of_copy(vm, len, most, to as usize > from as usize, |piece| {
        // SAFETY: a part of both ranges (the caller's promise, invariant 14).
        unsafe { std::ptr::copy(from.add(piece.start), to.add(piece.start), piece.len()) }
    })
}

/// Fills `len` bytes of a memory with `value`.
///
/// # Safety
/// `to` points to `len` bytes that nothing else uses.
pub unsafe fn fill(vm: &Arc<SharedVmStore>, to: *mut u8, value: u8, len: usize) -> Result<(), Trap> {
    // SAFETY: a part of these bytes (the caller's promise, invariant 14).
    pieces(vm, len, BYTES, |piece| unsafe { to.add(piece.start).write_bytes(value, piece.len()) })
}

/// Sets all slots to `value`.
pub fn fill_slots<'h>(
    vm: &Arc<SharedVmStore>,
    no_gc: NoGc<'h>,
    slots: Slots<'h>,
    value: Option<Gc<'h>>,
) -> Result<(), Trap> {
    pieces(vm, slots.len(), ELEMENTS, |piece| part(slots, &piece).fill(no_gc, value))
}

/// Copies between two ranges of the same length, which may overlap.
pub fn copy_slots<'h>(vm: &Arc<SharedVmStore>, to: Slots<'h>, from: Slots<'h>) -> Result<(), Trap> {
    assert_eq!(to.len(), from.len());
    pieces_of_copy(vm, to.len(), ELEMENTS, to.begins_after(from), |piece| {
        part(to, &piece).copy_from(part(from, &piece));
    })
}

fn part<'h>(slots: Slots<'h>, piece: &Range<usize>) -> Slots<'h> {
    slots.range(piece.start, piece.len()).expect("a part of the slots")
}
