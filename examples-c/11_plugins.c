/* Plugins that are created and released in a long-lived store: a collection frees a released instance once nothing
 * refers to it. */
#include "check.h"

int main(void) {
    const char *wat = "(module (memory 1) (global $calls (mut i32) (i32.const 0))"
                      "  (func (export \"handle\") (param i32) (result i32)"
                      "    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))"
                      "    (i32.store (i32.const 0) (local.get 0))"
                      "    (i32.mul (i32.load (i32.const 0)) (global.get $calls))))";
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_module_t *module;
    wrt_instance_t plugin;
    wrt_func_t handle;
    wrt_ref_t kept;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_module_new(engine, wat, strlen(wat), &module));

    long long sum = 0;
    for (int request = 0; request < 10000; request++) {
        wrt_val_t value = {.kind = WRT_I32, .of.i32 = request};
        check(wrt_instance_new(store, module, NULL, 0, &plugin));
        check(wrt_instance_get_func(store, &plugin, STR("handle"), &handle));
        check(wrt_func_call(store, &handle, &value, 1, &value, 1));
        sum += value.of.i32;
        /* A reference to the last plugin's function keeps that function and its instance alive. */
        if (request == 9999) check(wrt_ref_of_func(store, &handle, &kept));
        check(wrt_instance_release(store, &plugin));
    }
    check(wrt_store_gc(store));
    wrt_heap_stats_t stats = {.size = sizeof stats};
    check(wrt_store_heap_stats(store, &stats));
    printf("10000 requests, the sum is %lld; %llu instance is left\n", sum, (unsigned long long)stats.instances);

    wrt_val_t value = {.kind = WRT_I32, .of.i32 = 21};
    check(wrt_ref_func(store, &kept, &handle));
    check(wrt_func_call(store, &handle, &value, 1, &value, 1));
    printf("its second call gives %d\n", value.of.i32);

    check(wrt_ref_release(store, &kept));
    check(wrt_store_gc(store));
    wrt_error_t *error = wrt_func_call(store, &handle, &value, 1, &value, 1);
    printf("without the reference: %s\n", wrt_error_kind_name(wrt_error_kind(error)));
    wrt_error_delete(error);
    wrt_store_delete(store);
    wrt_module_delete(module);
    wrt_engine_delete(engine);
    return 0;
}
