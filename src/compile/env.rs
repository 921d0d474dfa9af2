//! What both compilers know about a module while they compile its functions.

use crate::abi::layout::ContextLayout;
use crate::abi::settings::Settings;
use crate::base::index::*;
use crate::wasm::descriptor::DescriptorView;
use crate::wasm::module::{EntityIndex, ModuleInfo};
use cranelift_codegen::isa::TargetIsa;

/// What all functions of a module share while they are compiled.
pub struct ModuleEnv<'m> {
    pub info: &'m ModuleInfo,
    pub layout: &'m ContextLayout,
    pub settings: Settings,
    pub isa: &'m dyn TargetIsa,
    pub processor: Processor,
    /// Answers how types are related. None of its type numbers may go into code.
    pub types: DescriptorView,
    /// By table index: whether the elements' address and the length never change, because the table belongs to this
    /// instance and nothing can grow it.
    pub fixed_tables: &'m [bool],
    /// Maximum number of bytes of machine code.
    pub max_code: u64,
}

/// Facts derived from a module's declarations.
pub struct ModuleFacts {
    pub layout: ContextLayout,
    pub fixed_tables: Vec<bool>,
    /// Bytes of all bodies together.
    pub body_bytes: u64,
}

impl ModuleFacts {
    pub fn new(info: &ModuleInfo) -> ModuleFacts {
        let mut fixed_tables: Vec<bool> = info.tables.values().map(|t| !t.grows).collect();
        for export in &info.exports {
            if let EntityIndex::Table(t) = export.index {
                fixed_tables[t.index()] = false;
            }
        }
        for (t, decl) in info.tables.iter() {
            let limits = decl.ty.limits;
            fixed_tables[t.index()] |= limits.max == Some(limits.min);
            fixed_tables[t.index()] &= info.defined_table(t).is_some();
        }
        let body_bytes = info.bodies.values().map(|b| b.len() as u64).sum();
        ModuleFacts { layout: ContextLayout::new(info), fixed_tables, body_bytes }
    }
}

/// Instructions that only some processors have.
#[derive(Clone, Copy)]
pub struct Processor {
    /// Sums of four products of bytes.
    pub vnni: bool,
    /// Population count.
    pub popcnt: bool,
    /// Comparisons of vectors with 64-bit lanes.
    pub sse42: bool,
}

impl Processor {
    pub fn new(isa: &dyn TargetIsa) -> Processor {
        let flags = isa.isa_flags();
        let has = |name| flags.iter().any(|f| f.name == name && f.as_bool() == Some(true));
        let vnni = has("has_avx_vnni") || has("has_avx512vnni");
        Processor { vnni, popcnt: has("has_popcnt"), sse42: has("has_sse42") }
    }
}
