//! Functions that are too expensive to optimize stay baseline code, in eager engines too. A module with functions of both kinds behaves
//! like any other: they call each other, throw to each other, and are collected, saved, and named in backtraces.

use wrt::api::*;

/// Budgets with which nothing is optimized; with which long functions are not optimized but short ones are; and with which all are.
const BUDGETS: [u64; 3] = [0, 32_000_000, u64::MAX];

/// Many simple instructions, which are skipped.
fn long() -> String {
    let sum = "(local.set $x (i64.mul (i64.add (local.get $x) (i64.const 3)) (i64.const 5)))".repeat(1200);
    format!("(if (i64.eq (local.get $n) (i64.const -77)) (then {sum}))")
}

/// A chain of functions, every second one long, with calls of every kind, arguments on the stack, results in memory, objects that
/// only frames hold, and exceptions that pass some of them.
fn module_text() -> String {
    let numbers = "i64 f64 ".repeat(12);
    let gets: String = (2..26).map(|i| format!("(local.get {i})")).collect();
    let sets: String = (2..26).rev().map(|i| format!("(local.set {i})")).collect();
    let ty = format!("(type $t) (param $n i64) (param $r (ref $s)) (param {numbers}) (result (ref $s) {numbers})");
    let mut funcs = String::new();
    for i in 0..12 {
        let next = i + 1;
        let call = match i % 4 {
            0 => format!("(call $f{next} (local.get $n) (local.get $r) {gets})"),
            1 => format!("(call_indirect (type $t) (local.get $n) (local.get $r) {gets} (i32.const {next}))"),
            2 => format!("(return_call $f{next} (local.get $n) (local.get $r) {gets})"),
            _ => format!("(call_ref $t (local.get $n) (local.get $r) {gets} (ref.func $f{next}))"),
        };
        let body = if i % 2 == 0 { long() } else { String::new() };
        // Each function keeps an object, allocates garbage, and after the call adds the number in its object.
        let after = match i % 4 {
            2 => String::new(),
            _ => format!(
                "{sets} (local.set $r)
                 (struct.set $s 0 (local.get $r) (i64.add (struct.get $s 0 (local.get $r)) (struct.get $s 0 (local.get $own))))
                 (local.get $r) {gets}"
            ),
        };
        funcs += &format!(
            "(func $f{i} {ty} (local $x i64) (local $own (ref null $s))
              {body} (local.set $own (struct.new $s (i64.const {i}))) (drop (array.new_default $a (i32.const 300))) {call} {after})\n"
        );
    }
    format!(
        "(module
          (type $s (struct (field (mut i64)))) (type $a (array (mut i32)))
          (type $t (func (param $n i64) (param $r (ref $s)) (param {numbers}) (result (ref $s) {numbers})))
          (tag $e (param i64)) (table 20 funcref) (elem (i32.const 0) {})
          {funcs}
          (func $f12 {ty}
            (if (i64.eq (local.get $n) (i64.const 1)) (then (throw $e (i64.const 41))))
            (if (i64.eq (local.get $n) (i64.const 2)) (then unreachable))
            (drop (array.new_default $a (i32.const 5000)))
            (local.get $r) {gets})
          (elem declare func {})
          {}
          (export \"long\" (func $long)) (export \"short\" (func $short)))",
        (0..13).map(|i| format!("$f{i} ")).collect::<String>(),
        (0..13).map(|i| format!("$f{i} ")).collect::<String>(),
        ["long", "short"].map(|name| catcher(name, &numbers)).concat(),
    )
}

/// Calls the chain, and catches the exceptions that leave it.
fn catcher(name: &str, numbers: &str) -> String {
    let body = if name == "long" { long() } else { String::new() };
    let consts: String = (0..12).map(|i| format!("(i64.const {i}) (f64.const {i}.5)")).collect();
    let sum: String =
        "(local.set $f) (local.set $sum (i64.add (i64.add (local.get $sum) (i64.trunc_f64_s (local.get $f)))))"
            .repeat(12);
    format!(
        "(func ${name} (param $n i64) (result i64) (local $x i64) (local $f f64) (local $sum i64)
          {body}
          (block $caught (result i64)
            (block $done (result (ref $s) {numbers})
              (try_table (catch $e $caught)
                (br $done (call $f0 (local.get $n) (struct.new $s (i64.const 1000)) {consts})))
              unreachable)
            {sum}
            (struct.get $s 0) (local.get $sum) (i64.add) (return))
          (i64.add (i64.const 1)))\n"
    )
}

fn call(store: &mut Store, i: Instance, name: &str, n: i64) -> Result<i64> {
    let Some(Extern::Func(f)) = i.export(store, name)? else { panic!("no {name}") };
    let mut out = [Val::I64(0)];
    f.call(store, &[Val::I64(n)], &mut out)?;
    let [Val::I64(result)] = out else { panic!("{out:?}") };
    Ok(result)
}

/// Results, caught exceptions, and the frames of a trap.
fn run(module: &Module) -> Vec<(i64, i64, Vec<u32>)> {
    let mut store = Store::new(&module.engine()).unwrap();
    let i = Instance::new(&mut store, module, &[]).unwrap();
    let one = |name: &&str| {
        let trap = call(&mut store, i, name, 2).unwrap_err();
        assert_eq!(trap.trap_code(), Some(Trap::Unreachable));
        let frames = trap.frames().iter().map(|f| f.func_index).collect();
        (call(&mut store, i, name, 0).unwrap(), call(&mut store, i, name, 1).unwrap(), frames)
    };
    ["long", "short"].iter().map(one).collect()
}

#[test]
fn functions_of_both_kinds_work_together() {
    let wat = module_text();
    let mut all = Vec::new();
    for (signals, zeal) in [(true, 0), (true, 1), (false, 3)] {
        for budget in BUDGETS {
            let config = Config::new().signals(signals).gc_zeal(zeal).gc_verify(zeal > 0).optimization_budget(budget);
            let engine = Engine::new(&config).unwrap();
            let module = Module::new(&engine, wat.as_bytes()).unwrap();
            all.push(run(&module));
            // SAFETY: it was just saved.
            let loaded = unsafe { Module::load(&engine, &module.save().unwrap()) }.unwrap();
            all.push(run(&loaded));
            let lazy = Engine::new(&config.lazy(true)).unwrap();
            let lazy = Module::new(&lazy, wat.as_bytes()).unwrap();
            all.push(run(&lazy));
            // Everything is compiled now.
            lazy.save().unwrap();
            all.push(run(&lazy));
        }
    }
    assert!(all.windows(2).all(|w| w[0] == w[1]), "{all:?}");
    let sum: i64 = (0..12).map(|i| 2 * i).sum();
    // The sum that the functions which return here add: their numbers.
    let own: i64 = (0..12).filter(|i| i % 4 != 2).sum();
    assert_eq!((all[0][0].0, all[0][0].1), (1000 + sum + own, 42));
    assert_eq!(all[0][0].2.len(), 11, "{:?}", all[0][0].2);
}

#[test]
fn the_same_module_and_budget_have_the_same_code() {
    let wat = module_text();
    let saved = |budget, threads, lazy| {
        let config = Config::new().optimization_budget(budget).threads(threads).lazy(lazy);
        Module::new(&Engine::new(&config).unwrap(), wat.as_bytes()).unwrap().save().unwrap()
    };
    let mut all = Vec::new();
    for budget in BUDGETS {
        let one = saved(budget, 1, false);
        assert!(one == saved(budget, 3, false) && one == saved(budget, 2, true), "budget {budget}");
        all.push(one);
    }
    // More differs than what says which budget it was.
    let differing = |a: &[u8], b: &[u8]| a.iter().zip(b).filter(|(a, b)| a != b).count();
    let counts = [differing(&all[0], &all[1]), differing(&all[1], &all[2])];
    assert!(counts.iter().all(|n| *n > 1000), "{counts:?}");
    // Code of another budget is not loaded as code of this one.
    let engine = Engine::new(&Config::new().optimization_budget(BUDGETS[1])).unwrap();
    // SAFETY: it was saved by this library.
    let refused = unsafe { Module::load(&engine, &saved(BUDGETS[2], 1, false)) };
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::Unsupported);
}

/// `depth` nested loops with as many locals: without a budget, minutes of work in a few kilobytes.
fn loops(depth: usize) -> String {
    let set = |i| format!("(local.set {i} (i32.add (local.get {i}) (i32.const {i})))");
    let sets: String = (0..depth).map(set).collect();
    let ends: String =
        (0..depth).map(|i| format!("(br_if 0 (i32.gt_u (local.get {i}) (i32.const 1000000))))")).collect();
    format!(
        "(func (export \"loops\") (result i32) (local {}) {} {sets} {ends} (local.get {}))",
        "i32 ".repeat(depth),
        "(loop ".repeat(depth),
        depth - 1
    )
}

#[test]
fn many_loops_inside_of_each_other_run() {
    let wat = format!("(module {})", loops(1000));
    for lazy in [false, true] {
        let engine = Engine::new(&Config::new().lazy(lazy)).unwrap();
        let module = Module::new(&engine, wat.as_bytes()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let i = Instance::new(&mut store, &module, &[]).unwrap();
        let Some(Extern::Func(f)) = i.export(&mut store, "loops").unwrap() else { panic!() };
        let mut out = [Val::I32(0)];
        f.call(&mut store, &[], &mut out).unwrap();
        assert_eq!(out, [Val::I32(999)]);
    }
}

/// Without a budget, a function takes minutes here. Deleting its module does not wait for that.
#[test]
fn a_module_goes_while_a_function_is_compiled() {
    let engine = Engine::new(&Config::new().lazy(true).optimization_budget(u64::MAX)).unwrap();
    let wat = format!("(module (func (export \"f\") (result i64) (i64.const 5)) {})", loops(600));
    let module = Module::new(&engine, wat.as_bytes()).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let i = Instance::new(&mut store, &module, &[]).unwrap();
    let Some(Extern::Func(f)) = i.export(&mut store, "f").unwrap() else { panic!() };
    let mut out = [Val::I64(0)];
    f.call(&mut store, &[], &mut out).unwrap();
    // When the first function is compiled, the other one is next.
    while engine.compile_progress().0 == 0 {
        std::thread::yield_now();
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    drop((module, store));
    let (done, total) = engine.compile_progress();
    assert!(done < total, "it was waited for");
    // The compilation of a deleted module is abandoned, and other modules get their turn: calls do not wait for threads.
    for _ in 0..50 {
        let module = Module::new(&engine, b"(module (func (export \"f\") (result i64) (i64.const 5)))").unwrap();
        let mut store = Store::new(&engine).unwrap();
        let i = Instance::new(&mut store, &module, &[]).unwrap();
        let Some(Extern::Func(f)) = i.export(&mut store, "f").unwrap() else { panic!() };
        f.call(&mut store, &[], &mut out).unwrap();
    }
    assert_eq!(out, [Val::I64(5)]);
}

#[test]
fn machine_code_has_a_limit() {
    let wat = format!("(module {})", "(func (result i64) (i64.const 5))".repeat(500));
    let module = |size, lazy| {
        let config = Config::new().max_code_size(size).lazy(lazy).background(false);
        Module::new(&Engine::new(&config).unwrap(), wat.as_bytes())
    };
    assert!(module(100_000, false).is_ok());
    let refused = module(1_000, false).err().unwrap();
    assert_eq!((refused.kind(), refused.to_string().contains("1000 bytes of machine code")), (ErrorKind::Limit, true));
    let lazy = module(1_000, true).unwrap();
    assert_eq!(lazy.save().unwrap_err().kind(), ErrorKind::Limit);
    // The error of an invalid function takes precedence, wherever the function is.
    let invalid = wat.replace(
        "(i64.const 5))(func (result i64) (i64.const 5)))",
        "(i64.const 5))(func (result i64) (i32.const 5)))",
    );
    assert_ne!(invalid, wat);
    let engine = Engine::new(&Config::new().max_code_size(1_000)).unwrap();
    assert_eq!(Module::new(&engine, invalid.as_bytes()).err().unwrap().kind(), ErrorKind::InvalidModule);
}
