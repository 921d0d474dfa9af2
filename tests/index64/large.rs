//! Memories whose indexes need more than 32 bits, and 64-bit memories in the pool.

use super::*;

const GIB: u64 = 1 << 30;

/// A memory of 5 GiB that can grow to 10 GiB, with data beyond 4 GiB.
const WAT: &str = r#"(module (memory (export "m") i64 81920 163840)
  (data (i64.const 0x1_0000_0ffe) "beyond") (data (i64.const 0x1_3fff_fff0) "the end of five.")
  (func (export "get") (param i64) (result i64) (i64.load (local.get 0)))
  (func (export "set") (param i64 i64) (i64.store offset=0x1_0000_0000 (local.get 0) (local.get 1)))
  (func (export "copy") (param i64 i64 i64) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "fill") (param i64 i32 i64) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "size") (result i64) (memory.size))
  (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0))))"#;

fn long(v: u64) -> Val {
    Val::I64(v as i64)
}

#[test]
fn beyond_four_gib() {
    for config in configs() {
        use_it(&mut World::new(&config, WAT));
    }
}

fn use_it(w: &mut World) {
    let mut word = |at: u64| w.call("get", &[long(at)]);
    assert_eq!(word(4 * GIB + 0xffe), Ok(vec![long(u64::from_le_bytes(*b"beyond\0\0"))]));
    assert_eq!(word(5 * GIB - 8), Ok(vec![long(u64::from_le_bytes(*b"of five."))]));
    assert_eq!(word(5 * GIB - 7), Err(Trap::MemoryOutOfBounds));
    // The same index modulo 2^32 has other contents.
    assert_eq!(word(0xffe), Ok(vec![long(0)]));
    w.call("set", &[long(16), long(0x1111)]).unwrap();
    assert_eq!(w.call("get", &[long(16)]), Ok(vec![long(0)]));
    assert_eq!(w.call("get", &[long(4 * GIB + 16)]), Ok(vec![long(0x1111)]));
    assert_eq!(w.call("set", &[long(GIB - 7), long(1)]), Err(Trap::MemoryOutOfBounds));
    assert_eq!(w.call("set", &[long(0u64.wrapping_sub(4 * GIB)), long(1)]), Err(Trap::MemoryOutOfBounds));

    assert_eq!(w.call("grow", &[long(1 << 16)]), Ok(vec![long(81920)]));
    assert_eq!(w.call("size", &[]), Ok(vec![long(81920 + 65536)]));
    assert_eq!(w.call("grow", &[long(1 << 16)]), Ok(vec![long(u64::MAX)]));
    w.call("set", &[long(4 * GIB + 100), long(0x2222)]).unwrap();
    assert_eq!(w.call("get", &[long(8 * GIB + 100)]), Ok(vec![long(0x2222)]));
    assert_eq!(w.call("get", &[long(9 * GIB - 8)]), Ok(vec![long(0)]));
    assert_eq!(w.call("get", &[long(9 * GIB - 7)]), Err(Trap::MemoryOutOfBounds));

    // Across the 4 GiB boundary, and from high to low indexes.
    w.call("fill", &[long(4 * GIB - 100), Val::I32(7), long(200)]).unwrap();
    assert_eq!(w.call("get", &[long(4 * GIB - 4)]), Ok(vec![long(0x0707_0707_0707_0707)]));
    w.call("copy", &[long(64), long(8 * GIB + 96), long(12)]).unwrap();
    assert_eq!(w.call("get", &[long(68)]), Ok(vec![long(0x2222)]));
    assert_eq!(w.call("fill", &[long(0), Val::I32(1), long(9 * GIB + 1)]), Err(Trap::MemoryOutOfBounds));
    assert_eq!(w.call("copy", &[long(0), long(1), long(9 * GIB)]), Err(Trap::MemoryOutOfBounds));
    assert_eq!(w.call("get", &[long(0)]), Ok(vec![long(0)]));

    // The host's view.
    let m = w.memory("m");
    assert_eq!(m.data_size(&w.store).unwrap() as u64, 9 * GIB);
    m.write(&mut w.store, 9 * GIB - 3, b"xyz").unwrap();
    let mut three = [0; 3];
    m.read(&w.store, 9 * GIB - 3, &mut three).unwrap();
    assert_eq!(&three, b"xyz");
    assert!(m.write(&mut w.store, 9 * GIB - 2, b"xyz").is_err());
}

/// As a saved module, twice: the second memory reuses the first one's address space.
#[test]
fn saved_and_kept() {
    for config in staying() {
        let engine = Engine::new(&config).unwrap();
        let bytes = Module::new(&engine, WAT.as_bytes()).unwrap().save().unwrap();
        // SAFETY: what was just saved.
        let module = unsafe { Module::load(&engine, &bytes) }.unwrap();
        for _ in 0..3 {
            use_it(&mut World::of(&module, &engine));
        }
        let s = engine.pool_statistics();
        assert_eq!((s.memories_made, s.memories_reused, s.memories_in_use), (1, 2, 0));
    }
}

/// A mapped image, accessed with 64-bit indexes; each instance has its own copy.
#[test]
fn images() {
    let data = "0123456789abcdef".repeat(4000);
    let text = format!(
        "(module (memory (export \"m\") i64 4) (data (i64.const 100) \"{data}\")
         (func (export \"get\") (param i64) (result i32) (i32.load8_u (local.get 0)))
         (func (export \"set\") (param i64) (i32.store8 (local.get 0) (i32.const 1))))"
    );
    for config in configs() {
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, text.as_bytes()).unwrap();
        for _ in 0..2 {
            let (mut a, mut b) = (World::of(&module, &engine), World::of(&module, &engine));
            a.call("set", &[long(5000)]).unwrap();
            a.call("set", &[long(200_000)]).unwrap();
            let wanted = data.as_bytes()[4900];
            assert_eq!(a.call("get", &[long(5000)]), Ok(vec![Val::I32(1)]));
            assert_eq!(b.call("get", &[long(5000)]), Ok(vec![Val::I32(wanted as i32)]));
            assert_eq!(b.call("get", &[long(200_000)]), Ok(vec![Val::I32(0)]));
            assert!(b.bytes("m")[100..64100] == *data.as_bytes());
        }
    }
}

/// Active segments of 64-bit memories, and of memories with arbitrary sizes.
#[test]
fn active_segments() {
    for config in configs() {
        let text = "(module (memory (export \"m\") i64 21 (pagesize 1)) (global $n i64 (i64.const 10))
          (data (i64.const 0) \"abc\") (data (offset (i64.add (global.get $n) (i64.const 8))) \"xyz\"))";
        assert_eq!(&World::new(&config, text).bytes("m"), b"abc\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0xyz");
        let text = "(module (memory (export \"m\") 5 (pagesize 1)) (data (i32.const 2) \"xyz\"))";
        assert_eq!(&World::new(&config, text).bytes("m"), b"\0\0xyz");
        let engine = Engine::new(&config).unwrap();
        for (memory, at) in [
            ("i64 1", "i64.const 65534"),
            ("i64 1", "i64.const 65537"),
            ("i64 1", "i64.const 0x1_0000_0000"),
            ("i64 1", "i64.const 0x8000_0000_0000_0000"),
            ("i64 1", "i64.const -1"),
            ("i64 1", "i64.const -3"),
            ("i64 5 (pagesize 1)", "i64.const 3"),
            ("5 (pagesize 1)", "i32.const 3"),
            ("5 (pagesize 1)", "i32.const -1"),
        ] {
            let text = format!("(module (memory {memory}) (data ({at}) \"xyz\"))");
            let module = Module::new(&engine, text.as_bytes()).unwrap();
            let mut store = Store::new(&engine).unwrap();
            let e = Instance::new(&mut store, &module, &[]).unwrap_err();
            assert_eq!(e.trap_code(), Some(Trap::MemoryOutOfBounds), "{memory}, {at}");
        }
    }
}

/// A memory of another width in the same address space is zero, and has its own bounds.
#[test]
fn spaces_are_shared_between_widths() {
    let body = |width: Width| {
        let index = width.name();
        format!(
            "(func (export \"get\") (param {index}) (result i32) (i32.load8_u (local.get 0)))
             (func (export \"set\") (param {index}) (i32.store8 (local.get 0) (i32.const 9))))"
        )
    };
    let engine = Engine::new(&Config::new()).unwrap();
    let module =
        |memory: &str, width| Module::new(&engine, format!("(module (memory {memory}) {}", body(width)).as_bytes());
    let modules = [(module("i64 3 9", W64).unwrap(), W64, 3), (module("2 9", W32).unwrap(), W32, 2)];
    for (module, width, pages) in modules.iter().cycle().take(6) {
        let mut w = World::of(module, &engine);
        let end = pages << 16;
        for at in [0, end - 1] {
            assert_eq!(w.call("get", &[width.val(at)]), Ok(vec![Val::I32(0)]));
            w.call("set", &[width.val(at)]).unwrap();
        }
        for at in edges(end).into_iter().filter(|at| width.cut(*at) >= end) {
            assert_eq!(w.call("get", &[width.val(at)]), Err(Trap::MemoryOutOfBounds), "at {at}");
        }
    }
    let s = engine.pool_statistics();
    assert_eq!((s.memories_made, s.memories_reused), (1, 5), "{s:?}");
}

/// The engine's setting is the maximum size of a 64-bit memory, and no growth moves it.
#[test]
fn the_most_is_configured() {
    let text = "(module (memory (export \"m\") i64 1) (func (export \"grow\") (param i64) (result i64) (memory.grow (local.get 0)))
      (func (export \"get\") (param i64) (result i32) (i32.load8_u (local.get 0))))";
    for config in staying() {
        let mut w = World::new(&config.clone().max_memory64(100 << 16), text);
        let m = w.memory("m");
        let base = m.data_ptr(&w.store).unwrap();
        assert_eq!(w.call("grow", &[long(100)]), Ok(vec![long(u64::MAX)]));
        assert_eq!(w.call("grow", &[long(99)]), Ok(vec![long(1)]));
        assert_eq!(w.call("get", &[long((100 << 16) - 1)]), Ok(vec![Val::I32(0)]));
        for at in [100 << 16, 4 * GIB, 8 * GIB, 16 * GIB, 32 * GIB] {
            assert_eq!(w.call("get", &[long(at)]), Err(Trap::MemoryOutOfBounds), "at {at}");
        }
        assert_eq!(m.data_ptr(&w.store).unwrap(), base);
        // Without a limit of its own: 16 GiB.
        let mut w = World::new(&config, text);
        assert_eq!(w.call("grow", &[long(((16 * GIB) >> 16) - 1)]), Ok(vec![long(1)]));
        assert_eq!(w.call("get", &[long(16 * GIB - 1)]), Ok(vec![Val::I32(0)]));
        assert_eq!(w.call("get", &[long(16 * GIB)]), Err(Trap::MemoryOutOfBounds));
        assert_eq!(w.call("grow", &[long(1)]), Ok(vec![long(u64::MAX)]));
    }
    let engine = Engine::new(&Config::new()).unwrap();
    // The last one is valid, with 2^64 bytes.
    for pages in ["262145", "0x10000000000", "0x1000000000000", "0x1000000000000 0x1000000000000"] {
        let module = Module::new(&engine, format!("(module (memory i64 {pages}))").as_bytes()).unwrap();
        let e = Instance::new(&mut Store::new(&engine).unwrap(), &module, &[]).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Limit, "{e}");
    }
}
