//! Arrays.

use super::*;

/// An element type, how to create an element from the number in local `x`, and how to get a number from an element.
const ELEMENTS: [(&str, &str, &str); 9] = [
    ("i8", "(local.get $x)", "(array.get_s $a {at})"),
    ("i16", "(local.get $x)", "(array.get_u $a {at})"),
    ("i32", "(i32.add (local.get $x) (i32.const 0))", "(array.get $a {at})"),
    (
        "i64",
        "(i64.mul (i64.extend_i32_s (local.get $x)) (i64.const 0x100000001))",
        "(i32.wrap_i64 (i64.shr_u (array.get $a {at}) (i64.const 32)))",
    ),
    ("f32", "(f32.convert_i32_s (local.get $x))", "(i32.trunc_f32_s (array.get $a {at}))"),
    ("f64", "(f64.convert_i32_s (local.get $x))", "(i32.trunc_f64_s (array.get $a {at}))"),
    ("i31ref", "(ref.i31 (local.get $x))", "(i31.get_s (ref.as_non_null (array.get $a {at})))"),
    ("(ref null $box)", "(struct.new $box (local.get $x))", "(struct.get $box 0 (array.get $a {at}))"),
    ("(ref null $f)", "(table.get $t (i32.and (local.get $x) (i32.const 3)))", "(call_ref $f (array.get $a {at}))"),
];

fn array_program((ty, make, back): (&str, &str, &str)) -> String {
    let value = if ty.starts_with("i8") || ty.starts_with("i16") { "i32" } else { ty };
    let get = |at: &str| back.replace("{at}", at);
    let at = |i: &str| get(&format!("(global.get $g) {i}"));
    format!(
        r#"(module (type $box (struct (field i32))) (type $f (func (result i32))) (type $a (array (mut {ty})))
        (table $t 4 (ref null $f)) (elem (table $t) (i32.const 0) (ref null $f) (ref.func $f0) (ref.func $f1) (ref.func $f2))
        (func $f0 (type $f) (i32.const 10)) (func $f1 (type $f) (i32.const 11)) (func $f2 (type $f) (i32.const 12))
        (elem $e (ref null $f) (ref.func $f1) (ref.func $f2) (ref.null $f))
        (global $g (mut (ref null $a)) (ref.null $a))
        (func (export "new") (param $x i32) (param $n i32) (global.set $g (array.new $a {make} (local.get $n))))
        (func (export "new local") (param $x i32) (param $n i32) (local $v {value}) (local.set $v {make})
            (global.set $g (array.new $a (local.get $v) (i32.add (local.get $n) (i32.const 1)))))
        (func (export "default") (param $n i32) (global.set $g (array.new_default $a (local.get $n))))
        (func (export "fixed") (param $x i32) (local $v {value}) (local.set $v {make})
            (global.set $g (array.new_fixed $a 4 {make} (local.get $v) (block (result {value}) {make}) {make})))
        (func (export "get") (param i32) (result i32) {get})
        (func (export "get of register") (param i32) (result i32) {get_register})
        (func (export "get 2") (result i32) {get_2})
        (func (export "get beyond") (result i32) {get_beyond})
        (func (export "set") (param $i i32) (param $x i32) (array.set $a (global.get $g) (local.get $i) {make}))
        (func (export "set local") (param $i i32) (param $x i32) (local $v {value}) (local $o (ref null $a))
            (local.set $v {make}) (local.set $o (global.get $g))
            (array.set $a (local.get $o) (i32.mul (local.get $i) (i32.const 1)) (local.get $v)))
        (func (export "set home") (param $i i32) (param $x i32)
            (global.get $g) (i32.const 1) (block (param (ref null $a) i32) (result (ref null $a) i32 {value}) {make}) (array.set $a))
        (func (export "set nothing") (param $i i32) (local $v {value})
            (array.set $a (global.get $g) (local.get $i) (local.get $v)))
        (func (export "fill") (param $i i32) (param $x i32) (param $n i32)
            (array.fill $a (global.get $g) (local.get $i) {make} (local.get $n)))
        (func (export "copy") (param i32 i32 i32)
            (array.copy $a $a (global.get $g) (local.get 0) (global.get $g) (local.get 1) (local.get 2)))
        (func (export "rubbish") (param $x i32) (local $i i32) (local.set $i (i32.const 30000)) (loop
            (drop (array.new $a {make} (i32.const 9)))
            (br_if 0 (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
        (func (export "len") (result i32) (array.len (global.get $g)))
        (func (export "among others") (param $x i32) (result i32)
            (i32.mul (local.get $x) (i32.const 3)) (array.len (array.new $a {make} (i32.const 5)))
            (array.len (array.new_default $a (local.get $x))) (array.len (array.new_fixed $a 2 {make} {make}))
            i32.add i32.sub i32.add))"#,
        get = at("(local.get 0)"),
        get_register = at("(i32.add (local.get 0) (i32.const 1))"),
        get_2 = at("(i32.const 2)"),
        get_beyond = at("(i32.const -1)"),
    )
}

#[test]
fn arrays_of_every_type() {
    for element in ELEMENTS {
        let wat = array_program(element);
        let mut calls = vec![("len", vec![]), ("get", ints(&[0])), ("set", ints(&[0, 1])), ("get 2", vec![])];
        for n in [4, 5, 3000] {
            let made = [("new", vec![1, n]), ("new local", vec![2, n - 1]), ("fixed", vec![1]), ("default", vec![n])];
            for (how, args) in made {
                calls.extend([(how, ints(&args)), ("len", vec![]), ("get", ints(&[3])), ("get 2", vec![])]);
                let all = n - 1;
                calls.extend([all, all + 1, i32::MIN].map(|i| ("get", ints(&[i]))));
                calls.extend([("get of register", ints(&[1])), ("get beyond", vec![])]);
                calls.extend([("set", ints(&[1, 2])), ("get", ints(&[1])), ("get", ints(&[2]))]);
                calls.extend([("set local", ints(&[2, 1])), ("get", ints(&[2])), ("set home", ints(&[3, 0]))]);
                calls.extend([("get", ints(&[1])), ("set local", ints(&[-1, 1])), ("set", ints(&[n + 4, 1]))]);
                calls.extend([
                    ("fill", ints(&[1, 2, 2])),
                    ("get", ints(&[1])),
                    ("get", ints(&[2])),
                    ("get", ints(&[3])),
                ]);
                calls.extend([("fill", ints(&[2, 1, n])), ("set nothing", ints(&[0])), ("get", ints(&[0]))]);
                calls.extend([("copy", ints(&[0, 1, 3])), ("get", ints(&[0])), ("copy", ints(&[1, 2, -1]))]);
            }
        }
        calls.extend([("new", ints(&[1, -1])), ("default", ints(&[-1])), ("len", vec![])]);
        // The nursery is reused, so that new objects are allocated over old contents.
        calls.extend([("new", ints(&[1, 2])), ("get 2", vec![]), ("rubbish", ints(&[1])), ("default", ints(&[8]))]);
        calls.extend((0..8).flat_map(|i| [("get", ints(&[i])), ("set", ints(&[i, 2])), ("get", ints(&[i]))]));
        calls.extend([("new", ints(&[1, 0])), ("len", vec![]), ("get", ints(&[0])), ("among others", ints(&[2]))]);
        let got = same(&wat, &calls);
        assert_eq!(trap_of(&got[0]), Some(Trap::NullReference));
        let traps = got.iter().filter_map(trap_of);
        assert!(traps.filter(|t| *t == Trap::ArrayOutOfBounds).count() > 30);
        assert_eq!(got.last(), Some(&Ok(vec![Val::I32(6 + (5 - (2 + 2)))])));
    }
}

#[test]
fn arrays_of_vectors() {
    let wat = r#"(module (type $a (array (mut v128))) (global $g (mut (ref null $a)) (ref.null $a))
        (func (export "new") (param v128 i32) (global.set $g (array.new $a (local.get 0) (local.get 1))))
        (func (export "default") (param i32) (global.set $g (array.new_default $a (local.get 0))))
        (func (export "fixed") (param v128 v128) (global.set $g (array.new_fixed $a 3 (local.get 0) (local.get 1)
            (block (result v128) (local.get 0)))))
        (func (export "get") (param i32) (result v128) (array.get $a (global.get $g) (local.get 0)))
        (func (export "get of register") (param i32) (result v128)
            (array.get $a (global.get $g) (i32.add (local.get 0) (i32.const 1))))
        (func (export "get 2") (result v128) (array.get $a (global.get $g) (i32.const 2)))
        (func (export "set") (param i32 v128) (array.set $a (global.get $g) (local.get 0) (local.get 1)))
        (func (export "fill") (param i32 v128 i32)
            (array.fill $a (global.get $g) (local.get 0) (local.get 1) (local.get 2)))
        (func (export "fill copied") (param i32 v128 i32)
            (array.fill $a (global.get $g) (i32.add (local.get 0) (i32.const 0)) (array.get $a (global.get $g) (i32.const 0))
                (i32.add (local.get 2) (i32.const 0)))))"#;
    let (a, b) = (Val::V128(u128::MAX / 3), Val::V128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10));
    let n = |n: i32| Val::I32(n);
    let mut calls = vec![("get", vec![n(0)]), ("fill", vec![n(0), a, n(0)])];
    for made in [("new", vec![a, n(6)]), ("new", vec![b, n(600)]), ("default", vec![n(7)]), ("fixed", vec![a, b])] {
        calls.push(made);
        calls.extend((0..4).map(|i| ("get", vec![n(i)])));
        calls.extend([("get of register", vec![n(0)]), ("get 2", vec![]), ("get", vec![n(-1)])]);
        calls.extend([("set", vec![n(1), b]), ("get", vec![n(0)]), ("get", vec![n(1)]), ("set", vec![n(800), a])]);
        calls.extend([("fill", vec![n(1), a, n(2)]), ("get", vec![n(0)]), ("get", vec![n(1)]), ("get", vec![n(2)])]);
        calls.extend([("fill", vec![n(1), b, n(-1)]), ("fill", vec![n(900), b, n(0)]), ("get 2", vec![])]);
        calls.extend([("fill copied", vec![n(1), b, n(1)]), ("get", vec![n(1)]), ("get", vec![n(2)])]);
    }
    let got = same(wat, &calls);
    assert_eq!((trap_of(&got[0]), trap_of(&got[1])), (Some(Trap::NullReference), Some(Trap::NullReference)));
    assert_eq!(got[4], Ok(vec![a]));
}

/// Elements of segments: numbers, functions and objects.
#[test]
fn arrays_of_segments() {
    let wat = r#"(module (type $n (array (mut i16))) (type $f (func (result i32))) (type $fs (array (mut (ref null $f))))
        (type $rs (array (mut (ref null i31))))
        (data $d "\01\02\03\04\05\06") (elem $e (ref null $f) (ref.func $a) (ref.null $f) (ref.func $b))
        (elem $i i31ref (ref.i31 (i32.const 5)) (ref.i31 (i32.const 6)))
        (func $a (type $f) (i32.const 1)) (func $b (type $f) (i32.const 2))
        (func (export "data") (param i32 i32 i32) (result i32)
            (array.get_u $n (array.new_data $n $d (local.get 0) (local.get 1)) (local.get 2)))
        (func (export "elem") (param i32 i32 i32) (result i32)
            (call_ref $f (array.get $fs (array.new_elem $fs $e (local.get 0) (local.get 1)) (local.get 2))))
        (func (export "init data") (param i32 i32 i32) (result i32) (local $a (ref $n))
            (local.set $a (array.new_default $n (i32.const 3)))
            (array.init_data $n $d (local.get $a) (local.get 0) (local.get 1) (local.get 2))
            (array.get_s $n (local.get $a) (local.get 0)))
        (func (export "init elem") (param i32 i32 i32) (result i32) (local $a (ref $fs))
            (local.set $a (array.new_default $fs (i32.const 3)))
            (array.init_elem $fs $e (local.get $a) (local.get 0) (local.get 1) (local.get 2))
            (call_ref $f (array.get $fs (local.get $a) (local.get 0))))
        (func (export "refs") (param i32 i32) (result i32)
            (i31.get_s (array.get $rs (array.new_elem $rs $i (i32.const 0) (local.get 0)) (local.get 1)))))"#;
    let mut calls = Vec::new();
    for name in ["data", "elem", "init data", "init elem"] {
        for args in [[0, 3, 2], [1, 1, 1], [2, 1, 0], [1, 0, 2], [2, 0, 1], [0, 1, 2], [9, 1, 0], [0, -1, 1]] {
            calls.push((name, ints(&args)));
        }
    }
    calls.extend([[2, 1], [1, 0], [3, 0], [2, 2]].map(|args| ("refs", ints(&args))));
    let got = same(wat, &calls);
    assert!(got.iter().filter(|o| o.is_ok()).count() > 6 && got.iter().filter(|o| o.is_err()).count() > 6);
}
