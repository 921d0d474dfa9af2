//! Each fallible allocation fails once: the answer is an error or a result, nothing is lost, and the store goes on.

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
        // What can not grow says -1, and nothing has changed.
        assert!(matches!(out[0], Val::I32(-1 | 2 | 4)), "{out:?}");
    }
    let Some(Extern::Table(t)) = instance.export(store, "t")? else { panic!("no t") };
    t.grow(store, 400, Val::FuncRef(None))?;
    Memory::new(store, MemoryType { limits: Limits { min: 1, max: None } })?;
    Table::new(store, TableType { limits: Limits { min: 9, max: None }, element: RefType::FUNC }, Val::FuncRef(None))?;
    let Some(Extern::Func(f)) = instance.export(store, "f")? else { panic!("no f") };
    f.call(store, &[], &mut out)?;
    assert_eq!(out[0], Val::I32(b'b' as i32));
    // The same once more, compiled anew.
    Module::new(engine, WAT.as_bytes()).map(|_| ())
}

#[test]
fn every_allocation_fails_once() {
    for signals in [true, false] {
        let engine = Engine::new(&Config::new().signals(signals)).unwrap();
        let module = Module::new(&engine, WAT.as_bytes()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let mut failures = 0;
        for n in 1.. {
            assert!(n < 100, "does not end");
            // Everything is counted, so what a failure took without giving back shows in the last round.
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

/// What a failed instantiation took from the store's account is given back.
#[test]
fn limits_are_not_eaten_by_failures() {
    let engine = Engine::new(&Config::new()).unwrap();
    let module = Module::new(&engine, WAT.as_bytes()).unwrap();
    let mut store = Store::new(&engine).unwrap();
    store.set_limits(StoreLimits { memory_bytes: 3 * 65536, table_elements: 104, instances: 1 });
    for n in 1..=4 {
        fail_nth(n);
        let e = Instance::new(&mut store, &module, &[]).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::OutOfMemory, "allocation {n}");
    }
    fail_nth(0);
    Instance::new(&mut store, &module, &[]).unwrap();
    let e = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Limit);
}
