/* Links modules by name: one exports a memory and a function, the other imports both. */
#include "check.h"

static wrt_instance_t instantiate(wrt_engine_t *engine, wrt_linker_t *linker, wrt_store_t *store, const char *wat) {
    wrt_module_t *module;
    wrt_instance_t instance;
    check(wrt_module_new(engine, (const uint8_t *)STR(wat), &module));
    check(wrt_linker_instantiate(linker, store, module, &instance));
    wrt_module_delete(module);
    return instance;
}

int main(void) {
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_linker_t *linker;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_linker_new(engine, &linker));

    wrt_instance_t counter = instantiate(engine, linker, store,
        "(module (memory (export \"memory\") 1)"
        "  (func (export \"next\") (result i32)"
        "    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))) (i32.load (i32.const 0))))");
    check(wrt_linker_define_instance(linker, store, STR("counter"), &counter));
    wrt_instance_t user = instantiate(engine, linker, store,
        "(module (import \"counter\" \"next\" (func $next (result i32))) (import \"counter\" \"memory\" (memory 1))"
        "  (func (export \"run\") (result i32) (drop (call $next)) (drop (call $next)) (i32.load (i32.const 0))))");

    wrt_func_t run;
    wrt_val_t result;
    check(wrt_instance_get_func(store, &user, STR("run"), &run));
    for (int i = 0; i < 3; i++) {
        check(wrt_func_call(store, &run, NULL, 0, &result, 1));
        printf("the counter stands at %d\n", result.of.i32);
    }
    wrt_linker_delete(linker);
    wrt_store_delete(store);
    wrt_engine_delete(engine);
    return 0;
}
