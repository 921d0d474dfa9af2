//! The structs that machine code reads and writes. `offset_of!` on them *is* the offset in machine code.

use super::heap::{RawRef, RefSlot};
use crate::wasm::registry::TypeId;
use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering::*};

/// One value at the host's boundary, wide enough for each type. Little-endian, the unused rest undefined.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub union VmSlot {
    pub i32: i32,
    pub i64: i64,
    /// Bits of an f32.
    pub f32: u32,
    /// Bits of an f64.
    pub f64: u64,
    pub v128: [u8; 16],
    /// Null, or a function.
    pub funcref: *mut VmFuncRef,
    /// Any other reference.
    pub gc: RawRef,
    /// Any other reference, where a host that works on slots has it: its handle.
    pub handle: [u64; 2],
}

impl VmSlot {
    pub const ZERO: VmSlot = VmSlot { v128: [0; 16] };
}

/// A code address. Calls it: `call_indirect` with the `tail` convention, its context as the first argument.
pub type VmCode = *const u8;

/// A code address that another thread may exchange for one that does the same.
#[repr(transparent)]
pub struct VmCodeCell(AtomicPtr<u8>);

impl VmCodeCell {
    pub const fn new(code: VmCode) -> VmCodeCell {
        VmCodeCell(AtomicPtr::new(code.cast_mut()))
    }
    pub fn get(&self) -> VmCode {
        self.0.load(Acquire).cast_const()
    }
    pub fn set(&self, code: VmCode) {
        self.0.store(code.cast_mut(), Release);
    }
}

/// What a non-null funcref points to. Lives as long as the instance or host function that owns it, and never moves.
#[repr(C)]
pub struct VmFuncRef {
    pub code: VmCodeCell,
    /// The callee's context: a `VmContext` or a `VmHostFunc`, which start alike.
    pub vmctx: *mut VmHeader,
    pub type_id: TypeId,
    /// The store's handle of this function plus one; 0 as long as the host has not asked for one.
    pub handle: u32,
    /// Its place in the store's list of functions that objects refer to; 0 as long as no object did.
    pub index: u32,
    /// Whose it is: the number of an instance of the store, or of a host function with `HOST_OWNER` set.
    pub owner: u32,
}

/// Says that a funcref's owner is a host function.
pub const HOST_OWNER: u32 = 1 << 31;

impl VmFuncRef {
    /// The number of the host function it belongs to, if it is one's.
    pub fn host_owner(&self) -> Option<u32> {
        (self.owner & HOST_OWNER != 0).then_some(self.owner & !HOST_OWNER)
    }
}

/// How the context of every callee begins.
#[repr(C)]
pub struct VmHeader {
    pub store: *mut VmStore,
}

/// An instance's context: this header, then the arrays that `abi::layout::ContextLayout` places behind it.
#[repr(C)]
pub struct VmContext {
    pub header: VmHeader,
    /// Addresses of the builtins, indexed by `abi::builtin::Builtin`.
    pub builtins: *const [*const u8; super::builtin::BUILTINS],
    /// How a null reference is stored in a table.
    pub null_func: *mut VmFuncRef,
    /// The runtime's own instance record; machine code does not look at it.
    pub instance: *mut (),
    /// The base of the store's heap. Null only as long as no machine code of this instance looks at it.
    pub heap: *mut u8,
    /// The engine's type descriptors.
    pub types: *const u8,
    /// The card of the instance's own globals that hold references to objects.
    pub global_card: u8,
}

/// The context of a function the host defined.
#[repr(C)]
pub struct VmHostFunc {
    pub header: VmHeader,
    /// Called by the exit trampoline with this context and the slots (arguments in, results out, in place). Does not return
    /// when the function fails.
    pub call: unsafe extern "C" fn(*mut VmHostFunc, *mut VmSlot),
    /// The host's own function, if it is called without a detour. Only of a type without references.
    pub raw: Option<RawCallback>,
    pub raw_data: *mut c_void,
    /// Called with the trampoline's frame pointer after `raw`, if it returned an error or made references, or if `exit_fp` has changed.
    /// Returns in the second case only.
    pub after_raw: unsafe extern "C" fn(*mut VmHostFunc, *mut c_void, usize),
    /// Called when the stack has no room for the exit trampoline's slots. Does not return.
    pub exhausted: unsafe extern "C" fn(*mut VmHostFunc),
}

/// `fn(data, caller, slots, slot count) -> error`, null for none.
pub type RawCallback = unsafe extern "C" fn(*mut c_void, *mut VmCaller, *mut VmSlot, usize) -> *mut c_void;

/// A call of a host function in progress. On the stack of whoever calls it.
#[repr(C)]
pub struct VmCaller {
    pub store: *mut VmStore,
    /// Where WebAssembly was left.
    pub exit_fp: usize,
}

/// The stack limit while an interrupt is pending: higher than any stack, but so low that it does not wrap around when a prologue adds
/// its frame's size. Prologues compare with the limit itself first where the frame is 32 KiB or larger.
pub const INTERRUPTED_STACK_LIMIT: usize = usize::MAX - (64 << 10);

/// What machine code sees of a store.
#[repr(C)]
pub struct VmStore {
    /// Lowest stack address WebAssembly may use; `INTERRUPTED_STACK_LIMIT` while an interrupt is pending.
    pub stack_limit: AtomicUsize,
    /// Not 0: an interrupt is pending, for the reasons that `engine::interrupt` has bits for.
    pub interrupt: AtomicU32,
    /// The innermost entry into WebAssembly.
    pub activation: *mut Activation,
    /// Frame pointer of the stub or trampoline that left WebAssembly last: its saved frame pointer and return address
    /// are those of the innermost WebAssembly frame.
    pub exit_fp: usize,
    /// The stack pointer of that stub or trampoline, which has written the registers that are kept across calls into its
    /// frame: from here to the entry's frame is everything that WebAssembly knows.
    pub exit_sp: usize,
    /// The `exit_fp` of the host function whose scope of references is the innermost of those; 0 if none has one.
    pub scope_fp: usize,
    /// A pointer of whoever embeds the store, never looked at.
    pub embedder: *mut (),
    /// The runtime's own store; machine code does not look at it.
    pub store: *mut (),
    pub nursery: VmNursery,
    /// The functions that objects refer to, by number; the first is null.
    pub funcs: *const *mut VmFuncRef,
    pub func_count: u32,
    /// Bits that say that something waits at the store's next entry, or keeps the host away: `PENDING_*`.
    pub pending_work: AtomicU32,
}

/// Other threads have released something.
pub const PENDING_MAIL: u32 = 1;
/// Finalizers wait.
pub const PENDING_DEAD: u32 = 2;
/// A callback runs that can not use the store.
pub const PENDING_CLOSED: u32 = 4;
/// An interrupt was delivered, and is pending until the outermost call is over.
pub const PENDING_STOPPING: u32 = 8;
/// A callback did not return and never will: the store can only be deleted.
pub const PENDING_ABANDONED: u32 = 16;

/// Where the next object is made. Both are offsets in the heap.
#[derive(Default)]
#[repr(C)]
pub struct VmNursery {
    pub next: u32,
    /// The room that is left ends here. 0 when every allocation has to ask the runtime.
    pub end: u32,
}

/// One entry from the host into WebAssembly, on the stack of the function that made it.
#[repr(C)]
pub struct Activation {
    /// The frame pointer of the entry trampoline, which writes it here.
    pub entry_fp: usize,
    /// Where a raised trap continues in the entry trampoline: an address, and how far below `entry_fp` the stack pointer
    /// is there.
    pub handler_pc: usize,
    pub handler_sp_offset: usize,
    pub store: *mut VmStore,
    /// The entry that was innermost before this one, and the store's `exit_fp` and `exit_sp` then.
    pub previous: *mut Activation,
    pub previous_exit_fp: usize,
    pub previous_exit_sp: usize,
    /// The trap that ended this activation, as a number of `Trap`; 0 when a host error did.
    pub trap: u8,
    /// Whether `frames` was filled where the trap happened.
    pub trap_frames: u32,
    /// Of the WebAssembly frames, innermost first, the last bytes of their calls; the first one may be a faulting instruction instead.
    pub frames: [usize; crate::base::limits::MAX_BACKTRACE_FRAMES],
    /// The store once more: as long as both are right, nothing has been written over an activation.
    pub tail: *mut VmStore,
}

/// A memory as machine code sees it. The base never changes during a memory's life, unless memories may move: then it may
/// whenever the length does.
#[repr(C)]
pub struct VmMemory {
    pub base: *mut u8,
    /// Bytes. Grows only.
    pub length: usize,
}

/// An instance's place for one of its memories, its own or imported.
#[repr(C)]
pub struct VmMemorySlot {
    /// Copy of `memory.base`, constant: one load instead of two. Not read where memories may move.
    pub base: *mut u8,
    pub memory: *mut VmMemory,
    /// An index below it leads to nobody else's memory, also with an offset below `MEMORY_GUARD`: an access beyond the memory's
    /// length is a fault. At least 4 GiB. Only read where memories have guards.
    pub limit: usize,
}

/// A table as machine code sees it. In one of references to objects, elements are `RawRef`s, and each `1 << SLOT_CARD_SHIFT`
/// of them share a card. In one of functions they are pointers, and each is
///
/// * 0: not touched yet; only the runtime knows what it is (`table_lazy_init`),
/// * the address of `NULL_FUNC`: a null reference,
/// * else a `VmFuncRef`.
///
/// So the fast path of `call_indirect` needs one test for 0, and null fails the type check that is made anyway.
#[repr(C)]
pub struct VmTable {
    pub elements: *mut u8,
    pub length: u64,
    /// One byte a card; null in a table of functions.
    pub cards: *mut u8,
}

/// A global's value.
#[repr(C, align(16))]
pub struct VmGlobal {
    pub value: VmSlot,
}

/// A `VmGlobal` that holds a reference to an object.
#[repr(C, align(16))]
pub struct VmRefGlobal {
    pub value: RefSlot,
    /// The card of whoever owns the global.
    pub card: *mut u8,
}

/// What an instance holds of an imported function.
#[repr(C)]
pub struct VmImportedFunc {
    pub code: VmCode,
    pub vmctx: *mut VmHeader,
    pub funcref: *mut VmFuncRef,
}
