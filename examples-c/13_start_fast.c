/* Three ways to start without waiting for the compiler: compile functions when they are called, cache compiled modules
 * in a directory, and save a compiled module to a file that can be mapped. */
#include "check.h"
#include <unistd.h>

static const char *FIB =
    "(module (func $fib (export \"fib\") (param i32) (result i32)"
    " (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))"
    "  (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2))))))))";

static int32_t fib(wrt_engine_t *engine, wrt_module_t *module, int32_t n) {
    wrt_store_t *store;
    wrt_instance_t instance;
    wrt_func_t func;
    wrt_val_t arg = {.kind = WRT_I32, .of.i32 = n}, result;
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_instance_new(store, module, NULL, 0, &instance));
    check(wrt_instance_get_func(store, &instance, STR("fib"), &func));
    check(wrt_func_call(store, &func, &arg, 1, &result, 1));
    wrt_store_delete(store);
    return result.of.i32;
}

int main(void) {
    char folder[] = "/tmp/wrt-example-XXXXXX", cache[64], file[64], command[64];
    if (!mkdtemp(folder)) return 1;
    snprintf(cache, sizeof cache, "%s/cache", folder);
    snprintf(file, sizeof file, "%s/fib.wrt", folder);

    wrt_config_t *config = wrt_config_new();
    wrt_engine_t *engine;
    wrt_module_t *module, *loaded;
    check(wrt_config_set_lazy(config, true));
    check(wrt_config_set_cache(config, STR(cache), 64 << 20));
    check(wrt_engine_new(config, &engine));
    wrt_config_delete(config);

    check(wrt_module_new(engine, STR(FIB), &module)); /* validated; functions are compiled later */
    printf("fib(20) = %d\n", fib(engine, module, 20));
    check(wrt_module_save_file(module, STR(file))); /* waits until everything is compiled, and stored in the cache */
    check(wrt_module_load_file(engine, STR(file), &loaded));
    printf("fib(25) = %d, from a file\n", fib(engine, loaded, 25));

    uint64_t before, behind, total;
    wrt_module_t *again;
    check(wrt_engine_compile_progress(engine, &before, &total));
    wrt_module_delete(module); /* it stays in the cache */
    check(wrt_module_new(engine, STR(FIB), &again));
    check(wrt_engine_compile_progress(engine, &behind, &total));
    printf("fib(10) = %d, %s\n", fib(engine, again, 10), before == behind ? "from the cache" : "compiled again");

    wrt_module_delete(again);
    wrt_module_delete(loaded);
    wrt_engine_delete(engine);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}
