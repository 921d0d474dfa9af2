/* Measures the time to the first result in wrt, through its C API. */
#include "first.h"
#include <wrt.h>

static wrt_engine_t *engine;
static wrt_module_t *module;
static wrt_store_t *store;
static wrt_instance_t instance;

static void check(wrt_error_t *error) {
    if (error) fail(wrt_error_message(error, NULL));
}

static void engine_new(const job_t *job) {
    wrt_config_t *config = wrt_config_new();
    if (!strcmp(job->how, "winch")) fail("this is wrt");
    check(wrt_config_set_lazy(config, !strcmp(job->how, "lazy")));
    check(wrt_engine_new(config, &engine));
    wrt_config_delete(config);
}

static void module_new(const job_t *job) {
    if (job->bytes) check(wrt_module_new(engine, job->bytes, job->size, &module));
    else check(wrt_module_load_file(engine, job->file, strlen(job->file), &module));
}

static void module_save(const char *out) {
    check(wrt_module_save_file(module, out, strlen(out)));
}

static wrt_error_t *on_import(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count, wrt_val_t *results,
                              size_t result_count) {
    entered();
    return NULL;
}

static void replace_imports(wrt_linker_t *linker) {
    for (size_t i = 0; i < wrt_module_import_count(module); i++) {
        wrt_import_t import;
        check(wrt_module_import(module, i, &import));
        check(wrt_linker_define_func_of(linker, import.module, import.module_len, import.name, import.name_len,
                                        wrt_externtype_func(import.type), on_import, NULL, NULL));
    }
}

static void instance_new(const job_t *job) {
    wrt_linker_t *linker;
    wrt_wasi_t *wasi;
    check(wrt_linker_new(engine, &linker));
    if (job->entered) replace_imports(linker);
    else check(wrt_linker_define_wasi(linker));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_wasi_new(&wasi));
    check(wrt_wasi_inherit_stdio(wasi));
    for (int i = 0; i < job->argc; i++) check(wrt_wasi_add_arg(wasi, job->argv[i], strlen(job->argv[i])));
    check(wrt_store_set_wasi(store, wasi));
    check(wrt_linker_instantiate(linker, store, module, &instance));
}

static int32_t instance_run(int32_t arg) {
    wrt_func_t run;
    wrt_val_t value = {.kind = WRT_I32, .of.i32 = arg}, result = {0};
    check(wrt_instance_get_func(store, &instance, "run", 3, &run));
    check(wrt_func_call(store, &run, &value, 1, &result, 1));
    return result.of.i32;
}

static void instance_start(void) {
    wrt_func_t start;
    int32_t status;
    check(wrt_instance_get_func(store, &instance, "_start", 6, &start));
    wrt_error_t *error = wrt_func_call(store, &start, NULL, 0, NULL, 0);
    if (error && !(wrt_error_exit_status(error, &status) && status == 0)) check(error);
}
