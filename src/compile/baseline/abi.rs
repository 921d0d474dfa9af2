//! Where arguments and results travel: the `tail` convention as Cranelift has it, and the system's, by which builtins are called.
//! Both keep `rbx`, `rbp` and `r12` to `r15`.

use super::asm::*;
use super::func::Cx;
use super::operands::{Kind, MANY_WORDS, Operand, Place, XMM15, in_a_row, words_above, words_below};

/// Where a value travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dest {
    Gpr(Gpr),
    Xmm(Xmm),
    /// Of an argument, bytes above the stack pointer, just before the call. Of a result, bytes in the memory to which the caller
    /// points.
    Stack(u32),
}

/// The first one points to the memory for results, if some travel there; then comes the callee's context.
const ARGUMENTS: [Gpr; 6] = [RDI, RSI, RDX, RCX, R8, R9];
const RESULTS: [Gpr; 8] = [RAX, RCX, RDX, RSI, RDI, R8, R9, R10];
const FLOATS: u8 = 8;

/// Points to the memory for results.
pub const RESULT_MEMORY: Gpr = ARGUMENTS[0];

/// Where the callee's context goes.
pub fn context(results_in_memory: bool) -> Gpr {
    ARGUMENTS[results_in_memory as usize]
}

/// Where the arguments go behind the context, and how many bytes of them are on the stack. The callee takes those off.
pub fn arguments(kinds: impl Iterator<Item = Kind>, results_in_memory: bool) -> (Vec<Dest>, u32) {
    places(kinds, &ARGUMENTS[1 + results_in_memory as usize..])
}

/// Where results come from, and how many bytes of them are in memory.
pub fn results(kinds: impl Iterator<Item = Kind>) -> (Vec<Dest>, u32) {
    places(kinds, &RESULTS)
}

/// Registers as long as there are some.
fn places(kinds: impl Iterator<Item = Kind>, gprs: &[Gpr]) -> (Vec<Dest>, u32) {
    let (mut gprs, mut xmms, mut stack) = (gprs.iter(), 0, 0u32);
    let mut place = |kind: Kind| {
        if kind.is_float() && xmms < FLOATS {
            xmms += 1;
            return Dest::Xmm(Xmm(xmms - 1));
        }
        let gpr = if kind.is_float() { None } else { gprs.next() };
        match gpr {
            Some(r) => Dest::Gpr(*r),
            None => {
                stack = stack.next_multiple_of(kind.size()) + kind.size();
                Dest::Stack(stack - kind.size())
            }
        }
    };
    let dests = kinds.map(&mut place).collect();
    (dests, stack.next_multiple_of(16))
}

/// Where the arguments of a builtin go, the context among them.
pub fn builtin_argument(i: usize) -> Gpr {
    ARGUMENTS[i]
}

impl Cx<'_> {
    /// Moves operands, which are the instruction's, all to where they travel. Changes `rax` and `xmm15`, and nothing else but
    /// the destinations, `rcx` and `rdx` if many go to memory.
    pub fn travel(&mut self, values: &[(Operand, Dest)]) {
        self.travel_to(values, RSP);
    }

    /// The same with those in memory behind an address, in a register that is no operand's.
    pub fn travel_to(&mut self, values: &[(Operand, Dest)], memory: Gpr) {
        let mut gprs: Vec<(Gpr, Gpr)> = Vec::new();
        let mut xmms: Vec<(Xmm, Xmm)> = Vec::new();
        let mut rest = values;
        while let Some(((value, dest), others)) = rest.split_first() {
            let row = in_a_row(rest.iter().map(word_in_memory));
            if row >= MANY_WORDS
                && let Dest::Stack(offset) = *dest
            {
                self.move_words(words_below(value.home() - 8), words_above(memory, offset), row);
                rest = &rest[row..];
                continue;
            }
            rest = others;
            match (value.place, *dest) {
                (_, Dest::Stack(offset)) => self.store(*value, at(memory, offset as i32)),
                (Place::Gpr(from), Dest::Gpr(to)) => gprs.push((from, to)),
                (Place::Xmm(from), Dest::Xmm(to)) => xmms.push((from, to)),
                _ => {}
            }
        }
        in_any_order(xmms, |from, to, exchange| match exchange {
            true => {
                self.asm.mov_float(XMM15, from);
                self.asm.mov_float(from, to);
                self.asm.mov_float(to, XMM15);
            }
            false => self.asm.mov_float(to, from),
        });
        // Before anything is in its general-purpose register: constants go through one.
        for (value, dest) in values {
            if let (false, Dest::Xmm(to)) = (matches!(value.place, Place::Xmm(_)), *dest) {
                self.load_float(*value, to);
            }
        }
        in_any_order(gprs, |from, to, exchange| match exchange {
            true => self.asm.exchange(from, to),
            false => self.asm.mov(W64, to, from),
        });
        for (value, dest) in values {
            if let (false, Dest::Gpr(to)) = (matches!(value.place, Place::Gpr(_)), *dest) {
                self.load(*value, to);
            }
            self.release(*value);
        }
    }
}

/// Where an operand is at home, and goes to in memory, if it is a word there.
fn word_in_memory((value, dest): &(Operand, Dest)) -> Option<(u32, u32)> {
    match (value.place, *dest) {
        (Place::Home, Dest::Stack(offset)) if value.kind.size() == 8 => Some((value.home(), offset)),
        _ => None,
    }
}

/// Moves between registers, no two of them into the same one, so that each is read before it is written. Where they go in a
/// circle, two are exchanged.
fn in_any_order<R: PartialEq + Copy>(mut moves: Vec<(R, R)>, mut step: impl FnMut(R, R, bool)) {
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
        // What was in `to` is in `from` now.
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
            in_any_order(moves.clone(), |from: usize, to: usize, exchange| match exchange {
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
        let (dests, size) = arguments([Kind::I32; 7].into_iter().chain([Kind::F64; 9]), false);
        assert_eq!(dests[4..7], [Dest::Gpr(R9), Dest::Stack(0), Dest::Stack(8)]);
        assert_eq!((dests[14], dests[15], size), (Dest::Xmm(Xmm(7)), Dest::Stack(16), 32));
        let (dests, size) = arguments([Kind::I32; 5].into_iter(), true);
        assert_eq!((dests[0], dests[3], dests[4], size), (Dest::Gpr(RDX), Dest::Gpr(R9), Dest::Stack(0), 16));
    }

    #[test]
    fn results_overflow_to_memory() {
        let (dests, size) = results([Kind::I64; 9].into_iter().chain([Kind::V128; 9]));
        assert_eq!(dests[7..9], [Dest::Gpr(R10), Dest::Stack(0)]);
        assert_eq!((dests[16], dests[17], size), (Dest::Xmm(Xmm(7)), Dest::Stack(16), 32));
        assert_eq!(results([Kind::I64; 8].into_iter()).1, 0);
    }
}
