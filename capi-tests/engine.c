/* Configurations and engines. */
#include "test.h"

static void defaults(void) {
    wrt_engine_t *engine;
    OK(wrt_engine_new(NULL, &engine));
    CHECK(engine);
    wrt_engine_delete(engine);
}

static void bounds_are_checked(void) {
    wrt_engine_t *engine = (wrt_engine_t *)1;
    wrt_config_t *config = wrt_config_new();
    OK(wrt_config_set_threads(config, 0));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_engine_new(config, &engine));
    CHECK(!engine);
    OK(wrt_config_set_threads(config, 2));
    OK(wrt_config_set_max_wasm_stack(config, 100));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_engine_new(config, &engine));
    OK(wrt_config_set_max_wasm_stack(config, 64 << 10));
    OK(wrt_engine_new(config, &engine));
    wrt_config_delete(config);
    wrt_engine_delete(engine);
}

/* A module and a store stay usable when all engine pointers are deleted. */
static void parents_are_kept(void) {
    wrt_engine_t *engine, *copy;
    wrt_store_t *store;
    OK(wrt_engine_new(NULL, &engine));
    copy = wrt_engine_clone(engine);
    wrt_engine_delete(engine);
    wrt_module_t *module = module_of(copy, "(module (func (export \"f\") (result i32) (i32.const 7)))");
    OK(wrt_store_new(copy, NULL, NULL, &store));
    wrt_engine_delete(copy);
    wrt_instance_t instance;
    OK(wrt_instance_new(store, module, NULL, 0, &instance));
    wrt_module_delete(module);
    wrt_func_t f = func_of(store, &instance, "f");
    int32_t got;
    OK(call_i32(store, &f, 0, 0, 0, &got));
    CHECK(got == 7);
    wrt_store_delete(store);
}

static void a_small_stack_overflows_early(void) {
    int32_t deepest[2];
    for (int i = 0; i < 2; i++) {
        wrt_engine_t *engine;
        wrt_store_t *store;
        wrt_config_t *config = wrt_config_new();
        OK(wrt_config_set_signals(config, may_use_signals()));
        OK(wrt_config_set_max_wasm_stack(config, i ? 512 << 10 : 32 << 10));
        OK(wrt_engine_new(config, &engine));
        wrt_config_delete(config);
        OK(wrt_store_new(engine, NULL, NULL, &store));
        wrt_instance_t instance = instance_of(engine, store,
                                              "(module (global (export \"n\") (mut i32) (i32.const 0))"
                                              " (func $f (export \"f\") (result i32)"
                                              "  (global.set 0 (i32.add (global.get 0) (i32.const 1)))"
                                              "  (i32.add (call $f) (i32.const 1))))");
        wrt_func_t f = func_of(store, &instance, "f");
        TRAPS(WRT_TRAP_STACK_OVERFLOW, call_i32(store, &f, 0, 0, 0, &deepest[i]));
        wrt_global_t n;
        wrt_val_t value;
        OK(wrt_instance_get_global(store, &instance, TEXT("n"), &n));
        OK(wrt_global_get(store, &n, &value));
        deepest[i] = value.of.i32;
        wrt_store_delete(store);
        wrt_engine_delete(engine);
    }
    CHECK(deepest[0] > 10 && deepest[1] > 8 * deepest[0]);
}

static void handshake(void) {
    CHECK(wrt_abi_version() == WRT_ABI_VERSION);
    CHECK(strchr(wrt_version_string(), '.'));
    CHECK(wrt_has_feature("simd") && wrt_has_feature("multi-memory"));
    CHECK(wrt_has_feature("gc") && wrt_has_feature("wat") && !wrt_has_feature("stack-switching"));
    CHECK(!wrt_has_feature("no such thing") && !wrt_has_feature("") && !wrt_has_feature(NULL));
}

int main(void) {
    defaults();
    bounds_are_checked();
    parents_are_kept();
    a_small_stack_overflows_early();
    handshake();
    return 0;
}
