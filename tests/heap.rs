//! The heap as its users see it: large and deep structures, fragmentation, limits, many stores, stacks full of references, and exact
//! results while all objects move.

use wrt::api::*;

struct World {
    store: Store,
    instance: Instance,
}

impl World {
    fn new(config: Config, text: &str) -> World {
        let engine = Engine::new(&config).unwrap();
        World::of(&engine, text)
    }

    fn of(engine: &Engine, text: &str) -> World {
        let mut store = Store::new(engine).unwrap();
        let module = Module::new(engine, text.as_bytes()).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        World { store, instance }
    }

    fn try_call(&mut self, name: &str, args: &[i32]) -> Result<i32> {
        let Some(Extern::Func(f)) = self.instance.export(&mut self.store, name).unwrap() else { panic!("{name}") };
        let args: Vec<Val> = args.iter().map(|a| Val::I32(*a)).collect();
        let mut out = [Val::I32(0)];
        f.call(&mut self.store, &args, &mut out)?;
        match out[0] {
            Val::I32(v) => Ok(v),
            other => panic!("{name} gave {other:?}"),
        }
    }

    fn call(&mut self, name: &str, args: &[i32]) -> i32 {
        self.try_call(name, args).unwrap_or_else(|e| panic!("{name}: {e}"))
    }
}

const LISTS: &str = r#"(module
    (type $n (struct (field $next (mut (ref null $n))) (field $v (mut i32))))
    (type $row (array (mut (ref null $n))))
    (type $bytes (array (mut i8)))
    (global $kept (mut (ref null $n)) (ref.null $n))
    (global $rows (mut (ref null $row)) (ref.null $row))
    (func (export "make") (param $count i32) (result i32)
      (loop
        (global.set $kept (struct.new $n (global.get $kept) (local.get $count)))
        (br_if 0 (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
      (i32.const 0))
    (func (export "sum") (result i32) (local $n (ref null $n)) (local $sum i32)
      (local.set $n (global.get $kept))
      (block $done (loop $l
        (br_if $done (ref.is_null (local.get $n)))
        (local.set $sum (i32.add (local.get $sum) (struct.get $n $v (local.get $n))))
        (local.set $n (struct.get $n $next (local.get $n)))
        (br $l)))
      (local.get $sum))
    (func (export "forget") (result i32) (global.set $kept (ref.null $n)) (global.set $rows (ref.null $row)) (i32.const 0))
    ;; Keeps one of `step` cells.
    (func (export "thin") (param $step i32) (result i32) (local $n (ref null $n)) (local $to (ref null $n)) (local $i i32)
      (local.set $n (global.get $kept))
      (loop $l
        (local.set $to (local.get $n))
        (local.set $i (local.get $step))
        (block $end (loop $skip
          (br_if $end (ref.is_null (local.get $to)))
          (local.set $to (struct.get $n $next (local.get $to)))
          (br_if $skip (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
        (struct.set $n $next (local.get $n) (local.get $to))
        (br_if $l (i32.eqz (ref.is_null (local.tee $n (local.get $to))))))
      (i32.const 0))
    ;; A large array of references, each new cell written into it while it is old.
    (func (export "rows") (param $count i32) (result i32) (local $i i32)
      (global.set $rows (array.new_default $row (local.get $count)))
      (loop
        (array.set $row (global.get $rows) (local.get $i) (struct.new $n (ref.null $n) (local.get $i)))
        (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $count))))
      (i32.const 0))
    (func (export "row sum") (result i32) (local $i i32) (local $sum i32)
      (loop
        (local.set $sum (i32.add (local.get $sum) (struct.get $n $v (array.get $row (global.get $rows) (local.get $i)))))
        (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (array.len (global.get $rows)))))
      (local.get $sum))
    (func (export "bytes") (param $size i32) (param $times i32) (result i32) (local $b (ref null $bytes))
      (loop
        (local.set $b (array.new_default $bytes (local.get $size)))
        (if (array.get_u $bytes (local.get $b) (i32.sub (local.get $size) (i32.const 1))) (then unreachable))
        (array.set $bytes (local.get $b) (i32.sub (local.get $size) (i32.const 1)) (i32.const 7))
        (br_if 0 (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
      (array.get_u $bytes (local.get $b) (i32.sub (local.get $size) (i32.const 1)))))"#;

fn sum_to(n: i32) -> i32 {
    (1..=n).fold(0i32, |a, b| a.wrapping_add(b))
}

/// A list of two million cells, which would overflow the stack of a recursive marker.
#[test]
fn deep_structures_are_marked_without_recursion() {
    let mut w = World::new(Config::new(), LISTS);
    w.call("make", &[2_000_000]);
    for _ in 0..3 {
        w.store.gc().unwrap();
        assert_eq!(w.call("sum", &[]), sum_to(2_000_000));
    }
    let before = w.store.heap_statistics();
    assert!(before.live >= 2_000_000 * 16 && before.live < 2_000_000 * 20, "{before:?}");
    w.call("forget", &[]);
    w.store.gc().unwrap();
    assert_eq!(w.store.heap_statistics().live, 0);
}

/// Surviving cells that are far apart are compacted; the space between them is reused.
#[test]
fn fragments_are_moved_together() {
    let mut w = World::new(Config::new().heap_growth(50, 1 << 20).gc_verify(true), LISTS);
    w.call("make", &[300_000]);
    w.store.gc().unwrap();
    let full = w.store.heap_statistics();
    w.call("thin", &[40]);
    let kept = w.call("sum", &[]);
    // The first collection finds the sparse blocks, the second empties them.
    w.store.gc().unwrap();
    w.store.gc().unwrap();
    assert_eq!(w.call("sum", &[]), kept);
    let thin = w.store.heap_statistics();
    assert!(
        thin.used * 4 < full.used,
        "{} bytes of {} are still used for a fortieth of the cells",
        thin.used,
        full.used
    );
}

/// Every second cell survives, so that no line is free: before the heap counts as full, it is compacted.
#[test]
fn a_full_heap_is_compacted() {
    let mut w = World::new(Config::new().heap_limit(4 << 20).gc_verify(true), LISTS);
    w.call("make", &[200_000]);
    w.call("thin", &[2]);
    let kept = w.call("sum", &[]);
    w.call("make", &[100_000]);
    assert_eq!(w.call("sum", &[]), kept.wrapping_add(sum_to(100_000)));
    assert_eq!(w.try_call("make", &[200_000]).unwrap_err().trap_code(), Some(Trap::HeapExhausted));
    w.call("forget", &[]);
    w.call("make", &[200_000]);
}

#[test]
fn large_arrays_of_references_are_traced_by_cards() {
    for config in [Config::new(), Config::new().nursery_size(16 << 10, 16 << 10), Config::new().gc_zeal(50)] {
        let mut w = World::new(config.gc_verify(true), LISTS);
        let count = 20_000;
        w.call("rows", &[count]);
        assert_eq!(w.call("row sum", &[]), sum_to(count - 1));
        w.store.gc().unwrap();
        assert_eq!(w.call("row sum", &[]), sum_to(count - 1));
    }
}

/// The memory of freed large objects is reused, and is zero again.
#[test]
fn large_objects_come_and_go() {
    let mut w = World::new(Config::new(), LISTS);
    for size in [8_000, 8_184, 8_185, 16_384, 100_000, 1_000_001] {
        assert_eq!(w.call("bytes", &[size, 200]), 7);
    }
    let s = w.store.heap_statistics();
    assert!(s.used < 40 << 20, "{s:?}");
    assert_eq!(w.call("bytes", &[300_000_000, 1]), 7);
    w.store.gc().unwrap();
    assert_eq!(w.store.heap_statistics().live, 0);
}

#[test]
fn limits_are_traps_and_the_store_goes_on() {
    let mut w = World::new(Config::new().heap_limit(8 << 20), LISTS);
    for _ in 0..3 {
        let e = w.try_call("make", &[5_000_000]).unwrap_err();
        assert_eq!(e.trap_code(), Some(Trap::HeapExhausted));
        w.call("forget", &[]);
        w.call("make", &[1000]);
        assert_eq!(w.call("sum", &[]), sum_to(1000));
        w.call("forget", &[]);
    }
    for size in [9 << 20, i32::MAX, -1] {
        assert_eq!(w.try_call("bytes", &[size, 1]).unwrap_err().trap_code(), Some(Trap::HeapExhausted));
    }
    assert!(w.store.heap_statistics().used <= 8 << 20);
    // A reservation is a limit, too.
    let mut w = World::new(Config::new().heap_reservation(300 << 20), LISTS);
    assert_eq!(w.try_call("make", &[30_000_000]).unwrap_err().trap_code(), Some(Trap::HeapExhausted));
    w.call("forget", &[]);
    w.call("make", &[1000]);
}

/// Unreachable cycles use no memory: ten million nodes in rings of a hundred.
#[test]
fn dropped_rings_take_no_memory() {
    let text = r#"(module (type $n (struct (field $next (mut (ref null $n))) (field i64 i64)))
        (func (export "run") (param $rings i32) (result i32) (local $first (ref null $n)) (local $n (ref null $n)) (local $i i32)
          (loop $ring
            (local.set $first (struct.new $n (ref.null $n) (i64.const 1) (i64.const 2)))
            (local.set $n (local.get $first))
            (local.set $i (i32.const 99))
            (loop $node
              (local.set $n (struct.new $n (local.get $n) (i64.const 1) (i64.const 2)))
              (br_if $node (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
            (struct.set $n 0 (local.get $first) (local.get $n))
            (br_if $ring (local.tee $rings (i32.sub (local.get $rings) (i32.const 1)))))
          (i32.const 1)))"#;
    let mut w = World::new(Config::new(), text);
    w.call("run", &[100_000]);
    let s = w.store.heap_statistics();
    assert!(s.used < 8 << 20 && s.minor_collections > 10, "{s:?}");
}

/// Every frame of a deep stack holds its own cell; the collector scans each frame once, and each return finds its cell unchanged.
#[test]
fn frames_keep_what_they_hold() {
    let text = r#"(module (type $n (struct (field $v (mut i32)) (field $o (mut anyref))))
        (func $deep (export "deep") (param $depth i32) (result i32) (local $own (ref null $n)) (local $below i32)
          (local.set $own (struct.new $n (local.get $depth) (ref.null any)))
          (if (i32.eqz (local.get $depth)) (then (return (i32.const 0))))
          (local.set $below (call $deep (i32.sub (local.get $depth) (i32.const 1))))
          ;; On the way back frames run again, and refer to what is young.
          (struct.set $n $o (local.get $own) (struct.new $n (local.get $below) (ref.null any)))
          (if (i32.ne (struct.get $n $v (local.get $own)) (local.get $depth)) (then unreachable))
          (drop (call $noise (i32.const 20)))
          (i32.add (i32.const 1) (struct.get $n $v (ref.cast (ref $n) (struct.get $n $o (local.get $own))))))
        (func $noise (param $i i32) (result anyref) (local $n (ref null $n))
          (loop (local.set $n (struct.new $n (local.get $i) (local.get $n)))
            (br_if 0 (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
          (local.get $n)))"#;
    let small = Config::new().nursery_size(16 << 10, 16 << 10);
    for config in [small.clone(), small.signals(false), Config::new().gc_zeal(97)] {
        let mut w = World::new(config.gc_verify(true), text);
        for depth in [1, 10, 4000] {
            assert_eq!(w.call("deep", &[depth]), depth);
        }
    }
}

/// References in frames on both sides of a host function that collects and calls back.
#[test]
fn activations_nest() {
    let text = r#"(module (import "" "f" (func $f (param anyref i32) (result anyref)))
        (type $n (struct (field i32) (field anyref)))
        (func (export "run") (param $depth i32) (param $r anyref) (result anyref) (local $own (ref null $n))
          (local.set $own (struct.new $n (local.get $depth) (local.get $r)))
          (local.set $r (call $f (struct.new $n (i32.const 5) (local.get $own)) (local.get $depth)))
          (if (i32.ne (struct.get $n 0 (local.get $own)) (local.get $depth)) (then unreachable))
          (struct.new $n (i32.add (i32.const 1) (struct.get $n 0 (ref.cast (ref $n) (local.get $r)))) (local.get $own)))
        (func (export "value") (param $r anyref) (result i32) (struct.get $n 0 (ref.cast (ref $n) (local.get $r)))))"#;
    for config in [Config::new(), Config::new().gc_zeal(1), Config::new().gc_zeal(1).signals(false)] {
        let engine = Engine::new(&config.gc_verify(true)).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let module = Module::new(&engine, text.as_bytes()).unwrap();
        let ty = FuncType::new([ValType::ANYREF, ValType::I32], [ValType::ANYREF]);
        let f = Func::new(&mut store, &ty, |caller, args, results| {
            let instance = caller.instance().expect("WebAssembly calls");
            let store = caller.store();
            store.gc()?;
            results[0] = args[0];
            if let Val::I32(depth @ 1..) = args[1] {
                let Some(Extern::Func(run)) = instance.export(store, "run")? else { panic!() };
                run.call(store, &[Val::I32(depth - 1), args[0]], results)?;
            }
            store.gc()
        });
        let instance = Instance::new(&mut store, &module, &[Extern::Func(f.unwrap())]).unwrap();
        let Some(Extern::Func(run)) = instance.export(&mut store, "run").unwrap() else { panic!() };
        let Some(Extern::Func(value)) = instance.export(&mut store, "value").unwrap() else { panic!() };
        let (mut r, mut v) = ([Val::I32(0)], [Val::I32(0)]);
        run.call(&mut store, &[Val::I32(9), Val::AnyRef(None)], &mut r).unwrap();
        value.call(&mut store, &r, &mut v).unwrap();
        assert_eq!(v[0], Val::I32(15));
    }
}

/// Stores are created and deleted, and find their heaps' address space reset.
#[test]
fn regions_are_used_again() {
    let engine = Engine::new(&Config::new().gc_verify(true)).unwrap();
    for i in 1..60 {
        let mut w = World::of(&engine, LISTS);
        w.call("make", &[i * 3000]);
        if i % 3 == 0 {
            w.store.gc().unwrap();
        }
        assert_eq!(w.call("bytes", &[20_000 * i, 5]), 7);
        w.call("rows", &[i * 100]);
        assert_eq!(w.call("row sum", &[]), sum_to(i * 100 - 1));
        assert_eq!(w.call("sum", &[]), sum_to(i * 3000));
    }
}

/// Cases that only types with many fields, or deep types, reach.
#[test]
fn wide_structures_and_deep_hierarchies() {
    // More than 64 KiB of fields, the last ones references: null is checked there, too.
    let many = "(field (mut v128))".repeat(5000);
    let mut types = String::from("(type $t0 (sub (struct (field i32))))");
    for i in 1..40 {
        types += &format!("(type $t{i} (sub $t{} (struct (field i32))))", i - 1);
    }
    let mut casts = String::new();
    for i in [0, 3, 7, 8, 9, 20, 39] {
        casts += &format!("(local.set $n (i32.add (local.get $n) (ref.test (ref $t{i}) (local.get $r))))");
    }
    let text = format!(
        r#"(module (type $wide (struct {many} (field $r (mut anyref)) (field $b (mut i8)))) {types}
        (func (export "wide") (result i32) (local $w (ref null $wide))
          (local.set $w (struct.new_default $wide))
          (struct.set $wide $r (local.get $w) (ref.i31 (i32.const 9)))
          (struct.set $wide $b (local.get $w) (i32.const 255))
          (i32.sub (struct.get_s $wide $b (local.get $w)) (i31.get_s (ref.cast (ref i31) (struct.get $wide $r (local.get $w))))))
        (func (export "null") (result i32) (local $w (ref null $wide)) (struct.get_u $wide $b (local.get $w)))
        (func (export "null ref") (result i32) (local $w (ref null $wide))
          (struct.set $wide $r (local.get $w) (ref.null any)) (i32.const 0))
        (func $count (param $r anyref) (result i32) (local $n i32) {casts} (local.get $n))
        (func (export "deep") (result i32) (i32.add (i32.mul (i32.const 100) (call $count (struct.new $t39 (i32.const 1))))
          (i32.add (i32.mul (i32.const 10) (call $count (struct.new $t8 (i32.const 1)))) (call $count (struct.new $t2 (i32.const 1)))))))"#
    );
    for config in [Config::new(), Config::new().signals(false).gc_zeal(1)] {
        let mut w = World::new(config, &text);
        assert_eq!(w.call("wide", &[]), -10);
        for name in ["null", "null ref"] {
            assert_eq!(w.try_call(name, &[]).unwrap_err().trap_code(), Some(Trap::NullReference));
        }
        assert_eq!(w.call("deep", &[]), 741);
    }
}

/// A module with objects that is saved and loaded behaves the same.
#[test]
fn saved_modules_know_their_stack_maps() {
    let engine = Engine::new(&Config::new().gc_zeal(7).gc_verify(true)).unwrap();
    let saved = Module::new(&engine, LISTS.as_bytes()).unwrap().save().unwrap();
    // Another engine assigns different numbers to types.
    let engine = Engine::new(&Config::new().gc_zeal(7).gc_verify(true)).unwrap();
    Module::new(&engine, b"(module (type (struct (field i64))) (type (array i8)))").unwrap();
    // SAFETY: `save` has just produced it.
    let module = unsafe { Module::load(&engine, &saved) }.unwrap();
    let mut store = Store::new(&engine).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let mut w = World { store, instance };
    w.call("make", &[500]);
    assert_eq!(w.call("sum", &[]), sum_to(500));
}

/// A hundred million steps in one frame.
#[test]
fn tail_calls_take_no_stack() {
    let text = r#"(module (type $f (func (param i32 i32) (result i32))) (table 2 funcref) (elem (i32.const 0) $a $b)
        (func $a (export "run") (type $f) (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
          (return_call $b (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (i32.const 1))))
        (func $b (type $f) (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
          (return_call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (i32.const 2))
            (i32.and (local.get 0) (i32.const 1)))))"#;
    for signals in [true, false] {
        let mut w = World::new(Config::new().signals(signals), text);
        let got = w.call("run", &[10_000_000, 0]);
        assert_eq!(got, 15_000_000, "signals {signals}");
    }
}

/// A reference in a constant global moves like any other: it is reloaded after a call.
#[test]
fn constant_globals_are_not_kept_over_collections() {
    let text = r#"(module (type $s (struct (field (mut i32))))
        (import "" "g" (global $imported (ref $s)))
        (global $own (ref $s) (struct.new $s (i32.const 42)))
        (func $churn (local $i i32) (loop $l (drop (struct.new_default $s))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10000)))))
        (func (export "run") (result i32)
          (struct.set $s 0 (global.get $own) (i32.const 1)) (struct.set $s 0 (global.get $imported) (i32.const 1))
          (call $churn)
          (struct.set $s 0 (global.get $own) (i32.const 2)) (struct.set $s 0 (global.get $imported) (i32.const 3))
          (call $churn)
          (i32.add (struct.get $s 0 (global.get $own)) (struct.get $s 0 (global.get $imported)))))"#;
    let other =
        r#"(module (type $s (struct (field (mut i32)))) (global (export "g") (ref $s) (struct.new $s (i32.const 7))))"#;
    for config in [Config::new(), Config::new().signals(false), Config::new().gc_zeal(3)] {
        let mut w = World::new(config.gc_verify(true), other);
        let engine = w.store.engine();
        let g = w.instance.export(&mut w.store, "g").unwrap().unwrap();
        let module = Module::new(&engine, text.as_bytes()).unwrap();
        w.instance = Instance::new(&mut w.store, &module, &[g]).unwrap();
        assert_eq!(w.call("run", &[]), 5);
    }
}

/// Lines between live objects that were refilled do not count as free when blocks are chosen for evacuation.
#[test]
fn refilled_blocks_are_not_sparse() {
    let fields = "(field i64)".repeat(14);
    let text = format!(
        r#"(module (type $c (struct (field $next (mut (ref null $c))) {fields}))
        (global $list (mut (ref null $c)) (ref.null $c))
        (func (export "make") (param $n i32) (result i32) (local $c (ref null $c))
          (loop (local.set $c (struct.new_default $c))
            (struct.set $c $next (local.get $c) (global.get $list))
            (global.set $list (local.get $c))
            (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
          (i32.const 0))
        (func (export "thin") (param $step i32) (result i32) (local $n (ref null $c)) (local $to (ref null $c)) (local $i i32)
          (local.set $n (global.get $list))
          (loop $l
            (local.set $to (local.get $n)) (local.set $i (local.get $step))
            (block $end (loop $skip
              (br_if $end (ref.is_null (local.get $to)))
              (local.set $to (struct.get $c $next (local.get $to)))
              (br_if $skip (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
            (struct.set $c $next (local.get $n) (local.get $to))
            (br_if $l (i32.eqz (ref.is_null (local.tee $n (local.get $to))))))
          (i32.const 0))
        (func (export "count") (result i32) (local $n (ref null $c)) (local $i i32)
          (local.set $n (global.get $list))
          (block $end (loop $l (br_if $end (ref.is_null (local.get $n)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (local.set $n (struct.get $c $next (local.get $n))) (br $l)))
          (local.get $i)))"#
    );
    for config in [Config::new(), Config::new().heap_growth(100, 1 << 30)] {
        let mut w = World::new(config.gc_verify(true), &text);
        w.call("make", &[100_000]);
        w.store.gc().unwrap();
        w.call("thin", &[5]);
        w.store.gc().unwrap();
        w.call("make", &[62_000]);
        w.store.gc().unwrap();
        w.store.gc().unwrap();
        assert_eq!(w.call("count", &[]), 82_000);
    }
}

const HOARD: &str = r#"(module
    (type $b (array (mut i8)))
    (type $row (array (mut anyref)))
    (type $s (struct (field i64)))
    (global $hoard (mut anyref) (ref.null any))
    (global $slots (mut (ref null $row)) (ref.null $row))
    (func (export "hoard") (result i32)
      (loop (global.set $hoard (array.new_fixed $row 10 (global.get $hoard) (ref.null any) (ref.null any) (ref.null any)
        (ref.null any) (ref.null any) (ref.null any) (ref.null any) (ref.null any) (ref.null any))) (br 0))
      unreachable)
    (func (export "forget") (result i32) (global.set $hoard (ref.null any)) (global.set $slots (ref.null $row)) (i32.const 0))
    (func (export "churn") (param $times i32) (result i32)
      (loop (drop (array.new_default $b (i32.const 9000))) (drop (struct.new_default $s))
        (br_if 0 (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
      (i32.const 1))
    (func (export "slots") (result i32) (global.set $slots (array.new_default $row (i32.const 12))) (i32.const 0))
    (func (export "put") (param $i i32) (param $size i32) (result i32)
      (array.set $row (global.get $slots) (local.get $i) (array.new_default $b (local.get $size))) (i32.const 0))
    (func (export "clear") (param $i i32) (result i32)
      (array.set $row (global.get $slots) (local.get $i) (ref.null any)) (i32.const 0))
    (func (export "large") (param $size i32) (result i32) (array.len (array.new_default $b (local.get $size)))))"#;

/// However often a program reaches its limit, it never exceeds it by more than a nursery, and recovers.
#[test]
fn the_limit_holds() {
    let with = |limit: usize, space: usize, nursery: usize| {
        Config::new().heap_limit(limit).heap_reservation(space).nursery_size(16 << 10, nursery)
    };
    for config in [with(1 << 20, 1 << 28, 1 << 20), with(1 << 30, 64 << 20, 8 << 20), with(1 << 30, 8 << 20, 1 << 20)] {
        let mut w = World::new(config, HOARD);
        let mut most = 0;
        for i in 0..20 {
            assert_eq!(w.try_call("hoard", &[]).unwrap_err().trap_code(), Some(Trap::HeapExhausted));
            let used = w.store.heap_statistics().used;
            assert!(i == 0 || used <= most + (128 << 10), "{used} bytes after {most}");
            most = most.max(used);
        }
        w.call("forget", &[]);
        w.store.gc().unwrap();
        assert_eq!(w.store.heap_statistics().live, 0);
        w.call("churn", &[1000]);
    }
}

/// Small heaps behave like large ones.
#[test]
fn small_heaps() {
    for (space, nursery) in [(1 << 20, 16 << 10), (2 << 20, 32 << 10), (8 << 20, 1 << 20), (64 << 20, 16 << 10)] {
        let config = Config::new().heap_reservation(space).nursery_size(16 << 10, nursery).gc_verify(true);
        let mut w = World::new(config, HOARD);
        assert_eq!(w.call("churn", &[3000]), 1);
        w.store.gc().unwrap();
    }
    for bad in [Config::new().heap_reservation(1 << 19), Config::new().nursery_size(1 << 10, 1 << 20)] {
        assert_eq!(Engine::new(&bad).err().map(|e| e.kind()), Some(ErrorKind::InvalidArgument));
    }
}

/// Enough free bytes, but they are contiguous only after a collection.
#[test]
fn large_objects_find_room_between_others() {
    let config = Config::new().heap_reservation(16 << 20).nursery_size(16 << 10, 16 << 10);
    let mut w = World::new(config, HOARD);
    w.call("slots", &[]);
    for i in 0..12 {
        w.call("put", &[i, 1 << 20]);
    }
    for i in (0..12).step_by(2) {
        w.call("clear", &[i]);
    }
    w.store.gc().unwrap();
    for i in (1..12).step_by(2) {
        w.call("clear", &[i]);
    }
    assert_eq!(w.call("large", &[5 << 20]), 5 << 20);
}

/// Sizes that the host passes do not overflow.
#[test]
fn absurd_sizes() {
    for config in [Config::new(), Config::new().heap_growth(usize::MAX, 0), Config::new().heap_growth(0, usize::MAX)] {
        let mut w = World::new(config, HOARD);
        for external in [1, usize::MAX, usize::MAX / 2, usize::MAX] {
            let r = Ref::host(&mut w.store, 1u32, external).unwrap();
            w.store.gc().unwrap();
            assert!(r.data(&w.store).unwrap().is_some());
        }
        w.call("churn", &[100]);
        let mut w = World::new(Config::new().heap_growth(100, 0), HOARD);
        Ref::host(&mut w.store, 1u32, 0).unwrap();
        w.call("churn", &[100]);
    }
}
