//! Arguments, environment, clocks, random bytes, the exit of a process, and which instances can call which functions.

use super::guest::*;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use wrt::api::*;
use wrt::wasi::{Errno, MODULE, Wasi};

fn strings(g: &mut Guest, sizes: &str, get: &str) -> Vec<String> {
    assert_eq!(g.done(sizes, &[OUT.into(), OUT as u64 + 4]), Ok(()));
    let (count, bytes) = (g.u32(OUT), g.u32(OUT + 4));
    assert_eq!(g.done(get, &[DATA.into(), DATA as u64 + 4096]), Ok(()));
    let all = g.get(DATA + 4096, bytes as usize);
    let text = |i| {
        let from = (g.u32(DATA + i * 4) - DATA - 4096) as usize;
        let len = all[from..].iter().position(|b| *b == 0).unwrap();
        String::from_utf8(all[from..from + len].to_vec()).unwrap()
    };
    (0..count).map(text).collect()
}

#[test]
fn arguments_and_environment() {
    let mut wasi = Wasi::new();
    for arg in ["program", "", "zwei Wörter"] {
        wasi.add_arg(arg.as_bytes()).unwrap();
    }
    wasi.add_env(b"A", b"1=2").unwrap();
    wasi.add_env(b"EMPTY", b"").unwrap();
    for name in [b"B", b"A", b"B"] {
        wasi.add_env(name, b"new").unwrap();
    }
    for (name, value) in [(&b""[..], &b"x"[..]), (b"A=B", b"x"), (b"N\0", b"x"), (b"N", b"\0")] {
        assert_eq!(wasi.add_env(name, value).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
    assert_eq!(wasi.add_arg(b"a\0b").unwrap_err().kind(), ErrorKind::InvalidArgument);
    let mut g = Guest::new(wasi);
    assert_eq!(strings(&mut g, "args_sizes_get", "args_get"), ["program", "", "zwei Wörter"]);
    assert_eq!(strings(&mut g, "environ_sizes_get", "environ_get"), ["EMPTY=", "A=new", "B=new"]);
    let mut wasi = Wasi::new();
    wasi.inherit_env().unwrap();
    let mut g = Guest::new(wasi);
    let path = format!("PATH={}", std::env::var("PATH").unwrap());
    assert!(strings(&mut g, "environ_sizes_get", "environ_get").contains(&path));
    let mut g = Guest::new(Wasi::new());
    assert_eq!(strings(&mut g, "args_sizes_get", "args_get").len(), 0);
}

#[test]
fn exits_are_errors() {
    let mut g = Guest::new(Wasi::new());
    for status in [0, 7, 255, u32::MAX] {
        let e = g.try_call("proc_exit", &[status.into()]).unwrap_err();
        assert_eq!((e.kind(), e.exit_status()), (ErrorKind::Exit, Some(status as i32)));
    }
    let e = g.try_call("proc_raise", &[6]).unwrap_err();
    assert_eq!((e.kind(), e.exit_status()), (ErrorKind::Exit, Some(134)));
    assert_eq!((g.call("proc_raise", &[0]), g.call("proc_raise", &[16])), (0, 0));
    assert_eq!((g.call("proc_raise", &[18]), g.call("proc_raise", &[31])), (errno::NOTSUP, errno::INVAL));
    assert_eq!(g.call("sched_yield", &[]), 0);
}

#[test]
fn the_systems_clocks_and_random_bytes() {
    let mut g = Guest::new(Wasi::new());
    for id in 0..4 {
        assert_eq!(g.call("clock_res_get", &[id, OUT.into()]), 0);
        assert!((1..1_000_000_000).contains(&g.u64(OUT)));
        assert_eq!(g.call("clock_time_get", &[id, 0, OUT.into()]), 0);
        let before = g.u64(OUT);
        assert_eq!(g.call("clock_time_get", &[id, 0, OUT.into()]), 0);
        assert!(g.u64(OUT) >= before);
    }
    assert_eq!(g.call("clock_time_get", &[0, 0, OUT.into()]), 0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    assert!(now.abs_diff(g.u64(OUT)) < 60_000_000_000);
    assert_eq!(g.call("clock_time_get", &[4, 0, OUT.into()]), errno::INVAL);
    assert_eq!(g.call("clock_res_get", &[4, OUT.into()]), errno::INVAL);
    assert_eq!(g.call("random_get", &[DATA.into(), 100_000]), 0);
    let bytes = g.get(DATA, 100_000);
    assert!(bytes.chunks(1000).all(|c| c.iter().any(|b| *b != 0)));
    assert_eq!(g.get(DATA + 100_000, 8), [0; 8]);
}

#[test]
fn the_hosts_clocks_and_random_bytes() {
    let mut wasi = Wasi::new();
    let mut time = 1000;
    wasi.set_clock(Box::new(move |id| {
        time += 1;
        if id == 3 { Err(Errno::NOTSUP) } else { Ok(time * 10 + u64::from(id)) }
    }));
    let mut next = 0u8;
    wasi.set_random(Box::new(move |bytes| {
        bytes.iter_mut().for_each(|b| {
            *b = next;
            next = next.wrapping_add(1);
        });
        Ok(())
    }));
    let mut g = Guest::new(wasi);
    assert_eq!(g.call("clock_time_get", &[0, 0, OUT.into()]), 0);
    assert_eq!(g.u64(OUT), 10010);
    assert_eq!(g.call("clock_time_get", &[1, 0, OUT.into()]), 0);
    assert_eq!(g.u64(OUT), 10021);
    assert_eq!(g.call("clock_time_get", &[3, 0, OUT.into()]), errno::NOTSUP);
    assert_eq!(g.call("random_get", &[DATA.into(), 10_000]), 0);
    assert!(g.get(DATA, 10_000).iter().enumerate().all(|(i, b)| *b == i as u8));
}

#[test]
fn one_linker_for_many_stores() {
    let engine = Engine::new(&Config::new()).unwrap();
    let mut linker = Linker::new(&engine);
    linker.define_wasi().unwrap();
    linker.define_wasi().unwrap();
    let module = Module::new(&engine, passing_on("(memory (export \"memory\") 1)").as_bytes()).unwrap();
    for count in 0..3 {
        let mut store = Store::new(&engine).unwrap();
        let mut wasi = Wasi::new();
        (0..count).for_each(|_| wasi.add_arg(b"x").unwrap());
        store.set_wasi(wasi);
        let i = linker.instantiate(&mut store, &module).unwrap();
        let Ok(Some(Extern::Func(f))) = i.export(&mut store, "args_sizes_get") else { panic!() };
        let Ok(Some(Extern::Memory(m))) = i.export(&mut store, "memory") else { panic!() };
        let mut out = [Val::I32(1)];
        f.call(&mut store, &[Val::I32(0), Val::I32(4)], &mut out).unwrap();
        let mut bytes = [0; 4];
        m.read(&store, 0, &mut bytes).unwrap();
        assert_eq!((out[0], u32::from_le_bytes(bytes)), (Val::I32(0), count));
    }
}

/// A host replaces single functions, with other types as well, by defining its own first.
#[test]
fn single_functions_are_replaced() {
    let engine = Engine::new(&Config::new()).unwrap();
    let mut linker = Linker::new(&engine);
    let ty = FuncType::new([ValType::I32; 5], [ValType::I32]);
    let seek = HostDefinition::new(&ty, |_, args, results| {
        results[0] = args[4];
        Ok(())
    });
    linker.define_func(MODULE, "fd_seek", seek.unwrap()).unwrap();
    linker.define_wasi().unwrap();
    let text = format!(
        "(module (import \"{MODULE}\" \"fd_seek\" (func $seek (param i32 i32 i32 i32 i32) (result i32)))
           (import \"{MODULE}\" \"sched_yield\" (func $yield (result i32)))
           (func (export \"run\") (result i32) (i32.add (call $yield)
             (call $seek (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 7)))))"
    );
    let mut store = Store::new(&engine).unwrap();
    store.set_wasi(Wasi::new());
    let i = linker.instantiate(&mut store, &Module::new(&engine, text.as_bytes()).unwrap()).unwrap();
    let Ok(Some(Extern::Func(run))) = i.export(&mut store, "run") else { panic!() };
    let mut out = [Val::I32(0)];
    run.call(&mut store, &[], &mut out).unwrap();
    assert_eq!(out[0], Val::I32(7));
}

#[test]
fn without_a_state_or_a_memory_there_is_an_error() {
    let engine = Engine::new(&Config::new()).unwrap();
    let mut linker = Linker::new(&engine);
    linker.define_wasi().unwrap();
    let run = |store: &mut Store, memory: &str, name: &str, args: &[Val]| {
        let i = linker.instantiate(store, &Module::new(&engine, passing_on(memory).as_bytes()).unwrap()).unwrap();
        let Ok(Some(Extern::Func(f))) = i.export(store, name) else { panic!("no {name}") };
        let mut out = [Val::I32(-1)];
        f.call(store, args, &mut out).map(|()| out[0])
    };
    let sizes = [Val::I32(0), Val::I32(4)];
    let mut store = Store::new(&engine).unwrap();
    let e = run(&mut store, "(memory (export \"memory\") 1)", "args_sizes_get", &sizes).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::InvalidArgument);
    assert!(e.message().contains("no WASI state"), "{e}");
    store.set_wasi(Wasi::new());
    for memory in ["", "(memory 1)", "(memory (export \"mem\") 1)", "(global (export \"memory\") i32 (i32.const 0))"] {
        let e = run(&mut store, memory, "args_sizes_get", &sizes).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Link, "{memory}");
        assert!(e.message().contains("\"memory\""), "{e}");
        // Functions that need no memory work.
        assert_eq!(run(&mut store, memory, "sched_yield", &[]).unwrap(), Val::I32(0));
    }
    assert_eq!(run(&mut store, "(memory (export \"memory\") 1)", "args_sizes_get", &sizes).unwrap(), Val::I32(0));
}

/// Each instance that calls uses its own memory.
#[test]
fn the_callers_memory_is_used() {
    let engine = Engine::new(&Config::new()).unwrap();
    let mut linker = Linker::new(&engine);
    linker.define_wasi().unwrap();
    let module = Module::new(&engine, passing_on("(memory (export \"memory\") 1)").as_bytes()).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let mut wasi = Wasi::new();
    wasi.add_arg(b"abc").unwrap();
    store.set_wasi(wasi);
    let made: Vec<_> = (0..2).map(|_| linker.instantiate(&mut store, &module).unwrap()).collect();
    for (at, i) in [(100, made[0]), (200, made[1]), (300, made[0])] {
        let Ok(Some(Extern::Func(f))) = i.export(&mut store, "args_sizes_get") else { panic!() };
        f.call(&mut store, &[Val::I32(at), Val::I32(at + 4)], &mut [Val::I32(0)]).unwrap();
    }
    let mut found = Vec::new();
    for i in &made {
        let Ok(Some(Extern::Memory(m))) = i.export(&mut store, "memory") else { panic!() };
        let at = |at| {
            let mut byte = [0];
            m.read(&store, at, &mut byte).unwrap();
            byte[0]
        };
        found.push([at(100), at(200), at(300)]);
    }
    assert_eq!(found, [[1, 0, 1], [0, 1, 0]]);
}

/// A start function is a caller like any other, even if an instance already exists.
#[test]
fn start_functions_call() {
    let engine = Engine::new(&Config::new()).unwrap();
    let mut linker = Linker::new(&engine);
    linker.define_wasi().unwrap();
    let text = format!(
        "(module (import \"{MODULE}\" \"args_sizes_get\" (func $f (param i32 i32) (result i32)))
            (memory (export \"memory\") 1) (start $start)
            (func $start (drop (call $f (i32.const 0) (i32.const 4)))))"
    );
    let module = Module::new(&engine, text.as_bytes()).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let mut wasi = Wasi::new();
    wasi.add_arg(b"abc").unwrap();
    store.set_wasi(wasi);
    for _ in 0..2 {
        let i = linker.instantiate(&mut store, &module).unwrap();
        let Ok(Some(Extern::Memory(m))) = i.export(&mut store, "memory") else { panic!() };
        let mut bytes = [0; 8];
        m.read(&store, 0, &mut bytes).unwrap();
        assert_eq!(bytes, [1, 0, 0, 0, 4, 0, 0, 0]);
        m.write(&mut store, 0, &[0; 8]).unwrap();
    }
}

/// A callback's data is freed once, with the state; a replaced state is freed immediately.
#[test]
fn states_are_dropped() {
    struct Count(Arc<AtomicU32>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let drops = Arc::new(AtomicU32::new(0));
    let with_callbacks = || {
        let mut wasi = Wasi::new();
        let (a, b, c) = (Count(drops.clone()), Count(drops.clone()), Count(drops.clone()));
        wasi.set_clock(Box::new(move |_| Ok(a.0.load(SeqCst).into())));
        wasi.set_reader(Box::new(move |_| Ok(b.0.load(SeqCst) as usize)));
        wasi.set_writer(1, Box::new(move |_| Ok(c.0.load(SeqCst) as usize))).unwrap();
        wasi
    };
    let mut g = Guest::new(with_callbacks());
    g.store.set_wasi(with_callbacks());
    assert_eq!(drops.load(SeqCst), 3);
    g.close(1);
    drop(g);
    assert_eq!(drops.load(SeqCst), 6);
    drop(with_callbacks());
    assert_eq!(drops.load(SeqCst), 9);
}

/// A panic in a callback ends the call with an error, and the state is put back.
#[test]
fn callbacks_that_panic_do_not_take_the_state_away() {
    let mut wasi = Wasi::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = log.clone();
    wasi.set_clock(Box::new(move |id| {
        seen.lock().unwrap().push(id);
        if id == 1 { panic!("on purpose") } else { Ok(5) }
    }));
    let mut g = Guest::new(wasi);
    assert_eq!(g.try_call("clock_time_get", &[1, 0, OUT.into()]).unwrap_err().kind(), ErrorKind::Internal);
    assert!(g.store.wasi().is_some());
}
