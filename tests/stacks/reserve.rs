//! The stack that the runtime needs below the stack limit: every builtin, collections, first calls, host functions and WASI, each at every
//! level of an endless recursion, and so also with no stack left above the limit. The written part of the stack shows how deep they went.

use super::painted::{Painted, here};
use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use wrt::wasi::Wasi;

/// The stack of these tests, and the position of the limit on it.
const STACK: usize = 96 << 10;
const RESERVE: usize = 32 << 10;
/// What the minimum reserve has to cover (`base::limits`), with some space left for the kernel's signal frame.
const RUNTIME: usize = 28 << 10;

/// What a level does, and what it needs in the module.
const KINDS: &[(&str, &str, &str)] = &[
    ("nothing", "", ""),
    ("new", "(type $s (struct (field (ref null $s))))", "(drop (struct.new_default $s))"),
    ("new_array", "(type $a (array (mut i8)))", "(drop (array.new_default $a (i32.const 50)))"),
    (
        "array_init",
        r#"(type $a (array (mut i8))) (data $d "0123456789")"#,
        "(array.init_data $a $d (array.new_data $a $d (i32.const 1) (i32.const 8)) (i32.const 0) (i32.const 0) (i32.const 4))",
    ),
    (
        "array_elem",
        "(type $a (array (mut anyref))) (elem $e anyref (ref.i31 (i32.const 1)) (ref.i31 (i32.const 2)))",
        "(array.init_elem $a $e (array.new_elem $a $e (i32.const 0) (i32.const 2)) (i32.const 0) (i32.const 0) (i32.const 2))",
    ),
    (
        "array_copy",
        "(type $a (array (mut anyref)))",
        "(array.copy $a $a (array.new_default $a (i32.const 9)) (i32.const 0) (array.new_default $a (i32.const 9)) (i32.const 1) (i32.const 8))",
    ),
    (
        "throw",
        "(tag $t (param i32 i64 f64)) (func $throw (throw $t (i32.const 1) (i64.const 2) (f64.const 3)))",
        "(block $b (result i32 i64 f64) (try_table (catch $t $b) (call $throw)) (unreachable)) drop drop drop",
    ),
    ("table_grow", "(table $t 1 200000 funcref)", "(drop (table.grow $t (ref.null func) (i32.const 3)))"),
    ("table_any", "(table $t 9 200000 anyref)", "(drop (table.grow $t (ref.i31 (i32.const 4)) (i32.const 3)))"),
    (
        "table_bulk",
        "(table $t 20 funcref) (elem $e func $f $f) (func $f)",
        "(table.init $t $e (i32.const 1) (i32.const 0) (i32.const 2)) (table.copy (i32.const 4) (i32.const 0) (i32.const 9))
         (table.fill $t (i32.const 0) (ref.func $f) (i32.const 3)) (drop (table.get $t (i32.const 2)))",
    ),
    ("touch", "(table $t 20000 20000 funcref) (elem (i32.const 0) $f $f) (func $f)", "(call_indirect (i32.const 1))"),
    (
        "memory_bulk",
        r#"(data $d "0123456789")"#,
        "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 5)) (memory.copy (i32.const 9) (i32.const 0) (i32.const 70))
         (memory.fill (i32.const 0) (i32.const 1) (i32.const 999)) (drop (memory.grow (i32.const 0)))",
    ),
    (
        "cast",
        "(type $a (sub (struct))) (type $b (sub $a (struct (field i32)))) (global $g anyref (struct.new_default $a))",
        "(drop (ref.test (ref $b) (global.get $g)))",
    ),
    ("host", "", "(drop (call $host (i32.const 1)))"),
    ("host_many", "", "(call $many)"),
    ("host_reference", "", "(drop (call $reference (ref.i31 (i32.const 1))))"),
    ("random", "", "(drop (call $random (i32.const 0) (i32.const 8)))"),
    ("clock", "", "(drop (call $clock (i32.const 0) (i64.const 1) (i32.const 8)))"),
    ("open", "", "(drop (call $open (i32.const 3) (i32.const 1) (i32.const 100) (i32.const 5) (i32.const 0) (i64.const 2) (i64.const 2)
        (i32.const 0) (i32.const 40))) (drop (call $close (i32.load (i32.const 40))))"),
    ("stat", "", "(drop (call $stat (i32.const 3) (i32.const 1) (i32.const 100) (i32.const 5) (i32.const 40)))"),
    ("readdir", "", "(drop (call $readdir (i32.const 3) (i32.const 200) (i32.const 400) (i64.const 0) (i32.const 40)))"),
    ("poll", "", "(drop (call $poll (i32.const 2000) (i32.const 3000) (i32.const 1) (i32.const 40)))"),
];

const IMPORTS: &str = r#"
    (import "" "host" (func $host (param i32) (result i32)))
    (import "" "reference" (func $reference (param anyref) (result anyref)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_filestat_get" (func $stat (param i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_readdir" (func $readdir (param i32 i32 i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))"#;

fn many() -> (FuncType, String) {
    let types = vec![ValType::I64; 1000];
    let params = "i64 ".repeat(1000);
    (FuncType::new(types.clone(), types), format!("(param {params}) (result {params})"))
}

fn text_of(name: &str, fields: &str, body: &str) -> String {
    let (import, wrapper) = match name {
        // Its frame is as large as what it calls needs, so the call happens at a level of its own.
        "host_many" => {
            let (args, drops) = ("(i64.const 1) ".repeat(1000), "drop ".repeat(1000));
            (
                format!("(import \"\" \"many\" (func $call {}))", many().1),
                format!("(func $many {args} call $call {drops})"),
            )
        }
        _ => (String::new(), String::new()),
    };
    format!(
        "(module {IMPORTS} {import} (memory (export \"memory\") 1) {fields} {wrapper}
          (data (i32.const 100) \"a/../b\") (data (i32.const 2008) \"\\00\")
          (func $run (export \"run\") {body} (call $run) (call $nothing)) (func $nothing))"
    )
}

/// `lowest` becomes the lowest stack pointer that host functions have seen.
fn linker(engine: &Engine, lowest: &Arc<AtomicUsize>) -> Linker {
    let mut linker = Linker::new(engine);
    let mut define = |name: &str, ty: &FuncType| {
        let lowest = lowest.clone();
        let f = HostDefinition::new(ty, move |_, args, results| {
            lowest.fetch_min(here(), Relaxed);
            let n = results.len().min(args.len());
            results[..n].copy_from_slice(&args[..n]);
            Ok(())
        });
        linker.define_func("", name, f.unwrap()).unwrap();
    };
    let any = ValType::ANYREF;
    define("host", &FuncType::new([ValType::I32], [ValType::I32]));
    define("many", &many().0);
    define("reference", &FuncType::new([any], [any]));
    linker.define_wasi().unwrap();
    linker
}

/// How many bytes below the limit were used by a recursion that performs an action at each level.
fn used(config: &Config, name: &str, text: &str) -> usize {
    let engine = Engine::new(config).unwrap();
    let module = Module::new(&engine, text.as_bytes()).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let dir = std::env::temp_dir();
    let mut wasi = Wasi::new();
    wasi.add_dir(&dir, b"/", true).unwrap();
    store.set_wasi(wasi);
    let instance = linker(&engine, &Arc::default()).instantiate(&mut store, &module).unwrap();
    let run = func(&mut store, instance, "run");
    let mut stack = Painted::new(STACK);
    let (low, size) = (stack.low(), stack.size());
    store.set_stack(low, size).unwrap();
    let e = on_thread(1 << 20, || stack.run(|| run.call(&mut store, &[], &mut [])));
    let e = e.unwrap_err();
    assert_eq!(e.trap_code(), Some(Trap::StackOverflow), "{name}: {e:?}");
    (low + RESERVE).saturating_sub(stack.lowest())
}

fn measure(what: &str, config: &Config) -> usize {
    let mut most = 0;
    for (name, fields, body) in KINDS {
        let used = used(config, name, &text_of(name, fields, body));
        println!("{what}: {name}: {used} bytes");
        assert!(used <= RUNTIME, "{what}: {name}: {used} bytes below the limit");
        most = most.max(used);
    }
    most
}

#[test]
fn the_reserve_covers_the_runtime() {
    for (what, config) in configs() {
        let most = measure(&what, &config);
        // Checks the measurement itself: a fault, or a call of a host function, uses some stack.
        assert!(most > 200, "{what}: {most}");
    }
}

/// Every tenth allocation collects.
#[test]
fn the_reserve_covers_collections() {
    for (what, config) in configs() {
        for verify in [false, true] {
            let config = config.clone().gc_zeal(10).gc_verify(verify).heap_growth(1, 1 << 16);
            for (name, fields, body) in KINDS.iter().filter(|k| k.0.starts_with("new") || k.0.starts_with("array")) {
                let used = used(&config, name, &text_of(name, fields, body));
                println!("{what}, verify {verify}: {name}: {used} bytes");
                assert!(used <= RUNTIME, "{what}, verify {verify}: {name}: {used} bytes below the limit");
            }
        }
    }
}

/// Each level is a function that was not compiled before.
#[test]
fn the_reserve_covers_first_calls() {
    let levels = 6000;
    let funcs: String = (0..levels).map(|i| format!("(func $f{i} (call $f{}) (call $nothing))\n", i + 1)).collect();
    let text = format!(
        "(module {IMPORTS} (memory (export \"memory\") 1) (func (export \"run\") (call $f0)) {funcs}
          (func $f{levels} unreachable) (func $nothing))"
    );
    for (what, config) in configs() {
        for background in [false, true] {
            let used = used(&config.clone().background(background), "first", &text);
            println!("{what}, background {background}: first calls: {used} bytes");
            assert!(used <= RUNTIME, "{what}: {used} bytes below the limit");
        }
    }
}

/// A host function can use the whole reserve, except for a frame or two: its arguments and results, however many, are not in it.
#[test]
fn a_host_function_has_the_reserve() {
    let of = |name: &str| KINDS.iter().find(|k| k.0 == name).unwrap();
    for (what, config) in configs() {
        for name in ["host", "host_many"] {
            let (name, fields, body) = of(name);
            let text = text_of(name, fields, body);
            let lowest = Arc::new(AtomicUsize::new(usize::MAX));
            let engine = Engine::new(&config).unwrap();
            let module = Module::new(&engine, text.as_bytes()).unwrap();
            let mut store = Store::new(&engine).unwrap();
            let instance = linker(&engine, &lowest).instantiate(&mut store, &module).unwrap();
            let run = func(&mut store, instance, "run");
            let mut stack = Painted::new(STACK);
            store.set_stack(stack.low(), stack.size()).unwrap();
            let limit = stack.low() + RESERVE;
            let e = stack.run(|| run.call(&mut store, &[], &mut [])).unwrap_err();
            assert_eq!(e.trap_code(), Some(Trap::StackOverflow));
            let taken = limit.saturating_sub(lowest.load(Relaxed));
            println!("{what}: {name}: a host function begins {taken} bytes below the limit");
            assert!(taken < 6 << 10, "{what}: {name}: {taken}");
        }
    }
}
