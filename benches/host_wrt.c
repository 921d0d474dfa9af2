/* Measures wrt through its C API. With BENCH_NO_SIGNALS in the environment checks are explicit. With BENCH_LAZY functions are compiled
 * when they are called, and `exec` calls `run` until everything is compiled before it measures. With BENCH_AT_ONCE they are compiled when
 * they are called, and never again. */
#include <stdint.h>
#define HEAP_REPORT heap_report
#define SETTLE settle
struct instance;
static void heap_report(struct instance *it);
static void settle(struct instance *it, int32_t arg);
#include "host.h"
#include <wrt.h>

struct instance {
    wrt_store_t *store;
    wrt_func_t run;
};

static wrt_engine_t *engine;
static wrt_linker_t *linker;
static wrt_module_t *module;

static void check(wrt_error_t *error) {
    if (error) fail(wrt_error_message(error, NULL));
}

static void engine_new(const job_t *job) {
    wrt_config_t *config = wrt_config_new();
    if (getenv("BENCH_NO_SIGNALS")) check(wrt_config_set_signals(config, false));
    check(wrt_config_set_interruption(config, job->interrupts));
    check(wrt_config_set_lazy(config, getenv("BENCH_LAZY") || getenv("BENCH_AT_ONCE")));
#ifdef HAVE_BACKGROUND
    if (getenv("BENCH_AT_ONCE")) check(wrt_config_set_background(config, false));
#endif
#ifdef HAVE_FEATURES
    check(wrt_config_set_feature(config, "wide-arithmetic", 15, true));
#endif
    check(wrt_config_set_max_wasm_stack(config, job->stack));
    check(wrt_engine_new(config, &engine));
    wrt_config_delete(config);
    check(wrt_linker_new(engine, &linker));
}

static void compile(const job_t *job) {
    wrt_module_delete(module);
    check(wrt_module_new(engine, job->bytes, job->size, &module));
}

static instance_t *instance_new(const job_t *job) {
    instance_t *it = malloc(sizeof *it);
    wrt_instance_t instance;
    check(wrt_store_new(engine, NULL, NULL, &it->store));
    check(wrt_linker_instantiate(linker, it->store, module, &instance));
    check(wrt_instance_get_func(it->store, &instance, "run", 3, &it->run));
    return it;
}

static int32_t instance_run(instance_t *it, int32_t arg) {
    wrt_val_t value = {.kind = WRT_I32, .of.i32 = arg}, result = {0};
    check(wrt_func_call(it->store, &it->run, &value, 1, &result, 1));
    return result.of.i32;
}

static void settle(instance_t *it, int32_t arg) {
    if (!getenv("BENCH_LAZY")) return;
    for (uint64_t done = 0, total = 1; done < total;) {
        instance_run(it, arg);
        check(wrt_engine_compile_progress(engine, &done, &total));
    }
    /* Until the functions are put together, too. The first call notices it. */
    usleep(500000);
    instance_run(it, arg);
}

/* Values that stay owned. */
static void instance_hold(instance_t *it, size_t handles) {
    wrt_ref_t reference;
    for (size_t i = 0; i < handles; i++) check(wrt_externref_new(it->store, NULL, NULL, 0, &reference));
}

static void heap_report(instance_t *it) {
    wrt_heap_stats_t s = {.size = sizeof s};
    check(wrt_store_heap_stats(it->store, &s));
    printf(", \"live_mib\": %.2f, \"used_mib\": %.2f, \"minors\": %llu, \"fulls\": %llu, \"longest_minor_ms\": %.4f, \"longest_full_ms\": %.4f",
           (double)s.live_bytes / 1048576, (double)s.used_bytes / 1048576, (unsigned long long)s.minor_collections,
           (unsigned long long)s.full_collections, (double)s.longest_minor_nanoseconds / 1e6, (double)s.longest_full_nanoseconds / 1e6);
}

static void instance_delete(instance_t *it) {
    wrt_store_delete(it->store);
    free(it);
}
