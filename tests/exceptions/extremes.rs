//! Deep stacks, deep nesting, and no space in the heap or on the stack.

use super::{World, configs, with_stack};
use std::fmt::Write;
use wrt::api::*;

const DEEP: &str = r#"(module (tag $t (export "t") (param i32)) (tag $other (param i32))
  (func $down (export "down") (param $n i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (throw $t (i32.const 7))))
    (i32.add (call $down (i32.sub (local.get $n) (i32.const 1))) (i32.const 1)))
  ;; Each frame could catch, but something else.
  (func $tries (export "tries") (param $n i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (throw $t (i32.const 8))))
    (block $h (result i32)
      (return (try_table (result i32) (catch $other $h)
        (i32.add (call $tries (i32.sub (local.get $n) (i32.const 1))) (i32.const 1))))))
  ;; Each frame catches and throws on.
  (func $again (export "again") (param $n i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (throw $t (i32.const 9))))
    (block $h (result i32)
      (return (try_table (result i32) (catch $t $h) (call $again (i32.sub (local.get $n) (i32.const 1))))))
    (throw $t))
  (func (export "catch down") (param i32) (result i32)
    (block $h (result i32) (try_table (result i32) (catch $t $h) (call $down (local.get 0)))))
  (func (export "catch tries") (param i32) (result i32)
    (block $h (result i32) (try_table (result i32) (catch $t $h) (call $tries (local.get 0)))))
  (func (export "catch again") (param i32) (result i32)
    (block $h (result i32) (try_table (result i32) (catch $t $h) (call $again (local.get 0))))))"#;

#[test]
fn over_a_hundred_thousand_frames() {
    with_stack(700 << 20, || {
        let deep = Config::new().max_wasm_stack(128 << 20);
        for config in [deep.clone(), deep.clone().signals(false), deep.lazy(true).background(false)] {
            let mut w = World::new(config, DEEP);
            for (name, n) in [("down", 7), ("tries", 8)] {
                assert_eq!(w.call(&format!("catch {name}"), &[100_000]), n);
                let error = w.fails(name, &[100_000]);
                assert_eq!(error.message(), format!("uncaught exception $t ({n})"));
                assert!(
                    error.frames().len() > 10 && error.frames().iter().all(|f| f.func_name.as_deref() == Some(name))
                );
            }
            // Each of these searches for a handler again.
            assert_eq!(w.call("catch again", &[2_000]), 9);
            let tag = w.tag("t");
            let error = w.fails("again", &[2_000]);
            assert_eq!(w.carried(&error, tag), [Val::I32(9)]);
        }
    });
}

/// `n` nested `try_table`s, each for its own tag, with calls in all of them. The innermost call throws the k-th of these
/// tags.
fn nested(n: usize) -> String {
    let mut text = String::from("(module (func $nothing)");
    for i in 0..=n {
        write!(text, "(tag $t{i} (param i32))").unwrap();
    }
    text += "(func $throw (param i32) ";
    for i in (0..=n).step_by(n / 10) {
        write!(text, "(if (i32.eq (local.get 0) (i32.const {i})) (then (throw $t{i} (i32.const {}))))", 2 * i).unwrap();
    }
    text += ") (func (export \"run\") (param i32) (result i32) ";
    for i in 0..n {
        write!(text, "(block $h{i} (result i32) (try_table (result i32) (catch $t{i} $h{i}) (call $nothing) ").unwrap();
    }
    text += "(call $throw (local.get 0)) (i32.const -1)";
    for i in (0..n).rev() {
        // The caught value, and which handler caught it, passes through all the enclosing blocks.
        write!(text, ") (call $nothing) (return)) (i32.add (i32.const {i})) ").unwrap();
    }
    text + "))"
}

/// One `try_table` with `n` clauses, of which every tenth also takes the exception, and as many calls in it.
fn wide(n: usize) -> String {
    let mut text = String::from("(module (func $nothing)");
    for i in 0..=n {
        write!(text, "(tag $t{i} (param i32))").unwrap();
    }
    text += "(func $throw (param i32) ";
    for i in (0..=n).step_by(n / 10) {
        write!(text, "(if (i32.eq (local.get 0) (i32.const {i})) (then (throw $t{i} (i32.const {}))))", 3 * i).unwrap();
    }
    text += ") (func (export \"run\") (param i32) (result i32) (block $ref (result i32 exnref) (block $h (result i32) (try_table ";
    for i in 0..n {
        let (clause, label) = if i % 10 == 0 { ("catch_ref", "$ref") } else { ("catch", "$h") };
        write!(text, "({clause} $t{i} {label})").unwrap();
    }
    text += &"(call $nothing)".repeat(n);
    text + "(call $throw (local.get 0))) (return (i32.const -1))) (return)) (drop) (return)))"
}

/// As many clauses as calls; the work must not be their product.
#[test]
fn thousands_of_clauses() {
    with_stack(64 << 20, || {
        const N: i32 = 3000;
        for config in [Config::new(), Config::new().gc_zeal(1), Config::new().lazy(true).background(false)] {
            // Caught by the i-th clause as 2 i, to which that adds i; and as 3 i.
            for text in [nested(N as usize), wide(N as usize)] {
                let mut w = World::new(config.clone(), &text);
                for i in (0..N).step_by(N as usize / 10) {
                    assert_eq!(w.call("run", &[i]), 3 * i);
                }
                assert_eq!(w.call("run", &[1]), -1);
                // The tag that none of them catches.
                let error = w.fails("run", &[N]);
                assert!(error.message().starts_with("uncaught exception $t3000 ("), "{error}");
            }
        }
    });
}

/// Frames that catch everything, again and again, until the stack is exhausted; and a frame whose exception finds the heap full.
const NO_ROOM: &str = r#"(module
  (tag $t (param exnref)) (global $last (mut exnref) (ref.null exn))
  (func $deep (export "deep") (param i32) (result i32)
    (block $h (result i32)
      (block $all
        (return (try_table (result i32) (catch_all $all) (call $deep (i32.add (local.get 0) (i32.const 1))))))
      (i32.const -1)))
  (func $throw (throw $t (global.get $last)))
  (func (export "heap") (result i32)
    (block $all
      (try_table (catch_all $all)
        (loop $more
          (global.set $last (block $h (result exnref) (try_table (catch_all_ref $h) (call $throw)) (unreachable)))
          (br $more))))
    (i32.const 1))
  (func (export "clear") (result i32) (global.set $last (ref.null exn)) (i32.const 2))
  (func (export "once") (result i32)
    (block $h (result exnref) (try_table (catch $t $h) (call $throw)) (unreachable)) (ref.is_null)))"#;

#[test]
fn no_stack_and_no_heap() {
    for config in configs() {
        let mut w = World::new(config.gc_zeal(0).heap_limit(4 << 20).gc_verify(false), NO_ROOM);
        for _ in 0..2 {
            assert_eq!(w.fails("deep", &[0]).trap_code(), Some(Trap::StackOverflow));
            assert_eq!(w.fails("heap", &[]).trap_code(), Some(Trap::HeapExhausted));
            assert_eq!(w.call("clear", &[]), 2);
            assert_eq!(w.call("once", &[]), 1);
        }
    }
}

/// Without signals, an entry before the function checks a frame of several pages. The positions in the tables must account for
/// this entry.
#[test]
fn large_frames_catch() {
    const LOCALS: usize = 600;
    let mut text = String::from(
        "(module (tag $e (param i32)) (func $throw (param i32) (throw $e (local.get 0)))
         (func $splat (param i32) (result v128) (i32x4.splat (local.get 0)))
         (func (export \"run\") (param i32) (result i32) (local $got i32)",
    );
    (0..LOCALS).for_each(|i| write!(text, "(local $l{i} v128)").unwrap());
    (0..LOCALS).for_each(|i| write!(text, "(local.set $l{i} (call $splat (i32.const {i})))").unwrap());
    text +=
        "(local.set $got (block $h (result i32) (try_table (catch $e $h) (call $throw (local.get 0))) (unreachable)))";
    text += "(local.get $got)";
    (0..LOCALS).for_each(|i| write!(text, "(i32.add (i32x4.extract_lane 0 (local.get $l{i})))").unwrap());
    text += "))";
    for config in configs() {
        let mut w = World::new(config, &text);
        assert_eq!(w.call("run", &[5]), 5 + (LOCALS * (LOCALS - 1) / 2) as i32);
    }
}
