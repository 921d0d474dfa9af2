//! Objects in baseline code: each program returns the same as optimized code, with space in the nursery and without, using faults (signals)
//! and using explicit checks.

#[path = "objects/arrays.rs"]
mod arrays;
#[path = "objects/casts.rs"]
mod casts;
#[path = "objects/structures.rs"]
mod structures;

use wrt::api::*;

/// How the code under test is compiled and run.
fn modes() -> impl Iterator<Item = (String, Config)> {
    let lazy = || Config::new().lazy(true).background(false).gc_verify(true);
    [true, false].into_iter().flat_map(move |signals| {
        [0, 1, 7].map(|zeal| (format!("signals {signals}, zeal {zeal}"), lazy().signals(signals).gc_zeal(zeal)))
    })
}

/// The outcome of a call: its results, or its trap and the trap's location.
type Outcome = std::result::Result<Vec<Val>, (Option<Trap>, String)>;

/// The outcomes of calls of exports, one after the other. Before, `take` gets a host object.
fn outcomes(config: &Config, wat: &str, calls: &[(&str, Vec<Val>)]) -> Vec<Outcome> {
    let engine = Engine::new(config).unwrap();
    let module = Module::new(&engine, wat.as_bytes()).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    if let Some(Extern::Func(f)) = instance.export(&mut store, "take").unwrap() {
        let host = Ref::host(&mut store, (), 0).unwrap();
        f.call(&mut store, &[Val::ExternRef(Some(host))], &mut []).unwrap();
    }
    let mut call = |(name, args): &(&str, Vec<Val>)| {
        let Some(Extern::Func(f)) = instance.export(&mut store, name).unwrap() else { panic!("no function {name}") };
        let results = f.ty(&store).unwrap().results().len();
        let mut out = vec![Val::I32(0); results];
        let done = f.call(&mut store, args, &mut out);
        done.map(|()| out).map_err(|e| (e.trap_code(), format!("{:?}", e.frames())))
    };
    calls.iter().map(&mut call).collect()
}

/// Calls exports in this order, and compares all outcomes with those of optimized code. Returns them.
fn same(wat: &str, calls: &[(&str, Vec<Val>)]) -> Vec<Outcome> {
    let wanted = outcomes(&Config::new(), wat, calls);
    for (mode, config) in modes() {
        for ((call, got), wanted) in calls.iter().zip(outcomes(&config, wat, calls)).zip(&wanted) {
            assert_eq!(&got, wanted, "{call:?}, {mode}\n{wat}");
        }
    }
    wanted
}

fn ints(values: &[i32]) -> Vec<Val> {
    values.iter().map(|v| Val::I32(*v)).collect()
}

fn trap_of(outcome: &Outcome) -> Option<Trap> {
    outcome.as_ref().err().and_then(|e| e.0)
}

/// Objects that old objects refer to survive and move: cards of fields, of elements at both ends of large arrays, of tables and globals.
#[test]
fn what_old_objects_refer_to_is_kept() {
    let wat = r#"(module (type $c (struct (field (mut i32)) (field (mut (ref null $c))))) (type $a (array (mut (ref null $c))))
        (global $a (mut (ref null $a)) (ref.null $a)) (global $c (mut (ref null $c)) (ref.null $c)) (table $t 300 (ref null $c))
        (func $garbage (param i32) (loop (drop (struct.new $c (i32.const -1) (ref.null $c)))
            (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "run") (param $n i32) (result i32) (local $i i32) (local $old (ref $c)) (local $sum i32)
            (global.set $a (array.new_default $a (local.get $n)))
            (local.set $old (struct.new $c (i32.const 0) (ref.null $c)))
            (call $garbage (i32.const 20000))
            (loop $l
                (struct.set $c 1 (local.get $old) (struct.new $c (local.get $i) (ref.null $c)))
                (array.set $a (global.get $a) (local.get $i)
                    (struct.new $c (i32.mul (local.get $i) (i32.const 3)) (struct.get $c 1 (local.get $old))))
                (table.set $t (i32.rem_u (local.get $i) (i32.const 300)) (struct.new $c (local.get $i) (ref.null $c)))
                (global.set $c (struct.new $c (i32.add (local.get $i) (i32.const 1)) (array.get $a (global.get $a) (local.get $i))))
                (call $garbage (i32.const 3000))
                (local.set $sum (i32.add (local.get $sum) (i32.add
                    (i32.add (struct.get $c 0 (struct.get $c 1 (local.get $old)))
                        (struct.get $c 0 (table.get $t (i32.rem_u (local.get $i) (i32.const 300)))))
                    (struct.get $c 0 (struct.get $c 1 (struct.get $c 1 (global.get $c)))))))
                (local.set $i (i32.add (local.get $i) (i32.const 17)))
                (br_if $l (i32.lt_u (local.get $i) (local.get $n))))
            (local.set $i (i32.const 0))
            (loop $l
                (local.set $sum (i32.add (local.get $sum) (struct.get $c 0 (array.get $a (global.get $a) (local.get $i)))))
                (local.set $i (i32.add (local.get $i) (i32.const 17)))
                (br_if $l (i32.lt_u (local.get $i) (local.get $n))))
            (local.get $sum)))"#;
    let wanted = |n: i32| (0..n).step_by(17).map(|i| 6 * i).sum();
    for n in [18, 3000] {
        let run = ("run", ints(&[n]));
        let config = |config: Config| config.lazy(true).background(false).heap_growth(10, 1 << 16);
        for config in [Config::new(), config(Config::new()), config(Config::new().signals(false))] {
            assert_eq!(outcomes(&config, wat, std::slice::from_ref(&run)), [Ok(vec![Val::I32(wanted(n))])]);
        }
    }
    let verified = Config::new().lazy(true).background(false).gc_zeal(50).gc_verify(true);
    assert_eq!(outcomes(&verified, wat, &[("run", ints(&[18]))]), [Ok(vec![Val::I32(wanted(18))])]);
}

/// Functions in objects are stored as numbers, which are assigned at the first store, whatever is on the stack then.
#[test]
fn functions_in_objects() {
    let funcs: String = (0..40).map(|i| format!("(func $f{i} (type $f) (i32.const {i}))")).collect();
    let refs: String = (0..40).map(|i| format!("(ref.func $f{i})")).collect();
    let wat = format!(
        r#"(module (type $f (func (result i32))) (type $s (struct (field (mut (ref null $f))) (field (mut i32)) (field (mut (ref null $f)))))
        (type $a (array (mut (ref null $f)))) (table $t 40 (ref null $f)) (elem (table $t) (i32.const 0) (ref null $f) {refs})
        (type $box (struct (field i32))) {funcs}
        (func $func (param i32) (result (ref null $f)) (table.get $t (local.get 0)))
        (func (export "struct") (param i32) (result i32) (local $s (ref $s))
            (i32.mul (local.get 0) (i32.const 1000))
            (local.set $s (struct.new $s (call $func (local.get 0)) (i32.mul (local.get 0) (i32.const 2))
                (call $func (i32.add (local.get 0) (i32.const 1)))))
            (call_ref $f (struct.get $s 0 (local.get $s)))
            (i32.mul (i32.const 7) (call_ref $f (struct.get $s 2 (local.get $s))))
            (struct.get $s 1 (local.get $s)) i32.add i32.add i32.add)
        (func (export "struct set") (param i32) (result i32) (local $s (ref $s)) (local $f (ref null $f))
            (local.set $s (struct.new $s (ref.null $f) (i32.const 1) (ref.null $f)))
            (local.set $f (call $func (local.get 0)))
            (i32.mul (local.get 0) (i32.const 1000)) (struct.new $box (i32.const 9))
            (struct.set $s 2 (local.get $s) (call $func (i32.sub (local.get 0) (i32.const 1))))
            (struct.set $s 0 (local.get $s) (local.get $f))
            (struct.get $box 0) (call_ref $f (struct.get $s 0 (local.get $s)))
            (call_ref $f (struct.get $s 2 (local.get $s))) i32.add i32.add i32.add)
        (func (export "array") (param i32) (result i32) (local $a (ref $a))
            (struct.new $box (i32.const 9))
            (local.set $a (array.new $a (call $func (local.get 0)) (i32.const 3)))
            (array.set $a (local.get $a) (i32.const 1) (call $func (i32.add (local.get 0) (i32.const 2))))
            (array.fill $a (local.get $a) (i32.const 2) (call $func (i32.add (local.get 0) (i32.const 3))) (i32.const 1))
            (struct.get $box 0)
            (call_ref $f (array.get $a (local.get $a) (i32.const 0))) (call_ref $f (array.get $a (local.get $a) (i32.const 1)))
            (call_ref $f (array.get $a (local.get $a) (i32.const 2))) i32.add i32.add i32.add)
        (func (export "fixed") (param i32) (result i32) (local $a (ref $a))
            (local.set $a (array.new_fixed $a 3 (call $func (local.get 0)) (ref.null $f) (call $func (i32.add (local.get 0) (i32.const 1)))))
            (array.fill $a (local.get $a) (i32.const 0) (ref.null $f) (i32.const 1))
            (i32.add (ref.is_null (array.get $a (local.get $a) (i32.const 0))) (call_ref $f (array.get $a (local.get $a) (i32.const 2))))))"#
    );
    let mut calls = Vec::new();
    for i in [1, 5, 1, 20, 30] {
        calls.extend(["struct", "struct set", "array", "fixed"].map(|name| (name, ints(&[i]))));
    }
    let got = same(&wat, &calls);
    let wanted = [1000 + 1 + 7 * 2 + 2, 1000 + 9 + 1, 9 + 1 + 3 + 4, 1 + 2].map(|v| Ok(vec![Val::I32(v)]));
    assert_eq!(got[..4], wanted);
}
