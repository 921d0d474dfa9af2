//! Memories and tables with 64-bit indexes, and memories with pages of one byte: every instruction that uses one, at every boundary, also
//! mixed with 32-bit ones, in code of every compiler and mode.

use wrt::api::*;

#[path = "index64/accesses.rs"]
mod accesses;
#[path = "index64/bulk.rs"]
mod bulk;
#[path = "index64/large.rs"]
mod large;
#[path = "index64/tables.rs"]
mod tables;

/// With faults and with explicit checks, in optimized code, and in baseline code at the first call; with memories that never move, and
/// that move.
fn configs() -> impl Iterator<Item = Config> {
    (0..8).map(|i| {
        let [signals, lazy, moving] = [1, 2, 4].map(|bit| i & bit != 0);
        let config = Config::new().signals(signals).lazy(lazy).background(false).gc_verify(true);
        let config = if moving { config.memory_reservation(1 << 16) } else { config };
        config.feature("custom-page-sizes", true).unwrap()
    })
}

/// Those in which memories never move.
fn staying() -> impl Iterator<Item = Config> {
    configs().take(4)
}

/// An instance without imports, in its own store.
struct World {
    store: Store,
    instance: Instance,
}

impl World {
    fn new(config: &Config, text: &str) -> World {
        let engine = Engine::new(config).unwrap();
        let module = Module::new(&engine, text.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{text}"));
        World::of(&module, &engine)
    }

    fn of(module: &Module, engine: &Engine) -> World {
        let mut store = Store::new(engine).unwrap();
        let instance = Instance::new(&mut store, module, &[]).unwrap();
        World { store, instance }
    }

    /// Calls an export. Returns its result, or the trap.
    fn call(&mut self, name: &str, args: &[Val]) -> std::result::Result<Vec<Val>, Trap> {
        let Some(Extern::Func(f)) = self.instance.export(&mut self.store, name).unwrap() else { panic!("no {name}") };
        let mut results = vec![Val::I32(0); f.ty(&self.store).unwrap().results().len()];
        match f.call(&mut self.store, args, &mut results) {
            Ok(()) => Ok(results),
            Err(e) => Err(e.trap_code().unwrap_or_else(|| panic!("{name}: {e}"))),
        }
    }

    fn memory(&mut self, name: &str) -> Memory {
        let Some(Extern::Memory(m)) = self.instance.export(&mut self.store, name).unwrap() else { panic!("no {name}") };
        m
    }

    fn bytes(&mut self, name: &str) -> Vec<u8> {
        let m = self.memory(name);
        let mut all = vec![0; m.data_size(&self.store).unwrap()];
        m.read(&self.store, 0, &mut all).unwrap();
        all
    }
}

/// The width of indexes.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Width {
    W32,
    W64,
}

use Width::*;

impl Width {
    /// Written before the limits.
    fn limits(self) -> &'static str {
        if self == W64 { "i64" } else { "" }
    }

    fn name(self) -> &'static str {
        if self == W64 { "i64" } else { "i32" }
    }

    fn val(self, v: u64) -> Val {
        if self == W64 { Val::I64(v as i64) } else { Val::I32(v as i32) }
    }

    /// A number as such an index.
    fn cut(self, v: u64) -> u64 {
        if self == W64 { v } else { v as u32 as u64 }
    }

    /// The result of a failed growth.
    fn minus_one(self) -> Val {
        self.val(u64::MAX)
    }

    fn min(self, other: Width) -> Width {
        if self == W64 { other } else { self }
    }
}

/// Numbers around every boundary of a memory or table with `len` bytes or elements.
fn edges(len: u64) -> Vec<u64> {
    let mut all = vec![0, 1, 2];
    for n in [len, 1 << 31, 1 << 32, (1 << 32) + len, 1 << 33, 1 << 34, 1 << 35, 1 << 61, 1 << 62, 1 << 63] {
        all.extend([n - 2, n - 1, n, n + 1]);
    }
    all.extend((1..6).map(|n| 0u64.wrapping_sub(n)));
    all.push(0u64.wrapping_sub(len));
    all
}

/// Whether `len` bytes or elements starting at `at` are within `of`.
fn inside(at: u64, len: u64, of: usize) -> bool {
    at as u128 + len as u128 <= of as u128
}
