//! Instances, and everything else that the host creates and releases, are freed when nothing refers to them, and not before. Every way to
//! refer to an instance is tested. Runs normally, with collections at every allocation, and with explicit checks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use wrt::api::*;

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A plugin: all its parts can be imported, and its function accesses its memory, its global and its table.
const PLUGIN: &str = r#"(module
  (type $f (func (result i32)))
  (memory (export "memory") 1) (data (i32.const 8) "\2a")
  (global (export "global") (mut i32) (i32.const 1))
  (global (export "ref") (mut externref) (ref.null extern))
  (table (export "table") 4 funcref) (elem (i32.const 1) $f)
  (func $f (export "f") (type $f)
    (i32.add (i32.load8_u (i32.const 8)) (global.get 0))))"#;

/// A place to store functions, for each kind of place.
const HOLDER: &str = r#"(module
  (type $f (func (result i32)))
  (type $box (struct (field (mut i64)) (field $f (mut (ref null $f))) (field (mut anyref))))
  (type $row (array (mut funcref)))
  (import "host" "collect" (func $collect (result i32)))
  (import "host" "collect with" (func $collect_with (param funcref) (result funcref)))
  (table $t (export "t") 4 funcref)
  (global $g (export "g") (mut funcref) (ref.null func))
  (global $a (export "a") (mut anyref) (ref.null any))
  (func (export "table") (param funcref) (table.set $t (i32.const 2) (local.get 0)))
  (func (export "table call") (result i32) (call_indirect $t (type $f) (i32.const 2)))
  (func (export "global") (param funcref) (global.set $g (local.get 0)))
  (func (export "global call") (result i32) (call_ref $f (ref.cast (ref $f) (global.get $g))))
  (func (export "struct") (param funcref)
    (global.set $a (struct.new $box (i64.const -1) (ref.cast (ref null $f) (local.get 0)) (ref.null any))))
  (func (export "struct call") (result i32)
    (call_ref $f (struct.get $box $f (ref.cast (ref $box) (global.get $a)))))
  (func (export "deep") (param funcref)
    (global.set $a (struct.new $box (i64.const -1) (ref.null $f)
      (struct.new $box (i64.const 0) (ref.cast (ref null $f) (local.get 0)) (ref.null any)))))
  (func (export "deep call") (result i32)
    (call_ref $f (struct.get $box $f (ref.cast (ref $box)
      (struct.get $box 2 (ref.cast (ref $box) (global.get $a)))))))
  (func (export "array") (param funcref)
    (global.set $a (array.new $row (local.get 0) (i32.const 3000))))
  (func (export "array call") (result i32)
    (call_ref $f (ref.cast (ref $f) (array.get $row (ref.cast (ref $row) (global.get $a)) (i32.const 2999)))))
  ;; The function is known to the operand only, while the object is made that holds it.
  (func (export "new struct") (param funcref) (local $f funcref)
    (local.set $f (table.get $t (i32.const 2)))
    (table.set $t (i32.const 2) (ref.null func))
    (global.set $a (struct.new $box (i64.const -1) (ref.cast (ref null $f) (local.get $f)) (ref.null any))))
  (func (export "new struct call") (result i32)
    (call_ref $f (struct.get $box $f (ref.cast (ref $box) (global.get $a)))))
  (func (export "new array") (param funcref) (local $f funcref)
    (local.set $f (table.get $t (i32.const 2)))
    (table.set $t (i32.const 2) (ref.null func))
    (global.set $a (array.new $row (local.get $f) (i32.const 3000))))
  (func (export "new array call") (result i32)
    (call_ref $f (ref.cast (ref $f) (array.get $row (ref.cast (ref $row) (global.get $a)) (i32.const 2999)))))
  (func (export "new fixed") (param funcref) (local $f funcref)
    (local.set $f (table.get $t (i32.const 2)))
    (table.set $t (i32.const 2) (ref.null func))
    (global.set $a (array.new_fixed $row 2 (ref.null func) (local.get $f))))
  (func (export "new fixed call") (result i32)
    (call_ref $f (ref.cast (ref $f) (array.get $row (ref.cast (ref $row) (global.get $a)) (i32.const 1)))))
  (func (export "clear")
    (table.set $t (i32.const 2) (ref.null func))
    (global.set $g (ref.null func)) (global.set $a (ref.null any)))
  (func (export "frame") (result i32) (local $f funcref)
    (local.set $f (table.get $t (i32.const 2)))
    (call 4)
    (drop (call $collect))
    (call_ref $f (ref.cast (ref $f) (local.get $f))))
  (func (export "argument") (result i32) (local $f funcref)
    (local.set $f (table.get $t (i32.const 2)))
    (table.set $t (i32.const 2) (ref.null func))
    (call_ref $f (ref.cast (ref $f) (call $collect_with (local.get $f)))))
  (func $none) (export "none" (func $none)))"#;

struct World {
    store: Store,
    plugin: Module,
    holder: Instance,
    linker: Linker,
    dropped: Arc<AtomicUsize>,
}

fn configs() -> Vec<Config> {
    let base = || Config::new().gc_verify(true);
    vec![base(), base().gc_zeal(1), base().signals(false)]
}

fn world(config: Config) -> World {
    let engine = Engine::new(&config).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let mut linker = Linker::new(&engine);
    let ty = FuncType::new([], [ValType::I32]);
    let collect = HostDefinition::new(&ty, |caller, _, results| {
        caller.store().gc()?;
        results[0] = Val::I32(7);
        Ok(())
    });
    linker.define_func("host", "collect", collect.unwrap()).unwrap();
    let ty = FuncType::new([ValType::FUNCREF], [ValType::FUNCREF]);
    let with = HostDefinition::new(&ty, |caller, args, results| {
        caller.store().gc()?;
        results[0] = args[0];
        Ok(())
    });
    linker.define_func("host", "collect with", with.unwrap()).unwrap();
    let text = HOLDER.replace("(call 4)", "(table.set $t (i32.const 2) (ref.null func))");
    let holder = Module::new(&engine, text.as_bytes()).unwrap();
    let holder = linker.instantiate(&mut store, &holder).unwrap();
    let plugin = Module::new(&engine, PLUGIN.as_bytes()).unwrap();
    World { store, plugin, holder, linker, dropped: Arc::default() }
}

impl World {
    /// An instance that holds a counted object, and its function.
    fn plugin(&mut self) -> (Instance, Func) {
        let plugin = Instance::new(&mut self.store, &self.plugin.clone(), &[]).unwrap();
        let counted = Ref::host(&mut self.store, Counted(self.dropped.clone()), 0).unwrap();
        let Some(Extern::Global(g)) = plugin.export(&mut self.store, "ref").unwrap() else { panic!() };
        g.set(&mut self.store, Val::ExternRef(Some(counted))).unwrap();
        counted.release(&mut self.store).unwrap();
        let f = self.func(plugin, "f");
        (plugin, f)
    }

    fn func(&mut self, of: Instance, name: &str) -> Func {
        match of.export(&mut self.store, name).unwrap() {
            Some(Extern::Func(f)) => f,
            _ => panic!("no function {name}"),
        }
    }

    fn call(&mut self, name: &str, args: &[Val]) -> i32 {
        let f = self.func(self.holder, name);
        let results = f.ty(&self.store).unwrap().results().len();
        let mut out = vec![Val::I32(0); results];
        f.call(&mut self.store, args, &mut out).unwrap();
        match out.first() {
            Some(Val::I32(n)) => *n,
            _ => 0,
        }
    }

    fn dropped(&mut self) -> usize {
        self.store.gc().unwrap();
        self.dropped.load(SeqCst)
    }
}

fn in_worlds(test: impl Fn(&mut World)) {
    for config in configs() {
        test(&mut world(config));
    }
}

#[test]
fn a_released_instance_is_freed() {
    in_worlds(|w| {
        let (plugin, f) = w.plugin();
        let Some(Extern::Memory(m)) = plugin.export(&mut w.store, "memory").unwrap() else { panic!() };
        let Some(Extern::Table(t)) = plugin.export(&mut w.store, "table").unwrap() else { panic!() };
        let Some(Extern::Global(g)) = plugin.export(&mut w.store, "global").unwrap() else { panic!() };
        assert_eq!((w.dropped(), w.store.instance_count()), (0, 2));
        plugin.release(&mut w.store).unwrap();
        assert_eq!(plugin.release(&mut w.store).unwrap_err().kind(), ErrorKind::StaleHandle);
        // It exists until a collection.
        f.call(&mut w.store, &[], &mut [Val::I32(0)]).unwrap();
        assert_eq!((w.dropped(), w.store.instance_count()), (1, 1));
        let stale = |e: Error| assert_eq!(e.kind(), ErrorKind::StaleHandle);
        stale(f.call(&mut w.store, &[], &mut [Val::I32(0)]).unwrap_err());
        stale(m.size(&w.store).unwrap_err());
        stale(t.size(&w.store).unwrap_err());
        stale(g.get(&mut w.store).unwrap_err());
        stale(plugin.module(&w.store).map(drop).unwrap_err());
        // Its slot is reused, and the old handles stay stale.
        let (again, _) = w.plugin();
        assert_eq!(again.index, plugin.index);
        stale(plugin.module(&w.store).map(drop).unwrap_err());
        stale(t.size(&w.store).unwrap_err());
    });
}

#[test]
fn functions_keep_their_instance() {
    in_worlds(|w| {
        for way in ["table", "global", "struct", "deep", "array"] {
            let before = w.dropped();
            let (plugin, f) = w.plugin();
            w.call(way, &[Val::FuncRef(Some(f))]);
            plugin.release(&mut w.store).unwrap();
            for _ in 0..2 {
                assert_eq!(w.dropped(), before, "{way}");
                assert_eq!(w.call(&format!("{way} call"), &[]), 43, "{way}");
            }
            w.call("clear", &[]);
            assert_eq!((w.dropped(), w.store.instance_count()), (before + 1, 1), "{way}");
        }
    });
}

#[test]
fn frames_and_arguments_keep_their_functions() {
    in_worlds(|w| {
        for way in ["frame", "argument"] {
            let before = w.dropped();
            let (plugin, f) = w.plugin();
            w.call("table", &[Val::FuncRef(Some(f))]);
            plugin.release(&mut w.store).unwrap();
            assert_eq!(w.call(way, &[]), 43, "{way}");
            assert_eq!((w.dropped(), w.store.instance_count()), (before + 1, 1), "{way}");
        }
    });
}

#[test]
fn operands_keep_their_functions() {
    in_worlds(|w| {
        for way in ["new struct", "new array", "new fixed"] {
            let before = w.dropped();
            let (plugin, f) = w.plugin();
            w.call("table", &[Val::FuncRef(Some(f))]);
            plugin.release(&mut w.store).unwrap();
            w.call(way, &[Val::FuncRef(None)]);
            assert_eq!(w.dropped(), before, "{way}");
            assert_eq!(w.call(&format!("{way} call"), &[]), 43, "{way}");
            w.call("clear", &[]);
            assert_eq!((w.dropped(), w.store.instance_count()), (before + 1, 1), "{way}");
        }
    });
}

#[test]
fn references_keep_functions() {
    in_worlds(|w| {
        let (plugin, f) = w.plugin();
        let (a, b) = (Ref::of_func(&mut w.store, f).unwrap(), Ref::of_func(&mut w.store, f).unwrap());
        plugin.release(&mut w.store).unwrap();
        assert_eq!(w.dropped(), 0);
        assert!(a.same(&w.store, b).unwrap());
        assert_eq!(a.identity_hash(&mut w.store).unwrap(), b.identity_hash(&mut w.store).unwrap());
        assert!(a.is(&w.store, RefType::FUNC).unwrap() && !a.is(&w.store, RefType::ANY).unwrap());
        let again = a.as_func(&mut w.store).unwrap().unwrap();
        let mut out = [Val::I32(0)];
        again.call(&mut w.store, &[], &mut out).unwrap();
        assert_eq!((out[0], again), (Val::I32(43), f));
        // It is not a value of WebAssembly.
        let e = w.func(w.holder, "table").call(&mut w.store, &[Val::AnyRef(Some(a))], &mut []).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::TypeMismatch);
        a.release(&mut w.store).unwrap();
        assert_eq!(w.dropped(), 0);
        b.release(&mut w.store).unwrap();
        assert_eq!(w.dropped(), 1);
        assert_eq!(f.ty(&w.store).unwrap_err().kind(), ErrorKind::StaleHandle);
    });
}

#[test]
fn importers_keep_what_they_import() {
    in_worlds(|w| {
        for (kind, ty, get) in [
            ("f", "(func $f (result i32))", "(call $f)"),
            ("memory", "(memory 1)", "(i32.load8_u (i32.const 8))"),
            ("global", "(global $g (mut i32))", "(global.get $g)"),
            ("table", "(table $t 4 funcref)", "(call_indirect $t (result i32) (i32.const 1))"),
        ] {
            let before = w.dropped();
            let (plugin, _) = w.plugin();
            let text = format!("(module (import \"\" \"\" {ty}) (func (export \"get\") (result i32) {get}))");
            let importer = Module::new(&w.store.engine(), text.as_bytes()).unwrap();
            let item = plugin.export(&mut w.store, kind).unwrap().unwrap();
            let importer = Instance::new(&mut w.store, &importer, &[item]).unwrap();
            plugin.release(&mut w.store).unwrap();
            assert_eq!(w.dropped(), before, "{kind}");
            let get = w.func(importer, "get");
            let mut out = [Val::I32(0)];
            get.call(&mut w.store, &[], &mut out).unwrap();
            assert!(matches!(out[0], Val::I32(43 | 42 | 1)), "{kind}: {out:?}");
            importer.release(&mut w.store).unwrap();
            assert_eq!((w.dropped(), w.store.instance_count()), (before + 1, 1), "{kind}");
        }
    });
}

/// Two instances that import from each other, through a table.
#[test]
fn cycles_of_instances_are_freed() {
    in_worlds(|w| {
        let (a, f) = w.plugin();
        let (b, g) = w.plugin();
        for (of, f) in [(a, g), (b, f)] {
            let Some(Extern::Table(t)) = of.export(&mut w.store, "table").unwrap() else { panic!() };
            t.set(&mut w.store, 3, Val::FuncRef(Some(f))).unwrap();
        }
        a.release(&mut w.store).unwrap();
        assert_eq!(w.dropped(), 0);
        b.release(&mut w.store).unwrap();
        assert_eq!((w.dropped(), w.store.instance_count()), (2, 1));
    });
}

#[test]
fn what_the_host_made_is_freed_too() {
    in_worlds(|w| {
        let limits = |min| Limits { min, max: None };
        let table = TableType::new(limits(3), RefType::EXTERN);
        let counted = Ref::host(&mut w.store, Counted(w.dropped.clone()), 0).unwrap();
        let table = Table::new(&mut w.store, table, Val::ExternRef(Some(counted))).unwrap();
        counted.release(&mut w.store).unwrap();
        let memory = Memory::new(&mut w.store, MemoryType::new(limits(1))).unwrap();
        let ty = GlobalType { content: ValType::FUNCREF, mutable: true };
        let (plugin, f) = w.plugin();
        let global = Global::new(&mut w.store, ty, Val::FuncRef(Some(f))).unwrap();
        let data = Counted(w.dropped.clone());
        let func = Func::new(&mut w.store, &FuncType::new([], []), move |_, _, _| {
            let _ = &data;
            Ok(())
        });
        let func = func.unwrap();
        plugin.release(&mut w.store).unwrap();
        assert_eq!(f.release(&mut w.store).unwrap_err().kind(), ErrorKind::InvalidArgument);
        let text = r#"(module (import "" "" (table 3 externref)) (import "" "" (memory 1))
            (import "" "" (global (mut funcref))) (import "" "" (func)))"#;
        let module = Module::new(&w.store.engine(), text.as_bytes()).unwrap();
        let items = [Extern::Table(table), Extern::Memory(memory), Extern::Global(global), Extern::Func(func)];
        let importer = Instance::new(&mut w.store, &module, &items).unwrap();
        table.release(&mut w.store).unwrap();
        memory.release(&mut w.store).unwrap();
        global.release(&mut w.store).unwrap();
        func.release(&mut w.store).unwrap();
        assert_eq!(w.dropped(), 0);
        assert_eq!(table.size(&w.store).unwrap(), 3);
        importer.release(&mut w.store).unwrap();
        // The object in the table, the function's data, and the plugin's object.
        assert_eq!((w.dropped(), w.store.instance_count()), (3, 1));
        assert!(table.size(&w.store).is_err() && memory.size(&w.store).is_err());
        assert!(global.get(&mut w.store).is_err() && func.ty(&w.store).is_err());
    });
}

/// A function whose frame is on the stack, and that left by a tail call to another instance, may be the only part left of
/// its instance.
#[test]
fn a_frame_that_only_returns_keeps_its_code() {
    in_worlds(|w| {
        let text = r#"(module
          (import "host" "end" (func $end (result i32)))
          (memory 1) (data (i32.const 0) "\05")
          (func $leave (result i32) (return_call $end))
          (func (export "run") (result i32) (i32.add (call $leave) (i32.load8_u (i32.const 0)))))"#;
        let middle = r#"(module
          (import "host" "collect" (func $collect (result i32)))
          (func (export "end") (result i32) (call $collect)))"#;
        let engine = w.store.engine();
        let middle = w.linker.instantiate(&mut w.store, &Module::new(&engine, middle.as_bytes()).unwrap()).unwrap();
        let end = middle.export(&mut w.store, "end").unwrap().unwrap();
        let instance = Instance::new(&mut w.store, &Module::new(&engine, text.as_bytes()).unwrap(), &[end]).unwrap();
        let run = w.func(instance, "run");
        instance.release(&mut w.store).unwrap();
        let mut out = [Val::I32(0)];
        run.call(&mut w.store, &[], &mut out).unwrap();
        assert_eq!(out[0], Val::I32(12));
        w.store.gc().unwrap();
        assert_eq!(w.store.instance_count(), 2);
    });
}

/// Instances that are created and released leave nothing behind, even inside of a call, and limits count only live ones.
#[test]
fn many_come_and_go() {
    in_worlds(|w| {
        w.store.set_limits(StoreLimits { instances: 100, memory_bytes: 100 << 16, ..StoreLimits::default() });
        let rounds = 3000;
        for _ in 0..rounds {
            let (plugin, f) = w.plugin();
            f.call(&mut w.store, &[], &mut [Val::I32(0)]).unwrap();
            plugin.release(&mut w.store).unwrap();
            assert!(w.store.instance_count() <= 100);
        }
        assert_eq!(w.dropped(), rounds);
        let module = w.plugin.clone();
        let churn = Func::new(&mut w.store, &FuncType::new([], [ValType::I32]), move |caller, _, results| {
            for _ in 0..1000 {
                let plugin = Instance::new(caller.store(), &module, &[])?;
                plugin.release(caller.store())?;
            }
            results[0] = Val::I32(1);
            Ok(())
        });
        let text = r#"(module (import "" "" (func $churn (result i32)))
            (func (export "run") (result i32) (i32.add (call $churn) (call $churn))))"#;
        let runner = Module::new(&w.store.engine(), text.as_bytes()).unwrap();
        let runner = Instance::new(&mut w.store, &runner, &[Extern::Func(churn.unwrap())]).unwrap();
        let run = w.func(runner, "run");
        let mut out = [Val::I32(0)];
        run.call(&mut w.store, &[], &mut out).unwrap();
        assert_eq!(out[0], Val::I32(2));
    });
}

/// Linkers that are created and deleted, each with its own functions.
#[test]
fn host_functions_of_linkers_are_freed() {
    in_worlds(|w| {
        let engine = w.store.engine();
        let text = r#"(module (import "" "f" (func)))"#;
        let module = Module::new(&engine, text.as_bytes()).unwrap();
        let rounds = 500;
        for i in 0..rounds {
            let mut linker = Linker::new(&engine);
            let data = Counted(w.dropped.clone());
            let f = HostDefinition::new(&FuncType::new([], []), move |_, _, _| {
                let _ = &data;
                Ok(())
            });
            linker.define_func("", "f", f.unwrap()).unwrap();
            let instance = linker.instantiate(&mut w.store, &module).unwrap();
            // Every second one fails.
            if i % 2 == 0 {
                instance.release(&mut w.store).unwrap();
            } else {
                let missing =
                    Module::new(&engine, br#"(module (import "" "f" (func)) (import "" "g" (func)))"#).unwrap();
                linker.instantiate(&mut w.store, &missing).unwrap_err();
                instance.release(&mut w.store).unwrap();
            }
        }
        assert_eq!(w.dropped(), rounds);
    });
}

#[test]
fn a_failed_instance_is_freed() {
    in_worlds(|w| {
        let text = r#"(module (memory 1) (func $f unreachable) (start $f))"#;
        let module = Module::new(&w.store.engine(), text.as_bytes()).unwrap();
        for _ in 0..300 {
            Instance::new(&mut w.store, &module, &[]).map(drop).unwrap_err();
        }
        w.store.gc().unwrap();
        assert_eq!(w.store.instance_count(), 1);
    });
}

/// A start function that fails because of a limit is not run again, although the failed instance frees memory.
#[test]
fn start_functions_run_once() {
    in_worlds(|w| {
        let runs = w.dropped.clone();
        let start = HostDefinition::new(&FuncType::new([], []), move |_, _, _| {
            runs.fetch_add(1, SeqCst);
            Err(Error::new(ErrorKind::Limit, "as if a memory could not grow"))
        });
        w.linker.define_func("host", "start", start.unwrap()).unwrap();
        let text = r#"(module (import "host" "start" (func $f)) (start $f))"#;
        let module = Module::new(&w.store.engine(), text.as_bytes()).unwrap();
        let e = w.linker.instantiate(&mut w.store, &module).unwrap_err();
        assert_eq!((e.kind(), w.dropped.load(SeqCst)), (ErrorKind::Limit, 1));
    });
}

#[test]
fn linkers_serve_stores_of_their_engine() {
    let mut w = world(Config::new());
    let other = Engine::new(&Config::new()).unwrap();
    let module = Module::new(&w.store.engine(), b"(module)").unwrap();
    let e = Linker::new(&other).instantiate(&mut w.store, &module).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::InvalidArgument);
}

/// An instantiation that fails while its heap is created leaves nothing behind, and nothing counts toward the limits.
#[test]
fn what_fails_is_not_counted() {
    for n in 1..6 {
        let engine = Engine::new(&Config::new()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        store.set_limits(StoreLimits { table_elements: 10, ..StoreLimits::default() });
        let ty = TableType::new(Limits { min: 10, max: None }, RefType::EXTERN);
        fail_nth(n);
        let first = Table::new(&mut store, ty, Val::ExternRef(None));
        let failed = fail_nth(0) == 0;
        assert_eq!(first.is_err(), failed && n < 4, "{n}: {first:?}");
        if first.is_err() {
            Table::new(&mut store, ty, Val::ExternRef(None)).unwrap();
        }
    }
}
