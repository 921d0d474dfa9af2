//! Each fallible allocation fails once: the call returns an error or a result, nothing is leaked, and the store stays usable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use wrt::api::*;

const WAT: &str =
    "(module (memory (export \"m\") 2 20) (data (i32.const 100) \"abc\") (data (i32.const 100000) \"xyz\")
    (memory $second 1) (table (export \"t\") 4 1000 funcref) (elem (i32.const 1) $f) (table 100 funcref)
    (func $f (export \"f\") (result i32) (i32.load8_u (i32.const 101)))
    (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export \"tgrow\") (param i32) (result i32) (table.grow 0 (ref.null func) (local.get 0))))";

fn scenario(engine: &Engine, store: &mut Store, module: &Module) -> Result<()> {
    let instance = Instance::new(store, module, &[])?;
    let mut out = [Val::I32(0)];
    for (name, arg) in [("grow", 3), ("tgrow", 500)] {
        let Some(Extern::Func(f)) = instance.export(store, name)? else { panic!("no {name}") };
        f.call(store, &[Val::I32(arg)], &mut out)?;
        // Growth that fails returns -1, and nothing has changed.
        assert!(matches!(out[0], Val::I32(-1 | 2 | 4)), "{out:?}");
    }
    let Some(Extern::Table(t)) = instance.export(store, "t")? else { panic!("no t") };
    t.grow(store, 400, Val::FuncRef(None))?;
    Memory::new(store, MemoryType::new(Limits { min: 1, max: None }))?;
    Table::new(store, TableType::new(Limits { min: 9, max: None }, RefType::FUNC), Val::FuncRef(None))?;
    let Some(Extern::Func(f)) = instance.export(store, "f")? else { panic!("no f") };
    f.call(store, &[], &mut out)?;
    assert_eq!(out[0], Val::I32(b'b' as i32));
    // The same again, newly compiled.
    Module::new(engine, WAT.as_bytes()).map(|_| ())
}

#[test]
fn every_allocation_fails_once() {
    for (signals, reservation) in [(true, u64::MAX), (false, u64::MAX), (true, 0)] {
        let engine = Engine::new(&Config::new().signals(signals).memory_reservation(reservation)).unwrap();
        let module = Module::new(&engine, WAT.as_bytes()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let mut failures = 0;
        for n in 1.. {
            assert!(n < 100, "does not end");
            // Everything is counted, so anything that a failure took without returning it shows in the last round.
            fail_nth(n);
            let result = scenario(&engine, &mut store, &module);
            let happened = fail_nth(0) == 0;
            match result {
                Ok(()) if !happened => break,
                Ok(()) => failures += 1,
                Err(e) => {
                    failures += 1;
                    assert!(matches!(e.kind(), ErrorKind::OutOfMemory | ErrorKind::Limit), "allocation {n}: {e:?}");
                }
            }
        }
        assert!(failures >= 10, "only {failures} allocations can fail");
        scenario(&engine, &mut store, &module).unwrap();
    }
}

/// Compiled by the first calls, newly each time.
#[test]
fn every_allocation_of_first_calls_fails_once() {
    for signals in [true, false] {
        let config = Config::new().lazy(true).background(false).signals(signals);
        let mut failures = 0;
        for n in 1.. {
            assert!(n < 100, "does not end");
            fail_nth(n);
            let run = || {
                let engine = Engine::new(&config)?;
                let mut store = Store::new(&engine)?;
                let module = Module::new(&engine, WAT.as_bytes())?;
                let first = scenario(&engine, &mut store, &module);
                let happened = fail_nth(0) == 0;
                // Without a failure, the operations that failed now succeed.
                scenario(&engine, &mut store, &module).expect("it goes on");
                first.map(|()| happened)
            };
            let result = run();
            fail_nth(0);
            match result {
                Ok(false) => break,
                Ok(true) => failures += 1,
                Err(e) => {
                    failures += 1;
                    assert!(matches!(e.kind(), ErrorKind::OutOfMemory | ErrorKind::Limit), "allocation {n}: {e:?}");
                }
            }
        }
        assert!(failures >= 10, "only {failures} allocations can fail");
    }
}

const OBJECTS: &str = r#"(module
    (type $f (func (result i32)))
    (type $n (struct (field $next (ref null $n)) (field $f (ref null $f)) (field $o externref)))
    (type $a (array (mut (ref null $n))))
    (elem declare func $one)
    (func $one (type $f) (i32.const 1))
    (global $o (mut externref) (ref.null extern))
    (global $first (ref $n) (struct.new $n (ref.null $n) (ref.func $one) (ref.null extern)))
    (table $t (export "t") 4 1000 externref)
    (elem $passive (ref null $n) (struct.new $n (global.get $first) (ref.null $f) (ref.null extern)))
    (table $u 10 (ref null $n))
    (elem (table $u) (i32.const 3) (ref null $n) (struct.new $n (global.get $first) (ref.func $one) (ref.null extern)))
    (func (export "run") (param externref) (result i32) (local $list (ref null $n)) (local $i i32) (local $large (ref null $a))
      (local.set $large (array.new_default $a (i32.const 100000)))
      (loop
        (local.set $list (struct.new $n (local.get $list) (ref.func $one) (local.get 0)))
        (array.set $a (local.get $large) (local.get $i) (local.get $list))
        (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 30000))))
      (table.init $u $passive (i32.const 5) (i32.const 0) (i32.const 1))
      (drop (table.grow $t (local.get 0) (i32.const 10)))
      (local.set $i (i32.const 0))
      (loop
        (local.set $i (i32.add (local.get $i) (call_ref $f (struct.get $n $f (local.get $list)))))
        (br_if 0 (i32.eqz (ref.is_null (local.tee $list (struct.get $n $next (local.get $list)))))))
      (local.get $i)))"#;

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn with_objects(store: &mut StoreMut<'_>, module: &Module, dropped: &Arc<AtomicUsize>) -> Result<()> {
    let instance = Instance::new(store, module, &[])?;
    let object = Ref::host(store, Counted(dropped.clone()), 0)?;
    let Some(Extern::Func(f)) = instance.export(store, "run")? else { panic!("no run") };
    let mut out = [Val::I32(0)];
    f.call(store, &[Val::ExternRef(Some(object))], &mut out)?;
    assert_eq!(out[0], Val::I32(30000));
    let Some(Extern::Table(t)) = instance.export(store, "t")? else { panic!("no t") };
    t.grow(store, 50, Val::ExternRef(Some(object)))?;
    t.get(store, 5)?;
    store.gc()
}

/// In a new store each time: the growth of a heap fails at each of its steps.
#[test]
fn every_allocation_of_the_heap_fails_once() {
    let engine = Engine::new(&Config::new().heap_growth(10, 1 << 16).gc_verify(true)).unwrap();
    let module = Module::new(&engine, OBJECTS.as_bytes()).unwrap();
    let (mut failures, mut made) = (0, 0);
    let dropped = Arc::new(AtomicUsize::new(0));
    for n in 1.. {
        assert!(n < 200, "does not end");
        let mut store = Store::new(&engine).unwrap();
        fail_nth(n);
        let result = store.scope(|store| with_objects(store, &module, &dropped)).unwrap();
        let happened = fail_nth(0) == 0;
        match result {
            Ok(()) if !happened => break,
            Ok(()) => {}
            Err(e) => {
                failures += 1;
                let exhausted = e.trap_code() == Some(Trap::HeapExhausted);
                let kind = matches!(e.kind(), ErrorKind::OutOfMemory | ErrorKind::Limit);
                assert!(kind || exhausted, "allocation {n}: {e:?}");
            }
        }
        // The store stays usable, and loses nothing.
        store.scope(|store| with_objects(store, &module, &dropped)).unwrap().unwrap();
        drop(store);
        made = made.max(n);
    }
    assert!(failures >= 9, "only {failures} of {made} allocations made a difference");
}

/// A failed instantiation returns what it took from the store's limits.
#[test]
fn limits_are_not_eaten_by_failures() {
    let engine = Engine::new(&Config::new()).unwrap();
    let module = Module::new(&engine, WAT.as_bytes()).unwrap();
    let mut store = Store::new(&engine).unwrap();
    store.set_limits(StoreLimits {
        memory_bytes: 3 * 65536,
        table_elements: 104,
        instances: 1,
        ..StoreLimits::default()
    });
    // What was created before a failure is kept, and not created again on the next try; an image without a file is copied.
    let mut failures = 0;
    for n in 1.. {
        fail_nth(n);
        let result = Instance::new(&mut store, &module, &[]);
        let happened = fail_nth(0) == 0;
        match result {
            Ok(instance) => {
                instance.release(&mut store).unwrap();
                store.gc().unwrap();
            }
            Err(e) => {
                failures += 1;
                assert_eq!(e.kind(), ErrorKind::OutOfMemory, "allocation {n}");
            }
        }
        if !happened {
            break;
        }
    }
    assert!(failures >= 3, "only {failures} failures");
    Instance::new(&mut store, &module, &[]).unwrap();
    let e = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Limit);
}
