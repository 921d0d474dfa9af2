//! Machine code of a module and what is needed to name an address in it.

use crate::abi::code::*;
use crate::abi::vmstruct::VmCode;
use crate::base::index::*;
use crate::base::{Frame, Result, Trap};
use crate::engine::code::no_code::no_code;
use crate::engine::code::registry::{self, Owner};
use crate::engine::pooling::image::Images;
use crate::sys::mmap::Executable;
use crate::sys::shared::Shared;
use crate::wasm::module::ModuleInfo;
use std::sync::Arc;

/// What a module is made from: its bytes, and what they declare.
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

/// Tables of some of a module's functions, which stand one behind the other. Offsets count from the first one's start.
pub struct ModuleCode {
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

/// All functions of a module, compiled and put together.
pub struct Linked {
    text: Executable,
    /// Boxed: the code directory holds its address.
    code: Box<ModuleCode>,
    /// Whether code looks at the heap's base, which then must be there before it runs.
    pub uses_heap: bool,
}

impl Linked {
    pub fn new(source: &Arc<Source>, mut code: Code) -> Result<Linked> {
        let text = Executable::new(&std::mem::take(&mut code.text)).map_err(|e| no_code("machine code", e))?;
        let uses_heap = code.uses_heap;
        Ok(Linked::of(source, text, code.into(), uses_heap))
    }

    /// From tables that belong to the text.
    pub fn of(source: &Arc<Source>, text: Executable, tables: Tables, uses_heap: bool) -> Linked {
        let code = Box::new(ModuleCode::new(source, DefinedFuncIndex::new(0), tables));
        registry::register(text.as_ptr() as usize, text.len(), Owner::Module(&*code));
        Linked { text, code, uses_heap }
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

impl Drop for Linked {
    fn drop(&mut self) {
        registry::unregister(self.text.as_ptr() as usize, self.text.len());
    }
}

/// The calls of a module whose exceptions are caught where they were called.
#[derive(Clone, Copy)]
pub struct Catches<'a> {
    tries: &'a [TrySite],
    handlers: &'a [Handler],
}

impl<'a> Catches<'a> {
    /// The handlers of the call that returns at `offset`.
    #[inline(always)]
    pub fn at(self, offset: u32) -> Option<(&'a TrySite, &'a [Handler])> {
        let i = self.tries.binary_search_by_key(&offset, |t| t.return_at).ok()?;
        let t = &self.tries[i];
        Some((t, &self.handlers[t.first as usize..(t.first + t.count) as usize]))
    }
}

impl ModuleCode {
    pub fn new(source: &Arc<Source>, first: DefinedFuncIndex, tables: Tables) -> ModuleCode {
        ModuleCode { source: source.clone(), first, tables }
    }

    /// A function's place among those here.
    fn func_at(&self, offset: u32) -> Option<usize> {
        self.tables.funcs.partition_point(|f| f.start <= offset).checked_sub(1)
    }

    /// Where the function around `offset` begins. Async-signal-safe.
    pub fn func_start(&self, offset: u32) -> Option<u32> {
        Some(self.tables.funcs[self.func_at(offset)?].start)
    }

    /// The trap of a faulting instruction. Async-signal-safe.
    pub fn trap_at(&self, offset: u32) -> Option<Trap> {
        let i = self.tables.traps.binary_search_by_key(&offset, |t| t.at).ok()?;
        Trap::from_u8(self.tables.traps[i].trap as u8)
    }

    /// Where the frame that returns to `offset` keeps its instance's context, in bytes below the frame pointer.
    pub fn vmctx_below_fp(&self, offset: u32) -> Option<usize> {
        let f = &self.tables.funcs[self.func_at(offset - 1)?];
        (f.vmctx_below_fp != 0).then_some(f.vmctx_below_fp as usize)
    }

    /// Where the frame that returns to `offset` keeps references, and its context, in bytes below the frame pointer.
    pub fn stack_map(&self, offset: u32) -> Option<(StackSlots<'_>, usize)> {
        let i = self.tables.stack_maps.binary_search_by_key(&offset, |m| m.return_at).ok()?;
        let part = self.tables.stack_maps[i].part;
        let slots = StackSlots { parts: &self.tables.stack_parts, slots: &self.tables.stack_slots, part };
        Some((slots, self.vmctx_below_fp(offset)?))
    }

    /// What is known of calls that catch.
    pub fn catches(&self) -> Catches<'_> {
        Catches { tries: &self.tables.tries, handlers: &self.tables.handlers }
    }

    /// Bytes from the first function's start to the last one's end.
    pub fn len(&self) -> u32 {
        self.tables.funcs.last().map_or(0, |f| f.start + f.len)
    }

    /// Names the frame whose faulting instruction begins, or whose call ends, with the byte at `offset`.
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
