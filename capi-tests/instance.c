/* Instances: exports, explicit imports, start functions. */
#include "test.h"

static void exports(void) {
    world_t w = world();
    wrt_instance_t instance = instance_of(w.engine, w.store,
                                          "(module (memory (export \"m\") 1) (table (export \"t\") 1 funcref)"
                                          " (global (export \"g\") i32 (i32.const 9)) (func (export \"f\")))");
    wrt_extern_t item;
    static const uint8_t kinds[] = {WRT_EXTERN_MEMORY, WRT_EXTERN_TABLE, WRT_EXTERN_GLOBAL, WRT_EXTERN_FUNC};
    for (size_t i = 0; i < 4; i++) {
        OK(wrt_instance_export(w.store, &instance, i, &item));
        CHECK(item.kind == kinds[i]);
    }
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_instance_export(w.store, &instance, 4, &item));
    CHECK(item.kind == 0);
    OK(wrt_instance_get(w.store, &instance, TEXT("g"), &item));
    wrt_val_t value;
    OK(wrt_global_get(w.store, &item.of.global, &value));
    CHECK(value.of.i32 == 9);
    wrt_func_t f;
    wrt_memory_t m;
    wrt_table_t t;
    wrt_global_t g;
    OK(wrt_instance_get_func(w.store, &instance, TEXT("f"), &f));
    OK(wrt_instance_get_memory(w.store, &instance, TEXT("m"), &m));
    OK(wrt_instance_get_table(w.store, &instance, TEXT("t"), &t));
    OK(wrt_instance_get_global(w.store, &instance, TEXT("g"), &g));
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_instance_get_func(w.store, &instance, TEXT("m"), &f));
    CHECK(f.store == 0);
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_instance_get_memory(w.store, &instance, TEXT("f"), &m));
    FAILS(WRT_ERROR_KIND_NOT_FOUND, wrt_instance_get_table(w.store, &instance, TEXT("no"), &t));
    world_end(&w);
}

static void explicit_imports(void) {
    world_t w = world();
    wrt_instance_t lib = instance_of(w.engine, w.store,
                                     "(module (func (export \"f\") (result i32) (i32.const 11)) (memory (export \"m\") 1))");
    wrt_module_t *module = module_of(w.engine, "(module (import \"a\" \"b\" (func $f (result i32)))"
                                               " (func (export \"g\") (result i32) (call $f)))");
    wrt_extern_t items[2];
    wrt_instance_t instance;
    OK(wrt_instance_get(w.store, &lib, TEXT("f"), &items[0]));
    OK(wrt_instance_get(w.store, &lib, TEXT("m"), &items[1]));
    OK(wrt_instance_new(w.store, module, items, 1, &instance));
    wrt_func_t g = func_of(w.store, &instance, "g");
    int32_t got;
    OK(call_i32(w.store, &g, 0, 0, 0, &got));
    CHECK(got == 11);
    FAILS(WRT_ERROR_KIND_LINK, wrt_instance_new(w.store, module, items, 2, &instance));
    FAILS(WRT_ERROR_KIND_LINK, wrt_instance_new(w.store, module, NULL, 0, &instance));
    FAILS(WRT_ERROR_KIND_LINK, wrt_instance_new(w.store, module, &items[1], 1, &instance));
    CHECK(instance.store == 0);
    wrt_module_delete(module);
    world_end(&w);
}

static void start_functions(void) {
    world_t w = world();
    instance_of(w.engine, w.store, "(module (func $s) (start $s))");
    wrt_module_t *module = module_of(w.engine, "(module (func $s unreachable) (start $s))");
    wrt_instance_t instance;
    TRAPS(WRT_TRAP_UNREACHABLE, wrt_instance_new(w.store, module, NULL, 0, &instance));
    CHECK(instance.store == 0);
    wrt_module_delete(module);
    module = module_of(w.engine, "(module (memory 1) (data (i32.const 65535) \"ab\"))");
    TRAPS(WRT_TRAP_MEMORY_OUT_OF_BOUNDS, wrt_instance_new(w.store, module, NULL, 0, &instance));
    wrt_module_delete(module);
    world_end(&w);
}

int main(void) {
    exports();
    explicit_imports();
    start_functions();
    return 0;
}
