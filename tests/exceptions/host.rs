//! The host on both sides: it throws and catches, in nested activations.

use super::{World, call, configs, func, instance, ty};
use std::sync::Mutex;
use wrt::api::*;

const I32: ValType = ValType::I32;

/// Each level catches the exception from below and rethrows it in its own way.
const LEVELS: &str = r#"(module
  (tag $t (export "t") (param i32)) (import "" "" (func $host (param i32) (result i32)))
  (func (export "down") (param i32) (result i32) (call $host (local.get 0)))
  (func (export "catch") (param i32) (result i32)
    (i32.add (i32.const 100)
      (block $h (result i32) (return (try_table (result i32) (catch $t $h) (call $host (local.get 0)))))))
  (func (export "again") (param i32) (result i32)
    (throw $t (i32.add (i32.const 1)
      (block $h (result i32) (return (try_table (result i32) (catch $t $h) (call $host (local.get 0))))))))
  (func (export "same") (param i32) (result i32)
    (throw_ref (block $h (result exnref)
      (return (try_table (result i32) (catch_all_ref $h) (call $host (local.get 0))))))))"#;

/// Throws at level 0; at higher levels calls the guest, which calls this function again.
fn levels(store: &mut StoreMut<'_>) -> Vec<Extern> {
    let host = Func::new(store, &ty(&[I32], &[I32]), |caller, args, results| {
        let Val::I32(n) = args[0] else { panic!("no number") };
        let instance = caller.instance().expect("called by WebAssembly");
        let store = caller.store();
        if n == 0 {
            let Some(Extern::Tag(tag)) = instance.export(store, "t")? else { panic!("no tag") };
            return Err(Ref::new_exception(store, tag, &[Val::I32(0)])?.to_error(store)?);
        }
        let name = ["down", "again", "same"][n as usize % 3];
        let f = func(store, instance, name);
        match call(store, f, &[Val::I32(n - 1)]) {
            Ok(values) => {
                results.copy_from_slice(&values);
                Ok(())
            }
            // A new error for the exception, or the same error.
            Err(e) if n % 2 == 0 => {
                let r = store.exception_of(&e)?.expect("an exception");
                drop(e);
                Err(r.to_error(store)?)
            }
            Err(e) => Err(e),
        }
    });
    vec![Extern::Func(host.unwrap())]
}

#[test]
fn through_activations_within_activations() {
    for config in configs() {
        let mut w = World::linked(config, LEVELS, levels);
        let tag = w.tag("t");
        for n in [0, 1, 2, 3, 10, 45] {
            // The levels that throw a new exception add 1.
            let added = (1..=n).filter(|n| n % 3 == 1).count() as i32;
            assert_eq!(w.call("catch", &[n]), 100 + added);
            let error = w.fails("down", &[n]);
            assert_eq!(w.carried(&error, tag), [Val::I32(added)]);
        }
        w.store.gc().unwrap();
        assert_eq!(w.store.heap_statistics().roots, 0, "nothing is held by what is over");
    }
}

/// Frames of the throw, in all activations, outermost last.
#[test]
fn the_backtrace_is_that_of_the_throw() {
    let mut w = World::linked(Config::new(), LEVELS, |store| {
        let host = Func::new(store, &ty(&[I32], &[I32]), |caller, args, results| {
            let instance = caller.instance().expect("called by WebAssembly");
            let f = func(caller.store(), instance, if args[0] == Val::I32(0) { "again" } else { "down" });
            match args[0] {
                Val::I32(-1) => {
                    let Some(Extern::Tag(tag)) = instance.export(caller.store(), "t")? else { panic!("no tag") };
                    Err(Ref::new_exception(caller.store(), tag, &[Val::I32(7)])?.to_error(caller.store())?)
                }
                Val::I32(n) => f.call(caller.store(), &[Val::I32(n - 1)], results),
                _ => panic!("no number"),
            }
        });
        vec![Extern::Func(host.unwrap())]
    });
    let error = w.fails("down", &[2]);
    let names: Vec<_> = error.frames().iter().map(|f| f.func_name.as_deref().unwrap()).collect();
    assert_eq!(error.message(), "uncaught exception $t (8)");
    // "again" caught the exception that the host threw below it, and threw it again.
    assert_eq!(names, ["again", "down", "down", "down"]);
}

/// In a store to which it does not belong, an exception is an ordinary error.
#[test]
fn exceptions_of_other_stores() {
    const HOME: &str = r#"(module (tag $t (export "t") (param i32)) (import "" "" (func $host))
      (func (export "throw") (throw $t (i32.const 3)))
      (func (export "catch") (result i32)
        (block $h (result i32) (try_table (catch $t $h) (call $host)) (i32.const 0))))"#;
    const ABROAD: &str = r#"(module (import "" "" (func $host))
      (func (export "run") (result i32) (block $h (try_table (catch_all $h) (call $host)) (return (i32.const 0))) (i32.const 1)))"#;
    for config in configs() {
        // A function of one store that calls into the other, and back.
        let abroad: &'static Mutex<Option<World>> = Box::leak(Box::new(Mutex::new(None)));
        let mut home = World::linked(config.clone(), HOME, |store| {
            let host = Func::new(store, &ty(&[], &[]), |_, _, _| {
                let error = abroad.lock().unwrap().as_mut().unwrap().fails("run", &[]);
                assert_eq!(error.kind(), ErrorKind::Exception);
                let found = abroad.lock().unwrap().as_mut().unwrap().store.exception_of(&error);
                assert_eq!(found.unwrap_err().kind(), ErrorKind::WrongStore);
                Err(error)
            });
            vec![Extern::Func(host.unwrap())]
        });
        let thrown: &'static Mutex<Option<Error>> = Box::leak(Box::new(Mutex::new(None)));
        *abroad.lock().unwrap() = Some(World::linked(config, ABROAD, |store| {
            let host = Func::new(store, &ty(&[], &[]), |_, _, _| Err(thrown.lock().unwrap().clone().unwrap()));
            vec![Extern::Func(host.unwrap())]
        }));
        *thrown.lock().unwrap() = Some(home.fails("throw", &[]));
        // In its own store, it is caught.
        assert_eq!(home.call("catch", &[]), 3);
        let tag = home.tag("t");
        let error = thrown.lock().unwrap().take().unwrap();
        assert_eq!(home.carried(&error, tag), [Val::I32(3)]);
        abroad.lock().unwrap().take();
    }
}

/// Exceptions that carry references to parts created by the host; tags with types of the engine.
#[test]
fn what_is_no_exception_is_refused() {
    let mut w = World::new(
        Config::new().gc_zeal(1),
        r#"(module (type $s (struct (field i32))) (tag (export "t") (param (ref $s))))"#,
    );
    let tag = w.tag("t");
    let store = &mut w.store;
    let number = Tag::new(store, &ty(&[I32], &[])).unwrap();
    let kind = |r: Result<Ref>| r.unwrap_err().kind();
    assert_eq!(kind(Ref::new_exception(store, tag, &[Val::AnyRef(None)])), ErrorKind::TypeMismatch);
    assert_eq!(kind(Ref::new_exception(store, tag, &[Val::I32(1)])), ErrorKind::TypeMismatch);
    assert_eq!(kind(Ref::new_exception(store, number, &[])), ErrorKind::TypeMismatch);
    assert_eq!(kind(Ref::new_exception(store, number, &[Val::I32(1), Val::I32(2)])), ErrorKind::TypeMismatch);
    assert_eq!(Tag::new(store, &ty(&[], &[I32])).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let i31 = Ref::i31(store, 4).unwrap();
    assert_eq!(i31.to_error(store).unwrap_err().kind(), ErrorKind::TypeMismatch);
    assert_eq!(i31.exception_len(store).unwrap_err().kind(), ErrorKind::TypeMismatch);
    let good = Ref::new_exception(store, number, &[Val::I32(1)]).unwrap();
    assert_eq!(good.exception_value(store, 1).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(good.field_count(store).unwrap_err().kind(), ErrorKind::TypeMismatch);
    assert_eq!(good.array_len(store).unwrap_err().kind(), ErrorKind::TypeMismatch);
    let mut other = Store::new(&store.engine()).unwrap();
    let instance = instance(&mut other, r#"(module (func (export "f") (param exnref)))"#, &[]);
    let f = func(&mut other, instance, "f");
    assert_eq!(f.call(&mut other, &[Val::ExnRef(Some(good))], &mut []).unwrap_err().kind(), ErrorKind::WrongStore);
    assert_eq!(good.to_error(&mut other).unwrap_err().kind(), ErrorKind::WrongStore);
    assert_eq!(number.ty(&other).unwrap_err().kind(), ErrorKind::WrongStore);
}
