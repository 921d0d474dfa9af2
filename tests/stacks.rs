//! Stacks: endless recursion in WebAssembly ends in a trap, however small the stack is, on threads, on stacks that the host has created,
//! and on both alternately. The reserve below the limit is enough for the code that runs there.

#[path = "stacks/foreign.rs"]
mod foreign;
#[path = "stacks/nesting.rs"]
mod nesting;
#[path = "stacks/painted.rs"]
mod painted;
#[path = "stacks/parsing.rs"]
mod parsing;
#[path = "stacks/reserve.rs"]
mod reserve;
#[path = "stacks/threads.rs"]
mod threads;

use painted::on_thread;
use wrt::api::*;

/// Traps are faults or explicit checks; code is optimized, or stays baseline code.
fn configs() -> Vec<(String, Config)> {
    let mut all = Vec::new();
    for (signals, lazy) in [(true, false), (false, false), (true, true), (false, true)] {
        let config = Config::new().signals(signals).lazy(lazy).background(!lazy);
        all.push((format!("signals {signals}, lazy {lazy}"), config));
    }
    all
}

/// `deep` recurses endlessly and counts its levels in `n`; `through` does so through the host; `hook` calls the host once.
const MODULE: &str = r#"(module
    (import "" "again" (func $again (param i32) (result i32)))
    (import "" "hook" (func $hook))
    (memory 1)
    (global $n (export "n") (mut i32) (i32.const 0))
    (func $deep (export "deep") (param i32) (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (i32.add (i32.const 1) (call $deep (local.get 0))))
    (func (export "through") (param i32) (result i32) (i32.add (i32.const 1) (call $again (local.get 0))))
    (func (export "hook") (param i32) (result i32) (call $hook) (local.get 0))
    (func (export "hook_then_deep") (param i32) (result i32) (call $hook) (call $deep (local.get 0)))
    (func (export "outside") (param i32) (result i32) (i32.load (i32.const -1)))
    (func (export "seven") (param i32) (result i32) (i32.const 7)))"#;

type Hook = Box<dyn Fn(&mut StoreMut<'_>, Instance) -> Result<()> + Send + Sync>;

struct World {
    store: Store,
    instance: Instance,
}

impl World {
    fn new(config: &Config) -> World {
        World::with_hook(config, Box::new(|_, _| Ok(())))
    }

    /// `hook` is the host function that the guest's function of that name calls.
    fn with_hook(config: &Config, hook: Hook) -> World {
        let engine = Engine::new(config).unwrap();
        let module = Module::new(&engine, MODULE.as_bytes()).unwrap();
        let mut linker = Linker::new(&engine);
        let i32_to_i32 = FuncType::new([ValType::I32], [ValType::I32]);
        let again = HostDefinition::new(&i32_to_i32, |caller, args, results| {
            let instance = caller.instance().unwrap();
            func(caller.store(), instance, "through").call(caller.store(), args, results)
        });
        let hook = HostDefinition::new(&FuncType::new([], []), move |caller, _, _| {
            let instance = caller.instance().unwrap();
            hook(caller.store(), instance)
        });
        linker.define_func("", "again", again.unwrap()).unwrap();
        linker.define_func("", "hook", hook.unwrap()).unwrap();
        let mut store = Store::new(&engine).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        World { store, instance }
    }

    fn call(&mut self, name: &str) -> Result<i32> {
        call(&mut self.store, self.instance, name)
    }

    /// Tests every kind of recursion on a stack, one after the other; returns how deep it was.
    fn exercise(&mut self, what: &str) -> i32 {
        exercise(&mut self.store, self.instance, what)
    }
}

fn func(store: &mut StoreMut<'_>, i: Instance, name: &str) -> Func {
    match i.export(store, name).unwrap() {
        Some(Extern::Func(f)) => f,
        other => panic!("{name}: {other:?}"),
    }
}

fn call(store: &mut StoreMut<'_>, i: Instance, name: &str) -> Result<i32> {
    let mut out = [Val::I32(0)];
    func(store, i, name).call(store, &[Val::I32(0)], &mut out)?;
    match out[0] {
        Val::I32(n) => Ok(n),
        other => panic!("{other:?}"),
    }
}

fn trap(result: Result<i32>) -> Option<Trap> {
    result.unwrap_err().trap_code()
}

/// Recurses until it traps; returns the depth.
fn depth(store: &mut StoreMut<'_>, i: Instance) -> i32 {
    let Ok(Some(Extern::Global(n))) = i.export(store, "n") else { panic!("no counter") };
    n.set(store, Val::I32(0)).unwrap();
    assert_eq!(trap(call(store, i, "deep")), Some(Trap::StackOverflow));
    match n.get(store).unwrap() {
        Val::I32(n) => n,
        other => panic!("{other:?}"),
    }
}

fn exercise(store: &mut StoreMut<'_>, i: Instance, what: &str) -> i32 {
    assert_eq!(call(store, i, "seven").unwrap(), 7, "{what}");
    assert_eq!(trap(call(store, i, "outside")), Some(Trap::MemoryOutOfBounds), "{what}");
    let levels = depth(store, i);
    assert_eq!(trap(call(store, i, "through")), Some(Trap::StackOverflow), "{what}");
    assert_eq!(depth(store, i), levels, "{what}");
    assert_eq!(call(store, i, "seven").unwrap(), 7, "{what}");
    levels
}
