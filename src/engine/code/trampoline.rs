//! The ways between the host and WebAssembly, one for each function type, kept with the type. Their machine code is compiled when the
//! type is first used, or is a part of a saved module.

use crate::abi::code::{TrampolineCode, Trampolines};
use crate::abi::vmstruct::{Activation, VmCode, VmHeader, VmHostFunc, VmSlot};
use crate::engine::code::registry::{self, Owner};
use crate::sys::frame_info::{FrameInfo, Personality};
use crate::sys::mmap::Executable;
use crate::wasm::types::FuncType;
use std::io;
use std::sync::Arc;

/// Machine code of trampolines, in place. It owns its pages, since a type may outlive the module that has brought it.
pub struct TrampolineText {
    text: Executable,
    /// In the order of their places.
    codes: Box<[TrampolineCode]>,
    /// Of every `raw_exit`.
    _frames: Option<FrameInfo>,
}

impl TrampolineText {
    pub fn new(made: Trampolines, personality: Personality) -> io::Result<Arc<TrampolineText>> {
        Ok(TrampolineText::of(Executable::new(&made.text)?, made.codes.into(), personality))
    }

    /// From code in place, which is what `codes` say. `personality` is that of frames that call functions of the host.
    pub fn of(text: Executable, codes: Box<[TrampolineCode]>, personality: Personality) -> Arc<TrampolineText> {
        let start = text.as_ptr() as usize;
        let raw = codes.iter().filter(|c| c.raw_exit != 0);
        let raw: Vec<_> = raw.map(|c| start + c.raw_exit as usize..start + c.end as usize).collect();
        // SAFETY: functions that keep frame pointers, as all machine code does.
        let frames = (!raw.is_empty()).then(|| unsafe { FrameInfo::new(&raw, personality) });
        let t = Arc::new(TrampolineText { text, codes, _frames: frames });
        registry::register(start, t.text.len(), Owner::Trampolines(Arc::as_ptr(&t)));
        t
    }

    /// The trampoline around an offset.
    fn at(&self, offset: usize) -> Option<&TrampolineCode> {
        let i = self.codes.partition_point(|c| c.entry as usize <= offset).checked_sub(1)?;
        self.codes.get(i)
    }

    /// The activation of an entry frame of one of these. `offset` is where in the text that frame is. Async-signal-safe.
    ///
    /// # Safety
    /// `fp` must be the frame pointer of a live frame at `offset`.
    pub unsafe fn activation(&self, offset: usize, fp: usize) -> Option<*mut Activation> {
        let code = self.at(offset).filter(|c| offset < c.exit as usize)?;
        // SAFETY: the entry function keeps the activation at this place of its frame.
        Some(unsafe { *((fp - code.activation_below_fp as usize) as *const *mut Activation) })
    }

    /// The function that a frame of a `raw_exit` has called.
    ///
    /// # Safety
    /// `fp` is the frame pointer of a live frame of a `raw_exit` at `offset`.
    pub unsafe fn raw_host(&self, offset: usize, fp: usize) -> Option<*const VmHostFunc> {
        let code = self.at(offset)?;
        // SAFETY: it keeps the function at this place of its frame.
        Some(unsafe { *((fp - code.raw_host_below_fp as usize) as *const *const VmHostFunc) })
    }
}

impl Drop for TrampolineText {
    fn drop(&mut self) {
        registry::unregister(self.text.as_ptr() as usize, self.text.len());
    }
}

/// The way in and the way out for one function type.
pub struct Trampoline {
    pub ty: Arc<FuncType>,
    text: Arc<TrampolineText>,
    code: TrampolineCode,
}

/// `fn(vmctx, code, slots, activation) -> bool`, false after a trap or host error.
pub type EntryFn = unsafe extern "C" fn(*mut VmHeader, VmCode, *mut VmSlot, *mut Activation) -> bool;

impl Trampoline {
    /// The one at a place of `text`, which was made for types of this one's shape.
    pub fn new(text: &Arc<TrampolineText>, place: usize, ty: &Arc<FuncType>) -> Arc<Trampoline> {
        Arc::new(Trampoline { ty: ty.clone(), code: text.codes[place], text: text.clone() })
    }

    fn start(&self) -> usize {
        self.text.text.as_ptr() as usize
    }

    fn entry(&self) -> EntryFn {
        // SAFETY: the compiler put a function of exactly this type at this offset.
        unsafe { std::mem::transmute::<usize, EntryFn>(self.start() + self.code.entry as usize) }
    }

    /// The code of a host function's funcref; `raw`: of one that is called without a detour, whose type has no references.
    pub fn exit(&self, raw: bool) -> VmCode {
        debug_assert!(!raw || self.code.raw_exit != 0);
        (self.start() + if raw { self.code.raw_exit } else { self.code.exit } as usize) as VmCode
    }
}

/// What a call needs of the trampoline of its type, which is kept as long as the function is there.
#[derive(Clone, Copy)]
pub struct Way {
    pub entry: EntryFn,
    pub handler_pc: usize,
    pub handler_sp_offset: usize,
    /// How many slots a call needs.
    pub slots: u32,
    pub has_references: bool,
}

impl Way {
    pub fn of(t: &Trampoline) -> Way {
        Way {
            entry: t.entry(),
            handler_pc: t.start() + t.code.handler as usize,
            handler_sp_offset: t.code.handler_sp_offset as usize,
            slots: t.ty.params().len().max(t.ty.results().len()) as u32,
            has_references: t.ty.has_references(),
        }
    }
}
