//! Measures Wasmtime's copying collector (or BENCH_COLLECTOR: drc, null), with host.h's command line and line of JSON.
use std::fs::read_to_string;
use wasmtime::*;

struct Host {
    engine: Engine,
    before: InstancePre<()>,
}

type Live = (Store<()>, TypedFunc<i32, i32>);

impl Host {
    fn instance(&self) -> Result<Live> {
        let mut store = Store::new(&self.engine, ());
        let instance = self.before.instantiate(&mut store)?;
        let run = instance.get_typed_func(&mut store, "run")?;
        Ok((store, run))
    }
}

/// Of all threads of the process.
fn processor_ms() -> f64 {
    extern "C" {
        fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32;
    }
    let mut time = [0; 2];
    // SAFETY: two 64-bit integers are this platform's timespec; 2 is CLOCK_PROCESS_CPUTIME_ID.
    unsafe { clock_gettime(2, &mut time) };
    time[0] as f64 * 1e3 + time[1] as f64 / 1e6
}

/// A line of /proc/self/status that has a number of KiB.
fn status_kib(name: &str) -> f64 {
    let status = read_to_string("/proc/self/status").expect("/proc/self/status");
    let line = status.lines().find(|l| l.starts_with(name)).expect(name);
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect(name)
}

fn mappings() -> f64 {
    read_to_string("/proc/self/maps").expect("/proc/self/maps").lines().count() as f64
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| args.iter().position(|a| a == name).and_then(|i| args[i + 1].parse::<usize>().ok());
    let (mode, arg, repeats) = (args[0].as_str(), args[2].parse::<i32>()?, args[3].parse::<usize>()?);
    let bytes = std::fs::read(&args[1])?;

    let mut config = Config::new();
    config.wasm_function_references(true).wasm_gc(true);
    config.collector(match std::env::var("BENCH_COLLECTOR").as_deref() {
        Ok("drc") => Collector::DeferredReferenceCounting,
        Ok("null") => Collector::Null,
        _ => Collector::Copying,
    });
    let stack = option("--stack").unwrap_or(1 << 20);
    config.max_wasm_stack(stack).async_stack_size(2 * stack);
    let engine = Engine::new(&config)?;

    let (mut ms, mut result, mut more) = (vec![], 0, String::new());
    let mut measure = |work: &mut dyn FnMut() -> Result<()>| -> Result<()> {
        for _ in 0..repeats {
            let start = processor_ms();
            work()?;
            ms.push(processor_ms() - start);
        }
        Ok(())
    };
    if mode == "compile" {
        measure(&mut || Module::from_binary(&engine, &bytes).map(|_| ()))?;
    } else {
        let module = Module::from_binary(&engine, &bytes)?;
        let before = Linker::new(&engine).instantiate_pre(&module)?;
        let host = Host { engine, before };
        match mode {
            "exec" => {
                let (mut store, run) = host.instance()?;
                let mut held = vec![];
                for i in 0..option("--handles").unwrap_or(0) {
                    let mut scope = RootScope::new(&mut store);
                    let handle = ExternRef::new(&mut scope, i)?;
                    held.push(handle.to_owned_rooted(&mut scope)?);
                }
                measure(&mut || run.call(&mut store, arg).map(|r| result = r))?;
            }
            "instantiate" => measure(&mut || (0..arg).try_for_each(|_| host.instance().map(|_| ())))?,
            "stores" => measure(&mut || {
                (0..arg).try_for_each(|_| {
                    let (mut store, run) = host.instance()?;
                    run.call(&mut store, 100).map(|r| result = r)
                })
            })?,
            "alive" => {
                let (mut kept, mut store_run) = (vec![], host.instance()?);
                store_run.1.call(&mut store_run.0, 100)?;
                let (kib, maps) = (status_kib("VmRSS:"), mappings());
                measure(&mut || {
                    (0..arg).try_for_each(|_| {
                        let (mut store, run) = host.instance()?;
                        result = run.call(&mut store, 100)?;
                        kept.push(store);
                        Ok(())
                    })
                })?;
                let n = arg as f64 * repeats as f64;
                more = format!(
                    ", \"kib\": {:.2}, \"mappings\": {:.3}",
                    (status_kib("VmRSS:") - kib) / n,
                    (mappings() - maps) / n
                );
            }
            _ => panic!("no such mode"),
        }
    }
    println!("{{\"result\": {result}, \"peak_kib\": {}, \"ms\": {ms:?}{more}}}", status_kib("VmHWM:"));
    Ok(())
}
