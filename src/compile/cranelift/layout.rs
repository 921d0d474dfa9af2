//! Where a function's blocks go, as far as its module says which branches are likely (`wasm::hints`): what is reached by unlikely ones
//! only is cold, and Cranelift puts it behind everything else.

use super::func::FuncCx;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{Block, Function};
use rustc_hash::FxHashSet;

/// A branch that is unlikely.
pub type Edge = (Block, Block);

impl FuncCx<'_, '_> {
    /// Notes which way is unlikely of the branch that ends the present block: `taken` is where it goes if its condition holds.
    pub fn hint(&mut self, taken: Block, otherwise: Block) {
        if let Some(likely) = self.likely {
            let from = self.b.current_block().expect("inside a function");
            self.unlikely.push((from, if likely { otherwise } else { taken }));
        }
    }
}

/// Makes the blocks cold that only unlikely branches and cold blocks lead to.
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
        // A loop is as likely as the way into it: ways back say nothing.
        let mut ahead = cfg.pred_iter(*block).map(|p| p.block).filter(|p| place[p.as_u32() as usize] < i).peekable();
        let is_cold = |p: Block| func.layout.is_cold(p) || unlikely.contains(&(p, *block));
        if ahead.peek().is_some() && ahead.all(is_cold) {
            func.layout.set_cold(*block);
        }
    }
}
