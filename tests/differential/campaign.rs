//! Runs many jobs, each on all engines, and reports differences.

use crate::explain::explained;
use crate::job::{Answer, Job, RESOURCE};
use crate::process::Process;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Two runs of one job that differ.
pub struct Difference {
    pub seed: u64,
    /// The configurations, and the first lines that differ.
    pub a: (String, String),
    pub b: (String, String),
}

#[derive(Default)]
pub struct Summary {
    pub jobs: u64,
    /// How many lines began with each word, in the first configuration of the engine under test.
    pub outcomes: BTreeMap<String, u64>,
    pub differences: Vec<Difference>,
    /// Differences from Wasmtime that are no errors: the reason, and how many.
    pub explained: BTreeMap<&'static str, u64>,
    /// The job that took longest, and its time.
    pub slowest: (Duration, u64),
}

/// The part of a line that is compared.
fn essence(line: &str) -> &str {
    line.split('\t').next().unwrap()
}

/// How it ended, without the log.
fn ending(line: &str) -> &str {
    let end = essence(line);
    end.find(|c: char| c.is_ascii_digit()).map_or(end, |i| end[..i].trim_end())
}

/// The first lines that differ. After one run meets a limit, its later lines are not compared.
pub fn first_difference(a: &[String], b: &[String]) -> Option<(String, String)> {
    for i in 0..a.len().max(b.len()) {
        let at = |lines: &[String]| lines.get(i).cloned().unwrap_or_else(|| "nothing".into());
        let (a, b) = (at(a), at(b));
        if ending(&a) == RESOURCE || ending(&b) == RESOURCE {
            return None;
        }
        if essence(&a) != essence(&b) {
            return Some((a, b));
        }
    }
    None
}

fn compare(seed: u64, answers: &Answer) -> Option<Difference> {
    let (name, lines) = &answers[0];
    answers[1..].iter().find_map(|(other, others)| {
        let (a, b) = first_difference(lines, others)?;
        Some(Difference { seed, a: (name.clone(), a), b: (other.clone(), b) })
    })
}

/// The engines of one thread.
pub struct Engines(Vec<Process>);

impl Engines {
    /// The engine under test comes first.
    pub fn new(wasmtime: &str) -> Engines {
        Engines(vec![Process::new("wrt"), Process::new(wasmtime)])
    }

    /// Both work at the same time.
    pub fn run(&mut self, job: &Job) -> Answer {
        let bytes = job.encode();
        self.0.iter_mut().for_each(|e| e.start(&bytes));
        self.0.iter_mut().flat_map(|e| e.finish()).collect()
    }
}

/// Runs the jobs of all seeds on as many threads as there are processors; in all configurations, or in two that vary with the
/// seed.
pub fn run(make: fn(u64) -> Job, seeds: Range<u64>, all: bool, wasmtime: &str) -> Summary {
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    let next = AtomicU64::new(seeds.start);
    let summary = Mutex::new(Summary::default());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut engines = Engines::new(wasmtime);
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let start = Instant::now();
                    let turn = (!all).then_some(seed as u32);
                    let job = Job { turn, ..make(seed) };
                    let answers = engines.run(&job);
                    summary.lock().unwrap().add(seed, &job, &answers, start.elapsed());
                }
            });
        }
    });
    let mut summary = summary.into_inner().unwrap();
    summary.differences.sort_by_key(|d| d.seed);
    summary
}

impl Summary {
    fn add(&mut self, seed: u64, job: &Job, answers: &Answer, took: Duration) {
        self.jobs += 1;
        self.slowest = self.slowest.max((took, seed));
        for line in &answers[0].1 {
            *self.outcomes.entry(ending(line).to_string()).or_default() += 1;
        }
        let Some(difference) = compare(seed, answers) else { return };
        // Configurations are compared before Wasmtime is, so none of them differs.
        let peer = answers.last().is_some_and(|(name, _)| *name == difference.b.0);
        match job.parts.iter().find_map(|part| explained(&part.wasm)).filter(|_| peer) {
            Some(why) => *self.explained.entry(why).or_default() += 1,
            None => self.differences.push(difference),
        }
    }

    pub fn count(&self, ending: &str) -> u64 {
        self.outcomes.get(ending).copied().unwrap_or(0)
    }
}
