//! Saved modules: a header, the module's bytes, its machine code and tables. Checked before use: version, contract,
//! settings and processor by a hash, damage by another. Whoever loads one runs its code, so it must come from a trusted
//! place: the hashes guard against accidents only.

use super::engine::Engine;
use super::module::Module;
use crate::abi::code::{CallSite, Code, FuncCode, StackMap, TrapSite};
use crate::abi::contract::hash;
use crate::base::{Result, Trap};
use crate::err;
use crate::wasm::decode;
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"\0wrtmod\x01";
/// The module, its text, and its tables.
const PARTS: usize = 8;
/// Magic, contract, hash of the rest, and the lengths of the parts.
const HEADER: usize = (3 + PARTS) * 8;

/// A record of a table, as little-endian 32-bit words.
trait Record: Sized {
    const WORDS: usize;
    fn put(&self, out: &mut Vec<u8>);
    fn get(words: &[u32]) -> Self;
}

macro_rules! record {
    ($name:ident { $($field:ident),* }, $n:literal) => {
        impl Record for $name {
            const WORDS: usize = $n;
            fn put(&self, out: &mut Vec<u8>) {
                $(out.extend_from_slice(&self.$field.to_le_bytes());)*
            }
            fn get(words: &[u32]) -> Self {
                let mut words = words.iter().copied();
                $name { $($field: words.next().expect("WORDS of them")),* }
            }
        }
    };
}
record!(FuncCode { start, len, vmctx_below_fp }, 3);
record!(TrapSite { at, wasm_offset, trap }, 3);
record!(CallSite { return_at, wasm_offset }, 2);
record!(StackMap { return_at, first, count }, 3);
record!(Word { value }, 1);

/// A word of its own.
struct Word {
    value: u32,
}

fn put_all<T: Record>(records: &[T]) -> Vec<u8> {
    let mut out = Vec::with_capacity(records.len() * T::WORDS * 4);
    records.iter().for_each(|r| r.put(&mut out));
    out
}

fn get_all<T: Record>(bytes: &[u8]) -> Option<Vec<T>> {
    let size = T::WORDS * 4;
    if !bytes.len().is_multiple_of(size) {
        return None;
    }
    let word = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    Some(bytes.chunks_exact(size).map(|r| T::get(&r.chunks_exact(4).map(word).collect::<Vec<_>>())).collect())
}

pub fn save(module: &Module) -> Result<Vec<u8>> {
    let linked = module.linked()?;
    let code = linked.code();
    let words = |w: &[u32]| put_all(&w.iter().map(|w| Word { value: *w }).collect::<Vec<_>>());
    let parts: [&[u8]; PARTS] = [
        module.bytes(),
        linked.text(),
        &put_all(&code.funcs),
        &put_all(&code.traps),
        &put_all(&code.calls),
        &put_all(&code.stack_maps),
        &words(&code.stack_slots),
        &words(&[code.uses_heap as u32]),
    ];
    let mut out = Vec::with_capacity(HEADER + parts.iter().map(|p| p.len()).sum::<usize>());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&module.engine.compiler.contract().to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    for part in parts {
        out.extend_from_slice(&(part.len() as u64).to_le_bytes());
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    let sum = hash(&[&out[24..]]);
    out[16..24].copy_from_slice(&sum.to_le_bytes());
    Ok(out)
}

pub fn load(engine: &Arc<Engine>, saved: &[u8]) -> Result<Module> {
    let damaged = || err!(Malformed, "the saved module is damaged");
    if saved.len() < HEADER || saved[..8] != MAGIC {
        return Err(err!(Malformed, "these bytes are no saved module of this version"));
    }
    let word = |i: usize| u64::from_le_bytes(saved[i * 8..i * 8 + 8].try_into().expect("eight bytes"));
    if word(1) != engine.compiler.contract() {
        return Err(err!(
            Unsupported,
            "the module was saved by another version, for another processor or other settings"
        ));
    }
    if word(2) != hash(&[&saved[24..]]) {
        return Err(damaged());
    }
    let mut rest = &saved[HEADER..];
    let mut parts = [&saved[..0]; PARTS];
    for (i, part) in parts.iter_mut().enumerate() {
        let len = usize::try_from(word(3 + i)).ok().filter(|l| *l <= rest.len()).ok_or_else(damaged)?;
        (*part, rest) = rest.split_at(len);
    }
    let [bytes, text, funcs, traps, calls, stack_maps, stack_slots, flags] = parts;
    let words = |part| Some(get_all::<Word>(part)?.into_iter().map(|w| w.value).collect::<Vec<_>>());
    let info = decode::decode(bytes, &engine.types)?.info;
    let code = Code {
        text: text.to_vec(),
        funcs: get_all(funcs).ok_or_else(damaged)?,
        traps: get_all(traps).ok_or_else(damaged)?,
        calls: get_all(calls).ok_or_else(damaged)?,
        stack_maps: get_all(stack_maps).ok_or_else(damaged)?,
        stack_slots: words(stack_slots).ok_or_else(damaged)?,
        uses_heap: words(flags).ok_or_else(damaged)? == [1],
    };
    let inside = |f: &FuncCode| (f.start as usize).checked_add(f.len as usize).is_some_and(|end| end <= text.len());
    let sound = code.funcs.len() == info.bodies.len()
        && code.funcs.iter().all(inside)
        && code.stack_maps.iter().all(|m| m.first as usize + m.count as usize <= code.stack_slots.len())
        && code.traps.iter().all(|t| Trap::from_u8(t.trap as u8).is_some());
    if !sound {
        return Err(damaged());
    }
    Module::from_parts(engine, bytes, info, code)
}
