//! Whether bytes have the form of a module, regardless of whether it is valid (Wasm 3.0, chapter 5): every section,
//! item and instruction is read, but nothing is checked. The validator reads and checks in one pass, and only the text
//! of its error tells which of the two failed, and that text can contain names of the module. So after a failure this
//! pass decides, not the text. It also counts what the validator limits.

use super::payloads::payloads;
use crate::base::limits::*;
use crate::base::{Error, ErrorKind, Result};
use crate::err;
use wasmparser::{
    BinaryReader, CompositeInnerType, ElementItems, ExternalKind, FunctionBody, Operator, OperatorsReader, Payload,
    RecGroup, TypeRef, WasmFeatures,
};

type Read<T> = wasmparser::Result<T>;

/// Reads a whole module. Fails with `Malformed` at the first place that cannot be read; otherwise with `Limit` if there
/// is too much of something. `features` determine how some bytes are read.
pub fn check(bytes: &[u8], features: WasmFeatures) -> Result<()> {
    let mut form = Form::default();
    for payload in payloads(bytes, features) {
        payload.and_then(|p| form.payload(p)).map_err(|e| unreadable(&e, bytes))?;
        if let Some(at) = form.without_data_count {
            return Err(
                err!(Malformed, "an instruction names a data segment, and there is no data count section").at(at)
            );
        }
        if let Some((id, at)) = form.unknown_section {
            return Err(err!(Malformed, "there is no section with number {id}").at(at));
        }
    }
    form.excess.map_or(Ok(()), Err)
}

/// The error for what the reader rejects. If one of the reader's own limits was exceeded, but all items that were
/// counted are present, the form is not at fault. The reader's messages contain no text of the module and come from the
/// one version that is built in; tests compare them.
fn unreadable(e: &wasmparser::Error, bytes: &[u8]) -> Error {
    let rest = &bytes[bytes.len().min(e.offset() as usize)..];
    let is_excess = match e.message() {
        // The offset is that of the last byte of the size.
        "string size out of bounds" => rest.len() > MAX_NAME,
        words if words.ends_with(" size is out of bounds") => {
            BinaryReader::new(rest, 0).read_var_u32().is_ok_and(|count| count as usize <= rest.len())
        }
        _ => false,
    };
    let kind = if is_excess { ErrorKind::Limit } else { ErrorKind::Malformed };
    Error::new(kind, e.message()).at(e.offset())
}

#[derive(Default, Clone, Copy)]
struct TypeShape {
    supertypes: u64,
    params: u64,
    results: u64,
}

/// What was read so far.
#[derive(Default)]
struct Form {
    /// By type index.
    types: Vec<TypeShape>,
    /// The validator's measure of the size of imports and exports.
    surface: u64,
    imports: u64,
    /// The types of functions by index, imported ones first.
    funcs: Vec<u32>,
    imported_funcs: usize,
    bodies: usize,
    tables: u64,
    memories: u64,
    globals: u64,
    /// The types of tags by index.
    tags: Vec<u32>,
    exports: u64,
    has_data_count: bool,
    without_data_count: Option<u64>,
    unknown_section: Option<(u8, u64)>,
    /// The first limit that was exceeded.
    excess: Option<Error>,
}

impl Form {
    fn payload(&mut self, payload: Payload<'_>) -> Read<()> {
        let at = payload.as_section().map_or(0, |(_, range)| range.start);
        match payload {
            Payload::TypeSection(groups) => groups.into_iter().try_for_each(|g| self.group(&g?, at))?,
            Payload::ImportSection(imports) => imports.into_imports().try_for_each(|i| {
                self.import(i?.ty);
                Read::Ok(())
            })?,
            Payload::FunctionSection(funcs) => self.funcs.extend(funcs.into_iter().collect::<Read<Vec<u32>>>()?),
            Payload::TableSection(items) => self.tables += count(items)?,
            Payload::MemorySection(items) => self.memories += count(items)?,
            Payload::GlobalSection(items) => self.globals += count(items)?,
            Payload::TagSection(items) => items.into_iter().try_for_each(|t| {
                self.tags.push(t?.func_type_idx);
                Read::Ok(())
            })?,
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    self.exports += 1;
                    let types = match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact => &self.funcs[..],
                        ExternalKind::Tag => &self.tags[..],
                        _ => &[],
                    };
                    self.surface += 1 + types.get(export.index as usize).map_or(0, |ty| self.size_of_type(*ty));
                }
            }
            Payload::ElementSection(segments) => {
                let mut segment_count = 0;
                for segment in segments {
                    let items = match segment?.items {
                        ElementItems::Functions(funcs) => count(funcs)?,
                        ElementItems::Expressions(_, exprs) => count(exprs)?,
                    };
                    self.limit("elements of a segment", items, MAX_TABLE_ELEMENTS, at);
                    segment_count += 1;
                }
                self.limit("element segments", segment_count, MAX_SEGMENTS, at);
            }
            Payload::DataCountSection { count, .. } => {
                self.has_data_count = true;
                self.limit("data segments", count.into(), MAX_SEGMENTS, at);
            }
            Payload::DataSection(segments) => self.limit("data segments", count(segments)?, MAX_SEGMENTS, at),
            Payload::CodeSectionEntry(body) => self.body(&body)?,
            Payload::UnknownSection { id, range, .. } => self.unknown_section = Some((id, range.start)),
            _ => {}
        }
        self.totals(at);
        Ok(())
    }

    fn totals(&mut self, at: u64) {
        for (what, found, most) in [
            ("types", self.types.len() as u64, MAX_ITEMS),
            ("imports", self.imports, MAX_ITEMS),
            ("functions", self.funcs.len() as u64, MAX_ITEMS),
            ("tables", self.tables, MAX_TABLES),
            ("memories", self.memories, MAX_MEMORIES),
            ("globals", self.globals, MAX_ITEMS),
            ("tags", self.tags.len() as u64, MAX_ITEMS),
            ("exports", self.exports, MAX_ITEMS),
            ("imported and exported items and their values", self.surface, MAX_ITEMS - 2),
        ] {
            self.limit(what, found, most, at);
        }
    }

    fn limit(&mut self, what: &str, found: u64, most: u64, at: u64) {
        if found > most && self.excess.is_none() {
            self.excess = Some(err!(Limit, "the module has {found} {what}, the maximum is {most}").at(at));
        }
    }

    fn group(&mut self, group: &RecGroup, at: u64) -> Read<()> {
        for ty in group.types() {
            let above = ty.supertype_idxs.first().and_then(|s| self.types.get(s.as_module_index()? as usize));
            let mut shape = TypeShape { supertypes: above.map_or(0, |t| t.supertypes + 1), ..TypeShape::default() };
            if let CompositeInnerType::Func(f) = &ty.composite_type.inner {
                (shape.params, shape.results) = (f.params().len() as u64, f.results().len() as u64);
            }
            self.limit("types above one another", shape.supertypes, MAX_SUPERTYPES, at);
            self.types.push(shape);
        }
        Ok(())
    }

    fn import(&mut self, ty: TypeRef) {
        self.imports += 1;
        self.surface += 1;
        match ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.funcs.push(ty);
                self.imported_funcs += 1;
                self.surface += self.size_of_type(ty);
            }
            TypeRef::Table(_) => self.tables += 1,
            TypeRef::Memory(_) => self.memories += 1,
            TypeRef::Global(_) => self.globals += 1,
            TypeRef::Tag(tag) => {
                self.tags.push(tag.func_type_idx);
                self.surface += self.size_of_type(tag.func_type_idx);
            }
        }
    }

    /// The validator's measure of a function type, excluding what counts for every item.
    fn size_of_type(&self, ty: u32) -> u64 {
        1 + self.types.get(ty as usize).map_or(0, |t| t.params + t.results)
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Read<()> {
        let range = body.range();
        let ty = self.funcs.get(self.imported_funcs + self.bodies).and_then(|ty| self.types.get(*ty as usize));
        self.bodies += 1;
        let mut locals = body.get_locals_reader()?;
        let mut local_count = ty.map_or(0, |t| t.params);
        for _ in 0..locals.get_count() {
            local_count += u64::from(locals.read()?.0);
        }
        self.limit("bytes in one function", range.end - range.start, MAX_BODY, range.start);
        self.limit("parameters and locals in one function", local_count, MAX_LOCALS, range.start);
        let mut operators = OperatorsReader::new(locals.get_binary_reader());
        while !operators.eof() {
            let at = operators.original_position();
            let names_data = matches!(
                operators.read()?,
                Operator::MemoryInit { .. }
                    | Operator::DataDrop { .. }
                    | Operator::ArrayNewData { .. }
                    | Operator::ArrayInitData { .. }
            );
            if names_data && !self.has_data_count {
                self.without_data_count.get_or_insert(at);
            }
        }
        operators.finish()
    }
}

/// The number of items, all of which are read.
fn count<T>(items: impl IntoIterator<Item = Read<T>>) -> Read<u64> {
    items.into_iter().try_fold(0, |n, item| item.map(|_| n + 1))
}
