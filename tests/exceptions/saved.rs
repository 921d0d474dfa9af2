//! Saved modules with exceptions.

use super::{World, call, func};
use wrt::api::*;

const TEXT: &str = r#"(module $thrower (tag $t (export "t") (param i32 externref)) (tag $u (param i64))
  (func $throw (param i32)
    (if (i32.eqz (local.get 0)) (then (throw $u (i64.const 40))))
    (throw $t (local.get 0) (ref.null extern)))
  (func (export "throw") (param i32) (call $throw (local.get 0)))
  (func (export "run") (param i32) (result i32)
    (block $u (result i64)
      (block $t (result i32 externref exnref)
        (try_table (catch_ref $t $t) (catch $u $u) (call $throw (local.get 0)))
        (return (i32.const -1)))
      (drop) (drop)
      (return))
    (i32.wrap_i64)))"#;

#[test]
fn a_saved_module_throws_and_catches() {
    for config in [Config::new(), Config::new().signals(false), Config::new().lazy(true)] {
        let bytes = Module::new(&Engine::new(&config).unwrap(), TEXT.as_bytes()).unwrap().save().unwrap();
        for zeal in [0, 1] {
            let engine = Engine::new(&config.clone().gc_zeal(zeal)).unwrap();
            // SAFETY: just saved.
            let module = unsafe { Module::load(&engine, &bytes) }.unwrap();
            let mut store = Store::new(&engine).unwrap();
            // Twice: each instance has its own tags.
            for _ in 0..2 {
                let instance = Instance::new(&mut store, &module, &[]).unwrap();
                let run = func(&mut store, instance, "run");
                for (n, got) in [(5, 5), (0, 40), (-3, -3)] {
                    assert_eq!(call(&mut store, run, &[Val::I32(n)]).unwrap(), [Val::I32(got)]);
                }
                let throw = func(&mut store, instance, "throw");
                let error = call(&mut store, throw, &[Val::I32(6)]).unwrap_err();
                assert_eq!(error.message(), "uncaught exception $t (6, null)");
                let names: Vec<_> = error.frames().iter().map(|f| f.func_name.as_deref().unwrap()).collect();
                assert_eq!(names, ["throw", "throw"]);
                assert!(
                    error.frames().iter().all(|f| f.module.as_deref() == Some("thrower") && f.module_offset.is_some())
                );
            }
            assert_eq!(module.save().unwrap(), bytes);
        }
    }
}

/// Saved and run while a part of it is compiled: the file contains all of it.
#[test]
fn saved_while_it_runs() {
    let mut w = World::new(Config::new().lazy(true), TEXT);
    assert_eq!(w.call("run", &[5]), 5);
    let module = w.instance.module(&w.store).unwrap();
    let bytes = module.save().unwrap();
    assert_eq!(w.call("run", &[0]), 40);
    let engine = Engine::new(&Config::new()).unwrap();
    // SAFETY: just saved.
    let module = unsafe { Module::load(&engine, &bytes) }.unwrap();
    let mut store = Store::new(&engine).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let run = func(&mut store, instance, "run");
    assert_eq!(call(&mut store, run, &[Val::I32(0)]).unwrap(), [Val::I32(40)]);
}
