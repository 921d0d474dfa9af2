/* Runs file operations through Wasmtime's WASI. */
#include "wasi.h"
#include <wasmtime.h>

static wasmtime_context_t *store;
static wasmtime_func_t func;

static void check(wasmtime_error_t *error, wasm_trap_t *trap) {
    wasm_byte_vec_t message = {0, NULL};
    if (error)
        wasmtime_error_message(error, &message);
    else if (trap)
        wasm_trap_message(trap, &message);
    else
        return;
    fail(message.data);
}

static wasmtime_func_t export(wasmtime_instance_t *instance, const char *name) {
    wasmtime_extern_t out;
    if (!wasmtime_instance_export_get(store, instance, name, strlen(name), &out)) fail(name);
    return out.of.func;
}

static void setup(const uint8_t *guest, size_t len, const char *directory, const char *line) {
    wasm_engine_t *engine = wasm_engine_new();
    wasmtime_module_t *module;
    wasmtime_instance_t instance;
    wasm_trap_t *trap = NULL;
    store = wasmtime_store_context(wasmtime_store_new(engine, NULL, NULL));
    check(wasmtime_module_new(engine, guest, len, &module), NULL);
    wasmtime_linker_t *linker = wasmtime_linker_new(engine);
    check(wasmtime_linker_define_wasi(linker), NULL);
    wasi_config_t *wasi = wasi_config_new();
    if (!wasi_config_preopen_dir(wasi, directory, "/d", true)) fail(directory);
    check(wasmtime_context_set_wasi(store, wasi), NULL);
    check(wasmtime_linker_instantiate(linker, store, module, &instance, &trap), trap);
    wasmtime_func_t initialize = export(&instance, "_initialize");
    check(wasmtime_func_call(store, &initialize, NULL, 0, NULL, 0, &trap), trap);
    func = export(&instance, line);
}

static int32_t run(int32_t count) {
    wasmtime_val_t argument = {.kind = WASMTIME_I32, .of.i32 = count}, result;
    wasm_trap_t *trap = NULL;
    check(wasmtime_func_call(store, &func, &argument, 1, &result, 1, &trap), trap);
    return result.of.i32;
}
