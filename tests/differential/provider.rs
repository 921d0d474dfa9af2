//! A module that exports everything another module imports, under the names `i0`, `i1` and so on.

use crate::random::Random;
use crate::shape::Shape;
use crate::values::{Values, constant};
use wasm_encoder::*;

/// `None` if an import is of a type without constants.
pub fn provider(shape: &Shape, seed: u64) -> Option<Vec<u8>> {
    let first_func = shape.imported_funcs as u32;
    let mut values = Values::new(shape, Random::new(seed), first_func);
    let (mut functions, mut tables, mut memories) = (FunctionSection::new(), TableSection::new(), MemorySection::new());
    let (mut tags, mut globals, mut exports) = (TagSection::new(), GlobalSection::new(), ExportSection::new());
    let mut code = CodeSection::new();
    let own_tags: Vec<TagType> =
        shape.imports.iter().filter_map(|i| if let EntityType::Tag(t) = i { Some(*t) } else { None }).collect();
    for (i, import) in shape.imports.iter().enumerate() {
        let (kind, index) = match import {
            EntityType::Function(t) | EntityType::FunctionExact(t) => {
                functions.function(*t);
                code.function(&values.body(*t, &own_tags));
                (ExportKind::Func, functions.len() - 1)
            }
            EntityType::Table(t) => {
                match t.element_type.nullable {
                    true => tables.table(*t),
                    false => tables.table_with_init(*t, &constant(values.value(ValType::Ref(t.element_type))?)),
                };
                (ExportKind::Table, tables.len() - 1)
            }
            EntityType::Memory(t) => {
                memories.memory(*t);
                (ExportKind::Memory, memories.len() - 1)
            }
            EntityType::Global(t) => {
                globals.global(*t, &constant(values.value(t.val_type)?));
                (ExportKind::Global, globals.len() - 1)
            }
            EntityType::Tag(t) => {
                tags.tag(*t);
                (ExportKind::Tag, tags.len() - 1)
            }
        };
        exports.export(&format!("i{i}"), kind, index);
    }
    values.add_funcs(&mut functions, &mut code);
    let mut module = Module::new();
    module.section(&shape.type_section()).section(&functions).section(&tables).section(&memories);
    // An empty section of a proposal is rejected if the proposal is.
    if !tags.is_empty() {
        module.section(&tags);
    }
    module.section(&globals).section(&exports);
    if let Some(declared) = values.declared() {
        module.section(&declared);
    }
    module.section(&code);
    Some(module.finish())
}
