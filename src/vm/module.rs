//! A compiled module: what it declares, its code in executable memory, and the bytes its segments come from.

use super::code_memory::{self, Owner};
use super::engine::Engine;
use super::image::Images;
use super::template::Template;
use crate::abi::code::{Code, NO_OFFSET};
use crate::abi::layout::ContextLayout;
use crate::abi::vmstruct::VmCode;
use crate::base::index::*;
use crate::base::{Frame, Result, Trap};
use crate::err;
use crate::sys::mmap::Executable;
use crate::wasm::decode;
use crate::wasm::module::{GlobalDecl, ModuleInfo};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

pub struct Module {
    pub engine: Arc<Engine>,
    pub bytes: Box<[u8]>,
    pub layout: ContextLayout,
    pub(super) template: Template,
    pub(super) offers: AtomicUsize,
    pub images: Images,
    /// Its own globals that hold references to objects.
    pub ref_globals: Box<[DefinedGlobalIndex]>,
    /// Boxed: the code directory holds its address.
    code: Box<ModuleCode>,
}

/// Machine code and what is needed to name an address in it.
pub struct ModuleCode {
    text: Executable,
    code: Code,
    info: ModuleInfo,
}

impl Module {
    /// Validates and compiles a binary module.
    pub fn new(engine: &Arc<Engine>, bytes: &[u8]) -> Result<Module> {
        let decoded = decode::decode(bytes, &engine.types)?;
        let code = engine.compiler.module(&decoded.info, bytes, decoded.bodies, engine.types.view())?;
        Module::from_parts(engine, bytes, decoded.info, code)
    }

    /// A module from code that was compiled before, for these very bytes.
    pub fn from_parts(engine: &Arc<Engine>, bytes: &[u8], info: ModuleInfo, mut code: Code) -> Result<Module> {
        let text = Executable::new(&std::mem::take(&mut code.text))
            .map_err(|e| err!(OutOfMemory, "no memory for machine code: {e}"))?;
        let images = Images::new(&info, bytes);
        let layout = ContextLayout::new(&info);
        let template = Template::new(engine, &info, &layout);
        let is_ref = |(g, decl): (GlobalIndex, &GlobalDecl)| info.defined_global(g).filter(|_| decl.ty.content.is_gc());
        let ref_globals: Box<[_]> = info.globals.iter().filter_map(is_ref).collect();
        let code = Box::new(ModuleCode { text, code, info });
        code_memory::register(code.text.as_ptr() as usize, code.text.len(), Owner::Module(&*code));
        Ok(Module {
            engine: engine.clone(),
            bytes: bytes.into(),
            layout,
            template,
            offers: AtomicUsize::new(0),
            images,
            ref_globals,
            code,
        })
    }

    pub fn info(&self) -> &ModuleInfo {
        &self.code.info
    }

    /// The tables that belong to the code; its text is `text`.
    pub fn code(&self) -> &Code {
        &self.code.code
    }

    pub fn text(&self) -> &[u8] {
        self.code.text.as_slice()
    }

    /// As `func_code`, for many functions.
    pub fn func_codes(&self) -> impl Fn(DefinedFuncIndex) -> VmCode + '_ {
        let (text, funcs) = (self.code.text.as_ptr(), &self.code.code.funcs[..]);
        move |f| text.wrapping_add(funcs[f.index()].start as usize)
    }

    /// The entry address of a function with a body.
    pub fn func_code(&self, f: DefinedFuncIndex) -> VmCode {
        let start = self.code.code.funcs[f.index()].start as usize;
        self.code.text.as_ptr().wrapping_add(start)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        self.engine.pool.forget(&self.images);
        code_memory::unregister(self.code.text.as_ptr() as usize, self.code.text.len());
    }
}

impl ModuleCode {
    fn func_at(&self, offset: u32) -> Option<DefinedFuncIndex> {
        let i = self.code.funcs.partition_point(|f| f.start <= offset).checked_sub(1)?;
        Some(DefinedFuncIndex::new(i))
    }

    /// The trap of a faulting instruction. Async-signal-safe.
    pub fn trap_at(&self, offset: u32) -> Option<Trap> {
        let i = self.code.traps.binary_search_by_key(&offset, |t| t.at).ok()?;
        Trap::from_u8(self.code.traps[i].trap as u8)
    }

    /// Where the frame that returns to `offset` keeps its instance's context, in bytes below the frame pointer.
    pub fn vmctx_below_fp(&self, offset: u32) -> Option<usize> {
        let f = &self.code.funcs[self.func_at(offset - 1)?.index()];
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
        let defined = self.func_at(inside)?;
        let func = self.info.func_index(defined);
        let module_offset = (wasm_offset != NO_OFFSET).then_some(wasm_offset);
        let body = self.info.bodies[defined].start as u32;
        Some(Frame {
            module: self.info.names.module().map(Into::into),
            func_index: func.as_u32(),
            func_name: self.info.func_name(func).map(Into::into),
            module_offset,
            func_offset: module_offset.and_then(|o| o.checked_sub(body)),
        })
    }
}
