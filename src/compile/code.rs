//! Links compiled functions: one text with resolved calls, and the tables of traps and calls.

use crate::abi::code::*;
use crate::base::Result;
use crate::base::index::{DefinedFuncIndex, EntityRef};
use crate::err;
use crate::sys::allocation::fallible;
use std::sync::Arc;

/// Functions start at multiples of this: the number of bytes that x86-64 processors fetch at a time.
pub const ALIGN: usize = 32;

/// One compiled function that has no address yet. It is the same for every address and process.
pub struct CompiledFunc {
    pub(super) text: Vec<u8>,
    pub(super) vmctx_below_fp: u32,
    /// Bytes below the frame pointer.
    pub(super) frame_size: u32,
    pub(super) traps: Vec<TrapSite>,
    pub(super) calls: Vec<CallSite>,
    pub(super) stack_maps: StackMaps,
    pub(super) tries: Vec<TryCall>,
    pub(super) uses_heap: bool,
    pub(super) relocs: Vec<CallReloc>,
    /// Whether Cranelift compiled it.
    pub(super) optimized: bool,
}

/// A call to another function of the module. `at` is the offset of the displacement; the displacement is the callee's
/// address plus `addend`, minus the address of the displacement.
pub(super) struct CallReloc {
    pub(super) at: u32,
    pub(super) addend: i64,
    pub(super) callee: DefinedFuncIndex,
}

/// Where references are in the frame during calls.
#[derive(Default)]
pub(super) struct StackMaps {
    maps: Vec<StackMap>,
    parts: Vec<StackPart>,
    slots: Vec<u32>,
}

impl StackMaps {
    /// Adds a part: slots in bytes below the frame pointer, together with those of the part `below`. Returns its index.
    pub(super) fn part(&mut self, slots: impl IntoIterator<Item = u32>, below: Option<u32>) -> u32 {
        let first = self.slots.len() as u32;
        self.slots.extend(slots);
        self.push_part(StackPart { first, count: self.slots.len() as u32 - first, below: below.unwrap_or(NO_PART) })
    }

    /// Adds a part: the first `count` slots of another part, together with those of the part below it.
    pub(super) fn start_of(&mut self, part: u32, count: u32) -> u32 {
        let whole = self.parts[part as usize];
        debug_assert!(count <= whole.count);
        self.push_part(StackPart { count, ..whole })
    }

    fn push_part(&mut self, part: StackPart) -> u32 {
        self.parts.push(part);
        self.parts.len() as u32 - 1
    }

    /// Adds the map of a call. Calls are added in the order of their return addresses.
    pub(super) fn push(&mut self, return_at: u32, part: u32) {
        self.maps.push(StackMap { return_at, part });
    }

    /// Adds the map of a call whose slots form one part. Reuses the previous call's part if its slots are the same.
    pub(super) fn push_all(&mut self, return_at: u32, slots: &[u32]) {
        let last = self.maps.last().map(|m| m.part);
        let part = last.filter(|p| self.own(*p) == slots).unwrap_or_else(|| self.part(slots.iter().copied(), None));
        self.push(return_at, part);
    }

    fn own(&self, part: u32) -> &[u32] {
        let p = self.parts[part as usize];
        &self.slots[p.first as usize..(p.first + p.count) as usize]
    }

    /// The same maps, for code that starts `by` bytes later.
    fn moved(mut self, by: u32) -> StackMaps {
        self.maps.iter_mut().for_each(|m| m.return_at += by);
        self
    }

    /// The number of slots and parts stored.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.slots.len() + self.parts.len()
    }
}

/// A call whose exceptions are caught in this function: the fields of its `TrySite`, and its handlers.
pub(super) struct TryCall {
    pub(super) return_at: u32,
    pub(super) sp_below_fp: u32,
    pub(super) handlers: Vec<Handler>,
}

impl CompiledFunc {
    /// Bytes of the frame below its frame pointer.
    pub fn frame_size(&self) -> u32 {
        self.frame_size
    }

    /// Places an entry before this function. The entry's calls of function `i` become calls of this code.
    pub fn prepend_entry(self, entry: CompiledFunc, i: DefinedFuncIndex) -> Result<CompiledFunc> {
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
        out.relocs.extend(self.relocs.into_iter().map(|c| CallReloc { at: c.at + start, ..c }));
        debug_assert!(out.stack_maps.maps.is_empty(), "nothing is held in an entry");
        out.stack_maps = self.stack_maps.moved(start);
        out.tries.extend(self.tries.into_iter().map(|t| t.moved(start)));
        let uses_heap = self.uses_heap;
        Ok(CompiledFunc { vmctx_below_fp: self.vmctx_below_fp, frame_size: self.frame_size, uses_heap, ..out })
    }
}

impl TryCall {
    /// The same call, for code that starts `by` bytes later.
    fn moved(mut self, by: u32) -> TryCall {
        self.return_at += by;
        self.handlers.iter_mut().for_each(|h| h.at += by);
        self
    }
}

impl CompiledFunc {
    /// Whether the code reads the heap's base. If so, the heap must exist before the code runs.
    pub fn uses_heap(&self) -> bool {
        self.uses_heap
    }

    /// Whether Cranelift compiled it.
    pub fn is_optimized(&self) -> bool {
        self.optimized
    }

    /// Bytes of machine code.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Links the function alone, at `start`. `place` returns the positions of its callees. All positions are in bytes
    /// from the same origin.
    pub fn relocate_alone(&self, start: usize, place: impl Fn(DefinedFuncIndex) -> usize) -> Result<Code> {
        let mut code = Code::default();
        self.append_to(&mut code);
        for call in &self.relocs {
            let at = call.at as usize;
            let distance = place(call.callee) as i64 + call.addend - (start + at) as i64;
            patch(&mut code.text[at..at + 4], distance)?;
        }
        Ok(code)
    }

    /// Appends the function to `code`, whose text is `ALIGN`ed. The function's calls are not resolved yet.
    fn append_to(&self, code: &mut Code) {
        let start = code.text.len() as u32;
        code.funcs.push(FuncCode { start, len: self.text.len() as u32, vmctx_below_fp: self.vmctx_below_fp });
        code.text.extend_from_slice(&self.text);
        code.traps.extend(self.traps.iter().map(|t| TrapSite { at: t.at + start, ..*t }));
        code.calls.extend(self.calls.iter().map(|c| CallSite { return_at: c.return_at + start, ..*c }));
        let maps = &self.stack_maps;
        let (first_slot, first_part) = (code.stack_slots.len() as u32, code.stack_parts.len() as u32);
        let map = |m: &StackMap| StackMap { return_at: m.return_at + start, part: m.part + first_part };
        let below = |p: u32| if p == NO_PART { NO_PART } else { p + first_part };
        let part = |p: &StackPart| StackPart { first: p.first + first_slot, below: below(p.below), ..*p };
        code.stack_maps.extend(maps.maps.iter().map(map));
        code.stack_parts.extend(maps.parts.iter().map(part));
        code.stack_slots.extend_from_slice(&maps.slots);
        for t in &self.tries {
            let (first, count) = (code.handlers.len() as u32, t.handlers.len() as u32);
            let sp_below_fp = t.sp_below_fp;
            code.tries.push(TrySite { return_at: t.return_at + start, sp_below_fp, first, count });
            code.handlers.extend(t.handlers.iter().map(|h| Handler { at: h.at + start, ..*h }));
        }
        code.uses_heap |= self.uses_heap;
    }
}

/// Links the functions of a module in order.
pub fn link(compiled: &[Arc<CompiledFunc>]) -> Result<Code> {
    let mut code = Code::default();
    let size: usize = compiled.iter().map(|f| f.text.len().next_multiple_of(ALIGN)).sum();
    if size > i32::MAX as usize {
        return Err(err!(Limit, "the module has {size} bytes of machine code, the maximum is 2 GiB"));
    }
    fallible(|| code.text.try_reserve_exact(size))
        .map_err(|_| err!(OutOfMemory, "no memory for {size} bytes of machine code"))?;
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
