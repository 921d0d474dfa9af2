//! The old space: blocks divided into lines. Survivors are allocated in runs of free lines by bumping a pointer. A full
//! collection marks objects and the lines they cover; everything without a live line is free again. Freeing copies
//! nothing, except for objects of sparse blocks, which are moved together (`docs/gc.md` says why). Large objects have
//! whole blocks of their own.

use super::collect::Compaction;
use super::region::Region;
use crate::abi::heap::{LARGE, LINE_SHIFT, LINE_SIZE, LINES, MARKS, OLD};

pub const BLOCK_SHIFT: u32 = 14;
pub const BLOCK: usize = 1 << BLOCK_SHIFT;
const LINES_PER_BLOCK: usize = BLOCK / LINE_SIZE;
const _: () = assert!(LARGE as usize * 2 == BLOCK, "at most half of a block is wasted");
/// A block with at most this many live lines is sparse.
const SPARSE: u8 = (LINES_PER_BLOCK / 4) as u8;
/// Shorter runs of free blocks are not returned to the system.
const DISCARD_RUN: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    Free,
    /// Objects of at most `LARGE` bytes.
    Small,
    /// The first block of a large object, and the number of its blocks.
    Large(u32),
    /// A later block of a large object that begins this many blocks before.
    LargeRest(u32),
}

#[derive(Clone, Copy)]
struct Block {
    used: Use,
    /// Lines that had no live object after the last full collection and were not allocated since.
    free_lines: u8,
    /// Its objects move during this collection.
    evacuate: bool,
    /// Its memory may be nonzero: it was used since it was committed or discarded.
    touched: bool,
}

/// Free space for objects, as offsets.
#[derive(Default, Clone, Copy)]
struct Run {
    next: u32,
    end: u32,
}

impl Run {
    #[inline(always)]
    fn take(&mut self, size: u32) -> Option<u32> {
        let at = self.next;
        (self.end - at >= size).then(|| {
            self.next = at + size;
            at
        })
    }
}

pub struct Old {
    base: *mut u8,
    blocks: Vec<Block>,
    /// Free blocks; some may have been taken for large objects since.
    free: Vec<u32>,
    /// Blocks with free lines.
    recyclable: Vec<u32>,
    run: Run,
    /// The block that contains `run`, and the index of the line after it.
    block: u32,
    line: usize,
    /// A free block for objects that do not fit into a run of lines.
    wide: Run,
    /// Number of blocks that are not free.
    used: usize,
    /// Index of the block at which the search for the next large object starts.
    hint: usize,
}

fn offset_of(block: u32) -> u32 {
    OLD as u32 + (block << BLOCK_SHIFT)
}

#[inline(always)]
fn block_of(r: u32) -> usize {
    ((r - OLD as u32) >> BLOCK_SHIFT) as usize
}

/// Number of blocks that certainly have space for `bytes` of small objects.
pub fn blocks_for(bytes: usize) -> usize {
    // The end of a run, and that of the wide block, can be wasted: at most half of each block, because no object is
    // larger.
    2 * bytes.div_ceil(BLOCK) + 2
}

impl Old {
    pub fn new(base: *mut u8) -> Old {
        Old {
            base,
            blocks: vec![],
            free: vec![],
            recyclable: vec![],
            run: Run::default(),
            block: 0,
            line: LINES_PER_BLOCK,
            wide: Run::default(),
            used: 0,
            hint: 0,
        }
    }

    /// Bytes of blocks that are not free.
    pub fn used(&self) -> usize {
        self.used * BLOCK
    }

    /// The end of all blocks, as an offset: no memory after it was ever used.
    pub fn end(&self) -> usize {
        OLD + self.blocks.len() * BLOCK
    }

    fn lines(&self) -> *mut u8 {
        self.base.wrapping_add(LINES + (OLD >> LINE_SHIFT))
    }

    /// The mark word of the 512 bytes at an offset.
    #[inline(always)]
    fn mark_word(&self, r: u32) -> *mut u64 {
        (self.base.wrapping_add(MARKS) as *mut u64).wrapping_add((r >> 9) as usize)
    }

    pub fn marks(&self, card: usize) -> u64 {
        // SAFETY: the map covers the whole space (invariant 8).
        unsafe { *self.mark_word((card << 9) as u32) }
    }

    #[inline(always)]
    pub fn is_marked(&self, r: u32) -> bool {
        // SAFETY: as in `marks` (invariant 8).
        unsafe { *self.mark_word(r) & 1 << (r >> 3 & 63) != 0 }
    }

    /// Marks an object. Returns whether it was not marked before.
    #[inline(always)]
    pub fn mark(&mut self, r: u32) -> bool {
        // SAFETY: as in `marks` (invariant 8).
        unsafe {
            let (word, bit) = (self.mark_word(r), 1 << (r >> 3 & 63));
            let is_new = *word & bit == 0;
            *word |= bit;
            is_new
        }
    }

    /// The last object that begins before `r` and in the block that contains `r`, or the large object that the block
    /// belongs to.
    pub fn object_before(&self, r: u32) -> Option<u32> {
        let block = block_of(r);
        let start = match self.blocks[block].used {
            Use::Free => return None,
            Use::Small | Use::Large(_) => offset_of(block as u32),
            Use::LargeRest(n) => return Some(offset_of(block as u32 - n)),
        };
        let mut at = r;
        while at > start {
            at = (at - 1) & !511;
            let word = self.marks((at >> 9) as usize);
            let below = if r - at < 512 { word & ((1 << ((r - at) >> 3)) - 1) } else { word };
            if below != 0 {
                return Some(at + 8 * (63 - below.leading_zeros()));
            }
        }
        None
    }

    /// Marks the lines of a live object as used.
    #[inline(always)]
    pub fn mark_lines(&mut self, r: u32, size: u32) {
        let first = (r - OLD as u32) >> LINE_SHIFT;
        let last = (r + size - 1 - OLD as u32) >> LINE_SHIFT;
        // SAFETY: the map covers the whole space (invariant 8).
        unsafe {
            *self.lines().add(first as usize) = 1;
            if last != first {
                std::ptr::write_bytes(self.lines().add(first as usize + 1), 1, (last - first) as usize);
            }
        }
    }

    #[inline(always)]
    pub fn is_evacuated(&self, r: u32) -> bool {
        self.blocks[block_of(r)].evacuate
    }

    /// Commits and lists blocks until `bytes` of small objects certainly have space. Returns false if there is no
    /// memory.
    pub fn reserve(&mut self, region: &mut Region, bytes: usize) -> bool {
        let wanted = blocks_for(bytes);
        let have = self.free.iter().rev().filter(|b| self.blocks[**b as usize].used == Use::Free).take(wanted).count();
        if have >= wanted {
            return true;
        }
        self.extend(region, wanted - have)
    }

    /// Adds free blocks at the end. Returns false if there is no memory.
    fn extend(&mut self, region: &mut Region, count: usize) -> bool {
        let count32 = count;
        if self.blocks.try_reserve(count32).is_err() || self.free.try_reserve(self.blocks.len() + count32).is_err() {
            return false;
        }
        // So that a sweep can list every block without allocating.
        if self.recyclable.try_reserve(self.blocks.len() + count32 - self.recyclable.len()).is_err() {
            return false;
        }
        if !region.commit(self.end() + count * BLOCK) {
            return false;
        }
        let first = self.blocks.len() as u32;
        let block = Block { used: Use::Free, free_lines: LINES_PER_BLOCK as u8, evacuate: false, touched: false };
        self.blocks.resize(self.blocks.len() + count, block);
        // Low blocks are taken first.
        let at = 0;
        self.free.splice(at..at, (first..first + count as u32).rev());
        true
    }

    fn take_free(&mut self) -> Option<u32> {
        while let Some(b) = self.free.pop() {
            let block = &mut self.blocks[b as usize];
            if block.used == Use::Free {
                (block.used, block.touched, block.free_lines) = (Use::Small, true, 0);
                self.used += 1;
                return Some(b);
            }
        }
        None
    }

    /// Space for a small object. `None` only if more is requested than was reserved.
    #[inline(always)]
    pub fn alloc(&mut self, size: u32) -> Option<u32> {
        match self.run.take(size) {
            Some(at) => Some(at),
            None => self.alloc_slow(size),
        }
    }

    #[inline(never)]
    fn alloc_slow(&mut self, size: u32) -> Option<u32> {
        if size > LINE_SIZE as u32 {
            if let Some(at) = self.wide.take(size) {
                return Some(at);
            }
            let start = offset_of(self.take_free()?);
            self.wide = Run { next: start, end: start + BLOCK as u32 };
            return self.wide.take(size);
        }
        loop {
            if let Some(run) = self.next_run() {
                self.run = run;
                return self.run.take(size);
            }
            if let Some(b) = self.recyclable.pop() {
                if self.blocks[b as usize].used == Use::Small && !self.blocks[b as usize].evacuate {
                    (self.block, self.line) = (b, 0);
                }
                continue;
            }
            let b = self.take_free()?;
            (self.block, self.line) = (b, LINES_PER_BLOCK);
            let start = offset_of(b);
            self.run = Run { next: start, end: start + BLOCK as u32 };
            return self.run.take(size);
        }
    }

    /// The next run of free lines of the current block.
    fn next_run(&mut self) -> Option<Run> {
        // SAFETY: the lines of this block (invariant 8).
        let lines = unsafe {
            std::slice::from_raw_parts(self.lines().add(self.block as usize * LINES_PER_BLOCK), LINES_PER_BLOCK)
        };
        let first = (self.line..LINES_PER_BLOCK).find(|l| lines[*l] == 0)?;
        let end = (first..LINES_PER_BLOCK).find(|l| lines[*l] != 0).unwrap_or(LINES_PER_BLOCK);
        self.line = end;
        self.blocks[self.block as usize].free_lines -= (end - first) as u8;
        let start = offset_of(self.block);
        Some(Run { next: start + (first * LINE_SIZE) as u32, end: start + (end * LINE_SIZE) as u32 })
    }

    /// Clears the existing blocks that the next large object of this size will take, calling `ask` before every `piece`
    /// bytes. Stops when `ask` fails.
    pub fn clear_ahead<E>(
        &mut self,
        size: usize,
        piece: usize,
        mut ask: impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let count = size.div_ceil(BLOCK);
        let first = self.find_free(count).unwrap_or_else(|| self.blocks.len() - self.free_at_end());
        let blocks = first..(first + count).min(self.blocks.len());
        for from in blocks.clone().step_by(piece / BLOCK) {
            ask()?;
            (from..blocks.end.min(from + piece / BLOCK)).for_each(|b| self.clear(b));
        }
        Ok(())
    }

    /// Zeros a free block. Blocks that were never used, or were discarded, already read as zeros.
    fn clear(&mut self, b: usize) {
        if std::mem::take(&mut self.blocks[b].touched) {
            // SAFETY: a free block (invariants 4 and 8).
            unsafe { std::ptr::write_bytes(self.base.add(offset_of(b as u32) as usize), 0, BLOCK) };
        }
    }

    /// Space for a large object, all zero. `None` if there is none.
    pub fn alloc_large(&mut self, region: &mut Region, size: u32) -> Option<u32> {
        let count = (size as usize).div_ceil(BLOCK);
        let first = match self.find_free(count) {
            Some(first) => first,
            None => {
                // Free blocks at the very end are part of the run.
                let tail = self.free_at_end();
                if !self.extend(region, count - tail.min(count)) {
                    return None;
                }
                self.blocks.len() - count
            }
        };
        for i in 0..count {
            self.clear(first + i);
            let used = if i == 0 { Use::Large(count as u32) } else { Use::LargeRest(i as u32) };
            self.blocks[first + i] = Block { used, free_lines: 0, evacuate: false, touched: true };
        }
        self.used += count;
        self.hint = first + count;
        Some(offset_of(first as u32))
    }

    /// Whether `size` contiguous bytes are free or can be added, if the old space can grow to the offset `space`.
    pub fn has_run(&self, size: usize, space: usize) -> bool {
        let count = size.div_ceil(BLOCK);
        let tail = self.free_at_end();
        self.end() + count.saturating_sub(tail) * BLOCK <= space || self.find_free(count).is_some()
    }

    fn free_at_end(&self) -> usize {
        self.blocks.iter().rev().take_while(|b| b.used == Use::Free).count()
    }

    fn find_free(&self, count: usize) -> Option<usize> {
        let search = |from: usize, to: usize| {
            let mut length = 0;
            for i in from..to {
                length = if self.blocks[i].used == Use::Free { length + 1 } else { 0 };
                if length == count {
                    return Some(i + 1 - count);
                }
            }
            None
        };
        let hint = self.hint.min(self.blocks.len());
        search(hint, self.blocks.len()).or_else(|| search(0, self.blocks.len()))
    }

    /// Before marking: clears all marks, and chooses the blocks to be evacuated, if free blocks have space for their
    /// objects.
    pub fn begin_marking(&mut self, region: &mut Region, moving: Compaction) {
        let bytes = self.blocks.len() * BLOCK;
        // SAFETY: the maps of the existing blocks (invariant 8).
        unsafe {
            std::ptr::write_bytes(self.mark_word(OLD as u32) as *mut u8, 0, bytes / 64);
            std::ptr::write_bytes(self.lines(), 0, bytes / LINE_SIZE);
        }
        (self.run, self.wide, self.line) = (Run::default(), Run::default(), LINES_PER_BLOCK);
        self.recyclable.clear();
        let fits = match moving {
            Compaction::Nothing => true,
            Compaction::Sparse => self.choose(region, SPARSE),
            Compaction::All => self.choose(region, LINES_PER_BLOCK as u8) || self.choose(region, SPARSE),
        };
        debug_assert!(fits || self.blocks.iter().all(|b| !b.evacuate));
    }

    /// Chooses the blocks with at most `lines` lines in use. Returns false, and chooses none, if there is no space for
    /// their objects.
    fn choose(&mut self, region: &mut Region, lines: u8) -> bool {
        let mut bytes = 0;
        for b in self.blocks.iter_mut().filter(|b| b.used == Use::Small) {
            let in_use = LINES_PER_BLOCK as u8 - b.free_lines;
            if in_use <= lines {
                bytes += in_use as usize * LINE_SIZE;
                b.evacuate = true;
            }
        }
        let fits = self.reserve(region, bytes);
        if !fits {
            self.blocks.iter_mut().for_each(|b| b.evacuate = false);
        }
        fits
    }

    /// After marking: finds what is free, and overwrites it if `poison`. Returns the bytes of live lines and large
    /// objects.
    pub fn sweep(&mut self, poison: bool) -> usize {
        (self.run, self.wide, self.line) = (Run::default(), Run::default(), LINES_PER_BLOCK);
        self.free.clear();
        self.recyclable.clear();
        (self.used, self.hint) = (0, 0);
        let mut live = 0;
        let mut i = 0;
        while i < self.blocks.len() {
            let start = offset_of(i as u32);
            match self.blocks[i].used {
                Use::Large(count) => {
                    let count = count as usize;
                    if self.is_marked(start) {
                        self.used += count;
                        live += count * BLOCK;
                    } else {
                        self.blocks[i..i + count].iter_mut().for_each(|b| b.used = Use::Free);
                        self.poison(poison, start, count * BLOCK);
                    }
                    i += count;
                    continue;
                }
                Use::Small => {
                    // SAFETY: the lines of this block (invariant 8).
                    let lines =
                        unsafe { std::slice::from_raw_parts(self.lines().add(i * LINES_PER_BLOCK), LINES_PER_BLOCK) };
                    let live_lines: usize = lines.iter().map(|l| *l as usize).sum();
                    self.blocks[i].free_lines = (LINES_PER_BLOCK - live_lines) as u8;
                    self.blocks[i].evacuate = false;
                    live += live_lines * LINE_SIZE;
                    if live_lines == 0 {
                        self.blocks[i].used = Use::Free;
                        self.poison(poison, start, BLOCK);
                    } else {
                        self.used += 1;
                        if live_lines < LINES_PER_BLOCK {
                            self.recyclable.push(i as u32);
                        }
                        for line in (0..LINES_PER_BLOCK).filter(|l| poison && lines[*l] == 0) {
                            self.poison(poison, start + (line * LINE_SIZE) as u32, LINE_SIZE);
                        }
                    }
                }
                Use::Free | Use::LargeRest(_) => {}
            }
            i += 1;
        }
        // Blocks are popped from the end: low ones first, so that the high ones stay free.
        self.recyclable.reverse();
        let free = (0..self.blocks.len() as u32).rev().filter(|b| self.blocks[*b as usize].used == Use::Free);
        self.free.extend(free);
        live
    }

    fn poison(&self, on: bool, at: u32, len: usize) {
        if on {
            // SAFETY: no live object is there (invariant 4: no mark).
            unsafe { std::ptr::write_bytes(self.base.add(at as usize), super::heap::POISON, len) };
        }
    }

    /// Returns free blocks to the system, except for `keep` bytes.
    pub fn give_back(&mut self, region: &Region, keep: usize) {
        let mut keep = keep / BLOCK;
        let mut i = 0;
        while i < self.blocks.len() {
            let run = self.blocks[i..].iter().take_while(|b| b.used == Use::Free && b.touched).count();
            let kept = run.min(keep);
            keep -= kept;
            if run - kept >= DISCARD_RUN {
                region.discard(OLD + (i + kept) * BLOCK, (run - kept) * BLOCK);
                self.blocks[i + kept..i + run].iter_mut().for_each(|b| b.touched = false);
            }
            i += run.max(1);
        }
    }

    /// Bytes in free lines of used blocks, after a full collection.
    pub fn fragmented(&self) -> usize {
        let small = self.blocks.iter().filter(|b| b.used == Use::Small);
        small.map(|b| b.free_lines as usize * LINE_SIZE).sum()
    }

    /// The use of the block at an offset; `None` after the last block.
    pub fn use_of(&self, r: u32) -> Option<Use> {
        self.blocks.get(block_of(r)).map(|b| b.used)
    }
}
