/* A trap is an error object with a code and a backtrace. The store stays usable. */
#include "check.h"

int main(void) {
    const char *wat = "(module $calculator"
                      "  (func $divide (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))"
                      "  (func $average (export \"average\") (param i32 i32) (result i32)"
                      "    (call $divide (local.get 0) (local.get 1))))";
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_module_t *module;
    wrt_instance_t instance;
    wrt_func_t average;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_module_new(engine, (const uint8_t *)STR(wat), &module));
    check(wrt_instance_new(store, module, NULL, 0, &instance));
    check(wrt_instance_get_func(store, &instance, STR("average"), &average));

    for (int count = 0; count < 3; count++) {
        wrt_val_t args[2] = {{.kind = WRT_I32, .of.i32 = 84}, {.kind = WRT_I32, .of.i32 = count}}, result;
        wrt_error_t *error = wrt_func_call(store, &average, args, 2, &result, 1);
        if (!error) {
            printf("84 / %d = %d\n", count, result.of.i32);
            continue;
        }
        printf("84 / %d: %s (trap code %d)\n", count, wrt_error_message(error, NULL), wrt_error_trap_code(error));
        for (size_t i = 0; i < wrt_error_frame_count(error); i++) {
            wrt_frame_t frame;
            check(wrt_error_frame(error, i, &frame));
            printf("  %zu: %s!%s at offset 0x%x\n", i, frame.module_name, frame.func_name, frame.module_offset);
        }
        wrt_error_delete(error);
    }
    wrt_module_delete(module);
    wrt_store_delete(store);
    wrt_engine_delete(engine);
    return 0;
}
