//! The name section (Wasm 2.0, appendix "Custom Sections"): names for people. A damaged one is ignored, as the
//! specification asks.

use super::registry::TypeNames;
use crate::base::index::{EntityRef, FuncIndex, TypeIndex};
use std::collections::BTreeMap;
use wasmparser::{BinaryReader, Name, NameSectionReader};

#[derive(Default)]
pub struct Names {
    module: Option<Box<str>>,
    /// Sorted by function index.
    funcs: Vec<(FuncIndex, Box<str>)>,
    /// Types, and their fields.
    types: BTreeMap<TypeIndex, TypeNames>,
}

impl Names {
    /// Reads the section's payload, whose first byte stands at `offset` of the module.
    pub fn parse(bytes: &[u8], offset: u64) -> Names {
        let mut names = Names::default();
        for sub in NameSectionReader::new(BinaryReader::new(bytes, offset)) {
            match sub {
                Ok(Name::Module { name, .. }) => names.module = Some(name.into()),
                Ok(Name::Function(map)) => {
                    names.funcs = map
                        .into_iter()
                        .map_while(|n| n.ok())
                        .map(|n| (FuncIndex::new(n.index as usize), n.name.into()))
                        .collect();
                    names.funcs.sort_by_key(|(i, _)| *i);
                }
                Ok(Name::Type(map)) => {
                    for n in map.into_iter().map_while(|n| n.ok()) {
                        names.types.entry(TypeIndex::from_u32(n.index)).or_default().name = n.name.into();
                    }
                }
                Ok(Name::Field(map)) => {
                    for of in map.into_iter().map_while(|n| n.ok()) {
                        let fields = &mut names.types.entry(TypeIndex::from_u32(of.index)).or_default().fields;
                        fields.extend(of.names.map_while(|n| n.ok()).map(|n| (n.index, n.name.into())));
                        fields.sort_by_key(|(i, _)| *i);
                    }
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        names
    }

    pub fn module(&self) -> Option<&str> {
        self.module.as_deref()
    }

    /// The types that have names, or fields that have.
    pub fn types(&self) -> impl Iterator<Item = (TypeIndex, &TypeNames)> {
        self.types.iter().map(|(i, n)| (*i, n))
    }

    pub fn func(&self, f: FuncIndex) -> Option<&str> {
        let i = self.funcs.binary_search_by_key(&f, |(i, _)| *i).ok()?;
        Some(&self.funcs[i].1)
    }
}
