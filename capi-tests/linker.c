/* Linking by name, several modules, errors that name the import. */
#include "test.h"

static wrt_error_t *nothing(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t nargs, wrt_val_t *results,
                            size_t nresults) {
    (void)userdata, (void)caller, (void)args, (void)nargs, (void)results, (void)nresults;
    return NULL;
}

int main(void) {
    wrt_engine_t *engine = engine_new();
    wrt_linker_t *linker;
    OK(wrt_linker_new(engine, &linker));
    int finalized = 0;
    OK(wrt_linker_define_func(linker, TEXT("env"), TEXT("f"), TEXT("()"), nothing, &finalized, count_finalized));
    FAILS(INVALID_ARGUMENT, wrt_linker_define_func(linker, TEXT("env"), TEXT("f"), TEXT("()"), nothing, &finalized, count_finalized));
    CHECK(finalized == 1);
    FAILS(INVALID_ARGUMENT, wrt_linker_define_func(linker, TEXT("env"), TEXT("g"), TEXT("(i31)"), nothing, &finalized, count_finalized));
    CHECK(finalized == 2);

    world_t lib = world_new(engine, "(module (memory (export \"mem\") 1) (global (export \"g\") (mut i32) (i32.const 1))"
                                    " (table (export \"tab\") 2 funcref) (func (export \"inc\") (param i32) (result i32)"
                                    " (i32.add (local.get 0) (i32.const 1))))");
    OK(wrt_linker_define_instance(linker, lib.store, TEXT("lib"), &lib.instance));
    FAILS(INVALID_ARGUMENT, wrt_linker_define_instance(linker, lib.store, TEXT("lib"), &lib.instance));
    const char *wat = "(module (import \"lib\" \"mem\" (memory 1)) (import \"lib\" \"g\" (global $g (mut i32)))"
                      " (import \"lib\" \"tab\" (table 1 funcref)) (import \"lib\" \"inc\" (func $inc (param i32) (result i32)))"
                      " (import \"env\" \"f\" (func $f)) (elem (i32.const 0) $own) (data (i32.const 3) \"Z\")"
                      " (func $own) (func (export \"run\") (result i32) (call $f) (global.set $g (i32.const 40))"
                      " (i32.add (call $inc (global.get $g)) (i32.load8_u (i32.const 3)))))";
    wrt_module_t *m;
    OK(wrt_module_new(engine, (const uint8_t *)TEXT(wat), &m));
    wrt_instance_t instance;
    OK(wrt_linker_instantiate(linker, lib.store, m, &instance));
    wrt_func_t run;
    OK(wrt_instance_get_func(lib.store, &instance, TEXT("run"), &run));
    wrt_val_t result;
    OK(wrt_func_call(lib.store, &run, NULL, 0, &result, 1));
    CHECK(result.of.i32 == 41 + 'Z');
    wrt_module_delete(m);

    OK(wrt_module_new(engine, (const uint8_t *)TEXT("(module (import \"lib\" \"nope\" (func)))"), &m));
    wrt_error_t *error = wrt_linker_instantiate(linker, lib.store, m, &instance);
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_LINK && strstr(wrt_error_message(error, NULL), "\"nope\""));
    wrt_error_delete(error);
    wrt_module_delete(m);
    OK(wrt_module_new(engine, (const uint8_t *)TEXT("(module (import \"lib\" \"inc\" (func)))"), &m));
    FAILS(LINK, wrt_linker_instantiate(linker, lib.store, m, &instance));
    wrt_module_delete(m);

    wrt_store_t *other;
    OK(wrt_store_new(engine, NULL, NULL, &other));
    OK(wrt_module_new(engine, (const uint8_t *)TEXT("(module (import \"lib\" \"mem\" (memory 1)))"), &m));
    FAILS(LINK, wrt_linker_instantiate(linker, other, m, &instance)); /* the memory is another store's */
    wrt_module_delete(m);
    wrt_extern_t item;
    OK(wrt_instance_get(lib.store, &lib.instance, TEXT("mem"), &item));
    CHECK(item.kind == WRT_EXTERN_MEMORY);
    FAILS(WRONG_STORE, wrt_linker_define(linker, other, TEXT("x"), TEXT("y"), &item));
    OK(wrt_linker_define(linker, lib.store, TEXT("x"), TEXT("y"), &item));
    OK(wrt_instance_export(lib.store, &lib.instance, 3, &item));
    CHECK(item.kind == WRT_EXTERN_FUNC);
    wrt_func_t f;
    FAILS(TYPE_MISMATCH, wrt_instance_get_func(lib.store, &lib.instance, TEXT("mem"), &f));
    FAILS(INVALID_ARGUMENT, wrt_instance_get_func(lib.store, &lib.instance, TEXT("none"), &f));
    wrt_store_delete(other);
    wrt_linker_delete(linker);
    CHECK(finalized == 2); /* the store's function still holds it */
    world_delete(&lib);
    CHECK(finalized == 3);
    wrt_engine_delete(engine);
    return 0;
}
