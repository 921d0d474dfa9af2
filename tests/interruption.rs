//! Interrupts and deadlines: how long they stay pending, how soon they stop bulk operations, and how a deadline is extended. In code of
//! both compilers, with signals and with explicit checks. Tests limit the amount of work, never the time.

#[path = "interruption/bulk.rs"]
mod bulk;
#[path = "interruption/deadline.rs"]
mod deadline;
#[path = "interruption/instantiation.rs"]
mod instantiation;
#[path = "interruption/pending.rs"]
mod pending;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;
use wrt::api::*;

const HOUR: Duration = Duration::from_secs(3600);

/// Optimized and baseline code, using faults (signals) and using explicit checks.
fn configs() -> [Config; 4] {
    let with = |lazy: bool, signals: bool| {
        Config::new().interruption(true).lazy(lazy).background(false).signals(signals).max_wasm_stack(512 << 10)
    };
    [with(false, true), with(false, false), with(true, true), with(true, false)]
}

fn store(config: Config) -> Store {
    Store::new(&Engine::new(&config).unwrap()).unwrap()
}

fn try_instance(store: &mut StoreMut<'_>, text: &str, imports: &[Extern]) -> Result<Instance> {
    let module = Module::new(&store.engine(), text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    Instance::new(store, &module, imports)
}

fn instance(store: &mut StoreMut<'_>, text: &str, imports: &[Extern]) -> Instance {
    try_instance(store, text, imports).unwrap_or_else(|e| panic!("{e}"))
}

fn export(store: &mut StoreMut<'_>, instance: Instance, name: &str) -> Extern {
    instance.export(store, name).unwrap().unwrap_or_else(|| panic!("no {name}"))
}

fn func(store: &mut StoreMut<'_>, instance: Instance, name: &str) -> Func {
    match export(store, instance, name) {
        Extern::Func(f) => f,
        other => panic!("{name}: {other:?}"),
    }
}

fn call(store: &mut StoreMut<'_>, instance: Instance, name: &str) -> Result<()> {
    func(store, instance, name).call(store, &[], &mut [])
}

fn assert_interrupted(result: Result<()>, what: &str) {
    let e = result.expect_err(what);
    assert_eq!((e.kind(), e.trap_code()), (ErrorKind::Interrupted, Some(Trap::Interrupted)), "{what}: {e}");
}

/// Sets a deadline, and returns when it has passed.
fn expire(store: &mut StoreMut<'_>) {
    store.set_deadline(Some(Duration::from_nanos(1))).unwrap();
    while !store.is_interrupted() {
        std::thread::yield_now();
    }
}

/// An import of type `[] -> []`.
fn import(store: &mut StoreMut<'_>, f: impl Fn(&mut Caller<'_>) -> Result<()> + Send + Sync + 'static) -> Extern {
    Extern::Func(Func::new(store, &FuncType::new([], []), move |caller, _, _| f(caller)).unwrap())
}

/// An import after whose call the deadline has passed.
fn import_expire(store: &mut StoreMut<'_>) -> Extern {
    import(store, |caller| {
        expire(caller.store());
        Ok(())
    })
}

/// Grants an hour the first time it is called, and triggers an interrupt: the guest stops at the next point where it can.
/// Returns how many times it was called.
fn one_piece_more(store: &mut StoreMut<'_>) -> Arc<AtomicU32> {
    let (asked, handle) = (Arc::new(AtomicU32::new(0)), store.interrupt_handle().unwrap());
    let counter = asked.clone();
    let callback = move || {
        counter.fetch_add(1, SeqCst);
        handle.interrupt();
        Some(HOUR)
    };
    store.set_deadline_callback(Some(Box::new(callback))).unwrap();
    asked
}

/// A loop that ends by itself, but not soon, so that a failure does not hang.
const SPIN: &str = "(local.set $n (i32.const 0x7fffffff))
    (loop $l (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))";
