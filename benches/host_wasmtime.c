/* usage: host_wasmtime compile|exec MODULE ARG REPEATS
 * Measures Wasmtime through its C API, as host_wrt.c does wrt. */
#include "host.h"
#include <wasmtime.h>

static void check(wasmtime_error_t *error, wasm_trap_t *trap) {
    wasm_byte_vec_t message = {0, NULL};
    if (error)
        wasmtime_error_message(error, &message);
    else if (trap)
        wasm_trap_message(trap, &message);
    else
        return;
    fprintf(stderr, "%.*s\n", (int)message.size, message.data);
    fail("wasmtime");
}

int main(int argc, char **argv) {
    job_t job = job_of(argc, argv);
    wasm_config_t *config = wasm_config_new();
    wasmtime_config_epoch_interruption_set(config, job.interrupts);
    wasmtime_config_max_wasm_stack_set(config, 1 << 20); /* as much as wrt's */
    wasm_engine_t *engine = wasm_engine_new_with_config(config);
    wasmtime_module_t *module = NULL;
    wasm_trap_t *trap = NULL;
    for (int i = 0; i < (job.compile ? job.repeats : 1); i++) {
        if (module) wasmtime_module_delete(module);
        double start = processor_ms();
        check(wasmtime_module_new(engine, job.bytes, job.size, &module), NULL);
        job.ms[i] = processor_ms() - start;
    }
    if (job.compile) return report(&job, 0);

    wasmtime_store_t *store = wasmtime_store_new(engine, NULL, NULL);
    wasmtime_context_t *context = wasmtime_store_context(store);
    if (job.interrupts) wasmtime_context_set_epoch_deadline(context, 1u << 30);
    wasmtime_linker_t *linker = wasmtime_linker_new(engine);
    wasmtime_instance_t instance;
    wasmtime_extern_t run;
    check(wasmtime_linker_instantiate(linker, context, module, &instance, &trap), trap);
    if (!wasmtime_instance_export_get(context, &instance, "run", 3, &run)) fail("no function `run`");
    wasmtime_val_t arg = {.kind = WASMTIME_I32, .of.i32 = job.arg}, result;
    for (int i = 0; i < job.repeats; i++) {
        double start = processor_ms();
        check(wasmtime_func_call(context, &run.of.func, &arg, 1, &result, 1, &trap), trap);
        job.ms[i] = processor_ms() - start;
    }
    return report(&job, result.of.i32);
}
