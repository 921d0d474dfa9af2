//! Machine code of a module, and the tables that describe an address in it.

use crate::abi::code::*;
use crate::abi::vmstruct::VmCode;
use crate::base::index::*;
use crate::base::{Frame, Result, Trap};
use crate::engine::code::no_code::no_code;
use crate::engine::code::registry::{self, CodeOwner};
use crate::engine::pooling::image::Images;
use crate::sys::mapped_slice::Shared;
use crate::sys::mmap::Executable;
use crate::wasm::module::ModuleInfo;
use std::sync::Arc;

/// The source of a module: its bytes, and what they declare.
pub struct Source {
    pub bytes: Shared<u8>,
    pub info: ModuleInfo,
    pub images: Images,
}

impl Source {
    pub fn new(bytes: &[u8], info: ModuleInfo) -> Arc<Source> {
        Arc::new(Source { images: Images::new(&info, bytes), bytes: bytes.to_vec().into(), info })
    }
}

/// Tables of consecutive functions of a module, whose code is contiguous. Offsets are relative to the start of the
/// first function.
pub struct CodeTables {
    source: Arc<Source>,
    /// The first of the functions.
    first: DefinedFuncIndex,
    tables: Tables,
}

/// The tables of a `Code`.
pub struct Tables {
    pub funcs: Shared<FuncCode>,
    pub traps: Shared<TrapSite>,
    pub calls: Shared<CallSite>,
    pub stack_maps: Shared<StackMap>,
    pub stack_parts: Shared<StackPart>,
    pub stack_slots: Shared<u32>,
    pub tries: Shared<TrySite>,
    pub handlers: Shared<Handler>,
}

impl From<Code> for Tables {
    fn from(code: Code) -> Tables {
        Tables {
            funcs: code.funcs.into(),
            traps: code.traps.into(),
            calls: code.calls.into(),
            stack_maps: code.stack_maps.into(),
            stack_parts: code.stack_parts.into(),
            stack_slots: code.stack_slots.into(),
            tries: code.tries.into(),
            handlers: code.handlers.into(),
        }
    }
}

/// All functions of a module, compiled and linked.
pub struct LinkedModule {
    text: Executable,
    /// Boxed because the code directory stores its address.
    code: Box<CodeTables>,
    /// Whether code reads the heap's base. If so, the heap must exist before the code runs.
    pub uses_heap: bool,
}

impl LinkedModule {
    pub fn new(source: &Arc<Source>, mut code: Code) -> Result<LinkedModule> {
        let text = Executable::new(&std::mem::take(&mut code.text)).map_err(|e| no_code("machine code", e))?;
        let uses_heap = code.uses_heap;
        Ok(LinkedModule::of(source, text, code.into(), uses_heap))
    }

    /// Creates a linked module from a text and the tables that belong to it.
    pub fn of(source: &Arc<Source>, text: Executable, tables: Tables, uses_heap: bool) -> LinkedModule {
        let code = Box::new(CodeTables::new(source, DefinedFuncIndex::new(0), tables));
        registry::register(text.as_ptr() as usize, text.len(), CodeOwner::Module(&*code));
        LinkedModule { text, code, uses_heap }
    }

    pub fn source(&self) -> &Source {
        &self.code.source
    }

    pub fn tables(&self) -> &Tables {
        &self.code.tables
    }

    pub fn text(&self) -> &[u8] {
        self.text.as_slice()
    }

    /// The entry address of a function.
    pub fn func(&self, f: DefinedFuncIndex) -> VmCode {
        self.text.as_ptr().wrapping_add(self.code.tables.funcs[f.index()].start as usize)
    }
}

impl Drop for LinkedModule {
    fn drop(&mut self) {
        registry::unregister(self.text.as_ptr() as usize, self.text.len());
    }
}

/// The call sites of a module that have exception handlers.
#[derive(Clone, Copy)]
pub struct Catches<'a> {
    tries: &'a [TrySite],
    handlers: &'a [Handler],
}

impl<'a> Catches<'a> {
    /// The handlers of the call whose return address is `offset`.
    #[inline(always)]
    pub fn at(self, offset: u32) -> Option<(&'a TrySite, &'a [Handler])> {
        let i = self.tries.binary_search_by_key(&offset, |t| t.return_at).ok()?;
        let t = &self.tries[i];
        Some((t, &self.handlers[t.first as usize..(t.first + t.count) as usize]))
    }
}

impl CodeTables {
    pub fn new(source: &Arc<Source>, first: DefinedFuncIndex, tables: Tables) -> CodeTables {
        CodeTables { source: source.clone(), first, tables }
    }

    /// The position in `funcs` of the function that contains `offset`.
    fn func_at(&self, offset: u32) -> Option<usize> {
        self.tables.funcs.partition_point(|f| f.start <= offset).checked_sub(1)
    }

    /// The start of the function that contains `offset`. Async-signal-safe.
    pub fn func_start(&self, offset: u32) -> Option<u32> {
        Some(self.tables.funcs[self.func_at(offset)?].start)
    }

    /// The trap of a faulting instruction. Async-signal-safe.
    pub fn trap_at(&self, offset: u32) -> Option<Trap> {
        let i = self.tables.traps.binary_search_by_key(&offset, |t| t.at).ok()?;
        Trap::from_u8(self.tables.traps[i].trap as u8)
    }

    /// The place of the context in the frame that returns to `offset`, in bytes below the frame pointer.
    pub fn vmctx_below_fp(&self, offset: u32) -> Option<usize> {
        let f = &self.tables.funcs[self.func_at(offset - 1)?];
        (f.vmctx_below_fp != 0).then_some(f.vmctx_below_fp as usize)
    }

    /// The places of references and of the context in the frame that returns to `offset`, in bytes below the frame pointer.
    pub fn stack_map(&self, offset: u32) -> Option<(StackSlots<'_>, usize)> {
        let i = self.tables.stack_maps.binary_search_by_key(&offset, |m| m.return_at).ok()?;
        let part = self.tables.stack_maps[i].part;
        let slots = StackSlots { parts: &self.tables.stack_parts, slots: &self.tables.stack_slots, part };
        Some((slots, self.vmctx_below_fp(offset)?))
    }

    /// The call sites that have exception handlers.
    pub fn catches(&self) -> Catches<'_> {
        Catches { tries: &self.tables.tries, handlers: &self.tables.handlers }
    }

    /// Bytes from the start of the first function to the end of the last one.
    pub fn len(&self) -> u32 {
        self.tables.funcs.last().map_or(0, |f| f.start + f.len)
    }

    /// Names the frame at `offset`, which is the first byte of a faulting instruction or the last byte of a call.
    pub fn describe(&self, offset: u32) -> Option<Frame> {
        let call = self.tables.calls.binary_search_by_key(&(offset + 1), |c| c.return_at);
        let trap = self.tables.traps.binary_search_by_key(&offset, |t| t.at);
        let wasm_offset = match (trap, call) {
            (Ok(i), _) => self.tables.traps[i].wasm_offset,
            (_, Ok(i)) => self.tables.calls[i].wasm_offset,
            _ => NO_OFFSET,
        };
        let defined = DefinedFuncIndex::new(self.first.index() + self.func_at(offset)?);
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
