//! Interrupts during instantiation.

use super::*;

/// A module each of whose parts takes long. Nothing of it remains if it fails.
fn assert_stops(config: &Config, text: &str, what: &str) {
    let mut store = store(config.clone());
    store.interrupt_handle().unwrap().interrupt();
    let result = try_instance(&mut store, text, &[]);
    assert_interrupted(result.map(|_| ()), what);
    assert!(!store.is_interrupted(), "{what}");
    store.gc().unwrap();
    assert_eq!(store.instance_count(), 0, "{what}");
    // No longer interrupted, and nothing is broken.
    instance(&mut store, "(module (table 1 anyref) (elem (i32.const 0) anyref (item (ref.i31 (i32.const 1)))))", &[]);
}

/// Constant expressions, elements and start functions stop. Regression: only start functions did.
#[test]
fn every_part_of_instantiation_stops() {
    let array = "(type $a (array (mut i8)))";
    let new = "(array.new $a (i32.const 1) (i32.const 100000))";
    let segments: String = (0..64).map(|_| format!("(elem (table $t) (i32.const 0) anyref (item {new}))")).collect();
    let items: String = (0..64).map(|_| format!("(item {new})")).collect();
    for config in configs() {
        assert_stops(&config, &format!("(module {array} (global (ref $a) {new}))"), "globals");
        assert_stops(&config, &format!("(module {array} (table $t 1 anyref) {segments})"), "active segments");
        assert_stops(&config, &format!("(module {array} (elem anyref {items}))"), "passive segments");
        assert_stops(&config, &format!("(module {array} (table 5000 (ref $a) {new}))"), "tables");
        assert_stops(&config, "(module (func $f) (table 5000 (ref func) (ref.func $f)))", "tables of functions");
        let start = format!("(module (func $s (local $n i32) {SPIN}) (start $s))");
        assert_stops(&config, &start, "start functions");
    }
}

/// Other instances see at most one chunk of an interrupted instantiation.
#[test]
fn a_piece_at_most_of_active_segments() {
    let bytes = "a".repeat(1 << 20);
    let data = format!(r#"(module (import "" "m" (memory 17)) (data (i32.const 0) "{bytes}"))"#);
    let funcs = "$f ".repeat(10_000);
    let elements = format!(r#"(module (import "" "t" (table 10000 funcref)) (func $f) (elem (i32.const 0) {funcs}))"#);
    let smalls = "(item (ref.i31 (i32.const 5)))".repeat(10_000);
    let smalls = format!(r#"(module (import "" "t" (table 10000 anyref)) (elem (i32.const 0) anyref {smalls}))"#);
    for config in configs() {
        for (ty, text) in [("funcref", &elements), ("anyref", &smalls)] {
            let mut store = store(config.clone());
            let asked = one_piece_more(&mut store);
            let owner = instance(&mut store, &format!(r#"(module (table (export "t") 10000 {ty}))"#), &[]);
            let Extern::Table(table) = export(&mut store, owner, "t") else { panic!() };
            expire(&mut store);
            assert_interrupted(try_instance(&mut store, text, &[Extern::Table(table)]).map(|_| ()), ty);
            let written = (0..10_000).filter(|i| !bulk::is_null(&table.get(&mut store, *i).unwrap())).count();
            assert_eq!((written, asked.load(SeqCst)), (4096, 1), "{ty}");
        }
        let mut store = store(config.clone());
        let asked = one_piece_more(&mut store);
        let owner = instance(&mut store, r#"(module (memory (export "m") 17))"#, &[]);
        let Extern::Memory(memory) = export(&mut store, owner, "m") else { panic!() };
        expire(&mut store);
        assert_interrupted(try_instance(&mut store, &data, &[Extern::Memory(memory)]).map(|_| ()), "data");
        let mut all = vec![0; 1 << 20];
        store.set_deadline(None).unwrap();
        memory.read(&store, 0, &mut all).unwrap();
        assert_eq!((all.iter().filter(|b| **b != 0).count(), asked.load(SeqCst)), (256 << 10, 1));
    }
}
