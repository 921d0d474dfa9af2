//! Which functions are optimized, and which are left to the baseline compiler because optimizing them would be too much
//! work.

use crate::abi::settings::Settings;
use crate::base::index::*;
use crate::base::{ErrorKind, Result};
use crate::compile::{Compiler, FuncCompiler, ModuleFacts, compile_for_good, link};
use crate::sys::stack::on_large_stack;
use crate::wasm::decode::{Decoded, decode};
use crate::wasm::features::FeatureSet;
use crate::wasm::registry::TypeRegistry;
use std::sync::Arc;

/// Compiles and links all functions of a module. Returns for each function whether it is optimized.
fn compile(wat: &str, settings: Settings) -> Result<Vec<bool>> {
    let bytes = wat::parse_str(wat).unwrap();
    let types = TypeRegistry::new().unwrap();
    let Decoded { info, bodies } = decode(&bytes, &types, FeatureSet::default()).unwrap();
    let compiler = Compiler::new(settings, 1, None).unwrap();
    let facts = ModuleFacts::new(&info);
    let env = compiler.env(&info, &facts, types.view());
    let mut one = FuncCompiler::default();
    let mut func = |i: usize| compile_for_good(&mut one, &env, DefinedFuncIndex::new(i), &bytes, &bodies[i]);
    let funcs = on_large_stack(|| (0..bodies.len()).map(&mut func).collect::<Result<Vec<_>>>()).unwrap()?;
    let optimized = funcs.iter().map(|f| f.is_optimized()).collect();
    link(&funcs.into_iter().map(Arc::new).collect::<Vec<_>>())?;
    Ok(optimized)
}

fn is_optimized(wat: &str) -> bool {
    let one = |signals| compile(wat, Settings { signals, ..Settings::default() }).unwrap() == [true];
    one(true) && one(false)
}

fn repeat(n: usize, part: impl Fn(usize) -> String) -> String {
    (0..n).map(part).collect()
}

/// `depth` nested loops with `locals` locals. The innermost loop changes the locals, and they are live in all loops.
fn loops(depth: usize, locals: usize) -> String {
    let set = |i| format!("(local.set {i} (i32.add (local.get {i}) (i32.const {i})))");
    format!(
        "(module (func (local {}) {} {} {}))",
        "i32 ".repeat(locals),
        "(loop ".repeat(depth),
        repeat(locals, set),
        repeat(depth, |i| format!("(br_if 0 (local.get {})))", i % locals))
    )
}

/// Values that are all live before the first one is used, and across the instructions `between`.
fn alive(values: usize, between: &str) -> String {
    let value = |i| format!("(i32.mul (local.get 0) (i32.const {}))", 7 * i + 3);
    let (all, ends) = (repeat(values, value), "i32.xor ".repeat(values - 1));
    format!("(module (func (param i32) (result i32) {all} {between} {ends}) (func $f))")
}

/// Nested blocks that end with different values of the locals, depending on the branch taken.
fn exits(depth: usize, locals: usize) -> String {
    let leave = |i| {
        let local = i % locals;
        format!("(br_if {i} (local.get 0)) (local.set {local} (i32.add (local.get {local}) (i32.const {i})))")
    };
    let sum = |i| format!("(local.set 0 (i32.xor (local.get 0) (local.get {i})))");
    format!(
        "(module (func (param i32) (result i32) (local {}) {} {} {} {} (local.get 0)))",
        "i32 ".repeat(locals),
        "(block ".repeat(depth),
        repeat(depth, leave),
        ")".repeat(depth),
        repeat(locals, sum)
    )
}

#[test]
fn what_takes_little_is_optimized() {
    assert!(is_optimized(&loops(50, 50)));
    assert!(is_optimized(&loops(100, 10)));
    assert_eq!(compile(&alive(1000, ""), Settings::default()).unwrap(), [true; 2]);
    assert_eq!(compile(&alive(1000, "(call 1)"), Settings::default()).unwrap(), [true; 2]);
    assert!(is_optimized(&exits(300, 20)));
    let rows = repeat(1000, |i| format!("(call_indirect (param i32) (local.get 0) (i32.const {i}))"));
    assert!(is_optimized(&format!("(module (table 1 funcref) (func (param i32) {rows}))")));
    let blocks = repeat(5000, |i| {
        format!("(block (br_if 0 (i32.eq (local.get 0) (i32.const {i}))) (local.set 0 (i32.const {i})))")
    });
    assert!(is_optimized(&format!("(module (func (param i32) {blocks}))")));
}

/// Each of these would keep Cranelift busy for minutes.
#[test]
fn what_takes_long_is_left_to_the_baseline_compiler() {
    let left = |wat: &str| !compile(wat, Settings::default()).unwrap()[0];
    for (depth, locals) in [(400, 400), (20, 10_000), (3500, 1), (3500, 10)] {
        assert!(left(&loops(depth, locals)), "{depth} loops with {locals} locals");
    }
    for values in [20_000, 30_000] {
        assert!(left(&alive(values, "")), "{values} values");
        assert!(left(&alive(values, "(call 1)")), "{values} values during a call");
        let blocks = "(block (br_if 0 (local.get 0)))".repeat(20);
        assert!(left(&alive(values, &blocks)), "{values} values during other blocks");
    }
    assert!(left(&exits(2000, 200)));
    assert!(left(&exits(500, 500)));
    // Many locals in many blocks.
    let blocks = "(block)".repeat(10) + &"(block (br_if 0 (local.get 0)))".repeat(30_000);
    let uses = repeat(30_000, |i| format!("(local.set 0 (local.get {i}))"));
    assert!(left(&format!("(module (func (param i32) (local {}) {blocks} {uses}))", "i32 ".repeat(30_000))));
    // Results that each branch passes.
    let results = "i32 ".repeat(1000);
    let blocks =
        format!("(block (type $t) (call $f) (br_if 0 (local.get 0)) (br_table {} (local.get 0)))", "0 ".repeat(5000));
    let body = format!("{blocks} {}", "drop ".repeat(1000)).repeat(20);
    assert!(left(&format!(
        "(module (type $t (func (result {results}))) (import \"\" \"\" (func $f (type $t))) (func (param i32) {body}))"
    )));
}

#[test]
fn the_budget_decides() {
    let of = |wat: &str, budget| compile(wat, Settings { optimization_budget: budget, ..Settings::default() });
    let small = "(module (func (result i32) (i32.const 1)))";
    assert_eq!(of(small, 0).unwrap(), [false]);
    assert_eq!(of(small, 10_000_000).unwrap(), [true]);
    assert_eq!(of(&loops(40, 40), 100_000_000).unwrap(), [false]);
    assert_eq!(of(&loops(40, 40), u64::MAX).unwrap(), [true]);
}

/// A function that is left to the baseline compiler is validated as a whole, even if Cranelift gave up before its end.
#[test]
fn what_is_left_over_is_valid() {
    let long = loops(20, 10_000).replace("(module (func", "(module (func (result i32)");
    assert_eq!(compile(&long, Settings::default()).unwrap_err().kind(), ErrorKind::InvalidModule);
}
