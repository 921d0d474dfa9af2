//! Card tables: a nonzero byte means that a reference was stored in the card's range since the last collection.

/// Calls `f` with the index of each dirty card among `count`, and cleans it.
///
/// # Safety
/// `cards` are `count` bytes that only this thread uses.
pub unsafe fn take_dirty(cards: *mut u8, count: usize, mut f: impl FnMut(usize)) {
    let mut i = 0;
    // SAFETY: below `count`; eight at a time if all eight are.
    unsafe {
        while i < count {
            if i + 8 <= count && (cards.add(i) as *const u64).read_unaligned() == 0 {
                i += 8;
                continue;
            }
            let end = (i + 8).min(count);
            while i < end {
                if *cards.add(i) != 0 {
                    *cards.add(i) = 0;
                    f(i);
                }
                i += 1;
            }
        }
    }
}
