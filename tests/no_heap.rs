//! References in stores without a heap: nulls and i31s need no heap, so every operation on them has the same result as in a store with
//! objects. Each program has its own store, since a program that creates the heap would hide what the others do without one.

use wrt::api::*;

/// With faults and with explicit checks, in optimized code and in baseline code.
fn configs() -> impl Iterator<Item = Config> {
    [true, false].into_iter().flat_map(|signals| {
        [true, false].map(|lazy| Config::new().signals(signals).lazy(lazy).background(false).gc_verify(true))
    })
}

/// Tables and globals that the programs share.
const WORLD: &str = r#"(module
  (type $get (func (param i31ref) (result i31ref))) (type $s (struct)) (type $arr (array (mut anyref)))
  (table $t (export "t") 6 20 i31ref) (table $a (export "a") 6 20 anyref) (table $e (export "e") 6 20 eqref)
  (table $x (export "x") 6 20 externref) (table $n (export "n") 6 20 exnref) (table $none 6 20 nullref)
  (table $wide (export "wide") i64 6 20 anyref) (table $f funcref (elem $same))
  (global $t (export "gt") (mut i31ref) (ref.null i31)) (global $a (export "ga") (mut anyref) (ref.null any))
  (global $e (mut eqref) (ref.null eq)) (global $x (mut externref) (ref.null extern))
  (func $same (type $get) (local.get 0))
  (func $both (param i31ref anyref) (result anyref i31ref) (local.get 1) (local.get 0))
"#;

/// Declared only if it is used: lazy code creates the heap for a module with casts.
const NUMBER: &str = "(func $number (param anyref) (result i32) (i31.get_u (ref.cast (ref i31) (local.get 0))))";
const PASSIVE: &str =
    "(elem $passive i31ref (item (ref.i31 (i32.const 11))) (item (ref.null i31)) (item (ref.i31 (i32.const 33))))";

/// A body, and its result.
const PROGRAMS: &[(&str, i32)] = &[
    // One element.
    ("(table.set $t (i32.const 1) (ref.i31 (i32.const 7))) (i31.get_u (table.get $t (i32.const 1)))", 7),
    ("(table.set $e (i32.const 1) (ref.i31 (i32.const -7))) (i31.get_s (ref.cast (ref i31) (table.get $e (i32.const 1))))", -7),
    ("(table.set $wide (i64.const 5) (ref.i31 (i32.const 8))) (call $number (table.get $wide (i64.const 5)))", 8),
    // Copies without any cast.
    ("(table.set $t (i32.const 1) (ref.i31 (i32.const 7))) (table.copy $a $t (i32.const 0) (i32.const 1) (i32.const 1))
      (i32.add (ref.is_null (table.get $a (i32.const 0))) (i32.mul (i32.const 2) (ref.is_null (table.get $a (i32.const 1)))))", 2),
    ("(table.set $e (i32.const 1) (ref.i31 (i32.const 7))) (table.copy $e $e (i32.const 3) (i32.const 1) (i32.const 1))
      (ref.eq (table.get $e (i32.const 3)) (ref.i31 (i32.const 7)))", 1),
    // Copies: within one table, between types, overlapping, of nulls.
    ("(table.set $t (i32.const 1) (ref.i31 (i32.const 7))) (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 1))
      (i31.get_u (table.get $t (i32.const 0)))", 7),
    ("(table.set $t (i32.const 1) (ref.i31 (i32.const 7))) (table.copy $a $t (i32.const 0) (i32.const 1) (i32.const 1))
      (i31.get_u (ref.cast (ref i31) (table.get $a (i32.const 0))))", 7),
    ("(table.set $t (i32.const 2) (ref.i31 (i32.const 6))) (table.copy $e $t (i32.const 3) (i32.const 0) (i32.const 3))
      (table.copy $a $e (i32.const 0) (i32.const 3) (i32.const 3)) (call $number (table.get $a (i32.const 2)))", 6),
    ("(table.set $t (i32.const 1) (ref.i31 (i32.const 7))) (table.copy $wide $t (i64.const 4) (i32.const 1) (i32.const 1))
      (call $number (table.get $wide (i64.const 4)))", 7),
    ("(table.set $e (i32.const 1) (ref.i31 (i32.const 7))) (table.copy $e $e (i32.const 1) (i32.const 0) (i32.const 1))
      (ref.is_null (table.get $e (i32.const 1)))", 1),
    ("(table.set $t (i32.const 0) (ref.i31 (i32.const 1))) (table.set $t (i32.const 1) (ref.i31 (i32.const 2)))
      (table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 5)) (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 5))
      (i32.add (i32.mul (i32.const 10) (i31.get_u (table.get $t (i32.const 0)))) (i31.get_u (table.get $t (i32.const 1))))", 12),
    ("(table.set $x (i32.const 3) (extern.convert_any (ref.i31 (i32.const 5)))) (table.copy $x $x (i32.const 0) (i32.const 3) (i32.const 1))
      (call $number (any.convert_extern (table.get $x (i32.const 0))))", 5),
    ("(table.copy $n $n (i32.const 0) (i32.const 1) (i32.const 5)) (ref.is_null (table.get $n (i32.const 0)))", 1),
    ("(table.set $a (i32.const 2) (ref.i31 (i32.const 5))) (table.copy $a $none (i32.const 1) (i32.const 3) (i32.const 2))
      (ref.is_null (table.get $a (i32.const 2)))", 1),
    // All other bulk operations.
    ("(table.fill $a (i32.const 1) (ref.i31 (i32.const 9)) (i32.const 5)) (call $number (table.get $a (i32.const 5)))", 9),
    ("(table.fill $t (i32.const 0) (ref.i31 (i32.const 9)) (i32.const 6)) (table.fill $t (i32.const 2) (ref.null i31) (i32.const 2))
      (i32.add (ref.is_null (table.get $t (i32.const 3))) (ref.is_null (table.get $t (i32.const 4))))", 1),
    ("(drop (table.grow $e (ref.i31 (i32.const 5)) (i32.const 3))) (table.copy $a $e (i32.const 0) (i32.const 8) (i32.const 1))
      (call $number (table.get $a (i32.const 0)))", 5),
    ("(table.init $t $passive (i32.const 2) (i32.const 1) (i32.const 2)) (i31.get_u (table.get $t (i32.const 3)))", 33),
    ("(table.init $a $passive (i32.const 0) (i32.const 0) (i32.const 3)) (elem.drop $passive)
      (table.copy $e $t (i32.const 0) (i32.const 0) (i32.const 0)) (call $number (table.get $a (i32.const 0)))", 11),
    // Globals.
    ("(global.set $t (ref.i31 (i32.const 3))) (global.set $a (global.get $t)) (call $number (global.get $a))", 3),
    ("(global.set $e (ref.i31 (i32.const 4))) (global.set $x (extern.convert_any (global.get $e)))
      (call $number (any.convert_extern (global.get $x)))", 4),
    ("(global.set $a (ref.i31 (i32.const 4))) (global.set $a (ref.null none)) (ref.is_null (global.get $a))", 1),
    // Comparisons, tests, casts.
    ("(i32.add (ref.eq (ref.i31 (i32.const 3)) (ref.i31 (i32.const 3))) (i32.mul (i32.const 2) (ref.eq (ref.i31 (i32.const 3)) (ref.null eq))))", 1),
    ("(table.set $a (i32.const 0) (ref.i31 (i32.const 3))) (table.copy $a $a (i32.const 1) (i32.const 0) (i32.const 1))
      (i32.add (i32.add (ref.test (ref i31) (table.get $a (i32.const 1))) (ref.test (ref eq) (table.get $a (i32.const 1))))
        (i32.mul (i32.const 10) (i32.add (ref.test (ref struct) (table.get $a (i32.const 1))) (ref.test (ref $arr) (table.get $a (i32.const 1))))))", 2),
    ("(block $is (result (ref i31)) (drop (br_on_cast $is anyref (ref i31) (ref.i31 (i32.const 21)))) (return (i32.const 0))) (i31.get_u)", 21),
    ("(block $not (result anyref) (return (i31.get_u (br_on_cast_fail $not anyref (ref i31) (ref.i31 (i32.const 22))))) ) (drop) (i32.const 0)", 22),
    ("(block $is (result (ref i31)) (br_on_non_null $is (global.get $t)) (return (i32.const 5))) (i31.get_u)", 5),
    // Calls.
    ("(i31.get_u (call $same (ref.i31 (i32.const 30))))", 30),
    ("(i31.get_u (call_indirect $f (type $get) (ref.i31 (i32.const 31)) (i32.const 0)))", 31),
    ("(call $both (ref.i31 (i32.const 1)) (ref.i31 (i32.const 2))) (i31.get_u) (i32.mul (i32.const 10)) (global.set $n) (call $number) (i32.add (global.get $n))", 12),
    ("(i31.get_u (select (result i31ref) (ref.i31 (i32.const 1)) (ref.i31 (i32.const 2)) (i32.const 0)))", 2),
    // Objects next to them, once there is a heap.
    ("(table.set $t (i32.const 1) (ref.i31 (i32.const 7))) (table.set $a (i32.const 1) (array.new $arr (table.get $t (i32.const 1)) (i32.const 3)))
      (table.copy $a $a (i32.const 0) (i32.const 1) (i32.const 1))
      (call $number (array.get $arr (ref.cast (ref $arr) (table.get $a (i32.const 0))) (i32.const 2)))", 7),
    ("(call $number (array.get $arr (array.new_elem $arr $passive (i32.const 1) (i32.const 2)) (i32.const 1)))", 33),
];

/// Bodies that trap.
const TRAPS: &[(&str, Trap)] = &[
    ("(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 6)) (i32.const 0)", Trap::TableOutOfBounds),
    ("(table.copy $a $t (i32.const 6) (i32.const 0) (i32.const 1)) (i32.const 0)", Trap::TableOutOfBounds),
    ("(table.fill $a (i32.const 5) (ref.i31 (i32.const 9)) (i32.const 2)) (i32.const 0)", Trap::TableOutOfBounds),
    ("(table.init $t $passive (i32.const 0) (i32.const 2) (i32.const 2)) (i32.const 0)", Trap::TableOutOfBounds),
    ("(array.len (ref.null array))", Trap::NullReference),
    (
        "(array.copy $arr $arr (ref.null $arr) (i32.const 0) (ref.null $arr) (i32.const 0) (i32.const 0)) (i32.const 0)",
        Trap::NullReference,
    ),
    (
        "(array.fill $arr (ref.null $arr) (i32.const 0) (ref.i31 (i32.const 1)) (i32.const 0)) (i32.const 0)",
        Trap::NullReference,
    ),
    (
        "(array.init_elem $arr $passive (ref.null $arr) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 0)",
        Trap::NullReference,
    ),
    ("(throw_ref (table.get $n (i32.const 0)))", Trap::NullReference),
    ("(i31.get_u (table.get $t (i32.const 0)))", Trap::NullReference),
    ("(i31.get_u (ref.cast (ref i31) (table.get $a (i32.const 0))))", Trap::CastFailure),
];

struct World {
    store: Store,
    instance: Instance,
}

impl World {
    fn new(config: &Config, text: &str) -> World {
        let engine = Engine::new(config).unwrap();
        let module = Module::new(&engine, text.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        World { store, instance }
    }

    fn with(config: &Config, body: &str) -> World {
        let declared = [("$number", NUMBER), ("$passive", PASSIVE)];
        let declared: String = declared.iter().filter(|(name, _)| body.contains(name)).map(|(_, text)| *text).collect();
        World::new(
            config,
            &format!(
                "{WORLD} {declared} (global $n (mut i32) (i32.const 0)) (func (export \"run\") (result i32) {body}))"
            ),
        )
    }

    fn call(&mut self, name: &str, args: &[Val]) -> std::result::Result<i32, Trap> {
        let Some(Extern::Func(f)) = self.instance.export(&mut self.store, name).unwrap() else { panic!("no {name}") };
        let mut results = [Val::I32(0)];
        match f.call(&mut self.store, args, &mut results) {
            Ok(()) => match results {
                [Val::I32(n)] => Ok(n),
                other => panic!("{other:?}"),
            },
            Err(e) => Err(e.trap_code().unwrap_or_else(|| panic!("{e}"))),
        }
    }

    fn table(&mut self, name: &str) -> Table {
        let Some(Extern::Table(t)) = self.instance.export(&mut self.store, name).unwrap() else { panic!("no {name}") };
        t
    }

    fn i31(&self, v: Val) -> Option<i32> {
        v.reference().map(|r| r.as_i31(&self.store).unwrap().expect("an i31"))
    }
}

#[test]
fn every_operation_on_nulls_and_i31s() {
    for config in configs() {
        for (body, wanted) in PROGRAMS {
            assert_eq!(World::with(&config, body).call("run", &[]), Ok(*wanted), "{body}");
        }
        for (body, wanted) in TRAPS {
            assert_eq!(World::with(&config, body).call("run", &[]), Err(*wanted), "{body}");
        }
    }
}

/// The contents of tables and globals before anything runs.
#[test]
fn initial_values() {
    const TEXT: &str = r#"(module
      (table $t 4 i31ref (ref.i31 (i32.const 5))) (table $a 4 anyref)
      (global $g i31ref (ref.i31 (i32.const 6))) (global $h (mut anyref) (global.get $g))
      (elem (table $a) (i32.const 1) i31ref (item (ref.i31 (i32.const 7))) (item (global.get $g)))
      (func (export "table") (result i32) (table.copy $a $t (i32.const 0) (i32.const 3) (i32.const 1))
        (i31.get_u (ref.cast i31ref (table.get $a (i32.const 0)))))
      (func (export "segment") (result i32) (table.copy $a $a (i32.const 2) (i32.const 1) (i32.const 2))
        (i31.get_u (ref.cast i31ref (table.get $a (i32.const 3)))))
      (func (export "global") (result i32) (i31.get_u (ref.cast i31ref (global.get $h)))))"#;
    for config in configs() {
        for (name, wanted) in [("table", 5), ("segment", 6), ("global", 6)] {
            assert_eq!(World::new(&config, TEXT).call(name, &[]), Ok(wanted), "{name}");
        }
    }
}

/// The host's functions on tables that WebAssembly has filled before there was a heap.
#[test]
fn from_the_host() {
    const TEXT: &str = r#"(func (export "put") (param i32) (result i32)
        (table.set $t (i32.const 1) (ref.i31 (local.get 0))) (global.set $a (table.get $t (i32.const 1))) (i32.const 0))
      (func (export "number") (param i32) (result i32) (i31.get_u (ref.cast i31ref (table.get $a (local.get 0))))))"#;
    let filled = |config: &Config| {
        let mut w = World::new(config, &format!("{WORLD} {TEXT}"));
        assert_eq!(w.call("put", &[Val::I32(41)]), Ok(0));
        w
    };
    for config in configs() {
        let mut w = filled(&config);
        let (t, a) = (w.table("t"), w.table("a"));
        a.copy(&mut w.store, 2, t, 0, 3).unwrap();
        assert_eq!(w.call("number", &[Val::I32(3)]), Ok(41));
        let error = a.copy(&mut w.store, 2, t, 0, 5).unwrap_err();
        assert_eq!(error.trap_code(), Some(Trap::TableOutOfBounds));
        let all = a.get_many(&mut w.store, 0, 6).unwrap();
        assert_eq!(all.iter().map(|v| w.i31(*v)).collect::<Vec<_>>(), [None, None, None, Some(41), None, None]);

        let mut w = filled(&config);
        let t = w.table("t");
        let got = t.get(&mut w.store, 1).unwrap();
        assert_eq!(w.i31(got), Some(41));
        let Some(Extern::Global(g)) = w.instance.export(&mut w.store, "ga").unwrap() else { panic!() };
        let got = g.get(&mut w.store).unwrap();
        assert_eq!(w.i31(got), Some(41));

        let mut w = filled(&config);
        let (t, a) = (w.table("t"), w.table("a"));
        a.fill(&mut w.store, 0, Val::AnyRef(None), 6).unwrap();
        assert_eq!(t.grow(&mut w.store, 2, Val::AnyRef(None)).unwrap(), 6);
        a.copy(&mut w.store, 0, t, 1, 6).unwrap();
        assert_eq!(w.call("number", &[Val::I32(0)]), Ok(41));
    }
}
