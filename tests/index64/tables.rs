//! Every table instruction against a model: on tables of functions and of references to objects, and between two tables of the same or
//! different index widths. Each element stands for a number: a function's index, or a number in an object.

use super::*;

/// The kind of a table's elements.
#[derive(Clone, Copy, Debug)]
enum Of {
    Funcs,
    Objects,
}

use Of::*;

const KINDS: [Of; 2] = [Funcs, Objects];

impl Of {
    fn element(self) -> &'static str {
        match self {
            Funcs => "funcref",
            Objects => "anyref",
        }
    }

    /// `$make`: the element for a number, null for -1. `$read`: the inverse. Twelve elements are in a passive segment `$e`.
    fn helpers(self) -> String {
        match self {
            Funcs => {
                let all: String = (0..12).map(|i| format!("(func $f{i} (result i32) (i32.const {i}))\n")).collect();
                let names: String = (0..12).map(|i| format!(" $f{i}")).collect();
                format!(
                    "{all} (elem $e func{names}) (table $all funcref (elem{names}))
                     (type $f (func (result i32)))
                     (func $make (param i32) (result funcref)
                       (if (result funcref) (i32.lt_s (local.get 0) (i32.const 0)) (then (ref.null func))
                         (else (table.get $all (local.get 0)))))
                     (func $read (param funcref) (result i32)
                       (if (result i32) (ref.is_null (local.get 0)) (then (i32.const -1))
                         (else (call_ref $f (ref.cast (ref $f) (local.get 0))))))"
                )
            }
            Objects => {
                // Some are objects, others are not.
                let item = |i: i32| match i % 3 {
                    0 => format!("(item (ref.i31 (i32.const {i})))"),
                    _ => format!("(item (struct.new $box (i32.const {i})))"),
                };
                let items: String = (0..12).map(item).collect();
                format!(
                    "(type $box (struct (field i32))) (elem $e anyref {items})
                     (func $make (param i32) (result anyref)
                       (if (result anyref) (i32.lt_s (local.get 0) (i32.const 0)) (then (ref.null any))
                         (else (struct.new $box (local.get 0)))))
                     (func $read (param anyref) (result i32)
                       (if (ref.is_null (local.get 0)) (then (return (i32.const -1))))
                       (if (result i32) (ref.test (ref i31) (local.get 0))
                         (then (i31.get_s (ref.cast (ref i31) (local.get 0))))
                         (else (struct.get $box 0 (ref.cast (ref $box) (local.get 0))))))"
                )
            }
        }
    }
}

/// With and without a collection at every allocation.
fn worlds() -> impl Iterator<Item = (Config, Of)> {
    configs().flat_map(|c| KINDS.into_iter().flat_map(move |of| [0, 1].map(|zeal| (c.clone().gc_zeal(zeal), of))))
}

/// Two tables `$a` and `$b` of these widths, with every instruction on the first one, and copies between them.
fn world(config: &Config, of: Of, a: Width, b: Width) -> World {
    let (la, lb, e) = (a.limits(), b.limits(), of.element());
    let (ta, tb, tl) = (a.name(), b.name(), a.min(b).name());
    let (helpers, calls) = (of.helpers(), if matches!(of, Funcs) { calls(ta) } else { String::new() });
    let text = format!(
        "(module (table $a {la} 10 20 {e}) (table $b {lb} 30 {e}) {helpers} {calls}
         (func (export \"get\") (param {ta}) (result i32) (call $read (table.get $a (local.get 0))))
         (func (export \"get b\") (param {tb}) (result i32) (call $read (table.get $b (local.get 0))))
         (func (export \"set\") (param {ta} i32) (table.set $a (local.get 0) (call $make (local.get 1))))
         (func (export \"set b\") (param {tb} i32) (table.set $b (local.get 0) (call $make (local.get 1))))
         (func (export \"size\") (result {ta}) (table.size $a))
         (func (export \"grow\") (param i32 {ta}) (result {ta}) (table.grow $a (call $make (local.get 0)) (local.get 1)))
         (func (export \"fill\") (param {ta} i32 {ta}) (table.fill $a (local.get 0) (call $make (local.get 1)) (local.get 2)))
         (func (export \"init\") (param {ta} i32 i32) (table.init $a $e (local.get 0) (local.get 1) (local.get 2)))
         (func (export \"drop\") (elem.drop $e))
         (func (export \"copy\") (param {ta} {tb} {tl}) (table.copy $a $b (local.get 0) (local.get 1) (local.get 2)))
         (func (export \"within\") (param {ta} {ta} {ta}) (table.copy $a $a (local.get 0) (local.get 1) (local.get 2))))"
    );
    World::new(config, &text)
}

fn calls(index: &str) -> String {
    format!(
        "(func (export \"call\") (param {index}) (result i32) (i32.add (i32.const 0) (call_indirect $a (result i32) (local.get 0))))
         (func (export \"wrong\") (param {index}) (result i64) (call_indirect $a (result i64) (local.get 0)))
         (func (export \"tail\") (param {index}) (result i32) (return_call_indirect $a (result i32) (local.get 0)))"
    )
}

/// The model of a table.
struct Model {
    width: Width,
    elements: Vec<i32>,
}

impl Model {
    fn check(&self, w: &mut World) {
        let got: Vec<Val> =
            (0..self.elements.len()).map(|i| w.call("get", &[self.width.val(i as u64)]).unwrap()[0]).collect();
        assert_eq!(got, self.elements.iter().map(|v| Val::I32(*v)).collect::<Vec<_>>());
        assert_eq!(w.call("size", &[]), Ok(vec![self.width.val(self.elements.len() as u64)]));
    }
}

fn agree<T: std::fmt::Debug>(got: std::result::Result<T, Trap>, fits: bool, what: &str) {
    match got {
        Ok(_) => assert!(fits, "{what} does not trap"),
        Err(trap) => assert!(!fits && trap == Trap::TableOutOfBounds, "{what}: {trap:?}"),
    }
}

#[test]
fn get_set_size_grow() {
    for ((config, of), width) in worlds().flat_map(|c| [W32, W64].map(|w| (c.clone(), w))) {
        let mut w = world(&config, of, width, W32);
        let mut model = Model { width, elements: vec![-1; 10] };
        for (round, at) in edges(10).into_iter().chain(edges(20)).enumerate() {
            let at = width.cut(at);
            let fits = inside(at, 1, model.elements.len());
            let value = (round % 12) as i32;
            agree(w.call("get", &[width.val(at)]), fits, &format!("get at {at}"));
            agree(w.call("set", &[width.val(at), Val::I32(value)]), fits, &format!("set at {at}"));
            if fits {
                model.elements[at as usize] = value;
            }
            let delta = width.cut(edges(10)[round % edges(10).len()]);
            let new = model.elements.len() as u128 + delta as u128;
            let old = if new <= 20 { width.val(model.elements.len() as u64) } else { width.minus_one() };
            assert_eq!(w.call("grow", &[Val::I32(value), width.val(delta)]), Ok(vec![old]), "{round}: grow by {delta}");
            if new <= 20 {
                model.elements.resize(new as usize, value);
            }
            model.check(&mut w);
        }
        assert!(model.elements.len() > 10);
    }
}

#[test]
fn fill_and_init() {
    for ((config, of), width) in worlds().flat_map(|c| [W32, W64].map(|w| (c.clone(), w))) {
        let mut w = world(&config, of, width, W32);
        let mut model = Model { width, elements: vec![-1; 10] };
        for (i, at) in edges(10).into_iter().map(|at| width.cut(at)).enumerate() {
            for len in edges(10).into_iter().map(|len| width.cut(len)) {
                let value = (i as u64 ^ len) as i32 & 7;
                let fits = inside(at, len, 10);
                let got = w.call("fill", &[width.val(at), Val::I32(value), width.val(len)]);
                agree(got, fits, &format!("fill at {at}, {len}"));
                if fits {
                    model.elements[at as usize..(at + len) as usize].fill(value);
                }
            }
            for (src, len) in
                [0, 1, 11, 12, 13, u32::MAX].into_iter().flat_map(|s| [0, 1, 2, 12, 1 << 31].map(|l| (s, l)))
            {
                let got = w.call("init", &[width.val(at), Val::I32(src as i32), Val::I32(len)]);
                let fits = inside(at, len as u64, 10) && inside(src as u64, len as u64, 12);
                agree(got, fits, &format!("init at {at} from {src}, {len}"));
                if fits {
                    (0..len as usize).for_each(|k| model.elements[at as usize + k] = src as i32 + k as i32);
                }
            }
            model.check(&mut w);
        }
        w.call("drop", &[]).unwrap();
        agree(w.call("init", &[width.val(10), Val::I32(0), Val::I32(0)]), true, "nothing of a dropped segment");
        agree(w.call("init", &[width.val(0), Val::I32(0), Val::I32(1)]), false, "a dropped segment");
    }
}

#[test]
fn copy() {
    for ((config, of), to) in worlds().flat_map(|c| [W32, W64].map(|w| (c.clone(), w))) {
        for from in [W32, W64] {
            let mut w = world(&config, of, to, from);
            let source: Vec<i32> = (0..30).map(|i| i % 13 - 1).collect();
            for (i, v) in source.iter().enumerate() {
                w.call("set b", &[from.val(i as u64), Val::I32(*v)]).unwrap();
            }
            let mut model = Model { width: to, elements: vec![-1; 10] };
            let some = |len| edges(len).into_iter().step_by(3);
            for at in some(10) {
                for (src, len) in some(30).flat_map(|s| some(10).map(move |l| (s, l))) {
                    let (d, s, n) = (to.cut(at), from.cut(src), to.min(from).cut(len));
                    let got = w.call("copy", &[to.val(d), from.val(s), to.min(from).val(n)]);
                    let fits = inside(d, n, 10) && inside(s, n, 30);
                    agree(got, fits, &format!("copy of {n} from {s} to {d}"));
                    if fits {
                        let part = &source[s as usize..(s + n) as usize];
                        model.elements[d as usize..(d + n) as usize].copy_from_slice(part);
                    }
                    let (s, n) = (to.cut(src), to.cut(len));
                    let got = w.call("within", &[to.val(d), to.val(s), to.val(n)]);
                    let fits = inside(d, n, 10) && inside(s, n, 10);
                    agree(got, fits, &format!("copy of {n} from {s} to {d} within"));
                    if fits {
                        model.elements.copy_within(s as usize..(s + n) as usize, d as usize);
                    }
                }
                model.check(&mut w);
            }
            let rest: Vec<i32> = (0..30)
                .map(|i| match w.call("get b", &[from.val(i)]).unwrap()[0] {
                    Val::I32(v) => v,
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(rest, source);
        }
    }
}

#[test]
fn calls_through_tables() {
    for (config, width) in configs().flat_map(|c| [W32, W64].map(|w| (c.clone(), w))) {
        let mut w = world(&config, Funcs, width, W32);
        for i in 0..9 {
            w.call("set", &[width.val(i), Val::I32(i as i32)]).unwrap();
        }
        for at in edges(10).into_iter().map(|at| width.cut(at)) {
            let wanted = match at {
                0..9 => Ok(vec![Val::I32(at as i32)]),
                9 => Err(Trap::UninitializedElement),
                _ => Err(Trap::UndefinedElement),
            };
            assert_eq!(w.call("call", &[width.val(at)]), wanted, "at {at}");
            assert_eq!(w.call("tail", &[width.val(at)]), wanted, "at {at}");
            let wanted = wanted.and(Err(Trap::IndirectCallTypeMismatch));
            assert_eq!(w.call("wrong", &[width.val(at)]), wanted, "at {at}");
        }
    }
}

/// Lazily initialized segments in a table with 64-bit indexes; and offsets that do not fit.
#[test]
fn active_segments() {
    let table = "(table $t i64 10 funcref) (func $f (result i32) (i32.const 5)) (func $g (result i32) (i32.const 6))";
    for config in configs() {
        let text = format!(
            "(module {table} (global $n i64 (i64.const 3))
             (elem (table $t) (i64.const 8) func $f $g)
             (elem (table $t) (offset (i64.add (global.get $n) (i64.const 1))) funcref (ref.func $g) (ref.null func))
             (func (export \"call\") (param i64) (result i32) (call_indirect $t (result i32) (local.get 0))))"
        );
        let mut w = World::new(&config, &text);
        for (at, wanted) in [
            (8, Ok(5)),
            (9, Ok(6)),
            (4, Ok(6)),
            (5, Err(Trap::UninitializedElement)),
            (10, Err(Trap::UndefinedElement)),
        ] {
            assert_eq!(w.call("call", &[Val::I64(at)]), wanted.map(|n| vec![Val::I32(n)]), "at {at}");
        }
        let engine = Engine::new(&config).unwrap();
        for at in ["9", "10", "0x1_0000_0000", "0x8000_0000_0000_0000", "-1", "-2"] {
            let text = format!("(module {table} (elem (table $t) (i64.const {at}) func $f $g))");
            let module = Module::new(&engine, text.as_bytes()).unwrap();
            let mut store = Store::new(&engine).unwrap();
            let e = Instance::new(&mut store, &module, &[]).unwrap_err();
            assert_eq!(e.trap_code(), Some(Trap::TableOutOfBounds), "at {at}");
        }
    }
}
