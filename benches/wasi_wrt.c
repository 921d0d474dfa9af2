/* Runs file operations through wrt's WASI. */
#include "wasi.h"
#include <wrt.h>

static wrt_store_t *store;
static wrt_func_t func;

static void check(wrt_error_t *error) {
    if (error) fail(wrt_error_message(error, NULL));
}

static void setup(const uint8_t *guest, size_t len, const char *directory, const char *line) {
    wrt_engine_t *engine;
    wrt_module_t *module;
    wrt_linker_t *linker;
    wrt_wasi_t *wasi;
    wrt_instance_t instance;
    wrt_func_t initialize;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_module_new(engine, (const char *)guest, len, &module));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_linker_new(engine, &linker));
    check(wrt_linker_define_wasi(linker));
    check(wrt_wasi_new(&wasi));
    check(wrt_wasi_add_dir(wasi, directory, strlen(directory), "/d", 2, false));
    check(wrt_store_set_wasi(store, wasi));
    check(wrt_linker_instantiate(linker, store, module, &instance));
    check(wrt_instance_get_func(store, &instance, "_initialize", 11, &initialize));
    check(wrt_func_call(store, &initialize, NULL, 0, NULL, 0));
    check(wrt_instance_get_func(store, &instance, line, strlen(line), &func));
}

static int32_t run(int32_t count) {
    wrt_val_t argument = {.kind = WRT_I32, .of.i32 = count}, result;
    check(wrt_func_call(store, &func, &argument, 1, &result, 1));
    return result.of.i32;
}
