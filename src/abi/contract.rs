//! The contract in words: everything that machine code relies on. Saved modules contain its hash; `golden/abi.txt` is
//! its text, so that changes to it are visible in review.

use super::builtin::{BUILTINS, Builtin, Ty};
use super::heap::*;
use super::vmstruct::*;
use crate::base::Trap;
use crate::for_each_builtin;
use crate::wasm::descriptor::*;
use std::fmt::Write;
use std::mem::{offset_of, size_of};

macro_rules! structs {
    ($out:ident; $($name:ident { $($field:ident),* })*) => { $(
        let _ = writeln!($out, "struct {} {} bytes", stringify!($name), size_of::<$name>());
        $(let _ = writeln!($out, "  {:4} {}", offset_of!($name, $field), stringify!($field));)*
    )* };
}

macro_rules! builtins {
    ($($(#[$doc:meta])* [$class:ident] $name:ident($($p:ident: $pt:ident),*) $(-> $r:ident)?;)*) => {
        const CLASSES: [(Builtin, &str); BUILTINS] = [$((Builtin::$name, stringify!($class))),*];
    };
}
for_each_builtin!(builtins);

/// The contract, one fact per line.
pub fn text() -> String {
    let mut out = String::new();
    structs! { out;
        VmSlot { i32, i64, f32, f64, v128, funcref, gc, handle }
        VmFuncRef { code, vmctx, type_id, handle, index, owner }
        VmHeader { store }
        VmContext { header, builtins, null_func, instance, heap, types, global_card }
        VmHostFunc { header, call, raw, raw_data, after_raw, exhausted }
        VmCaller { store, exit_fp }
        VmStore { stack_limit, interrupt, activation, exit_fp, exit_sp, scope_fp, embedder, store, nursery, funcs, func_count, pending_work }
        VmNursery { next, end }
        Activation { entry_fp, handler_pc, handler_sp_offset, store, previous, previous_exit_fp, previous_exit_sp, trap, trap_frames, frames, tail }
        VmMemory { base, length }
        VmMemorySlot { base, memory, limit }
        VmTable { elements, length, cards }
        VmGlobal { value }
        VmRefGlobal { value, card }
        Descriptor { kind, depth, size, ref_words, func_words, refs, display }
        VmImportedFunc { code, vmctx, funcref }
    }
    for (name, value) in [
        ("cards", CARDS),
        ("card size", CARD_SIZE),
        ("table card", 1 << SLOT_CARD_SHIFT),
        ("nursery", NURSERY),
        ("old", OLD),
        ("object header", HEADER_SIZE as usize),
        ("host type", HOST_TYPE.0 as usize),
        ("exception's tag", EXCEPTION_TAG as usize),
        (
            "function, structure, array, host, held function, exception",
            (KIND_FUNC
                + 10 * KIND_STRUCT
                + 100 * KIND_ARRAY
                + 1000 * KIND_HOST
                + 10000 * KIND_HELD_FUNC
                + 100000 * KIND_EXCEPTION) as usize,
        ),
    ] {
        let _ = writeln!(out, "heap {name} {value}");
    }
    for (builtin, class) in CLASSES {
        let ty = |t: &Ty| format!("{t:?}").to_lowercase();
        let params: Vec<String> = builtin.params().iter().map(ty).collect();
        let result = builtin.result().map_or(String::new(), |r| format!(" -> {}", ty(&r)));
        let _ = writeln!(out, "builtin {} {class} {}({}){result}", builtin as u32, builtin.name(), params.join(", "));
    }
    for trap in (0..=u8::MAX).filter_map(Trap::from_u8) {
        let _ = writeln!(out, "trap {} {}", trap as u8, trap.text());
    }
    out
}

/// A hash that protects against accidents, not against malice.
pub fn hash(parts: &[&[u8]]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut h = 0xcbf2_9ce4_8422_2325u64;
    for part in parts {
        let words = part.chunks_exact(8);
        let rest = words.remainder();
        for word in words {
            h = (h ^ u64::from_le_bytes(word.try_into().expect("eight bytes"))).wrapping_mul(PRIME).rotate_left(23);
        }
        for byte in rest {
            h = (h ^ *byte as u64).wrapping_mul(PRIME);
        }
        h = (h ^ part.len() as u64).wrapping_mul(PRIME).rotate_left(23);
    }
    h
}

#[cfg(test)]
mod tests {
    /// `WRT_BLESS=1 cargo test` rewrites the file.
    #[test]
    fn the_contract_is_the_golden_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/abi.txt");
        if std::env::var_os("WRT_BLESS").is_some() {
            std::fs::write(path, super::text()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), super::text());
    }

    #[test]
    fn the_hash_sees_every_bit() {
        let data = [7u8; 37];
        let h = super::hash(&[&data]);
        for bit in 0..data.len() * 8 {
            let mut flipped = data;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(super::hash(&[&flipped]), h, "bit {bit}");
        }
    }
}
