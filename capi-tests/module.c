/* Modules: compiling, reflection, saving. */
#include "test.h"

static const char *const EVERYTHING =
    "(module $things"
    " (import \"env\" \"f\" (func (param i32 i64) (result f64)))"
    " (import \"env\" \"g\" (global (mut i64)))"
    " (memory (export \"mem\") 1 5)"
    " (table (export \"tab\") 2 funcref)"
    " (global (export \"glob\") f32 (f32.const 1.5))"
    " (func (export \"run\") (param v128) (result i32 i32) (i32.const 1) (i32.const 2))"
    ")";

static void reflection(world_t *w) {
    wrt_module_t *module = module_of(w->engine, EVERYTHING);
    size_t len;
    CHECK(!strcmp(wrt_module_name(module, &len), "things") && len == 6);
    CHECK(wrt_module_import_count(module) == 2);
    CHECK(wrt_module_export_count(module) == 4);
    wrt_import_t import;
    OK(wrt_module_import(module, 0, &import));
    CHECK(!strcmp(import.module, "env") && import.module_len == 3 && !strcmp(import.name, "f") && import.name_len == 1);
    CHECK(wrt_externtype_kind(import.type) == WRT_EXTERN_FUNC);
    CHECK(!strcmp(wrt_externtype_text(import.type, NULL), "func (i32, i64) -> f64"));
    const wrt_functype_t *f = wrt_externtype_func(import.type);
    CHECK(wrt_functype_param_count(f) == 2 && wrt_functype_param(f, 1) == WRT_I64 && wrt_functype_result(f, 0) == WRT_F64);
    OK(wrt_module_import(module, 1, &import));
    CHECK(wrt_externtype_kind(import.type) == WRT_EXTERN_GLOBAL && wrt_externtype_is_mutable(import.type));
    CHECK(wrt_externtype_valkind(import.type) == WRT_I64);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_module_import(module, 2, &import));
    CHECK(!import.name && !import.type);

    wrt_export_t export;
    wrt_size_limits_t limits;
    OK(wrt_module_export(module, 0, &export));
    CHECK(!strcmp(export.name, "mem") && wrt_externtype_kind(export.type) == WRT_EXTERN_MEMORY);
    OK(wrt_externtype_limits(export.type, &limits));
    CHECK(limits.min == 1 && limits.has_max && limits.max == 5);
    OK(wrt_module_get_export(module, TEXT("tab"), &export));
    CHECK(wrt_externtype_kind(export.type) == WRT_EXTERN_TABLE && wrt_externtype_valkind(export.type) == WRT_FUNCREF);
    OK(wrt_externtype_limits(export.type, &limits));
    CHECK(limits.min == 2 && !limits.has_max);
    OK(wrt_module_get_export(module, TEXT("glob"), &export));
    CHECK(!wrt_externtype_is_mutable(export.type) && !wrt_externtype_func(export.type));
    FAILS(WRT_ERROR_KIND_TYPE_MISMATCH, wrt_externtype_limits(export.type, &limits));
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_module_export(module, 4, &export));
    FAILS(WRT_ERROR_KIND_NOT_FOUND, wrt_module_get_export(module, TEXT("tabs"), &export));
    CHECK(!export.name && !export.type);
    wrt_module_delete(module);
}

static void bad_modules(world_t *w) {
    static const uint8_t bad_magic[] = {0, 'a', 's', 'n', 1, 0, 0, 0};
    static const uint8_t bad_section[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 99, 0};
    static const char *const bad_type = "(module (func (result i32) (i64.const 1)))";
    static const char *const bad_text = "(module (func $f (banana)))";
    wrt_module_t *module = (wrt_module_t *)1;
    FAILS(WRT_ERROR_KIND_MALFORMED, wrt_module_new(w->engine, bad_magic, sizeof bad_magic, &module));
    CHECK(!module);
    FAILS(WRT_ERROR_KIND_MALFORMED, wrt_module_new(w->engine, bad_section, sizeof bad_section, &module));
    FAILS(WRT_ERROR_KIND_MALFORMED, wrt_module_new(w->engine, NULL, 0, &module));
    FAILS(WRT_ERROR_KIND_MALFORMED, wrt_module_new(w->engine, bad_text, strlen(bad_text), &module));
    FAILS(WRT_ERROR_KIND_UNSUPPORTED, wrt_module_new(w->engine, TEXT("(module (memory 1 1 shared))"), &module));
    wrt_error_t *error = wrt_module_new(w->engine, bad_type, strlen(bad_type), &module);
    uint64_t offset;
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_INVALID_MODULE && wrt_error_offset(error, &offset) && offset > 8);
    wrt_error_delete(error);
    /* For text, the message begins with the line and column of the instruction, or of a function that ends incorrectly. */
    static const char *const places[] = {"(module\n (func)\n (func (result i32)\n  (i32.add (i32.const 1)\n   (i64.const 1))))",
                                         "4:4: ", "(module\n (func (result i32)\n  nop))", "2:3: "};
    for (int i = 0; i < 4; i += 2) {
        error = wrt_module_new(w->engine, places[i], strlen(places[i]), &module);
        CHECK(wrt_error_offset(error, &offset) && strstr(wrt_error_message(error, NULL), places[i + 1]) == wrt_error_message(error, NULL));
        wrt_error_delete(error);
    }
    FAILS(WRT_ERROR_KIND_INVALID_MODULE, wrt_module_validate(w->engine, bad_type, strlen(bad_type)));
    OK(wrt_module_validate(w->engine, EVERYTHING, strlen(EVERYTHING)));
}

static void save_and_load(world_t *w) {
    wrt_module_t *module = module_of(w->engine, "(module (func (export \"f\") (param i32) (result i32)"
                                                " (i32.mul (local.get 0) (i32.const 3))))");
    uint8_t *bytes;
    size_t len;
    OK(wrt_module_save(module, &bytes, &len));
    wrt_module_delete(module);
    OK(wrt_module_load(w->engine, bytes, len, &module));
    wrt_instance_t instance;
    OK(wrt_instance_new(w->store, module, NULL, 0, &instance));
    wrt_func_t f = func_of(w->store, &instance, "f");
    int32_t got;
    OK(call_i32(w->store, &f, 1, 14, 0, &got));
    CHECK(got == 42);
    wrt_module_delete(module);
    /* Every truncation is rejected. */
    for (size_t cut = 0; cut < len; cut += 1 + len / 100) {
        wrt_error_t *error = wrt_module_load(w->engine, bytes, cut, &module);
        CHECK(error && !module);
        wrt_error_delete(error);
    }
    /* So is every damaged byte. */
    for (size_t i = 0; i < len; i += 1 + len / 97) {
        bytes[i] ^= 0x10;
        wrt_error_t *error = wrt_module_load(w->engine, bytes, len, &module);
        CHECK(error && !module);
        wrt_error_delete(error);
        bytes[i] ^= 0x10;
    }
    wrt_bytes_delete(bytes, len);
}

static void copies_are_independent(world_t *w) {
    wrt_module_t *module = module_of(w->engine, EVERYTHING);
    wrt_module_t *copy = wrt_module_clone(module);
    wrt_module_delete(module);
    CHECK(wrt_module_import_count(copy) == 2);
    wrt_module_delete(copy);
}

int main(void) {
    world_t w = world();
    reflection(&w);
    bad_modules(&w);
    save_and_load(&w);
    copies_are_independent(&w);
    world_end(&w);
    return 0;
}
