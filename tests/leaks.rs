//! Nothing leaks, and nothing is freed too early. Every path that stores a reference is tested with host objects that count how many of
//! them were freed. Stored objects survive collections; objects that are no longer referenced are freed by the next full collection; all
//! are freed when the store is deleted. Runs normally, with collections at every allocation, and with explicit checks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use wrt::api::*;

#[derive(Default)]
struct Counts {
    created: AtomicUsize,
    dropped: AtomicUsize,
}

/// The data of a host object.
struct Counted(Arc<Counts>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, SeqCst);
    }
}

struct World {
    store: Store,
    instance: Instance,
    counts: Arc<Counts>,
}

const MODULE: &str = r#"(module
  (type $cell (struct (field $value (mut externref)) (field $next (mut anyref))))
  (type $row (array (mut externref)))
  (type $cells (array (mut (ref null $cell))))
  (table $t (export "t") 300 1000 externref)
  (table $u (export "u") 300 externref)
  (table $any (export "any") 8 anyref)
  (global $g (export "g") (mut externref) (ref.null extern))
  (global $a (export "a") (mut anyref) (ref.null any))
  (func (export "table.set") (param externref) (table.set $t (i32.const 299) (local.get 0)))
  (func (export "table.set null") (table.set $t (i32.const 299) (ref.null extern)))
  (func (export "table.grow") (param externref) (drop (table.grow $t (local.get 0) (i32.const 200))))
  (func (export "table.fill") (param externref) (table.fill $t (i32.const 5) (local.get 0) (i32.const 290)))
  (func (export "clear t") (table.fill $t (i32.const 0) (ref.null extern) (table.size $t)))
  (func (export "clear u") (table.fill $u (i32.const 0) (ref.null extern) (table.size $u)))
  (func (export "table.copy") (table.copy $u $t (i32.const 7) (i32.const 5) (i32.const 290)))
  (func (export "global.set") (param externref) (global.set $g (local.get 0)))
  (func (export "struct.set") (param externref)
    (global.set $a (struct.new_default $cell))
    (struct.set $cell $value (ref.cast (ref $cell) (global.get $a)) (local.get 0)))
  (func (export "struct.new") (param externref) (global.set $a (struct.new $cell (local.get 0) (ref.null any))))
  (func (export "array.new") (param externref) (global.set $a (array.new $row (local.get 0) (i32.const 3000))))
  (func (export "array.new_fixed") (param externref)
    (global.set $a (array.new_fixed $row 3 (local.get 0) (ref.null extern) (local.get 0))))
  (func (export "array.set") (param externref)
    (global.set $a (array.new_default $row (i32.const 3000)))
    (array.set $row (ref.cast (ref $row) (global.get $a)) (i32.const 2999) (local.get 0)))
  (func (export "array.fill") (param externref)
    (global.set $a (array.new_default $row (i32.const 3000)))
    (array.fill $row (ref.cast (ref $row) (global.get $a)) (i32.const 200) (local.get 0) (i32.const 2000)))
  (func (export "array.copy") (param externref) (local $from (ref null $row))
    (local.set $from (array.new $row (local.get 0) (i32.const 3000)))
    (global.set $a (array.new_default $row (i32.const 3000)))
    (array.copy $row $row (ref.cast (ref $row) (global.get $a)) (i32.const 1) (local.get $from) (i32.const 0) (i32.const 2999)))
  (func (export "clear a") (global.set $a (ref.null any)))
  ;; Rings: two cells that refer to each other, and hold the object.
  (func $ring (param externref) (result (ref $cell)) (local $a (ref null $cell)) (local $b (ref null $cell))
    (local.set $a (struct.new $cell (local.get 0) (ref.null any)))
    (local.set $b (struct.new $cell (local.get 0) (local.get $a)))
    (struct.set $cell $next (local.get $a) (local.get $b))
    (ref.as_non_null (local.get $b)))
  (func (export "ring in global") (param externref) (global.set $a (call $ring (local.get 0))))
  (func (export "ring in table") (param externref) (table.set $any (i32.const 3) (call $ring (local.get 0))))
  (func (export "clear any") (table.set $any (i32.const 3) (ref.null any)))
  (func (export "ring in array") (param externref) (local $all (ref null $cells))
    (local.set $all (array.new_default $cells (i32.const 4)))
    (array.set $cells (local.get $all) (i32.const 2) (call $ring (local.get 0)))
    (struct.set $cell $next (array.get $cells (local.get $all) (i32.const 2)) (local.get $all))
    (global.set $a (local.get $all)))
  (func (export "return") (param externref) (result externref) (local.get 0))
  (func (export "trap") (param externref) (table.set $t (i32.const 5000) (local.get 0)))
)"#;

impl World {
    fn new(config: Config) -> World {
        let engine = Engine::new(&config).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let module = Module::new(&engine, MODULE.as_bytes()).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        World { store, instance, counts: Arc::default() }
    }

    fn object(&mut self) -> Val {
        object(&mut self.store, &self.counts)
    }

    /// Calls an export.
    fn call(&mut self, name: &str, args: &[Val]) -> Result<()> {
        match self.instance.export(&mut self.store, name).unwrap() {
            Some(Extern::Func(f)) => {
                let mut results = vec![Val::I32(0); f.ty(&self.store)?.results().len()];
                f.call(&mut self.store, args, &mut results)
            }
            other => panic!("{name}: {other:?}"),
        }
    }

    fn table(&mut self, name: &str) -> Table {
        match self.instance.export(&mut self.store, name).unwrap() {
            Some(Extern::Table(t)) => t,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn global(&mut self, name: &str) -> Global {
        match self.instance.export(&mut self.store, name).unwrap() {
            Some(Extern::Global(g)) => g,
            other => panic!("{name}: {other:?}"),
        }
    }

    /// The number of live objects, after a full collection.
    fn alive(&mut self) -> usize {
        self.store.gc().unwrap();
        self.counts.created.load(SeqCst) - self.counts.dropped.load(SeqCst)
    }
}

fn object(store: &mut StoreMut<'_>, counts: &Arc<Counts>) -> Val {
    counts.created.fetch_add(1, SeqCst);
    Val::ExternRef(Some(Ref::host(store, Counted(counts.clone()), 0).unwrap()))
}

fn configs() -> [Config; 4] {
    let config = || Config::new().gc_verify(true);
    [config(), config().gc_zeal(1), config().gc_zeal(3).signals(false), config().nursery_size(16 << 10, 16 << 10)]
}

/// Tests a path: `put` stores an object, `forget` overwrites it. Then stores another one, and deletes the store.
fn path(put: impl Fn(&mut World, Val), forget: impl Fn(&mut World)) {
    for config in configs() {
        let mut w = World::new(config);
        w.store.open_scope().unwrap();
        let v = w.object();
        put(&mut w, v);
        w.store.close_scope().unwrap();
        assert_eq!(w.alive(), 1, "what is stored lives");
        // Old by now: the next one is younger than the object that it is stored in.
        w.store.open_scope().unwrap();
        let v = w.object();
        put(&mut w, v);
        w.store.close_scope().unwrap();
        assert_eq!(w.alive(), 1, "what it replaced is dead");
        forget(&mut w);
        assert_eq!(w.alive(), 0, "what is forgotten is dead");
        let v = w.object();
        put(&mut w, v);
        let counts = w.counts.clone();
        drop(w);
        assert_eq!(counts.created.load(SeqCst), counts.dropped.load(SeqCst), "all die with the store");
    }
}

/// A path through one of the module's functions.
fn by_code(put: &str, forget: &str, args: &[Val]) {
    path(|w, v| w.call(put, &[v]).unwrap(), |w| w.call(forget, args).unwrap());
}

#[test]
fn table_set_by_code() {
    by_code("table.set", "table.set null", &[]);
}

#[test]
fn table_set_by_host() {
    path(
        |w, v| w.table("t").set(&mut w.store, 150, v).unwrap(),
        |w| w.table("t").set(&mut w.store, 150, Val::ExternRef(None)).unwrap(),
    );
}

#[test]
fn table_grow_by_code() {
    path(
        |w, v| {
            w.call("clear t", &[]).unwrap();
            w.call("table.grow", &[v]).unwrap();
        },
        |w| w.call("clear t", &[]).unwrap(),
    );
}

#[test]
fn table_grow_by_host() {
    path(
        |w, v| {
            w.call("clear t", &[]).unwrap();
            w.table("t").grow(&mut w.store, 170, v).unwrap();
        },
        |w| w.call("clear t", &[]).unwrap(),
    );
}

#[test]
fn table_fill_by_code() {
    by_code("table.fill", "clear t", &[]);
}

#[test]
fn table_fill_by_host() {
    path(
        |w, v| w.table("t").fill(&mut w.store, 0, v, 300).unwrap(),
        |w| w.table("t").fill(&mut w.store, 0, Val::ExternRef(None), 300).unwrap(),
    );
}

#[test]
fn table_copy_by_code() {
    path(
        |w, v| {
            w.call("table.fill", &[v]).unwrap();
            w.call("table.copy", &[]).unwrap();
            w.call("clear t", &[]).unwrap();
        },
        |w| w.call("clear u", &[]).unwrap(),
    );
}

#[test]
fn table_copy_by_host() {
    path(
        |w, v| {
            let (t, u) = (w.table("t"), w.table("u"));
            t.set(&mut w.store, 8, v).unwrap();
            u.copy(&mut w.store, 200, t, 8, 1).unwrap();
            t.set(&mut w.store, 8, Val::ExternRef(None)).unwrap();
        },
        |w| w.call("clear u", &[]).unwrap(),
    );
}

#[test]
fn table_new_by_host() {
    let ty = TableType::new(Limits { min: 200, max: None }, RefType::EXTERN);
    for config in configs() {
        let mut w = World::new(config);
        w.store.open_scope().unwrap();
        let v = w.object();
        let table = Table::new(&mut w.store, ty, v).unwrap();
        w.store.close_scope().unwrap();
        assert_eq!(w.alive(), 1);
        table.fill(&mut w.store, 0, Val::ExternRef(None), 200).unwrap();
        assert_eq!(w.alive(), 0);
    }
}

#[test]
fn global_set_by_code() {
    path(|w, v| w.call("global.set", &[v]).unwrap(), |w| w.call("global.set", &[Val::ExternRef(None)]).unwrap());
}

#[test]
fn global_set_by_host() {
    path(
        |w, v| w.global("g").set(&mut w.store, v).unwrap(),
        |w| w.global("g").set(&mut w.store, Val::ExternRef(None)).unwrap(),
    );
}

#[test]
fn global_of_the_host() {
    let ty = GlobalType { content: ValType::EXTERNREF, mutable: true };
    for config in configs() {
        let mut w = World::new(config);
        w.store.open_scope().unwrap();
        let (first, second) = (w.object(), w.object());
        let global = Global::new(&mut w.store, ty, first).unwrap();
        let empty = Global::new(&mut w.store, ty, Val::ExternRef(None)).unwrap();
        empty.set(&mut w.store, second).unwrap();
        w.store.close_scope().unwrap();
        assert_eq!(w.alive(), 2);
        let third = w.object();
        global.set(&mut w.store, third).unwrap();
        third.reference().unwrap().release(&mut w.store).unwrap();
        assert_eq!(w.alive(), 2);
        global.set(&mut w.store, Val::ExternRef(None)).unwrap();
        empty.set(&mut w.store, Val::ExternRef(None)).unwrap();
        assert_eq!(w.alive(), 0);
    }
}

#[test]
fn structures_and_arrays() {
    let all = ["struct.new", "struct.set", "array.new", "array.new_fixed", "array.set", "array.fill", "array.copy"];
    for put in all {
        by_code(put, "clear a", &[]);
    }
}

#[test]
fn cycles_through_globals_tables_and_arrays() {
    by_code("ring in global", "clear a", &[]);
    by_code("ring in table", "clear any", &[]);
    by_code("ring in array", "clear a", &[]);
}

/// References that the host only passes through belong to its scope.
#[test]
fn calls_and_scopes() {
    for config in configs() {
        let mut w = World::new(config);
        let kept = w.store.open_scope().and_then(|_| {
            let (a, b) = (w.object(), w.object());
            w.call("return", &[a])?;
            let b = b.reference().unwrap();
            b.escape(&mut w.store)?;
            w.store.close_scope()?;
            assert_eq!(a.reference().unwrap().release(&mut w.store).unwrap_err().kind(), ErrorKind::StaleHandle);
            Ok(b)
        });
        assert_eq!(w.alive(), 1);
        let kept = kept.unwrap();
        let twin = kept.duplicate(&mut w.store).unwrap();
        assert!(twin.same(&w.store, kept).unwrap());
        kept.release(&mut w.store).unwrap();
        assert_eq!(w.alive(), 1);
        twin.release(&mut w.store).unwrap();
        assert_eq!(w.alive(), 0);
        assert_eq!(w.store.close_scope().unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}

/// A scope ends even if the code that runs in it panics.
#[test]
fn scopes_end_with_panics() {
    let mut w = World::new(Config::new());
    let (store, counts) = (&mut w.store, &w.counts);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.scope(|store| {
            object(store, counts);
            panic!("as it should");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(w.alive(), 0);
}

/// Calls that fail keep nothing.
#[test]
fn failures_keep_nothing() {
    for config in configs() {
        let mut w = World::new(config);
        w.store.open_scope().unwrap();
        let v = w.object();
        let (t, g) = (w.table("t"), w.global("g"));
        assert!(t.set(&mut w.store, 10_000, v).is_err());
        assert!(t.fill(&mut w.store, 299, v, 2).is_err());
        assert!(t.grow(&mut w.store, 100_000, v).is_err());
        assert!(w.table("any").set(&mut w.store, 0, v).is_err());
        assert!(g.set(&mut w.store, Val::AnyRef(v.reference())).is_err());
        assert_eq!(w.call("trap", &[v]).unwrap_err().trap_code(), Some(Trap::TableOutOfBounds));
        w.store.close_scope().unwrap();
        assert_eq!(w.alive(), 0);
    }
}

/// A host function's references are released when it returns, even if it fails; the references it returns stay valid.
#[test]
fn callbacks_have_scopes() {
    for config in configs() {
        let engine = Engine::new(&config).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let counts = Arc::<Counts>::default();
        let made = counts.clone();
        let ty = FuncType::new([ValType::EXTERNREF, ValType::I32], [ValType::EXTERNREF]);
        let f = Func::new(&mut store, &ty, move |caller, args, results| {
            let store = caller.store();
            object(store, &made);
            store.open_scope()?;
            results[0] = object(store, &made);
            store.gc()?;
            assert!(args[0].reference().unwrap().data(store)?.unwrap().is::<Counted>());
            match args[1] {
                Val::I32(0) => Ok(()),
                _ => Err(Error::new(ErrorKind::Io, "asked to")),
            }
        });
        let text = r#"(module (import "" "f" (func $f (param externref i32) (result externref)))
            (global $g (mut externref) (ref.null extern))
            (func (export "run") (param externref i32) (global.set $g (call $f (local.get 0) (local.get 1)))))"#;
        let module = Module::new(&engine, text.as_bytes()).unwrap();
        let instance = Instance::new(&mut store, &module, &[Extern::Func(f.unwrap())]).unwrap();
        let Some(Extern::Func(run)) = instance.export(&mut store, "run").unwrap() else { panic!() };
        store.open_scope().unwrap();
        let arg = object(&mut store, &counts);
        run.call(&mut store, &[arg, Val::I32(0)], &mut []).unwrap();
        assert_eq!(run.call(&mut store, &[arg, Val::I32(1)], &mut []).unwrap_err().kind(), ErrorKind::Io);
        store.close_scope().unwrap();
        store.gc().unwrap();
        // The first call's result is in the global.
        assert_eq!(counts.created.load(SeqCst), 5);
        assert_eq!(counts.dropped.load(SeqCst), 4);
        drop(store);
        assert_eq!(counts.dropped.load(SeqCst), 5);
    }
}

/// Constant expressions with objects in globals, tables' first elements, active and passive segments; and `table.init`,
/// `array.new_elem` and `array.init_elem` from a passive segment. All with collections in between.
#[test]
fn constant_expressions_with_collections_inside() {
    let text = r#"(module
      (type $pair (struct (field externref) (field i31ref)))
      (type $pairs (array (mut (ref null $pair))))
      (import "" "o" (global $o externref))
      (global $one (mut (ref null $pair)) (struct.new $pair (global.get $o) (ref.i31 (i32.const 1))))
      (global $many (mut (ref null $pairs)) (array.new_fixed $pairs 2
        (struct.new $pair (global.get $o) (ref.i31 (i32.const 2)))
        (struct.new $pair (global.get $o) (ref.i31 (i32.const 3)))))
      (global $twice (mut (ref null $pairs)) (array.new $pairs (struct.new $pair (global.get $o) (ref.i31 (i32.const 4))) (i32.const 500)))
      (global $e (mut externref) (global.get $o))
      (table $filled 20 (ref null $pair) (struct.new $pair (global.get $o) (ref.i31 (i32.const 5))))
      (table $t 200 (ref null $pair))
      (elem (table $t) (i32.const 10) (ref null $pair)
        (struct.new $pair (global.get $o) (ref.i31 (i32.const 6)))
        (ref.null $pair)
        (struct.new $pair (global.get $o) (ref.i31 (i32.const 7))))
      (elem $passive (ref null $pair)
        (struct.new $pair (global.get $o) (ref.i31 (i32.const 8)))
        (struct.new $pair (global.get $o) (ref.i31 (i32.const 9))))
      (func $tag (param (ref null $pair)) (result i32) (i31.get_u (struct.get $pair 1 (local.get 0))))
      (func (export "sum") (result i32) (local $a (ref null $pairs))
        (table.init $t $passive (i32.const 100) (i32.const 0) (i32.const 2))
        (local.set $a (array.new_elem $pairs $passive (i32.const 1) (i32.const 1)))
        (array.init_elem $pairs $passive (global.get $many) (i32.const 0) (i32.const 0) (i32.const 1))
        (call $tag (global.get $one))
        (i32.add (call $tag (array.get $pairs (global.get $many) (i32.const 0))))
        (i32.add (call $tag (array.get $pairs (global.get $many) (i32.const 1))))
        (i32.add (call $tag (array.get $pairs (global.get $twice) (i32.const 499))))
        (i32.add (call $tag (table.get $filled (i32.const 19))))
        (i32.add (call $tag (table.get $t (i32.const 10))))
        (i32.add (call $tag (table.get $t (i32.const 12))))
        (i32.add (call $tag (table.get $t (i32.const 101))))
        (i32.add (call $tag (array.get $pairs (local.get $a) (i32.const 0)))))
      (func (export "elem.drop") (elem.drop $passive))
      (func (export "forget")
        (global.set $one (ref.null $pair)) (global.set $many (ref.null $pairs)) (global.set $twice (ref.null $pairs))
        (global.set $e (ref.null extern))
        (table.fill $filled (i32.const 0) (ref.null $pair) (i32.const 20))
        (table.fill $t (i32.const 0) (ref.null $pair) (i32.const 200))))"#;
    for config in configs() {
        let engine = Engine::new(&config).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let counts = Arc::<Counts>::default();
        store.open_scope().unwrap();
        let module = Module::new(&engine, text.as_bytes()).unwrap();
        let alive = |store: &mut Store| {
            store.gc().unwrap();
            counts.created.load(SeqCst) - counts.dropped.load(SeqCst)
        };
        let ty = GlobalType { content: ValType::EXTERNREF, mutable: false };
        let o = object(&mut store, &counts);
        let o = Global::new(&mut store, ty, o).unwrap();
        let first = Instance::new(&mut store, &module, &[Extern::Global(o)]).unwrap();
        store.close_scope().unwrap();
        let call = |store: &mut Store, name: &str| {
            let Some(Extern::Func(f)) = first.export(store, name).unwrap() else { panic!("{name}") };
            let mut result = vec![Val::I32(0); f.ty(store).unwrap().results().len()];
            f.call(store, &[], &mut result).unwrap();
            result.first().copied()
        };
        assert_eq!(alive(&mut store), 1);
        // `many[0]` is 8 by then.
        let sum = 1 + 8 + 3 + 4 + 5 + 6 + 7 + 9 + 9;
        assert_eq!(call(&mut store, "sum"), Some(Val::I32(sum)));
        let live = store.heap_statistics().live;
        call(&mut store, "forget");
        call(&mut store, "elem.drop");
        assert_eq!(alive(&mut store), 1, "the imported global still holds it");
        assert!(store.heap_statistics().live < live);
    }
}

/// An object that only a passive segment holds lives until the segment is dropped.
#[test]
fn passive_segments_hold_until_they_are_dropped() {
    let text = r#"(module (type $box (struct (field externref)))
      (import "" "o" (global $o externref))
      (elem $passive (ref null $box) (struct.new $box (global.get $o)))
      (table $t 1 (ref null $box))
      (func (export "drop") (elem.drop $passive))
      (func (export "init") (table.init $t $passive (i32.const 0) (i32.const 0) (i32.const 1)))
      (func (export "clear") (table.set $t (i32.const 0) (ref.null $box))))"#;
    for config in configs() {
        let engine = Engine::new(&config).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let module = Module::new(&engine, text.as_bytes()).unwrap();
        let counts = Arc::<Counts>::default();
        let ty = GlobalType { content: ValType::EXTERNREF, mutable: true };
        store.open_scope().unwrap();
        let v = object(&mut store, &counts);
        let constant = Global::new(&mut store, GlobalType { mutable: false, ..ty }, v).unwrap();
        let instance = Instance::new(&mut store, &module, &[Extern::Global(constant)]).unwrap();
        store.close_scope().unwrap();
        let call = |store: &mut Store, name: &str| {
            let Some(Extern::Func(f)) = instance.export(store, name).unwrap() else { panic!("{name}") };
            f.call(store, &[], &mut []).unwrap();
            store.gc().unwrap();
            store.heap_statistics().live
        };
        store.gc().unwrap();
        let with_segment = store.heap_statistics().live;
        assert!(call(&mut store, "init") >= with_segment);
        assert_eq!(call(&mut store, "clear"), with_segment);
        call(&mut store, "drop");
        // The box has shared its line with the object, which the global holds.
        assert_eq!(counts.dropped.load(SeqCst), 0);
        drop(store);
        assert_eq!(counts.dropped.load(SeqCst), 1);
    }
}

/// The host's memory counts toward when collections run.
#[test]
fn external_bytes_count() {
    let mut w = World::new(Config::new());
    for _ in 0..100 {
        w.store
            .scope(|store| {
                w.counts.created.fetch_add(1, SeqCst);
                Ref::host(store, Counted(w.counts.clone()), 1 << 20).map(|_| ())
            })
            .unwrap()
            .unwrap();
    }
    let dropped = w.counts.dropped.load(SeqCst);
    assert!(dropped > 80, "{dropped} of 100 objects with a megabyte each were dropped");
    assert!(w.store.heap_statistics().external <= 20 << 20);
}

/// Finalizers run when the host enters and leaves the library, and also during a long run of WebAssembly.
#[test]
fn finalizers_run_at_callbacks() {
    let engine = Engine::new(&Config::new().nursery_size(16 << 10, 16 << 10)).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let counts = Arc::<Counts>::default();
    let made = counts.clone();
    let most = Arc::new(AtomicUsize::new(0));
    let seen = most.clone();
    let f = Func::new(&mut store, &FuncType::new([], [ValType::EXTERNREF]), move |caller, _, results| {
        results[0] = object(caller.store(), &made);
        let alive = made.created.load(SeqCst) - made.dropped.load(SeqCst);
        seen.fetch_max(alive, SeqCst);
        Ok(())
    });
    let text = r#"(module (import "" "f" (func $f (result externref))) (func (export "run") (local $i i32)
        (loop (drop (call $f)) (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20000))))))"#;
    let module = Module::new(&engine, text.as_bytes()).unwrap();
    let instance = Instance::new(&mut store, &module, &[Extern::Func(f.unwrap())]).unwrap();
    let Some(Extern::Func(run)) = instance.export(&mut store, "run").unwrap() else { panic!() };
    run.call(&mut store, &[], &mut []).unwrap();
    assert!(most.load(SeqCst) < 3000, "{} objects waited for their end", most.load(SeqCst));
}
