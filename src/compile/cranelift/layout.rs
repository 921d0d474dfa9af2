//! The layout of a function's blocks, as far as its module says which branches are likely (`wasm::hints`). Blocks that
//! are reached only by unlikely branches are cold, and Cranelift places them after all others.

use super::func::FuncCx;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{Block, Function};
use rustc_hash::FxHashSet;

/// A branch that is unlikely.
pub type Edge = (Block, Block);

impl FuncCx<'_, '_> {
    /// Records which way is unlikely for the branch that ends the current block. `taken` is the target if the condition
    /// holds.
    pub fn hint(&mut self, taken: Block, otherwise: Block) {
        if let Some(likely) = self.likely {
            let from = self.b.current_block().expect("inside a function");
            self.unlikely.push((from, if likely { otherwise } else { taken }));
        }
    }
}

/// Marks a block as cold if it is reached only by unlikely branches and from cold blocks.
pub fn mark_cold(func: &mut Function, unlikely: &[Edge]) {
    if unlikely.is_empty() {
        return;
    }
    let unlikely: FxHashSet<Edge> = unlikely.iter().copied().collect();
    let cfg = ControlFlowGraph::with_function(func);
    let order = DominatorTree::with_function(func, &cfg);
    let blocks: Vec<Block> = order.cfg_rpo().copied().collect();
    let mut place = vec![usize::MAX; func.dfg.num_blocks()];
    blocks.iter().enumerate().for_each(|(i, b)| place[b.as_u32() as usize] = i);
    for (i, block) in blocks.iter().enumerate().skip(1) {
        // A loop is as likely as its entry: back edges do not count.
        let mut ahead = cfg.pred_iter(*block).map(|p| p.block).filter(|p| place[p.as_u32() as usize] < i).peekable();
        let is_cold = |p: Block| func.layout.is_cold(p) || unlikely.contains(&(p, *block));
        if ahead.peek().is_some() && ahead.all(is_cold) {
            func.layout.set_cold(*block);
        }
    }
}
