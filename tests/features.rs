//! Each proposal on and off: with it, a module that needs it is compiled; without it, the module is rejected, and the error names the
//! proposal and the location.

use std::fs;
use wrt::api::*;

/// A proposal, a module that needs it, how its error describes the location, and the bytes there.
#[rustfmt::skip]
const NEEDY: &[(&str, &str, &str, &[u8])] = &[
    ("mutable-global", "(module (import \"\" \"\" (global (mut i32))))", "in the import section", &[]),
    ("mutable-global", "(module (global (export \"\") (mut i32) (i32.const 0)))", "in the export section", &[]),
    ("nontrapping-float-to-int-conversions", "(module (func (drop (i64.trunc_sat_f64_u (f64.const 1)))))", "i64.trunc_sat_f64_u in function 0", &[0xfc, 7]),
    ("sign-extension-ops", "(module (func) (func (drop (i32.extend8_s (i32.const 1)))))", "i32.extend8_s in function 1", &[0xc0]),
    ("multi-value", "(module (type (func (result i32 i32))))", "in the type section", &[]),
    ("multi-value", "(module (type $t (func (param i32))) (func (i32.const 1) (block (type $t) (drop))))", "block in function 0", &[2]),
    ("bulk-memory-operations", "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))", "memory.fill in function 0", &[0xfc, 11]),
    ("bulk-memory-operations", "(module (memory 1) (data \"passive\"))", "in the data section", &[]),
    ("reference-types", "(module (import \"\" \"\" (func)) (func (param externref)))", "in the type section", &[]),
    ("reference-types", "(module (table 1 funcref) (table 1 funcref))", "in the table section", &[]),
    ("reference-types", "(module (table 1 funcref) (func (drop (table.get (i32.const 0)))))", "table.get in function 0", &[0x25]),
    ("simd", "(module (global v128 (v128.const i64x2 0 0)))", "in the global section", &[]),
    ("simd", "(module (func (drop (i32x4.splat (i32.const 0)))))", "i32x4.splat in function 0", &[0xfd, 17]),
    ("simd", "(module (import \"\" \"\" (func)) (func (local v128)))", "a local of function 1", &[]),
    ("relaxed-simd", "(module (func (param v128 v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))))", "i8x16.relaxed_swizzle in function 0", &[0xfd]),
    ("wide-arithmetic", "(module (func (param i64) (result i64 i64) (i64.mul_wide_s (local.get 0) (local.get 0))))", "i64.mul_wide_s in function 0", &[0xfc]),
    ("tail-call", "(module (func $f (return_call $f)))", "return_call in function 0", &[0x12]),
    ("extended-const", "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))", "in the global section", &[0x6a]),
    ("extended-const", "(module (memory 1) (data (i32.mul (i32.const 1) (i32.const 2)) \"\"))", "in the data section", &[0x6c]),
    ("multi-memory", "(module (memory 1) (memory 1))", "in the memory section", &[]),
    ("multi-memory", "(module (import \"\" \"\" (memory 1)) (memory 1))", "in the memory section", &[]),
    ("function-references", "(module (type $t (func)) (func (param (ref null $t))))", "in the type section", &[]),
    ("function-references", "(module (func (drop (ref.as_non_null (ref.null func)))))", "ref.as_non_null in function 0", &[0xd4]),
    ("gc", "(module (type (struct)))", "in the type section", &[]),
    ("gc", "(module (func (drop (ref.i31 (i32.const 0)))))", "ref.i31 in function 0", &[0xfb, 28]),
    ("gc", "(module (table 1 anyref))", "in the table section", &[]),
    ("exception-handling", "(module (tag))", "in the tag section", &[]),
    ("exception-handling", "(module (import \"\" \"\" (tag)))", "in the import section", &[]),
    ("exception-handling", "(module (func (drop (ref.null exn))))", "ref.null in function 0", &[0xd0]),
    ("exception-handling", "(module (func (try_table)))", "try_table in function 0", &[0x1f]),
    ("memory64", "(module (memory i64 1))", "in the memory section", &[]),
    ("memory64", "(module (import \"\" \"\" (table i64 1 funcref)))", "in the import section", &[]),
    ("custom-page-sizes", "(module (memory 1 (pagesize 1)))", "in the memory section", &[]),
    ("threads", "(module (func (atomic.fence)))", "atomic.fence in function 0", &[0xfe, 3]),
];

/// Modules that need a proposal that the library does not have, with the text format's own words for it.
const BEYOND: &[(&str, &str, &str)] = &[
    ("stack-switching", "(module (type $f (func)) (type (cont $f)))", "in the type section"),
    (
        "legacy-exceptions",
        "\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x07\x01\x05\0\x06\x40\x0b\x0b",
        "try in function 0",
    ),
    ("shared-everything-threads", "(module (global (shared i32) (i32.const 0)))", "in the global section"),
    ("custom-descriptors", "(module (type $s (struct)) (func (param (ref (exact $s)))))", "in the type section"),
];

fn engine(config: Config) -> Engine {
    Engine::new(&config).unwrap()
}

/// Configurations that detect features in different ways.
fn ways() -> [Config; 3] {
    [Config::new(), Config::new().threads(4), Config::new().lazy(true)]
}

#[test]
fn every_proposal_that_can_be_off_has_a_module() {
    for f in features() {
        let has = NEEDY.iter().any(|row| row.0 == f.name());
        assert!(has || f.name() == "branch-hinting", "no module for {}", f.name());
    }
}

#[test]
fn modules_are_refused_by_name_and_place() {
    for (name, text, place, bytes) in NEEDY {
        let binary = wat(text);
        for config in ways() {
            let on = engine(config.clone().feature(name, true).unwrap());
            Module::new(&on, text.as_bytes()).unwrap_or_else(|e| panic!("{name} is on: {text}: {e}"));
            Module::validate(&on, &binary).unwrap();
            let off = engine(config.feature(name, false).unwrap());
            let all = [
                Module::new(&off, &binary).err(),
                Module::new(&off, text.as_bytes()).err(),
                Module::validate(&off, &binary).err(),
                Module::validate(&off, text.as_bytes()).err(),
            ];
            for e in all {
                let e = e.unwrap_or_else(|| panic!("{name} is off, and {text} is taken"));
                assert_eq!(e.kind(), ErrorKind::Unsupported, "{text}: {e}");
                let said = format!("needs the feature {name}, which is off ({place})");
                assert_eq!(without_place(&e), said, "{text}");
                let at = e.offset().expect("a place") as usize;
                assert!(binary[at..].starts_with(bytes), "{text}: {e}: {:x?}", &binary[at..]);
            }
        }
    }
}

/// The message without the text location that it may begin with.
fn without_place(e: &Error) -> &str {
    e.message().split_once(": ").filter(|(place, _)| place.contains(':')).map_or(e.message(), |(_, message)| message)
}

/// The binary of a text, made by an engine with all proposals turned on.
fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn what_the_library_does_not_have_is_named() {
    for (name, text, place) in BEYOND {
        for config in ways() {
            let e = Module::new(&engine(config), text.as_bytes()).err().expect("is not there");
            assert_eq!(e.kind(), ErrorKind::Unsupported, "{text}: {e}");
            let said = format!("needs {name}, which wrt does not have ({place})");
            assert_eq!(without_place(&e), said, "{text}");
        }
        assert!(Config::new().feature(name, true).is_err() && Config::new().feature(name, false).is_ok());
    }
}

#[test]
fn shared_memories_are_refused() {
    for text in ["(module (memory 1 1 shared))", "(module (import \"\" \"\" (memory 1 1 shared)))"] {
        let e = Module::new(&engine(Config::new()), text.as_bytes()).err().expect("is not there");
        assert_eq!(e.kind(), ErrorKind::Unsupported, "{text}: {e}");
        assert!(
            e.message().starts_with("needs shared memories, which wrt does not have") && e.offset().is_some(),
            "{e}"
        );
    }
}

#[test]
fn several_needs_are_all_named() {
    let off = Config::new().feature("simd", false).unwrap().feature("tail-call", false).unwrap();
    let text = "(module (import \"\" \"\" (global (mut v128))) (global (shared i32) (i32.const 0)) (func $f (return_call $f)))";
    let e = Module::new(&engine(off), text.as_bytes()).err().unwrap();
    let said = "needs shared-everything-threads, which wrt does not have; and the features simd and tail-call, which are off (in the import section)";
    assert!(e.message().starts_with(said), "{e}");
}

#[test]
fn invalid_modules_stay_invalid() {
    let bare = ["mutable-global", "bulk-memory", "simd", "multi-value", "tail-call", "multi-memory", "extended-const"]
        .into_iter()
        .fold(Config::new(), |config, name| config.feature(name, false).unwrap());
    let bad = [
        ("(module (func (result i32) (i64.const 1)))", "expected i32, found i64"),
        ("(module (memory 1) (memory 1) (func (result i32) (i64.const 1)))", "multiple memories"),
        ("(module (func (call 7)))", "unknown function"),
        ("(module (func (drop (i32.atomic.load (i32.const 0)))))", ""),
    ];
    for (text, message) in bad {
        let e = Module::new(&engine(bare.clone()), &wat(text)).err().unwrap();
        assert_eq!(e.kind(), ErrorKind::InvalidModule, "{text}: {e}");
        assert!(e.message().contains(message) && !e.message().contains("needs the feature"), "{text}: {e}");
    }
    let e = Module::new(&engine(bare), b"\0asm\x01\0\0\0\x01\x7f").err().unwrap();
    assert_eq!(e.kind(), ErrorKind::Malformed);
}

/// Types that the host defines are also parsed with the engine's set of proposals.
#[test]
fn types_are_refused_too() {
    let off = engine(Config::new().feature("gc", false).unwrap());
    let e = off.parse_types("(type (struct))").err().unwrap();
    assert!(e.kind() == ErrorKind::Unsupported && e.message().contains("the feature gc"), "{e}");
    assert!(off.parse_types("(type (func (param i32)))").is_ok());
}

/// A saved module can be loaded by engines that have all proposals of the engine that saved it.
#[test]
fn saved_modules_keep_their_set() {
    let text = b"(module (func (export \"f\") (result i32) (i32.const 1)))";
    let (all, less) = (engine(Config::new()), engine(Config::new().feature("tail-call", false).unwrap()));
    // SAFETY: made by `save`.
    let load = |engine: &Engine, saved: &[u8]| unsafe { Module::load(engine, saved) };
    let of_all = Module::new(&all, text).unwrap().save().unwrap();
    let of_less = Module::new(&less, text).unwrap().save().unwrap();
    assert!(load(&all, &of_all).is_ok() && load(&all, &of_less).is_ok() && load(&less, &of_less).is_ok());
    let e = load(&less, &of_all).err().unwrap();
    assert_eq!(e.kind(), ErrorKind::Unsupported);
    assert!(e.message().contains("saved with the feature tail-call, which is off here"), "{e}");
}

#[test]
fn a_cache_does_not_mix_sets() {
    let folder = std::env::temp_dir().join(format!("wrt-features-{}", std::process::id()));
    let config = Config::new().cache(Some(folder.clone()), 1 << 30);
    let text = b"(module (func $f (return_call $f)))";
    let on = Module::new(&engine(config.clone()), text);
    let off = Module::new(&engine(config.feature("tail-call", false).unwrap()), text);
    let kept = fs::read_dir(&folder).unwrap().count();
    fs::remove_dir_all(&folder).unwrap();
    assert!(on.is_ok() && kept == 1);
    assert_eq!(off.err().unwrap().kind(), ErrorKind::Unsupported);
}

/// The table in the documentation is the one in the source.
#[test]
fn the_documentation_has_every_row() {
    let docs = include_str!("../docs/features.md");
    for f in features() {
        let row = format!("| `{}` | {} |", f.name(), f.summary().to_str().unwrap());
        assert!(docs.contains(&row), "not in docs/features.md: {row}");
        let default = Config::new().is_feature_on(f.name()).unwrap();
        let line = docs.lines().find(|l| l.starts_with(&row)).unwrap();
        assert!(line.ends_with(if default { "| on |" } else { "| off |" }), "{line}");
    }
}
