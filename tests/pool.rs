//! Pooled parts of an instance show the next instance nothing of it: no bytes, sizes, elements or globals.

use wrt::api::*;

/// Checks that an instance has its initial contents, and then overwrites everything. The second memory has no data; the third has little.
const WAT: &str = r#"(module
  (memory $m (export "m") 4 100) (data (i32.const 65000) "image") (data (i32.const 100000) "of two parts")
  (memory $zero 2) (memory $small 1) (data (memory $small) (i32.const 9) "small")
  (table $t (export "t") 20000 40000 funcref) (elem (table $t) (i32.const 5) func $f $g)
  (table $any 10 anyref)
  (global $n (mut i32) (i32.const 7)) (global $r (mut funcref) (ref.func $f)) (global $v (mut v128) (v128.const i64x2 1 2))
  (func $f (export "f") (result i32) (i32.const 1)) (func $g (result i32) (i32.const 2))
  ;; 0 if everything is as it has to be.
  (func (export "check") (result i32) (local $i i32) (local $bad i32)
    (loop
      (local.set $bad (i32.or (local.get $bad) (i32.load8_u $zero (local.get $i))))
      (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 61))) (i32.const 131072))))
    (local.set $i (i32.const 131072))
    (loop
      (local.set $bad (i32.or (local.get $bad) (i32.load8_u $m (local.get $i))))
      (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 61))) (i32.const 262144))))
    (local.set $bad (i32.or (local.get $bad) (i32.load $m (i32.const 0))))
    (local.set $bad (i32.or (local.get $bad) (i32.ne (i32.load $m (i32.const 65000)) (i32.const 0x67616d69))))
    (local.set $bad (i32.or (local.get $bad) (i32.ne (i32.load $m (i32.const 100002)) (i32.const 0x6f777420))))
    (local.set $bad (i32.or (local.get $bad) (i32.ne (i32.load $small (i32.const 9)) (i32.const 0x6c616d73))))
    (local.set $bad (i32.or (local.get $bad) (i32.load $small (i32.const 60000))))
    (local.set $bad (i32.or (local.get $bad) (i32.ne (memory.size $m) (i32.const 4))))
    (local.set $bad (i32.or (local.get $bad) (i32.ne (memory.size $zero) (i32.const 2))))
    (local.set $bad (i32.or (local.get $bad) (i32.ne (table.size $t) (i32.const 20000))))
    (local.set $i (i32.const 7))
    (loop
      (local.set $bad (i32.or (local.get $bad) (i32.eqz (ref.is_null (table.get $t (local.get $i))))))
      (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20000))))
    (local.set $bad (i32.or (local.get $bad) (i32.ne (i32.const 2) (call_indirect $t (result i32) (i32.const 6)))))
    (local.set $bad (i32.or (local.get $bad) (i32.eqz (ref.is_null (table.get $any (i32.const 3))))))
    (local.set $bad (i32.or (local.get $bad) (i32.ne (global.get $n) (i32.const 7))))
    (local.set $bad (i32.or (local.get $bad) (ref.is_null (global.get $r))))
    (local.set $bad (i32.or (local.get $bad) (i64.ne (i64x2.extract_lane 1 (global.get $v)) (i64.const 2))))
    (local.get $bad))
  ;; Writes at many places, grows by so many pages, and traps if asked to.
  (func (export "spoil") (param $pages i32) (param $traps i32) (local $i i32)
    (memory.fill $m (i32.const 0) (i32.const 255) (i32.const 300))
    (memory.fill $m (i32.const 64990) (i32.const 255) (i32.const 70000))
    (memory.fill $zero (i32.const 4096) (i32.const 255) (i32.const 100000))
    (memory.fill $small (i32.const 0) (i32.const 255) (i32.const 65536))
    (if (i32.ne (memory.grow $m (local.get $pages)) (i32.const -1))
      (then (memory.fill $m (i32.const 200000) (i32.const 255) (i32.add (i32.const 62144) (i32.mul (local.get $pages) (i32.const 65536))))))
    (drop (memory.grow $zero (i32.const 1)))
    (loop
      (table.set $t (local.get $i) (ref.func $g))
      (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20000))))
    (drop (table.grow $t (ref.func $f) (local.get $pages)))
    (table.set $any (i32.const 3) (ref.i31 (i32.const 1)))
    (global.set $n (i32.const 8)) (global.set $r (ref.null func)) (global.set $v (v128.const i64x2 3 4))
    (if (local.get $traps) (then (drop (i32.load $m (i32.const -4)))))))"#;

fn func(store: &mut Store, instance: &Instance, name: &str) -> Func {
    let Some(Extern::Func(f)) = instance.export(store, name).unwrap() else { panic!("no {name}") };
    f
}

fn memory(store: &mut Store, instance: &Instance, name: &str) -> Memory {
    let Some(Extern::Memory(m)) = instance.export(store, name).unwrap() else { panic!("no {name}") };
    m
}

fn check(store: &mut Store, instance: &Instance) {
    let mut out = [Val::I32(1)];
    func(store, instance, "check").call(store, &[], &mut out).unwrap();
    assert_eq!(out[0], Val::I32(0));
    let m = memory(store, instance, "m");
    assert_eq!(m.size(store).unwrap(), 4);
    // Every byte of it.
    let mut all = vec![1; 4 << 16];
    m.read(store, 0, &mut all).unwrap();
    let mut wanted = vec![0; 4 << 16];
    wanted[65000..65005].copy_from_slice(b"image");
    wanted[100000..100012].copy_from_slice(b"of two parts");
    assert!(all == wanted);
}

fn spoil(store: &mut Store, instance: &Instance, pages: i32, traps: bool) {
    let f = func(store, instance, "spoil");
    let result = f.call(store, &[Val::I32(pages), Val::I32(traps.into())], &mut []);
    assert_eq!(result.is_err(), traps);
}

fn options(memories: usize, resident: usize) -> PoolOptions {
    PoolOptions {
        memories,
        memory_resident: resident,
        tables: memories,
        table_resident: resident,
        ..PoolOptions::default()
    }
}

fn configs() -> impl Iterator<Item = Config> {
    let kinds =
        [(0, 0), (1, 0), (100, 0), (100, 4096), (2, 10000), (100, 64 << 10), (100, 1 << 30), (usize::MAX, usize::MAX)];
    kinds.into_iter().flat_map(|(memories, resident)| {
        [true, false].map(|signals| Config::new().signals(signals).pool(options(memories, resident)))
    })
}

/// Whether this system reports which pages were written; if not, no memory stays resident.
fn can_tell(engine: &Engine) -> bool {
    let module = Module::new(engine, b"(module (memory (export \"m\") 1))").unwrap();
    let mut store = Store::new(engine).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    memory(&mut store, &instance, "m").write(&mut store, 0, &[1]).unwrap();
    drop(store);
    engine.pool_statistics().memory_bytes_resident > 0
}

#[test]
fn an_instance_sees_nothing_of_an_earlier_one() {
    for config in configs() {
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, WAT.as_bytes()).unwrap();
        for round in 0..12 {
            let mut store = Store::new(&engine).unwrap();
            let both = [(); 2].map(|()| Instance::new(&mut store, &module, &[]).unwrap());
            for (i, instance) in both.iter().enumerate() {
                check(&mut store, instance);
                spoil(&mut store, instance, [0, 1, 9][round % 3] + i as i32, round % 2 == 1);
            }
        }
        let s = engine.pool_statistics();
        assert_eq!(s.memories_in_use, 0, "{s:?}");
        assert_eq!(s.memories_made + s.memories_reused, 12 * 2 * 3, "{s:?}");
    }
}

/// The same, if instances are released in a long-lived store.
#[test]
fn an_instance_sees_nothing_of_a_released_one() {
    for config in configs() {
        let engine = Engine::new(&config.gc_zeal(3).gc_verify(true)).unwrap();
        let module = Module::new(&engine, WAT.as_bytes()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        for round in 0..12 {
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            check(&mut store, &instance);
            spoil(&mut store, &instance, round % 4, round % 3 == 1);
            instance.release(&mut store).unwrap();
            store.gc().unwrap();
        }
        assert_eq!(engine.pool_statistics().memories_in_use, 0);
    }
}

/// Only as much memory as was configured stays resident, and what is reused is what was kept.
#[test]
fn only_so_much_is_kept() {
    for (memories, resident) in [(0, 1 << 20), (1, 0), (2, 8192), (3, 1 << 20)] {
        let engine = Engine::new(&Config::new().pool(options(memories, resident))).unwrap();
        let module = Module::new(&engine, WAT.as_bytes()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        spoil(&mut store, &instance, 9, false);
        assert_eq!(engine.pool_statistics().memories_in_use, 3);
        assert_eq!(engine.pool_statistics().memories_kept, 0);
        drop(store);
        let s = engine.pool_statistics();
        assert_eq!((s.memories_in_use, s.memories_kept, s.memories_reused), (0, memories as u64, 0), "{s:?}");
        assert_eq!(s.tables_kept, memories.min(1) as u64);
        assert!(s.memory_bytes_resident <= (memories * resident) as u64, "{s:?}");
        let mut store = Store::new(&engine).unwrap();
        Instance::new(&mut store, &module, &[]).unwrap();
        let s = engine.pool_statistics();
        assert_eq!(
            (s.memories_kept, s.memories_reused, s.memories_made),
            (0, memories as u64, 6 - memories as u64),
            "{s:?}"
        );
    }
    let engine = Engine::new(&Config::new().pool(options(3, 1 << 20))).unwrap();
    if can_tell(&engine) {
        let module = Module::new(&engine, WAT.as_bytes()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        spoil(&mut store, &instance, 0, false);
        drop(store);
        // At least the bytes that were filled.
        assert!(engine.pool_statistics().memory_bytes_resident >= 230_000, "{:?}", engine.pool_statistics());
        assert!(engine.pool_statistics().table_bytes_resident >= 160_000, "{:?}", engine.pool_statistics());
    }
}

/// Modules with different sizes and data reuse each other's memories.
#[test]
fn modules_take_turns() {
    let with = |pages: u32, at: u32, data: &str| {
        format!(
            r#"(module (memory (export "m") {pages} 1000) (data (i32.const {at}) "{}")
            (func (export "last") (param i32) (result i32) (i32.load8_u (local.get 0))))"#,
            data.repeat(20000)
        )
    };
    for config in configs() {
        let engine = Engine::new(&config).unwrap();
        let mut kinds = vec![];
        for (pages, at, data) in
            [(5, 100, "a"), (2, 5000, "bc"), (40, 12345, "d"), (1, 20000, "xy"), (2, 5000, "bd"), (0, 0, "")]
        {
            let module = Module::new(&engine, with(pages, at, data).as_bytes()).unwrap();
            kinds.push((module, pages as usize, at as usize, data.repeat(20000)));
        }
        for round in 0..18 {
            // Modules that are created and deleted: no module sees the image of another, wherever it is in memory.
            let other = ["p", "q", "r"][round % 3];
            let passing = (Module::new(&engine, with(3, 777, other).as_bytes()).unwrap(), 3, 777, other.repeat(20000));
            for (module, pages, at, data) in [&kinds[round * 5 % 6], &passing] {
                let mut store = Store::new(&engine).unwrap();
                let instance = Instance::new(&mut store, module, &[]).unwrap();
                let m = memory(&mut store, &instance, "m");
                let mut all = vec![1; pages << 16];
                m.read(&store, 0, &mut all).unwrap();
                let mut wanted = vec![0; pages << 16];
                wanted[*at..*at + data.len()].copy_from_slice(data.as_bytes());
                assert!(all == wanted, "round {round}");
                // After its end there is nothing, however much a longer one has left accessible.
                let last = func(&mut store, &instance, "last");
                let end = (*pages << 16) as i32;
                let e = last.call(&mut store, &[Val::I32(end)], &mut [Val::I32(0)]).unwrap_err();
                assert_eq!(e.trap_code(), Some(Trap::MemoryOutOfBounds));
                if *pages > 0 {
                    last.call(&mut store, &[Val::I32(end - 1)], &mut [Val::I32(0)]).unwrap();
                    m.write(&mut store, 0, &vec![0xee; pages << 16]).unwrap();
                }
                m.grow(&mut store, 2).unwrap();
                m.write(&mut store, end as u64, &[0xee; 100]).unwrap();
            }
        }
    }
}

/// Instantiation fails at an element, before the data is written: a function that is already in a table finds only zeros in the memory.
#[test]
fn data_comes_after_elements() {
    let engine = Engine::new(&Config::new()).unwrap();
    let data = "z".repeat(20000);
    let table = Module::new(&engine, b"(module (table (export \"t\") 10 funcref))").unwrap();
    let fails = format!(
        r#"(module (import "" "t" (table 10 funcref)) (global (import "" "at") i32) (memory 1) (data (i32.const 0) "{data}")
        (elem (i32.const 0) $look) (elem (global.get 0) $look)
        (func $look (result i32) (i32.load (i32.const 8))))"#
    );
    let module = Module::new(&engine, fails.as_bytes()).unwrap();
    for round in 0..4 {
        let mut store = Store::new(&engine).unwrap();
        let instance = Instance::new(&mut store, &table, &[]).unwrap();
        let Some(Extern::Table(t)) = instance.export(&mut store, "t").unwrap() else { panic!("no t") };
        // The first instantiation succeeds, so that there is a memory with an image to reuse.
        let at = if round == 0 { 9 } else { 10 };
        let ty = GlobalType { content: ValType::I32, mutable: false };
        let at = Global::new(&mut store, ty, Val::I32(at)).unwrap();
        let made = Instance::new(&mut store, &module, &[Extern::Table(t), Extern::Global(at)]);
        assert_eq!(made.is_ok(), round == 0);
        let Val::FuncRef(Some(look)) = t.get(&mut store, 0).unwrap() else { panic!("no function") };
        let mut out = [Val::I32(1)];
        look.call(&mut store, &[], &mut out).unwrap();
        assert_eq!(out[0], Val::I32(if round == 0 { 0x7a7a7a7a } else { 0 }));
    }
}

/// The n-th allocation fails while the memory of an earlier instance is prepared for one of another module.
#[test]
fn a_failure_shows_nothing_either() {
    let other = format!("(module (memory 9) (memory 1) (data (i32.const 4096) \"{}\"))", "o".repeat(50000));
    for config in configs() {
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, WAT.as_bytes()).unwrap();
        let other = Module::new(&engine, other.as_bytes()).unwrap();
        let mut failures = 0;
        for n in 1..12 {
            for (first, second) in [(&module, &other), (&other, &module)] {
                let mut store = Store::new(&engine).unwrap();
                let instance = Instance::new(&mut store, first, &[]).unwrap();
                if first.same(&module) {
                    check(&mut store, &instance);
                    spoil(&mut store, &instance, 3, true);
                }
                drop(store);
                let mut store = Store::new(&engine).unwrap();
                fail_nth(n);
                let made = Instance::new(&mut store, second, &[]);
                fail_nth(0);
                failures += usize::from(made.is_err());
                match made {
                    Ok(instance) if second.same(&module) => check(&mut store, &instance),
                    Ok(_) => {}
                    Err(e) => assert_eq!(e.kind(), ErrorKind::OutOfMemory),
                }
            }
        }
        assert!(failures >= 2, "only {failures} failures");
        assert_eq!(engine.pool_statistics().memories_in_use, 0);
    }
}

#[test]
fn threads_share_a_pool() {
    for (memories, resident) in [(3, 0), (64, 1 << 20)] {
        let engine = Engine::new(&Config::new().pool(options(memories, resident))).unwrap();
        let module = Module::new(&engine, WAT.as_bytes()).unwrap();
        let _offers = (engine.offer(), module.offer());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (engine, module) = (&engine, &module);
                scope.spawn(move || {
                    for round in 0..12 {
                        let mut store = Store::new(engine).unwrap();
                        let instance = Instance::new(&mut store, module, &[]).unwrap();
                        check(&mut store, &instance);
                        spoil(&mut store, &instance, thread, round % 2 == 0);
                        // Stores end elsewhere, too.
                        std::thread::scope(|inner| drop(inner.spawn(move || drop(store))));
                    }
                });
            }
        });
        let s = engine.pool_statistics();
        assert_eq!((s.memories_in_use, s.memories_made + s.memories_reused), (0, 4 * 12 * 3), "{s:?}");
        assert!(s.memories_kept <= memories as u64, "{s:?}");
    }
}

#[test]
fn memories_in_use_are_limited() {
    let pool = PoolOptions { max_memories: 4, ..PoolOptions::default() };
    let engine = Engine::new(&Config::new().pool(pool)).unwrap();
    let module = Module::new(&engine, WAT.as_bytes()).unwrap();
    let (mut store, mut other) = (Store::new(&engine).unwrap(), Store::new(&engine).unwrap());
    let ty = MemoryType::new(Limits { min: 1, max: None });
    for _ in 0..5 {
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let memory = Memory::new(&mut other, ty).unwrap();
        for e in [Instance::new(&mut other, &module, &[]).map(|_| ()), Memory::new(&mut other, ty).map(|_| ())] {
            assert_eq!(e.unwrap_err().kind(), ErrorKind::Limit);
        }
        // Released memory becomes available when it is needed.
        memory.release(&mut other).unwrap();
        Memory::new(&mut other, ty).unwrap().release(&mut other).unwrap();
        instance.release(&mut store).unwrap();
        Instance::new(&mut store, &module, &[]).unwrap().release(&mut store).unwrap();
        other.gc().unwrap();
    }
    drop((store, other));
    assert_eq!(engine.pool_statistics().memories_in_use, 0);
}
