//! The name section (Wasm 2.0, appendix "Custom Sections"): human-readable names. Reading stops at the first error,
//! which does not invalidate the module, as the specification requires.

use crate::base::index::{FuncIndex, TagIndex, TypeIndex};
use std::collections::BTreeMap;
use wasmparser::{BinaryReader, Name, NameMap, NameSectionReader};

/// Human-readable names of a type and its fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TypeNames {
    pub name: Box<str>,
    /// Sorted by field.
    pub fields: Vec<(u32, Box<str>)>,
}

#[derive(Default)]
pub struct Names {
    module: Option<Box<str>>,
    /// Sorted by function index.
    funcs: Vec<(FuncIndex, Box<str>)>,
    /// Sorted by tag index.
    tags: Vec<(TagIndex, Box<str>)>,
    /// Types and their fields.
    types: BTreeMap<TypeIndex, TypeNames>,
}

impl Names {
    /// Reads the section's contents, whose first byte is at `offset` in the module.
    pub fn parse(bytes: &[u8], offset: u64) -> Names {
        let mut names = Names::default();
        for sub in NameSectionReader::new(BinaryReader::new(bytes, offset)) {
            match sub {
                Ok(Name::Module { name, .. }) => names.module = Some(name.into()),
                Ok(Name::Function(map)) => names.funcs = sorted(map, FuncIndex::from_u32),
                Ok(Name::Tag(map)) => names.tags = sorted(map, TagIndex::from_u32),
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

    /// The types that have names, or whose fields have names.
    pub fn types(&self) -> impl Iterator<Item = (TypeIndex, &TypeNames)> {
        self.types.iter().map(|(i, n)| (*i, n))
    }

    pub fn func(&self, f: FuncIndex) -> Option<&str> {
        find(&self.funcs, f)
    }

    pub fn tag(&self, t: TagIndex) -> Option<&str> {
        find(&self.tags, t)
    }
}

/// The names of a map up to the first error, sorted.
fn sorted<I: Ord + Copy>(map: NameMap<'_>, index: impl Fn(u32) -> I) -> Vec<(I, Box<str>)> {
    let names = map.into_iter().map_while(|n| n.ok());
    let mut names: Vec<(I, Box<str>)> = names.map(|n| (index(n.index), n.name.into())).collect();
    names.sort_by_key(|(i, _)| *i);
    names
}

fn find<I: Ord + Copy>(names: &[(I, Box<str>)], of: I) -> Option<&str> {
    let i = names.binary_search_by_key(&of, |(i, _)| *i).ok()?;
    Some(&names[i].1)
}
