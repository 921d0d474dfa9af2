/* Writes a string into a module's memory, lets the module change it, and reads it back. */
#include "check.h"

int main(void) {
    const char *wat =
        "(module (memory (export \"memory\") 1)"
        "  (func (export \"upper\") (param $at i32) (param $len i32) (local $c i32)"
        "    (loop $next (if (local.get $len) (then"
        "      (local.set $c (i32.load8_u (local.get $at)))"
        "      (if (i32.lt_u (i32.sub (local.get $c) (i32.const 97)) (i32.const 26))"
        "        (then (i32.store8 (local.get $at) (i32.sub (local.get $c) (i32.const 32)))))"
        "      (local.set $at (i32.add (local.get $at) (i32.const 1)))"
        "      (local.set $len (i32.sub (local.get $len) (i32.const 1)))"
        "      (br $next))))))";
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_module_t *module;
    wrt_instance_t instance;
    wrt_func_t upper;
    wrt_memory_t memory;
    check(wrt_engine_new(NULL, &engine));
    check(wrt_store_new(engine, NULL, NULL, &store));
    check(wrt_module_new(engine, (const uint8_t *)STR(wat), &module));
    check(wrt_instance_new(store, module, NULL, 0, &instance));
    check(wrt_instance_get_func(store, &instance, STR("upper"), &upper));
    check(wrt_instance_get_memory(store, &instance, STR("memory"), &memory));

    char text[] = "hello from the other side";
    check(wrt_memory_write(store, &memory, 1024, (const uint8_t *)text, strlen(text)));
    wrt_val_t args[2] = {{.kind = WRT_I32, .of.i32 = 1024}, {.kind = WRT_I32, .of.i32 = (int32_t)strlen(text)}};
    check(wrt_func_call(store, &upper, args, 2, NULL, 0));
    check(wrt_memory_read(store, &memory, 1024, (uint8_t *)text, strlen(text)));
    puts(text);

    wrt_module_delete(module);
    wrt_store_delete(store);
    wrt_engine_delete(engine);
    return 0;
}
