//! Bulk operations: after an interrupt they process at most one more chunk (256 KiB of a memory, or 4096 elements). An operation that is
//! out of bounds processes nothing.

use super::*;

const PIECE: usize = 256 << 10;
const ELEMENTS: usize = 4096;

pub fn is_null(v: &Val) -> bool {
    matches!(v, Val::FuncRef(None) | Val::AnyRef(None) | Val::ExternRef(None))
}

/// A guest, its deadline's callback, and how many times that was called.
struct Guest {
    store: Store,
    instance: Instance,
    asked: Arc<AtomicU32>,
}

impl Guest {
    fn new(config: &Config, text: &str) -> Guest {
        let mut store = store(config.clone());
        let asked = one_piece_more(&mut store);
        let host = import_expire(&mut store);
        let instance = instance(&mut store, text, &[host]);
        Guest { store, instance, asked }
    }

    /// The function, whose deadline passes before its bulk instruction, processes one chunk.
    fn stops(&mut self, name: &str) {
        self.asked.store(0, SeqCst);
        assert_interrupted(call(&mut self.store, self.instance, name), name);
        assert_eq!(self.asked.load(SeqCst), 1, "{name}");
        self.store.set_deadline(None).unwrap();
    }

    /// It traps before the callback is called or anything is written.
    fn traps(&mut self, name: &str, trap: Trap) {
        self.asked.store(0, SeqCst);
        let e = call(&mut self.store, self.instance, name).unwrap_err();
        assert_eq!(e.trap_code(), Some(trap), "{name}: {e}");
        assert_eq!(self.asked.load(SeqCst), 0, "{name}");
        self.store.set_deadline(None).unwrap();
    }

    fn bytes(&mut self) -> Vec<u8> {
        let Extern::Memory(memory) = export(&mut self.store, self.instance, "memory") else { panic!() };
        let mut bytes = vec![0; memory.data_size(&self.store).unwrap()];
        memory.read(&self.store, 0, &mut bytes).unwrap();
        bytes
    }

    fn table(&mut self) -> Table {
        let Extern::Table(table) = export(&mut self.store, self.instance, "table") else { panic!() };
        table
    }

    /// The first non-null element of a table, and the number of such elements.
    fn written(&mut self) -> (Option<u64>, usize) {
        let table = self.table();
        let size = table.size(&self.store).unwrap();
        let written: Vec<u64> = (0..size).filter(|i| !is_null(&table.get(&mut self.store, *i).unwrap())).collect();
        (written.first().copied(), written.len())
    }

    /// The guest's count of its array's elements.
    fn counted(&mut self) -> usize {
        let mut results = [Val::I32(0)];
        func(&mut self.store, self.instance, "count").call(&mut self.store, &[], &mut results).unwrap();
        let [Val::I32(n)] = results else { panic!() };
        n as usize
    }
}

#[test]
fn memories() {
    let bytes = "d".repeat(1 << 20);
    for config in configs() {
        for index in ["i32", "i64"] {
            // The memory is 16 pages of zeros, then 16 of ones.
            let text = format!(
                r#"(module (import "" "h" (func $h)) (memory (export "memory") {index} 32) (data $d "{bytes}")
                (func (export "reset")
                  (memory.fill ({index}.const 0) (i32.const 0) ({index}.const 0x100000))
                  (memory.fill ({index}.const 0x100000) (i32.const 1) ({index}.const 0x100000)))
                (func (export "fill") (call $h) (memory.fill ({index}.const 7) (i32.const 9) ({index}.const 0x100000)))
                (func (export "down") (call $h) (memory.copy ({index}.const 0x80000) ({index}.const 0x100000) ({index}.const 0x100000)))
                (func (export "up") (call $h) (memory.copy ({index}.const 0x80000) ({index}.const 0x1000) ({index}.const 0x100000)))
                (func (export "init") (call $h) (memory.init $d ({index}.const 5) (i32.const 0) (i32.const 0x100000)))
                (func (export "fill outside") (call $h) (memory.fill ({index}.const 7) (i32.const 9) ({index}.const 0x200000)))
                (func (export "copy outside") (call $h) (memory.copy ({index}.const 7) ({index}.const 0x150000) ({index}.const 0x100000)))
                (func (export "init outside") (call $h) (memory.init $d ({index}.const 5) (i32.const 1) (i32.const 0x100000)))
                (func (export "one piece") (call $h) (memory.fill ({index}.const 0) (i32.const 9) ({index}.const 0x40000))))"#
            );
            let mut g = Guest::new(&config, &text);
            let mut fresh = vec![0; 1 << 20];
            fresh.resize(2 << 20, 1);
            let mut after = |name: &str, change: &dyn Fn(&mut [u8])| {
                call(&mut g.store, g.instance, "reset").unwrap();
                g.stops(name);
                let mut expected = fresh.clone();
                change(&mut expected);
                assert!(g.bytes() == expected, "{name} {index}");
            };
            after("fill", &|m| m[7..7 + PIECE].fill(9));
            after("down", &|m| m.copy_within(0x100000..0x100000 + PIECE, 0x80000));
            // Backwards, so that nothing is read that was written before.
            after("up", &|m| m.copy_within(0x101000 - PIECE..0x101000, 0x180000 - PIECE));
            after("init", &|m| m[5..5 + PIECE].fill(b'd'));
            call(&mut g.store, g.instance, "reset").unwrap();
            for name in ["fill outside", "copy outside", "init outside"] {
                g.traps(name, Trap::MemoryOutOfBounds);
            }
            assert!(g.bytes() == fresh);
            // An operation this small is done without interruption.
            call(&mut g.store, g.instance, "one piece").unwrap();
            g.store.set_deadline(None).unwrap();
            assert_eq!(g.bytes().iter().filter(|b| **b == 9).count(), PIECE);
        }
    }
}

#[test]
fn tables() {
    let kinds = [
        ("funcref", "(ref.null func)", "(ref.func $f)", "(func $f) (elem declare func $f)"),
        ("anyref", "(ref.null any)", "(ref.i31 (i32.const 3))", ""),
        ("externref", "(ref.null extern)", "(extern.convert_any (ref.i31 (i32.const 3)))", ""),
    ];
    for config in configs() {
        for (ty, null, value, declared) in kinds {
            let items = format!("(item {value})").repeat(10_000);
            let text = format!(
                r#"(module (import "" "h" (func $h)) {declared} (table $t (export "table") 20000 {ty})
                (table $full 20000 {ty} {value}) (elem $e {ty} {items})
                (func (export "reset") (table.fill $t (i32.const 0) {null} (table.size $t)))
                (func (export "fill") (call $h) (table.fill $t (i32.const 3) {value} (i32.const 15000)))
                (func (export "copy down") (table.fill $t (i32.const 10000) {value} (i32.const 10000))
                  (call $h) (table.copy $t $t (i32.const 5) (i32.const 10000) (i32.const 10000)))
                (func (export "copy up") (table.fill $t (i32.const 0) {value} (i32.const 10000))
                  (call $h) (table.copy $t $t (i32.const 9000) (i32.const 0) (i32.const 10000)))
                (func (export "init") (call $h) (table.init $t $e (i32.const 2) (i32.const 0) (i32.const 10000)))
                (func (export "grow") (call $h) (drop (table.grow $t {value} (i32.const 15000))))
                (func (export "fill outside") (call $h) (table.fill $t (i32.const 6000) {value} (i32.const 15000)))
                (func (export "copy outside") (call $h) (table.copy $t $full (i32.const 5) (i32.const 5001) (i32.const 15000)))
                (func (export "init outside") (call $h) (table.init $t $e (i32.const 2) (i32.const 1) (i32.const 10000))))"#
            );
            let mut g = Guest::new(&config, &text);
            for (name, first, count) in [
                ("fill", Some(3), ELEMENTS),
                ("copy down", Some(5), 10_000 + ELEMENTS),
                // Backwards, so that nothing is read that was written before.
                ("copy up", Some(0), 10_000 + ELEMENTS),
                ("init", Some(2), ELEMENTS),
                // It has not grown.
                ("grow", None, 0),
            ] {
                g.stops(name);
                assert_eq!(g.written(), (first, count), "{name} {ty}");
                assert_eq!(g.table().size(&g.store).unwrap(), 20_000);
                call(&mut g.store, g.instance, "reset").unwrap();
            }
            for name in ["fill outside", "copy outside", "init outside"] {
                g.traps(name, Trap::TableOutOfBounds);
            }
            assert_eq!(g.written(), (None, 0));
            // A growth that is not interrupted succeeds, with all elements written.
            g.table().grow(&mut g.store, 5000, null_of(ty)).unwrap();
            assert_eq!((g.written(), g.table().size(&g.store).unwrap()), ((None, 0), 25_000), "{ty}");
        }
    }
}

fn null_of(ty: &str) -> Val {
    match ty {
        "funcref" => Val::FuncRef(None),
        "anyref" => Val::AnyRef(None),
        _ => Val::ExternRef(None),
    }
}

/// Elements as an array holds them: the type, a value, and a test for the value.
const ARRAYS: [(&str, &str, &str); 7] = [
    ("i8", "(i32.const 7)", "(i32.eq (array.get_u $a) (i32.const 7))"),
    ("i16", "(i32.const 7)", "(i32.eq (array.get_u $a) (i32.const 7))"),
    ("i32", "(i32.const 7)", "(i32.eq (array.get $a) (i32.const 7))"),
    ("i64", "(i64.const 7)", "(i64.eq (array.get $a) (i64.const 7))"),
    ("v128", "(v128.const i64x2 7 0)", "(i64.eq (i64x2.extract_lane 0 (array.get $a)) (i64.const 7))"),
    ("anyref", "(ref.i31 (i32.const 7))", "(i32.eqz (ref.is_null (array.get $a)))"),
    ("funcref", "(ref.func $f)", "(i32.eqz (ref.is_null (array.get $a)))"),
];

/// Counts the elements that are the value.
fn array_module(ty: &str, is_value: &str, rest: &str) -> String {
    let is_value = is_value.replace(" $a)", " $a (global.get $g) (local.get $i))");
    format!(
        r#"(module (import "" "h" (func $h)) (type $a (array (mut {ty}))) (func $f) (elem declare func $f)
        (global $g (mut (ref null $a)) (ref.null $a))
        (func (export "count") (result i32) (local $i i32) (local $n i32)
          (loop $l
            (local.set $n (i32.add (local.get $n) {is_value}))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (array.len (global.get $g)))))
          (local.get $n))
        (func (export "reset") (global.set $g (array.new_default $a (i32.const 20000))))
        {rest})"#
    )
}

#[test]
fn arrays() {
    for config in configs() {
        for (ty, value, is_value) in ARRAYS {
            let is_ref = ty.ends_with("ref");
            let size = match ty {
                "i8" => 1,
                "i16" => 2,
                "i32" => 4,
                "i64" => 8,
                _ => 16,
            };
            let init = if is_ref {
                let items = format!("(item {value})").repeat(10_000);
                format!(
                    r#"(elem $e {ty} {items})
                    (func (export "init") (call $h) (array.init_elem $a $e (global.get $g) (i32.const 3) (i32.const 0) (i32.const 10000)))
                    (func (export "new from") (call $h) (global.set $g (array.new_elem $a $e (i32.const 0) (i32.const 10000))))"#
                )
            } else {
                let bytes = format!(r"\07{}", r"\00".repeat(size - 1)).repeat(10_000);
                format!(
                    r#"(data $d "{bytes}")
                    (func (export "init") (call $h) (array.init_data $a $d (global.get $g) (i32.const 3) (i32.const 0) (i32.const 10000)))
                    (func (export "new from") (call $h) (global.set $g (array.new_data $a $d (i32.const 0) (i32.const 10000))))"#
                )
            };
            let rest = format!(
                r#"{init}
                (func (export "fill") (call $h) (array.fill $a (global.get $g) (i32.const 3) {value} (i32.const 15000)))
                (func (export "copy") (local $full (ref null $a))
                  (local.set $full (array.new $a {value} (i32.const 20000))) (call $h)
                  (array.copy $a $a (global.get $g) (i32.const 1) (local.get $full) (i32.const 2) (i32.const 15000)))
                (func (export "new") (call $h) (global.set $g (array.new $a {value} (i32.const 100000))))
                (func (export "fill outside") (call $h) (array.fill $a (global.get $g) (i32.const 6000) {value} (i32.const 15000)))
                (func (export "copy outside") (call $h)
                  (array.copy $a $a (global.get $g) (i32.const 1) (global.get $g) (i32.const 5001) (i32.const 15000)))"#
            );
            let mut g = Guest::new(&config, &array_module(ty, is_value, &rest));
            call(&mut g.store, g.instance, "reset").unwrap();
            for name in ["fill", "copy", "init"] {
                g.stops(name);
                // The compilers fill vectors in their own loop, which can stop at each element.
                let piece = if (name, ty) == ("fill", "v128") { 1 } else { ELEMENTS };
                assert_eq!(g.counted(), piece, "{name} {ty}");
                call(&mut g.store, g.instance, "reset").unwrap();
            }
            // An array that was not created is not reachable.
            for name in ["new", "new from"] {
                g.stops(name);
                assert_eq!(g.counted(), 0, "{name} {ty}");
            }
            for name in ["fill outside", "copy outside"] {
                g.traps(name, Trap::ArrayOutOfBounds);
            }
            assert_eq!(g.counted(), 0, "{ty}");
        }
    }
}

/// A copy within an array is correct in both directions when it is done in chunks.
#[test]
fn overlapping_copies_of_many_pieces() {
    for config in configs() {
        let mut store = store(config);
        let text = r#"(module (type $a (array (mut i32))) (memory (export "m") 20)
            (func (export "array") (param i32 i32) (result i32) (local $a (ref null $a)) (local $i i32) (local $wrong i32)
              (local.set $a (array.new_default $a (i32.const 30000)))
              (loop $l (array.set $a (local.get $a) (local.get $i) (local.get $i))
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 30000))))
              (array.copy $a $a (local.get $a) (local.get 0) (local.get $a) (local.get 1) (i32.const 20000))
              (local.set $i (i32.const 0))
              (loop $l
                (local.set $wrong (i32.or (local.get $wrong)
                  (i32.xor (array.get $a (local.get $a) (i32.add (local.get 0) (local.get $i))) (i32.add (local.get 1) (local.get $i)))))
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20000))))
              (local.get $wrong))
            (func (export "memory") (param i32 i32) (memory.copy (local.get 0) (local.get 1) (i32.const 1000000))))"#;
        let guest = instance(&mut store, text, &[]);
        let (array, copy) = (func(&mut store, guest, "array"), func(&mut store, guest, "memory"));
        let Extern::Memory(memory) = export(&mut store, guest, "m") else { panic!() };
        for (to, from) in [(0, 1), (1, 0), (0, 5000), (5000, 0), (9999, 3), (7, 7)] {
            let mut results = [Val::I32(-1)];
            array.call(&mut store, &[Val::I32(to), Val::I32(from)], &mut results).unwrap();
            assert_eq!(results, [Val::I32(0)], "{from} to {to}");
            let mut bytes: Vec<u8> = (0..20 << 16).map(|i: usize| (i * 7 / 5) as u8 ^ (i >> 11) as u8).collect();
            memory.write(&mut store, 0, &bytes).unwrap();
            copy.call(&mut store, &[Val::I32(to * 20), Val::I32(from * 20)], &mut []).unwrap();
            bytes.copy_within(from as usize * 20..from as usize * 20 + 1_000_000, to as usize * 20);
            let mut got = vec![0; bytes.len()];
            memory.read(&store, 0, &mut got).unwrap();
            assert!(got == bytes, "{from} to {to}");
        }
    }
}

fn array_type(store: &StoreMut<'_>, element: &str) -> TypeId {
    let types = store.engine().parse_types(&format!("(type (array (mut {element})))")).unwrap();
    match types.get(0) {
        Some(HeapType::ConcreteArray(ty)) => ty,
        other => panic!("{other:?}"),
    }
}

/// The library's own functions also process at most one chunk. They count as calls: afterwards, nothing is pending.
#[test]
fn functions_of_the_host() {
    let mut store = store(Config::new().interruption(true));
    let asked = one_piece_more(&mut store);
    let text = r#"(module (memory (export "m") 32) (table (export "f") 20000 funcref) (table (export "r") 20000 anyref)
        (func (export "x")))"#;
    let guest = instance(&mut store, text, &[]);
    let Extern::Memory(memory) = export(&mut store, guest, "m") else { panic!() };
    let Extern::Table(funcs) = export(&mut store, guest, "f") else { panic!() };
    let Extern::Table(refs) = export(&mut store, guest, "r") else { panic!() };
    let f = func(&mut store, guest, "x");
    let small = Ref::i31(&mut store, 3).unwrap();
    let stops = |store: &mut StoreMut<'_>, what: &str, run: &mut dyn FnMut(&mut StoreMut<'_>) -> Result<()>| {
        asked.store(0, SeqCst);
        expire(store);
        assert_interrupted(run(store), what);
        assert_eq!(asked.load(SeqCst), 1, "{what}");
        assert!(!store.is_interrupted(), "{what}");
        store.set_deadline(None).unwrap();
    };
    stops(&mut store, "memory write", &mut |s| memory.write(s, 0, &vec![5; 1 << 20]));
    let mut bytes = vec![0; 2 << 20];
    memory.read(&store, 0, &mut bytes).unwrap();
    assert_eq!(bytes.iter().filter(|b| **b == 5).count(), PIECE);
    memory.write(&mut store, 0, &vec![6; 2 << 20]).unwrap();
    bytes.fill(0);
    stops(&mut store, "memory read", &mut |s| memory.read(s, 0, &mut bytes));
    assert_eq!(bytes.iter().filter(|b| **b == 6).count(), PIECE);
    for (table, value) in [(funcs, Val::FuncRef(Some(f))), (refs, Val::AnyRef(Some(small)))] {
        let written = |s: &mut StoreMut<'_>| (0..20_000).filter(|i| !is_null(&table.get(s, *i).unwrap())).count();
        stops(&mut store, "table fill", &mut |s| table.fill(s, 0, value, 20_000));
        assert_eq!(written(&mut store), ELEMENTS);
        stops(&mut store, "table copy", &mut |s| table.copy(s, 1, table, 0, 19_000));
        assert_eq!(written(&mut store), ELEMENTS);
        stops(&mut store, "table grow", &mut |s| table.grow(s, 9000, value).map(|_| ()));
        assert_eq!(table.size(&store).unwrap(), 20_000);
        stops(&mut store, "table get", &mut |s| table.get_many(s, 0, 20_000).map(|_| ()));
        let ty = table.ty(&store).unwrap();
        stops(&mut store, "table new", &mut |s| Table::new(s, ty, value).map(|_| ()));
    }
    let numbers = array_type(&store, "i16");
    let references = array_type(&store, "anyref");
    for (ty, value) in [(numbers, Val::I32(7)), (references, Val::AnyRef(Some(small)))] {
        let is_new = |v: &Val| !is_null(v) && *v != Val::I32(0);
        let array = Ref::new_default_array(&mut store, ty, 20_000).unwrap();
        let full = Ref::new_array(&mut store, ty, value, 20_000).unwrap();
        let written = |s: &mut StoreMut<'_>| array.elements(s, 0, 20_000).unwrap().iter().filter(|v| is_new(v)).count();
        stops(&mut store, "array fill", &mut |s| array.fill_elements(s, 0, value, 20_000));
        assert_eq!(written(&mut store), ELEMENTS);
        stops(&mut store, "array copy", &mut |s| array.copy_elements(s, 10_000, full, 0, 10_000));
        assert_eq!(written(&mut store), 2 * ELEMENTS);
        stops(&mut store, "array get", &mut |s| array.elements(s, 0, 20_000).map(|_| ()));
        stops(&mut store, "array new", &mut |s| Ref::new_array(s, ty, value, 20_000).map(|_| ()));
        stops(&mut store, "array of", &mut |s| Ref::new_array_of(s, ty, &vec![value; 9000]).map(|_| ()));
    }
    let array = Ref::new_default_array(&mut store, numbers, 20_000).unwrap();
    stops(&mut store, "array write", &mut |s| array.write_elements(s, 0, &[1; 40_000]));
    let mut out = vec![9; 40_000];
    stops(&mut store, "array read", &mut |s| array.read_elements(s, 0, &mut out));
    assert_eq!(out.iter().filter(|b| **b == 1).count(), 2 * ELEMENTS);
    stops(&mut store, "array of bytes", &mut |s| Ref::new_array_of_bytes(s, numbers, &[1; 40_000]).map(|_| ()));
}

/// Heap memory that was used before is cleared in chunks.
#[test]
fn clearing_for_a_large_array_stops() {
    let mut store = store(Config::new().interruption(true));
    let ty = array_type(&store, "i64");
    let used = Ref::new_array(&mut store, ty, Val::I64(-1), 1 << 20).unwrap();
    used.release(&mut store).unwrap();
    store.gc().unwrap();
    store.interrupt_handle().unwrap().interrupt();
    let result = Ref::new_default_array(&mut store, ty, 1 << 20);
    assert_interrupted(result.map(|_| ()), "clearing");
    // Cleared memory is zero, and the rest is cleared now.
    let new = Ref::new_default_array(&mut store, ty, 1 << 20).unwrap();
    let mut bytes = vec![1; 8 << 20];
    new.read_elements(&store, 0, &mut bytes).unwrap();
    assert!(bytes.iter().all(|b| *b == 0));
}
