//! A child of a fork can use the library, whatever the other threads of its parent were doing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use wrt::api::*;

const FORKS: usize = 60;
/// The minimum number of iterations of each kind of thread between the first and the last fork, so that forks meet all of its states.
const ROUNDS: usize = 5;

/// Functions that compile for a while, one that throws through deep frames, and one that never ends.
fn text(funcs: usize) -> String {
    let body = "(local i32) (loop (local.set 1 (i32.add (local.get 1) (i32.mul (local.get 0) (i32.const 3))))
        (i32.store (i32.const 4) (local.get 1)) (br_if 0 (i32.lt_u (local.get 1) (i32.const 9)))) (local.get 1)";
    let many: String =
        (0..funcs).map(|n| format!("(func (export \"f{n}\") (param i32) (result i32) {body})")).collect();
    format!(
        "(module (memory 1) (type $s (struct (field i32))) (tag $t) {many}
           (func $deep (param i32)
             (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1)))) (else (throw $t))))
           (func (export \"throw\") (block $b (try_table (catch $t $b) (call $deep (i32.const 300)))))
           (func (export \"new\") (result i32) (struct.get $s 0 (struct.new $s (i32.const 7))))
           (func (export \"spin\") (loop (br 0))))"
    )
}

fn func(store: &mut Store, instance: &Instance, name: &str) -> Func {
    match instance.export(store, name).unwrap() {
        Some(Extern::Func(f)) => f,
        _ => panic!("no function {name}"),
    }
}

fn calls(engine: &Engine, module: &Module, n: usize) {
    let mut store = Store::new(engine).unwrap();
    let instance = Instance::new(&mut store, module, &[]).unwrap();
    let mut out = [Val::I32(0)];
    func(&mut store, &instance, &format!("f{n}")).call(&mut store, &[Val::I32(1)], &mut out).unwrap();
    assert_eq!(format!("{:?}", out[0]), format!("{:?}", Val::I32(9)));
    func(&mut store, &instance, "throw").call(&mut store, &[], &mut []).unwrap();
    func(&mut store, &instance, "new").call(&mut store, &[], &mut out).unwrap();
    assert_eq!(format!("{:?}", out[0]), format!("{:?}", Val::I32(7)));
}

/// A guest that does not end by itself.
fn spins(store: &mut Store, module: &Module) {
    let instance = Instance::new(store, module, &[]).unwrap();
    let e = func(store, &instance, "spin").call(store, &[], &mut []).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Interrupted, "{e}");
}

fn deadline(engine: &Engine, module: &Module) {
    let mut store = Store::new(engine).unwrap();
    store.set_deadline(Some(Duration::from_millis(5))).unwrap();
    spins(&mut store, module);
}

struct Shared {
    engine: Engine,
    lazy: Engine,
    module: Module,
    text: String,
    done: AtomicBool,
    rounds: [AtomicUsize; 5],
}

impl Shared {
    fn around(&self, kind: usize, mut f: impl FnMut(usize)) {
        for i in 0.. {
            if self.done.load(Relaxed) {
                return;
            }
            f(i);
            self.rounds[kind].fetch_add(1, Relaxed);
        }
    }

    /// The work of the parent's threads.
    fn work(&self, kind: usize) {
        match kind {
            0 => self.around(0, |i| {
                // Different types each time, and a module that is rejected.
                let wrong = if i % 2 == 0 { "" } else { "(func (result i32))" };
                let text = format!("(module (type (struct (field i32) {})) {wrong})", "(field i64)".repeat(i % 50));
                assert_eq!(Module::new(&self.engine, text.as_bytes()).is_ok(), wrong.is_empty());
            }),
            1 => self.around(1, |i| {
                let module = Module::new(&self.lazy, self.text.as_bytes()).unwrap();
                calls(&self.lazy, &module, i % 40);
            }),
            2 => self.around(2, |i| calls(&self.engine, &self.module, i % 40)),
            3 => self.around(3, |_| deadline(&self.engine, &self.module)),
            _ => {
                let mut store = Store::new(&self.engine).unwrap();
                let instance = Instance::new(&mut store, &self.module, &[]).unwrap();
                let throw = func(&mut store, &instance, "throw");
                self.around(4, |_| throw.call(&mut store, &[], &mut []).unwrap());
            }
        }
    }
}

/// Forks; the child runs `f` and must end successfully, in time. Returns the child's process number.
fn child(f: impl FnOnce()) -> i32 {
    // SAFETY: the child has one thread, and leaves by `_exit`, whatever happens.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0);
        if child == 0 {
            libc::alarm(60);
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
            libc::_exit(if ended.is_ok() { 0 } else { 1 });
        }
        child
    }
}

fn wait_for(child: i32) {
    let mut status = -1;
    // SAFETY: a system call that writes the status.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "how the child ended");
}

#[test]
fn a_child_uses_the_library() {
    let config = Config::new().interruption(true).threads(2);
    let engine = Engine::new(&config).unwrap();
    let lazy = Engine::new(&config.lazy(true)).unwrap();
    let text = text(40);
    let module = Module::new(&engine, text.as_bytes()).unwrap();
    // Compiled only by its callers and by background threads, in the child as well.
    let unfinished = Module::new(&lazy, self::text(400).as_bytes()).unwrap();
    let shared = Shared { engine, lazy, module, text, done: AtomicBool::new(false), rounds: Default::default() };
    std::thread::scope(|scope| {
        for kind in 0..shared.rounds.len() {
            let shared = &shared;
            scope.spawn(move || shared.work(kind));
        }
        let come_around = || shared.rounds.iter().all(|r| r.load(Relaxed) >= ROUNDS);
        let mut forks = 0;
        while forks < FORKS || !come_around() {
            forks += 1;
            wait_for(child(|| {
                calls(&shared.engine, &shared.module, 3);
                calls(&shared.lazy, &unfinished, 77);
                deadline(&shared.engine, &shared.module);
                let module = Module::new(&shared.lazy, shared.text.as_bytes()).unwrap();
                calls(&shared.lazy, &module, 5);
                let engine = Engine::new(&Config::new().interruption(true)).unwrap();
                let module = Module::new(&engine, shared.text.as_bytes()).unwrap();
                calls(&engine, &module, 6);
                deadline(&engine, &module);
                // A child of the child, too.
                wait_for(child(|| deadline(&shared.engine, &shared.module)));
            }));
        }
        shared.done.store(true, Relaxed);
    });
    // The parent continues.
    calls(&shared.lazy, &unfinished, 78);
    deadline(&shared.engine, &shared.module);
}

/// A deadline set before the fork applies in the child, which has a timer thread as well.
#[test]
fn deadlines_hold_in_the_child() {
    let engine = Engine::new(&Config::new().interruption(true)).unwrap();
    let module = Module::new(&engine, text(1).as_bytes()).unwrap();
    let mut store = Store::new(&engine).unwrap();
    store.set_deadline(Some(Duration::from_millis(300))).unwrap();
    let child = child(|| spins(&mut store, &module));
    wait_for(child);
    spins(&mut store, &module);
}

/// A host function forks, and both processes return into the guest.
#[test]
fn a_host_function_forks() {
    let engine = Engine::new(&Config::new().interruption(true)).unwrap();
    let text = "(module (import \"\" \"fork\" (func $fork (result i32)))
       (func (export \"f\") (result i32) (if (i32.eqz (call $fork)) (then (loop (br 0)))) (i32.const 5)))";
    let module = Module::new(&engine, text.as_bytes()).unwrap();
    let mut store = Store::new(&engine).unwrap();
    let ty = FuncType::new([], [ValType::I32]);
    let number = Arc::new(AtomicI32::new(0));
    let child = number.clone();
    let fork = Func::new(&mut store, &ty, move |_, _, results| {
        // SAFETY: the child has one thread, and ends below.
        child.store(unsafe { libc::fork() }, Relaxed);
        results[0] = Val::I32(child.load(Relaxed));
        Ok(())
    });
    let instance = Instance::new(&mut store, &module, &[Extern::Func(fork.unwrap())]).unwrap();
    store.set_deadline(Some(Duration::from_millis(500))).unwrap();
    let parent = std::process::id();
    let mut out = [Val::I32(0)];
    let called = func(&mut store, &instance, "f").call(&mut store, &[], &mut out);
    if std::process::id() != parent {
        let code = i32::from(!matches!(called, Err(e) if e.kind() == ErrorKind::Interrupted));
        // SAFETY: ends the child.
        unsafe { libc::_exit(code) };
    }
    called.unwrap();
    wait_for(number.load(Relaxed));
}
