//! Tail calls use no stack: between modules, through tables and references, and to host functions.

use wrt::api::*;

/// Each passes `$n` minus one to the other, through the imported function, the table and a reference in turn.
const STEPPER: &str = r#"(module
    (type $f (func (param i64) (result i64)))
    (import "" "table" (table $t 3 funcref))
    (import "" "done" (func $done (type $f)))
    (import "" "other" (func $other (type $f)))
    (import "" "place" (global $other_place i32))
    (global $steps (export "steps") (mut i64) (i64.const 0))
    (func $step (export "step") (type $f) (param $n i64) (result i64)
        (global.set $steps (i64.add (global.get $steps) (i64.const 1)))
        (if (i64.eqz (local.get $n)) (then (return_call $done (i64.const 42))))
        (local.set $n (i64.sub (local.get $n) (i64.const 1)))
        (block $by_reference (block $by_table (block $by_import
            (br_table $by_import $by_table $by_reference (i32.wrap_i64 (i64.rem_u (local.get $n) (i64.const 3)))))
            (return_call $other (local.get $n)))
            (return_call_indirect $t (type $f) (local.get $n) (global.get $other_place)))
        (return_call_ref $f (local.get $n) (ref.cast (ref $f) (table.get $t (global.get $other_place))))))"#;

fn steps(config: Config, count: i64) {
    let engine = Engine::new(&config).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let module = Module::new(&engine, STEPPER.as_bytes()).unwrap();
    let table = TableType::new(Limits { min: 3, max: None }, RefType::FUNC);
    let table = Table::new(&mut store, table, Val::FuncRef(None)).unwrap();
    let ty = FuncType::new([ValType::I64], [ValType::I64]);
    let done = Func::new(&mut store, &ty, |_, args, results| {
        let Val::I64(n) = args[0] else { panic!("not a number") };
        results[0] = Val::I64(n + 1);
        Ok(())
    })
    .unwrap();
    // A relay in a separate module stands in for the second module until that exists.
    let relay = r#"(module (type $f (func (param i64) (result i64))) (import "" "table" (table 3 funcref))
        (func (export "relay") (type $f) (return_call_indirect (type $f) (local.get 0) (i32.const 1))))"#;
    let relay = Module::new(&engine, relay.as_bytes()).unwrap();
    let relay = Instance::new(&mut store, &relay, &[Extern::Table(table)]).unwrap();
    let relay = relay.export(&mut store, "relay").unwrap().unwrap();
    let place = |store: &mut Store, n| {
        let ty = GlobalType { content: ValType::I32, mutable: false };
        Extern::Global(Global::new(store, ty, Val::I32(n)).unwrap())
    };
    let make = |store: &mut Store, other: Extern, other_place: i32| {
        let place = place(store, other_place);
        Instance::new(store, &module, &[Extern::Table(table), Extern::Func(done), other, place]).unwrap()
    };
    let first = make(&mut store, relay, 1);
    let step = first.export(&mut store, "step").unwrap().unwrap();
    let second = make(&mut store, step, 0);
    for (i, instance) in [first, second].into_iter().enumerate() {
        let Some(Extern::Func(f)) = instance.export(&mut store, "step").unwrap() else { panic!("no step") };
        table.set(&mut store, i as u64, Val::FuncRef(Some(f))).unwrap();
    }
    let Extern::Func(step) = step else { panic!("no function") };
    let mut results = [Val::I64(0)];
    step.call(&mut store, &[Val::I64(count)], &mut results).unwrap();
    assert_eq!(results, [Val::I64(43)]);
    let mut taken = 0;
    for instance in [first, second] {
        let Some(Extern::Global(g)) = instance.export(&mut store, "steps").unwrap() else { panic!("no steps") };
        let Val::I64(n) = g.get(&mut store).unwrap() else { panic!("not a number") };
        assert!(n > count / 3, "{n} steps of {count}");
        taken += n;
    }
    assert_eq!(taken, count + 1);
}

/// `WRT_STEPS` is the number of calls; a million frames would be far more than the stack.
#[test]
fn between_modules_and_to_the_host() {
    let count = std::env::var("WRT_STEPS").map_or(3_000_000, |n| n.parse().expect("a number"));
    for signals in [true, false] {
        for lazy in [true, false] {
            steps(Config::new().signals(signals).lazy(lazy).max_wasm_stack(256 << 10), count);
        }
    }
}
