//! On the stack of a thread, the host does not need to describe anything.

use super::painted::here;
use super::*;

const SIZES: [usize; 9] = [64, 96, 128, 256, 512, 1024, 1040, 2048, 8192];

#[test]
fn recursion_is_a_trap_on_threads_of_every_size() {
    for (what, config) in configs() {
        let depths = SIZES.map(|kib| {
            let config = config.clone();
            let what = format!("{what}, {kib} KiB");
            on_thread(kib << 10, move || World::new(&config).exercise(&what))
        });
        // A larger stack allows a deeper recursion, up to the setting.
        assert!(depths.is_sorted() && depths[0] > 20 && depths[4] > 5 * depths[0], "{what}: {depths:?}");
    }
}

/// The setting limits the depth if the stack is larger.
#[test]
fn the_setting_is_a_limit_as_well() {
    for size in [64 << 10, 256 << 10] {
        let config = Config::new().max_wasm_stack(size);
        let depths = [1 << 20, 8 << 20].map(|stack| on_thread(stack, || World::new(&config).exercise("")));
        // A frame has about 32 bytes.
        assert!(depths[0] == depths[1] && (depths[0] as usize) < size / 16, "{size}: {depths:?}");
    }
}

/// If a store moves from thread to thread, each call uses the bounds of its own thread's stack, even if this is at the addresses of an
/// ended thread's stack.
#[test]
fn a_store_moves_between_large_and_small_stacks() {
    for (what, config) in configs() {
        let mut world = World::new(&config);
        let mut seen = [0; 2];
        for round in 0..24 {
            let kind = round % 2;
            let levels = on_thread([4 << 20, 128 << 10][kind], || world.exercise(&what));
            assert!(seen[kind] == 0 || levels == seen[kind], "{what}: {levels} {seen:?}");
            seen[kind] = levels;
        }
        assert!(seen[0] > 5 * seen[1], "{what}: {seen:?}");
    }
}

/// Uses up the stack until the given number of bytes is left above `low`, and then runs `f`.
fn with_left<R>(low: usize, left: usize, f: &mut dyn FnMut() -> R) -> R {
    let room = std::hint::black_box([0u8; 512]);
    if here() - low < left + 1024 {
        return f();
    }
    let result = with_left(low, left, f);
    std::hint::black_box(&room);
    result
}

/// A host that has used up its stack itself gets an error, without a crash.
#[test]
fn a_call_with_little_stack_left_is_refused() {
    for (what, config) in configs() {
        on_thread(8 << 20, || {
            let mut world = World::new(&config);
            let low = here() - (8 << 20) + (16 << 10);
            let all = world.exercise(&what);
            let some = with_left(low, 500 << 10, &mut || depth(&mut world.store, world.instance));
            assert!(some > 100 && some < all, "{what}: {some} {all}");
            with_left(low, 200 << 10, &mut || {
                assert_eq!(trap(world.call("seven")), Some(Trap::StackOverflow), "{what}");
                // The same for the first call of another store.
                let e = World::new(&config).call("seven");
                assert_eq!(trap(e), Some(Trap::StackOverflow), "{what}");
            });
            assert_eq!(world.exercise(&what), all);
        });
    }
}

/// Each store has its own limit; the stack's end is the same for all.
#[test]
fn stores_that_call_each_other_without_end_trap() {
    fn another(config: &Config, levels: &std::sync::atomic::AtomicUsize) -> Result<()> {
        levels.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (again, levels) = (config.clone(), levels as *const _ as usize);
        // SAFETY: the counter is a static below.
        let levels: &'static std::sync::atomic::AtomicUsize = unsafe { &*(levels as *const _) };
        let mut inner = World::with_hook(config, Box::new(move |_, _| another(&again, levels)));
        inner.call("hook").map(|_| ())
    }
    static LEVELS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    for (what, config) in configs() {
        LEVELS.store(0, std::sync::atomic::Ordering::Relaxed);
        let e = on_thread(512 << 10, || another(&config, &LEVELS)).unwrap_err();
        assert_eq!(e.trap_code(), Some(Trap::StackOverflow), "{what}");
        assert!(LEVELS.load(std::sync::atomic::Ordering::Relaxed) > 5, "{what}");
    }
}

/// The runtime's operations on a heap, and on parts of a store, use no more stack if more objects are connected.
#[test]
fn long_chains_take_no_stack() {
    const LIST: &str = r#"(module
        (type $s (struct (field (mut (ref null $s)))))
        (global $first (export "first") (mut (ref null $s)) (ref.null $s))
        (func (export "make") (param i32)
            (loop $more
                (global.set $first (struct.new $s (global.get $first)))
                (br_if $more (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;
    let link = r#"(module (import "" "f" (func $f)) (func (export "f") (call $f)))"#;
    on_thread(64 << 10, || {
        let engine = Engine::new(&Config::new().gc_verify(true)).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let list = Module::new(&engine, LIST.as_bytes()).unwrap();
        let instance = Instance::new(&mut store, &list, &[]).unwrap();
        func(&mut store, instance, "make").call(&mut store, &[Val::I32(200_000)], &mut []).unwrap();
        store.gc().unwrap();
        assert!(store.heap_census().is_ok());
        let mut written = 0;
        let mut write = |piece: &str| {
            written += piece.len();
            Ok(())
        };
        store.write_heap_snapshot(&mut write).unwrap();
        assert!(written > 1_000_000);
        let link = Module::new(&engine, link.as_bytes()).unwrap();
        let nothing = Func::new(&mut store, &FuncType::new([], []), |_, _, _| Ok(())).unwrap();
        let mut last = Extern::Func(nothing);
        let mut kept: Option<Instance> = None;
        let before = store.instance_count();
        for _ in 0..2000 {
            let instance = Instance::new(&mut store, &link, &[last]).unwrap();
            last = Extern::Func(func(&mut store, instance, "f"));
            // Only now does another instance keep it.
            if let Some(previous) = kept.replace(instance) {
                previous.release(&mut store).unwrap();
            }
        }
        kept.unwrap().release(&mut store).unwrap();
        store.gc().unwrap();
        assert_eq!(store.instance_count(), before);
    });
}
