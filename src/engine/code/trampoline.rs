//! The trampolines between the host and WebAssembly. There is one for each function type, and it is stored with the
//! type. Its machine code is compiled when the type is first used, or is a part of a saved module.

use crate::abi::code::{TrampolineCode, Trampolines};
use crate::abi::vmstruct::{Activation, VmCode, VmHeader, VmHostFunc, VmSlot};
use crate::engine::code::registry::{self, CodeOwner};
use crate::sys::frame_info::{FrameInfo, Personality};
use crate::sys::mmap::Executable;
use crate::wasm::types::FuncType;
use std::io;
use std::sync::Arc;

/// The machine code of trampolines, in executable memory. It owns its pages, since a type may outlive the module that
/// declared it.
pub struct TrampolineText {
    text: Executable,
    /// Sorted by their places in the text.
    codes: Box<[TrampolineCode]>,
    /// Unwind information for every `raw_exit`.
    _frames: Option<FrameInfo>,
}

impl TrampolineText {
    pub fn new(made: Trampolines, personality: Personality) -> io::Result<Arc<TrampolineText>> {
        Ok(TrampolineText::of(Executable::new(&made.text)?, made.codes.into(), personality))
    }

    /// Creates trampolines from code in executable memory, which `codes` describes.
    pub fn of(text: Executable, codes: Box<[TrampolineCode]>, personality: Personality) -> Arc<TrampolineText> {
        let start = text.as_ptr() as usize;
        let raw = codes.iter().filter(|c| c.raw_exit != 0);
        let raw: Vec<_> = raw.map(|c| start + c.raw_exit as usize..start + c.end as usize).collect();
        // SAFETY: these are functions that keep frame pointers, as all machine code does (invariant E2).
        let frames = (!raw.is_empty()).then(|| unsafe { FrameInfo::new(&raw, personality) });
        let t = Arc::new(TrampolineText { text, codes, _frames: frames });
        registry::register(start, t.text.len(), CodeOwner::Trampolines(Arc::as_ptr(&t)));
        t
    }

    /// The trampoline that contains an offset.
    fn at(&self, offset: usize) -> Option<&TrampolineCode> {
        let i = self.codes.partition_point(|c| c.entry as usize <= offset).checked_sub(1)?;
        self.codes.get(i)
    }

    /// The activation of the entry frame `fp`, whose code is at `offset` of this text. `None` if that code is not an
    /// entry. Async-signal-safe.
    ///
    /// # Safety
    /// `fp` must be the frame pointer of a live frame at `offset`.
    pub unsafe fn activation(&self, offset: usize, fp: usize) -> Option<*mut Activation> {
        let code = self.at(offset).filter(|c| offset < c.exit as usize)?;
        // SAFETY: the entry function stores the activation at this place of its frame (invariant E2).
        Some(unsafe { *((fp - code.activation_below_fp as usize) as *const *mut Activation) })
    }

    /// The host function that a frame of a `raw_exit` has called.
    ///
    /// # Safety
    /// `fp` must be the frame pointer of a live frame of a `raw_exit` at `offset`.
    pub unsafe fn raw_host(&self, offset: usize, fp: usize) -> Option<*const VmHostFunc> {
        let code = self.at(offset)?;
        // SAFETY: the `raw_exit` stores the function at this place of its frame (invariant E2).
        Some(unsafe { *((fp - code.raw_host_below_fp as usize) as *const *const VmHostFunc) })
    }
}

impl Drop for TrampolineText {
    fn drop(&mut self) {
        registry::unregister(self.text.as_ptr() as usize, self.text.len());
    }
}

/// The entry and exit trampolines of one function type.
pub struct Trampoline {
    pub ty: Arc<FuncType>,
    text: Arc<TrampolineText>,
    code: TrampolineCode,
}

/// `fn(vmctx, code, slots, activation) -> bool`. Returns false after a trap or a host error.
pub type EntryFn = unsafe extern "C" fn(*mut VmHeader, VmCode, *mut VmSlot, *mut Activation) -> bool;

impl Trampoline {
    /// The trampoline at a place of `text`, which was compiled for types with the shape of `ty`.
    pub fn new(text: &Arc<TrampolineText>, place: usize, ty: &Arc<FuncType>) -> Arc<Trampoline> {
        Arc::new(Trampoline { ty: ty.clone(), code: text.codes[place], text: text.clone() })
    }

    fn start(&self) -> usize {
        self.text.text.as_ptr() as usize
    }

    fn entry(&self) -> EntryFn {
        // SAFETY: the compiler put a function of exactly this type at this offset (invariant E2).
        unsafe { std::mem::transmute::<usize, EntryFn>(self.start() + self.code.entry as usize) }
    }

    /// The code of a host function's funcref. `raw` selects the code that calls the host function directly; its type
    /// must have no references then.
    pub fn exit(&self, raw: bool) -> VmCode {
        debug_assert!(!raw || self.code.raw_exit != 0);
        (self.start() + if raw { self.code.raw_exit } else { self.code.exit } as usize) as VmCode
    }
}

/// The facts that a call needs from its type's trampoline, which lives as long as the function.
#[derive(Clone, Copy)]
pub struct EntryInfo {
    pub entry: EntryFn,
    pub handler_pc: usize,
    pub handler_sp_offset: usize,
    /// The number of slots that a call needs.
    pub slots: u32,
    pub has_references: bool,
}

impl EntryInfo {
    pub fn of(t: &Trampoline) -> EntryInfo {
        EntryInfo {
            entry: t.entry(),
            handler_pc: t.start() + t.code.handler as usize,
            handler_sp_offset: t.code.handler_sp_offset as usize,
            slots: t.ty.params().len().max(t.ty.results().len()) as u32,
            has_references: t.ty.has_references(),
        }
    }
}
