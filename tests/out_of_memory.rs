//! Running out of memory while a module is compiled is an error, or ends the process with one line. It never raises a signal or hangs, even
//! if panics print backtraces. Each attempt runs in a separate process, which is this program again.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wrt::api::*;

const STATUS: i32 = 71;
const VARIABLE: &str = "WRT_TEST_MEMORY";

/// A few kilobytes for which the optimizing compiler takes hundreds of megabytes, where nothing limits its work; then functions of an
/// ordinary kind, together more than there is memory for if it is little.
fn module_text() -> String {
    let (depth, locals) = (300, 60);
    let leave = |i: usize| {
        let l = i % locals;
        format!("(br_if {i} (local.get 0)) (local.set {l} (i32.add (local.get {l}) (i32.const {i})))")
    };
    let hungry = format!(
        "(func (export \"hungry\") (param i32) (local {}) {} {} {})",
        "i32 ".repeat(locals),
        "(block ".repeat(depth),
        (0..depth).map(leave).collect::<String>(),
        ")".repeat(depth)
    );
    let add = |i: usize| format!("(local.set 0 (i32.add (i32.load (local.get 0)) (i32.const {i})))");
    let ordinary: String =
        (0..40).map(|f| format!("(func (param i32) {})", (0..300).map(|i| add(i + f)).collect::<String>())).collect();
    format!("(module (memory 1 2) {ordinary} {hungry} (func (export \"f\") (result i32) (i32.const 7)))")
}

/// The address space that this process uses, in bytes.
fn address_space() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 4096
}

fn compile(lazy: bool) -> Result<()> {
    let config =
        Config::new().lazy(lazy).threads(2).optimization_budget(u64::MAX).heap_reservation(1 << 20).signals(false);
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, module_text().as_bytes())?;
    let mut store = Store::new(&engine)?;
    let i = Instance::new(&mut store, &module, &[])?;
    for (name, args, results) in [("f", vec![], 1), ("hungry", vec![Val::I32(0)], 0)] {
        let Some(Extern::Func(f)) = i.export(&mut store, name)? else { panic!("no {name}") };
        f.call(&mut store, &args, &mut vec![Val::I32(0); results])?;
    }
    module.save().map(|_| ())
}

/// What the child process with little memory does; in the parent it does nothing.
#[test]
fn attempt() {
    let Ok(what) = std::env::var(VARIABLE) else { return };
    let (megabytes, lazy) = what.split_once(' ').unwrap();
    let bytes = address_space() + (megabytes.parse::<u64>().unwrap() << 20);
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: a plain system call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
    match compile(lazy == "lazy") {
        Ok(()) => println!("all is compiled"),
        Err(e) => println!("an error of kind {}", e.kind().name()),
    }
}

/// The exit status, and all output.
fn run(megabytes: u32, mode: &str, backtrace: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "attempt", "--nocapture", "--test-threads", "1"])
        .env(VARIABLE, format!("{megabytes} {mode}"))
        .env("RUST_BACKTRACE", backtrace)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(300) {
            child.kill().unwrap();
            panic!("{megabytes} MiB, {mode}: it waits for ever");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut texts = [String::new(), String::new()];
    child.stdout.take().unwrap().read_to_string(&mut texts[0]).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut texts[1]).unwrap();
    let [out, err] = texts;
    (child.wait().unwrap().code(), out, err)
}

#[test]
fn memory_ends_while_a_module_is_compiled() {
    let mut seen = (0, 0, 0);
    for megabytes in [12, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256, 2048] {
        for (mode, backtrace) in [("eager", "1"), ("eager", "0"), ("lazy", "1")] {
            let (status, out, err) = run(megabytes, mode, backtrace);
            let what = format!("{megabytes} MiB, {mode}, {backtrace}: {status:?}\n{out}\n{err}");
            match status {
                Some(0) if out.contains("all is compiled") => seen.0 += 1,
                Some(0) => {
                    assert!(out.contains("out of memory"), "{what}");
                    seen.1 += 1;
                }
                Some(STATUS) => {
                    assert!(err.lines().count() == 1 && err.starts_with("wrt: out of memory: "), "{what}");
                    seen.2 += 1;
                }
                _ => panic!("{what}"),
            }
        }
    }
    // Enough memory, and not enough.
    assert!(seen.0 > 0 && seen.1 > 0, "{seen:?}");
}
