//! Limited address space: memories reserve less of it, and move when they outgrow the reservation; engines and stores still start; and
//! errors say how much was needed, and which setting reduces it.

use std::process::Command;
use wrt::api::*;

const VARIABLE: &str = "WRT_TEST_ADDRESS_SPACE";
/// The address space of a limited process, in bytes.
const LITTLE: u64 = 900 << 20;
const PAGE: u64 = 1 << 16;

/// All compilers and modes, and the initial reservation of memories.
fn configs() -> Vec<Config> {
    let mut all = Vec::new();
    for reservation in [0, PAGE, 5 * PAGE + 1] {
        for signals in [true, false] {
            for lazy in [true, false] {
                let config = Config::new().signals(signals).lazy(lazy).background(false);
                let config = config.feature("custom-page-sizes", true).unwrap();
                all.push(config.memory_reservation(reservation));
            }
        }
    }
    all
}

fn func(store: &mut Store, instance: &Instance, name: &str) -> Func {
    let Some(Extern::Func(f)) = instance.export(store, name).unwrap() else { panic!("no {name}") };
    f
}

fn call(store: &mut Store, f: Func, args: &[Val]) -> std::result::Result<Val, Trap> {
    let mut out = [Val::I32(0)];
    let count = f.ty(store).unwrap().results().len();
    match f.call(store, args, &mut out[..count]) {
        Ok(()) => Ok(out[0]),
        Err(e) => Err(e.trap_code().unwrap_or_else(|| panic!("{e}"))),
    }
}

fn memory(store: &mut Store, instance: &Instance, name: &str) -> Memory {
    let Some(Extern::Memory(m)) = instance.export(store, name).unwrap() else { panic!("no {name}") };
    m
}

/// Growth in the guest, in a callee, and in the host, between accesses of one function, which must find the memory at its new address.
/// `ix` is the type of indexes and `p` the number of bytes in a page.
fn growing(ix: &str, limits: &str, last: u64, pages: u64) -> String {
    format!(
        r#"(module
  (import "host" "grow" (func $host ({ix_result})))
  (memory $other 1)
  (memory (export "m") {limits})
  (data (memory 1) ({ix}.const 8) "begin") (data (memory 1) ({ix}.const {last}) "end")
  (func $callee (result {ix}) (memory.grow 1 ({ix}.const {pages})))
  (func (export "get") (param {ix}) (result i32) (i32.load8_u 1 (local.get 0)))
  (func (export "word") (param {ix}) (result i64) (i64.load 1 offset=3 (local.get 0)))
  (func (export "set") (param {ix} i32) (i32.store8 1 (local.get 0) (local.get 1)))
  (func (export "size") (result {ix}) (memory.size 1))
  (func (export "grow") (param {ix}) (result {ix}) (memory.grow 1 (local.get 0)))
  (func (export "fill") (param {ix} i32 {ix}) (memory.fill 1 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param {ix} {ix} {ix}) (memory.copy 1 1 (local.get 0) (local.get 1) (local.get 2)))
  ;; Counts in a byte, and grows in three ways while it does. Returns the count.
  (func (export "work") (param $at {ix}) (result i32)
    (local $i i32)
    (loop $again
      (i32.store8 1 (local.get $at) (i32.add (i32.load8_u 1 (local.get $at)) (i32.const 1)))
      (i32.store8 (i32.const 7) (local.get $i))
      (drop (memory.grow 1 ({ix}.const {pages})))
      (i32.store8 1 (local.get $at) (i32.add (i32.load8_u 1 (local.get $at)) (i32.const 1)))
      (drop (call $callee))
      (i32.store8 1 (local.get $at) (i32.add (i32.load8_u 1 (local.get $at)) (i32.const 1)))
      (drop (call $host))
      (i32.store8 1 (local.get $at) (i32.add (i32.load8_u 1 (local.get $at)) (i32.const 1)))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10))))
    (i32.load8_u 1 (local.get $at))))"#,
        ix_result = format_args!("result {ix}"),
    )
}

#[test]
fn a_memory_moves_with_what_is_in_it() {
    let kinds = [
        ("i32", "1 40", PAGE - 3, 1, PAGE),
        ("i64", "i64 1 40", PAGE - 3, 1, PAGE),
        ("i32", "65536 2621440 (pagesize 1)", PAGE - 3, PAGE, 1),
        ("i64", "i64 100000 2700000 (pagesize 1)", PAGE + 7, 65537, 1),
    ];
    let mut moved = 0;
    for config in configs() {
        let engine = Engine::new(&config).unwrap();
        for (ix, limits, last, pages, page_size) in kinds {
            let module = Module::new(&engine, growing(ix, limits, last, pages).as_bytes()).unwrap();
            moved += work(&engine, &module, ix == "i64", last, pages, page_size);
            // Pooled memories of deleted instances behave like new ones.
            work(&engine, &module, ix == "i64", last, pages, page_size);
        }
    }
    assert!(moved > 20, "hardly any memory has moved: {moved}");
}

/// The number of times the memory has moved.
fn work(engine: &Engine, module: &Module, is_64: bool, last: u64, pages: u64, page_size: u64) -> usize {
    let index = move |v: u64| if is_64 { Val::I64(v as i64) } else { Val::I32(v as i32) };
    let mut store = Store::new(engine).unwrap();
    let grown = std::sync::Arc::new(std::sync::Mutex::new((None::<Memory>, Vec::new())));
    let (known, ty) = (grown.clone(), if is_64 { ValType::I64 } else { ValType::I32 });
    let host = Func::new(&mut store, &FuncType::new([], [ty]), move |caller, _, results| {
        let (memory, places) = &mut *known.lock().unwrap();
        let memory = memory.expect("set before the call");
        let store = caller.store();
        // It fails at the end, as it should.
        let old = memory.grow(store, pages).map_or(-1, |old| old as i64);
        places.push(memory.data_ptr(store)? as usize);
        results[0] = index(old as u64);
        Ok(())
    });
    let instance = Instance::new(&mut store, module, &[Extern::Func(host.unwrap())]).unwrap();
    let m = memory(&mut store, &instance, "m");
    grown.lock().unwrap().0 = Some(m);
    let [get, set, word, size, grow, fill, copy, work] =
        ["get", "set", "word", "size", "grow", "fill", "copy", "work"].map(|name| func(&mut store, &instance, name));
    let byte = |store: &mut Store, at: u64| call(store, get, &[index(at)]);
    let begins_with = m.data_size(&store).unwrap() as u64;
    let before = m.data_ptr(&store).unwrap() as usize;

    let at = 100;
    assert_eq!(byte(&mut store, begins_with), Err(Trap::MemoryOutOfBounds));
    assert_eq!(call(&mut store, word, &[index(begins_with - 10)]), Err(Trap::MemoryOutOfBounds));
    call(&mut store, word, &[index(begins_with - 11)]).unwrap();
    assert_eq!(call(&mut store, work, &[index(at)]), Ok(Val::I32(40)), "every access was where the memory was");
    let bytes = m.data_size(&store).unwrap() as u64;
    assert_eq!(bytes, begins_with + 30 * pages * page_size);
    assert_eq!(call(&mut store, size, &[]), Ok(index(bytes / page_size)));
    for (start, text) in [(8, &b"begin"[..]), (last, b"end")] {
        for (i, b) in text.iter().enumerate() {
            assert_eq!(byte(&mut store, start + i as u64), Ok(Val::I32((*b).into())));
        }
    }
    // New pages are zero to the last byte, and accesses beyond them trap.
    let mut all = vec![1; bytes as usize];
    m.read(&store, 0, &mut all).unwrap();
    assert!(all[begins_with as usize..].iter().all(|b| *b == 0));
    assert_eq!(byte(&mut store, bytes - 1), Ok(Val::I32(0)));
    assert_eq!(byte(&mut store, bytes), Err(Trap::MemoryOutOfBounds));
    assert_eq!(call(&mut store, word, &[index(bytes - 10)]), Err(Trap::MemoryOutOfBounds));
    assert_eq!(call(&mut store, set, &[index(u64::MAX), Val::I32(1)]), Err(Trap::MemoryOutOfBounds));

    call(&mut store, fill, &[index(bytes - 5), Val::I32(9), index(5)]).unwrap();
    assert_eq!(byte(&mut store, bytes - 1), Ok(Val::I32(9)));
    call(&mut store, copy, &[index(0), index(bytes - 2), index(2)]).unwrap();
    assert_eq!(byte(&mut store, 1), Ok(Val::I32(9)));
    assert_eq!(call(&mut store, copy, &[index(0), index(bytes - 2), index(3)]), Err(Trap::MemoryOutOfBounds));
    assert_eq!(call(&mut store, fill, &[index(bytes), Val::I32(9), index(1)]), Err(Trap::MemoryOutOfBounds));

    // Growth beyond the type's maximum changes nothing.
    assert_eq!(call(&mut store, grow, &[index(1 << 22)]), Ok(index(u64::MAX)));
    assert!(m.grow(&mut store, 1 << 22).is_err());
    assert_eq!(m.data_size(&store).unwrap() as u64, bytes);
    m.write(&mut store, bytes - 1, b"x").unwrap();
    assert_eq!(byte(&mut store, bytes - 1), Ok(Val::I32(b'x'.into())));
    let places = &grown.lock().unwrap().1;
    std::iter::once(&before).chain(places).zip(places).filter(|(a, b)| a != b).count()
}

/// All users of a memory find it: the instance that defines it, one that imports it, and the host.
#[test]
fn a_memory_moves_for_all_who_know_it() {
    const OWNER: &str = r#"(module (memory (export "m") 1) (data (i32.const 0) "abc")
        (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
        (func (export "grow") (result i32) (memory.grow (i32.const 20))))"#;
    const USER: &str = r#"(module (import "o" "m" (memory 1)) (import "o" "grow" (func $grow (result i32)))
        (func (export "get") (param i32) (result i32)
          (i32.store8 (i32.const 60000) (i32.load8_u (local.get 0)))
          (drop (call $grow))
          (i32.add (i32.load8_u (i32.const 60000)) (i32.load8_u (local.get 0)))))"#;
    for config in configs() {
        let engine = Engine::new(&config).unwrap();
        let [owner, user] = [OWNER, USER].map(|text| Module::new(&engine, text.as_bytes()).unwrap());
        let mut store = Store::new(&engine).unwrap();
        let owner = Instance::new(&mut store, &owner, &[]).unwrap();
        let imports = ["m", "grow"].map(|name| owner.export(&mut store, name).unwrap().unwrap());
        let user = Instance::new(&mut store, &user, &imports).unwrap();
        let (get, own) = (func(&mut store, &user, "get"), func(&mut store, &owner, "get"));
        for _ in 0..5 {
            assert_eq!(call(&mut store, get, &[Val::I32(1)]), Ok(Val::I32(2 * i32::from(b'b'))));
            assert_eq!(call(&mut store, own, &[Val::I32(60000)]), Ok(Val::I32(b'b'.into())));
        }
        let m = memory(&mut store, &owner, "m");
        assert_eq!(m.size(&store).unwrap(), 101);
        let mut bytes = [0; 3];
        m.read(&store, 0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"abc");
    }
}

/// A memory that the system cannot move (since a part of it has other attributes) is copied.
#[test]
fn what_the_system_cannot_move_is_copied() {
    let engine = Engine::new(&Config::new().memory_reservation(0)).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let m = Memory::new(&mut store, MemoryType::new(Limits { min: 10, max: None })).unwrap();
    let text: Vec<u8> = (0..10 * PAGE as usize).map(|i| (i % 251) as u8).collect();
    m.write(&mut store, 0, &text).unwrap();
    // SAFETY: advice for two pages of the memory.
    let advised =
        unsafe { libc::madvise(m.data_ptr(&store).unwrap().add(4 * PAGE as usize).cast(), 8192, libc::MADV_DONTFORK) };
    assert_eq!(advised, 0);
    for pages in [10, 11, 500] {
        m.grow(&mut store, pages).unwrap();
        let mut now = vec![0; m.data_size(&store).unwrap()];
        m.read(&store, 0, &mut now).unwrap();
        assert!(now.starts_with(&text) && now[text.len()..].iter().all(|b| *b == 0));
    }
}

/// A saved module records which engines it is for.
#[test]
fn saved_modules_say_whether_memories_move() {
    const TEXT: &str = r#"(module (memory (export "m") 2) (data (i32.const 70000) "x")
        (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let [fixed, moving, other] =
        [u64::MAX, 0, 1 << 20].map(|reservation| Engine::new(&Config::new().memory_reservation(reservation)).unwrap());
    let [for_fixed, for_moving] =
        [&fixed, &moving].map(|engine| Module::new(engine, TEXT.as_bytes()).unwrap().save().unwrap());
    for (engine, saved) in [(&fixed, &for_fixed), (&moving, &for_moving), (&other, &for_moving)] {
        // SAFETY: saved by this test.
        let module = unsafe { Module::load(engine, saved) }.unwrap();
        let mut store = Store::new(engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let (get, grow) = (func(&mut store, &instance, "get"), func(&mut store, &instance, "grow"));
        for pages in [1, 100] {
            assert!(!matches!(call(&mut store, grow, &[Val::I32(pages)]), Ok(Val::I32(-1))));
            assert_eq!(call(&mut store, get, &[Val::I32(70000)]), Ok(Val::I32(b'x'.into())));
        }
    }
    for (engine, saved) in [(&fixed, &for_moving), (&moving, &for_fixed)] {
        // SAFETY: saved by this test.
        let e = unsafe { Module::load(engine, saved) }.err().expect("is for others");
        assert!(e.to_string().contains("wrt_config_set_memory_reservation"), "{e}");
    }
}

/// Runs a test of this program in a process with limited address space.
fn with_little(test: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(VARIABLE, "1")
        .output()
        .unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{out}{err}");
}

/// Whether `with_little` has started this process. If so, limits its address space from then on.
fn is_little() -> bool {
    if std::env::var(VARIABLE).is_err() {
        return false;
    }
    let limit = libc::rlimit { rlim_cur: LITTLE, rlim_max: LITTLE };
    // SAFETY: a plain system call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
    true
}

const EVERYTHING: &str = r#"(module
  (memory (export "m") 1) (data (i32.const 10) "data")
  (type $node (struct (field i32) (field (ref null $node))))
  (table (export "t") 10 externref)
  (tag $e (param i32))
  (func (export "list") (param i32) (result i32)
    (local $list (ref null $node))
    (loop $again
      (local.set $list (struct.new $node (local.get 0) (local.get $list)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (struct.get $node 0 (local.get $list)))
  (func (export "thrown") (param i32) (result i32)
    (block $caught (result i32) (try_table (catch $e $caught) (throw $e (local.get 0))) (unreachable)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;

/// With the settings for this purpose, everything works in limited address space, and many engines and stores fit.
#[test]
fn everything_works_in_little() {
    if !is_little() {
        return with_little("everything_works_in_little");
    }
    for signals in [true, false] {
        for lazy in [true, false] {
            let config =
                Config::new().signals(signals).lazy(lazy).memory_reservation(1 << 20).heap_reservation(16 << 20);
            let engines: Vec<Engine> = (0..6).map(|_| Engine::new(&config).unwrap()).collect();
            // Two heaps at a time.
            let mut stores: Vec<Store> = engines[..2].iter().map(|engine| Store::new(engine).unwrap()).collect();
            for (engine, store) in engines.iter().zip(&mut stores) {
                let module = Module::new(engine, EVERYTHING.as_bytes()).unwrap();
                let instance = Instance::new(store, &module, &[]).unwrap();
                let [list, thrown, grow, get] =
                    ["list", "thrown", "grow", "get"].map(|name| func(store, &instance, name));
                assert_eq!(call(store, list, &[Val::I32(100_000)]), Ok(Val::I32(1)));
                assert_eq!(call(store, thrown, &[Val::I32(7)]), Ok(Val::I32(7)));
                assert_eq!(call(store, grow, &[Val::I32(99)]), Ok(Val::I32(1)));
                assert_eq!(call(store, get, &[Val::I32(10)]), Ok(Val::I32(b'd'.into())));
                assert_eq!(call(store, get, &[Val::I32(100 << 16)]), Err(Trap::MemoryOutOfBounds));
                // A smaller size: nothing has changed then.
                assert_eq!(call(store, grow, &[Val::I32(20_000)]), Ok(Val::I32(-1)));
                assert_eq!(call(store, get, &[Val::I32(13)]), Ok(Val::I32(b'a'.into())));
                Ref::host(store, 5u32, 0).unwrap().release(store).unwrap();
            }
            // Without a heap, the number of memories is limited by memory, and not by address space of 4 GiB for each.
            let module = Module::new(&engines[5], b"(module (memory 1))").unwrap();
            let mut many = Store::new(&engines[5]).unwrap();
            for _ in 0..100 {
                Instance::new(&mut many, &module, &[]).unwrap();
            }
        }
    }
}

/// Without these settings, errors say how much was needed, and which setting to change.
#[test]
fn errors_say_what_sets_less() {
    if !is_little() {
        return with_little("errors_say_what_sets_less");
    }
    for signals in [true, false] {
        let engine = Engine::new(&Config::new().signals(signals)).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let says = |e: Error, bytes: u64, setter: &str| {
            let text = e.to_string();
            assert_eq!(e.kind(), ErrorKind::OutOfMemory, "{text}");
            assert!(text.contains(setter) && text.contains(&format!("{bytes} bytes of address space")), "{text}");
        };
        let needs = if signals { (1 << 32) + (32 << 20) } else { 1 << 32 };
        let memory = "wrt_config_set_memory_reservation";
        let module = Module::new(&engine, b"(module (memory 1))").unwrap();
        says(Instance::new(&mut store, &module, &[]).unwrap_err(), needs, memory);
        let ty = MemoryType::new(Limits { min: 1, max: None });
        says(Memory::new(&mut store, ty).unwrap_err(), needs, memory);

        let (heap, needs) = ("wrt_config_set_heap_reservation", 1 << 32);
        says(Ref::host(&mut store, 1u32, 0).unwrap_err(), needs, heap);
        // The guest is the first to need a heap.
        let module = r#"(module (table 1 externref) (elem $e externref (ref.null extern))
            (func (export "init") (table.init $e (i32.const 0) (i32.const 0) (i32.const 1)))
            (func (export "fill") (table.fill (i32.const 0) (ref.null extern) (i32.const 1)))
            (func (export "grow") (drop (table.grow (ref.null extern) (i32.const 1)))))"#;
        let module = Module::new(&engine, module.as_bytes()).unwrap();
        match Instance::new(&mut store, &module, &[]) {
            Err(e) => says(e, needs, heap),
            Ok(instance) => {
                for name in ["init", "fill", "grow"] {
                    says(func(&mut store, &instance, name).call(&mut store, &[], &mut []).unwrap_err(), needs, heap);
                }
            }
        }
        let structs = Module::new(&engine, EVERYTHING.replace("(memory (export \"m\") 1)", "(memory 1 1)").as_bytes());
        says(Instance::new(&mut store, &structs.unwrap(), &[]).unwrap_err(), needs, heap);
    }
}
