//! A short path through every layer: a call, a call through a table, a host function, each kind of trap, in both trap modes.

use wrt::api::*;

fn run(config: Config, wat: &str, name: &str, args: &[Val], n: usize) -> Result<Vec<Val>> {
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, wat.as_bytes())?;
    let mut store = Store::new(&engine)?;
    let log = HostDefinition::new(&FuncType::new([ValType::I32], [ValType::I32]), |_, args, results| {
        let Val::I32(v) = args[0] else { panic!() };
        if v == 13 {
            return Err(Error::new(ErrorKind::Host, "unlucky"));
        }
        results[0] = Val::I32(v * 2);
        Ok(())
    })?;
    let mut linker = Linker::new(&engine);
    linker.define_func("env", "twice", log)?;
    let instance = linker.instantiate(&mut store, &module)?;
    let Some(Extern::Func(f)) = instance.export(&mut store, name)? else { panic!("no {name}") };
    let mut out = vec![Val::I32(0); n];
    f.call(&mut store, args, &mut out)?;
    Ok(out)
}

const PROGRAM: &str = r#"(module
  (import "env" "twice" (func $twice (param i32) (result i32)))
  (memory 1) (table 10 funcref) (elem (i32.const 1) $add $sub $twice)
  (global $g (mut i32) (i32.const 0))
  (data (i32.const 8) "hello")
  (type $bin (func (param i32 i32) (result i32)))
  (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func $sub (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1)))
  (func (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call 3 (i32.sub (local.get 0) (i32.const 1))) (call 3 (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "op") (param i32 i32 i32) (result i32)
    (call_indirect (type $bin) (local.get 1) (local.get 2) (local.get 0)))
  (func (export "host") (param i32) (result i32) (call $twice (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1)))
)"#;

#[test]
fn calls_and_traps_in_both_modes() {
    for signals in [true, false] {
        let call = |name: &str, args: &[i32]| {
            let args: Vec<Val> = args.iter().map(|a| Val::I32(*a)).collect();
            run(Config::new().signals(signals), PROGRAM, name, &args, 1).map(|v| v[0])
        };
        assert_eq!(call("fib", &[20]).unwrap(), Val::I32(6765));
        assert_eq!(call("op", &[1, 30, 12]).unwrap(), Val::I32(42));
        assert_eq!(call("op", &[2, 30, 12]).unwrap(), Val::I32(18));
        assert_eq!(call("op", &[3, 30, 12]).unwrap_err().trap_code(), Some(Trap::IndirectCallTypeMismatch));
        assert_eq!(call("op", &[4, 30, 12]).unwrap_err().trap_code(), Some(Trap::UninitializedElement));
        assert_eq!(call("op", &[40, 30, 12]).unwrap_err().trap_code(), Some(Trap::UndefinedElement));
        assert_eq!(call("host", &[21]).unwrap(), Val::I32(42));
        let e = call("host", &[13]).unwrap_err();
        assert_eq!((e.kind(), e.frames().len()), (ErrorKind::Host, 1));
        assert_eq!(call("load", &[8]).unwrap(), Val::I32(i32::from_le_bytes(*b"hell")));
        let e = call("load", &[65533]).unwrap_err();
        assert_eq!(e.trap_code(), Some(Trap::MemoryOutOfBounds));
        assert_eq!(e.frames()[0].func_name.as_deref(), Some("load"));
        assert_eq!(call("div", &[1, 0]).unwrap_err().trap_code(), Some(Trap::IntegerDivideByZero));
        assert_eq!(call("div", &[i32::MIN, -1]).unwrap_err().trap_code(), Some(Trap::IntegerOverflow));
        let e = call("deep", &[]).unwrap_err();
        assert_eq!((e.trap_code(), e.frames().len()), (Some(Trap::StackOverflow), 64));
    }
}
