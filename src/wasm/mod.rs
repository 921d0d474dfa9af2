//! Layer 1: the contents of modules. Types, the engine-wide type registry, `ModuleInfo` (pure data) and the decoder.

pub mod const_expr;
pub mod decode;
pub mod descriptor;
pub mod feature_diagnosis;
pub mod features;
mod form;
pub mod hints;
mod mnemonic;
pub mod module;
pub mod names;
pub mod payloads;
pub mod rec_group;
pub mod registry;
pub mod scope;
pub mod signature;
mod subtyping;
pub mod types;
