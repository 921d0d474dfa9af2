//! How much work Cranelift would have with a function, estimated from its translation.
//!
//! Most of Cranelift takes time that is linear in a function's size. Three parts do not. The register allocator compares values that are
//! alive at the same time; it splits sets of values that block parameters tie together, again and again while they are in each
//! other's way; and the optimizer visits all loops around an instruction. A unit stands for about a nanosecond. The estimate is made
//! of counts alone, so the same function has the same one everywhere.

use crate::base::index::SecondaryMap;
use cranelift_codegen::ir::{Block, BlockCall, Function, Inst, Value};

/// For each instruction of the translation.
const INST: u64 = 5_000;
/// For each way that a branch can go.
const TARGET: u64 = 1_500;
/// For each value, before that is known: its share of translating a function.
const VALUE: u64 = 2_000;
/// For each pair of values that are alive at the same time.
const PAIR: u64 = 40;
/// For each block and value that is alive where it begins.
const LIVE: u64 = 100;
/// For each operand that a branch takes along, before it is known what that ties together.
const PASSED: u64 = 500;
/// For each cell of a table of blocks and locals, which making values of locals needs.
const LOCAL: u64 = 60;
/// For each call and reference: references have places in the frame during calls.
const REFERENCE: u64 = 20;

/// A function of so many bytes may have all of the budget, one of none as much as if it had so many.
const LARGE: usize = 140_000;
const SMALL: usize = 400;

/// A function that is being translated, or has been.
#[derive(Clone, Copy, Default)]
pub struct Shape {
    pub locals: usize,
    /// The most loops around an instruction.
    pub nesting: u64,
    pub calls: u64,
    /// Values that stack maps know.
    pub references: u64,
    /// Operands that branches take along.
    pub passed: u64,
}

/// The work with what there is of a function by now, at least. To be asked after each instruction, so that what is too much is not made.
pub fn so_far(func: &Function, shape: &Shape) -> u64 {
    let (values, blocks) = (func.dfg.num_values() as u64, func.dfg.num_blocks() as u64);
    let tables = LOCAL * blocks * shape.locals as u64 + REFERENCE * shape.calls.saturating_mul(shape.references);
    (VALUE * values + PASSED * shape.passed).saturating_add(tables).saturating_add(nested(blocks, shape))
}

/// Whether a translated function, of so many bytes, is more work than `budget`. Of that, what is not linear has a share by the function's
/// size, so that a module of many small functions does not have many times the budget.
pub fn exceeds(func: &Function, shape: &Shape, bytes: usize, budget: u64) -> bool {
    let (insts, blocks, values) =
        (func.dfg.num_insts() as u64, func.dfg.num_blocks() as u64, func.dfg.num_values() as u64);
    let targets: u64 = edges(func).map(|(_, inst)| targets(func, inst).len() as u64).sum();
    let nested = nested(blocks, shape);
    let left = budget.checked_sub(INST * insts + TARGET * targets);
    let Some(left) = left.and_then(|left| left.min(share(bytes, budget)).checked_sub(nested)) else { return true };
    // As if everything were alive everywhere: small functions need no closer look.
    let passed = all_passed(func);
    let most = tied(passed, passed).saturating_add((LIVE * blocks + 2 * PAIR * values).saturating_mul(values));
    most > left && Liveness::new(func).work(left).is_none()
}

/// What a function of so many bytes may have of a budget.
fn share(bytes: usize, budget: u64) -> u64 {
    let size = (bytes + SMALL).min(LARGE) as u128;
    if budget == u64::MAX { budget } else { (budget as u128 * size / LARGE as u128) as u64 }
}

/// Bytes of memory that compiling a translated function may take.
pub fn memory(func: &Function) -> usize {
    1_000 * func.dfg.num_insts() + 1_600 * all_passed(func) as usize
}

/// Half a unit for each pair of values that are passed to parameters, of sets that are in each other's way.
fn tied(values: u64, others: u64) -> u64 {
    values.saturating_mul(others) / 2
}

/// A quarter of a unit for each block and pair of loops around it.
fn nested(blocks: u64, shape: &Shape) -> u64 {
    blocks.saturating_mul(shape.nesting * shape.nesting) / 4
}

/// Blocks, and the instructions that leave them.
fn edges(func: &Function) -> impl Iterator<Item = (Block, Inst)> {
    func.layout.blocks().filter_map(|b| Some((b, func.layout.last_inst(b)?)))
}

/// Where an instruction may branch.
fn targets(func: &Function, inst: Inst) -> &[BlockCall] {
    func.dfg.insts[inst].branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables)
}

/// How many values are passed to block parameters.
fn all_passed(func: &Function) -> u64 {
    let all = edges(func).flat_map(|(_, inst)| targets(func, inst));
    all.map(|call| call.len(&func.dfg.value_lists) as u64).sum()
}

/// Where values are alive.
struct Liveness<'f> {
    func: &'f Function,
    /// By value.
    values: SecondaryMap<Value, Facts>,
    /// Values, and blocks other than their own that use them.
    uses: Vec<(Value, Block)>,
    predecessors: SecondaryMap<Block, Vec<Block>>,
    /// By block: values that are alive where it begins, or that it defines for others.
    alive: SecondaryMap<Block, u64>,
    /// By block: how many values are passed to parameters of all sets that are alive there.
    in_the_way: SecondaryMap<Block, u64>,
}

#[derive(Clone, Copy, Default)]
struct Facts {
    home: Option<Block>,
    /// The block that used it last, of those that were looked at, and the last instruction there.
    used_by: Option<Block>,
    last_use: u32,
    /// Whether other blocks use it.
    escapes: bool,
    /// Another parameter of its set; none for its representative.
    set: Option<Value>,
    /// How many values are passed to parameters of its set; of the representative.
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
                // Values that instructions make have sets of their own: many parameters may begin with one constant.
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

    /// The representative of a parameter's set.
    fn set_of(&mut self, mut v: Value) -> Value {
        while let Some(up) = self.values[v].set {
            if let Some(further) = self.values[up].set {
                self.values[v].set = Some(further);
            }
            v = up;
        }
        v
    }

    /// The work that depends on it; `None` if it is more than `budget`.
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

    /// Finds the blocks where each value is alive, backwards from its uses, and the sets that are alive there.
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
                // A parameter is there from the start of its block.
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

    /// Sets, values, and blocks other than their own that use them, sorted; and parameters with their own blocks.
    fn uses_by_set(&mut self) -> Vec<(Value, Value, Block)> {
        let mut all: Vec<_> = std::mem::take(&mut self.uses).into_iter().map(|(v, b)| (self.set_of(v), v, b)).collect();
        for block in self.func.layout.blocks() {
            all.extend(self.func.dfg.block_params(block).iter().map(|v| (self.set_of(*v), *v, block)));
        }
        all.sort_unstable();
        all
    }

    /// How many values are alive at once that only this block uses. Counts those that it defines for others. `at` is its first
    /// instruction's number.
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
        // What is alive between two instructions began before and ends after: both ends are counted in their order.
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
