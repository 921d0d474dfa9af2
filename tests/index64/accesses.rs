//! Loads and stores of all kinds: where they trap, and that they access the right address. Otherwise they behave as in 32-bit memories,
//! which the specification's tests cover.

use super::*;
use std::fmt::Write;

/// An instruction, the bytes after its memory immediate, the type of its value, and its width in bytes.
type Access = (&'static str, &'static str, &'static str, u64);

const LOADS: &[Access] = &[
    ("i32.load", "", "i32", 4),
    ("i64.load", "", "i64", 8),
    ("f32.load", "", "f32", 4),
    ("f64.load", "", "f64", 8),
    ("i32.load8_s", "", "i32", 1),
    ("i32.load8_u", "", "i32", 1),
    ("i32.load16_s", "", "i32", 2),
    ("i32.load16_u", "", "i32", 2),
    ("i64.load8_s", "", "i64", 1),
    ("i64.load8_u", "", "i64", 1),
    ("i64.load16_s", "", "i64", 2),
    ("i64.load16_u", "", "i64", 2),
    ("i64.load32_s", "", "i64", 4),
    ("i64.load32_u", "", "i64", 4),
    ("v128.load", "", "v128", 16),
    ("v128.load8x8_s", "", "v128", 8),
    ("v128.load8x8_u", "", "v128", 8),
    ("v128.load16x4_s", "", "v128", 8),
    ("v128.load16x4_u", "", "v128", 8),
    ("v128.load32x2_s", "", "v128", 8),
    ("v128.load32x2_u", "", "v128", 8),
    ("v128.load8_splat", "", "v128", 1),
    ("v128.load16_splat", "", "v128", 2),
    ("v128.load32_splat", "", "v128", 4),
    ("v128.load64_splat", "", "v128", 8),
    ("v128.load32_zero", "", "v128", 4),
    ("v128.load64_zero", "", "v128", 8),
    ("v128.load8_lane", "3", "v128", 1),
    ("v128.load16_lane", "3", "v128", 2),
    ("v128.load32_lane", "3", "v128", 4),
    ("v128.load64_lane", "1", "v128", 8),
];

const STORES: &[Access] = &[
    ("i32.store", "", "i32", 4),
    ("i64.store", "", "i64", 8),
    ("f32.store", "", "f32", 4),
    ("f64.store", "", "f64", 8),
    ("i32.store8", "", "i32", 1),
    ("i32.store16", "", "i32", 2),
    ("i64.store8", "", "i64", 1),
    ("i64.store16", "", "i64", 2),
    ("i64.store32", "", "i64", 4),
    ("v128.store", "", "v128", 16),
    ("v128.store8_lane", "7", "v128", 1),
    ("v128.store16_lane", "5", "v128", 2),
    ("v128.store32_lane", "2", "v128", 4),
    ("v128.store64_lane", "1", "v128", 8),
];

/// A value of a type whose bytes all differ.
fn value(ty: &str) -> &'static str {
    match ty {
        "i32" => "(i32.const 0x81828384)",
        "i64" => "(i64.const 0x8182838485868788)",
        "f32" => "(f32.const 3.14159)",
        "f64" => "(f64.const 2.718281828459045)",
        _ => "(v128.const i64x2 0x8182838485868788 0x9192939495969798)",
    }
}

/// The memory under test, and its size in bytes. Next to it is a 32-bit memory that is at least as large, with the same bytes.
struct Kind {
    width: Width,
    limits: &'static str,
    len: u64,
}

const KINDS: [Kind; 4] = [
    Kind { width: W64, limits: "i64 1", len: 65536 },
    Kind { width: W64, limits: "i64 1 3", len: 65536 },
    Kind { width: W64, limits: "i64 30001 (pagesize 1)", len: 30001 },
    Kind { width: W32, limits: "30001 (pagesize 1)", len: 30001 },
];

fn offsets(kind: &Kind, size: u64) -> Vec<u64> {
    let mut all = vec![0, 1, 1000, kind.len - size, kind.len - size + 1, kind.len, (32 << 20) - size, 32 << 20];
    all.extend([(1 << 31) - 1, 1 << 31, (1 << 32) - 1]);
    if kind.width == W64 {
        all.extend([1 << 32, 1 << 35, 1 << 63, u64::MAX]);
        all.extend([0, 1, 2].map(|n| (u64::MAX - size).saturating_add(n)));
    }
    all
}

/// Indexes around the first one at which an access with this offset is out of bounds, and others.
fn indexes(kind: &Kind, size: u64, offset: u64) -> Vec<u64> {
    let last = kind.len.wrapping_sub(size).wrapping_sub(offset);
    let mut all = edges(kind.len);
    all.extend([last.wrapping_sub(1), last, last.wrapping_add(1), 0u64.wrapping_sub(offset)]);
    all.iter().map(|i| kind.width.cut(*i)).collect()
}

/// The module, and its functions: index, instruction, offset.
fn module(kind: &Kind, accesses: &[Access], is_load: bool) -> (String, Vec<(usize, Access, u64)>) {
    let mut text = format!("(module (memory $t (export \"t\") {}) (memory $o (export \"o\") 1 2)\n", kind.limits);
    let mut all = Vec::new();
    for access @ (name, lane, ty, size) in accesses {
        for offset in offsets(kind, *size) {
            let n = all.len();
            for (which, memory, width) in [("t", "$t", kind.width), ("o", "$o", W32)] {
                if which == "o" && offset > u32::MAX as u64 {
                    continue;
                }
                let result = if is_load { format!("(result {ty})") } else { String::new() };
                let value = if is_load && lane.is_empty() { "" } else { value(ty) };
                let index = width.name();
                writeln!(
                    text,
                    "(func (export \"{which}{n}\") (param {index}) {result} ({name} {memory} offset={offset} {lane} (local.get 0) {value}))"
                )
                .unwrap();
            }
            all.push((n, *access, offset));
        }
    }
    (text + ")", all)
}

fn fill(w: &mut World, kind: &Kind) {
    let pattern: Vec<u8> = (0..kind.len).map(|i| (i % 251) as u8 ^ (i >> 8) as u8).collect();
    for name in ["t", "o"] {
        w.memory(name).write(&mut w.store, 0, &pattern).unwrap();
    }
}

#[test]
fn loads() {
    for (config, kind) in configs().flat_map(|c| KINDS.iter().map(move |k| (c.clone(), k))) {
        let (text, all) = module(kind, LOADS, true);
        let mut w = World::new(&config, &text);
        fill(&mut w, kind);
        for (n, (name, _, _, size), offset) in all {
            for at in indexes(kind, size, offset) {
                let got = w.call(&format!("t{n}"), &[kind.width.val(at)]);
                let wanted = match at as u128 + offset as u128 + size as u128 <= kind.len as u128 {
                    true => w.call(&format!("o{n}"), &[Val::I32(at as i32)]),
                    false => Err(Trap::MemoryOutOfBounds),
                };
                assert_eq!(got, wanted, "{name} offset={offset} at {at} of {}", kind.limits);
            }
        }
    }
}

#[test]
fn stores() {
    for (config, kind) in configs().flat_map(|c| KINDS.iter().map(move |k| (c.clone(), k))) {
        let (text, all) = module(kind, STORES, false);
        let mut w = World::new(&config, &text);
        fill(&mut w, kind);
        for (n, (name, _, _, size), offset) in all {
            let mut stored = Vec::new();
            for at in indexes(kind, size, offset) {
                let got = w.call(&format!("t{n}"), &[kind.width.val(at)]);
                let fits = at as u128 + offset as u128 + size as u128 <= kind.len as u128;
                let wanted = if fits { Ok(Vec::new()) } else { Err(Trap::MemoryOutOfBounds) };
                assert_eq!(got, wanted, "{name} offset={offset} at {at} of {}", kind.limits);
                if fits {
                    stored.push(at);
                }
            }
            for at in stored {
                w.call(&format!("o{n}"), &[Val::I32(at as i32)]).unwrap();
            }
            let (mine, others) = (w.bytes("t"), w.bytes("o"));
            assert!(mine[..] == others[..kind.len as usize], "{name} offset={offset} of {}", kind.limits);
        }
    }
}

/// Indexes that the compiler has knowledge about: constants, and widened 32-bit numbers.
#[test]
fn known_indexes() {
    for (config, kind) in configs().flat_map(|c| KINDS[..3].iter().map(move |k| (c.clone(), k))) {
        let mut text = format!("(module (memory (export \"t\") {})\n", kind.limits);
        let mut all = Vec::new();
        for offset in offsets(kind, 4) {
            for at in indexes(kind, 4, offset) {
                let n = all.len();
                all.push((offset, at));
                writeln!(
                    text,
                    "(func (export \"c{n}\") (result i32) (i32.load offset={offset} (i64.const {})))",
                    at as i64
                )
                .unwrap();
            }
            let n = all.len();
            let wide = "(i64.extend_i32_u (local.get 0))";
            writeln!(text, "(func (export \"u{n}\") (param i32) (result i32) (i32.load offset={offset} {wide}))")
                .unwrap();
            all.push((offset, u64::MAX));
        }
        let mut w = World::new(&config, &(text + ")"));
        for (n, (offset, at)) in all.into_iter().enumerate() {
            let fits = |at: u64| at as u128 + offset as u128 + 4 <= kind.len as u128;
            let wanted = |at| if fits(at) { Ok(vec![Val::I32(0)]) } else { Err(Trap::MemoryOutOfBounds) };
            let is_param = w.instance.export(&mut w.store, &format!("u{n}")).unwrap().is_some();
            if !is_param {
                assert_eq!(w.call(&format!("c{n}"), &[]), wanted(at), "offset={offset} at {at}");
                continue;
            }
            for at in indexes(kind, 4, offset) {
                let at = W32.cut(at);
                assert_eq!(w.call(&format!("u{n}"), &[W32.val(at)]), wanted(at), "offset={offset} at {at}, widened");
            }
        }
    }
}

/// Merged checks of one index: an access that traps does so before the operations after it, and the access with the larger offset is
/// checked as well.
#[test]
fn merged_checks() {
    let text = r#"(module (memory (export "m") i64 1) (global $g (export "g") (mut i32) (i32.const 0))
      (func (export "f") (param $p i64) (result i32)
        (global.set $g (i32.const 1))
        (i64.store offset=8 (local.get $p) (i64.const 1))
        (global.set $g (i32.const 2))
        (i64.store offset=65528 (local.get $p) (i64.const 1))
        (global.set $g (i32.const 3))
        (i64.store (local.get $p) (i64.const 1))
        (global.set $g (i32.const 4))
        (i32.add (i32.load offset=70000 (local.get $p)) (i32.load offset=100000000 (local.get $p))))
      (func (export "grow") (drop (memory.grow (i64.const 1)))))"#;
    for config in configs() {
        let mut w = World::new(&config, text);
        let Some(Extern::Global(g)) = w.instance.export(&mut w.store, "g").unwrap() else { panic!() };
        for (at, reached) in [(0, 4), (1, 2), (65520, 2), (65521, 1), (1 << 32, 1), (1 << 40, 1), (u64::MAX - 7, 1)] {
            assert_eq!(w.call("f", &[Val::I64(at as i64)]), Err(Trap::MemoryOutOfBounds));
            assert_eq!(g.get(&mut w.store).unwrap(), Val::I32(reached), "at {at}");
        }
        w.call("grow", &[]).unwrap();
        for (at, reached) in [(0, 4), (1, 4), (65536, 4), (65537, 2), (131056, 2), (131057, 1)] {
            assert_eq!(w.call("f", &[Val::I64(at)]), Err(Trap::MemoryOutOfBounds));
            assert_eq!(g.get(&mut w.store).unwrap(), Val::I32(reached), "at {at}, grown");
        }
    }
}
