//! The engine under test, in several configurations whose results must not differ.

use crate::job::{Answer, EXCEPTION, INVALID, Job, LINK, Lines, OK, RESOURCE, log_line};
use wrt::api::*;

pub struct Wrt {
    engines: Vec<(String, Engine)>,
    runs: u32,
}

/// Types live as long as their engine, so the engine is replaced after this many jobs.
const RUNS: u32 = 500;

/// How the engines differ: compiled eagerly or by the first call; faults or checks; a collection at every allocation
/// that moves all survivors and is followed by a check of the heap, or frequent ones of a small nursery; memories that move whenever
/// they grow, or never.
const CONFIGURATIONS: [(bool, bool, bool, bool); 8] = [
    // Lazy, checks, zeal, moving. Neighbors differ in everything, since they run the same job.
    (false, false, false, false),
    (true, true, true, true),
    (false, true, true, false),
    (true, false, false, true),
    (false, false, true, true),
    (true, true, false, false),
    (false, true, false, true),
    (true, false, true, false),
];

/// Proposals that are off by default, and that `smith.rs` turns on.
const FEATURES: [&str; 2] = ["custom-page-sizes", "wide-arithmetic"];

fn engine((lazy, checks, zeal, moving): (bool, bool, bool, bool)) -> (String, Engine) {
    let mut name = "wrt".to_string();
    let mut config = Config::new().threads(1).heap_limit(64 << 20).signals(!checks).relaxed_simd_deterministic(true);
    for (on, word) in [(lazy, "lazy"), (checks, "checks"), (zeal, "zeal"), (moving, "moving")] {
        if on {
            name = name + ", " + word;
        }
    }
    for feature in FEATURES {
        config = config.feature(feature, true).unwrap();
    }
    if lazy {
        config = config.lazy(true).background(false);
    }
    if moving {
        config = config.memory_reservation(0);
    }
    config = match zeal {
        true => config.gc_zeal(1).gc_verify(true),
        false => config.nursery_size(16 << 10, 16 << 10).heap_growth(10, 4 << 10),
    };
    (name, Engine::new(&config).unwrap())
}

fn engines() -> Vec<(String, Engine)> {
    CONFIGURATIONS.map(engine).into()
}

impl Wrt {
    pub fn new() -> Wrt {
        Wrt { engines: engines(), runs: 0 }
    }

    pub fn run(&mut self, job: &Job) -> Answer {
        self.runs += 1;
        if self.runs.is_multiple_of(RUNS) {
            self.engines = engines();
        }
        let which = match job.turn {
            None => 0..CONFIGURATIONS.len(),
            Some(turn) => {
                let first = 2 * (turn as usize % (CONFIGURATIONS.len() / 2));
                first..first + 2
            }
        };
        self.engines[which].iter().map(|(name, engine)| (name.clone(), run(engine, job))).collect()
    }
}

fn run(engine: &Engine, job: &Job) -> Lines {
    let mut store = Store::new(engine).unwrap();
    let mut lines = Lines::new();
    if let Err(e) = run_in(&mut store, job, &mut lines) {
        lines.push(line(&e));
    }
    if store.is_poisoned() {
        lines.push("the engine met a bug of its own".into());
    }
    lines
}

fn run_in(store: &mut Store, job: &Job, lines: &mut Lines) -> Result<()> {
    let mut instances: Vec<Instance> = Vec::new();
    for part in &job.parts {
        let mut imports = Vec::new();
        for (from, name) in &part.imports {
            match instances[*from as usize].export(store, name)? {
                Some(found) => imports.push(found),
                None => {
                    lines.push(format!("{LINK}\tno such export"));
                    return Ok(());
                }
            }
        }
        let module = Module::new(&store.engine(), &part.wasm)?;
        instances.push(Instance::new(store, &module, &imports)?);
        lines.push(OK.into());
    }
    let Some(last) = instances.last() else { return Ok(()) };
    let log = last.export(store, "log")?;
    for name in &job.calls {
        let Some(Extern::Func(f)) = last.export(store, name)? else { panic!("a function to call") };
        let (what, detail) = match f.call(store, &[], &mut []) {
            Ok(()) => (OK, String::new()),
            Err(e) => (kind(&e), e.to_string()),
        };
        let mut shown = String::new();
        if let Some(Extern::Memory(m)) = log {
            let mut bytes = vec![0; m.data_size(store)?];
            m.read(store, 0, &mut bytes)?;
            shown = log_line(&bytes);
        }
        lines.push(format!("{what}{shown}\t{}", detail.replace(['\n', '\t'], " ")));
    }
    Ok(())
}

fn line(e: &Error) -> String {
    format!("{}\t{}", kind(e), e.to_string().replace(['\n', '\t'], " "))
}

/// The names are those in `wasmtime.rs`, which does not distinguish an index outside of a table from one of a call.
fn kind(e: &Error) -> &'static str {
    match (e.kind(), e.trap_code()) {
        (ErrorKind::Malformed | ErrorKind::InvalidModule | ErrorKind::Unsupported, _) => INVALID,
        (ErrorKind::Link, _) => LINK,
        (ErrorKind::Exception, _) => EXCEPTION,
        (ErrorKind::Limit | ErrorKind::OutOfMemory, _) => RESOURCE,
        (_, Some(trap)) => match trap {
            Trap::Unreachable => "unreachable",
            Trap::MemoryOutOfBounds => "memory out of bounds",
            Trap::TableOutOfBounds | Trap::UndefinedElement => "table out of bounds",
            Trap::UninitializedElement => "uninitialized element",
            Trap::IndirectCallTypeMismatch => "indirect call type mismatch",
            Trap::IntegerOverflow => "integer overflow",
            Trap::IntegerDivideByZero => "division by zero",
            Trap::InvalidConversion => "invalid conversion",
            Trap::NullReference => "null reference",
            Trap::ArrayOutOfBounds => "array out of bounds",
            Trap::CastFailure => "cast failure",
            Trap::StackOverflow | Trap::LimitReached | Trap::HeapExhausted => RESOURCE,
            Trap::UnalignedAtomic => "unaligned atomic",
            Trap::ExpectedShared => "expected shared memory",
            Trap::Interrupted => "interrupted",
        },
        _ => "another error",
    }
}
