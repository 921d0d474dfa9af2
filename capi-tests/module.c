/* Modules: formats, errors with their place, reflection, saving. */
#include "test.h"

static const char *WAT =
    "(module $plug (import \"env\" \"log\" (func (param i32 i64) (result f64)))"
    " (import \"env\" \"mem\" (memory 1 4)) (global (export \"g\") (mut i32) (i32.const 7))"
    " (table (export \"t\") 3 9 funcref) (func (export \"run\") (result i32) (i32.const 42)))";

static void reflection(wrt_engine_t *engine) {
    wrt_module_t *m;
    OK(wrt_module_new(engine, (const uint8_t *)WAT, strlen(WAT), &m));
    size_t len;
    CHECK(strcmp(wrt_module_name(m, &len), "plug") == 0 && len == 4);
    CHECK(wrt_module_import_count(m) == 2 && wrt_module_export_count(m) == 3);
    wrt_import_t import;
    OK(wrt_module_import(m, 0, &import));
    CHECK(strcmp(import.module, "env") == 0 && strcmp(import.name, "log") == 0 && import.name_len == 3);
    CHECK(wrt_externtype_kind(import.type) == WRT_EXTERN_FUNC);
    const wrt_functype_t *ty = wrt_externtype_func(import.type);
    CHECK(wrt_functype_param_count(ty) == 2 && wrt_functype_result_count(ty) == 1);
    CHECK(wrt_functype_param(ty, 1) == WRT_I64 && wrt_functype_result(ty, 0) == WRT_F64 && wrt_functype_param(ty, 2) == 0);
    CHECK(strcmp(wrt_functype_text(ty, NULL), "(i32, i64) -> f64") == 0);
    OK(wrt_module_import(m, 1, &import));
    wrt_size_limits_t limits;
    OK(wrt_externtype_limits(import.type, &limits));
    CHECK(limits.min == 1 && limits.has_max && limits.max == 4);
    CHECK(wrt_externtype_func(import.type) == NULL);
    wrt_export_t export;
    OK(wrt_module_export(m, 0, &export));
    CHECK(wrt_externtype_kind(export.type) == WRT_EXTERN_GLOBAL && wrt_externtype_is_mutable(export.type));
    CHECK(wrt_externtype_valkind(export.type) == WRT_I32);
    FAILS(TYPE_MISMATCH, wrt_externtype_limits(export.type, &limits));
    OK(wrt_module_export(m, 1, &export));
    CHECK(strcmp(wrt_externtype_text(export.type, NULL), "table 3 9 funcref") == 0);
    FAILS(INVALID_ARGUMENT, wrt_module_export(m, 3, &export));
    CHECK(export.name == NULL && export.type == NULL);
    wrt_module_delete(m);
}

static void errors(wrt_engine_t *engine) {
    wrt_module_t *m = (wrt_module_t *)1;
    static const uint8_t bad_version[] = {0, 'a', 's', 'm', 2, 0, 0, 0};
    FAILS(MALFORMED, wrt_module_new(engine, bad_version, sizeof bad_version, &m));
    CHECK(m == NULL);
    FAILS(MALFORMED, wrt_module_new(engine, NULL, 0, &m));
    FAILS(MALFORMED, wrt_module_new(engine, (const uint8_t *)TEXT("(module (fun))"), &m));
    const char *invalid = "(module (func (result i32)))";
    wrt_error_t *error = wrt_module_new(engine, (const uint8_t *)TEXT(invalid), &m);
    uint64_t offset = 0;
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_INVALID_MODULE && wrt_error_offset(error, &offset) && offset > 8);
    wrt_error_delete(error);
    FAILS(INVALID_MODULE, wrt_module_validate(engine, (const uint8_t *)TEXT(invalid)));
    OK(wrt_module_validate(engine, (const uint8_t *)TEXT(WAT)));
    FAILS(UNSUPPORTED, wrt_module_new(engine, (const uint8_t *)TEXT("(module (func (param externref)))"), &m));
}

static void saving(wrt_engine_t *engine) {
    const char *wat = "(module (memory 1) (data (i32.const 0) \"*\") (func (export \"run\") (result i32) (i32.load8_u (i32.const 0))))";
    world_t w = world_new(engine, wat);
    uint8_t *bytes;
    size_t len;
    OK(wrt_module_save(w.module, &bytes, &len));
    wrt_module_t *loaded;
    OK(wrt_module_load(engine, bytes, len, &loaded));
    wrt_instance_t instance;
    OK(wrt_instance_new(w.store, loaded, NULL, 0, &instance));
    wrt_func_t run;
    OK(wrt_instance_get_func(w.store, &instance, TEXT("run"), &run));
    wrt_val_t result;
    OK(wrt_func_call(w.store, &run, NULL, 0, &result, 1));
    CHECK(result.kind == WRT_I32 && result.of.i32 == '*');
    wrt_module_delete(loaded);
    for (size_t i = 0; i < len; i += 1 + len / 97) {
        bytes[i] ^= 0x10;
        wrt_error_t *error = wrt_module_load(engine, bytes, len, &loaded);
        CHECK(error && loaded == NULL);
        wrt_error_delete(error);
        bytes[i] ^= 0x10;
    }
    FAILS(MALFORMED, wrt_module_load(engine, bytes, len / 2, &loaded));
    wrt_bytes_delete(bytes, len);
    world_delete(&w);
}

int main(void) {
    wrt_engine_t *engine = engine_new();
    reflection(engine);
    errors(engine);
    saving(engine);
    wrt_engine_delete(engine);
    return 0;
}
