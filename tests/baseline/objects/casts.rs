//! Casts: every value of a hierarchy against every type of it.

use super::*;

struct Hierarchy {
    /// The type of the table that the values are in.
    top: &'static str,
    values: usize,
    targets: &'static [&'static str],
    /// What fills the table.
    made: &'static str,
}

const HIERARCHIES: [Hierarchy; 4] = [
    Hierarchy {
        top: "any",
        values: 11,
        targets: &["any", "eq", "i31", "struct", "array", "none", "$d0", "$d7", "$d8", "$d9", "$same", "$last", "$n", "$ns", "$r"],
        made: "(table.set $t (i32.const 1) (ref.i31 (i32.const 0))) (table.set $t (i32.const 2) (ref.i31 (i32.const -1)))
            (table.set $t (i32.const 3) (struct.new_default $d0)) (table.set $t (i32.const 4) (struct.new_default $d7))
            (table.set $t (i32.const 5) (struct.new_default $d9)) (table.set $t (i32.const 6) (struct.new_default $last))
            (table.set $t (i32.const 7) (array.new_default $n (i32.const 3)))
            (table.set $t (i32.const 8) (array.new_default $ns (i32.const 0)))
            (table.set $t (i32.const 9) (any.convert_extern (local.get 0)))
            (table.set $t (i32.const 10) (struct.new_default $other))",
    },
    Hierarchy {
        top: "func",
        values: 5,
        targets: &["func", "nofunc", "$f0", "$f1", "$f2", "$fin"],
        made: "(table.set $t (i32.const 1) (ref.func $g0)) (table.set $t (i32.const 2) (ref.func $g1))
            (table.set $t (i32.const 3) (ref.func $g2)) (table.set $t (i32.const 4) (ref.func $gfin))",
    },
    Hierarchy {
        top: "extern",
        values: 3,
        targets: &["extern", "noextern"],
        made: "(table.set $t (i32.const 1) (local.get 0))
            (table.set $t (i32.const 2) (extern.convert_any (struct.new_default $d0)))",
    },
    Hierarchy {
        top: "exn",
        values: 2,
        targets: &["exn", "noexn"],
        made: "(table.set $t (i32.const 1) (block (result exnref) (try_table (catch_all_ref 0) (throw $e)) unreachable))",
    },
];

const TYPES: &str = "(type $d0 (sub (struct (field i32)))) (type $d1 (sub $d0 (struct (field i32)))) (type $d2 (sub $d1 (struct (field i32))))
    (type $d3 (sub $d2 (struct (field i32)))) (type $d4 (sub $d3 (struct (field i32)))) (type $d5 (sub $d4 (struct (field i32))))
    (type $d6 (sub $d5 (struct (field i32)))) (type $d7 (sub $d6 (struct (field i32)))) (type $d8 (sub $d7 (struct (field i32))))
    (type $d9 (sub $d8 (struct (field i32)))) (type $last (sub final $d9 (struct (field i32)))) (type $same (sub $d0 (struct (field i32))))
    (type $other (struct (field i64))) (type $n (sub (array (mut i32)))) (type $ns (sub final $n (array (mut i32)))) (type $r (array i8))
    (type $f0 (sub (func))) (type $f1 (sub $f0 (func))) (type $f2 (sub final $f1 (func))) (type $fin (func (param i32)))
    (func $g0 (type $f0)) (func $g1 (type $f1)) (func $g2 (type $f2)) (func $gfin (type $fin)) (tag $e)
    (elem declare func $g0 $g1 $g2 $gfin)";

/// For each target, with values in a table: a test, a cast, and branches that carry other operands, with the value in a
/// register and in a local.
fn program(h: &Hierarchy) -> (String, Vec<String>) {
    let Hierarchy { top, made, values, .. } = h;
    let mut wat = format!(
        r#"(module {TYPES} (table $t {values} (ref null {top})) (func (export "take") (param externref) {made})
        (func $get (param i32) (result (ref null {top})) (table.get $t (local.get 0)))"#
    );
    let mut names = Vec::new();
    for target in h.targets.iter().flat_map(|t| [t.to_string(), format!("null {t}")]) {
        let not = if target.starts_with("null ") { format!("(ref {top})") } else { format!("(ref null {top})") };
        let (from, to) = (format!("(ref null {top})"), format!("(ref {target})"));
        wat += &format!(
            r#"
            (func (export "test {target}") (param i32) (result i32) (ref.test {to} (call $get (local.get 0))))
            (func (export "test local {target}") (param i32) (result i32 i32) (local {from})
                (local.set 1 (table.get $t (local.get 0)))
                (ref.test {to} (local.get 1)) (ref.test {to} (table.get $t (local.get 0))))
            (func (export "cast {target}") (param i32) (result i32) (local {from})
                (local.set 1 (table.get $t (local.get 0)))
                (ref.is_null (ref.cast {to} (local.get 1)))
                (ref.is_null (ref.cast {to} (call $get (local.get 0)))) i32.add)
            (func (export "br {target}") (param i32) (result i32)
                (block $b (result i32 i32 {to})
                    (i32.mul (local.get 0) (i32.const 2)) (i32.add (local.get 0) (i32.const 5)) (table.get $t (local.get 0))
                    (br_on_cast $b {from} {to}) ref.is_null i32.add i32.mul (i32.add (i32.const 1000)) return)
                ref.is_null i32.add i32.sub)
            (func (export "br local {target}") (param i32) (result i32) (local {from})
                (local.set 1 (call $get (local.get 0)))
                (block $b (result i32 {to})
                    (i32.mul (local.get 0) (i32.const 2)) (local.get 1)
                    (br_on_cast $b {from} {to}) drop (i32.add (i32.const 77)) return)
                ref.is_null i32.add)
            (func (export "br fail {target}") (param i32) (result i32)
                (block $b (result i32 i32 {not})
                    (i32.mul (local.get 0) (i32.const 2)) (i32.add (local.get 0) (i32.const 5)) (table.get $t (local.get 0))
                    (br_on_cast_fail $b {from} {to}) ref.is_null i32.add i32.mul return)
                ref.is_null i32.add i32.sub)"#
        );
        let kinds = ["test", "test local", "cast", "br", "br local", "br fail"];
        names.extend(kinds.map(|kind| format!("{kind} {target}")));
    }
    (wat + ")", names)
}

#[test]
fn every_value_against_every_type() {
    for h in &HIERARCHIES {
        let (wat, names) = program(h);
        let calls: Vec<_> =
            names.iter().flat_map(|name| (0..h.values).map(move |v| (name.as_str(), ints(&[v as i32])))).collect();
        let got = same(&wat, &calls);
        let failed = got.iter().filter(|o| trap_of(o) == Some(Trap::CastFailure)).count();
        // Null has every nullable type, and every value has the top type.
        let tested = |name: &str| calls.iter().position(|c| c.0 == name).unwrap();
        assert_eq!(got[tested(&format!("test null {}", h.targets[1]))], Ok(vec![Val::I32(1)]));
        let all = tested(&format!("test null {}", h.targets[0]));
        assert!(got[all..all + h.values].iter().all(|o| *o == Ok(vec![Val::I32(1)])));
        assert!(failed >= 2 && got.iter().all(|o| o.is_ok() || trap_of(o) == Some(Trap::CastFailure)));
    }
}
