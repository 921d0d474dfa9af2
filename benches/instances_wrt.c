/* Measures what instances cost in wrt, through its C API. */
#include "instances.h"
#include <wrt.h>

static wrt_engine_t *engine;
static wrt_module_t *module;

static void check(wrt_error_t *error) {
    if (error) fail(wrt_error_message(error, NULL));
}

static void setup(const char *text, size_t len, bool pool, bool resident) {
    wrt_config_t *config = wrt_config_new();
    if (pool) {
#ifdef HAVE_POOL
        wrt_pool_options_t options;
        wrt_pool_options_init(&options);
        check(wrt_config_set_pool(config, &options));
#else
        fail("this library has no pool");
#endif
    }
    check(wrt_engine_new(config, &engine));
    check(wrt_module_new(engine, text, len, &module));
}

static int64_t call_run(wrt_store_t *store, wrt_instance_t *instance, int32_t number) {
    wrt_func_t run;
    wrt_val_t argument = {.kind = WRT_I32, .of.i32 = number}, result;
    check(wrt_instance_get_func(store, instance, "run", 3, &run));
    check(wrt_func_call(store, &run, &argument, 1, &result, 1));
    return result.of.i32;
}

static int64_t instances(int64_t count, bool living, bool call) {
    int64_t sum = 0;
    wrt_store_t *store = NULL;
    if (living) check(wrt_store_new(engine, NULL, NULL, &store));
    for (int64_t i = 0; i < count; i++) {
        wrt_instance_t instance;
        if (!living) check(wrt_store_new(engine, NULL, NULL, &store));
        check(wrt_instance_new(store, module, NULL, 0, &instance));
        if (call) sum += call_run(store, &instance, (int32_t)i);
        if (!living) wrt_store_delete(store);
        else check(wrt_instance_release(store, &instance));
    }
    if (living) wrt_store_delete(store);
    return sum;
}
