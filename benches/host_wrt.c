/* usage: host_wrt compile|exec MODULE ARG REPEATS
 * Measures wrt through its C API. One line of JSON, as the other engines' hosts print it; processor time in milliseconds. */
#include "host.h"
#include <wrt.h>

static void check(wrt_error_t *error) {
    if (error) fail(wrt_error_message(error, NULL));
}

int main(int argc, char **argv) {
    job_t job = job_of(argc, argv);
    wrt_engine_t *engine;
    wrt_module_t *module = NULL;
    wrt_config_t *config = wrt_config_new();
    check(wrt_config_set_interruption(config, job.interrupts));
    check(wrt_engine_new(config, &engine));
    wrt_config_delete(config);
    for (int i = 0; i < (job.compile ? job.repeats : 1); i++) {
        wrt_module_delete(module);
        double start = processor_ms();
        check(wrt_module_new(engine, job.bytes, job.size, &module));
        job.ms[i] = processor_ms() - start;
    }
    if (job.compile) return report(&job, 0);

    wrt_store_t *store;
    wrt_linker_t *linker;
    wrt_instance_t instance;
    wrt_func_t run;
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_linker_new(engine, &linker));
    check(wrt_linker_instantiate(linker, store, module, &instance));
    check(wrt_instance_get_func(store, &instance, "run", 3, &run));
    wrt_val_t arg = {.kind = WRT_I32, .of.i32 = job.arg}, result = {0};
    for (int i = 0; i < job.repeats; i++) {
        double start = processor_ms();
        check(wrt_func_call(store, &run, &arg, 1, &result, 1));
        job.ms[i] = processor_ms() - start;
    }
    return report(&job, result.of.i32);
}
