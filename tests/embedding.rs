//! What a host relies on: saved modules in another process, small stacks, threads, no leaks, tables whose elements are initialized lazily.

use std::process::Command;
use wrt::api::*;

fn instance(store: &mut Store, module: &Module) -> Instance {
    Instance::new(store, module, &[]).unwrap()
}

fn func(store: &mut Store, i: Instance, name: &str) -> Func {
    match i.export(store, name).unwrap() {
        Some(Extern::Func(f)) => f,
        other => panic!("{name}: {other:?}"),
    }
}

fn call1(store: &mut Store, f: Func, args: &[Val]) -> Result<Val> {
    let mut out = [Val::I32(0)];
    f.call(store, args, &mut out)?;
    Ok(out[0])
}

const SAVED: &str = "(module (memory 1) (data (i32.const 4) \"\\2a\") (table 2 funcref) (elem (i32.const 1) $f)
    (func $f (result i32) (i32.load8_u (i32.const 4)))
    (func (export \"run\") (param i32) (result i32) (i32.div_u (call_indirect (result i32) (i32.const 1)) (local.get 0))))";

/// The child of the test below: loads the file whose name it receives.
#[test]
fn a_saved_module_runs_in_another_process() {
    let engine = Engine::new(&Config::new()).unwrap();
    if let Some(path) = std::env::var_os("WRT_TEST_SAVED") {
        let bytes = std::fs::read(path).unwrap();
        // SAFETY: the parent process created the file with `save`.
        let module = unsafe { Module::load(&engine, &bytes) }.unwrap();
        let mut store = Store::new(&engine).unwrap();
        let i = instance(&mut store, &module);
        let run = func(&mut store, i, "run");
        assert_eq!(call1(&mut store, run, &[Val::I32(2)]).unwrap(), Val::I32(21));
        let e = call1(&mut store, run, &[Val::I32(0)]).unwrap_err();
        assert_eq!((e.trap_code(), e.frames().len()), (Some(Trap::IntegerDivideByZero), 1));
        return;
    }
    let path = std::env::temp_dir().join(format!("wrt-saved-{}.bin", std::process::id()));
    std::fs::write(&path, Module::new(&engine, SAVED.as_bytes()).unwrap().save().unwrap()).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_saved_module_runs_in_another_process"])
        .env("WRT_TEST_SAVED", &path)
        .output();
    std::fs::remove_file(&path).unwrap();
    let child = child.unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
}

/// Code compiled with other settings is rejected.
#[test]
fn a_saved_module_needs_the_same_configuration() {
    let saved = Module::new(&Engine::new(&Config::new()).unwrap(), SAVED.as_bytes()).unwrap().save().unwrap();
    let other = Engine::new(&Config::new().signals(false)).unwrap();
    // SAFETY: made by `save`.
    let e = unsafe { Module::load(&other, &saved) }.err().unwrap();
    assert_eq!(e.kind(), ErrorKind::Unsupported);
}

#[test]
fn a_small_stack_overflows_cleanly() {
    for signals in [true, false] {
        let run = move || {
            let engine = Engine::new(&Config::new().signals(signals).max_wasm_stack(64 << 10)).unwrap();
            let wat = "(module (func $f (export \"f\") (param i64 i64 i64) (result i64)
                (i64.add (call $f (local.get 1) (local.get 2) (local.get 0)) (local.get 0)))
                (func (export \"one\") (result i32) (i32.const 1)))";
            let module = Module::new(&engine, wat.as_bytes()).unwrap();
            let mut store = Store::new(&engine).unwrap();
            let i = instance(&mut store, &module);
            let (f, one) = (func(&mut store, i, "f"), func(&mut store, i, "one"));
            for _ in 0..3 {
                let e = call1(&mut store, f, &[Val::I64(1), Val::I64(2), Val::I64(3)]).unwrap_err();
                assert_eq!(e.trap_code(), Some(Trap::StackOverflow));
                assert_eq!(call1(&mut store, one, &[]).unwrap(), Val::I32(1));
            }
        };
        std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
    }
}

/// A panic of a host function is caught where the function was called, and nothing runs in its store afterwards. An error of the same kind
/// is an error like others.
#[test]
fn a_panic_poisons_the_store_and_an_error_does_not() {
    let engine = Engine::new(&Config::new()).unwrap();
    let ty = FuncType::new([], []);
    let module = Module::new(&engine, b"(module (func (export \"f\") (result i32) (i32.const 1)))").unwrap();
    for panics in [false, true] {
        let mut store = Store::new(&engine).unwrap();
        let i = instance(&mut store, &module);
        let f = func(&mut store, i, "f");
        assert_eq!(call1(&mut store, f, &[]).unwrap(), Val::I32(1));
        let host = Func::new(&mut store, &ty, move |_, _, _| match panics {
            true => panic!("in the host"),
            false => Err(Error::new(ErrorKind::Internal, "of the host")),
        });
        let e = host.unwrap().call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!((e.kind(), store.is_poisoned()), (ErrorKind::Internal, panics));
        assert_eq!(call1(&mut store, f, &[]).is_err(), panics);
        assert_eq!(Instance::new(&mut store, &module, &[]).is_err(), panics);
    }
}

#[test]
fn threads_share_modules_and_stores_move() {
    let engine = Engine::new(&Config::new()).unwrap();
    let module = Module::new(&engine, SAVED.as_bytes()).unwrap();
    let threads: Vec<_> = (1..5)
        .map(|n| {
            let (engine, module) = (engine.clone(), module.clone());
            std::thread::spawn(move || {
                let mut store = Store::new(&engine).unwrap();
                let i = instance(&mut store, &module);
                let run = func(&mut store, i, "run");
                for _ in 0..200 {
                    assert_eq!(call1(&mut store, run, &[Val::I32(n)]).unwrap(), Val::I32(42 / n));
                    let e = call1(&mut store, run, &[Val::I32(0)]).unwrap_err();
                    assert_eq!(e.trap_code(), Some(Trap::IntegerDivideByZero));
                }
                (store, run, n)
            })
        })
        .collect();
    for t in threads {
        let (mut store, run, n) = t.join().unwrap();
        assert_eq!(call1(&mut store, run, &[Val::I32(n)]).unwrap(), Val::I32(42 / n));
        assert!(call1(&mut store, run, &[Val::I32(0)]).is_err());
    }
}

/// Modules, stores and trampolines leave no mappings behind.
#[test]
fn nothing_is_left_behind() {
    let mappings = || std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    let round = || {
        for n in 0..100 {
            let engine = Engine::new(&Config::new().threads(1)).unwrap();
            let wat = format!(
                "(module (memory 1) (table {} funcref) (func (export \"f\") (result i32) (i32.const {n})))",
                n + 1
            );
            let module = Module::new(&engine, wat.as_bytes()).unwrap();
            let mut store = Store::new(&engine).unwrap();
            let i = instance(&mut store, &module);
            let f = func(&mut store, i, "f");
            assert_eq!(call1(&mut store, f, &[]).unwrap(), Val::I32(n));
        }
    };
    round();
    let before = mappings();
    (0..5).for_each(|_| round());
    // Other tests run at the same time; 500 rounds that leaked would leave a thousand.
    assert!(mappings() < before + 200, "{before} mappings became {}", mappings());
}

/// Elements that instantiation initializes lazily read like those that were written, whatever is done to the table.
#[test]
fn late_elements_are_the_right_ones() {
    let engine = Engine::new(&Config::new()).unwrap();
    let funcs: String = (0..8).map(|i| format!("(func $f{i} (result i32) (i32.const {i}))")).collect();
    let wat = format!(
        "(module (table $t (export \"t\") 16 64 funcref) (table $u 16 funcref) {funcs}
        (elem (table $t) (i32.const 2) func $f0 $f1 $f2 $f3) (elem (table $t) (i32.const 4) func $f4 $f5)
        (elem (table $u) (i32.const 0) func $f6 $f7 $f0) (elem $p func $f1 $f2 $f3)
        (func (export \"call\") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0)))
        (func (export \"set\") (param i32 i32) (table.set $t (local.get 0) (table.get $t (local.get 1))))
        (func (export \"fill\") (param i32 i32 i32) (table.fill $t (local.get 0) (table.get $t (local.get 1)) (local.get 2)))
        (func (export \"copy\") (param i32 i32 i32) (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
        (func (export \"from\") (param i32 i32 i32) (table.copy $t $u (local.get 0) (local.get 1) (local.get 2)))
        (func (export \"init\") (param i32 i32 i32) (table.init $t $p (local.get 0) (local.get 1) (local.get 2)))
        (func (export \"grow\") (param i32 i32) (result i32) (table.grow $t (table.get $t (local.get 0)) (local.get 1))))"
    );
    let module = Module::new(&engine, wat.as_bytes()).unwrap();
    let mut random = 1u64;
    let mut next = move |n: u64| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) % n
    };
    for _ in 0..60 {
        let mut store = Store::new(&engine).unwrap();
        let i = instance(&mut store, &module);
        let mut model: Vec<Option<i32>> = vec![None; 16];
        for (at, f) in [(2, 0), (3, 1), (4, 4), (5, 5)] {
            model[at] = Some(f);
        }
        let other = [Some(6), Some(7), Some(0)];
        let passive = [Some(1), Some(2), Some(3)];
        for _ in 0..200 {
            let n = model.len() as u64 + 1;
            let (a, b, c) = (next(n) as usize, next(n) as usize, next(6) as usize);
            let args = |v: &[usize]| v.iter().map(|x| Val::I32(*x as i32)).collect::<Vec<_>>();
            let inside = |at: usize, len: usize, size: usize| at + len <= size;
            let size = model.len();
            let (name, arguments, fits) = match next(7) {
                0 => ("set", args(&[a, b]), a < size && b < size),
                1 => ("fill", args(&[a, b, c]), b < size && inside(a, c, size)),
                2 => ("copy", args(&[a, b, c]), inside(a, c, size) && inside(b, c, size)),
                3 => ("from", args(&[a, b % 17, c]), inside(a, c, size) && inside(b % 17, c, 16)),
                4 => ("init", args(&[a, b % 4, c]), inside(a, c, size) && inside(b % 4, c, 3)),
                5 if size < 40 => ("grow", args(&[a, c]), a < size),
                _ => ("call", args(&[a]), a < size && model[a].is_some()),
            };
            let f = func(&mut store, i, name);
            let mut out = vec![Val::I32(0); f.ty(&store).unwrap().results().len()];
            let done = f.call(&mut store, &arguments, &mut out);
            assert_eq!(done.is_ok(), fits, "{name} {arguments:?} of {size}");
            if !fits {
                continue;
            }
            match name {
                "set" => model[a] = model[b],
                "fill" => {
                    let v = model[b];
                    model[a..a + c].fill(v);
                }
                "copy" => model.copy_within(b..b + c, a),
                "from" => (0..c).for_each(|k| model[a + k] = other.get(b % 17 + k).copied().flatten()),
                "init" => model[a..a + c].copy_from_slice(&passive[b % 4..b % 4 + c]),
                "grow" => {
                    let v = model[a];
                    model.resize(size + c, v);
                }
                _ => assert_eq!(Some(out[0]), model[a].map(Val::I32)),
            }
        }
    }
}

/// A host function can exchange and delete any store except its own, of which it has only a view (the documentation of `StoreMut` shows
/// what does not compile).
#[test]
fn a_host_function_ends_other_stores() {
    let engine = Engine::new(&Config::new()).unwrap();
    let text = b"(module (import \"\" \"h\" (func $h)) (func (export \"run\") (param i32) (result i32) (call $h) (local.get 0)))";
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let (id, inner) = (store.id(), engine.clone());
    let h = Func::new(&mut store, &FuncType::new([], []), move |caller, _, _| {
        let (mut a, mut b) = (Store::new(&inner)?, Store::new(&inner)?);
        let (a_id, b_id) = (a.id(), b.id());
        let of_a = Ref::host(&mut a, "in a", 0)?;
        // The owners, and what they dereference to.
        std::mem::swap(&mut a, &mut b);
        std::mem::swap(&mut *a, &mut *b);
        assert_eq!((a.id(), b.id()), (a_id, b_id));
        assert!(of_a.data(&a)?.is_some());
        drop(std::mem::replace(&mut a, b));
        // Nested scopes of two stores.
        let inner_id = caller.store().scope(|s| {
            let r = Ref::host(s, "of the caller", 0)?;
            a.scope(|other| Ref::host(other, "of the other", 0).map(|o| (o.store, r.store)))?
        })??;
        assert_eq!(inner_id, (b_id, id));
        Ok(())
    });
    let i = Instance::new(&mut store, &module, &[Extern::Func(h.unwrap())]).unwrap();
    let run = func(&mut store, i, "run");
    assert_eq!(call1(&mut store, run, &[Val::I32(7)]).unwrap(), Val::I32(7));
    assert_eq!(store.id(), id);
}
