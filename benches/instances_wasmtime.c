/* Measures what instances cost in Wasmtime, through its C API. Its instances cannot go before their store. */
#include "instances.h"
#include <wasmtime.h>

static wasm_engine_t *engine;
static wasmtime_module_t *module;
static wasmtime_instance_pre_t *pre;

static void check(wasmtime_error_t *error, wasm_trap_t *trap) {
    wasm_byte_vec_t text;
    if (!error && !trap) return;
    error ? wasmtime_error_message(error, &text) : wasm_trap_message(trap, &text);
    fprintf(stderr, "%.*s\n", (int)text.size, text.data);
    exit(1);
}

static void setup(const char *text, size_t len, bool pool, bool resident) {
    wasm_config_t *config = wasm_config_new();
    if (pool) {
        /* What stays resident is as it comes, which is nothing, or what wrt's pool keeps. */
        wasmtime_pooling_allocation_config_t *options = wasmtime_pooling_allocation_config_new();
        wasmtime_pooling_allocation_config_max_memory_size_set(options, 64 << 20);
        wasmtime_pooling_allocation_config_table_elements_set(options, 20000);
        if (resident) {
            wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(options, 256 << 10);
            wasmtime_pooling_allocation_config_table_keep_resident_set(options, 64 << 10);
        }
        wasmtime_pooling_allocation_strategy_set(config, options);
    }
    engine = wasm_engine_new_with_config(config);
    wasm_byte_vec_t binary;
    check(wasmtime_wat2wasm(text, len, &binary), NULL);
    check(wasmtime_module_new(engine, (const uint8_t *)binary.data, binary.size, &module), NULL);
    check(wasmtime_linker_instantiate_pre(wasmtime_linker_new(engine), module, &pre), NULL);
}

static int64_t call_run(wasmtime_context_t *context, wasmtime_instance_t *instance, int32_t number) {
    wasmtime_extern_t run;
    wasm_trap_t *trap = NULL;
    wasmtime_val_t argument = {.kind = WASMTIME_I32, .of.i32 = number}, result;
    if (!wasmtime_instance_export_get(context, instance, "run", 3, &run)) fail("no run");
    wasmtime_error_t *error = wasmtime_func_call(context, &run.of.func, &argument, 1, &result, 1, &trap);
    check(error, trap);
    return result.of.i32;
}

static int64_t instances(int64_t count, bool living, bool call) {
    int64_t sum = 0;
    for (int64_t i = 0; i < count; i++) {
        wasmtime_instance_t instance;
        wasm_trap_t *trap = NULL;
        wasmtime_store_t *store = wasmtime_store_new(engine, NULL, NULL);
        wasmtime_context_t *context = wasmtime_store_context(store);
        wasmtime_error_t *error = wasmtime_instance_pre_instantiate(pre, context, &instance, &trap);
        check(error, trap);
        if (call) sum += call_run(context, &instance, (int32_t)i);
        wasmtime_store_delete(store);
    }
    return sum;
}
