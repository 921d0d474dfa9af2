//! Explicit checks, for configurations without faults. A check that fails calls a builtin. A block for each of these
//! calls would make compilation several times as slow. So Cranelift gets the same instructions as with faults, `trapz`
//! and `trapnz`. They become conditional jumps to trap instructions after the code. This file redirects each of these
//! jumps to a call instruction at the function's end. It calls shared code, one piece per kind of trap, which continues
//! with the builtin. The return address of the call says which check failed.
//!
//! The jump to a trap instruction is found by its displacement. Other bytes can look like that jump. If there are two
//! candidates, the function is compiled again with blocks.

use crate::abi::builtin::Builtin;
use crate::abi::code::{CallSite, TrapSite};
use crate::abi::vmstruct::VmContext;
use crate::compile::baseline::asm::*;
use crate::compile::code::CompiledFunc;
use std::collections::BTreeMap;
use std::mem::offset_of;

/// The instruction that faults, and the size of a conditional jump: two bytes of opcode and a 32-bit displacement.
const UD2: [u8; 2] = [0x0f, 0x0b];
const JCC_SIZE: usize = 6;

/// Bodies of fewer bytes have few checks and use blocks. Otherwise each of these functions would have to save its
/// context in its frame. In a function that only loads a value, this costs a quarter of a nanosecond per call.
const SHORT: usize = 40;

/// Whether checks in a body of `size` bytes are first compiled as trap instructions, if faults may not be used.
pub fn are_calls(size: usize) -> bool {
    cfg!(target_arch = "x86_64") && size >= SHORT
}

/// Turns all checks into calls. Returns false and changes nothing if it is uncertain where the checks are.
pub fn call_instead(func: &mut CompiledFunc) -> bool {
    let faults = |t: &TrapSite| func.text[t.at as usize..].starts_with(&UD2);
    let (checks, others): (Vec<TrapSite>, Vec<TrapSite>) = func.traps.iter().copied().partition(faults);
    if checks.is_empty() {
        return true;
    }
    let Some(jumps) = jumps_to(&func.text, &checks) else { return false };
    debug_assert_ne!(func.vmctx_below_fp, 0, "functions with checks keep their context");
    let start = func.text.len() as u32;
    let mut asm = Asm::default();
    // By kind of trap: the calls of its code.
    let mut calls: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (check, jump) in checks.iter().zip(jumps) {
        put_distance(&mut func.text, jump, start + asm.here());
        calls.entry(check.trap).or_default().push(asm.call_somewhere());
        func.calls.push(CallSite { return_at: start + asm.here(), wasm_offset: check.wasm_offset });
    }
    for (trap, calls) in calls {
        let code = asm.here();
        calls.into_iter().for_each(|at| asm.patch(at, code.wrapping_sub(at + 4)));
        asm.mov(W64, RDI, at(RBP, -(func.vmctx_below_fp as i32)));
        // Bit 0 belongs to the collector.
        asm.alu_imm(Alu::And, W64, RDI, -2);
        asm.mov_imm(RSI, trap as u64);
        asm.mov(W64, RAX, at(RDI, offset_of!(VmContext, builtins) as i32));
        emit!(asm, jmpq_m(GprMem::Mem(at(RAX, Builtin::raise_trap as i32 * 8))));
    }
    func.text.extend(asm.finish());
    func.traps = others;
    true
}

/// For each trap instruction, the one jump to it. Returns `None` if an instruction does not have exactly one.
fn jumps_to(text: &[u8], checks: &[TrapSite]) -> Option<Vec<u32>> {
    let mut jumps = vec![None; checks.len()];
    for at in 0..text.len().saturating_sub(JCC_SIZE) {
        let [0x0f, second, ..] = text[at..] else { continue };
        if second & 0xf0 != 0x80 {
            continue;
        }
        let distance = i32::from_le_bytes(text[at + 2..at + JCC_SIZE].try_into().expect("four bytes"));
        let target = (at + JCC_SIZE) as i64 + distance as i64;
        if let Ok(i) = checks.binary_search_by_key(&target, |c| c.at as i64)
            && jumps[i].replace(at as u32).is_some()
        {
            return None;
        }
    }
    jumps.into_iter().collect()
}

fn put_distance(text: &mut [u8], jump: u32, target: u32) {
    let end = jump + JCC_SIZE as u32;
    text[end as usize - 4..end as usize].copy_from_slice(&target.wrapping_sub(end).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(at: u32) -> TrapSite {
        TrapSite { at, wasm_offset: 0, trap: 0 }
    }

    #[test]
    fn a_jump_is_found_by_its_distance() {
        // jbe +4; jne +0; ud2; ud2
        let text = [0x0f, 0x86, 8, 0, 0, 0, 0x0f, 0x85, 0, 0, 0, 0, 0x0f, 0x0b, 0x0f, 0x0b, 0, 0, 0, 0];
        assert_eq!(jumps_to(&text, &[site(12), site(14)]), Some(vec![6, 0]));
        // No jump leads to one of them.
        assert_eq!(jumps_to(&text, &[site(12), site(16)]), None);
    }

    #[test]
    fn what_looks_like_a_second_jump_is_noticed() {
        // mov ecx, with the bytes of a jump; je +0; ud2
        let text = [0xb9, 0x0f, 0x84, 7, 0, 0, 0, 0x90, 0x0f, 0x84, 0, 0, 0, 0, 0x0f, 0x0b, 0, 0, 0, 0, 0, 0];
        assert_eq!(jumps_to(&text, &[site(14)]), None);
    }
}
