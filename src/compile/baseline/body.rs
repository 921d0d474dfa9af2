//! One function: locals, then one instruction after the other. The body is valid.

use super::Bailout;
use super::asm::{Alu, Cc, Shift};
use super::func::{Cx, reprs};
use super::op::float::{self, Binary, Comparison, Truncation, Unary};
use super::op::int::{self, Division};
use super::op::memory::Load;
use super::op::{
    array, atomic, call, cast, control, exception, memory, object, reference, simd, table, variable, wide,
};
use super::operands::Repr::{self, *};
use crate::base::Result;
use crate::base::index::*;
use crate::compile::code::CompiledFunc;
use crate::compile::env::ModuleEnv;
use crate::wasm::decode::{self, Body};
use wasmparser::Operator;

/// The opcode of `try_table`.
const TRY_TABLE: u8 = 0x1f;

/// Compiles a body that is already validated. Returns a `Bailout` if Cranelift has to compile it, and an error if its
/// frame or its code exceeds a limit.
pub fn compile(
    env: &ModuleEnv<'_>,
    index: DefinedFuncIndex,
    bytes: &[u8],
    body: &Body,
) -> Result<Result<CompiledFunc, Bailout>> {
    let range = env.info.bodies[index].clone();
    let mut reader = decode::body_reader(body, &bytes[range.clone()], range.start);
    let ty = env.info.func_type(env.info.func_index(index));
    let mut locals = reprs(ty.params());
    for _ in 0..reader.read_var_u32().map_err(decode::invalid)? {
        let count = reader.read_var_u32().map_err(decode::invalid)? as usize;
        let ty = reader.read::<wasmparser::ValType>().map_err(decode::invalid)?;
        let repr = Repr::of(decode::val_type(ty, &env.info.types));
        locals.extend(std::iter::repeat_n(repr, count));
    }
    // An opcode of one byte has no other encoding, so a body without this byte has no `try_table`. If the byte is part
    // of something else, three registers are saved unnecessarily.
    let may_catch = bytes[range.clone()].contains(&TRY_TABLE);
    let (mut cx, prologue) = Cx::new(env, ty, locals, range.start as u32, may_catch);
    control::enter_function(&mut cx);
    let mut ops = wasmparser::OperatorsReader::new(reader);
    while !ops.eof() {
        cx.at = ops.original_position() as u32;
        let op = ops.read().map_err(decode::invalid)?;
        let done = if cx.reachable { instruction(&mut cx, &op) } else { skipped(&mut cx, &op) };
        if let Err(refused) = done {
            return Ok(Err(refused));
        }
        cx.check_size(index)?;
        debug_assert!(cx.registers_are_accounted_for(), "{op:?}");
    }
    Ok(Ok(cx.finish(prologue)))
}

/// Skips an unreachable instruction.
fn skipped(cx: &mut Cx, op: &Operator<'_>) -> Result<(), Bailout> {
    use Operator as O;
    match op {
        O::Block { .. } | O::Loop { .. } | O::If { .. } | O::TryTable { .. } => control::skipped(cx),
        O::Else => control::else_(cx),
        O::End => return control::end(cx),
        _ => {}
    }
    Ok(())
}

#[rustfmt::skip]
fn instruction(cx: &mut Cx, op: &Operator<'_>) -> Result<(), Bailout> {
    use Operator as O;
    // These instructions consume a condition in the flags directly; all others can change the flags.
    if !matches!(op, O::If { .. } | O::BrIf { .. } | O::Select | O::TypedSelect { .. } | O::I32Eqz) {
        cx.materialize_flags();
    }
    match op {
        O::Unreachable => control::unreachable(cx),
        O::Nop => {}
        O::Block { blockty } => control::block(cx, *blockty),
        O::Loop { blockty } => control::loop_(cx, *blockty),
        O::If { blockty } => control::if_(cx, *blockty),
        O::Else => control::else_(cx),
        O::End => return control::end(cx),
        O::TryTable { try_table } => control::try_table(cx, try_table),
        O::Throw { tag_index } => return exception::throw(cx, TagIndex::from_u32(*tag_index)),
        O::ThrowRef => return exception::throw_ref(cx),
        O::Br { relative_depth } => control::br(cx, *relative_depth),
        O::BrIf { relative_depth } => control::br_if(cx, *relative_depth),
        O::BrTable { targets } => return control::br_table(cx, targets),
        O::Return => control::return_(cx),
        O::Drop => { let o = cx.pop(); cx.release(o); }
        O::Select | O::TypedSelect { .. } => control::select(cx),

        O::Call { function_index } => return call::call(cx, FuncIndex::from_u32(*function_index)),
        O::CallIndirect { type_index, table_index } => return call::call_indirect(cx, TypeIndex::from_u32(*type_index), TableIndex::from_u32(*table_index)),
        O::CallRef { type_index } => return call::call_ref(cx, TypeIndex::from_u32(*type_index)),
        O::ReturnCall { function_index } => return call::return_call(cx, FuncIndex::from_u32(*function_index)),
        O::ReturnCallIndirect { type_index, table_index } => return call::return_call_indirect(cx, TypeIndex::from_u32(*type_index), TableIndex::from_u32(*table_index)),
        O::ReturnCallRef { type_index } => return call::return_call_ref(cx, TypeIndex::from_u32(*type_index)),

        O::RefNull { hty } => reference::null(cx, *hty),
        O::RefIsNull => reference::is_null(cx),
        O::RefFunc { function_index } => reference::func(cx, FuncIndex::from_u32(*function_index)),
        O::RefEq => int::compare(cx, Cc::E),
        O::RefAsNonNull => reference::as_non_null(cx),
        O::RefI31 => reference::i31(cx),
        O::I31GetS => reference::i31_get(cx, true),
        O::I31GetU => reference::i31_get(cx, false),
        O::AnyConvertExtern | O::ExternConvertAny => {}
        O::BrOnNull { relative_depth } => reference::br_on_null(cx, *relative_depth),
        O::BrOnNonNull { relative_depth } => reference::br_on_non_null(cx, *relative_depth),

        O::RefTestNonNull { hty } => cast::test(cx, false, *hty),
        O::RefTestNullable { hty } => cast::test(cx, true, *hty),
        O::RefCastNonNull { hty } => cast::cast(cx, false, *hty),
        O::RefCastNullable { hty } => cast::cast(cx, true, *hty),
        O::BrOnCast { relative_depth, to_ref_type, .. } => cast::br_on_cast(cx, *relative_depth, *to_ref_type, true),
        O::BrOnCastFail { relative_depth, to_ref_type, .. } => cast::br_on_cast(cx, *relative_depth, *to_ref_type, false),

        O::StructNew { struct_type_index } => return object::new(cx, TypeIndex::from_u32(*struct_type_index)),
        O::StructNewDefault { struct_type_index } => return object::new_default(cx, TypeIndex::from_u32(*struct_type_index)),
        O::StructGet { struct_type_index, field_index } | O::StructGetU { struct_type_index, field_index } => object::get(cx, TypeIndex::from_u32(*struct_type_index), *field_index, false),
        O::StructGetS { struct_type_index, field_index } => object::get(cx, TypeIndex::from_u32(*struct_type_index), *field_index, true),
        O::StructSet { struct_type_index, field_index } => return object::set(cx, TypeIndex::from_u32(*struct_type_index), *field_index),
        O::ArrayNew { array_type_index } => return array::new(cx, TypeIndex::from_u32(*array_type_index)),
        O::ArrayNewDefault { array_type_index } => return array::new_default(cx, TypeIndex::from_u32(*array_type_index)),
        O::ArrayNewFixed { array_type_index, array_size } => return array::new_fixed(cx, TypeIndex::from_u32(*array_type_index), *array_size),
        O::ArrayNewData { array_type_index, array_data_index } => return array::new_data(cx, *array_type_index, *array_data_index),
        O::ArrayNewElem { array_type_index, array_elem_index } => return array::new_elem(cx, *array_type_index, *array_elem_index),
        O::ArrayGet { array_type_index } | O::ArrayGetU { array_type_index } => array::get(cx, TypeIndex::from_u32(*array_type_index), false),
        O::ArrayGetS { array_type_index } => array::get(cx, TypeIndex::from_u32(*array_type_index), true),
        O::ArraySet { array_type_index } => return array::set(cx, TypeIndex::from_u32(*array_type_index)),
        O::ArrayLen => array::len(cx),
        O::ArrayFill { array_type_index } => return array::fill(cx, TypeIndex::from_u32(*array_type_index)),
        O::ArrayCopy { .. } => return array::copy(cx),
        O::ArrayInitData { array_data_index, .. } => return array::init_data(cx, *array_data_index),
        O::ArrayInitElem { array_elem_index, .. } => return array::init_elem(cx, *array_elem_index),

        O::LocalGet { local_index } => variable::local_get(cx, *local_index),
        O::LocalSet { local_index } => variable::local_set(cx, *local_index),
        O::LocalTee { local_index } => variable::local_tee(cx, *local_index),
        O::GlobalGet { global_index } => variable::global_get(cx, GlobalIndex::from_u32(*global_index)),
        O::GlobalSet { global_index } => variable::global_set(cx, GlobalIndex::from_u32(*global_index)),

        O::TableGet { table } => return table::get(cx, TableIndex::from_u32(*table)),
        O::TableSet { table } => table::set(cx, TableIndex::from_u32(*table)),
        O::TableSize { table } => table::size(cx, TableIndex::from_u32(*table)),
        O::TableGrow { table } => return table::grow(cx, TableIndex::from_u32(*table)),
        O::TableFill { table } => return table::fill(cx, TableIndex::from_u32(*table)),
        O::TableCopy { dst_table, src_table } => return table::copy(cx, TableIndex::from_u32(*dst_table), TableIndex::from_u32(*src_table)),
        O::TableInit { elem_index, table } => return table::init(cx, TableIndex::from_u32(*table), *elem_index),
        O::ElemDrop { elem_index } => return table::elem_drop(cx, *elem_index),

        O::I32Load { memarg } => memory::load(cx, memarg, Load { size: 4, signed: false, repr: I32 }),
        O::I64Load { memarg } => memory::load(cx, memarg, Load { size: 8, signed: false, repr: I64 }),
        O::F32Load { memarg } => memory::load(cx, memarg, Load { size: 4, signed: false, repr: F32 }),
        O::F64Load { memarg } => memory::load(cx, memarg, Load { size: 8, signed: false, repr: F64 }),
        O::I32Load8S { memarg } => memory::load(cx, memarg, Load { size: 1, signed: true, repr: I32 }),
        O::I32Load8U { memarg } => memory::load(cx, memarg, Load { size: 1, signed: false, repr: I32 }),
        O::I32Load16S { memarg } => memory::load(cx, memarg, Load { size: 2, signed: true, repr: I32 }),
        O::I32Load16U { memarg } => memory::load(cx, memarg, Load { size: 2, signed: false, repr: I32 }),
        O::I64Load8S { memarg } => memory::load(cx, memarg, Load { size: 1, signed: true, repr: I64 }),
        O::I64Load8U { memarg } => memory::load(cx, memarg, Load { size: 1, signed: false, repr: I64 }),
        O::I64Load16S { memarg } => memory::load(cx, memarg, Load { size: 2, signed: true, repr: I64 }),
        O::I64Load16U { memarg } => memory::load(cx, memarg, Load { size: 2, signed: false, repr: I64 }),
        O::I64Load32S { memarg } => memory::load(cx, memarg, Load { size: 4, signed: true, repr: I64 }),
        O::I64Load32U { memarg } => memory::load(cx, memarg, Load { size: 4, signed: false, repr: I64 }),
        O::I32Store { memarg } | O::F32Store { memarg } | O::I64Store32 { memarg } => memory::store(cx, memarg, 4),
        O::I64Store { memarg } | O::F64Store { memarg } => memory::store(cx, memarg, 8),
        O::I32Store8 { memarg } | O::I64Store8 { memarg } => memory::store(cx, memarg, 1),
        O::I32Store16 { memarg } | O::I64Store16 { memarg } => memory::store(cx, memarg, 2),
        O::MemorySize { mem } => memory::size(cx, *mem),
        O::MemoryGrow { mem } => return memory::grow(cx, *mem),
        O::MemoryCopy { dst_mem, src_mem } => return memory::copy(cx, *dst_mem, *src_mem),
        O::MemoryFill { mem } => return memory::fill(cx, *mem),
        O::MemoryInit { data_index, mem } => return memory::init(cx, *mem, *data_index),
        O::DataDrop { data_index } => return memory::data_drop(cx, *data_index),

        O::I32Const { value } => cx.push_const(I32, *value as u32 as u64),
        O::I64Const { value } => cx.push_const(I64, *value as u64),
        O::F32Const { value } => cx.push_const(F32, value.bits() as u64),
        O::F64Const { value } => cx.push_const(F64, value.bits()),

        O::I32Eqz | O::I64Eqz => int::eqz(cx),
        O::I32Eq | O::I64Eq => int::compare(cx, Cc::E),
        O::I32Ne | O::I64Ne => int::compare(cx, Cc::NE),
        O::I32LtS | O::I64LtS => int::compare(cx, Cc::L),
        O::I32LtU | O::I64LtU => int::compare(cx, Cc::B),
        O::I32GtS | O::I64GtS => int::compare(cx, Cc::G),
        O::I32GtU | O::I64GtU => int::compare(cx, Cc::A),
        O::I32LeS | O::I64LeS => int::compare(cx, Cc::LE),
        O::I32LeU | O::I64LeU => int::compare(cx, Cc::BE),
        O::I32GeS | O::I64GeS => int::compare(cx, Cc::GE),
        O::I32GeU | O::I64GeU => int::compare(cx, Cc::AE),
        O::F32Eq | O::F64Eq => float::compare(cx, Comparison::Eq),
        O::F32Ne | O::F64Ne => float::compare(cx, Comparison::Ne),
        O::F32Lt | O::F64Lt => float::compare(cx, Comparison::Lt),
        O::F32Gt | O::F64Gt => float::compare(cx, Comparison::Gt),
        O::F32Le | O::F64Le => float::compare(cx, Comparison::Le),
        O::F32Ge | O::F64Ge => float::compare(cx, Comparison::Ge),

        O::I32Clz | O::I64Clz => int::count_zeros(cx, true),
        O::I32Ctz | O::I64Ctz => int::count_zeros(cx, false),
        O::I32Popcnt | O::I64Popcnt => return int::popcnt(cx),
        O::I32Add | O::I64Add => int::alu(cx, Alu::Add),
        O::I32Sub | O::I64Sub => int::alu(cx, Alu::Sub),
        O::I32Mul | O::I64Mul => int::mul(cx),
        O::I32DivS | O::I64DivS => int::divide(cx, Division { signed: true, remainder: false }),
        O::I32DivU | O::I64DivU => int::divide(cx, Division { signed: false, remainder: false }),
        O::I32RemS | O::I64RemS => int::divide(cx, Division { signed: true, remainder: true }),
        O::I32RemU | O::I64RemU => int::divide(cx, Division { signed: false, remainder: true }),
        O::I64Add128 => wide::add(cx),
        O::I64Sub128 => wide::sub(cx),
        O::I64MulWideS => wide::mul(cx, true),
        O::I64MulWideU => wide::mul(cx, false),
        O::I32And | O::I64And => int::alu(cx, Alu::And),
        O::I32Or | O::I64Or => int::alu(cx, Alu::Or),
        O::I32Xor | O::I64Xor => int::alu(cx, Alu::Xor),
        O::I32Shl | O::I64Shl => int::shift(cx, Shift::Left),
        O::I32ShrS | O::I64ShrS => int::shift(cx, Shift::SignedRight),
        O::I32ShrU | O::I64ShrU => int::shift(cx, Shift::Right),
        O::I32Rotl | O::I64Rotl => int::shift(cx, Shift::RotateLeft),
        O::I32Rotr | O::I64Rotr => int::shift(cx, Shift::RotateRight),
        O::F32Abs | O::F64Abs => float::unary(cx, Unary::Abs),
        O::F32Neg | O::F64Neg => float::unary(cx, Unary::Neg),
        O::F32Ceil | O::F64Ceil => float::unary(cx, Unary::Ceil),
        O::F32Floor | O::F64Floor => float::unary(cx, Unary::Floor),
        O::F32Trunc | O::F64Trunc => float::unary(cx, Unary::Trunc),
        O::F32Nearest | O::F64Nearest => float::unary(cx, Unary::Nearest),
        O::F32Sqrt | O::F64Sqrt => float::unary(cx, Unary::Sqrt),
        O::F32Add | O::F64Add => float::binary(cx, Binary::Add),
        O::F32Sub | O::F64Sub => float::binary(cx, Binary::Sub),
        O::F32Mul | O::F64Mul => float::binary(cx, Binary::Mul),
        O::F32Div | O::F64Div => float::binary(cx, Binary::Div),
        O::F32Min | O::F64Min => float::min_max(cx, true),
        O::F32Max | O::F64Max => float::min_max(cx, false),
        O::F32Copysign | O::F64Copysign => float::copysign(cx),

        O::I32WrapI64 => int::low_half(cx, I32),
        O::I64ExtendI32U => int::low_half(cx, I64),
        O::I64ExtendI32S => int::extend(cx, 32, I64),
        O::I32Extend8S => int::extend(cx, 8, I32),
        O::I32Extend16S => int::extend(cx, 16, I32),
        O::I64Extend8S => int::extend(cx, 8, I64),
        O::I64Extend16S => int::extend(cx, 16, I64),
        O::I64Extend32S => int::extend(cx, 32, I64),
        O::I32TruncF32S | O::I32TruncF64S => float::truncate(cx, Truncation { signed: true, saturates: false, to: I32 }),
        O::I32TruncF32U | O::I32TruncF64U => float::truncate(cx, Truncation { signed: false, saturates: false, to: I32 }),
        O::I64TruncF32S | O::I64TruncF64S => float::truncate(cx, Truncation { signed: true, saturates: false, to: I64 }),
        O::I64TruncF32U | O::I64TruncF64U => float::truncate(cx, Truncation { signed: false, saturates: false, to: I64 }),
        O::I32TruncSatF32S | O::I32TruncSatF64S => float::truncate(cx, Truncation { signed: true, saturates: true, to: I32 }),
        O::I32TruncSatF32U | O::I32TruncSatF64U => float::truncate(cx, Truncation { signed: false, saturates: true, to: I32 }),
        O::I64TruncSatF32S | O::I64TruncSatF64S => float::truncate(cx, Truncation { signed: true, saturates: true, to: I64 }),
        O::I64TruncSatF32U | O::I64TruncSatF64U => float::truncate(cx, Truncation { signed: false, saturates: true, to: I64 }),
        O::F32ConvertI32S | O::F32ConvertI64S => float::convert(cx, true, F32),
        O::F32ConvertI32U | O::F32ConvertI64U => float::convert(cx, false, F32),
        O::F64ConvertI32S | O::F64ConvertI64S => float::convert(cx, true, F64),
        O::F64ConvertI32U | O::F64ConvertI64U => float::convert(cx, false, F64),
        O::F32DemoteF64 => float::demote(cx),
        O::F64PromoteF32 => float::promote(cx),
        O::I32ReinterpretF32 => float::reinterpret(cx, I32),
        O::I64ReinterpretF64 => float::reinterpret(cx, I64),
        O::F32ReinterpretI32 => float::reinterpret(cx, F32),
        O::F64ReinterpretI64 => float::reinterpret(cx, F64),

        other if atomic::instruction(cx, other) => {}
        other => return simd::instruction(cx, other),
    }
    Ok(())
}
