/* Type handles: which module's names they show, and what happens to handles of freed types. */
#include "test.h"

static void text_is(wrt_engine_t *engine, const wrt_type_t *type, const char *expected) {
    char text[100];
    OK(wrt_type_text(engine, type, text, sizeof text, NULL));
    if (strcmp(text, expected)) fprintf(stderr, "%s, not %s\n", text, expected);
    CHECK(!strcmp(text, expected));
}

static wrt_type_t type_of(wrt_module_t *module, size_t index) {
    wrt_types_t *types;
    wrt_type_t type;
    OK(wrt_module_types(module, &types));
    OK(wrt_types_get(types, index, &type));
    wrt_types_delete(types);
    return type;
}

/* Two modules have equal types with different names: each module has its own names. */
static void names_are_the_modules(void) {
    world_t w = world();
    wrt_module_t *first = module_of(w.engine, "(module (type $t (struct (field $balance (mut i32)) (field $owner (mut i32)))))");
    wrt_module_t *second = module_of(w.engine, "(module (type $acct (struct (field $owner (mut i32)) (field $balance (mut i32)))))");
    wrt_module_t *unnamed = module_of(w.engine, "(module (type (struct (field (mut i32)) (field (mut i32)))) (type (sub (array i8))))");
    wrt_type_t a = type_of(first, 0), b = type_of(second, 0), c = type_of(unnamed, 0);
    CHECK(wrt_type_equal(&a, &b) && wrt_type_equal(&b, &c));
    CHECK(a.names && b.names && a.names != b.names && !c.names);
    uint32_t index;
    OK(wrt_type_find_field(w.engine, &a, TEXT("balance"), &index));
    CHECK(index == 0);
    OK(wrt_type_find_field(w.engine, &b, TEXT("balance"), &index));
    CHECK(index == 1);
    FAILS(WRT_ERROR_KIND_NOT_FOUND, wrt_type_find_field(w.engine, &c, TEXT("balance"), &index));
    text_is(w.engine, &a, "(ref null $t)");
    text_is(w.engine, &b, "(ref null $acct)");
    text_is(w.engine, &c, "(ref null (struct (mut i32) (mut i32)))");
    /* Names are deleted with their source; the type still exists. */
    wrt_module_delete(first);
    FAILS(WRT_ERROR_KIND_NOT_FOUND, wrt_type_find_field(w.engine, &a, TEXT("balance"), &index));
    text_is(w.engine, &a, "(ref null (struct (mut i32) (mut i32)))");
    wrt_module_delete(second);
    wrt_module_delete(unnamed);
    world_end(&w);
}

/* Signatures, and the types in them, have the names of the module that they come from. */
static void signatures_have_names(void) {
    world_t w = world();
    wrt_module_t *module = module_of(
        w.engine, "(module (type $point (struct (field $x i32))) (import \"m\" \"f\" (func $f (param (ref $point)) (result (ref null $point))))"
                  " (export \"f\" (func $f)) (global (export \"g\") (ref null $point) (ref.null $point)))");
    wrt_import_t import;
    wrt_export_t export;
    OK(wrt_module_import(module, 0, &import));
    CHECK(!strcmp(wrt_externtype_text(import.type, NULL), "func ((ref $point)) -> (ref null $point)"));
    OK(wrt_module_export(module, 1, &export));
    CHECK(!strcmp(wrt_externtype_text(export.type, NULL), "global (ref null $point)"));
    const wrt_functype_t *f = wrt_externtype_func(import.type);
    wrt_type_t param, made_of, whole;
    uint32_t index;
    OK(wrt_functype_param_type(f, 0, &param));
    text_is(w.engine, &param, "(ref $point)");
    OK(wrt_type_find_field(w.engine, &param, TEXT("x"), &index));
    /* A type built from such types has their names. */
    wrt_functype_t *functype;
    OK(wrt_functype_of(w.engine, &param, 1, NULL, 0, &functype));
    CHECK(!strcmp(wrt_functype_text(functype, NULL), "((ref $point))"));
    OK(wrt_functype_param_type(functype, 0, &made_of));
    text_is(w.engine, &made_of, "(ref $point)");
    OK(wrt_externtype_type(import.type, &whole));
    text_is(w.engine, &whole, "(ref (func ((ref struct)) -> (ref null struct)))");
    wrt_module_delete(module);
    /* It keeps its types and their names alive. */
    OK(wrt_functype_param_type(functype, 0, &made_of));
    text_is(w.engine, &made_of, "(ref $point)");
    wrt_functype_delete(functype);
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_type_find_field(w.engine, &made_of, TEXT("x"), &index));
    world_end(&w);
}

/* The use of a handle of a freed type is an error, even if its number is in use for another type. */
static void stale_handles(void) {
    world_t w = world();
    size_t before = wrt_engine_type_count(w.engine);
    wrt_module_t *module = module_of(w.engine, "(module (type (struct (field i32))) (type (func (param (ref 0)))))");
    wrt_type_t old = type_of(module, 0), func = type_of(module, 1), out, now;
    CHECK(wrt_engine_type_count(w.engine) == before + 2 && old.generation);
    wrt_functype_t *functype;
    OK(wrt_type_functype(w.engine, &func, &functype));
    wrt_module_delete(module);
    /* The function type keeps the types that it names alive. */
    OK(wrt_functype_param_type(functype, 0, &out));
    CHECK(wrt_type_equal(&out, &out) && out.index == old.index && out.generation == old.generation);
    wrt_functype_delete(functype);
    CHECK(wrt_engine_type_count(w.engine) == before);
    module = module_of(w.engine, "(module (type (struct (field i64))))");
    now = type_of(module, 0);
    CHECK(now.index == old.index && !wrt_type_equal(&now, &old));
    uint32_t count;
    bool matches;
    char text[10];
    size_t len;
    wrt_field_t field;
    wrt_ref_t r;
    wrt_val_t null_val;
    wrt_global_t global;
    wrt_typebuilder_t *builder;
    OK(wrt_type_field_count(w.engine, &now, &count));
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_type_field_count(w.engine, &old, &count));
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_type_field(w.engine, &old, 0, &field));
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_type_find_field(w.engine, &old, TEXT("x"), &count));
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_type_text(w.engine, &old, text, sizeof text, &len));
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_type_matches(w.engine, &old, &now, &matches));
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_type_matches(w.engine, &now, &old, &matches));
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_type_supertype(w.engine, &old, &out, NULL));
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_type_functype(w.engine, &func, &functype));
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_functype_of(w.engine, &old, 1, NULL, 0, &functype));
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_struct_new_default(w.store, &old, &r));
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_ref_test(w.store, &r, &old, &matches));
    OK(wrt_val_null(WRT_ANYREF, &null_val));
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_global_new_of(w.store, &old, true, &null_val, &global));
    OK(wrt_typebuilder_new(w.engine, &builder));
    field = (wrt_field_t){.type = old};
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_typebuilder_struct(builder, &field, 1, true, NULL, NULL));
    /* Types that were passed to a builder live until it is finished. */
    field.type = now;
    OK(wrt_typebuilder_struct(builder, &field, 1, true, NULL, NULL));
    wrt_module_delete(module);
    wrt_types_t *types;
    OK(wrt_typebuilder_finish(builder, &types));
    wrt_typebuilder_delete(builder);
    wrt_types_delete(types);
    OK(wrt_type_field_count(w.engine, &now, &count));
    CHECK(wrt_engine_type_count(w.engine) == before + 2);
    CHECK(wrt_engine_type_count(NULL) == 0);
    world_end(&w);
}

/* Objects, globals and tables of a type keep it alive as long as their store. */
static void stores_keep_types(void) {
    world_t w = world();
    size_t before = wrt_engine_type_count(w.engine);
    wrt_store_t *store;
    OK(wrt_store_new(w.engine, NULL, NULL, &store));
    wrt_module_t *module = module_of(w.engine, "(module (type (struct (field (mut i32)))) (type (array i8)))");
    wrt_type_t s = type_of(module, 0), a = type_of(module, 1), found;
    wrt_ref_t r;
    OK(wrt_struct_new_default(store, &s, &r));
    wrt_val_t null_val;
    wrt_global_t global;
    OK(wrt_val_null(WRT_ANYREF, &null_val));
    OK(wrt_global_new_of(store, &a, true, &null_val, &global));
    wrt_module_delete(module);
    CHECK(wrt_engine_type_count(w.engine) == before + 2);
    OK(wrt_ref_type(store, &r, &found));
    CHECK(found.index == s.index && found.generation == s.generation);
    OK(wrt_global_value_type(store, &global, &found));
    CHECK(wrt_type_equal(&found, &a));
    wrt_store_delete(store);
    CHECK(wrt_engine_type_count(w.engine) == before);
    FAILS(WRT_ERROR_KIND_STALE_HANDLE, wrt_struct_new_default(w.store, &s, &r));
    world_end(&w);
}

/* However many types are created and freed, their number returns to the same value. */
static void nothing_is_left(void) {
    world_t w = world();
    size_t before = wrt_engine_type_count(w.engine);
    for (int i = 0; i < (may_use_signals() ? 400 : 40); i++) {
        char text[300];
        wrt_module_t *module;
        snprintf(text, sizeof text, "(module (type $t (struct (field $f%d i32) %s)) (tag (param %s i64)) (func%s))", i,
                 i % 2 ? "(field i64)" : "", i % 3 ? "f32" : "f64", i % 4 ? " (result i32)" : "");
        wrt_error_t *error = wrt_module_new(w.engine, text, strlen(text), &module);
        CHECK(!error == (i % 4 == 0));
        wrt_error_delete(error);
        wrt_module_delete(module);
        CHECK(wrt_engine_type_count(w.engine) == before);
    }
    world_end(&w);
}

int main(void) {
    names_are_the_modules();
    signatures_have_names();
    stale_handles();
    stores_keep_types();
    nothing_is_left();
    return 0;
}
