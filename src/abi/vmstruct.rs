//! The structs that machine code reads and writes. `offset_of!` on them *is* the offset in machine code.

use super::heap::{RawRef, RefSlot};
use crate::wasm::registry::TypeId;
use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering::*};

/// One value at the boundary to the host, wide enough for each type. Little-endian; unused bytes are undefined.
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
    /// Null, or a reference to a function.
    pub funcref: *mut VmFuncRef,
    /// Any other reference.
    pub gc: RawRef,
    /// Any other reference, as a host function on slots sees it: its handle.
    pub handle: [u64; 2],
}

impl VmSlot {
    pub const ZERO: VmSlot = VmSlot { v128: [0; 16] };
}

/// A code address. It is called with the `tail` convention, with its context as the first argument.
pub type VmCode = *const u8;

/// A code address that another thread can replace by one with equivalent code.
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
    /// The callee's context: a `VmContext` or a `VmHostFunc`, both of which begin with a `VmHeader`.
    pub vmctx: *mut VmHeader,
    pub type_id: TypeId,
    /// The store's handle of this function plus one; 0 until the host asks for a handle.
    pub handle: u32,
    /// Its index in the store's list of functions that objects refer to; 0 until an object refers to it.
    pub index: u32,
    /// Its owner: the number of an instance of the store, or of a host function with `HOST_OWNER` set.
    pub owner: u32,
}

/// Marks a funcref's owner as a host function.
pub const HOST_OWNER: u32 = 1 << 31;

impl VmFuncRef {
    /// The number of the host function that owns it; `None` if an instance owns it.
    pub fn host_owner(&self) -> Option<u32> {
        (self.owner & HOST_OWNER != 0).then_some(self.owner & !HOST_OWNER)
    }
}

/// The beginning of every callee's context.
#[repr(C)]
pub struct VmHeader {
    pub store: *mut VmStore,
}

/// An instance's context: this header, followed by the arrays that `abi::layout::ContextLayout` describes.
#[repr(C)]
pub struct VmContext {
    pub header: VmHeader,
    /// Addresses of the builtins, indexed by `abi::builtin::Builtin`.
    pub builtins: *const [*const u8; super::builtin::BUILTINS],
    /// The representation of a null reference in a table.
    pub null_func: *mut VmFuncRef,
    /// The runtime's own instance record; machine code does not access it.
    pub instance: *mut (),
    /// The base of the store's heap. It can be null only as long as no machine code of this instance reads it.
    pub heap: *mut u8,
    /// The engine's type descriptors.
    pub types: *const u8,
    /// The card of the globals that the instance owns and that hold references to objects.
    pub global_card: u8,
}

/// The context of a host function.
#[repr(C)]
pub struct VmHostFunc {
    pub header: VmHeader,
    /// Called by the exit trampoline with this context and the slots (arguments in, results out, in place). Does not
    /// return if the function fails.
    pub call: unsafe extern "C" fn(*mut VmHostFunc, *mut VmSlot),
    /// The host's own function, if it is called directly. Only for types without references.
    pub raw: Option<RawCallback>,
    pub raw_data: *mut c_void,
    /// Called after `raw` with the trampoline's frame pointer, if `raw` returned an error or created references, or if
    /// `exit_fp` has changed. Returns only if there is no error and `exit_fp` is unchanged.
    pub after_raw: unsafe extern "C" fn(*mut VmHostFunc, *mut c_void, usize),
    /// Called if the stack is too small for the exit trampoline's slots. Does not return.
    pub exhausted: unsafe extern "C" fn(*mut VmHostFunc),
}

/// `fn(data, caller, slots, slot count) -> error`, null for none.
pub type RawCallback = unsafe extern "C" fn(*mut c_void, *mut VmCaller, *mut VmSlot, usize) -> *mut c_void;

/// A call of a host function in progress. It is stored in the caller's frame.
#[repr(C)]
pub struct VmCaller {
    pub store: *mut VmStore,
    /// The exit frame: the value of `VmStore::exit_fp` for this call.
    pub exit_fp: usize,
}

/// The stack limit while an interrupt is pending: higher than any stack, but low enough that it does not wrap around
/// when a prologue adds its frame's size. Prologues whose frame is 32 KiB or larger compare with the limit itself
/// first.
pub const INTERRUPTED_STACK_LIMIT: usize = usize::MAX - (64 << 10);

/// The part of a store that machine code accesses.
#[repr(C)]
pub struct VmStore {
    /// The lowest stack address that WebAssembly may use; `INTERRUPTED_STACK_LIMIT` while an interrupt is pending.
    pub stack_limit: AtomicUsize,
    /// Not 0 if an interrupt is pending. The bits are the reasons, see `engine::interrupt`.
    pub interrupt: AtomicU32,
    /// The innermost entry into WebAssembly.
    pub activation: *mut Activation,
    /// Frame pointer of the stub or trampoline that left WebAssembly last. Its saved frame pointer and return address
    /// are those of the innermost WebAssembly frame.
    pub exit_fp: usize,
    /// The stack pointer of that stub or trampoline, which has saved the callee-saved registers in its frame. All
    /// values that WebAssembly holds are between here and the entry's frame.
    pub exit_sp: usize,
    /// The `exit_fp` of the host function that has the innermost open scope of references; 0 if no scope is open.
    pub scope_fp: usize,
    /// The embedder's pointer; it is never dereferenced.
    pub embedder: *mut (),
    /// The runtime's own store; machine code does not access it.
    pub store: *mut (),
    pub nursery: VmNursery,
    /// The functions that objects refer to, by function number; the first is null.
    pub funcs: *const *mut VmFuncRef,
    pub func_count: u32,
    /// `ATTENTION_*` bits: work is pending for the next entry into the store, or the host must not use it.
    pub pending_work: AtomicU32,
}

/// Other threads have queued releases for this store.
pub const PENDING_MAIL: u32 = 1;
/// Finalizers are pending.
pub const PENDING_DEAD: u32 = 2;
/// A callback is running that must not use the store.
pub const PENDING_CLOSED: u32 = 4;
/// An interrupt was delivered, and stays pending until the outermost call ends.
pub const PENDING_STOPPING: u32 = 8;
/// A callback did not return and never will: the store can only be deleted.
pub const PENDING_ABANDONED: u32 = 16;

/// Where the next object is allocated. Both fields are offsets in the heap.
#[derive(Default)]
#[repr(C)]
pub struct VmNursery {
    pub next: u32,
    /// End of the free space. 0 if every allocation has to call the runtime.
    pub end: u32,
}

/// One entry from the host into WebAssembly, in the frame of the function that enters.
#[repr(C)]
pub struct Activation {
    /// The frame pointer of the entry trampoline, which stores it here.
    pub entry_fp: usize,
    /// Where a raised trap continues in the entry trampoline: an address, and the distance of the stack pointer below
    /// `entry_fp` at that address.
    pub handler_pc: usize,
    pub handler_sp_offset: usize,
    pub store: *mut VmStore,
    /// The entry that was innermost before this one, and the store's `exit_fp` and `exit_sp` at that time.
    pub previous: *mut Activation,
    pub previous_exit_fp: usize,
    pub previous_exit_sp: usize,
    /// The trap that ended this activation, as a number of `Trap`; 0 if a host error ended it.
    pub trap: u8,
    /// Whether `frames` was filled when the trap happened.
    pub trap_frames: u32,
    /// Addresses in the WebAssembly frames, innermost first: the last byte of each call. The first one can be a
    /// faulting instruction instead.
    pub frames: [usize; crate::base::limits::MAX_BACKTRACE_FRAMES],
    /// A copy of `store`. As long as both have the right value, the activation was not overwritten.
    pub tail: *mut VmStore,
}

/// A memory as machine code sees it. The base does not change during the memory's life, unless memories may move. In
/// that case it can change whenever the length does.
#[repr(C)]
pub struct VmMemory {
    pub base: *mut u8,
    /// Length in bytes. It never decreases.
    pub length: usize,
}

/// An instance's entry for one of its memories, which it defines or imports.
#[repr(C)]
pub struct VmMemorySlot {
    /// A copy of `memory.base`, which saves a load. It is constant. Not read if memories may move.
    pub base: *mut u8,
    pub memory: *mut VmMemory,
    /// Below this index, an access stays in this memory's address space, even with an offset below `MEMORY_GUARD`: an
    /// access beyond the memory's length faults. At least 4 GiB. Only read if memories have guards.
    pub limit: usize,
}

/// A table as machine code sees it. In a table of references to objects, elements are `RawRef`s, and groups of
/// `1 << SLOT_CARD_SHIFT` elements share a card. In a table of functions, elements are pointers, and each is
///
/// * 0: not initialized yet; only the runtime knows its value (`table_touch`),
/// * the address of `NULL_FUNC`: a null reference,
/// * otherwise a `VmFuncRef`.
///
/// So the fast path of `call_indirect` needs one test for 0, and null fails the type check that is needed anyway.
#[repr(C)]
pub struct VmTable {
    pub elements: *mut u8,
    pub length: u64,
    /// One byte per card; null in a table of functions.
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
    /// The card of the global's owner.
    pub card: *mut u8,
}

/// An imported function as an instance stores it.
#[repr(C)]
pub struct VmImportedFunc {
    pub code: VmCode,
    pub vmctx: *mut VmHeader,
    pub funcref: *mut VmFuncRef,
}
