/* References to exceptions: their types, and every place where a reference can be stored. Each test runs normally, with a collection at
 * every allocation, and with one at every second allocation. */
#include "exceptions.h"
#include "kinds.h"

static bool is(kit_t *k, wrt_ref_t r, uint8_t kind, bool nullable) {
    wrt_type_t type = plain_type(kind, nullable);
    bool answer;
    OK(wrt_ref_test(k->s, &r, &type, &answer));
    return answer;
}

static void references_to_exceptions(void) {
    kit_t k = kit();
    wrt_tag_t tag = tag_of_type(k.s, "(i32)");
    wrt_ref_t r = number_exception(k.s, tag, 6), same, other = number_exception(k.s, tag, 6), empty = {0, 0};
    wrt_type_t type, exn = plain_type(WRT_EXNREF, false), any = plain_type(WRT_ANYREF, true);
    wrt_weak_t weak;
    wrt_val_t v;
    uint64_t a, b;
    CHECK(is(&k, r, WRT_EXNREF, true) && is(&k, r, WRT_EXNREF, false) && !is(&k, r, WRT_NULLEXNREF, true));
    static const uint8_t none[] = {WRT_ANYREF, WRT_EXTERNREF, WRT_FUNCREF, WRT_EQREF, WRT_STRUCTREF, WRT_ARRAYREF, WRT_I31REF};
    for (size_t i = 0; i < sizeof none; i++) CHECK(!is(&k, r, none[i], true));
    CHECK(!is(&k, i31_of(k.s, 1), WRT_EXNREF, true) && !is(&k, new_default(&k, "none"), WRT_EXNREF, true));
    CHECK(is(&k, empty, WRT_EXNREF, true) && !is(&k, empty, WRT_EXNREF, false) && is(&k, empty, WRT_NULLEXNREF, true));
    OK(wrt_ref_type(k.s, &r, &type));
    CHECK(type.kind == WRT_EXNREF && !type.nullable && wrt_type_equal(&type, &exn));
    OK(wrt_ref_cast(k.s, &r, &exn, &v));
    CHECK(v.kind == WRT_EXNREF && v.of.ref.root == r.root);
    TRAPS(WRT_TRAP_CAST_FAILURE, wrt_ref_cast(k.s, &r, &any, &v));
    CHECK(v.kind == WRT_EMPTY);
    OK(wrt_ref_clone(k.s, &r, &same));
    CHECK(same_ref(k.s, r, same) && !same_ref(k.s, r, other));
    OK(wrt_ref_hash(k.s, &r, &a));
    OK(wrt_store_gc(k.s));
    OK(wrt_ref_hash(k.s, &same, &b));
    CHECK(a == b);
    OK(wrt_weak_new(k.s, &r, &weak));
    OK(wrt_ref_release(k.s, &r));
    OK(wrt_store_gc(k.s));
    OK(wrt_weak_get(k.s, &weak, &r));
    CHECK(same_ref(k.s, r, same));
    OK(wrt_ref_release(k.s, &r));
    OK(wrt_ref_release(k.s, &same));
    OK(wrt_store_gc(k.s));
    OK(wrt_weak_get(k.s, &weak, &r));
    CHECK(is_empty_ref(r));
    /* A field of a host object accepts any reference. */
    wrt_ref_t host;
    OK(wrt_externref_new_with_fields(k.s, NULL, NULL, 0, 1, &host));
    OK(wrt_externref_set_field(k.s, &host, 0, &other));
    OK(wrt_store_gc(k.s));
    OK(wrt_externref_get_field(k.s, &host, 0, &other));
    CHECK(carried_number(k.s, other) == 6);
    kit_end(&k);
}

static void types_of_references(void) {
    kit_t k = kit();
    wrt_type_t exn = plain_type(WRT_EXNREF, true), no = plain_type(WRT_NULLEXNREF, true), top, row, field_type;
    wrt_type_t any = plain_type(WRT_ANYREF, true), some = plain_type(WRT_EXNREF, false);
    static const struct { uint8_t kind; bool nullable; const char *text; } texts[] = {
        {WRT_EXNREF, true, "exnref"}, {WRT_EXNREF, false, "(ref exn)"}, {WRT_NULLEXNREF, true, "nullexnref"}};
    bool matches;
    char text[40];
    for (size_t i = 0; i < 3; i++) {
        wrt_type_t t = plain_type(texts[i].kind, texts[i].nullable);
        OK(wrt_type_text(k.w.engine, &t, text, sizeof text, NULL));
        CHECK(!strcmp(text, texts[i].text));
        OK(wrt_type_top(&t, &top));
        CHECK(wrt_type_equal(&top, &exn));
    }
#define MATCHES(a, b) (OK(wrt_type_matches(k.w.engine, &(a), &(b), &matches)), matches)
    CHECK(MATCHES(no, exn) && MATCHES(some, exn) && MATCHES(exn, exn) && !MATCHES(exn, some) && !MATCHES(exn, no));
    CHECK(!MATCHES(exn, any) && !MATCHES(any, exn) && !MATCHES(no, any));
    CHECK(null_val(WRT_EXNREF).kind == WRT_EXNREF && null_val(WRT_NULLEXNREF).kind == WRT_EXNREF);
    /* From text and from the builder it is the same type. */
    wrt_types_t *types = types_of(k.w.engine, "(type $row (array (mut exnref))) (type $f (func (param exnref (ref exn))))");
    wrt_typebuilder_t *builder;
    wrt_field_t field = {exn, 1};
    row = type_named(types, "row");
    OK(wrt_typebuilder_new(k.w.engine, &builder));
    OK(wrt_typebuilder_array(builder, &field, true, NULL, NULL));
    wrt_types_delete(types);
    OK(wrt_typebuilder_finish(builder, &types));
    OK(wrt_types_get(types, 0, &field_type));
    CHECK(wrt_type_equal(&row, &field_type));
    wrt_types_delete(types);
    wrt_typebuilder_delete(builder);
    OK(wrt_type_field(k.w.engine, &row, 0, &field));
    CHECK(wrt_type_equal(&field.type, &exn) && field.is_mutable);
    wrt_functype_t *f;
    OK(wrt_functype_parse(TEXT("(exnref, (ref exn)) -> nullexnref"), &f));
    CHECK(!strcmp(wrt_functype_text(f, NULL), "(exnref, (ref exn)) -> nullexnref"));
    CHECK(wrt_functype_param(f, 0) == WRT_EXNREF && wrt_functype_result(f, 0) == WRT_EXNREF);
    wrt_functype_delete(f);
    kit_end(&k);
}

/* Releases it. */
static void carries(kit_t *k, wrt_val_t v, int32_t n) {
    CHECK(v.kind == WRT_EXNREF && carried_number(k->s, v.of.ref) == n);
    OK(wrt_ref_release(k->s, &v.of.ref));
}

/* In a table, a global, a field or an element, set and read by the host and by WebAssembly. */
static void held_everywhere(void) {
    kit_t k = kit();
    wrt_tag_t tag = tag_of_type(k.s, "(i32)");
    wrt_types_t *types = types_of(k.w.engine, "(type $box (struct (field (mut exnref)))) (type $row (array (mut exnref)))");
    wrt_type_t box = type_named(types, "box"), row = type_named(types, "row"), some = plain_type(WRT_EXNREF, false);
    wrt_size_limits_t limits = {2, 9, 1};
    wrt_val_t v = null_val(WRT_EXNREF), many[4];
    wrt_global_t global, fixed;
    wrt_table_t table;
    wrt_ref_t b, a;
    wrt_types_delete(types);
    OK(wrt_global_new(k.s, WRT_EXNREF, true, &v, &global));
    TAKES(TYPE, null_val(WRT_EXNREF), wrt_global_new_of(k.s, &some, false, &v, &fixed));
    TAKES(TYPE, ref_val(WRT_EXNREF, i31_of(k.s, 1)), wrt_global_set(k.s, &global, &v));
    TAKES(TYPE, ref_val(WRT_ANYREF, number_exception(k.s, tag, 1)), wrt_global_set(k.s, &global, &v));
    v = ref_val(WRT_EXNREF, number_exception(k.s, tag, 10));
    OK(wrt_global_new_of(k.s, &some, false, &v, &fixed));
    v = null_val(WRT_EXNREF);
    OK(wrt_table_new(k.s, WRT_EXNREF, &limits, &v, &table));
    v = ref_val(WRT_EXNREF, number_exception(k.s, tag, 11));
    OK(wrt_struct_new(k.s, &box, &v, 1, &b));
    v = ref_val(WRT_EXNREF, number_exception(k.s, tag, 12));
    OK(wrt_array_new(k.s, &row, &v, 3, &a));
    v = ref_val(WRT_EXNREF, number_exception(k.s, tag, 13));
    OK(wrt_global_set(k.s, &global, &v));
    CHECK(v.kind == WRT_EMPTY);
    v = ref_val(WRT_EXNREF, number_exception(k.s, tag, 14));
    OK(wrt_table_set(k.s, &table, 1, &v));
    v = ref_val(WRT_EXNREF, number_exception(k.s, tag, 15));
    OK(wrt_table_grow(k.s, &table, 2, &v, NULL));
    OK(wrt_store_gc(k.s));
    OK(wrt_global_get(k.s, &fixed, &v));
    carries(&k, v, 10);
    OK(wrt_struct_get(k.s, &b, 0, &v));
    carries(&k, v, 11);
    OK(wrt_array_get(k.s, &a, 2, &v));
    carries(&k, v, 12);
    OK(wrt_global_get(k.s, &global, &v));
    carries(&k, v, 13);
    OK(wrt_table_get(k.s, &table, 1, &v));
    carries(&k, v, 14);
    OK(wrt_table_get_many(k.s, &table, 0, many, 4));
    CHECK(many[0].kind == WRT_EXNREF && is_empty_ref(many[0].of.ref));
    for (int i = 2; i < 4; i++) carries(&k, many[i], 15);
    v = null_val(WRT_EXNREF);
    OK(wrt_table_fill(k.s, &table, 0, &v, 4));
    v = null_val(WRT_EXNREF);
    OK(wrt_struct_set(k.s, &b, 0, &v));
    uint8_t kind;
    wrt_type_t type;
    OK(wrt_table_type(k.s, &table, &kind, &limits));
    OK(wrt_global_value_type(k.s, &fixed, &type));
    CHECK(kind == WRT_EXNREF && wrt_type_equal(&type, &some));
    kit_end(&k);
}

/* A callback: returns its argument, or the value that userdata points to. */
static wrt_error_t *passes(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                           wrt_val_t *results, size_t result_count) {
    (void)caller;
    CHECK(arg_count == 1 && result_count == 1 && args[0].kind == WRT_EXNREF && results[0].kind == WRT_EXNREF);
    results[0] = userdata ? *(wrt_val_t *)userdata : args[0];
    return NULL;
}

static wrt_error_t *passes_raw(void *userdata, wrt_caller_t *caller, wrt_raw_t *slots, size_t slot_count) {
    (void)userdata;
    CHECK(slot_count == 1 && slots[0].ref.store == wrt_store_id(wrt_caller_store(caller)));
    OK(wrt_store_gc(wrt_caller_store(caller)));
    return NULL;
}

static void passed_in_calls(void) {
    kit_t k = kit();
    wrt_tag_t tag = tag_of_type(k.s, "(i32)");
    wrt_val_t instead, v, result;
    wrt_functype_t *type;
    wrt_func_t host[2];
    OK(wrt_functype_parse(TEXT("(exnref) -> exnref"), &type));
    for (int i = 0; i < 2; i++) OK(wrt_func_new(k.s, type, passes, i ? &instead : NULL, NULL, &host[i]));
    wrt_extern_t imports[3] = {func_item(host[0]), func_item(host[1])};
    OK(wrt_func_new_raw(k.s, type, passes_raw, NULL, NULL, &imports[2].of.func));
    imports[2].kind = WRT_EXTERN_FUNC;
    wrt_functype_delete(type);
    wrt_instance_t i = linked(&k.w,
        "(module (import \"\" \"\" (func $pass (param exnref) (result exnref)))"
        " (import \"\" \"\" (func $instead (param exnref) (result exnref)))"
        " (import \"\" \"\" (func $raw (param exnref) (result exnref))) (global $g (mut exnref) (ref.null exn))"
        " (table $t 3 exnref)"
        " (func (export \"wasm\") (param exnref) (result exnref) (global.set $g (local.get 0))"
        "   (table.set $t (i32.const 2) (global.get $g)) (table.get $t (i32.const 2)))"
        " (func (export \"pass\") (param exnref) (result exnref) (call $pass (local.get 0)))"
        " (func (export \"instead\") (param exnref) (result exnref) (call $instead (local.get 0)))"
        " (func (export \"raw\") (param exnref) (result exnref) (call $raw (local.get 0)))"
        " (func (export \"some\") (param (ref exn)) (result exnref) (local.get 0))"
        " (func (export \"any\") (param anyref) (result anyref) (local.get 0)))", imports, 3);
    static const char *const same[] = {"wasm", "pass", "raw", "some"};
    wrt_ref_t r = number_exception(k.s, tag, 21);
    v = ref_val(WRT_EXNREF, r);
    for (int n = 0; n < 4; n++) {
        wrt_func_t f = func_of(k.s, &i, same[n]);
        OK(wrt_func_call(k.s, &f, &v, 1, &result, 1));
        CHECK(result.kind == WRT_EXNREF && same_ref(k.s, result.of.ref, r));
        wrt_raw_t slot;
        slot.ref = r;
        OK(wrt_func_call_raw(k.s, &f, &slot, 1));
        CHECK(same_ref(k.s, slot.ref, r));
    }
    /* Null has type exnref, but not (ref exn). */
    wrt_func_t wasm = func_of(k.s, &i, "wasm"), some = func_of(k.s, &i, "some"), any = func_of(k.s, &i, "any");
    wrt_func_t changed = func_of(k.s, &i, "instead");
    v = null_val(WRT_EXNREF);
    OK(wrt_func_call(k.s, &wasm, &v, 1, &result, 1));
    CHECK(result.kind == WRT_EXNREF && is_empty_ref(result.of.ref));
    MISMATCH(wrt_func_call(k.s, &some, &v, 1, &result, 1));
    /* Values with the kind of an exception that are none, and an exception with another kind. */
    v = ref_val(WRT_EXNREF, i31_of(k.s, 1));
    MISMATCH(wrt_func_call(k.s, &wasm, &v, 1, &result, 1));
    v = ref_val(WRT_ANYREF, r);
    MISMATCH(wrt_func_call(k.s, &any, &v, 1, &result, 1));
    MISMATCH(wrt_func_call(k.s, &wasm, &v, 1, &result, 1));
    v = ref_val(WRT_EXTERNREF, r);
    OK(wrt_any_convert_extern(&v, &v));
    MISMATCH(wrt_func_call(k.s, &any, &v, 1, &result, 1));
    v = ref_val(WRT_EXNREF, r);
    MISMATCH(wrt_any_convert_extern(&v, &result));
    MISMATCH(wrt_extern_convert_any(&v, &result));
    /* The same for a callback's results. */
    instead = null_val(WRT_EXNREF);
    OK(wrt_func_call(k.s, &changed, &v, 1, &result, 1));
    CHECK(result.kind == WRT_EXNREF && is_empty_ref(result.of.ref));
    instead = ref_val(WRT_EXNREF, i31_of(k.s, 1));
    MISMATCH(wrt_func_call(k.s, &changed, &v, 1, &result, 1));
    instead = ref_val(WRT_ANYREF, r);
    MISMATCH(wrt_func_call(k.s, &changed, &v, 1, &result, 1));
    instead = ref_val(WRT_EXNREF, stale_ref(k.s));
    STALE(wrt_func_call(k.s, &changed, &v, 1, &result, 1));
    CHECK(result.kind == WRT_EMPTY);
    kit_end(&k);
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) {
        references_to_exceptions();
        types_of_references();
        held_everywhere();
        passed_in_calls();
    }
    return 0;
}
