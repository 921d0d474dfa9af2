//! How calls, tail calls and exceptions pass values: many values of all kinds, between code of both compilers and the host.

use std::fmt::Write;
use wrt::api::*;

const KINDS: [&str; 7] = ["i32", "i64", "f32", "f64", "v128", "externref", "funcref"];

/// Numbers of the kinds.
type Types = Vec<usize>;
/// For each value, the parameter it comes from; `None` for zero and null.
type Sources = Vec<Option<usize>>;

#[derive(Clone)]
struct Sig {
    params: Types,
    results: Types,
}

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }

    fn types(&mut self, n: usize) -> Types {
        (0..n).map(|_| self.below(KINDS.len())).collect()
    }
}

/// Numbers of values around those that fit in registers, and random ones.
fn signatures(dice: &mut Dice) -> Vec<Sig> {
    let mut all = Vec::new();
    for (params, results) in [(0, 0), (1, 1), (40, 0), (0, 40), (40, 40)] {
        all.push(Sig { params: dice.types(params), results: dice.types(results) });
    }
    for kind in [1, 3, 4, 5] {
        for (params, results) in [(5, 8), (8, 9), (4, 9), (9, 8), (6, 17)] {
            all.push(Sig { params: vec![kind; params], results: vec![kind; results] });
        }
    }
    for _ in 0..12 {
        let (params, results) = (dice.below(41), dice.below(41));
        all.push(Sig { params: dice.types(params), results: dice.types(results) });
    }
    all
}

/// How values of types `to` are chosen from those of types `from`: each kind in rotation.
fn select(from: &[usize], to: &[usize]) -> Sources {
    let source = |(j, kind): (usize, &usize)| {
        let same: Vec<usize> = (0..from.len()).filter(|i| from[*i] == *kind).collect();
        (!same.is_empty()).then(|| same[j % same.len()])
    };
    to.iter().enumerate().map(source).collect()
}

/// The composition of two choices.
fn then(first: &Sources, second: &Sources) -> Sources {
    second.iter().map(|s| s.and_then(|i| first[i])).collect()
}

/// Instructions that choose from a function's parameters. After these there is a local of each kind that is zero.
fn made(from: &[usize], to: &[usize]) -> String {
    let local = |(s, kind): (Option<usize>, &usize)| format!("(local.get {})", s.unwrap_or(from.len() + kind));
    select(from, to).into_iter().zip(to).map(local).collect()
}

fn names(types: &[usize]) -> String {
    types.iter().map(|k| format!("{} ", KINDS[*k])).collect()
}

struct Test {
    name: String,
    params: Types,
    results: Types,
    wanted: Sources,
}

/// A module under construction. Each function is compiled by either compiler with the same probability.
struct Text {
    wat: String,
    dice: Dice,
    tests: Vec<Test>,
}

impl Text {
    fn func(&mut self, name: &str, params: &[usize], results: &[usize], body: &str) {
        // A function with this many locals is left to the optimizing compiler.
        let many = if self.dice.below(2) == 0 { "i32 ".repeat(2001) } else { String::new() };
        let (params, results, zeros) = (names(params), names(results), KINDS.join(" "));
        let head = format!("(param {params}) (result {results}) (local {zeros} exnref {many})");
        writeln!(self.wat, "(func ${name} (export \"{name}\") {head}\n{body})").unwrap();
    }

    /// A function that the host calls. Operands computed from its parameters stay below the results of `body`.
    fn test(&mut self, name: String, params: &[usize], gives: (&[usize], Sources), body: &str) {
        let results = [params, gives.0].concat();
        let waiting = select(params, params);
        let body = format!("{} {body}", made(params, params));
        self.func(&name, params, &results, &body);
        self.tests.push(Test { name, params: params.to_vec(), results, wanted: [waiting, gives.1].concat() });
    }

    fn calls(&mut self, n: usize, s: &Sig, other: &Types) {
        // A branch to the function's end keeps its operands if it is not taken.
        let (zero, results) = (s.params.len(), made(&s.params, &s.results));
        let body = format!("{results} (br_if 0 (i32.eqz (local.get {zero}))) unreachable");
        self.func(&format!("leaf{n}"), &s.params, &s.results, [&body, &results][n % 2]);
        for (t, target) in [format!("leaf{n}"), format!("host{n}")].iter().enumerate() {
            let mut call = || match self.dice.below(3) {
                0 => format!("call ${target}"),
                1 => format!("call_indirect (type $t{n}) (i32.const {})", 2 * n + t),
                _ => format!("call_ref $t{n} (ref.func ${target})"),
            };
            let (plain, tail) = (call(), call());
            let (own, leaf) = (select(&s.params, &s.params), select(&s.params, &s.results));
            let body = format!("{} ({plain})", made(&s.params, &s.params));
            self.test(format!("call_{target}"), &s.params, (&s.results, then(&own, &leaf)), &body);
            // With its own parameters, more or fewer than its callee's.
            let name = format!("tail_{target}");
            let body = format!("(call $busy (i64.const 5)) {} (return_{tail})", made(other, &s.params));
            self.func(&name, other, &s.results, &body);
            let args = then(&select(other, other), &select(other, &s.params));
            let body = format!("{} (call ${name})", made(other, other));
            self.test(format!("of_{name}"), other, (&s.results, then(&args, &leaf)), &body);
        }
    }

    /// Clauses of all kinds around calls of a function that throws.
    fn exceptions(&mut self, n: usize, s: &Sig) {
        let (types, all) = (names(&s.params), made(&s.params, &s.params));
        self.func(&format!("throw{n}"), &s.params, &[], &format!("{all} (throw $tag{n})"));
        // Operands stay on the stack inside as well, without being used.
        let throw = format!("{all} {all} (call $throw{n}) unreachable");
        let exn = s.params.len() + KINDS.len();
        let fine = "(if (i32.ne (i32.load (i32.const 8)) (global.get $magic)) (then unreachable))";
        let own = select(&s.params, &s.params);
        let twice = then(&own, &own);
        for (how, wanted, body) in [
            ("catch", &twice, format!("(try_table (catch $other $o) (catch $tag{n} $h) {throw})")),
            (
                "catch_ref",
                &twice,
                format!(
                    "(block $r (result {types} exnref) (try_table (catch_ref $tag{n} $r) (catch_all $o) {throw}) unreachable)
                    (local.set {exn}) (br $h)"
                ),
            ),
            (
                "catch_all_ref",
                &twice,
                format!(
                    "(try_table (catch $other $o) (catch $tag{n} $h)
                        (block $again (result exnref) (try_table (catch_all_ref $again) {throw}) unreachable)
                        (local.set {exn}) {all} (throw_ref (local.get {exn})))"
                ),
            ),
            (
                "in_place_ref",
                &own,
                format!(
                    "(block $r (result {types} exnref) (try_table (catch $other $o) (catch_ref $tag{n} $r) {all} {all} (throw $tag{n})) unreachable)
                    (local.set {exn}) (br $h)"
                ),
            ),
            (
                "in_place_all_ref",
                &own,
                format!(
                    "(try_table (catch $tag{n} $h)
                        (block $again (result exnref) (try_table (catch_all_ref $again) {all} {all} (throw $tag{n})) unreachable)
                        (throw_ref))"
                ),
            ),
            ("in_place_all", &own, format!("(try_table (catch_all $a) {all} {all} (throw $tag{n}))")),
            ("in_place", &own, format!("(try_table (catch $tag{n} $h) {all} {all} (throw $tag{n}))")),
            ("catch_all", &own, format!("(try_table (catch_all $a) {throw})")),
        ] {
            let body = format!(
                "(block $h (result {types}) (block $o (block $a {body} unreachable) {all} (br $h)) unreachable) {fine}"
            );
            self.test(format!("{how}{n}"), &s.params, (&s.params, wanted.clone()), &body);
        }
    }
}

fn module(sigs: &[Sig]) -> Text {
    let (mut types, mut imports, mut tags, mut elements) = Default::default();
    let all: [&mut String; 4] = [&mut types, &mut imports, &mut tags, &mut elements];
    for (n, s) in sigs.iter().enumerate() {
        let (params, results) = (names(&s.params), names(&s.results));
        *all[0] += &format!("(type $t{n} (func (param {params}) (result {results})))\n");
        *all[1] += &format!("(import \"\" \"host{n}\" (func $host{n} (type $t{n})))\n");
        *all[2] += &format!("(tag $tag{n} (param {params}))\n");
        *all[3] += &format!("$leaf{n} $host{n} ");
    }
    let memory = r#"(memory 1) (data (i32.const 8) "\01\02\03\04") (global $magic i32 (i32.const 0x04030201))"#;
    let wat = format!("(module {types} {imports} (tag $other) {tags} {memory} (table funcref (elem {elements}))\n");
    let wat = wat
        + "(func $busy (param i64) (result i64) (i64.add (local.get 0) (call $six))) (func $six (result i64) (i64.const 6))\n";
    let mut text = Text { wat, dice: Dice(7), tests: Vec::new() };
    for (n, s) in sigs.iter().enumerate() {
        let other = sigs[text.dice.below(sigs.len())].params.clone();
        text.calls(n, s, &other);
        text.exceptions(n, s);
    }
    text.wat += ")";
    text
}

fn zero(kind: usize) -> Val {
    match KINDS[kind] {
        "i32" => Val::I32(0),
        "i64" => Val::I64(0),
        "f32" => Val::F32(0),
        "f64" => Val::F64(0),
        "v128" => Val::V128(0),
        "externref" => Val::ExternRef(None),
        _ => Val::FuncRef(None),
    }
}

/// The host functions do the same as the leaves.
fn host(store: &mut Store, s: &Sig) -> Extern {
    let of = |kinds: &Types| -> Vec<ValType> {
        let types = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128, ValType::EXTERNREF];
        kinds.iter().map(|k| types.get(*k).copied().unwrap_or(ValType::FUNCREF)).collect()
    };
    let ty = FuncType::new(of(&s.params), of(&s.results));
    let (sources, kinds) = (select(&s.params, &s.results), s.results.clone());
    let f = Func::new(store, &ty, move |_, args, results| {
        for (i, source) in sources.iter().enumerate() {
            results[i] = source.map_or(zero(kinds[i]), |s| args[s]);
        }
        Ok(())
    });
    Extern::Func(f.unwrap())
}

struct World {
    store: Store,
    instance: Instance,
}

impl World {
    fn func(&mut self, name: &str) -> Func {
        match self.instance.export(&mut self.store, name).unwrap() {
            Some(Extern::Func(f)) => f,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn value(&mut self, kind: usize, i: usize) -> Val {
        match KINDS[kind] {
            "i32" => Val::I32(-1 - i as i32),
            "i64" => Val::I64(-1 - i as i64),
            "f32" => Val::F32((i as f32 + 0.5).to_bits()),
            "f64" => Val::F64((i as f64 + 0.25).to_bits()),
            "v128" => Val::V128((i as u128 + 1) << 100 | 7),
            "externref" if i % 3 == 2 => Val::ExternRef(None),
            "funcref" if i % 3 == 2 => Val::FuncRef(None),
            "externref" => Val::ExternRef(Some(Ref::host(&mut self.store, i, 0).unwrap())),
            _ => Val::FuncRef(Some(self.func(&format!("leaf{}", i % 10)))),
        }
    }

    fn run(&mut self, test: &Test) {
        let args: Vec<Val> = test.params.iter().enumerate().map(|(i, k)| self.value(*k, i)).collect();
        let mut results = vec![Val::I32(0); test.results.len()];
        let f = self.func(&test.name);
        f.call(&mut self.store, &args, &mut results).unwrap_or_else(|e| panic!("{}: {e}", test.name));
        for (j, result) in results.iter().enumerate() {
            let source = test.wanted[j];
            match (result, source) {
                (Val::ExternRef(Some(r)), Some(i)) => {
                    let data = r.data(&self.store).unwrap().and_then(|d| d.downcast_ref::<usize>());
                    assert_eq!(data, Some(&i), "{}, result {j}", test.name);
                }
                (_, Some(i)) => assert_eq!(*result, args[i], "{}, result {j}", test.name),
                (_, None) => assert_eq!(*result, zero(test.results[j]), "{}, result {j}", test.name),
            }
        }
        for v in results.iter().chain(&args) {
            if let Val::ExternRef(Some(r)) = v {
                r.release(&mut self.store).unwrap();
            }
        }
    }
}

fn run(config: Config) {
    let sigs = signatures(&mut Dice(3));
    let text = module(&sigs);
    let engine = Engine::new(&config.gc_verify(true)).unwrap();
    let module = Module::new(&engine, text.wat.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let mut store = Store::new(&engine).unwrap();
    let imports: Vec<Extern> = sigs.iter().map(|s| host(&mut store, s)).collect();
    let instance = Instance::new(&mut store, &module, &imports).unwrap();
    let mut world = World { store, instance };
    for _ in 0..2 {
        text.tests.iter().for_each(|t| world.run(t));
    }
}

#[test]
fn values_arrive_in_optimised_code() {
    run(Config::new());
}

#[test]
fn values_arrive_when_somebody_waits() {
    run(Config::new().lazy(true).background(false));
}

#[test]
fn values_arrive_when_code_changes_meanwhile() {
    run(Config::new().lazy(true));
}

#[test]
fn values_arrive_with_collections_at_every_allocation() {
    run(Config::new().lazy(true).background(false).gc_zeal(1));
}

#[test]
fn values_arrive_with_explicit_checks() {
    run(Config::new().lazy(true).background(false).signals(false).interruption(true));
}

/// A tail call's arguments move up to where the caller's own arguments were. With padding, they take more of the stack than the
/// operands did, so source and destination overlap.
#[test]
fn many_arguments_of_tail_calls_arrive() {
    let pairs = 300;
    let (mut params, mut args, mut sum) = (String::new(), String::new(), String::from("(i64.const 0)"));
    for i in 0..pairs {
        params += "i64 v128 ";
        write!(args, "(i64.const {}) (i64x2.splat (i64.const {}))", 2 * i + 1, 2 * i + 2).unwrap();
        let lane = format!("(i64x2.extract_lane 1 (local.get {}))", 2 * i + 1);
        for (n, value) in [(2 * i + 1, format!("(local.get {})", 2 * i)), (2 * i + 2, lane)] {
            write!(sum, "(i64.mul (i64.const {n}) {value}) i64.add").unwrap();
        }
    }
    let wat = format!(
        r#"(module (func $sum (param {params}) (result i64) {sum})
            (func $tail (result i64) {args} (return_call $sum))
            (func $tail_of_few (param i64 v128 i64 v128 i64 v128 i64 v128 i64 v128 i64 v128 i64) (result i64) {args} (return_call $sum))
            (func (export "run") (result i64) (local v128) (i64.add (call $tail)
                (call $tail_of_few {}))))"#,
        "(i64.const -1) (local.get 0) ".repeat(6) + "(i64.const -1)"
    );
    let wanted = 2 * (1..=2 * pairs).map(|n| n * n).sum::<i64>();
    for lazy in [false, true] {
        let engine = Engine::new(&Config::new().lazy(lazy).background(false)).unwrap();
        let module = Module::new(&engine, wat.as_bytes()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let Some(Extern::Func(run)) = instance.export(&mut store, "run").unwrap() else { panic!("no function") };
        let mut results = [Val::I64(0)];
        run.call(&mut store, &[], &mut results).unwrap();
        assert_eq!(results, [Val::I64(wanted)], "lazy: {lazy}");
    }
}
