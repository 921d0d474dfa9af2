/* A table of functions: the host stores a function of its own in it, and WebAssembly calls through it. */
#include "check.h"

static wrt_error_t *square(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                           wrt_val_t *results, size_t result_count) {
    (void)userdata, (void)caller, (void)arg_count, (void)result_count;
    results[0].of.i32 = args[0].of.i32 * args[0].of.i32;
    return NULL;
}

int main(void) {
    const char *wat = "(module (table (export \"ops\") 3 funcref) (elem (i32.const 0) $double $negate)"
                      "  (type $op (func (param i32) (result i32)))"
                      "  (func $double (type $op) (i32.mul (local.get 0) (i32.const 2)))"
                      "  (func $negate (type $op) (i32.sub (i32.const 0) (local.get 0)))"
                      "  (func (export \"apply\") (param $which i32) (param $x i32) (result i32)"
                      "    (call_indirect (type $op) (local.get $x) (local.get $which))))";
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_module_t *module;
    wrt_instance_t instance;
    wrt_func_t apply, own;
    wrt_table_t ops;
    wrt_functype_t *type;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_module_new(engine, (const uint8_t *)STR(wat), &module));
    check(wrt_instance_new(store, module, NULL, 0, &instance));
    check(wrt_instance_get_func(store, &instance, STR("apply"), &apply));
    check(wrt_instance_get_table(store, &instance, STR("ops"), &ops));

    check(wrt_functype_parse(STR("(i32) -> i32"), &type));
    check(wrt_func_new(store, type, square, NULL, NULL, &own));
    wrt_functype_delete(type);
    wrt_val_t value = {.kind = WRT_FUNCREF, .of.func = own};
    check(wrt_table_set(store, &ops, 2, &value)); /* the table owns the value now, and `value` is empty */

    for (int which = 0; which < 3; which++) {
        wrt_val_t args[2] = {{.kind = WRT_I32, .of.i32 = which}, {.kind = WRT_I32, .of.i32 = 9}}, result;
        check(wrt_func_call(store, &apply, args, 2, &result, 1));
        printf("ops[%d](9) = %d\n", which, result.of.i32);
    }
    wrt_module_delete(module);
    wrt_store_delete(store);
    wrt_engine_delete(engine);
    return 0;
}
