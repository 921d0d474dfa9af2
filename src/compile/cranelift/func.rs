//! The context in which one function is translated: the operand stack, and access to the instance's data.

use super::layout::Edge;
use super::poll::Poll;
use super::work::Shape;
use crate::abi::builtin::{Builtin, Class, Ty};
use crate::abi::convention::{FLOAT_REGISTERS, INT_RESULTS};
use crate::abi::vmstruct::*;
use crate::base::Trap;
use crate::base::index::*;
use crate::base::limits::BULK_BYTES;
use crate::compile::env::ModuleEnv;
use crate::wasm::types::{FuncType, RefType, Top, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I8X16, I32, I64};
use cranelift_codegen::ir::*;
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, Variable};
use std::collections::HashMap;
use std::mem::offset_of;

/// Disjoint kinds of memory, for alias analysis.
#[derive(Clone, Copy, Debug)]
pub enum Region {
    /// Contexts and the structs they point to.
    Vm,
    Memory,
    Table,
    Global,
    /// Headers of objects.
    Header,
    /// Fields of structures, by offset.
    Field(u32),
    /// Elements of arrays, by size.
    Element(u32),
    Card,
    /// The store's `VmNursery`.
    Nursery,
    /// The frame slot with the context.
    Frame,
}

/// Fields of all offsets share this many regions: many regions make Cranelift slow.
const FIELD_REGIONS: u32 = 16;
/// Spilled references share this many regions, too.
const SPILL_REGIONS: u32 = 16;

impl Region {
    fn number(self) -> u32 {
        match self {
            Region::Vm => 0,
            Region::Memory => 1,
            Region::Table => 2,
            Region::Global => 3,
            Region::Header => 4,
            Region::Card => 5,
            Region::Nursery => 6,
            Region::Frame => 7,
            Region::Element(size) => 8 + size.trailing_zeros(),
            // A field of more than four bytes does not overlap other fields of its object either.
            Region::Field(offset) => 13 + offset / 4 % FIELD_REGIONS,
        }
    }
    const COUNT: usize = 13 + FIELD_REGIONS as usize;
}

/// The namespace of `ExternalName::user` for functions of the module, by defined function index.
pub const DEFINED_FUNCS: u32 = 0;

pub struct FuncCx<'m, 'f> {
    pub b: FunctionBuilder<'f>,
    pub env: &'m ModuleEnv<'m>,
    pub vmctx: Value,
    /// The operand stack. A v128 can have any vector type here.
    pub stack: Vec<Value>,
    pub control: Vec<super::op::control::Frame>,
    /// The `try_table`s around the current instruction, outermost first.
    pub tries: Vec<super::op::exception::Try>,
    /// Holds an exception while code selects its handler; created when it is needed.
    pub thrown: Option<StackSlot>,
    /// Whether the current instruction is reachable; if not, nothing is emitted.
    pub reachable: bool,
    /// By local index, parameters first.
    pub locals: Vec<Variable>,
    /// Whether this function can leave its instance. If so, its frame stores the context.
    pub leaves_instance: bool,
    /// Whether it has references to objects, which its frame holds during calls.
    pub holds_references: bool,
    /// Whether it contains calls that can return.
    pub calls: bool,
    /// Whether it reads the heap's base.
    pub uses_heap: bool,
    /// Whether checks are instructions that trap: if faults may be used, or if `checks` turns them into calls
    /// afterwards.
    pub checks_trap: bool,
    /// Whether there are such checks although faults may not be used.
    pub has_checks: bool,
    /// The static type of the reference that the current instruction accesses or casts (`static_types::inspected_operand`).
    pub operand: RefType,
    /// Whether the branch of the current instruction is likely, if its module has a hint.
    pub likely: Option<bool>,
    pub unlikely: Vec<Edge>,
    /// Calls that are emitted at the end (`poll`).
    pub polls: Vec<Poll>,
    /// What the estimate of the compilation work depends on.
    pub shape: Shape,
    /// The number of loops around the current instruction.
    pub loops: u64,
    regions: [Option<AliasRegion>; Region::COUNT],
    sigs: HashMap<TypeIndex, SigRef>,
    builtin_sigs: HashMap<Builtin, SigRef>,
    funcs: HashMap<FuncIndex, FuncRef>,
}

/// How a value type is represented in machine code.
pub fn clif_type(t: ValType) -> Type {
    match t {
        ValType::I32 => I32,
        ValType::I64 => I64,
        ValType::F32 => F32,
        ValType::F64 => F64,
        ValType::V128 => I8X16,
        // References to objects are offsets in the heap, references to functions are addresses.
        ValType::Ref(r) if r.top() != Top::Func => I32,
        ValType::Ref(_) => I64,
    }
}

/// The signature of a WebAssembly function: its context, then its parameters.
pub fn wasm_signature(ty: &FuncType) -> Signature {
    let mut sig = Signature::new(CallConv::Tail);
    sig.params.push(AbiParam::special(I64, ArgumentPurpose::VMContext));
    sig.params.extend(ty.params().iter().map(|t| AbiParam::new(clif_type(*t))));
    sig.returns.extend(ty.results().iter().map(|t| AbiParam::new(clif_type(*t))));
    sig
}

/// Whether some results are returned in memory (`abi::convention`).
pub fn results_in_memory(ty: &FuncType) -> bool {
    let floats = ty.results().iter().filter(|t| matches!(t, ValType::F32 | ValType::F64 | ValType::V128)).count();
    floats > FLOAT_REGISTERS || ty.results().len() - floats > INT_RESULTS
}

/// Cranelift's code for a trap. Our traps are user codes.
pub fn trap_code(t: Trap) -> TrapCode {
    TrapCode::unwrap_user(t as u8)
}

/// Cranelift's code for a trap that is never reached, after a call that does not return.
pub const NEVER: TrapCode = TrapCode::unwrap_user(250);

/// Flags of an access to runtime structs: never faults, always aligned.
pub fn trusted() -> MemFlagsData {
    MemFlagsData::trusted()
}

/// Flags of a load whose value never changes while the function runs.
pub fn constant() -> MemFlagsData {
    MemFlagsData::trusted().with_readonly().with_can_move()
}

impl<'m, 'f> FuncCx<'m, 'f> {
    pub fn new(mut b: FunctionBuilder<'f>, env: &'m ModuleEnv<'m>) -> Self {
        b.make_stack_map_alias_region(Box::new(|regions, _, slot, _| {
            let user_id = Region::COUNT as u32 + slot.as_u32() % SPILL_REGIONS;
            Some(regions.insert(AliasRegionData { user_id, description: "spilled reference".into() }))
        }));
        FuncCx {
            b,
            env,
            vmctx: Value::from_u32(0),
            stack: Vec::new(),
            control: Vec::new(),
            tries: Vec::new(),
            thrown: None,
            reachable: true,
            locals: Vec::new(),
            leaves_instance: false,
            holds_references: false,
            calls: false,
            uses_heap: false,
            checks_trap: env.settings.signals,
            has_checks: false,
            operand: RefType::ANY,
            likely: None,
            unlikely: Vec::new(),
            polls: Vec::new(),
            shape: Shape::default(),
            loops: 0,
            regions: [None; Region::COUNT],
            sigs: HashMap::new(),
            builtin_sigs: HashMap::new(),
            funcs: HashMap::new(),
        }
    }

    pub fn push(&mut self, v: Value) {
        self.stack.push(v);
    }
    pub fn pop(&mut self) -> Value {
        self.stack.pop().expect("validated")
    }
    /// Pops two operands. Returns the lower one first.
    pub fn pop2(&mut self) -> (Value, Value) {
        let b = self.pop();
        (self.pop(), b)
    }
    pub fn pop3(&mut self) -> (Value, Value, Value) {
        let c = self.pop();
        let (a, b) = self.pop2();
        (a, b, c)
    }
    /// Pops a v128 operand as a vector of type `ty`.
    pub fn pop_as(&mut self, ty: Type) -> Value {
        let v = self.pop();
        self.cast(v, ty)
    }
    pub fn pop2_as(&mut self, ty: Type) -> (Value, Value) {
        let b = self.pop_as(ty);
        (self.pop_as(ty), b)
    }

    /// The same bits as another vector type.
    pub fn cast(&mut self, v: Value, ty: Type) -> Value {
        if self.b.func.dfg.value_type(v) == ty {
            return v;
        }
        self.b.ins().bitcast(ty, MemFlagsData::new().with_endianness(Endianness::Little), v)
    }

    /// A value in its type for blocks and functions: vectors are I8X16.
    pub fn canonical(&mut self, v: Value) -> Value {
        if self.b.func.dfg.value_type(v).is_vector() { self.cast(v, I8X16) } else { v }
    }

    /// Makes the top `n` operands canonical and returns them. They stay on the stack.
    pub fn canonical_top(&mut self, n: usize) -> Vec<BlockArg> {
        let from = self.stack.len() - n;
        self.shape.passed += n as u64;
        for i in from..self.stack.len() {
            let v = self.stack[i];
            self.stack[i] = self.canonical(v);
        }
        self.stack[from..].iter().map(|v| BlockArg::Value(*v)).collect()
    }

    /// The zero or null constant of a type.
    pub fn zero(&mut self, ty: Type) -> Value {
        match ty {
            F32 => self.b.ins().f32const(0.0),
            F64 => self.b.ins().f64const(0.0),
            t if t.is_vector() => {
                let bytes = self.b.func.dfg.constants.insert(vec![0; 16].into());
                self.b.ins().vconst(t, bytes)
            }
            t => self.b.ins().iconst(t, 0),
        }
    }

    /// The flags for an access to a region of memory.
    pub fn in_region(&mut self, flags: MemFlagsData, r: Region) -> MemFlagsData {
        let number = r.number();
        let region = *self.regions[number as usize].get_or_insert_with(|| {
            let data = AliasRegionData { user_id: number, description: format!("{r:?}").into() };
            self.b.func.dfg.alias_regions.insert(data)
        });
        flags.with_alias_region(Some(region))
    }

    /// Loads a field that never changes from the context or from a struct it points to.
    pub fn load_constant(&mut self, ty: Type, base: Value, offset: u32) -> Value {
        let flags = self.in_region(constant(), Region::Vm);
        self.b.ins().load(ty, flags, base, offset as i32)
    }

    /// Loads a field that may change.
    pub fn load_vm(&mut self, ty: Type, base: Value, offset: u32) -> Value {
        let flags = self.in_region(trusted(), Region::Vm);
        self.b.ins().load(ty, flags, base, offset as i32)
    }

    /// The store's `VmStore`.
    pub fn vm_store(&mut self) -> Value {
        let vmctx = self.vmctx;
        self.load_constant(I64, vmctx, offset_of!(VmHeader, store) as u32)
    }

    pub fn trapnz(&mut self, condition: Value, t: Trap) {
        if self.checks_trap {
            self.has_checks = !self.env.settings.signals;
            self.b.ins().trapnz(condition, trap_code(t));
        } else {
            self.cold_if(condition, |cx| cx.raise(t));
        }
    }

    pub fn trapz(&mut self, condition: Value, t: Trap) {
        if self.checks_trap {
            self.has_checks = !self.env.settings.signals;
            self.b.ins().trapz(condition, trap_code(t));
        } else {
            let inverted = self.b.ins().icmp_imm_s(IntCC::Equal, condition, 0);
            self.cold_if(inverted, |cx| cx.raise(t));
        }
    }

    /// Emits a trap and ends the block.
    pub fn trap(&mut self, t: Trap) {
        if self.env.settings.signals {
            self.b.ins().trap(trap_code(t));
        } else {
            self.raise(t);
        }
    }

    /// Emits a call of the builtin that raises a trap, and ends the block.
    fn raise(&mut self, t: Trap) {
        let code = self.b.ins().iconst(I32, t as i64);
        self.raise_by(Builtin::raise_trap, &[code]);
    }

    /// Emits a call of a builtin that does not return, and ends the block.
    pub fn raise_by(&mut self, builtin: Builtin, args: &[Value]) {
        let calls = self.calls;
        self.call_builtin(builtin, args);
        self.calls = calls;
        self.b.ins().trap(NEVER);
    }

    /// Emits `f` in a cold block that is entered if `condition` is not 0. The block does not return to the main path.
    pub fn cold_if(&mut self, condition: Value, f: impl FnOnce(&mut Self)) {
        let cold = self.b.create_block();
        let next = self.b.create_block();
        self.b.set_cold_block(cold);
        self.b.ins().brif(condition, cold, &[], next, &[]);
        self.b.seal_block(cold);
        self.b.seal_block(next);
        self.b.switch_to_block(cold);
        f(self);
        self.b.switch_to_block(next);
    }

    /// The signature of one of the module's types, imported once per function.
    pub fn signature(&mut self, ty: TypeIndex) -> SigRef {
        if let Some(s) = self.sigs.get(&ty) {
            return *s;
        }
        let sig = self.b.import_signature(wasm_signature(self.env.info.signature(ty)));
        self.sigs.insert(ty, sig);
        sig
    }

    /// A function of this module for direct calls.
    pub fn defined_func(&mut self, f: FuncIndex) -> FuncRef {
        if let Some(r) = self.funcs.get(&f) {
            return *r;
        }
        let signature = self.signature(self.env.info.funcs[f].ty);
        let index = self.env.info.defined_func(f).expect("not imported").as_u32();
        let name = self.b.func.declare_imported_user_function(UserExternalName { namespace: DEFINED_FUNCS, index });
        let name = ExternalName::user(name);
        let r = self.b.import_function(ExtFuncData { name, signature, colocated: true, patchable: false });
        self.funcs.insert(f, r);
        r
    }

    /// Calls a builtin with this instance's context. Returns its result, if it has one.
    pub fn call_builtin(&mut self, builtin: Builtin, args: &[Value]) -> Option<Value> {
        let (sig, address) = self.builtin(builtin);
        self.calls = true;
        self.shape.calls += 1;
        let mut all = vec![self.vmctx];
        all.extend_from_slice(args);
        let call = self.b.ins().call_indirect(sig, address, &all);
        self.b.inst_results(call).first().copied()
    }

    /// Calls a builtin that works on bytes; the last argument is their number. If stores can be interrupted and there
    /// is more than one piece, calls `pieces`, which does the same in pieces.
    pub fn call_in_bulk(&mut self, whole: Builtin, pieces: Builtin, args: &[Value]) {
        if !self.env.settings.interruption {
            self.call_builtin(whole, args);
            return;
        }
        let (sig, whole) = self.builtin(whole);
        let (_, pieces) = self.builtin(pieces);
        let len = *args.last().expect("a length");
        let is_long = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, len, BULK_BYTES as i64);
        let code = self.b.ins().select(is_long, pieces, whole);
        self.calls = true;
        let args: Vec<Value> = std::iter::once(self.vmctx).chain(args.iter().copied()).collect();
        self.b.ins().call_indirect(sig, code, &args);
    }

    /// A builtin's signature and address.
    pub fn builtin(&mut self, builtin: Builtin) -> (SigRef, Value) {
        let conv = match builtin.class() {
            Class::leaf | Class::may_unwind => self.env.isa.default_call_conv(),
            Class::tail => CallConv::Tail,
            Class::preserve_all | Class::poll => CallConv::PreserveAll,
        };
        let sig = match self.builtin_sigs.get(&builtin) {
            Some(s) => *s,
            None => {
                let clif = |t: Ty| AbiParam::new(if matches!(t, Ty::I32 | Ty::Ref) { I32 } else { I64 });
                let mut sig = Signature::new(conv);
                sig.params.push(AbiParam::new(I64));
                sig.params.extend(builtin.params().iter().map(|t| clif(*t)));
                sig.returns.extend(builtin.result().map(clif));
                let sig = self.b.import_signature(sig);
                self.builtin_sigs.insert(builtin, sig);
                sig
            }
        };
        let vmctx = self.vmctx;
        // Must not be moved: most of these calls are in cold blocks, and their loads must not be hoisted before hot
        // loops.
        let flags = self.in_region(trusted().with_readonly(), Region::Vm);
        let table = self.b.ins().load(I64, flags, vmctx, offset_of!(VmContext, builtins) as i32);
        let address = self.b.ins().load(I64, flags, table, builtin as i32 * 8);
        (sig, address)
    }

    pub fn i32const(&mut self, v: u32) -> Value {
        self.b.ins().iconst(I32, v as i64)
    }
}
