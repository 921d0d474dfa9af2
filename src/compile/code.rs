//! Puts compiled functions together: one text, calls inside of it resolved, and the tables of traps and calls.

use crate::abi::code::*;
use crate::base::Result;
use crate::base::index::{DefinedFuncIndex, EntityRef};
use crate::err;
use std::sync::Arc;

/// Functions start at multiples of this: what x86-64 processors fetch at once.
pub const ALIGN: usize = 32;

/// One compiled function, before it has a place. The same for every place and process.
pub struct CompiledFunc {
    pub(super) text: Vec<u8>,
    pub(super) vmctx_below_fp: u32,
    /// Bytes below the frame pointer.
    pub(super) frame_size: u32,
    pub(super) traps: Vec<TrapSite>,
    pub(super) calls: Vec<CallSite>,
    pub(super) stack_maps: StackMaps,
    pub(super) tries: Vec<Try>,
    pub(super) uses_heap: bool,
    pub(super) relocs: Vec<Call>,
}

/// A call of another function of the module: where its 32-bit displacement stands, relative to the end of which it counts.
pub(super) struct Call {
    pub(super) at: u32,
    pub(super) addend: i64,
    pub(super) callee: DefinedFuncIndex,
}

/// Where references are during calls. Where that is the same as during the call before, it stands there once.
#[derive(Default)]
pub(super) struct StackMaps {
    maps: Vec<StackMap>,
    slots: Vec<u32>,
}

impl StackMaps {
    /// The return address of a call, behind all before, and places in bytes below the frame pointer.
    pub(super) fn push(&mut self, return_at: u32, slots: &[u32]) {
        let same = |m: &&StackMap| self.of(m) == slots;
        let first = self.maps.last().filter(same).map_or(self.slots.len() as u32, |m| m.first);
        if first as usize == self.slots.len() {
            self.slots.extend_from_slice(slots);
        }
        self.maps.push(StackMap { return_at, first, count: slots.len() as u32 });
    }

    fn of(&self, m: &StackMap) -> &[u32] {
        &self.slots[m.first as usize..(m.first + m.count) as usize]
    }

    /// Return addresses, and their places.
    fn iter(&self) -> impl Iterator<Item = (u32, &[u32])> {
        self.maps.iter().map(|m| (m.return_at, self.of(m)))
    }

    /// How many places are written down.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}

/// A call whose exceptions are caught here: its `TrySite` in the function, and its handlers.
pub(super) struct Try {
    pub(super) return_at: u32,
    pub(super) sp_below_fp: u32,
    pub(super) handlers: Vec<Handler>,
}

impl CompiledFunc {
    /// Bytes of the frame below its frame pointer.
    pub fn frame_size(&self) -> u32 {
        self.frame_size
    }

    /// This function behind an entry of it: the entry's calls of function `i` are calls of this code.
    pub fn behind(self, entry: CompiledFunc, i: DefinedFuncIndex) -> Result<CompiledFunc> {
        let mut out = entry;
        let start = out.text.len().next_multiple_of(ALIGN) as u32;
        out.text.resize(start as usize, 0);
        for call in std::mem::take(&mut out.relocs) {
            debug_assert_eq!(call.callee, i);
            let at = call.at as usize;
            patch(&mut out.text[at..at + 4], start as i64 + call.addend - at as i64)?;
        }
        out.text.extend_from_slice(&self.text);
        out.traps.extend(self.traps.iter().map(|t| TrapSite { at: t.at + start, ..*t }));
        out.calls.extend(self.calls.iter().map(|c| CallSite { return_at: c.return_at + start, ..*c }));
        out.relocs.extend(self.relocs.into_iter().map(|c| Call { at: c.at + start, ..c }));
        self.stack_maps.iter().for_each(|(at, slots)| out.stack_maps.push(at + start, slots));
        out.tries.extend(self.tries.into_iter().map(|t| t.moved(start)));
        let uses_heap = self.uses_heap;
        Ok(CompiledFunc { vmctx_below_fp: self.vmctx_below_fp, frame_size: self.frame_size, uses_heap, ..out })
    }
}

impl Try {
    /// The same, `by` bytes further on.
    fn moved(mut self, by: u32) -> Try {
        self.return_at += by;
        self.handlers.iter_mut().for_each(|h| h.at += by);
        self
    }
}

impl CompiledFunc {
    /// Whether it looks at the heap's base, which then must be there before it runs.
    pub fn uses_heap(&self) -> bool {
        self.uses_heap
    }

    /// Bytes of machine code.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// The function alone, for a place `start`, with the places of its callees. All are in bytes from the same point.
    pub fn alone(&self, start: usize, place: impl Fn(DefinedFuncIndex) -> usize) -> Result<Code> {
        let mut code = Code::default();
        self.append_to(&mut code);
        for call in &self.relocs {
            let at = call.at as usize;
            let distance = place(call.callee) as i64 + call.addend - (start + at) as i64;
            patch(&mut code.text[at..at + 4], distance)?;
        }
        Ok(code)
    }

    /// Appends it to `code`, whose text is `ALIGN`ed. Its calls have no target yet.
    fn append_to(&self, code: &mut Code) {
        let start = code.text.len() as u32;
        code.funcs.push(FuncCode { start, len: self.text.len() as u32, vmctx_below_fp: self.vmctx_below_fp });
        code.text.extend_from_slice(&self.text);
        code.traps.extend(self.traps.iter().map(|t| TrapSite { at: t.at + start, ..*t }));
        code.calls.extend(self.calls.iter().map(|c| CallSite { return_at: c.return_at + start, ..*c }));
        let first = code.stack_slots.len() as u32;
        let moved = |m: &StackMap| StackMap { return_at: m.return_at + start, first: m.first + first, ..*m };
        code.stack_maps.extend(self.stack_maps.maps.iter().map(moved));
        code.stack_slots.extend_from_slice(&self.stack_maps.slots);
        for t in &self.tries {
            let (first, count) = (code.handlers.len() as u32, t.handlers.len() as u32);
            let sp_below_fp = t.sp_below_fp;
            code.tries.push(TrySite { return_at: t.return_at + start, sp_below_fp, first, count });
            code.handlers.extend(t.handlers.iter().map(|h| Handler { at: h.at + start, ..*h }));
        }
        code.uses_heap |= self.uses_heap;
    }
}

/// Lays the functions of a module out in order.
pub fn link(compiled: &[Arc<CompiledFunc>]) -> Result<Code> {
    let mut code = Code::default();
    let size: usize = compiled.iter().map(|f| f.text.len().next_multiple_of(ALIGN)).sum();
    if size > i32::MAX as usize {
        return Err(err!(Limit, "the module has {size} bytes of machine code, 2 GiB is the most"));
    }
    code.text.reserve_exact(size);
    for f in compiled {
        f.append_to(&mut code);
        code.text.resize(code.text.len().next_multiple_of(ALIGN), 0);
    }
    for (i, f) in compiled.iter().enumerate() {
        for call in &f.relocs {
            let at = (code.funcs[i].start + call.at) as usize;
            let distance = code.funcs[call.callee.index()].start as i64 + call.addend - at as i64;
            patch(&mut code.text[at..at + 4], distance)?;
        }
    }
    Ok(code)
}

/// Writes the distance into a call instruction's displacement.
fn patch(place: &mut [u8], distance: i64) -> Result<()> {
    if cfg!(target_arch = "aarch64") {
        if !(-(1 << 27)..1 << 27).contains(&distance) {
            return Err(err!(Limit, "the module's machine code is too large for this processor's calls"));
        }
        let word = u32::from_le_bytes([place[0], place[1], place[2], place[3]]);
        let word = (word & 0xfc00_0000) | ((distance >> 2) as u32 & 0x03ff_ffff);
        place.copy_from_slice(&word.to_le_bytes());
    } else {
        place.copy_from_slice(&(distance as i32).to_le_bytes());
    }
    Ok(())
}
