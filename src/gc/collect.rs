//! Collections. A minor collection moves the live objects of the nursery to the old space, and looks only at references
//! that may point into the nursery (invariant 3). A full collection does that first, then marks the old space from all
//! roots and frees the rest.
//!
//! Marking needs no recursion and never fails. Objects whose references have not been visited yet are on a stack; if
//! the stack cannot grow, their cards are dirtied instead and visited later.

use super::cards::take_dirty;
use super::heap::{Heap, POISON};
use super::object::*;
use super::old::Use;
use crate::abi::heap::*;
use crate::sys::fault_injection;
use crate::wasm::descriptor::KIND_ARRAY;
use std::time::Instant;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Minor,
    /// Also collects the old space.
    Full(Compaction),
}

/// The objects that a full collection moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compaction {
    Nothing,
    /// The objects of sparse blocks, together.
    Sparse,
    /// All small objects: the last resort before a heap is full.
    All,
}

/// Receives the roots from the caller of `Heap::collect`.
pub struct Tracer<'h> {
    heap: &'h mut Heap,
    minor: bool,
    overflowed: bool,
    promoted: usize,
}

/// Up to this size, the nursery grows if it is collected often, even if nothing survives.
const OFTEN: usize = 1 << 20;
/// After this many collections that almost nothing survives, a large nursery shrinks.
const CALM: u32 = 64;
/// Up to this size, the nursery grows if nearly everything survives.
const LASTING: usize = 4 << 20;
/// Maximum length of the mark stack under zeal, so that it overflows early.
const ZEAL_MARK_STACK: usize = 4;
/// Initial capacity of the mark stack.
const MARK_STACK: usize = 4096;

impl Heap {
    /// Collects. `trace` passes every root outside the heap to the tracer. In a full collection that searches for
    /// functions, it is called again while more of them are found (`Tracer::found_funcs`), to trace what they refer
    /// to.
    pub fn collect(&mut self, kind: Kind, trace: &mut dyn FnMut(&mut Tracer)) {
        self.minor(trace);
        if let Kind::Full(moving) = kind {
            self.full(moving, trace);
        }
        self.open_nursery();
    }

    /// Sets when the next full collection is due: after a full collection, or after a change of the growth settings.
    pub(super) fn set_thresholds(&mut self) {
        let part = |of: usize| (of / 100).saturating_mul(self.config.growth_percent).max(self.config.growth_min);
        self.threshold = part(self.statistics.live);
        self.external_threshold = self.external_live.saturating_add(part(self.external_live));
    }

    /// Whether the external memory of objects has grown so much that a full collection is due.
    pub fn is_external_due(&self) -> bool {
        self.weak.hosts.external() >= self.external_threshold
    }

    /// Whether the old space has grown so much that the next collection should be a full one.
    pub fn is_full_due(&self) -> bool {
        self.grown >= self.threshold
            || self.is_external_due()
            || self.old.used() + self.nursery_used() > self.config.limit
    }

    fn minor(&mut self, trace: &mut dyn FnMut(&mut Tracer)) {
        let start = Instant::now();
        self.note_peak();
        let used = self.nursery_used();
        let promoted = self.evacuate_nursery(trace);
        if self.config.zeal > 0 {
            // SAFETY: no live object is in the nursery any more (invariant 5).
            unsafe { std::ptr::write_bytes(self.objects.at::<u8>(NURSERY as u32), POISON, used) };
        }
        self.open_nursery();
        self.grown += promoted;
        self.adapt_nursery(used, promoted);
        let s = &mut self.statistics;
        s.minor_collections += 1;
        s.promoted += promoted as u64;
        s.last_minor = start.elapsed();
        s.longest_minor = s.longest_minor.max(s.last_minor);
        let pause = s.last_minor;
        if let Some(all) = self.pauses() {
            all.minor.add(pause);
        }
    }

    /// Moves the live objects out of the nursery. Returns the number of bytes that survived.
    fn evacuate_nursery(&mut self, trace: &mut dyn FnMut(&mut Tracer)) -> usize {
        let ready = self.prepare();
        if self.mark_stack.capacity() == 0 {
            let _ = self.mark_stack.try_reserve(MARK_STACK);
        }
        // Heap 7: the caller of a collection has called `prepare`.
        assert!(ready, "no memory for the survivors of a nursery");
        let mut tracer = Tracer { heap: self, minor: true, overflowed: false, promoted: 0 };
        tracer.roots();
        trace(&mut tracer);
        tracer.dirty_cards();
        tracer.drain();
        let promoted = tracer.promoted;
        let objects = self.objects;
        // SAFETY: a young object is in the nursery, and has either moved or died (invariant 1).
        self.weak.tell(true, |r| if is_young(r) { unsafe { objects.forwarded(r) } } else { Some(r) });
        promoted
    }

    /// Adapts the nursery's size: a larger one costs memory, a smaller one more collections and more survivors.
    fn adapt_nursery(&mut self, used: usize, promoted: usize) {
        if self.nursery_size > self.config.nursery_max {
            return self.shrink_nursery(self.config.nursery_max);
        }
        if used * 2 < self.nursery_size {
            return;
        }
        self.minors_at_size += 1;
        // If nearly everything survives, a larger nursery only makes pauses longer.
        let lasting = promoted * 4 > used * 3;
        let max = self.config.nursery_max.min(if lasting { LASTING } else { usize::MAX });
        let often = self.minors_at_size >= 4 && self.nursery_size < OFTEN;
        // Nothing has survived for a long time: half the size is enough.
        if promoted * 256 < used && self.minors_at_size >= CALM && self.nursery_size > OFTEN {
            return self.shrink_nursery(self.nursery_size / 2);
        }
        let size = match promoted * 16 / used {
            // A quarter or more survives: a small step would not help.
            4.. => self.nursery_size * 4,
            1.. => self.nursery_size * 2,
            _ if often => self.nursery_size * 2,
            _ => return,
        };
        if self.nursery_size < max {
            self.nursery_size = size.min(max);
            self.minors_at_size = 0;
            self.region.as_ref().expect("alive").grow_nursery(self.nursery_size);
            self.open_nursery();
        }
    }

    /// The nursery must be empty.
    fn shrink_nursery(&mut self, size: usize) {
        let size = size.max(self.config.nursery_min).next_multiple_of(64 << 10).min(self.nursery_size);
        self.region.as_ref().expect("alive").discard(NURSERY + size, self.nursery_size - size);
        self.nursery_size = size;
        self.minors_at_size = 0;
        self.open_nursery();
    }

    /// After a collection: returns unused memory to the system.
    pub fn trim(&mut self) {
        self.shrink_nursery(self.config.nursery_min);
        self.old.give_back(self.region.as_ref().expect("alive"), 0);
    }

    /// The nursery must be empty.
    fn full(&mut self, moving: Compaction, trace: &mut dyn FnMut(&mut Tracer)) {
        let start = Instant::now();
        let zeal = self.config.zeal > 0;
        let moving = if zeal { Compaction::All } else { moving };
        self.old.begin_marking(self.region.as_mut().expect("alive"), moving);
        let mut tracer = Tracer { heap: self, minor: false, overflowed: false, promoted: 0 };
        tracer.roots();
        trace(&mut tracer);
        tracer.drain();
        while tracer.heap.found_funcs.as_ref().is_some_and(|f| f.has_new()) {
            trace(&mut tracer);
            tracer.drain();
        }
        self.found_funcs = None;
        let objects = self.objects;
        let old = &self.old;
        // SAFETY: objects of the old space; an evacuated one was forwarded if it is live (invariant 1).
        self.weak.tell(false, |r| unsafe {
            if old.is_evacuated(r) { objects.forwarded(r) } else { old.is_marked(r).then_some(r) }
        });
        let live = self.old.sweep(zeal);
        self.grown = 0;
        self.statistics.live = live;
        self.external_live = self.weak.hosts.external();
        self.set_thresholds();
        // Keeps what will be used again before the next full collection.
        self.old.give_back(self.region.as_ref().expect("alive"), self.threshold);
        let s = &mut self.statistics;
        s.full_collections += 1;
        s.last_full = start.elapsed();
        s.longest_full = s.longest_full.max(s.last_full);
        let pause = s.last_full;
        if let Some(all) = self.pauses() {
            all.full.add(pause);
        }
    }

    /// What is worth moving: sparse blocks, if more than a quarter of the used space is free lines between live
    /// objects.
    pub fn worth_moving(&self) -> Compaction {
        if self.old.fragmented() * 4 > self.old.used() { Compaction::Sparse } else { Compaction::Nothing }
    }
}

impl Tracer<'_> {
    /// Whether only references into the nursery matter. If so, roots that have not changed since the last collection
    /// need not be passed.
    pub fn is_minor(&self) -> bool {
        self.minor
    }

    /// Calls `f` with the ids of functions that were found in objects since the last call.
    pub fn found_funcs(&mut self, mut f: impl FnMut(u32)) {
        while let Some(number) = self.heap.found_funcs.as_mut().and_then(|f| f.pop()) {
            f(number);
        }
    }

    /// Visits a reference at rest.
    ///
    /// # Safety
    /// `slot` points to one that nothing borrows: it is written when the object moves.
    pub unsafe fn slot(&mut self, slot: *const RefSlot) {
        // SAFETY: the caller's promise (invariant 1).
        unsafe { self.visit(slot as *mut u32) }
    }

    /// Visits a stack slot that holds a reference.
    ///
    /// # Safety
    /// The stack map of the frame lists the slot.
    pub unsafe fn stack_slot(&mut self, slot: *mut u32) {
        // SAFETY: the caller's promise (invariant 1).
        unsafe { self.visit(slot) }
    }

    /// Visits a run of references. Each card covers `1 << SLOT_CARD_SHIFT` of them.
    ///
    /// # Safety
    /// `first` points to `len` slots, and `cards` to their cards.
    pub unsafe fn slots(&mut self, first: *const RefSlot, len: usize, cards: *mut u8) {
        let count = len.div_ceil(1 << SLOT_CARD_SHIFT);
        // SAFETY: the caller's promise (invariant 1).
        unsafe {
            if !self.minor {
                std::ptr::write_bytes(cards, 0, count);
                (0..len).for_each(|i| self.slot(first.add(i)));
                return;
            }
            take_dirty(cards, count, |card| {
                let from = card << SLOT_CARD_SHIFT;
                let to = (from + (1 << SLOT_CARD_SHIFT)).min(len);
                (from..to).for_each(|i| self.slot(first.add(i)));
            });
        }
    }

    /// Visits the heap's own roots.
    fn roots(&mut self) {
        let roots = self.heap.roots.get();
        // SAFETY: the entries are passed one after another, and `visit` does not access the table of roots
        // (invariant 10).
        unsafe {
            match self.minor {
                true => (*roots).trace_young(|slot| self.visit(slot)),
                false => (*roots).trace_all(|slot| self.visit(slot)),
            }
        }
    }

    #[inline(always)]
    unsafe fn visit(&mut self, slot: *mut u32) {
        // SAFETY: the caller passes the address of a reference (invariant 1).
        unsafe {
            match self.minor {
                true => self.visit_young(slot),
                false => self.visit_any(slot),
            }
        }
    }

    /// Visits a reference in a minor collection.
    #[inline(always)]
    unsafe fn visit_young(&mut self, slot: *mut u32) {
        // SAFETY: as in `visit` (invariant 1).
        unsafe {
            let r = *slot;
            if is_young(r) {
                *slot = self.evacuated(r);
            }
        }
    }

    /// Visits a reference in a full collection.
    #[inline(always)]
    unsafe fn visit_any(&mut self, slot: *mut u32) {
        // SAFETY: as in `visit` (invariant 1).
        unsafe {
            let r = *slot;
            if is_object(r) {
                debug_assert!(!is_young(r), "heap 5");
                if self.heap.old.is_evacuated(r) {
                    *slot = self.evacuated(r);
                } else if self.heap.old.mark(r) {
                    let d = self.heap.objects.descriptor(r);
                    let size = self.heap.objects.size_by(d, r);
                    if size <= LARGE {
                        self.heap.old.mark_lines(r, size);
                    }
                    if d.func_words != 0 {
                        self.find_funcs(r);
                    }
                    if d.ref_words != 0 {
                        self.push(r);
                    }
                }
            }
        }
    }

    /// Records the functions in an object that was found alive.
    #[cold]
    unsafe fn find_funcs(&mut self, r: u32) {
        let objects = self.heap.objects;
        if let Some(found) = &mut self.heap.found_funcs {
            // SAFETY: an object (invariant 1).
            unsafe { objects.each_func(r, |number| found.add(number)) };
        }
    }

    /// The new offset of an object that moves. Moves it if that has not happened yet.
    #[inline(always)]
    unsafe fn evacuated(&mut self, r: u32) -> u32 {
        // SAFETY: an object that moves, at its old offset (invariant 1).
        unsafe {
            let objects = self.heap.objects;
            if let Some(to) = objects.forwarded(r) {
                return to;
            }
            let d = objects.descriptor(r);
            let size = objects.size_by(d, r);
            let to = self.heap.old.alloc(size).expect("reserved before the collection (heap 7)");
            copy_words(objects.at(r), objects.at(to), size);
            objects.forward(r, to);
            self.heap.old.mark(to);
            self.promoted += size as usize;
            if !self.minor {
                self.heap.old.mark_lines(to, size);
                if d.func_words != 0 {
                    self.find_funcs(to);
                }
            }
            if d.ref_words != 0 {
                self.push(to);
            }
            to
        }
    }

    /// Queues an object, whose references will be visited later.
    #[inline(always)]
    unsafe fn push(&mut self, r: u32) {
        // SAFETY: an object (invariant 1).
        unsafe {
            let small = self.heap.config.zeal > 0;
            let stack = &mut self.heap.mark_stack;
            if small && stack.len() >= ZEAL_MARK_STACK {
                self.overflow(r);
            } else if stack.len() < stack.capacity()
                || fault_injection::check().is_ok() && stack.try_reserve(stack.len().max(MARK_STACK)).is_ok()
            {
                stack.push(r);
            } else {
                self.overflow(r);
            }
        }
    }

    /// Queues an object by dirtying its cards.
    #[cold]
    unsafe fn overflow(&mut self, r: u32) {
        // SAFETY: an object of the old space, and its cards (invariant 8).
        unsafe {
            let end = r + self.heap.objects.size(r) - 1;
            let (from, to) = (r >> CARD_SHIFT, end >> CARD_SHIFT);
            let cards = self.heap.objects.at::<u8>(CARDS as u32 + from);
            std::ptr::write_bytes(cards, 1, (to - from + 1) as usize);
        }
        self.overflowed = true;
    }

    #[inline(always)]
    unsafe fn drain_by(&mut self, visit: impl Fn(&mut Self, *mut u32)) {
        let objects = self.heap.objects;
        while let Some(r) = self.heap.mark_stack.pop() {
            // SAFETY: as in `drain` (invariant 1).
            unsafe {
                let d = objects.descriptor(r);
                if d.kind != KIND_ARRAY && d.ref_words == 1 {
                    let mut bits = d.refs;
                    while bits != 0 {
                        let place = objects.at::<u32>(r + 4 * bits.trailing_zeros());
                        bits &= bits - 1;
                        visit(self, place);
                    }
                } else {
                    objects.each_reference(r, 0, u32::MAX, |slot| visit(self, slot));
                }
            }
        }
    }

    fn drain(&mut self) {
        loop {
            // SAFETY: objects of the old space (invariant 1).
            unsafe {
                match self.minor {
                    true => self.drain_by(|tracer, slot| tracer.visit_young(slot)),
                    false => self.drain_by(|tracer, slot| tracer.visit_any(slot)),
                }
            }
            if !std::mem::take(&mut self.overflowed) {
                return;
            }
            self.dirty_cards();
        }
    }

    /// Visits the references in dirty cards of the old space, and cleans the cards.
    fn dirty_cards(&mut self) {
        let first = OLD >> CARD_SHIFT;
        let count = (self.heap.old.end() - OLD) >> CARD_SHIFT;
        let cards = self.heap.objects.at::<u8>((CARDS + first) as u32);
        // SAFETY: the cards of the old space (invariant 8). Cards that `overflow` dirties during this are visited again
        // later.
        unsafe { take_dirty(cards, count, |card| self.card(first + card)) };
    }

    /// Visits the references of a card: those of structures that begin in the card, and the elements of arrays that are
    /// in it.
    unsafe fn card(&mut self, card: usize) {
        let (from, to) = ((card << CARD_SHIFT) as u32, ((card + 1) << CARD_SHIFT) as u64);
        let to = to.min(u32::MAX as u64) as u32;
        let objects = self.heap.objects;
        if !matches!(self.heap.old.use_of(from), Some(Use::Small | Use::Large(_) | Use::LargeRest(_))) {
            return;
        }
        // SAFETY: marks are objects (invariant 4).
        unsafe {
            if let Some(before) = self.heap.old.object_before(from)
                && objects.descriptor(before).kind == KIND_ARRAY
            {
                objects.each_reference(before, from, to, |slot| self.visit(slot));
            }
            let mut marks = self.heap.old.marks(card);
            while marks != 0 {
                let r = from + 8 * marks.trailing_zeros();
                marks &= marks - 1;
                let is_array = objects.descriptor(r).kind == KIND_ARRAY;
                objects.each_reference(r, from, if is_array { to } else { u32::MAX }, |slot| self.visit(slot));
            }
        }
    }
}

/// Copies an object.
///
/// # Safety
/// Both pointers are valid for `size` bytes; `size` is a multiple of 8.
#[inline(always)]
unsafe fn copy_words(from: *const u64, to: *mut u64, size: u32) {
    // SAFETY: the caller's promise. Most objects are a few words: a loop is faster than a call.
    unsafe {
        if size > 128 {
            return std::ptr::copy_nonoverlapping(from, to, size as usize / 8);
        }
        for i in 0..size as usize / 8 {
            *to.add(i) = *from.add(i);
        }
    }
}
