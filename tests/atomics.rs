//! Atomic instructions in cases that the specification's tests do not cover: operands wider than the access, and accesses that are
//! invalid in two ways. In code of every compiler and mode.

use std::fmt::Write;
use wrt::api::*;

/// With faults and with explicit checks, in optimized code and in baseline code; with memories that never move, and that move.
fn configs() -> impl Iterator<Item = Config> {
    (0..8).map(|i| {
        let [signals, lazy, moving] = [1, 2, 4].map(|bit| i & bit != 0);
        let config = Config::new().signals(signals).lazy(lazy).background(false);
        let config = if moving { config.memory_reservation(0) } else { config };
        config.feature("custom-page-sizes", true).unwrap()
    })
}

struct World {
    store: Store,
    instance: Instance,
}

impl World {
    fn new(config: &Config, text: &str) -> World {
        let engine = Engine::new(config).unwrap();
        let module = Module::new(&engine, text.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        World { store, instance }
    }

    fn call(&mut self, name: &str, args: &[Val]) -> std::result::Result<Vec<Val>, Trap> {
        let Some(Extern::Func(f)) = self.instance.export(&mut self.store, name).unwrap() else { panic!("no {name}") };
        let mut results = vec![Val::I32(0); f.ty(&self.store).unwrap().results().len()];
        match f.call(&mut self.store, args, &mut results) {
            Ok(()) => Ok(results),
            Err(e) => Err(e.trap_code().unwrap_or_else(|| panic!("{name}: {e}"))),
        }
    }
}

/// A number of a type.
fn number(ty: &str, n: u64) -> Val {
    if ty == "i64" { Val::I64(n as i64) } else { Val::I32(n as i32) }
}

/// Both operands of a compare-exchange are wrapped to the width of the access before they are used (threads proposal, execution of
/// `t.atomic.rmw.cmpxchg`).
#[test]
fn compare_exchange_wraps_what_it_expects() {
    const KINDS: &[(&str, &str, u32)] = &[
        ("i32", "rmw8.cmpxchg_u", 8),
        ("i32", "rmw16.cmpxchg_u", 16),
        ("i32", "rmw.cmpxchg", 32),
        ("i64", "rmw8.cmpxchg_u", 8),
        ("i64", "rmw16.cmpxchg_u", 16),
        ("i64", "rmw32.cmpxchg_u", 32),
        ("i64", "rmw.cmpxchg", 64),
    ];
    const NUMBERS: [u64; 6] =
        [0x1111_1111_1111_1111, 0x11, 0xffff_ff00_0000_1111, 0x2222_2222_1111_1111, u64::MAX, 0x80];
    let mut text =
        String::from("(module (memory 1) (func (export \"put\") (param i64) (i64.store (i32.const 8) (local.get 0)))");
    text += "(func (export \"get\") (result i64) (i64.load (i32.const 8)))";
    for (ty, op, _) in KINDS {
        let access = format!("{ty}.atomic.{op} (i32.const 8)");
        writeln!(
            text,
            "(func (export \"{ty}.{op}\") (param {ty} {ty}) (result {ty}) ({access} (local.get 0) (local.get 1)))"
        )
        .unwrap();
        // Operands that the compiler knows.
        for (i, expected) in NUMBERS.iter().enumerate() {
            let expected = *expected as i64;
            let expected = if *ty == "i64" { expected } else { expected as i32 as i64 };
            writeln!(text, "(func (export \"{ty}.{op}/{i}\") (param {ty}) (result {ty}) ({access} ({ty}.const {expected}) (local.get 0)))").unwrap();
        }
    }
    for config in configs() {
        let mut w = World::new(&config, &(text.clone() + ")"));
        for ((ty, op, bits), was) in KINDS.iter().flat_map(|k| NUMBERS.map(|n| (k, n))) {
            let mask = u64::MAX >> (64 - bits);
            let new = 0xabcd_ef01_2345_6789;
            for (i, expected) in NUMBERS.into_iter().enumerate() {
                let stays = was & mask != expected & mask;
                let then = if stays { was } else { was & !mask | new & mask };
                for known in [false, true] {
                    w.call("put", &[Val::I64(was as i64)]).unwrap();
                    let old = match known {
                        true => w.call(&format!("{ty}.{op}/{i}"), &[number(ty, new)]),
                        false => w.call(&format!("{ty}.{op}"), &[number(ty, expected), number(ty, new)]),
                    };
                    let what = format!("{ty}.{op} of {was:x}, {expected:x} expected");
                    assert_eq!(old, Ok(vec![number(ty, was & mask)]), "{what}");
                    assert_eq!(w.call("get", &[]), Ok(vec![Val::I64(then as i64)]), "{what}");
                }
            }
        }
    }
}

/// Every instruction that accesses a memory: its text, its width in bytes, and the types of its operands above the index.
fn accesses() -> Vec<(String, u64, Vec<&'static str>)> {
    let mut all = vec![
        ("memory.atomic.notify".to_string(), 4, vec!["i32"]),
        ("memory.atomic.wait32".to_string(), 4, vec!["i32", "i64"]),
        ("memory.atomic.wait64".to_string(), 8, vec!["i64", "i64"]),
    ];
    for ty in ["i32", "i64"] {
        let full = if ty == "i64" { 8 } else { 4 };
        for size in [1, 2, 4, 8].into_iter().filter(|s| *s <= full) {
            let (narrow, unsigned) = if size == full { (String::new(), "") } else { ((size * 8).to_string(), "_u") };
            all.push((format!("{ty}.atomic.load{narrow}{unsigned}"), size, vec![]));
            all.push((format!("{ty}.atomic.store{narrow}"), size, vec![ty]));
            for op in ["add", "sub", "and", "or", "xor", "xchg"] {
                all.push((format!("{ty}.atomic.rmw{narrow}.{op}{unsigned}"), size, vec![ty]));
            }
            all.push((format!("{ty}.atomic.rmw{narrow}.cmpxchg{unsigned}"), size, vec![ty, ty]));
        }
    }
    all
}

/// Alignment is checked before bounds, however either check is done: it is the earlier step in the threads proposal.
#[test]
fn unaligned_comes_before_out_of_bounds() {
    // Limits, whether indexes have 64 bits, length in bytes.
    const MEMORIES: &[(&str, bool, u64)] = &[
        ("1", false, 65536),
        ("1 1", false, 65536),
        ("i64 1", true, 65536),
        ("i64 1 1", true, 65536),
        ("30001 (pagesize 1)", false, 30001),
        ("i64 30001 (pagesize 1)", true, 30001),
    ];
    const OFFSETS: [u64; 7] = [0, 1, 4, 7, 65536, 0x2000_0003, 0xffff_ffff];
    for (limits, wide, bytes) in MEMORIES {
        let index = if *wide { "i64" } else { "i32" };
        let mut places =
            vec![0, 1, 2, 3, 4, 6, 7, 8, bytes - 9, bytes - 8, bytes - 4, bytes - 3, bytes - 1, *bytes, bytes + 1];
        places.extend([0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffc0, 0xffff_ffff]);
        if *wide {
            places.extend([1 << 32, (1 << 32) + 1, 1 << 40, (1 << 63) + 2, u64::MAX - 7, u64::MAX]);
        }
        let mut text = format!("(module (memory {limits})");
        let mut all = Vec::new();
        for (name, size, operands) in accesses() {
            let values: String = operands.iter().map(|ty| format!("({ty}.const 0)")).collect();
            let drop = if name.contains(".store") { "" } else { "(drop)" };
            for offset in OFFSETS {
                let n = all.len();
                let access = |at: String| format!("{at} {values} {name} offset={offset} {drop}");
                writeln!(text, "(func (export \"{n}\") (param {index}) {})", access("(local.get 0)".into())).unwrap();
                for at in [1u64, 65533, 0xffff_ffc0] {
                    let known = access(format!("({index}.const {at})"));
                    writeln!(text, "(func (export \"{n}/{at}\") {known})").unwrap();
                }
                all.push((name.clone(), size, offset));
            }
        }
        text += ")";
        for config in configs() {
            let mut w = World::new(&config, &text);
            for (n, (name, size, offset)) in all.iter().enumerate() {
                let wanted = |at: u64| {
                    let first = at as u128 + *offset as u128;
                    match first {
                        _ if !first.is_multiple_of(*size as u128) => Err(Trap::UnalignedAtomic),
                        _ if first + *size as u128 > *bytes as u128 => Err(Trap::MemoryOutOfBounds),
                        _ if name.contains("wait") => Err(Trap::ExpectedShared),
                        _ => Ok(vec![]),
                    }
                };
                for at in &places {
                    let got = w.call(&n.to_string(), &[number(index, *at)]);
                    assert_eq!(got, wanted(*at), "{name} offset={offset} at {at} of {limits}");
                }
                for at in [1u64, 65533, 0xffff_ffc0] {
                    let got = w.call(&format!("{n}/{at}"), &[]);
                    assert_eq!(got, wanted(at), "{name} offset={offset} at the constant {at} of {limits}");
                }
            }
        }
    }
}
