//! What is known of a module while its functions are compiled, by either compiler.

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
    /// To ask how types are related; none of its numbers goes into code.
    pub types: DescriptorView,
    /// By table index: whether elements and length stay where they are, as the table is of this instance and nobody can
    /// grow it.
    pub fixed_tables: &'m [bool],
    /// Most bytes of machine code.
    pub max_code: u64,
}

/// What follows from a module's declarations.
pub struct ModuleFacts {
    pub layout: ContextLayout,
    pub fixed_tables: Vec<bool>,
    /// Bytes of all bodies.
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
    /// Counts of bits.
    pub popcnt: bool,
    /// Comparisons of vectors' lanes of 64 bits.
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
