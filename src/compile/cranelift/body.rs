//! One function: locals, then its instructions in order. Each is validated and then translated by its family.

use super::func::{FuncCx, Region, trusted, wasm_signature};
use super::gc::Repr;
use super::layout;
use super::op::numeric::*;
use super::op::{
    array, atomic, call, cast, control, exception, global, local, memory, object, reference, simd, table, wide,
};
use super::poll;
use super::stack_check;
use super::static_types;
use super::work;
use crate::base::Result;
use crate::base::index::*;
use crate::compile::env::ModuleEnv;
use crate::wasm::decode::{self, Body};
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::*;
use cranelift_codegen::ir::{
    Block, Function, InstBuilder, Opcode, SourceLoc, StackSlot, StackSlotData, StackSlotKind, UserFuncName, Value,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use wasmparser::{
    BinaryReader, FuncValidator, FuncValidatorAllocations, Operator, OperatorsReader, ValidatorResources,
};

/// Results of the translation besides the function.
#[derive(Default)]
pub struct Translated {
    /// The stack slot of the context, if the frame stores it.
    pub vmctx_slot: Option<StackSlot>,
    /// Whether the code reads the heap's base.
    pub uses_heap: bool,
}

/// A body and how to translate it.
pub struct Source<'a> {
    pub index: DefinedFuncIndex,
    /// The bytes of the whole module.
    pub bytes: &'a [u8],
    pub body: Body,
    /// See `FuncCx::checks_trap`.
    pub checks_trap: bool,
}

/// Validates and translates a body into `func`, which must be empty. Returns `None` if this is more work than the
/// settings allow; the rest of the body is then not validated.
pub fn translate(
    env: &ModuleEnv<'_>,
    source: Source<'_>,
    func: &mut Function,
    builder: &mut FunctionBuilderContext,
    allocations: &mut FuncValidatorAllocations,
) -> Result<Option<Translated>> {
    let Source { index, bytes, body, checks_trap } = source;
    let range = env.info.bodies[index].clone();
    let mut reader = decode::body_reader(&body, &bytes[range.clone()], range.start);
    let mut validator = body.into_validator(std::mem::take(allocations));
    let ty = env.info.func_type(env.info.func_index(index)).clone();
    func.name = UserFuncName::user(0, index.as_u32());
    func.signature = wasm_signature(&ty);

    let mut cx = FuncCx::new(FunctionBuilder::new(func, builder), env);
    cx.checks_trap = checks_trap;
    let entry = cx.b.create_block();
    cx.b.append_block_params_for_function_params(entry);
    cx.b.switch_to_block(entry);
    cx.b.seal_block(entry);
    cx.b.set_srcloc(SourceLoc::new(range.start as u32));
    let params = cx.b.block_params(entry).to_vec();
    cx.vmctx = params[0];
    for (value, ty) in params[1..].iter().zip(ty.params()) {
        declare_local(&mut cx, Repr::of(*ty), *value);
    }
    stack_check::emit(&mut cx);

    validator.read_locals(&mut reader).map_err(decode::invalid)?;
    let mut run: Option<(Type, Value)> = None;
    for i in ty.params().len() as u32..validator.len_locals() {
        let repr = Repr::of(static_types::local(&validator, i));
        // Consecutive locals of the same type share a zero.
        let zero = match run {
            Some((last, zero)) if last == repr.clif => zero,
            _ => cx.zero(repr.clif),
        };
        run = Some((repr.clif, zero));
        declare_local(&mut cx, repr, zero);
    }
    let results: Vec<_> = ty.results().iter().map(|t| Repr::of(*t)).collect();
    control::enter_function(&mut cx, &results);

    if !operators(&mut cx, index, &mut validator, reader)? {
        return Ok(None);
    }
    control::return_results(&mut cx);
    let keeps = cx.leaves_instance || (cx.holds_references && cx.calls) || cx.has_checks;
    let vmctx_slot = keeps.then(|| keep_context(&mut cx, entry));
    let (uses_heap, unlikely, shape) = (cx.uses_heap, std::mem::take(&mut cx.unlikely), cx.shape);
    let polls = std::mem::take(&mut cx.polls);
    cx.b.finalize(env.isa.frontend_config());
    poll::emit(func, polls);
    layout::mark_cold(func, &unlikely);
    *allocations = validator.into_allocations();
    let budget = env.settings.optimization_budget;
    let is_small = !work::exceeds(func, &shape, range.len(), budget);
    Ok(is_small.then_some(Translated { vmctx_slot, uses_heap }))
}

/// Translates all instructions. Returns false if they are too much work.
fn operators(
    cx: &mut FuncCx,
    index: DefinedFuncIndex,
    validator: &mut FuncValidator<ValidatorResources>,
    reader: BinaryReader<'_>,
) -> Result<bool> {
    let start = cx.env.info.bodies[index].start as u32;
    let mut hints = cx.env.info.hints.of(cx.env.info.func_index(index));
    let mut ops = OperatorsReader::new(reader);
    while !ops.eof() {
        let offset = ops.original_position();
        let op = ops.read().map_err(decode::invalid)?;
        if let Some(depth) = static_types::inspected_operand(&op) {
            cx.operand = static_types::ref_type(validator, depth);
        }
        validator.op(offset, &op).map_err(decode::invalid)?;
        cx.b.set_srcloc(SourceLoc::new(offset as u32));
        cx.likely = hints.at(offset as u32 - start);
        if let Operator::BrTable { targets } = &op {
            // Each target is passed the same operands, and adds some work itself.
            cx.shape.passed += targets.len() as u64 * (3 + control::passed(cx, targets.default()) as u64);
            if is_too_much(cx) {
                return Ok(false);
            }
        }
        instruction(cx, &op)?;
        if is_too_much(cx) {
            return Ok(false);
        }
    }
    ops.finish().map_err(decode::invalid)?;
    Ok(true)
}

fn is_too_much(cx: &FuncCx) -> bool {
    work::so_far(cx.b.func, &cx.shape) > cx.env.settings.optimization_budget
}

fn declare_local(cx: &mut FuncCx, repr: Repr, value: Value) {
    let var = cx.b.declare_var(repr.clif);
    if repr.gc {
        cx.b.declare_var_needs_stack_map(var);
        cx.holds_references = true;
        cx.shape.references += 1;
    }
    cx.b.def_var(var, value);
    cx.shape.locals += 1;
    cx.locals.push(var);
}

/// Stores the context into the frame at the function's start, for the collector and for callees that look up their
/// caller's instance.
fn keep_context(cx: &mut FuncCx, entry: Block) -> StackSlot {
    let slot = cx.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 8, 3));
    let vmctx = cx.vmctx;
    // This has its own alias region: a store without one would invalidate what Cranelift knows about all memory.
    let flags = cx.in_region(trusted(), Region::Frame);
    let mut cursor = FuncCursor::new(cx.b.func).at_first_insertion_point(entry);
    let address = cursor.ins().stack_addr(I64, slot, 0);
    cursor.ins().store(flags, vmctx, address, 0);
    slot
}

/// One validated instruction, one line per opcode. Its family translates it.
#[rustfmt::skip]
fn instruction(cx: &mut FuncCx, op: &Operator<'_>) -> Result<()> {
    use Operator as O;
    // Control instructions must be counted even if they are unreachable.
    match op {
        O::Block { blockty } => { control::block(cx, *blockty); return Ok(()) }
        O::Loop { blockty } => { control::loop_(cx, *blockty); return Ok(()) }
        O::If { blockty } => { control::if_(cx, *blockty); return Ok(()) }
        O::TryTable { try_table } => { control::try_table(cx, try_table); return Ok(()) }
        O::Else => { control::else_(cx); return Ok(()) }
        O::End => { control::end(cx); return Ok(()) }
        _ if !cx.reachable => return Ok(()),
        _ => {}
    }
    match op {
        O::Nop => {}
        O::Unreachable => control::unreachable(cx),
        O::Br { relative_depth } => control::br(cx, *relative_depth),
        O::BrIf { relative_depth } => control::br_if(cx, *relative_depth),
        O::BrTable { targets } => control::br_table(cx, targets),
        O::Return => control::return_(cx),
        O::Drop => control::drop_(cx),
        O::Select => control::select(cx, false),
        O::TypedSelect { ty } => control::select(cx, control::selects_gc(cx, *ty)),

        O::Call { function_index } => call::call(cx, FuncIndex::from_u32(*function_index)),
        O::CallIndirect { type_index, table_index } => call::call_indirect(cx, TypeIndex::from_u32(*type_index), TableIndex::from_u32(*table_index)),
        O::CallRef { type_index } => call::call_ref(cx, TypeIndex::from_u32(*type_index)),
        O::ReturnCall { function_index } => call::return_call(cx, FuncIndex::from_u32(*function_index)),
        O::ReturnCallIndirect { type_index, table_index } => call::return_call_indirect(cx, TypeIndex::from_u32(*type_index), TableIndex::from_u32(*table_index)),
        O::ReturnCallRef { type_index } => call::return_call_ref(cx, TypeIndex::from_u32(*type_index)),

        O::Throw { tag_index } => exception::throw(cx, TagIndex::from_u32(*tag_index)),
        O::ThrowRef => exception::throw_ref(cx),

        O::RefNull { hty } => reference::null(cx, *hty),
        O::RefIsNull => reference::is_null(cx),
        O::RefFunc { function_index } => reference::func(cx, FuncIndex::from_u32(*function_index)),
        O::RefEq => reference::eq(cx),
        O::RefAsNonNull => reference::as_non_null(cx),
        O::RefI31 => reference::i31(cx),
        O::I31GetS => reference::i31_get(cx, true),
        O::I31GetU => reference::i31_get(cx, false),
        // Both types have the same representation.
        O::AnyConvertExtern | O::ExternConvertAny => {}
        O::BrOnNull { relative_depth } => control::br_on_null(cx, *relative_depth),
        O::BrOnNonNull { relative_depth } => control::br_on_non_null(cx, *relative_depth),
        O::RefTestNonNull { hty } => cast::test(cx, false, *hty),
        O::RefTestNullable { hty } => cast::test(cx, true, *hty),
        O::RefCastNonNull { hty } => cast::cast(cx, false, *hty),
        O::RefCastNullable { hty } => cast::cast(cx, true, *hty),
        O::BrOnCast { relative_depth, to_ref_type, .. } => cast::br_on_cast(cx, *relative_depth, *to_ref_type, true),
        O::BrOnCastFail { relative_depth, to_ref_type, .. } => cast::br_on_cast(cx, *relative_depth, *to_ref_type, false),

        O::StructNew { struct_type_index } => object::new(cx, TypeIndex::from_u32(*struct_type_index)),
        O::StructNewDefault { struct_type_index } => object::new_default(cx, TypeIndex::from_u32(*struct_type_index)),
        O::StructGet { struct_type_index, field_index } | O::StructGetU { struct_type_index, field_index } => object::get(cx, TypeIndex::from_u32(*struct_type_index), *field_index, false),
        O::StructGetS { struct_type_index, field_index } => object::get(cx, TypeIndex::from_u32(*struct_type_index), *field_index, true),
        O::StructSet { struct_type_index, field_index } => object::set(cx, TypeIndex::from_u32(*struct_type_index), *field_index),
        O::ArrayNew { array_type_index } => array::new(cx, TypeIndex::from_u32(*array_type_index)),
        O::ArrayNewDefault { array_type_index } => array::new_default(cx, TypeIndex::from_u32(*array_type_index)),
        O::ArrayNewFixed { array_type_index, array_size } => array::new_fixed(cx, TypeIndex::from_u32(*array_type_index), *array_size),
        O::ArrayNewData { array_type_index, array_data_index } => array::new_data(cx, *array_type_index, *array_data_index),
        O::ArrayNewElem { array_type_index, array_elem_index } => array::new_elem(cx, *array_type_index, *array_elem_index),
        O::ArrayGet { array_type_index } | O::ArrayGetU { array_type_index } => array::get(cx, TypeIndex::from_u32(*array_type_index), false),
        O::ArrayGetS { array_type_index } => array::get(cx, TypeIndex::from_u32(*array_type_index), true),
        O::ArraySet { array_type_index } => array::set(cx, TypeIndex::from_u32(*array_type_index)),
        O::ArrayLen => array::len(cx),
        O::ArrayFill { array_type_index } => array::fill(cx, TypeIndex::from_u32(*array_type_index)),
        O::ArrayCopy { .. } => array::copy(cx),
        O::ArrayInitData { array_data_index, .. } => array::init_data(cx, *array_data_index),
        O::ArrayInitElem { array_elem_index, .. } => array::init_elem(cx, *array_elem_index),

        O::LocalGet { local_index } => local::get(cx, *local_index),
        O::LocalSet { local_index } => local::set(cx, *local_index),
        O::LocalTee { local_index } => local::tee(cx, *local_index),
        O::GlobalGet { global_index } => global::get(cx, GlobalIndex::from_u32(*global_index)),
        O::GlobalSet { global_index } => global::set(cx, GlobalIndex::from_u32(*global_index)),

        O::TableGet { table } => table::get(cx, TableIndex::from_u32(*table)),
        O::TableSet { table } => table::set(cx, TableIndex::from_u32(*table)),
        O::TableSize { table } => table::size(cx, TableIndex::from_u32(*table)),
        O::TableGrow { table } => table::grow(cx, TableIndex::from_u32(*table)),
        O::TableFill { table } => table::fill(cx, TableIndex::from_u32(*table)),
        O::TableCopy { dst_table, src_table } => table::copy(cx, TableIndex::from_u32(*dst_table), TableIndex::from_u32(*src_table)),
        O::TableInit { elem_index, table } => table::init(cx, TableIndex::from_u32(*table), *elem_index),
        O::ElemDrop { elem_index } => table::elem_drop(cx, *elem_index),

        O::I32Load { memarg } => memory::load(cx, memarg, I32),
        O::I64Load { memarg } => memory::load(cx, memarg, I64),
        O::F32Load { memarg } => memory::load(cx, memarg, F32),
        O::F64Load { memarg } => memory::load(cx, memarg, F64),
        O::I32Load8S { memarg } => memory::load_extend(cx, memarg, Opcode::Sload8, 1, I32),
        O::I32Load8U { memarg } => memory::load_extend(cx, memarg, Opcode::Uload8, 1, I32),
        O::I32Load16S { memarg } => memory::load_extend(cx, memarg, Opcode::Sload16, 2, I32),
        O::I32Load16U { memarg } => memory::load_extend(cx, memarg, Opcode::Uload16, 2, I32),
        O::I64Load8S { memarg } => memory::load_extend(cx, memarg, Opcode::Sload8, 1, I64),
        O::I64Load8U { memarg } => memory::load_extend(cx, memarg, Opcode::Uload8, 1, I64),
        O::I64Load16S { memarg } => memory::load_extend(cx, memarg, Opcode::Sload16, 2, I64),
        O::I64Load16U { memarg } => memory::load_extend(cx, memarg, Opcode::Uload16, 2, I64),
        O::I64Load32S { memarg } => memory::load_extend(cx, memarg, Opcode::Sload32, 4, I64),
        O::I64Load32U { memarg } => memory::load_extend(cx, memarg, Opcode::Uload32, 4, I64),
        O::I32Store { memarg } | O::I64Store { memarg } | O::F32Store { memarg } | O::F64Store { memarg } => memory::store(cx, memarg),
        O::I32Store8 { memarg } | O::I64Store8 { memarg } => memory::store_narrow(cx, memarg, I8),
        O::I32Store16 { memarg } | O::I64Store16 { memarg } => memory::store_narrow(cx, memarg, I16),
        O::I64Store32 { memarg } => memory::store_narrow(cx, memarg, I32),
        O::MemorySize { mem } => memory::size(cx, *mem),
        O::MemoryGrow { mem } => memory::grow(cx, *mem),
        O::MemoryCopy { dst_mem, src_mem } => memory::copy(cx, *dst_mem, *src_mem),
        O::MemoryFill { mem } => memory::fill(cx, *mem),
        O::MemoryInit { data_index, mem } => memory::init(cx, *mem, *data_index),
        O::DataDrop { data_index } => memory::data_drop(cx, *data_index),

        O::I32Const { value } => i32_const(cx, *value),
        O::I64Const { value } => i64_const(cx, *value),
        O::F32Const { value } => f32_const(cx, value.bits()),
        O::F64Const { value } => f64_const(cx, value.bits()),

        O::I32Eqz | O::I64Eqz => eqz(cx),
        O::I32Eq | O::I64Eq => compare(cx, IntCC::Equal),
        O::I32Ne | O::I64Ne => compare(cx, IntCC::NotEqual),
        O::I32LtS | O::I64LtS => compare(cx, IntCC::SignedLessThan),
        O::I32LtU | O::I64LtU => compare(cx, IntCC::UnsignedLessThan),
        O::I32GtS | O::I64GtS => compare(cx, IntCC::SignedGreaterThan),
        O::I32GtU | O::I64GtU => compare(cx, IntCC::UnsignedGreaterThan),
        O::I32LeS | O::I64LeS => compare(cx, IntCC::SignedLessThanOrEqual),
        O::I32LeU | O::I64LeU => compare(cx, IntCC::UnsignedLessThanOrEqual),
        O::I32GeS | O::I64GeS => compare(cx, IntCC::SignedGreaterThanOrEqual),
        O::I32GeU | O::I64GeU => compare(cx, IntCC::UnsignedGreaterThanOrEqual),
        O::F32Eq | O::F64Eq => fcompare(cx, FloatCC::Equal),
        O::F32Ne | O::F64Ne => fcompare(cx, FloatCC::NotEqual),
        O::F32Lt | O::F64Lt => fcompare(cx, FloatCC::LessThan),
        O::F32Gt | O::F64Gt => fcompare(cx, FloatCC::GreaterThan),
        O::F32Le | O::F64Le => fcompare(cx, FloatCC::LessThanOrEqual),
        O::F32Ge | O::F64Ge => fcompare(cx, FloatCC::GreaterThanOrEqual),

        O::I32Clz | O::I64Clz => unary(cx, Opcode::Clz),
        O::I32Ctz | O::I64Ctz => unary(cx, Opcode::Ctz),
        O::I32Popcnt | O::I64Popcnt => unary(cx, Opcode::Popcnt),
        O::I32Add | O::I64Add => binary(cx, Opcode::Iadd),
        O::I32Sub | O::I64Sub => binary(cx, Opcode::Isub),
        O::I32Mul | O::I64Mul => binary(cx, Opcode::Imul),
        O::I32DivS | O::I64DivS => divide(cx, Opcode::Sdiv),
        O::I32DivU | O::I64DivU => divide(cx, Opcode::Udiv),
        O::I32RemS | O::I64RemS => divide(cx, Opcode::Srem),
        O::I32RemU | O::I64RemU => divide(cx, Opcode::Urem),
        O::I32And | O::I64And => binary(cx, Opcode::Band),
        O::I32Or | O::I64Or => binary(cx, Opcode::Bor),
        O::I32Xor | O::I64Xor => binary(cx, Opcode::Bxor),
        O::I32Shl | O::I64Shl => binary(cx, Opcode::Ishl),
        O::I32ShrS | O::I64ShrS => binary(cx, Opcode::Sshr),
        O::I32ShrU | O::I64ShrU => binary(cx, Opcode::Ushr),
        O::I32Rotl | O::I64Rotl => binary(cx, Opcode::Rotl),
        O::I32Rotr | O::I64Rotr => binary(cx, Opcode::Rotr),
        O::F32Abs | O::F64Abs => unary(cx, Opcode::Fabs),
        O::F32Neg | O::F64Neg => unary(cx, Opcode::Fneg),
        O::F32Ceil | O::F64Ceil => unary(cx, Opcode::Ceil),
        O::F32Floor | O::F64Floor => unary(cx, Opcode::Floor),
        O::F32Trunc | O::F64Trunc => unary(cx, Opcode::Trunc),
        O::F32Nearest | O::F64Nearest => unary(cx, Opcode::Nearest),
        O::F32Sqrt | O::F64Sqrt => unary(cx, Opcode::Sqrt),
        O::F32Add | O::F64Add => binary(cx, Opcode::Fadd),
        O::F32Sub | O::F64Sub => binary(cx, Opcode::Fsub),
        O::F32Mul | O::F64Mul => binary(cx, Opcode::Fmul),
        O::F32Div | O::F64Div => binary(cx, Opcode::Fdiv),
        O::F32Min | O::F64Min => binary(cx, Opcode::Fmin),
        O::F32Max | O::F64Max => binary(cx, Opcode::Fmax),
        O::F32Copysign | O::F64Copysign => binary(cx, Opcode::Fcopysign),

        O::I64Add128 => wide::binary128(cx, Opcode::Iadd),
        O::I64Sub128 => wide::binary128(cx, Opcode::Isub),
        O::I64MulWideS => wide::mul_wide(cx, Opcode::Sextend),
        O::I64MulWideU => wide::mul_wide(cx, Opcode::Uextend),

        O::I32WrapI64 => wrap(cx),
        O::I64ExtendI32S => convert(cx, Opcode::Sextend, I64),
        O::I64ExtendI32U => convert(cx, Opcode::Uextend, I64),
        O::I32Extend8S | O::I64Extend8S => extend_low(cx, I8),
        O::I32Extend16S | O::I64Extend16S => extend_low(cx, I16),
        O::I64Extend32S => extend_low(cx, I32),
        O::I32TruncF32S | O::I32TruncF64S => truncate(cx, Opcode::FcvtToSint, Opcode::FcvtToSintSat, I32),
        O::I32TruncF32U | O::I32TruncF64U => truncate(cx, Opcode::FcvtToUint, Opcode::FcvtToUintSat, I32),
        O::I64TruncF32S | O::I64TruncF64S => truncate(cx, Opcode::FcvtToSint, Opcode::FcvtToSintSat, I64),
        O::I64TruncF32U | O::I64TruncF64U => truncate(cx, Opcode::FcvtToUint, Opcode::FcvtToUintSat, I64),
        O::I32TruncSatF32S | O::I32TruncSatF64S => convert(cx, Opcode::FcvtToSintSat, I32),
        O::I32TruncSatF32U | O::I32TruncSatF64U => convert(cx, Opcode::FcvtToUintSat, I32),
        O::I64TruncSatF32S | O::I64TruncSatF64S => convert(cx, Opcode::FcvtToSintSat, I64),
        O::I64TruncSatF32U | O::I64TruncSatF64U => convert(cx, Opcode::FcvtToUintSat, I64),
        O::F32ConvertI32S | O::F32ConvertI64S => convert(cx, Opcode::FcvtFromSint, F32),
        O::F32ConvertI32U | O::F32ConvertI64U => convert(cx, Opcode::FcvtFromUint, F32),
        O::F64ConvertI32S | O::F64ConvertI64S => convert(cx, Opcode::FcvtFromSint, F64),
        O::F64ConvertI32U | O::F64ConvertI64U => convert(cx, Opcode::FcvtFromUint, F64),
        O::F32DemoteF64 => convert(cx, Opcode::Fdemote, F32),
        O::F64PromoteF32 => convert(cx, Opcode::Fpromote, F64),
        O::I32ReinterpretF32 => reinterpret(cx, I32),
        O::I64ReinterpretF64 => reinterpret(cx, I64),
        O::F32ReinterpretI32 => reinterpret(cx, F32),
        O::F64ReinterpretI64 => reinterpret(cx, F64),

        other if atomic::instruction(cx, other) => {}
        other => return simd::instruction(cx, other),
    }
    Ok(())
}
