/* Names in modules can contain any character, including NUL: they are returned unchanged, with their length, and can be looked up. */
#include "test.h"

static wrt_error_t *forty_two(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count, wrt_val_t *results,
                              size_t result_count) {
    (void)userdata, (void)caller, (void)args, (void)arg_count, (void)result_count;
    results[0].of.i32 = 42;
    return NULL;
}

static bool is(const char *name, size_t len, const char *expected, size_t expected_len) {
    return len == expected_len && !memcmp(name, expected, len) && !name[len];
}
#define IS(name, len, literal) CHECK(is((name), (len), TEXT(literal)))

/* Two exports whose names were once returned as the same. */
static const char *const GUEST =
    "(module $\"m\\00od\" (import \"a\\00b\" \"\\00\" (func $h (result i32)))"
    " (func (export \"x\\00y\") (result i32) (call $h))"
    " (func (export \"x\\ef\\bf\\bdy\") (result i32) (i32.const 6))"
    " (func $\"t\\00rap\" (export \"t\") (unreachable)))";

static int32_t call(world_t *w, const wrt_instance_t *instance, const char *name, size_t len) {
    wrt_func_t f;
    wrt_val_t result;
    OK(wrt_instance_get_func(w->store, instance, name, len, &f));
    OK(wrt_func_call(w->store, &f, NULL, 0, &result, 1));
    return result.of.i32;
}

static void names_keep_their_bytes(world_t *w) {
    wrt_module_t *module = module_of(w->engine, GUEST);
    wrt_import_t import;
    wrt_export_t export;
    wrt_linker_t *linker;
    wrt_instance_t instance;
    size_t len;
    const char *name = wrt_module_name(module, &len);
    IS(name, len, "m\0od");
    OK(wrt_module_import(module, 0, &import));
    IS(import.module, import.module_len, "a\0b");
    IS(import.name, import.name_len, "\0");
    /* An import can be defined by the name that the module reports. */
    OK(wrt_linker_new(w->engine, &linker));
    wrt_error_t *missing =
        test_fails(WRT_ERROR_KIND_LINK, wrt_linker_instantiate(linker, w->store, module, &instance), "", __FILE__, __LINE__);
    CHECK(!strcmp(wrt_error_message(missing, NULL), "unknown import \"a\\u{0}b\".\"\\u{0}\" (func () -> i32)"));
    wrt_error_delete(missing);
    OK(wrt_linker_define_func_of(linker, import.module, import.module_len, import.name, import.name_len,
                                 wrt_externtype_func(import.type), forty_two, NULL, NULL));
    OK(wrt_linker_instantiate(linker, w->store, module, &instance));
    wrt_linker_delete(linker);
    for (size_t i = 0; i < 2; i++) {
        OK(wrt_module_export(module, i, &export));
        CHECK(call(w, &instance, export.name, export.name_len) == (i ? 6 : 42));
    }
    IS(export.name, export.name_len, "x\xef\xbf\xbdy");
    OK(wrt_module_get_export(module, TEXT("x\0y"), &export));
    IS(export.name, export.name_len, "x\0y");
    wrt_module_delete(module);

    wrt_func_t trap;
    wrt_frame_t frame;
    OK(wrt_instance_get_func(w->store, &instance, TEXT("t"), &trap));
    wrt_error_t *error = wrt_func_call(w->store, &trap, NULL, 0, NULL, 0);
    OK(wrt_error_frame(error, 0, &frame));
    IS(frame.module_name, frame.module_name_len, "m\0od");
    IS(frame.func_name, frame.func_name_len, "t\0rap");
    wrt_error_delete(error);
}

/* Names that nothing has: a separate kind of error from arguments that are not names. */
static void names_not_found(world_t *w) {
    wrt_module_t *module = module_of(w->engine, "(module (type $t (struct (field $x i32))) (memory (export \"m\") 1))");
    wrt_instance_t instance;
    wrt_extern_t item;
    wrt_func_t func;
    wrt_table_t table;
    wrt_memory_t memory;
    wrt_global_t global;
    wrt_tag_t tag;
    wrt_export_t export;
    wrt_types_t *types;
    wrt_type_t type;
    uint32_t field;
    OK(wrt_instance_new(w->store, module, NULL, 0, &instance));
    OK(wrt_module_types(module, &types));
    OK(wrt_types_get(types, 0, &type));
    const uint8_t none = WRT_ERROR_KIND_NOT_FOUND;
    FAILS(none, wrt_instance_get(w->store, &instance, TEXT("no"), &item));
    FAILS(none, wrt_instance_get_func(w->store, &instance, TEXT("no"), &func));
    FAILS(none, wrt_instance_get_table(w->store, &instance, TEXT("no"), &table));
    FAILS(none, wrt_instance_get_memory(w->store, &instance, TEXT("m\0"), &memory));
    FAILS(none, wrt_instance_get_global(w->store, &instance, TEXT(""), &global));
    FAILS(none, wrt_instance_get_tag(w->store, &instance, TEXT("no\n"), &tag));
    FAILS(none, wrt_module_get_export(module, TEXT("no"), &export));
    FAILS(none, wrt_types_find(types, TEXT("no"), &type));
    OK(wrt_types_find(types, TEXT("t"), &type));
    FAILS(none, wrt_type_find_field(w->engine, &type, TEXT("y"), &field));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_instance_get_func(w->store, &instance, TEXT("\xff"), &func));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_instance_export(w->store, &instance, 1, &item));
    wrt_error_t *error = test_fails(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_instance_get_func(w->store, &instance, TEXT("m"), &func), "",
                                    __FILE__, __LINE__);
    CHECK(!strcmp(wrt_error_message(error, NULL), "the export \"m\" is a memory, not a function"));
    wrt_error_delete(error);
    wrt_types_delete(types);
    wrt_module_delete(module);
}

int main(void) {
    world_t w = world();
    names_keep_their_bytes(&w);
    names_not_found(&w);
    world_end(&w);
    return 0;
}
