//! The context in which one function is compiled: its frame, prologue and epilogue, traps, and calls of builtins.
//!
//! ```text
//! rbp + 16   arguments on the stack
//! rbp        the caller's frame pointer, and the return address above it
//! rbp - 8    the caller's r15, which holds this instance's context in this function
//! rbp - 16   the caller's r14, which holds the base of the first memory in this function
//! rbp - 24   the context again, for code that walks the frames
//! ...        rbx, r12 and r13 of the caller, in functions that may catch exceptions
//! ...        the address for results that are returned in memory, if there are any
//! ...        locals, 8 bytes each, vectors 16
//! ...        frame slots of operands, 8 bytes each, vectors 16
//! rsp        arguments of calls, and above them the calls' results that are returned in memory
//! ```

mod builtin;
mod trap;

pub use builtin::Arg;

use self::trap::{Cold, Raise};
use super::abi::{self, ArgLoc};
use super::asm::*;
use super::op::control::{Frame, Reprs};
use super::op::exception;
use super::operands::{MANY_WORDS, Operands, Repr, XMM15, in_a_row, words_above, words_below};
use crate::abi::code::{CallSite, Handler, TrapSite};
use crate::abi::vmstruct::*;
use crate::base::index::*;
use crate::base::limits::MAX_BASELINE_FRAME;
use crate::compile::code::{CallReloc, CompiledFunc, StackMaps, TryCall};
use crate::compile::env::ModuleEnv;
use crate::err;
use crate::wasm::types::{FuncType, ValType};
use rustc_hash::FxHashMap;
use std::mem::offset_of;

/// Holds this instance's context.
pub const CONTEXT: Gpr = R15;
/// Holds the base of memory 0, in modules that have one.
pub const MEMORY: Gpr = R14;

const SAVED: u32 = 24;
/// The caller's registers that this function does not use. It saves them only because a throw overwrites them.
const KEPT: [Gpr; 3] = [RBX, R12, R13];
/// A frame of up to this many bytes cannot end below address 0, wherever it begins: nothing is mapped at lower
/// addresses.
const SMALL_FRAME: u32 = 64 << 10;

pub struct Cx<'m> {
    pub env: &'m ModuleEnv<'m>,
    pub asm: Asm,
    pub operands: Operands,
    pub control: Vec<Frame>,
    /// Parameters and results of blocks, by type index.
    pub block_types: FxHashMap<u32, (Reprs, Reprs)>,
    /// The `try_table`s around the current instruction, outermost first.
    pub tries: Vec<exception::Try>,
    /// Whether the current instruction is reachable; if not, nothing is emitted.
    pub reachable: bool,
    /// By local index, parameters first.
    pub locals: Vec<Repr>,
    /// By local index: its frame slot, in bytes below the frame pointer.
    local_slots: Vec<u32>,
    pub results: Vec<Repr>,
    /// Where the address for results in memory is saved, in bytes below the frame pointer.
    results_at: Option<u32>,
    /// Where the caller's registers that a throw overwrites are saved, in bytes below the frame pointer.
    kept_at: Option<u32>,
    /// Size of the frame above the locals, in bytes.
    saved: u32,
    /// Byte offset in the module of the current instruction.
    pub at: u32,
    pub uses_heap: bool,
    /// The function's end, with the results in their registers.
    pub exit: Label,
    /// The stack check at the function's entry.
    stack_check: Label,
    /// Bytes of stack arguments that this function receives.
    pub incoming: u32,
    /// The maximum number of bytes that a call needs for stack arguments and for results in memory.
    outgoing: u32,
    /// The stack map part that lists the references in locals.
    locals_mapped: Option<u32>,
    /// Stack map parts for the lowest references on the operand stack, each with how many references it covers. The
    /// numbers increase.
    mapped: Vec<(usize, u32)>,
    cold: Vec<Cold>,
    traps: Vec<TrapSite>,
    calls: Vec<CallSite>,
    stack_maps: StackMaps,
    /// Return address and handlers of each call that can be caught, innermost handler first.
    caught: Vec<(u32, Vec<(u32, Label)>)>,
    pub relocs: Vec<CallReloc>,
}

pub fn reprs(types: &[ValType]) -> Vec<Repr> {
    types.iter().map(|t| Repr::of(*t)).collect()
}

impl<'m> Cx<'m> {
    /// Emits the prologue. `locals` includes the parameters; `may_catch` must be set if there is a `try_table`.
    pub fn new(
        env: &'m ModuleEnv<'m>,
        ty: &FuncType,
        locals: Vec<Repr>,
        start: u32,
        may_catch: bool,
    ) -> (Cx<'m>, Prologue) {
        let params = reprs(ty.params());
        let results = reprs(ty.results());
        let in_memory = abi::results(results.iter().copied()).1 > 0;
        let (arguments, incoming) = abi::arguments(params.into_iter(), in_memory);
        let mut asm = Asm::default();
        let (exit, stack_check) = (asm.label(), asm.label());
        let mut end = SAVED;
        let mut save = |needed: bool, size: u32| {
            end += if needed { size } else { 0 };
            needed.then_some(end)
        };
        let kept_at = save(may_catch, 8 * KEPT.len() as u32);
        let results_at = save(in_memory, 8);
        let saved = end;
        let loc = |repr: &Repr| {
            end += repr.size();
            end
        };
        let local_slots: Vec<u32> = locals.iter().map(loc).collect();
        let mut stack_maps = StackMaps::default();
        let references = (0..locals.len()).filter(|l| locals[*l] == Repr::Gc).map(|l| local_slots[l]);
        let locals_mapped = locals.contains(&Repr::Gc).then(|| stack_maps.part(references, None));
        let mut cx = Cx {
            env,
            asm,
            operands: Operands::new(locals.len(), end),
            control: Vec::new(),
            block_types: FxHashMap::default(),
            tries: Vec::new(),
            reachable: true,
            locals,
            local_slots,
            results,
            results_at,
            kept_at,
            saved,
            at: start,
            uses_heap: false,
            exit,
            stack_check,
            incoming,
            outgoing: 0,
            locals_mapped,
            mapped: Vec::new(),
            cold: Vec::new(),
            traps: Vec::new(),
            calls: Vec::new(),
            stack_maps,
            caught: Vec::new(),
            relocs: Vec::new(),
        };
        let prologue = cx.prologue(&arguments);
        (cx, prologue)
    }

    /// The frame slot of a local.
    pub fn local(&self, l: u32) -> Mem {
        at(RBP, -(self.local_slots[l as usize] as i32))
    }

    fn prologue(&mut self, arguments: &[ArgLoc]) -> Prologue {
        let context = abi::context(self.results_at.is_some());
        emit!(self.asm, pushq_o(RBP));
        self.asm.mov(W64, RBP, RSP);
        self.asm.bind(self.stack_check);
        self.asm.mov(W64, RAX, at(context, offset_of!(VmHeader, store) as i32));
        let frame = self.asm.here();
        // The largest possible displacement, so that the instruction has a 32-bit one.
        self.asm.lea(W64, R11, at(RSP, i32::MIN));
        let frame_end = self.asm.here();
        self.asm.alu(Alu::Cmp, W64, R11, at(RAX, offset_of!(VmStore, stack_limit) as i32));
        let exhausted = self.cold(Raise::StackLimit);
        self.asm.jcc(Cc::B, exhausted);
        self.asm.mov(W64, RSP, R11);
        self.asm.store(W64, at(RBP, -8), CONTEXT);
        self.asm.store(W64, at(RBP, -(SAVED as i32)), context);
        self.asm.store(W64, at(RBP, -16), MEMORY);
        for (r, loc) in self.kept() {
            self.asm.store(W64, loc, r);
        }
        if let Some(below) = self.results_at {
            self.asm.store(W64, at(RBP, -(below as i32)), abi::RESULT_MEMORY);
        }
        self.asm.mov(W64, CONTEXT, context);
        self.load_memory();
        self.store_arguments(arguments);
        self.clear_locals(arguments.len());
        Prologue { frame, frame_end, exhausted }
    }

    /// Stores the arguments into their locals. The registers come first, since they can be overwritten afterwards.
    fn store_arguments(&mut self, arguments: &[ArgLoc]) {
        for (i, dest) in arguments.iter().enumerate() {
            let (repr, to) = (self.locals[i], self.local(i as u32));
            match *dest {
                ArgLoc::Gpr(r) => self.asm.store(repr.width(), to, r),
                ArgLoc::Xmm(x) => self.write_float(repr, to, x),
                ArgLoc::Stack(_) => {}
            }
        }
        let mut i = 0;
        while let Some(dest) = arguments.get(i) {
            let word = |(i, dest): (usize, &ArgLoc)| match *dest {
                ArgLoc::Stack(offset) if self.locals[i].size() == 8 => Some((self.local_slots[i], offset)),
                _ => None,
            };
            let row = in_a_row(arguments.iter().enumerate().skip(i).map(word));
            let (local, slot, repr) = (self.local(i as u32), self.local_slots[i], self.locals[i]);
            i += if row >= MANY_WORDS { row } else { 1 };
            let ArgLoc::Stack(offset) = *dest else { continue };
            if row >= MANY_WORDS {
                self.move_words(words_above(RBP, 16 + offset), words_below(slot - 8), row);
            } else if repr == Repr::V128 {
                self.asm.load_vector(XMM15, at(RBP, 16 + offset as i32));
                self.asm.store_vector(local, XMM15);
            } else {
                self.asm.mov(W64, RAX, at(RBP, 16 + offset as i32));
                self.asm.store(repr.width(), local, RAX);
            }
        }
    }

    fn load_memory(&mut self) {
        if !self.env.info.memories.is_empty() && !self.env.settings.moving_memories {
            let first = self.env.layout.memory(MemoryIndex::from_u32(0)) as usize;
            self.asm.mov(W64, MEMORY, at(CONTEXT, (first + offset_of!(VmMemorySlot, base)) as i32));
        }
    }

    /// The caller's registers that a throw overwrites, and where they are saved.
    fn kept(&self) -> impl Iterator<Item = (Gpr, Mem)> + use<> {
        let loc = |below: u32| KEPT.iter().enumerate().map(move |(i, r)| (*r, at(RBP, 8 * i as i32 - below as i32)));
        self.kept_at.into_iter().flat_map(loc)
    }

    /// Restores the registers that this function or its caller relies on, in a handler: a throw preserves only the
    /// frame pointer and the stack pointer. Does not change `rax`, which holds the exception.
    pub fn restore_after_catch(&mut self) {
        debug_assert!(self.kept_at.is_some(), "it was not known that something is caught");
        self.asm.mov(W64, CONTEXT, at(RBP, -(SAVED as i32)));
        // Bit 0 belongs to the collector.
        self.asm.alu_imm(Alu::And, W64, CONTEXT, -2);
        self.load_memory();
        for (r, loc) in self.kept() {
            self.asm.mov(W64, r, loc);
        }
    }

    /// Loads the address for results that are returned in memory, if there are any.
    pub fn load_result_memory(&mut self, dst: Gpr) {
        if let Some(below) = self.results_at {
            self.asm.mov(W64, dst, at(RBP, -(below as i32)));
        }
    }

    /// Sets all locals from `first` on to zero.
    fn clear_locals(&mut self, first: usize) {
        const FEW: u32 = 12;
        let begin = first.checked_sub(1).map_or(self.saved, |last| self.local_slots[last]);
        let end = self.local_slots.last().copied().unwrap_or(self.saved);
        let words = (end - begin) / 8;
        if words <= FEW {
            let word = |i: u32| at(RBP, -((end - 8 * i) as i32));
            return (0..words).for_each(|i| self.asm.store_imm(W64, word(i), 0));
        }
        self.asm.lea(W64, RDI, at(RBP, -(end as i32)));
        self.asm.mov_imm(RCX, words as u64);
        self.asm.mov_imm(RAX, 0);
        self.asm.rep_stosq();
    }

    /// Emits the epilogue and all cold code. Returns the compiled function.
    pub fn finish(mut self, prologue: Prologue) -> CompiledFunc {
        self.asm.bind(self.exit);
        self.leave();
        match self.incoming {
            0 => self.asm.ret(),
            bytes => self.asm.ret_and_pop(bytes as u16),
        }
        for cold in std::mem::take(&mut self.cold) {
            self.emit_cold(cold);
        }
        let frame_size = self.frame_size();
        self.make_frame(prologue, frame_size);
        let asm = &self.asm;
        let tries = std::mem::take(&mut self.caught).into_iter().map(|(return_at, handlers)| {
            let handlers = handlers.into_iter().map(|(tag, l)| Handler { tag, at: asm.loc(l) }).collect();
            TryCall { return_at, sp_below_fp: frame_size, handlers }
        });
        let tries = tries.collect();
        CompiledFunc {
            text: self.asm.finish(),
            vmctx_below_fp: SAVED,
            frame_size,
            traps: self.traps,
            calls: self.calls,
            stack_maps: self.stack_maps,
            tries,
            uses_heap: self.uses_heap,
            relocs: self.relocs,
            optimized: false,
        }
    }

    /// Patches the frame's size into the prologue. If the frame could end below address 0, that is checked first.
    fn make_frame(&mut self, prologue: Prologue, size: u32) {
        let Prologue { frame, frame_end, exhausted } = prologue;
        if size <= SMALL_FRAME {
            return self.asm.patch(frame_end - 4, -(size as i32) as u32);
        }
        let large = self.asm.bound();
        self.asm.mov(W64, R11, RSP);
        self.asm.alu_imm(Alu::Sub, W64, R11, size as i32);
        self.asm.jcc(Cc::B, exhausted);
        self.asm.jmp_back(frame_end);
        self.asm.overwrite_with_jump(frame, frame_end, large);
    }

    /// The frame's size as far as it is known now.
    fn frame_size(&self) -> u32 {
        (self.operands.deepest_slot + self.outgoing).next_multiple_of(16)
    }

    /// Fails if the frame or the code is too large. Called after each instruction, so that the limit is never exceeded
    /// by much.
    pub fn check_size(&self, index: DefinedFuncIndex) -> crate::base::Result<()> {
        let f = || self.env.info.func_index(index).as_u32();
        if self.frame_size() > MAX_BASELINE_FRAME {
            return Err(err!(Limit, "function {} needs a frame of more than {MAX_BASELINE_FRAME} bytes", f()));
        }
        if self.has_too_much_code() {
            return Err(err!(Limit, "function {} has more than {} bytes of machine code", f(), self.env.max_code));
        }
        Ok(())
    }

    /// Whether the code already exceeds the limit, so that emitting more of it is useless.
    pub fn has_too_much_code(&self) -> bool {
        self.asm.here() as u64 > self.env.max_code
    }

    /// Removes the frame. The return address is then on top of the stack.
    pub fn leave(&mut self) {
        self.restore();
        self.asm.mov(W64, RSP, RBP);
        emit!(self.asm, popq_o(RBP));
    }

    /// Restores the caller's `r15` and `r14`.
    pub fn restore(&mut self) {
        self.asm.mov(W64, CONTEXT, at(RBP, -8));
        self.asm.mov(W64, MEMORY, at(RBP, -16));
    }

    /// Reserves space for a call's stack arguments and its results in memory.
    pub fn reserve_outgoing(&mut self, bytes: u32) {
        self.outgoing = self.outgoing.max(bytes);
    }
}

/// The part of the prologue that is patched when the frame's size is known.
pub struct Prologue {
    /// The instruction that computes the frame's end: its start and its end.
    frame: u32,
    frame_end: u32,
    /// Jump target if the stack is too small.
    exhausted: Label,
}
