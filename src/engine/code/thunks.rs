//! Machine code of a module that is compiled function by function: a slot and a stub for each function, and the functions
//! that were called so far.
//!
//! A function is entered through its stub, which jumps to where its slot says: at first to a call of `first_call`, then to
//! the function. No code is changed after it was written; only slots are, which are data.

use crate::abi::vmstruct::VmCode;
use crate::base::Result;
use crate::base::index::*;
use crate::base::limits::MAX_LAZY_TEXT;
use crate::compile::{ALIGN, CompiledFunc, Tier, results_in_memory};
use crate::engine::code::machine_code::{ModuleCode, Source};
use crate::engine::code::no_code::no_code;
use crate::engine::code::registry;
use crate::sys::lock::Mutex;
use crate::sys::mmap::{CodeSpace, CodeWriter};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};
use std::sync::{Arc, OnceLock};

/// Bytes of a stub, and of what it jumps to.
const STUB: usize = 16;
/// Ways into `first_call`, which have the first slots and stand in front of the stubs.
const WAYS: usize = 2;
/// Room for machine code: this many bytes for each byte of WebAssembly, and for each function. What does not fit is
/// entered when the whole module is there.
const ROOM_FOR_BYTE: usize = 24;
const ROOM_FOR_FUNC: usize = 512;

pub struct LazyText {
    space: CodeSpace,
    funcs: usize,
    /// In the order of their places, which is the order in which they were put there. Each function twice at most.
    placed: Box<[OnceLock<Placed>]>,
    count: AtomicUsize,
    places: Mutex<Places>,
}

struct Places {
    writer: CodeWriter,
    /// Where the next function goes, in bytes from the code's start.
    next: usize,
    /// By function: where its code of the full tier is; 0 for none.
    full: Box<[usize]>,
    /// Everything is elsewhere.
    left: bool,
}

struct Placed {
    start: usize,
    code: ModuleCode,
}

impl LazyText {
    /// Stubs for all functions of `source`; `first_call` is what they jump to at first, with the function's index in `eax`: where
    /// the context is the first argument, and where it is the second.
    pub fn new(source: &Source, first_call: [VmCode; WAYS]) -> Result<Arc<LazyText>> {
        let funcs = source.info.bodies.len();
        let stubs = ((WAYS + funcs) * STUB).next_multiple_of(ALIGN);
        let bytes: usize = source.info.bodies.values().map(|b| b.len()).sum();
        let room = (bytes.saturating_mul(ROOM_FOR_BYTE).saturating_add(funcs * ROOM_FOR_FUNC)).min(MAX_LAZY_TEXT);
        let (space, writer) = CodeSpace::new((WAYS + funcs) * size_of::<usize>(), stubs + room)
            .map_err(|e| no_code("machine code", e))?;
        let text = LazyText {
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
            code.extend_from_slice(&text.jump_through(WAYS + i.index(), at));
            // mov eax, i; jmp way
            code.push(0xb8);
            code.extend_from_slice(&i.as_u32().to_le_bytes());
            code.push(0xe9);
            code.extend_from_slice(&(way as i32 - (at + STUB) as i32).to_le_bytes());
            text.func_slot(i).store(text.address(at + 6).cast_mut(), Relaxed);
        }
        // SAFETY: nobody knows it yet.
        unsafe { text.places.lock().writer.write(0, &code) };
        let text = Arc::new(text);
        let start = text.space.code() as usize;
        registry::register_many(start, text.space.code_len(), Arc::as_ptr(&text));
        Ok(text)
    }

    /// `jmp [slot]`, for the place `at`.
    fn jump_through(&self, slot: usize, at: usize) -> [u8; 6] {
        let distance = (slot * size_of::<usize>()) as i64 - (self.space.data_len() + at + 6) as i64;
        let [a, b, c, d] = (distance as i32).to_le_bytes();
        [0xff, 0x25, a, b, c, d]
    }

    fn slot(&self, i: usize) -> &AtomicPtr<u8> {
        assert!(i < WAYS + self.funcs);
        // SAFETY: the data has room for a word for each way and function, aligned, and is only used as such. Machine code
        // reads them, too.
        unsafe { &*self.space.data().cast::<AtomicPtr<u8>>().add(i) }
    }

    fn func_slot(&self, f: DefinedFuncIndex) -> &AtomicPtr<u8> {
        self.slot(WAYS + f.index())
    }

    fn address(&self, at: usize) -> VmCode {
        self.space.code().wrapping_add(at)
    }

    fn stub_offset(&self, f: DefinedFuncIndex) -> usize {
        (WAYS + f.index()) * STUB
    }

    /// What always leads to the function.
    pub fn stub(&self, f: DefinedFuncIndex) -> VmCode {
        self.address(self.stub_offset(f))
    }

    /// Where the function is now, if it was entered before.
    pub fn entered(&self, f: DefinedFuncIndex) -> Option<VmCode> {
        let code = self.func_slot(f).load(Acquire).cast_const();
        (code != self.address(self.stub_offset(f) + 6)).then_some(code)
    }

    /// From now on calls arrive at these places.
    pub fn enter_all_at(&self, code: impl Fn(DefinedFuncIndex) -> VmCode) {
        let mut places = self.places.lock();
        places.left = true;
        (0..self.funcs).map(DefinedFuncIndex::new).for_each(|f| self.enter_at(f, code(f)));
    }

    fn enter_at(&self, f: DefinedFuncIndex, code: VmCode) {
        self.func_slot(f).store(code.cast_mut(), Release);
    }

    /// Puts a function's code there, and lets calls arrive at it, unless there is better code already. Gives where calls arrive;
    /// `None` when there is no room.
    pub fn place(
        &self,
        source: &Arc<Source>,
        f: DefinedFuncIndex,
        tier: Tier,
        func: &CompiledFunc,
    ) -> Result<Option<VmCode>> {
        let mut places = self.places.lock();
        if let Some(code) = self.entered(f)
            && (tier == Tier::AtOnce || places.left || places.full[f.index()] != 0)
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
        // What was made at once calls through stubs, and so arrives at full code as soon as there is some.
        let mut code = func.relocate_alone(start, |callee| match places.full[callee.index()] {
            _ if tier == Tier::AtOnce => self.stub_offset(callee),
            _ if callee == f => start,
            0 => self.stub_offset(callee),
            at => at,
        })?;
        // SAFETY: behind everything that was placed; the lock is held.
        unsafe { places.writer.write(start, &std::mem::take(&mut code.text)) };
        places.next = (start + func.len()).next_multiple_of(ALIGN);
        if tier == Tier::Full {
            places.full[f.index()] = start;
        }
        let n = self.count.load(Relaxed);
        let placed = Placed { start, code: ModuleCode::new(source, f, code.into()) };
        assert!(self.placed[n].set(placed).is_ok(), "each function is placed once for each tier");
        self.count.store(n + 1, Release);
        self.enter_at(f, self.address(start));
        Ok(Some(self.address(start)))
    }

    /// The code at an offset from the start, and the offset in it. Async-signal-safe.
    pub fn find(&self, offset: usize) -> Option<(&ModuleCode, usize)> {
        let placed = &self.placed[..self.count.load(Acquire)];
        let start = |p: &OnceLock<Placed>| p.get().map_or(usize::MAX, |p| p.start);
        let i = placed.partition_point(|p| start(p) <= offset).checked_sub(1)?;
        let found = placed[i].get()?;
        Some((&found.code, offset - found.start))
    }
}

impl Drop for LazyText {
    fn drop(&mut self) {
        registry::unregister(self.space.code() as usize, self.space.code_len());
    }
}
