/* WebAssembly calls a C function, which uses its userdata and can fail. */
#include "check.h"

static wrt_error_t *report(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                           wrt_val_t *results, size_t result_count) {
    (void)caller, (void)arg_count, (void)result_count;
    if (args[0].of.i32 > 3) return wrt_error_new(WRT_ERROR_KIND_HOST, STR("three reports are enough"));
    int *calls = userdata;
    printf("report %d\n", args[0].of.i32);
    results[0].of.i32 = ++*calls;
    return NULL;
}

int main(void) {
    const char *wat = "(module (import \"host\" \"report\" (func $report (param i32) (result i32)))"
                      "  (func (export \"count\") (local $i i32)"
                      "    (loop (local.set $i (i32.add (local.get $i) (i32.const 1)))"
                      "      (drop (call $report (local.get $i))) (br 0))))";
    int calls = 0;
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_linker_t *linker;
    wrt_module_t *module;
    wrt_instance_t instance;
    wrt_func_t count;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_linker_new(engine, &linker));
    check(wrt_linker_define_func(linker, STR("host"), STR("report"), STR("(i32) -> i32"), report, &calls, NULL));
    check(wrt_module_new(engine, (const uint8_t *)STR(wat), &module));
    check(wrt_linker_instantiate(linker, store, module, &instance));
    check(wrt_instance_get_func(store, &instance, STR("count"), &count));

    wrt_error_t *error = wrt_func_call(store, &count, NULL, 0, NULL, 0);
    printf("the loop ended after %d calls: %s\n", calls, wrt_error_message(error, NULL));
    wrt_error_delete(error);

    wrt_module_delete(module);
    wrt_linker_delete(linker);
    wrt_store_delete(store);
    wrt_engine_delete(engine);
    return 0;
}
