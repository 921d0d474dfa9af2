/* Tags: created by the host, exported, imported, compared, released. Each test runs normally, with a collection at every allocation, and
 * with one at every second allocation. */
#include "exceptions.h"

static const char *const MODULE =
    "(module (tag $e (export \"e\") (export \"again\") (param i32)) (tag (export \"other\") (param i32))"
    " (tag (export \"none\")) (func (export \"f\"))"
    " (func (export \"throw\") (param i32) (throw $e (local.get 0))))";

static void has_type(wrt_store_t *store, wrt_tag_t tag, const char *text) {
    wrt_functype_t *type;
    OK(wrt_tag_type(store, &tag, &type));
    CHECK(!strcmp(wrt_functype_text(type, NULL), text));
    wrt_functype_delete(type);
}

static void made_by_the_host(void) {
    world_t w = gc_world();
    wrt_functype_t *type;
    wrt_tag_t a = tag_of_type(w.store, "(i32, exnref, externref)"), b = tag_of_type(w.store, "(i32, exnref, externref)");
    wrt_tag_t none = tag_of_type(w.store, "()"), out = a;
    wrt_tag_t empty;
    memset(&empty, 0, sizeof empty);
    has_type(w.store, a, "(i32, exnref, externref)");
    has_type(w.store, none, "()");
    OK(wrt_store_gc(w.store));
    has_type(w.store, b, "(i32, exnref, externref)");
    /* Two tags are different, whatever their types. */
    CHECK(wrt_tag_equal(&a, &a) && !wrt_tag_equal(&a, &b) && !wrt_tag_equal(&a, &none));
    CHECK(!wrt_tag_equal(&empty, &empty) && !wrt_tag_equal(NULL, &a) && !wrt_tag_equal(&a, NULL));
    OK(wrt_functype_parse(TEXT("(i32) -> i32"), &type));
    BAD(wrt_tag_new(w.store, type, &out));
    CHECK(EMPTY_HANDLE(out));
    wrt_functype_delete(type);
    world_end(&w);
}

static void with_types_of_another_engine(void) {
    world_t w = gc_world(), other = gc_world();
    wrt_types_t *types = types_of(other.engine, "(type $s (struct))");
    wrt_type_t param = type_named(types, "s");
    wrt_functype_t *type;
    wrt_tag_t tag;
    OK(wrt_functype_of(other.engine, &param, 1, NULL, 0, &type));
    BAD(wrt_tag_new(w.store, type, &tag));
    OK(wrt_tag_new(other.store, type, &tag));
    wrt_functype_delete(type);
    wrt_types_delete(types);
    world_end(&w);
    world_end(&other);
}

static void exported(void) {
    world_t w = gc_world();
    wrt_instance_t i = instance_of(w.engine, w.store, MODULE), second = instance_of(w.engine, w.store, MODULE);
    wrt_tag_t e = exported_tag(w.store, &i, "e"), again = exported_tag(w.store, &i, "again"), out = e;
    wrt_tag_t other = exported_tag(w.store, &i, "other"), of_second = exported_tag(w.store, &second, "e");
    wrt_func_t f;
    wrt_extern_t item;
    has_type(w.store, e, "(i32)");
    has_type(w.store, exported_tag(w.store, &i, "none"), "()");
    CHECK(wrt_tag_equal(&e, &again) && !wrt_tag_equal(&e, &other) && !wrt_tag_equal(&e, &of_second));
    OK(wrt_instance_get(w.store, &i, TEXT("e"), &item));
    CHECK(item.kind == WRT_EXTERN_TAG && wrt_tag_equal(&item.of.tag, &e));
    OK(wrt_instance_export(w.store, &i, 2, &item));
    CHECK(item.kind == WRT_EXTERN_TAG && wrt_tag_equal(&item.of.tag, &other));
    MISMATCH(wrt_instance_get_tag(w.store, &i, TEXT("f"), &out));
    CHECK(EMPTY_HANDLE(out));
    MISMATCH(wrt_instance_get_func(w.store, &i, TEXT("e"), &f));
    FAILS(WRT_ERROR_KIND_NOT_FOUND, wrt_instance_get_tag(w.store, &i, TEXT("no"), &out));
    world_end(&w);
}

static void types_of_tags(void) {
    world_t w = gc_world();
    wrt_module_t *m = module_of(w.engine, "(module (import \"m\" \"t\" (tag (param i64 exnref))) (export \"x\" (tag 0)))");
    wrt_export_t export;
    wrt_import_t import;
    wrt_size_limits_t limits;
    wrt_type_t type, param;
    OK(wrt_module_import(m, 0, &import));
    OK(wrt_module_export(m, 0, &export));
    for (int i = 0; i < 2; i++) {
        const wrt_externtype_t *t = i ? import.type : export.type;
        CHECK(wrt_externtype_kind(t) == WRT_EXTERN_TAG && wrt_externtype_valkind(t) == 0 && !wrt_externtype_is_mutable(t));
        CHECK(!strcmp(wrt_externtype_text(t, NULL), "tag (i64, exnref)"));
        const wrt_functype_t *f = wrt_externtype_func(t);
        CHECK(f && wrt_functype_param_count(f) == 2 && wrt_functype_result_count(f) == 0);
        CHECK(wrt_functype_param(f, 0) == WRT_I64 && wrt_functype_param(f, 1) == WRT_EXNREF);
        OK(wrt_functype_param_type(f, 1, &param));
        CHECK(param.kind == WRT_EXNREF && param.nullable);
        OK(wrt_externtype_type(t, &type));
        CHECK(type.kind == WRT_DEFINED_FUNC && !type.nullable);
        MISMATCH(wrt_externtype_limits(t, &limits));
    }
    wrt_module_delete(m);
    world_end(&w);
}

/* By index, by name, and through all exports of an instance. */
static void imported(void) {
    world_t w = gc_world();
    static const char *const text = "(module (import \"m\" \"e\" (tag $e (param i32))) (export \"x\" (tag $e)))";
    wrt_instance_t provider = instance_of(w.engine, w.store, MODULE), i;
    wrt_tag_t tags[2] = {tag_of_type(w.store, "(i32)"), exported_tag(w.store, &provider, "e")};
    for (int n = 0; n < 2; n++) {
        wrt_extern_t item = tag_item(tags[n]);
        i = linked(&w, text, &item, 1);
        wrt_tag_t got = exported_tag(w.store, &i, "x");
        CHECK(wrt_tag_equal(&got, &tags[n]));
        wrt_module_t *module = module_of(w.engine, text);
        wrt_linker_t *linker;
        OK(wrt_linker_new(w.engine, &linker));
        if (n) OK(wrt_linker_define_instance(linker, w.store, TEXT("m"), &provider));
        else OK(wrt_linker_define(linker, w.store, TEXT("m"), TEXT("e"), &item));
        OK(wrt_linker_instantiate(linker, w.store, module, &i));
        got = exported_tag(w.store, &i, "x");
        CHECK(wrt_tag_equal(&got, &tags[n]));
        wrt_linker_delete(linker);
        wrt_module_delete(module);
    }
    world_end(&w);
}

static void imports_that_do_not_fit(void) {
    world_t w = gc_world();
    wrt_module_t *module = module_of(w.engine, "(module (import \"m\" \"e\" (tag (param i32))))");
    wrt_instance_t i;
    wrt_extern_t item = tag_item(tag_of_type(w.store, "(i64)"));
    wrt_error_t *error = wrt_instance_new(w.store, module, &item, 1, &i);
    CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_LINK && EMPTY_HANDLE(i));
    CHECK(strstr(wrt_error_message(error, NULL), "expected tag (i32), found tag (i64)"));
    wrt_error_delete(error);
    item = func_item(host_func(w.store, nothing, NULL, NULL));
    FAILS(WRT_ERROR_KIND_LINK, wrt_instance_new(w.store, module, &item, 1, &i));
    memset(&item, 0, sizeof item);
    item.kind = WRT_EXTERN_TAG;
    FAILS(WRT_ERROR_KIND_LINK, wrt_instance_new(w.store, module, &item, 1, &i));
    wrt_store_t *other = other_store(&w);
    item = tag_item(tag_of_type(other, "(i32)"));
    FAILS(WRT_ERROR_KIND_LINK, wrt_instance_new(w.store, module, &item, 1, &i));
    wrt_store_delete(other);
    wrt_module_delete(module);
    world_end(&w);
}

static void is_stale(wrt_store_t *store, wrt_tag_t tag) {
    wrt_functype_t *type;
    wrt_ref_t r;
    wrt_val_t v = i32_val(1);
    STALE(wrt_tag_type(store, &tag, &type));
    CHECK(!type);
    STALE(wrt_exception_new(store, &tag, &v, 1, &r));
    CHECK(v.kind == WRT_EMPTY && is_empty_ref(r));
}

static void released(void) {
    world_t w = gc_world();
    wrt_tag_t tag = tag_of_type(w.store, "(i32)"), slot = tag;
    wrt_ref_t exception = number_exception(w.store, tag, 4);
    wrt_tag_t of_exception;
    OK(wrt_tag_release(w.store, &slot));
    CHECK(EMPTY_HANDLE(slot));
    slot = tag;
    STALE(wrt_tag_release(w.store, &slot));
    CHECK(EMPTY_HANDLE(slot));
    /* The exception keeps it alive. */
    OK(wrt_store_gc(w.store));
    has_type(w.store, tag, "(i32)");
    OK(wrt_exception_tag(w.store, &exception, &of_exception));
    CHECK(wrt_tag_equal(&tag, &of_exception));
    wrt_ref_t second = number_exception(w.store, tag, 5);
    OK(wrt_ref_release(w.store, &exception));
    OK(wrt_store_gc(w.store));
    has_type(w.store, tag, "(i32)");
    OK(wrt_ref_release(w.store, &second));
    OK(wrt_store_gc(w.store));
    is_stale(w.store, tag);
    slot = tag;
    STALE(wrt_tag_release(w.store, &slot));
    /* So does an instance that imports it, or that created it. */
    tag = slot = tag_of_type(w.store, "(i32)");
    wrt_extern_t item = tag_item(tag);
    wrt_instance_t i = linked(&w, "(module (import \"m\" \"e\" (tag $e (param i32))) (export \"x\" (tag $e)))", &item, 1);
    OK(wrt_tag_release(w.store, &slot));
    OK(wrt_store_gc(w.store));
    has_type(w.store, exported_tag(w.store, &i, "x"), "(i32)");
    has_type(w.store, tag, "(i32)");
    OK(wrt_instance_release(w.store, &i));
    OK(wrt_store_gc(w.store));
    is_stale(w.store, tag);
    world_end(&w);
}

static void of_a_released_instance(void) {
    world_t w = gc_world();
    wrt_instance_t i = instance_of(w.engine, w.store, MODULE), copy = i;
    wrt_tag_t tag = exported_tag(w.store, &i, "e"), slot = tag, never = exported_tag(w.store, &i, "other");
    wrt_func_t throws = func_of(w.store, &i, "throw");
    wrt_val_t v = i32_val(3);
    BAD(wrt_tag_release(w.store, &slot));
    CHECK(EMPTY_HANDLE(slot));
    wrt_error_t *error = wrt_func_call(w.store, &throws, &v, 1, NULL, 0);
    OK(wrt_instance_release(w.store, &i));
    OK(wrt_store_gc(w.store));
    STALE(wrt_instance_get_tag(w.store, &copy, TEXT("e"), &slot));
    is_stale(w.store, never);
    /* The error keeps the exception alive, and that its tag; both outlive the instance. */
    wrt_ref_t r = exception_of(w.store, error);
    OK(wrt_exception_tag(w.store, &r, &slot));
    CHECK(wrt_tag_equal(&slot, &tag) && carried_number(w.store, r) == 3);
    wrt_error_delete(error);
    OK(wrt_store_gc(w.store));
    has_type(w.store, tag, "(i32)");
    OK(wrt_ref_release(w.store, &r));
    OK(wrt_store_gc(w.store));
    is_stale(w.store, tag);
    world_end(&w);
}

/* Slots are reused: creating and releasing tags uses no more memory. */
static void many(void) {
    world_t w = gc_world();
    wrt_tag_t kept = tag_of_type(w.store, "(i64)"), old = kept;
    for (int i = 0; i < (may_use_signals() ? 5000 : 500); i++) {
        wrt_tag_t tag = tag_of_type(w.store, i % 2 ? "(i32)" : "()"), slot = tag;
        CHECK(tag.index < 1000 && !wrt_tag_equal(&tag, &old));
        OK(wrt_tag_release(w.store, &slot));
        if (i % 50 == 0) OK(wrt_store_gc(w.store));
        old = tag;
    }
    has_type(w.store, kept, "(i64)");
    world_end(&w);
}

static void all_uses(wrt_store_t *s, wrt_tag_t tag, uint8_t kind) {
    wrt_functype_t *type = (wrt_functype_t *)&tag;
    wrt_val_t v = i32_val(1);
    wrt_ref_t r = {1, 1};
    wrt_tag_t slot = tag;
    FAILS(kind, wrt_tag_type(s, &tag, &type));
    CHECK(!type);
    TAKES(kind, i32_val(1), wrt_exception_new(s, &tag, &v, 1, &r));
    CHECK(is_empty_ref(r));
    FAILS(kind, wrt_tag_release(s, &slot));
    CHECK(kind == OTHER ? wrt_tag_equal(&slot, &tag) : EMPTY_HANDLE(slot) || tag.store != wrt_store_id(s));
}

static void misused(void) {
    world_t w = gc_world();
    wrt_store_t *other = other_store(&w);
    wrt_tag_t tag = tag_of_type(w.store, "(i32)"), bad = tag_of_type(other, "(i32)"), out = tag;
    wrt_instance_t i = instance_of(w.engine, w.store, MODULE);
    wrt_functype_t *type;
    all_uses(w.store, bad, OTHER);
    wrt_store_delete(other);
    all_uses(w.store, bad, OTHER);
    memset(&bad, 0, sizeof bad);
    all_uses(w.store, bad, GONE);
    bad = tag, bad.index = 1000;
    all_uses(w.store, bad, GONE);
    bad.index = UINT32_MAX;
    all_uses(w.store, bad, GONE);
    bad = tag, bad.generation += 7;
    all_uses(w.store, bad, GONE);

    OK(wrt_functype_parse(TEXT("(i32)"), &type));
    BAD(wrt_tag_new(NULL, type, &out));
    CHECK(EMPTY_HANDLE(out));
    BAD(wrt_tag_new(w.store, NULL, &out));
    BAD(wrt_tag_new(w.store, type, NULL));
    wrt_functype_delete(type);
    BAD(wrt_tag_type(NULL, &tag, &type));
    BAD(wrt_tag_type(w.store, NULL, &type));
    CHECK(!type);
    BAD(wrt_tag_type(w.store, &tag, NULL));
    BAD(wrt_tag_release(NULL, &tag));
    BAD(wrt_tag_release(w.store, NULL));
    BAD(wrt_instance_get_tag(NULL, &i, TEXT("e"), &out));
    BAD(wrt_instance_get_tag(w.store, NULL, TEXT("e"), &out));
    BAD(wrt_instance_get_tag(w.store, &i, NULL, 1, &out));
    BAD(wrt_instance_get_tag(w.store, &i, TEXT("\xff"), &out));
    BAD(wrt_instance_get_tag(w.store, &i, TEXT("e"), NULL));
    has_type(w.store, tag, "(i32)");
    world_end(&w);
}

/* The store's internal references to its tags do not count as references of the host. */
static void not_counted(void) {
    world_t w = gc_world();
    wrt_heap_stats_t stats;
    wrt_functype_t *type;
    wrt_tag_t tags[3];
    wrt_ref_t r;
    wrt_weak_t weak;
    memset(&stats, 0, sizeof stats), stats.size = sizeof stats;
    OK(wrt_functype_parse(TEXT("(i32)"), &type));
    for (int i = 0; i < 3; i++) OK(wrt_tag_new(w.store, type, &tags[i]));
    wrt_functype_delete(type);
    OK(wrt_store_heap_stats(w.store, &stats));
    CHECK(stats.weak_references == 0 && stats.references == 0);
    OK(wrt_externref_new(w.store, NULL, NULL, 0, &r));
    OK(wrt_weak_new(w.store, &r, &weak));
    OK(wrt_tag_release(w.store, &tags[1]));
    OK(wrt_store_gc(w.store));
    OK(wrt_store_heap_stats(w.store, &stats));
    CHECK(stats.weak_references == 1 && stats.references == 1);
    OK(wrt_weak_release(w.store, &weak));
    OK(wrt_ref_release(w.store, &r));
    OK(wrt_store_heap_stats(w.store, &stats));
    CHECK(stats.weak_references == 0 && stats.references == 0);
    world_end(&w);
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) {
        made_by_the_host();
        with_types_of_another_engine();
        exported();
        types_of_tags();
        imported();
        imports_that_do_not_fit();
        released();
        of_a_released_instance();
        many();
        misused();
        not_counted();
    }
    return 0;
}
