/* Measures the time to the first result in Wasmtime through its C API, as first_wrt.c does wrt. */
#include "first.h"
#include <wasi.h>
#include <wasmtime.h>

static wasm_engine_t *engine;
static wasmtime_module_t *module;
static wasmtime_context_t *context;
static wasmtime_instance_t instance;

static void check(wasmtime_error_t *error, wasm_trap_t *trap) {
    wasm_byte_vec_t message = {0, NULL};
    if (error) wasmtime_error_message(error, &message);
    else if (trap) wasm_trap_message(trap, &message);
    else return;
    fprintf(stderr, "%.*s\n", (int)message.size, message.data);
    exit(1);
}

static void engine_new(const job_t *job) {
    wasm_config_t *config = wasm_config_new();
    if (!strcmp(job->how, "lazy")) fail("Wasmtime does not compile lazily");
    if (!strcmp(job->how, "winch")) wasmtime_config_strategy_set(config, WASMTIME_STRATEGY_WINCH);
    wasmtime_config_max_wasm_stack_set(config, 1 << 20); /* as much as wrt's */
    wasmtime_config_async_stack_size_set(config, 2 << 20); /* which it insists on */
    engine = wasm_engine_new_with_config(config);
}

static void module_new(const job_t *job) {
    if (job->bytes) check(wasmtime_module_new(engine, job->bytes, job->size, &module), NULL);
    else check(wasmtime_module_deserialize_file(engine, job->file, &module), NULL);
}

static void module_save(const char *out) {
    wasm_byte_vec_t bytes;
    check(wasmtime_module_serialize(module, &bytes), NULL);
    FILE *file = fopen(out, "wb");
    if (!file || fwrite(bytes.data, 1, bytes.size, file) != bytes.size || fclose(file)) fail("the saved module cannot be written");
}

static wasm_trap_t *on_import(void *env, wasmtime_caller_t *caller, const wasmtime_val_t *args, size_t arg_count, wasmtime_val_t *results,
                              size_t result_count) {
    entered();
    return NULL;
}

static void replace_imports(wasmtime_linker_t *linker) {
    wasm_importtype_vec_t imports;
    wasmtime_module_imports(module, &imports);
    for (size_t i = 0; i < imports.size; i++) {
        const wasm_name_t *from = wasm_importtype_module(imports.data[i]), *name = wasm_importtype_name(imports.data[i]);
        const wasm_functype_t *type = wasm_externtype_as_functype_const(wasm_importtype_type(imports.data[i]));
        check(wasmtime_linker_define_func(linker, from->data, from->size, name->data, name->size, type, on_import, NULL, NULL), NULL);
    }
}

static void instance_new(const job_t *job) {
    wasmtime_linker_t *linker = wasmtime_linker_new(engine);
    wasm_trap_t *trap = NULL;
    if (job->entered) replace_imports(linker);
    else check(wasmtime_linker_define_wasi(linker), NULL);
    context = wasmtime_store_context(wasmtime_store_new(engine, NULL, NULL));
    wasi_config_t *wasi = wasi_config_new();
    wasi_config_inherit_stdin(wasi);
    wasi_config_inherit_stdout(wasi);
    wasi_config_inherit_stderr(wasi);
    if (!wasi_config_set_argv(wasi, (size_t)job->argc, job->argv)) fail("the arguments are not UTF-8");
    check(wasmtime_context_set_wasi(context, wasi), NULL);
    check(wasmtime_linker_instantiate(linker, context, module, &instance, &trap), trap);
}

static wasmtime_func_t function(const char *name) {
    wasmtime_extern_t item;
    if (!wasmtime_instance_export_get(context, &instance, name, strlen(name), &item)) fail("no such function");
    return item.of.func;
}

static int32_t instance_run(int32_t arg) {
    wasm_trap_t *trap = NULL;
    wasmtime_func_t run = function("run");
    wasmtime_val_t value = {.kind = WASMTIME_I32, .of.i32 = arg}, result;
    check(wasmtime_func_call(context, &run, &value, 1, &result, 1, &trap), trap);
    return result.of.i32;
}

static void instance_start(void) {
    wasm_trap_t *trap = NULL;
    int status;
    wasmtime_func_t start = function("_start");
    wasmtime_error_t *error = wasmtime_func_call(context, &start, NULL, 0, NULL, 0, &trap);
    if (trap || (error && !(wasmtime_error_exit_status(error, &status) && status == 0))) check(error, trap);
}
