//! The machine code of a module that is compiled function by function: a slot and a stub for each function, and the
//! functions that were called so far.
//!
//! A function is entered through its stub, which jumps to the address in the function's slot. At first the slot points
//! to code that calls `lazy_entry`, and later to the function itself. Code is never changed after it was written; only
//! slots change, and they are data.

use crate::abi::vmstruct::VmCode;
use crate::base::Result;
use crate::base::index::*;
use crate::base::limits::MAX_LAZY_TEXT;
use crate::compile::{ALIGN, CompiledFunc, Tier, results_in_memory};
use crate::engine::code::machine_code::{CodeTables, Source};
use crate::engine::code::no_code::no_code;
use crate::engine::code::registry;
use crate::sys::lock::Mutex;
use crate::sys::mmap::{CodeSpace, CodeWriter};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};
use std::sync::{Arc, OnceLock};

/// Size of a stub in bytes, including the jump to `lazy_entry` that its slot points to at first.
const STUB: usize = 16;
/// Number of entries to `lazy_entry`. They use the first slots, and their stubs come before those of functions.
const ENTRY_THUNKS: usize = 2;
/// Space reserved for machine code: this many bytes for each byte of WebAssembly, and for each function. A function
/// that does not fit is entered when the whole module is linked.
const ROOM_FOR_BYTE: usize = 24;
const ROOM_FOR_FUNC: usize = 512;

pub struct ThunkTable {
    space: CodeSpace,
    funcs: usize,
    /// Sorted by address, which is the order in which functions were placed. Each function is placed at most twice.
    placed: Box<[OnceLock<Placed>]>,
    count: AtomicUsize,
    places: Mutex<Places>,
}

struct Places {
    writer: CodeWriter,
    /// The offset of the next function from the start of the code, in bytes.
    next: usize,
    /// By function: the offset of its final code; 0 for none.
    full: Box<[usize]>,
    /// The module is linked: calls go to the linked code.
    left: bool,
}

struct Placed {
    start: usize,
    code: CodeTables,
}

impl ThunkTable {
    /// Creates stubs for all functions of `source`. At first they jump to `lazy_entry` with the function's index in
    /// `eax`. The first entry is for functions whose first argument is the context, the second for those whose second
    /// argument is the context.
    pub fn new(source: &Source, first_call: [VmCode; ENTRY_THUNKS]) -> Result<Arc<ThunkTable>> {
        let funcs = source.info.bodies.len();
        let stubs = ((ENTRY_THUNKS + funcs) * STUB).next_multiple_of(ALIGN);
        let bytes: usize = source.info.bodies.values().map(|b| b.len()).sum();
        let room = (bytes.saturating_mul(ROOM_FOR_BYTE).saturating_add(funcs * ROOM_FOR_FUNC)).min(MAX_LAZY_TEXT);
        let (space, writer) = CodeSpace::new((ENTRY_THUNKS + funcs) * size_of::<usize>(), stubs + room)
            .map_err(|e| no_code("machine code", e))?;
        let text = ThunkTable {
            space,
            funcs,
            placed: (0..2 * funcs).map(|_| OnceLock::new()).collect(),
            count: AtomicUsize::new(0),
            places: Mutex::new(Places { writer, next: stubs, full: vec![0; funcs].into(), left: false }),
        };
        let mut code = Vec::with_capacity(stubs);
        for (i, way) in first_call.into_iter().enumerate() {
            text.slot(i).store(way.cast_mut(), Relaxed);
            code.extend_from_slice(&text.jump_through(i, i * STUB));
            code.resize((i + 1) * STUB, 0);
        }
        for (i, _) in source.info.bodies.iter() {
            let at = code.len();
            let way = results_in_memory(source.info.func_type(source.info.func_index(i))) as usize * STUB;
            code.extend_from_slice(&text.jump_through(ENTRY_THUNKS + i.index(), at));
            // mov eax, i; jmp way
            code.push(0xb8);
            code.extend_from_slice(&i.as_u32().to_le_bytes());
            code.push(0xe9);
            code.extend_from_slice(&(way as i32 - (at + STUB) as i32).to_le_bytes());
            text.func_slot(i).store(text.address(at + 6).cast_mut(), Relaxed);
        }
        // SAFETY: no other thread or code has access to this text yet (invariant E4).
        unsafe { text.places.lock().writer.write(0, &code) };
        let text = Arc::new(text);
        let start = text.space.code() as usize;
        registry::register_many(start, text.space.code_len(), Arc::as_ptr(&text));
        Ok(text)
    }

    /// Encodes `jmp [slot]` for the offset `at`.
    fn jump_through(&self, slot: usize, at: usize) -> [u8; 6] {
        let distance = (slot * size_of::<usize>()) as i64 - (self.space.data_len() + at + 6) as i64;
        let [a, b, c, d] = (distance as i32).to_le_bytes();
        [0xff, 0x25, a, b, c, d]
    }

    fn slot(&self, i: usize) -> &AtomicPtr<u8> {
        assert!(i < ENTRY_THUNKS + self.funcs);
        // SAFETY: the data has an aligned word for each entry and each function, and is only accessed as atomic words.
        // Machine code reads them, too (invariant E4).
        unsafe { &*self.space.data().cast::<AtomicPtr<u8>>().add(i) }
    }

    fn func_slot(&self, f: DefinedFuncIndex) -> &AtomicPtr<u8> {
        self.slot(ENTRY_THUNKS + f.index())
    }

    fn address(&self, at: usize) -> VmCode {
        self.space.code().wrapping_add(at)
    }

    fn stub_offset(&self, f: DefinedFuncIndex) -> usize {
        (ENTRY_THUNKS + f.index()) * STUB
    }

    /// The address of a function's stub, which is always valid to call.
    pub fn stub(&self, f: DefinedFuncIndex) -> VmCode {
        self.address(self.stub_offset(f))
    }

    /// The current address of a function's code, if the function was entered before.
    pub fn entered(&self, f: DefinedFuncIndex) -> Option<VmCode> {
        let code = self.func_slot(f).load(Acquire).cast_const();
        (code != self.address(self.stub_offset(f) + 6)).then_some(code)
    }

    /// Redirects all calls to the addresses that `code` returns.
    pub fn enter_all_at(&self, code: impl Fn(DefinedFuncIndex) -> VmCode) {
        let mut places = self.places.lock();
        places.left = true;
        (0..self.funcs).map(DefinedFuncIndex::new).for_each(|f| self.enter_at(f, code(f)));
    }

    fn enter_at(&self, f: DefinedFuncIndex, code: VmCode) {
        self.func_slot(f).store(code.cast_mut(), Release);
    }

    /// Writes a function's code and redirects calls to it, unless better code is there already. Returns the address
    /// that calls now go to, or `None` if there is no space.
    pub fn place(
        &self,
        source: &Arc<Source>,
        f: DefinedFuncIndex,
        tier: Tier,
        func: &CompiledFunc,
    ) -> Result<Option<VmCode>> {
        let mut places = self.places.lock();
        if let Some(code) = self.entered(f)
            && (tier == Tier::Baseline || places.left || places.full[f.index()] != 0)
        {
            return Ok(Some(code));
        }
        let places = &mut *places;
        let start = places.next;
        if start + func.len() > self.space.code_len() {
            return Ok(None);
        }
        let owned = self.space.own(&mut places.writer, start);
        owned.map_err(|e| no_code("machine code of this process", e))?;
        // Code of the baseline tier calls through stubs, so its calls reach final code as soon as it exists.
        let mut code = func.relocate_alone(start, |callee| match places.full[callee.index()] {
            _ if tier == Tier::Baseline => self.stub_offset(callee),
            _ if callee == f => start,
            0 => self.stub_offset(callee),
            at => at,
        })?;
        // SAFETY: this range comes after all code that was placed, so no other code is overwritten, and the lock is
        // held (invariant E4).
        unsafe { places.writer.write(start, &std::mem::take(&mut code.text)) };
        places.next = (start + func.len()).next_multiple_of(ALIGN);
        if tier == Tier::Final {
            places.full[f.index()] = start;
        }
        let n = self.count.load(Relaxed);
        let placed = Placed { start, code: CodeTables::new(source, f, code.into()) };
        assert!(self.placed[n].set(placed).is_ok(), "each function is placed once for each tier");
        self.count.store(n + 1, Release);
        self.enter_at(f, self.address(start));
        Ok(Some(self.address(start)))
    }

    /// Returns the code at an offset from the start, and the offset within that code. Async-signal-safe.
    pub fn find(&self, offset: usize) -> Option<(&CodeTables, usize)> {
        let placed = &self.placed[..self.count.load(Acquire)];
        let start = |p: &OnceLock<Placed>| p.get().map_or(usize::MAX, |p| p.start);
        let i = placed.partition_point(|p| start(p) <= offset).checked_sub(1)?;
        let found = placed[i].get()?;
        Some((&found.code, offset - found.start))
    }
}

impl Drop for ThunkTable {
    fn drop(&mut self) {
        registry::unregister(self.space.code() as usize, self.space.code_len());
    }
}
