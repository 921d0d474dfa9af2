//! Modules that are compiled while they run: the same results, errors and backtraces as modules that are compiled eagerly, and finally the
//! same code.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use wrt::api::*;

fn engine(lazy: bool) -> Engine {
    Engine::new(&Config::new().lazy(lazy)).unwrap()
}

fn module(lazy: bool, wat: &str) -> Module {
    Module::new(&engine(lazy), wat.as_bytes()).unwrap()
}

fn instance(module: &Module) -> (Store, Instance) {
    let mut store = Store::new(&module.engine()).unwrap();
    let instance = Instance::new(&mut store, module, &[]).unwrap();
    (store, instance)
}

fn func(store: &mut StoreMut<'_>, i: Instance, name: &str) -> Func {
    match i.export(store, name).unwrap() {
        Some(Extern::Func(f)) => f,
        other => panic!("{name}: {other:?}"),
    }
}

fn call(store: &mut Store, i: Instance, name: &str, args: &[Val], results: usize) -> Result<Vec<Val>> {
    let f = func(store, i, name);
    let mut out = vec![Val::I32(0); results];
    f.call(store, args, &mut out)?;
    Ok(out)
}

/// Functions that call each other directly, through a table, and as tail calls.
fn chain(functions: usize) -> String {
    let mut wat = String::from("(module (type $t (func (param i32) (result i32)))\n");
    for i in 0..functions {
        let next = match i % 4 {
            0 => format!("(i32.add (i32.const 1) (call $f{} (local.get 0)))", i + 1),
            1 => format!("(call_indirect (type $t) (local.get 0) (i32.const {}))", i + 1),
            2 => format!("(return_call $f{} (i32.add (local.get 0) (i32.const 3)))", i + 1),
            _ => format!("(call_ref $t (local.get 0) (ref.func $f{}))", i + 1),
        };
        wat += &format!("(func $f{i} (type $t) {next})\n");
    }
    wat += &format!("(func $f{functions} (type $t) (local.get 0))\n(export \"run\" (func $f0)) (table funcref (elem");
    (0..=functions).for_each(|i| wat += &format!(" $f{i}"));
    wat + ")))"
}

#[test]
fn calls_of_every_kind_reach_functions_that_are_not_compiled() {
    let wat = chain(400);
    let (lazy, eager) = (module(true, &wat), module(false, &wat));
    let results = [&lazy, &eager].map(|m| {
        let (mut store, i) = instance(m);
        call(&mut store, i, "run", &[Val::I32(5)], 1).unwrap()
    });
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], [Val::I32(5 + 100 + 300)]);
}

#[test]
fn in_the_end_the_code_is_the_same() {
    let wat = chain(400);
    let (lazy, eager) = (module(true, &wat), module(false, &wat));
    let (mut store, before) = instance(&lazy);
    call(&mut store, before, "run", &[Val::I32(1)], 1).unwrap();
    assert!(lazy.save().unwrap() == eager.save().unwrap());
    // Everything is compiled now: for instances that were created before, and for new ones.
    let after = Instance::new(&mut store, &lazy, &[]).unwrap();
    for i in [before, after] {
        assert_eq!(call(&mut store, i, "run", &[Val::I32(1)], 1).unwrap(), [Val::I32(401)]);
    }
}

#[test]
fn a_first_call_keeps_every_argument() {
    // More arguments than registers, of every type; and results beyond the registers.
    let types = ["i32", "i64", "f32", "f64", "v128", "externref"];
    let params: Vec<&str> = (0..30).map(|i| types[i % types.len()]).collect();
    let all = params.join(" ");
    let gets: String = (0..30).map(|i| format!("(local.get {i})")).collect();
    let wat = format!(
        "(module (func $inner (param {all}) (result {all}) {gets})
            (func $tail (param {all}) (result {all}) {gets} (return_call $inner))
            (func (export \"run\") (param {all}) (result {all}) {gets} (call $tail)))"
    );
    for zeal in [0, 1] {
        let engine = Engine::new(&Config::new().lazy(true).gc_zeal(zeal).gc_verify(true)).unwrap();
        let (mut store, i) = instance(&Module::new(&engine, wat.as_bytes()).unwrap());
        let value = |store: &mut Store, n: usize| match n % 6 {
            0 => Val::I32(n as i32),
            1 => Val::I64(-(n as i64)),
            2 => Val::F32((n as f32).to_bits()),
            3 => Val::F64((n as f64 * 0.5).to_bits()),
            4 => Val::V128(n as u128),
            _ => Val::ExternRef(Some(Ref::host(store, n as u32, 0).unwrap())),
        };
        let args: Vec<Val> = (0..30).map(|n| value(&mut store, n)).collect();
        let results = call(&mut store, i, "run", &args, 30).unwrap();
        for (n, (arg, result)) in args.iter().zip(&results).enumerate() {
            if let Val::ExternRef(Some(r)) = result {
                let data = r.data(&store).unwrap().and_then(|d| d.downcast_ref::<u32>());
                assert_eq!(data, Some(&(n as u32)));
            } else {
                assert_eq!(arg, result, "value {n}");
            }
        }
    }
}

/// Numbers of results around the number that fits in registers: beyond it, the context is another argument.
#[test]
fn a_first_call_finds_its_context() {
    let mut wat = String::from("(module");
    let mut wanted = Vec::new();
    for (ints, floats) in [(0, 0), (1, 0), (8, 0), (9, 0), (8, 8), (0, 9), (0, 8), (9, 9), (7, 9), (30, 1)] {
        let types = "i64 ".repeat(ints) + &"f64 ".repeat(floats);
        let name = format!("{ints}-{floats}");
        let gets: String = (0..ints).map(|i| format!("(i64.const {i})")).collect();
        let gets: String = gets + &(0..floats).map(|i| format!("(f64.const {i})")).collect::<String>();
        wat += &format!("(func $\"{name}\" (param i32) (result {types}) {gets})\n");
        wat += &format!("(func (export \"{name}\") (result {types}) (call $\"{name}\" (i32.const 1)))\n");
        let ints = (0..ints).map(|i| Val::I64(i as i64));
        wanted.push((name, ints.chain((0..floats).map(|i| Val::F64((i as f64).to_bits()))).collect::<Vec<_>>()));
    }
    let (mut store, i) = instance(&module(true, &(wat + ")")));
    for (name, results) in wanted {
        assert_eq!(call(&mut store, i, &name, &[], results.len()).unwrap(), results, "{name}");
    }
}

#[test]
fn traps_name_the_same_frames() {
    let wat = "(module $m (func $inner (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
        (func $middle (param i32) (result i32) (i32.add (i32.const 1) (call $inner (local.get 0))))
        (func (export \"run\") (param i32) (result i32) (call $middle (local.get 0))))";
    let frames = [true, false].map(|lazy| {
        let (mut store, i) = instance(&module(lazy, wat));
        // The first time in baseline code, at the end in optimized code.
        let first = call(&mut store, i, "run", &[Val::I32(0)], 1).unwrap_err();
        i.module(&store).unwrap().save().unwrap();
        let last = call(&mut store, i, "run", &[Val::I32(0)], 1).unwrap_err();
        assert_eq!(first.frames(), last.frames());
        first.frames().to_vec()
    });
    assert_eq!(frames[0], frames[1]);
    assert_eq!(frames[0].len(), 3);
}

/// A trap at the return address of a call is not attributed to the call.
#[test]
fn a_trap_right_behind_a_call_has_its_own_place() {
    let wat = "(module (func $f) (func (export \"run\") (param i32) (call $f) unreachable))";
    let places = [(true, true), (true, false), (false, true), (false, false)].map(|(lazy, signals)| {
        let config = Config::new().lazy(lazy).background(false).signals(signals);
        let (mut store, i) = instance(&Module::new(&Engine::new(&config).unwrap(), wat.as_bytes()).unwrap());
        let e = call(&mut store, i, "run", &[Val::I32(0)], 0).unwrap_err();
        e.frames().iter().map(|f| (f.func_index, f.func_offset)).collect::<Vec<_>>()
    });
    // After the count of locals, and the two bytes of the call.
    assert_eq!(places, [(); 4].map(|_| vec![(1, Some(3))]));
}

#[test]
fn invalid_modules_are_refused_at_once() {
    let bodies = "(func) ".repeat(50);
    let wat = format!("(module {bodies} (func (result i32) (i64.const 1)) (func (drop)))");
    let errors = [true, false].map(|lazy| Module::new(&engine(lazy), wat.as_bytes()).err().unwrap());
    let told = errors.each_ref().map(|e| (e.kind(), e.to_string(), e.offset()));
    assert_eq!(told[0], told[1]);
    assert_eq!(errors[0].kind(), ErrorKind::InvalidModule);
}

#[test]
fn threads_share_a_module_that_is_not_compiled() {
    let wat = chain(600);
    let module = module(true, &wat);
    let done = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (mut store, i) = instance(&module);
                for _ in 0..20 {
                    assert_eq!(call(&mut store, i, "run", &[Val::I32(0)], 1).unwrap(), [Val::I32(600)]);
                }
                done.fetch_add(1, Relaxed);
            });
        }
    });
    assert_eq!(done.load(Relaxed), 4);
}

#[test]
fn a_module_may_go_while_it_is_compiled() {
    let wat = chain(2000);
    for called in [false, true] {
        let module = module(true, &wat);
        let (mut store, i) = instance(&module);
        drop(module);
        if called {
            call(&mut store, i, "run", &[Val::I32(0)], 1).unwrap();
        }
        drop(store);
    }
}

#[test]
fn a_function_is_called_first_from_a_host_function() {
    let wat = "(module (import \"host\" \"f\" (func $f (param i32) (result i32)))
        (func (export \"again\") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
        (func (export \"run\") (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.const 1))))";
    let module = module(true, wat);
    let mut linker = Linker::new(&module.engine());
    let ty = FuncType::new([ValType::I32], [ValType::I32]);
    let host = HostDefinition::new(&ty, |caller, args, results| {
        let instance = caller.instance().unwrap();
        let again = func(caller.store(), instance, "again");
        again.call(caller.store(), args, results)
    });
    linker.define_func("host", "f", host.unwrap()).unwrap();
    let mut store = Store::new(&module.engine()).unwrap();
    let i = linker.instantiate(&mut store, &module).unwrap();
    assert_eq!(call(&mut store, i, "run", &[Val::I32(21)], 1).unwrap(), [Val::I32(43)]);
}

#[test]
fn a_stack_overflow_in_code_that_is_not_compiled_is_a_trap() {
    let wat =
        "(module (func $a (export \"run\") (param i32) (result i32) (i32.add (i32.const 1) (call $b (local.get 0))))
        (func $b (param i32) (result i32) (i32.add (i32.const 1) (call $a (local.get 0)))))";
    for signals in [true, false] {
        let engine = Engine::new(&Config::new().lazy(true).signals(signals)).unwrap();
        let (mut store, i) = instance(&Module::new(&engine, wat.as_bytes()).unwrap());
        for _ in 0..2 {
            let e = call(&mut store, i, "run", &[Val::I32(0)], 1).unwrap_err();
            assert_eq!(e.trap_code(), Some(Trap::StackOverflow));
        }
    }
}

/// Baseline code has larger frames. A recursion that fits in the stack as optimized code fits as baseline code, too.
#[test]
fn deep_calls_need_no_more_configuration() {
    const DEPTH: usize = 300;
    let set = |i| format!("(local.set {} (i32.load offset={} (i32.const 0)))", i + 1, 4 * i);
    let used = |i| {
        format!(
            "(block (br_if 0 (local.get 0)) (unreachable)) (i32.store offset=4000 (i32.const 0) (local.get {}))",
            i + 1
        )
    };
    let body: String = (0..60).map(|i| set(i) + &used(i)).collect();
    let locals = "i32 ".repeat(60);
    let func = |f| {
        let next = if f + 1 < DEPTH { format!("(call $f{} (local.get 0))", f + 1) } else { "(local.get 0)".into() };
        format!("(func $f{f} (param i32) (result i32) (local {locals}) {body} (i32.add (i32.const 1) {next}))\n")
    };
    let all: String = (0..DEPTH).map(func).collect();
    let wat = format!("(module (memory 1) {all} (export \"run\" (func $f0)))");
    let run = move || {
        [false, true].map(|lazy| {
            let engine = Engine::new(&Config::new().lazy(lazy).max_wasm_stack(STACK)).unwrap();
            let (mut store, i) = instance(&Module::new(&engine, wat.as_bytes()).unwrap());
            call(&mut store, i, "run", &[Val::I32(1)], 1).unwrap()
        })
    };
    // A little more than optimized code needs.
    const STACK: usize = 32 << 10;
    let [eager, lazy] = std::thread::Builder::new().stack_size(32 << 20).spawn(run).unwrap().join().unwrap();
    assert_eq!((&eager, &lazy), (&vec![Val::I32(301)], &vec![Val::I32(301)]));
}

#[test]
fn progress_is_told() {
    let engine = engine(true);
    assert_eq!(engine.compile_progress(), (0, 0));
    let module = Module::new(&engine, chain(50).as_bytes()).unwrap();
    module.save().unwrap();
    let (done, total) = engine.compile_progress();
    assert!(done == total && total > 0);
}
