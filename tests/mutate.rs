//! Random modules. Ten thousand mutated modules: each is rejected with an error, or compiled, instantiated and run; none crashes or hangs,
//! and at least half still validate. And a thousand modules with objects: they have the same results without collections and with a
//! collection at every allocation, compiled eagerly and compiled lazily. Seeds are fixed, and a failure names its seed, so it can be
//! repeated.

use std::time::Duration;
use wasm_mutate::WasmMutate;
use wasm_smith::Module as Smith;
use wrt::api::*;

const MODULES: u64 = 10_000;
/// The number of modules between two newly generated ones: each is a mutation of the last valid one.
const GENERATION: u64 = 10;

/// Our own small generator, which returns the same bytes on every machine.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// All the library's proposals are on.
fn config() -> Config {
    let all = features().fold(Config::new(), |config, f| config.feature(f.name(), true).unwrap());
    all.threads(1).heap_limit(16 << 20)
}

fn generate(engine: &Engine, seed: u64, gc: bool) -> Vec<u8> {
    let config = wasm_smith::Config {
        max_funcs: 6,
        max_instructions: 60,
        max_memories: 2,
        max_tables: 2,
        min_funcs: 1,
        export_everything: true,
        bulk_memory_enabled: true,
        reference_types_enabled: true,
        simd_enabled: true,
        multi_value_enabled: true,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        relaxed_simd_enabled: true,
        memory64_enabled: true,
        // `wasm-mutate` gives up if a module exports a tag.
        exceptions_enabled: gc,
        threads_enabled: false,
        tail_call_enabled: gc,
        gc_enabled: gc,
        extended_const_enabled: gc,
        custom_page_sizes_enabled: true,
        wide_arithmetic_enabled: true,
        ..Default::default()
    };
    // Some noise is no module; then other noise is tried.
    let attempt = |salt: u64| {
        let bytes = noise(seed + (salt << 32), 4096);
        let mut module = Smith::new(config.clone(), &mut arbitrary::Unstructured::new(&bytes)).ok()?;
        if gc {
            module.ensure_termination(1000).ok()?;
        }
        let module = module.to_bytes();
        Module::validate(engine, &module).is_ok().then_some(module)
    };
    (0..1000).find_map(attempt).expect("a thousand tries")
}

/// A module that differs from `wasm`. If the mutation that a seed selects does not apply, other seeds are tried.
fn mutate(wasm: &[u8], seed: u64) -> Option<Vec<u8>> {
    let attempt = |salt: u64| {
        let mut mutator = WasmMutate::default();
        mutator.seed(seed + (salt << 32)).fuel(200).preserve_semantics(false);
        mutator.run(wasm).ok()?.next()?.ok().filter(|mutated| mutated != wasm)
    };
    (0..20).find_map(attempt)
}

/// An object for each imported type.
fn import(store: &mut Store, ty: &ExternType) -> Result<Extern> {
    Ok(match ty {
        ExternType::Func(_, ty) => Extern::Func(Func::new(store, ty, |_, _, _| Ok(()))?),
        ExternType::Table(ty) => Extern::Table(Table::new(store, *ty, Val::default_of(ValType::Ref(ty.element)))?),
        ExternType::Memory(ty) => Extern::Memory(Memory::new(store, *ty)?),
        ExternType::Global(ty) => Extern::Global(Global::new(store, *ty, Val::default_of(ty.content))?),
        ExternType::Tag(_, ty) => Extern::Tag(Tag::new(store, ty)?),
    })
}

/// Instantiates a module and calls every function it exports. Errors are fine.
fn run(engine: &Engine, module: &Module) -> Result<()> {
    let mut store = Store::new(engine)?;
    let outcome = run_in(&mut store, module);
    assert!(!store.is_poisoned(), "the engine met a bug of its own");
    outcome
}

fn run_in(store: &mut Store, module: &Module) -> Result<()> {
    store.set_limits(StoreLimits {
        memory_bytes: 64 << 20,
        table_elements: 100_000,
        instances: 4,
        ..StoreLimits::default()
    });
    let wanted: Vec<ExternType> = module.imports().map(|i| i.ty).collect();
    let mut imports = Vec::new();
    for ty in &wanted {
        imports.push(import(store, ty)?);
    }
    store.set_deadline(Some(Duration::from_millis(50)))?;
    let instance = Instance::new(store, module, &imports)?;
    for i in 0..module.exports().len() {
        let Some(Extern::Func(f)) = instance.export_at(store, i)? else { continue };
        let ty = f.ty(store)?;
        let args = ty.params().iter().map(|t| Val::default_of(*t)).collect::<Vec<_>>();
        let mut results = vec![Val::I32(0); ty.results().len()];
        store.set_deadline(Some(Duration::from_millis(50)))?;
        // A trap, an interrupt or results are all acceptable.
        if let Err(e) = f.call(store, &args, &mut results) {
            assert_ne!(e.kind(), ErrorKind::Internal, "{e}");
        }
    }
    Ok(())
}

#[test]
fn mutated_modules_give_errors_or_results() {
    let mut valid = 0;
    let mut ran = 0;
    let mut mutated = 0;
    for signals in [true, false] {
        let config = config().signals(signals).interruption(true);
        let engine = Engine::new(&config).unwrap();
        let mut base = Vec::new();
        for seed in 0..MODULES / 2 {
            let seed = seed * 2 + signals as u64;
            if (seed / 2).is_multiple_of(GENERATION) {
                base = generate(&engine, seed, false);
            }
            let wasm = mutate(&base, seed).inspect(|_| mutated += 1).unwrap_or_else(|| base.clone());
            match Module::new(&engine, &wasm) {
                Ok(module) => {
                    valid += 1;
                    match run(&engine, &module) {
                        Ok(()) => ran += 1,
                        Err(e) => assert_ne!(e.kind(), ErrorKind::Internal, "seed {seed}: {e}"),
                    }
                    base = wasm;
                }
                Err(e) => assert_ne!(e.kind(), ErrorKind::Internal, "seed {seed}: {e}"),
            }
        }
    }
    println!("{MODULES} modules: {mutated} mutated, {valid} valid, {ran} instantiated and run");
    assert!(valid * 2 >= MODULES, "only {valid} of {MODULES} modules are valid");
    assert!(mutated * 100 >= MODULES * 99, "only {mutated} of {MODULES} modules were mutated");
    assert!(ran * 4 >= MODULES, "only {ran} of {MODULES} modules ran");
}

/// The outcome of calling every export: numeric results, whether references are null, or the error.
fn outcomes(engine: &Engine, wasm: &[u8]) -> Vec<String> {
    let mut store = Store::new(engine).unwrap();
    let mut all = Vec::new();
    if let Err(e) = outcomes_in(&mut store, wasm, &mut all) {
        all.push(format!("{:?} {:?}", e.kind(), e.trap_code()));
    }
    assert!(!store.is_poisoned(), "the engine met a bug of its own");
    all
}

fn outcomes_in(store: &mut Store, wasm: &[u8], all: &mut Vec<String>) -> Result<()> {
    store.set_limits(StoreLimits {
        memory_bytes: 64 << 20,
        table_elements: 100_000,
        instances: 4,
        ..StoreLimits::default()
    });
    let module = Module::new(&store.engine(), wasm)?;
    let wanted: Vec<ExternType> = module.imports().map(|i| i.ty).collect();
    let mut imports = Vec::new();
    for ty in &wanted {
        imports.push(import(store, ty)?);
    }
    let instance = Instance::new(store, &module, &imports)?;
    for i in 0..module.exports().len() {
        let outcome = match instance.export_at(store, i)? {
            Some(Extern::Func(f)) => {
                let ty = f.ty(store)?;
                let args = ty.params().iter().map(|t| Val::default_of(*t)).collect::<Vec<_>>();
                let mut results = vec![Val::I32(0); ty.results().len()];
                match f.call(store, &args, &mut results) {
                    Ok(()) => results.iter().map(|v| shown(store, v)).collect::<Result<Vec<_>>>()?.join(" "),
                    Err(e) => format!("{:?} {:?}", e.kind(), e.trap_code()),
                }
            }
            Some(Extern::Global(g)) => g.get(store).and_then(|v| shown(store, &v))?,
            _ => continue,
        };
        all.push(outcome);
    }
    Ok(())
}

fn shown(store: &Store, v: &Val) -> Result<String> {
    Ok(match v {
        Val::AnyRef(Some(r)) | Val::ExternRef(Some(r)) => format!("{} {:?}", r.heap_type(store)?, r.as_i31(store)?),
        Val::FuncRef(f) => format!("{}", f.is_some()),
        // NaNs may differ.
        Val::F32(v) if f32::from_bits(*v).is_nan() => "nan".into(),
        Val::F64(v) if f64::from_bits(*v).is_nan() => "nan".into(),
        Val::V128(_) => "v128".into(),
        other => format!("{other:?}"),
    })
}

#[test]
fn neither_collections_nor_compiling_late_change_a_result() {
    let plain = Engine::new(&config()).unwrap();
    let zealous = Engine::new(&config().signals(false).gc_zeal(1).gc_verify(true)).unwrap();
    let lazy = Engine::new(&config().lazy(true).background(false).gc_zeal(1).gc_verify(true)).unwrap();
    let mut interesting = 0;
    for seed in 0..1000 {
        let wasm = generate(&plain, 1_000_000 + seed, true);
        let (a, b) = (outcomes(&plain, &wasm), outcomes(&zealous, &wasm));
        assert_eq!(a, b, "seed {seed}");
        assert_eq!(a, outcomes(&lazy, &wasm), "seed {seed}, compiled while it runs");
        interesting += a.iter().any(|o| !o.contains("Trap")) as u32;
    }
    println!("1000 modules with objects, {interesting} of them with results");
    assert!(interesting >= 500, "only {interesting} modules gave results");
}

/// With a proposal off, a valid module is accepted, or rejected with the proposal's name, but never invalid; with it on, it is accepted.
#[test]
fn valid_modules_are_refused_by_name_only() {
    let all = Engine::new(&config()).unwrap();
    let mut refused = vec![0; features().count()];
    for seed in 0..200 {
        let wasm = generate(&all, 2_000_000 + seed, true);
        for (i, f) in features().enumerate() {
            let less = Engine::new(&config().feature(f.name(), false).unwrap()).unwrap();
            let Err(e) = Module::validate(&less, &wasm) else { continue };
            assert_eq!(e.kind(), ErrorKind::Unsupported, "seed {seed} without {}: {e}", f.name());
            let names =
                e.message().strip_prefix("needs the feature").and_then(|m| m.split_once(", which")).expect("names").0;
            let named = names.trim_start_matches('s').trim().split(" and ");
            let mut config = config().feature(f.name(), false).unwrap();
            for name in named {
                config = config.feature(name, true).unwrap();
            }
            Module::validate(&Engine::new(&config).unwrap(), &wasm)
                .unwrap_or_else(|e| panic!("seed {seed} with {names}: {e}"));
            refused[i] += 1;
        }
    }
    println!("refused, by feature: {refused:?}");
    assert!(refused.iter().filter(|n| **n > 0).count() > 8, "{refused:?}");
}
