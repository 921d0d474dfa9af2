//! Decodes and validates a module, except the bodies, into `ModuleInfo`. Bodies are validated where they are compiled,
//! in the same pass.

use super::const_expr::*;
use super::features::FeatureSet;
use super::hints;
use super::module::*;
use super::names::Names;
use super::payloads::payloads;
use super::registry::{DefType, TypeRegistry, in_group};
use super::types::*;
use crate::base::index::*;
use crate::base::limits::MAX_MODULE_SIZE;
use crate::base::{Error, ErrorKind, Result};
use crate::err;
use rustc_hash::FxHashMap;
use std::ops::Range;
use std::sync::Arc;
use wasmparser::{
    BinaryReader, BinaryReaderError, CompositeInnerType, ElementItems, ElementKind, Encoding, ExternalKind,
    FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator, OperatorsReader, Payload, TableInit, TypeRef,
    ValidPayload, Validator, ValidatorResources, WasmFeatures,
};

/// A body that is ready to be validated.
pub type Body = FuncToValidate<ValidatorResources>;

/// The same body, for another use.
pub fn again(b: &Body) -> Body {
    FuncToValidate { resources: b.resources.clone(), index: b.index, ty: b.ty, features: b.features }
}

/// The error message for components, binary or text.
pub const COMPONENT: &str = "this is a component, not a core module; components are not supported: build a core module for WASI \
    preview 1, such as wasm32-wasip1";

pub struct Decoded {
    pub info: ModuleInfo,
    /// By defined function index.
    pub bodies: Vec<Body>,
}

/// Validates everything except the bodies, and describes the module. `features` are the ones that it can use.
pub fn decode(bytes: &[u8], types: &TypeRegistry, features: FeatureSet) -> Result<Decoded> {
    let mut decoder = Decoder { types, features, info: ModuleInfo::default(), bodies: Vec::new() };
    walk(bytes, features.flags(), |payload, body| {
        if let Some((f, b)) = body {
            decoder.info.bodies.push(usize_range(b.range()));
            decoder.bodies.push(f);
        }
        decoder.payload(payload)
    })?;
    decoder.find_funcrefs();
    decoder.name_types();
    Ok(Decoded { info: decoder.info, bodies: decoder.bodies })
}

/// Validates a whole module, including the bodies.
pub fn validate(bytes: &[u8], features: FeatureSet) -> Result<()> {
    let mut allocations = Default::default();
    let Decoded { info, bodies } = decode(bytes, &TypeRegistry::new()?, features)?;
    for (body, range) in bodies.into_iter().zip(info.bodies.values()) {
        validate_body(body, &bytes[range.clone()], range.start, &mut allocations)?;
    }
    Ok(())
}

/// A reader for a body's bytes, which start at `offset` in the module.
pub fn body_reader<'a>(body: &Body, bytes: &'a [u8], offset: usize) -> BinaryReader<'a> {
    BinaryReader::new_features(bytes, offset as u64, body.features)
}

/// Validates one body, whose bytes start at `offset` in the module. Returns whether it contains instructions that
/// access objects.
pub fn validate_body(
    body: Body,
    bytes: &[u8],
    offset: usize,
    allocations: &mut FuncValidatorAllocations,
) -> Result<bool> {
    let mut reader = body_reader(&body, bytes, offset);
    let mut validator = body.into_validator(std::mem::take(allocations));
    validator.read_locals(&mut reader).map_err(invalid)?;
    let mut ops = OperatorsReader::new(reader);
    let mut objects = false;
    while !ops.eof() {
        let offset = ops.original_position();
        let op = ops.read().map_err(invalid)?;
        validator.op(offset, &op).map_err(invalid)?;
        objects |= looks_into_objects(&op);
    }
    ops.finish().map_err(invalid)?;
    *allocations = validator.into_allocations();
    Ok(objects)
}

/// Whether an instruction creates objects (including exceptions), or accesses their types or contents.
fn looks_into_objects(op: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(
        op,
        StructNew { .. }
            | StructNewDefault { .. }
            | StructGet { .. }
            | StructGetS { .. }
            | StructGetU { .. }
            | StructSet { .. }
            | ArrayNew { .. }
            | ArrayNewDefault { .. }
            | ArrayNewFixed { .. }
            | ArrayNewData { .. }
            | ArrayNewElem { .. }
            | ArrayGet { .. }
            | ArrayGetS { .. }
            | ArrayGetU { .. }
            | ArraySet { .. }
            | ArrayLen
            | ArrayFill { .. }
            | ArrayCopy { .. }
            | ArrayInitData { .. }
            | ArrayInitElem { .. }
            | RefTestNonNull { .. }
            | RefTestNullable { .. }
            | RefCastNonNull { .. }
            | RefCastNullable { .. }
            | BrOnCast { .. }
            | BrOnCastFail { .. }
            | Throw { .. }
            | TryTable { .. }
    )
}

/// Parses and validates. Passes every payload, and every body, to `f`.
fn walk<'a>(
    bytes: &'a [u8],
    features: WasmFeatures,
    mut f: impl FnMut(Payload<'a>, Option<(Body, FunctionBody<'a>)>) -> Result<()>,
) -> Result<()> {
    if bytes.len() > MAX_MODULE_SIZE {
        return Err(err!(Limit, "the module has {} bytes, the maximum is {MAX_MODULE_SIZE}", bytes.len()));
    }
    let mut validator = Validator::new_with_features(features);
    for payload in payloads(bytes, features) {
        let payload = payload.map_err(malformed)?;
        if let Payload::Version { encoding: Encoding::Component, .. } = payload {
            return Err(err!(Unsupported, "{COMPONENT}"));
        }
        let body = match validator.payload(&payload).map_err(invalid)? {
            ValidPayload::Func(to_validate, body) => Some((to_validate, body)),
            _ => None,
        };
        f(payload, body)?;
    }
    Ok(())
}

/// The error for bytes that do not parse.
pub fn malformed(e: BinaryReaderError) -> Error {
    Error::new(ErrorKind::Malformed, e.message()).at(e.offset())
}

/// The error for what the validator rejects. It reads while it validates; `form` determines whether the bytes parse
/// at all.
pub fn invalid(e: BinaryReaderError) -> Error {
    Error::new(ErrorKind::InvalidModule, e.message()).at(e.offset())
}

/// Converts a validated value type of a module whose types so far are `types`.
pub fn val_type(t: wasmparser::ValType, types: &Types) -> ValType {
    convert_val(t, &|i| types[TypeIndex::from_u32(i)].heap_type())
}

/// Converts a validated heap type of a module whose types so far are `types`.
pub fn heap_type(t: wasmparser::HeapType, types: &Types) -> HeapType {
    convert_heap(t, &|i| types[TypeIndex::from_u32(i)].heap_type())
}

pub fn ref_type(t: wasmparser::RefType, types: &Types) -> RefType {
    RefType { nullable: t.is_nullable(), heap: heap_type(t.heap_type(), types) }
}

/// The types of a module that are known so far.
pub type Types = PrimaryMap<TypeIndex, DefType>;

fn convert_val(t: wasmparser::ValType, concrete: &dyn Fn(u32) -> HeapType) -> ValType {
    match t {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(r) => {
            ValType::Ref(RefType { nullable: r.is_nullable(), heap: convert_heap(r.heap_type(), concrete) })
        }
    }
}

fn convert_heap(t: wasmparser::HeapType, concrete: &dyn Fn(u32) -> HeapType) -> HeapType {
    use wasmparser::{AbstractHeapType as A, HeapType as H, UnpackedIndex};
    match t {
        H::Abstract { ty: A::Func, .. } => HeapType::Func,
        H::Abstract { ty: A::NoFunc, .. } => HeapType::NoFunc,
        H::Abstract { ty: A::Extern, .. } => HeapType::Extern,
        H::Abstract { ty: A::NoExtern, .. } => HeapType::NoExtern,
        H::Abstract { ty: A::Any, .. } => HeapType::Any,
        H::Abstract { ty: A::Eq, .. } => HeapType::Eq,
        H::Abstract { ty: A::I31, .. } => HeapType::I31,
        H::Abstract { ty: A::Struct, .. } => HeapType::Struct,
        H::Abstract { ty: A::Array, .. } => HeapType::Array,
        H::Abstract { ty: A::None, .. } => HeapType::None,
        H::Abstract { ty: A::Exn, .. } => HeapType::Exn,
        H::Abstract { ty: A::NoExn, .. } => HeapType::NoExn,
        H::Concrete(UnpackedIndex::Module(i)) => concrete(i),
        other => unreachable!("the validator refuses {other:?} without its feature"),
    }
}

fn usize_range(r: Range<u64>) -> Range<usize> {
    r.start as usize..r.end as usize
}

struct Decoder<'t> {
    types: &'t TypeRegistry,
    features: FeatureSet,
    info: ModuleInfo,
    bodies: Vec<Body>,
}

impl Decoder<'_> {
    /// Describes one payload, which has been validated.
    fn payload(&mut self, payload: Payload<'_>) -> Result<()> {
        let start = payload.as_section().map_or(0, |(_, range)| range.start);
        self.section(payload).map_err(|e| if e.offset().is_none() { e.at(start) } else { e })
    }

    fn section(&mut self, payload: Payload<'_>) -> Result<()> {
        let info = &mut self.info;
        match payload {
            Payload::TypeSection(types) => {
                for group in types {
                    self.recursion_group(group.map_err(malformed)?)?;
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.import(import.map_err(malformed)?)?;
                }
            }
            Payload::FunctionSection(funcs) => {
                for ty in funcs {
                    info.funcs.push(FuncDecl { ty: TypeIndex::from_u32(ty.map_err(malformed)?), funcref: None });
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    let table = table.map_err(malformed)?;
                    let init = match &table.init {
                        TableInit::RefNull => None,
                        TableInit::Expr(e) => Some(const_expr(e, &info.types)?),
                    };
                    info.tables.push(table_decl(&table.ty, init, &info.types));
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    info.memories.push(memory_type(&memory.map_err(malformed)?)?);
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global.map_err(malformed)?;
                    let init = Some(const_expr(&global.init_expr, &info.types)?);
                    info.globals.push(GlobalDecl { ty: global_type(&global.ty, &info.types), init });
                }
            }
            Payload::TagSection(tags) => {
                for tag in tags {
                    self.tag(tag.map_err(malformed)?)?;
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export.map_err(malformed)?;
                    let index = entity(export.kind, export.index)?;
                    info.export_names.insert(export.name.into(), info.exports.len());
                    info.exports.push(Export { name: export.name.into(), index });
                }
            }
            Payload::StartSection { func, .. } => info.start = Some(FuncIndex::from_u32(func)),
            Payload::ElementSection(elems) => {
                for elem in elems {
                    info.elems.push(elem_segment(elem.map_err(malformed)?, &info.types)?);
                }
            }
            Payload::DataSection(data) => {
                for segment in data {
                    info.data.push(data_segment(segment.map_err(malformed)?, &info.types)?);
                }
            }
            Payload::CustomSection(c) if c.name() == "name" => {
                info.names = Names::parse(c.data(), c.data_offset());
            }
            Payload::CustomSection(c) if c.name() == hints::SECTION && self.features.is_on("branch-hinting")? => {
                info.hints = hints::BranchHints::parse(c.data());
            }
            _ => {}
        }
        Ok(())
    }

    /// Registers a recursion group; its members get the next type indices.
    fn recursion_group(&mut self, group: wasmparser::RecGroup) -> Result<()> {
        let info = &mut self.info;
        let first = info.types.len() as u32;
        let members: Vec<&wasmparser::SubType> = group.types().collect();
        let concrete = |i: u32| match i.checked_sub(first) {
            None => info.types[TypeIndex::from_u32(i)].heap_type(),
            Some(n) => match members[n as usize].composite_type.inner {
                CompositeInnerType::Struct(_) => HeapType::ConcreteStruct(in_group(n)),
                CompositeInnerType::Array(_) => HeapType::ConcreteArray(in_group(n)),
                _ => HeapType::ConcreteFunc(in_group(n)),
            },
        };
        let field = |t: &wasmparser::FieldType| FieldType {
            mutable: t.mutable,
            storage: match t.element_type {
                wasmparser::StorageType::I8 => StorageType::I8,
                wasmparser::StorageType::I16 => StorageType::I16,
                wasmparser::StorageType::Val(v) => StorageType::Val(convert_val(v, &concrete)),
            },
        };
        let sub_type = |m: &&wasmparser::SubType| SubType {
            is_final: m.is_final,
            supertype: m.supertype_idxs.first().and_then(|s| concrete(s.as_module_index()?).concrete()),
            composite: match &m.composite_type.inner {
                CompositeInnerType::Struct(s) => CompositeType::Struct(s.fields.iter().map(field).collect()),
                CompositeInnerType::Array(a) => CompositeType::Array(field(&a.0)),
                CompositeInnerType::Func(f) => {
                    let all =
                        |t: &[wasmparser::ValType]| t.iter().map(|t| convert_val(*t, &concrete)).collect::<Vec<_>>();
                    CompositeType::Func(Arc::new(FuncType::new(all(f.params()), all(f.results()))))
                }
                CompositeInnerType::Cont(_) => unreachable!("the validator refuses continuations"),
            },
        };
        let group = members.iter().map(sub_type).collect();
        for def in self.types.register_group(group)? {
            self.info.types.push(def);
        }
        Ok(())
    }

    fn import(&mut self, import: wasmparser::Import<'_>) -> Result<()> {
        let info = &mut self.info;
        let index = match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                info.imported_funcs += 1;
                EntityIndex::Func(info.funcs.push(FuncDecl { ty: TypeIndex::from_u32(ty), funcref: None }))
            }
            TypeRef::Table(t) => {
                info.imported_tables += 1;
                EntityIndex::Table(info.tables.push(table_decl(&t, None, &info.types)))
            }
            TypeRef::Memory(m) => {
                info.imported_memories += 1;
                EntityIndex::Memory(info.memories.push(memory_type(&m)?))
            }
            TypeRef::Global(g) => {
                info.imported_globals += 1;
                EntityIndex::Global(info.globals.push(GlobalDecl { ty: global_type(&g, &info.types), init: None }))
            }
            TypeRef::Tag(t) => {
                self.info.imported_tags += 1;
                EntityIndex::Tag(self.tag(t)?)
            }
        };
        self.info.imports.push(Import { module: import.module.into(), name: import.name.into(), index });
        Ok(())
    }

    fn tag(&mut self, tag: wasmparser::TagType) -> Result<TagIndex> {
        let ty = TypeIndex::from_u32(tag.func_type_idx);
        let exception = self.types.exception(&self.info.types[ty])?;
        Ok(self.info.tags.push(TagDecl { ty, exception }))
    }

    /// Creates the scope that keeps the module's types, with their names.
    fn name_types(&mut self) {
        let info = &mut self.info;
        let mut names = FxHashMap::default();
        for (i, of_type) in info.names.types() {
            if let Some(def) = info.types.get(i) {
                // If equal types have several names, any of them will do.
                names.entry(def.id).or_insert_with(|| of_type.clone());
            }
        }
        let exceptions = info.tags.values().map(|t| &t.exception);
        let types = info.types.values().chain(exceptions).cloned().collect();
        info.scope = Some(self.types.scope(types, names));
    }

    /// Assigns a funcref index to every function that can become a value: exported ones, and those named by a constant
    /// expression or segment. Bodies can only refer to these (Wasm 2.0, 3.4.10: `refs`).
    fn find_funcrefs(&mut self) {
        let info = &mut self.info;
        let mut found = Vec::new();
        let mut see = |op: ConstOp| {
            if let ConstOp::Const(ConstVal::Func(f)) = op {
                found.push(f);
            }
        };
        info.globals.values().filter_map(|g| g.init.as_ref()).flat_map(|e| e.ops()).for_each(&mut see);
        info.tables.values().filter_map(|t| t.init.as_ref()).flat_map(|e| e.ops()).for_each(&mut see);
        for elem in info.elems.values() {
            if let ElemItems::Exprs(exprs) = &elem.items {
                exprs.ops().iter().copied().for_each(&mut see);
            }
        }
        for elem in info.elems.values() {
            if let ElemItems::Funcs(funcs) = &elem.items {
                found.extend_from_slice(funcs);
            }
        }
        found.extend(info.exports.iter().filter_map(|e| match e.index {
            EntityIndex::Func(f) => Some(f),
            _ => None,
        }));
        for f in found {
            let place = &mut info.funcs[f].funcref;
            if place.is_none() {
                *place = Some(info.funcrefs.push(f));
            }
        }
    }
}

fn limits(min: u64, max: Option<u64>) -> Limits {
    Limits { min, max }
}

fn index_type(is_64: bool) -> IndexType {
    if is_64 { IndexType::I64 } else { IndexType::I32 }
}

fn table_decl(t: &wasmparser::TableType, init: Option<ConstExpr>, types: &Types) -> TableDecl {
    let limits = limits(t.initial, t.maximum);
    let ty = TableType { limits, element: ref_type(t.element_type, types), index: index_type(t.table64) };
    // Whether a body really grows it is not known before the bodies are compiled.
    let grows = ty.limits.max != Some(ty.limits.min);
    TableDecl { ty, init, grows }
}

fn memory_type(m: &wasmparser::MemoryType) -> Result<MemoryType> {
    if m.shared {
        return Err(err!(Unsupported, "needs shared memories, which wrt does not have"));
    }
    // The validator knows two page sizes.
    let page = if m.page_size_log2 == Some(0) { PageSize::One } else { PageSize::Wasm };
    Ok(MemoryType { limits: limits(m.initial, m.maximum), index: index_type(m.memory64), page })
}

fn global_type(g: &wasmparser::GlobalType, types: &Types) -> GlobalType {
    GlobalType { content: val_type(g.content_type, types), mutable: g.mutable }
}

fn entity(kind: ExternalKind, index: u32) -> Result<EntityIndex> {
    Ok(match kind {
        ExternalKind::Func | ExternalKind::FuncExact => EntityIndex::Func(FuncIndex::from_u32(index)),
        ExternalKind::Table => EntityIndex::Table(TableIndex::from_u32(index)),
        ExternalKind::Memory => EntityIndex::Memory(MemoryIndex::from_u32(index)),
        ExternalKind::Global => EntityIndex::Global(GlobalIndex::from_u32(index)),
        ExternalKind::Tag => EntityIndex::Tag(TagIndex::from_u32(index)),
    })
}

/// Converts a validated constant expression to data.
fn const_expr(e: &wasmparser::ConstExpr<'_>, types: &Types) -> Result<ConstExpr> {
    use ConstOp::Const;
    let mut ops = Vec::new();
    for op in e.get_operators_reader() {
        let ty = TypeIndex::from_u32;
        let op = match op.map_err(malformed)? {
            Operator::I32Const { value } => Const(ConstVal::I32(value)),
            Operator::I64Const { value } => Const(ConstVal::I64(value)),
            Operator::F32Const { value } => Const(ConstVal::F32(value.bits())),
            Operator::F64Const { value } => Const(ConstVal::F64(value.bits())),
            Operator::V128Const { value } => Const(ConstVal::V128(*value.bytes())),
            Operator::RefNull { hty } => Const(ConstVal::Null(heap_type(hty, types).top())),
            Operator::RefFunc { function_index } => Const(ConstVal::Func(FuncIndex::from_u32(function_index))),
            Operator::GlobalGet { global_index } => ConstOp::GlobalGet(GlobalIndex::from_u32(global_index)),
            Operator::I32Add => ConstOp::I32Add,
            Operator::I32Sub => ConstOp::I32Sub,
            Operator::I32Mul => ConstOp::I32Mul,
            Operator::I64Add => ConstOp::I64Add,
            Operator::I64Sub => ConstOp::I64Sub,
            Operator::I64Mul => ConstOp::I64Mul,
            Operator::RefI31 => match ops.pop() {
                Some(Const(ConstVal::I32(v))) => Const(ConstVal::I31(v)),
                other => {
                    ops.extend(other);
                    ConstOp::RefI31
                }
            },
            Operator::StructNew { struct_type_index: t } => ConstOp::StructNew(ty(t)),
            Operator::StructNewDefault { struct_type_index: t } => ConstOp::StructNewDefault(ty(t)),
            Operator::ArrayNew { array_type_index: t } => ConstOp::ArrayNew(ty(t)),
            Operator::ArrayNewDefault { array_type_index: t } => ConstOp::ArrayNewDefault(ty(t)),
            Operator::ArrayNewFixed { array_type_index: t, array_size } => ConstOp::ArrayNewFixed(ty(t), array_size),
            // Both types have the same representation.
            Operator::AnyConvertExtern | Operator::ExternConvertAny => continue,
            Operator::End => break,
            other => return Err(err!(Unsupported, "{other:?} in a constant expression is not supported yet")),
        };
        ops.push(op);
    }
    Ok(match ops[..] {
        [Const(v)] => ConstExpr::Const(v),
        _ => ConstExpr::Expr(ops.into_boxed_slice()),
    })
}

fn elem_segment(e: wasmparser::Element<'_>, types: &Types) -> Result<ElemSegment> {
    let (ty, items) = match e.items {
        ElementItems::Functions(funcs) => {
            let funcs: Result<Vec<_>, _> = funcs.into_iter().map(|f| f.map(FuncIndex::from_u32)).collect();
            (
                RefType { nullable: false, ..RefType::FUNC },
                ElemItems::Funcs(funcs.map_err(malformed)?.into_boxed_slice()),
            )
        }
        ElementItems::Expressions(ty, exprs) => {
            let mut all = ConstExprs::default();
            for e in exprs {
                all.push(&const_expr(&e.map_err(malformed)?, types)?);
            }
            let ty = ref_type(ty, types);
            let items = match all.smalls().filter(|_| ValType::Ref(ty).is_gc()) {
                Some(smalls) => ElemItems::I31s(smalls),
                None => ElemItems::Exprs(all),
            };
            (ty, items)
        }
    };
    let mode = match e.kind {
        ElementKind::Passive => SegmentMode::Passive,
        ElementKind::Declared => SegmentMode::Declared,
        ElementKind::Active { table_index, offset_expr } => SegmentMode::Active {
            target: TableIndex::from_u32(table_index.unwrap_or(0)),
            offset: const_expr(&offset_expr, types)?,
        },
    };
    Ok(ElemSegment { mode, ty, items })
}

fn data_segment(d: wasmparser::Data<'_>, types: &Types) -> Result<DataSegment> {
    let end = d.range.end as usize;
    let mode = match d.kind {
        wasmparser::DataKind::Passive => SegmentMode::Passive,
        wasmparser::DataKind::Active { memory_index, offset_expr } => SegmentMode::Active {
            target: MemoryIndex::from_u32(memory_index),
            offset: const_expr(&offset_expr, types)?,
        },
    };
    Ok(DataSegment { mode, bytes: end - d.data.len()..end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(text: &str) -> Result<ModuleInfo> {
        decode(&wat::parse_str(text).unwrap(), &TypeRegistry::new()?, FeatureSet::default()).map(|d| d.info)
    }

    #[test]
    fn functions_that_become_values_have_places() {
        let m = info("(module (func $a) (func $b) (func $c (export \"c\")) (table 1 funcref) (elem (i32.const 0) $a))");
        let m = m.unwrap();
        let placed: Vec<bool> = m.funcs.values().map(|f| f.funcref.is_some()).collect();
        assert_eq!(placed, [true, false, true]);
    }

    #[test]
    fn recursive_types_are_the_same_in_every_module() {
        let types = TypeRegistry::new().unwrap();
        let text = "(module (rec (type $a (struct (field (ref null $b)))) (type $b (array (mut (ref $a))))))";
        let ids = || {
            let m = decode(&wat::parse_str(text).unwrap(), &types, FeatureSet::default()).unwrap().info;
            m.types.values().map(|t| t.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(), ids());
        let m = decode(&wat::parse_str(text).unwrap(), &types, FeatureSet::default()).unwrap().info;
        let (a, b) = (&m.types[TypeIndex::from_u32(0)], &m.types[TypeIndex::from_u32(1)]);
        let of = |nullable, t: &DefType| StorageType::Val(ValType::Ref(RefType { nullable, heap: t.heap_type() }));
        assert_eq!(b.fields()[0].storage, of(false, a));
        assert_eq!(a.fields()[0].storage, of(true, b));
    }

    #[test]
    fn constants_are_folded() {
        let m = info("(module (global i31ref (ref.i31 (i32.const 5))) (global externref (ref.null extern)))").unwrap();
        let inits: Vec<_> = m.globals.values().map(|g| g.init.clone().unwrap()).collect();
        assert_eq!(inits, [ConstExpr::Const(ConstVal::I31(5)), ConstExpr::Const(ConstVal::Null(Top::Extern))]);
    }

    #[test]
    fn data_ranges_are_in_the_module() {
        let bytes = wat::parse_str("(module (memory 1) (data (i32.const 5) \"hello\"))").unwrap();
        let m = decode(&bytes, &TypeRegistry::new().unwrap(), FeatureSet::default()).unwrap().info;
        assert_eq!(&bytes[m.data[DataIndex::from_u32(0)].bytes.clone()], b"hello");
    }

    #[test]
    fn errors_know_their_kind_and_place() {
        let e = validate(b"\0asm\x02\0\0\0", FeatureSet::default()).unwrap_err();
        assert_eq!((e.kind(), e.offset()), (ErrorKind::Malformed, Some(4)));
        let bad = wat::parse_str("(module (func (result i32)))").unwrap();
        assert_eq!(validate(&bad, FeatureSet::default()).unwrap_err().kind(), ErrorKind::InvalidModule);
    }
}
