//! Machine code of a module and what is needed to name an address in it.

use super::code_memory::{self, Owner};
use crate::abi::code::{Code, NO_OFFSET};
use crate::abi::vmstruct::VmCode;
use crate::base::index::*;
use crate::base::{Frame, Result, Trap};
use crate::err;
use crate::sys::mmap::Executable;
use crate::wasm::module::ModuleInfo;
use std::sync::Arc;

/// What a module is made from: its bytes, and what they declare.
pub struct Source {
    pub bytes: Box<[u8]>,
    pub info: ModuleInfo,
}

/// Tables of some of a module's functions, which stand one behind the other. Offsets count from the first one's start.
pub struct ModuleCode {
    source: Arc<Source>,
    /// The first of the functions.
    first: DefinedFuncIndex,
    code: Code,
}

/// All functions of a module, compiled and put together.
pub struct Linked {
    text: Executable,
    /// Boxed: the code directory holds its address.
    code: Box<ModuleCode>,
}

impl Linked {
    pub fn new(source: &Arc<Source>, mut code: Code) -> Result<Linked> {
        let text = Executable::new(&std::mem::take(&mut code.text))
            .map_err(|e| err!(OutOfMemory, "no memory for machine code: {e}"))?;
        let code = Box::new(ModuleCode::new(source, DefinedFuncIndex::new(0), code));
        code_memory::register(text.as_ptr() as usize, text.len(), Owner::Module(&*code));
        Ok(Linked { text, code })
    }

    /// The tables; its text is `text`.
    pub fn code(&self) -> &Code {
        &self.code.code
    }

    pub fn text(&self) -> &[u8] {
        self.text.as_slice()
    }

    /// The entry address of a function.
    pub fn func(&self, f: DefinedFuncIndex) -> VmCode {
        self.text.as_ptr().wrapping_add(self.code.code.funcs[f.index()].start as usize)
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        code_memory::unregister(self.text.as_ptr() as usize, self.text.len());
    }
}

impl ModuleCode {
    pub fn new(source: &Arc<Source>, first: DefinedFuncIndex, code: Code) -> ModuleCode {
        ModuleCode { source: source.clone(), first, code }
    }

    /// A function's place among those here.
    fn func_at(&self, offset: u32) -> Option<usize> {
        self.code.funcs.partition_point(|f| f.start <= offset).checked_sub(1)
    }

    /// The trap of a faulting instruction. Async-signal-safe.
    pub fn trap_at(&self, offset: u32) -> Option<Trap> {
        let i = self.code.traps.binary_search_by_key(&offset, |t| t.at).ok()?;
        Trap::from_u8(self.code.traps[i].trap as u8)
    }

    /// Where the frame that returns to `offset` keeps its instance's context, in bytes below the frame pointer.
    pub fn vmctx_below_fp(&self, offset: u32) -> Option<usize> {
        let f = &self.code.funcs[self.func_at(offset - 1)?];
        (f.vmctx_below_fp != 0).then_some(f.vmctx_below_fp as usize)
    }

    /// Where the frame that returns to `offset` keeps references, and its context, in bytes below the frame pointer.
    pub fn stack_map(&self, offset: u32) -> Option<(&[u32], usize)> {
        let i = self.code.stack_maps.binary_search_by_key(&offset, |m| m.return_at).ok()?;
        let m = &self.code.stack_maps[i];
        let slots = &self.code.stack_slots[m.first as usize..(m.first + m.count) as usize];
        Some((slots, self.vmctx_below_fp(offset)?))
    }

    /// Names the frame whose return address, or faulting instruction, is at `offset`.
    pub fn describe(&self, offset: u32) -> Option<Frame> {
        let call = self.code.calls.binary_search_by_key(&offset, |c| c.return_at);
        let trap = self.code.traps.binary_search_by_key(&offset, |t| t.at);
        let (wasm_offset, inside) = match (call, trap) {
            // A return address belongs to the instruction before it, which may be the last one of its function.
            (Ok(i), _) => (self.code.calls[i].wasm_offset, offset - 1),
            (_, Ok(i)) => (self.code.traps[i].wasm_offset, offset),
            _ => (NO_OFFSET, offset),
        };
        let defined = DefinedFuncIndex::new(self.first.index() + self.func_at(inside)?);
        let info = &self.source.info;
        let func = info.func_index(defined);
        let module_offset = (wasm_offset != NO_OFFSET).then_some(wasm_offset);
        let body = info.bodies[defined].start as u32;
        Some(Frame {
            module: info.names.module().map(Into::into),
            func_index: func.as_u32(),
            func_name: info.func_name(func).map(Into::into),
            module_offset,
            func_offset: module_offset.and_then(|o| o.checked_sub(body)),
        })
    }
}
