//! Compiles functions one after the other and reuses allocations.

use super::body::{self, Source, Translated};
use super::{checks, emit, stack_check, trampoline, work};
use crate::abi::code::Trampolines;
use crate::base::Result;
use crate::base::index::*;
use crate::compile::code::CompiledFunc;
use crate::compile::driver::panicked;
use crate::compile::env::ModuleEnv;
use crate::err;
use crate::sys::allocation::has_room;
use crate::sys::fault_injection;
use crate::wasm::decode::{self, Body};
use crate::wasm::types::FuncType;
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::FunctionBuilderContext;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmparser::FuncValidatorAllocations;

/// Compiles functions one after the other. The allocations of one are reused for the next.
pub struct FuncCompiler {
    context: Context,
    builder: FunctionBuilderContext,
    allocations: FuncValidatorAllocations,
    control: ControlPlane,
    /// An upper bound for the bytes that functions have needed since the last check of the available memory.
    needed: usize,
}

/// Bytes of memory that translation takes for each byte of a body.
const MEMORY_FOR_BYTE: usize = 1 << 10;
/// The available memory is checked each time functions may have used this many bytes.
const ASK_AFTER: usize = 32 << 20;
/// The minimum number of bytes that must be available.
const AT_LEAST: usize = 8 << 20;

impl Default for FuncCompiler {
    fn default() -> FuncCompiler {
        FuncCompiler {
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
            allocations: FuncValidatorAllocations::default(),
            control: ControlPlane::default(),
            needed: 0,
        }
    }
}

impl FuncCompiler {
    /// Validates and compiles a body of the module `bytes`, on a large stack. A panic of the compiler becomes an error.
    /// Returns `None` if this is more work than the settings allow; the rest of the body is then not validated.
    pub fn compile(
        &mut self,
        env: &ModuleEnv<'_>,
        i: DefinedFuncIndex,
        bytes: &[u8],
        body: Body,
    ) -> Result<Option<CompiledFunc>> {
        let result = catch_unwind(AssertUnwindSafe(|| self.try_compile(env, i, bytes, body)));
        let result = result.unwrap_or_else(|_| Err(panicked(env, i)));
        if !matches!(result, Ok(Some(_))) {
            // A state that was left halfway must not be used for the next function.
            *self = FuncCompiler::default();
        }
        result
    }

    fn try_compile(
        &mut self,
        env: &ModuleEnv<'_>,
        i: DefinedFuncIndex,
        bytes: &[u8],
        body: Body,
    ) -> Result<Option<CompiledFunc>> {
        let source = |body, checks_trap| Source { index: i, bytes, body, checks_trap };
        let become_calls = !env.settings.signals && checks::are_calls(env.info.bodies[i].len());
        let checks_trap = env.settings.signals || become_calls;
        let compiled = self.translated(env, source(decode::again(&body), checks_trap))?;
        let Some(mut compiled) = compiled else { return Ok(None) };
        if become_calls && !checks::call_instead(&mut compiled) {
            let Some(again) = self.translated(env, source(body, false))? else { return Ok(None) };
            compiled = again;
        }
        let frame = compiled.frame_size();
        if !stack_check::needs_entry(env, frame) {
            return Ok(Some(compiled));
        }
        self.context.clear();
        stack_check::entry(env, i, frame, &mut self.context.func, &mut self.builder);
        compiled.prepend_entry(self.generate(env, i, &Translated::default())?, i).map(Some)
    }

    /// Fails if there is not enough memory. A failed allocation during compilation cannot be handled, so the memory is
    /// checked before. Other threads can still take it afterwards.
    fn ask_for(&mut self, env: &ModuleEnv<'_>, i: DefinedFuncIndex, bytes: usize) -> Result<()> {
        self.needed = self.needed.saturating_add(bytes);
        if self.needed < ASK_AFTER {
            return Ok(());
        }
        self.needed = 0;
        if fault_injection::check().is_err() || !has_room(bytes.max(AT_LEAST)) {
            let f = env.info.func_index(i).as_u32();
            return Err(err!(OutOfMemory, "no memory to compile function {f}: {bytes} bytes may be needed"));
        }
        Ok(())
    }

    fn translated(&mut self, env: &ModuleEnv<'_>, source: Source<'_>) -> Result<Option<CompiledFunc>> {
        let i = source.index;
        self.ask_for(env, i, env.info.bodies[i].len() * MEMORY_FOR_BYTE)?;
        self.context.clear();
        let translated =
            body::translate(env, source, &mut self.context.func, &mut self.builder, &mut self.allocations)?;
        let Some(translated) = translated else { return Ok(None) };
        self.ask_for(env, i, work::memory(&self.context.func))?;
        self.generate(env, i, &translated).map(Some)
    }

    /// Compiles the trampolines for a function type.
    pub fn trampoline(&mut self, isa: &dyn TargetIsa, ty: &FuncType) -> Result<Trampolines> {
        trampoline::compile(isa, ty, &mut self.context, &mut self.builder)
    }

    /// Sizes of the last function in Cranelift's representation: its instructions with their operands and stack map
    /// entries, and its blocks.
    #[cfg(test)]
    pub(in crate::compile) fn size(&self) -> (usize, usize) {
        let func = &self.context.func;
        let values = |i| func.dfg.inst_values(i).count() + func.dfg.user_stack_map_entries(i).map_or(0, |e| e.len());
        let insts = func.layout.blocks().flat_map(|b| func.layout.block_insts(b));
        (insts.map(|i| 1 + values(i)).sum(), func.layout.blocks().count())
    }

    /// Generates machine code for the function in the context.
    fn generate(&mut self, env: &ModuleEnv<'_>, i: DefinedFuncIndex, facts: &Translated) -> Result<CompiledFunc> {
        if let Err(e) = self.context.compile(env.isa, &mut self.control) {
            let f = env.info.func_index(i);
            return Err(err!(Unsupported, "function {} cannot be compiled: {:?}", f.as_u32(), e.inner));
        }
        let code = self.context.compiled_code().expect("just compiled");
        emit::compiled(&self.context.func, code, facts, env.settings.signals)
    }
}
