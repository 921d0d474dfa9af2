//! The artifact: a module's machine code and its tables. It is position-independent and contains no addresses. The
//! tables are plain arrays, so that they can be saved and mapped.

use crate::sys::mapped_slice::Plain;

/// A function's machine code. Ranges of functions are sorted by `start` and do not overlap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct FuncCode {
    /// Byte offset in the text.
    pub start: u32,
    /// Bytes.
    pub len: u32,
    /// Where the frame keeps its instance's context, in bytes below the frame pointer. 0 if the frame does not keep it:
    /// a function that calls nothing outside its instance and holds no references to objects does not. Bit 0 of that
    /// word belongs to the collector: it is 0 when the function starts.
    pub vmctx_below_fp: u32,
}

/// An instruction that can fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct TrapSite {
    /// Byte offset in the text of the faulting instruction.
    pub at: u32,
    /// Byte offset in the module of the WebAssembly instruction; `NO_OFFSET` if unknown.
    pub wasm_offset: u32,
    /// A number of `Trap`.
    pub trap: u32,
}

/// A call in machine code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct CallSite {
    /// Byte offset in the text of the return address.
    pub return_at: u32,
    /// Byte offset in the module of the WebAssembly instruction; `NO_OFFSET` if unknown.
    pub wasm_offset: u32,
}

/// A call during which objects can move: where its frame keeps references.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct StackMap {
    /// Byte offset in the text of the return address.
    pub return_at: u32,
    /// The index in `stack_parts` of the part that lists them.
    pub part: u32,
}

/// Frame slots that hold references. Consecutive calls mostly hold the same references: separate lists would make the
/// tables grow with the product of calls and references.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct StackPart {
    /// Its slots are `stack_slots[first..first + count]`, and those of another part.
    pub first: u32,
    pub count: u32,
    /// The other part, which comes before this one; `NO_PART` if there is none.
    pub below: u32,
}

/// No part of a stack map.
pub const NO_PART: u32 = u32::MAX;

/// The slots of one stack map.
#[derive(Clone, Copy)]
pub struct StackSlots<'a> {
    pub parts: &'a [StackPart],
    pub slots: &'a [u32],
    pub part: u32,
}

impl<'a> StackSlots<'a> {
    /// In bytes below the frame pointer.
    pub fn iter(self) -> impl Iterator<Item = u32> + use<'a> {
        let part = move |p: u32| self.parts.get(p as usize);
        let chain = std::iter::successors(part(self.part), move |p| part(p.below));
        chain.flat_map(move |p| &self.slots[p.first as usize..(p.first + p.count) as usize]).copied()
    }
}

/// A call whose exceptions are caught in the calling function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct TrySite {
    /// Byte offset in the text of the return address.
    pub return_at: u32,
    /// The stack pointer at the handlers, in bytes below the frame pointer.
    pub sp_below_fp: u32,
    /// Its handlers are `handlers[first..first + count]`, innermost first.
    pub first: u32,
    pub count: u32,
}

/// A handler of exceptions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Handler {
    /// The index in the module of the tag that it catches, or `CATCH_ALL`.
    pub tag: u32,
    /// Byte offset in the text where execution continues, with the exception in the first payload register.
    pub at: u32,
}

/// Catches exceptions of every tag.
pub const CATCH_ALL: u32 = u32::MAX;

pub const NO_OFFSET: u32 = u32::MAX;

/// A compiled module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Code {
    pub text: Vec<u8>,
    /// By defined function index.
    pub funcs: Vec<FuncCode>,
    /// Sorted by `at`.
    pub traps: Vec<TrapSite>,
    /// Sorted by `return_at`.
    pub calls: Vec<CallSite>,
    /// Sorted by `return_at`.
    pub stack_maps: Vec<StackMap>,
    pub stack_parts: Vec<StackPart>,
    /// The slots of the parts, in bytes below the frame pointer.
    pub stack_slots: Vec<u32>,
    /// Sorted by `return_at`.
    pub tries: Vec<TrySite>,
    pub handlers: Vec<Handler>,
    /// Whether the code reads the heap's base. If so, the heap must exist before the code runs.
    pub uses_heap: bool,
}

/// The trampolines between the host's convention and `tail`, for function types of one shape: two or three consecutive
/// functions. The first four fields are byte offsets in the text, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct TrampolineCode {
    /// Host to WebAssembly, `extern "C" fn(vmctx, code, slots, activation) -> bool`: false after a trap or host error.
    pub entry: u32,
    /// WebAssembly to host (`VmHostFunc`), `tail` convention.
    pub exit: u32,
    /// The same for `VmHostFunc::raw`; 0 if the type has references.
    pub raw_exit: u32,
    /// The end of the last function.
    pub end: u32,
    /// Where a raised trap continues in the entry: an offset in the text, and the distance of the stack pointer below
    /// the frame pointer.
    pub handler: u32,
    pub handler_sp_offset: u32,
    /// Where the entry's frame keeps the `Activation`'s address, in bytes below its frame pointer.
    pub activation_below_fp: u32,
    /// Where the frame of `raw_exit` keeps its `VmHostFunc`, in bytes below its frame pointer.
    pub raw_host_below_fp: u32,
}

/// The trampolines of many shapes, in one text.
#[derive(Clone, Debug, Default)]
pub struct Trampolines {
    pub text: Vec<u8>,
    pub codes: Vec<TrampolineCode>,
}

/// Functions of trampolines start at multiples of this in the text.
pub const TRAMPOLINE_ALIGN: usize = 16;

impl Trampolines {
    /// Appends a single trampoline. Returns its index.
    pub fn append(&mut self, one: &Trampolines) -> u32 {
        self.text.resize(self.text.len().next_multiple_of(TRAMPOLINE_ALIGN), 0);
        let by = self.text.len() as u32;
        self.text.extend_from_slice(&one.text);
        self.codes.extend(one.codes.iter().map(|c| c.moved(by)));
        self.codes.len() as u32 - 1
    }
}

impl TrampolineCode {
    fn moved(self, by: u32) -> TrampolineCode {
        let raw_exit = if self.raw_exit == 0 { 0 } else { self.raw_exit + by };
        let [entry, exit, end, handler] = [self.entry, self.exit, self.end, self.handler].map(|at| at + by);
        TrampolineCode { entry, exit, raw_exit, end, handler, ..self }
    }
}

/// The index of a type that has no trampoline.
pub const NO_TRAMPOLINE: u32 = u32::MAX;

// SAFETY: all fields are 32-bit numbers (invariant S5).
unsafe impl Plain for FuncCode {}
// SAFETY: as above.
unsafe impl Plain for TrapSite {}
// SAFETY: as above.
unsafe impl Plain for CallSite {}
// SAFETY: as above.
unsafe impl Plain for StackMap {}
// SAFETY: as above.
unsafe impl Plain for StackPart {}
// SAFETY: as above.
unsafe impl Plain for TrySite {}
// SAFETY: as above.
unsafe impl Plain for Handler {}
// SAFETY: as above.
unsafe impl Plain for TrampolineCode {}
