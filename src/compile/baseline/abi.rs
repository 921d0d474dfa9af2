//! Where arguments and results are passed: Cranelift's `tail` convention, and the system's convention for builtins.
//! Both preserve `rbx`, `rbp` and `r12` to `r15`.

use super::asm::*;
use super::func::Cx;
use super::operands::{Loc, MANY_WORDS, Operand, Repr, XMM15, in_a_row, words_above, words_below};
use crate::abi::convention::{FLOAT_REGISTERS, INT_ARGUMENTS, INT_RESULTS};

/// Where a value is passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgLoc {
    Gpr(Gpr),
    Xmm(Xmm),
    /// For an argument: bytes above the stack pointer, just before the call. For a result: byte offset in the memory
    /// that the caller provides.
    Stack(u32),
}

/// If results are returned in memory, the first register holds its address. The callee's context comes next.
const ARGUMENTS: [Gpr; INT_ARGUMENTS] = [RDI, RSI, RDX, RCX, R8, R9];
const RESULTS: [Gpr; INT_RESULTS] = [RAX, RCX, RDX, RSI, RDI, R8, R9, R10];

/// Holds the address for results in memory.
pub const RESULT_MEMORY: Gpr = ARGUMENTS[0];

/// The register of the callee's context.
pub fn context(results_in_memory: bool) -> Gpr {
    ARGUMENTS[results_in_memory as usize]
}

/// Where the arguments after the context are passed, and how many bytes of them are on the stack. The callee pops
/// those.
pub fn arguments(reprs: impl Iterator<Item = Repr>, results_in_memory: bool) -> (Vec<ArgLoc>, u32) {
    arg_locs(reprs, &ARGUMENTS[1 + results_in_memory as usize..])
}

/// Where results are returned, and how many bytes of them are in memory.
pub fn results(reprs: impl Iterator<Item = Repr>) -> (Vec<ArgLoc>, u32) {
    arg_locs(reprs, &RESULTS)
}

/// Assigns registers as long as there are any.
fn arg_locs(reprs: impl Iterator<Item = Repr>, gprs: &[Gpr]) -> (Vec<ArgLoc>, u32) {
    let (mut gprs, mut xmms, mut stack) = (gprs.iter(), 0, 0u32);
    let mut loc = |repr: Repr| {
        if repr.is_float() && (xmms as usize) < FLOAT_REGISTERS {
            xmms += 1;
            return ArgLoc::Xmm(Xmm(xmms - 1));
        }
        let gpr = if repr.is_float() { None } else { gprs.next() };
        match gpr {
            Some(r) => ArgLoc::Gpr(*r),
            None => {
                stack = stack.next_multiple_of(repr.size()) + repr.size();
                ArgLoc::Stack(stack - repr.size())
            }
        }
    };
    let locs = reprs.map(&mut loc).collect();
    (locs, stack.next_multiple_of(16))
}

/// The register of a builtin's argument. The context is argument 0.
pub fn builtin_argument(i: usize) -> Gpr {
    ARGUMENTS[i]
}

impl Cx<'_> {
    /// Moves popped operands to where they are passed. Changes `rax` and `xmm15`, the destinations, and, if many words
    /// go to memory, `rcx` and `rdx`.
    pub fn move_args(&mut self, values: &[(Operand, ArgLoc)]) {
        self.move_args_to(values, RSP);
    }

    /// Like `move_args`, but `memory` holds the address for the values in memory. No operand may be in that register.
    pub fn move_args_to(&mut self, values: &[(Operand, ArgLoc)], memory: Gpr) {
        let mut gprs: Vec<(Gpr, Gpr)> = Vec::new();
        let mut xmms: Vec<(Xmm, Xmm)> = Vec::new();
        let mut rest = values;
        while let Some(((value, dest), others)) = rest.split_first() {
            let row = in_a_row(rest.iter().map(word_in_memory));
            if row >= MANY_WORDS
                && let ArgLoc::Stack(offset) = *dest
            {
                self.move_words(words_below(value.slot() - 8), words_above(memory, offset), row);
                rest = &rest[row..];
                continue;
            }
            rest = others;
            match (value.loc, *dest) {
                (_, ArgLoc::Stack(offset)) => self.store(*value, at(memory, offset as i32)),
                (Loc::Gpr(from), ArgLoc::Gpr(to)) => gprs.push((from, to)),
                (Loc::Xmm(from), ArgLoc::Xmm(to)) => xmms.push((from, to)),
                _ => {}
            }
        }
        parallel_move(xmms, |from, to, exchange| match exchange {
            true => {
                self.asm.mov_float(XMM15, from);
                self.asm.mov_float(from, to);
                self.asm.mov_float(to, XMM15);
            }
            false => self.asm.mov_float(to, from),
        });
        // This comes before the general-purpose registers are set, because constants need one as scratch.
        for (value, dest) in values {
            if let (false, ArgLoc::Xmm(to)) = (matches!(value.loc, Loc::Xmm(_)), *dest) {
                self.load_float(*value, to);
            }
        }
        parallel_move(gprs, |from, to, exchange| match exchange {
            true => self.asm.exchange(from, to),
            false => self.asm.mov(W64, to, from),
        });
        for (value, dest) in values {
            if let (false, ArgLoc::Gpr(to)) = (matches!(value.loc, Loc::Gpr(_)), *dest) {
                self.load(*value, to);
            }
            self.release(*value);
        }
    }
}

/// The frame slot and the memory offset of an operand that is a word and is copied from one to the other.
fn word_in_memory((value, dest): &(Operand, ArgLoc)) -> Option<(u32, u32)> {
    match (value.loc, *dest) {
        (Loc::Slot, ArgLoc::Stack(offset)) if value.repr.size() == 8 => Some((value.slot(), offset)),
        _ => None,
    }
}

/// Moves values between registers so that each is read before it is overwritten. No two moves have the same
/// destination. A cycle is resolved by exchanging two registers.
fn parallel_move<R: PartialEq + Copy>(mut moves: Vec<(R, R)>, mut step: impl FnMut(R, R, bool)) {
    moves.retain(|(from, to)| from != to);
    while let Some(last) = moves.len().checked_sub(1) {
        let is_read = |to: R| moves.iter().any(|(from, _)| *from == to);
        if let Some(i) = moves.iter().position(|(_, to)| !is_read(*to)) {
            let (from, to) = moves.swap_remove(i);
            step(from, to, false);
            continue;
        }
        let (from, to) = moves.swap_remove(last);
        step(from, to, true);
        // The old value of `to` is now in `from`.
        moves.iter_mut().filter(|m| m.0 == to).for_each(|m| m.0 = from);
        moves.retain(|(from, to)| from != to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_in_circles_arrive() {
        for moves in [vec![(0, 1), (1, 0)], vec![(0, 1), (1, 2), (2, 0)], vec![(1, 2), (2, 3), (3, 1), (1, 4), (5, 0)]]
        {
            let mut registers = [0, 1, 2, 3, 4, 5];
            parallel_move(moves.clone(), |from: usize, to: usize, exchange| match exchange {
                true => registers.swap(from, to),
                false => registers[to] = registers[from],
            });
            for (from, to) in moves {
                assert_eq!(registers[to], from);
            }
        }
    }

    #[test]
    fn arguments_overflow_to_the_stack() {
        let (locs, size) = arguments([Repr::I32; 7].into_iter().chain([Repr::F64; 9]), false);
        assert_eq!(locs[4..7], [ArgLoc::Gpr(R9), ArgLoc::Stack(0), ArgLoc::Stack(8)]);
        assert_eq!((locs[14], locs[15], size), (ArgLoc::Xmm(Xmm(7)), ArgLoc::Stack(16), 32));
        let (locs, size) = arguments([Repr::I32; 5].into_iter(), true);
        assert_eq!((locs[0], locs[3], locs[4], size), (ArgLoc::Gpr(RDX), ArgLoc::Gpr(R9), ArgLoc::Stack(0), 16));
    }

    #[test]
    fn results_overflow_to_memory() {
        let (locs, size) = results([Repr::I64; 9].into_iter().chain([Repr::V128; 9]));
        assert_eq!(locs[7..9], [ArgLoc::Gpr(R10), ArgLoc::Stack(0)]);
        assert_eq!((locs[16], locs[17], size), (ArgLoc::Xmm(Xmm(7)), ArgLoc::Stack(16), 32));
        assert_eq!(results([Repr::I64; 8].into_iter()).1, 0);
    }
}
