//! Functions one after the other: what is reused from one to the next.

use super::body::{self, Source, Translated};
use super::{checks, finished, stack_check, trampoline};
use crate::abi::code::TrampolineCode;
use crate::base::Result;
use crate::base::index::*;
use crate::compile::code::CompiledFunc;
use crate::compile::driver::panicked;
use crate::compile::env::ModuleEnv;
use crate::err;
use crate::wasm::decode::{self, Body};
use crate::wasm::types::FuncType;
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::FunctionBuilderContext;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmparser::FuncValidatorAllocations;

/// Compiles functions, one after the other: what is reused from one to the next.
pub struct FuncCompiler {
    context: Context,
    builder: FunctionBuilderContext,
    allocations: FuncValidatorAllocations,
    control: ControlPlane,
}

impl Default for FuncCompiler {
    fn default() -> FuncCompiler {
        FuncCompiler {
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
            allocations: FuncValidatorAllocations::default(),
            control: ControlPlane::default(),
        }
    }
}

impl FuncCompiler {
    /// Validates and compiles a body of a module's `bytes`, on a large stack. A panic of the compiler's is an error.
    pub fn compile(
        &mut self,
        env: &ModuleEnv<'_>,
        i: DefinedFuncIndex,
        bytes: &[u8],
        body: Body,
    ) -> Result<CompiledFunc> {
        let result = catch_unwind(AssertUnwindSafe(|| self.try_compile(env, i, bytes, body)));
        let result = result.unwrap_or_else(|_| Err(panicked(env, i)));
        if result.is_err() {
            // What was given up halfway is not fit for the next function.
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
    ) -> Result<CompiledFunc> {
        let source = |body, checks_trap| Source { index: i, bytes, body, checks_trap };
        let become_calls = !env.settings.signals && checks::are_calls(env.info.bodies[i].len());
        let checks_trap = env.settings.signals || become_calls;
        let mut compiled = self.translated(env, source(decode::again(&body), checks_trap))?;
        if become_calls && !checks::call_instead(&mut compiled) {
            compiled = self.translated(env, source(body, false))?;
        }
        let frame = compiled.frame_size();
        if !stack_check::needs_entry(env, frame) {
            return Ok(compiled);
        }
        self.context.clear();
        stack_check::entry(env, i, frame, &mut self.context.func, &mut self.builder);
        compiled.behind(self.generate(env, i, &Translated::default())?, i)
    }

    fn translated(&mut self, env: &ModuleEnv<'_>, source: Source<'_>) -> Result<CompiledFunc> {
        self.context.clear();
        let i = source.index;
        let translated =
            body::translate(env, source, &mut self.context.func, &mut self.builder, &mut self.allocations)?;
        self.generate(env, i, &translated)
    }

    /// The ways in and out for a function type.
    pub fn trampoline(&mut self, isa: &dyn TargetIsa, ty: &FuncType) -> Result<TrampolineCode> {
        trampoline::compile(isa, ty, &mut self.context, &mut self.builder)
    }

    /// Of the last function as Cranelift has it: instructions, what they refer to, and what stack maps have of it; and blocks.
    #[cfg(test)]
    pub(in crate::compile) fn size(&self) -> (usize, usize) {
        let func = &self.context.func;
        let values = |i| func.dfg.inst_values(i).count() + func.dfg.user_stack_map_entries(i).map_or(0, |e| e.len());
        let insts = func.layout.blocks().flat_map(|b| func.layout.block_insts(b));
        (insts.map(|i| 1 + values(i)).sum(), func.layout.blocks().count())
    }

    /// Machine code of the function in the context.
    fn generate(&mut self, env: &ModuleEnv<'_>, i: DefinedFuncIndex, facts: &Translated) -> Result<CompiledFunc> {
        if let Err(e) = self.context.compile(env.isa, &mut self.control) {
            let f = env.info.func_index(i);
            return Err(err!(Unsupported, "function {} can not be compiled: {:?}", f.as_u32(), e.inner));
        }
        let code = self.context.compiled_code().expect("just compiled");
        finished::compiled(&self.context.func, code, facts, env.settings.signals)
    }
}
