//! Bytes to `ModuleInfo`, validated on the way. Bodies are validated where they are compiled, in the same pass.

use super::const_expr::*;
use super::module::*;
use super::names::Names;
use super::registry::TypeRegistry;
use super::types::*;
use crate::base::index::*;
use crate::base::limits::MAX_MODULE_SIZE;
use crate::base::{Error, ErrorKind, Result};
use crate::err;
use std::ops::Range;
use wasmparser::{
    BinaryReaderError, ElementItems, ElementKind, Encoding, ExternalKind, FuncToValidate, FunctionBody, Operator,
    Parser, Payload, TableInit, TypeRef, ValidPayload, Validator, ValidatorResources, WasmFeatures,
};

/// A body, ready to be validated.
pub type Body = FuncToValidate<ValidatorResources>;

pub struct Decoded {
    pub info: ModuleInfo,
    /// By defined function index.
    pub bodies: Vec<Body>,
}

/// WebAssembly 2.0 and multi-memory.
fn features() -> WasmFeatures {
    WasmFeatures::WASM2 | WasmFeatures::MULTI_MEMORY
}

/// Validates everything but the bodies, and describes the module.
pub fn decode(bytes: &[u8], types: &TypeRegistry) -> Result<Decoded> {
    let mut decoder = Decoder { types, info: ModuleInfo::default(), bodies: Vec::new() };
    walk(bytes, |payload, body| {
        if let Some((f, b)) = body {
            decoder.info.bodies.push(usize_range(b.range()));
            decoder.bodies.push(f);
        }
        decoder.payload(payload)
    })?;
    decoder.find_funcrefs();
    Ok(Decoded { info: decoder.info, bodies: decoder.bodies })
}

/// Validates a whole module, bodies included.
pub fn validate(bytes: &[u8]) -> Result<()> {
    let mut allocations = Default::default();
    let Decoded { info, bodies } = decode(bytes, &TypeRegistry::default())?;
    for (f, range) in bodies.into_iter().zip(info.bodies.values()) {
        let reader = wasmparser::BinaryReader::new(&bytes[range.clone()], range.start as u64);
        let body = FunctionBody::new(reader);
        let mut validator = f.into_validator(std::mem::take(&mut allocations));
        validator.validate(&body).map_err(invalid)?;
        refuse_locals(&body)?;
        let mut ops = body.get_operators_reader().map_err(invalid)?;
        while !ops.eof() {
            let (op, at) = ops.read_with_offset().map_err(invalid)?;
            refuse(&op).map_err(|e| e.at(at))?;
        }
        allocations = validator.into_allocations();
    }
    Ok(())
}

/// Parses and validates; gives every payload, and every body, to `f`.
fn walk<'a>(
    bytes: &'a [u8],
    mut f: impl FnMut(Payload<'a>, Option<(Body, FunctionBody<'a>)>) -> Result<()>,
) -> Result<()> {
    if bytes.len() > MAX_MODULE_SIZE {
        return Err(err!(Limit, "the module has {} bytes, {MAX_MODULE_SIZE} is the most", bytes.len()));
    }
    let mut validator = Validator::new_with_features(features());
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(malformed)?;
        if let Payload::Version { encoding: Encoding::Component, .. } = payload {
            return Err(err!(Unsupported, "this is a component; only core modules are supported"));
        }
        let body = match validator.payload(&payload).map_err(invalid)? {
            ValidPayload::Func(to_validate, body) => Some((to_validate, body)),
            _ => None,
        };
        f(payload, body)?;
    }
    Ok(())
}

/// The error of bytes that do not parse.
pub fn malformed(e: BinaryReaderError) -> Error {
    Error::new(ErrorKind::Malformed, e.message()).at(e.offset())
}

/// The error of a module that does not validate. Some of what the specification calls malformed is found by the validator
/// (counts of sections that disagree, bytes that end too early), and is told by its message.
pub fn invalid(e: BinaryReaderError) -> Error {
    const SYNTAX: [&str; 14] = [
        "unexpected end",
        "inconsistent lengths",
        "out of order",
        "data count",
        "magic",
        "invalid leading byte",
        "malformed",
        "integer representation too long",
        "integer too large",
        "trailing",
        "length out of bounds",
        "illegal opcode",
        "unknown opcode",
        "zero byte expected",
    ];
    let kind = match SYNTAX.iter().any(|s| e.message().contains(s)) {
        true => ErrorKind::Malformed,
        false => ErrorKind::InvalidModule,
    };
    Error::new(kind, e.message()).at(e.offset())
}

fn no_externref() -> Error {
    err!(Unsupported, "externref is not supported yet: it needs the garbage-collected heap")
}

/// The type, if it is supported.
pub fn val_type(t: wasmparser::ValType) -> Result<ValType> {
    Ok(match t {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(r) => ValType::Ref(ref_type(r)?),
    })
}

fn ref_type(t: wasmparser::RefType) -> Result<RefType> {
    if t == wasmparser::RefType::FUNCREF { Ok(RefType::Func) } else { Err(no_externref()) }
}

/// Refuses instructions of WebAssembly 2.0 that need what is not supported yet.
pub fn refuse(op: &Operator<'_>) -> Result<()> {
    match op {
        Operator::RefNull { hty } if *hty != wasmparser::HeapType::FUNC => Err(no_externref()),
        Operator::TypedSelect { ty } => val_type(*ty).map(|_| ()),
        Operator::Block { blockty: wasmparser::BlockType::Type(t) }
        | Operator::Loop { blockty: wasmparser::BlockType::Type(t) }
        | Operator::If { blockty: wasmparser::BlockType::Type(t) } => val_type(*t).map(|_| ()),
        _ => Ok(()),
    }
}

/// Refuses locals of types that are not supported yet.
pub fn refuse_locals(body: &FunctionBody<'_>) -> Result<()> {
    for local in body.get_locals_reader().map_err(malformed)? {
        val_type(local.map_err(malformed)?.1).map_err(|e| e.at(body.range().start))?;
    }
    Ok(())
}

fn usize_range(r: Range<u64>) -> Range<usize> {
    r.start as usize..r.end as usize
}

struct Decoder<'t> {
    types: &'t TypeRegistry,
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
                for ty in types.into_iter_err_on_gc_types() {
                    let ty = ty.map_err(malformed)?;
                    let convert =
                        |t: &[wasmparser::ValType]| t.iter().map(|t| val_type(*t)).collect::<Result<Vec<_>>>();
                    let ty = FuncType::new(convert(ty.params())?, convert(ty.results())?);
                    let (id, func) = self.types.register(&ty);
                    info.types.push(TypeDecl { id, func });
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
                        TableInit::RefNull => ConstExpr::Const(ConstVal::Null(RefType::Func)),
                        TableInit::Expr(e) => const_expr(e)?,
                    };
                    let decl = table_decl(&table.ty, init)?;
                    info.tables.push(decl);
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    info.memories.push(memory_type(&memory.map_err(malformed)?));
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global.map_err(malformed)?;
                    let init = Some(const_expr(&global.init_expr)?);
                    info.globals.push(GlobalDecl { ty: global_type(&global.ty)?, init });
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
                    info.elems.push(elem_segment(elem.map_err(malformed)?)?);
                }
            }
            Payload::DataSection(data) => {
                for segment in data {
                    info.data.push(data_segment(segment.map_err(malformed)?)?);
                }
            }
            Payload::CustomSection(c) if c.name() == "name" => {
                info.names = Names::parse(c.data(), c.data_offset());
            }
            _ => {}
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
                let null = ConstExpr::Const(ConstVal::Null(RefType::Func));
                EntityIndex::Table(info.tables.push(table_decl(&t, null)?))
            }
            TypeRef::Memory(m) => {
                info.imported_memories += 1;
                EntityIndex::Memory(info.memories.push(memory_type(&m)))
            }
            TypeRef::Global(g) => {
                info.imported_globals += 1;
                EntityIndex::Global(info.globals.push(GlobalDecl { ty: global_type(&g)?, init: None }))
            }
            TypeRef::Tag(_) => return Err(err!(Unsupported, "tags are not supported yet")),
        };
        info.imports.push(Import { module: import.module.into(), name: import.name.into(), index });
        Ok(())
    }

    /// Gives every function that can become a value its place among the funcrefs: exported ones, and those that a
    /// constant expression or segment names. Bodies may only refer to these (Wasm 2.0, 3.4.10: `refs`).
    fn find_funcrefs(&mut self) {
        let info = &mut self.info;
        let mut found = Vec::new();
        let mut see = |e: &ConstExpr| match e {
            ConstExpr::Const(ConstVal::Func(f)) => found.push(*f),
            ConstExpr::Const(_) => {}
            ConstExpr::Expr(ops) => found.extend(ops.iter().filter_map(|op| match op {
                ConstOp::Const(ConstVal::Func(f)) => Some(*f),
                _ => None,
            })),
        };
        info.globals.values().filter_map(|g| g.init.as_ref()).for_each(&mut see);
        info.tables.values().for_each(|t| see(&t.init));
        for elem in info.elems.values() {
            if let ElemItems::Exprs(exprs) = &elem.items {
                exprs.iter().for_each(&mut see);
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

fn table_decl(t: &wasmparser::TableType, init: ConstExpr) -> Result<TableDecl> {
    let ty = TableType { limits: limits(t.initial, t.maximum), element: ref_type(t.element_type)? };
    // Whether a body really does is not known before it is compiled.
    let grows = ty.limits.max != Some(ty.limits.min);
    Ok(TableDecl { ty, init, grows })
}

fn memory_type(m: &wasmparser::MemoryType) -> MemoryType {
    MemoryType { limits: limits(m.initial, m.maximum) }
}

fn global_type(g: &wasmparser::GlobalType) -> Result<GlobalType> {
    Ok(GlobalType { content: val_type(g.content_type)?, mutable: g.mutable })
}

fn entity(kind: ExternalKind, index: u32) -> Result<EntityIndex> {
    Ok(match kind {
        ExternalKind::Func | ExternalKind::FuncExact => EntityIndex::Func(FuncIndex::from_u32(index)),
        ExternalKind::Table => EntityIndex::Table(TableIndex::from_u32(index)),
        ExternalKind::Memory => EntityIndex::Memory(MemoryIndex::from_u32(index)),
        ExternalKind::Global => EntityIndex::Global(GlobalIndex::from_u32(index)),
        ExternalKind::Tag => return Err(err!(Unsupported, "tags are not supported yet")),
    })
}

/// A validated constant expression as data.
fn const_expr(e: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr> {
    let mut ops = Vec::new();
    for op in e.get_operators_reader() {
        ops.push(match op.map_err(malformed)? {
            Operator::I32Const { value } => ConstOp::Const(ConstVal::I32(value)),
            Operator::I64Const { value } => ConstOp::Const(ConstVal::I64(value)),
            Operator::F32Const { value } => ConstOp::Const(ConstVal::F32(value.bits())),
            Operator::F64Const { value } => ConstOp::Const(ConstVal::F64(value.bits())),
            Operator::V128Const { value } => ConstOp::Const(ConstVal::V128(u128::from_le_bytes(*value.bytes()))),
            Operator::RefNull { hty } if hty == wasmparser::HeapType::FUNC => {
                ConstOp::Const(ConstVal::Null(RefType::Func))
            }
            Operator::RefNull { .. } => return Err(no_externref()),
            Operator::RefFunc { function_index } => ConstOp::Const(ConstVal::Func(FuncIndex::from_u32(function_index))),
            Operator::GlobalGet { global_index } => ConstOp::GlobalGet(GlobalIndex::from_u32(global_index)),
            Operator::End => break,
            other => return Err(err!(Unsupported, "{other:?} in a constant expression is not supported yet")),
        });
    }
    Ok(match ops[..] {
        [ConstOp::Const(v)] => ConstExpr::Const(v),
        _ => ConstExpr::Expr(ops.into_boxed_slice()),
    })
}

fn elem_segment(e: wasmparser::Element<'_>) -> Result<ElemSegment> {
    let items = match e.items {
        ElementItems::Functions(funcs) => {
            let funcs: Result<Vec<_>, _> = funcs.into_iter().map(|f| f.map(FuncIndex::from_u32)).collect();
            ElemItems::Funcs(funcs.map_err(malformed)?.into_boxed_slice())
        }
        ElementItems::Expressions(ty, exprs) => {
            ref_type(ty)?;
            let exprs: Result<Vec<_>> =
                exprs.into_iter().map(|e| e.map_err(malformed).and_then(|e| const_expr(&e))).collect();
            ElemItems::Exprs(exprs?.into_boxed_slice())
        }
    };
    let mode = match e.kind {
        ElementKind::Passive => SegmentMode::Passive,
        ElementKind::Declared => SegmentMode::Declared,
        ElementKind::Active { table_index, offset_expr } => SegmentMode::Active {
            target: TableIndex::from_u32(table_index.unwrap_or(0)),
            offset: const_expr(&offset_expr)?,
        },
    };
    Ok(ElemSegment { mode, items })
}

fn data_segment(d: wasmparser::Data<'_>) -> Result<DataSegment> {
    let end = d.range.end as usize;
    let mode = match d.kind {
        wasmparser::DataKind::Passive => SegmentMode::Passive,
        wasmparser::DataKind::Active { memory_index, offset_expr } => {
            SegmentMode::Active { target: MemoryIndex::from_u32(memory_index), offset: const_expr(&offset_expr)? }
        }
    };
    Ok(DataSegment { mode, bytes: end - d.data.len()..end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(text: &str) -> Result<ModuleInfo> {
        decode(&wat::parse_str(text).unwrap(), &TypeRegistry::default()).map(|d| d.info)
    }

    #[test]
    fn functions_that_become_values_have_places() {
        let m = info("(module (func $a) (func $b) (func $c (export \"c\")) (table 1 funcref) (elem (i32.const 0) $a))");
        let m = m.unwrap();
        let placed: Vec<bool> = m.funcs.values().map(|f| f.funcref.is_some()).collect();
        assert_eq!(placed, [true, false, true]);
    }

    #[test]
    fn externref_is_refused_by_name() {
        for text in [
            "(module (func (param externref)))",
            "(module (table 1 externref))",
            "(module (global externref (ref.null extern)))",
        ] {
            let e = info(text).err().unwrap();
            assert_eq!(e.kind(), ErrorKind::Unsupported, "{text}");
            assert!(e.message().contains("externref"));
        }
        let body = wat::parse_str("(module (func ref.null extern drop))").unwrap();
        assert_eq!(validate(&body).unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn data_ranges_are_in_the_module() {
        let bytes = wat::parse_str("(module (memory 1) (data (i32.const 5) \"hello\"))").unwrap();
        let m = decode(&bytes, &TypeRegistry::default()).unwrap().info;
        assert_eq!(&bytes[m.data[DataIndex::from_u32(0)].bytes.clone()], b"hello");
    }

    #[test]
    fn errors_know_their_kind_and_place() {
        let e = validate(b"\0asm\x02\0\0\0").unwrap_err();
        assert_eq!((e.kind(), e.offset()), (ErrorKind::Malformed, Some(4)));
        let bad = wat::parse_str("(module (func (result i32)))").unwrap();
        assert_eq!(validate(&bad).unwrap_err().kind(), ErrorKind::InvalidModule);
    }
}
