//! Random modules by wasm-smith, each with a provider of its imports and an observer.

use crate::job::{Job, Part};
use crate::observer::observer;
use crate::provider::provider;
use crate::random::Random;
use crate::shape::Shape;
use wasm_smith::{Config, MemoryOffsetChoices, Module};

/// Proposals that are turned on, each in one line.
fn proposals(config: Config) -> Config {
    Config {
        bulk_memory_enabled: true,
        reference_types_enabled: true,
        simd_enabled: true,
        multi_value_enabled: true,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        tail_call_enabled: true,
        gc_enabled: true,
        extended_const_enabled: true,
        exceptions_enabled: true,
        memory64_enabled: true,
        relaxed_simd_enabled: true,
        wide_arithmetic_enabled: true,
        custom_page_sizes_enabled: true,
        threads_enabled: false,
        shared_everything_threads_enabled: false,
        compact_imports_enabled: false,
        ..config
    }
}

/// The budget of one call for loops, calls and the lengths of bulk operations.
const FUEL: i32 = 1000;

/// Small modules, since each is compiled several times. Memories and tables have maxima, so that growth does not depend on the
/// system; NaNs are made canonical, since the specification leaves their bits open.
fn config(random: &mut Random) -> Config {
    proposals(Config {
        min_funcs: 1,
        max_funcs: 6,
        max_instructions: *random.pick(&[30, 100, 100, 200]),
        max_imports: 6,
        max_types: 12,
        max_globals: 6,
        max_memories: 2,
        max_tables: 3,
        max_tags: 4,
        max_data_segments: 4,
        max_element_segments: 4,
        max_elements: 10,
        max_memory32_bytes: 4 << 16,
        max_memory64_bytes: 4 << 16,
        max_table_elements: 200,
        memory_max_size_required: true,
        table_max_size_required: true,
        memory_offset_choices: MemoryOffsetChoices(90, 9, 1),
        canonicalize_nans: true,
        // Half of the modules can trap; the others show more, since they run to the end.
        disallow_traps: random.one_in(2),
        allow_start_export: random.one_in(8),
        limit_arrays_in_const_exprs: true,
        ..Config::default()
    })
}

/// The job of a seed: three modules. Some noise is no module; then other noise is tried.
pub fn job(seed: u64) -> Job {
    (0..1000).find_map(|salt| attempt(seed, salt)).expect("a module in a thousand tries")
}

fn attempt(seed: u64, salt: u64) -> Option<Job> {
    let mut random = Random::new(seed ^ salt << 48);
    let config = config(&mut random);
    let size = *random.pick(&[1024, 4096, 8192]);
    let noise = random.bytes(size);
    let mut module = Module::new(config, &mut arbitrary::Unstructured::new(&noise)).ok()?;
    let fuel = module.ensure_termination(FUEL as u32).ok()?;
    let wasm = module.to_bytes();
    let shape = Shape::read(&wasm);
    let first = provider(&shape, random.bits())?;
    let last = observer(&shape, (fuel, FUEL), random.bits());
    if last.calls.len() < 4 {
        return None;
    }
    let main = Part {
        wasm: shape.with_all_exported(&wasm),
        imports: (0..shape.imports.len()).map(|i| (0, format!("i{i}"))).collect(),
    };
    let observer = Part { wasm: last.wasm, imports: last.imports.into_iter().map(|name| (1, name)).collect() };
    Some(Job { parts: vec![Part { wasm: first, imports: Vec::new() }, main, observer], calls: last.calls, turn: None })
}
