//! Work of any size, in pieces between which the store may have to stop. What was done until then stays. Where stores can not be
//! interrupted, all is one piece.

pub use crate::base::limits::{BULK_BYTES as BYTES, BULK_ELEMENTS as ELEMENTS};

use crate::base::Trap;
use crate::engine::interrupt::SharedVmStore;
use crate::gc::slot::Slots;
use crate::gc::{Gc, NoGc};
use crate::store::store::Store;
use std::ops::Range;
use std::sync::Arc;

impl Store {
    /// For work on `len` elements during which the store is borrowed. `None` if it is one piece.
    pub fn interrupts_for(&self, len: usize) -> Option<Arc<SharedVmStore>> {
        (len > ELEMENTS && self.vm.can_interrupt()).then(|| self.vm.clone())
    }
}

/// Calls `f` with the pieces of `0..len`, `most` at a time, until one fails. Without a store all is one piece.
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

/// The same, if no piece fails.
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

/// As `pieces`, from the end.
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

/// As `pieces`, for a copy: no piece writes what a later one reads. `backwards` says that the destination begins after the source.
pub fn pieces_of_copy(
    vm: &Arc<SharedVmStore>,
    len: usize,
    most: usize,
    backwards: bool,
    f: impl FnMut(Range<usize>),
) -> Result<(), Trap> {
    if backwards { pieces_back(vm, len, most, f) } else { pieces(vm, len, most, f) }
}

/// Copies bytes, `most` at a time. Both may overlap.
///
/// # Safety
/// They are `len` bytes each, which nothing else writes.
pub unsafe fn copy(vm: &Arc<SharedVmStore>, from: *const u8, to: *mut u8, len: usize, most: usize) -> Result<(), Trap> {
    pieces_of_copy(vm, len, most, to as usize > from as usize, |piece| {
        // SAFETY: a part of both (the caller's promise).
        unsafe { std::ptr::copy(from.add(piece.start), to.add(piece.start), piece.len()) }
    })
}

/// Fills bytes of a memory.
///
/// # Safety
/// They are `len` bytes, which nothing else uses.
pub unsafe fn fill(vm: &Arc<SharedVmStore>, to: *mut u8, value: u8, len: usize) -> Result<(), Trap> {
    // SAFETY: a part of them (the caller's promise).
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

/// Copies from as many slots, which may overlap.
pub fn copy_slots<'h>(vm: &Arc<SharedVmStore>, to: Slots<'h>, from: Slots<'h>) -> Result<(), Trap> {
    assert_eq!(to.len(), from.len());
    pieces_of_copy(vm, to.len(), ELEMENTS, to.begins_after(from), |piece| {
        part(to, &piece).copy_from(part(from, &piece));
    })
}

fn part<'h>(slots: Slots<'h>, piece: &Range<usize>) -> Slots<'h> {
    slots.range(piece.start, piece.len()).expect("a part of the slots")
}
