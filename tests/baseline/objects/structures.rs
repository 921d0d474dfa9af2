//! Structures.

use super::*;

const FIELDS: [&str; 9] = ["i8", "i16", "i32", "i64", "f32", "f64", "v128", "anyref", "funcref"];

/// The concatenation of `of` for each field.
fn each(of: impl Fn(usize, &str) -> String) -> String {
    FIELDS.iter().enumerate().map(|(i, t)| of(i, if matches!(*t, "i8" | "i16") { "i32" } else { t })).collect()
}

fn structure_program() -> String {
    let types = each(|_, t| format!("{t} "));
    let read = |i: usize, from: &str| format!("(struct.get{} $s {i} {from})", if i < 2 { "_s" } else { "" });
    let read_all = |from: &str| each(|i, _| read(i, from));
    let set_all =
        |value: &dyn Fn(usize) -> String| each(|i, _| format!("(struct.set $s {i} (local.get $o) {})", value(i)));
    let local = |i: usize| format!("(local.get {i})");
    let result = |i: usize| format!("(call $id{i} (local.get {i}))");
    format!(
        r#"(module (type $s (struct {fields})) (global $none (mut (ref null $s)) (ref.null $s)) {ids} {nulls}
        (func (export "made") (param {types}) (result {types}) (local $o (ref $s))
            (local.set $o (struct.new $s {locals})) {of_local})
        (func (export "made of results") (param {types}) (result {types}) (local $o (ref $s))
            (local.set $o (struct.new $s {results})) {of_local})
        (func (export "default") (result {types}) (local $o (ref $s)) (local.set $o (struct.new_default $s)) {of_register})
        (func (export "set") (param {types}) (result {types}) (local $o (ref $s))
            (local.set $o (struct.new_default $s)) {set_locals} {of_register})
        (func (export "set results") (param {types}) (result {types}) (local $o (ref $s))
            (local.set $o (struct.new_default $s)) {set_results} {of_local})
        (func $same (param (ref $s)) (result (ref $s)) (local.get 0))
        (func (export "constants") (result i32 i32 i32 i64 i64 f32 f64) (local $o (ref $s)) (local $p (ref $s))
            (local.set $o (struct.new $s (i32.const 0x1ff) (i32.const -2) (i32.const -3) (i64.const 0x123456789)
                (f32.const 1.5) (f64.const 2.25) (struct.get $s 6 (struct.new_default $s)) (ref.null any) (ref.null func)))
            (local.set $p (struct.new_default $s)) (struct.set $s 3 (local.get $p) (i64.const -4))
            (struct.get_u $s 0 (local.get $o)) (struct.get_u $s 1 (local.get $o)) (struct.get $s 2 (local.get $o))
            (struct.get $s 3 (local.get $o)) (struct.get $s 3 (local.get $p)) (struct.get $s 4 (local.get $o))
            (struct.get $s 5 (local.get $o))))"#,
        fields = FIELDS.map(|t| format!("(field (mut {t}))")).concat(),
        ids = each(|i, t| format!("(func $id{i} (param {t}) (result {t}) (local.get 0))")),
        nulls = each(|i, _| {
            let (get, set) =
                (read(i, "(ref.null $s)"), format!("(struct.set $s {i} (global.get $none) (local.get {i}))"));
            format!("(func (export \"get {i}\") (drop {get})) (func (export \"set {i}\") (param {types}) {set})")
        }),
        locals = each(|i, _| local(i)),
        results = each(|i, _| result(i)),
        set_locals = set_all(&local),
        set_results = set_all(&result),
        of_local = read_all("(local.get $o)"),
        of_register = read_all("(call $same (local.get $o))"),
    )
}

/// Fields of every type, read and written with operands in every place.
#[test]
fn structures_of_every_field() {
    let values = |k: i32| {
        let k = |n: i32| k.wrapping_mul(n);
        let (f, d) = (k(4) as f32 + 0.5, k(5) as f64 + 0.25);
        let numbers = [Val::I32(k(1)), Val::I32(k(2)), Val::I32(k(3)), Val::I64(k(77) as i64 * 0x1_0000_0001)];
        let others = [Val::F32(f.to_bits()), Val::F64(d.to_bits()), Val::V128(k(6) as u32 as u128 * (1 << 90 | 1))];
        numbers.into_iter().chain(others).chain([Val::AnyRef(None), Val::FuncRef(None)]).collect::<Vec<Val>>()
    };
    let mut calls = vec![("default", vec![]), ("constants", vec![])];
    for k in [1, -1, 0x7f, 0x80, 0x8000, 0x12345] {
        calls.extend(["made", "made of results", "set", "set results"].map(|name| (name, values(k))));
    }
    let names: Vec<(String, String)> = (0..9).map(|i| (format!("get {i}"), format!("set {i}"))).collect();
    for (get, set) in &names {
        calls.extend([(get.as_str(), vec![]), (set.as_str(), values(1))]);
    }
    let got = same(&structure_program(), &calls);
    assert_eq!(got[2], Ok(values(1)));
    assert!(got[calls.len() - 18..].iter().all(|o| trap_of(o) == Some(Trap::NullReference)));
}

/// Cleared word by word, by one instruction, and by the runtime; and fields beyond the unmapped pages at null.
#[test]
fn structures_of_every_size() {
    for fields in [0, 1, 2, 15, 16, 17, 18, 100, 1022, 1023, 1024, 3000] {
        let all = "(field (mut i64))".repeat(fields);
        let last = fields;
        let wat = format!(
            r#"(module (type $s (struct {all} (field (mut i32)))) (global $g (mut (ref null $s)) (ref.null $s))
            (func (export "new") (global.set $g (struct.new $s {values} (i32.const 7))))
            (func (export "rubbish") (local $i i32) (local.set $i (i32.const {rubbish})) (loop
                (drop (struct.new $s {values} (i32.const 7)))
                (br_if 0 (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
            (func (export "default") (global.set $g (struct.new_default $s)))
            (func (export "among others") (param i32) (result i32)
                (i32.add (i32.mul (local.get 0) (i32.const 3)) (struct.get $s {last} (struct.new_default $s))))
            (func (export "last") (result i32) (struct.get $s {last} (global.get $g)))
            (func (export "set") (param i32) (struct.set $s {last} (global.get $g) (local.get 0)))
            (func (export "sum") (result i64) (local i64) {sum} (local.get 0)))"#,
            rubbish = 200_000 / (8 * fields + 16) + 1,
            values = (0..fields).map(|i| format!("(i64.const {})", i + 1)).collect::<String>(),
            sum = (0..fields)
                .map(|i| format!("(local.set 0 (i64.add (local.get 0) (struct.get $s {i} (global.get $g))))"))
                .collect::<String>(),
        );
        let mut calls = vec![("last", vec![]), ("set", ints(&[1])), ("new", vec![]), ("sum", vec![]), ("last", vec![])];
        // The nursery is reused, so that new objects are allocated over old contents.
        calls.push(("rubbish", vec![]));
        calls.extend([("default", vec![]), ("sum", vec![]), ("last", vec![]), ("among others", ints(&[5]))]);
        let got = same(&wat, &calls);
        assert_eq!((trap_of(&got[0]), trap_of(&got[1])), (Some(Trap::NullReference), Some(Trap::NullReference)));
        assert_eq!(got[3], Ok(vec![Val::I64((fields * (fields + 1) / 2) as i64)]));
        assert_eq!(got[got.len() - 3..], [Val::I64(0), Val::I32(0), Val::I32(15)].map(|v| Ok(vec![v])));
    }
}

/// Fields beyond the pages that are unmapped at null.
#[test]
fn far_fields_of_null_trap() {
    let wat = format!(
        r#"(module (type $s (struct {} (field (mut i32)) (field (mut (ref null $s))))) (global $g (mut (ref null $s)) (ref.null $s))
        (func (export "get") (result i32) (struct.get $s 9000 (global.get $g)))
        (func (export "set") (struct.set $s 9001 (global.get $g) (ref.null $s)))
        (func (export "new") (global.set $g (struct.new_default $s)) (struct.set $s 9000 (global.get $g) (i32.const 5))))"#,
        "(field i64)".repeat(9000)
    );
    let calls = ["get", "set", "new", "get", "set"].map(|name| (name, vec![]));
    let got = same(&wat, &calls);
    assert_eq!((trap_of(&got[0]), trap_of(&got[1])), (Some(Trap::NullReference), Some(Trap::NullReference)));
    assert_eq!(got[3], Ok(vec![Val::I32(5)]));
}
