/* Measures Wasmtime through its C API, as host_wrt.c does wrt. */
#include "host.h"
#include <wasmtime.h>

struct instance {
    wasmtime_store_t *store;
    wasmtime_context_t *context;
    wasmtime_func_t run;
};

static wasm_engine_t *engine;
static wasmtime_linker_t *linker;
static wasmtime_module_t *module;
static wasmtime_instance_pre_t *pre;

static void check(wasmtime_error_t *error, wasm_trap_t *trap) {
    wasm_byte_vec_t message = {0, NULL};
    if (error)
        wasmtime_error_message(error, &message);
    else if (trap)
        wasm_trap_message(trap, &message);
    else
        return;
    fprintf(stderr, "%.*s\n", (int)message.size, message.data);
    exit(1);
}

static void engine_new(const job_t *job) {
    wasm_config_t *config = wasm_config_new();
    wasmtime_config_epoch_interruption_set(config, job->interrupts);
    if (getenv("BENCH_WINCH")) wasmtime_config_strategy_set(config, WASMTIME_STRATEGY_WINCH);
    else wasmtime_config_wasm_wide_arithmetic_set(config, true);
    wasmtime_config_max_wasm_stack_set(config, job->stack); /* as much as wrt's */
    wasmtime_config_async_stack_size_set(config, 2 * job->stack); /* which it insists on */
    if (!getenv("BENCH_WINCH")) wasmtime_config_wasm_exceptions_set(config, true);
    engine = wasm_engine_new_with_config(config);
    linker = wasmtime_linker_new(engine);
}

static void compile(const job_t *job) {
    if (pre) wasmtime_instance_pre_delete(pre);
    if (module) wasmtime_module_delete(module);
    pre = NULL;
    check(wasmtime_module_new(engine, job->bytes, job->size, &module), NULL);
}

static instance_t *instance_new(const job_t *job) {
    instance_t *it = malloc(sizeof *it);
    wasmtime_instance_t instance;
    wasmtime_extern_t run;
    wasm_trap_t *trap = NULL;
    if (!pre) check(wasmtime_linker_instantiate_pre(linker, module, &pre), NULL);
    it->store = wasmtime_store_new(engine, NULL, NULL);
    it->context = wasmtime_store_context(it->store);
    if (job->interrupts) wasmtime_context_set_epoch_deadline(it->context, 1u << 30);
    check(wasmtime_instance_pre_instantiate(pre, it->context, &instance, &trap), trap);
    if (!wasmtime_instance_export_get(it->context, &instance, "run", 3, &run)) fail("no function `run`");
    it->run = run.of.func;
    return it;
}

static int32_t instance_run(instance_t *it, int32_t arg) {
    wasm_trap_t *trap = NULL;
    wasmtime_val_t value = {.kind = WASMTIME_I32, .of.i32 = arg}, result;
    check(wasmtime_func_call(it->context, &it->run, &value, 1, &result, 1, &trap), trap);
    return result.of.i32;
}

static void instance_hold(instance_t *it, size_t handles) {
    wasmtime_externref_t *held = malloc(handles * sizeof *held);
    for (size_t i = 0; i < handles; i++)
        if (!wasmtime_externref_new(it->context, NULL, NULL, &held[i])) fail("no more host references");
}

static void instance_delete(instance_t *it) {
    wasmtime_store_delete(it->store);
    free(it);
}
