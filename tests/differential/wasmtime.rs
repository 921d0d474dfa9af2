//! The second engine: Wasmtime's library, loaded into a separate process. This file declares the parts of its C API that are used; the
//! headers are in `wasmtime-c-api-impl` 50.0.1.

use crate::job::{EXCEPTION, INVALID, Job, LINK, Lines, OK, RESOURCE, log_line};
use std::ffi::{CString, c_char, c_void};
use std::ptr::{null, null_mut};

/// `wasmtime_extern_t`: a kind, and 24 bytes.
type Extern = [u64; 4];
/// `wasmtime_instance_t`.
type Instance = [u64; 2];
/// `wasmtime_exnref_t`.
type ExnRef = [u64; 3];

/// `wasm_byte_vec_t`.
#[repr(C)]
struct ByteVec {
    size: usize,
    data: *mut u8,
}

macro_rules! api {
    ($($name:ident($($ty:ty),*) $(-> $ret:ty)?;)*) => {
        /// Functions of the library.
        #[allow(non_snake_case)]
        struct Api { $($name: unsafe extern "C" fn($($ty),*) $(-> $ret)?,)* }

        impl Api {
            /// # Safety
            /// The library is Wasmtime 50.0.1, so the types are right.
            unsafe fn load(library: *mut c_void) -> Api {
                // SAFETY: the caller's promise; a missing symbol is not called.
                unsafe { Api { $($name: std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($ty),*) $(-> $ret)?>(symbol(library, stringify!($name))),)* } }
            }
        }
    };
}

type P = *mut c_void;

api! {
    wasm_config_new() -> P;
    wasmtime_config_parallel_compilation_set(P, bool);
    wasmtime_config_cranelift_opt_level_set(P, u8);
    wasmtime_config_max_wasm_stack_set(P, usize);
    wasmtime_config_wasm_tail_call_set(P, bool);
    wasmtime_config_wasm_function_references_set(P, bool);
    wasmtime_config_wasm_gc_set(P, bool);
    wasmtime_config_wasm_exceptions_set(P, bool);
    wasmtime_config_wasm_multi_memory_set(P, bool);
    wasmtime_config_wasm_memory64_set(P, bool);
    wasmtime_config_wasm_relaxed_simd_set(P, bool);
    wasmtime_config_wasm_relaxed_simd_deterministic_set(P, bool);
    wasmtime_config_wasm_wide_arithmetic_set(P, bool);
    wasmtime_config_wasm_custom_page_sizes_set(P, bool);
    wasm_engine_new_with_config(P) -> P;
    wasmtime_store_new(P, P, P) -> P;
    wasmtime_store_context(P) -> P;
    wasmtime_store_delete(P);
    wasmtime_module_new(P, *const u8, usize, *mut P) -> P;
    wasmtime_module_delete(P);
    wasmtime_instance_new(P, P, *const Extern, usize, *mut Instance, *mut P) -> P;
    wasmtime_instance_export_get(P, *const Instance, *const u8, usize, *mut Extern) -> bool;
    wasmtime_func_call(P, *const u64, *const c_void, usize, *mut c_void, usize, *mut P) -> P;
    wasmtime_memory_data(P, *const u64) -> *const u8;
    wasmtime_memory_data_size(P, *const u64) -> usize;
    wasmtime_context_take_exception(P, *mut ExnRef) -> bool;
    wasmtime_exnref_unroot(*mut ExnRef);
    wasmtime_trap_code(P, *mut u8) -> bool;
    wasm_trap_message(P, *mut ByteVec);
    wasm_trap_delete(P);
    wasmtime_error_message(P, *mut ByteVec);
    wasmtime_error_delete(P);
    wasm_byte_vec_delete(*mut ByteVec);
}

fn symbol(library: *mut c_void, name: &str) -> *mut c_void {
    let name = CString::new(name).unwrap();
    // SAFETY: an open library and a name.
    let found = unsafe { libc::dlsym(library, name.as_ptr() as *const c_char) };
    assert!(!found.is_null(), "Wasmtime has no {name:?}");
    found
}

pub struct Wasmtime {
    api: Api,
    engine: P,
}

impl Wasmtime {
    /// All of WebAssembly 3.0 and two proposals. No optimization: both engines use Cranelift, and so they at least use it in
    /// different ways; and compiling takes less time.
    pub fn load(path: &str) -> Wasmtime {
        let name = CString::new(path).unwrap();
        // SAFETY: a library whose initializers do not affect this process; its functions have the types above.
        unsafe {
            let library = libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
            assert!(!library.is_null(), "cannot load {path}");
            let api = Api::load(library);
            let config = (api.wasm_config_new)();
            (api.wasmtime_config_parallel_compilation_set)(config, false);
            (api.wasmtime_config_cranelift_opt_level_set)(config, 0);
            (api.wasmtime_config_max_wasm_stack_set)(config, 1 << 20);
            for on in [
                api.wasmtime_config_wasm_tail_call_set,
                api.wasmtime_config_wasm_function_references_set,
                api.wasmtime_config_wasm_gc_set,
                api.wasmtime_config_wasm_exceptions_set,
                api.wasmtime_config_wasm_multi_memory_set,
                api.wasmtime_config_wasm_memory64_set,
                api.wasmtime_config_wasm_relaxed_simd_set,
                api.wasmtime_config_wasm_relaxed_simd_deterministic_set,
                api.wasmtime_config_wasm_wide_arithmetic_set,
                api.wasmtime_config_wasm_custom_page_sizes_set,
            ] {
                on(config, true);
            }
            let engine = (api.wasm_engine_new_with_config)(config);
            assert!(!engine.is_null());
            Wasmtime { api, engine }
        }
    }

    pub fn run(&mut self, job: &Job) -> Lines {
        // SAFETY: an engine of this library.
        let store = unsafe { (self.api.wasmtime_store_new)(self.engine, null_mut(), null_mut()) };
        // SAFETY: a store, deleted after its last use.
        let context = unsafe { (self.api.wasmtime_store_context)(store) };
        let mut lines = Lines::new();
        self.run_in(context, job, &mut lines);
        // SAFETY: as above.
        unsafe { (self.api.wasmtime_store_delete)(store) };
        lines
    }

    fn run_in(&self, context: P, job: &Job, lines: &mut Lines) {
        let mut instances: Vec<Instance> = Vec::new();
        for part in &job.parts {
            let found = part.imports.iter().map(|(from, name)| self.export(context, &instances[*from as usize], name));
            let imports: Option<Vec<Extern>> = found.collect();
            let made = match imports {
                Some(imports) => self.instantiate(context, &part.wasm, &imports),
                None => Err(format!("{LINK}\tno such export")),
            };
            match made {
                Ok(instance) => instances.push(instance),
                Err(line) => return lines.push(line),
            }
            lines.push(OK.into());
        }
        let Some(last) = instances.last() else { return };
        let log = self.export(context, last, "log");
        for name in &job.calls {
            let function = self.export(context, last, name).expect("a function to call");
            let (mut trap, place) = (null_mut(), &function[1]);
            // SAFETY: a function without parameters and results, of this store.
            let error = unsafe { (self.api.wasmtime_func_call)(context, place, null(), 0, null_mut(), 0, &mut trap) };
            let (what, detail) = self.outcome(context, error, trap);
            // SAFETY: a memory of this store, which no other code accesses now.
            let log = log.map_or(String::new(), |m| unsafe {
                let data = (self.api.wasmtime_memory_data)(context, &m[1]);
                log_line(std::slice::from_raw_parts(data, (self.api.wasmtime_memory_data_size)(context, &m[1])))
            });
            lines.push(format!("{what}{log}\t{detail}"));
        }
    }

    fn export(&self, context: P, instance: &Instance, name: &str) -> Option<Extern> {
        let mut found = Extern::default();
        // SAFETY: an instance of this store; numbers in `found` own nothing.
        let is = unsafe {
            (self.api.wasmtime_instance_export_get)(context, instance, name.as_ptr(), name.len(), &mut found)
        };
        is.then_some(found)
    }

    /// The instance, or the line that says why there is none.
    fn instantiate(&self, context: P, wasm: &[u8], imports: &[Extern]) -> Result<Instance, String> {
        let (mut module, mut trap, mut instance) = (null_mut(), null_mut(), Instance::default());
        // SAFETY: bytes of a module; what is made is deleted below.
        let error = unsafe { (self.api.wasmtime_module_new)(self.engine, wasm.as_ptr(), wasm.len(), &mut module) };
        if !error.is_null() {
            return Err(format!("{INVALID}\t{}", self.error_text(error)));
        }
        // SAFETY: a module of this engine and imports of this store.
        let error = unsafe {
            let (imports, count) = (imports.as_ptr(), imports.len());
            let error = (self.api.wasmtime_instance_new)(context, module, imports, count, &mut instance, &mut trap);
            (self.api.wasmtime_module_delete)(module);
            error
        };
        match self.outcome(context, error, trap) {
            (OK, _) => Ok(instance),
            (what, detail) => Err(format!("{what}\t{detail}")),
        }
    }

    /// The text of an error or a trap, which is deleted here. An exception is reported as either.
    fn outcome(&self, context: P, error: P, trap: P) -> (&'static str, String) {
        let mut exception = ExnRef::default();
        // SAFETY: an exception is given back; nothing refers to it.
        let thrown = unsafe {
            let thrown = (self.api.wasmtime_context_take_exception)(context, &mut exception);
            if thrown {
                (self.api.wasmtime_exnref_unroot)(&mut exception);
            }
            thrown
        };
        let (what, text) = if !error.is_null() {
            let text = self.error_text(error);
            (if text.contains("out of memory") { RESOURCE } else { LINK }, text)
        } else if !trap.is_null() {
            self.trap(trap)
        } else {
            (OK, String::new())
        };
        (if thrown { EXCEPTION } else { what }, text)
    }

    /// The text of a trap, which is deleted here.
    fn trap(&self, trap: P) -> (&'static str, String) {
        let (mut code, mut message) = (u8::MAX, ByteVec { size: 0, data: null_mut() });
        // SAFETY: a trap, deleted after its last use.
        unsafe {
            let has_code = (self.api.wasmtime_trap_code)(trap, &mut code);
            (self.api.wasm_trap_message)(trap, &mut message);
            (self.api.wasm_trap_delete)(trap);
            let text = self.text(message).trim_end_matches('\0').to_string();
            (if has_code { trap_name(code) } else { "trap without a code" }, text)
        }
    }

    fn error_text(&self, error: P) -> String {
        let mut message = ByteVec { size: 0, data: null_mut() };
        // SAFETY: an error, deleted after its last use.
        unsafe {
            (self.api.wasmtime_error_message)(error, &mut message);
            (self.api.wasmtime_error_delete)(error);
            self.text(message)
        }
    }

    /// # Safety
    /// A vector of this library's.
    unsafe fn text(&self, mut v: ByteVec) -> String {
        // SAFETY: the caller's promise.
        unsafe {
            let text = String::from_utf8_lossy(std::slice::from_raw_parts(v.data, v.size)).replace(['\n', '\t'], " ");
            (self.api.wasm_byte_vec_delete)(&mut v);
            text
        }
    }
}

/// Names as in `wrt_engine.rs`.
fn trap_name(code: u8) -> &'static str {
    match code {
        0 | 15 => RESOURCE,
        2 => "unaligned atomic",
        12 => "expected shared memory",
        1 => "memory out of bounds",
        3 => "table out of bounds",
        4 => "uninitialized element",
        5 => "indirect call type mismatch",
        6 => "integer overflow",
        7 => "division by zero",
        8 => "invalid conversion",
        9 => "unreachable",
        13 => "null reference",
        14 => "array out of bounds",
        16 => "cast failure",
        _ => "another trap",
    }
}
