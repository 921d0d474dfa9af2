/* Linking by name. */
#include "test.h"

static wrt_error_t *add_userdata(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                                 wrt_val_t *results, size_t result_count) {
    (void)caller;
    CHECK(arg_count == 1 && result_count == 1);
    CHECK(args[0].kind == WRT_I32 && results[0].kind == WRT_I32 && results[0].of.i32 == 0);
    results[0].of.i32 = args[0].of.i32 + *(int *)userdata;
    return NULL;
}

static const char *const IMPORTER = "(module (import \"env\" \"add\" (func $add (param i32) (result i32)))"
                                    " (func (export \"f\") (param i32) (result i32) (call $add (local.get 0))))";

/* One definition serves many stores, and its userdata lives as long as any of them. */
static void one_definition_for_many_stores(void) {
    wrt_engine_t *engine;
    wrt_linker_t *linker;
    wrt_store_t *stores[2];
    int userdata = 100;
    OK(wrt_engine_new(NULL, &engine));
    OK(wrt_linker_new(engine, &linker));
    OK(wrt_linker_define_func(linker, TEXT("env"), TEXT("add"), TEXT("(i32) -> i32"), add_userdata, &userdata, count_call));
    wrt_module_t *module = module_of(engine, IMPORTER);
    wrt_func_t f[2];
    for (int i = 0; i < 2; i++) {
        wrt_instance_t instance;
        OK(wrt_store_new(engine, NULL, NULL, &stores[i]));
        OK(wrt_linker_instantiate(linker, stores[i], module, &instance));
        f[i] = func_of(stores[i], &instance, "f");
    }
    wrt_linker_delete(linker);
    CHECK(userdata == 100);
    for (int i = 0; i < 2; i++) {
        int32_t got;
        OK(call_i32(stores[i], &f[i], 1, i, 0, &got));
        CHECK(got == 100 + i);
        wrt_store_delete(stores[i]);
    }
    CHECK(userdata == 101);
    wrt_module_delete(module);
    wrt_engine_delete(engine);
}

static void failed_definitions_finalize(void) {
    wrt_engine_t *engine;
    wrt_linker_t *linker;
    int n = 0;
    OK(wrt_engine_new(NULL, &engine));
    OK(wrt_linker_new(engine, &linker));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT,
          wrt_linker_define_func(linker, TEXT("m"), TEXT("f"), TEXT("(i33)"), add_userdata, &n, count_call));
    CHECK(n == 1);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT,
          wrt_linker_define_func(linker, TEXT("m"), TEXT("f"), TEXT("()"), NULL, &n, count_call));
    CHECK(n == 2);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT,
          wrt_linker_define_func(NULL, TEXT("m"), TEXT("f"), TEXT("()"), add_userdata, &n, count_call));
    CHECK(n == 3);
    OK(wrt_linker_define_func(linker, TEXT("m"), TEXT("f"), TEXT("()"), add_userdata, &n, count_call));
    CHECK(n == 3);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT,
          wrt_linker_define_func(linker, TEXT("m"), TEXT("f"), TEXT("()"), add_userdata, &n, count_call));
    CHECK(n == 4);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT,
          wrt_linker_define_func(linker, TEXT("m\xff"), TEXT("g"), TEXT("()"), add_userdata, &n, count_call));
    CHECK(n == 5);
    wrt_linker_delete(linker);
    CHECK(n == 6);
    wrt_engine_delete(engine);
}

static void missing_and_unfitting_imports(void) {
    world_t w = world();
    wrt_linker_t *linker;
    int userdata = 1;
    OK(wrt_linker_new(w.engine, &linker));
    wrt_module_t *module = module_of(w.engine, IMPORTER);
    wrt_instance_t instance;
    wrt_error_t *error = wrt_linker_instantiate(linker, w.store, module, &instance);
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_LINK && instance.store == 0);
    CHECK(strstr(wrt_error_message(error, NULL), "env") && strstr(wrt_error_message(error, NULL), "add"));
    wrt_error_delete(error);
    OK(wrt_linker_define_func(linker, TEXT("env"), TEXT("add"), TEXT("(i64) -> i32"), add_userdata, &userdata, NULL));
    FAILS(WRT_ERROR_KIND_LINK, wrt_linker_instantiate(linker, w.store, module, &instance));
    wrt_linker_delete(linker);
    wrt_module_delete(module);
    world_end(&w);
}

static void instances_as_modules(void) {
    world_t w = world();
    wrt_linker_t *linker;
    OK(wrt_linker_new(w.engine, &linker));
    wrt_instance_t lib = instance_of(w.engine, w.store,
                                     "(module (memory (export \"mem\") 1)"
                                     " (func (export \"load\") (param i32) (result i32) (i32.load (local.get 0))))");
    OK(wrt_linker_define_instance(linker, w.store, TEXT("lib"), &lib));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_linker_define_instance(linker, w.store, TEXT("lib"), &lib));
    wrt_module_t *module = module_of(w.engine, "(module (import \"lib\" \"mem\" (memory 1))"
                                               " (import \"lib\" \"load\" (func $load (param i32) (result i32)))"
                                               " (func (export \"f\") (param i32 i32) (result i32)"
                                               "  (i32.store (local.get 0) (local.get 1)) (call $load (local.get 0))))");
    wrt_instance_t instance;
    OK(wrt_linker_instantiate(linker, w.store, module, &instance));
    wrt_func_t f = func_of(w.store, &instance, "f");
    int32_t got;
    OK(call_i32(w.store, &f, 2, 64, 1234, &got));
    CHECK(got == 1234);
    /* Items of this store cannot be used in another. */
    wrt_store_t *other;
    OK(wrt_store_new(w.engine, NULL, NULL, &other));
    wrt_error_t *error = wrt_linker_instantiate(linker, other, module, &instance);
    CHECK(error);
    wrt_error_delete(error);
    FAILS(WRT_ERROR_KIND_WRONG_STORE, wrt_linker_define_instance(linker, other, TEXT("lib2"), &lib));
    wrt_store_delete(other);
    wrt_linker_delete(linker);
    wrt_module_delete(module);
    world_end(&w);
}

int main(void) {
    one_definition_for_many_stores();
    failed_definitions_finalize();
    missing_and_unfitting_imports();
    instances_as_modules();
    return 0;
}
