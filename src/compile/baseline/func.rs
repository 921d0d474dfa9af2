//! The context in which one function is compiled: its frame, the ways in and out, traps, and calls of builtins.
//!
//! ```text
//! rbp + 16   arguments on the stack
//! rbp        the caller's frame pointer, and the return address above it
//! rbp - 8    the caller's r15, which is this instance's context meanwhile
//! rbp - 16   the caller's r14, which is where the first memory is
//! rbp - 24   the context again, for who walks the frames
//! ...        rbx, r12 and r13 of the caller, in functions that may catch exceptions
//! ...        where results go that travel in memory, if some do
//! ...        locals, eight bytes each
//! ...        homes of operands, eight bytes each
//! rsp        arguments of calls, and above them their results that travel in memory
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

/// This instance's context.
pub const CONTEXT: Gpr = R15;
/// Where memory 0 begins, in modules that have one.
pub const MEMORY: Gpr = R14;

const SAVED: u32 = 24;
/// The caller's registers that this function does not use, so that it saves them only for exceptions.
const KEPT: [Gpr; 3] = [RBX, R12, R13];
/// Frames up to this many bytes end above address 0 wherever they begin: nothing is mapped at lower addresses.
const SMALL_FRAME: u32 = 64 << 10;

pub struct Cx<'m> {
    pub env: &'m ModuleEnv<'m>,
    pub asm: Asm,
    pub operands: Operands,
    pub control: Vec<Frame>,
    /// Parameters and results of blocks, by type index.
    pub block_types: FxHashMap<u32, (Reprs, Reprs)>,
    /// The `try_table`s around the present place, outermost first.
    pub tries: Vec<exception::Try>,
    /// Whether the present place can be reached; if not, nothing is emitted.
    pub reachable: bool,
    /// By local index, parameters first.
    pub locals: Vec<Repr>,
    /// By local index: where it is, in bytes below the frame pointer.
    local_slots: Vec<u32>,
    pub results: Vec<Repr>,
    /// Where the address of the memory for results is, in bytes below the frame pointer.
    results_at: Option<u32>,
    /// Where the caller's registers are that an exception takes away, in bytes below the frame pointer.
    kept_at: Option<u32>,
    /// Bytes above the locals.
    saved: u32,
    /// Byte offset in the module of the present instruction.
    pub at: u32,
    pub uses_heap: bool,
    /// Where the function ends, its results in their registers.
    pub exit: Label,
    /// Where the entry asks for stack.
    stack_check: Label,
    /// Bytes of this function's own arguments on the stack.
    pub incoming: u32,
    /// The most bytes of arguments on the stack of a call.
    outgoing: u32,
    /// The part of stack maps that has the references in locals.
    locals_mapped: Option<u32>,
    /// Parts of stack maps that have the lowest references on the stack, ever more of them: how many, and the part.
    mapped: Vec<(usize, u32)>,
    cold: Vec<Cold>,
    traps: Vec<TrapSite>,
    calls: Vec<CallSite>,
    stack_maps: StackMaps,
    /// Return address, and who catches, innermost first.
    caught: Vec<(u32, Vec<(u32, Label)>)>,
    pub relocs: Vec<CallReloc>,
}

pub fn reprs(types: &[ValType]) -> Vec<Repr> {
    types.iter().map(|t| Repr::of(*t)).collect()
}

impl<'m> Cx<'m> {
    /// Begins with the prologue. `locals` are parameters and others; `may_catch` if there is a `try_table`.
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

    /// Where a local is.
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
        // As large as it can be, so that it has 32 bits.
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

    /// Puts arguments into their locals: those in registers first, which are free then.
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

    /// The caller's registers that an exception takes away, and where they are meanwhile.
    fn kept(&self) -> impl Iterator<Item = (Gpr, Mem)> + use<> {
        let loc = |below: u32| KEPT.iter().enumerate().map(move |(i, r)| (*r, at(RBP, 8 * i as i32 - below as i32)));
        self.kept_at.into_iter().flat_map(loc)
    }

    /// Where an exception is caught, only the frame pointer and the stack pointer are as they were: all other registers that
    /// this function or its caller relies on come back. Leaves `rax`, which has the exception.
    pub fn restore_after_catch(&mut self) {
        debug_assert!(self.kept_at.is_some(), "it was not known that something is caught");
        self.asm.mov(W64, CONTEXT, at(RBP, -(SAVED as i32)));
        // The last bit there is the collector's.
        self.asm.alu_imm(Alu::And, W64, CONTEXT, -2);
        self.load_memory();
        for (r, loc) in self.kept() {
            self.asm.mov(W64, r, loc);
        }
    }

    /// The address of the memory for this function's results, if some travel there.
    pub fn load_result_memory(&mut self, dst: Gpr) {
        if let Some(below) = self.results_at {
            self.asm.mov(W64, dst, at(RBP, -(below as i32)));
        }
    }

    /// Zero in all locals from the `first`.
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

    /// The end of the function, all that is cold, and what came out.
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

    /// Writes into the prologue where the frame ends. Where that could be below address 0, it is asked first.
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

    /// As far as it is known by now.
    fn frame_size(&self) -> u32 {
        (self.operands.deepest_slot + self.outgoing).next_multiple_of(16)
    }

    /// An error if the frame or the code is too large. Asked after each instruction, so that there is never much more.
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

    /// Whether no more code has to be made, since it will be refused.
    pub fn has_too_much_code(&self) -> bool {
        self.asm.here() as u64 > self.env.max_code
    }

    /// Takes the frame down; the return address is on top of the stack then.
    pub fn leave(&mut self) {
        self.restore();
        self.asm.mov(W64, RSP, RBP);
        emit!(self.asm, popq_o(RBP));
    }

    /// The caller's registers that this function has in its frame.
    pub fn restore(&mut self) {
        self.asm.mov(W64, CONTEXT, at(RBP, -8));
        self.asm.mov(W64, MEMORY, at(RBP, -16));
    }

    /// Room for arguments on the stack.
    pub fn reserve_outgoing(&mut self, bytes: u32) {
        self.outgoing = self.outgoing.max(bytes);
    }
}

/// What is written when the frame's size is known.
pub struct Prologue {
    /// The instruction that makes the frame: where it is, and where it ends.
    frame: u32,
    frame_end: u32,
    /// Where there is no room for it.
    exhausted: Label,
}
