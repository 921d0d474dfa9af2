//! Compilation work for functions that grow in two ways at once: it must not grow with the product of both. The tests
//! count work; they do not measure time.

mod budget;

use super::baseline;
use super::{Compiler, FuncCompiler, ModuleFacts};
use crate::abi::settings::Settings;
use crate::base::index::*;
use crate::wasm::decode::{Decoded, again, decode};
use crate::wasm::features::FeatureSet;
use crate::wasm::registry::TypeRegistry;

fn types(ty: &str, n: usize) -> String {
    format!("{ty} ").repeat(n)
}

/// A `br_table` with `n` entries that alternate between two blocks with `n` results each.
fn table_to_wide_blocks(n: usize) -> String {
    let (results, values) = (types("i32", n), "(local.get 0)".repeat(n));
    let entries: String = (0..n).map(|i| if i % 2 == 0 { "0 " } else { "1 " }).collect();
    format!(
        "(module (type $t (func (result {results}))) (func (param i32) (block (type $t) (block (type $t) {values} (br_table {entries} 0 (local.get 0)))) {}))",
        "drop ".repeat(n)
    )
}

/// A `br_table` with `n` entries that alternate between two blocks where `n` locals are merged.
fn table_and_locals(n: usize) -> String {
    let set =
        |base: usize| -> String { (1..=n).map(|i| format!("(local.set {i} (i32.const {}))", base + i)).collect() };
    let use_: String = (1..=n).map(|i| format!("(call 1 (local.get {i}))")).collect();
    let entries: String = (0..n).map(|i| if i % 2 == 0 { "0 " } else { "1 " }).collect();
    format!(
        "(module (func (param i32) (local {}) (block (block {} (br_table {entries} 0 (local.get 0))) {}) {use_}) (func (param i32)))",
        types("i32", n),
        set(0),
        set(n)
    )
}

/// `n` locals that hold i31s across `n` calls.
fn small_references(n: usize) -> String {
    let set: String = (0..n).map(|i| format!("(local.set {i} (ref.i31 (i32.const {i})))")).collect();
    let get: String = (0..n).map(|i| format!("(drop (i31.get_u (local.get {i})))")).collect();
    format!("(module (func (local {}) {set} {} {get}) (func))", types("i31ref", n), "(call 1)".repeat(n))
}

/// `n` references in locals and `n` on the stack, across `n` calls. The frame slot of the topmost reference alternates
/// from call to call.
fn references_during_calls(n: usize) -> String {
    let here = "(local.get 0) (call 1) drop";
    let there = "(i32.const 1) (local.get 0) (call 1) drop drop";
    format!(
        "(module (func (local {}) {} {} {}) (func))",
        types("anyref", n),
        "(local.get 0)".repeat(n),
        format!("{here} {there} ").repeat(n / 2),
        "drop ".repeat(n)
    )
}

/// `n` branches with `n` operands each, and more and more operands below those.
fn branches_with_operands(n: usize) -> String {
    let values = "(local.get 0)".repeat(n);
    let branches = "(local.get 0) (local.get 0) (br_if 0)".repeat(n);
    format!(
        "(module (type $t (func (result {}))) (func (param i32) (block (type $t) {values} {branches} {}) {}))",
        types("i32", n),
        "drop ".repeat(n),
        "drop ".repeat(n)
    )
}

/// `n` conditional returns of `n` results.
fn returns(n: usize) -> String {
    let values = "(local.get 0)".repeat(n);
    format!("(module (func (param i32) (result {}) {values} {}))", types("i32", n), "(local.get 0) (br_if 0)".repeat(n))
}

/// `n` calls, each with the `n` results of the previous call as arguments.
fn calls_with_arguments(n: usize) -> String {
    let ty = format!("(param {}) (result {})", types("i64", n), types("i64", n));
    let gets: String = (0..n).map(|i| format!("(local.get {i})")).collect();
    format!("(module (func {ty} {gets} {}) (func {ty} (unreachable)))", "(call 1)".repeat(n))
}

/// A sequence of loads and stores. Each has its own check if faults may not be used.
fn accesses(n: usize) -> String {
    let each = "(i32.store (local.get 0) (i32.load (local.get 1))) (local.set 0 (i32.add (local.get 0) (i32.const 4)))";
    format!("(module (memory 1) (func (param i32 i32) {}))", each.repeat(n))
}

/// Compiles the first function of a module.
fn first<T>(text: &str, settings: Settings, f: impl FnOnce(&super::env::ModuleEnv<'_>, &[u8], &Decoded) -> T) -> T {
    let types = TypeRegistry::new().unwrap();
    let bytes = wat::parse_str(text).unwrap();
    let decoded = decode(&bytes, &types, FeatureSet::default()).unwrap();
    let compiler = Compiler::new(settings, 1, None).unwrap();
    let facts = ModuleFacts::new(&decoded.info);
    f(&compiler.env(&decoded.info, &facts, types.view()), &bytes, &decoded)
}

fn first_index() -> DefinedFuncIndex {
    DefinedFuncIndex::from_u32(0)
}

fn settings(signals: bool) -> Settings {
    Settings { signals, optimization_budget: u64::MAX, ..Settings::default() }
}

/// Compiles with Cranelift. Returns the size of its input, the number of blocks, and the size of the output.
fn optimized(text: &str, signals: bool) -> (usize, usize, usize) {
    first(text, settings(signals), |env, bytes, decoded| {
        let mut compiler = FuncCompiler::default();
        let compiled =
            compiler.compile(env, first_index(), bytes, again(&decoded.bodies[0])).unwrap().expect("it has no budget");
        let (size, blocks) = compiler.size();
        (size, blocks, compiled.len() + compiled.stack_maps.size())
    })
}

/// Compiles with the baseline compiler. Returns the size of the code and of the stack maps.
fn baseline(text: &str, signals: bool) -> usize {
    first(text, settings(signals), |env, bytes, decoded| {
        let compiled = baseline::compile(env, first_index(), bytes, &decoded.bodies[0]).unwrap();
        let compiled = compiled.unwrap_or_else(|refused| panic!("{refused:?}"));
        compiled.len() + compiled.stack_maps.size()
    })
}

/// Doubling both sizes must double the work, not quadruple it.
fn assert_linear(what: &str, work: impl Fn(usize) -> usize) {
    let (once, twice) = (work(200), work(400));
    assert!(twice * 10 <= once * 23, "{what}: {once} of 200, {twice} of 400");
}

#[test]
fn nothing_is_the_product_of_two_sizes() {
    for signals in [true, false] {
        for (what, shape) in [
            ("tables to wide blocks", table_to_wide_blocks as fn(usize) -> String),
            ("tables and locals", table_and_locals),
            ("i31s over calls", small_references),
        ] {
            assert_linear(what, |n| optimized(&shape(n), signals).0);
            assert_linear(what, |n| optimized(&shape(n), signals).2);
            assert_linear(what, |n| baseline(&shape(n), signals));
        }
        for (what, shape) in [
            ("references during calls", references_during_calls as fn(usize) -> String),
            ("branches with operands", branches_with_operands),
            ("returns", returns),
            ("calls with arguments", calls_with_arguments),
        ] {
            assert_linear(what, |n| baseline(&shape(n), signals));
        }
    }
}

/// A check is an instruction and not a block, whether faults may be used or not.
#[test]
fn explicit_checks_are_no_blocks() {
    let text = accesses(500);
    let (with_signals, blocks, _) = optimized(&text, true);
    let (without, more_blocks, _) = optimized(&text, false);
    // The stack check has a block.
    assert!(more_blocks <= blocks + 2, "{blocks} and {more_blocks} blocks");
    assert!(without <= 3 * with_signals, "{with_signals} and {without} instructions and operands");
}
