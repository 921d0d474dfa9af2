/* Compiles a module in the text format, and calls its only function. */
#include "check.h"

int main(void) {
    const char *wat = "(module (func (export \"add\") (param i32 i32) (result i32)"
                      "  (i32.add (local.get 0) (local.get 1))))";
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_module_t *module;
    wrt_instance_t instance;
    wrt_func_t add;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_module_new(engine, (const uint8_t *)STR(wat), &module));
    check(wrt_instance_new(store, module, NULL, 0, &instance));
    check(wrt_instance_get_func(store, &instance, STR("add"), &add));

    wrt_val_t args[2] = {{.kind = WRT_I32, .of.i32 = 40}, {.kind = WRT_I32, .of.i32 = 2}}, result;
    check(wrt_func_call(store, &add, args, 2, &result, 1));
    printf("40 + 2 = %d\n", result.of.i32);

    wrt_module_delete(module); /* in any order */
    wrt_store_delete(store);
    wrt_engine_delete(engine);
    return 0;
}
