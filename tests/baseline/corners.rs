//! Regression tests for the baseline compiler.

use std::fmt::Write;
use std::time::{Duration, Instant};
use wrt::api::*;

fn call(config: &Config, wat: &str, name: &str) -> Result<Vec<Val>> {
    let engine = Engine::new(config).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let module = Module::new(&engine, wat.as_bytes()).unwrap();
    let i = Instance::new(&mut store, &module, &[]).unwrap();
    let Some(Extern::Func(f)) = i.export(&mut store, name).unwrap() else { panic!("no {name}") };
    let mut results = vec![Val::I32(0); f.ty(&store).unwrap().results().len()];
    f.call(&mut store, &[], &mut results).map(|()| results)
}

fn at_once() -> Config {
    Config::new().lazy(true).background(false)
}

/// Vectors on the stack are aligned, so arguments there take more space than the operands that they come from: the destination begins
/// below the source's end.
#[test]
fn arguments_of_tail_calls_move_over_themselves() {
    for pairs in [4, 20, 40, 300] {
        let types = format!("{} {}", "f32 ".repeat(8) + &"i32 ".repeat(5), "i64 v128 ".repeat(pairs));
        let mut args = "(f32.const 1)".repeat(8) + &"(i32.const 2)".repeat(5);
        let mut sum = String::from("(i64.const 0)");
        let mut wanted = 0;
        for i in 0..pairs {
            let (a, low, high) = (3 * i + 1, 5 * i + 2, 7 * i + 3);
            write!(args, "(i64.const {a}) (v128.const i64x2 {low} {high})").unwrap();
            let (at, vector) = (13 + 2 * i, 14 + 2 * i);
            for (value, of) in [
                (a, format!("(local.get {at})")),
                (low, format!("(i64x2.extract_lane 0 (local.get {vector}))")),
                (high, format!("(i64x2.extract_lane 1 (local.get {vector}))")),
            ] {
                // If a value is in the wrong place, the sum differs.
                let factor = 2 * (wanted as usize % 1000) + 1;
                write!(sum, "(i64.add (i64.mul {of} (i64.const {factor})))").unwrap();
                wanted += (value * factor) as i64;
            }
        }
        let wat = format!(
            r#"(module (func $g (param {types}) (result i64) {sum}) (func $tail (result i64) {args} (return_call $g))
              (func (export "run") (result i64) (call $tail)))"#
        );
        for signals in [true, false] {
            assert_eq!(call(&at_once().signals(signals), &wat, "run").unwrap(), [Val::I64(wanted)], "{pairs}");
        }
    }
}

/// Neither operands nor blocks that are unrelated to a call make it slow to compile. If the cost were their product, it would take
/// from ten seconds to minutes.
#[test]
fn calls_do_not_look_at_everything_around() {
    const MANY: usize = 200_000;
    let run = |open: &str, call: &str, close: &str| {
        let [open, call, close] = [open, call, close].map(|text| text.repeat(MANY));
        format!(r#"(module (tag $t) (func $f) (func (export "run") (br_if 0 (i32.const 1)) {open} {call} {close}))"#)
    };
    for (open, call_, close) in [
        ("i32.const 0 ", "call $f ", "drop "),
        ("ref.null any ", "call $f ", "drop "),
        ("try_table ", "call $f ", "end "),
        ("try_table ", "block throw $t end ", "end "),
    ] {
        let wat = run(open, call_, close);
        let start = Instant::now();
        call(&at_once(), &wat, "run").unwrap();
        let took = start.elapsed();
        assert!(took < Duration::from_secs(6), "{open}{call_}: {took:?}");
    }
}

/// Code that is much larger than its function: the space next to the stubs is too small for all of it, so the rest is entered when
/// everything is optimized.
#[test]
fn what_has_no_room_is_called_all_the_same() {
    const RESULTS: usize = 100;
    const CHAIN: usize = 30;
    let types = "i64 ".repeat(RESULTS);
    let first: String = (0..RESULTS).map(|i| format!("(i64.const {})", i + 1)).collect();
    let chain: String = (0..CHAIN).map(|i| format!("(func $f{i} (type $t) (call $f{}))", i + 1)).collect();
    let wat = format!(
        r#"(module (type $t (func (result {types}))) {chain} (func $f{CHAIN} (type $t) {first})
          (func (export "run") (type $t) (call $f0)))"#
    );
    let wanted: Vec<Val> = (1..=RESULTS as i64).map(Val::I64).collect();
    for config in [at_once(), at_once().signals(false), Config::new().lazy(true)] {
        assert_eq!(call(&config, &wat, "run").unwrap(), wanted);
    }
}
