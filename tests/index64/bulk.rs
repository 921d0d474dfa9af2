//! `memory.size`, `grow`, `fill`, `copy` and `init` against a model: on one memory, and between two of the same or different index widths.

use super::*;

const PAGES: [&str; 2] = ["", "(pagesize 1)"];

/// The limits of a memory of `len` bytes, which can grow to twice that.
fn memory(width: Width, page: &str, len: u64) -> String {
    let n = if page.is_empty() { len >> 16 } else { len };
    format!("{} {n} {} {page}", width.limits(), 2 * n)
}

/// The model and the call must agree.
fn agree<T: PartialEq + std::fmt::Debug>(got: std::result::Result<T, Trap>, fits: bool, what: &str) {
    match got {
        Ok(_) => assert!(fits, "{what} does not trap"),
        Err(trap) => assert!(!fits && trap == Trap::MemoryOutOfBounds, "{what}: {trap:?}"),
    }
}

#[test]
fn size_and_grow() {
    for config in configs() {
        for (width, page) in [W32, W64].into_iter().flat_map(|w| PAGES.map(|p| (w, p))) {
            let (len, step) = (65536, if page.is_empty() { 1 } else { 65536 });
            let limits = memory(width, page, len);
            let index = width.name();
            let mut w = World::new(
                &config,
                &format!(
                    "(module (memory (export \"m\") {limits})
                     (func (export \"size\") (result {index}) (memory.size))
                     (func (export \"grow\") (param {index}) (result {index}) (memory.grow (local.get 0)))
                     (func (export \"get\") (param {index}) (result i32) (i32.load8_u (local.get 0))))"
                ),
            );
            let size = |w: &mut World, n: u64| assert_eq!(w.call("size", &[]), Ok(vec![width.val(n)]), "{limits}");
            size(&mut w, step);
            // Numbers that are nothing, for 32 bits, would be no failures.
            for delta in edges(2 * len).into_iter().filter(|d| width.cut(*d) > step) {
                assert_eq!(w.call("grow", &[width.val(delta)]), Ok(vec![width.minus_one()]), "{limits} by {delta}");
            }
            size(&mut w, step);
            assert_eq!(w.call("get", &[width.val(len)]), Err(Trap::MemoryOutOfBounds));
            assert_eq!(w.call("grow", &[width.val(0)]), Ok(vec![width.val(step)]));
            assert_eq!(w.call("grow", &[width.val(step)]), Ok(vec![width.val(step)]));
            size(&mut w, 2 * step);
            assert_eq!(w.call("get", &[width.val(2 * len - 1)]), Ok(vec![Val::I32(0)]));
            assert_eq!(w.call("get", &[width.val(2 * len)]), Err(Trap::MemoryOutOfBounds));
            assert_eq!(w.call("grow", &[width.val(1)]), Ok(vec![width.minus_one()]));
            assert_eq!(w.bytes("m").len() as u64, 2 * len);
        }
    }
}

/// Pages of one byte: growth is exact to the byte, and the bytes after it are inaccessible although they are on the same system page.
#[test]
fn growing_by_bytes() {
    for (config, width) in configs().flat_map(|c| [W32, W64].map(|w| (c.clone(), w))) {
        let index = width.name();
        let mut w = World::new(
            &config,
            &format!(
                "(module (memory (export \"m\") {} 0 20000 (pagesize 1))
                 (func (export \"grow\") (param {index}) (result {index}) (memory.grow (local.get 0)))
                 (func (export \"set\") (param {index}) (i32.store8 (local.get 0) (i32.const 7)))
                 (func (export \"get\") (param {index}) (result i32) (i32.load8_u (local.get 0))))",
                width.limits()
            ),
        );
        let mut len = 0;
        for delta in [1, 1, 4093, 1, 1, 0, 3, 8000, 92, 7808] {
            assert_eq!(w.call("grow", &[width.val(delta)]), Ok(vec![width.val(len)]));
            len += delta;
            for at in [len, len + 1, 30000, u64::MAX] {
                assert_eq!(w.call("get", &[width.val(at)]), Err(Trap::MemoryOutOfBounds), "at {at} of {len}");
                assert_eq!(w.call("set", &[width.val(at)]), Err(Trap::MemoryOutOfBounds), "at {at} of {len}");
            }
            assert_eq!(w.call("get", &[width.val(len - 1)]), Ok(vec![Val::I32((delta == 0) as i32 * 7)]), "of {len}");
            w.call("set", &[width.val(len - 1)]).unwrap();
        }
        assert_eq!(w.call("grow", &[width.val(1)]), Ok(vec![width.minus_one()]));
        let all = w.bytes("m");
        assert_eq!((all.len(), all.iter().filter(|b| **b == 7).count()), (20000, 9));
    }
}

#[test]
fn fill() {
    for config in configs() {
        for (width, page) in [W32, W64].into_iter().flat_map(|w| PAGES.map(|p| (w, p))) {
            let limits = memory(width, page, 65536);
            let index = width.name();
            let mut w = World::new(
                &config,
                &format!(
                    "(module (memory (export \"m\") {limits}) (func (export \"fill\") (param {index} i32 {index})
                       (memory.fill (local.get 0) (local.get 1) (local.get 2))))"
                ),
            );
            let mut model = vec![0; 65536];
            for (i, at) in edges(65536).into_iter().enumerate() {
                for len in edges(65536) {
                    let (at, len, byte) = (width.cut(at), width.cut(len), (i + 1) as u8);
                    let got = w.call("fill", &[width.val(at), Val::I32(byte as i32 - 256), width.val(len)]);
                    let fits = inside(at, len, model.len());
                    agree(got, fits, &format!("fill of {limits} at {at}, {len}"));
                    if fits {
                        model[at as usize..(at + len) as usize].fill(byte);
                    }
                }
                assert!(w.bytes("m") == model, "{limits}, at {at}");
            }
        }
    }
}

#[test]
fn copy() {
    for config in configs() {
        for (to, from) in [(W32, W64), (W64, W32), (W64, W64)] {
            for (to_page, from_page) in [(PAGES[0], PAGES[0]), (PAGES[1], PAGES[0]), (PAGES[0], PAGES[1])] {
                copy_between(&config, (to, to_page), (from, from_page));
            }
        }
    }
}

/// Also within the first one, with overlapping ranges.
fn copy_between(config: &Config, (to, to_page): (Width, &str), (from, from_page): (Width, &str)) {
    let (a, b) = (memory(to, to_page, 65536), memory(from, from_page, 131072));
    let (ta, tb, tl) = (to.name(), from.name(), to.min(from).name());
    let mut w = World::new(
        config,
        &format!(
            "(module (memory $a (export \"a\") {a}) (memory $b (export \"b\") {b})
             (func (export \"copy\") (param {ta} {tb} {tl}) (memory.copy $a $b (local.get 0) (local.get 1) (local.get 2)))
             (func (export \"within\") (param {ta} {ta} {ta}) (memory.copy $a $a (local.get 0) (local.get 1) (local.get 2))))"
        ),
    );
    let source: Vec<u8> = (0..131072).map(|i| (i % 253) as u8).collect();
    w.memory("b").write(&mut w.store, 0, &source).unwrap();
    let mut model = vec![0; 65536];
    let some = |len| edges(len).into_iter().step_by(3);
    for at in some(65536) {
        for (src, len) in some(131072).flat_map(|s| some(65536).map(move |l| (s, l))) {
            let (d, s, n) = (to.cut(at), from.cut(src), to.min(from).cut(len));
            let got = w.call("copy", &[to.val(d), from.val(s), to.min(from).val(n)]);
            let fits = inside(d, n, model.len()) && inside(s, n, source.len());
            agree(got, fits, &format!("copy of {n} from {s} of {b} to {d} of {a}"));
            if fits {
                model[d as usize..(d + n) as usize].copy_from_slice(&source[s as usize..(s + n) as usize]);
            }
            let (s, n) = (to.cut(src), to.cut(len));
            let got = w.call("within", &[to.val(d), to.val(s), to.val(n)]);
            let fits = inside(d, n, model.len()) && inside(s, n, model.len());
            agree(got, fits, &format!("copy of {n} from {s} to {d} within {a}"));
            if fits {
                model.copy_within(s as usize..(s + n) as usize, d as usize);
            }
        }
        assert!(w.bytes("a") == model, "{a} from {b}, at {at}");
    }
    assert!(w.bytes("b") == source);
}

/// Indexes of a segment have 32 bits.
#[test]
fn init() {
    for config in configs() {
        for (width, page) in [W32, W64].into_iter().flat_map(|w| PAGES.map(|p| (w, p))) {
            let limits = memory(width, page, 65536);
            let mut w = World::new(
                &config,
                &format!(
                    "(module (memory (export \"m\") {limits}) (data $d \"0123456789\")
                     (func (export \"init\") (param {} i32 i32) (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
                     (func (export \"drop\") (data.drop $d)))",
                    width.name()
                ),
            );
            let mut model = vec![0; 65536];
            for (at, src, len) in edges(65536)
                .into_iter()
                .flat_map(|a| [0, 1, 9, 10, 11, 1 << 31, u32::MAX].map(|s| (a, s)))
                .flat_map(|(a, s)| [0u32, 1, 2, 9, 10, 11, 1 << 31, u32::MAX].map(|l| (a, s, l)))
            {
                let at = width.cut(at);
                let got = w.call("init", &[width.val(at), Val::I32(src as i32), Val::I32(len as i32)]);
                let fits = inside(at, len as u64, model.len()) && inside(src as u64, len as u64, 10);
                agree(got, fits, &format!("init of {limits} at {at} from {src}, {len}"));
                if fits {
                    let (at, src, len) = (at as usize, src as usize, len as usize);
                    model[at..at + len].copy_from_slice(&b"0123456789"[src..src + len]);
                }
            }
            assert!(w.bytes("m") == model, "{limits}");
            w.call("drop", &[]).unwrap();
            agree(w.call("init", &[width.val(65536), Val::I32(0), Val::I32(0)]), true, "nothing of a dropped segment");
            agree(w.call("init", &[width.val(0), Val::I32(0), Val::I32(1)]), false, "a dropped segment");
        }
    }
}
