//! The same modules have the same results in this engine and in Wasmtime, and in every configuration of this engine. The modules are random
//! ones by wasm-smith, and programs by our own generator. Seeds are fixed.
//!
//! Without arguments, runs the tests: each seed in two configurations of this engine. `cargo test --test differential -- random 0..100000`
//! runs a range of seeds; with `all` at the end, in all configurations. With a single seed, the results of each engine are shown, and the
//! modules are written to `target/differential`.

mod builder;
mod campaign;
mod explain;
mod job;
mod mix;
mod observer;
mod process;
mod provider;
mod random;
mod shape;
mod smith;
mod values;
mod wasmtime;
mod wrt_engine;

use campaign::{Engines, Summary};
use job::Job;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// A name, the function that creates a job from a seed, and the number of jobs that run by default.
struct Source {
    name: &'static str,
    make: fn(u64) -> Job,
    seeds: u64,
    /// Outcomes of parts and calls, and their minimum number in a thousand jobs, so that a decrease in coverage is noticed.
    least: &'static [(&'static str, u64)],
}

const SOURCES: &[Source] = &[
    Source {
        name: "random",
        make: smith::job,
        seeds: 2000,
        least: &[(job::OK, 5000), ("unreachable", 200), ("memory out of bounds", 100), ("null reference", 20)],
    },
    Source {
        name: "mixed",
        make: mix::job,
        seeds: 2000,
        least: &[(job::OK, 10_000), (job::EXCEPTION, 100), ("unreachable", 5), ("null reference", 5)],
    },
];

/// The path of Wasmtime's library; fetches it if it is missing.
fn wasmtime() -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/peer.sh");
    let done = Command::new("bash").arg(script).output().map_err(|e| e.to_string())?;
    match done.status.success() {
        true => Ok(String::from_utf8_lossy(&done.stdout).trim().to_string()),
        false => Err(String::from_utf8_lossy(&done.stderr).trim().to_string()),
    }
}

fn report(name: &str, summary: &Summary) -> bool {
    let mut endings: Vec<(&String, &u64)> = summary.outcomes.iter().collect();
    endings.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let endings: Vec<String> = endings.iter().map(|(what, n)| format!("{what} {n}")).collect();
    let (took, seed) = summary.slowest;
    println!("{name}: {} jobs, the slowest, {seed}, in {took:.1?}; {}", summary.jobs, endings.join(", "));
    for d in summary.differences.iter().take(20) {
        println!("  seed {}:\n    {}: {}\n    {}: {}", d.seed, d.a.0, d.a.1, d.b.0, d.b.1);
    }
    for (why, n) in &summary.explained {
        println!("{name}: {n} explained by {why}");
    }
    let failed = summary.differences.len();
    if failed > 0 {
        println!("{name}: {failed} of {} jobs differ", summary.jobs);
    }
    failed == 0
}

fn enough(source: &Source, summary: &Summary) -> bool {
    let too_few = source.least.iter().filter(|(ending, least)| summary.count(ending) * 1000 < least * summary.jobs);
    too_few.inspect(|(ending, _)| println!("{}: too few end with {ending:?}", source.name)).count() == 0
}

/// Shows the results of one job.
fn show(source: &Source, seed: u64, wasmtime: &str) {
    let job = (source.make)(seed);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/differential");
    fs::create_dir_all(&folder).unwrap();
    for (i, part) in job.parts.iter().enumerate() {
        let file = folder.join(format!("{}-{seed}-{i}.wasm", source.name));
        fs::write(&file, &part.wasm).unwrap();
        println!("{} imports {:?}", file.display(), part.imports);
    }
    for (name, lines) in Engines::new(wasmtime).run(&job) {
        println!("{name}:");
        let steps = (0..job.parts.len()).map(|i| format!("part {i}")).chain(job.calls.iter().cloned());
        for (step, line) in steps.zip(&lines) {
            println!("  {step}: {line}");
        }
    }
}

fn tests(filter: Option<&str>) -> Result<(), String> {
    let sources: Vec<&Source> = SOURCES.iter().filter(|s| filter.is_none_or(|f| s.name.contains(f))).collect();
    if sources.is_empty() {
        println!("test result: ok. 0 passed; 0 failed");
        return Ok(());
    }
    let wasmtime = match wasmtime() {
        Ok(path) => path,
        // scripts/test.sh counts it as skipped and names it.
        Err(e) => {
            println!("no second engine to compare with: {e}");
            println!("SKIPPED: differential tests against Wasmtime");
            println!("test result: ok. 0 passed; 0 failed; {} ignored", sources.len());
            return Ok(());
        }
    };
    let (mut passed, mut failed) = (0, 0);
    for source in sources {
        let start = Instant::now();
        let summary = campaign::run(source.make, 0..source.seeds, false, &wasmtime);
        let ok = report(source.name, &summary) & enough(source, &summary);
        *(if ok { &mut passed } else { &mut failed }) += 1;
        println!("test {} ... {} ({:.0?})", source.name, if ok { "ok" } else { "FAILED" }, start.elapsed());
    }
    println!("test result: {}. {passed} passed; {failed} failed", if failed == 0 { "ok" } else { "FAILED" });
    if failed == 0 { Ok(()) } else { Err(String::new()) }
}

/// `3..9`, or `7` for `7..8`.
fn seeds(text: &str) -> Option<Range<u64>> {
    match text.split_once("..") {
        Some((a, b)) => Some(a.parse().ok()?..b.parse().ok()?),
        None => text.parse().ok().map(|n| n..n + 1),
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--") || a == process::ENGINE).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        [process::ENGINE, engine] => process::serve(engine).map_err(|e| e.to_string()),
        [name, range] | [name, range, "all"] => {
            let source = SOURCES.iter().find(|s| s.name == name);
            let wanted = source.zip(seeds(range)).ok_or("what should run?".to_string());
            wanted.and_then(|(source, range)| {
                let wasmtime = wasmtime()?;
                if range.end - range.start == 1 {
                    show(source, range.start, &wasmtime);
                }
                let ok = report(name, &campaign::run(source.make, range, args.len() == 3, &wasmtime));
                if ok { Ok(()) } else { Err(String::new()) }
            })
        }
        _ => tests(args.first().copied()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}
