//! Estimates the work that Cranelift would have with a function, from its translation.
//!
//! Most of Cranelift takes time linear in a function's size. Three parts do not. The register allocator compares values
//! that are live at the same time. It also splits the sets of values that block parameters connect, again and again
//! while these sets interfere. And the optimizer visits all loops around an instruction. A unit of work is about a
//! nanosecond. The estimate depends only on counts, so it is the same for the same function on every machine.

use crate::base::index::SecondaryMap;
use cranelift_codegen::ir::{Block, BlockCall, Function, Inst, Value};

/// Per instruction of the translation.
const INST: u64 = 5_000;
/// Per branch target.
const TARGET: u64 = 1_500;
/// Per value, before the number of instructions is known: its share of translating a function.
const VALUE: u64 = 2_000;
/// Per pair of values that are live at the same time.
const PAIR: u64 = 40;
/// Per block and value that is live at the block's start.
const LIVE: u64 = 100;
/// Per operand that a branch passes, before the sets of connected values are known.
const PASSED: u64 = 500;
/// Per block and local: creating SSA values for locals needs a table of this size.
const LOCAL: u64 = 60;
/// Per call and reference: references have frame slots during calls.
const REFERENCE: u64 = 20;

/// A function of `LARGE` bytes may use the whole budget. A smaller one gets a share, as if it had `SMALL` more bytes.
const LARGE: usize = 140_000;
const SMALL: usize = 400;

/// Counts of a function during or after its translation.
#[derive(Clone, Copy, Default)]
pub struct Shape {
    pub locals: usize,
    /// The maximum number of loops around an instruction.
    pub nesting: u64,
    pub calls: u64,
    /// The number of values in stack maps.
    pub references: u64,
    /// The number of operands that branches pass.
    pub passed: u64,
}

/// A lower bound for the work, from the part that is translated so far. Called after each instruction, to stop the
/// translation early.
pub fn so_far(func: &Function, shape: &Shape) -> u64 {
    let (values, blocks) = (func.dfg.num_values() as u64, func.dfg.num_blocks() as u64);
    let tables = LOCAL * blocks * shape.locals as u64 + REFERENCE * shape.calls.saturating_mul(shape.references);
    (VALUE * values + PASSED * shape.passed).saturating_add(tables).saturating_add(nested(blocks, shape))
}

/// Whether a translated function of `bytes` bytes is more work than `budget`. The part that is not linear gets a share
/// of the budget by the function's size, so that a module of many small functions cannot use many times the budget.
pub fn exceeds(func: &Function, shape: &Shape, bytes: usize, budget: u64) -> bool {
    let (insts, blocks, values) =
        (func.dfg.num_insts() as u64, func.dfg.num_blocks() as u64, func.dfg.num_values() as u64);
    let targets: u64 = edges(func).map(|(_, inst)| targets(func, inst).len() as u64).sum();
    let nested = nested(blocks, shape);
    let left = budget.checked_sub(INST * insts + TARGET * targets);
    let Some(left) = left.and_then(|left| left.min(share(bytes, budget)).checked_sub(nested)) else { return true };
    // An upper bound: all values are live everywhere. Small functions need no closer analysis.
    let passed = all_passed(func);
    let most = tied(passed, passed).saturating_add((LIVE * blocks + 2 * PAIR * values).saturating_mul(values));
    most > left && Liveness::new(func).work(left).is_none()
}

/// The share of a budget for a function of this many bytes.
fn share(bytes: usize, budget: u64) -> u64 {
    let size = (bytes + SMALL).min(LARGE) as u128;
    if budget == u64::MAX { budget } else { (budget as u128 * size / LARGE as u128) as u64 }
}

/// The bytes of memory that compiling a translated function can take.
pub fn memory(func: &Function) -> usize {
    1_000 * func.dfg.num_insts() + 1_600 * all_passed(func) as usize
}

/// Half a unit per pair of values that are passed to parameters of interfering sets.
fn tied(values: u64, others: u64) -> u64 {
    values.saturating_mul(others) / 2
}

/// A quarter of a unit per block and pair of loops around it.
fn nested(blocks: u64, shape: &Shape) -> u64 {
    blocks.saturating_mul(shape.nesting * shape.nesting) / 4
}

/// Blocks and their terminators.
fn edges(func: &Function) -> impl Iterator<Item = (Block, Inst)> {
    func.layout.blocks().filter_map(|b| Some((b, func.layout.last_inst(b)?)))
}

/// The branch targets of an instruction.
fn targets(func: &Function, inst: Inst) -> &[BlockCall] {
    func.dfg.insts[inst].branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables)
}

/// The number of values passed to block parameters.
fn all_passed(func: &Function) -> u64 {
    let all = edges(func).flat_map(|(_, inst)| targets(func, inst));
    all.map(|call| call.len(&func.dfg.value_lists) as u64).sum()
}

/// Liveness of values.
struct Liveness<'f> {
    func: &'f Function,
    /// By value.
    values: SecondaryMap<Value, Facts>,
    /// Values with blocks that use them but do not define them.
    uses: Vec<(Value, Block)>,
    predecessors: SecondaryMap<Block, Vec<Block>>,
    /// By block: the number of values that are live at its start, or that it defines for other blocks.
    alive: SecondaryMap<Block, u64>,
    /// By block: the number of values passed to parameters of all sets that are live there.
    in_the_way: SecondaryMap<Block, u64>,
}

#[derive(Clone, Copy, Default)]
struct Facts {
    home: Option<Block>,
    /// The last block found so far that uses it, and the number of the last instruction there that does.
    used_by: Option<Block>,
    last_use: u32,
    /// Whether other blocks use it.
    escapes: bool,
    /// Another member of its set; none for the set's representative.
    set: Option<Value>,
    /// For a representative: the number of values passed to the parameters of its set.
    passed: u64,
}

impl<'f> Liveness<'f> {
    fn new(func: &'f Function) -> Liveness<'f> {
        let mut l = Liveness {
            func,
            values: SecondaryMap::with_capacity(func.dfg.num_values()),
            uses: Vec::new(),
            predecessors: SecondaryMap::with_capacity(func.dfg.num_blocks()),
            alive: SecondaryMap::new(),
            in_the_way: SecondaryMap::new(),
        };
        for block in func.layout.blocks() {
            func.dfg.block_params(block).iter().for_each(|v| l.values[*v].home = Some(block));
            let insts = func.layout.block_insts(block);
            insts.flat_map(|i| func.dfg.inst_results(i)).for_each(|v| l.values[*v].home = Some(block));
        }
        let mut at = 0;
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                at += 1;
                func.dfg.inst_values(inst).for_each(|v| l.use_value(v, block, at));
            }
        }
        edges(func).for_each(|(block, inst)| l.edges_of(block, inst));
        l
    }

    fn use_value(&mut self, v: Value, block: Block, at: u32) {
        let v = self.func.dfg.resolve_aliases(v);
        let facts = &mut self.values[v];
        facts.last_use = at;
        if facts.used_by.replace(block) != Some(block) && facts.home != Some(block) {
            facts.escapes = true;
            self.uses.push((v, block));
        }
    }

    fn edges_of(&mut self, block: Block, inst: Inst) {
        let func = self.func;
        let dfg = &func.dfg;
        for call in targets(func, inst) {
            let to = call.block(&dfg.value_lists);
            if self.predecessors[to].last() != Some(&block) {
                self.predecessors[to].push(block);
            }
            for (arg, param) in call.args(&dfg.value_lists).zip(dfg.block_params(to)) {
                let set = self.set_of(*param);
                self.values[set].passed += 1;
                // Values of instructions have sets of their own, because many parameters can start with the same
                // constant.
                let Some(arg) = arg.as_value().map(|v| dfg.resolve_aliases(v)) else { continue };
                if dfg.value_def(arg).inst().is_none() {
                    self.tie(set, arg);
                }
            }
        }
    }

    fn tie(&mut self, a: Value, b: Value) {
        let (a, b) = (self.set_of(a), self.set_of(b));
        if a != b {
            self.values[a].set = Some(b);
            self.values[b].passed += self.values[a].passed;
        }
    }

    /// The representative of a value's set.
    fn set_of(&mut self, mut v: Value) -> Value {
        while let Some(up) = self.values[v].set {
            if let Some(further) = self.values[up].set {
                self.values[v].set = Some(further);
            }
            v = up;
        }
        v
    }

    /// The work that depends on liveness. Returns `None` if it exceeds `budget`.
    fn work(mut self, budget: u64) -> Option<u64> {
        let mut work = self.spread(budget)?;
        let mut at = 0;
        let (mut most, mut own) = (0, 0u64);
        for block in self.func.layout.blocks() {
            let crowd = self.crowd(block, &mut at);
            own = own.saturating_add(crowd * crowd);
            most = most.max(self.alive[block] + crowd);
        }
        work = work.saturating_add(PAIR * (most * most).saturating_add(own));
        for (_, inst) in edges(self.func) {
            let lists = &self.func.dfg.value_lists;
            for call in targets(self.func, inst) {
                let to = call.block(lists);
                work = work.saturating_add(tied(call.len(lists) as u64, self.in_the_way[to]));
            }
        }
        (work <= budget).then_some(work)
    }

    /// Propagates liveness of each value backwards from its uses, and finds the sets that are live in each block.
    fn spread(&mut self, budget: u64) -> Option<u64> {
        let uses = self.uses_by_set();
        let (mut work, mut waiting) = (0, Vec::new());
        let mut reached: SecondaryMap<Block, Option<Value>> = SecondaryMap::new();
        let mut counted: SecondaryMap<Block, Option<Value>> = SecondaryMap::new();
        for (set, v, used_in) in uses {
            let home = self.values[v].home;
            waiting.push(used_in);
            while let Some(block) = waiting.pop() {
                let is_home = home == Some(block);
                // A parameter is live from the start of its block.
                if (!is_home || block == used_in) && counted[block].replace(set) != Some(set) {
                    self.in_the_way[block] += self.values[set].passed;
                }
                if is_home || reached[block].replace(v) == Some(v) {
                    continue;
                }
                self.alive[block] += 1;
                work += LIVE;
                waiting.extend_from_slice(&self.predecessors[block]);
            }
            if work > budget {
                return None;
            }
        }
        Some(work)
    }

    /// Sets, values, and blocks that use but do not define them, sorted. Parameters are also listed with their own
    /// blocks.
    fn uses_by_set(&mut self) -> Vec<(Value, Value, Block)> {
        let mut all: Vec<_> = std::mem::take(&mut self.uses).into_iter().map(|(v, b)| (self.set_of(v), v, b)).collect();
        for block in self.func.layout.blocks() {
            all.extend(self.func.dfg.block_params(block).iter().map(|v| (self.set_of(*v), *v, block)));
        }
        all.sort_unstable();
        all
    }

    /// The maximum number of values live at the same time that only this block uses. Also counts the values that it
    /// defines for other blocks. `at` is the number of the instruction before its first one.
    fn crowd(&mut self, block: Block, at: &mut u32) -> u64 {
        let func = self.func;
        let mut ends: Vec<u32> = Vec::new();
        let mut add = |v: &Value, ends: &mut Vec<u32>| {
            let facts = self.values[*v];
            if facts.escapes {
                self.alive[block] += 1;
            } else if facts.last_use > 0 {
                ends.push(facts.last_use);
            }
        };
        func.dfg.block_params(block).iter().for_each(|v| add(v, &mut ends));
        // A value is live from its definition to its last use. Both are visited in order.
        let mut begins = vec![*at; ends.len()];
        for inst in func.layout.block_insts(block) {
            *at += 1;
            func.dfg.inst_results(inst).iter().for_each(|v| add(v, &mut ends));
            begins.resize(ends.len(), *at);
        }
        ends.sort_unstable();
        let (mut most, mut ended) = (0, 0);
        for (i, begin) in begins.iter().enumerate() {
            while ended < ends.len() && ends[ended] <= *begin {
                ended += 1;
            }
            most = most.max((i as u64 + 1).saturating_sub(ended as u64));
        }
        most
    }
}
