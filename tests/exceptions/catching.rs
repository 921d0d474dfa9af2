//! Which clause catches which exception, and the values it receives.

use super::{World, configs, instance};
use wrt::api::*;

/// The first matching clause of the innermost `try_table` that has one; the result is the thrown number and where it was caught.
const ORDER: &str = r#"(module
  (tag $a (param i32)) (tag $b (param i32)) (tag $c (param i32))
  (func $throw (param $which i32)
    (block $c (block $b (block $a (br_table $a $b $c (local.get $which))) (throw $a (i32.const 1))) (throw $b (i32.const 2)))
    (throw $c (i32.const 3)))
  (func (export "order") (param $which i32) (result i32)
    (block $third (result i32)
      (block $second (result i32)
        (block $first (result i32)
          (try_table (result i32) (catch $c $third)
            (try_table (result i32) (catch $b $second) (catch $a $first) (catch $b $third)
              (try_table (catch $b $first)
                (call $throw (local.get $which)))
              (i32.const 0))))
        (return (i32.add (i32.const 10))))
      (return (i32.add (i32.const 20))))
    (i32.add (i32.const 30)))
  (func (export "all") (param $which i32) (result i32)
    (block $all
      (block $first (result i32)
        (return (try_table (result i32) (catch_all $all) (catch $a $first) (call $throw (local.get $which)) (i32.const 0))))
      (return))
    (i32.const 7)))"#;

#[test]
fn the_first_clause_that_fits_of_the_innermost_table() {
    for config in configs() {
        let mut w = World::new(config, ORDER);
        assert_eq!([0, 1, 2].map(|n| w.call("order", &[n])), [11, 12, 33]);
        assert_eq!([0, 1, 2].map(|n| w.call("all", &[n])), [7; 3]);
    }
}

/// A value of each kind is caught unchanged, with references in locals and on the stack at the same time.
const VALUES: &str = r#"(module
  (type $cell (struct (field $n i32)))
  (tag $t (param i32 i64 f32 f64 v128 anyref (ref $cell) externref funcref exnref))
  (tag $inner (param i32))
  (import "" "collect" (func $collect))
  (func $self (export "self") (param externref) (result i32)
    (local $kept (ref null $cell)) (local $before i32) (local $i32 i32) (local $i64 i64) (local $f32 f32) (local $f64 f64)
    (local $v128 v128) (local $any anyref) (local $cell (ref null $cell)) (local $ext externref) (local $f funcref)
    (local $exn exnref)
    (local.set $kept (struct.new $cell (i32.const 1000)))
    (local.set $before (i32.const 77))
    (struct.new $cell (i32.const 5000))
    (block $h (result i32 i64 f32 f64 v128 anyref (ref $cell) externref funcref exnref exnref)
      (try_table (catch_ref $t $h)
        (local.set $before (i32.const 88))
        (call $throw (local.get 0)))
      (unreachable))
    (drop)
    (call $collect)
    (local.set $exn) (local.set $f) (local.set $ext) (local.set $cell) (local.set $any) (local.set $v128)
    (local.set $f64) (local.set $f32) (local.set $i64) (local.set $i32)
    (if (i32.ne (local.get $i32) (i32.const -5)) (then unreachable))
    (if (i64.ne (local.get $i64) (i64.const 0x123456789abcdef)) (then unreachable))
    (if (f32.ne (local.get $f32) (f32.const 1.5)) (then unreachable))
    (if (f64.ne (local.get $f64) (f64.const -2.25)) (then unreachable))
    (if (i64.ne (i64x2.extract_lane 1 (local.get $v128)) (i64.const 9)) (then unreachable))
    (if (i32.ne (i31.get_s (ref.cast (ref i31) (local.get $any))) (i32.const 31)) (then unreachable))
    (if (i32.ne (struct.get $cell 0 (local.get $cell)) (i32.const 32)) (then unreachable))
    (if (ref.is_null (local.get $ext)) (then unreachable))
    (if (ref.is_null (local.get $f)) (then unreachable))
    (block $again (result i32)
      (try_table (catch $inner $again) (throw_ref (local.get $exn)))
      (unreachable))
    (i32.add (struct.get $cell 0 (local.get $kept)))
    (i32.add (local.get $before))
    (local.set $i32)
    (i32.add (struct.get $cell 0) (local.get $i32)))
  (elem declare func $self)
  (func $throw (param externref)
    (call $collect)
    (throw $t (i32.const -5) (i64.const 0x123456789abcdef) (f32.const 1.5) (f64.const -2.25) (v128.const i64x2 8 9)
      (ref.i31 (i32.const 31)) (struct.new $cell (i32.const 32)) (local.get 0) (ref.func $self)
      (block $h (result exnref) (try_table (catch_all_ref $h) (call $small)) (unreachable))))
  (func $small (throw $inner (i32.const 4))))"#;

#[test]
fn values_locals_and_operands_are_what_they_were() {
    for config in configs() {
        let mut w = World::linked(config, VALUES, |store| {
            vec![Extern::Func(Func::new(store, &super::ty(&[], &[]), |c, _, _| c.store().gc()).unwrap())]
        });
        for _ in 0..3 {
            let host = Ref::host(&mut w.store, 5u8, 0).unwrap();
            let got = w.try_call("self", &[Val::ExternRef(Some(host))]).unwrap();
            assert_eq!(got, [Val::I32(4 + 1000 + 88 + 5000)]);
        }
    }
}

/// Tags belong to the running instance, not to the module.
#[test]
fn instances_of_one_module_have_tags_of_their_own() {
    const TEXT: &str = r#"(module (tag $t (export "t")) (import "" "" (func $f))
      (func (export "throw") (throw $t))
      (func (export "catch") (result i32)
        (block $h (try_table (catch $t $h) (call $f)) (return (i32.const 0))) (i32.const 1)))"#;
    for config in configs() {
        let mut w = World::linked(config, TEXT, |store| {
            let nothing = Func::new(store, &super::ty(&[], &[]), |_, _, _| Ok(())).unwrap();
            vec![Extern::Func(nothing)]
        });
        let throw = w.func("throw");
        // Its callee throws exceptions of the first instance: not its own tag.
        let other = instance(&mut w.store, TEXT, &[Extern::Func(throw)]);
        let (first, tag) = (w.instance, w.tag("t"));
        w.instance = other;
        let error = w.fails("catch", &[]);
        assert_eq!(w.carried(&error, tag), []);
        assert_ne!(w.tag("t"), tag);
        // An instance that imports the tag catches them.
        const IMPORTS: &str = r#"(module (import "" "t" (tag $t)) (import "" "f" (func $f))
          (func (export "catch") (result i32)
            (block $h (try_table (catch $t $h) (call $f)) (return (i32.const 0))) (i32.const 1)))"#;
        w.instance = instance(&mut w.store, IMPORTS, &[Extern::Tag(tag), Extern::Func(throw)]);
        assert_eq!(w.call("catch", &[]), 1);
        w.instance = first;
        assert_eq!(w.call("catch", &[]), 0);
    }
}

/// Calls of every kind inside of a `try_table`; tail calls leave it.
const CALLS: &str = r#"(module
  (type $f (func (param i32) (result i32)))
  (import "" "" (func $host (type $f)))
  (tag $t (param i32)) (table funcref (elem $throw))
  (func $throw (export "throw") (type $f) (throw $t (local.get 0)))
  (elem declare func $throw)
  (func (export "call") (type $f)
    (block $h (result i32) (try_table (result i32) (catch $t $h) (call $throw (local.get 0)))))
  (func (export "call_indirect") (type $f)
    (block $h (result i32) (try_table (result i32) (catch $t $h) (call_indirect (type $f) (local.get 0) (i32.const 0)))))
  (func (export "call_ref") (type $f)
    (block $h (result i32) (try_table (result i32) (catch $t $h) (call_ref $f (local.get 0) (ref.func $throw)))))
  (func (export "host") (type $f)
    (block $h (result i32) (try_table (result i32) (catch $t $h) (call $host (local.get 0)))))
  (func $tail (type $f) (return_call $throw (local.get 0)))
  (func (export "of tail") (type $f)
    (block $h (result i32) (try_table (result i32) (catch $t $h) (call $tail (local.get 0)))))
  (func (export "return_call") (type $f)
    (block $h (result i32) (try_table (result i32) (catch $t $h) (return_call $throw (local.get 0)))))
  (func (export "return_call_indirect") (type $f)
    (block $h (result i32)
      (try_table (result i32) (catch $t $h) (return_call_indirect (type $f) (local.get 0) (i32.const 0)))))
  (func (export "return_call_ref") (type $f)
    (block $h (result i32)
      (try_table (result i32) (catch $t $h) (return_call_ref $f (local.get 0) (ref.func $throw))))))"#;

#[test]
fn calls_are_caught_and_tail_calls_have_left() {
    for config in configs() {
        let mut w = World::linked(config, CALLS, |store| {
            let ty = super::ty(&[ValType::I32], &[ValType::I32]);
            // Calls the guest's function, and returns its error.
            let host = Func::new(store, &ty, |caller, args, results| {
                let i = caller.instance().expect("called by WebAssembly");
                let throw = super::func(caller.store(), i, "throw");
                throw.call(caller.store(), args, results)
            });
            vec![Extern::Func(host.unwrap())]
        });
        for name in ["call", "call_indirect", "call_ref", "host", "of tail"] {
            assert_eq!(w.call(name, &[9]), 9, "{name}");
        }
        for name in ["return_call", "return_call_indirect", "return_call_ref"] {
            let error = w.fails(name, &[9]);
            assert_eq!(error.message(), "uncaught exception $t (9)", "{name}");
            assert_eq!(error.frames().len(), 1);
        }
    }
}

/// Errors that are no exceptions are not caught, not even by catch_all.
const TRAPS: &str = r#"(module
  (import "" "" (func $host (param i32))) (memory 1) (type $s (struct (field i32)))
  (type $trap (func (param i32)))
  (table funcref (elem $unreachable $divide $load $null $cast $overflow $call_host $throw_null))
  (func $unreachable (type $trap) (unreachable))
  (func $divide (type $trap) (drop (i32.div_s (local.get 0) (i32.const 0))))
  (func $load (type $trap) (drop (i32.load (i32.const -4))))
  (func $null (type $trap) (drop (struct.get $s 0 (ref.null $s))))
  (func $cast (type $trap) (drop (ref.cast (ref $s) (ref.i31 (i32.const 1)))))
  (func $overflow (type $trap) (call $overflow (local.get 0)) (call $overflow (local.get 0)))
  (func $call_host (type $trap) (call $host (local.get 0)))
  (func $throw_null (type $trap) (throw_ref (ref.null exn)))
  (func (export "run") (param $which i32) (result i32)
    (block $h (try_table (catch_all $h)
      (block $again (result exnref) (try_table (catch_all_ref $again)
        (call_indirect (type $trap) (i32.const 3) (local.get $which)))
        (unreachable))
      (throw_ref)))
    (i32.const 1))
  (func (export "here") (result i32)
    (block $h (try_table (catch_all $h) (drop (i32.load (i32.const -4))))) (i32.const 1))
  (func (export "null here") (result i32)
    (block $h (try_table (catch_all $h) (throw_ref (ref.null exn)))) (i32.const 1))
  (func (export "endless") (result i32)
    (block $h (try_table (catch_all $h) (loop $l (call $nothing) (br $l)))) (i32.const 1))
  (func $nothing))"#;

#[test]
fn traps_and_errors_of_the_host_are_not_caught() {
    for config in configs() {
        let mut w = World::linked(config, TRAPS, |store| {
            let host = Func::new(store, &super::ty(&[ValType::I32], &[]), |_, _, _| {
                Err(Error::new(ErrorKind::Host, "asked to fail"))
            });
            vec![Extern::Func(host.unwrap())]
        });
        let traps = [
            Some(Trap::Unreachable),
            Some(Trap::IntegerDivideByZero),
            Some(Trap::MemoryOutOfBounds),
            Some(Trap::NullReference),
            Some(Trap::CastFailure),
            Some(Trap::StackOverflow),
            None,
            Some(Trap::NullReference),
        ];
        for (i, trap) in traps.into_iter().enumerate() {
            let error = w.fails("run", &[i as i32]);
            assert_eq!(error.trap_code(), trap, "{i}: {error}");
            assert_eq!(error.kind(), if trap.is_some() { ErrorKind::Trap } else { ErrorKind::Host });
            assert!(w.store.exception_of(&error).unwrap().is_none());
        }
        assert_eq!(w.fails("here", &[]).trap_code(), Some(Trap::MemoryOutOfBounds));
        assert_eq!(w.fails("null here", &[]).trap_code(), Some(Trap::NullReference));
    }
}

#[test]
fn an_interruption_is_not_caught() {
    for lazy in [false, true] {
        let config = Config::new().interruption(true).lazy(lazy);
        let mut w = World::linked(config, TRAPS, |store| {
            vec![Extern::Func(Func::new(store, &super::ty(&[ValType::I32], &[]), |_, _, _| Ok(())).unwrap())]
        });
        w.store.set_deadline(Some(std::time::Duration::from_millis(30))).unwrap();
        assert_eq!(w.fails("endless", &[]).kind(), ErrorKind::Interrupted);
        assert_eq!(w.fails("here", &[]).kind(), ErrorKind::Trap);
    }
}
